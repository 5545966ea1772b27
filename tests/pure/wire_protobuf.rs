//! Pomelo's protobuf dialect: recorded bodies, refusals, and properties for any bytes.

use pomelo_sim::wire::{ProtoError, Protos};
use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::support::protos;

#[test]
fn recorded_bodies() {
    let json = |text| serde_json::from_str(text).unwrap();
    let protos = Protos::from_json(
        &json(include_str!("../data/tutorial-protobuf/serverProtos.json")),
        &json(include_str!("../data/tutorial-protobuf/clientProtos.json")),
    )
    .unwrap();
    for (route, hex, value) in [
        ("gate.gateHandler.queryEntry", "0a05616c696365", json!({"uid": "alice"})),
        ("connector.entryHandler.enter", "0a05616c69636512027072", json!({"username": "alice", "rid": "pr"})),
        (
            "chat.chatHandler.send",
            "0a027072120268691a05616c69636522012a",
            json!({"rid": "pr", "content": "hi", "from": "alice", "target": "*"}),
        ),
        ("connector.entryHandler.enter", "", json!({})),
    ] {
        assert!(protos.has_client(route) && !protos.has_server(route));
        assert_eq!(protos.decode_client(route, &unhex(hex)), Ok(value.clone()), "{route}");
        if !hex.is_empty() {
            assert_eq!(protos.encode_client(route, &value).map(|bytes| to_hex(&bytes)), Ok(hex.to_owned()));
        }
    }
    // The inner route of onAdd has no tag, so it is not written.
    for (route, value, hex) in [
        ("onAdd", json!({"route": "onAdd", "user": "鲍勃"}), "0a06e9b28de58b83"),
        ("onChat", json!({"msg": "hi", "from": "alice", "target": "*"}), "0a0268691205616c6963651a012a"),
    ] {
        assert_eq!(protos.encode_server(route, &value).map(|bytes| to_hex(&bytes)), Ok(hex.to_owned()));
    }
}

/// A client learns the definitions that a server has: what one writes the other reads.
#[test]
fn definitions_are_learnt_from_a_handshake() {
    let server = protos::definitions();
    let client = json!({"enter": {"required string name": 1, "message Item": {"optional float f": 1}}});
    let told = Protos::from_json(&server, &client).unwrap();
    let said: Value = serde_json::from_str(told.json().get()).unwrap();
    let learnt = Protos::from_handshake(&said).unwrap();
    assert_eq!(learnt.json().get(), told.json().get());
    let body =
        json!({"u": 300, "s": "x", "items": [{"name": "n", "counts": [1, -1]}], "inner": {"text": "t"}});
    let bytes = told.encode_server("all", &body).unwrap();
    assert_eq!(learnt.decode_server("all", &bytes), Ok(body));
    for wrong in [
        json!({"server": {"all": {"u": {"option": "required", "type": "bool", "tag": 1}}}}),
        json!({"client": 1}),
        json!({"server": {"all": {"u": 1}}}),
    ] {
        assert!(Protos::from_handshake(&wrong).is_err(), "{wrong}");
    }
}

#[test]
fn every_length_of_a_varint() {
    let protos = protos::protos();
    for shift in 0..53 {
        for number in [1_i64 << shift, (1 << shift) - 1] {
            let value = json!({"u": number, "s": "", "i": number / 2, "n": -(number / 2)});
            let bytes = protos.encode_server("all", &value).unwrap();
            assert_eq!(protos.decode_server("all", &bytes), Ok(value));
        }
    }
    // Zigzag for both signed types.
    let bytes = protos.encode_server("all", &json!({"u": 300, "s": "", "i": 1, "n": -1})).unwrap();
    assert_eq!(to_hex(&bytes), "08ac023200".to_owned() + "1002" + "1801");
}

