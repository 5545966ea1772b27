//! The console over HTTP: pages, orders, live pictures, robots, and its end.

use std::sync::Arc;

use crate::support::client::{Client, Transport};
use crate::support::console::ConsoleWorld;
use crate::support::wait_until;
use pomelo_sim::cluster::Cluster;
use pomelo_sim::console::{Asset, OWN};
use pomelo_sim::live::ServerState;
use pomelo_sim::orders::{Method, ORDERS};
use serde_json::{Value, json};

/// What the state of a server is in the cluster's own words.
fn state(world: &ConsoleWorld, id: &str) -> ServerState {
    world.cluster().list().unwrap().into_iter().find(|server| server.id.as_str() == id).unwrap().state
}

#[test]
fn pages_and_assets_are_served_with_their_types() {
    let world = ConsoleWorld::start();
    for (path, kind) in [("/", "text/html; charset=utf-8"), ("/console", "text/html; charset=utf-8")] {
        let page = world.say("GET", path, "", "");
        assert_eq!((page.status, page.header("content-type")), (200, Some(kind)), "{path}");
        assert!(page.body.starts_with("<!doctype html>"), "{path}");
    }
    for asset in Asset::all().iter().filter(|asset| !asset.path.ends_with(".html")) {
        let served = world.say("GET", &format!("/assets/{}", asset.path), "", "");
        assert_eq!(
            (served.status, served.header("content-type")),
            (200, Some(asset.content_type())),
            "{}",
            asset.path
        );
        assert_eq!(served.body.as_bytes(), asset.bytes, "{}", asset.path);
    }
    let health = world.say("GET", "/healthz", "", "");
    assert_eq!((health.status, health.body.as_str()), (200, "ok\n"));
}

#[test]
fn a_page_that_a_browser_has_is_not_sent_again() {
    let world = ConsoleWorld::start();
    let page = world.say("GET", "/", "", "");
    let tag = page.header("etag").unwrap();
    let again = world.say("GET", "/", &format!("If-None-Match: {tag}\r\n"), "");
    assert_eq!((again.status, again.body.as_str(), again.header("etag")), (304, "", Some(tag)));
    let other = world.say("GET", "/", "If-None-Match: \"0\"\r\n", "");
    assert_eq!((other.status, other.body), (200, page.body.clone()));
    let console = world.say("GET", "/console", "", "");
    assert_eq!((console.header("etag"), console.header("cache-control")), (None, Some("no-store")));
}

#[test]
fn the_cluster_tells_where_clients_connect() {
    let world = ConsoleWorld::start();
    let cluster = world.ask("GET", "/api/v1/cluster", "").json();
    let gate = world.cluster().address("gate-server-1").unwrap();
    assert_eq!(cluster["gate"], json!({"host": "127.0.0.1", "port": gate.port()}));
    assert_eq!(cluster["frontends"].as_array().unwrap().len(), 4);
    assert_eq!((&cluster["env"], &cluster["mayChange"]), (&json!("development"), &json!(true)));
    world.ask("POST", "/api/v1/servers/gate-server-1/kill", "");
    let without = world.ask("GET", "/api/v1/cluster", "").json();
    assert_eq!((&without["gate"], &without["connector"]), (&Value::Null, &Value::Null), "it will be back");
}

