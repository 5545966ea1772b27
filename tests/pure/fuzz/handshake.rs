//! The first package each way, and the dictionary that it may carry.

use std::sync::Arc;

use bolero::check;
use pomelo_sim::wire::{Dictionary, HandshakeOffer, HandshakeReply, Protos};
use serde_json::{Value, json};

use super::input::{hold, seeds};
use super::laws::{assert_printable, within};

/// JSON in memory: an empty object takes two bytes of text, and less than this times that in
/// memory.
const JSON_FACTOR: usize = 256;

#[test]
fn hellos() {
    let seeds = seeds("hellos");
    let offers = offers();
    check!(name = "hellos").for_each(|input| {
        hold(&seeds, input, |bytes| offers.iter().for_each(|offer| hello_law(offer, bytes)))
    });
}

#[test]
fn replies() {
    let seeds = seeds("replies");
    check!(name = "replies").for_each(|input| hold(&seeds, input, reply_law));
}

#[test]
fn dictionaries() {
    let seeds = seeds("dictionaries");
    check!(name = "dictionaries").for_each(|input| hold(&seeds, input, dictionary_law));
}

/// A gate's, a connector's, and one with everything.
fn offers() -> [HandshakeOffer; 3] {
    let handlers = ["gate.gateHandler.queryEntry", "chat.chatHandler.send"].map(str::to_owned);
    let dictionary = Dictionary::new(handlers, ["onChat", "onAdd", "onLeave"].map(str::to_owned));
    let protos = Protos::from_json(&json!({"onAdd": {"required string user": 1}}), &Value::Null).unwrap();
    let heartbeat_s = Some(3);
    [
        HandshakeOffer::default(),
        HandshakeOffer { heartbeat_s, ..HandshakeOffer::default() },
        HandshakeOffer {
            heartbeat_s,
            dictionary: Some(Arc::new(dictionary)),
            protos: Some(Arc::new(protos)),
        },
    ]
}

/// A client's handshake is refused by the one refusal, or answered by a reply that a client can
/// read: it says what the server offers, but for what the client says that it knows, and repeats
/// nothing that the client said.
fn hello_law(offer: &HandshakeOffer, bytes: &[u8]) {
    match within(bytes.len(), JSON_FACTOR, 64 * 1024, || offer.answer(bytes)) {
        Err(refusal) => assert_eq!(refusal, br#"{"code":500}"#),
        Ok(answer) => {
            let reply = HandshakeReply::parse(&answer).unwrap();
            assert_eq!((reply.code, reply.heartbeat_s), (200, offer.heartbeat_s));
            assert_eq!(reply.use_proto, offer.protos.is_some());
            let hello: Value = serde_json::from_str(&String::from_utf8_lossy(bytes)).unwrap();
            let version = offer.dictionary.as_ref().map(|dictionary| dictionary.version());
            let knows = version.is_some() && hello["sys"]["dictVersion"].as_str() == version;
            assert_eq!(reply.dictionary.is_some(), version.is_some() && !knows);
            if let Some(dictionary) = &reply.dictionary {
                assert_eq!(Some(dictionary.version()), version);
            }
            // There are eight answers at most: with and without the two versions.
            let sys: Value = serde_json::from_slice(&answer).unwrap();
            let known = sys["sys"].as_object().unwrap().keys().all(|key| {
                [
                    "heartbeat",
                    "dict",
                    "routeToCode",
                    "codeToRoute",
                    "dictVersion",
                    "useDict",
                    "protos",
                    "useProto",
                ]
                .contains(&key.as_str())
            });
            assert!(known, "{sys}");
        }
    }
}

/// A server's handshake is read or refused in words; the dictionary in it leads back and forth.
fn reply_law(bytes: &[u8]) {
    match within(bytes.len(), JSON_FACTOR, 64 * 1024, || HandshakeReply::parse(bytes)) {
        Err(error) => assert_printable(&error.to_string()),
        Ok(reply) => {
            assert_ne!(reply.heartbeat_s, Some(0));
            if let Some(dictionary) = &reply.dictionary {
                codes_law(dictionary);
            }
        }
    }
}

fn codes_law(dictionary: &Dictionary) {
    let mut codes = 0;
    for code in 0..=u16::MAX {
        if codes == dictionary.len() {
            break;
        }
        if let Some(route) = dictionary.route(code) {
            codes += 1;
            // Of two codes for one route the last counts, and both lead to it.
            let counts = dictionary.code(route).expect("each route has a code");
            assert_eq!(dictionary.route(counts), Some(route));
        }
    }
    assert_eq!((codes, codes == 0), (dictionary.len(), dictionary.is_empty()));
    assert_eq!(dictionary.version().len(), 24, "base64 of an MD5");
}

/// A dictionary of any routes, a line each, handlers up to an empty line: a client that is told it
/// knows the same.
fn dictionary_law(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let (handlers, pushes) = text.split_once("\n\n").unwrap_or((&text, ""));
    let lines = |part: &str| part.lines().map(str::to_owned).collect::<Vec<String>>();
    let dictionary = within(bytes.len(), 1024, 64 * 1024, || Dictionary::new(lines(handlers), lines(pushes)));
    codes_law(&dictionary);
    let offer = HandshakeOffer { dictionary: Some(Arc::new(dictionary)), ..HandshakeOffer::default() };
    let told = HandshakeReply::parse(&offer.answer(br#"{"sys":{}}"#).unwrap()).unwrap().dictionary.unwrap();
    let dictionary = offer.dictionary.unwrap();
    assert_eq!(told.version(), dictionary.version());
    for route in text.lines() {
        assert_eq!(told.code(route), dictionary.code(route), "{route:?}");
    }
}
