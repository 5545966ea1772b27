//! Holds the architecture of `src/lib.rs`: which modules import which, and what a floor must not
//! contain.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// A module imports from lower floors only.
const FLOORS: &[&[&str]] = &[
    &["guide", "ids", "random", "time", "nearest"],
    &["channels", "judge", "stats", "strategies", "trace", "wire"],
    &["config", "envelope"],
    &["router", "servers"],
    &[
        "audit",
        "client",
        "cluster",
        "descriptors",
        "logging",
        "placement",
        "program",
        "scenario",
        "supervisor",
        "whole_file",
    ],
    &["ports", "robots", "world"],
    &["live", "virtual_time"],
    &["experiments", "monitor", "orders", "verify"],
    &["admin"],
    &["console"],
    &["cli"],
];

/// Modules in which three files or more import each other in a ring, still. No other has such a
/// ring.
const WITH_RINGS: &[&str] =
    &["admin", "cli", "config", "console", "experiments", "robots", "scenario", "strategies"];

/// The first floor on which sockets, clocks and actors may appear.
const FIRST_IMPURE_FLOOR: usize = 4;

/// Pure modules above that floor.
const PURE: &[&str] = &["scenario", "supervisor", "world", "virtual_time"];

/// What pure code does not name.
const IMPURE: &[&str] = &[
    "actix::",
    "tokio::",
    "socket2::",
    "Instant",
    "SystemTime",
    "TcpStream",
    "TcpListener",
    "UdpSocket",
    "std::thread",
    "std::process",
    "rand::",
    "RandomState",
    "std::env",
];

/// What no code has: state that two clusters in one process would share.
const GLOBAL_STATE: &[&str] =
    &["static mut", "thread_local!", "OnceLock", "OnceCell", "LazyLock", "LazyCell"];

/// A line of code, without comments.
pub struct Line {
    pub file: PathBuf,
    number: usize,
    pub text: String,
}

impl Line {
    fn place(&self) -> String {
        format!("{}:{}: {}", self.file.display(), self.number, self.text.trim())
    }

    /// The module at the top of `src` that the line belongs to.
    fn module(&self) -> String {
        let inside = self.file.strip_prefix("src").unwrap();
        let first = inside.components().next().unwrap().as_os_str().to_string_lossy().into_owned();
        first.trim_end_matches(".rs").to_owned()
    }
}

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    let mut entries: Vec<PathBuf> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

pub fn files() -> Vec<PathBuf> {
    let mut found = Vec::new();
    sources(Path::new("src"), &mut found);
    assert!(found.len() > 30, "run from the package's folder: found {found:?}");
    found
}

/// The code of all modules, up to each file's unit tests; `lib.rs` and `main.rs` stand above the
/// floors.
pub fn code() -> Vec<Line> {
    let mut lines = Vec::new();
    for file in files() {
        if ["src/lib.rs", "src/main.rs"].contains(&file.to_str().unwrap()) {
            continue;
        }
        let text = fs::read_to_string(&file).unwrap();
        let code = text.lines().enumerate().take_while(|(_, line)| !line.starts_with("#[cfg(test)]"));
        for (index, line) in code.filter(|(_, line)| !line.trim_start().starts_with("//")) {
            lines.push(Line { file: file.clone(), number: index + 1, text: line.to_owned() });
        }
    }
    lines
}

fn floor(module: &str) -> usize {
    FLOORS
        .iter()
        .position(|modules| modules.contains(&module))
        .unwrap_or_else(|| panic!("src/{module} stands on no floor: add it to FLOORS and to src/lib.rs"))
}

/// The modules that a line names as `crate::module`.
fn imports(text: &str) -> Vec<&str> {
    let after = text.split("crate::").skip(1);
    after.map(|rest| rest.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap()).collect()
}

