//! Rules of links between servers, as files and commands write them.

use bolero::check;
use pomelo_sim::ids::{ServerId, ServerType};
use pomelo_sim::random::Random;
use pomelo_sim::router::links::{End, Latency, Link, LinkRule, Rule, Verdict};

use super::input::{hold, seeds};
use super::laws::{assert_printable, within};

const LATENCY_NANOS_MAX: u128 = 60_000_000_000;

#[test]
fn latencies() {
    let seeds = seeds("latencies");
    check!(name = "latencies").for_each(|input| hold(&seeds, input, latency_law));
}

#[test]
fn link_rules() {
    let seeds = seeds("link_rules");
    check!(name = "link_rules").for_each(|input| hold(&seeds, input, rule_law));
}

/// A latency is read or refused in words; it is written as what is read as the same, and every draw
/// is in its bounds.
fn latency_law(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let latency = match Latency::parse(&text) {
        Ok(latency) => latency,
        Err(error) => return assert_printable(&error),
    };
    assert_eq!(Latency::parse(&latency.to_string()), Ok(latency), "{latency}");
    let random = &mut Random::new(1, &text);
    for _ in 0..4 {
        let nanos = latency.draw(random).as_nanos();
        assert!(nanos <= LATENCY_NANOS_MAX, "{latency}: {nanos} ns");
        if let Latency::Uniform(low, high) = latency {
            assert!((low.as_nanos()..=high.as_nanos()).contains(&nanos), "{latency}: {nanos} ns");
        }
    }
}

/// A rule is read or refused; it is written as what is read as the same, and says of every link
/// what it may say.
fn rule_law(bytes: &[u8]) {
    let parsed = within(bytes.len(), 16, 4096, || serde_json::from_slice::<LinkRule>(bytes));
    let mut rule = match parsed {
        Ok(rule) => rule,
        Err(error) => return assert!(!error.to_string().is_empty()),
    };
    assert!((0.0..=1.0).contains(&rule.loss), "{rule:?}");
    let text = serde_json::to_string(&rule).unwrap();
    let again: LinkRule = serde_json::from_str(&text).unwrap();
    // The JSON reader may miss a number by its last bit.
    assert!((again.loss - rule.loss).abs() <= rule.loss * f64::EPSILON, "{text}");
    assert_eq!(LinkRule { loss: rule.loss, ..again }, rule, "{text}");

    let (ids, types) = (["a-1", "b-1"].map(ServerId::from), ["a", "b"].map(ServerType::from));
    let end = |place: usize| End { id: &ids[place], server_type: &types[place] };
    let random = &mut Random::new(1, "links");
    for (from, to) in [(0, 1), (1, 0), (1, 1)] {
        let link = Link { from: end(from), to: end(to) };
        match rule.verdict(&link, random) {
            Verdict::Pass => {}
            Verdict::Deliver(after) => assert!(after.as_nanos() <= LATENCY_NANOS_MAX),
            Verdict::Drop => assert!(rule.cut || rule.loss > 0.0),
        }
    }
}
