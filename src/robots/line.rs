//! One connection of a robot, without its socket: upgrade, handshake, packages, requests.

use std::time::Duration;

use thiserror::Error;

use super::transport::{Frames, TransportError, Upgrade, Writer};
use crate::wire::{
    BODY_BYTES_LIMIT, ClientHandshake, HandshakeError, HandshakeReply, Message, MessageError, MessageKind,
    PackageDecoder, PackageError, PackageType, WireRoute, write_package, write_request,
};

/// The route of chat pushes.
const ON_CHAT: &str = "onChat";

/// What a robot asks for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Ask {
    /// `gate.gateHandler.queryEntry`
    Entry,
    /// `connector.entryHandler.enter`
    Enter,
    /// `chat.chatHandler.send`
    Send,
}

impl Ask {
    const ALL: [Ask; 3] = [Ask::Entry, Ask::Enter, Ask::Send];

    fn route(self) -> &'static str {
        match self {
            Ask::Entry => "gate.gateHandler.queryEntry",
            Ask::Enter => "connector.entryHandler.enter",
            Ask::Send => "chat.chatHandler.send",
        }
    }
}

/// What came over the line.
#[derive(PartialEq, Eq, Debug)]
pub(super) enum Heard<'a> {
    /// Nothing that a robot cares about.
    Nothing,
    /// The handshake is done: requests may go.
    Open,
    /// The server wants a heartbeat, this long from now.
    Heartbeat(Duration),
    /// The answer to a request.
    Response {
        /// Which.
        id: u64,
        /// JSON.
        body: &'a [u8],
    },
    /// Somebody said something in the room; the body of the push.
    Chat(&'a [u8]),
}

