//! The chat cluster in virtual time: results compared with theory where there is one, and the same
//! each time.

use pomelo_sim::random::Random;
use pomelo_sim::scenario::Scenario;
use pomelo_sim::stats::Outcome;
use pomelo_sim::virtual_time::{ChatRun, VirtualError, run_chat};
use serde_json::{Value, json};

/// A scenario with this chat model.
fn scenario(chat: Value, duration_s: f64, events: Value) -> Scenario {
    serde_json::from_value(json!({
        "name": "test",
        "question": "?",
        "chat": chat,
        "strategies": ["pomelo-crc"],
        "duration_s": duration_s,
        "events": events,
    }))
    .unwrap()
}

fn run(scenario: &Scenario, warmup_s: f64) -> Outcome {
    run_chat(scenario, &scenario.strategies[0], 0, warmup_s).unwrap()
}

/// What was attempted is done, lost for a reason, or under way: to the last one.
fn conserve(outcome: &Outcome) {
    let metric = |name: &str| outcome.metrics[name];
    let reasons: f64 =
        outcome.metrics.iter().filter(|(name, _)| name.starts_with("lost.")).map(|(_, value)| value).sum();
    assert_eq!(reasons, metric("lost"), "{:#?}", outcome.metrics);
    let ended = metric("done") + metric("lost") + metric("in_flight");
    assert_eq!(metric("attempted"), ended, "{:#?}", outcome.metrics);
}

#[test]
fn everybody_is_answered_when_nothing_is_wrong() {
    let chat = json!({
        "servers": {"connector": 3, "chat": 3},
        "users": 300, "rooms": 30, "zipf": 0.8, "talk": {"per_s": 0.5},
    });
    let outcome = run(&scenario(chat, 20.0, json!([])), 2.0);
    conserve(&outcome);
    let metric = |name: &str| outcome.metrics[name];
    assert_eq!(metric("lost"), 0.0, "{:#?}", outcome.metrics);
    assert_eq!(metric("attempted"), metric("messages"));
    // 300 · 0.5/s · 20 s = 3000, give or take four standard deviations of a Poisson number.
    assert!((metric("messages") - 3000.0).abs() < 4.0 * 3000_f64.sqrt(), "{}", metric("messages"));
    assert_eq!(outcome.latencies["send"].count as f64, metric("done"));
    assert_eq!(outcome.latencies["deliver"].count as f64, metric("deliveries"));
    assert!(metric("deliveries") > 10.0 * metric("messages"), "{:#?}", outcome.metrics);
    assert_eq!(outcome.servers.len(), 3);
}

/// One chat server with a fixed cost, many connectors that cost nothing, one user a room: messages
/// come to the server as a Poisson stream, and wait as M/D/1 says. A message costs the server `c` =
/// 20 ms; the load is ρ = λ·c. Pollaczek and Khinchin: the mean time is c + ρ·c/(2(1-ρ)). The
/// tolerance is four standard errors of six runs.
#[test]
fn one_server_with_a_fixed_cost_is_m_d_1() {
    for rho in [0.5, 0.75] {
        let service_s = 0.02;
        let users = 400_u32;
        let chat = json!({
            "servers": {"connector": 2, "chat": 1},
            "users": users, "rooms": users, "talk": {"per_s": rho / service_s / f64::from(users)},
            "costs": {"gate_us": 0, "connector_us": 0, "chat_us": service_s * 1e6,
                "per_envelope_us": 0, "per_member_us": 0, "per_write_us": 0},
        });
        let scenario = scenario(chat, 100.0, json!([]));
        let means: Vec<f64> = (0..6)
            .map(|replication| {
                let outcome = run_chat(&scenario, &scenario.strategies[0], replication, 10.0).unwrap();
                conserve(&outcome);
                let busy = outcome.metrics["utilisation.mean"];
                assert!((busy - rho).abs() < 0.05, "{busy} for {rho}");
                // Little: what is in the system is the rate times the time, but for what straddles
                // the ends.
                let (l, w) = (outcome.metrics["in_system.mean"], outcome.metrics["send_ms.mean"] / 1e3);
                let lambda = outcome.metrics["throughput_per_s"];
                assert!((l - lambda * w).abs() / l < 0.02, "L = {l}, λW = {}", lambda * w);
                outcome.metrics["send_ms.mean"]
            })
            .collect();
        let mean = means.iter().sum::<f64>() / 6.0;
        let variance = means.iter().map(|one| (one - mean).powi(2)).sum::<f64>() / 5.0;
        let wanted = 1e3 * (service_s + rho * service_s / (2.0 * (1.0 - rho)));
        let bound = 4.0 * (variance / 6.0).sqrt();
        assert!((mean - wanted).abs() < bound, "ρ = {rho}: {mean} ± {bound}, expected {wanted}");
        assert!(bound < 0.2 * wanted, "ρ = {rho}: too few to tell: ± {bound}");
    }
}

