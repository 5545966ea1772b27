//! The documentation of scenario files: complete, and its examples load.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use pomelo_sim::random::{Distribution, Shape};
use pomelo_sim::router::LinkRule;
use pomelo_sim::scenario::{
    Arrivals, ChatModel, Claim, Costs, Counts, Crowd, Event, HotRoom, Keys, Level, Policy, QueueModel,
    QueueServer, QueueServers, Reconnect, Retry, Scenario, Talk, Warmup,
};
use pomelo_sim::stats::METRICS;
use pomelo_sim::strategies::{ALL, Parameter};
use serde_json::{Value, json};

const TEXT: &str = include_str!("../../config/experiments/README.md");

/// The text's blocks of JSON.
fn examples() -> Vec<&'static str> {
    TEXT.split("```json\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect()
}

#[test]
fn every_example_loads() {
    let examples = examples();
    assert!(examples.len() >= 3);
    for example in examples {
        let scenario = Scenario::from_json(example, "README.md").unwrap();
        // As it is written, it is read again.
        let again = serde_json::to_string(&scenario).unwrap();
        assert_eq!(Scenario::from_json(&again, "again").unwrap(), scenario);
    }
}

/// Everything that a scenario can say: a new field does not compile until it stands here.
fn everything() -> Value {
    let law = Distribution { mean: 1.0, shape: Shape::Exponential };
    let retry = Retry { policy: Policy::Fixed, base_ms: 1.0, cap_ms: 1.0, attempts_max: 1 };
    let rule: LinkRule = serde_json::from_value(json!({
        "name": "a", "from": "*", "to": "*", "both": true, "cut": true, "loss": 0.5, "latency": "1ms"
    }))
    .unwrap();
    let strategy = || ALL[0].name.parse().unwrap();
    let queue = QueueModel {
        servers: QueueServers::Each(vec![QueueServer {
            id: Some("a".into()),
            workers: 1,
            speed: 1.0,
            weight: 1.0,
            queue_max: Some(1),
            count: 1,
        }]),
        arrivals: Arrivals { rate_per_s: 1.0, gaps: Shape::Uniform, wave: 0.0, wave_period_s: 1.0 },
        service_ms: law,
        keys: Some(Keys { count: 1, zipf: 0.0 }),
        load_age_ms: 0.0,
        timeout_ms: Some(1.0),
        retry: Some(retry),
    };
    let chat = ChatModel {
        config: Some(PathBuf::from("a")),
        servers: Some(Counts { gate: 1, connector: 1, chat: 1 }),
        level: Level::Machines,
        balance: "chat".into(),
        others: BTreeMap::from([("connector".into(), strategy())]),
        users: 1,
        rooms: 1,
        zipf: 0.0,
        room_users_max: Some(1),
        logins_per_s: Some(1.0),
        session_s: Some(law),
        away_s: law,
        talk: Talk { per_s: 1.0, on_s: Some(law), off_s: Some(law) },
        payload_bytes: law,
        timeout_s: 1.0,
        reconnect: Reconnect { detect_s: law, retry },
        costs: Costs {
            gate_us: 1.0,
            connector_us: 1.0,
            chat_us: 1.0,
            per_envelope_us: 1.0,
            per_member_us: 1.0,
            per_write_us: 1.0,
            shape: Shape::Uniform,
        },
        queue_max: Some(1),
        links: vec![rule.clone()],
        rebalance: true,
    };
    let event = Event {
        at_s: 0.0,
        for_s: Some(1.0),
        add: Some("a".into()),
        remove: Some("a".into()),
        crash: Some("a".into()),
        slow: Some("a".into()),
        speed: Some(1.0),
        link: Some(rule),
        hot_room: Some(HotRoom { room: 1, users: 1, over_s: 1.0 }),
        crowd: Some(Crowd { factor: 1.0, ramp_s: 1.0 }),
    };
    let claim = Claim {
        metric: "a".to_owned(),
        strategy: Some(strategy()),
        relative_to: Some(strategy()),
        at_least: Some(0.0),
        at_most: Some(0.0),
        equals: Some(0.0),
        within: Some(0.0),
    };
    let scenario = Scenario {
        name: "a".to_owned(),
        question: "a".to_owned(),
        queue: Some(queue),
        chat: Some(chat),
        strategies: vec![strategy()],
        duration_s: 1.0,
        warmup_s: Warmup::default(),
        replications: 1,
        target_half_width: Some(0.1),
        seed: 1,
        metric: Some("a".to_owned()),
        events: vec![event],
        expect: vec![claim],
    };
    serde_json::to_value(scenario).unwrap()
}

