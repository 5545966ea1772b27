//! The bytes between clients and servers: routes and bodies as a Pomelo client sends them, and what
//! it reads of answers and pushes.

use bytes::{Bytes, BytesMut};

use super::exchange::{Answer, Ask};
use crate::random::Streams;
use crate::time::Time;
use crate::wire::{HEADER_BYTES, Message, MessageKind, PushFrame, WireRoute};

/// Buffer space for messages is allocated in pieces of this size.
const PIECE_BYTES: usize = 64 * 1024;

/// A message begins with its due time in this many hexadecimal digits.
const MEANT_DIGITS: usize = 16;

/// Letters and digits of a name: enough for 64 bits.
const NAME_DIGITS: usize = 13;

/// Prefix of a pushed message: flag, length of the route, route, and the body up to the content.
const ON_CHAT: &[u8] = b"\x06\x06onChat{\"msg\":\"";

/// Names of users and rooms: unique, and without common patterns that a hash might exploit.
#[derive(Clone, Copy, Debug)]
pub(super) struct Names {
    users: Streams,
    rooms: Streams,
}

impl Names {
    pub(super) fn new(seed: u64, replication: u32) -> Self {
        let streams = |name| Streams::new(seed, replication, name);
        Self { users: streams("chat: names of users"), rooms: streams("chat: names of rooms") }
    }

    pub(super) fn write_user(&self, user: u32, out: &mut Vec<u8>) {
        write_name(self.users.label(u64::from(user)), out);
    }

    pub(super) fn write_room(&self, room: u32, out: &mut Vec<u8>) {
        write_name(self.rooms.label(u64::from(room)), out);
    }
}

fn write_name(mut label: u64, out: &mut Vec<u8>) {
    for _ in 0..NAME_DIGITS {
        out.push(b"0123456789abcdefghijklmnopqrstuvwxyz"[(label % 36) as usize]);
        label /= 36;
    }
}

/// Encodes requests and decodes answers.
pub(super) struct Words {
    names: Names,
    /// The index of the frontend behind each port that a gate names.
    by_port: Vec<u16>,
    body: Vec<u8>,
    message: Vec<u8>,
    piece: BytesMut,
}

impl Words {
    pub(super) fn new(names: Names, by_port: Vec<u16>) -> Self {
        Self { names, by_port, body: Vec::new(), message: Vec::new(), piece: BytesMut::new() }
    }

    /// Encodes a request.
    pub(super) fn write(&mut self, user: u32, request: u32, ask: Ask) -> Bytes {
        self.body.clear();
        let route = match ask {
            Ask::Entry => self.write_entry(user),
            Ask::Enter { room } => self.write_enter(user, room),
            Ask::Say { room, meant, bytes } => self.write_say(user, room, meant, bytes),
        };
        self.message.clear();
        let kind = MessageKind::Request { id: u64::from(request) };
        let message = Message { kind, route: Some(WireRoute::from(route)), body: &self.body };
        // The routes are fixed and short enough for the wire.
        let _ = message.encode(&mut self.message);
        if self.piece.capacity() < self.message.len() {
            self.piece.reserve(PIECE_BYTES.max(self.message.len()));
        }
        self.piece.extend_from_slice(&self.message);
        self.piece.split().freeze()
    }

    /// Decodes an answer, and resolves the port that a gate names.
    pub(super) fn answer(&self, body: &[u8]) -> Answer {
        match answer(body) {
            Answer::Use(port) => {
                self.by_port.get(usize::from(port)).map_or(Answer::Failed, |station| Answer::Use(*station))
            }
            answer => answer,
        }
    }

