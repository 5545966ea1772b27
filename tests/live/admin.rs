//! The admin port: its protocol, its bounds, and what comes of those who may not use it.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use crate::support::admin::AdminWorld;
use crate::support::wait_until;
use pomelo_sim::admin::{CONNECTIONS_MAX, LINE_BYTES_MAX, Order, parse_request};
use pomelo_sim::live::ServerState;
use proptest::prelude::*;
use serde_json::{Value, json};

fn code(answer: &Value) -> &str {
    answer["error"]["code"].as_str().unwrap_or_else(|| panic!("no error: {answer}"))
}

fn message(answer: &Value) -> &str {
    answer["error"]["message"].as_str().unwrap_or_else(|| panic!("no error: {answer}"))
}

#[test]
fn several_orders_go_over_one_connection_also_at_once() {
    let world = AdminWorld::start();
    let mut line = world.connect();
    let listed = line.ask(&world.request("list", json!({})));
    let first = &listed["ok"]["servers"][0];
    assert_eq!(
        (&first["id"], &first["serverType"], &first["state"], &first["clients"]),
        (&json!("connector-server-1"), &json!("connector"), &json!("running"), &json!("127.0.0.1:3050"))
    );
    let [stop, restart] =
        ["stop", "restart"].map(|verb| world.request(verb, json!({"ids": ["chat-server-2"]})));
    line.send(format!("{stop}\r\n{restart}\n{stop}\n").as_bytes());
    for _ in 0..3 {
        assert_eq!(line.answer().unwrap(), json!({"ok": {"done": ["chat-server-2"]}}));
    }
    assert_eq!(world.fake.state("chat-server-2"), Some(ServerState::Stopped));
    assert_eq!(world.server.counters().requests, 4);
}

#[test]
fn orders_do_what_they_say() {
    let world = AdminWorld::start();
    let fields = json!({"id": "chat-server-4", "serverType": "chat", "host": "127.0.0.1", "prot": 6053});
    assert_eq!(
        world.ask("add", fields)["ok"],
        json!({
            "added": ["chat-server-4"],
            "warnings": ["chat-server-4: unknown field \"prot\": did you mean \"port\"?"]
        })
    );
    assert_eq!(world.fake.server("chat-server-4").unwrap().extra["prot"], 6053);
    for (verb, state) in [
        ("pause", Some(ServerState::Paused)),
        ("resume", Some(ServerState::Running)),
        ("kill", Some(ServerState::Killed)),
        ("restart", Some(ServerState::Running)),
        ("stop", Some(ServerState::Stopped)),
        ("remove", None),
    ] {
        let answer = world.ask(verb, json!({"ids": ["chat-server-1"]}));
        assert_eq!(answer, json!({"ok": {"done": ["chat-server-1"]}}), "{verb}");
        assert_eq!(world.fake.state("chat-server-1"), state, "{verb}");
    }
    world.write("servers.json", &crate::support::servers_json(2, 3));
    assert_eq!(
        world.ask("reload", json!({}))["ok"],
        json!({
            "added": ["chat-server-1"], "removed": ["connector-server-3", "chat-server-4"],
            "replaced": [], "reordered": []
        })
    );
    let slow = json!({"name": "slow", "from": "connector", "to": "chat-srever-1", "latency": "20ms..50ms"});
    assert_eq!(
        world.ask("link", slow.clone())["ok"],
        json!({"name": "slow", "warnings": ["to: no server has the id or the type \"chat-srever-1\" now"]})
    );
    assert_eq!(world.ask("link", json!({"cut": true}))["ok"], json!({"name": "rule-2", "warnings": []}));
    assert_eq!(world.ask("links", json!({}))["ok"]["rules"][0], slow);
    assert_eq!(world.ask("heal", json!({"names": ["slow"]}))["ok"], json!({"healed": ["slow"]}));
    assert_eq!(world.ask("heal", json!({}))["ok"], json!({"healed": ["rule-2"]}));
    assert_eq!(world.ask("links", json!({}))["ok"], json!({"rules": []}));
}

#[test]
fn the_whole_cluster_ends_only_by_a_stop_without_ids() {
    let world = AdminWorld::start();
    let ends = || world.fake.ends.load(Ordering::SeqCst);
    for args in [json!({"ids": []}), json!({"id": "chat-server-1"}), json!({"ids": "x"}), json!([])] {
        assert_eq!(code(&world.ask("stop", args.clone())), "bad_request", "{args}");
    }
    world.ask("stop", json!({"ids": ["chat-server-1"]}));
    assert_eq!(ends(), 0);
    assert_eq!(world.ask("stop", json!({})), json!({"ok": {"stopping": true}}));
    wait_until("the end is ordered", || ends() == 1);
}

