//! The guide: its command, its pages on the console, its generated tables, and the commands in it.

use std::fs;

use clap::{CommandFactory as _, Parser as _};
use pomelo_sim::cli::Cli;
use pomelo_sim::console::OWN;
use pomelo_sim::guide::PAGES;
use pomelo_sim::orders::{Method, ORDERS, Row, Takes};
use pomelo_sim::stats::METRICS;
use pomelo_sim::strategies::{ALL, DEFAULT, Kind, Moves, Parameter, StrategyEntry};
use serde_json::Value;

use super::cli_help::{refused, stdout};
use crate::support::console::ConsoleWorld;

/// Flags of `serve` that bound sessions and connections.
const LIMITS: [&str; 13] = [
    "package-max",
    "handshake-timeout",
    "heartbeat",
    "idle-timeout",
    "message-timeout",
    "request-timeout",
    "rate-limit",
    "calls-max",
    "outbound-max",
    "connections-max",
    "per-address",
    "blacklist",
    "resume",
];

/// The README and all pages: path and text.
fn files() -> impl Iterator<Item = (&'static str, String)> {
    let files = std::iter::once("README.md").chain(PAGES.iter().map(|page| page.file));
    files.map(|file| (file, fs::read_to_string(file).unwrap()))
}

fn table(head: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let line = |cells: &[String]| format!("| {} |\n", cells.join(" | "));
    let head: Vec<String> = head.iter().map(|cell| (*cell).to_owned()).collect();
    let rows: String = rows.into_iter().map(|row| line(&row)).collect();
    format!("{}|{}\n{rows}", line(&head), "---|".repeat(head.len()))
}

/// Items wrap, so that a long text needs no wide table.
fn list(items: impl IntoIterator<Item = String>) -> String {
    let mut text = String::new();
    for item in items {
        let mut line = "-".to_owned();
        for word in item.split(' ') {
            if line.chars().count() + 1 + word.chars().count() > 99 {
                text += &format!("{line}\n");
                line = " ".to_owned();
            }
            line += &format!(" {word}");
        }
        text += &format!("{line}\n");
    }
    text
}

fn code(text: &str) -> String {
    format!("`{text}`")
}

fn asked(row: &Row) -> String {
    format!("{} `{}`", row.method.name(), row.path.strip_prefix("/api/v1").unwrap())
}

fn arguments() -> String {
    let rows = ORDERS.iter().chain(OWN).filter_map(|row| match row.takes {
        Takes::Query(names) | Takes::Body(names) => {
            let names: Vec<String> = names.iter().map(|name| code(name)).collect();
            Some(vec![asked(row), names.join(", ")])
        }
        Takes::Fields | Takes::Nothing => None,
    });
    table(&["request", "parameters"], rows)
}

/// A command's row; only what stands before a colon when all of it would be too wide.
fn command(command: &clap::Command) -> Vec<String> {
    let about = command.get_about().unwrap().to_string();
    let name = code(command.get_name());
    let short = if name.len() + about.len() + 7 > 100 { about.split(':').next().unwrap() } else { &about };
    vec![name, short.to_owned()]
}

fn orders() -> String {
    let line = Cli::command();
    let mut names: Vec<&str> = ORDERS.iter().map(|row| row.command).collect();
    names.dedup();
    let mut seen = std::collections::BTreeSet::new();
    names.retain(|name| seen.insert(*name));
    let row = |name: &str| command(line.find_subcommand(name).unwrap());
    table(&["command", "what it does"], names.into_iter().map(row))
}

fn commands() -> String {
    let line = Cli::command();
    let changes = |name: &str| ORDERS.iter().any(|row| row.command == name && row.method != Method::Get);
    let is_order = |name: &str| ORDERS.iter().any(|row| row.command == name);
    let (orders, others): (Vec<_>, Vec<_>) =
        line.get_subcommands().partition(|command| is_order(command.get_name()));
    let (changing, looking): (Vec<&str>, Vec<&str>) =
        orders.iter().map(|command| command.get_name()).partition(|name| changes(name));
    let mut rows: Vec<_> = others.into_iter().map(command).collect();
    rows.push(vec![code(&looking.join(" ")), "Look at the running cluster".to_owned()]);
    rows.push(vec![code(&changing.join(" ")), "Change it".to_owned()]);
    table(&["command", "what it does"], rows)
}

