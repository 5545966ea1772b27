//! Placement without time: counts compared with plain picks, moves compared with theory, and the
//! command.

use std::num::NonZeroUsize;
use std::process::Command;

use pomelo_sim::ids::ServerId;
use pomelo_sim::placement::{Ids, KeySet, Placed, PlacementPlan, PlacementReport, place};
use pomelo_sim::stats::Balance;
use pomelo_sim::strategies::{ALL, Candidate, Look, Parameter, StrategySpec};
use serde_json::Value;

fn keys(count: u64, zipf: f64) -> KeySet {
    KeySet { prefix: "room".to_owned(), count, ids: Ids::Sequential, zipf }
}

fn placed(strategies: &[&str], servers: usize, set: KeySet, threads: usize) -> PlacementReport {
    let plan = PlacementPlan {
        servers,
        strategies: strategies.iter().map(|name| name.parse().unwrap()).collect(),
        sets: vec![set],
        seed: 7,
        threads: NonZeroUsize::new(threads).unwrap(),
    };
    place(&plan, &|_, _| {}).unwrap()
}

/// Every strategy that needs no other, and a directory.
fn all() -> Vec<&'static str> {
    let alone = ALL.iter().filter(|entry| entry.parameter != Parameter::Inner);
    alone.map(|entry| entry.name).chain(["directory(two-choices)"]).collect()
}

#[test]
fn keys_are_counted_where_the_strategy_puts_them() {
    let report = placed(&["pomelo-crc", "ring(40)"], 5, keys(7001, 1.0), 2);
    for Placed { strategy, balance, weighted, .. } in &report.placed {
        let candidate = |n| Candidate { id: ServerId::from(format!("server-{n}")), weight: 1.0 };
        let mut picker = strategy.make(7);
        picker.rebuild(&(1..=5).map(candidate).collect::<Vec<_>>());
        let (mut counts, mut weights) = ([0.0; 5], [0.0; 5]);
        for number in 0..7001_u32 {
            let index = picker.pick(&format!("room{number}"), &Look::BLIND).unwrap();
            counts[index] += 1.0;
            weights[index] += 1.0 / f64::from(number + 1);
        }
        assert_eq!(*balance, Balance::of(&counts).unwrap(), "{strategy}");
        let expected = Balance::of(&weights).unwrap();
        assert!((weighted.peak_to_mean - expected.peak_to_mean).abs() < 1e-9, "{strategy}");
    }
}

/// The figures that are not times are the same on one thread and on three, and whatever stands
/// beside.
#[test]
fn threads_and_company_change_nothing() {
    let without_times = |report: PlacementReport| -> Vec<Placed> {
        report.placed.into_iter().map(|placed| Placed { pick_ns: 0.0, ..placed }).collect()
    };
    let names = all();
    let one = without_times(placed(&names, 10, keys(10_000, 0.8), 1));
    assert_eq!(one, without_times(placed(&names, 10, keys(10_000, 0.8), 3)));
    assert_eq!(one.len(), names.len());
    for (row, name) in one.iter().zip(&names) {
        assert_eq!(row.strategy, name.parse::<StrategySpec>().unwrap(), "in the order that was asked for");
        let alone = without_times(placed(&[name], 10, keys(10_000, 0.8), 2));
        assert_eq!(alone, std::slice::from_ref(row), "{name}");
    }
}

