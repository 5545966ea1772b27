//! Definitions that use every type of Pomelo's protobuf dialect, and random bodies that follow
//! them.

// Included by several test binaries, none of which uses all of it.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used)]

use pomelo_sim::wire::Protos;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use serde_json::{Map, Value, json};

/// Contents for a server's `config/serverProtos.json`.
pub fn definitions() -> Value {
    json!({
        "all": {
            "required uInt32 u": 1,
            "optional int32 i": 2,
            "optional sInt32 n": 3,
            "optional float f": 4,
            "optional double d": 5,
            "required string s": 6,
            "repeated uInt32 numbers": 7,
            "repeated double the_doubles": 8,
            "repeated string strings": 9,
            "repeated Item items": 10,
            "optional Inner inner": 11,
            "optional string far": 1000,
            "message Inner": { "optional string text": 1, "optional Item item": 2 },
        },
        "nested": { "optional Tree tree": 1 },
        "message Tree": { "optional Tree tree": 1, "repeated int32 leaves": 2 },
        "message Item": { "required string name": 1, "repeated sInt32 counts": 2 },
    })
}

/// The definitions for messages of the server.
pub fn protos() -> Protos {
    Protos::from_json(&definitions(), &Value::Null).unwrap()
}

/// Bodies of the route `all`, their fields in any order. Floats are finite and exact in 32 bits.
pub fn body() -> impl Strategy<Value = Value> {
    let item = || {
        (".{0,12}", vec(signed(), 0..4)).prop_map(|(name, counts)| json!({"name": name, "counts": counts}))
    };
    let inner = (option::of(".{0,12}"), option::of(item()))
        .prop_map(|(text, item)| object([("text", text.map(Value::from)), ("item", item)]));
    let numbers = (
        unsigned(),
        option::of(signed()),
        option::of(signed()),
        option::of(prop::num::f32::NORMAL | prop::num::f32::ZERO),
        option::of(double()),
    );
    let others = (
        ".{0,40}",
        option::of(vec(unsigned(), 0..6)),
        option::of(vec(double(), 0..6)),
        option::of(vec(".{0,10}", 0..6)),
        option::of(vec(item(), 0..4)),
        option::of(inner),
        option::of("[a-z]{0,5}"),
    );
    (numbers, others)
        .prop_map(|((u, i, n, f, d), (s, numbers, doubles, strings, items, inner, far))| {
            vec![
                ("u", Some(Value::from(u))),
                ("i", i.map(Value::from)),
                ("n", n.map(Value::from)),
                ("f", f.map(|float| Value::from(f64::from(float)))),
                ("d", d.map(Value::from)),
                ("s", Some(Value::from(s))),
                ("numbers", numbers.map(Value::from)),
                ("the_doubles", doubles.map(Value::from)),
                ("strings", strings.map(Value::from)),
                ("items", items.map(Value::from)),
                ("inner", inner),
                ("far", far.map(Value::from)),
                ("unknown", Some(json!("not in the definition"))),
            ]
        })
        .prop_shuffle()
        .prop_map(object)
}

/// A body after encoding and decoding: empty arrays and unknown fields are not written; whole
/// floats come back as integers.
pub fn as_read(value: &Value) -> Value {
    match value {
        Value::Object(fields) => object(fields.iter().filter_map(|(name, value)| {
            let written = name != "unknown" && value.as_array().is_none_or(|elements| !elements.is_empty());
            written.then(|| (name.as_str(), Some(as_read(value))))
        })),
        Value::Array(elements) => elements.iter().map(as_read).collect(),
        Value::Number(number) => match number.as_f64() {
            Some(float) if number.is_f64() && float.fract() == 0.0 && float.abs() < 9e15 => {
                Value::from(float as i64)
            }
            _ => value.clone(),
        },
        _ => value.clone(),
    }
}

fn object<'a>(fields: impl IntoIterator<Item = (&'a str, Option<Value>)>) -> Value {
    let present = fields.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
    Value::Object(present.collect::<Map<String, Value>>())
}

/// Every length of a varint equally likely, up to 2^53 - 1.
fn unsigned() -> impl Strategy<Value = u64> {
    (0..1_u64 << 53, 0_u32..53).prop_map(|(number, shift)| number >> shift)
}

fn signed() -> impl Strategy<Value = i64> {
    (-(1_i64 << 52) + 1..1 << 52, 0_u32..52).prop_map(|(number, shift)| number >> shift)
}

fn double() -> impl Strategy<Value = f64> {
    prop::num::f64::NORMAL
}