    fn write_entry(&mut self, user: u32) -> &'static str {
        self.body.extend_from_slice(br#"{"uid":""#);
        self.names.write_user(user, &mut self.body);
        self.body.extend_from_slice(br#""}"#);
        "gate.gateHandler.queryEntry"
    }

    fn write_enter(&mut self, user: u32, room: u32) -> &'static str {
        self.body.extend_from_slice(br#"{"username":""#);
        self.names.write_user(user, &mut self.body);
        self.body.extend_from_slice(br#"","rid":""#);
        self.names.write_room(room, &mut self.body);
        self.body.extend_from_slice(br#""}"#);
        "connector.entryHandler.enter"
    }

    fn write_say(&mut self, user: u32, room: u32, meant: Time, bytes: u32) -> &'static str {
        let body = &mut self.body;
        body.extend_from_slice(br#"{"rid":""#);
        self.names.write_room(room, body);
        body.extend_from_slice(br#"","content":""#);
        let end = body.len() + MEANT_DIGITS.max(bytes as usize);
        let meant = meant.as_nanos();
        body.extend(
            (0..MEANT_DIGITS).rev().map(|digit| b"0123456789abcdef"[(meant >> (4 * digit) & 15) as usize]),
        );
        body.resize(end, b'x');
        body.extend_from_slice(br#"","from":""#);
        self.names.write_user(user, body);
        body.extend_from_slice(br#"","target":"*"}"#);
        "chat.chatHandler.send"
    }
}

/// The due time of a pushed message; `None` for any other push.
pub(super) fn meant(frame: &PushFrame) -> Option<Time> {
    let digits = frame.package().get(HEADER_BYTES..)?.strip_prefix(ON_CHAT)?.get(..MEANT_DIGITS)?;
    let digit = |nanos: u64, digit: &u8| Some(nanos << 4 | u64::from(char::from(*digit).to_digit(16)?));
    digits.iter().try_fold(0, digit).map(Time::from_nanos)
}

/// Decodes an answer's body. A body that begins with a code other than 200 is an error; a gate's
/// begins with 200 and names a port.
fn answer(body: &[u8]) -> Answer {
    let Some(rest) = body.strip_prefix(br#"{"code":"#) else { return Answer::Done };
    match number(rest) {
        Some((200, rest)) => port(rest).map_or(Answer::Done, Answer::Use),
        Some((503, _)) => Answer::Refused,
        _ => Answer::Failed,
    }
}

fn port(rest: &[u8]) -> Option<u16> {
    const PORT: &[u8] = br#""port":"#;
    let at = rest.windows(PORT.len()).rposition(|window| window == PORT)?;
    u16::try_from(number(&rest[at + PORT.len()..])?.0).ok()
}

fn number(digits: &[u8]) -> Option<(u32, &[u8])> {
    let end = digits.iter().position(|byte| !byte.is_ascii_digit())?;
    Some((std::str::from_utf8(&digits[..end]).ok()?.parse().ok()?, &digits[end..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_read_by_their_code() {
        assert_eq!(answer(b"{}"), Answer::Done);
        assert_eq!(answer(br#"{"users":["a"]}"#), Answer::Done);
        assert_eq!(answer(br#"{"code":200,"host":"127.0.0.1","port":7}"#), Answer::Use(7));
        assert_eq!(answer(br#"{"code":503,"message":"busy"}"#), Answer::Refused);
        assert_eq!(answer(br#"{"code":500,"error":true,"message":"no"}"#), Answer::Failed);
    }

    #[test]
    fn a_push_tells_when_it_was_meant() {
        let frame = |body: &str| {
            let write = |out: &mut Vec<u8>| -> Result<(), crate::wire::MessageError> {
                out.extend_from_slice(body.as_bytes());
                Ok(())
            };
            PushFrame::build("onChat".into(), write).expect("a short route")
        };
        let said = frame(r#"{"msg":"00000000075bcd15xx","from":"a","target":"*"}"#);
        assert_eq!(meant(&said), Some(Time::from_nanos(123_456_789)));
        assert_eq!(meant(&frame(r#"{"msg":"hello","from":"a","target":"*"}"#)), None);
    }
}
