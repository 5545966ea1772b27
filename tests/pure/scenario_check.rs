//! Scenario files: which are accepted, and with which words others are refused.

use std::fs;
use std::path::Path;

use pomelo_sim::scenario::{QueueServers, Scenario, Warmup, WarmupRule};
use proptest::prelude::*;
use serde_json::{Value, json};

fn queue() -> Value {
    json!({
        "name": "q",
        "question": "?",
        "queue": {"servers": 4, "arrivals": {"rate_per_s": 100}, "service_ms": {"mean": 10}},
        "strategies": ["random", "round-robin"],
        "duration_s": 10,
    })
}

fn chat() -> Value {
    json!({
        "name": "c",
        "question": "?",
        "chat": {"servers": {"connector": 2, "chat": 3}, "users": 100, "rooms": 10},
        "strategies": ["pomelo-crc", "rendezvous"],
        "duration_s": 10,
    })
}

/// With one more or another value at a path such as `queue.arrivals.wave`.
fn with(mut scenario: Value, path: &str, value: Value) -> Value {
    let mut place = &mut scenario;
    for part in path.split('.') {
        place = match part.parse::<usize>() {
            Ok(index) => &mut place[index],
            Err(_) => &mut place[part],
        };
    }
    *place = value;
    scenario
}

fn read(scenario: &Value) -> Result<Scenario, String> {
    Scenario::from_json(&scenario.to_string(), "s.json").map_err(|error| error.to_string())
}

fn refused(scenario: &Value) -> String {
    read(scenario).expect_err("it makes no sense")
}

#[test]
fn short_forms_are_read() {
    let scenario = read(&with(queue(), "warmup_s", json!("mser-5"))).unwrap();
    assert_eq!(scenario.warmup_s, Warmup::Rule(WarmupRule::Mser5));
    assert_eq!(scenario.queue.unwrap().servers, QueueServers::Count(4));
    let each = json!([{"workers": 2, "count": 2}, {"id": "slow", "speed": 0.5}]);
    let servers = read(&with(queue(), "queue.servers", each)).unwrap().queue.unwrap().servers.expanded();
    let told: Vec<_> =
        servers.iter().map(|s| (s.id.as_ref().unwrap().as_str(), s.workers, s.speed)).collect();
    assert_eq!(told, [("server-1", 2, 1.0), ("server-2", 2, 1.0), ("slow", 1, 0.5)]);
}

