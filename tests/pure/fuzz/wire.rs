//! Packages, messages and text from clients.

use bolero::check;
use pomelo_sim::wire::message::ROUTE_BYTES_MAX;
use pomelo_sim::wire::{
    BODY_BYTES_MAX_DEFAULT, HEADER_BYTES, Message, MessageError, MessageKind, PackageDecoder, PackageError,
    PackageType, PushFrame, WireRoute, cesu8, write_notify, write_package, write_push, write_request,
    write_response,
};

use super::input::{hold, pieces, seeds};
use super::laws::{assert_printable, within};

#[test]
fn packages() {
    let seeds = seeds("packages");
    check!(name = "packages").for_each(|input| hold(&seeds, input, package_law));
}

#[test]
fn messages() {
    let seeds = seeds("messages");
    check!(name = "messages").for_each(|input| hold(&seeds, input, message_law));
}

#[test]
fn texts() {
    let seeds = seeds("texts");
    check!(name = "texts").for_each(|input| hold(&seeds, input, text_law));
}

type Packages = Vec<(PackageType, Vec<u8>)>;

/// However the bytes are cut, the packages and the end are the same; they are written back as they
/// came; and no more memory is taken than twice what came of a package.
fn package_law(bytes: &[u8]) {
    let (packages, end) = taken(&[bytes]);
    assert_eq!(taken(&pieces(bytes)), (packages.clone(), end.clone()));
    let one_by_one: Vec<&[u8]> = bytes.chunks(1).collect();
    assert_eq!(taken(&one_by_one), (packages.clone(), end.clone()));

    let mut written = Vec::new();
    for (kind, body) in &packages {
        write_package(&mut written, *kind, body);
    }
    let rest = bytes.strip_prefix(written.as_slice()).expect("packages are written back as they came");
    match end {
        Some(error) => {
            assert_printable(&error.to_string());
            assert!(!rest.is_empty());
        }
        None => assert!(rest.len() < HEADER_BYTES + BODY_BYTES_MAX_DEFAULT),
    }
}

/// What a decoder makes of some pieces, and why it stops.
fn taken(pieces: &[&[u8]]) -> (Packages, Option<PackageError>) {
    let mut decoder = PackageDecoder::new(BODY_BYTES_MAX_DEFAULT);
    let mut packages = Vec::new();
    let (mut came, mut done) = (0, 0);
    for piece in pieces {
        came += piece.len();
        let mut input = *piece;
        loop {
            // Its own memory grows with what came of this package.
            let package = match decoder.next(&mut input) {
                Ok(Some(package)) => package,
                Ok(None) => break,
                Err(error) => {
                    assert_eq!(decoder.next(&mut &b"\x03\0\0\0"[..]), Err(error.clone()), "an error stays");
                    return (packages, Some(error));
                }
            };
            done += HEADER_BYTES + package.body.len();
            packages.push((package.kind, package.body.to_vec()));
        }
        assert!(input.is_empty(), "it takes all that it is given");
        assert_eq!(decoder.is_partial(), came > done);
        assert!(decoder.allocated_bytes() <= (2 * (came - done)).max(8), "{}", decoder.allocated_bytes());
    }
    (packages, None)
}

/// A message that can be read can be written, and is read from that as the same; in a package too.
fn message_law(bytes: &[u8]) {
    // Only a route that is not UTF-8 is copied, lossily: three bytes for one.
    let decoded = within(0, 0, 8 * ROUTE_BYTES_MAX, || Message::decode(bytes));
    let message = match decoded {
        Ok(message) => message,
        Err(error) => return assert_printable(&error.to_string()),
    };
    let mut written = Vec::new();
    match message.encode(&mut written) {
        Ok(()) => assert_eq!(Message::decode(&written).as_ref(), Ok(&message)),
        Err(MessageError::RouteTooLong { .. }) => {
            let Some(WireRoute::Name(name)) = &message.route else { panic!("{message:?}") };
            assert!(name.contains('\u{fffd}') && written.is_empty());
            return;
        }
        Err(error) => panic!("{message:?}: {error}"),
    }
    let (mut package, body) = (Vec::new(), message.body);
    match (message.kind, &message.route) {
        (MessageKind::Request { id }, Some(route)) => write_request(&mut package, id, route, body).unwrap(),
        (MessageKind::Notify, Some(route)) => write_notify(&mut package, route, body).unwrap(),
        (MessageKind::Response { id }, None) => write_response(&mut package, id, body),
        (MessageKind::Push, Some(route)) => {
            write_push(&mut package, route, body).unwrap();
            push_law(route, body, &package);
        }
        other => panic!("{other:?}"),
    }
    let (packages, end) = taken(&[&package]);
    assert!(end.is_none() || written.len() > BODY_BYTES_MAX_DEFAULT);
    assert!(end.is_some() || packages == [(PackageType::Data, written)]);
}

/// A push for all is the package, and before it the head of one final, unmasked, binary frame.
fn push_law(route: &WireRoute<'_>, body: &[u8], package: &[u8]) {
    let frame = PushFrame::build::<MessageError>(route.clone(), |out| {
        out.extend_from_slice(body);
        Ok(())
    });
    let frame = frame.unwrap();
    assert_eq!(frame.package(), package);
    let (declared, head_bytes) = match frame.websocket()[..4] {
        [0x82, short @ 0..=125, ..] => (usize::from(short), 2),
        [0x82, 126, high, low] => (usize::from(high) << 8 | usize::from(low), 4),
        [0x82, 127, ..] => (usize::from_str_radix(&hex(&frame.websocket()[2..10]), 16).unwrap(), 10),
        _ => panic!("{:x?}", &frame.websocket()[..4]),
    };
    assert_eq!(declared, package.len());
    assert_eq!(&frame.websocket()[head_bytes..], package);
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Text from a client becomes text; what is text already stays as it is; twice changes no more than
/// once.
fn text_law(bytes: &[u8]) {
    let text = within(bytes.len(), 8, 64, || cesu8::to_utf8(bytes));
    assert!(text.len() <= 3 * bytes.len());
    assert!(std::str::from_utf8(&text).is_ok());
    assert_eq!(cesu8::to_utf8(&text), text);
    let surrogates = bytes.windows(2).any(|pair| pair[0] == 0xed && pair[1] >= 0xa0);
    if !surrogates {
        assert_eq!(&*text, String::from_utf8_lossy(bytes).as_bytes());
    }
}
