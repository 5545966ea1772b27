//! A connection on a socket: what does not depend on how the socket waits.

use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use serde::Serialize;
use serde_json::Value;

use super::{ClientError, Connection, Hello, Incoming, Transport};
use crate::time::Time;

/// What one read takes.
pub(super) const READ_BYTES: usize = 16 * 1024;

/// A client on a socket of the standard library ([`BlockingClient`](super::BlockingClient)) or of tokio
/// ([`AsyncClient`](super::AsyncClient)). Dropping it just closes the connection.
#[derive(Debug)]
pub struct Client<S> {
    pub(super) stream: S,
    pub(super) connection: Connection,
    began: Instant,
    inbox: VecDeque<Incoming>,
    /// How the connection ended, behind what is in the inbox.
    end: Option<ClientError>,
}

/// A socket of either kind.
pub trait Socket {
    /// Takes what it writes off the front. A failure is left for reading to tell, after what still comes.
    fn flush(&mut self, out: &mut Vec<u8>);
}

impl<S: Socket> Client<S> {
    pub(super) fn begin(
        stream: S,
        peer: SocketAddr,
        transport: Transport,
        hello: &Hello,
    ) -> Result<Self, ClientError> {
        let nonce = getrandom::u64().map_err(io::Error::from)?;
        let connection = Connection::new(transport, &peer.to_string(), nonce, hello);
        Ok(Self { stream, connection, began: Instant::now(), inbox: VecDeque::new(), end: None })
    }

    /// Sends a request and does not wait for its answer, whose id it gives. What the socket does not take at once goes out
    /// with a later call.
    ///
    /// # Errors
    /// The request cannot be written as a message.
    pub fn send(&mut self, route: &str, body: &impl Serialize) -> Result<u64, ClientError> {
        let id = self.connection.request(route, &serde_json::to_vec(body)?)?;
        self.flush();
        Ok(id)
    }

    /// Sends a message that is not answered.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub fn notify(&mut self, route: &str, body: &impl Serialize) -> Result<(), ClientError> {
        self.connection.notify(route, &serde_json::to_vec(body)?)?;
        self.flush();
        Ok(())
    }

    /// What the handshake agreed on, and the session.
    pub fn connection(&self) -> &Connection {
        &self.connection
    }

    /// The socket, for its options.
    pub fn stream(&self) -> &S {
        &self.stream
    }

    /// Leaves in good order.
    pub fn close(mut self) {
        self.connection.close();
        self.flush();
    }

    pub(super) fn flush(&mut self) {
        self.stream.flush(self.connection.out());
    }

    /// Takes what one read gave: nothing is the end.
    pub(super) fn received(&mut self, read: io::Result<&[u8]>) {
        use ErrorKind::{ConnectionAborted, Interrupted, TimedOut, WouldBlock};
        let taken = match read {
            Ok([]) => Err(io::Error::new(ConnectionAborted, "closed by the server").into()),
            Ok(bytes) => self.take(bytes),
            Err(error) if matches!(error.kind(), WouldBlock | TimedOut | Interrupted) => Ok(()),
            Err(error) => Err(error.into()),
        };
        self.end = taken.err();
    }

    fn take(&mut self, mut bytes: &[u8]) -> Result<(), ClientError> {
        let now = self.now();
        while let Some(event) = self.connection.receive(&mut bytes, now)? {
            self.inbox.extend(event.into_owned()?);
        }
        Ok(())
    }

    /// Whether the handshake is done.
    pub(super) fn is_open(&mut self) -> Result<bool, ClientError> {
        Ok(self.connection.terms().is_some() || self.unless_ended(false)?)
    }

    /// The next that came.
    pub(super) fn next(&mut self) -> Result<Option<Incoming>, ClientError> {
        let incoming = self.inbox.pop_front();
        if incoming.is_some() { Ok(incoming) } else { self.unless_ended(None) }
    }

    /// The answer to a request, out of order.
    pub(super) fn answer(&mut self, id: u64) -> Result<Option<Value>, ClientError> {
        let is_it = |came: &Incoming| matches!(came, Incoming::Response { id: of, .. } if *of == id);
        match self.inbox.iter().position(is_it).and_then(|at| self.inbox.remove(at)) {
            Some(Incoming::Response { body, .. }) => Ok(Some(body)),
            _ => self.unless_ended(None),
        }
    }

    fn unless_ended<T>(&mut self, goes_on: T) -> Result<T, ClientError> {
        self.end.take().map_or(Ok(goes_on), Err)
    }

    /// Sends the heartbeat if it is due, and what waits. Gives how long it is to the next.
    pub(super) fn beat(&mut self) -> Option<Duration> {
        let now = self.now();
        self.connection.tick(now);
        self.flush();
        self.connection.due().map(|due| due.since(now))
    }

    fn now(&self) -> Time {
        Time::START + self.began.elapsed()
    }
}
