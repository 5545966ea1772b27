//! Properties of every strategy of the table: which keys move, which come back, balance, weights,
//! and what load-aware ones never do.

use pomelo_sim::ids::ServerId;
use pomelo_sim::strategies::{ALL, Candidate, Kind, Look, Moves, Strategy, StrategyEntry, StrategySpec};
use pomelo_sim::time::Time;
use proptest::prelude::*;

/// Servers by number; the number is the id, so that a list may lack some.
fn servers(numbers: impl IntoIterator<Item = usize>) -> Vec<Candidate> {
    let candidate = |i| Candidate { id: ServerId::from(format!("chat-server-{i}")), weight: 1.0 };
    numbers.into_iter().map(candidate).collect()
}

fn strategy(entry: &'static StrategyEntry, list: &[Candidate]) -> Box<dyn Strategy> {
    let mut strategy = entry.spec().make(11);
    strategy.rebuild(list);
    strategy
}

fn keys(count: usize) -> Vec<String> {
    (0..count).map(|i| format!("room{i}")).collect()
}

/// The server of each key, which is there from now on.
fn place(strategy: &mut dyn Strategy, list: &[Candidate], keys: &[String]) -> Vec<ServerId> {
    let mut place = |key: &String| {
        let index = strategy.pick(key, &Look::BLIND).unwrap();
        if let Some(placements) = strategy.placements_mut() {
            placements.settle(key);
        }
        list[index].id.clone()
    };
    keys.iter().map(&mut place).collect()
}

fn sticky() -> impl Iterator<Item = &'static StrategyEntry> {
    ALL.iter().filter(|entry| entry.kind == Kind::Sticky)
}

/// What the share of moved keys may differ from theory by: five standard deviations of a binomial,
/// so that one in two million seeds would fail; the seeds are fixed.
fn tolerance(share: f64, keys: usize) -> f64 {
    5.0 * (share * (1.0 - share) / keys as f64).sqrt()
}

#[test]
fn a_server_that_is_added_at_the_end_gets_its_share_and_no_other_key_moves() {
    let keys = keys(20_000);
    for entry in sticky() {
        for n in [1, 2, 3, 9] {
            let (before, after) = (servers(0..n), servers(0..n + 1));
            let mut strategy = strategy(entry, &before);
            let old = place(&mut *strategy, &before, &keys);
            strategy.rebuild(&after);
            let new = place(&mut *strategy, &after, &keys);
            let moved = old.iter().zip(&new).filter(|(old, new)| old != new).count();
            let unforced =
                old.iter().zip(&new).filter(|(old, new)| old != new && **new != after[n].id).count();
            if entry.name == "directory" {
                assert_eq!(moved, 0, "a directory moves nothing to a server that is added");
                continue;
            }
            let share = 1.0 / (n + 1) as f64;
            match entry.moves {
                Moves::Many => continue,
                Moves::LastOnly | Moves::Least => assert_eq!(unforced, 0, "{} at {n}", entry.name),
                // The figure for maglev at ten servers is 0.4 %.
                Moves::LeastAndFew => {
                    assert!(unforced * 100 <= keys.len(), "{} at {n}: {unforced}", entry.name)
                }
            }
            // Points on a circle give servers shares with a spread.
            let spread = match entry.name {
                "ring" => 5.0 * share / f64::sqrt(160.0),
                // Its least share is far below the mean, and its greatest k/(k-1) of it.
                "multi-probe" => share,
                _ => 0.0,
            };
            let moved = (moved - unforced) as f64 / keys.len() as f64;
            let most = spread + tolerance(share, keys.len()) + 0.001;
            assert!((moved - share).abs() <= most, "{} at {n}: {moved}, not {share}", entry.name);
        }
    }
}

#[test]
fn only_the_keys_of_a_server_that_is_removed_move() {
    let keys = keys(10_000);
    for entry in sticky() {
        for gone in [0, 2, 6] {
            let (before, after) = (servers(0..7), servers((0..7).filter(|i| *i != gone)));
            let mut strategy = strategy(entry, &before);
            let old = place(&mut *strategy, &before, &keys);
            strategy.rebuild(&after);
            let new = place(&mut *strategy, &after, &keys);
            let lost = &before[gone].id;
            let unforced = old.iter().zip(&new).filter(|(old, new)| *old != *new && *old != lost).count();
            match entry.moves {
                Moves::Many => {}
                Moves::LastOnly if gone != 6 => assert!(unforced > 0, "{} moves up", entry.name),
                Moves::LastOnly | Moves::Least => assert_eq!(unforced, 0, "{} without {gone}", entry.name),
                Moves::LeastAndFew => assert!(unforced * 50 <= keys.len(), "{}: {unforced}", entry.name),
            }
            assert!(!new.contains(lost));
        }
    }
}

