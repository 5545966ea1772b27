//! The load: members of one room on raw TCP, some of which keep messages in flight. One thread that
//! does as little work as possible, the same for every server.

use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};
use pomelo_sim::robots::process::Processes;

use crate::speech::{Login, Speech};

/// A server without an answer for this long has hung.
const PATIENCE: Duration = Duration::from_secs(20);

/// Size of the read buffer.
const READ_BYTES: usize = 256 * 1024;

/// The use of a room.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Load {
    /// Members of the room.
    pub members: usize,
    /// Number of senders among them.
    pub senders: usize,
    /// Messages of each sender that are in flight.
    pub window: usize,
}

/// The result.
#[derive(Clone, Copy, Debug)]
pub struct Sample {
    /// Deliveries per second.
    pub deliveries_per_second: f64,
    /// The server's CPU time per delivery, in microseconds.
    pub cpu_us: f64,
    /// The CPU time of the members' process per delivery, in microseconds.
    pub client_cpu_us: f64,
}

struct Peer {
    stream: TcpStream,
    /// The start of an incomplete frame.
    partial: Vec<u8>,
    /// Output that the socket has not accepted.
    out: Vec<u8>,
}

/// The members of a room, connected.
pub struct Crowd<'a> {
    speech: &'a dyn Speech,
    load: Load,
    poll: Poll,
    peers: Vec<Peer>,
    buffer: Box<[u8]>,
}

impl<'a> Crowd<'a> {
    /// Lets all members enter.
    ///
    /// # Errors
    /// A socket fails, or a member is refused.
    pub fn enter(speech: &'a dyn Speech, doors: &[SocketAddr], load: Load) -> io::Result<Self> {
        let poll = Poll::new()?;
        let mut peers = Vec::with_capacity(load.members);
        for member in 0..load.members {
            let mut stream = std::net::TcpStream::connect(doors[member % doors.len()])?;
            stream.set_nodelay(true)?;
            stream.set_read_timeout(Some(PATIENCE))?;
            let mut partial = Vec::new();
            for Login { say, until } in speech.login(member) {
                // The last answer may be incomplete: keep it to be split into frames with the bytes
                // that follow.
                partial.clear();
                stream.write_all(&say)?;
                while !contains(&partial, &until) {
                    let mut piece = [0; 4096];
                    let taken = stream.read(&mut piece)?;
                    if taken == 0 {
                        return Err(io::Error::other(format!("member {member} was not let in")));
                    }
                    partial.extend_from_slice(&piece[..taken]);
                }
            }
            stream.set_nonblocking(true)?;
            let mut stream = TcpStream::from_std(stream);
            poll.registry().register(&mut stream, Token(member), Interest::READABLE | Interest::WRITABLE)?;
            peers.push(Peer { stream, partial, out: Vec::new() });
        }
        Ok(Self { speech, load, poll, peers, buffer: vec![0; READ_BYTES].into_boxed_slice() })
    }

    /// Keeps the load up for `rest` and then for `time`, and measures the latter.
    ///
    /// # Errors
    /// A socket fails, or the server stops answering.
    pub fn measure(&mut self, server: &Processes, rest: Duration, time: Duration) -> io::Result<Sample> {
        let own = Processes::new(vec![std::process::id()])?;
        self.quiet()?;
        for sender in 0..self.load.senders {
            self.send(sender, self.load.window)?;
        }
        self.run(rest)?;
        let (before, own_before, began) = (server.cpu()?, own.cpu()?, Instant::now());
        let deliveries = self.run(time)?;
        let (seconds, used) = (began.elapsed().as_secs_f64(), server.cpu()?.saturating_sub(before));
        let own_used = own.cpu()?.saturating_sub(own_before);
        let each = |used: Duration| used.as_secs_f64() * 1e6 / deliveries as f64;
        Ok(Sample {
            deliveries_per_second: deliveries as f64 / seconds,
            cpu_us: each(used),
            client_cpu_us: each(own_used),
        })
    }

    /// Reads until the sockets are quiet: pushes about other members, and messages in flight.
    fn quiet(&mut self) -> io::Result<()> {
        let mut events = Events::with_capacity(1024);
        loop {
            self.poll.poll(&mut events, Some(Duration::from_millis(100)))?;
            if events.is_empty() {
                return Ok(());
            }
            for event in &events {
                self.turn(event.token().0, false)?;
            }
        }
    }

    fn run(&mut self, time: Duration) -> io::Result<u64> {
        let (mut deliveries, until) = (0, Instant::now() + time);
        let mut events = Events::with_capacity(1024);
        while Instant::now() < until {
            self.poll.poll(&mut events, Some(PATIENCE))?;
            if events.is_empty() {
                return Err(io::ErrorKind::TimedOut.into());
            }
            for event in &events {
                deliveries += self.turn(event.token().0, true)?;
            }
        }
        Ok(deliveries)
    }

    /// Processes a member's input, and sends one message for each of its own that came back.
    fn turn(&mut self, member: usize, goes_on: bool) -> io::Result<u64> {
        let (mut deliveries, mut echoes) = (0, 0);
        loop {
            let peer = &mut self.peers[member];
            let taken = match peer.stream.read(&mut self.buffer) {
                Ok(0) => return Err(io::Error::other(format!("member {member} was thrown out"))),
                Ok(taken) => taken,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            };
            let mut input = &self.buffer[..taken];
            let mut count = |heard: Heard| {
                deliveries += u64::from(heard != Heard::Other);
                echoes += usize::from(heard == Heard::Own);
            };
            // Complete only the split frame in its buffer: the rest is read in place.
            while !peer.partial.is_empty() && !input.is_empty() {
                let before = peer.partial.len();
                let more = input.len().min(self.speech.frame_bytes().saturating_sub(before).max(1));
                peer.partial.extend_from_slice(&input[..more]);
                input = &input[more..];
                while let Some((length, heard)) = self.speech.next(&peer.partial, member) {
                    count(heard);
                    peer.partial.drain(..length);
                }
            }
            while let Some((length, heard)) = self.speech.next(input, member) {
                count(heard);
                input = &input[length..];
            }
            peer.partial.extend_from_slice(input);
            if taken < self.buffer.len() {
                break;
            }
        }
        if goes_on && echoes > 0 && member < self.load.senders {
            self.send(member, echoes)?;
        } else if !self.peers[member].out.is_empty() {
            self.send(member, 0)?;
        }
        Ok(deliveries)
    }

    fn send(&mut self, member: usize, messages: usize) -> io::Result<()> {
        let Peer { stream, out, .. } = &mut self.peers[member];
        for _ in 0..messages {
            self.speech.message(out, member);
        }
        match stream.write(out) {
            Ok(written) => drop(out.drain(..written)),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }
}

/// The meaning of a frame.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Heard {
    /// The member's own message.
    Own,
    /// Another member's message.
    Others,
    /// Not a message of the room.
    Other,
}

fn contains(bytes: &[u8], what: &[u8]) -> bool {
    what.is_empty() || bytes.windows(what.len()).any(|window| window == what)
}