#[test]
fn the_same_arguments_give_the_same_bytes_and_others_do_not() {
    let chat = json!({
        "servers": {"connector": 3, "chat": 2},
        "users": 200, "rooms": 20, "zipf": 1.0, "logins_per_s": 40,
        "session_s": {"mean": 8}, "away_s": {"mean": 2},
        "talk": {"per_s": 1, "on_s": {"mean": 2}, "off_s": {"mean": 2}},
        "costs": {"shape": {"lognormal": 1.0}},
        "links": [{"name": "slow", "from": "connector", "to": "chat", "both": true, "latency": "1ms..9ms", "loss": 0.02}],
    });
    let events = json!([
        {"at_s": 4, "crash": "connector-server-2", "for_s": 3},
        {"at_s": 5, "add": "chat-server-3"},
        {"at_s": 6, "crowd": {"factor": 3, "ramp_s": 1}, "for_s": 2},
        {"at_s": 7, "hot_room": {"room": 1, "users": 30, "over_s": 1}, "for_s": 3},
    ]);
    let scenario = scenario(chat, 12.0, events);
    let bytes = |replication| {
        let strategy = &scenario.strategies[0];
        let outcome = run_chat(&scenario, strategy, replication, 1.0).unwrap();
        conserve(&outcome);
        assert!(outcome.metrics["messages"] > 300.0, "{:#?}", outcome.metrics);
        serde_json::to_string(&outcome).unwrap()
    };
    let first = bytes(0);
    assert_eq!(first, bytes(0));
    assert_ne!(first, bytes(1));
}

/// Every strategy meets the same people with the same intentions.
#[test]
fn strategies_meet_the_same_people() {
    let chat = json!({
        "servers": {"connector": 3, "chat": 3},
        "users": 200, "rooms": 20, "logins_per_s": 40, "session_s": {"mean": 8}, "talk": {"per_s": 0.5},
        "costs": {"gate_us": 0, "connector_us": 0, "chat_us": 0, "per_envelope_us": 0, "per_member_us": 0, "per_write_us": 0},
    });
    let scenario = scenario(chat, 20.0, json!([]));
    let run = |strategy: &str| {
        let outcome = run_chat(&scenario, &strategy.parse().unwrap(), 0, 0.0).unwrap();
        (outcome.metrics["messages"], outcome.metrics["deliveries"], outcome.metrics["attempted"])
    };
    assert_eq!(run("pomelo-crc"), run("crc32-mod"));
}

/// A chat server is added to three: with crc mod n, `1 - 3/4` of the rooms stay. Binomial: four
/// standard deviations.
#[test]
fn rooms_move_as_the_strategy_says_and_no_message_is_lost() {
    let rooms = 400_u32;
    let chat = json!({
        "servers": {"connector": 2, "chat": 3},
        "users": 800, "rooms": rooms, "talk": {"per_s": 0.5},
    });
    let scenario = scenario(chat, 10.0, json!([{"at_s": 5, "add": "chat-server-4"}]));
    let outcome = run(&scenario, 0.0);
    conserve(&outcome);
    let metric = |name: &str| outcome.metrics[name];
    assert_eq!(metric("lost"), 0.0, "{:#?}", outcome.metrics);
    let bound = 4.0 * (0.75 * 0.25 / f64::from(rooms)).sqrt();
    assert!((metric("moved_fraction") - 0.75).abs() < bound, "{}", metric("moved_fraction"));
    // Of three that move two go to an old server, since each of the four gets as many.
    assert!(
        (metric("unforced_fraction") - 0.5).abs() < 4.0 * (0.25 / f64::from(rooms)).sqrt(),
        "{}",
        metric("unforced_fraction")
    );
    assert_eq!((metric("orphaned_rooms"), metric("split_rooms")), (0.0, 0.0));
    assert!(metric("rebalance_s") > 0.0 && metric("rebalance_s") < 1.0, "{}", metric("rebalance_s"));
    assert!(metric("moved_bytes") > 100.0 * metric("moved_rooms"), "{}", metric("moved_bytes"));
    assert_eq!(outcome.servers.len(), 4);
    assert_eq!(outcome.marks[0].what, "chat-server-4 added");
}

