//! Arguments of an order, one by one: what is expected, and what came.

use std::str::FromStr;

use serde_json::{Map, Value};

use super::request::{Code, Refusal};
use crate::nearest::{did_you_mean, nearest};

/// Longest name of a user, a room, a route or a server, in bytes.
const NAME_BYTES_MAX: usize = 1024;

/// What stands behind `args`.
pub(super) type Args = Map<String, Value>;

pub(super) fn bad(message: impl Into<String>) -> Refusal {
    Refusal::new(Code::BadRequest, message)
}

/// Refuses keys that are not among the known ones.
pub(super) fn known<'a>(
    what: &str,
    keys: impl IntoIterator<Item = &'a String>,
    takes: &[&str],
) -> Result<(), Refusal> {
    let Some(unknown) = keys.into_iter().find(|key| !takes.contains(&key.as_str())) else { return Ok(()) };
    let expected =
        if takes.is_empty() { "it takes none".to_owned() } else { format!("expected {}", takes.join(", ")) };
    let hint = did_you_mean(nearest(unknown, takes.iter().copied()));
    Err(bad(format!("unknown {what} {:?}: {expected}{hint}", cut(unknown))))
}

pub(super) fn text<'a>(args: &'a Args, key: &str) -> Result<&'a str, Refusal> {
    optional(args, key)?.ok_or_else(|| bad(format!("missing {key:?}")))
}

/// Text that may be missing.
pub(super) fn optional<'a>(args: &'a Args, key: &str) -> Result<Option<&'a str>, Refusal> {
    match args.get(key) {
        Some(Value::String(text)) => Ok(Some(text)),
        Some(other) => Err(bad(format!("{key}: expected text, got {}", short(other)))),
        None => Ok(None),
    }
}

/// The name of something, of a bounded length, if it is given.
pub(super) fn name(args: &Args, key: &str) -> Result<Option<String>, Refusal> {
    let name = optional(args, key)?;
    if name.is_some_and(|name| name.is_empty() || name.len() > NAME_BYTES_MAX) {
        return Err(bad(format!("{key}: expected a name of 1 to {NAME_BYTES_MAX} bytes")));
    }
    Ok(name.map(str::to_owned))
}

/// Yes or no, also as text; no when it is missing.
pub(super) fn flag(args: &Args, key: &str) -> Result<bool, Refusal> {
    match args.get(key) {
        None => Ok(false),
        Some(Value::Bool(flag)) => Ok(*flag),
        Some(Value::String(text)) if text == "true" => Ok(true),
        Some(Value::String(text)) if text == "false" => Ok(false),
        Some(other) => Err(bad(format!("{key}: expected true or false, got {}", short(other)))),
    }
}

/// Text that is read as something, or what it is when it is missing.
pub(super) fn parsed<T>(args: &Args, key: &str, default: T) -> Result<T, Refusal>
where
    T: FromStr<Err = String>,
{
    match optional(args, key)? {
        Some(text) => text.parse().map_err(|error| bad(format!("{key}: {error}, got {:?}", cut(text)))),
        None => Ok(default),
    }
}

/// A whole number in a range, or what it is when it is missing. Digits in a text are a number too: that is how they come
/// in a query.
pub(super) fn number(
    args: &Args,
    key: &str,
    range: std::ops::RangeInclusive<u64>,
    default: u64,
) -> Result<u64, Refusal> {
    let Some(value) = args.get(key) else { return Ok(default) };
    let number = match value {
        Value::String(digits) => digits.parse().ok(),
        other => other.as_u64(),
    };
    number.filter(|number| range.contains(number)).ok_or_else(|| {
        let (from, to) = (range.start(), range.end());
        let expected =
            if *to == u64::MAX { format!("from {from} on") } else { format!("from {from} to {to}") };
        bad(format!("{key}: expected a number {expected}, got {}", short(value)))
    })
}

pub(super) fn names(args: &Args, key: &str) -> Result<Option<Vec<String>>, Refusal> {
    let Some(value) = args.get(key) else { return Ok(None) };
    let elements = value.as_array().map(Vec::as_slice);
    let names = elements.and_then(|all| all.iter().map(|name| name.as_str().map(str::to_owned)).collect());
    let names: Option<Vec<String>> = names;
    names.map(Some).ok_or_else(|| bad(format!("{key}: expected an array of names, got {}", short(value))))
}

pub(super) fn required(names: Option<Vec<String>>, key: &str) -> Result<Vec<String>, Refusal> {
    names.filter(|names| !names.is_empty()).ok_or_else(|| bad(format!("{key}: expected at least one name")))
}

/// A value, in few enough characters for a message. JSON leaves some control characters as they are; a terminal must not
/// meet them.
pub(super) fn short(value: &Value) -> String {
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