#[test]
fn a_server_that_comes_back_to_its_old_place_gets_its_old_keys_where_that_is_promised() {
    let keys = keys(5_000);
    for entry in sticky() {
        for gone in [0, 3, 4] {
            let (all, fewer) = (servers(0..5), servers((0..5).filter(|i| *i != gone)));
            let mut strategy = strategy(entry, &all);
            let old = place(&mut *strategy, &all, &keys);
            strategy.rebuild(&fewer);
            place(&mut *strategy, &fewer, &keys);
            strategy.rebuild(&all);
            let new = place(&mut *strategy, &all, &keys);
            assert_eq!(old == new, entry.restores, "{} and {gone}", entry.name);
        }
    }
}

#[test]
fn where_any_server_may_go_the_order_of_the_list_does_not_matter() {
    let keys = keys(2_000);
    for entry in sticky().filter(|entry| matches!(entry.moves, Moves::Least | Moves::LeastAndFew)) {
        let (list, turned) = (servers(0..9), servers((0..9).rev()));
        let mut strategy = strategy(entry, &list);
        let old = place(&mut *strategy, &list, &keys);
        strategy.rebuild(&turned);
        assert_eq!(old, place(&mut *strategy, &turned, &keys), "{}", entry.name);
    }
}

/// Loads of ten servers after so many keys, each counted as it is placed.
fn loads(entry: &'static StrategyEntry, list: &[Candidate], keys: &[String]) -> Vec<u32> {
    let mut strategy = strategy(entry, list);
    let mut loads = vec![0; list.len()];
    for key in keys {
        let index = strategy.pick(key, &Look { now: Time::START, loads: &loads }).unwrap();
        loads[index] += 1;
    }
    loads
}

#[test]
fn each_strategy_is_as_even_as_its_theory_says() {
    let (n, keys) = (10, keys(40_000));
    let mean = keys.len() as f64 / n as f64;
    let multinomial = 5.0 * (mean * (1.0 - 1.0 / n as f64)).sqrt();
    for entry in ALL {
        let (low, high) = match entry.name {
            "pomelo-crc" | "crc32-mod" => {
                // Keys in sequence lie more evenly than chance: the CRC is linear.
                (mean - multinomial, mean + multinomial)
            }
            "jump" | "rendezvous" | "weighted-rendezvous" | "anchor" | "memento" | "random" => {
                (mean - multinomial, mean + multinomial)
            }
            // Loads only grow, so nobody is idle after the first ten.
            "join-idle-queue" => (mean - multinomial, mean + multinomial),
            // 65537 slots: ten servers have 6553 or 6554.
            "maglev" => (mean * 0.999 - multinomial, mean * 1.001 + multinomial),
            // SE of a share at 160 points and ten servers: sqrt(9/1601) = 7.5 %.
            "ring" => (mean * (1.0 - 5.0 * 0.075), mean * (1.0 + 5.0 * 0.075)),
            // The mean of the maximum is 21/20 of the mean; the minimum may be near none.
            "multi-probe" => (0.0, mean * 1.2 + multinomial),
            "bounded-load" => (0.0, (1.25 * (keys.len() + 1) as f64 / n as f64).ceil()),
            "round-robin" | "smooth-weighted-round-robin" | "least-connections" => (mean, mean),
            // The maximum is log log n / log 2 + O(1) above the mean, however many keys (Berenbrink
            // et al. 2006).
            "two-choices" | "peak-ewma" | "directory" => (mean - 20.0, mean + 6.0),
            name => panic!("how even is {name}?"),
        };
        let loads = loads(entry, &servers(0..n), &keys);
        for load in &loads {
            let load = f64::from(*load);
            assert!((low..=high).contains(&load), "{}: {loads:?}, not {low} to {high}", entry.name);
        }
    }
}

