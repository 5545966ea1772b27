//! A client on a socket of the standard library.

use std::io::{self, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::{Duration, Instant};

use serde::Serialize;
use serde_json::Value;

use super::shell::{READ_BYTES, Shell};
use super::{ClientError, Connection, Hello, Incoming, Transport};

/// A client whose calls wait. It sends heartbeats only while one of them waits: call [`receive`](Self::receive) most of the time.
#[derive(Debug)]
pub struct BlockingClient {
    stream: TcpStream,
    shell: Shell,
}

impl BlockingClient {
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
        let shell = Shell::new(transport, stream.peer_addr()?, hello)?;
        let mut client = Self { stream, shell };
        while !client.shell.is_open()? {
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
            if let Some(answer) = self.shell.answer(id)? {
                return Ok(answer);
            }
            self.turn(None)?;
        }
    }

    /// Sends a request and does not wait. Gives the id of its answer.
    ///
    /// # Errors
    /// As [`request`](Self::request).
    pub fn send(&mut self, route: &str, body: &impl Serialize) -> Result<u64, ClientError> {
        let id = self.shell.request(route, body)?;
        self.flush();
        Ok(id)
    }

    /// Sends a message that is not answered.
    ///
    /// # Errors
    /// As [`request`](Self::request).
    pub fn notify(&mut self, route: &str, body: &impl Serialize) -> Result<(), ClientError> {
        self.shell.notify(route, body)?;
        self.flush();
        Ok(())
    }

    /// Waits for the next push, answer or kick.
    ///
    /// # Errors
    /// The connection ends, or the server breaks the protocol.
    pub fn receive(&mut self) -> Result<Incoming, ClientError> {
        loop {
            if let Some(incoming) = self.shell.next()? {
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
            let incoming = self.shell.next()?;
            if incoming.is_some() {
                return Ok(incoming);
            }
            self.turn(Some(left))?;
            if left.is_zero() {
                return self.shell.next();
            }
        }
    }

    /// What the handshake agreed on, and the session.
    pub fn connection(&self) -> &Connection {
        &self.shell.connection
    }

    /// Leaves in good order. Dropping the client just closes the connection.
    pub fn close(mut self) {
        self.shell.connection.close();
        self.flush();
    }

    /// Reads once, for so long at most, or until a heartbeat is due.
    fn turn(&mut self, patience: Option<Duration>) -> io::Result<()> {
        let beat = self.shell.beat();
        self.flush();
        // Zero would mean to wait for ever.
        let wait =
            [beat, patience].into_iter().flatten().min().map(|wait| wait.max(Duration::from_millis(1)));
        self.stream.set_read_timeout(wait)?;
        let mut buffer = [0; READ_BYTES];
        let read = self.stream.read(&mut buffer);
        self.shell.received(read.map(|bytes| &buffer[..bytes]));
        Ok(())
    }

    /// Writes what waits. A failure is left for reading to tell, after what still comes.
    fn flush(&mut self) {
        let out = std::mem::take(self.shell.connection.out());
        let _ = self.stream.write_all(&out);
    }
}
