//! Schedules of storms are repeatable, a longer one begins like a shorter one, and together they
//! contain every kind of fault.

#[allow(dead_code)]
#[path = "../storm/schedule.rs"]
mod schedule;

use std::collections::BTreeSet;
use std::mem::discriminant;

use schedule::{KINDS, Kind, Role, Schedule, Server, State, Step, Target};

#[test]
fn a_seed_is_a_storm() {
    for seed in 0..50 {
        let storm = Schedule::draw(seed, 200, &KINDS);
        assert_eq!(storm, Schedule::draw(seed, 200, &KINDS));
        assert_ne!(storm, Schedule::draw(seed + 1, 200, &KINDS));
        let longer = Schedule::draw(seed, 300, &KINDS);
        assert_eq!((&longer.setup, &longer.steps[..200]), (&storm.setup, &storm.steps[..]));
    }
}

#[test]
fn the_seeds_meet_every_kind_of_step_and_every_size() {
    let storms: Vec<Schedule> = (0..50).map(|seed| Schedule::draw(seed, 200, &KINDS)).collect();
    let kinds: BTreeSet<Kind> = storms.iter().flat_map(|storm| storm.setup.kinds.clone()).collect();
    assert_eq!(kinds.into_iter().collect::<Vec<_>>(), KINDS);
    let mut steps: Vec<Step> = storms.iter().flat_map(|storm| storm.steps.clone()).collect();
    steps.sort_by_key(|step| format!("{step:?}"));
    steps.dedup_by_key(|step| discriminant(step));
    assert_eq!(steps.len(), 15, "{steps:?}");
    for size in [|storm: &Schedule| storm.setup.connectors, |storm: &Schedule| storm.setup.chats] {
        let sizes: BTreeSet<usize> = storms.iter().map(size).collect();
        assert_eq!(sizes, (1..=5).collect());
    }
}

/// Faults that clients make by themselves.
const CLIENT_KINDS: [Kind; 3] = [Kind::SlowClient, Kind::Reconnect, Kind::PanicHandler];

#[test]
fn a_storm_has_only_what_is_allowed() {
    for seed in 0..50 {
        let storm = Schedule::draw(seed, 200, &CLIENT_KINDS);
        let of_clients = |step: &Step| {
            matches!(step, Step::Calm | Step::SlowClient(_) | Step::Reconnect { .. } | Step::PanicHandler(_))
        };
        assert!(storm.steps.iter().all(of_clients), "seed {seed}");
        assert!(storm.setup.kinds.iter().all(|kind| CLIENT_KINDS.contains(kind)));
    }
}

#[test]
fn targets_are_servers_in_a_fit_state() {
    let server = |id: &str, role, state| Server { id: id.to_owned(), role, state };
    let servers = [
        server("gate-1", Role::Gate, State::Running),
        server("chat-1", Role::Chat, State::Down),
        server("chat-2", Role::Chat, State::Running),
        server("chat-3", Role::Chat, State::Running),
        server("connector-1", Role::Connector, State::Running),
    ];
    let mut setup = Schedule::draw(1, 0, &KINDS).setup;
    setup.spares_none = false;
    let target = |role, index| Target { role, index };
    let down = |server: &Server| server.state == State::Down;
    assert_eq!(target(Role::Chat, 7).pick(&servers, down), Some("chat-1"));
    assert_eq!(target(Role::Gate, 7).pick(&servers, down), None);
    assert_eq!(target(Role::Chat, 2).pick_victim(&servers, &setup), Some("chat-2"));
    assert_eq!(target(Role::Chat, 3).pick_victim(&servers, &setup), Some("chat-3"));
    assert_eq!(target(Role::Connector, 0).pick_victim(&servers, &setup), None);
    setup.spares_none = true;
    assert_eq!(target(Role::Connector, 0).pick_victim(&servers, &setup), Some("connector-1"));
    assert_eq!(target(Role::Gate, 0).pick_victim(&servers, &setup), None);
    assert_eq!(target(Role::Connector, 0).pick_to_remove(&servers, &setup), None);
    assert_eq!(target(Role::Chat, 3).pick_to_remove(&servers, &setup), Some("chat-3"));
}
