//! One connection of a robot, without its socket: upgrade, handshake, packages, requests.

use std::borrow::Cow;
use std::time::Duration;

use thiserror::Error;

use super::transport::{Frames, TransportError, Upgrade, Writer};
use crate::wire::{
    BODY_BYTES_LIMIT, ClientHandshake, HandshakeError, HandshakeReply, Message, MessageError, MessageKind,
    PackageDecoder, PackageError, PackageType, ProtoError, Protos, WireRoute, write_package, write_request,
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
        body: Cow<'a, [u8]>,
    },
    /// Somebody said something in the room; the body of the push, in JSON.
    Chat(Cow<'a, [u8]>),
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
    /// The server encodes bodies by definitions that it does not send.
    #[error("expected the definitions of protobuf in the handshake, got only that they are used")]
    Undefined,
    /// A body does not follow its definition.
    #[error("protobuf: {0}")]
    Protobuf(#[from] ProtoError),
    /// What is to be sent is no JSON.
    #[error("body: {0}")]
    Body(#[from] serde_json::Error),
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
    /// What the first request asks for. Those behind it are all messages.
    first: Ask,
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
    /// Definitions of bodies that are not JSON.
    protos: Option<Box<Protos>>,
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
            first: Ask::Send,
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
            (PackageType::Data, Some(terms)) => terms.heard(Message::decode(package.body)?, self.first)?,
            (PackageType::Heartbeat, Some(terms)) => terms.heartbeat.map_or(Heard::Nothing, Heard::Heartbeat),
            (PackageType::Handshake, None) => {
                self.terms = Some(Terms::of(HandshakeReply::parse(package.body)?)?);
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

    /// Asks, with a body in JSON, and says by which id the answer will come.
    pub(super) fn request(&mut self, ask: Ask, body: &[u8]) -> Result<u64, LineError> {
        let id = self.next_id;
        if id == 1 {
            self.first = ask;
        }
        let code = self.terms.as_ref().and_then(|terms| terms.codes[ask as usize]);
        let route = code.map_or_else(|| ask.route().into(), WireRoute::Code);
        let protos = self.terms.as_ref().and_then(|terms| terms.protos.as_deref());
        let body = match protos.filter(|protos| protos.has_client(ask.route())) {
            Some(protos) => protos.encode_client(ask.route(), &serde_json::from_slice(body)?)?.into(),
            None => Cow::Borrowed(body),
        };
        self.writer.package(|out| write_request(out, id, &route, &body))?;
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
    fn of(reply: HandshakeReply) -> Result<Self, LineError> {
        if reply.code != 200 {
            return Err(LineError::Refused(reply.code));
        }
        if reply.use_proto && reply.protos.is_none() {
            return Err(LineError::Undefined);
        }
        let code = |route: &str| reply.dictionary.as_ref().and_then(|dictionary| dictionary.code(route));
        Ok(Self {
            heartbeat: reply.heartbeat_s.map(Duration::from_secs),
            codes: Ask::ALL.map(|ask| code(ask.route())),
            chat: code(ON_CHAT),
            protos: reply.protos.map(Box::new),
        })
    }

    fn heard<'a>(&self, message: Message<'a>, first: Ask) -> Result<Heard<'a>, LineError> {
        let is_chat = match &message.route {
            Some(WireRoute::Name(name)) => name == ON_CHAT,
            Some(WireRoute::Code(code)) => Some(*code) == self.chat,
            None => false,
        };
        Ok(match message.kind {
            MessageKind::Push if is_chat => Heard::Chat(self.json(ON_CHAT, message.body)?),
            MessageKind::Response { id } => {
                let ask = if id == 1 { first } else { Ask::Send };
                Heard::Response { id, body: self.json(ask.route(), message.body)? }
            }
            _ => Heard::Nothing,
        })
    }

    /// A body of the server as JSON.
    fn json<'a>(&self, route: &str, body: &'a [u8]) -> Result<Cow<'a, [u8]>, LineError> {
        match self.protos.as_deref().filter(|protos| protos.has_server(route)) {
            Some(protos) => Ok(protos.decode_server(route, body)?.to_string().into_bytes().into()),
            None => Ok(Cow::Borrowed(body)),
        }
    }
}

fn greet(writer: &mut Writer) {
    let hello = ClientHandshake { client_type: "pomelo-sim-robot".to_owned(), version: "0.0.1".to_owned() };
    writer.package(|out| write_package(out, PackageType::Handshake, &hello.body()));
}

/// Why the server kicks, as far as it says, without what would upset a terminal.
fn reason(body: &[u8]) -> String {
    const CHARS_MAX: usize = 80;
    let json: Option<serde_json::Value> = serde_json::from_slice(body).ok();
    let reason = json.as_ref().and_then(|json| json.get("reason")?.as_str()).unwrap_or("no reason");
    reason.chars().filter(|c| !c.is_control()).take(CHARS_MAX).collect()
}
