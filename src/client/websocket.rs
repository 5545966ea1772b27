//! The client's side of a WebSocket: upgrade, plain frames in, masked frames out.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use tungstenite::handshake::derive_accept_key;

use super::framing::FramingError;
use crate::wire::WebSocketHeader;

/// Longest response head to an upgrade, in bytes.
const HEAD_BYTES_MAX: usize = 8 * 1024;

/// Most header fields in it.
const HEADER_FIELDS_MAX: usize = 64;

/// Longest payload of a control frame (RFC 6455, 5.5).
const CONTROL_BYTES_MAX: u64 = 125;

/// A pending upgrade.
#[derive(Debug)]
pub(super) struct Upgrade {
    accept: String,
    head: Vec<u8>,
}

impl Upgrade {
    /// Appends the request to `out`. The nonce only needs to differ between connections.
    pub(super) fn request(out: &mut Vec<u8>, host: &str, nonce: u64) -> Self {
        let key = BASE64.encode([nonce.to_be_bytes(), (!nonce).to_be_bytes()].concat());
        let request = format!(
            "GET / HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n"
        );
        out.extend_from_slice(request.as_bytes());
        Self { accept: derive_accept_key(key.as_bytes()), head: Vec::new() }
    }

    /// Takes the answer off the front of `input`. True: the upgrade is done.
    pub(super) fn receive(&mut self, input: &mut &[u8]) -> Result<bool, FramingError> {
        while let Some((byte, rest)) = input.split_first() {
            self.head.push(*byte);
            *input = rest;
            if self.head.ends_with(b"\r\n\r\n") {
                return self.check().map(|()| true);
            }
            if self.head.len() == HEAD_BYTES_MAX {
                return Err(FramingError::NoUpgrade("a response head that is too long".to_owned()));
            }
            if !b"HTTP/".starts_with(&self.head[..self.head.len().min(5)]) {
                return Err(FramingError::NoUpgrade("a response that is not HTTP".to_owned()));
            }
        }
        Ok(false)
    }

    fn check(&self) -> Result<(), FramingError> {
        let mut fields = [httparse::EMPTY_HEADER; HEADER_FIELDS_MAX];
        let mut response = httparse::Response::new(&mut fields);
        response.parse(&self.head).map_err(|error| FramingError::NoUpgrade(error.to_string()))?;
        if response.code != Some(101) {
            return Err(FramingError::NoUpgrade(format!("HTTP {}", response.code.unwrap_or_default())));
        }
        let accepted = response.headers.iter().any(|field| {
            field.name.eq_ignore_ascii_case("Sec-WebSocket-Accept") && field.value == self.accept.as_bytes()
        });
        if accepted {
            Ok(())
        } else {
            Err(FramingError::NoUpgrade("a wrong Sec-WebSocket-Accept".to_owned()))
        }
    }
}

/// Incoming frames, cut anywhere. Payloads, fragmented or not, are returned as they arrive.
#[derive(Debug, Default)]
pub(super) struct Frames {
    header: [u8; 10],
    header_len: usize,
    /// Payload bytes of the current frame still to come.
    remaining: u64,
    /// Received payload of a control frame.
    control: Vec<u8>,
    /// Whether more frames of the current message follow.
    unfinished: bool,
}

const CONTINUATION: u8 = 0;
const TEXT: u8 = 1;
pub(super) const BINARY: u8 = 2;
pub(super) const CLOSE: u8 = 8;
const PING: u8 = 9;
const PONG: u8 = 10;