/// In the original rooms stay: three of four lose their members' messages, which are answered with
/// an error.
#[test]
fn without_rebalance_rooms_lose_their_members() {
    let chat = json!({
        "servers": {"connector": 2, "chat": 3},
        "users": 800, "rooms": 400, "talk": {"per_s": 0.5}, "rebalance": false,
    });
    let scenario = scenario(chat, 5.0, json!([{"at_s": 0, "add": "chat-server-4"}]));
    let outcome = run(&scenario, 0.0);
    conserve(&outcome);
    let metric = |name: &str| outcome.metrics[name];
    let orphaned = metric("orphaned_rooms") / 400.0;
    assert!((orphaned - 0.75).abs() < 0.1, "{orphaned}");
    assert_eq!(metric("moved_rooms"), 0.0);
    // All rooms have two members and talk alike.
    assert!((metric("lost_fraction") - orphaned).abs() < 0.05, "{:#?}", outcome.metrics);
    assert_eq!(metric("lost.error"), metric("lost"));
}

/// A connector of two crashes for ten seconds: everybody comes back, on the other one at first.
#[test]
fn a_storm_of_reconnects_brings_everybody_back() {
    let storm = |policy: &str| {
        let chat = json!({
            "servers": {"connector": 2, "chat": 2},
            "users": 600, "rooms": 60, "talk": {"per_s": 0.05},
            "reconnect": {
                "detect_s": {"mean": 0.2, "shape": "deterministic"},
                "retry": {"policy": policy, "base_ms": 8000, "attempts_max": 20},
            },
        });
        let scenario = scenario(chat, 40.0, json!([{"at_s": 5, "crash": "connector-server-1", "for_s": 10}]));
        let outcome = run(&scenario, 0.0);
        conserve(&outcome);
        let metric = |name: &str| outcome.metrics[name];
        assert!(metric("recovery_s") < 15.0, "{policy}: {:#?}", outcome.metrics);
        assert_eq!(metric("in_flight"), 0.0, "{policy}: {:#?}", outcome.metrics);
        assert_eq!(metric("lost.gave_up"), 0.0);
        // Half of all were connected there, and lost it once.
        assert!((metric("reconnects") - 300.0).abs() < 80.0, "{policy}: {}", metric("reconnects"));
        assert!(metric("lost.connection_lost") > 0.0);
        metric("peak_attempts_per_s")
    };
    let (fixed, jitter) = (storm("fixed"), storm("full-jitter"));
    assert!(fixed > 4.0 * jitter, "all at once {fixed}, spread over eight seconds {jitter}");
}

#[test]
fn a_server_that_stops_tells_its_clients_and_loses_nothing_that_was_said() {
    for (id, kicks) in [("chat-server-1", false), ("connector-server-1", true)] {
        let chat = json!({
            "servers": {"connector": 3, "chat": 3},
            "users": 300, "rooms": 30, "talk": {"per_s": 0.5},
            "reconnect": {
                "detect_s": {"mean": 0.2},
                "retry": {"policy": "full-jitter", "base_ms": 200},
            },
        });
        let scenario = scenario(chat, 20.0, json!([{"at_s": 5, "remove": id, "for_s": 8}]));
        let mut run = ChatRun::new(&scenario, &scenario.strategies[0], 0, 0.0).unwrap();
        while run.advance() {}
        assert_eq!(
            run.world().unwrap().audit().into_iter().map(|law| law.to_string()).collect::<Vec<_>>(),
            [""; 0]
        );
        let outcome = run.outcome();
        conserve(&outcome);
        let metric = |name: &str| outcome.metrics[name];
        assert_eq!(metric("kicked") > 0.0, kicks, "{id}: {:#?}", outcome.metrics);
        assert_eq!(metric("reconnects"), metric("kicked"));
        assert_eq!(metric("lost"), metric("lost.connection_lost"), "{id}: {:#?}", outcome.metrics);
        if !kicks {
            assert_eq!(metric("lost"), 0.0);
            assert!(metric("moved_rooms") > 0.0);
        }
        let marks: Vec<String> = outcome.marks.iter().map(|mark| mark.what.clone()).collect();
        assert_eq!(marks, [format!("{id} removed"), format!("{id} back")]);
    }
}