#[test]
fn what_fails_says_what_was_done_before_it() {
    let world = AdminWorld::start();
    let answer = world.ask("kill", json!({"ids": ["chat-server-1", "chat-sever-2", "chat-server-3"]}));
    assert_eq!(code(&answer), "unknown_server");
    assert!(message(&answer).ends_with("did you mean \"chat-server-2\"?"), "{answer}");
    assert_eq!(answer["error"]["done"], json!(["chat-server-1"]));
    assert_eq!(world.fake.state("chat-server-3"), Some(ServerState::Running));
    let answer = world.ask("kill", json!({"ids": ["chat-server-1"]}));
    assert_eq!((code(&answer), answer["error"].get("done")), ("wrong_state", None));
    assert_eq!(code(&world.ask("heal", json!({"names": ["nothing"]}))), "unknown_rule");
    let taken = json!({"id": "chat-server-2", "serverType": "chat", "host": "127.0.0.1"});
    assert_eq!(code(&world.ask("add", taken)), "bad_config");
    std::fs::remove_file(world.directory.path().join("servers.json")).unwrap();
    assert_eq!(code(&world.ask("reload", json!({}))), "bad_config");
}

#[test]
fn slips_are_answered_with_what_was_meant() {
    let world = AdminWorld::start();
    for (line, expected_code, expected) in [
        (world.request("restrat", json!({})), "unknown_command", "did you mean \"restart\"?"),
        (
            world.request("restrat", json!({})),
            "unknown_command",
            "expected one of list, audit, add, remove, stop,",
        ),
        (world.request("kill", json!({"IDs": []})), "bad_request", "expected ids; did you mean \"ids\"?"),
        (
            world.request("list", json!({"all": true})),
            "bad_request",
            "unknown argument of list \"all\": it takes none",
        ),
        (
            world.request("kill", json!({"ids": [1]})),
            "bad_request",
            "ids: expected an array of names, got [1]",
        ),
        (world.request("link", json!({"latncy": "2ms"})), "bad_request", "did you mean \"latency\"?"),
        (
            world.request("link", json!({"latency": "2"})),
            "bad_request",
            "latency: expected a latency such as 20ms",
        ),
        (world.request("link", json!({"loss": 2})), "bad_request", "loss: expected a share from 0 to 1"),
        (world.request("link", json!({"to": "a b", "cut": true})), "bad_request", "to: expected a name"),
        (world.request("link", json!({"from": "chat"})), "bad_request", "a rule that does nothing"),
        (
            world.request("reload", json!({"config": "/x"})),
            "bad_request",
            "unknown argument of reload \"config\": it takes none",
        ),
        (world.request("add", json!({"id": "x"})), "bad_config", "add: missing \"serverType\""),
        (json!({"token": world.token.as_str()}).to_string(), "bad_request", "missing \"command\""),
        (
            json!({"token": world.token.as_str(), "comand": "list"}).to_string(),
            "bad_request",
            "unknown field \"comand\": expected token, command, args; did you mean \"command\"?",
        ),
        (
            json!({"token": world.token.as_str(), "command": 1}).to_string(),
            "bad_request",
            "command: expected a name",
        ),
    ] {
        let mut connection = world.connect();
        let answer = connection.ask(&line);
        assert_eq!(code(&answer), expected_code, "{answer}");
        assert!(message(&answer).contains(expected), "{answer}");
        // It works on.
        assert!(connection.ask(&world.request("links", json!({})))["ok"].is_object());
    }
}

