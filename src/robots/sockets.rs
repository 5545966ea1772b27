//! The robots' sockets. No operation blocks.

use std::collections::HashMap;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, ToSocketAddrs};

use mio::net::TcpStream;
use mio::{Interest, Registry, Token};

/// At most one socket per robot.
#[derive(Debug)]
pub(super) struct Sockets {
    open: Vec<Option<Socket>>,
    /// Resolved addresses of hosts named by servers.
    known: HashMap<(String, u16), SocketAddr>,
}

#[derive(Debug)]
struct Socket {
    stream: TcpStream,
    connected: bool,
}

impl Sockets {
    /// For this number of robots.
    pub(super) fn new(robots: usize) -> Self {
        Self { open: (0..robots).map(|_| None).collect(), known: HashMap::new() }
    }

    /// Number of open sockets.
    pub(super) fn count(&self) -> usize {
        self.open.iter().flatten().count()
    }

    /// Whether a robot has one.
    pub(super) fn is_open(&self, robot: usize) -> bool {
        self.open[robot].is_some()
    }

    /// Resolves a host named by a server.
    pub(super) fn address(&mut self, host: &str, port: u16) -> io::Result<SocketAddr> {
        let name = (host.to_owned(), port);
        if let Some(address) = self.known.get(&name) {
            return Ok(*address);
        }
        let address = resolve((host, port))?;
        self.known.insert(name, address);
        Ok(address)
    }

    /// Starts to connect, and closes the robot's previous socket.
    pub(super) fn connect(
        &mut self,
        registry: &Registry,
        robot: usize,
        address: SocketAddr,
    ) -> io::Result<()> {
        self.open[robot] = None;
        let mut stream = TcpStream::connect(address)?;
        registry.register(&mut stream, Token(robot), Interest::READABLE | Interest::WRITABLE)?;
        self.open[robot] = Some(Socket { stream, connected: false });
        Ok(())
    }

    /// Whether the started connection is established; an error if it failed.
    pub(super) fn connected(&mut self, robot: usize) -> io::Result<bool> {
        let Some(socket) = &mut self.open[robot] else { return Ok(false) };
        if socket.connected {
            return Ok(true);
        }
        if let Some(error) = socket.stream.take_error()? {
            return Err(error);
        }
        match socket.stream.peer_addr() {
            Ok(_) => {
                socket.stream.set_nodelay(true)?;
                socket.connected = true;
                Ok(true)
            }
            Err(error) if error.kind() == ErrorKind::NotConnected => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Reads once. `Ok(None)`: nothing at the moment. `Ok(Some(0))`: the server closed.
    pub(super) fn read(&mut self, robot: usize, buffer: &mut [u8]) -> io::Result<Option<usize>> {
        let Some(socket) = &mut self.open[robot] else { return Ok(None) };
        loop {
            match socket.stream.read(buffer) {
                Ok(bytes) => return Ok(Some(bytes)),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(None),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Writes as much as the socket accepts, and leaves the rest in `out`.
    pub(super) fn write(&mut self, robot: usize, out: &mut Vec<u8>) -> io::Result<()> {
        let Some(socket) = self.open[robot].as_mut().filter(|socket| socket.connected) else { return Ok(()) };
        let mut written = 0;
        let result = loop {
            if written == out.len() {
                break Ok(());
            }
            match socket.stream.write(&out[written..]) {
                Ok(bytes) => written += bytes,
                Err(error) if error.kind() == ErrorKind::WouldBlock => break Ok(()),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => break Err(error),
            }
        };
        out.drain(..written);
        result
    }

    /// Closes the socket, if any.
    pub(super) fn close(&mut self, robot: usize) {
        self.open[robot] = None;
    }
}

/// The first address of a name.
pub(super) fn resolve(name: impl ToSocketAddrs) -> io::Result<SocketAddr> {
    name.to_socket_addrs()?
        .next()
        .ok_or_else(|| io::Error::new(ErrorKind::NotFound, "the name has no address"))
}

/// A fixed text per kind of error, so that equal errors are counted together.
pub(super) fn in_words(error: &io::Error) -> String {
    match error.kind() {
        ErrorKind::ConnectionRefused => "connection refused".to_owned(),
        ErrorKind::ConnectionReset | ErrorKind::BrokenPipe => "connection reset".to_owned(),
        _ => error.to_string(),
    }
}