#[test]
fn a_bounded_queue_loses_what_finds_no_room() {
    let chat = json!({
        "servers": {"connector": 1, "chat": 1},
        "users": 200, "rooms": 200, "talk": {"per_s": 1}, "queue_max": 5,
        "costs": {"chat_us": 20000},
    });
    let outcome = run(&scenario(chat, 20.0, json!([])), 0.0);
    conserve(&outcome);
    // 200 messages a second come, 50 are served at most: the connector's calls over the bound are
    // answered with 503.
    let refused = outcome.metrics["lost.refused"] / outcome.metrics["attempted"];
    assert!((refused - 0.75).abs() < 0.02, "{:#?}", outcome.metrics);
    assert!(outcome.metrics["send_ms.max"] < 1e3 * 7.0 * 0.0203, "{:#?}", outcome.metrics);
}

/// Random scenarios with all that can go wrong: nothing is lost without a reason, and when all is
/// healed every law holds.
#[test]
fn nothing_is_lost_without_a_reason_whatever_happens() {
    for seed in 0..12 {
        let scenario = random_scenario(seed);
        let mut run = ChatRun::new(&scenario, &scenario.strategies[0], seed as u32, 1.0).unwrap();
        while run.advance() {}
        let outcome = run.outcome();
        run.come_to_rest();
        let violations: Vec<String> = run.world().unwrap().audit().iter().map(ToString::to_string).collect();
        assert!(violations.is_empty(), "seed {seed}: {violations:#?}\n{scenario:#?}");
        conserve(&outcome);
        assert!(outcome.metrics["messages"] > 50.0, "seed {seed}: {:#?}", outcome.metrics);
    }
}

fn random_scenario(seed: u64) -> Scenario {
    let mut random = Random::new(seed, "virtual chat: scenarios");
    let (connectors, chats) = (random.between(2, 4), random.between(2, 4));
    let users = random.between(50, 150);
    let mut events = Vec::new();
    for number in 0..random.between(2, 6) {
        let at_s = 1.0 + 8.0 * random.unit();
        let for_s = 0.2 + 3.0 * random.unit();
        let connector = format!("connector-server-{}", random.between(1, connectors));
        let chat = format!("chat-server-{}", random.between(1, chats));
        let server = if random.chance(0.5) { connector } else { chat };
        events.push(match random.index(6) {
            0 => json!({"at_s": at_s, "for_s": for_s, "crash": server}),
            1 => json!({"at_s": at_s, "for_s": for_s, "remove": server}),
            2 => json!({"at_s": at_s, "for_s": for_s, "slow": server, "speed": 0.02}),
            3 => json!({"at_s": at_s, "for_s": for_s, "add": format!("chat-server-{}", 10 + number)}),
            4 => json!({"at_s": at_s, "for_s": for_s, "link": {"from": server, "both": true, "cut": true}}),
            _ => json!({"at_s": at_s, "for_s": for_s,
                "hot_room": {"room": 1, "users": 20, "over_s": 0.5}}),
        });
    }
    let logins = random.chance(0.5).then_some(50);
    let chat = json!({
        "servers": {"connector": connectors, "chat": chats, "gate": random.between(1, 2)},
        "users": users, "rooms": users / 5, "zipf": 0.8,
        "logins_per_s": logins,
        "session_s": random.chance(0.5).then_some(json!({"mean": 6})),
        "away_s": {"mean": 1},
        "talk": {"per_s": 0.5},
        "timeout_s": 1.5,
        "queue_max": random.chance(0.5).then_some(30),
        "reconnect": {"detect_s": {"mean": 0.3}, "retry": {"policy": "full-jitter", "base_ms": 300, "cap_ms": 2000}},
        "costs": {"chat_us": 500, "connector_us": 200, "shape": "exponential"},
    });
    scenario(chat, 24.0, Value::Array(events))
}

#[test]
fn what_does_not_fit_is_refused_with_its_place() {
    let chat = json!({"servers": {"connector": 1, "chat": 1}, "users": 1, "rooms": 1});
    let error = |events: Value| {
        let scenario = scenario(chat.clone(), 1.0, events);
        let refused = run_chat(&scenario, &scenario.strategies[0], 0, 0.0);
        refused.unwrap_err().to_string()
    };
    assert_eq!(
        error(json!([{"at_s": 0, "crash": "chat-server-1"}, {"at_s": 1, "crash": "chat-server-2"}])),
        "events[1]: no server chat-server-2"
    );
    assert_eq!(error(json!([{"at_s": 0}])), "events[0]: expected exactly one change");
    let mut other = scenario(chat.clone(), 1.0, json!([]));
    other.chat = None;
    let refused = run_chat(&other, &other.strategies[0], 0, 0.0);
    assert!(matches!(refused, Err(VirtualError::Model { .. })));
}