#[test]
fn bodies_that_do_not_follow_the_definition_are_refused() {
    let protos = protos::protos();
    let encode = |value: Value| protos.encode_server("all", &value).unwrap_err().to_string();
    for (value, error) in [
        (json!({"s": ""}), "expected the required field `u`, got a message without it"),
        (json!({"u": null, "s": ""}), "expected the required field `u`, got a message without it"),
        (json!({"u": "1", "s": ""}), "expected an integer in `u`, got a string"),
        (json!({"u": 1, "s": 2}), "expected a string in `s`, got a number"),
        (json!({"u": 1, "s": "", "strings": {}}), "expected an array in `strings`, got an object"),
        (json!([1]), "expected an object in ``, got an array"),
    ] {
        assert_eq!(encode(value), error);
    }
    for u in [json!(-1), json!(1_u64 << 53), json!(1e300), json!(u64::MAX)] {
        let error = protos.encode_server("all", &json!({"u": u, "s": ""}));
        assert_eq!(error, Err(ProtoError::OutOfRange { field: "u".to_owned() }), "{u}");
    }

    let truncated =
        |field: &str, expected, got| ProtoError::Truncated { field: field.to_owned(), expected, got };
    for (hex, error) in [
        ("7b226d", ProtoError::UnknownTag { tag: 15 }),
        ("80", truncated("", 2, 1)),
        ("0880", truncated("u", 2, 1)),
        ("08ffffffffffffffffff01", ProtoError::OutOfRange { field: "u".to_owned() }),
        ("32056162", truncated("s", 5, 2)),
        ("25000000", truncated("f", 4, 3)),
        // A count of 2^50 numbers, in four bytes.
        ("388080808080808002", truncated("numbers", 1 << 50, 0)),
        ("5a7f", truncated("inner", 127, 0)),
    ] {
        assert_eq!(protos.decode_server("all", &unhex(hex)), Err(error), "{hex}");
    }
    let route = "none".to_owned();
    assert_eq!(protos.decode_server("none", b""), Err(ProtoError::NoDefinition { route }));
}

#[test]
fn messages_in_messages_end_somewhere() {
    let protos = protos::protos();
    let (mut value, mut bytes) = (json!({}), Vec::new());
    for _ in 0..40 {
        value = json!({ "tree": value });
        let mut outer = vec![0x0a, bytes.len() as u8];
        outer.append(&mut bytes);
        bytes = outer;
    }
    assert_eq!(protos.encode_server("nested", &value), Err(ProtoError::TooDeep));
    assert_eq!(protos.decode_server("nested", &bytes), Err(ProtoError::TooDeep));
}

#[test]
fn wrong_definitions_are_named() {
    let error = |server: Value| Protos::from_json(&server, &Value::Null).unwrap_err().to_string();
    for (definition, part) in [
        (json!({"requird string a": 1}), "`requird string a`: unknown first word"),
        (json!({"required string": 1}), "`required string`: expected three words"),
        (json!({"required string a": "x"}), "`required string a`: expected a tag"),
        (
            json!({"required string a": 1, "optional string b": 1}),
            "`optional string b`: the tag is used twice",
        ),
        (
            json!({"required string a": 1, "optional string a": 2}),
            "`optional string a`: the name is used twice",
        ),
        (json!({"optional bool a": 1}), "got `bool`"),
        (
            json!({"message A": {"optional B b": 1}, "message B": {}}),
            "at serverProtos.onX.A or at the top, got `B`",
        ),
        (json!("text"), "at serverProtos.onX, got a string"),
    ] {
        let error = error(json!({ "onX": definition }));
        assert!(error.contains(part), "{error}");
    }
    let mut deep = json!({});
    for _ in 0..40 {
        deep = json!({ "message M": deep });
    }
    assert_eq!(error(deep), ProtoError::TooDeep.to_string());
    assert!(Protos::from_json(&json!({"onX": {"a comment": "text"}}), &Value::Null).is_ok());
}

