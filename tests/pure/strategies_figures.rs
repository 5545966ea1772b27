//! Reproduces figures of the papers and of theory for strategies.

use pomelo_sim::ids::ServerId;
use pomelo_sim::random::Random;
use pomelo_sim::strategies::{Candidate, Jump, Look, Maglev, MultiProbe, Ring, Strategy, StrategySpec};
use pomelo_sim::time::Time;

/// Servers whose ids no other replication has.
fn servers(n: usize, replication: usize) -> Vec<Candidate> {
    let candidate = |i| Candidate { id: ServerId::from(format!("server-{replication}-{i}")), weight: 1.0 };
    (0..n).map(candidate).collect()
}

/// Mean of a statistic over replications, and its standard error.
fn mean_of(replications: usize, statistic: impl FnMut(usize) -> f64) -> (f64, f64) {
    let values: Vec<f64> = (0..replications).map(statistic).collect();
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (count - 1.0);
    (mean, (variance / count).sqrt())
}

fn ring_shares(n: usize, points: u32, replication: usize) -> Vec<f64> {
    let mut ring = Ring::new(points);
    ring.rebuild(&servers(n, replication));
    let shares = ring.shares();
    assert!((shares.iter().sum::<f64>() - 1.0).abs() < 1e-9);
    shares
}

#[test]
fn jump_has_the_published_buckets() {
    for (key, buckets, bucket) in
        [(1, 1, 0), (42, 57, 43), (0xDEAD_10CC, 666, 361), (256, 1024, 520), (u64::MAX, 1000, 313)]
    {
        assert_eq!(Jump::bucket(key, buckets), bucket, "{key:#x} of {buckets}");
    }
}

#[test]
fn a_ring_of_ten_servers_has_the_expected_maximum() {
    for (points, target, replications) in
        [(1, 2.936, 20_000), (10, 1.544, 4_000), (100, 1.160, 800), (160, 1.124, 600)]
    {
        let (mean, error) =
            mean_of(replications, |i| ring_shares(10, points, i).into_iter().fold(0.0, f64::max) * 10.0);
        // The targets are within 1 %; three standard errors of our own come on top.
        assert!((mean - target).abs() < 0.01 * target + 3.0 * error, "{points} points: {mean} ± {error}");
    }
}

#[test]
fn a_ring_has_the_spread_of_the_jump_paper() {
    for (points, target) in [(1, 0.9979), (10, 0.3152), (100, 0.0997)] {
        let (mean, error) = mean_of(12, |i| {
            let shares = ring_shares(1000, points, i);
            shares.iter().map(|share| (share * 1000.0 - 1.0).powi(2)).sum::<f64>() / 1000.0
        });
        let spread = mean.sqrt();
        // The standard error of a square root is half of it relatively.
        let error = error / (2.0 * spread);
        assert!((spread - target).abs() < 3.0 * error + 0.001, "{points} points: {spread} ± {error}");
    }
}

#[test]
fn maglev_gives_a_thousand_servers_65_or_66_of_65537_slots() {
    let mut maglev = Maglev::new(65_537);
    maglev.rebuild(&servers(1000, 0));
    let mut counts = vec![0_u32; 1000];
    maglev.slots().iter().for_each(|index| counts[*index as usize] += 1);
    let of = |slots| counts.iter().filter(|count| **count == slots).count();
    assert_eq!((of(65), of(66)), (463, 537), "65537 = 463 · 65 + 537 · 66");
}

#[test]
fn maglev_moves_little_more_than_it_must() {
    let (mut before, mut after) = (Maglev::new(65_537), Maglev::new(65_537));
    before.rebuild(&servers(10, 0));
    after.rebuild(&servers(11, 0));
    let moved = before.slots().iter().zip(after.slots()).filter(|(old, new)| old != new).count();
    let unforced =
        before.slots().iter().zip(after.slots()).filter(|(old, new)| old != new && **new != 10).count();
    assert!(
        [5957, 5958].contains(&(moved - unforced)),
        "the new one has 65537 / 11 slots: {moved} {unforced}"
    );
    // Published for ten servers: 0.4 % of all, here by other hashes.
    assert!(unforced < 65_537 / 100, "{unforced}");
}

#[test]
fn maglev_takes_the_slot_of_the_remainder() {
    let maglev = |size| Maglev::new(size);
    for (asked, got) in [(65_537, 65_537), (65_536, 65_537), (100, 101), (4, 5)] {
        let mut maglev = maglev(asked);
        maglev.rebuild(&servers(2, 0));
        assert_eq!(maglev.slots().len(), got);
        // The text says which slot: the hash mod the size.
        for i in 0..1000 {
            let text = maglev.explain(&format!("user{i}"));
            let hash = u64::from_str_radix(&text[5..21], 16).unwrap();
            assert!(text.ends_with(&format!("slot {}", hash % got as u64)), "{text}");
        }
    }
}

