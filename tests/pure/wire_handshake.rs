//! Handshakes, byte for byte as Pomelo's, from the recorded transcripts.

use std::sync::Arc;

use pomelo_sim::wire::{
    BODY_BYTES_MAX_DEFAULT, ClientHandshake, Dictionary, HandshakeOffer, HandshakeReply, PackageDecoder,
    PackageType, Protos,
};
use serde_json::Value;

const DICTIONARY_VERSION: &str = "2aLbouXtKQ/URxNfQ1DeAg==";
const PROTOS_VERSION: &str = "UzBzIWEk+oufZ+ovKTq0og==";

#[test]
fn every_recorded_handshake_is_answered_alike() {
    let transcripts: Vec<Value> = serde_json::from_str(include_str!("../data/transcripts.json")).unwrap();
    let mut answered = 0;
    for transcript in &transcripts {
        let name = transcript["name"].as_str().unwrap();
        let cluster = transcript["cluster"].as_str().unwrap();
        // Its application answered handshakes itself (options `handshake` and `checkClient`), which
        // is not this module's.
        if cluster.starts_with("experiment config") {
            continue;
        }
        for (connection, about) in transcript["connections"].as_object().unwrap() {
            // Only the first handshake of a connection is answered.
            let first = |direction| first_handshake(&bytes_of(transcript, connection, direction));
            let (Some(sent), Some(received)) = (first("send"), first("recv")) else { continue };
            let offer = offer(cluster, about["role"].as_str().unwrap());
            let (Ok(answer) | Err(answer)) = offer.answer(&sent);
            assert_eq!(
                String::from_utf8(answer).unwrap(),
                String::from_utf8(received).unwrap(),
                "{name}, connection {connection}"
            );
            answered += 1;
        }
    }
    assert!(answered > 150, "only {answered} recorded handshakes were found");
}

#[test]
fn versions_are_the_recorded_ones() {
    assert_eq!(dictionary().version(), DICTIONARY_VERSION);
    assert_eq!(protos().version(), PROTOS_VERSION);
}

