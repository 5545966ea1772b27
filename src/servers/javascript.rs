//! JSON as a JavaScript server reads and writes it. Pomelo's clients can observe these habits, so
//! this server reproduces them.

use std::borrow::Cow;
use std::fmt::{self, Write};

use serde::de::{self, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;

/// The deepest nesting of a value. The value becomes part of a body, and common readers, including
/// this program's, accept 127 levels.
const LEVELS_MAX: usize = 126;

/// Any JSON value that passes through unread, such as the content of a chat message. It is
/// rewritten as `JSON.stringify(JSON.parse(text))` would: no spaces, shortest escapes, numbers as
/// doubles.
#[derive(Clone, Debug, Serialize)]
#[serde(transparent)]
pub struct Json(Box<RawValue>);

impl Json {
    /// The value as JSON text.
    pub fn as_str(&self) -> &str {
        self.0.get()
    }

    /// The value as text if it is a string or a number. Borrows a string that has no escapes.
    pub fn to_text(&self) -> Option<Cow<'_, str>> {
        match plain_string(self.as_str()) {
            Some(text) => Some(Cow::Borrowed(text)),
            None => match serde_json::from_str(self.as_str()).ok()? {
                Value::String(text) => Some(Cow::Owned(text)),
                Value::Number(number) => Some(Cow::Owned(number_text(&number))),
                _ => None,
            },
        }
    }
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Box::<RawValue>::deserialize(deserializer)?;
        // Fast path: most content is a plain string, which JavaScript writes unchanged.
        if plain_string(raw.get()).is_some() {
            return Ok(Self(raw));
        }
        if levels(raw.get()) > LEVELS_MAX {
            return Err(de::Error::custom(format!("expected at most {LEVELS_MAX} levels, got more")));
        }
        let value = match serde_json::from_str::<Value>(raw.get()) {
            Ok(value) => value,
            // A lone surrogate does not fit a Rust string. JavaScript passes it on unchanged.
            Err(_) if raw.get().to_ascii_lowercase().contains("\\ud") => return Ok(Self(raw)),
            // The number exceeds a double, and other readers may not accept it.
            Err(error) => return Err(de::Error::custom(error)),
        };
        let mut text = String::with_capacity(raw.get().len());
        stringify(&value, &mut text).map_err(de::Error::custom)?;
        RawValue::from_string(text).map(Self).map_err(de::Error::custom)
    }
}

/// Text, or a number read as its decimal text. Clients send uids and room ids both ways.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Text(pub String);

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TextVisitor;

        impl Visitor<'_> for TextVisitor {
            type Value = Text;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("text or a number")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Text, E> {
                Ok(Text(text.to_owned()))
            }

            fn visit_u64<E: de::Error>(self, number: u64) -> Result<Text, E> {
                Ok(Text(number_text(&number.into())))
            }

            fn visit_i64<E: de::Error>(self, number: i64) -> Result<Text, E> {
                Ok(Text(number_text(&number.into())))
            }

            fn visit_f64<E: de::Error>(self, number: f64) -> Result<Text, E> {
                Ok(Text(double_text(number)))
            }
        }

        deserializer.deserialize_any(TextVisitor)
    }
}

/// The inside of a JSON string without escapes. JSON forbids raw control characters, so the result
/// contains none.
fn plain_string(json: &str) -> Option<&str> {
    let inside = json.strip_prefix('"')?.strip_suffix('"')?;
    (!inside.contains('\\')).then_some(inside)
}

/// The nesting depth of arrays and objects in a JSON text.
fn levels(json: &str) -> usize {
    let (mut now, mut most, mut in_string, mut escaped) = (0_usize, 0, false, false);
    for byte in json.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => in_string = !in_string,
            b'[' | b'{' if !in_string => {
                now += 1;
                most = most.max(now);
            }
            b']' | b'}' if !in_string => now = now.saturating_sub(1),
            _ => {}
        }
    }
    most
}

