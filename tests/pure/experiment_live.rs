//! Scenarios on real sockets: the cluster, robots and orders of live mode.

use std::sync::atomic::AtomicBool;

use pomelo_sim::experiments::run_live;
use pomelo_sim::scenario::Scenario;
use pomelo_sim::stats::Outcome;
use serde_json::{Value, json};

fn scenario(change: impl FnOnce(&mut Value)) -> Scenario {
    let mut scenario = json!({
        "name": "live",
        "question": "Does it run on sockets?",
        "chat": {
            "servers": {"gate": 1, "connector": 2, "chat": 3},
            "users": 24,
            "rooms": 12,
            "talk": {"per_s": 20.0},
        },
        "strategies": ["pomelo-crc"],
        "warmup_s": 0.2,
        "duration_s": 1.3,
    });
    change(&mut scenario);
    serde_json::from_value(scenario).unwrap()
}

fn run(scenario: &Scenario) -> Result<Outcome, String> {
    let run = run_live(scenario, &scenario.strategies[0], 0, 0.2, &AtomicBool::new(false));
    run.map_err(|error| error.to_string())
}

#[test]
fn people_talk_on_sockets_and_everybody_hears_them() {
    let outcome = run(&scenario(|scenario| scenario["duration_s"] = json!(4.0))).unwrap();
    let metric = |name: &str| outcome.metrics[name];
    assert!(metric("messages") > 200.0, "24 users say 20 things a second for 4 s: {}", metric("messages"));
    // Rooms of two; at both ends of the measured time some are said within it and heard outside, or
    // the other way, and the more the busier the machine is.
    let each = metric("deliveries") / metric("messages");
    assert!((1.5..2.5).contains(&each), "each is heard {each} times");
    assert_eq!((metric("lost"), metric("lost.error"), metric("moved_rooms")), (0.0, 0.0, 0.0));
    assert!(metric("deliver_ms.p50") > 0.0 && metric("deliver_ms.p99") >= metric("deliver_ms.p50"));
    let timed = outcome.latencies["deliver"].count as f64;
    assert!((0.95..1.05).contains(&(timed / metric("deliveries"))), "{timed} were timed");
    // Twelve rooms on three servers by their names: never all alike, never all on one.
    assert!((1.0..3.0).contains(&metric("balance.peak_to_mean")), "{:?}", outcome.metrics);
    let ids: Vec<&str> = outcome.servers.iter().map(|series| series.id.as_str()).collect();
    assert_eq!(ids, ["chat-server-1", "chat-server-2", "chat-server-3"]);
}

#[test]
fn events_reach_the_cluster_at_their_moments() {
    let events = json!([
        {"at_s": 0.3, "add": "chat-server-4"},
        {"at_s": 0.6, "remove": "chat-server-2", "for_s": 0.3},
        {"at_s": 0.7, "link": {"from": "connector", "to": "chat", "latency": "1ms"}, "for_s": 0.2},
        {"at_s": 1.1, "crash": "chat-server-3"},
    ]);
    // Long enough for orders that are late.
    let eventful = scenario(|scenario| {
        scenario["events"] = events;
        scenario["duration_s"] = json!(4.0);
    });
    let outcome = run(&eventful).unwrap();
    let marks: Vec<(&str, f64)> =
        outcome.marks.iter().map(|mark| (mark.what.as_str(), (mark.at_s * 10.0).floor() / 10.0)).collect();
    let expected = [
        "chat-server-4 added",
        "chat-server-2 removed",
        "link event-3",
        "chat-server-2 added",
        "link event-3 healed",
        "chat-server-3 crashed",
    ];
    // The two at 0.9 s may come in either order.
    let mut whats: Vec<&str> = marks.iter().map(|(what, _)| *what).collect();
    let mut expected = expected.to_vec();
    whats.sort_unstable();
    expected.sort_unstable();
    assert_eq!(whats, expected, "{marks:?}");
    assert!(marks.iter().all(|(_, at)| *at >= 0.3), "{marks:?}");
    assert!(outcome.metrics["moved_rooms"] > 0.0, "mod moves rooms when the list changes");
    assert_eq!(
        outcome.metrics["lost"], 0.0,
        "whoever was told that a message is accepted was told the truth"
    );
}

#[test]
fn what_needs_the_virtual_clock_is_refused_with_the_reason() {
    let refused = |change: fn(&mut Value)| run(&scenario(change)).unwrap_err();
    let slow = refused(|scenario| {
        scenario["events"] = json!([{"at_s": 0.1, "slow": "chat-server-1", "speed": 0.5}]);
    });
    assert_eq!(slow, "a slow server: this needs the virtual clock: omit --mode live");
    let flow = refused(|scenario| scenario["chat"]["level"] = json!("flow"));
    assert!(flow.starts_with("level flow: "), "{flow}");
    let queue = refused(|scenario| {
        scenario["queue"] = json!({"servers": 1, "arrivals": {"rate_per_s": 1}, "service_ms": {"mean": 1}});
        scenario.as_object_mut().unwrap().remove("chat");
    });
    assert!(queue.starts_with("a queue model: "), "{queue}");
}

/// A configuration with a dictionary and protobuf, whose gate answers with these fields.
fn configured(entry: Value) -> (tempfile::TempDir, Scenario) {
    let directory = tempfile::tempdir().unwrap();
    let server = |id: &str, more: Value| {
        let mut server = json!({"id": id, "host": "127.0.0.1"});
        server.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        server
    };
    let frontend = json!({"clientPort": 0, "frontend": true});
    for (file, json) in [
        (
            "servers.json",
            json!({
                "gate": [server("gate-server-1", frontend.clone())],
                "connector": [server("connector-server-1", frontend)],
                "chat": [server("chat-server-1", json!({})), server("chat-server-2", json!({}))],
            }),
        ),
        ("dictionary.json", json!(["onChat"])),
        (
            "clientProtos.json",
            json!({"chat.chatHandler.send": {"optional string content": 1, "optional string target": 2}}),
        ),
        (
            "serverProtos.json",
            json!({
                "onChat": {"optional string msg": 1},
                "connector.entryHandler.enter": {"repeated string users": 1},
                "gate.gateHandler.queryEntry": entry,
            }),
        ),
    ] {
        std::fs::write(directory.path().join(file), json.to_string()).unwrap();
    }
    let path = directory.path().join("servers.json");
    let scenario = scenario(|scenario| {
        let chat = scenario["chat"].as_object_mut().unwrap();
        chat.remove("servers");
        chat.insert("config".to_owned(), json!(path));
    });
    (directory, scenario)
}

#[test]
fn a_cluster_with_protobuf_and_a_dictionary_is_loaded_too() {
    let (_directory, scenario) =
        configured(json!({"required uInt32 code": 1, "required string host": 2, "required uInt32 port": 3}));
    let outcome = run(&scenario).unwrap();
    assert!(outcome.metrics["deliveries"] > 100.0, "{:?}", outcome.metrics);
    assert_eq!((outcome.metrics["lost"], outcome.metrics["lost.error"]), (0.0, 0.0));
}

#[test]
fn a_run_in_which_nobody_got_in_is_no_result() {
    // The gate's answer has no port.
    let (_directory, scenario) = configured(json!({"required uInt32 code": 1, "required string host": 2}));
    assert_eq!(run(&scenario).unwrap_err(), "robots: nobody got in: gate: no host and port");
}
