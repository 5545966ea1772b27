//! The admin port: its orders, its bounds, and the refusal of requests without the token.

use std::io::{ErrorKind, Read as _, Write as _};
use std::time::{Duration, Instant};

use crate::support::admin::AdminWorld;
use crate::support::console::{JSON, LiveStream, Reply, read_reply};
use crate::support::{PATIENCE, wait_until};
use pomelo_sim::config::ServerSpec;
use pomelo_sim::console::{ADMIN_CONNECTIONS_MAX, OWN};
use pomelo_sim::live::ServerState;
use pomelo_sim::orders::{BODY_BYTES_MAX, Method, ORDERS, Order, find};
use pomelo_sim::servers::{Chat, Registry, ServerLogic};
use proptest::prelude::*;
use serde_json::{Value, json};

/// What an order answers that is carried out.
fn ok(world: &AdminWorld, method: &str, path: &str, body: &Value) -> Value {
    let body = if body.is_null() { String::new() } else { body.to_string() };
    let reply = world.ask(method, &format!("/api/v1{path}"), &body);
    assert_eq!(reply.status, 200, "{method} {path}: {}", reply.body);
    reply.json()
}

/// Status and code of an order that is refused, and why.
fn refused(world: &AdminWorld, method: &str, path: &str, body: &Value) -> (u16, String, Value) {
    let body = if body.is_null() { String::new() } else { body.to_string() };
    let reply = world.ask(method, &format!("/api/v1{path}"), &body);
    let error = reply.json()["error"].clone();
    (reply.status, error["message"].as_str().unwrap().to_owned(), error)
}

fn head(world: &AdminWorld, method: &str, path: &str) -> String {
    let (host, token) = (world.address, world.token.as_str());
    format!("{method} /api/v1{path} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {token}\r\n")
}

/// Nothing has been done, and the cluster runs.
fn assert_all_run(world: &AdminWorld) {
    let servers = world.cluster().list().unwrap();
    assert!(servers.iter().all(|server| server.state == ServerState::Running), "{servers:?}");
    assert_eq!(ok(world, "GET", "/links", &Value::Null), json!({"rules": []}));
}

