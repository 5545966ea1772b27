//! The part of a client that blocking and asynchronous sockets share.

use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use serde::Serialize;
use serde_json::Value;

use super::{ClientError, Connection, Hello, Incoming, Transport};
use crate::time::Time;

/// Buffer size of one read.
pub(super) const READ_BYTES: usize = 16 * 1024;

/// A client on a socket of the standard library ([`BlockingClient`](super::BlockingClient)) or of
/// tokio ([`AsyncClient`](super::AsyncClient)). Dropping it closes the socket without a close
/// frame.
#[derive(Debug)]
pub struct Client<S> {
    pub(super) stream: S,
    pub(super) connection: Connection,
    began: Instant,
    inbox: VecDeque<Incoming>,
    /// How the connection ended; reported after the inbox is empty.
    end: Option<ClientError>,
}

/// A socket of either kind.
pub trait Socket {
    /// Writes `out` and removes the written bytes. Failures are reported by the next read, after
    /// everything that still arrives.
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

    /// Sends a request without waiting, and returns the id of its answer. Bytes that the socket
    /// does not take at once are written by a later call.
    ///
    /// # Errors
    /// The request cannot be written as a message.
    pub fn send(&mut self, route: &str, body: &impl Serialize) -> Result<u64, ClientError> {
        let id = self.connection.request(route, &serde_json::to_vec(body)?)?;
        self.flush();
        Ok(id)
    }

    /// Sends a notify.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub fn notify(&mut self, route: &str, body: &impl Serialize) -> Result<(), ClientError> {
        self.connection.notify(route, &serde_json::to_vec(body)?)?;
        self.flush();
        Ok(())
    }

    /// The connection: its terms and its session.
    pub fn connection(&self) -> &Connection {
        &self.connection
    }

    /// The socket, for its options.
    pub fn stream(&self) -> &S {
        &self.stream
    }

    /// Sends a close frame where the transport has one, and closes.
    pub fn close(mut self) {
        self.connection.close();
        self.flush();
    }

    pub(super) fn flush(&mut self) {
        self.stream.flush(self.connection.out());
    }

    /// Processes the result of one read; an empty one is the end of the stream.
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

    /// The next received message.
    pub(super) fn next(&mut self) -> Result<Option<Incoming>, ClientError> {
        let incoming = self.inbox.pop_front();
        if incoming.is_some() { Ok(incoming) } else { self.unless_ended(None) }
    }

    /// Takes the answer to a request, out of order.
    pub(super) fn answer(&mut self, id: u64) -> Result<Option<Value>, ClientError> {
        let is_answer = |incoming: &Incoming| matches!(incoming, Incoming::Response { id: answered, .. } if *answered == id);
        match self.inbox.iter().position(is_answer).and_then(|at| self.inbox.remove(at)) {
            Some(Incoming::Response { body, .. }) => Ok(Some(body)),
            _ => self.unless_ended(None),
        }
    }

    fn unless_ended<T>(&mut self, value: T) -> Result<T, ClientError> {
        self.end.take().map_or(Ok(value), Err)
    }

    /// Sends the heartbeat if it is due, flushes, and returns the time until the next one.
    pub(super) fn send_heartbeat(&mut self) -> Option<Duration> {
        let now = self.now();
        self.connection.tick(now);
        self.flush();
        self.connection.due().map(|due| due.since(now))
    }

    fn now(&self) -> Time {
        Time::START + self.began.elapsed()
    }
}
