//! A push, encoded once for every member of a room and for both transports.

use bytes::Bytes;

use super::message::{Message, MessageError, MessageKind, WireRoute};
use super::package::{HEADER_BYTES, PackageType, package_header};

/// The longest WebSocket header without its mask: 64-bit length.
const WEBSOCKET_HEADER_BYTES_MAX: usize = 10;

/// One allocation holds `[websocket header][package]`: a WebSocket client gets all of it, a TCP
/// client gets the tail. Cloning shares it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PushFrame {
    bytes: Bytes,
    package_at: usize,
}

impl PushFrame {
    /// Encodes a push; `write_body` appends the body.
    ///
    /// # Errors
    /// What `write_body` returns; a [`MessageError`] when the route does not fit on the wire.
    pub fn build<E: From<MessageError>>(
        route: WireRoute<'_>,
        write_body: impl FnOnce(&mut Vec<u8>) -> Result<(), E>,
    ) -> Result<Self, E> {
        let mut buffer = Vec::with_capacity(160);
        buffer.resize(WEBSOCKET_HEADER_BYTES_MAX + HEADER_BYTES, 0);
        Message { kind: MessageKind::Push, route: Some(route), body: &[] }.encode(&mut buffer)?;
        write_body(&mut buffer)?;

        // Both headers hold the length, known only now: write them right-aligned into the space in
        // front.
        let package_at = WEBSOCKET_HEADER_BYTES_MAX;
        let body_len = buffer.len() - package_at - HEADER_BYTES;
        buffer[package_at..package_at + HEADER_BYTES]
            .copy_from_slice(&package_header(PackageType::Data, body_len));
        let header = WebSocketHeader::binary(buffer.len() - package_at);
        let frame_at = package_at - header.as_bytes().len();
        buffer[frame_at..package_at].copy_from_slice(header.as_bytes());
        Ok(Self { bytes: Bytes::from(buffer).slice(frame_at..), package_at: package_at - frame_at })
    }

    /// The bytes for a WebSocket client: one binary frame.
    pub fn websocket(&self) -> &[u8] {
        &self.bytes
    }

    /// The bytes for a TCP client: one package.
    pub fn package(&self) -> &[u8] {
        &self.bytes[self.package_at..]
    }
}

/// Header of a WebSocket frame (RFC 6455, 5.2), without the mask that follows a client's.
#[derive(Clone, Copy, Debug)]
pub struct WebSocketHeader {
    bytes: [u8; WEBSOCKET_HEADER_BYTES_MAX],
    len: usize,
}

impl WebSocketHeader {
    /// For a binary message of `payload_len` bytes in one frame, as a server sends it.
    pub fn binary(payload_len: usize) -> Self {
        const FIN_BINARY: u8 = 0x82;
        Self::new(FIN_BINARY, false, payload_len as u64)
    }

    /// For a frame with this first byte. `is_masked` sets the mask bit; the caller writes the mask.
    pub fn new(first: u8, is_masked: bool, payload_len: u64) -> Self {
        let mut bytes = [0; WEBSOCKET_HEADER_BYTES_MAX];
        bytes[0] = first;
        let (short, len) = match payload_len {
            0..=125 => (payload_len as u8, 2),
            126..=0xffff => {
                bytes[2..4].copy_from_slice(&(payload_len as u16).to_be_bytes());
                (126, 4)
            }
            _ => {
                bytes[2..10].copy_from_slice(&payload_len.to_be_bytes());
                (127, 10)
            }
        };
        bytes[1] = u8::from(is_masked) << 7 | short;
        Self { bytes, len }
    }

    /// The header.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}
