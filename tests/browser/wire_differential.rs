//! Compares packages, messages and protobuf bodies with Pomelo's npm packages, in both directions,
//! on random input.
//!
//! The seed is printed; `WIRE_SEED=<number>` repeats a run or tries another.

use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::Stdio;

use pomelo_sim::wire::{HEADER_BYTES, Message, MessageKind, PackageType, WireRoute, write_package};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use serde_json::{Value, json};

use crate::support::node::{self, Missing, Played};
use crate::support::protos;

const SEED: u64 = 20_130_319;
const MESSAGES: usize = 6_000;
const PACKAGES: usize = 1_000;
const BODIES: usize = 3_000;

node::tests!(
    messages_are_those_of_pomelo_protocol,
    packages_are_those_of_pomelo_protocol,
    bodies_are_those_of_pomelo_protobuf,
);

fn messages_are_those_of_pomelo_protocol() -> Played {
    let messages = sample(MESSAGES, &(message_kind(), wire_route(), body(), any::<bool>()));
    let mut requests = Vec::new();
    let mut encoded = Vec::new();
    for (kind, route, body, gzip) in &messages {
        let (number, id) = kind_and_id(*kind);
        let (compressed, name) = match route {
            WireRoute::Name(name) => (0, Value::from(name.as_ref())),
            WireRoute::Code(code) => (1, Value::from(*code)),
        };
        // A response has no route, so the compressed flag is clear.
        let compressed = if number == 2 { 0 } else { compressed };
        requests.push(json!({
            "op": "encode", "kind": number, "id": id, "compressed": compressed, "route": name,
            "body": hex(body), "gzip": gzip,
        }));
        let mut message = Vec::new();
        let route = (number != 2).then(|| route.clone());
        Message { kind: *kind, route, body }.encode(&mut message).unwrap();
        let mut package = Vec::new();
        write_package(&mut package, PackageType::Data, &message);
        requests.push(json!({ "op": "decode", "hex": hex(&package) }));
        encoded.push(package);
    }
    let answers = ask(&requests)?;

    for (index, (kind, route, body, gzip)) in messages.iter().enumerate() {
        let [theirs, read] = &answers[2 * index..2 * index + 2] else { unreachable!() };
        let context = format!("message {index}: {kind:?} {route:?}");

        // Theirs is ours but for the gzip flag, and we read it as what it was made of.
        let theirs = unhex(theirs.as_str().unwrap());
        let mut ours = encoded[index].clone();
        ours[HEADER_BYTES] |= u8::from(*gzip) << 4;
        assert_eq!(hex(&theirs), hex(&ours), "{context}");
        let message = Message::decode(&theirs[HEADER_BYTES..]).unwrap();
        let (number, id) = kind_and_id(*kind);
        let expected_route = (number != 2).then(|| route.clone());
        assert_eq!(message, Message { kind: *kind, route: expected_route, body }, "{context}");

        // And they read ours.
        let expected_route = match (number, route) {
            (2, _) => Value::Null,
            (_, WireRoute::Name(name)) => Value::from(name.as_ref()),
            (_, WireRoute::Code(code)) => Value::from(*code),
        };
        let compressed = u8::from(number != 2 && matches!(route, WireRoute::Code(_)));
        let expected = json!({
            "type": 4, "kind": number, "id": id, "compressed": compressed, "route": expected_route,
            "body": hex(body),
        });
        assert_eq!(*read, expected, "{context}");
    }
    Ok(())
}

fn packages_are_those_of_pomelo_protocol() -> Played {
    // Only few need the third length byte.
    let body = prop_oneof![30 => vec(any::<u8>(), 0..1_000), 1 => vec(any::<u8>(), 65_000..70_000)];
    let packages = sample(PACKAGES, &(1_u8..=5, body));
    let mut requests = Vec::new();
    for (kind, body) in &packages {
        let mut package = Vec::new();
        write_package(&mut package, PackageType::from_byte(*kind).unwrap(), body);
        requests.push(json!({ "op": "packageEncode", "type": kind, "body": hex(body) }));
        requests.push(json!({ "op": "packageDecode", "hex": hex(&package) }));
    }
    let answers = ask(&requests)?;
    for (index, (kind, body)) in packages.iter().enumerate() {
        assert!(
            answers[2 * index] == requests[2 * index + 1]["hex"],
            "package {index} of {} bytes",
            body.len()
        );
        assert!(answers[2 * index + 1] == json!({ "type": kind, "body": hex(body) }), "package {index}");
    }
    Ok(())
}

