//! The quick part of `verify`, and that a wrong value would be found.

use std::process::Command;

use pomelo_sim::verify::{ALL, Allowed, Row};

/// Groups that take no long simulation.
const QUICK: &[&str] = &[
    "CRC-32 of npm crc",
    "jump (Lamping, Veach 2014)",
    "a million users on three servers",
    "maglev, M = 65537, 1000 servers",
    "multi-probe, 1000 servers (Appleton, O'Reilly 2015)",
    "Zipf's law, share of the first of 10,000 keys",
    "coordinated omission (Tene): a stall of 100 s",
];

#[test]
fn the_quick_part_holds() {
    let mut rows = 0;
    for group in QUICK {
        let check = ALL.iter().find(|check| check.group == *group).unwrap_or_else(|| panic!("no {group}"));
        for row in (check.run)() {
            assert!(row.holds(), "{group}: {row:?}");
            rows += 1;
        }
    }
    assert!(rows >= 45, "{rows}");
}

#[test]
fn groups_have_names_of_their_own() {
    let mut names: Vec<&str> = ALL.iter().map(|check| check.group).collect();
    let count = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!((names.len(), count >= 25), (count, true));
}

#[test]
fn a_simulated_value_must_be_near_by_its_own_errors() {
    // The mean of these is 10, and its standard error 0.1·√(8/9)·√(1/9) ≈ 0.032.
    let values: Vec<f64> = (0..9).map(|i| 9.9 + 0.1 * f64::from(i % 3)).collect();
    let row = Row::simulated("ten", 10.0, 0.0, &values);
    let Allowed::ThreeErrors(allowed) = row.allowed else { panic!("{row:?}") };
    assert!((0.08..0.11).contains(&allowed) && row.holds());
    assert!(!Row::simulated("ten and a bit", 10.2, 0.0, &values).holds());
    assert!(!Row::exact("ten", 10.0, 10.000_001).holds());
}

#[test]
fn the_help_says_what_is_verified_and_what_the_exit_codes_are() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pomelo-sim"));
    let output = command.args(["experiment", "verify", "--help"]).output().unwrap();
    let help = String::from_utf8(output.stdout).unwrap();
    for part in ["three standard errors", "Exit code: 0 when all checks hold, 1 when one fails", "--json"] {
        assert!(help.contains(part), "{part} in {help}");
    }
}
