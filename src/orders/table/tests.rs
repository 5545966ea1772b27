//! Requests become orders, orders become requests, and invalid requests are refused.

use serde_json::{Value, json};

use super::{Method, Order, Request, Takes, find};
use crate::orders::ORDERS;

/// Reads a request as an order.
fn read(method: &str, path: &str, query: &str, body: &str) -> Result<Order, (u16, String)> {
    let method = Method::named(method).unwrap();
    let read = find(ORDERS.iter(), method, path)
        .and_then(|(row, args)| row.read(row.complete(args, query, body.as_bytes())?));
    read.map_err(|refusal| (refusal.code.status(), refusal.message))
}

fn order(json: Value) -> Order {
    serde_json::from_value(json).unwrap()
}

#[test]
fn paths_queries_and_bodies_are_arguments() {
    for (method, path, query, body, expected) in [
        ("GET", "/api/v1/servers", "", "", json!("list")),
        ("HEAD", "/api/v1/servers", "", "", json!("list")),
        ("POST", "/api/v1/servers", "", r#"{"id":"a"}"#, json!({"add": {"id": "a"}})),
        ("DELETE", "/api/v1/servers/a-1", "", "", json!({"remove": {"id": "a-1"}})),
        ("POST", "/api/v1/servers/a/kill", "", "{}", json!({"kill": {"id": "a"}})),
        ("POST", "/api/v1/cluster/stop", "", "", json!("stop_cluster")),
        ("GET", "/api/v1/rooms/a%2Fb%25%E5%8C%97+", "", "", json!({"room": {"room": "a/b%北+"}})),
        ("GET", "/api/v1/rooms", "search=a+b&limit=5", "", json!({"rooms": {"search": "a b", "limit": 5}})),
        ("GET", "/api/v1/rooms", "", "", json!({"rooms": {"search": "", "limit": 50, "sort": "members"}})),
        (
            "GET",
            "/api/v1/strategies/chat/preview",
            "strategy=ring(9)",
            "",
            json!({"preview": {"serverType": "chat", "strategy": "ring(9)"}}),
        ),
        ("DELETE", "/api/v1/links", "", "", json!("heal_all")),
        ("DELETE", "/api/v1/links/slow", "", "", json!({"heal": {"name": "slow"}})),
        (
            "POST",
            "/api/v1/users/bob/kick",
            "",
            r#"{"reason":"x"}"#,
            json!({"kick": {"uid": "bob", "reason": "x"}}),
        ),
    ] {
        assert_eq!(read(method, path, query, body), Ok(order(expected)), "{method} {path}");
    }
}

#[test]
fn what_does_not_fit_is_refused() {
    for (method, path, query, body, status, said) in [
        ("GET", "/api/v1/nothing", "", "", 404, "no such path"),
        ("GET", "/api/v1/server", "", "", 404, "did you mean \"/api/v1/servers\"?"),
        ("GET", "/api/v1/servers/", "", "", 404, "no such path"),
        ("DELETE", "/api/v1/servers/", "", "", 404, "no such path"),
        ("PUT", "/api/v1/servers", "", "", 405, "expected one of GET, POST"),
        ("GET", "/api/v1/rooms/%ff", "", "", 400, "UTF-8"),
        ("GET", "/api/v1/rooms", "serach=a", "", 400, "did you mean \"search\"?"),
        ("GET", "/api/v1/rooms", "limit=1&limit=2", "", 400, "expected limit once, got it twice"),
        ("GET", "/api/v1/servers", "a=1", "", 400, "unknown parameter \"a\": expected none"),
        ("GET", "/api/v1/servers", "", "{\"a\":1}", 400, "unknown field \"a\""),
        ("POST", "/api/v1/servers/a/kill", "", "{\"id\":\"b\"}", 400, "unknown field \"id\""),
        ("POST", "/api/v1/users/bob/kick", "", "[]", 400, "expected a JSON object"),
        ("POST", "/api/v1/users/bob/kick", "", "{", 400, "expected a JSON object, got none"),
        ("GET", "/api/v1/explain", "uid=a", "", 400, "missing field `rid`"),
        (
            "PUT",
            "/api/v1/trace",
            "",
            "{\"seconds\":0}",
            400,
            "seconds: expected a number from 1 to 3600, got 0",
        ),
    ] {
        let (met, message) = read(method, path, query, body).unwrap_err();
        assert_eq!(met, status, "{method} {path}: {message}");
        assert!(message.contains(said), "{method} {path}: {message}");
    }
}

#[test]
fn no_row_hides_another() {
    for row in ORDERS {
        let concrete = row.path.replace(['{', '}'], "");
        let (found, _) = find(ORDERS.iter(), row.method, &concrete).unwrap();
        assert_eq!(found.path, row.path);
    }
}

/// One of every order, with arguments that must be encoded in paths and queries.
#[test]
fn every_order_is_read_from_the_request_that_it_makes() {
    let arguments = json!({
        "id": "a/b", "room": "?&=#%", "uid": "alice*lobby", "rid": "北 京", "name": "a+b", "reason": "so \"long\"",
        "serverType": "chat", "strategy": "ring(9)", "search": "a&b=c", "sort": "name", "limit": 7, "since": 3,
        "route": "chat.chatHandler", "server": "s", "seconds": 60, "from": "x", "to": "y", "both": true, "cut": true,
        "loss": 0.5, "latency": "20ms",
    });
    for row in ORDERS {
        let in_path = row.path.split('/').filter_map(super::argument);
        let names: Vec<&str> = match row.takes {
            Takes::Query(names) | Takes::Body(names) => in_path.chain(names.iter().copied()).collect(),
            Takes::Fields => vec!["id", "serverType", "latency"],
            Takes::Nothing => in_path.collect(),
        };
        let args = names.iter().map(|name| ((*name).to_owned(), arguments[name].clone())).collect();
        let order: Order = row.read(args).unwrap();
        assert_eq!(order.changes(), row.method != Method::Get);
        let Request { method, target, body } = order.request().unwrap();
        let (path, query) = target.split_once('?').unwrap_or((&target, ""));
        assert_eq!(read(method.name(), path, query, &body), Ok(order), "{} {target} {body}", row.name);
    }
}

#[test]
fn every_order_has_a_row_and_every_row_an_order() {
    let error = serde_json::from_str::<Order>("\"nothing\"").unwrap_err().to_string();
    let (_, names) = error.split_once("expected one of ").unwrap();
    let names: Vec<&str> = names.split('`').skip(1).step_by(2).collect();
    let mut rows: Vec<&str> = ORDERS.iter().map(|row| row.name).collect();
    assert!(names.iter().all(|name| rows.contains(name)), "{names:?} have rows {rows:?}");
    rows.dedup();
    assert_eq!(rows.len(), names.len(), "{rows:?} are {names:?}");
}
