//! Messages: `flag id? route? body`, the body of a data package.

use std::borrow::Cow;

use thiserror::Error;

use super::package::{BODY_BYTES_LIMIT, HEADER_BYTES, PackageType, package_header};
use super::varint::{self, VarintError};

/// The longest route name in bytes: its length is one byte.
pub const ROUTE_BYTES_MAX: usize = 255;

/// Flag bit 0: the route is a code of the dictionary.
const COMPRESSED: u8 = 0x01;

/// Replaces a result that no package can hold: every request must get exactly one answer.
const RESPONSE_TOO_LONG: &[u8] = br#"{"code":500,"message":"the response is longer than a package can be"}"#;

/// What a message is (`pomelo-protocol`, `Message.TYPE_*`), with the id that ties a response to its
/// request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MessageKind {
    /// The client wants a response. Pomelo treats id 0 as a notify; the caller decides that.
    Request {
        /// Chosen by the client, repeated in the response.
        id: u64,
    },
    /// The client wants no response.
    Notify,
    /// The server answers a request. Carries no route.
    Response {
        /// The id of the request.
        id: u64,
    },
    /// The server sends an unsolicited message.
    Push,
}

impl MessageKind {
    const fn bits(self) -> u8 {
        match self {
            Self::Request { .. } => 0,
            Self::Notify => 1,
            Self::Response { .. } => 2,
            Self::Push => 3,
        }
    }

    const fn id(self) -> Option<u64> {
        match self {
            Self::Request { id } | Self::Response { id } => Some(id),
            Self::Notify | Self::Push => None,
        }
    }
}

/// A message's route as written on the wire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WireRoute<'a> {
    /// The name, such as `chat.chatHandler.send`. Bytes that are not UTF-8 become U+FFFD: no
    /// handler has such a name, so it is answered like any unknown route.
    Name(Cow<'a, str>),
    /// A code of the [`Dictionary`](super::Dictionary).
    Code(u16),
}

impl<'a> From<&'a str> for WireRoute<'a> {
    fn from(name: &'a str) -> Self {
        Self::Name(Cow::Borrowed(name))
    }
}

/// One message, borrowed from the package that carries it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message<'a> {
    /// What it is.
    pub kind: MessageKind,
    /// Absent in a response, present in every other kind.
    pub route: Option<WireRoute<'a>>,
    /// JSON, or protobuf for a route that has a definition.
    pub body: &'a [u8],
}

/// Why bytes are not a message, or a message cannot be encoded.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum MessageError {
    /// The bytes end before the message does.
    #[error("expected {expected} more bytes of a message's {part}, got {got}")]
    Truncated {
        /// What was being read: `flag`, `id`, `route length`, `route` or `route code`.
        part: &'static str,
        /// Bytes that the part needs (for an id: one more than there are).
        expected: usize,
        /// Bytes that are left.
        got: usize,
    },
    /// The id is over `u64::MAX`.
    #[error("expected a message id of at most 64 bits, got a longer one")]
    IdTooLong,
    /// The flag is not one of the four kinds. Pomelo drops such a message and keeps the connection.
    #[error("expected a message type from 0 to 3, got {0}")]
    UnknownType(u8),
    /// The route's name does not fit its one byte of length.
    #[error("expected a route of at most {ROUTE_BYTES_MAX} bytes, got {bytes}")]
    RouteTooLong {
        /// Length of the name in bytes.
        bytes: usize,
    },
    /// A request, notify or push was to be written without a route.
    #[error("expected a route, got a message without one that is not a response")]
    RouteMissing,
    /// The whole message does not fit a package.
    #[error("expected a message of at most {BODY_BYTES_LIMIT} bytes, got {bytes}")]
    TooLong {
        /// Length of the message in bytes.
        bytes: usize,
    },
}

