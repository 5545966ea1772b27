//! A client on a socket of tokio.

use std::io::{self, ErrorKind};

use serde::Serialize;
use serde_json::Value;
use tokio::io::Interest;
use tokio::net::{TcpStream, ToSocketAddrs};

use super::shell::{READ_BYTES, Shell};
use super::{ClientError, Connection, Hello, Incoming, Transport};

/// A client whose calls are awaited. It writes and sends heartbeats while one of them is: await [`receive`](Self::receive) most of
/// the time. A call that is dropped loses nothing that came.
#[derive(Debug)]
pub struct AsyncClient {
    stream: TcpStream,
    shell: Shell,
}

impl AsyncClient {
    /// Connects and shakes hands.
    ///
    /// # Errors
    /// Nobody listens there, or no Pomelo server does.
    pub async fn connect(address: impl ToSocketAddrs, transport: Transport) -> Result<Self, ClientError> {
        Self::over(TcpStream::connect(address).await?, transport, &Hello::default()).await
    }

    /// Shakes hands over a connection that is made.
    ///
    /// # Errors
    /// The server does not answer as one of Pomelo's does, or refuses.
    pub async fn over(stream: TcpStream, transport: Transport, hello: &Hello) -> Result<Self, ClientError> {
        stream.set_nodelay(true)?;
        let shell = Shell::new(transport, stream.peer_addr()?, hello)?;
        let mut client = Self { stream, shell };
        while !client.shell.is_open()? {
            client.turn().await?;
        }
        client.flush();
        Ok(client)
    }

    /// Sends a request and waits for its answer. What else comes meanwhile is kept for [`receive`](Self::receive).
    ///
    /// # Errors
    /// The request cannot be written as a message, or the connection ends.
    pub async fn request(&mut self, route: &str, body: &impl Serialize) -> Result<Value, ClientError> {
        let id = self.send(route, body)?;
        loop {
            if let Some(answer) = self.shell.answer(id)? {
                return Ok(answer);
            }
            self.turn().await?;
        }
    }

    /// Sends a request as far as the socket takes it; the rest goes out while another call is awaited. Gives the id of its
    /// answer.
    ///
    /// # Errors
    /// The request cannot be written as a message.
    pub fn send(&mut self, route: &str, body: &impl Serialize) -> Result<u64, ClientError> {
        let id = self.shell.request(route, body)?;
        self.flush();
        Ok(id)
    }

    /// Sends a message that is not answered, as far as the socket takes it.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub fn notify(&mut self, route: &str, body: &impl Serialize) -> Result<(), ClientError> {
        self.shell.notify(route, body)?;
        self.flush();
        Ok(())
    }

    /// Waits for the next push, answer or kick.
    ///
    /// # Errors
    /// The connection ends, or the server breaks the protocol.
    pub async fn receive(&mut self) -> Result<Incoming, ClientError> {
        loop {
            if let Some(incoming) = self.shell.next()? {
                return Ok(incoming);
            }
            self.turn().await?;
        }
    }

    /// What the handshake agreed on, and the session.
    pub fn connection(&self) -> &Connection {
        &self.shell.connection
    }

    /// The socket, for its options.
    pub fn stream(&self) -> &TcpStream {
        &self.stream
    }

    /// Leaves in good order. Dropping the client just closes the connection.
    pub fn close(mut self) {
        self.shell.connection.close();
        self.flush();
    }

    /// Waits until the socket can be read or written, or a heartbeat is due, and does that.
    async fn turn(&mut self) -> io::Result<()> {
        let beat = self.shell.beat();
        self.flush();
        let interest = match self.shell.connection.out().is_empty() {
            true => Interest::READABLE,
            false => Interest::READABLE | Interest::WRITABLE,
        };
        let ready = tokio::select! {
            biased;
            ready = self.stream.ready(interest) => ready?,
            () = tokio::time::sleep(beat.unwrap_or_default()), if beat.is_some() => return Ok(()),
        };
        if !(ready.is_readable() || ready.is_read_closed()) {
            return Ok(());
        }
        let mut buffer = [0; READ_BYTES];
        let read = self.stream.try_read(&mut buffer);
        self.shell.received(read.map(|bytes| &buffer[..bytes]));
        Ok(())
    }

    /// Writes what the socket takes. A failure is left for reading to tell, after what still comes.
    fn flush(&mut self) {
        let out = self.shell.connection.out();
        let mut written = 0;
        while written < out.len() {
            match self.stream.try_write(&out[written..]) {
                Ok(bytes) => written += bytes,
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(_) => written = out.len(),
            }
        }
        out.drain(..written);
    }
}
