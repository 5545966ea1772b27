//! A client's connection without its socket: handshake, requests and answers, pushes, heartbeats,
//! the session.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use super::framing::{Framing, Transport};
use super::message::Event;
use super::{ClientError, Resume, Session};
use crate::time::Time;
use crate::wire::{
    ClientHandshake, Dictionary, HandshakeReply, Message, MessageKind, PackageType, Protos, Received,
    ResumeRequest, WireRoute, write_notify, write_package, write_request,
};

/// The client's handshake.
#[derive(Clone, Debug)]
pub struct Hello {
    /// The kind of client; servers may check it.
    pub client_type: String,
    /// Its version; servers may check it.
    pub version: String,
    /// Whether the server should keep its session when the connection is lost.
    pub session: Session,
}

impl Default for Hello {
    fn default() -> Self {
        let (client_type, version) = ("pomelo-sim".to_owned(), "0.0.1".to_owned());
        Self { client_type, version, session: Session::Unkept }
    }
}

/// The terms that the server's handshake sets.
#[derive(Clone, Default, Debug)]
pub struct Terms {
    /// Delay from the server's heartbeat to the client's.
    pub heartbeat: Option<Duration>,
    /// The codes of routes, if the server compresses them.
    pub dictionary: Option<Arc<Dictionary>>,
    /// The definitions of bodies, if the server encodes some.
    pub protos: Option<Arc<Protos>>,
}

impl Terms {
    /// The code of a route, if it has one.
    pub fn code(&self, route: &str) -> Option<u16> {
        self.dictionary.as_ref()?.code(route)
    }

    /// The name of a route; that of an unknown code is empty.
    pub(super) fn name<'r>(&'r self, route: &'r WireRoute<'_>) -> &'r str {
        match route {
            WireRoute::Name(name) => name,
            WireRoute::Code(code) => {
                self.dictionary.as_ref().and_then(|dictionary| dictionary.route(*code)).unwrap_or_default()
            }
        }
    }

    /// Encodes a body for the server: protobuf if the route has a definition, else the JSON
    /// unchanged.
    fn encode<'b>(&self, route: &str, json: &'b [u8]) -> Result<Cow<'b, [u8]>, ClientError> {
        match self.protos.as_ref().filter(|protos| protos.has_client(route)) {
            None => Ok(Cow::Borrowed(json)),
            Some(protos) => Ok(Cow::Owned(protos.encode_client(route, &serde_json::from_slice(json)?)?)),
        }
    }

    /// Decodes the server's body to JSON.
    fn decode<'b>(&self, route: &str, body: &'b [u8]) -> Result<Cow<'b, [u8]>, ClientError> {
        match self.protos.as_ref().filter(|protos| protos.has_server(route)) {
            None => Ok(Cow::Borrowed(body)),
            Some(protos) => Ok(Cow::Owned(protos.decode_server(route, body)?.to_string().into_bytes())),
        }
    }
}

/// A client's side of the protocol, as a state machine.
///
/// Its owner passes it the socket's bytes and the time, writes the contents of [`out`](Self::out),
/// and calls [`tick`](Self::tick) when it is [`due`](Self::due).
#[derive(Debug)]
pub struct Connection {
    framing: Framing,
    terms: Option<Terms>,
    is_over: bool,
    heartbeat_at: Option<Time>,
    next_id: u64,
    /// Routes of pending requests whose answers are protobuf.
    protobuf_requests: HashMap<u64, Box<str>>,
    session: Option<Resume>,
    resumed: Option<bool>,
}

