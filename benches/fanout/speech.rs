//! The protocol of each kind of server: how to enter, the form of a message, and the parsing of
//! frames.

use pomelo_sim::client::{Connection, Hello, Transport};
use pomelo_sim::wire::{HEADER_BYTES, PackageType, WireRoute, package_header, write_push, write_request};
use serde_json::{Value, json};

use crate::drive::Heard;

/// A step of entering: the bytes to send, and the answer to wait for.
pub struct Login {
    pub say: Vec<u8>,
    pub until: Vec<u8>,
}

/// One protocol. Members are numbers; a message contains its sender's, as digits of fixed width at
/// a fixed offset.
pub trait Speech {
    /// The steps to enter the room.
    fn login(&self, member: usize) -> Vec<Login>;
    /// Appends a message of this member.
    fn message(&self, out: &mut Vec<u8>, member: usize);
    /// The first frame of `input`, if complete: its length, and its meaning to this member.
    fn next(&self, input: &[u8], member: usize) -> Option<(usize, Heard)>;
    /// The length of a message's frame as members get it, in bytes.
    fn frame_bytes(&self) -> usize;
}

/// A message's text after the sender's six digits.
const TEXT: &str = " a message as people write them in chats.";

fn content(member: usize) -> String {
    format!("{member:06}{TEXT}")
}

/// The body of the resulting push, the payload for all servers.
fn push_body(member: usize) -> String {
    format!(r#"{{"msg":"{}","from":"m{member:06}","target":"*"}}"#, content(member))
}

/// Offset of the sender's digits in that body.
const SENDER_AT: usize = r#"{"msg":""#.len();

fn sender_is(digits: Option<&[u8]>, member: usize) -> Heard {
    let Some(digits) = digits else { return Heard::Other };
    let sender = digits.iter().fold(0, |number, digit| number * 10 + usize::from(digit.wrapping_sub(b'0')));
    if sender == member { Heard::Own } else { Heard::Others }
}

/// Pomelo's packages.
pub struct Pomelo;

/// The start of a push after the package's header: the flag and the route.
const PUSH_OPENS: &[u8] = b"\x06\x06onChat";

impl Speech for Pomelo {
    fn login(&self, member: usize) -> Vec<Login> {
        let mut client = Connection::new(Transport::Tcp, "", 0, &Hello::default());
        let shake = std::mem::take(client.out());
        let mut enter = package_header(PackageType::HandshakeAck, 0).to_vec();
        let body = json!({"username": format!("m{member:06}"), "rid": "room"});
        request(&mut enter, 1, "connector.entryHandler.enter", &body);
        vec![
            Login { say: shake, until: br#""code":200"#.to_vec() },
            Login { say: enter, until: br#"{"users":["#.to_vec() },
        ]
    }

    fn message(&self, out: &mut Vec<u8>, member: usize) {
        request(out, 2, "chat.chatHandler.send", &json!({"content": content(member), "target": "*"}));
    }

    fn next(&self, input: &[u8], member: usize) -> Option<(usize, Heard)> {
        let header = input.first_chunk::<HEADER_BYTES>()?;
        let length = HEADER_BYTES
            + (usize::from(header[1]) << 16 | usize::from(header[2]) << 8 | usize::from(header[3]));
        let body = input.get(HEADER_BYTES..length)?;
        let heard = match body.strip_prefix(PUSH_OPENS) {
            Some(push) => sender_is(push.get(SENDER_AT..SENDER_AT + 6), member),
            None => Heard::Other,
        };
        Some((length, heard))
    }

    fn frame_bytes(&self) -> usize {
        let mut bytes = Vec::new();
        push(&mut bytes, 0);
        bytes.len()
    }
}

fn request(out: &mut Vec<u8>, id: u64, route: &str, body: &Value) {
    let route = WireRoute::Name(route.into());
    write_request(out, id, &route, body.to_string().as_bytes()).expect("a route of the bench fits");
}

/// Appends the push of a member's message.
pub fn push(out: &mut Vec<u8>, member: usize) {
    let route = WireRoute::Name("onChat".into());
    write_push(out, &route, push_body(member).as_bytes()).expect("a route of the bench fits");
}

/// The length of the first message of `input` and its sender's digits, if complete: the bare server
/// reads nothing else.
pub fn sender(input: &[u8]) -> Option<(usize, &[u8])> {
    let header = input.first_chunk::<HEADER_BYTES>()?;
    let length =
        HEADER_BYTES + (usize::from(header[1]) << 16 | usize::from(header[2]) << 8 | usize::from(header[3]));
    let message = input.get(..length)?;
    let digits_at = HEADER_BYTES + MESSAGE_OPENS.len();
    Some((length, message.get(digits_at..digits_at + 6)?))
}

/// The start of a message after the package's header.
const MESSAGE_OPENS: &[u8] = b"\x00\x02\x15chat.chatHandler.send{\"content\":\"";

/// Writes the sender's digits into its push: twice, as the sender and at the start of the text.
pub fn set_sender(push: &mut [u8], digits: &[u8]) {
    let said_at = HEADER_BYTES + PUSH_OPENS.len() + SENDER_AT;
    let from_at = said_at + 6 + TEXT.len() + r#"","from":"m"#.len();
    push[said_at..said_at + 6].copy_from_slice(digits);
    push[from_at..from_at + 6].copy_from_slice(digits);
}

/// The bare server's protocol: the same bytes, without entering.
pub struct Bare;

impl Speech for Bare {
    fn login(&self, _member: usize) -> Vec<Login> {
        Vec::new()
    }

    fn message(&self, out: &mut Vec<u8>, member: usize) {
        Pomelo.message(out, member);
    }

    fn next(&self, input: &[u8], member: usize) -> Option<(usize, Heard)> {
        Pomelo.next(input, member)
    }

    fn frame_bytes(&self) -> usize {
        Pomelo.frame_bytes()
    }
}

/// NATS: one subject, on which all members publish and to which all subscribe.
pub struct Nats;

const SUBJECT: &str = "room";

impl Speech for Nats {
    fn login(&self, _member: usize) -> Vec<Login> {
        let say = format!("CONNECT {{\"verbose\":false,\"pedantic\":false}}\r\nSUB {SUBJECT} 1\r\nPING\r\n");
        vec![Login { say: say.into_bytes(), until: b"PONG\r\n".to_vec() }]
    }

    fn message(&self, out: &mut Vec<u8>, member: usize) {
        let body = push_body(member);
        out.extend_from_slice(format!("PUB {SUBJECT} {}\r\n{body}\r\n", body.len()).as_bytes());
    }

    fn next(&self, input: &[u8], member: usize) -> Option<(usize, Heard)> {
        let line = input.iter().position(|byte| *byte == b'\n')? + 1;
        let Some(head) = input[..line].strip_prefix(b"MSG ") else { return Some((line, Heard::Other)) };
        let bytes = head.rsplit(|byte| *byte == b' ').next().unwrap_or_default();
        let digits = bytes.iter().filter(|byte| byte.is_ascii_digit());
        let bytes = digits.fold(0, |number, digit| number * 10 + usize::from(digit - b'0'));
        let body = input.get(line..line + bytes + 2)?;
        Some((line + bytes + 2, sender_is(body.get(SENDER_AT..SENDER_AT + 6), member)))
    }

    fn frame_bytes(&self) -> usize {
        let body = push_body(0).len();
        format!("MSG {SUBJECT} 1 {body}\r\n").len() + body + 2
    }
}