#[test]
fn every_order_of_the_admin_port_is_given_over_http() {
    let world = ConsoleWorld::start();
    let ok = |method: &str, path: &str, body: &str| {
        let reply = world.ask(method, path, body);
        assert_eq!(reply.status, 200, "{method} {path}: {}", reply.body);
        assert_eq!(reply.header("content-type"), Some("application/json"));
        reply.json()
    };
    assert_eq!(ok("GET", "/api/v1/servers", "")["servers"].as_array().unwrap().len(), 7);
    assert_eq!(ok("GET", "/api/v1/audit", ""), json!({"violations": []}));
    for (verb, after) in [
        ("pause", ServerState::Paused),
        ("resume", ServerState::Running),
        ("kill", ServerState::Killed),
        ("restart", ServerState::Running),
        ("stop", ServerState::Stopped),
    ] {
        let done = ok("POST", &format!("/api/v1/servers/chat-server-1/{verb}"), "");
        assert_eq!(done, json!({"done": ["chat-server-1"]}), "{verb}");
        assert_eq!(state(&world, "chat-server-1"), after, "{verb}");
    }
    let fields = r#"{"id":"chat-server-9","serverType":"chat","host":"127.0.0.1","port":6059}"#;
    assert_eq!(ok("POST", "/api/v1/servers", fields), json!({"added": ["chat-server-9"], "warnings": []}));
    assert_eq!(ok("DELETE", "/api/v1/servers/chat-server-9", ""), json!({"done": ["chat-server-9"]}));
    let rule = r#"{"name":"slow / 慢","from":"connector","to":"chat","latency":"1ms"}"#;
    let refused = world.ask("POST", "/api/v1/links", rule);
    assert_eq!((refused.status, refused.code().as_str()), (400, "bad_request"), "names have no spaces");
    let rule = rule.replace(" / ", "/");
    assert_eq!(ok("POST", "/api/v1/links", &rule)["name"], "slow/慢");
    assert_eq!(ok("GET", "/api/v1/links", "")["rules"][0]["name"], "slow/慢");
    let healed = ok("DELETE", "/api/v1/links/slow%2F%E6%85%A2", "");
    assert_eq!(healed, json!({"healed": ["slow/慢"]}));
    assert_eq!(ok("DELETE", "/api/v1/links", ""), json!({"healed": []}));
}

#[test]
fn a_refusal_has_its_status_and_code() {
    let world = ConsoleWorld::start();
    for (method, path, body, status, code) in [
        ("POST", "/api/v1/servers/nobody/kill", "", 404, "unknown_server"),
        ("POST", "/api/v1/servers/chat-server-1/resume", "", 409, "wrong_state"),
        ("POST", "/api/v1/servers/chat-server-1/kill", "{\"a\":1}", 400, "bad_request"),
        ("POST", "/api/v1/servers", "{\"id\":\"a\"}", 400, "bad_config"),
        (
            "POST",
            "/api/v1/servers",
            "{\"id\":\"chat-server-1\",\"serverType\":\"chat\",\"host\":\"127.0.0.1\",\"port\":1}",
            400,
            "bad_config",
        ),
        ("POST", "/api/v1/servers", "{", 400, "bad_request"),
        ("DELETE", "/api/v1/links/none", "", 404, "unknown_rule"),
        ("GET", "/api/v1/links?a=b", "", 400, "bad_request"),
        ("GET", "/api/v1/rooms/%ff", "", 400, "bad_request"),
        ("GET", "/api/v1/nothing", "", 404, "unknown_path"),
        ("GET", "/nothing", "", 404, "unknown_path"),
        ("PUT", "/api/v1/servers", "", 405, "method_not_allowed"),
        ("POST", "/", "", 405, "method_not_allowed"),
        ("PUT", "/api/v1/robots", "{}", 400, "bad_request"),
        ("PUT", "/api/v1/robots", "{\"users\":9,\"rooms\":10,\"messagesPerSecond\":1}", 400, "bad_request"),
        ("PUT", "/api/v1/robots", "{\"users\":9,\"rooms\":1,\"messagesPerSecond\":1e9}", 400, "bad_request"),
        ("PUT", "/api/v1/robots", "{\"users\":-9,\"rooms\":1,\"messagesPerSecond\":1}", 400, "bad_request"),
        ("POST", "/api/v1/cluster/reload", "{\"config\":\"relative\"}", 400, "bad_request"),
    ] {
        let reply = world.ask(method, path, body);
        assert_eq!((reply.status, reply.code().as_str()), (status, code), "{method} {path} {body}");
        assert!(!reply.json()["error"]["message"].as_str().unwrap().is_empty());
    }
    let allowed = world.ask("DELETE", "/api/v1/servers", "");
    assert_eq!((allowed.status, allowed.header("allow")), (405, Some("GET, POST")));
}

#[test]
fn every_path_of_the_table_answers() {
    let world = ConsoleWorld::start();
    let looks =
        ORDERS.iter().chain(OWN).filter(|row| row.method == Method::Get && !row.path.ends_with("live"));
    for row in looks {
        let path = row.path.replace(['{', '}'], "");
        let reply = world.say("GET", &path, "", "");
        // What a room or user of that name would be, or an argument that is missing.
        assert!([200, 400, 404].contains(&reply.status), "{path}: {} {}", reply.status, reply.body);
        assert!(reply.json().is_object(), "{path}");
    }
}

