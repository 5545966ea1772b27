//! Dispatch strategies: equality with the original's recorded picks, and properties of every
//! strategy.

use pomelo_sim::ids::ServerId;
use pomelo_sim::strategies::{ALL, Candidate, DEFAULT, Look, Parameter, PomeloCrc, Strategy, StrategySpec};
use proptest::prelude::*;
use serde_json::Value;

fn servers(n: usize) -> Vec<Candidate> {
    let candidate = |i| Candidate { id: ServerId::from(format!("chat-server-{i}")), weight: 1.0 };
    (1..=n).map(candidate).collect()
}

fn by_name(name: &str) -> Result<Box<dyn Strategy>, pomelo_sim::strategies::UnknownStrategy> {
    name.parse::<StrategySpec>().map(|spec| spec.make(1))
}

fn with_servers(name: &str, n: usize) -> Box<dyn Strategy> {
    let mut strategy = by_name(name).unwrap();
    strategy.rebuild(&servers(n));
    strategy
}

/// How many of the keys `user0` … `user999999` go to each of three servers.
fn million_over_three(name: &str) -> [usize; 3] {
    let mut strategy = with_servers(name, 3);
    let mut counts = [0; 3];
    for i in 0..1_000_000 {
        counts[strategy.pick(&format!("user{i}"), &Look::BLIND).unwrap()] += 1;
    }
    counts
}

#[test]
fn pomelo_crc_picks_as_the_original_did() {
    let vectors: Vec<Value> = serde_json::from_str(include_str!("../data/dispatch_vectors.json")).unwrap();
    assert_eq!(vectors.len(), 201);
    let mut picks = 0;
    for vector in &vectors {
        let key = vector["key"].as_str().unwrap();
        // The longest keys have no list of code units.
        if let Some(units) = vector.get("key_utf16") {
            let read: Vec<u16> = key.encode_utf16().collect();
            assert_eq!(serde_json::json!(read), *units, "{key:?} was not read as recorded");
        }

        let crc = PomeloCrc::signed_crc(key);
        assert_eq!(i64::from(crc), vector["crc_signed"].as_i64().unwrap(), "{key:?}");
        assert_eq!(u64::from(crc.unsigned_abs()), vector["abs"].as_u64().unwrap(), "{key:?}");
        for (n, index) in vector["index_by_n"].as_object().unwrap() {
            let pick = with_servers("pomelo-crc", n.parse().unwrap()).pick(key, &Look::BLIND).unwrap();
            assert_eq!(pick as u64, index.as_u64().unwrap(), "{key:?} among {n}");
            picks += 1;
        }
    }
    assert!(picks >= 201 * 7, "only {picks} picks compared");
}

#[test]
fn pomelo_crc_has_the_signed_values_of_npm_crc_0_2_0() {
    for (key, crc) in [
        ("alice", 663_665_735),
        ("user0", -78_203_453),
        ("123456789", -873_187_034),
        ("", 0),
        ("张三", -1_384_018_183),
        ("a", -390_611_389),
        ("room1", -462_210_518),
        ("测试", -1_527_930_262),
    ] {
        assert_eq!(PomeloCrc::signed_crc(key), crc, "{key:?}");
    }
    // Only the low byte of a code unit counts, so these pairs collide; UTF-8 would tell them apart.
    assert_eq!(PomeloCrc::signed_crc("A"), PomeloCrc::signed_crc("\u{141}"));
}

#[test]
fn pomelo_crc_has_the_indices_of_two_to_five_servers() {
    for (key, indices) in [
        ("a", [1, 1, 1, 4]),
        ("alice", [1, 2, 3, 0]),
        ("room1", [0, 2, 2, 3]),
        ("测试", [0, 1, 2, 2]),
        ("", [0; 4]),
    ] {
        let picks = [2, 3, 4, 5].map(|n| with_servers("pomelo-crc", n).pick(key, &Look::BLIND).unwrap());
        assert_eq!(picks, indices, "{key:?}");
    }
}

#[test]
fn crc32_mod_is_the_unsigned_crc_over_utf_8() {
    // 0xcbf43926 is the check value of CRC-32; a list longer than any hash would show it whole, 97
    // is enough here.
    assert_eq!(with_servers("crc32-mod", 97).pick("123456789", &Look::BLIND), Some(0xcbf4_3926_usize % 97));
    // Signed and unsigned agree at two servers, and for a crc below 2^31 ("alice") everywhere.
    for n in 1..50 {
        assert_eq!(
            with_servers("crc32-mod", n).pick("alice", &Look::BLIND),
            with_servers("pomelo-crc", n).pick("alice", &Look::BLIND)
        );
    }
    let mut differ = 0;
    let (mut pomelo, mut plain) = (with_servers("pomelo-crc", 3), with_servers("crc32-mod", 3));
    for i in 0..30_000 {
        let key = format!("user{i}");
        differ += usize::from(pomelo.pick(&key, &Look::BLIND) != plain.pick(&key, &Look::BLIND));
    }
    assert!(
        (9_000..11_000).contains(&differ),
        "about a third of all keys differ at three servers, not {differ}"
    );
}

