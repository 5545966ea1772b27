//! The client on the standard library's sockets.

use std::io::{self, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::{Duration, Instant};

use serde::Serialize;
use serde_json::Value;

use super::shell::{Client, READ_BYTES, Socket};
use super::{ClientError, Hello, Incoming, Transport};

/// A blocking client. It sends heartbeats only while a call blocks, so call
/// [`receive`](Self::receive) most of the time.
pub type BlockingClient = Client<TcpStream>;

impl Client<TcpStream> {
    /// Connects and performs the handshake.
    ///
    /// # Errors
    /// Nothing listens there, or it is not a Pomelo server.
    pub fn connect(address: impl ToSocketAddrs, transport: Transport) -> Result<Self, ClientError> {
        Self::over(TcpStream::connect(address)?, transport, &Hello::default())
    }

    /// Performs the handshake over an established connection.
    ///
    /// # Errors
    /// The answer is not a Pomelo server's, or the server refuses.
    pub fn over(stream: TcpStream, transport: Transport, hello: &Hello) -> Result<Self, ClientError> {
        stream.set_nodelay(true)?;
        let peer = stream.peer_addr()?;
        let mut client = Self::begin(stream, peer, transport, hello)?;
        while !client.is_open()? {
            client.turn(None)?;
        }
        client.flush();
        Ok(client)
    }

    /// Sends a request and waits for its answer. Other messages that arrive meanwhile are buffered
    /// for [`receive`](Self::receive).
    ///
    /// # Errors
    /// The request cannot be written as a message, or the connection ends.
    pub fn request(&mut self, route: &str, body: &impl Serialize) -> Result<Value, ClientError> {
        let id = self.send(route, body)?;
        loop {
            if let Some(answer) = self.answer(id)? {
                return Ok(answer);
            }
            self.turn(None)?;
        }
    }

    /// Waits for the next push, answer or kick.
    ///
    /// # Errors
    /// The connection ends, or the server breaks the protocol.
    pub fn receive(&mut self) -> Result<Incoming, ClientError> {
        loop {
            if let Some(incoming) = self.next()? {
                return Ok(incoming);
            }
            self.turn(None)?;
        }
    }

    /// As [`receive`](Self::receive) with a timeout; a timeout of zero returns what has already
    /// arrived.
    ///
    /// # Errors
    /// As [`receive`](Self::receive).
    pub fn receive_within(&mut self, timeout: Duration) -> Result<Option<Incoming>, ClientError> {
        let deadline = Instant::now() + timeout;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let incoming = self.next()?;
            if incoming.is_some() {
                return Ok(incoming);
            }
            self.turn(Some(left))?;
            if left.is_zero() {
                return self.next();
            }
        }
    }

    /// Reads once, until the timeout or the next heartbeat.
    fn turn(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        // The standard library refuses a read timeout of zero.
        let wait = self
            .send_heartbeat()
            .into_iter()
            .chain(timeout)
            .min()
            .map(|wait| wait.max(Duration::from_millis(1)));
        self.stream.set_read_timeout(wait)?;
        let mut buffer = [0; READ_BYTES];
        let read = self.stream.read(&mut buffer);
        self.received(read.map(|bytes| &buffer[..bytes]));
        Ok(())
    }
}

impl Socket for TcpStream {
    fn flush(&mut self, out: &mut Vec<u8>) {
        let _ = self.write_all(&std::mem::take(out));
    }
}
