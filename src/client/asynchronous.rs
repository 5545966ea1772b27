//! The client on tokio's sockets.

use std::io::{self, ErrorKind};

use serde::Serialize;
use serde_json::Value;
use tokio::io::Interest;
use tokio::net::{TcpStream, ToSocketAddrs};

use super::shell::{Client, READ_BYTES, Socket};
use super::{ClientError, Hello, Incoming, Transport};

/// An asynchronous client. It writes and sends heartbeats only while a call is awaited, so await
/// [`receive`](Self::receive) most of the time. Dropping a call loses nothing that was received.
pub type AsyncClient = Client<TcpStream>;

impl Client<TcpStream> {
    /// Connects and performs the handshake.
    ///
    /// # Errors
    /// Nothing listens there, or it is not a Pomelo server.
    pub async fn connect(address: impl ToSocketAddrs, transport: Transport) -> Result<Self, ClientError> {
        Self::over(TcpStream::connect(address).await?, transport, &Hello::default()).await
    }

    /// Performs the handshake over an established connection.
    ///
    /// # Errors
    /// The answer is not a Pomelo server's, or the server refuses.
    pub async fn over(stream: TcpStream, transport: Transport, hello: &Hello) -> Result<Self, ClientError> {
        stream.set_nodelay(true)?;
        let peer = stream.peer_addr()?;
        let mut client = Self::begin(stream, peer, transport, hello)?;
        while !client.is_open()? {
            client.turn().await?;
        }
        client.flush();
        Ok(client)
    }

    /// Sends a request and waits for its answer. Other messages that arrive meanwhile are buffered
    /// for [`receive`](Self::receive).
    ///
    /// # Errors
    /// The request cannot be written as a message, or the connection ends.
    pub async fn request(&mut self, route: &str, body: &impl Serialize) -> Result<Value, ClientError> {
        let id = self.send(route, body)?;
        loop {
            if let Some(answer) = self.answer(id)? {
                return Ok(answer);
            }
            self.turn().await?;
        }
    }

    /// Waits for the next push, answer or kick.
    ///
    /// # Errors
    /// The connection ends, or the server breaks the protocol.
    pub async fn receive(&mut self) -> Result<Incoming, ClientError> {
        loop {
            if let Some(incoming) = self.next()? {
                return Ok(incoming);
            }
            self.turn().await?;
        }
    }

    /// Waits until the socket is ready or a heartbeat is due, then reads, writes or sends it.
    async fn turn(&mut self) -> io::Result<()> {
        let heartbeat = self.send_heartbeat();
        let interest = match self.connection.out().is_empty() {
            true => Interest::READABLE,
            false => Interest::READABLE | Interest::WRITABLE,
        };
        let ready = tokio::select! {
            biased;
            ready = self.stream.ready(interest) => ready?,
            () = tokio::time::sleep(heartbeat.unwrap_or_default()), if heartbeat.is_some() => return Ok(()),
        };
        if !(ready.is_readable() || ready.is_read_closed()) {
            return Ok(());
        }
        let mut buffer = [0; READ_BYTES];
        let read = self.stream.try_read(&mut buffer);
        self.received(read.map(|bytes| &buffer[..bytes]));
        Ok(())
    }
}

impl Socket for TcpStream {
    fn flush(&mut self, out: &mut Vec<u8>) {
        let mut written = 0;
        while written < out.len() {
            match self.try_write(&out[written..]) {
                Ok(bytes) => written += bytes,
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(_) => written = out.len(),
            }
        }
        out.drain(..written);
    }
}