#[test]
fn a_million_users_fall_on_three_servers_as_published() {
    assert_eq!(million_over_three("crc32-mod"), [334_143, 332_895, 332_962]);
    assert_eq!(million_over_three("pomelo-crc"), [334_013, 333_025, 332_962]);
}

#[test]
fn three_quarters_of_keys_move_from_three_to_four_servers() {
    for name in ["pomelo-crc", "crc32-mod"] {
        for (from, to, moved) in [(3, 4, 0.75), (4, 5, 0.8), (4, 8, 0.5), (10, 12, 0.8333)] {
            let (mut before, mut after) = (with_servers(name, from), with_servers(name, to));
            let keys = (0..100_000).map(|i| format!("user{i}"));
            let share = keys
                .filter(|key| before.pick(key, &Look::BLIND) != after.pick(key, &Look::BLIND))
                .count() as f64
                / 100_000.0;
            assert!((share - moved).abs() < 0.01, "{name} {from} to {to}: {share}");
        }
    }
}

#[test]
fn the_table_names_each_strategy_once_and_the_default_first() {
    assert_eq!(ALL[0].name, DEFAULT);
    let mut names: Vec<&str> = ALL.iter().map(|entry| entry.name).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), ALL.len());
    for entry in ALL {
        assert_eq!(by_name(entry.name).is_ok(), entry.parameter != Parameter::Inner, "{}", entry.name);
        assert_eq!(entry.spec().to_string().parse::<StrategySpec>().unwrap(), entry.spec());
        assert!(!entry.summary.is_empty() && entry.summary.len() < 100, "{}", entry.name);
    }
}

#[test]
fn an_unknown_strategy_is_refused_with_the_known_names() {
    let error = |name: &str| by_name(name).err().unwrap().to_string();
    let known: Vec<&str> = ALL.iter().map(|entry| entry.name).collect();
    let known = known.join(", ");
    assert_eq!(error("roulette"), format!("unknown strategy \"roulette\": expected one of {known}"));
    assert_eq!(
        error("crc32_mod"),
        format!("unknown strategy \"crc32_mod\": expected one of {known}; did you mean \"crc32-mod\"?")
    );
}

proptest! {
    // Each case builds every strategy anew, maglev's table of 65537 slots too.
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    #[test]
    fn every_strategy_picks_a_server_of_its_last_list(key in any::<String>(), sizes in prop::collection::vec(0_usize..40, 1..5)) {
        for entry in ALL {
            let mut strategy = entry.spec().make(1);
            prop_assert_eq!(strategy.pick(&key, &Look::BLIND), None, "{} before its first list", entry.name);
            for &n in &sizes {
                strategy.rebuild(&servers(n));
                let pick = strategy.pick(&key, &Look::BLIND);
                prop_assert_eq!(pick.is_none(), n == 0, "{}", entry.name);
                prop_assert!(pick.is_none_or(|index| index < n), "{}: {:?} of {}", entry.name, pick, n);
                if n == 1 {
                    prop_assert_eq!(pick, Some(0), "{}", entry.name);
                }
            }
        }
    }

    #[test]
    fn every_strategy_gives_two_that_were_made_alike_the_same_picks(keys in prop::collection::vec(any::<String>(), 1..20), n in 1_usize..40) {
        for entry in ALL {
            let (mut one, mut other) = (entry.spec().make(7), entry.spec().make(7));
            one.rebuild(&servers(n));
            other.rebuild(&servers(n));
            for key in &keys {
                prop_assert_eq!(one.pick(key, &Look::BLIND), other.pick(key, &Look::BLIND), "{}", entry.name);
            }
        }
    }

    /// A hash strategy, which these are, does not remember: what it picked before has no influence.
    #[test]
    fn crc_strategies_forget_what_they_picked_before(key in any::<String>(), others in prop::collection::vec(any::<String>(), 0..10)) {
        for name in ["pomelo-crc", "crc32-mod"] {
            let mut strategy = with_servers(name, 7);
            let first = strategy.pick(&key, &Look::BLIND);
            for other in &others {
                strategy.pick(other, &Look::BLIND);
            }
            prop_assert_eq!(strategy.pick(&key, &Look::BLIND), first);
        }
    }
}
