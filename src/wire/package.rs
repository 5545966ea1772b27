//! Packages: `type(1) length(3, big endian) body`, taken from a stream that may be cut anywhere.

use thiserror::Error;

/// Bytes before a package's body: one of type, three of length.
pub const HEADER_BYTES: usize = 4;

/// The longest body that a server accepts by default, in bytes. Pomelo has no bound.
pub const BODY_BYTES_MAX_DEFAULT: usize = 64 * 1024;

/// The longest body that three bytes of length can declare.
pub const BODY_BYTES_LIMIT: usize = 0xff_ffff;

/// What a package is for (`pomelo-protocol`, `Package.TYPE_*`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum PackageType {
    /// The first package each way; its body is JSON, see [`handshake`](super::handshake).
    Handshake = 1,
    /// The client accepts the server's handshake; no body.
    HandshakeAck = 2,
    /// The other side is alive; no body.
    Heartbeat = 3,
    /// One [`Message`](super::Message).
    Data = 4,
    /// The server is about to close; its body is JSON, see [`kick_body`](super::kick_body).
    Kick = 5,
}

impl PackageType {
    /// The type that a package's first byte names.
    pub const fn from_byte(byte: u8) -> Option<Self> {
        match byte {
            1 => Some(Self::Handshake),
            2 => Some(Self::HandshakeAck),
            3 => Some(Self::Heartbeat),
            4 => Some(Self::Data),
            5 => Some(Self::Kick),
            _ => None,
        }
    }
}

/// One whole package, borrowed from the bytes it came in or from the decoder that put it together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Package<'a> {
    /// What it is for.
    pub kind: PackageType,
    /// What it carries; empty for acks and heartbeats.
    pub body: &'a [u8],
}

/// A package's type and body. `None`: the body came in pieces and is in the decoder.
pub(crate) type Taken<'i> = (PackageType, Option<&'i [u8]>);

/// Why a stream cannot be read any further. The next package cannot be found after an error: close
/// the connection.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum PackageError {
    /// The first byte of a package names no type.
    #[error("expected a package type from 1 to 5, got {0}")]
    UnknownType(u8),
    /// A header declares more body than this side accepts.
    #[error("expected a package body of at most {max} bytes, got a header that declares {declared}")]
    TooLong {
        /// Bytes that the header declares.
        declared: usize,
        /// Bytes that were allowed.
        max: usize,
    },
}

/// Cuts a byte stream into packages, however the bytes arrive.
///
/// Only the body of an unfinished package is copied, into memory that grows with the bytes really
/// received. Between packages the decoder owns no heap memory, so an idle connection costs 40
/// bytes.
///
/// ```
/// use pomelo_sim::wire::{PackageDecoder, PackageType};
///
/// let mut decoder = PackageDecoder::new(1024);
/// let mut input: &[u8] = &[3, 0, 0, 0, 4, 0, 0];
/// while let Some(package) = decoder.next(&mut input)? {
///     assert_eq!(package.kind, PackageType::Heartbeat);
/// }
/// assert!(decoder.is_partial());
/// # Ok::<(), pomelo_sim::wire::PackageError>(())
/// ```
#[derive(Debug)]
pub struct PackageDecoder {
    body_bytes_max: usize,
    header: [u8; HEADER_BYTES],
    /// Bytes of `header` that have arrived; 0 between packages.
    header_len: u8,
    /// The part that has arrived of a body that came in pieces.
    body: Vec<u8>,
}

impl PackageDecoder {
    /// A decoder that accepts bodies of up to `body_bytes_max` bytes.
    pub const fn new(body_bytes_max: usize) -> Self {
        Self { body_bytes_max, header: [0; HEADER_BYTES], header_len: 0, body: Vec::new() }
    }

    /// Takes the next whole package off the front of `input`. `Ok(None)` means that `input` is used
    /// up and the start of an unfinished package is kept. Call it until then: the last call also
    /// frees the previous package.
    ///
    /// # Errors
    ///
    /// A type is refused with its first byte, a length with the last byte of the header, before
    /// anything is allocated for the body. The error stays: each later call returns it again.
    pub fn next<'a, 'i: 'a>(&'a mut self, input: &mut &'i [u8]) -> Result<Option<Package<'a>>, PackageError> {
        let found = self.advance(input)?;
        Ok(found.map(|(kind, here)| Package { kind, body: here.unwrap_or(&self.body) }))
    }