#[test]
fn weights_give_shares_where_that_is_promised() {
    let keys = keys(40_000);
    let mut list = servers(0..6);
    for (server, weight) in list.iter_mut().zip([1.0, 2.0, 0.5, 4.0, 1.0, 1.5]) {
        server.weight = weight;
    }
    for entry in ALL {
        let loads = loads(entry, &list, &keys);
        let mut honoured = true;
        for (server, load) in list.iter().zip(&loads) {
            let share = server.weight / 10.0;
            // A circle's share has a spread of 1/sqrt(points) of itself; turns of maglev are whole
            // slots.
            let spread =
                if entry.name == "ring" { 5.0 * share / (160.0 * server.weight).sqrt() } else { 0.001 };
            let most = spread + tolerance(share, keys.len());
            honoured &= (f64::from(*load) / keys.len() as f64 - share).abs() <= most;
        }
        assert_eq!(honoured, entry.weighted, "{}: {loads:?}", entry.name);
    }
}

#[test]
fn one_weight_more_moves_keys_only_to_that_server() {
    let keys = keys(10_000);
    for name in ["weighted-rendezvous", "ring"] {
        let list = servers(0..5);
        let mut heavier = list.clone();
        heavier[2].weight = 1.5;
        let mut strategy = name.parse::<StrategySpec>().unwrap().make(1);
        strategy.rebuild(&list);
        let old = place(&mut *strategy, &list, &keys);
        strategy.rebuild(&heavier);
        let new = place(&mut *strategy, &heavier, &keys);
        let moved: Vec<_> = old.iter().zip(&new).filter(|(old, new)| old != new).collect();
        assert!(moved.len() > 500, "{name}: {}", moved.len());
        assert!(moved.iter().all(|(_, new)| **new == list[2].id), "{name}");
    }
}

proptest! {
    // Each case builds every strategy anew, maglev's table of 65537 slots too.
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn a_key_is_where_it_was_picked_to_be(key in any::<String>(), n in 1_usize..40) {
        for entry in ALL {
            let mut strategy = strategy(entry, &servers(0..n));
            let before = strategy.peek(&key);
            let pick = strategy.pick(&key, &Look::BLIND);
            prop_assert_eq!(strategy.peek(&key), pick.filter(|_| entry.kind == Kind::Sticky), "{}", entry.name);
            if before.is_some() {
                prop_assert_eq!(before, pick, "{}", entry.name);
            }
        }
    }

    #[test]
    fn a_copy_picks_as_the_original_does(
        picks in prop::collection::vec((0_usize..50, prop::collection::vec(0_u32..4, 8)), 1..30),
        split in 0_usize..30,
    ) {
        for entry in ALL {
            let mut one = strategy(entry, &servers(0..8));
            let mut other = one.boxed();
            for (at, (key, loads)) in picks.iter().enumerate() {
                let look = Look { now: Time::from_nanos(at as u64), loads };
                let key = format!("room{key}");
                let pick = one.pick(&key, &look);
                if at < split {
                    other = one.boxed();
                } else {
                    prop_assert_eq!(other.pick(&key, &look), pick, "{}", entry.name);
                }
            }
        }
    }

    /// Servers go and come in any order: no key moves but from one that went or to one that came,
    /// and all agree with the list.
    #[test]
    fn whatever_the_history_only_forced_keys_move(
        steps in prop::collection::vec((any::<bool>(), 0_usize..12), 1..25),
    ) {
        let keys = keys(200);
        for entry in sticky().filter(|entry| entry.moves == Moves::Least) {
            let mut numbers: Vec<usize> = (0..4).collect();
            let mut list = servers(numbers.clone());
            let mut strategy = strategy(entry, &list);
            let mut old = place(&mut *strategy, &list, &keys);
            for (adds, number) in &steps {
                if *adds && !numbers.contains(number) {
                    numbers.push(*number);
                } else if !adds && numbers.len() > 1 {
                    numbers.retain(|other| other != number);
                }
                let before = std::mem::replace(&mut list, servers(numbers.clone()));
                strategy.rebuild(&list);
                let new = place(&mut *strategy, &list, &keys);
                for (old, new) in old.iter().zip(&new).filter(|(old, new)| old != new) {
                    let went = list.iter().all(|server| server.id != *old);
                    let came = before.iter().all(|server| server.id != *new);
                    prop_assert!(went || came, "{}: {} to {}", entry.name, old, new);
                }
                old = new;
            }
        }
    }

    #[test]
    fn load_aware_strategies_never_choose_worse_than_they_may(
        loads in prop::collection::vec(0_u32..5, 1..12), key in "[a-z]{1,8}", seed in any::<u64>(),
    ) {
        let n = loads.len();
        let pick = |name: &str| {
            let mut strategy = name.parse::<StrategySpec>().unwrap().make(seed);
            strategy.rebuild(&servers(0..n));
            loads[strategy.pick(&key, &Look { now: Time::START, loads: &loads }).unwrap()]
        };
        let mut sorted = loads.clone();
        sorted.sort_unstable();
        prop_assert_eq!(pick("least-connections"), sorted[0]);
        // Of d different servers the least loaded one has at most d - 1 above it.
        for d in 1..=n {
            let load = pick(&format!("two-choices({d})"));
            prop_assert!(load <= sorted[n - d], "{} of {:?} with d = {}", load, loads, d);
        }
        prop_assert!(sorted[0] > 0 || pick("join-idle-queue") == 0);
        let total: u32 = loads.iter().sum();
        for epsilon in [0.01, 0.25, 1.0] {
            let cap = ((1.0 + epsilon) * f64::from(total + 1) / n as f64).ceil() as u32;
            let load = pick(&format!("bounded-load({epsilon})"));
            prop_assert!(load < cap, "{} of {:?}, epsilon {}", load, loads, epsilon);
        }
    }
}

