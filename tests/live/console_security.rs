//! The console under attack: other pages of the same browser, other machines, and malformed
//! requests.

use std::io::{Read as _, Write as _};
use std::time::{Duration, Instant};

use crate::support::client::{Client, Transport};
use crate::support::console::{ConsoleWorld, JSON, LiveStream, Reply, read_reply};
use crate::support::tutorial;
use pomelo_sim::console::Door;
use pomelo_sim::live::ServerState;

const KILL: &str = "/api/v1/servers/chat-server-1/kill";

fn assert_hardened(reply: &Reply) {
    for (name, expected) in [
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "no-referrer"),
        ("cross-origin-resource-policy", "same-origin"),
        ("x-frame-options", "DENY"),
    ] {
        assert_eq!(reply.header(name), Some(expected), "{name} of\n{}", reply.head);
    }
    let policy = reply.header("content-security-policy").unwrap();
    for part in ["default-src 'none'", "script-src 'self'", "frame-ancestors 'none'", "base-uri 'none'"] {
        assert!(policy.contains(part), "{part} in {policy}");
    }
    assert!(!policy.contains("unsafe") && !policy.contains('*'), "{policy}");
    assert!(
        !reply.head.to_ascii_lowercase().contains("access-control-"),
        "no other page may read:\n{}",
        reply.head
    );
}

fn refused(reply: &Reply, status: u16, code: &str) {
    assert_hardened(reply);
    assert_eq!((reply.status, reply.code().as_str()), (status, code), "{}", reply.body);
}

/// Nothing has been done.
fn assert_all_run(world: &ConsoleWorld) {
    let servers = world.cluster().list().unwrap();
    assert!(servers.iter().all(|server| server.state == ServerState::Running), "{servers:?}");
    assert!(world.cluster().link_rules().unwrap().is_empty());
}

fn bearer(world: &ConsoleWorld) -> String {
    format!("Authorization: Bearer {}\r\n", world.token.as_str())
}

#[test]
fn every_answer_is_hardened() {
    let world = ConsoleWorld::start();
    for path in ["/", "/console", "/healthz", "/metrics", "/nothing", "/api/v1/picture", "/api/v1/nothing"] {
        assert_hardened(&world.say("GET", path, "", ""));
    }
    assert_hardened(&world.say("DELETE", "/api/v1/robots", "", ""));
    let stream = world.live();
    assert_hardened(&Reply {
        status: stream.status,
        head: stream.head.trim_end().to_owned(),
        body: String::new(),
    });
}

