//! The queue model under faults: crashes, drains, timeouts, retries, slow servers; and properties
//! of any run.

use crate::virtual_queue::lab;

use lab::{Lab, exponential, holds, play, queue, scenario};
use pomelo_sim::scenario::Scenario;
use pomelo_sim::virtual_time::{VirtualError, run_queue};
use proptest::prelude::*;
use serde_json::{Value, json};

fn with_events(mut scenario: Scenario, events: Value) -> Scenario {
    scenario.events = serde_json::from_value(events).unwrap();
    scenario
}

fn strategies() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "pomelo-crc",
        "rendezvous",
        "directory(two-choices)",
        "bounded-load",
        "random",
        "round-robin",
        "two-choices",
        "least-connections",
        "join-idle-queue",
        "peak-ewma",
    ])
}

fn service() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(exponential()),
        Just(json!("deterministic")),
        Just(json!({"lognormal": 4.0})),
        Just(json!({"pareto": 1.5})),
    ]
}

/// An event of one of four servers and one that comes.
fn event() -> impl Strategy<Value = Value> {
    let length = prop_oneof![Just(Value::Null), (0.0..0.3).prop_map(|seconds| json!(seconds))];
    (0..6, 1..=4, 0.0..0.5, length).prop_map(|(kind, server, at_s, for_s)| {
        let id = json!(format!("server-{server}"));
        let mut event = match kind {
            0 => json!({"add": "server-5"}),
            1 => json!({"remove": id}),
            2 | 3 => json!({"crash": id}),
            4 => json!({"slow": id, "speed": 0.2}),
            _ => json!({"crowd": {"factor": 3.0, "ramp_s": 0.05}}),
        };
        event["at_s"] = json!(at_s);
        event["for_s"] = for_s;
        event
    })
}

fn retry() -> impl Strategy<Value = Value> {
    let policies =
        prop::sample::select(vec!["fixed", "exponential", "full-jitter", "equal-jitter", "decorrelated"]);
    let retry = (policies, 0.0..20.0, 1..6)
        .prop_map(|(policy, base, most)| json!({"policy": policy, "base_ms": base, "attempts_max": most}));
    prop_oneof![Just(Value::Null), retry]
}

