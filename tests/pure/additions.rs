//! Holds the list "Adding things" of `src/lib.rs`: how few files an addition touches. Searches the
//! source for names in files that an addition would otherwise have to touch.

use std::fs;
use std::path::Path;

use pomelo_sim::strategies::ALL;

use super::floors::{code, files};

/// Where the types and names of strategies stand besides their own files, and why.
const NAMES_OF_STRATEGIES: &[(&str, &[&str], &str)] = &[
    ("src/strategies/bounded_load.rs", &["Ring"], "it has the points of a ring"),
    ("src/strategies/memento.rs", &["Jump"], "it is jump with a memory"),
    ("src/strategies/weighted_rendezvous.rs", &["Rendezvous"], "it is that when all weights are alike"),
    ("src/strategies/spec.rs", &["\"two-choices\""], "a directory of which nothing else is said has it"),
    ("src/cli/experiment/place.rs", &["\"random\""], "the word for ids of runs, not the strategy"),
];

/// Verifies published figures of particular strategies: those are its subject.
const VERIFIES: &str = "src/verify";

/// The files of code that name a word; tests, `src/lib.rs` and `src/main.rs` aside.
fn files_that_name(is_named: impl Fn(&str) -> bool) -> Vec<String> {
    let mut found: Vec<String> = code()
        .into_iter()
        .filter(|line| is_named(&line.text))
        .map(|line| line.file.to_str().unwrap().to_owned())
        .filter(|file| !file.ends_with("/tests.rs"))
        .collect();
    found.dedup();
    found
}

/// Whether code names a type of this module: `Ring`, `Ring::new`, `strategies::Ring`, not
/// `Shape::Ring`.
fn names_type(text: &str, of: &str) -> bool {
    let paths = text.split(|c: char| !c.is_alphanumeric() && c != '_' && c != ':');
    paths.into_iter().any(|path| {
        let path = path.rsplit_once("strategies::").map_or(path, |(_, path)| path);
        path.trim_start_matches("super::").split("::").next() == Some(of)
    })
}

/// Each strategy's own file, its type and its name.
fn strategies() -> Vec<(String, String, &'static str)> {
    let list = fs::read_to_string("src/strategies/mod.rs").unwrap();
    let entry = |file: &Path| {
        let text = fs::read_to_string(file).unwrap();
        let (_, entry) = text.split_once("const ENTRY: StrategyEntry")?;
        let made = entry.split_once("sticky(").or_else(|| entry.split_once("choice("));
        let name = made.unwrap().1.split('"').nth(1).unwrap();
        let module = file.file_stem().unwrap().to_str().unwrap();
        let (_, of) = list
            .split_once(&format!("pub use {module}::"))
            .unwrap_or_else(|| panic!("src/strategies/mod.rs does not hand on the type of {module}"));
        let name = ALL.iter().map(|entry| entry.name).find(|known| *known == name);
        let name = name.unwrap_or_else(|| panic!("ALL lacks {module}"));
        Some((file.to_str().unwrap().to_owned(), of.split(';').next().unwrap().to_owned(), name))
    };
    let strategies: Vec<_> = files().iter().filter_map(|file| entry(file)).collect();
    assert_eq!(strategies.len(), ALL.len(), "each strategy has its ENTRY in a file of its own");
    strategies
}

#[test]
fn a_strategy_takes_its_file_and_its_name_in_the_list() {
    let uses_strategies = |file: &str| {
        file.starts_with("src/strategies/") || fs::read_to_string(file).unwrap().contains("crate::strategies")
    };
    let mut wrong = Vec::new();
    let mut allowed = Vec::new();
    for (own, of, name) in strategies() {
        let literal = format!("\"{name}\"");
        let with_argument = format!("\"{name}(");
        let types = files_that_name(|line| names_type(line, &of));
        let types = types.into_iter().filter(|file| uses_strategies(file)).map(|file| (file, of.clone()));
        let names = files_that_name(|line| line.contains(&literal) || line.contains(&with_argument));
        let names = names.into_iter().map(|file| (file, literal.clone()));
        for (file, word) in types.chain(names) {
            if file == own || file == "src/strategies/mod.rs" || file.starts_with(VERIFIES) {
                continue;
            }
            let known = NAMES_OF_STRATEGIES
                .iter()
                .find(|(path, words, _)| *path == file && words.contains(&word.as_str()));
            match known {
                Some(_) => allowed.push((file, word)),
                None => wrong.push(format!("{file} names {word}, which {own} adds")),
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "a strategy touches its own file and src/strategies/mod.rs:\n{}",
        wrong.join("\n")
    );
    for (file, words, why) in NAMES_OF_STRATEGIES {
        for word in *words {
            let stands = allowed.iter().any(|(path, named)| path == file && named == word);
            assert!(stands, "{file} does not name {word} any more: take it from the list ({why})");
        }
    }
}

/// The modules of `src/cli` that the enum of commands takes arguments from.
fn commands() -> Vec<String> {
    let text = fs::read_to_string("src/cli/mod.rs").unwrap();
    let of = |line: &str| {
        let (module, names) = line.strip_prefix("use self::")?.split_once("::")?;
        // Arguments that several commands have are modules of their own.
        let is_shared = module.ends_with("_args");
        (!is_shared && (names.contains("Args") || names.contains("Command"))).then(|| module.to_owned())
    };
    let commands: Vec<String> = text.lines().filter_map(of).collect();
    assert!(commands.len() > 10, "src/cli/mod.rs imports the arguments of commands: {commands:?}");
    commands
}

/// What a line names of the module of a command: all that stands after a path which leads there.
fn named_of<'a>(line: &'a str, command: &str, file: &str) -> Vec<&'a str> {
    // `super` is `cli` only in the files that stand in it.
    let is_in_cli = file.matches('/').count() == 2 && file.starts_with("src/cli/");
    let roots = if is_in_cli { &["cli::", "super::"][..] } else { &["cli::"] };
    let after = |root: &&str| {
        let path = format!("{root}{command}");
        let rest = line.split_once(&path)?.1;
        (!rest.starts_with(|c: char| c.is_alphanumeric() || c == '_')).then_some(rest)
    };
    roots.iter().filter_map(after).collect()
}

#[test]
fn a_command_takes_its_file_and_its_line_in_the_enum() {
    let commands = commands();
    let mut wrong = Vec::new();
    for line in code() {
        let file = line.file.to_str().unwrap();
        for command in &commands {
            let own = [format!("src/cli/{command}.rs"), format!("src/cli/{command}/")];
            if file == "src/cli/mod.rs" || own.iter().any(|own| file.starts_with(own)) {
                continue;
            }
            // Commands may share what they print; their arguments, and to run them, are for the
            // enum.
            let is_shared =
                |rest: &&str| file.starts_with("src/cli/") && !rest.contains("Args") && !rest.contains("run");
            let named = named_of(&line.text, command, file);
            if !named.iter().all(is_shared) {
                wrong.push(format!("{file} names the command {command}: {}", line.text.trim()));
            }
        }
    }
    assert!(wrong.is_empty(), "a command touches its own file and src/cli/mod.rs:\n{}", wrong.join("\n"));
}
