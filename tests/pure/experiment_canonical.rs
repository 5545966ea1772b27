//! The built-in scenarios: they load, describe themselves, and run on a small scale.

use std::fs;
use std::path::PathBuf;

use pomelo_sim::scenario::Scenario;
use pomelo_sim::stats::Outcome;
use pomelo_sim::virtual_time::{run_chat, run_queue};

/// What ships, in order of name.
const NAMES: [&str; 12] = [
    "add-a-chat-server",
    "connector-crash-reconnect-storm",
    "flash-crowd",
    "hot-room",
    "network-partition",
    "remove-a-chat-server",
    "rolling-restart",
    "seed-3x3",
    "slow-server",
    "stale-load-info",
    "theory-suite",
    "zipf-10m-users",
];

fn scenarios() -> Vec<(String, Scenario)> {
    let files = fs::read_dir("config/experiments").unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<PathBuf> =
        files.filter(|path| path.extension().is_some_and(|extension| extension == "json")).collect();
    files.sort();
    let stem = |path: &PathBuf| path.file_stem().unwrap().to_str().unwrap().to_owned();
    files.iter().map(|path| (stem(path), Scenario::load(path).unwrap())).collect()
}

#[test]
fn twelve_scenarios_ship_and_each_asks_something_and_claims_something() {
    let all = scenarios();
    assert_eq!(all.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), NAMES);
    for (name, scenario) in all {
        assert_eq!(scenario.name, name);
        assert!(scenario.question.ends_with('?'), "{name}: {}", scenario.question);
        assert!(scenario.strategies.len() >= 2 && !scenario.expect.is_empty(), "{name}");
    }
}

/// As many as a debug build can bear: what the scenario is about stays.
fn small(mut scenario: Scenario) -> Scenario {
    if let Some(chat) = &mut scenario.chat {
        chat.users = chat.users.min(if chat.talk.per_s < 0.01 { 5000 } else { 200 });
        chat.rooms = chat.rooms.min(50);
        chat.logins_per_s = chat.logins_per_s.map(|rate| rate.min(10.0));
    } else {
        scenario.duration_s = scenario.duration_s.min(20.0);
        scenario.events.retain(|event| event.at_s < 30.0);
    }
    scenario
}

#[test]
fn each_runs_on_a_small_scale_and_loses_count_of_nothing() {
    for (name, scenario) in scenarios() {
        let scenario = small(scenario);
        let run = if scenario.queue.is_some() { run_queue } else { run_chat };
        let strategy = scenario.strategies.last().unwrap();
        let outcome: Outcome = run(&scenario, strategy, 0, 2.0).unwrap();
        let metric = |metric: &str| outcome.metrics[metric];
        assert!(metric("attempted") > 10.0, "{name}");
        assert_eq!(metric("attempted"), metric("done") + metric("lost") + metric("in_flight"), "{name}");
        let undone = scenario.events.iter().filter(|event| event.for_s.is_some()).count();
        assert_eq!(outcome.marks.len(), scenario.events.len() + undone, "{name}: {:?}", outcome.marks);
    }
}
