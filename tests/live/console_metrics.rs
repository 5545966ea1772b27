//! `/metrics`: well-formed, named by the conventions, and correct.

use std::collections::{BTreeMap, BTreeSet};

use crate::support::client::{Client, Transport};
use crate::support::console::ConsoleWorld;
use crate::support::wait_until;
use serde_json::json;

/// Families by name, each with its type and samples.
type Families = BTreeMap<String, (String, Vec<Sample>)>;

#[derive(Clone, Debug)]
struct Sample {
    name: String,
    labels: BTreeMap<String, String>,
    value: f64,
}

/// Reads version 0.0.4 of the text format, and accepts nothing that its page does not allow.
fn read(text: &str) -> Families {
    assert!(text.ends_with('\n') && !text.contains('\r'));
    let mut families = Families::new();
    let mut current = String::new();
    let mut seen = BTreeSet::new();
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        if let Some(help) = line.strip_prefix("# HELP ") {
            let (name, help) = help.split_once(' ').unwrap();
            assert!(help.ends_with('.') || help.contains(';'), "a help is a sentence: {line}");
            let kind = lines.next().unwrap().strip_prefix(&format!("# TYPE {name} ")).unwrap();
            assert!(["counter", "gauge", "histogram"].contains(&kind), "{line}");
            assert!(is_name(name, true) && name.starts_with("pomelo_"), "{name}");
            let is_new = families.insert(name.to_owned(), (kind.to_owned(), Vec::new())).is_none();
            assert!(is_new, "{name} comes twice");
            current = name.to_owned();
            continue;
        }
        assert!(!line.starts_with('#') && !line.is_empty(), "{line:?}");
        let sample = sample(line);
        let (kind, samples) = families.get_mut(&current).unwrap();
        let allowed: &[&str] = if kind == "histogram" { &["_bucket", "_sum", "_count"] } else { &[""] };
        assert!(allowed.iter().any(|end| sample.name == format!("{current}{end}")), "{line} in {current}");
        assert!(seen.insert(line.rsplit_once(' ').unwrap().0.to_owned()), "twice: {line}");
        samples.push(sample);
    }
    families
}

fn is_name(text: &str, colons: bool) -> bool {
    let good = |c: char| c.is_ascii_alphanumeric() || c == '_' || (colons && c == ':');
    text.chars().all(good) && text.chars().next().is_some_and(|first| !first.is_ascii_digit())
}

fn sample(line: &str) -> Sample {
    let (front, value) = line.rsplit_once(' ').unwrap();
    let (name, mut rest) = front.split_at(front.find('{').unwrap_or(front.len()));
    assert!(is_name(name, true), "{line}");
    let mut labels = BTreeMap::new();
    if !rest.is_empty() {
        rest = rest.strip_prefix('{').unwrap().strip_suffix('}').unwrap();
    }
    while !rest.is_empty() {
        let (label, after) = rest.split_once("=\"").unwrap();
        assert!(is_name(label, false), "{line}");
        let (mut value, mut chars) = (String::new(), after.char_indices());
        let end = loop {
            match chars.next().unwrap_or_else(|| panic!("no end of a label: {line}")) {
                (at, '"') => break at,
                (_, '\\') => match chars.next().unwrap().1 {
                    'n' => value.push('\n'),
                    c @ ('\\' | '"') => value.push(c),
                    c => panic!("escape {c:?}: {line}"),
                },
                (_, c) => value.push(c),
            }
        };
        assert!(labels.insert(label.to_owned(), value).is_none(), "{line}");
        rest = &after[end + 1..];
        rest = rest.strip_prefix(',').unwrap_or(rest);
    }
    let value = if value == "+Inf" { f64::INFINITY } else { value.parse().unwrap() };
    Sample { name: name.to_owned(), labels, value }
}

fn assert_conventions(families: &Families) {
    for (name, (kind, samples)) in families {
        assert_eq!(kind == "counter", name.ends_with("_total"), "{name} is a {kind}");
        assert!(
            !["_ms", "_milliseconds", "_kb", "_percent", "_us", "_ms_total", "_us_total"]
                .iter()
                .any(|unit| name.ends_with(unit)),
            "{name}"
        );
        for sample in samples {
            assert!(sample.value.is_finite() && sample.value >= 0.0, "{sample:?}");
        }
        if kind == "histogram" {
            assert_histograms(name, samples);
        }
    }
}

/// Buckets grow, end with all, and agree with the count.
fn assert_histograms(name: &str, samples: &[Sample]) {
    let mut by_server: BTreeMap<&str, Vec<&Sample>> = BTreeMap::new();
    samples.iter().for_each(|sample| by_server.entry(&sample.labels["server"]).or_default().push(sample));
    for (server, samples) in by_server {
        let buckets: Vec<(f64, f64)> = samples
            .iter()
            .filter(|sample| sample.name.ends_with("_bucket"))
            .map(|sample| {
                let le = &sample.labels["le"];
                (if le == "+Inf" { f64::INFINITY } else { le.parse().unwrap() }, sample.value)
            })
            .collect();
        assert!(
            buckets.windows(2).all(|two| two[0].0 < two[1].0 && two[0].1 <= two[1].1),
            "{server}: {buckets:?}"
        );
        let (last, all) = buckets.last().unwrap();
        let of =
            |end: &str| samples.iter().find(|sample| sample.name == format!("{name}{end}")).unwrap().value;
        assert_eq!((*last, *all), (f64::INFINITY, of("_count")), "{server}");
        assert!(of("_sum") >= 0.0);
    }
}