fn keys(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => {
            for (key, value) in fields {
                found.insert(key.clone());
                keys(value, found);
            }
        }
        Value::Array(values) => values.iter().for_each(|value| keys(value, found)),
        _ => {}
    }
}

#[test]
fn every_field_is_documented() {
    let mut fields = BTreeSet::new();
    keys(&everything(), &mut fields);
    assert!(fields.len() > 60, "{fields:?}");
    for field in fields {
        assert!(
            TEXT.contains(&format!("`{field}`")),
            "config/experiments/README.md does not explain `{field}`"
        );
    }
}

#[test]
fn every_value_of_a_closed_list_is_documented() {
    for policy in ["fixed", "exponential", "full-jitter", "equal-jitter", "decorrelated"] {
        serde_json::from_value::<Policy>(json!(policy)).unwrap();
        assert!(TEXT.contains(&format!("| `\"{policy}\"` |")), "{policy}");
    }
    for level in [Level::Machines, Level::Flow] {
        let name = serde_json::to_string(&level).unwrap();
        assert!(TEXT.contains(&format!("`{name}`")), "{name}");
    }
    for shape in [
        json!("deterministic"),
        json!("exponential"),
        json!("uniform"),
        json!({"erlang": 2}),
        json!({"lognormal": 2}),
        json!({"hyperexponential": 2}),
        json!({"pareto": 2}),
    ] {
        serde_json::from_value::<Shape>(shape.clone()).unwrap();
        let name = shape.as_str().or_else(|| shape.as_object()?.keys().next().map(String::as_str)).unwrap();
        assert!(TEXT.contains(&format!("\"{name}\"")), "{name}");
    }
}

#[test]
fn every_metric_is_documented() {
    for metric in &METRICS {
        assert!(TEXT.contains(&format!("`{}`", metric.name)), "{}", metric.name);
    }
}

#[test]
fn every_strategy_is_documented_with_its_default() {
    for entry in ALL {
        let row = TEXT.lines().find(|line| line.starts_with(&format!("| `{}` |", entry.name)));
        let row = row.unwrap_or_else(|| panic!("no row for {}", entry.name));
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        match entry.parameter {
            Parameter::None => assert_eq!(cells[2], "", "{row}"),
            Parameter::Number { default, .. } => {
                assert!(cells[2].ends_with(&format!(", {default}")), "{row}")
            }
            Parameter::Inner => assert_eq!(cells[2], "another strategy, required", "{row}"),
        }
        let sticky = entry.kind == pomelo_sim::strategies::Kind::Sticky;
        assert_eq!(cells[3], if sticky { "yes" } else { "no" }, "{row}");
    }
}

/// The defaults that the tables name are those that are taken.
#[test]
fn defaults_are_as_documented() {
    let text =
        r#"{"name":"a","question":"a","strategies":["ring"],"duration_s":1,"chat":{"users":1,"rooms":1}}"#;
    let scenario = Scenario::from_json(text, "a").unwrap();
    let mut found = serde_json::to_value(&scenario).unwrap();
    let chat = found["chat"].take();
    for (field, value) in [("warmup_s", "0"), ("replications", "10"), ("seed", "1")] {
        assert_eq!(found[field].as_f64(), Some(value.parse().unwrap()), "{field}");
        let row = TEXT.lines().find(|line| line.starts_with(&format!("| `{field}` |"))).unwrap();
        assert_eq!(row.split('|').nth(3).unwrap().trim(), value, "{row}");
    }
    assert_eq!(chat["talk"], json!({"per_s": 0.05}));
    assert_eq!(chat["payload_bytes"], json!({"mean": 64.0, "shape": "deterministic"}));
    assert_eq!(chat["away_s"], json!({"mean": 60.0, "shape": "exponential"}));
    assert_eq!(chat["timeout_s"], 3.0);
    assert_eq!(chat["reconnect"]["detect_s"], json!({"mean": 0.5, "shape": "uniform"}));
    assert_eq!(
        chat["reconnect"]["retry"],
        json!({"policy": "full-jitter", "base_ms": 1000.0, "cap_ms": 30000.0, "attempts_max": 10})
    );
    for (field, cost) in chat["costs"].as_object().unwrap() {
        let row = TEXT.lines().filter(|line| line.starts_with(&format!("| `{field}` |")));
        let rows: Vec<&str> = row.map(|row| row.split('|').nth(2).unwrap().trim()).collect();
        let shown = cost.as_f64().map_or_else(|| format!("`{cost}`"), |cost| cost.to_string());
        assert!(rows.contains(&&*shown), "{field}: {rows:?}");
    }
    let servers = scenario.chat.unwrap().spec().unwrap().servers;
    let ids: Vec<&str> = servers.iter().map(|server| server.id.as_str()).collect();
    assert_eq!(ids.len(), 7, "{ids:?}");
}
