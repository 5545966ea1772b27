//! Orders to a running cluster, as lines of the admin port.

use bolero::check;
use pomelo_sim::admin::{Code, Order, Refusal, parse_request};
use pomelo_sim::config::additions;
use serde_json::json;

use super::input::{hold, seeds};
use super::laws::{assert_printable, within};

#[test]
fn orders() {
    let seeds = seeds("orders");
    check!(name = "orders").for_each(|input| hold(&seeds, input, order_law));
}

/// Any line is an order, or is refused in words that a terminal can show; what is an order names at least one server where
/// it must, and holds no more than came.
fn order_law(line: &[u8]) {
    let read = || parse_request(line).and_then(|request| request.order());
    match within(line.len(), 64, 8192, read) {
        Ok(Order::Each(verb, ids)) => assert!(!ids.is_empty(), "{verb:?} nobody"),
        Ok(Order::Link(rule)) => {
            assert!(rule.cut || rule.loss > 0.0 || rule.latency.is_some(), "{rule:?} does nothing");
            assert_printable(&format!("x{}{}{}", rule.name, rule.from, rule.to));
        }
        // What a new server would be is looked at when it is known what is there.
        Ok(Order::Add(fields)) => match additions(&fields, &[]) {
            Ok(servers) => {
                assert!(!servers.is_empty() && servers.iter().all(|server| !server.id.as_str().is_empty()))
            }
            Err(error) => assert_printable(&error.to_string()),
        },
        Ok(_) => {}
        Err(refusal) => refusal_law(&refusal, line.len()),
    }
}

fn refusal_law(refusal: &Refusal, line_bytes: usize) {
    let Refusal { code, message, done } = refusal;
    assert!(matches!(code, Code::BadRequest | Code::UnknownCommand), "{code:?}");
    assert_printable(message);
    assert!(message.len() < line_bytes + 1000, "{} bytes for {line_bytes}", message.len());
    assert!(done.is_empty());
    // It goes out as one line of JSON.
    assert!(!json!({ "error": refusal }).to_string().contains('\n'));
}