fn limits() -> String {
    let line = Cli::command();
    let serve = line.find_subcommand("serve").unwrap();
    let item = |name: &&str| {
        let flag = serve.get_arguments().find(|flag| flag.get_long() == Some(name)).unwrap();
        let value = flag.get_value_names().unwrap()[0].as_str();
        let default = flag.get_default_values().first().map(|value| value.to_string_lossy());
        let default = default.map_or_else(String::new, |value| format!(" [default: {value}]"));
        format!("`--{name} {value}`: {}{default}", flag.get_help().unwrap())
    };
    list(LIMITS.iter().map(item))
}

fn strategy(entry: &StrategyEntry) -> String {
    match entry.parameter {
        Parameter::None => code(entry.name),
        Parameter::Number { default, .. } => format!("`{}({default})`", entry.name),
        Parameter::Inner => format!("`{}(NAME)`", entry.name),
    }
}

fn strategies() -> String {
    list(ALL.iter().map(|entry| {
        let default = if entry.name == DEFAULT { " (default)" } else { "" };
        format!("{}{default}: {}", strategy(entry), entry.summary)
    }))
}

fn moves() -> String {
    let rows = ALL.iter().map(|entry| {
        let (again, moves) = match (entry.kind, entry.moves) {
            (Kind::Choice, _) => ("no", ""),
            (_, Moves::Many) => ("yes", "almost all"),
            (_, Moves::LastOnly) => ("yes", "the least at the end of the list, more elsewhere"),
            _ if entry.parameter == Parameter::Inner => ("yes", "none to one that is added"),
            (_, Moves::Least) => ("yes", "the least"),
            (_, Moves::LeastAndFew) => ("yes", "the least and a few"),
        };
        let weights = match entry.parameter {
            Parameter::Inner => "as NAME",
            _ if entry.weighted => "yes",
            _ => "",
        };
        vec![code(entry.name), again.to_owned(), moves.to_owned(), weights.to_owned()]
    });
    table(&["strategy", "sticky", "keys that move when the list changes", "uses weights"], rows)
}

fn metrics() -> String {
    let world = ConsoleWorld::start();
    let page = world.ask("GET", "/metrics", "").body;
    let helps = page.lines().filter_map(|line| line.strip_prefix("# HELP "));
    let items: Vec<String> = helps
        .map(|help| help.split_once(' ').unwrap())
        .map(|(name, help)| format!("`{name}`: {help}"))
        .collect();
    list(items)
}

fn experiment_metrics() -> String {
    list(METRICS.iter().map(|metric| {
        let unit = if metric.unit.is_empty() { String::new() } else { format!(" ({})", metric.unit) };
        format!("`{}`{unit}: {}", metric.name, metric.summary)
    }))
}

fn topics() -> String {
    let row = |page: &pomelo_sim::guide::Page| {
        vec![format!("[{}]({})", page.topic, page.file), page.summary.to_owned()]
    };
    table(&["topic", "subject"], PAGES.iter().map(row))
}

fn generated(name: &str) -> Option<String> {
    let of_api = |row: &Row| vec![asked(row), code(row.command), row.summary.to_owned()];
    let of_console = |row: &Row| vec![asked(row), row.summary.to_owned()];
    Some(match name {
        "commands" => commands(),
        "guide" => topics(),
        "orders" => orders(),
        "http-orders" => table(&["request", "command", "what it does"], ORDERS.iter().map(of_api)),
        "http-console" => table(&["request", "what it does"], OWN.iter().map(of_console)),
        "http-arguments" => arguments(),
        "limits" => limits(),
        "strategies" => strategies(),
        "strategy-moves" => moves(),
        "metrics" => metrics(),
        "experiment-metrics" => experiment_metrics(),
        _ => return None,
    })
}

