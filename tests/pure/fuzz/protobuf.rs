//! Pomelo's protobuf: bodies of any bytes by known definitions, and definitions of any kind.

use bolero::check;
use pomelo_sim::wire::Protos;
use serde_json::{Value, json};

use super::input::{hold, seeds};
use super::laws::{assert_printable, within};

#[test]
fn bodies() {
    let seeds = seeds("bodies");
    let protos = Protos::from_json(&definitions(), &Value::Null).unwrap();
    check!(name = "bodies").for_each(|input| {
        hold(&seeds, input, |bytes| {
            ["all", "nested"].into_iter().for_each(|route| body_law(&protos, route, bytes))
        })
    });
}

#[test]
fn definitions_of_any_kind() {
    let seeds = seeds("definitions");
    check!(name = "definitions").for_each(|input| hold(&seeds, input, definition_law));
}

/// Every type, and messages in messages.
fn definitions() -> Value {
    json!({
        "all": {
            "required uInt32 u": 1, "optional int32 i": 2, "optional sInt32 n": 3, "optional float f": 4,
            "optional double d": 5, "required string s": 6, "repeated uInt32 numbers": 7, "repeated double doubles": 8,
            "repeated string strings": 9, "repeated Item items": 10, "optional Inner inner": 11, "repeated float floats": 12,
            "message Inner": { "optional string text": 1, "optional Item item": 2 },
        },
        "nested": { "optional Tree tree": 1, "repeated Tree trees": 2 },
        "message Tree": { "optional Tree tree": 1, "repeated int32 leaves": 2, "repeated Tree trees": 3 },
        "message Item": { "required string name": 1, "repeated sInt32 counts": 2 },
    })
}

/// A body is read or refused in words. What is read can be written, if nothing that is required is
/// missing or no number; and what is written is read as the same, and written as the same.
fn body_law(protos: &Protos, route: &str, bytes: &[u8]) {
    // An element of two bytes may be an object with a field.
    let value = match within(bytes.len(), 512, 1024, || protos.decode_server(route, bytes)) {
        Ok(value) => value,
        Err(error) => return assert_printable(&error.to_string()),
    };
    match protos.encode_server(route, &value) {
        Ok(written) => {
            let again = protos.decode_server(route, &written).unwrap();
            assert_eq!(without_empty(&again), without_empty(&value));
            assert_eq!(protos.encode_server(route, &again).as_ref(), Ok(&written));
        }
        Err(error) => assert_printable(&error.to_string()),
    }
}

/// Arrays without elements are not written.
fn without_empty(value: &Value) -> Value {
    match value {
        Value::Object(fields) => {
            let written =
                fields.iter().filter(|(_, field)| field.as_array().is_none_or(|list| !list.is_empty()));
            // A number that JSON cannot say is null, and is not written.
            let written = written.filter(|(_, field)| !field.is_null());
            Value::Object(written.map(|(name, field)| (name.clone(), without_empty(field))).collect())
        }
        Value::Array(elements) => elements.iter().map(without_empty).collect(),
        _ => value.clone(),
    }
}

/// Definitions, up to an empty line, are read or refused in words; by those that are read, any body
/// is read or refused.
fn definition_law(bytes: &[u8]) {
    let split = bytes.windows(2).position(|pair| pair == b"\n\n").unwrap_or(bytes.len());
    let Ok(definitions) = serde_json::from_slice::<Value>(&bytes[..split]) else { return };
    let protos = within(bytes.len(), 2048, 64 * 1024, || Protos::from_json(&definitions, &definitions));
    let protos = match protos {
        Ok(protos) => protos,
        Err(error) => return assert_printable(&error.to_string()),
    };
    assert_eq!(protos.version().len(), 24, "base64 of an MD5");
    let json: Value = serde_json::from_str(protos.json().get()).unwrap();
    assert_eq!(json["version"], protos.version());
    assert_eq!(json["server"], json["client"]);
    let Some(routes) = definitions.as_object() else { return };
    for (route, definition) in routes {
        assert!(protos.has_server(route) && protos.has_client(route));
        body_law(&protos, route, &bytes[split..]);
        // Any JSON at all as a body.
        if let Err(error) = protos.encode_server(route, definition) {
            assert_printable(&error.to_string());
        }
    }
}
