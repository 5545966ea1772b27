//! Pomelo's wire format, without sockets, clocks or actors.
//!
//! # The format on one page
//!
//! A connection, TCP or WebSocket, carries **packages**: `type(1) length(3, big endian) body`.
//!
//! | type | package | body |
//! |---|---|---|
//! | 1 | handshake | JSON: the client's `{"sys":{…}}`, the server's `{"code":200,"sys":{…}}` |
//! | 2 | handshake ack | none |
//! | 3 | heartbeat | none |
//! | 4 | data | one message |
//! | 5 | kick | JSON: `{"reason":"…"}`, from the server only |
//!
//! A **message** opens with a flag byte, `(kind << 1) | compressed`, followed by the fields of its
//! kind:
//!
//! | kind | message | id | route |
//! |---|---|---|---|
//! | 0 | request | yes | yes |
//! | 1 | notify | | yes |
//! | 2 | response | yes | |
//! | 3 | push | | yes |
//!
//! An *id* is a base-128 varint, lowest group first. A *route* is `length(1)` and that many bytes
//! of UTF-8, or, when the flag says compressed, a 2-byte big-endian code of the [`dictionary`]. The
//! rest is the body: JSON, or the [`protobuf`] dialect for routes that have a definition.
//!
//! Client and server open with one [`handshake`] package each, then the client acknowledges, then
//! data flows.
//!
//! # Rules kept here
//!
//! - Untrusted bytes never cause a panic, nor an allocation larger than a small multiple of what
//!   really arrived: a declared length is checked before it is believed.
//! - "Not enough bytes yet" is not an error for a package, since a stream may be cut anywhere. For
//!   a message it is, because its package declared the length.
//! - Writers append to the caller's `Vec` and allocate nothing else.
//!
//! # Sources
//!
//! The npm packages `pomelo-protocol` 0.1.6 and `pomelo-protobuf` 0.4.0, and the handshake and
//! dictionary of `pomelo` 2.2.7. `tests/browser/wire_differential.rs` compares the first two with
//! this module; `tests/data` holds recordings of the third.

pub mod cesu8;
pub mod dictionary;
pub mod handshake;
pub mod message;
pub mod package;
pub mod protobuf;
mod push_frame;
mod varint;

pub use dictionary::Dictionary;
pub use handshake::{
    ClientHandshake, HandshakeError, HandshakeOffer, HandshakeReply, Received, ResumeOffer, ResumeRequest,
    kick_body,
};
pub use message::{
    Message, MessageError, MessageKind, WireRoute, write_notify, write_push, write_request, write_response,
};
pub(crate) use package::Taken;
pub use package::{
    BODY_BYTES_LIMIT, BODY_BYTES_MAX_DEFAULT, HEADER_BYTES, Package, PackageDecoder, PackageError,
    PackageType, package_header, write_package,
};
pub use protobuf::{Fault, ProtoError, Protos};
pub use push_frame::{PushFrame, WebSocketHeader};