#[test]
fn multi_probe_has_the_expected_maximum() {
    for (k, target) in [(2, 1.997), (3, 1.501), (21, 1.0499)] {
        let (mean, error) = mean_of(60, |replication| {
            let mut strategy = MultiProbe::new(k);
            strategy.rebuild(&servers(1000, replication));
            let shares = strategy.shares();
            assert!((shares.iter().sum::<f64>() - 1.0).abs() < 1e-6);
            shares.into_iter().fold(0.0, f64::max) * 1000.0
        });
        // The targets were simulated; they have four digits, and the theory is k/(k-1) as n grows.
        assert!((mean - target).abs() < 3.0 * error + 0.0015, "{k} probes: {mean} ± {error}");
        assert!((mean - f64::from(k) / f64::from(k - 1)).abs() < 0.01, "{k} probes: {mean}");
    }
}

/// Keys follow the computed shares.
#[test]
fn keys_fall_as_the_shares_of_the_circle_say() {
    let (mut ring, mut probes) = (Ring::new(20), MultiProbe::new(5));
    ring.rebuild(&servers(10, 0));
    probes.rebuild(&servers(10, 0));
    let mut random = Random::new(1, "keys");
    let (mut of_ring, mut of_probes) = ([0_u32; 10], [0_u32; 10]);
    let keys = 50_000;
    for _ in 0..keys {
        let key = random.between(0, u64::MAX).to_string();
        of_ring[ring.pick(&key, &Look::BLIND).unwrap()] += 1;
        of_probes[probes.pick(&key, &Look::BLIND).unwrap()] += 1;
    }
    for (counts, shares) in [(of_ring, ring.shares()), (of_probes, probes.shares())] {
        let chi_square: f64 = counts
            .iter()
            .zip(&shares)
            .map(|(count, share)| {
                let expected = share * f64::from(keys);
                (f64::from(*count) - expected).powi(2) / expected
            })
            .sum();
        // The 99.99 % point of chi-square with 9 degrees of freedom.
        assert!(chi_square < 33.7, "{chi_square}: {counts:?}, {shares:?}");
    }
}

/// The hashes are as good as chance: over many servers, and over those that are left when many are
/// gone.
#[test]
fn multinomial_strategies_are_as_even_as_chance() {
    for name in ["jump", "rendezvous", "weighted-rendezvous", "anchor(300)", "memento"] {
        let mut strategy = name.parse::<StrategySpec>().unwrap().make(1);
        for every in [1, 3] {
            let list: Vec<Candidate> = servers(150, 0).into_iter().step_by(every).collect();
            strategy.rebuild(&list);
            let mut counts = vec![0_u32; list.len()];
            let keys = 50_000;
            for i in 0..keys {
                counts[strategy.pick(&format!("user{i}"), &Look::BLIND).unwrap()] += 1;
            }
            let mean = f64::from(keys) / list.len() as f64;
            let chi_square: f64 = counts.iter().map(|count| (f64::from(*count) - mean).powi(2) / mean).sum();
            // Chi-square has the mean d and the variance 2d: five standard deviations.
            let d = (list.len() - 1) as f64;
            assert!(
                (chi_square - d).abs() < 5.0 * (2.0 * d).sqrt(),
                "{name} of {}: {chi_square}",
                list.len()
            );
        }
    }
}

#[test]
fn the_fullest_of_as_many_bins_as_balls_has_the_published_balls() {
    for (exponent, one, two) in [(8, 5, 3), (12, 6, 3)] {
        let n = 1 << exponent;
        for (d, target) in [(1, one), (2, two)] {
            let mut modes = std::collections::BTreeMap::new();
            for replication in 0..60 {
                let mut strategy =
                    format!("two-choices({d})").parse::<StrategySpec>().unwrap().make(replication);
                strategy.rebuild(&servers(n, 0));
                let mut loads = vec![0; n];
                for _ in 0..n {
                    let index = strategy.pick("", &Look { now: Time::START, loads: &loads }).unwrap();
                    loads[index] += 1;
                }
                *modes.entry(*loads.iter().max().unwrap()).or_insert(0) += 1;
            }
            let mode = modes.iter().max_by_key(|(_, count)| **count).unwrap();
            assert_eq!(*mode.0, target, "2^{exponent}, d = {d}: {modes:?}");
        }
    }
}

#[test]
fn smooth_weighted_round_robin_has_the_order_of_nginx() {
    let mut strategy = "smooth-weighted-round-robin".parse::<StrategySpec>().unwrap().make(1);
    let mut list = servers(3, 0);
    list[0].weight = 5.0;
    strategy.rebuild(&list);
    let turns: Vec<usize> = (0..14).map(|_| strategy.pick("", &Look::BLIND).unwrap()).collect();
    assert_eq!(turns, [[0, 0, 1, 0, 2, 0, 0]; 2].concat());
}