fn any_scenario() -> impl Strategy<Value = Scenario> {
    let servers = (1..4_u32, prop_oneof![Just(Value::Null), (0..20_u32).prop_map(|max| json!(max))]);
    let timeout = prop_oneof![Just(Value::Null), (0.1..20.0).prop_map(|millis| json!(millis))];
    let keys = prop_oneof![Just(Value::Null), Just(json!({"count": 50, "zipf": 1.0}))];
    let age = prop_oneof![Just(0.0), 0.1..30.0];
    let work = (0.3..8.0, service(), servers, strategies());
    let trouble = (timeout, retry(), keys, age, prop::collection::vec(event(), 0..6));
    (work, trouble, any::<u32>()).prop_map(|(work, trouble, seed)| {
        let (rate, service, (workers, queue_max), strategy) = work;
        let (timeout, retry, keys, age, events) = trouble;
        let servers = json!([
            {"count": 2, "workers": workers, "queue_max": queue_max},
            {"count": 2, "speed": 0.5, "weight": 2.0, "queue_max": queue_max},
        ]);
        let mut queue = queue(servers, rate, service);
        queue["timeout_ms"] = timeout;
        queue["retry"] = retry;
        queue["keys"] = keys;
        queue["load_age_ms"] = json!(age);
        let mut scenario = with_events(scenario(queue, strategy, 0.5), json!(events));
        scenario.seed = u64::from(seed);
        scenario
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn every_job_is_accounted_for(scenario in any_scenario(), warmup_s in 0.0..0.2) {
        let outcome = play(&scenario, 0, warmup_s);
        holds(&outcome);
        let again = play(&scenario, 0, warmup_s);
        prop_assert_eq!(serde_json::to_string(&outcome).unwrap(), serde_json::to_string(&again).unwrap());
    }
}

/// One server of two crashes under full load; without retries exactly what it had is lost, and the
/// rest goes to the other.
#[test]
fn a_crash_loses_what_the_server_had() {
    let events = json!([{"at_s": 1.0, "crash": "server-1"}]);
    let scenario = with_events(scenario(queue(json!(2), 0.5, exponential()), "round-robin", 3.0), events);
    let outcome = play(&scenario, 0, 0.0);
    holds(&outcome);
    let gone = outcome.metrics["lost.server_gone"];
    assert_eq!(outcome.metrics["lost"], gone);
    assert!(gone <= 20.0, "{gone} lost");
    assert_eq!(outcome.marks[0].what, "server-1 crashed");
    let late = |index: usize| outcome.servers[index].busy[50..].iter().sum::<f64>();
    assert!(late(0) == 0.0 && late(1) > 10.0);
}

/// With all servers gone for a while, jobs find none; with retries they wait for it to come back,
/// and none is lost.
#[test]
fn clients_that_try_again_survive_a_crash() {
    let events = json!([{"at_s": 1.0, "crash": "server-1", "for_s": 0.5}]);
    let base = scenario(queue(json!(1), 0.5, exponential()), "random", 3.0);
    let mut scenario = with_events(base, events);
    let lost = play(&scenario, 0, 0.0);
    holds(&lost);
    // Half a second of 500 jobs a second: 250, give or take three standard deviations.
    let none = lost.metrics["lost.no_server"];
    assert!((none - 250.0).abs() <= 3.0 * 250_f64.sqrt(), "{none} found no server");

    let retry = json!({"policy": "full-jitter", "base_ms": 50.0, "cap_ms": 1000.0, "attempts_max": 30});
    scenario.queue.as_mut().unwrap().retry = serde_json::from_value(retry).unwrap();
    let kept = play(&scenario, 0, 0.0);
    holds(&kept);
    assert_eq!((kept.metrics["lost"], kept.metrics["in_flight"] < 20.0), (0.0, true));
    // The longest wait is about the outage.
    let longest = kept.metrics["job_ms.max"];
    assert!((400.0..1500.0).contains(&longest), "{longest} ms");
    assert!(kept.metrics["retries_per_client"] > 0.1);
}

#[test]
fn a_server_that_is_removed_does_what_it_has() {
    let events = json!([{"at_s": 1.0, "remove": "server-2"}, {"at_s": 2.0, "add": "server-3"}]);
    let queue = queue(json!(2), 1.6, exponential());
    let outcome = play(&with_events(scenario(queue, "round-robin", 3.0), events), 0, 0.0);
    holds(&outcome);
    assert_eq!(outcome.metrics["lost"], 0.0);
    let marks: Vec<&str> = outcome.marks.iter().map(|mark| mark.what.as_str()).collect();
    assert_eq!(marks, ["server-2 removed", "server-3 added"]);
    assert!(outcome.servers[2].busy[..78].iter().all(|busy| *busy == 0.0));
    assert!(outcome.servers[2].busy[90..].iter().sum::<f64>() > 15.0);
}

/// A job of 1 ms meets a quarter of the speed half-way: it takes 0.5 ms and four times 0.5 ms.
#[test]
fn what_is_being_served_slows_down_too() {
    let mut queue = queue(json!(1), 0.01, json!("deterministic"));
    queue["arrivals"]["gaps"] = json!("deterministic");
    let events = json!([{"at_s": 0.1005, "slow": "server-1", "speed": 0.25, "for_s": 0.1}]);
    let scenario = with_events(scenario(queue, "random", 0.35), events);
    let outcome = play(&scenario, 0, 0.0);
    // Jobs come at 100, 200 and 300 ms: the first is slowed, the second is quick again from 200.5
    // ms on.
    let [first, second, third] = [2.5, 0.5 + 0.875, 1.0];
    let mean = (first + second + third) / 3.0;
    assert!((outcome.metrics["job_ms.mean"] - mean).abs() < 1e-9, "{}", outcome.metrics["job_ms.mean"]);
    assert!((outcome.metrics["job_ms.max"] - first).abs() < 1e-9);
}

/// Clients of an M/M/1 queue wait for 2 ms: who gets an answer has waited no longer, and the share
/// that does not is the tail beyond 2 ms, for jobs are done all the same.
#[test]
fn who_times_out_is_served_in_vain() {
    let mut queue = queue(json!(1), 0.5, exponential());
    queue["timeout_ms"] = json!(2.0);
    let lab = Lab::run(&scenario(queue, "random", 8.0), 0.3);
    lab.outcomes.iter().for_each(holds);
    lab.figure("lost_fraction").is("late by more than 2 ms", (-2.0_f64 * 0.5).exp());
    lab.figure("utilisation.mean").is("work, in vain or not", 0.5);
    assert!(lab.outcomes.iter().all(|outcome| outcome.metrics["job_ms.max"] <= 2.0));
}

/// A service that is full for a second: clients that all wait for the same time come back together,
/// those that jitter do not.
#[test]
fn jitter_flattens_a_storm_of_retries() {
    let storm = |policy: &str| {
        let mut queue = queue(json!([{"workers": 20, "queue_max": 0}]), 5.0, exponential());
        queue["retry"] = json!({"policy": policy, "base_ms": 2000.0, "cap_ms": 60_000.0, "attempts_max": 20});
        let events = json!([{"at_s": 3.0, "crash": "server-1", "for_s": 0.5}]);
        let lab = Lab::run(&with_events(scenario(queue, "random", 8.0), events), 0.0);
        lab.outcomes.iter().for_each(holds);
        lab.figure("peak_attempts_per_s")
    };
    let (fixed, jitter) = (storm("fixed"), storm("full-jitter"));
    jitter.is_less("peak with full jitter, with fixed pauses", fixed);
    // Those of half a second come back within half a second, on top of five thousand a second.
    fixed.is("peak with fixed pauses", 7_500.0);
}

/// A server more of four: rendezvous moves a fifth of the keys, all of them to it; a remainder
/// moves most.
#[test]
fn keys_move_as_the_strategy_promises() {
    let moved = |strategy: &str| {
        let mut queue = queue(json!(4), 1.0, exponential());
        queue["keys"] = json!({"count": 20_000, "zipf": 1.0});
        let events = json!([{"at_s": 0.5, "add": "server-5"}]);
        let outcome = play(&with_events(scenario(queue, strategy, 1.0), events), 0, 0.1);
        holds(&outcome);
        (outcome.metrics["moved_fraction"], outcome.metrics["unforced_fraction"])
    };
    let (least, unforced) = moved("rendezvous");
    // Three standard deviations of a binomial share.
    assert!((least - 0.2).abs() <= 3.0 * (0.16_f64 / 20_000.0).sqrt(), "{least}");
    assert_eq!(unforced, 0.0);
    let (most, unforced) = moved("crc32-mod");
    assert!((most - 0.8).abs() < 0.02 && (unforced - 0.6).abs() < 0.02, "{most}, {unforced}");
    assert_eq!(moved("directory(two-choices)"), (0.0, 0.0));
}

/// One hot key of Zipf's law is one server's, under a sticky strategy, and makes it the busiest by
/// its share.
#[test]
fn a_hot_key_makes_a_hot_server() {
    let mut queue = queue(json!([{"count": 8, "workers": 8}]), 20.0, json!("deterministic"));
    queue["keys"] = json!({"count": 1000, "zipf": 1.2});
    let peak = |strategy: &str| {
        let lab = Lab::run(&scenario(queue.clone(), strategy, 0.4), 0.1);
        lab.outcomes.iter().for_each(holds);
        lab.figure("balance.peak_to_mean")
    };
    peak("two-choices").is_less("two choices, rendezvous", peak("rendezvous"));
}

#[test]
fn a_crowd_comes_and_goes() {
    let events = json!([{"at_s": 1.0, "for_s": 1.0, "crowd": {"factor": 4.0}}]);
    let queue = queue(json!([{"workers": 100}]), 10.0, exponential());
    let outcome = play(&with_events(scenario(queue, "random", 3.0), events), 0, 0.0);
    // 10 000, 40 000 and 10 000 in a second each, give or take three standard deviations.
    let (all, peak) = (outcome.metrics["attempted"], outcome.metrics["peak_attempts_per_s"]);
    assert!((all - 60_000.0).abs() <= 3.0 * 60_000_f64.sqrt(), "{all}");
    assert!((peak - 40_000.0).abs() <= 3.0 * 40_000_f64.sqrt(), "{peak}");
}

#[test]
fn what_makes_no_sense_is_refused() {
    let base = || scenario(queue(json!(2), 1.0, exponential()), "random", 1.0);
    let error =
        |scenario: &Scenario| run_queue(scenario, &scenario.strategies[0], 0, 0.0).unwrap_err().to_string();
    let events = |events: Value| with_events(base(), events);
    let mut none = base();
    none.queue = None;
    assert_eq!(error(&none), "expected a scenario with a `queue` model, got one without");
    assert_eq!(
        error(&events(json!([{"at_s": 0.0, "crash": "server-7"}]))),
        "events[0]: no server is called server-7"
    );
    assert_eq!(error(&events(json!([{"at_s": 0.0}]))), "events[0]: expected exactly one change");
    assert_eq!(
        error(&events(json!([{"at_s": 0.0, "hot_room": {"room": 1, "users": 2}}]))),
        "events[0]: is for the chat model only"
    );
    let twice = scenario(queue(json!([{"id": "a"}, {"id": "a"}]), 1.0, exponential()), "random", 1.0);
    assert_eq!(error(&twice), "expected unique server ids, got a twice");
    let mut still = base();
    still.duration_s = f64::NAN;
    assert!(matches!(
        run_queue(&still, &still.strategies[0], 0, 0.0),
        Err(VirtualError::Number { field: "duration_s", .. })
    ));
}
