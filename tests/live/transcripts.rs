//! Every scenario that was recorded from Pomelo, replayed on a running cluster over both
//! transports: the same packages in the same order, byte for byte, or the repair that stands in the
//! place of what the original did wrong.

pub(crate) mod bodies;
pub(crate) mod friend;
pub(crate) mod hand;
pub(crate) mod replay;
pub(crate) mod scenario;
pub(crate) mod seen;
pub(crate) mod verdicts;
pub(crate) mod wanted;

use std::sync::Mutex;

use crate::support::client::{BOTH, Transport};
use crate::transcripts::replay::replay;
use crate::transcripts::scenario::{Rule, Scenario, load};
use crate::transcripts::verdicts::{EXCLUDED, ONE_TRANSPORT, REAL_TIME, REPAIRS, Verdict};

#[test]
fn no_scenario_is_left_out_and_no_verdict_is_idle() {
    let scenarios = load();
    assert_eq!(scenarios.len(), 191);
    for Scenario { name, rule, .. } in &scenarios {
        let repaired = REPAIRS.iter().filter(|(known, _)| known == name).count();
        let excluded = EXCLUDED.iter().filter(|(known, _)| known == name).count();
        assert!(repaired + excluded <= 1, "{name} has {} verdicts", repaired + excluded);
        match rule {
            Rule::Match => assert_eq!(excluded, 0, "{name} must match and cannot be excluded"),
            Rule::Repair => assert_eq!(repaired + excluded, 1, "{name} needs a verdict"),
        }
    }
    let named = REPAIRS.iter().map(|row| row.0).chain(EXCLUDED.iter().map(|row| row.0));
    let named = named.chain(ONE_TRANSPORT.iter().map(|row| row.0)).chain(REAL_TIME.iter().map(|row| row.0));
    for name in named {
        assert!(scenarios.iter().any(|scenario| scenario.name == name), "no scenario {name}");
    }
}

#[test]
fn what_is_right_is_the_same_over_tcp() {
    run(plays(Rule::Match, Transport::Tcp), 4);
}

#[test]
fn what_is_right_is_the_same_over_websocket() {
    run(plays(Rule::Match, Transport::WebSocket), 4);
}

#[test]
fn what_was_wrong_is_repaired_over_tcp() {
    run(plays(Rule::Repair, Transport::Tcp), 4);
}

#[test]
fn what_was_wrong_is_repaired_over_websocket() {
    run(plays(Rule::Repair, Transport::WebSocket), 4);
}

/// These wait most of the time, so all of them wait together.
#[test]
fn heartbeats_and_timeouts_keep_their_time() {
    let all = all_plays().filter(|play| verdicts::is_real_time(&play.0.name)).collect();
    run(all, usize::MAX);
}

type Play = (Scenario, Transport);

/// Each scenario on both transports, whichever it was recorded on.
fn all_plays() -> impl Iterator<Item = Play> {
    let plays = load().into_iter().flat_map(|scenario| BOTH.map(|transport| (scenario.clone(), transport)));
    plays.filter(|(scenario, transport)| verdicts::is_playable(&scenario.name, *transport))
}

fn plays(rule: Rule, transport: Transport) -> Vec<Play> {
    let wanted = |play: &Play| play.0.rule == rule && play.1 == transport;
    all_plays().filter(|play| wanted(play) && !verdicts::is_real_time(&play.0.name)).collect()
}

/// Replays this many at once, each on a thread with its name, and reports all failures.
fn run(plays: Vec<Play>, at_once: usize) {
    assert!(!plays.is_empty());
    let failures = Mutex::new(Vec::new());
    for some in plays.chunks(at_once) {
        std::thread::scope(|scope| {
            for (scenario, transport) in some {
                let play = || {
                    let verdict = Verdict::of(scenario, *transport);
                    if let Err(failure) = replay(scenario, *transport, verdict) {
                        failures.lock().unwrap().push(failure);
                    }
                };
                let name = format!("{} over {transport:?}", scenario.name);
                std::thread::Builder::new().name(name).spawn_scoped(scope, play).unwrap();
            }
        });
    }
    let failures = failures.into_inner().unwrap();
    assert!(failures.is_empty(), "{} of {} fail:\n{}", failures.len(), plays.len(), failures.join("\n"));
}