#[test]
fn what_is_malformed_is_refused_with_its_place_and_the_nearest_name() {
    for (text, message) in [
        ("", "s.json:1:0: EOF while parsing a value"),
        ("[1]", "s.json:1:2: [0]: invalid type: integer `1`, expected a string"),
        (
            "{\n  \"nmae\": \"x\"}",
            "s.json:2:8: nmae: unknown field `nmae`, expected one of `name`, `question`, `queue`, `chat`, `strategies`, \
             `duration_s`, `warmup_s`, `replications`, `target_half_width`, `seed`, `metric`, `events`, `expect`; did you \
             mean \"name\"?",
        ),
        (
            r#"{"queue":{"arrivals":{"rate_pers":1}}}"#,
            "s.json:1:33: queue.arrivals.rate_pers: unknown field `rate_pers`, expected one of `rate_per_s`, `gaps`, `wave`, \
             `wave_period_s`; did you mean \"rate_per_s\"?",
        ),
        (
            r#"{"queue":{"servers":[{},{"sped":1}]}}"#,
            "s.json:1:31: queue.servers[1].sped: unknown field `sped`, expected one of `id`, `workers`, `speed`, `weight`, \
             `queue_max`, `count`; did you mean \"speed\"?",
        ),
        (
            r#"{"queue":{"servers":"four"}}"#,
            "s.json:1:26: queue.servers: invalid type: string \"four\", expected a number of servers, or a list of them",
        ),
        (
            r#"{"warmup_s":"mser5"}"#,
            "s.json:1:19: warmup_s: invalid value: string \"mser5\", expected a number of seconds, or \"mser-5\"",
        ),
        (
            r#"{"chat":{"reconnect":{"retry":{"policy":"fulljitter"}}}}"#,
            "s.json:1:52: chat.reconnect.retry.policy: unknown variant `fulljitter`, expected one of `fixed`, `exponential`, \
             `full-jitter`, `equal-jitter`, `decorrelated`; did you mean \"full-jitter\"?",
        ),
        (r#"{"duration_s":1e999}"#, "s.json:1:19: duration_s: number out of range"),
        (r#"{"name":"a","name":"b"}"#, "s.json:1:18: duplicate field `name`"),
    ] {
        let error = Scenario::from_json(text, "s.json").unwrap_err().to_string();
        assert_eq!(error, message, "{text}");
    }
    let error = refused(&with(queue(), "strategies.1", json!("rond-robin")));
    assert!(error.contains("strategies[1]") && error.ends_with("did you mean \"round-robin\"?"), "{error}");
    let error =
        Scenario::from_json(&format!("{queue} x", queue = queue()), "s.json").unwrap_err().to_string();
    assert!(error.ends_with("trailing characters"), "{error}");
    // What a stranger wrote is shown, in bounds and without what moves a cursor.
    let error = Scenario::from_json(&json!({"\u{1b}[2J".repeat(9000): 1}).to_string(), "s.json");
    let error = error.unwrap_err().to_string();
    assert!(error.len() < 3000 && !error.contains('\u{1b}'), "{} bytes", error.len());
}

#[test]
fn what_makes_no_sense_is_refused_with_its_field() {
    let many = "a".repeat(65);
    for (path, value, message) in [
        ("name", json!("a b"), "name: expected 1 to 64 letters, digits and -, got \"a b\""),
        ("question", json!(" "), "question: expected a sentence of at most 4000 bytes"),
        ("duration_s", json!(0), "duration_s: expected 0.001 to 100000000, got 0"),
        ("warmup_s", json!(-1), "warmup_s: expected 0 to 100000000, got -1"),
        ("replications", json!(1001), "replications: expected 1 to 1000, got 1001"),
        ("target_half_width", json!(2), "target_half_width: expected 0.0001 to 1, got 2"),
        ("strategies", json!([]), "strategies: expected 1 to 64, got 0"),
        (
            "strategies",
            json!(["ring", "ring(160)"]),
            "strategies[1]: expected each strategy once, got ring twice",
        ),
        ("queue.servers", json!(0), "queue.servers: expected 1 to 4096, got 0"),
        ("queue.servers", json!([{"count": 4096}, {}]), "queue.servers: expected 1 to 4096, got 4097"),
        (
            "queue.servers",
            json!([{"id": "a"}, {"id": "a"}]),
            "queue.servers: expected unique server ids, got a twice",
        ),
        (
            "queue.servers",
            json!([{"id": "server-2"}, {}]),
            "queue.servers: expected unique server ids, got server-2 twice",
        ),
        (
            "queue.servers",
            json!([{"id": "a", "count": 2}]),
            "queue.servers[0].id: cannot be used with count: an id is one server's",
        ),
        (
            "queue.servers",
            json!([{"speed": 0}]),
            "queue.servers[0].speed: expected 0.000001 to 1000000, got 0",
        ),
        (
            "queue.arrivals.rate_per_s",
            json!(0),
            "queue.arrivals.rate_per_s: expected 0.000000001 to 1000000000, got 0",
        ),
        ("queue.arrivals.rate_per_s", json!(1e9 + 0.0), ""),
        ("queue.arrivals.wave", json!(1.5), "queue.arrivals.wave: expected 0 to 1, got 1.5"),
        (
            "queue.service_ms.mean",
            json!(-1),
            "queue.service_ms.mean: expected 0.000000001 to 1000000000, got -1",
        ),
        (
            "queue.service_ms.shape",
            json!({"hyperexponential": 0.5}),
            "queue.service_ms.shape.hyperexponential: expected 1 to 1000000, got 0.5",
        ),
        (
            "queue.service_ms.shape",
            json!({"erlang": 0}),
            "queue.service_ms.shape.erlang: expected 1 to 1000, got 0",
        ),
        (
            "queue.keys",
            json!({"count": 20_000_001}),
            "queue.keys.count: expected 1 to 20000000, got 20000001",
        ),
        (
            "queue.retry",
            json!({"policy": "exponential", "base_ms": 100, "cap_ms": 10}),
            "queue.retry.cap_ms: expected no less than base_ms 100, got 10",
        ),
        (
            "metric",
            json!("deliver_ms.mean"),
            "metric: deliver_ms.mean is a figure of the chat model, this scenario has queue",
        ),
        (
            "metric",
            json!("job_ms.p99.99"),
            "metric: unknown metric \"job_ms.p99.99\": `pomelo-sim experiment schema` lists them; did you mean \"job_ms.p99.9\"?",
        ),
    ] {
        let scenario = with(queue(), path, value);
        match read(&scenario) {
            Ok(_) => assert_eq!(message, "", "{scenario}"),
            Err(error) => assert_eq!(error, format!("s.json: {message}"), "{scenario}"),
        }
    }
    let jobs = with(with(queue(), "queue.arrivals.rate_per_s", json!(1e6)), "duration_s", json!(1e5));
    assert_eq!(
        refused(&jobs),
        "s.json: queue.arrivals.rate_per_s: expected at most 1e10 jobs in a run, duration and warm-up, got 1e11"
    );
    let error = refused(&with(queue(), "queue.servers", json!([{"id": many}])));
    assert!(error.starts_with("s.json: queue.servers[0].id: expected an id of 1 to 64 bytes"), "{error}");
}

#[test]
fn a_scenario_has_one_model() {
    let neither = {
        let mut scenario = queue();
        scenario.as_object_mut().unwrap().remove("queue");
        scenario
    };
    assert_eq!(refused(&neither), "s.json: queue: expected a model: this field, or `chat`");
    let both = with(queue(), "chat", chat()["chat"].clone());
    assert_eq!(refused(&both), "s.json: chat: cannot be used with `queue`: a scenario has one model");
}

#[test]
fn a_chat_makes_sense_or_is_refused() {
    assert!(read(&chat()).is_ok());
    for (path, value, message) in [
        (
            "strategies",
            json!(["pomelo-crc", "two-choices"]),
            "strategies[1]: two-choices chooses anew each time, and would lose rooms: write directory(two-choices), which remembers",
        ),
        ("chat.balance", json!("gate"), "chat.balance: expected one of connector, chat, got \"gate\""),
        (
            "chat.others",
            json!({"chat": "ring"}),
            "chat.others.chat: cannot name the balanced type: the scenario's `strategies` are for it",
        ),
        (
            "chat.others",
            json!({"master": "ring"}),
            "chat.others: expected one of connector, chat, got \"master\"",
        ),
        ("chat.servers.chat", json!(0), "chat.servers.chat: expected 1 to 4096, got 0"),
        (
            "chat.config",
            json!("servers.json"),
            "chat.servers: cannot be used with `config`, which says what servers there are",
        ),
        ("chat.users", json!(0), "chat.users: expected 1 to 20000000, got 0"),
        (
            "chat.room_users_max",
            json!(9),
            "chat.room_users_max: expected space for 100 users in 10 rooms, got it for 90",
        ),
        (
            "chat.talk",
            json!({"on_s": {"mean": 1}}),
            "chat.talk.off_s: expected how long one is silent, with on_s",
        ),
        ("chat.costs", json!({"chat_us": -1}), "chat.costs.chat_us: expected 0 to 1000000000, got -1"),
        ("chat.queue_max", json!(0), "chat.queue_max: expected at least 1, got 0"),
        (
            "chat.links",
            json!([{"from": "conector"}]),
            "chat.links[0].from: expected a server, a type or *, got \"conector\"; did you mean \"connector\"?",
        ),
        (
            "metric",
            json!("job_ms.mean"),
            "metric: job_ms.mean is a figure of the queue model, this scenario has chat",
        ),
    ] {
        assert_eq!(refused(&with(chat(), path, value)), format!("s.json: {message}"));
    }
    // Where no rooms are, a strategy may forget.
    let connectors =
        with(with(chat(), "chat.balance", json!("connector")), "strategies", json!(["two-choices"]));
    assert!(read(&connectors).is_ok());
    let forgets = with(connectors, "chat.others", json!({"chat": "random"}));
    assert!(refused(&forgets).contains("chat.others.chat: random chooses anew"), "{}", refused(&forgets));
}

#[test]
fn events_name_servers_that_are_there_at_that_time() {
    let events = |events: Value| with(chat(), "events", events);
    for fine in [
        json!([{"at_s": 1, "add": "chat-server-4"}, {"at_s": 2, "crash": "chat-server-4"}]),
        json!([{"at_s": 1, "remove": "chat-server-1", "for_s": 2}, {"at_s": 3.5, "remove": "chat-server-1"}]),
        json!([{"at_s": 5, "slow": "chat-server-1", "speed": 0.5}, {"at_s": 1, "add": "chat-server-4", "for_s": 1}]),
        json!([{"at_s": 1, "link": {"from": "connector", "to": "chat-server-4", "cut": true}}, {"at_s": 2, "add": "chat-server-4"}]),
        json!([{"at_s": 10, "hot_room": {"room": 10, "users": 5}}]),
        // It comes back after the end.
        json!([{"at_s": 9, "crash": "chat-server-1", "for_s": 5}]),
    ] {
        assert_eq!(read(&events(fine)).map(|_| ()), Ok(()));
    }
    for (wrong, message) in [
        (
            json!([{"at_s": 1}]),
            "events[0]: expected exactly one of add, remove, crash, slow, link, hot_room, crowd",
        ),
        (
            json!([{"at_s": 1, "add": "chat-server-4", "remove": "chat-server-1"}]),
            "events[0]: expected exactly one of add, remove, crash, slow, link, hot_room, crowd",
        ),
        (json!([{"at_s": 11, "crash": "chat-server-1"}]), "events[0].at_s: expected 0 to 10, got 11"),
        (
            json!([{"at_s": 1, "crash": "chat-server-9"}]),
            "events[0].crash: no server is called \"chat-server-9\"; did you mean \"chat-server-1\"?",
        ),
        (
            json!([{"at_s": 2, "crash": "chat-server-4"}, {"at_s": 3, "add": "chat-server-4"}]),
            "events[0].crash: no server is called \"chat-server-4\"; did you mean \"chat-server-1\"?",
        ),
        (
            json!([{"at_s": 1, "crash": "chat-server-1", "for_s": 2}, {"at_s": 2, "slow": "chat-server-1", "speed": 2}]),
            "events[1].slow: chat-server-1 is not up at that time",
        ),
        // At the same moment, what is undone comes last.
        (
            json!([{"at_s": 1, "crash": "chat-server-1", "for_s": 2}, {"at_s": 3, "crash": "chat-server-1"}]),
            "events[1].crash: chat-server-1 is not up at that time",
        ),
        (
            json!([{"at_s": 1, "add": "chat-server-3"}]),
            "events[0].add: expected the id of a new server, got chat-server-3",
        ),
        (
            json!([{"at_s": 1, "add": "chat-4"}]),
            "events[0].add: expected an id such as chat-server-9, of type gate, connector, chat, got chat-4",
        ),
        (
            json!([{"at_s": 1, "slow": "chat-server-1"}]),
            "events[0].speed: expected a speed with slow, such as 0.25",
        ),
        (
            json!([{"at_s": 1, "crash": "chat-server-1", "speed": 1}]),
            "events[0].speed: can only be used with slow",
        ),
        (
            json!([{"at_s": 1, "hot_room": {"room": 11, "users": 5}}]),
            "events[0].hot_room.room: expected 1 to 10, got 11",
        ),
        (
            json!([{"at_s": 1, "crowd": {"factor": 2}}]),
            "events[0].crowd: needs chat.logins_per_s, the rate that grows",
        ),
    ] {
        assert_eq!(refused(&events(wrong)), format!("s.json: {message}"));
    }
    for (event, message) in [
        (json!([{"at_s": 1, "link": {}}]), "events[0].link: is for the chat model only"),
        (
            json!([{"at_s": 1, "hot_room": {"room": 1, "users": 1}}]),
            "events[0].hot_room: is for the chat model only",
        ),
    ] {
        assert_eq!(refused(&with(queue(), "events", event)), format!("s.json: {message}"));
    }
    assert!(read(&with(queue(), "events", json!([{"at_s": 1, "add": "anything"}]))).is_ok());
    let unknown =
        with(with(queue(), "warmup_s", json!("mser-5")), "events", json!([{"at_s": 1, "add": "a"}]));
    assert!(refused(&unknown).contains("warmup_s: expected a number of seconds when there are events"));
}

#[test]
fn claims_have_a_known_figure_bounds_and_compared_strategies() {
    let claim = |claim: Value| with(queue(), "expect", json!([claim]));
    assert!(read(&claim(json!({"metric": "job_ms.p99", "at_least": 1, "at_most": 2}))).is_ok());
    for (wrong, message) in [
        (
            json!({"metric": "job_ms.p99"}),
            "expect[0]: expected a bound: at_least, at_most, or equals with within",
        ),
        (
            json!({"metric": "jobs_ms.p99", "at_most": 1}),
            "expect[0].metric: unknown metric \"jobs_ms.p99\": `pomelo-sim experiment schema` lists them; did you mean \"job_ms.p99\"?",
        ),
        (
            json!({"metric": "lost", "at_most": 1, "strategy": "ring"}),
            "expect[0].strategy: expected one of the compared strategies, got ring",
        ),
        (
            json!({"metric": "lost", "at_most": 1, "relative_to": "ring(7)"}),
            "expect[0].relative_to: expected one of the compared strategies, got ring(7)",
        ),
        (
            json!({"metric": "lost", "at_least": 2, "at_most": 1}),
            "expect[0].at_most: expected no less than at_least 2, got 1",
        ),
        (
            json!({"metric": "lost", "equals": 2, "at_most": 1}),
            "expect[0].equals: cannot be used with at_least or at_most",
        ),
        (
            json!({"metric": "lost", "at_most": 1, "within": 1}),
            "expect[0].within: can only be used with equals",
        ),
        (
            json!({"metric": "lost", "equals": 1, "within": -1}),
            "expect[0].within: expected no less than 0, got -1",
        ),
    ] {
        assert_eq!(refused(&claim(wrong)), format!("s.json: {message}"));
    }
}

#[test]
fn a_file_is_read_in_bounds_and_its_config_from_its_folder_on() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("s.json");
    fs::copy("config/servers.json", folder.path().join("servers.json")).unwrap();
    let mut scenario = with(chat(), "chat.config", json!("servers.json"));
    scenario["chat"].as_object_mut().unwrap().remove("servers");
    fs::write(&path, scenario.to_string()).unwrap();
    let loaded = Scenario::load(&path).unwrap();
    assert_eq!(loaded.chat.unwrap().spec().unwrap().of_type("chat").count(), 3);

    fs::write(&path, with(scenario, "chat.config", json!("no.json")).to_string()).unwrap();
    let error = Scenario::load(&path).unwrap_err().to_string();
    assert!(error.contains(": chat.config: ") && error.contains("no.json"), "{error}");

    fs::write(&path, " ".repeat((1 << 20) + 1)).unwrap();
    let error = Scenario::load(&path).unwrap_err().to_string();
    assert_eq!(error, format!("{}: expected at most 1 MiB", path.display()));
    assert!(Scenario::load(Path::new("no/such.json")).unwrap_err().to_string().starts_with("no/such.json: "));
}

/// Any JSON, with the names of scenarios in it more often than by chance.
fn any_json() -> impl Strategy<Value = Value> {
    let name = prop::sample::select(vec![
        "name",
        "question",
        "queue",
        "chat",
        "strategies",
        "duration_s",
        "warmup_s",
        "events",
        "expect",
        "servers",
        "arrivals",
        "rate_per_s",
        "service_ms",
        "mean",
        "shape",
        "users",
        "rooms",
        "at_s",
        "add",
        "crowd",
        "metric",
    ]);
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,8}".prop_map(Value::from),
        prop::sample::select(vec!["random", "mser-5", "chat-server-1", "job_ms.mean", "uniform"])
            .prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 64, 8, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(name.clone().prop_map(str::to_owned), inner, 0..6)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

/// The places of a scenario where a value can stand.
const PLACES: [&str; 22] = [
    "name",
    "strategies",
    "duration_s",
    "warmup_s",
    "replications",
    "seed",
    "metric",
    "events",
    "expect",
    "queue",
    "queue.servers",
    "queue.arrivals",
    "queue.arrivals.rate_per_s",
    "queue.service_ms",
    "queue.service_ms.mean",
    "queue.keys",
    "queue.retry",
    "queue.load_age_ms",
    "queue.timeout_ms",
    "target_half_width",
    "queue.arrivals.gaps",
    "question",
];

proptest! {
    #[test]
    fn no_json_panics(value in any_json(), text in ".{0,64}") {
        let _ = Scenario::from_json(&value.to_string(), "s.json");
        let _ = Scenario::from_json(&text, "s.json");
    }

    /// What passes the checks with some value anywhere is written and read again as itself.
    #[test]
    fn what_is_taken_is_read_again(place in prop::sample::select(&PLACES[..]), value in any_json()) {
        if let Ok(scenario) = read(&with(queue(), place, value)) {
            let text = serde_json::to_string(&scenario).unwrap();
            prop_assert_eq!(Scenario::from_json(&text, "again").unwrap(), scenario);
        }
    }

    #[test]
    fn numbers_of_any_size_are_taken_in_bounds_or_refused(value in any::<f64>(), place in prop::sample::select(vec![
        "duration_s", "warmup_s", "queue.arrivals.rate_per_s", "queue.service_ms.mean", "queue.timeout_ms",
    ])) {
        if let Ok(scenario) = read(&with(queue(), place, json!(value))) {
            prop_assert!(value.is_finite() || value.is_nan(), "{}", value);
            prop_assert!(scenario.duration_s > 0.0);
        }
    }
}