fn bodies_are_those_of_pomelo_protobuf() -> Played {
    let ours = protos::protos();
    let bodies = sample(BODIES, &protos::body());
    let mut requests = vec![json!({ "op": "protoInit", "definitions": protos::definitions() })];
    for body in &bodies {
        let bytes = ours.encode_server("all", body).unwrap();
        requests.push(json!({ "op": "protoEncode", "route": "all", "body": body }));
        requests.push(json!({ "op": "protoDecode", "route": "all", "hex": hex(&bytes) }));
    }
    let answers = ask(&requests)?;

    // The handshake carries the parsed definitions, so equal text gives equal versions.
    let parsed = format!(r#"{{"server":{},"#, answers[0].as_str().unwrap());
    assert!(ours.json().get().starts_with(&parsed), "{parsed}\n{}", ours.json());

    for (index, body) in bodies.iter().enumerate() {
        let theirs = answers[2 * index + 1].as_str().unwrap();
        let bytes = ours.encode_server("all", body).unwrap();
        assert_eq!(hex(&bytes), theirs, "body {index}: {body}");
        assert_eq!(ours.decode_server("all", &unhex(theirs)).unwrap(), protos::as_read(body), "body {index}");
        let read = &answers[2 * index + 2];
        assert!(same(read, &protos::as_read(body)), "body {index}: {read} is not {body}");
    }
    Ok(())
}

/// Sends all requests to one node process and gives its answers.
fn ask(requests: &[Value]) -> Result<Vec<Value>, Missing> {
    let mut node = node::node_command("codec.js")?;
    let mut node = node.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut stdin = node.stdin.take().unwrap();
    let stdout = BufReader::new(node.stdout.take().unwrap());
    let answers: Vec<Value> = std::thread::scope(|scope| {
        // Write on another thread: node answers before it has read everything.
        scope.spawn(move || {
            for request in requests {
                writeln!(stdin, "{request}").unwrap();
            }
        });
        stdout.lines().map(|line| serde_json::from_str(&line.unwrap()).unwrap()).collect()
    });
    assert!(node.wait().unwrap().success());
    assert_eq!(answers.len(), requests.len(), "an answer for each request");
    let answers = answers.into_iter().zip(requests).map(|(mut answer, request)| match answer.get_mut("ok") {
        Some(ok) => ok.take(),
        None => panic!("node refused {request}: {answer}"),
    });
    Ok(answers.collect())
}

/// `count` values of a strategy, the same for the same seed.
fn sample<S: Strategy>(count: usize, strategy: &S) -> Vec<S::Value> {
    let seed = std::env::var("WIRE_SEED").map_or(SEED, |seed| seed.parse().expect("WIRE_SEED is a number"));
    eprintln!("WIRE_SEED={seed}");
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    (0..count).map(|_| strategy.new_tree(&mut runner).unwrap().current()).collect()
}

/// Ids below 2^31: `pomelo-protocol` computes with 32-bit shifts and loops for ever above.
fn message_kind() -> impl Strategy<Value = MessageKind> {
    let id = || (0_u64..1 << 31, 0_u32..31).prop_map(|(id, shift)| id >> shift);
    prop_oneof![
        id().prop_map(|id| MessageKind::Request { id }),
        Just(MessageKind::Notify),
        id().prop_map(|id| MessageKind::Response { id }),
        Just(MessageKind::Push),
    ]
}

fn wire_route() -> impl Strategy<Value = WireRoute<'static>> {
    prop_oneof![
        any::<u16>().prop_map(WireRoute::Code),
        "[a-zA-Z.]{0,255}|\\PC{0,60}".prop_map(|name| WireRoute::Name(name.into())),
    ]
}

fn body() -> impl Strategy<Value = Vec<u8>> {
    vec(any::<u8>(), 0..300)
}

/// Type and id as in `pomelo-protocol`, which uses id 0 for messages without one.
fn kind_and_id(kind: MessageKind) -> (u8, u64) {
    match kind {
        MessageKind::Request { id } => (0, id),
        MessageKind::Notify => (1, 0),
        MessageKind::Response { id } => (2, id),
        MessageKind::Push => (3, 0),
    }
}

/// Equal up to the last digit of a double, which JSON may lose; the bytes are compared exactly.
fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|((k, a), (l, b))| k == l && same(a, b))
        }
        (Value::Number(a), Value::Number(b)) => {
            let (a, b) = (a.as_f64().unwrap(), b.as_f64().unwrap());
            (a - b).abs() <= a.abs() * 4.0 * f64::EPSILON
        }
        _ => a == b,
    }
}

fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        write!(text, "{byte:02x}").unwrap();
    }
    text
}

fn unhex(text: &str) -> Vec<u8> {
    text.as_bytes()
        .chunks(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}
