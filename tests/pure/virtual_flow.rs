//! Level `flow` compared with level `machines`: the same users at a tenth of the cost, and the same
//! figures.

use pomelo_sim::scenario::Scenario;
use pomelo_sim::stats::Outcome;
use pomelo_sim::virtual_time::run_chat;
use serde_json::{Value, json};

fn scenario(level: &str, balance: &str, change: &dyn Fn(&mut Value)) -> Scenario {
    let mut scenario = json!({
        "name": "levels",
        "question": "Do both levels agree?",
        "chat": {
            "level": level,
            "servers": {"gate": 2, "connector": 4, "chat": 3},
            "balance": balance,
            "users": 400,
            "rooms": 60,
            "zipf": 0.9,
            "talk": {"per_s": 0.5},
        },
        "strategies": ["pomelo-crc"],
        "warmup_s": 2,
        "duration_s": 13,
    });
    change(&mut scenario);
    serde_json::from_value(scenario).unwrap()
}

fn both(strategy: &str, balance: &str, change: &dyn Fn(&mut Value)) -> [Outcome; 2] {
    ["machines", "flow"]
        .map(|level| run_chat(&scenario(level, balance, change), &strategy.parse().unwrap(), 1, 2.0).unwrap())
}

/// Figures by name.
type Figures<'a> = Vec<(&'a str, f64)>;

/// Every figure but the number of events, which is how the engine did it; those of deliveries by
/// themselves.
fn figures(outcome: &Outcome) -> (Figures<'_>, Figures<'_>) {
    let metrics = outcome.metrics.iter().map(|(name, value)| (name.as_str(), *value));
    metrics.filter(|(name, _)| *name != "events").partition(|(name, _)| !name.starts_with("deliver"))
}

#[test]
fn both_levels_give_the_same_figures_to_the_last_digit_while_servers_stay() {
    let costs = json!({"gate_us": 30, "connector_us": 150, "chat_us": 400, "per_member_us": 3, "shape": {"erlang": 3}});
    let steady = |scenario: &mut Value| scenario["chat"]["costs"] = costs.clone();
    let visits = |scenario: &mut Value| {
        steady(scenario);
        scenario["chat"]["logins_per_s"] = json!(60);
        scenario["chat"]["session_s"] = json!({"mean": 6, "shape": "exponential"});
        scenario["chat"]["away_s"] = json!({"mean": 2, "shape": "exponential"});
    };
    for (strategy, balance) in [("ring", "chat"), ("rendezvous", "connector")] {
        for (change, what) in [(&steady as &dyn Fn(&mut Value), "all there"), (&visits, "coming and going")] {
            let [machines, flow] = both(strategy, balance, change);
            let what = format!("{strategy} of {balance}, {what}");
            assert!(
                machines.metrics["messages"] > 500.0 && machines.metrics["deliver_ms.mean"] > 0.5,
                "{what}"
            );
            let ((other, heard), (same, truly_heard)) = (figures(&flow), figures(&machines));
            assert_eq!(other, same, "{what}");
            assert_eq!(flow.servers, machines.servers, "{what}");
            // Some leave while a push is on its way: with the machines they do not hear it.
            let is_near = |(one, other): (&(&str, f64), &(&str, f64))| {
                one.0 == other.0 && (one.1 - other.1).abs() <= 0.002 * other.1
            };
            let are_alike = heard == truly_heard
                || what.ends_with("going") && heard.iter().zip(&truly_heard).all(is_near);
            assert!(are_alike, "{what}: {heard:?} and {truly_heard:?}");
        }
    }
}

/// Who moves when a server comes, goes or crashes does not depend on the level; how long it takes
/// does.
#[test]
fn both_levels_move_the_same_rooms() {
    let events = json!([
        {"at_s": 4, "add": "chat-server-4"},
        {"at_s": 7, "remove": "chat-server-2"},
        {"at_s": 10, "crash": "chat-server-1"},
    ]);
    for strategy in ["pomelo-crc", "rendezvous", "ring", "anchor", "directory(random)"] {
        let [machines, flow] = both(strategy, "chat", &|scenario| scenario["events"] = events.clone());
        let moved = |outcome: &Outcome| {
            ["moved_rooms", "moved_fraction", "unforced_fraction"].map(|name| outcome.metrics[name])
        };
        if strategy.starts_with("directory") {
            // It chooses by chance when it is asked, and the two ask in another order.
            assert!(
                moved(&flow)[2] == 0.0 && moved(&machines)[2] == 0.0 && moved(&flow)[0] > 10.0,
                "{strategy}"
            );
        } else {
            assert_eq!(moved(&flow), moved(&machines), "{strategy}");
        }
        assert_eq!(flow.metrics["lost"], 0.0, "{strategy}");
        let marks =
            |outcome: &Outcome| outcome.marks.iter().map(|mark| mark.what.clone()).collect::<Vec<_>>();
        assert_eq!(marks(&flow), marks(&machines));
    }
}

/// A connector vanishes with a quarter of all people: they come back to the others, and nothing is
/// forgotten.
#[test]
fn everybody_comes_back_after_a_crash() {
    let [machines, flow] = both("rendezvous", "connector", &|scenario| {
        scenario["events"] = json!([{"at_s": 5, "crash": "connector-server-2"}]);
        scenario["chat"]["reconnect"] = json!({
            "detect_s": {"mean": 0.2, "shape": "uniform"},
            "retry": {"policy": "full-jitter", "base_ms": 500},
        });
    });
    for outcome in [&machines, &flow] {
        let metric = |name: &str| outcome.metrics[name];
        assert!((70.0..130.0).contains(&metric("reconnects")), "{}", metric("reconnects"));
        assert!(metric("recovery_s") > 0.2 && metric("recovery_s") < 5.0, "{}", metric("recovery_s"));
        assert_eq!(metric("attempted"), metric("done") + metric("lost") + metric("in_flight"));
    }
    assert_eq!(machines.metrics["reconnects"], flow.metrics["reconnects"]);
}

#[test]
fn what_the_level_does_not_know_is_refused() {
    let refused = |change: &dyn Fn(&mut Value)| {
        let scenario = scenario("flow", "chat", change);
        run_chat(&scenario, &scenario.strategies[0], 0, 2.0).unwrap_err().to_string()
    };
    let rule = json!({"from": "connector", "to": "chat", "latency": "5ms"});
    let by_rule = refused(&|scenario| scenario["chat"]["links"] = json!([rule]));
    assert_eq!(by_rule, "a rule of the links is not simulated at this level");
    let by_event = refused(&|scenario| scenario["events"] = json!([{"at_s": 1, "link": rule}]));
    assert_eq!(by_event, by_rule);
    let stays = refused(&|scenario| scenario["chat"]["rebalance"] = json!(false));
    assert_eq!(stays, "rebalance: false is not simulated at this level");
}