#[test]
fn a_wrong_token_gets_nothing_done_and_ends_the_connection() {
    let world = AdminWorld::start();
    let right = world.token.as_str();
    let wrong = [
        json!(""),
        json!(&right[..31]),
        json!(format!("{right}0")),
        json!(right.to_uppercase() + "A"),
        json!(["x", right]),
        Value::Null,
    ];
    for token in &wrong {
        let mut line = world.connect();
        let order = json!({"token": token, "command": "stop"}).to_string();
        line.send(format!("{order}\n{}\n", world.request("stop", json!({}))).as_bytes());
        assert_eq!(code(&line.answer().unwrap()), "unauthorized", "{token}");
        line.assert_closed();
    }
    // An unknown command is not told to strangers.
    assert_eq!(code(&world.connect().ask(r#"{"command":"nothing"}"#)), "unauthorized");
    assert_eq!(world.fake.ends.load(Ordering::SeqCst), 0);
    let counters = world.server.counters();
    assert_eq!((counters.unauthorized, counters.requests), (wrong.len() as u64 + 1, 0));
}

#[test]
fn a_browser_gets_nothing_done() {
    let world = AdminWorld::start();
    let body = world.request("stop", json!({}));
    for request in [
        format!("POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: text/plain\r\n\r\n{body}\n"),
        format!("GET /{body} HTTP/1.1\r\n\r\n"),
        format!("\n{body}\n"),
        format!("[1]\n{body}\n"),
        format!("\"{{}}\"\n{body}\n"),
        format!("\u{feff}{body}\n"),
    ] {
        let mut line = world.connect();
        line.send(request.as_bytes());
        let answer = line.answer().unwrap();
        assert_eq!(code(&answer), "bad_request", "{request}");
        line.assert_closed();
    }
    assert_eq!(world.fake.ends.load(Ordering::SeqCst), 0);
    assert_eq!((world.server.counters().malformed, world.server.counters().requests), (6, 0));
}

#[test]
fn hostile_lines_are_answered_and_closed() {
    let world = AdminWorld::start();
    let deep = LINE_BYTES_MAX / 2;
    for line in [
        b"\xff\xfe\x00".to_vec(),
        b"{\"token\":\"\\ud800\"}".to_vec(),
        b"{".to_vec(),
        b"\0\0\0\0".to_vec(),
        [b"{\"token\":".repeat(deep / 9), b"1".to_vec()].concat(),
        b"[".repeat(deep),
    ] {
        let mut connection = world.connect();
        connection.send(&line);
        connection.send(b"\n");
        assert_eq!(code(&connection.answer().unwrap()), "bad_request");
        connection.assert_closed();
    }
    // Deep inside a request, too.
    let token = world.token.as_str();
    let nested = format!(r#"{{"token":"{token}","command":"add","args":{{"x":{}"#, "[".repeat(deep));
    assert_eq!(code(&world.connect().ask(&nested)), "bad_request");
    assert!(world.ask("links", json!({}))["ok"].is_object());
}

#[test]
fn lines_are_as_long_as_they_may_be_and_no_longer() {
    let world = AdminWorld::start();
    let padded = |bytes: usize| {
        let request = world.request("links", json!({}));
        request.clone() + &" ".repeat(bytes - request.len())
    };
    let mut line = world.connect();
    assert!(line.ask(&padded(LINE_BYTES_MAX))["ok"].is_object());
    let answer = line.ask(&padded(LINE_BYTES_MAX + 1));
    assert_eq!((code(&answer), message(&answer)), ("bad_request", "a line of more than 65536 bytes"));
    line.assert_closed();
    // Without a newline it is not waited for either.
    let mut endless = world.connect();
    endless.send(&vec![b' '; LINE_BYTES_MAX + 4096]);
    assert_eq!(code(&endless.answer().unwrap()), "bad_request");
    endless.assert_closed();
}

#[test]
fn a_line_that_drips_in_is_not_waited_for() {
    let world = AdminWorld::with_timeout(Duration::from_millis(300));
    let began = Instant::now();
    let mut silent = world.connect();
    let mut dripping = world.connect();
    silent.0.get_mut().set_nodelay(true).unwrap();
    // Each byte comes in time; the line does not. The write fails once the other side has closed.
    use std::io::Write as _;
    while dripping.0.get_mut().write_all(b" ").is_ok() {
        assert!(began.elapsed() < crate::support::PATIENCE, "it is waited for");
        std::thread::sleep(Duration::from_millis(10));
    }
    silent.assert_closed();
    assert!(began.elapsed() >= Duration::from_millis(300));
    assert_eq!(world.server.counters().late, 2);
}

#[test]
fn one_connection_too_many_is_told_so_and_places_are_given_back() {
    let world = AdminWorld::start();
    let request = world.request("links", json!({}));
    let mut served: Vec<_> = (0..CONNECTIONS_MAX).map(|_| world.connect()).collect();
    // Answered, and so accepted.
    served.iter_mut().for_each(|line| assert!(line.ask(&request)["ok"].is_object()));
    let mut surplus = world.connect();
    assert_eq!(code(&surplus.answer().unwrap()), "busy");
    surplus.assert_closed();
    assert_eq!(world.server.counters().busy, 1);
    drop(served.pop());
    wait_until("the place is given back", || {
        let mut line = world.connect();
        // Busy, the port may close before it has read this.
        use std::io::Write as _;
        let _ = line.0.get_mut().write_all(format!("{request}\n").as_bytes());
        line.answer().is_some_and(|answer| answer["ok"].is_object())
    });
}

#[test]
fn the_end_closes_connections_and_the_port() {
    let world = AdminWorld::start();
    let address = world.server.address();
    let mut idle = world.connect();
    assert!(idle.ask(&world.request("list", json!({})))["ok"].is_object());
    world.server.end();
    idle.assert_closed();
    assert!(std::net::TcpStream::connect(address).is_err());
}

#[test]
fn it_listens_on_this_machine_only() {
    assert!(AdminWorld::start().server.address().ip().is_loopback());
}

#[test]
fn what_a_request_asks_for_is_read_without_a_cluster() {
    let order = |line: &str| parse_request(line.as_bytes()).unwrap().order().unwrap();
    assert_eq!(order(r#"{"command":"list"}"#), Order::List);
    assert_eq!(order(r#"{"command":"stop","args":null}"#), Order::StopAll);
    assert_eq!(order(r#"{"command":"heal","args":{}}"#), Order::Heal(Vec::new()));
}

proptest! {
    #[test]
    fn any_line_is_read_without_a_panic(
        line in proptest::collection::vec(any::<u8>(), 0..300),
        command in "(list|add|stop|reload|link|heal|x)",
        args in r#"[{}\[\]":,a-z0-9]{0,60}"#,
    ) {
        for line in [line, format!(r#"{{"token":"","command":"{command}","args":{{{args}}}}}"#).into_bytes()] {
            if let Ok(request) = parse_request(&line) {
                let _ = request.order();
            }
        }
    }
}

#[test]
fn what_is_looked_for_is_bounded_and_may_come_as_text() {
    let world = AdminWorld::start();
    let rooms = world.ask("rooms", json!({}));
    assert_eq!(rooms["ok"]["total"], 2);
    assert_eq!(
        rooms["ok"]["rooms"][0],
        json!({"room": "lobby", "key": "lobby", "server": "chat-server-1", "members": 12, "messages": 40,
            "messagesPerSecond": 3})
    );
    // As a query of a URL has it.
    let busiest = world.ask("rooms", json!({"sort": "messages", "limit": "1"}));
    assert_eq!(
        (&busiest["ok"]["rooms"][0]["room"], busiest["ok"]["rooms"].as_array().unwrap().len()),
        (&json!("大厅"), 1)
    );
    assert_eq!(
        world.ask("room", json!({"room": "lobby"}))["ok"],
        json!({"room": "lobby", "key": "lobby", "server": "chat-server-1", "total": 12,
            "members": [{"uid": "alice*lobby", "frontend": "connector-server-1", "session": 7}]})
    );
    assert_eq!(code(&world.ask("room", json!({"room": "nowhere"}))), "unknown_room");
    let users = world.ask("users", json!({"search": "bob", "limit": 1000}));
    assert_eq!(
        users["ok"],
        json!({"total": 1, "users": [{"uid": "bob*lobby", "frontend": "connector-server-1", "session": 7,
            "rooms": [{"room": "lobby", "server": "chat-server-1"}]}]})
    );
    let view = world.ask("view", json!({}));
    assert_eq!(
        (&view["ok"]["servers"][0]["id"], &view["ok"]["types"][0]["strategy"]),
        (&json!("connector-server-1"), &json!("ring(100)"))
    );
    for (command, args, expected) in [
        ("rooms", json!({"limit": 0}), "limit: expected a number from 1 to 1000, got 0"),
        ("rooms", json!({"limit": "1001"}), "limit: expected a number from 1 to 1000, got \"1001\""),
        ("rooms", json!({"limit": 1.5}), "got 1.5"),
        ("users", json!({"limit": "ten"}), "got \"ten\""),
        (
            "rooms",
            json!({"sort": "member"}),
            "sort: expected members, messages, name; did you mean \"members\"?",
        ),
        ("rooms", json!({"search": 1}), "search: expected text, got 1"),
        ("room", json!({}), "missing \"room\""),
        ("kick", json!({}), "missing \"uid\""),
        ("kick", json!({"uid": "x", "reason": "r".repeat(257)}), "reason: expected at most 256 bytes"),
        ("events", json!({"since": -1}), "since: expected a number from 0 on, got -1"),
        ("view", json!({"all": true}), "it takes none"),
    ] {
        let answer = world.ask(command, args);
        assert_eq!(code(&answer), "bad_request", "{answer}");
        assert!(message(&answer).contains(expected), "{answer}");
    }
}

#[test]
fn a_kick_is_an_event_that_is_told_once() {
    let world = AdminWorld::start();
    let kicked = world.ask("kick", json!({"uid": "alice*lobby"}));
    assert_eq!(kicked["ok"], json!({"kicked": "alice*lobby", "frontend": "connector-server-1"}));
    assert_eq!(code(&world.ask("kick", json!({"uid": "nobody"}))), "unknown_user");
    let events = world.ask("events", json!({}));
    let event = &events["ok"]["events"][0];
    assert_eq!(
        (&event["seq"], &event["kind"], &event["server"], &event["text"]),
        (
            &json!(1),
            &json!("kick"),
            &json!("connector-server-1"),
            &json!("alice*lobby: kicked by an operator")
        )
    );
    assert!(event["atMs"].as_u64().unwrap() > 1_600_000_000_000);
    assert_eq!(events["ok"]["next"], 2);
    assert_eq!(world.ask("events", json!({"since": "2"}))["ok"], json!({"events": [], "next": 2}));
}

#[test]
fn strategies_are_orders_whose_arguments_may_be_text() {
    let world = AdminWorld::start();
    let strategy = |args: Value| world.ask("strategy", args);
    let order = json!({"serverType": "chat", "strategy": "ring(10)", "preview": "true"});
    let foreseen = &strategy(order)["ok"];
    assert_eq!(
        (&foreseen["applied"], &foreseen["from"], &foreseen["to"]),
        (&json!(false), &json!("pomelo-crc"), &json!("ring(10)"))
    );
    assert_eq!(foreseen["servers"][2], json!({"id": "chat-server-3", "loadBefore": 0, "loadAfter": 0}));
    let done = strategy(json!({"serverType": "chat", "strategy": "ring(10)"}));
    assert_eq!(done["ok"]["applied"], true);
    assert_eq!(world.ask("strategies", json!({}))["ok"]["types"][0]["strategy"], "ring(10)");
    for (args, expected) in [
        (json!({"serverType": "chat"}), "bad_request"),
        (json!({"serverType": "chat", "strategy": "roulette"}), "bad_request"),
        (json!({"serverType": "chat", "strategy": "jump", "preview": 1}), "bad_request"),
        (json!({"serverType": "area", "strategy": "jump"}), "unknown_type"),
        (json!({"serverType": "chat", "strategy": "random"}), "bad_config"),
    ] {
        assert_eq!(code(&strategy(args.clone())), expected, "{args}");
    }
    let long = "x".repeat(2000);
    for args in [json!({"uid": "a"}), json!({"uid": "", "rid": "b"}), json!({"uid": "a", "rid": long})] {
        assert_eq!(code(&world.ask("explain", args)), "bad_request");
    }
    assert_eq!(
        world.ask("explain", json!({"uid": "a", "rid": "b"}))["ok"]["gates"],
        json!(["gate-server-1"])
    );
}

#[test]
fn traces_are_turned_on_read_and_turned_off_by_order() {
    let world = AdminWorld::start();
    let off = world.ask("trace", json!({}))["ok"].clone();
    assert_eq!(
        off,
        json!({
            "on": false, "filter": {"uid": null, "rid": null, "route": null, "server": null},
            "secondsLeft": 0.0, "steps": [], "next": 0, "skipped": 0
        })
    );
    let on = world.ask("trace_on", json!({"uid": "alice", "route": "chat", "seconds": "60"}))["ok"].clone();
    assert_eq!((&on["on"], &on["secondsLeft"]), (&json!(true), &json!(60.0)));
    assert_eq!((&on["filter"]["uid"], &on["filter"]["server"]), (&json!("alice"), &json!(null)));
    assert!(world.fake.watch.is_on());
    assert_eq!(world.ask("trace_on", json!({}))["ok"]["secondsLeft"], 300.0);
    assert_eq!(world.ask("trace", json!({"since": "7"}))["ok"]["next"], 0);
    assert_eq!(world.ask("trace_off", json!({}))["ok"]["on"], false);
    for args in [json!({"seconds": 0}), json!({"seconds": 3601}), json!({"uid": ""}), json!({"uid": 1})] {
        assert_eq!(code(&world.ask("trace_on", args.clone())), "bad_request", "{args}");
    }
    assert_eq!(code(&world.ask("trace", json!({"since": "x"}))), "bad_request");
    assert_eq!(code(&world.ask("trace_off", json!({"uid": "alice"}))), "bad_request");
}