#[test]
fn modules_import_from_lower_floors_only() {
    let mut wrong = Vec::new();
    let mut seen = 0;
    for line in code() {
        let module = line.module();
        for import in imports(&line.text) {
            assert!(
                !import.is_empty(),
                "write one `use crate::module` a line, not a group: {}",
                line.place()
            );
            seen += 1;
            if import != module && floor(import) >= floor(&module) {
                wrong.push(format!(
                    "{module} (floor {}) imports {import} (floor {}): {}",
                    floor(&module),
                    floor(import),
                    line.place()
                ));
            }
        }
    }
    assert!(seen > 50, "the test reads no imports any more: it saw {seen}");
    assert!(wrong.is_empty(), "a module imports from lower floors only:\n{}", wrong.join("\n"));
}

/// Modules that run any game. The names of the tutorial reach them as `Roles`.
const FRAMEWORK: &[&str] =
    &["audit", "channels", "config", "envelope", "live", "ports", "router", "supervisor", "world"];

#[test]
fn the_framework_does_not_name_the_parts_of_the_tutorial() {
    const NAMES: [&str; 4] = ["\"gate\"", "\"connector\"", "\"chat\"", "\"rid\""];
    let names_one = |line: &&Line| {
        !line.file.ends_with("tests.rs")
            && FRAMEWORK.contains(&&*line.module())
            && NAMES.iter().any(|name| line.text.contains(name))
    };
    let wrong: Vec<String> = code().iter().filter(names_one).map(Line::place).collect();
    assert!(
        wrong.is_empty(),
        "the tutorial's names are known to servers/tutorial alone:\n{}",
        wrong.join("\n")
    );
}

#[test]
fn pure_floors_know_no_socket_clock_actor_or_chance() {
    let forbidden = |line: &Line| {
        (floor(&line.module()) < FIRST_IMPURE_FLOOR || PURE.contains(&&*line.module()))
            && IMPURE.iter().any(|word| line.text.contains(word))
    };
    let wrong: Vec<String> = code().iter().filter(|line| forbidden(line)).map(Line::place).collect();
    assert!(
        wrong.is_empty(),
        "floors below {FIRST_IMPURE_FLOOR} and {PURE:?} are pure:\n{}",
        wrong.join("\n")
    );
}

#[test]
fn nothing_is_shared_between_two_clusters() {
    let shared = |line: &Line| GLOBAL_STATE.iter().any(|word| line.text.contains(word));
    let wrong: Vec<String> = code().iter().filter(|line| shared(line)).map(Line::place).collect();
    assert!(wrong.is_empty(), "no global state:\n{}", wrong.join("\n"));
}

#[test]
fn every_file_opens_with_what_is_in_it() {
    let silent = |file: &PathBuf| !fs::read_to_string(file).unwrap().starts_with("//! ");
    let wrong: Vec<PathBuf> = files().into_iter().filter(silent).collect();
    assert!(wrong.is_empty(), "each file opens with a `//!` sentence: {wrong:?}");
}

#[test]
fn the_architecture_names_every_module_and_its_floor() {
    let text = fs::read_to_string("src/lib.rs").unwrap();
    for (floor, modules) in FLOORS.iter().enumerate() {
        for module in modules.iter().filter(|module| **module != "nearest") {
            let told = text.lines().any(|line| {
                line.starts_with(&format!("//! | {floor} |")) && line.contains(&format!("[`{module}`]"))
            });
            assert!(told, "src/lib.rs has no row for {module} on floor {floor}");
            assert!(text.contains(&format!("pub mod {module};")), "src/lib.rs has no module {module}");
        }
    }
}

/// Where a file stands in the tree of modules: `src/a/b.rs` and `src/a/b/mod.rs` are both `a::b`.
fn module_path(file: &Path) -> Vec<String> {
    let inside = file.strip_prefix("src").unwrap().with_extension("");
    let mut path: Vec<String> =
        inside.components().map(|part| part.as_os_str().to_string_lossy().into_owned()).collect();
    path.pop_if(|last| last == "mod");
    path
}