/// A sample's value, by its family and labels.
fn value(families: &Families, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
    let (_, samples) = families.get(name).unwrap_or_else(|| panic!("no {name}"));
    let is_it = |sample: &&Sample| {
        labels.iter().all(|(label, value)| sample.labels.get(*label).is_some_and(|own| own == value))
    };
    samples.iter().find(is_it).map(|sample| sample.value)
}

fn scrape(world: &ConsoleWorld) -> Families {
    let reply = world.say("GET", "/metrics", "", "");
    assert_eq!(
        (reply.status, reply.header("content-type")),
        (200, Some("text/plain; version=0.0.4; charset=utf-8"))
    );
    read(&reply.body)
}

#[test]
fn a_scrape_is_well_formed_and_true() {
    let world = ConsoleWorld::start();
    let address = |id: &str| world.cluster().address(id).unwrap();
    let mut alice = Client::enter(address("connector-server-1"), Transport::Tcp, "alice", "lobby");
    let bob = Client::enter(address("connector-server-2"), Transport::WebSocket, "bob", "lobby");
    let stranger = Client::open(address("connector-server-3"), Transport::Tcp);
    for _ in 0..10 {
        alice.request("chat.chatHandler.send", json!({"content": "hello", "target": "*"}));
    }
    stranger.close();
    world.ask("POST", "/api/v1/links", r#"{"name":"a\"b\\c","loss":0.25,"from":"chat-server-1"}"#);
    world.ask("POST", "/api/v1/servers/chat-server-2/kill", "");
    let connector = [("server", "connector-server-1"), ("type", "connector")];
    wait_until("the next look", || {
        let seen = scrape(&world);
        value(&seen, "pomelo_messages_total", &connector) >= Some(11.0)
            && value(&seen, "pomelo_server_state", &[("server", "chat-server-2"), ("state", "killed")])
                == Some(1.0)
            && value(&seen, "pomelo_port_connections", &[("server", "connector-server-3")]) == Some(0.0)
    });
    let seen = scrape(&world);
    assert_conventions(&seen);
    assert_eq!(value(&seen, "pomelo_users", &[]), Some(2.0));
    assert_eq!(value(&seen, "pomelo_sessions", &connector), Some(1.0));
    assert_eq!(value(&seen, "pomelo_sessions_bound", &connector), Some(1.0));
    assert_eq!(value(&seen, "pomelo_port_accepted_total", &connector), Some(1.0));
    assert_eq!(value(&seen, "pomelo_port_closed_total", &[("server", "connector-server-3")]), Some(1.0));
    let state = |server, state| value(&seen, "pomelo_server_state", &[("server", server), ("state", state)]);
    assert_eq!(
        (state("chat-server-2", "running"), state("chat-server-1", "running")),
        (Some(0.0), Some(1.0))
    );
    // A server that is not up has nothing to count.
    assert_eq!(value(&seen, "pomelo_rooms", &[("server", "chat-server-2")]), None);
    let rooms: f64 = seen["pomelo_rooms"].1.iter().map(|sample| sample.value).sum();
    let members: f64 = seen["pomelo_room_members"].1.iter().map(|sample| sample.value).sum();
    assert_eq!((rooms, members), (1.0, 2.0));
    assert_eq!(value(&seen, "pomelo_link_rule_loss_ratio", &[("rule", "a\"b\\c")]), Some(0.25));
    assert_eq!(
        value(&seen, "pomelo_strategy_info", &[("type", "chat"), ("strategy", "pomelo-crc")]),
        Some(1.0)
    );
    let jain = value(&seen, "pomelo_balance_jain_ratio", &[("type", "chat"), ("by", "count")]);
    assert!(jain.is_some_and(|jain| jain <= 0.5), "one of the chat servers has all members: {jain:?}");
    assert!(seen.contains_key("pomelo_request_duration_seconds"));
    assert!(value(&seen, "pomelo_router_envelopes_total", &[]) > Some(10.0));
    alice.close();
    bob.close();
}

#[test]
fn every_server_is_in_every_family_of_servers_that_are_up() {
    let world = ConsoleWorld::start();
    let seen = scrape(&world);
    for (name, servers) in [
        ("pomelo_sessions", 7),
        ("pomelo_deliveries_total", 7),
        ("pomelo_panics_total", 7),
        ("pomelo_port_writes_total", 4),
        ("pomelo_server_state", 42),
        ("pomelo_server_queue_deliveries", 7),
        ("pomelo_server_restarts_total", 7),
    ] {
        assert_eq!(seen[name].1.len(), servers, "{name}");
    }
}
