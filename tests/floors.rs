//! Holds the architecture of `src/lib.rs`: who may import whom, and what must not be on which floor.

#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::{Path, PathBuf};

/// A module imports from lower floors only.
const FLOORS: &[&[&str]] = &[
    &["ids", "random", "time", "nearest"],
    &["channels", "ledger", "stats", "strategies", "trace", "wire"],
    &["config", "envelope"],
    &["router", "servers"],
    &["audit", "cluster", "placement", "ports", "robots", "scenario", "supervisor"],
    &["world"],
    &["live", "virtual_time"],
    &["admin", "experiments", "monitor", "verify"],
    &["console"],
    &["cli"],
];

/// The first floor on which sockets, clocks and actors may appear.
const FIRST_IMPURE_FLOOR: usize = 4;

/// What is pure above it too.
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
struct Line {
    file: PathBuf,
    number: usize,
    text: String,
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

fn files() -> Vec<PathBuf> {
    let mut found = Vec::new();
    sources(Path::new("src"), &mut found);
    assert!(found.len() > 30, "run from the package's folder: found {found:?}");
    found
}

/// The code of all modules, up to each file's unit tests; `lib.rs` and `main.rs` stand above the floors.
fn code() -> Vec<Line> {
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