#[test]
fn every_table_is_that_of_the_code() {
    let mut names = Vec::new();
    for (file, text) in files() {
        let mut parts = text.split("<!-- table: ");
        let mut expected = parts.next().unwrap().to_owned();
        for part in parts {
            let (name, rest) = part.split_once(" -->\n").unwrap();
            let (_, after) = rest.split_once("<!-- end -->").unwrap_or_else(|| panic!("{file}: {name}"));
            let table = generated(name).unwrap_or_else(|| panic!("{file}: no table {name}"));
            names.push(name.to_owned());
            // GitHub reads a list or table only after an empty line.
            expected += &format!("<!-- table: {name} -->\n\n{table}\n<!-- end -->{after}");
        }
        if expected != text && std::env::var_os("UPDATE_GUIDE").is_some() {
            fs::write(file, &expected).unwrap();
        } else {
            assert_eq!(text, expected, "{file}: UPDATE_GUIDE=1 cargo test --test cli guide:: writes it anew");
        }
    }
    assert_eq!(names.len(), 11, "every table has its place: {names:?}");
}

#[test]
fn every_order_has_a_command() {
    let line = Cli::command();
    for row in ORDERS {
        assert!(line.find_subcommand(row.command).is_some(), "{}: no command {:?}", row.name, row.command);
    }
}

#[test]
fn the_command_prints_pages_and_lists_topics() {
    let list = stdout(&["guide"]);
    let topics: Value = serde_json::from_str(&stdout(&["guide", "--json"])).unwrap();
    for (index, page) in PAGES.iter().enumerate() {
        assert!(list.contains(&format!("\n{} ", page.topic)), "{} in {list}", page.topic);
        assert_eq!(stdout(&["guide", page.topic]), page.text);
        let object: Value = serde_json::from_str(&stdout(&["guide", page.topic, "--json"])).unwrap();
        assert_eq!((&object["text"], &object["title"]), (&page.text.into(), &page.title().into()));
        assert_eq!(topics[index]["topic"], page.topic);
    }
    let error = refused(&["guide", "strategy"]);
    assert!(error.starts_with("error: unknown topic \"strategy\": expected one of pomelo, "), "{error}");
    assert!(refused(&["guide", "limit"]).contains("; did you mean \"limits\"?"));
    assert!(refused(&["guide", "limits", "--env", "x"]).contains("--env cannot be used with guide"));
}

#[test]
fn the_console_serves_the_guide() {
    let world = ConsoleWorld::start();
    let list = world.ask("GET", "/guide", "");
    assert_eq!((list.status, list.header("content-type")), (200, Some("text/html; charset=utf-8")));
    for page in PAGES {
        assert!(list.body.contains(&format!("href=\"/guide/{}\"", page.topic)), "{}", page.topic);
        let reply = world.ask("GET", &format!("/guide/{}", page.topic), "");
        assert_eq!(reply.status, 200, "{}", page.topic);
        assert!(reply.body.contains("<h1"), "{}", page.topic);
    }
    assert_eq!(world.ask("GET", "/guide/nothing", "").status, 404);
    assert!(world.ask("GET", "/console", "").body.contains("<a href=\"/guide\">Guide</a>"));
}

/// The words of a line for a shell. `$(...)` stands for a number.
fn words(line: &str) -> Vec<String> {
    let (mut words, mut word, mut quote, mut is_word) = (Vec::new(), String::new(), None, false);
    let line = line.replace("$(pidof pomelo-sim)", "1");
    for c in line.chars() {
        match (c, quote) {
            ('#', None) if !is_word => break,
            (' ', None) => {
                if is_word {
                    words.push(std::mem::take(&mut word));
                }
                is_word = false;
            }
            ('\'' | '"', None) => (quote, is_word) = (Some(c), true),
            (c, Some(open)) if c == open => quote = None,
            (c, _) => {
                word.push(c);
                is_word = true;
            }
        }
    }
    if is_word {
        words.push(word);
    }
    words
}

#[test]
fn every_command_of_the_guide_is_one() {
    let mut count = 0;
    for (file, text) in files() {
        for block in text.split("\n```").skip(1).step_by(2) {
            let block = block.replace("\\\n", " ");
            for line in block.lines().skip(1) {
                let line = line.strip_prefix("$ ").unwrap_or(line);
                if line == "pomelo-sim" || line.starts_with("pomelo-sim ") && !line.contains("0.1.0") {
                    count += 1;
                    let parsed = Cli::try_parse_from(words(line));
                    assert!(parsed.is_ok(), "{file}: {line}\n{}", parsed.unwrap_err());
                }
            }
        }
    }
    assert!(count > 30, "only {count} commands");
    assert_eq!(words("a 'b c' \"d\" # e"), ["a", "b c", "d"]);
}