#[test]
fn a_client_that_knows_both_versions_is_spared_both() {
    let offer = offer("tutorial-protobuf", "connector");
    let hello =
        format!(r#"{{"sys":{{"dictVersion":"{DICTIONARY_VERSION}","protoVersion":"{PROTOS_VERSION}"}}}}"#);
    let answer = offer.answer(hello.as_bytes()).unwrap();
    assert_eq!(
        String::from_utf8(answer).unwrap(),
        r#"{"code":200,"sys":{"heartbeat":3,"useDict":true,"useProto":true}}"#
    );
}

#[test]
fn what_is_malformed_and_what_is_not() {
    let offer = HandshakeOffer::default();
    let deep = format!(r#"{{"sys":{}{}}}"#, "[".repeat(30_000), "]".repeat(30_000));
    let malformed = [
        "",
        "null",
        "1",
        "[]",
        "\"sys\"",
        "{",
        r#"{"sys":"#,
        "{}",
        r#"{"sys":null}"#,
        r#"{"sys":false}"#,
        r#"{"sys":0}"#,
        r#"{"sys":-0.0}"#,
        r#"{"sys":""}"#,
        deep.as_str(),
    ];
    for body in malformed {
        assert_eq!(offer.answer(body.as_bytes()), Err(br#"{"code":500}"#.to_vec()), "{body:.40}");
    }
    for body in [r#"{"sys":{}}"#, r#"{"sys":1}"#, r#"{"sys":true}"#, r#"{"sys":"x"}"#, r#"{"sys":[]}"#] {
        assert_eq!(offer.answer(body.as_bytes()), Ok(br#"{"code":200,"sys":{}}"#.to_vec()), "{body}");
    }
    assert!(offer.answer(b"{\"sys\":{\"type\":\"\xff\"}}").is_ok(), "a name in a wrong encoding");
}

#[test]
fn a_client_says_what_the_tutorials_browser_client_says() {
    let (client_type, version) = ("js-websocket".to_owned(), "0.0.1".to_owned());
    let client = ClientHandshake { client_type, version, ..ClientHandshake::default() };
    assert_eq!(client.body(), br#"{"sys":{"type":"js-websocket","version":"0.0.1"}}"#);
}

#[test]
fn a_client_learns_heartbeat_and_dictionary() {
    let client = ClientHandshake { client_type: "rust".to_owned(), ..ClientHandshake::default() };
    let answer = offer("tutorial-protobuf", "connector").answer(&client.body()).unwrap();
    let reply = HandshakeReply::parse(&answer).unwrap();
    assert_eq!((reply.code, reply.heartbeat_s, reply.use_proto), (200, Some(3), true));
    let learnt = reply.dictionary.unwrap();
    assert_eq!(learnt.code("onChat"), Some(4));
    assert_eq!(learnt.route(2), Some("connector.entryHandler.enter"));
    assert_eq!(learnt.version(), DICTIONARY_VERSION);
    assert!(
        reply.protos.is_some_and(|protos| protos.has_server("onChat") && protos.version() == PROTOS_VERSION)
    );

    let reply = HandshakeReply::parse(br#"{"code":200,"sys":{}}"#).unwrap();
    assert_eq!((reply.heartbeat_s, reply.dictionary.is_none()), (None, true));
    assert_eq!(HandshakeReply::parse(br#"{"code":501}"#).unwrap().code, 501);
    for body in ["", "null", "{}", r#"{"code":"200"}"#] {
        assert!(HandshakeReply::parse(body.as_bytes()).is_err(), "{body}");
    }
}

#[test]
fn a_route_named_twice_keeps_its_last_code() {
    let dictionary = Dictionary::new(["b".to_owned(), "a".to_owned()], ["a".to_owned()]);
    assert_eq!(dictionary.code("a"), Some(3));
    assert_eq!(
        (dictionary.route(1), dictionary.route(2), dictionary.route(3)),
        (Some("a"), Some("b"), Some("a"))
    );
    assert_eq!((dictionary.route(0), dictionary.route(4), dictionary.code("c")), (None, None, None));
}

#[test]
fn routes_after_the_last_code_have_none() {
    let dictionary = Dictionary::new((0..70_000).map(|n| format!("{n:05}")), []);
    assert_eq!(dictionary.len(), 65_535);
    assert_eq!((dictionary.code("65534"), dictionary.code("65535")), (Some(65_535), None));
}

/// What a server of the recorded clusters offered.
fn offer(cluster: &str, role: &str) -> HandshakeOffer {
    let (dict, proto) = (cluster.contains("dict"), cluster.contains("protobuf"));
    HandshakeOffer {
        heartbeat_s: (role == "connector").then_some(3),
        dictionary: (dict || proto).then(|| Arc::new(dictionary())),
        protos: proto.then(|| Arc::new(protos())),
    }
}

fn dictionary() -> Dictionary {
    let push_routes: Vec<String> =
        serde_json::from_str(include_str!("../data/tutorial-protobuf/dictionary.json")).unwrap();
    let handlers = ["gate.gateHandler.queryEntry", "chat.chatHandler.send", "connector.entryHandler.enter"];
    Dictionary::new(handlers.map(str::to_owned), push_routes)
}

fn protos() -> Protos {
    let json = |text| serde_json::from_str(text).unwrap();
    Protos::from_json(
        &json(include_str!("../data/tutorial-protobuf/serverProtos.json")),
        &json(include_str!("../data/tutorial-protobuf/clientProtos.json")),
    )
    .unwrap()
}

/// All that a connection sent or received. A client may cut a package, or send several without
/// waiting.
fn bytes_of(transcript: &Value, connection: &str, direction: &str) -> Vec<u8> {
    let steps = transcript["steps"].as_array().unwrap().iter();
    let steps = steps.filter(|step| step[1] == connection && step[2] == direction);
    steps.filter_map(|step| unhex(step[3].as_str()?)).flatten().collect()
}

/// The body of the first handshake package among these bytes, before anything unreadable.
fn first_handshake(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut decoder = PackageDecoder::new(BODY_BYTES_MAX_DEFAULT);
    let mut input = bytes;
    loop {
        let mut rest = input;
        let package = decoder.next(&mut rest).ok()??;
        if package.kind == PackageType::Handshake {
            return Some(package.body.to_vec());
        }
        let used = input.len() - rest.len();
        input = &input[used..];
    }
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    text.as_bytes()
        .chunks(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok())
        .collect()
}
