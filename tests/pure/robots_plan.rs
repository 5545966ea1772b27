//! Plans of robots: settings, crowds, schedules. All pure.

use std::collections::BTreeMap;
use std::path::Path;

use pomelo_sim::random::sizes;
use pomelo_sim::robots::crowd::Crowd;
use pomelo_sim::robots::schedule::{Moments, arrival};
use pomelo_sim::robots::{Load, LoadPlan, Settings, TransportChoice};
use pomelo_sim::time::Time;
use proptest::prelude::*;

fn file(text: &str) -> Settings {
    Settings::from_json(text, "robots.json".to_owned()).unwrap()
}

fn plan(text: &str) -> LoadPlan {
    file(text).plan().unwrap()
}

fn refused(text: &str) -> String {
    match Settings::from_json(text, "robots.json".to_owned()) {
        Err(error) => error.to_string(),
        Ok(settings) => settings.plan().unwrap_err().to_string(),
    }
}

#[test]
fn the_example_is_a_plan_and_names_what_a_plan_says() {
    let text = std::fs::read_to_string("config/robots.json").unwrap();
    let plan = Settings::load(Path::new("config/robots.json")).unwrap().plan().unwrap();
    let (said, resolved): (BTreeMap<String, serde_json::Value>, _) =
        (serde_json::from_str(&text).unwrap(), serde_json::to_value(&plan).unwrap());
    for (key, value) in said {
        assert_eq!(resolved[&key].as_f64(), value.as_f64(), "{key}");
        assert_eq!(resolved[&key].as_str(), value.as_str(), "{key}");
    }
}

#[test]
fn without_settings_there_are_the_defaults() {
    let plan = plan("{}");
    assert_eq!((plan.users, plan.rooms, plan.load), (100, 10, Load::Rate(1.0)));
    assert_eq!((&*plan.gate, &*plan.prefix), ("127.0.0.1:3014", "robot"));
    assert_eq!((plan.transport, plan.payload, plan.seed), (TransportChoice::Mix, 64, 1));
}