#[test]
fn several_orders_go_over_one_connection_also_at_once() {
    let world = AdminWorld::start();
    let listed = ok(&world, "GET", "/servers", &Value::Null);
    let first = &listed["servers"][0];
    let address = world.cluster().address("connector-server-1").unwrap();
    assert_eq!(
        (&first["id"], &first["serverType"], &first["state"], &first["clients"]),
        (&json!("connector-server-1"), &json!("connector"), &json!("running"), &json!(address))
    );
    let mut stream = world.connect();
    let [stop, restart] =
        ["stop", "restart"].map(|verb| head(&world, "POST", &format!("/servers/chat-server-2/{verb}")));
    stream.write_all(format!("{stop}\r\n{restart}\r\n{stop}Connection: close\r\n\r\n").as_bytes()).unwrap();
    let mut answers = String::new();
    stream.read_to_string(&mut answers).unwrap();
    assert_eq!(answers.matches("HTTP/1.1 200 OK").count(), 3, "{answers}");
    assert_eq!(answers.matches(r#"{"done":["chat-server-2"]}"#).count(), 3, "{answers}");
    assert_eq!(world.state("chat-server-2"), Some(ServerState::Stopped));
}

#[test]
fn orders_do_what_they_say() {
    let world = AdminWorld::start();
    let fields = json!({"id": "chat-server-4", "serverType": "chat", "host": "127.0.0.1", "prot": 6053});
    assert_eq!(
        ok(&world, "POST", "/servers", &fields),
        json!({
            "added": ["chat-server-4"],
            "warnings": ["chat-server-4: unknown field \"prot\": did you mean \"port\"?"]
        })
    );
    assert_eq!(world.server("chat-server-4").unwrap().extra["prot"], 6053);
    for (method, verb, state) in [
        ("POST", "/pause", Some(ServerState::Paused)),
        ("POST", "/resume", Some(ServerState::Running)),
        ("POST", "/kill", Some(ServerState::Killed)),
        ("POST", "/restart", Some(ServerState::Running)),
        ("POST", "/stop", Some(ServerState::Stopped)),
        ("DELETE", "", None),
    ] {
        let answer = ok(&world, method, &format!("/servers/chat-server-1{verb}"), &Value::Null);
        assert_eq!(answer, json!({"done": ["chat-server-1"]}), "{verb}");
        assert_eq!(world.state("chat-server-1"), state, "{verb}");
    }
    world.write("servers.json", &crate::support::servers_json(2, 3));
    assert_eq!(
        ok(&world, "POST", "/cluster/reload", &Value::Null),
        json!({
            "added": ["chat-server-1"], "removed": ["connector-server-3", "chat-server-4"],
            "replaced": [], "reordered": []
        })
    );
    let slow = json!({"name": "slow", "from": "connector", "to": "chat-srever-1", "latency": "20ms..50ms"});
    assert_eq!(
        ok(&world, "POST", "/links", &slow),
        json!({"name": "slow", "warnings": ["to: no server has the id or the type \"chat-srever-1\" now"]})
    );
    let second = ok(&world, "POST", "/links", &json!({"to": "chat", "latency": "1ms"}));
    assert_eq!(second["warnings"], json!([]));
    assert_eq!(ok(&world, "GET", "/links", &Value::Null)["rules"][0], slow);
    assert_eq!(ok(&world, "DELETE", "/links/slow", &Value::Null), json!({"healed": ["slow"]}));
    assert_eq!(ok(&world, "DELETE", "/links", &Value::Null), json!({"healed": [second["name"]]}));
    assert_all_run(&world);
}

#[test]
fn the_whole_cluster_ends_only_by_its_own_order() {
    let mut world = AdminWorld::start();
    for (path, body, status) in [
        ("/servers//stop", Value::Null, 404),
        ("/servers/stop", Value::Null, 405),
        ("/cluster/stop", json!({"id": "chat-server-1"}), 400),
        ("/cluster/stop", json!({"ids": []}), 400),
        ("/cluster/stop", json!([]), 400),
    ] {
        assert_eq!(refused(&world, "POST", path, &body).0, status, "{path} {body}");
    }
    ok(&world, "POST", "/servers/chat-server-1/stop", &Value::Null);
    assert_eq!(world.state("chat-server-2"), Some(ServerState::Running), "it has not ended");
    assert_eq!(ok(&world, "POST", "/cluster/stop", &Value::Null), json!({"stopping": true}));
    world.stop.take().unwrap().wait();
}

/// A chat whose servers of one name cannot be made.
struct PickyChat(Chat);

impl ServerLogic for PickyChat {
    const NAME: &'static str = Chat::NAME;

    fn create(server: &ServerSpec) -> Self {
        assert!(server.id.as_str() != "cluster-server-chat-1", "this one fails on purpose");
        Self(Chat::create(server))
    }

    fn register(registry: &mut Registry<Self>) {
        registry.include(|picky| &mut picky.0);
    }
}

#[test]
fn what_fails_says_what_was_done_before_it() {
    let world = AdminWorld::of(|cluster| cluster.server_type::<PickyChat>());
    let three = json!({"serverType": "chat", "host": "127.0.0.1", "port": 0, "clusterCount": 3});
    let (status, _, error) = refused(&world, "POST", "/servers", &three);
    assert_eq!((status, &error["code"]), (409, &json!("cannot_start")));
    assert_eq!(error["done"], json!(["cluster-server-chat-0"]));
    assert_eq!(world.state("cluster-server-chat-2"), None);
    let (status, message, error) = refused(&world, "POST", "/servers/chat-sever-2/kill", &Value::Null);
    assert_eq!((status, &error["code"], error.get("done")), (404, &json!("unknown_server"), None));
    assert!(message.ends_with("did you mean \"chat-server-2\"?"), "{message}");
    ok(&world, "POST", "/servers/chat-server-1/kill", &Value::Null);
    let (_, _, error) = refused(&world, "POST", "/servers/chat-server-1/kill", &Value::Null);
    assert_eq!((&error["code"], error.get("done")), (&json!("wrong_state"), None));
    assert_eq!(refused(&world, "DELETE", "/links/nothing", &Value::Null).2["code"], "unknown_rule");
    let taken = json!({"id": "chat-server-2", "serverType": "chat", "host": "127.0.0.1"});
    assert_eq!(refused(&world, "POST", "/servers", &taken).2["code"], "bad_config");
    std::fs::remove_file(world.directory.path().join("servers.json")).unwrap();
    assert_eq!(refused(&world, "POST", "/cluster/reload", &Value::Null).2["code"], "bad_config");
}

#[test]
fn slips_are_answered_with_what_was_meant() {
    let world = AdminWorld::start();
    let nothing = Value::Null;
    for (method, path, body, status, expected) in [
        ("GET", "/server", &nothing, 404, "did you mean \"/api/v1/servers\"?"),
        ("PUT", "/servers", &nothing, 405, "expected one of GET, POST"),
        ("POST", "/servers/a/kill", &json!({"id": "b"}), 400, "unknown field \"id\": expected none"),
        ("POST", "/users/a/kick", &json!({"Reason": ""}), 400, "expected reason; did you mean \"reason\"?"),
        ("GET", "/servers?all=true", &nothing, 400, "unknown parameter \"all\": expected none"),
        (
            "POST",
            "/users/a/kick",
            &json!({"reason": [1]}),
            400,
            "reason: invalid type: sequence, expected a string",
        ),
        ("POST", "/links", &json!({"latncy": "2ms"}), 400, "did you mean \"latency\"?"),
        ("POST", "/links", &json!({"latency": "2"}), 400, "latency: expected a latency such as 20ms"),
        ("POST", "/links", &json!({"loss": 2}), 400, "loss: expected a share from 0 to 1"),
        ("POST", "/links", &json!({"to": "a b", "cut": true}), 400, "to: expected a name"),
        ("POST", "/links", &json!({"from": "chat"}), 400, "got one without effect"),
        ("POST", "/cluster/reload", &json!({"config": "/x"}), 400, "unknown field \"config\": expected none"),
        ("POST", "/servers", &json!({"id": "x"}), 400, "add: missing \"serverType\""),
    ] {
        let (met, message, _) = refused(&world, method, path, body);
        assert_eq!(met, status, "{method} {path}: {message}");
        assert!(message.contains(expected), "{method} {path}: {message}");
    }
    assert_all_run(&world);
}

#[test]
fn a_wrong_token_gets_nothing_done_and_sees_nothing() {
    let world = AdminWorld::start();
    let right = world.token.as_str();
    let bearer = |token: &str| format!("Authorization: Bearer {token}\r\n");
    for headers in [
        String::new(),
        bearer(""),
        bearer(&right[..31]),
        bearer(&format!("{right}0")),
        bearer(&(right.to_uppercase() + "A")),
        bearer(&format!("x {right}")),
        format!("Authorization: {right}\r\n"),
        format!("Cookie: token={right}\r\n"),
        bearer(right) + &bearer(right),
    ] {
        // Not to look either, and an unknown path is not told to strangers.
        for (method, path) in [
            ("POST", "/api/v1/cluster/stop"),
            ("DELETE", "/api/v1/servers/chat-server-1"),
            ("GET", "/api/v1/servers"),
            ("GET", "/api/v1/live"),
            ("GET", "/api/v1/nothing"),
            ("GET", "/"),
        ] {
            let reply = world.say(method, path, &headers, "");
            assert_eq!(
                (reply.status, reply.code().as_str()),
                (401, "unauthorized"),
                "{method} {path} {headers}"
            );
            assert_eq!(reply.header("connection"), Some("close"));
        }
    }
    assert_all_run(&world);
}

#[test]
fn a_browser_gets_nothing_done() {
    let world = AdminWorld::start();
    let token = format!("Authorization: Bearer {}\r\n", world.token.as_str());
    // Not even with the token, which no page has.
    for headers in ["Origin: https://evil.example\r\n", "Origin: null\r\n", "Sec-Fetch-Site: cross-site\r\n"]
    {
        for (method, path) in [("POST", "/api/v1/cluster/stop"), ("GET", "/api/v1/servers")] {
            let reply = world.say(method, path, &format!("{token}{headers}"), "");
            assert_eq!(
                (reply.status, reply.code().as_str()),
                (403, "forbidden"),
                "{method} {path} {headers}"
            );
        }
    }
    let bent = format!(
        "POST /api/v1/cluster/stop HTTP/1.1\r\nHost: evil.example\r\n{token}Connection: close\r\n\r\n"
    );
    assert_eq!(world.raw(bent.as_bytes()).status, 403);
    // There are no pages, so that none has the token.
    for path in ["/", "/console", "/healthz", "/metrics", "/assets/console.css", "/api", "/api/v1/"] {
        let reply = world.ask("GET", path, "");
        assert_eq!((reply.status, reply.code().as_str()), (404, "unknown_path"), "{path}");
        assert!(!reply.body.contains(world.token.as_str()));
    }
    assert_all_run(&world);
}

#[test]
fn the_whole_api_is_there() {
    let world = AdminWorld::start();
    for row in OWN.iter().filter(|row| row.method == Method::Get && row.name != "live") {
        let reply = world.ask("GET", row.path, "");
        assert_eq!((reply.status, reply.json().is_object()), (200, true), "{}: {}", row.path, reply.body);
    }
    assert_eq!(ok(&world, "GET", "/picture", &Value::Null)["servers"].as_array().unwrap().len(), 7);
    let token = format!("Authorization: Bearer {}\r\n", world.token.as_str());
    let mut stream = LiveStream::open(world.connect(), &format!("Host: {}\r\n{token}", world.address));
    assert_eq!(stream.next_of("picture").data["servers"].as_array().unwrap().len(), 7);
}

/// A request, and its answer if there is one: garbage may get none.
fn sent(world: &AdminWorld, bytes: &[u8]) -> Option<Reply> {
    let mut stream = world.connect();
    let _ = stream.write_all(bytes);
    let _ = stream.shutdown(std::net::Shutdown::Write);
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    (!answer.is_empty()).then(|| read_reply(&answer))
}

#[test]
fn hostile_requests_are_refused_and_closed() {
    let world = AdminWorld::start();
    let deep = BODY_BYTES_MAX / 2;
    let token = world.token.as_str();
    for bytes in [
        b"\xff\xfe\x00\r\n\r\n".to_vec(),
        b"\0\0\0\0\r\n\r\n".to_vec(),
        b"{\r\n\r\n".to_vec(),
        format!("{{\"token\":\"{token}\",\"command\":\"stop\"}}\n\r\n\r\n").into_bytes(),
        b"[".repeat(deep),
        b"GET / HTTP/9.9\r\n\r\n".to_vec(),
    ] {
        let reply = sent(&world, &bytes);
        assert!(reply.is_none_or(|reply| reply.status >= 400), "{:?}", String::from_utf8_lossy(&bytes));
    }
    // Deep inside a body, too.
    for nested in [b"{\"x\":".repeat(deep / 5), b"[".repeat(deep), b"{\"id\":\"\\ud800\"}".to_vec()] {
        let head = head(&world, "POST", "/servers");
        let bytes = nested.len();
        let head = format!("{head}{JSON}Content-Length: {bytes}\r\nConnection: close\r\n\r\n");
        let reply = world.raw(&[head.into_bytes(), nested].concat());
        assert_eq!((reply.status, reply.code().as_str()), (400, "bad_request"));
    }
    assert_all_run(&world);
}

#[test]
fn bodies_are_as_long_as_they_may_be_and_no_longer() {
    let world = AdminWorld::start();
    let padded = |bytes: usize| {
        let body = r#"{"name":"slow","latency":"1ms"}"#;
        world.ask("POST", "/api/v1/links", &(body.to_owned() + &" ".repeat(bytes - body.len())))
    };
    assert_eq!(padded(BODY_BYTES_MAX).status, 200);
    let reply = padded(BODY_BYTES_MAX + 1);
    assert_eq!((reply.status, reply.code().as_str()), (413, "too_large"));
    assert_eq!(reply.json()["error"]["message"], "expected a body of at most 65536 bytes");
    // A head without an end is not waited for either.
    let endless = format!("{}X: {}", head(&world, "GET", "/links"), "x".repeat(300_000));
    assert!(sent(&world, endless.as_bytes()).is_none_or(|reply| reply.status >= 400));
}

#[test]
fn a_head_that_drips_in_is_not_waited_for() {
    let world = AdminWorld::start();
    let began = Instant::now();
    let (mut silent, mut dripping) = (world.connect(), world.connect());
    dripping.set_nodelay(true).unwrap();
    dripping.write_all(b"GET / HTTP/1.1\r\nX: ").unwrap();
    // Each byte comes in time; the head does not. The write fails once the other side has closed.
    while dripping.write_all(b"x").is_ok() {
        assert!(began.elapsed() < PATIENCE, "it is waited for");
        std::thread::sleep(Duration::from_millis(10));
    }
    assert!(!matches!(silent.read(&mut [0]), Ok(1..)), "it is closed");
    assert!(began.elapsed() >= Duration::from_secs(4), "they had some time: {:?}", began.elapsed());
}

#[test]
fn one_connection_too_many_waits_until_a_place_is_given_back() {
    let world = AdminWorld::start();
    let began = Instant::now();
    let request = head(&world, "GET", "/links") + "\r\n";
    let served: Vec<_> = (0..ADMIN_CONNECTIONS_MAX)
        .map(|_| {
            let mut stream = world.connect();
            stream.write_all(request.as_bytes()).unwrap();
            // Answered, and so accepted.
            assert_eq!(stream.read(&mut [0]).unwrap(), 1);
            stream
        })
        .collect();
    let mut surplus = world.connect();
    surplus.write_all(request.as_bytes()).unwrap();
    surplus.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
    let early = surplus.read(&mut [0]).map_err(|error| error.kind());
    // After five seconds those that are silent are closed, and it has a place.
    if began.elapsed() < Duration::from_secs(4) {
        assert!(matches!(early, Err(ErrorKind::WouldBlock | ErrorKind::TimedOut)), "{early:?}");
    }
    drop(served);
    surplus.set_read_timeout(Some(PATIENCE)).unwrap();
    assert!(early.is_ok() || surplus.read(&mut [0]).unwrap() == 1);
    assert_eq!(ok(&world, "GET", "/links", &Value::Null), json!({"rules": []}));
}

#[test]
fn the_end_closes_connections_and_the_port() {
    let mut world = AdminWorld::start();
    let mut idle = world.connect();
    idle.write_all((head(&world, "GET", "/links") + "\r\n").as_bytes()).unwrap();
    assert_eq!(idle.read(&mut [0]).unwrap(), 1);
    world.console.take().unwrap().end();
    let _ = idle.read_to_end(&mut Vec::new());
    wait_until("the port is closed", || std::net::TcpStream::connect(world.address).is_err());
}

proptest! {
    #[test]
    fn any_request_is_read_without_a_panic(
        row in 0..ORDERS.len(),
        path in "[a-z/%{}]{0,20}",
        query in r#"[=&%a-z0-9]{0,30}"#,
        body in r#"[{}\[\]":,a-z0-9]{0,60}"#,
    ) {
        let row = &ORDERS[row];
        for path in [row.path.to_owned(), format!("/api/v1/{path}")] {
            if let Ok((row, args)) = find(ORDERS.iter(), Method::Get, &path)
                && let Ok(args) = row.complete(args, &query, body.as_bytes())
            {
                let _ = row.read::<Order>(args);
            }
        }
    }
}

#[test]
fn what_is_looked_for_is_bounded_and_may_come_as_text() {
    let world = AdminWorld::start();
    let mut people: Vec<_> = [("alice", "lobby"), ("bob", "lobby"), ("carol", "大厅")]
        .map(|(name, rid)| world.enter(name, rid))
        .into();
    for _ in 0..3 {
        people[2].request("chat.chatHandler.send", json!({"content": "hello", "target": "*"}));
    }
    let look = |path: &str| ok(&world, "GET", path, &Value::Null);
    let rooms = look("/rooms");
    assert_eq!(rooms["total"], 2);
    let lobby = &rooms["rooms"][0];
    assert_eq!(
        (&lobby["room"], &lobby["key"], &lobby["server"], &lobby["members"]),
        (&json!("lobby"), &json!("lobby"), &json!("chat-server-3"), &json!(2))
    );
    assert!(lobby["messages"].is_u64() && lobby["messagesPerSecond"].is_u64(), "{lobby}");
    let busiest = look("/rooms?sort=messages&limit=1");
    let busiest = busiest["rooms"].as_array().unwrap();
    assert_eq!((&busiest[0]["room"], busiest.len()), (&json!("大厅"), 1));
    let room = look("/rooms/lobby");
    assert_eq!(
        (&room["room"], &room["server"], &room["total"]),
        (&json!("lobby"), &json!("chat-server-3"), &json!(2))
    );
    let member = &room["members"][0];
    assert_eq!((&member["uid"], &member["frontend"]), (&json!("alice*lobby"), &json!("connector-server-1")));
    assert_eq!(refused(&world, "GET", "/rooms/nowhere", &Value::Null).2["code"], "unknown_room");
    let users = look("/users?search=bob&limit=1000");
    let session = users["users"][0]["session"].clone();
    assert_eq!(
        users,
        json!({"total": 1, "users": [{"uid": "bob*lobby", "frontend": "connector-server-1", "session": session,
            "rooms": [{"room": "lobby", "server": "chat-server-3"}]}]})
    );
    let view = look("/view");
    assert_eq!(
        (&view["servers"][0]["id"], &view["types"][0]["strategy"]),
        (&json!("connector-server-1"), &json!("pomelo-crc"))
    );
    let long = json!({"reason": "r".repeat(257)});
    for (method, path, body, expected) in [
        ("GET", "/rooms?limit=0", &Value::Null, "limit: expected a number from 1 to 1000, got \"0\""),
        ("GET", "/rooms?limit=1001", &Value::Null, "limit: expected a number from 1 to 1000, got \"1001\""),
        ("GET", "/rooms?limit=1.5", &Value::Null, "got \"1.5\""),
        ("GET", "/users?limit=ten", &Value::Null, "got \"ten\""),
        ("PUT", "/trace", &json!({"seconds": 1.5}), "seconds: expected a number from 1 to 3600, got 1.5"),
        (
            "GET",
            "/rooms?sort=member",
            &Value::Null,
            "sort: expected members, messages, name; did you mean \"members\"?",
        ),
        ("POST", "/users/x/kick", &long, "reason: expected at most 256 bytes"),
        ("GET", "/events?since=-1", &Value::Null, "since: expected a number from 0 on, got \"-1\""),
        ("GET", "/view?all=true", &Value::Null, "expected none"),
    ] {
        let (status, message, _) = refused(&world, method, path, body);
        assert_eq!(status, 400, "{path}: {message}");
        assert!(message.contains(expected), "{path}: {message}");
    }
}

#[test]
fn a_kick_is_an_event_that_is_told_once() {
    let world = AdminWorld::start();
    let mut alice = world.enter("alice", "lobby");
    let before = ok(&world, "GET", "/events", &Value::Null)["next"].as_u64().unwrap();
    let kicked = ok(&world, "POST", "/users/alice%2Alobby/kick", &Value::Null);
    assert_eq!(kicked, json!({"kicked": "alice*lobby", "frontend": "connector-server-1"}));
    assert_eq!(alice.closed().0.as_deref(), Some("kicked by an operator"));
    assert_eq!(refused(&world, "POST", "/users/nobody/kick", &Value::Null).2["code"], "unknown_user");
    let events = ok(&world, "GET", &format!("/events?since={before}"), &Value::Null);
    let event = &events["events"][0];
    assert_eq!(
        (&event["seq"], &event["kind"], &event["server"], &event["text"]),
        (
            &json!(before),
            &json!("kick"),
            &json!("connector-server-1"),
            &json!("alice*lobby: kicked by an operator")
        )
    );
    assert!(event["atMs"].as_u64().unwrap() > 1_600_000_000_000);
    let next = before + 1;
    assert_eq!(events["next"], next);
    let rest = ok(&world, "GET", &format!("/events?since={next}"), &Value::Null);
    assert_eq!(rest, json!({"events": [], "next": next}));
}

#[test]
fn strategies_are_shown_previewed_and_changed() {
    let world = AdminWorld::start();
    let foreseen = ok(&world, "GET", "/strategies/chat/preview?strategy=ring(10)", &Value::Null);
    assert_eq!(
        (&foreseen["applied"], &foreseen["from"], &foreseen["to"]),
        (&json!(false), &json!("pomelo-crc"), &json!("ring(10)"))
    );
    assert_eq!(foreseen["servers"][2], json!({"id": "chat-server-3", "loadBefore": 0, "loadAfter": 0}));
    let of_chat = || {
        let shown = ok(&world, "GET", "/strategies", &Value::Null);
        let types = shown["types"].as_array().unwrap().clone();
        types.into_iter().find(|of| of["serverType"] == "chat").unwrap()["strategy"].clone()
    };
    assert_eq!(of_chat(), "pomelo-crc");
    assert_eq!(ok(&world, "PUT", "/strategies/chat", &json!({"strategy": "ring(10)"}))["applied"], true);
    assert_eq!(of_chat(), "ring(10)");
    for (path, body, expected) in [
        ("/strategies/chat", Value::Null, "bad_request"),
        ("/strategies/chat", json!({"strategy": "roulette"}), "bad_request"),
        ("/strategies/chat", json!({"strategy": "jump", "preview": 1}), "bad_request"),
        ("/strategies/area", json!({"strategy": "jump"}), "unknown_type"),
        ("/strategies/chat", json!({"strategy": "random"}), "bad_config"),
    ] {
        assert_eq!(refused(&world, "PUT", path, &body).2["code"], expected, "{path} {body}");
    }
    let long = "x".repeat(2000);
    for query in ["uid=a".to_owned(), "uid=&rid=b".to_owned(), format!("uid=a&rid={long}")] {
        assert_eq!(refused(&world, "GET", &format!("/explain?{query}"), &Value::Null).0, 400, "{query}");
    }
    assert_eq!(ok(&world, "GET", "/explain?uid=a&rid=b", &Value::Null)["gates"], json!(["gate-server-1"]));
}

#[test]
fn traces_are_turned_on_read_and_turned_off_by_order() {
    let world = AdminWorld::start();
    assert_eq!(
        ok(&world, "GET", "/trace", &Value::Null),
        json!({
            "on": false, "filter": {"uid": null, "rid": null, "route": null, "server": null},
            "secondsLeft": 0.0, "steps": [], "next": 0, "skipped": 0
        })
    );
    let on = ok(&world, "PUT", "/trace", &json!({"uid": "alice", "route": "chat", "seconds": "60"}));
    let left = on["secondsLeft"].as_f64().unwrap();
    assert!(on["on"] == true && left > 0.0 && left <= 60.0, "{on}");
    assert_eq!((&on["filter"]["uid"], &on["filter"]["server"]), (&json!("alice"), &json!(null)));
    assert!(world.cluster().trace(0).unwrap().on);
    assert!(ok(&world, "PUT", "/trace", &json!({}))["secondsLeft"].as_f64().unwrap() > 60.0);
    assert_eq!(ok(&world, "GET", "/trace?since=7", &Value::Null)["next"], 0);
    assert_eq!(ok(&world, "DELETE", "/trace", &Value::Null)["on"], false);
    for body in [json!({"seconds": 0}), json!({"seconds": 3601}), json!({"uid": ""}), json!({"uid": 1})] {
        assert_eq!(refused(&world, "PUT", "/trace", &body).0, 400, "{body}");
    }
    assert_eq!(refused(&world, "GET", "/trace?since=x", &Value::Null).0, 400);
    assert_eq!(refused(&world, "DELETE", "/trace", &json!({"uid": "alice"})).0, 400);
}