#[test]
fn a_name_that_was_bent_to_this_machine_reaches_nothing() {
    let world = ConsoleWorld::start();
    let port = world.address.port();
    for host in [
        "evil.example".to_owned(),
        format!("evil.example:{port}"),
        format!("127.0.0.1.evil.example:{port}"),
        format!("localhost.evil.example:{port}"),
        format!("127.0.0.1:{port}@evil.example"),
        "0x7f.1".to_owned(),
        "[::1".to_owned(),
        String::new(),
    ] {
        for path in
            ["/", "/console", "/healthz", "/metrics", "/assets/chat.css", "/api/v1/picture", "/api/v1/live"]
        {
            let head = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
            let reply = world.raw(head.as_bytes());
            refused(&reply, 403, "forbidden");
            assert!(!reply.body.contains(world.token.as_str()));
        }
        // Not even with everything else as it must be.
        let head = format!(
            "POST {KILL} HTTP/1.1\r\nHost: {host}\r\nOrigin: http://{host}\r\nSec-Fetch-Site: same-origin\r\n\
             {}Connection: close\r\n\r\n",
            bearer(&world)
        );
        refused(&world.raw(head.as_bytes()), 403, "forbidden");
    }
    for host in ["127.0.0.1", "localhost", "LOCALHOST:80", "[::1]:3001", "192.168.1.7:3001"] {
        let head = format!("GET /healthz HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        assert_eq!(world.raw(head.as_bytes()).status, 200, "{host}");
    }
    assert_all_run(&world);
}

#[test]
fn a_host_that_is_missing_doubled_or_contradicted_is_refused() {
    let world = ConsoleWorld::start();
    let good = format!("Host: {}", world.address);
    for (heads, statuses) in [
        ("GET / HTTP/1.1\r\nConnection: close\r\n\r\n".to_owned(), [400, 403]),
        ("GET /console HTTP/1.0\r\n\r\n".to_owned(), [400, 403]),
        (format!("GET / HTTP/1.1\r\n{good}\r\n{good}\r\nConnection: close\r\n\r\n"), [400, 403]),
        (format!("GET / HTTP/1.1\r\n{good}\r\nHost: evil.example\r\nConnection: close\r\n\r\n"), [400, 403]),
        (format!("GET http://evil.example/ HTTP/1.1\r\n{good}\r\nConnection: close\r\n\r\n"), [400, 403]),
        (format!("GET / HTTP/1.1\r\nHost: \u{7f}\r\n{good}\r\nConnection: close\r\n\r\n"), [400, 403]),
        ("GET / HTTP/1.1\r\nHost: \u{e9}\u{4e00}\r\nConnection: close\r\n\r\n".to_owned(), [400, 403]),
    ] {
        let reply = world.raw(heads.as_bytes());
        assert!(statuses.contains(&reply.status), "{heads:?}: {}", reply.head);
        assert!(!reply.body.contains("<html"), "{heads:?}");
    }
}

#[test]
fn a_page_from_elsewhere_changes_nothing() {
    let world = ConsoleWorld::start();
    let own = format!("Origin: http://{}\r\n", world.address);
    let rule = r#"{"cut":true}"#;
    let form = "Content-Type: application/x-www-form-urlencoded\r\n";
    let plain = "Content-Type: text/plain\r\n";
    let token = bearer(&world);
    // What a page elsewhere can make a browser send without asking first: no token.
    for headers in [
        format!("Origin: https://evil.example\r\nSec-Fetch-Site: cross-site\r\n{plain}"),
        format!("Origin: null\r\n{form}"),
        format!("Sec-Fetch-Site: same-site\r\n{plain}"),
        // A port of this machine is another origin.
        format!("Origin: http://127.0.0.1:1\r\nSec-Fetch-Site: same-site\r\n{JSON}"),
        // Even if it knew the token.
        format!("Origin: https://evil.example\r\n{token}{JSON}"),
        format!("{own}Sec-Fetch-Site: cross-site\r\n{token}{JSON}"),
        format!("{own}{own}{token}{JSON}"),
    ] {
        refused(&world.say("POST", "/api/v1/links", &headers, rule), 403, "forbidden");
        refused(&world.say("POST", KILL, &headers, ""), 403, "forbidden");
        refused(&world.say("DELETE", "/api/v1/servers/chat-server-1", &headers, ""), 403, "forbidden");
    }
    // Its own page, but without the token, or a wrong one, or somewhere else than it belongs.
    let wrong = "0".repeat(32);
    for headers in [
        String::new(),
        own.clone(),
        format!("Authorization: Bearer {wrong}\r\n"),
        format!("Authorization: Bearer {}\r\n", &world.token.as_str()[..31]),
        format!("Authorization: Basic {}\r\n", world.token.as_str()),
        format!("{token}{token}"),
        format!("Cookie: token={}\r\n", world.token.as_str()),
    ] {
        refused(&world.say("POST", "/api/v1/links", &format!("{headers}{JSON}"), rule), 401, "unauthorized");
        let with_token = format!("{KILL}?token={}", world.token.as_str());
        refused(&world.say("POST", &with_token, &headers, ""), 401, "unauthorized");
    }
    // With the token, but no JSON by its own word.
    for kind in [form, plain, "", "Content-Type: application/jsonp\r\n"] {
        let reply = world.say("POST", "/api/v1/links", &format!("{token}{kind}"), rule);
        refused(&reply, 415, "unsupported_media_type");
    }
    assert_all_run(&world);
    let done = world.say(
        "POST",
        "/api/v1/links",
        &format!("{own}Sec-Fetch-Site: same-origin\r\n{token}{JSON}"),
        rule,
    );
    assert_eq!(done.status, 200, "{}", done.body);
}

#[test]
fn the_api_is_not_for_pages_from_elsewhere_even_to_look() {
    let world = ConsoleWorld::start();
    for path in ["/api/v1/picture", "/api/v1/audit", "/api/v1/servers"] {
        refused(&world.say("GET", path, "Sec-Fetch-Site: cross-site\r\n", ""), 403, "forbidden");
        refused(&world.say("GET", path, "Origin: https://evil.example\r\n", ""), 403, "forbidden");
        assert_eq!(world.say("GET", path, "Sec-Fetch-Site: none\r\n", "").status, 200, "{path}, typed in");
    }
    // A link leads to a page.
    assert_eq!(world.say("GET", "/console", "Sec-Fetch-Site: cross-site\r\n", "").status, 200);
}

#[test]
fn a_stream_is_for_its_own_page() {
    let world = ConsoleWorld::start();
    let host = format!("Host: {}\r\n", world.address);
    let own = format!("Origin: http://{}\r\nSec-Fetch-Site: same-origin\r\n", world.address);
    for (more, status) in [
        ("", 200),
        (own.as_str(), 200),
        ("Origin: http://evil.example\r\n", 403),
        ("Sec-Fetch-Site: cross-site\r\n", 403),
        ("Sec-Fetch-Site: same-site\r\n", 403),
    ] {
        let stream = LiveStream::open(world.connect(), &format!("{host}{more}"));
        assert_eq!(stream.status, status, "{more}");
    }
}

#[test]
fn the_token_is_on_the_page_for_this_machine_alone() {
    let world = ConsoleWorld::start();
    let holds = |reply: &Reply| reply.body.contains(world.token.as_str());
    assert!(holds(&world.say("GET", "/console", "", "")));
    for path in
        ["/", "/metrics", "/healthz", "/api/v1/cluster", "/api/v1/picture", "/api/v1/view", "/nothing"]
    {
        assert!(!holds(&world.say("GET", path, "", "")), "{path}");
    }
    // A request through a proxy may come from anybody.
    for header in ["X-Forwarded-For: 10.0.0.7\r\n", "Forwarded: for=10.0.0.7\r\n", "Via: 1.1 proxy\r\n"] {
        assert!(!holds(&world.say("GET", "/console", header, "")), "{header}");
        let cluster = world.say("GET", "/api/v1/cluster", header, "").json();
        assert_eq!(cluster["mayChange"], false, "{header}");
    }
}

#[test]
fn nothing_but_the_pages_is_served() {
    let world = ConsoleWorld::start();
    for path in [
        "/assets/../Cargo.toml",
        "/assets/%2e%2e/Cargo.toml",
        "/assets/..%2fassets.rs",
        "/assets/%2e%2e%2f%2e%2e%2f%2e%2e%2fCargo.toml",
        "/assets//etc/passwd",
        "/assets/chat.html",
        "/assets/console.html",
        "/assets/",
        "/assets",
        "/../../etc/passwd",
        "/console/",
        "/CONSOLE",
        "//",
        "/console%00",
        "/api/v1/../../console",
        "/api",
        "/api/",
        "/api/v1/servers/../picture",
    ] {
        let reply = world.say("GET", path, "", "");
        refused(&reply, 404, "unknown_path");
    }
}

#[test]
fn methods_that_there_are_not_are_refused() {
    let world = ConsoleWorld::start();
    for method in ["OPTIONS", "PATCH", "TRACE", "CONNECT", "PROPFIND", "get"] {
        for path in ["/", "/api/v1/servers", "/nothing"] {
            let asked = "Origin: https://evil.example\r\nAccess-Control-Request-Method: POST\r\n";
            let reply = world.say(method, path, asked, "");
            assert!([400, 405].contains(&reply.status), "{method} {path}: {}", reply.head);
            assert!(!reply.head.to_ascii_lowercase().contains("access-control-"), "{}", reply.head);
        }
    }
    for path in ["/", "/console", "/healthz", "/metrics", "/api/v1/servers", "/api/v1/live"] {
        let reply = world.say("HEAD", path, "", "");
        assert_hardened(&reply);
        assert_eq!((reply.status, reply.body.as_str()), (200, ""), "{path}");
    }
}

#[test]
fn what_is_too_large_is_not_read() {
    let world = ConsoleWorld::start();
    let token = bearer(&world);
    let huge = format!(r#"{{"name":"{}","cut":true}}"#, "a".repeat(70_000));
    let reply = world.say("POST", "/api/v1/links", &format!("{token}{JSON}"), &huge);
    refused(&reply, 413, "too_large");
    // It says that it will be long, and sends nothing.
    let head = format!("POST /api/v1/links HTTP/1.1\r\nHost: {}\r\n{token}{JSON}", world.address);
    let reply = world.raw(format!("{head}Content-Length: 10000000000\r\n\r\n").as_bytes());
    refused(&reply, 413, "too_large");
    // It does not say so.
    let chunks = format!("10000\r\n{}\r\n1\r\na\r\n0\r\n\r\n", "a".repeat(0x10000));
    let reply = world.raw(format!("{head}Transfer-Encoding: chunked\r\n\r\n{chunks}").as_bytes());
    refused(&reply, 413, "too_large");
    // Heads.
    let long = "a".repeat(300_000);
    for head in [
        format!("GET /{long} HTTP/1.1\r\nHost: {}\r\n\r\n", world.address),
        format!("GET / HTTP/1.1\r\nHost: {}\r\nX-Long: {long}\r\n\r\n", world.address),
        format!("GET / HTTP/1.1\r\nHost: {}\r\n{}\r\n", world.address, "X-Many: 1\r\n".repeat(1000)),
    ] {
        let mut stream = world.connect();
        let _ = stream.write_all(head.as_bytes());
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        assert!(
            answer.is_empty() || read_reply(&answer).status >= 400,
            "{}",
            String::from_utf8_lossy(&answer)
        );
    }
    assert_all_run(&world);
}

#[test]
fn bodies_that_are_cut_doubled_or_contradict_themselves_do_nothing() {
    let world = ConsoleWorld::start();
    let head = format!("POST {KILL} HTTP/1.1\r\nHost: {}\r\n{}{JSON}", world.address, bearer(&world));
    for (more, body) in [
        ("Content-Length: 2\r\nContent-Length: 3\r\n", "{}"),
        ("Content-Length: -2\r\n", "{}"),
        ("Transfer-Encoding: gzip\r\n", "{}"),
        ("Content-Length: 4\r\n", "{\"a\""),
        ("Content-Length: 3\r\n", "\u{ff}\u{fe}"),
    ] {
        let reply = world.raw(format!("{head}{more}Connection: close\r\n\r\n{body}").as_bytes());
        assert_eq!(reply.status, 400, "{more}: {} {}", reply.head, reply.body);
    }
    assert_all_run(&world);
}

/// Two lengths of one body: the chunks count, and nothing behind them is read as a request (RFC
/// 9112, 6.1).
#[test]
fn a_body_of_two_lengths_is_the_last_of_its_connection() {
    let world = ConsoleWorld::start();
    let hidden = format!(
        "POST {KILL} HTTP/1.1\r\nHost: {}\r\n{}Connection: close\r\n\r\n",
        world.address,
        bearer(&world)
    );
    for lengths in [
        format!("Content-Length: {}\r\nTransfer-Encoding: chunked\r\n", 5 + hidden.len()),
        format!("Transfer-Encoding: chunked\r\nContent-Length: {}\r\n", 5 + hidden.len()),
    ] {
        let head = format!("GET /api/v1/servers HTTP/1.1\r\nHost: {}\r\n{lengths}\r\n", world.address);
        let reply = world.raw(format!("{head}0\r\n\r\n{hidden}").as_bytes());
        assert_eq!((reply.status, reply.header("connection")), (200, Some("close")), "{}", reply.head);
        assert_eq!(reply.body.matches("HTTP/1.1").count(), 0, "one answer: {}", reply.body);
    }
    assert_all_run(&world);
}

#[test]
fn who_sends_slowly_is_closed() {
    let world = ConsoleWorld::start();
    let began = Instant::now();
    let mut slow_head = world.connect();
    slow_head.write_all(b"GET / HTTP/1.1\r\nHost: 127").unwrap();
    let mut slow_body = world.connect();
    let head = format!(
        "POST {KILL} HTTP/1.1\r\nHost: {}\r\n{}{JSON}Content-Length: 2\r\n\r\n{{",
        world.address,
        bearer(&world)
    );
    slow_body.write_all(head.as_bytes()).unwrap();
    for stream in [&mut slow_head, &mut slow_body] {
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        assert!(
            answer.is_empty() || read_reply(&answer).status == 408,
            "{}",
            String::from_utf8_lossy(&answer)
        );
    }
    assert!(began.elapsed() >= Duration::from_secs(4), "they had some time: {:?}", began.elapsed());
    assert_all_run(&world);
}

#[test]
fn garbage_is_no_request() {
    let world = ConsoleWorld::start();
    for bytes in [
        &b"\x00\x01\x02\x03\r\n\r\n"[..],
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
        b"{\"token\":\"\",\"command\":\"stop\"}\n\r\n\r\n",
    ] {
        let mut stream = world.connect();
        stream.write_all(bytes).unwrap();
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        assert!(
            answer.is_empty() || read_reply(&answer).status >= 400,
            "{}",
            String::from_utf8_lossy(&answer)
        );
    }
    assert_eq!(world.say("GET", "/healthz", "", "").status, 200);
}

/// Reads until the trace has steps.
fn traced(stream: &mut LiveStream) -> serde_json::Value {
    let mut traces = std::iter::repeat_with(|| stream.next_of("trace").data);
    traces.find(|trace| trace["steps"].as_array().is_some_and(|steps| !steps.is_empty())).unwrap()
}

#[test]
fn what_users_write_is_for_who_has_the_token() {
    let world = ConsoleWorld::start();
    let host = format!("Host: {}\r\n", world.address);
    assert_eq!(world.ask("PUT", "/api/v1/trace", r#"{"rid":"lobby","seconds":60}"#).status, 200);
    let connector = world.cluster().address("connector-server-1").unwrap();
    let mut alice = Client::enter(connector, Transport::Tcp, "alice", "lobby");
    let mut bob = Client::enter(connector, Transport::Tcp, "bob", "lobby");
    assert_eq!(alice.push().0, "onAdd");
    let body = serde_json::json!({"content": "for you alone", "target": "bob"});
    assert_eq!(alice.request("chat.chatHandler.send", body), serde_json::json!({}));
    assert_eq!(bob.push().0, "onChat");
    let wrong = format!("Authorization: Bearer {}\r\n", "0".repeat(32));
    for (headers, is_told) in [(String::new(), false), (wrong, false), (bearer(&world), true)] {
        let asked = world.say("GET", "/api/v1/trace", &headers, "").json();
        let mut stream = LiveStream::open(world.connect(), &format!("{host}{headers}"));
        // The stream has what the last look at the cluster saw: wait for a later one.
        let heard = std::iter::repeat_with(|| traced(&mut stream))
            .find(|trace| trace.to_string().contains("chat.chatHandler.send"))
            .unwrap();
        for trace in [asked, heard] {
            let steps = trace["steps"].as_array().unwrap();
            let received = steps.iter().filter(|step| step["what"] == "received");
            assert!(received.clone().count() > 0, "{trace}");
            assert!(received.clone().all(|step| step["body"].is_string() == is_told), "{headers}: {trace}");
            assert_eq!(trace.to_string().contains("for you alone"), is_told, "{headers}: {trace}");
            assert_eq!(trace["bodies"].is_string(), !is_told, "it says so: {trace}");
        }
    }
}

#[test]
fn a_forwarded_port_does_not_bring_the_token() {
    let world = ConsoleWorld::start();
    let port = world.address.port();
    let other = if port == 8080 { 8081 } else { 8080 };
    let page = |host: &str, more: &str| {
        let head = format!("GET /console HTTP/1.1\r\nHost: {host}\r\n{more}Connection: close\r\n\r\n");
        let reply = world.raw(head.as_bytes());
        assert_eq!(reply.status, 200, "{host} {more}");
        reply.body.contains(world.token.as_str())
    };
    for host in [format!("127.0.0.1:{port}"), format!("localhost:{port}"), format!("[::1]:{port}")] {
        assert!(page(&host, ""), "{host}");
        for more in [
            "Forwarded: for=10.0.0.7\r\n",
            "X-Forwarded-Host: example\r\n",
            "X-Forwarded-Proto: https\r\n",
            "X-Real-IP: 10.0.0.7\r\n",
            "Via: 1.1 proxy\r\n",
            "Sec-Fetch-Site: cross-site\r\n",
            "Origin: http://localhost:1\r\n",
        ] {
            assert!(!page(&host, more), "{host} {more}");
        }
    }
    for host in [format!("localhost:{other}"), "localhost".to_owned(), format!("10.0.0.7:{port}")] {
        assert!(!page(&host, ""), "{host}");
    }
}

#[test]
fn a_console_may_keep_the_token_to_itself() {
    let world = ConsoleWorld::at(tutorial(), |listener| Door::console(listener).without_token());
    assert!(!world.say("GET", "/console", "", "").body.contains(world.token.as_str()));
    assert_eq!(world.say("GET", "/api/v1/cluster", "", "").json()["mayChange"], false);
    assert_eq!(world.ask("POST", KILL, "").status, 200, "a token that was pasted");
}
