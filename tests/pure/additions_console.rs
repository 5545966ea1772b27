//! Holds the same for limits, orders and panels: they are named where they are declared and where
//! they are used, and nowhere between.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// Every file under `folder` whose name ends so, by its path, with its text.
pub(crate) fn files(folder: &str, end: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.to_str().unwrap().to_owned();
        if path.is_dir() {
            found.extend(files(&name, end));
        } else if name.ends_with(end) {
            let text = fs::read_to_string(&path).unwrap();
            found.push((name, text));
        }
    }
    found
}

/// Whether the text has the word, and not as a part of a longer one.
fn has_word(text: &str, word: &str) -> bool {
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    text.match_indices(word)
        .any(|(at, _)| !text[..at].ends_with(is_part) && !text[at + word.len()..].starts_with(is_part))
}

/// The files that have the word.
fn naming(files: &[(String, String)], word: &str) -> BTreeSet<String> {
    files.iter().filter(|(_, text)| has_word(text, word)).map(|(name, _)| name.clone()).collect()
}

/// The names that are declared at the left of a struct or an enum.
fn declared(file: &str, head: &str) -> Vec<String> {
    let text = fs::read_to_string(file).unwrap();
    let body = text.split_once(head).unwrap_or_else(|| panic!("no {head} in {file}")).1;
    let body = body.split_once("\n}").unwrap().0;
    let lines = body.lines().filter_map(|line| line.strip_prefix("    "));
    let lines = lines.map(|line| line.trim_start_matches("pub "));
    let named = lines.filter(|line| line.starts_with(char::is_alphabetic));
    named
        .map(|line| line.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap().to_owned())
        .collect()
}

/// A limit takes three files: where it is declared, its flag, and what keeps it. What passes it on
/// names none.
#[test]
fn a_limit_is_named_by_its_declaration_its_flag_and_what_keeps_it() {
    const DECLARED: [(&str, &str, &str); 2] = [
        ("src/servers/limits.rs", "pub struct SessionLimits {", "src/servers/host/"),
        ("src/cluster/options.rs", "pub struct Options {", "src/ports/"),
    ];
    const FLAGS: &str = "src/cli/serve/args.rs";
    let sources = files("src", ".rs");
    let mut seen = 0;
    for (declaration, head, keeps) in DECLARED {
        for limit in declared(declaration, head).iter().filter(|name| name.ends_with("_max")) {
            let mut named = naming(&sources, limit);
            // Codecs have a parameter of this name.
            named.retain(|file| !file.starts_with("src/wire/"));
            assert!(named.remove(declaration), "{limit}");
            named.remove(FLAGS);
            assert!(!named.is_empty(), "{limit}: nothing keeps it");
            let between: Vec<&String> = named.iter().filter(|file| !file.starts_with(keeps)).collect();
            assert!(between.is_empty(), "{limit} is named in {between:?} too");
            seen += 1;
        }
    }
    assert!(seen >= 6, "{seen} limits");
}

/// An order takes three files: its variant with its row, its arm, and its command.
#[test]
fn an_order_is_named_by_its_declaration_its_arm_and_commands() {
    const ORDER: &str = "src/orders/order.rs";
    let sources = files("src", ".rs");
    let orders = declared(ORDER, "pub enum Order {");
    assert!(orders.len() >= 25, "{orders:?}");
    for order in orders {
        let mut named = naming(&sources, &format!("Order::{order}"));
        // Experiments have orders of their own, to what runs live.
        named.retain(|file| !file.starts_with("src/experiments/"));
        named.remove(ORDER);
        assert!(named.remove("src/orders/carry_out.rs"), "nothing carries {order} out");
        // The console ends with the cluster.
        named.retain(|file| order != "StopCluster" || !file.starts_with("src/console/"));
        assert!(named.iter().all(|file| file.starts_with("src/cli/")), "{order} is named in {named:?} too");
    }
}

/// A panel takes two files: its own, and `app.js`, which lists it.
#[test]
fn a_panel_is_named_by_the_list_of_panels_alone() {
    const FOLDER: &str = "src/console/web/console";
    let scripts = files(FOLDER, ".js");
    let mut sources = files("src", ".rs");
    sources.extend(files("src/console/web", ".html"));
    sources.extend(scripts.clone());
    let panels: Vec<&(String, String)> =
        scripts.iter().filter(|(_, text)| text.contains("@type {import('./app.js').Panel}")).collect();
    assert!(panels.len() >= 10, "{}", panels.len());
    for (panel, text) in panels {
        let file = Path::new(panel).file_name().unwrap().to_str().unwrap();
        let named = naming(&sources, file);
        assert_eq!(named, BTreeSet::from([format!("{FOLDER}/app.js")]), "who names {file}");
        let id = text.split("\n  id: '").nth(1).unwrap().split('\'').next().unwrap();
        assert!(text.contains(&format!("id=\"{id}-title\"")), "{file}: the section {id} has its heading");
    }
}