#[test]
fn a_stream_tells_all_at_once_and_then_what_is_new() {
    let world = ConsoleWorld::start();
    let mut stream = world.live();
    assert_eq!(stream.status, 200);
    assert!(stream.head.contains("content-type: text/event-stream"), "{}", stream.head);
    let first: Vec<String> = (0..4).map(|_| stream.next().unwrap().name).collect();
    assert!(
        ["picture", "events", "trace", "robots"].iter().all(|name| first.iter().any(|met| met == name)),
        "{first:?}"
    );
    let (one, two) = (stream.next_of("picture"), stream.next_of("picture"));
    assert!(two.id > one.id, "{:?} {:?}", one.id, two.id);
    assert!(two.data["atMs"].as_u64() > one.data["atMs"].as_u64());
    assert_eq!(two.data["servers"].as_array().unwrap().len(), 7);
    world.ask("POST", "/api/v1/servers/chat-server-2/kill", "");
    let seen = std::iter::repeat_with(|| stream.next_of("picture").data).find(|picture| {
        let servers = picture["servers"].as_array().unwrap();
        servers.iter().any(|server| server["id"] == "chat-server-2" && server["state"] == "killed")
    });
    let picture = world.ask("GET", "/api/v1/picture", "").json();
    assert!(picture["atMs"].as_u64() >= seen.unwrap()["atMs"].as_u64());
}

#[test]
fn history_has_a_sample_for_each_picture() {
    let world = ConsoleWorld::start();
    let mut stream = world.live();
    let last = (0..3).map(|_| stream.next_of("picture").data["atMs"].clone()).last().unwrap();
    let history = world.ask("GET", "/api/v1/history", "").json();
    let at = history["atMs"].as_array().unwrap();
    assert!(at.contains(&last), "{at:?}");
    assert_eq!(history["stepMs"], 1000);
    let chat = &history["servers"]["chat-server-1"];
    for series in ["load", "messagesPerSecond", "p99Ms"] {
        assert_eq!(chat[series].as_array().unwrap().len(), at.len(), "{series}");
    }
    assert_eq!(history["types"]["chat"]["byCount"].as_array().unwrap().len(), at.len());
    assert_eq!(history["totals"]["sessions"].as_array().unwrap().len(), at.len());
}

#[test]
fn more_streams_than_may_be_are_told_so() {
    let world = ConsoleWorld::start();
    let mut streams: Vec<_> = (0..40).map(|_| world.live()).collect();
    let served = streams.iter().filter(|stream| stream.status == 200).count();
    let refused = streams.iter().filter(|stream| stream.status == 503).count();
    assert_eq!((served, refused), (32, 8));
    // Other requests are served meanwhile, and a place is free again when one leaves.
    assert_eq!(world.ask("GET", "/healthz", "").status, 200);
    streams.clear();
    wait_until("a place", || world.live().status == 200);
}

#[test]
fn a_reader_who_does_not_read_keeps_nobody_waiting() {
    let world = ConsoleWorld::start();
    let silent: Vec<_> = (0..8).map(|_| world.live()).collect();
    let mut reader = world.live();
    let ids: Vec<u64> = (0..3).map(|_| reader.next_of("picture").id.unwrap()).collect();
    assert_eq!(ids, [ids[0], ids[0] + 1, ids[0] + 2], "no picture is missed");
    drop(silent);
}