#[test]
fn flags_win_over_the_file_and_over_what_they_exclude() {
    let flags = Settings { window: Some(4), users: Some(7), ..Settings::default() };
    let both = flags.over(file(r#"{"rate":2,"room_sizes":[1,2],"seed":9}"#)).plan().unwrap();
    assert_eq!((both.load, both.users, both.rooms, both.seed), (Load::Window(4), 7, 10, 9));

    let flags = Settings { room_sizes: Some(vec![5, 6]), rate: Some(3.0), ..Settings::default() };
    let both = flags.over(file(r#"{"window":2,"users":50,"rooms":4,"zipf":1}"#)).plan().unwrap();
    assert_eq!((both.load, both.users, both.rooms), (Load::Rate(3.0), 11, 2));
}

#[test]
fn errors_name_the_place_what_was_expected_and_what_came() {
    for (text, message) in [
        ("", "robots.json:1:0: EOF while parsing a value"),
        ("[", "robots.json:1:1: EOF while parsing a list"),
        ("{}x", "robots.json:1:3: trailing characters"),
        (r#"{"users":-1}"#, "robots.json:1:11: users: invalid value: integer `-1`, expected usize"),
        (
            r#"{"room_sizes":[1,"a"]}"#,
            r#"robots.json:1:20: room_sizes[1]: invalid type: string "a", expected usize"#,
        ),
        (
            r#"{"transport":"udp"}"#,
            "robots.json:1:18: transport: unknown variant `udp`, expected one of `ws`, `tcp`, `mix`",
        ),
        (r#"{"payload":2000000}"#, "payload: expected 0 to 1048576, got 2000000"),
        (r#"{"prefix":"a b"}"#, r#"prefix: expected 1 to 32 letters, digits, - _ or ., got "a b""#),
        (r#"{"duration":0}"#, "duration: expected 0.001 to 1000000, got 0"),
        (r#"{"room_sizes":[]}"#, "users: expected 1 to 1000000, got 0"),
        (
            r#"{"window":2,"rate":1}"#,
            "window cannot be used with rate: a window is a closed loop, a rate an open one",
        ),
        (
            r#"{"room_sizes":[2],"zipf":1}"#,
            "room_sizes cannot be used with zipf: the sizes say how many users and rooms there are",
        ),
    ] {
        assert_eq!(refused(text), message);
    }
    assert!(
        refused(r#"{"user":1}"#)
            .starts_with("robots.json:1:7: user: unknown field `user`, expected one of `gate`, ")
    );
    assert!(
        Settings::load(Path::new("no/such.json"))
            .unwrap_err()
            .to_string()
            .starts_with("no/such.json: cannot be read: ")
    );
}

#[test]
fn zipf_is_zipf() {
    assert_eq!(sizes(100, 4, 0.0), [25, 25, 25, 25]);
    assert_eq!(sizes(10, 4, 0.0), [3, 3, 2, 2]);
    // 1, 1/2, 1/3, 1/4 of 12/25 of 100.
    assert_eq!(sizes(100, 4, 1.0), [48, 24, 16, 12]);
    assert_eq!(sizes(3, 5, 3.0), [3, 0, 0, 0, 0]);
}

#[test]
fn moments_come_at_their_rate_and_to_everybody_alike() {
    // 20,000 of a Poisson process: their time and each member's part are within five standard
    // deviations.
    const COUNT: usize = 20_000;
    let (members, rate) = (10, 100.0);
    let start = Time::from_nanos(7_000_000_000);
    let moments: Vec<_> = Moments::new(1, "test", members, rate, start).take(COUNT).collect();
    assert!(moments.is_sorted_by_key(|(at, _)| *at) && moments[0].0 >= start);
    let seconds = moments[COUNT - 1].0.since(start).as_secs_f64();
    let expected = COUNT as f64 / (rate * members as f64);
    assert!((seconds - expected).abs() < 5.0 * expected / (COUNT as f64).sqrt(), "{seconds} s");
    let mut counts = vec![0_usize; members];
    moments.iter().for_each(|(_, member)| counts[*member] += 1);
    assert!(counts.iter().all(|count| count.abs_diff(COUNT / members) < 5 * 45), "{counts:?}");
    // The gaps of a Poisson process vary as much as they are long; those of a clock would not vary.
    let gaps: Vec<f64> = moments.windows(2).map(|two| two[1].0.since(two[0].0).as_secs_f64()).collect();
    let mean = gaps.iter().sum::<f64>() / gaps.len() as f64;
    let variance = gaps.iter().map(|gap| (gap - mean).powi(2)).sum::<f64>() / gaps.len() as f64;
    assert!((variance.sqrt() / mean - 1.0).abs() < 0.05, "{}", variance.sqrt() / mean);
}

#[test]
fn a_seed_is_a_schedule() {
    let first = |seed, name| Moments::new(seed, name, 3, 1.0, Time::START).take(20).collect::<Vec<_>>();
    assert_eq!(first(1, "a"), first(1, "a"));
    assert_ne!(first(1, "a"), first(2, "a"));
    assert_ne!(first(1, "a"), first(1, "b"));
    assert_eq!(Moments::new(1, "a", 3, 0.0, Time::START).next(), None);
    assert_eq!(Moments::new(1, "a", 0, 1.0, Time::START).next(), None);
    assert_eq!(arrival(500, 200.0).as_millis(), 2500);
}

proptest! {
    #[test]
    fn sizes_sum_up_and_never_grow_with_the_rank(
        users in 0_usize..3000, rooms in 1_usize..300, skew in 0.0_f64..4.0
    ) {
        let sizes = sizes(users, rooms, skew);
        prop_assert_eq!(sizes.len(), rooms);
        prop_assert_eq!(sizes.iter().sum::<usize>(), users);
        prop_assert!(sizes.is_sorted_by(|a, b| a >= b), "{:?}", sizes);
    }

    #[test]
    fn a_crowd_fills_the_rooms_and_has_its_senders(
        room_sizes in proptest::collection::vec(0_usize..20, 1..20),
        senders in proptest::option::of(0_usize..25),
        seed: u64
    ) {
        let settings = Settings { room_sizes: Some(room_sizes.clone()), senders, seed: Some(seed), ..Settings::default() };
        prop_assume!(room_sizes.iter().sum::<usize>() > 0);
        let plan = settings.plan().unwrap();
        let crowd = Crowd::new(&plan);
        prop_assert_eq!(&crowd, &Crowd::new(&plan));
        for (room, size) in room_sizes.iter().enumerate() {
            prop_assert_eq!(crowd.room_of.iter().filter(|of| **of == room).count(), *size);
            let sending = crowd.senders.iter().filter(|member| crowd.room_of[**member] == room).count();
            prop_assert_eq!(sending, senders.unwrap_or(usize::MAX).min(*size));
        }
    }
}