impl<'a> Message<'a> {
    /// Reads the message that fills `bytes`. The gzip flag and the unused bits of the flag byte are
    /// ignored, as in Pomelo.
    ///
    /// # Errors
    ///
    /// [`Truncated`](MessageError::Truncated), [`IdTooLong`](MessageError::IdTooLong),
    /// [`UnknownType`](MessageError::UnknownType).
    pub fn decode(bytes: &'a [u8]) -> Result<Message<'a>, MessageError> {
        let mut input = bytes;
        let flag = take(&mut input, 1, "flag")?[0];
        let kind = match flag >> 1 & 0x07 {
            0 => MessageKind::Request { id: take_id(&mut input)? },
            1 => MessageKind::Notify,
            2 => MessageKind::Response { id: take_id(&mut input)? },
            3 => MessageKind::Push,
            other => return Err(MessageError::UnknownType(other)),
        };
        let route = match kind {
            MessageKind::Response { .. } => None,
            _ if flag & COMPRESSED != 0 => {
                let code = take(&mut input, 2, "route code")?;
                Some(WireRoute::Code(u16::from_be_bytes([code[0], code[1]])))
            }
            _ => {
                let len = take(&mut input, 1, "route length")?[0];
                let name = take(&mut input, usize::from(len), "route")?;
                Some(WireRoute::Name(String::from_utf8_lossy(name)))
            }
        };
        Ok(Message { kind, route, body: input })
    }

    /// Appends the message to `out`, without a package around it. A response's route, if there is
    /// one, is not written.
    ///
    /// # Errors
    ///
    /// [`RouteTooLong`](MessageError::RouteTooLong), [`RouteMissing`](MessageError::RouteMissing);
    /// then nothing is written.
    pub fn encode(&self, out: &mut Vec<u8>) -> Result<(), MessageError> {
        let route = match (self.kind, &self.route) {
            (MessageKind::Response { .. }, _) => None,
            (_, None) => return Err(MessageError::RouteMissing),
            (_, route) => route.as_ref(),
        };
        out.reserve(encoded_len(self.kind, route, self.body)?);
        append(out, self.kind, route, self.body);
        Ok(())
    }
}

/// Appends a data package with a response.
///
/// No package can hold a body of about [`BODY_BYTES_LIMIT`] bytes or more. Such a response becomes
/// `{"code":500,…}`, since the client waits for an answer.
pub fn write_response(out: &mut Vec<u8>, id: u64, body: &[u8]) {
    let kind = MessageKind::Response { id };
    let fits = 1 + varint::len(id) + body.len() <= BODY_BYTES_LIMIT;
    let body = if fits { body } else { RESPONSE_TOO_LONG };
    append_package(out, kind, None, body, 1 + varint::len(id) + body.len());
}

/// Appends a data package with a push.
///
/// # Errors
///
/// [`RouteTooLong`](MessageError::RouteTooLong), [`TooLong`](MessageError::TooLong); then nothing
/// is written.
pub fn write_push(out: &mut Vec<u8>, route: &WireRoute<'_>, body: &[u8]) -> Result<(), MessageError> {
    write_routed(out, MessageKind::Push, route, body)
}

/// Appends a data package with a request, as a client does.
///
/// # Errors
///
/// As [`write_push`].
pub fn write_request(
    out: &mut Vec<u8>,
    id: u64,
    route: &WireRoute<'_>,
    body: &[u8],
) -> Result<(), MessageError> {
    write_routed(out, MessageKind::Request { id }, route, body)
}

/// Appends a data package with a notify, as a client does.
///
/// # Errors
///
/// As [`write_push`].
pub fn write_notify(out: &mut Vec<u8>, route: &WireRoute<'_>, body: &[u8]) -> Result<(), MessageError> {
    write_routed(out, MessageKind::Notify, route, body)
}

fn write_routed(
    out: &mut Vec<u8>,
    kind: MessageKind,
    route: &WireRoute<'_>,
    body: &[u8],
) -> Result<(), MessageError> {
    let bytes = encoded_len(kind, Some(route), body)?;
    if bytes > BODY_BYTES_LIMIT {
        return Err(MessageError::TooLong { bytes });
    }
    append_package(out, kind, Some(route), body, bytes);
    Ok(())
}

/// Header and message in one pass: the length is known before the first byte is written.
fn append_package(
    out: &mut Vec<u8>,
    kind: MessageKind,
    route: Option<&WireRoute<'_>>,
    body: &[u8],
    bytes: usize,
) {
    out.reserve(HEADER_BYTES + bytes);
    out.extend_from_slice(&package_header(PackageType::Data, bytes));
    append(out, kind, route, body);
}

fn append(out: &mut Vec<u8>, kind: MessageKind, route: Option<&WireRoute<'_>>, body: &[u8]) {
    let compressed = matches!(route, Some(WireRoute::Code(_)));
    out.push(kind.bits() << 1 | u8::from(compressed));
    if let Some(id) = kind.id() {
        varint::write(out, id);
    }
    match route {
        Some(WireRoute::Code(code)) => out.extend_from_slice(&code.to_be_bytes()),
        Some(WireRoute::Name(name)) => {
            // `encoded_len` has refused longer names.
            out.push(name.len() as u8);
            out.extend_from_slice(name.as_bytes());
        }
        None => {}
    }
    out.extend_from_slice(body);
}

fn encoded_len(kind: MessageKind, route: Option<&WireRoute<'_>>, body: &[u8]) -> Result<usize, MessageError> {
    let route_bytes = match route {
        None => 0,
        Some(WireRoute::Code(_)) => 2,
        Some(WireRoute::Name(name)) if name.len() > ROUTE_BYTES_MAX => {
            return Err(MessageError::RouteTooLong { bytes: name.len() });
        }
        Some(WireRoute::Name(name)) => 1 + name.len(),
    };
    Ok(1 + kind.id().map_or(0, varint::len) + route_bytes + body.len())
}

fn take<'a>(input: &mut &'a [u8], expected: usize, part: &'static str) -> Result<&'a [u8], MessageError> {
    let (taken, rest) = input.split_at_checked(expected).ok_or(MessageError::Truncated {
        part,
        expected,
        got: input.len(),
    })?;
    *input = rest;
    Ok(taken)
}

fn take_id(input: &mut &[u8]) -> Result<u64, MessageError> {
    let got = input.len();
    varint::read(input).map_err(|error| match error {
        VarintError::Truncated => MessageError::Truncated { part: "id", expected: got + 1, got },
        VarintError::TooLong => MessageError::IdTooLong,
    })
}