impl Connection {
    /// Starts a connection; its first bytes are already in [`out`](Self::out). `host` goes into a
    /// WebSocket's request. Each connection needs a different nonce.
    pub fn new(transport: Transport, host: &str, nonce: u64, hello: &Hello) -> Self {
        let mut framing = Framing::new(transport, host, nonce);
        let (before, resume) = match &hello.session {
            Session::Unkept => (None, None),
            Session::New => (None, Some(ResumeRequest { token: None, received: Received::Unsaid })),
            Session::Back(before) => {
                let received = Received::Packages(before.received);
                (Some(before), Some(ResumeRequest { token: Some(before.token.clone()), received }))
            }
        };
        let handshake = ClientHandshake {
            client_type: hello.client_type.clone(),
            version: hello.version.clone(),
            resume,
        };
        framing.send(|out| write_package(out, PackageType::Handshake, &handshake.body()));
        Self {
            framing,
            terms: None,
            is_over: false,
            heartbeat_at: None,
            next_id: before.map_or(1, |session| session.next_id),
            protobuf_requests: HashMap::new(),
            session: before.cloned(),
            resumed: None,
        }
    }

    /// Takes the next event off the front of `input`. `None`: the input is used up, and the start
    /// of an unfinished package is kept.
    ///
    /// # Errors
    /// The server broke the protocol, refused the handshake, or closed. The connection cannot be
    /// used any more.
    #[inline]
    pub fn receive<'a, 'i: 'a>(
        &'a mut self,
        input: &mut &'i [u8],
        now: Time,
    ) -> Result<Option<Event<'a>>, ClientError> {
        let found = self.framing.advance(input).inspect_err(|_| self.is_over = true)?;
        let Some((kind, here)) = found else { return Ok(None) };
        if kind == PackageType::Handshake && self.terms.is_none() {
            let reply = HandshakeReply::parse(here.unwrap_or(self.framing.body()))?;
            return self.open(reply, now).map(Some);
        }
        let body = here.unwrap_or(self.framing.body());
        match (kind, &self.terms) {
            (PackageType::Data, Some(terms)) => {
                self.session.iter_mut().for_each(|session| session.received += 1);
                read(Message::decode(body)?, terms, &mut self.protobuf_requests).map(Some)
            }
            (PackageType::Heartbeat, Some(terms)) => {
                self.heartbeat_at = terms.heartbeat.map(|after| now + after);
                Ok(Some(Event::Heartbeat))
            }
            (PackageType::Kick, _) => {
                self.is_over = true;
                Ok(Some(Event::Kicked(body)))
            }
            (kind, _) => Err(ClientError::Unexpected(kind)),
        }
    }

    fn open(&mut self, reply: HandshakeReply, now: Time) -> Result<Event<'_>, ClientError> {
        if reply.code != 200 {
            self.is_over = true;
            return Err(ClientError::Refused(reply.code));
        }
        let heartbeat = reply.heartbeat_s.map(Duration::from_secs);
        self.heartbeat_at = heartbeat.map(|after| now + after);
        let before = self.session.take().map_or(0, |session| session.received);
        self.resumed = reply.resume.as_ref().and_then(|offer| offer.resumed);
        let received = if self.resumed == Some(true) { before } else { 0 };
        let next_id = self.next_id;
        self.session = reply.resume.map(|offer| Resume { token: offer.token, received, next_id });
        self.framing.send(|out| write_package(out, PackageType::HandshakeAck, &[]));
        if reply.use_proto && reply.protos.is_none() {
            return Err(ClientError::Undefined);
        }
        let protos = reply.protos.filter(|_| reply.use_proto).map(Arc::new);
        let dictionary = reply.dictionary.map(Arc::new);
        Ok(Event::Open(self.terms.insert(Terms { heartbeat, dictionary, protos })))
    }

    /// Shares one copy of the dictionary and definitions between connections to servers of the same
    /// kind.
    pub fn share(&mut self, known: &mut Terms) {
        let Some(terms) = &mut self.terms else { return };
        share(&mut terms.dictionary, &mut known.dictionary, |it| it.version());
        share(&mut terms.protos, &mut known.protos, |it| it.version());
    }

    /// Bytes to be written to the socket. The caller removes what it has written.
    pub fn out(&mut self) -> &mut Vec<u8> {
        self.framing.out()
    }

    /// Sends a request with a JSON body, and returns the id that its answer will carry.
    ///
    /// # Errors
    /// The connection is not open, or the request does not fit the wire or the route's definition.
    pub fn request(&mut self, route: &str, json: &[u8]) -> Result<u64, ClientError> {
        let id = self.next_id;
        self.write_message(route, json, |out, route, body| write_request(out, id, route, body))?;
        self.next_id += 1;
        let protos = self.terms.as_ref().and_then(|terms| terms.protos.as_ref());
        if protos.is_some_and(|protos| protos.has_server(route)) {
            self.protobuf_requests.insert(id, route.into());
        }
        Ok(id)
    }

    /// Sends a notify with a JSON body.
    ///
    /// # Errors
    /// As [`request`](Self::request).
    pub fn notify(&mut self, route: &str, json: &[u8]) -> Result<(), ClientError> {
        self.write_message(route, json, write_notify)
    }

    fn write_message<E: Into<ClientError>>(
        &mut self,
        route: &str,
        json: &[u8],
        write: impl FnOnce(&mut Vec<u8>, &WireRoute<'_>, &[u8]) -> Result<(), E>,
    ) -> Result<(), ClientError> {
        let terms = self.terms.as_ref().filter(|_| !self.is_over).ok_or(ClientError::NotOpen)?;
        let body = terms.encode(route, json)?;
        let route = terms.code(route).map_or_else(|| route.into(), WireRoute::Code);
        self.framing.send(|out| write(out, &route, &body)).map_err(Into::into)
    }

    /// When [`tick`](Self::tick) must be called next.
    pub fn due(&self) -> Option<Time> {
        self.heartbeat_at
    }

    /// Sends the heartbeat if it is due.
    pub fn tick(&mut self, now: Time) {
        if self.heartbeat_at.is_some_and(|at| at <= now) {
            self.heartbeat_at = None;
            self.framing.send(|out| write_package(out, PackageType::Heartbeat, &[]));
        }
    }

    /// The terms, once the handshake is done.
    pub fn terms(&self) -> Option<&Terms> {
        self.terms.as_ref()
    }

    /// Whether the session was resumed; `None` if the client did not ask for that.
    pub fn resumed(&self) -> Option<bool> {
        self.resumed
    }

    /// The session to resume with a later [`Hello`]; `None` if the server does not keep it.
    pub fn session(&self) -> Option<Resume> {
        self.session.clone().map(|session| Resume { next_id: self.next_id, ..session })
    }

    /// Sends a close frame on a WebSocket; raw TCP has no equivalent.
    pub fn close(&mut self) {
        self.is_over = true;
        self.framing.close();
    }
}

#[inline]
fn read<'a>(
    Message { kind, route, body }: Message<'a>,
    terms: &'a Terms,
    protobuf_requests: &mut HashMap<u64, Box<str>>,
) -> Result<Event<'a>, ClientError> {
    match (kind, route) {
        (MessageKind::Push, Some(route)) => {
            let body = match &terms.protos {
                Some(_) => terms.decode(terms.name(&route), body)?,
                None => Cow::Borrowed(body),
            };
            Ok(Event::Push { route, terms, body })
        }
        (MessageKind::Response { id }, _) => {
            let body = match &terms.protos {
                Some(_) => terms.decode(&protobuf_requests.remove(&id).unwrap_or_default(), body)?,
                None => Cow::Borrowed(body),
            };
            Ok(Event::Response { id, body })
        }
        _ => Err(ClientError::Unexpected(PackageType::Data)),
    }
}

fn share<T>(ours: &mut Option<Arc<T>>, known: &mut Option<Arc<T>>, version: impl Fn(&T) -> &str) {
    match (ours, known) {
        (None, _) => {}
        (Some(ours), Some(known)) if version(ours) == version(known) => ours.clone_from(known),
        (Some(ours), known) => *known = Some(Arc::clone(ours)),
    }
}