/// The paths that a text of code names: those of `use`, each item of a group by itself, and
/// `super::x` or `crate::x` elsewhere. Those of `pub use` only where the file uses the name itself,
/// and does not just hand it on.
fn paths(code: &str) -> Vec<String> {
    let (mut found, mut handed_on, mut used) = (Vec::new(), Vec::new(), BTreeSet::new());
    // `pub(in a::b)` names a module, and imports nothing.
    let after_in = |part: &str| part.split_once(')').map(|(_, rest)| rest.to_owned()).unwrap();
    let mut parts = code.split("pub(in ");
    let code: String = parts.next().map(str::to_owned).into_iter().chain(parts.map(after_in)).collect();
    let mut statement = String::new();
    for piece in code.split_inclusive([';', '{', '}']) {
        statement.push_str(piece);
        let (visibility, names) = as_use(&statement);
        match names {
            // The braces are those of a group.
            Some(_) if !statement.ends_with(';') => continue,
            Some(names) => {
                let names = names.trim_end_matches(';').replace(" as ", "#");
                let to = if visibility == "pub" { &mut handed_on } else { &mut found };
                expand("", &names.split_whitespace().collect::<String>(), to);
            }
            None => {
                let is_of_path = |c: char| c.is_alphanumeric() || c == '_' || c == ':';
                let words = statement.split(|c| !is_of_path(c));
                let roots = ["super::", "crate::", "self::"];
                let inside = words.filter(|word| roots.iter().any(|root| word.starts_with(root)));
                found.extend(inside.map(str::to_owned));
                used.extend(statement.split(|c| !is_of_path(c) || c == ':').map(str::to_owned));
            }
        }
        statement.clear();
    }
    let is_used = |path: &String| path.rsplit([':', '#']).next().is_some_and(|name| used.contains(name));
    found.extend(handed_on.into_iter().filter(is_used));
    found
}

/// The visibility of a statement, and what it imports if it is a `use`.
fn as_use(statement: &str) -> (&str, Option<&str>) {
    match statement.trim_start().split_once("use ") {
        Some((before, names))
            if ["", "pub"].contains(&before.trim())
                || before.starts_with("pub(") && before.ends_with(") ") =>
        {
            (before.trim(), Some(names))
        }
        _ => ("", None),
    }
}

/// `a::{b, c::{d, e}}` is `a::b`, `a::c::d` and `a::c::e`.
fn expand(before: &str, names: &str, found: &mut Vec<String>) {
    let mut depth = 0;
    let items = names.split(|c| {
        depth += i32::from(c == '{') - i32::from(c == '}');
        c == ',' && depth == 0
    });
    for item in items.filter(|item| !item.is_empty()) {
        match item.split_once('{') {
            Some((head, group)) => {
                expand(&format!("{before}{head}"), group.strip_suffix('}').unwrap(), found);
            }
            None => found.push(format!("{before}{item}")),
        }
    }
}

/// The file of a module that a path means, as seen from another one; none where it leads out of the
/// module.
fn file_of<'a>(
    files: &'a BTreeMap<Vec<String>, PathBuf>,
    from: &[String],
    path: &str,
) -> Option<&'a Vec<String>> {
    let mut at = from.to_vec();
    for (index, name) in path.split("::").enumerate() {
        match name {
            "crate" => at.clear(),
            "super" => drop(at.pop()),
            "self" => {}
            name => {
                at.push(name.to_owned());
                if index == 0 && !files.contains_key(&at) {
                    return None;
                }
            }
        }
    }
    (1..=at.len()).rev().find_map(|length| files.get_key_value(&at[..length]).map(|(path, _)| path))
}