#[test]
fn robots_load_the_cluster_and_report() {
    let world = ConsoleWorld::start();
    assert_eq!(world.ask("GET", "/api/v1/robots", "").json()["phase"], "idle");
    let mut stream = world.live();
    let plan = r#"{"users":20,"rooms":4,"messagesPerSecond":200,"seconds":300}"#;
    let status = world.ask("PUT", "/api/v1/robots", plan);
    assert_eq!(status.status, 200, "{}", status.body);
    assert_eq!(status.json()["plan"]["bytes"], 64);
    let measuring =
        |status: &Value| status["phase"] == "measuring" && status["deliveries"].as_u64() > Some(100);
    let seen = std::iter::repeat_with(|| stream.next_of("robots").data).find(measuring).unwrap();
    assert_eq!((&seen["running"], &seen["logins"]), (&json!(true), &json!(20)));
    // Another plan takes the place of this one.
    let plan = r#"{"users":6,"rooms":2,"messagesPerSecond":0,"seconds":300}"#;
    assert_eq!(world.ask("PUT", "/api/v1/robots", plan).status, 200);
    let second = |status: &Value| status["phase"] == "measuring" && status["users"] == 6;
    std::iter::repeat_with(|| stream.next_of("robots").data).find(second).unwrap();
    assert_eq!(world.cluster().view().unwrap().uids, 6, "those of the first are gone");
    assert_eq!(world.ask("DELETE", "/api/v1/robots", "").status, 200);
    let ended = std::iter::repeat_with(|| stream.next_of("robots").data);
    let ended = ended.into_iter().find(|status| status["running"] == false).unwrap();
    assert_eq!((&ended["phase"], &ended["error"]), (&json!("ended"), &Value::Null));
    let report = &ended["report"];
    assert_eq!((&report["logins"]["ok"], &report["sends"]["count"]), (&json!(6), &json!(0)), "{report}");
    assert_eq!(world.ask("GET", "/api/v1/robots", "").json(), ended);
}

#[test]
fn robots_without_a_gate_are_refused_and_those_that_lose_it_say_so() {
    let world = ConsoleWorld::start();
    let plan = r#"{"users":2,"rooms":1,"messagesPerSecond":1}"#;
    world.ask("POST", "/api/v1/servers/gate-server-1/kill", "");
    let refused = world.ask("PUT", "/api/v1/robots", plan);
    assert_eq!((refused.status, refused.code().as_str()), (409, "wrong_state"));
}

#[test]
fn of_a_cluster_without_a_gate_robots_and_the_page_get_a_connector() {
    let mut spec = crate::support::spec(1, 1);
    spec.servers.retain(|server| server.server_type.as_str() != "gate");
    let world = ConsoleWorld::of(Cluster::from_spec(spec));
    let connector = world.cluster().address("connector-server-1").unwrap();
    let cluster = world.ask("GET", "/api/v1/cluster", "").json();
    assert_eq!(cluster["gate"], Value::Null);
    assert_eq!(cluster["connector"], json!({"host": "127.0.0.1", "port": connector.port()}));
    let mut stream = world.live();
    let plan = r#"{"users":2,"rooms":1,"messagesPerSecond":10,"seconds":300}"#;
    assert_eq!(world.ask("PUT", "/api/v1/robots", plan).status, 200);
    let in_room = |status: &Value| status["logins"] == 2 && status["error"].is_null();
    std::iter::repeat_with(|| stream.next_of("robots").data).find(in_room).unwrap();
    world.ask("DELETE", "/api/v1/robots", "");
}

#[test]
fn reload_reads_what_the_cluster_was_started_with() {
    let world = ConsoleWorld::start();
    let reply = world.ask("POST", "/api/v1/cluster/reload", "");
    // This cluster's configuration is in no file.
    assert_eq!((reply.status, reply.code().as_str()), (400, "bad_config"));
    assert!(reply.body.contains("servers.json"), "{}", reply.body);
}

#[test]
fn the_order_to_end_is_answered_before_the_end() {
    let mut world = ConsoleWorld::start();
    let reply = world.ask("POST", "/api/v1/cluster/stop", "");
    assert_eq!((reply.status, reply.json()), (200, json!({"stopping": true})));
    world.stop.take().unwrap().wait();
}

#[test]
fn at_its_end_streams_end_and_nothing_holds_the_cluster() {
    let mut world = ConsoleWorld::start();
    let mut stream = world.live();
    stream.next_of("picture");
    let idle = world.connect();
    let plan = r#"{"users":20,"rooms":4,"messagesPerSecond":200,"seconds":300}"#;
    world.ask("PUT", "/api/v1/robots", plan);
    let connector = world.cluster().address("connector-server-1").unwrap();
    let alice = Client::enter(connector, Transport::Tcp, "alice", "lobby");
    world.console.take().unwrap().end();
    while stream.next().is_some() {}
    let cluster = Arc::into_inner(world.cluster.take().unwrap());
    cluster.expect("nobody else holds it").stop();
    alice.close();
    drop(idle);
    // Nobody listens any more.
    wait_until("the port is closed", || std::net::TcpStream::connect(world.address).is_err());
}