/// Why a line is of no use any more.
#[derive(Debug, Error)]
pub(super) enum LineError {
    /// The transport broke.
    #[error(transparent)]
    Transport(#[from] TransportError),
    /// What came is no package.
    #[error(transparent)]
    Package(#[from] PackageError),
    /// What came is no message.
    #[error(transparent)]
    Message(#[from] MessageError),
    /// What came is no handshake.
    #[error(transparent)]
    Handshake(#[from] HandshakeError),
    /// The server does not take this client.
    #[error("handshake refused with {0}")]
    Refused(u64),
    /// The server encodes bodies in a way that robots do not speak.
    #[error("the server uses protobuf (serverProtos.json), which robots do not speak")]
    Protobuf,
    /// The server ends it.
    #[error("kicked: {0}")]
    Kicked(String),
}

/// A connection's state between two reads.
#[derive(Debug)]
pub(super) struct Line {
    upgrade: Option<Upgrade>,
    frames: Option<Frames>,
    decoder: PackageDecoder,
    terms: Option<Terms>,
    next_id: u64,
    writer: Writer,
}

/// What the server's handshake says.
#[derive(Debug)]
struct Terms {
    heartbeat: Option<Duration>,
    /// Codes of the routes of [`Ask::ALL`], when the server compresses routes.
    codes: [Option<u16>; Ask::ALL.len()],
    /// The code of `onChat`.
    chat: Option<u16>,
}

impl Line {
    /// A connection that is being opened, by WebSocket when `websocket` says to which host. What must be written first
    /// waits in [`out`](Self::out) already.
    pub(super) fn new(websocket: Option<&str>, nonce: u64) -> Self {
        let mut writer = Writer::new(websocket.is_some(), nonce);
        let upgrade = websocket.map(|host| Upgrade::ask(&mut writer.out, host, nonce));
        if upgrade.is_none() {
            greet(&mut writer);
        }
        Self {
            upgrade,
            frames: websocket.map(|_| Frames::default()),
            decoder: PackageDecoder::new(BODY_BYTES_LIMIT),
            terms: None,
            next_id: 1,
            writer,
        }
    }

    /// The next thing that `input` brings, whose front is taken off. None: it is used up, and what it held of something
    /// unfinished is remembered.
    pub(super) fn next<'a, 'i: 'a>(
        &'a mut self,
        input: &mut &'i [u8],
    ) -> Result<Option<Heard<'a>>, LineError> {
        if let Some(upgrade) = &mut self.upgrade {
            if !upgrade.receive(input)? {
                return Ok(None);
            }
            self.upgrade = None;
            greet(&mut self.writer);
        }
        let mut piece = *input;
        if let Some(frames) = &mut self.frames {
            piece = frames.piece(input, !self.decoder.is_partial(), &mut self.writer)?;
        }
        if piece.is_empty() {
            return Ok(None);
        }
        let before = piece.len();
        let package = self.decoder.next(&mut piece)?;
        match &mut self.frames {
            Some(frames) => frames.take(input, before - piece.len()),
            None => *input = piece,
        }
        let Some(package) = package else { return Ok(Some(Heard::Nothing)) };
        Ok(Some(match (package.kind, &self.terms) {
            (PackageType::Data, Some(terms)) => heard(Message::decode(package.body)?, terms.chat),
            (PackageType::Heartbeat, Some(terms)) => terms.heartbeat.map_or(Heard::Nothing, Heard::Heartbeat),
            (PackageType::Handshake, None) => {
                self.terms = Some(Terms::of(&HandshakeReply::parse(package.body)?)?);
                self.writer.package(|out| write_package(out, PackageType::HandshakeAck, &[]));
                Heard::Open
            }
            (PackageType::Kick, _) => return Err(LineError::Kicked(reason(package.body))),
            _ => Heard::Nothing,
        }))
    }

    /// What waits to be written to the socket.
    pub(super) fn out(&mut self) -> &mut Vec<u8> {
        &mut self.writer.out
    }

    /// How often the server wants a heartbeat.
    pub(super) fn heartbeat(&self) -> Option<Duration> {
        self.terms.as_ref().and_then(|terms| terms.heartbeat)
    }

    /// Asks, and says by which id the answer will come.
    pub(super) fn request(&mut self, ask: Ask, body: &[u8]) -> Result<u64, LineError> {
        let id = self.next_id;
        let code = self.terms.as_ref().and_then(|terms| terms.codes[ask as usize]);
        let route = code.map_or_else(|| ask.route().into(), WireRoute::Code);
        self.writer.package(|out| write_request(out, id, &route, body))?;
        self.next_id += 1;
        Ok(id)
    }

    /// Tells the server that the client is alive.
    pub(super) fn beat(&mut self) {
        self.writer.package(|out| write_package(out, PackageType::Heartbeat, &[]));
    }

    /// Tells the server that the client leaves, where the transport has a word for it.
    pub(super) fn farewell(&mut self) {
        if self.upgrade.is_none() {
            self.writer.close();
        }
    }
}

impl Terms {
    fn of(reply: &HandshakeReply) -> Result<Self, LineError> {
        if reply.code != 200 {
            return Err(LineError::Refused(reply.code));
        }
        if reply.use_proto {
            return Err(LineError::Protobuf);
        }
        let code = |route: &str| reply.dictionary.as_ref().and_then(|dictionary| dictionary.code(route));
        Ok(Self {
            heartbeat: reply.heartbeat_s.map(Duration::from_secs),
            codes: Ask::ALL.map(|ask| code(ask.route())),
            chat: code(ON_CHAT),
        })
    }
}

fn greet(writer: &mut Writer) {
    let (client_type, version) = ("pomelo-sim-robot".to_owned(), "0.0.1".to_owned());
    let hello = ClientHandshake { client_type, version, ..ClientHandshake::default() };
    writer.package(|out| write_package(out, PackageType::Handshake, &hello.body()));
}

fn heard(message: Message<'_>, chat_code: Option<u16>) -> Heard<'_> {
    let chat = match &message.route {
        Some(WireRoute::Name(name)) => name == ON_CHAT,
        Some(WireRoute::Code(code)) => Some(*code) == chat_code,
        None => false,
    };
    match message.kind {
        MessageKind::Push if chat => Heard::Chat(message.body),
        MessageKind::Response { id } => Heard::Response { id, body: message.body },
        _ => Heard::Nothing,
    }
}

/// Why the server kicks, as far as it says, without what would upset a terminal.
fn reason(body: &[u8]) -> String {
    const CHARS_MAX: usize = 80;
    let json: Option<serde_json::Value> = serde_json::from_slice(body).ok();
    let reason = json.as_ref().and_then(|json| json.get("reason")?.as_str()).unwrap_or("no reason");
    reason.chars().filter(|c| !c.is_control()).take(CHARS_MAX).collect()
}
