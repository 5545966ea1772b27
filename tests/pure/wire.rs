//! Packages and messages: Pomelo's recorded bytes, and properties for any bytes.

use pomelo_sim::wire::{
    BODY_BYTES_LIMIT, BODY_BYTES_MAX_DEFAULT, HEADER_BYTES, Message, MessageError, MessageKind,
    PackageDecoder, PackageError, PackageType, WireRoute, kick_body, write_notify, write_package, write_push,
    write_request, write_response,
};
use proptest::collection::vec;
use proptest::prelude::*;

#[test]
fn recorded_request_and_response_for_each_length_of_an_id() {
    let ids = [
        (1, "01"),
        (127, "7f"),
        (128, "8001"),
        (255, "ff01"),
        (16_383, "ff7f"),
        (16_384, "808001"),
        (2_097_152, "80808001"),
        (268_435_456, "8080808001"),
        (2_147_483_647, "ffffffff07"),
        // The original hangs on ids from here on.
        (2_147_483_648, "8080808008"),
        (1 << 35, "808080808001"),
        (1 << 42, "80808080808001"),
        (1 << 49, "8080808080808001"),
        (1 << 56, "808080808080808001"),
        (u64::MAX, "ffffffffffffffffff01"),
    ];
    let route = WireRoute::from("connector.nope.x");
    for (id, id_hex) in ids {
        let id_bytes = id_hex.len() / 2;
        let message = format!("00{id_hex}10636f6e6e6563746f722e6e6f70652e787b7d");
        let mut out = Vec::new();
        write_request(&mut out, id, &route, b"{}").unwrap();
        assert_eq!(hex(&out), format!("040000{:02x}{message}", 0x14 + id_bytes), "request {id}");

        let decoded = Message::decode(&out[HEADER_BYTES..]).unwrap();
        assert_eq!(decoded.kind, MessageKind::Request { id });
        assert_eq!((decoded.route, decoded.body), (Some(route.clone()), &b"{}"[..]));

        let mut out = Vec::new();
        write_response(&mut out, id, br#"{"code":500}"#);
        let expected = format!("040000{:02x}04{id_hex}7b22636f6465223a3530307d", 0x0d + id_bytes);
        assert_eq!(hex(&out), expected, "response {id}");
    }
}

#[test]
fn recorded_pushes_by_name_and_by_code() {
    let mut out = Vec::new();
    write_push(&mut out, &WireRoute::from("onAdd"), br#"{"route":"onAdd","user":"bob"}"#).unwrap();
    let expected =
        "0400002506056f6e4164647b22726f757465223a226f6e416464222c2275736572223a22626f62227d".to_owned();
    assert_eq!(hex(&out), expected);

    out.clear();
    write_push(&mut out, &WireRoute::Code(4), &unhex("0a0268691205616c6963651a012a")).unwrap();
    assert_eq!(hex(&out), "040000110700040a0268691205616c6963651a012a");
}

#[test]
fn recorded_kicks() {
    for (reason, expected) in [
        ("attack", "050000137b22726561736f6e223a2261747461636b227d"),
        ("kick", "050000117b22726561736f6e223a226b69636b227d"),
    ] {
        let mut out = Vec::new();
        write_package(&mut out, PackageType::Kick, &kick_body(reason));
        assert_eq!(hex(&out), expected);
    }
}

#[test]
fn flag_bits_that_pomelo_ignores_are_ignored() {
    let plain = unhex("000105612e622e637b7d");
    let expected = Message::decode(&plain).unwrap();
    for ignored in [0x10, 0x20, 0x40, 0x80, 0xe0, 0xf0] {
        let mut bytes = plain.clone();
        bytes[0] |= ignored;
        assert_eq!(Message::decode(&bytes).unwrap(), expected);
    }
}

#[test]
fn malformed_messages_are_named() {
    let truncated = |part, expected, got| MessageError::Truncated { part, expected, got };
    for (bytes, error) in [
        ("", truncated("flag", 1, 0)),
        ("00", truncated("id", 1, 0)),
        ("0080", truncated("id", 2, 1)),
        ("0001", truncated("route length", 1, 0)),
        ("00010561", truncated("route", 5, 1)),
        ("030a", truncated("route code", 2, 1)),
        ("00ffffffffffffffffff02", MessageError::IdTooLong),
        ("0080808080808080808080", MessageError::IdTooLong),
        ("0880", MessageError::UnknownType(4)),
        ("0e", MessageError::UnknownType(7)),
    ] {
        assert_eq!(Message::decode(&unhex(bytes)), Err(error), "{bytes}");
    }
}

#[test]
fn odd_messages_that_pomelo_accepts_are_accepted() {
    // Id 0, an id with a needless group, an empty route, an empty body.
    let message = Message::decode(&[0x00, 0x80, 0x00, 0x00]).unwrap().kind;
    assert_eq!(message, MessageKind::Request { id: 0 });
    let bytes = [0x02, 0x00];
    let message = Message::decode(&bytes).unwrap();
    assert_eq!((message.route, message.body), (Some(WireRoute::from("")), &b""[..]));
    // A route that is no UTF-8 can name no handler, but it can be answered.
    let message = Message::decode(&[0x02, 0x02, b'a', 0xff]).unwrap();
    assert_eq!(message.route, Some(WireRoute::from("a\u{fffd}")));
}

#[test]
fn what_does_not_fit_is_refused_and_nothing_is_written() {
    let mut out = Vec::new();
    let long = "r".repeat(256);
    let route = WireRoute::from(long.as_str());
    let too_long = Err(MessageError::RouteTooLong { bytes: 256 });
    assert_eq!(write_push(&mut out, &route, b""), too_long);
    assert_eq!(write_notify(&mut out, &route, b""), too_long);
    let message = Message { kind: MessageKind::Notify, route: None, body: b"" };
    assert_eq!(message.encode(&mut out), Err(MessageError::RouteMissing));
    let body = vec![0; BODY_BYTES_LIMIT];
    assert!(matches!(
        write_push(&mut out, &WireRoute::Code(1), &body),
        Err(MessageError::TooLong { bytes: 0x1000002 })
    ));
    assert!(out.is_empty());

    // A request gets an answer whatever happens.
    write_response(&mut out, 7, &body);
    let packages = all_packages(&out, &[out.len()]).unwrap();
    assert!(packages[0].1.starts_with(b"\x04\x07{\"code\":500,"));
}

#[test]
fn a_package_is_refused_as_soon_as_it_shows() {
    let mut decoder = PackageDecoder::new(BODY_BYTES_MAX_DEFAULT);
    for unknown in [0_u8, 6, 9, 255] {
        let mut decoder = PackageDecoder::new(BODY_BYTES_MAX_DEFAULT);
        assert_eq!(decoder.next(&mut &[unknown][..]), Err(PackageError::UnknownType(unknown)));
    }
    assert_eq!(decoder.next(&mut &[4, 0xff, 0xff][..]), Ok(None));
    let error = PackageError::TooLong { declared: BODY_BYTES_LIMIT, max: BODY_BYTES_MAX_DEFAULT };
    assert_eq!(decoder.next(&mut &[0xff][..]), Err(error.clone()));
    assert_eq!(decoder.next(&mut &[][..]), Err(error), "the error stays");
    assert_eq!(decoder.allocated_bytes(), 0);
}

#[test]
fn a_package_that_is_whole_is_not_copied() {
    let bytes = unhex("0300000004000002aabb0100000101");
    let mut decoder = PackageDecoder::new(16);
    let mut input = bytes.as_slice();
    let mut kinds = Vec::new();
    loop {
        let mut rest = input;
        let Some(package) = decoder.next(&mut rest).unwrap() else { break };
        assert!(package.body.is_empty() || bytes.as_ptr_range().contains(&package.body.as_ptr()));
        kinds.push(package.kind);
        let used = input.len() - rest.len();
        input = &input[used..];
    }
    assert_eq!(kinds, [PackageType::Heartbeat, PackageType::Data, PackageType::Handshake]);
    assert_eq!((decoder.is_partial(), decoder.allocated_bytes()), (false, 0));
}

proptest! {
    #[test]
    fn any_split_of_the_bytes_gives_the_same_packages(
        packages in vec((package_type(), vec(any::<u8>(), 0..200)), 0..8),
        chunks in vec(1_usize..50, 1..20),
    ) {
        let mut bytes = Vec::new();
        for (kind, body) in &packages {
            write_package(&mut bytes, *kind, body);
        }
        prop_assert_eq!(all_packages(&bytes, &chunks), Ok(packages));
    }

    #[test]
    fn arbitrary_bytes_never_panic_and_never_take_more_memory_than_twice_what_came(
        bytes in vec(prop_oneof![any::<u8>(), 0_u8..6], 0..600),
        chunks in vec(1_usize..50, 1..20),
    ) {
        if let Ok(packages) = all_packages(&bytes, &chunks) {
            for (_, body) in packages {
                let _ = Message::decode(&body);
            }
        }
        let _ = Message::decode(&bytes);
    }

    #[test]
    fn messages_round_trip(kind in message_kind(), route in wire_route(), body in vec(any::<u8>(), 0..300)) {
        let route = (!matches!(kind, MessageKind::Response { .. })).then_some(route);
        let message = Message { kind, route: route.clone(), body: &body };
        let mut bytes = Vec::new();
        message.encode(&mut bytes).unwrap();
        prop_assert_eq!(Message::decode(&bytes).unwrap(), message);

        // The writers give the same bytes in a package.
        let mut package = Vec::new();
        match (kind, &route) {
            (MessageKind::Request { id }, Some(route)) => write_request(&mut package, id, route, &body).unwrap(),
            (MessageKind::Notify, Some(route)) => write_notify(&mut package, route, &body).unwrap(),
            (MessageKind::Push, Some(route)) => write_push(&mut package, route, &body).unwrap(),
            (MessageKind::Response { id }, _) => write_response(&mut package, id, &body),
            (_, None) => unreachable!(),
        }
        let mut expected = Vec::new();
        write_package(&mut expected, PackageType::Data, &bytes);
        prop_assert_eq!(package, expected);
    }
}

/// Feeds `bytes` in chunks of these sizes, in turn, and checks the decoder's promises on the way.
fn all_packages(bytes: &[u8], chunks: &[usize]) -> Result<Vec<(PackageType, Vec<u8>)>, PackageError> {
    let mut decoder = PackageDecoder::new(BODY_BYTES_MAX_DEFAULT);
    let mut packages = Vec::new();
    let (mut fed, mut taken) = (0, 0);
    for chunk in chunks.iter().cycle() {
        if fed == bytes.len() {
            break;
        }
        let end = bytes.len().min(fed + chunk);
        let mut input = &bytes[fed..end];
        fed = end;
        loop {
            let mut rest = input;
            let Some(package) = decoder.next(&mut rest)? else {
                assert!(rest.is_empty());
                break;
            };
            taken += HEADER_BYTES + package.body.len();
            packages.push((package.kind, package.body.to_vec()));
            let used = input.len() - rest.len();
            input = &input[used..];
        }
        assert_eq!(decoder.is_partial(), taken < fed);
        let pending = fed - taken;
        let bound = if pending <= HEADER_BYTES { 0 } else { (2 * pending).max(8) };
        assert!(decoder.allocated_bytes() <= bound, "{} for {pending}", decoder.allocated_bytes());
    }
    Ok(packages)
}

fn package_type() -> impl Strategy<Value = PackageType> {
    (1_u8..=5).prop_map(|byte| PackageType::from_byte(byte).unwrap())
}

fn message_kind() -> impl Strategy<Value = MessageKind> {
    // Every length of a varint equally often.
    let id = || (any::<u64>(), 0_u32..64).prop_map(|(id, shift)| id >> shift);
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

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Vec<u8> {
    text.as_bytes()
        .chunks(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}