    /// As [`next`](Self::next) without borrowing the decoder, for loops: a body that came in pieces
    /// is in [`body`](Self::body), until the next call.
    pub(crate) fn advance<'i>(&mut self, input: &mut &'i [u8]) -> Result<Option<Taken<'i>>, PackageError> {
        if self.is_complete() {
            // The previous call returned this body, and its borrow has ended.
            self.header_len = 0;
            self.body = Vec::new();
        }
        self.take_header(input);
        if self.header_len == 0 {
            return Ok(None);
        }
        let kind = PackageType::from_byte(self.header[0]).ok_or(PackageError::UnknownType(self.header[0]))?;
        let Some(declared) = self.declared() else { return Ok(None) };
        if declared > self.body_bytes_max {
            return Err(PackageError::TooLong { declared, max: self.body_bytes_max });
        }

        let (here, rest) = input.split_at(input.len().min(declared - self.body.len()));
        *input = rest;
        if here.len() == declared {
            self.header_len = 0;
            return Ok(Some((kind, Some(here))));
        }
        self.body.extend_from_slice(here);
        Ok(self.is_complete().then_some((kind, None)))
    }

    /// The body that [`advance`](Self::advance) has assembled.
    pub(crate) fn body(&self) -> &[u8] {
        &self.body
    }

    /// Whether the bytes so far end inside a package.
    pub fn is_partial(&self) -> bool {
        self.header_len > 0 && !self.is_complete()
    }

    /// Bytes of an unfinished package so far, with its header.
    pub fn partial_bytes(&self) -> usize {
        if self.is_partial() { usize::from(self.header_len) + self.body.len() } else { 0 }
    }

    /// Heap memory that the decoder holds, in bytes: 0 between packages, at most twice what has
    /// arrived of a package.
    pub fn allocated_bytes(&self) -> usize {
        self.body.capacity()
    }

    /// Moves header bytes from `input`.
    fn take_header(&mut self, input: &mut &[u8]) {
        let have = usize::from(self.header_len);
        let (here, rest) = input.split_at(input.len().min(HEADER_BYTES - have));
        self.header[have..have + here.len()].copy_from_slice(here);
        self.header_len += here.len() as u8;
        *input = rest;
    }

    /// The declared length of the body, once the header is whole.
    fn declared(&self) -> Option<usize> {
        let [_, high, middle, low] = self.header;
        (usize::from(self.header_len) == HEADER_BYTES)
            .then(|| usize::from(high) << 16 | usize::from(middle) << 8 | usize::from(low))
    }

    /// Whether `body` is whole. Between two calls this means that it was returned.
    fn is_complete(&self) -> bool {
        !self.body.is_empty() && self.declared() == Some(self.body.len())
    }
}

/// The four bytes before a body of `body_len` bytes.
///
/// `body_len` must be at most [`BODY_BYTES_LIMIT`], else the header would declare another length;
/// debug builds assert it. Callers with unbounded data check first.
pub fn package_header(kind: PackageType, body_len: usize) -> [u8; HEADER_BYTES] {
    debug_assert!(body_len <= BODY_BYTES_LIMIT, "a package cannot declare a body of {body_len} bytes");
    [kind as u8, (body_len >> 16) as u8, (body_len >> 8) as u8, body_len as u8]
}

/// Appends a whole package to `out`.
///
/// `body` must be at most [`BODY_BYTES_LIMIT`] bytes. Debug builds assert it; otherwise nothing is
/// written for a longer one, because a header that declares less than follows would make the rest
/// of the stream unreadable.
pub fn write_package(out: &mut Vec<u8>, kind: PackageType, body: &[u8]) {
    let header = package_header(kind, body.len());
    if body.len() > BODY_BYTES_LIMIT {
        return;
    }
    out.reserve(HEADER_BYTES + body.len());
    out.extend_from_slice(&header);
    out.extend_from_slice(body);
}