#[test]
fn wrong_definitions_are_taken_as_pomelo_takes_them() {
    let definitions = json!({"onX": {
        "required string a": "1", "optional bool b": 2, "repeated any c": 3, "optional string d": 1, "requird string e": 4
    }, "onY": "text"});
    let protos = Protos::lenient(&definitions, &Value::Null);
    let fields = json!({
        "a": {"option": "required", "type": "string", "tag": "1"},
        "b": {"option": "optional", "type": "bool", "tag": 2},
        "c": {"option": "repeated", "type": "any", "tag": 3},
        "__messages": {},
        "__tags": {"1": "a", "2": "b", "3": "c"}
    });
    let told: Value = serde_json::from_str(protos.json().get()).unwrap();
    assert_eq!(told["server"], json!({"onX": fields, "onY": {"__messages": {}, "__tags": {}}}));
    let body = json!({"a": "hi", "b": true, "c": [1, 2], "d": "lost", "e": "lost"});
    let bytes = protos.encode_server("onX", &body).unwrap();
    assert_eq!(bytes, [0x0a, 2, b'h', b'i', 0x10, 0x18, 0x18], "only the tags of unknown types");
    assert_eq!(protos.decode_server("onX", &bytes).unwrap(), json!({"a": "hi", "c": [null, null]}));
    let faults = Protos::faults(definitions.as_object().unwrap(), "x.json");
    let keys: Vec<&str> = faults.iter().map(|fault| &**fault.keys.last().unwrap()).collect();
    assert_eq!(keys, ["optional bool b", "repeated any c", "optional string d", "requird string e", "onY"]);
}

#[test]
fn control_characters_in_definitions_reach_no_terminal() {
    for definitions in [
        json!({"on\u{1b}[31m": {"required bool a": 1}}),
        json!({"onX": {"required b\u{7} a": 1}}),
        json!({"onX": {"requird string a\n": 1}}),
    ] {
        let error = Protos::from_json(&definitions, &Value::Null).unwrap_err().to_string();
        assert!(!error.chars().any(char::is_control), "{error:?}");
    }
    let protos = Protos::from_json(&json!({"onX": {"required string a\u{9b}": 1}}), &Value::Null).unwrap();
    for error in [protos.encode_server("onX", &json!({})), protos.encode_server("on\n", &json!({}))] {
        let error = error.unwrap_err().to_string();
        assert!(!error.chars().any(char::is_control), "{error:?}");
    }
}

#[test]
fn tags_are_listed_by_number_and_fields_as_in_the_file() {
    let server = json!({"onX": {"required string b": 10, "optional A a": 2, "message A": {}}});
    let protos = Protos::from_json(&server, &Value::Null).unwrap();
    let expected = concat!(
        r#"{"server":{"onX":{"b":{"option":"required","type":"string","tag":10},"#,
        r#""a":{"option":"optional","type":"A","tag":2},"#,
        r#""__messages":{"A":{"__messages":{},"__tags":{}}},"__tags":{"2":"a","10":"b"}}},"client":{},"version":""#,
    );
    assert!(protos.json().get().starts_with(expected), "{}", protos.json());
}

proptest! {
    #[test]
    fn bodies_round_trip(value in protos::body()) {
        let protos = protos::protos();
        let bytes = protos.encode_server("all", &value).unwrap();
        prop_assert_eq!(protos.decode_server("all", &bytes).unwrap(), protos::as_read(&value));
        prop_assert_eq!(protos.encode_client("all", &value), Err(ProtoError::NoDefinition { route: "all".to_owned() }));
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in vec(prop_oneof![any::<u8>(), 0_u8..0x70], 0..300)) {
        let protos = protos::protos();
        for route in ["all", "nested"] {
            if let Ok(value) = protos.decode_server(route, &bytes) {
                // An element takes at least a byte, so the value cannot outgrow what came.
                prop_assert!(count(&value) <= bytes.len() + 1);
            }
        }
    }

    #[test]
    fn changed_bytes_never_panic(value in protos::body(), place in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let protos = protos::protos();
        let mut bytes = protos.encode_server("all", &value).unwrap();
        let place = place.index(bytes.len());
        bytes[place] = byte;
        let _ = protos.decode_server("all", &bytes);
        let _ = protos.decode_server("all", &bytes[..place]);
    }
}

/// How many values there are in a value.
fn count(value: &Value) -> usize {
    1 + match value {
        Value::Array(elements) => elements.iter().map(count).sum(),
        Value::Object(fields) => fields.values().map(count).sum(),
        _ => 0,
    }
}

fn to_hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Vec<u8> {
    text.as_bytes()
        .chunks(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}
