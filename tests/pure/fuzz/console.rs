//! Requests to the console, as far as they become an order: method, path, query and body.

use bolero::check;
use pomelo_sim::console::{OWN, Sender};
use pomelo_sim::orders::{Method, ORDERS, Order, Refusal, find};

use super::input::{hold, seeds};
use super::laws::{assert_printable, within};

#[test]
fn paths() {
    let seeds = seeds("paths");
    check!(name = "paths").for_each(|input| hold(&seeds, input, path_law));
}

/// A text such as `POST /api/v1/users/bob/kick?a=b {"reason":"x"}` is an order, or is refused in
/// words that a terminal can show; what comes of it holds no more than came.
fn path_law(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let (method, rest) = text.split_once(' ').unwrap_or(("GET", &text));
    let (target, body) = rest.split_once(' ').unwrap_or((rest, ""));
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let Some(method) = Method::named(method) else { return };
    let read = || {
        let (row, args) = find(ORDERS.iter().chain(OWN), method, path)?;
        let args = row.complete(args, query, body.as_bytes())?;
        if ORDERS.iter().any(|order| order.name == row.name) {
            row.read::<Order>(args).map(drop)
        } else {
            Ok(())
        }
    };
    if let Err(refusal) = within(bytes.len(), 64, 16_384, read) {
        assert_refusal(&refusal, bytes.len());
    }
}

fn assert_refusal(refusal: &Refusal, bytes: usize) {
    assert!(matches!(refusal.code.status(), 400 | 404 | 405), "{refusal:?}");
    assert_printable(&refusal.message);
    assert!(refusal.message.len() < bytes + 1000, "{} bytes for {bytes}", refusal.message.len());
    assert!(refusal.done.is_empty());
}

#[test]
fn hosts() {
    let seeds = seeds("hosts");
    check!(name = "hosts").for_each(|input| hold(&seeds, input, host_law));
}

/// Whoever passes says an address or `localhost`, and a page from elsewhere passes nowhere.
fn host_law(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let (host, origin) = text.split_once(' ').map_or((&*text, None), |(host, origin)| (host, Some(origin)));
    let sender = Sender { host: Some(host), origin, ..Sender::default() };
    match sender.check_host() {
        Ok(host) => {
            let name = host.rsplit_once(']').map_or_else(
                || host.split(':').next().unwrap_or_default(),
                |(inside, _)| inside.trim_start_matches('['),
            );
            let is_address = name.parse::<std::net::IpAddr>().is_ok();
            assert!(is_address || name.eq_ignore_ascii_case("localhost"), "{host:?}");
        }
        Err(refusal) => {
            assert_eq!(refusal.code.status(), 403);
            assert_printable(&refusal.message);
        }
    }
    if let (Ok(()), Some(origin)) = (sender.check_origin(), origin) {
        assert!(origin.eq_ignore_ascii_case(&format!("http://{host}")), "{origin:?} at {host:?}");
    }
}
