//! A client on a socket of the standard library.

use std::io::{self, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::{Duration, Instant};

use serde::Serialize;
use serde_json::Value;

use super::shell::{Client, READ_BYTES, Socket};
use super::{ClientError, Hello, Incoming, Transport};

/// A client whose calls wait. It sends heartbeats only while one of them waits: call [`receive`](Self::receive) most of
/// the time.
pub type BlockingClient = Client<TcpStream>;

impl Client<TcpStream> {
    /// Connects and shakes hands.
    ///
    /// # Errors
    /// Nobody listens there, or no Pomelo server does.
    pub fn connect(address: impl ToSocketAddrs, transport: Transport) -> Result<Self, ClientError> {
        Self::over(TcpStream::connect(address)?, transport, &Hello::default())
    }

    /// Shakes hands over a connection that is made.
    ///
    /// # Errors
    /// The server does not answer as one of Pomelo's does, or refuses.
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

    /// Sends a request and waits for its answer. What else comes meanwhile is kept for [`receive`](Self::receive).
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

    /// The same for so long at most; a patience of zero takes what is there.
    ///
    /// # Errors
    /// As [`receive`](Self::receive).
    pub fn receive_within(&mut self, patience: Duration) -> Result<Option<Incoming>, ClientError> {
        let give_up = Instant::now() + patience;
        loop {
            let left = give_up.saturating_duration_since(Instant::now());
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

    /// Reads once, for so long at most, or until a heartbeat is due.
    fn turn(&mut self, patience: Option<Duration>) -> io::Result<()> {
        // Zero would mean to wait for ever.
        let wait =
            self.beat().into_iter().chain(patience).min().map(|wait| wait.max(Duration::from_millis(1)));
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