fn stringify(value: &Value, out: &mut String) -> fmt::Result {
    match value {
        Value::Number(number) => out.write_str(&number_text(number)),
        Value::Array(items) => {
            out.push('[');
            for (place, item) in items.iter().enumerate() {
                if place > 0 {
                    out.push(',');
                }
                stringify(item, out)?;
            }
            out.push(']');
            Ok(())
        }
        Value::Object(fields) => {
            // JavaScript writes keys that are array indices first, in numeric order.
            let mut indices: Vec<_> =
                fields.iter().filter_map(|entry| Some((array_index(entry.0)?, entry))).collect();
            indices.sort_by_key(|(index, _)| *index);
            let names = fields.iter().filter(|(key, _)| array_index(key).is_none());
            out.push('{');
            for (place, (key, field)) in indices.into_iter().map(|(_, entry)| entry).chain(names).enumerate()
            {
                if place > 0 {
                    out.push(',');
                }
                write!(out, "{}:", Value::from(key.as_str()))?;
                stringify(field, out)?;
            }
            out.push('}');
            Ok(())
        }
        // JavaScript and serde write null, booleans and strings alike.
        plain => write!(out, "{plain}"),
    }
}

fn array_index(key: &str) -> Option<u32> {
    let index: u32 = key.parse().ok()?;
    (index != u32::MAX && index.to_string() == key).then_some(index)
}

fn number_text(number: &serde_json::Number) -> String {
    const EXACT_MAX: u64 = 1 << 53;
    match (number.as_i64(), number.as_f64()) {
        (Some(integer), _) if integer.unsigned_abs() <= EXACT_MAX => integer.to_string(),
        (_, Some(double)) => double_text(double),
        (_, None) => number.to_string(),
    }
}

/// `String(double)` of JavaScript (ECMA-262, Number::toString).
fn double_text(double: f64) -> String {
    ryu_js::Buffer::new().format(double).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_is_written_as_javascript_writes_it() {
        // Each right side is the output of `JSON.stringify(JSON.parse(left))` in Node 20.
        for (left, right) in [
            (r#""plain 测试""#, r#""plain 测试""#),
            (r#""\u0041\/\u001f\n""#, r#""A/\u001f\n""#),
            (r#"{ "a" : [1, null, true] }"#, r#"{"a":[1,null,true]}"#),
            (r#""\ud800""#, r#""\ud800""#),
            (r#"{"b":1,"10":2,"9":3,"a":4,"01":5}"#, r#"{"9":3,"10":2,"b":1,"a":4,"01":5}"#),
            ("1.0", "1"),
            ("1e3", "1000"),
            ("1e21", "1e+21"),
            ("-0.0", "0"),
            ("0.1", "0.1"),
            ("9007199254740993", "9007199254740992"),
            ("12345678901234567890", "12345678901234567000"),
        ] {
            let json: Json = serde_json::from_str(left).unwrap_or_else(|error| panic!("{left}: {error}"));
            assert_eq!(json.as_str(), right, "from {left}");
        }
        for refused in ["1e999", &format!("{}{}", "[".repeat(200), "]".repeat(200))] {
            assert!(serde_json::from_str::<Json>(refused).is_err(), "{refused}");
        }
    }

    #[test]
    fn a_number_is_its_decimal_text() {
        for (json, text) in [
            ("7", "7"),
            ("-7", "-7"),
            ("1.5", "1.5"),
            ("1e3", "1000"),
            (r#""7""#, "7"),
            ("12345678901234567890", "12345678901234567000"),
        ] {
            let parsed: Text = serde_json::from_str(json).unwrap_or_else(|error| panic!("{json}: {error}"));
            assert_eq!(parsed.0, text);
        }
        for refused in ["null", "true", "[]", "{}"] {
            assert!(serde_json::from_str::<Text>(refused).is_err(), "{refused}");
        }
    }
}
