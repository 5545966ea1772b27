//! Exact values from the original's code and from published vectors.

use super::Row;
use crate::ids::ServerId;
use crate::strategies::{Candidate, Jump, PomeloCrc, Strategy, StrategySpec};

/// The strategy written as `text`, with `n` servers.
pub(super) fn with_servers(text: &str, n: usize, seed: u64) -> Box<dyn Strategy> {
    let spec: StrategySpec =
        text.parse().unwrap_or_else(|error| unreachable!("a strategy of the table: {error}"));
    let mut strategy = spec.make(seed);
    strategy.rebuild(&servers("server", n));
    strategy
}

/// `n` servers whose ids begin with `word`.
pub(super) fn servers(word: &str, n: usize) -> Vec<Candidate> {
    (1..=n).map(|i| Candidate { id: ServerId::from(format!("{word}-{i}")), weight: 1.0 }).collect()
}

/// A pick as a number; `None` maps to an index beyond every list.
fn index(pick: Option<usize>) -> f64 {
    pick.map_or(-1.0, |index| index as f64)
}

pub(super) fn crc() -> Vec<Row> {
    let check = PomeloCrc::signed_crc("123456789").cast_unsigned();
    let mut rows = vec![Row::exact("crc32(\"123456789\")", f64::from(0xcbf4_3926_u32), f64::from(check))];
    for (key, crc, indices) in [
        ("a", -390_611_389, [1, 1, 1, 4]),
        ("alice", 663_665_735, [1, 2, 3, 0]),
        ("room1", -462_210_518, [0, 2, 2, 3]),
        ("测试", -1_527_930_262, [0, 1, 2, 2]),
        ("", 0, [0; 4]),
    ] {
        let signed = PomeloCrc::signed_crc(key);
        rows.push(Row::exact(format!("signed crc of {key:?}"), f64::from(crc), f64::from(signed)));
        for (n, target) in (2..).zip(indices) {
            let pick = with_servers("pomelo-crc", n, 0).peek(key);
            rows.push(Row::exact(format!("pomelo-crc of {key:?} among {n}"), f64::from(target), index(pick)));
        }
    }
    rows
}

pub(super) fn jump() -> Vec<Row> {
    let vectors = [(1, 1, 0), (42, 57, 43), (0xdead_10cc, 666, 361), (256, 1024, 520), (u64::MAX, 1000, 313)];
    let row = |(hash, n, target)| {
        let bucket = Jump::bucket(hash, n);
        Row::exact(format!("jump({hash}, {n})"), f64::from(target), f64::from(bucket))
    };
    vectors.into_iter().map(row).collect()
}

pub(super) fn moved() -> Vec<Row> {
    const KEYS: u32 = 400_000;
    let cases = [
        (3, 4, 0.75),
        (4, 5, 0.8),
        (4, 6, 2.0 / 3.0),
        (4, 8, 0.5),
        (10, 12, 5.0 / 6.0),
        (16, 17, 16.0 / 17.0),
    ];
    let row = |(from, to, target)| {
        let (before, after) = (with_servers("crc32-mod", from, 0), with_servers("crc32-mod", to, 0));
        // Random names: a CRC is linear, and consecutive names move too evenly to be a sample.
        let moves = |key: &u32| {
            let key = xxhash_rust::xxh3::xxh3_64(&key.to_le_bytes()).to_string();
            f64::from(u8::from(before.peek(&key) != after.peek(&key)))
        };
        let moved: Vec<f64> = (0..KEYS).map(|key| moves(&key)).collect();
        Row::simulated(format!("{from} to {to} servers"), target, 0.0, &moved)
    };
    cases.into_iter().map(row).collect()
}

pub(super) fn million() -> Vec<Row> {
    let counts = [("crc32-mod", [334_143, 332_895, 332_962]), ("pomelo-crc", [334_013, 333_025, 332_962])];
    let rows = |(name, targets): (&str, [u32; 3])| {
        let strategy = with_servers(name, 3, 0);
        let mut keys = [0_u32; 3];
        for i in 0..1_000_000 {
            if let Some(index) = strategy.peek(&format!("user{i}")) {
                keys[index] += 1;
            }
        }
        let row = |index: usize| {
            Row::exact(
                format!("{name}, server {}", index + 1),
                f64::from(targets[index]),
                f64::from(keys[index]),
            )
        };
        [row(0), row(1), row(2)]
    };
    counts.into_iter().flat_map(rows).collect()
}
