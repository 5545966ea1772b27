//! Every crate comes from the registry under a licence that MIT code may be shipped with, and a
//! first build has few of them.

use std::collections::BTreeSet;
use std::process::Command;

use serde_json::Value;

/// Permissive licences. An expression passes when one of its alternatives names only these.
const ALLOWED: &[&str] = &[
    "MIT",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "ISC",
    "Zlib",
    "Unlicense",
    "BSL-1.0",
    "0BSD",
    "CC0-1.0",
    "MIT-0",
    "Unicode-3.0",
];

/// Crates that cost seconds of a first build each, and that lighter ones replace.
const HEAVY: &[&str] = &["actix-web", "encoding_rs", "icu_normalizer", "jiff", "regex", "time", "url"];

/// Most crates of a first build, this one included.
const CRATES_MAX: usize = 125;

/// The packages of this platform: others need not be on this machine.
fn metadata() -> Value {
    let platform = stdout_of("rustc", &["-vV"]);
    let platform = platform.lines().find_map(|line| line.strip_prefix("host: ")).unwrap();
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let arguments =
        ["metadata", "--format-version=1", "--locked", "--offline", "--filter-platform", platform];
    serde_json::from_str(&stdout_of(&cargo, &arguments)).unwrap()
}

fn stdout_of(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output().unwrap();
    assert!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Reads an SPDX expression as far as crates use them: `A OR B`, `A AND B`, `(A OR B) AND C`, and
/// the old `A/B`.
fn is_allowed(expression: &str) -> bool {
    let expression = expression.replace('/', " OR ");
    expression.split(" AND ").all(|part| {
        let part = part.trim().trim_start_matches('(').trim_end_matches(')');
        part.split(" OR ").any(|licence| ALLOWED.contains(&licence.trim()))
    })
}

#[test]
fn licences_are_permissive_and_sources_are_the_registry() {
    let metadata = metadata();
    let packages = metadata["packages"].as_array().unwrap();
    assert!(packages.len() > 50, "cargo names its packages");
    for package in packages.iter().filter(|package| package["name"] != "pomelo-sim") {
        let (name, licence) = (&package["name"], package["license"].as_str().unwrap_or("none"));
        assert!(is_allowed(licence), "{name}: licence {licence}");
        let source = package["source"].as_str().unwrap_or("a path");
        assert!(source.starts_with("registry+"), "{name} comes from {source}, not from the registry");
    }
}

#[test]
fn a_first_build_has_few_crates() {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let arguments =
        ["tree", "--edges=normal,build", "--prefix=none", "--format={p}", "--locked", "--offline"];
    let tree = stdout_of(&cargo, &arguments);
    let crates: BTreeSet<&str> = tree.lines().filter_map(|line| line.split(' ').next()).collect();
    assert!(crates.contains("tokio"), "{crates:?}");
    for heavy in HEAVY {
        assert!(!crates.contains(heavy), "{heavy} is back: cargo tree --edges normal,build --invert {heavy}");
    }
    assert!(crates.len() <= CRATES_MAX, "{} crates: {crates:?}", crates.len());
}

#[test]
fn the_readme_says_which_rust_is_needed() {
    let needed = concat!("Rust ", env!("CARGO_PKG_RUST_VERSION"), " or later");
    assert!(include_str!("../../README.md").contains(needed), "the README does not say: {needed}");
}

#[test]
fn expressions_are_read_right() {
    for good in ["MIT", "MIT OR GPL-3.0", "Apache-2.0/MIT", "(MIT OR Apache-2.0) AND Unicode-3.0"] {
        assert!(is_allowed(good), "{good}");
    }
    for bad in ["GPL-3.0", "none", "MIT AND GPL-3.0", "(MIT OR Apache-2.0) AND AGPL-3.0"] {
        assert!(!is_allowed(bad), "{bad}");
    }
}