/// The rings of a module: files that all import each other, by way of others or not, with their
/// imports.
fn rings(module: &str) -> Vec<String> {
    let of_module = files().into_iter().map(|file| (module_path(&file), file));
    let root: Vec<String> = module.split('/').map(str::to_owned).collect();
    let files: BTreeMap<_, _> = of_module.filter(|(path, _)| path.starts_with(&root)).collect();
    assert!(!files.is_empty(), "src has no module {module}");
    let code = code();
    let mut imports: BTreeMap<&Vec<String>, BTreeSet<&Vec<String>>> = BTreeMap::new();
    for (path, file) in &files {
        let lines = code.iter().filter(|line| line.file == *file);
        let text: String = lines.map(|line| line.text.clone() + "\n").collect();
        let met = paths(&text).into_iter().filter_map(|met| file_of(&files, path, &met));
        imports.insert(path, met.filter(|met| *met != path).collect());
    }
    let mut reached = imports.clone();
    for _ in 0..files.len() {
        for path in files.keys() {
            let further: BTreeSet<_> = reached[path].iter().flat_map(|next| reached[next].clone()).collect();
            reached.get_mut(path).unwrap().extend(further);
        }
    }
    let ring = |path: &Vec<String>| -> BTreeSet<&Vec<String>> {
        reached[path].iter().copied().filter(|other| reached[other].contains(path)).collect()
    };
    let rings: BTreeSet<_> = files.keys().map(ring).filter(|ring| ring.len() > 2).collect();
    let shown = |ring: BTreeSet<&Vec<String>>| {
        let of_ring = |path: &Vec<String>| {
            let met = imports[path].intersection(&ring).map(|path| path.join("::"));
            format!("  {} imports {}", path.join("::"), met.collect::<Vec<_>>().join(", "))
        };
        format!(
            "{} files:\n{}",
            ring.len(),
            ring.iter().map(|path| of_ring(path)).collect::<Vec<_>>().join("\n")
        )
    };
    rings.into_iter().map(shown).collect()
}

#[test]
fn no_three_files_of_a_module_import_each_other_in_a_ring() {
    let modules = FLOORS.concat();
    assert!(WITH_RINGS.iter().all(|module| modules.contains(module)), "WITH_RINGS names modules");
    let (known, others): (Vec<&str>, Vec<&str>) =
        modules.into_iter().partition(|module| WITH_RINGS.contains(module));
    for module in known {
        assert!(!rings(module).is_empty(), "{module} has no ring any more: take it from WITH_RINGS");
    }
    let wrong: Vec<String> = others.into_iter().flat_map(rings).collect();
    assert!(
        wrong.is_empty(),
        "files that import each other in a ring; `use super::Router` imports mod.rs:\n{}",
        wrong.join("\n")
    );
}

#[test]
fn imports_are_read_as_they_are_written() {
    let code = "pub use a::{Handed, Used};\npub(super) use self::b::B;\nuse super::{c, d::{self, E as F}};\n\
                use crate::m::{\n    g,\n    h::H,\n};\nfn f(u: Used, x: &super::super::I) -> crate::m::j::J { k::L }\n\
                pub(in crate::m) fn g() {}";
    let expected = [
        "self::b::B",
        "super::c",
        "super::d::self",
        "super::d::E#F",
        "crate::m::g",
        "crate::m::h::H",
        "super::super::I",
        "crate::m::j::J",
        "a::Used",
    ];
    assert_eq!(paths(code), expected);
    let names = |path: &str| path.split("::").map(str::to_owned).collect::<Vec<_>>();
    let files: BTreeMap<_, _> = ["m", "m::a", "m::a::b"].map(|path| (names(path), PathBuf::new())).into();
    let file_of = |path: &str| file_of(&files, &names("m::a"), path).map(|path| path.join("::"));
    assert_eq!(file_of("super::Router").as_deref(), Some("m"));
    assert_eq!(file_of("super::a::b::B").as_deref(), Some("m::a::b"));
    assert_eq!(file_of("b::B").as_deref(), Some("m::a::b"));
    assert_eq!(file_of("crate::m::a::A").as_deref(), Some("m::a"));
    assert_eq!((file_of("crate::other::a"), file_of("std::fmt")), (None, None));
}
