//! The upper limit: a server that only makes the system calls of the fan-out. There is one room,
//! and every connection is in it; a message is a package of which only the sender is read; the push
//! is encoded in advance.

use std::io::{self, Read, Write};
use std::net::SocketAddr;

use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token};

use crate::speech;

/// The write strategy for pushes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Writes {
    /// One write per push and member.
    Each,
    /// One write per member for all messages from sockets that were readable together.
    Coalesced,
}

const LISTENER: Token = Token(usize::MAX);

struct Member {
    stream: TcpStream,
    /// The start of an incomplete package.
    partial: Vec<u8>,
    /// Output that the socket has not accepted.
    out: Vec<u8>,
}

impl Member {
    /// Writes after the pending output; keeps the bytes that the socket does not accept.
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut rest = bytes;
        while self.out.is_empty() && !rest.is_empty() {
            match self.stream.write(rest) {
                Ok(written) => rest = &rest[written..],
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        self.out.extend_from_slice(rest);
        Ok(())
    }

    /// Continues when the socket is writable again.
    fn write_on(&mut self) -> io::Result<()> {
        let waits = std::mem::take(&mut self.out);
        self.write(&waits)
    }
}

/// Serves on a free port until its process is killed; `opened` receives the port.
///
/// # Errors
/// No port is free, or the system offers no poll.
pub fn serve(writes: Writes, opened: impl FnOnce(SocketAddr)) -> io::Result<()> {
    let mut poll = Poll::new()?;
    let mut listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0)))?;
    poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
    opened(listener.local_addr()?);

    let mut events = Events::with_capacity(1024);
    let mut buffer = vec![0; 64 * 1024];
    let mut members: Vec<Option<Member>> = Vec::new();
    let mut batch = Vec::new();
    let mut frame = Vec::new();
    speech::push(&mut frame, 0);
    loop {
        poll.poll(&mut events, None)?;
        batch.clear();
        for event in &events {
            if event.token() == LISTENER {
                while let Ok((mut stream, _)) = listener.accept() {
                    stream.set_nodelay(true)?;
                    let interest = Interest::READABLE | Interest::WRITABLE;
                    poll.registry().register(&mut stream, Token(members.len()), interest)?;
                    members.push(Some(Member { stream, partial: Vec::new(), out: Vec::new() }));
                }
                continue;
            }
            let place = event.token().0;
            let from = batch.len();
            if !read(&mut members[place], &mut buffer, &mut frame, &mut batch) {
                members[place] = None;
            }
            if writes == Writes::Each {
                for push in batch[from..].chunks(frame.len()) {
                    to_all(&mut members, push);
                }
            }
        }
        if writes == Writes::Coalesced && !batch.is_empty() {
            to_all(&mut members, &batch);
        }
    }
}

fn to_all(members: &mut [Option<Member>], bytes: &[u8]) {
    for slot in members {
        if slot.as_mut().is_some_and(|member| member.write(bytes).is_err()) {
            *slot = None;
        }
    }
}

/// Appends a push to `batch` for each message that this member sent. False when it is gone.
fn read(slot: &mut Option<Member>, buffer: &mut [u8], frame: &mut [u8], batch: &mut Vec<u8>) -> bool {
    let Some(member) = slot else { return true };
    if member.write_on().is_err() {
        return false;
    }
    loop {
        let taken = match member.stream.read(buffer) {
            Ok(0) => return false,
            Ok(taken) => taken,
            Err(error) => return error.kind() == io::ErrorKind::WouldBlock,
        };
        member.partial.extend_from_slice(&buffer[..taken]);
        let mut used = 0;
        while let Some((length, digits)) = speech::sender(&member.partial[used..]) {
            speech::set_sender(frame, digits);
            batch.extend_from_slice(frame);
            used += length;
        }
        member.partial.drain(..used);
        if taken < buffer.len() {
            return true;
        }
    }
}
