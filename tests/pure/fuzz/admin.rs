//! Orders to a running cluster, as JSON.

use bolero::check;
use pomelo_sim::config::additions;
use pomelo_sim::orders::{ORDERS, Order, Refusal};
use serde_json::{Map, Value, json};

use super::input::{hold, seeds};
use super::laws::{assert_printable, within};

#[test]
fn orders() {
    let seeds = seeds("orders");
    check!(name = "orders").for_each(|input| hold(&seeds, input, order_law));
}

/// The order of `{"name":{arguments}}`; none when that is not the form or no order has the name.
fn read(text: &[u8]) -> Option<Result<Order, Refusal>> {
    let order: Map<String, Value> = serde_json::from_slice(text).ok()?;
    let (name, args) = order.into_iter().next()?;
    let row = ORDERS.iter().find(|row| row.name == name)?;
    let args = if let Value::Object(args) = args { args } else { Map::new() };
    Some(row.read(args))
}

/// Any text is an order, or is refused in words that a terminal can show; an order is what its
/// request says, and holds no more than came.
fn order_law(text: &[u8]) {
    match within(text.len(), 64, 8192, || read(text)) {
        Some(Ok(order)) => {
            let request = order.request().unwrap();
            assert!(request.target.is_ascii() && !request.target.contains([' ', '\r', '\n']), "{request:?}");
            assert!(!request.body.contains('\n'), "{request:?}");
            match order {
                Order::Link(rule) => {
                    assert!(rule.cut || rule.loss > 0.0 || rule.latency.is_some(), "{rule:?} does nothing");
                    assert_printable(&format!("x{}{}{}", rule.name, rule.from, rule.to));
                }
                // What a new server would be is looked at when it is known what is there.
                Order::Add(fields) => match additions(&fields, &[]) {
                    Ok(servers) => {
                        assert!(!servers.is_empty() && servers.iter().all(|one| !one.id.as_str().is_empty()));
                    }
                    Err(error) => assert_printable(&error.to_string()),
                },
                _ => {}
            }
        }
        Some(Err(refusal)) => refusal_law(&refusal, text.len()),
        None => {}
    }
}

fn refusal_law(refusal: &Refusal, bytes: usize) {
    assert_eq!(refusal.code.status(), 400, "{refusal:?}");
    assert_printable(&refusal.message);
    assert!(refusal.message.len() < bytes + 1000, "{} bytes for {bytes}", refusal.message.len());
    assert!(refusal.done.is_empty());
    // It goes out as one line of JSON.
    assert!(!json!({ "error": refusal }).to_string().contains('\n'));
}