#[test]
fn ties_go_to_any_server() {
    for name in ["random", "two-choices", "least-connections", "join-idle-queue", "peak-ewma"] {
        let mut strategy = name.parse::<StrategySpec>().unwrap().make(3);
        strategy.rebuild(&servers(0..5));
        let mut counts = [0_u32; 5];
        for i in 0..10_000 {
            counts[strategy.pick(&format!("user{i}"), &Look::BLIND).unwrap()] += 1;
        }
        // Five standard deviations of a binomial of 10,000 with chance 1/5.
        assert!(counts.iter().all(|count| count.abs_diff(2000) < 200), "{name}: {counts:?}");
    }
}

#[test]
fn peak_ewma_believes_a_slow_reading_at_once_and_forgets_it_in_time() {
    let s = |seconds: u64| Time::from_nanos(seconds * 1_000_000_000);
    let ms = std::time::Duration::from_millis;
    let mut strategy = "peak-ewma(10)".parse::<StrategySpec>().unwrap().make(1);
    strategy.rebuild(&servers(0..2));
    let share = |strategy: &mut Box<dyn Strategy>, now: Time| {
        let look = Look { now, loads: &[1, 1] };
        (0..1000).filter(|i| strategy.pick(&i.to_string(), &look) == Some(1)).count()
    };
    strategy.learn(s(1), 0, ms(100));
    strategy.learn(s(1), 1, ms(20));
    assert_eq!(share(&mut strategy, s(1)), 1000, "the quicker one of two");
    strategy.learn(s(2), 1, ms(500));
    assert_eq!(share(&mut strategy, s(2)), 0, "one slow answer is enough");
    // 500 ms · exp(-18/10) is 83 ms; the other's 100 ms were told again, so they have not faded.
    strategy.learn(s(20), 0, ms(100));
    assert_eq!(share(&mut strategy, s(20)), 1000, "what was slow long ago is tried again");
}

#[test]
fn a_directory_remembers_what_has_settled_and_drops_what_never_does() {
    let at = Time::from_nanos;
    let mut strategy = "directory(round-robin)".parse::<StrategySpec>().unwrap().make(1);
    strategy.rebuild(&servers(0..3));
    let look = |now| Look { now: at(now), loads: &[] };
    assert_eq!(
        [("a", 1), ("b", 2), ("c", 3)].map(|(key, now)| strategy.pick(key, &look(now))),
        [Some(0), Some(1), Some(2)]
    );
    strategy.placements_mut().unwrap().settle("a");
    assert_eq!((strategy.pick("b", &look(9)), strategy.placements().unwrap().unsettled()), (Some(1), 2));
    strategy.placements_mut().unwrap().mark_stale(at(5));
    assert_eq!(strategy.peek("c"), Some(2), "a mark alone takes nothing away");
    strategy.placements_mut().unwrap().drop_stale();
    assert_eq!(["a", "b", "c"].map(|key| strategy.peek(key)), [Some(0), Some(1), None]);
    // A remaining key is found until it is dropped, and kept when it is asked for again.
    strategy.placements_mut().unwrap().unsettle(at(10), "a");
    strategy.placements_mut().unwrap().mark_stale(at(20));
    assert_eq!(strategy.pick("a", &look(21)), Some(0));
    strategy.placements_mut().unwrap().drop_stale();
    assert_eq!(["a", "b"].map(|key| strategy.peek(key)), [Some(0), None]);
    strategy.placements_mut().unwrap().forget("a");
    assert_eq!((strategy.peek("a"), strategy.placements().unwrap().unsettled()), (None, 0));
}
