//! Pictures made from views, and the history made from pictures.

use std::time::Duration;

use pomelo_sim::live::{ClusterView, EdgeView, ServerState, ServerView, TypeView};
use pomelo_sim::monitor::{EdgeState, History, Monitor, Picture, ServerPicture};
use pomelo_sim::ports::PortSnapshot;
use pomelo_sim::router::RouterCounters;
use pomelo_sim::servers::{HostCounters, ServerSnapshot};
use pomelo_sim::stats::Histogram;
use serde_json::{Value, json};

/// A cluster of one connector and two chat servers that has run for so long.
struct Scene {
    view: ClusterView,
}

impl Scene {
    fn new(uptime_seconds: f64) -> Self {
        let servers = [("c1", "connector"), ("chat1", "chat"), ("chat2", "chat")];
        let listed = |of_type: &str| {
            servers.iter().filter(|(_, its)| *its == of_type).map(|(id, _)| (*id).into()).collect()
        };
        let of_type = |name: &str| TypeView {
            server_type: name.into(),
            strategy: "ring(100)".parse().unwrap(),
            listed: listed(name),
            is_changing: false,
        };
        let view = ClusterView {
            env: "development".into(),
            source: "config/servers.json".into(),
            uptime_seconds,
            servers: servers.map(|(id, server_type)| server(id, server_type, uptime_seconds)).into(),
            types: vec![of_type("connector"), of_type("chat")],
            edges: Vec::new(),
            rules: Vec::new(),
            router: RouterCounters::default(),
            uids: 0,
        };
        Self { view }
    }

    fn at(&mut self, id: &str) -> &mut ServerView {
        self.view.servers.iter_mut().find(|server| server.id.as_str() == id).unwrap()
    }

    fn count(&mut self, id: &str, change: impl FnOnce(&mut HostCounters)) {
        change(&mut self.at(id).account.as_mut().unwrap().counters);
    }

    fn edge(&mut self, from: &str, to: &str, envelopes: u64, held: usize) {
        self.view.edges.push(EdgeView { from: from.into(), to: to.into(), envelopes, held });
    }
}

fn server(id: &str, server_type: &str, uptime_seconds: f64) -> ServerView {
    let frontend = server_type == "connector";
    let account = ServerSnapshot {
        id: id.into(),
        server_type: server_type.into(),
        sessions: 0,
        bound: 0,
        channels: 0,
        members: 0,
        calls_pending: 0,
        is_restarting: false,
        counters: HostCounters::default(),
    };
    ServerView {
        id: id.into(),
        server_type: server_type.into(),
        host: "127.0.0.1".into(),
        pomelo_port: None,
        frontend,
        weight: 1.0,
        state: ServerState::Running,
        clients: None,
        uptime_seconds,
        restarts: 0,
        messages_per_second: 0,
        account: Some(account),
        port: frontend.then(PortSnapshot::default),
        latency: Histogram::default(),
        queue: 0,
    }
}

fn latency(milliseconds: &[u64]) -> Histogram {
    let mut histogram = Histogram::default();
    milliseconds.iter().for_each(|ms| histogram.record(Duration::from_millis(*ms)));
    histogram
}

fn shown<'a>(picture: &'a Picture, id: &str) -> &'a ServerPicture {
    picture.servers.iter().find(|server| server.id.as_str() == id).unwrap()
}