/// 40,000 keys: three standard errors of a share p are 3·√(p(1-p)/40,000), at most 0.0075.
#[test]
fn keys_move_as_theory_says() {
    let names = ["crc32-mod", "rendezvous", "jump", "anchor", "memento", "directory(two-choices)", "random"];
    let report = placed(&names, 10, KeySet { ids: Ids::Random, ..keys(40_000, 0.0) }, 2);
    let row = |name: &str| &report.placed[names.iter().position(|of| *of == name).unwrap()];
    let near = |share: f64, target: f64| (share - target).abs() < 0.0075;
    let crc = row("crc32-mod");
    assert!(near(crc.added.unwrap().share, 10.0 / 11.0), "{:?}", crc.added);
    assert!(near(crc.removed_last.unwrap().share, 0.9) && near(crc.removed_middle.unwrap().share, 0.9));
    for name in ["rendezvous", "anchor", "memento"] {
        let row = row(name);
        for (moved, target) in [(row.added, 1.0 / 11.0), (row.removed_last, 0.1), (row.removed_middle, 0.1)] {
            let moved = moved.unwrap();
            assert!(near(moved.share, target) && moved.unforced == 0.0, "{name}: {moved:?}");
        }
    }
    let jump = row("jump");
    assert!(jump.removed_last.unwrap().unforced == 0.0 && jump.removed_middle.unwrap().unforced > 0.3);
    let directory = row("directory(two-choices)");
    assert_eq!(directory.added.unwrap().share, 0.0);
    assert!(near(directory.removed_middle.unwrap().share, 0.1) && directory.balance.peak_to_mean < 1.01);
    assert!(row("random").added.is_none(), "what is chosen anew does not move");
}

#[test]
fn a_bounded_load_is_bounded() {
    // At most the ceiling of (1 + 0.1)·1000 at each of ten servers.
    let report = placed(&["bounded-load(0.1)"], 10, keys(10_000, 0.0), 1);
    assert!(report.placed[0].balance.peak_to_mean <= 1.1, "{:?}", report.placed[0].balance);
}

#[test]
fn memory_is_told() {
    let report = placed(&["pomelo-crc", "maglev", "ring", "directory(random)"], 10, keys(2000, 0.0), 1);
    let bytes: Vec<usize> = report.placed.iter().map(|row| row.bytes).collect();
    assert!(bytes[0] < 64, "a number: {bytes:?}");
    assert!((4 * 65_537..5 * 65_537).contains(&bytes[1]), "a table of 65537 numbers: {bytes:?}");
    assert!((8 * 1600..8 * 16_000).contains(&bytes[2]), "1600 points and where to begin: {bytes:?}");
    assert!(bytes[3] > 2000 * 8, "2000 keys: {bytes:?}");
}

fn run(args: &[&str]) -> (i32, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_pomelo-sim"))
        .args(["experiment", "place"])
        .args(args)
        .output()
        .unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

#[test]
fn the_command_prints_a_table_for_each_set_of_keys() {
    let args = [
        "--users",
        "4000",
        "--rooms",
        "500",
        "--servers",
        "4",
        "--ids",
        "both",
        "--strategies",
        "pomelo-crc",
        "jump",
    ];
    let (code, stdout, stderr) = run(&args);
    assert_eq!((code, stderr.as_str()), (0, ""));
    for head in [
        "4000 sequential users on 4 servers\n",
        "500 sequential rooms on 4 servers, sizes by Zipf 1\n",
        "4000 random users on 4 servers\n",
        "500 random rooms on 4 servers, sizes by Zipf 1\n",
    ] {
        assert!(stdout.contains(head), "{head} in {stdout}");
    }
    assert_eq!(stdout.matches("\npomelo-crc ").count(), 4, "{stdout}");
    let (code, stdout, _) = run(&[&args[..], &["--json"]].concat());
    let json: Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!((code, json["placed"].as_array().unwrap().len(), &json["servers"]), (0, 8, &Value::from(4)));
}

#[test]
fn the_command_refuses_what_makes_no_sense() {
    let (code, stdout, stderr) = run(&["--servers", "1"]);
    assert_eq!((code, stdout.as_str()), (2, ""));
    assert_eq!(stderr, "error: place: servers: expected 2 to 10000, got 1\n");
    let (code, _, stderr) = run(&["--strategies", "rinng"]);
    assert_eq!(code, 2);
    assert!(stderr.contains("did you mean \"ring\"?"), "{stderr}");
}