impl Frames {
    /// The next piece of a message at the front of `input`; headers and control frames before it
    /// are consumed, and pings answered. Empty: the input is used up. The piece itself is not
    /// consumed: see [`take`](Self::take).
    ///
    /// `between` says whether the pieces so far end between two packages: a message may begin only
    /// there, since Pomelo's clients parse each message separately.
    pub(super) fn piece<'i>(
        &mut self,
        input: &mut &'i [u8],
        between: bool,
        out: &mut Masked,
    ) -> Result<&'i [u8], FramingError> {
        loop {
            if self.remaining > 0 && self.opcode() < CLOSE {
                let here = self.remaining.min(input.len() as u64) as usize;
                return Ok(&input[..here]);
            }
            let Some((byte, rest)) = input.split_first() else { return Ok(&[]) };
            *input = rest;
            if self.remaining > 0 {
                self.control.push(*byte);
                self.remaining -= 1;
            } else {
                self.header[self.header_len] = *byte;
                self.header_len += 1;
                if self.header_len < 2 || self.header_len < self.header_bytes() {
                    continue;
                }
                self.header_len = 0;
                self.begin(between)?;
            }
            if self.remaining == 0 && self.opcode() >= CLOSE {
                self.control_frame(out)?;
            }
        }
    }

    /// Consumes this many bytes of the last piece.
    pub(super) fn take(&mut self, input: &mut &[u8], bytes: usize) {
        *input = &input[bytes..];
        self.remaining -= bytes as u64;
    }

    fn opcode(&self) -> u8 {
        self.header[0] & 0x0f
    }

    fn header_bytes(&self) -> usize {
        match self.header[1] & 0x7f {
            126 => 4,
            127 => 10,
            _ => 2,
        }
    }

    /// Checks a complete header.
    fn begin(&mut self, between: bool) -> Result<(), FramingError> {
        let [first, second, ext @ ..] = self.header;
        let finished = first & 0x80 != 0;
        if first & 0x70 != 0 {
            return Err(FramingError::BadFrame("an extension that was not negotiated"));
        }
        if second & 0x80 != 0 {
            return Err(FramingError::BadFrame("a masked frame, which only clients send"));
        }
        self.remaining = match second {
            126 => u64::from(u16::from_be_bytes([ext[0], ext[1]])),
            127 => u64::from_be_bytes(ext),
            short => u64::from(short),
        };
        match self.opcode() {
            TEXT | BINARY if self.unfinished => {
                Err(FramingError::BadFrame("a new message before the end of a fragmented one"))
            }
            TEXT | BINARY if !between => {
                Err(FramingError::BadFrame("a new message in the middle of a package"))
            }
            CONTINUATION if !self.unfinished => {
                Err(FramingError::BadFrame("a continuation without a first frame"))
            }
            CONTINUATION | TEXT | BINARY => {
                self.unfinished = !finished;
                Ok(())
            }
            CLOSE | PING | PONG if finished && self.remaining <= CONTROL_BYTES_MAX => Ok(()),
            CLOSE | PING | PONG => {
                Err(FramingError::BadFrame("a control frame that is too long or fragmented"))
            }
            _ => Err(FramingError::BadFrame("an unknown opcode")),
        }
    }

    fn control_frame(&mut self, out: &mut Masked) -> Result<(), FramingError> {
        let payload = std::mem::take(&mut self.control);
        match self.opcode() {
            CLOSE => {
                let (code, reason) = match payload.split_first_chunk() {
                    Some((code, reason)) => (Some(u16::from_be_bytes(*code)), reason),
                    None => (None, &[][..]),
                };
                Err(FramingError::Closed(code, String::from_utf8_lossy(reason).into_owned()))
            }
            PING => {
                out.frame(PONG, &payload);
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

/// Outgoing frames, each masked.
#[derive(Debug)]
pub(super) struct Masked {
    /// Bytes to be written to the socket.
    pub(super) out: Vec<u8>,
    mask: u32,
}

impl Masked {
    /// The nonce seeds the masks; each frame gets a different one.
    pub(super) fn new(nonce: u64) -> Self {
        Self { out: Vec::new(), mask: nonce as u32 }
    }

    /// Appends a final (unfragmented) frame.
    pub(super) fn frame(&mut self, opcode: u8, payload: &[u8]) {
        self.mask = self.mask.wrapping_mul(747_796_405).wrapping_add(2_891_336_453);
        write_frame(&mut self.out, 0x80 | opcode, self.mask.to_be_bytes(), payload);
    }
}

/// Appends a client's frame: first byte as given, payload masked.
pub fn write_frame(out: &mut Vec<u8>, first: u8, mask: [u8; 4], payload: &[u8]) {
    out.extend_from_slice(WebSocketHeader::new(first, true, payload.len() as u64).as_bytes());
    out.extend_from_slice(&mask);
    let start = out.len();
    out.extend_from_slice(payload);
    for chunk in out[start..].chunks_mut(mask.len()) {
        chunk.iter_mut().zip(mask).for_each(|(byte, mask)| *byte ^= mask);
    }
}