#[test]
fn rates_and_percentiles_are_those_since_the_view_before() {
    let mut monitor = Monitor::default();
    let mut first = Scene::new(10.0);
    first.count("c1", |counters| counters.messages = 1000);
    first.at("c1").latency = latency(&[500; 100]);
    let picture = monitor.take(1, first.view);
    assert_eq!((shown(&picture, "c1").messages_per_second, shown(&picture, "c1").p50_ms), (0.0, None));

    let mut second = Scene::new(12.0);
    second.count("c1", |counters| (counters.messages, counters.errors) = (1100, 4));
    second.count("chat1", |counters| (counters.invocations, counters.recipients) = (60, 600));
    second.count("chat2", |counters| (counters.invocations, counters.errors) = (40, 4));
    second.at("c1").port.as_mut().unwrap().pushed = 590;
    let mut all = latency(&[500; 100]);
    all.add(&latency(&[2; 98]));
    all.add(&latency(&[80, 80]));
    second.at("c1").latency = all;
    second.at("chat1").latency = latency(&[1]);
    let picture = monitor.take(2, second.view);
    let rates = |id| {
        let server = shown(&picture, id);
        (server.messages_per_second, server.deliveries_per_second, server.errors_per_second)
    };
    assert_eq!(
        [rates("c1"), rates("chat1"), rates("chat2")],
        [(50.0, 295.0, 2.0), (30.0, 300.0, 0.0), (20.0, 0.0, 2.0)]
    );
    // A message that went on to a chat server is one message, and so is its error.
    let totals = &picture.totals;
    assert_eq!(
        (totals.messages_per_second, totals.deliveries_per_second, totals.errors_per_second),
        (50.0, 295.0, 2.0)
    );
    let p = |ms: Option<f64>, low, high| assert!(ms.is_some_and(|ms| (low..=high).contains(&ms)), "{ms:?}");
    p(totals.p50_ms, 1.6, 2.0);
    p(totals.p99_ms, 63.0, 80.0);
    p(shown(&picture, "chat1").p99_ms, 0.8, 1.0);
    assert_eq!(shown(&picture, "chat2").p50_ms, None);
}

#[test]
fn a_server_that_was_made_anew_counts_from_nothing() {
    let mut monitor = Monitor::default();
    let mut first = Scene::new(10.0);
    first.count("chat1", |counters| counters.invocations = 500);
    first.count("chat2", |counters| counters.invocations = 500);
    first.at("chat1").latency = latency(&[9; 50]);
    monitor.take(1, first.view);
    let mut second = Scene::new(20.0);
    // One was started again 6 seconds ago, and has done more than the first of its name. The other
    // one's handler has panicked, which begins nothing anew.
    second.at("chat1").uptime_seconds = 6.0;
    second.count("chat1", |counters| counters.invocations = 600);
    second.at("chat1").latency = latency(&[1; 60]);
    second.count("chat2", |counters| (counters.invocations, counters.restarts) = (600, 1));
    second.view.servers.push(server("chat3", "chat", 1.0));
    second.count("chat3", |counters| counters.invocations = 20);
    let picture = monitor.take(2, second.view);
    let rate = |id| shown(&picture, id).messages_per_second;
    assert_eq!([rate("chat1"), rate("chat2"), rate("chat3")], [60.0, 10.0, 2.0]);
    assert!(shown(&picture, "chat1").p50_ms.unwrap() < 1.1);

    // One that is down has no rate, and when it comes back its own.
    let mut down = Scene::new(30.0);
    (down.at("chat1").account, down.at("chat1").uptime_seconds) = (None, 0.0);
    assert_eq!(shown(&monitor.take(3, down.view), "chat1").messages_per_second, 0.0);
    let mut back = Scene::new(40.0);
    back.at("chat1").uptime_seconds = 5.0;
    back.count("chat1", |counters| counters.invocations = 30);
    assert_eq!(shown(&monitor.take(4, back.view), "chat1").messages_per_second, 3.0);
}

#[test]
fn links_show_what_they_carry_and_how_they_are() {
    let mut monitor = Monitor::default();
    let mut first = Scene::new(10.0);
    first.edge("c1", "chat1", 100, 0);
    first.edge("c1", "chat2", 100, 0);
    first.edge("chat1", "c1", 700, 0);
    monitor.take(1, first.view);
    let mut second = Scene::new(11.0);
    second.edge("c1", "chat1", 150, 0);
    second.edge("c1", "chat2", 100, 3);
    // Its receiver was made anew.
    second.edge("chat1", "c1", 20, 0);
    second.edge("chat2", "c1", 5, 0);
    second.edge("gone", "c1", 0, 1);
    second.view.rules = vec![
        serde_json::from_value(json!({"from": "c1", "to": "chat2", "cut": true})).unwrap(),
        serde_json::from_value(json!({"from": "chat2", "loss": 0.1, "latency": "1ms"})).unwrap(),
        serde_json::from_value(json!({"from": "connector", "to": "chat", "latency": "20ms", "both": true}))
            .unwrap(),
    ];
    let picture = monitor.take(2, second.view);
    let edges: Vec<_> = picture
        .edges
        .iter()
        .map(|edge| (edge.from.as_str(), edge.to.as_str(), edge.per_second, edge.held, edge.state))
        .collect();
    assert_eq!(
        edges,
        [
            ("c1", "chat1", 50.0, 0, EdgeState::Slow),
            ("c1", "chat2", 0.0, 3, EdgeState::Cut),
            ("chat1", "c1", 20.0, 0, EdgeState::Slow),
            ("chat2", "c1", 5.0, 0, EdgeState::Lossy),
            ("gone", "c1", 0.0, 1, EdgeState::Ok),
        ]
    );
}

