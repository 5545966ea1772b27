//! Arguments of an order, each with an error that says what was expected and what came.

use std::fmt::Display;
use std::str::FromStr;

use serde::de::{Deserialize, Deserializer, Error};
use serde_json::Value;

use crate::router::LinkRule;

/// Longest name of a user, a room, a route or a server, in bytes.
const NAME_BYTES_MAX: usize = 1024;

/// Longest name of a link rule, and of its ends, in bytes.
const RULE_NAME_BYTES_MAX: usize = 128;

/// Longest reason for a kick, in bytes.
const REASON_BYTES_MAX: usize = 256;

/// A whole number in a range, as a number or as digits: a query only has text.
pub(super) fn within<'de, const FROM: u64, const TO: u64, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<u64, D::Error> {
    let value = Value::deserialize(deserializer)?;
    let number = match &value {
        Value::String(digits) => digits.parse().ok(),
        other => other.as_u64(),
    };
    number.filter(|number| (FROM..=TO).contains(number)).ok_or_else(|| {
        let to = if TO == u64::MAX { "on".to_owned() } else { format!("to {TO}") };
        Error::custom(format_args!("expected a number from {FROM} {to}, got {}", short(&value)))
    })
}

/// A value parsed from text.
pub(super) fn parsed<'de, T, D>(deserializer: D) -> Result<T, D::Error>
where
    T: FromStr<Err: Display>,
    D: Deserializer<'de>,
{
    let text = String::deserialize(deserializer)?;
    text.parse().map_err(|error| Error::custom(format_args!("{error}, got {:?}", cut(&text))))
}

/// A name of bounded length.
pub(super) fn name<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let name = String::deserialize(deserializer)?;
    if name.is_empty() || name.len() > NAME_BYTES_MAX {
        return Err(Error::custom(format_args!("expected a name of 1 to {NAME_BYTES_MAX} bytes")));
    }
    Ok(name)
}

/// An optional name.
pub(super) fn some_name<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    name(deserializer).map(Some)
}

/// The reason that a kicked client is given.
pub(super) fn reason<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let reason = String::deserialize(deserializer)?;
    if reason.len() > REASON_BYTES_MAX {
        return Err(Error::custom(format_args!("expected at most {REASON_BYTES_MAX} bytes of text")));
    }
    Ok(reason)
}

/// A link rule that has an effect, with names that are safe on a terminal.
pub(super) fn rule<'de, D: Deserializer<'de>>(deserializer: D) -> Result<LinkRule, D::Error> {
    let rule = LinkRule::deserialize(deserializer)?;
    for (key, name) in [("name", &rule.name), ("from", &rule.from), ("to", &rule.to)] {
        let is_name = !name.chars().any(|c| c.is_whitespace() || c.is_control());
        // Only the rule's own name may be missing: it is given one.
        if !is_name || name.len() > RULE_NAME_BYTES_MAX || (name.is_empty() && key != "name") {
            return Err(Error::custom(format_args!(
                "{key}: expected a name of at most {RULE_NAME_BYTES_MAX} bytes, without spaces or control characters, \
                 got {:?}",
                cut(name)
            )));
        }
    }
    if !rule.cut && rule.loss == 0.0 && rule.latency.is_none() {
        return Err(Error::custom("expected a rule with latency, loss or cut, got one without effect"));
    }
    Ok(rule)
}

/// A value, shortened for a message. JSON leaves some control characters as they are; a terminal
/// must not receive them.
fn short(value: &Value) -> String {
    let mut shown = String::new();
    for c in value.to_string().chars() {
        if c.is_control() { shown.extend(c.escape_unicode()) } else { shown.push(c) }
    }
    cut(&shown)
}

pub(super) fn cut(text: &str) -> String {
    const SHOWN: usize = 64;
    let mut shown: String = text.chars().take(SHOWN).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    shown
}