#[test]
fn of_very_many_links_the_busiest_are_shown() {
    let mut scene = Scene::new(10.0);
    for number in 0..1200_u64 {
        scene.edge(&format!("c{number}"), "chat1", number, usize::from(number == 3));
    }
    let mut monitor = Monitor::default();
    monitor.take(1, Scene::new(9.0).view);
    let edges = monitor.take(2, scene.view).edges;
    assert_eq!(edges.len(), 1000);
    assert!(edges.iter().any(|edge| edge.held == 1), "what is held up is shown first");
    assert!(edges.iter().all(|edge| edge.held == 1 || edge.per_second >= 201.0));
}

#[test]
fn balance_has_the_names_of_a_picture() {
    let mut scene = Scene::new(10.0);
    scene.at("chat1").account.as_mut().unwrap().members = 30;
    scene.at("chat2").account.as_mut().unwrap().members = 10;
    let picture = serde_json::to_value(Monitor::default().take(1, scene.view)).unwrap();
    let chat = &picture["types"][1];
    assert_eq!((&chat["strategy"], &chat["listed"]), (&json!("ring(100)"), &json!(["chat1", "chat2"])));
    assert_eq!((&chat["byCount"]["peakToMean"], &chat["byCount"]["minToMean"]), (&json!(1.5), &json!(0.5)));
    assert_eq!(chat["byMessages"], Value::Null);
}

#[test]
fn history_has_columns_of_one_length_and_gaps_where_nothing_was() {
    let (mut monitor, mut history) = (Monitor::default(), History::default());
    assert_eq!(serde_json::to_value(&history).unwrap()["atMs"], json!([]));
    for number in 0..310_u64 {
        let mut scene = Scene::new(10.0 + number as f64);
        scene.count("c1", |counters| counters.messages = 7 * number);
        scene.at("c1").account.as_mut().unwrap().sessions = 5;
        scene.at("chat2").account.as_mut().unwrap().members = 1;
        if number < 308 {
            scene.at("chat1").account.as_mut().unwrap().members = 1;
        } else {
            scene.view.servers.remove(1);
        }
        history.take(&monitor.take(1000 * number, scene.view));
    }
    let history = serde_json::to_value(&history).unwrap();
    let at = |path: &str| history.pointer(path).unwrap().as_array().unwrap().clone();
    assert_eq!((&history["stepMs"], at("/atMs").len(), &at("/atMs")[0]), (&json!(1000), 300, &json!(10_000)));
    for column in [
        "/servers/c1/load",
        "/servers/chat1/messagesPerSecond",
        "/servers/chat1/p99Ms",
        "/types/chat/byCount",
        "/types/chat/byMessages",
        "/totals/deliveriesPerSecond",
        "/totals/p50Ms",
        "/totals/p99Ms",
        "/totals/sessions",
    ] {
        assert_eq!(at(column).len(), 300, "{column}");
    }
    assert_eq!(at("/servers/chat1/load")[296..], [json!(1), json!(1), Value::Null, Value::Null]);
    assert_eq!(at("/totals/messagesPerSecond")[299], json!(7.0));
    assert_eq!(at("/totals/sessions")[0], json!(5));
    assert_eq!(at("/types/chat/byCount")[0], json!({"peakToMean": 1.0, "jain": 1.0}));
}
