//! What a session was sent lately, numbered, so that a client that lost its connection can be given what it missed.

use std::collections::VecDeque;

use bytes::Bytes;

use crate::wire::PushFrame;

/// A data package on its way to a client.
#[derive(Clone, Copy)]
pub(super) enum Data<'a> {
    /// Shared with all who get it.
    Push(&'a PushFrame),
    /// The response to a request, and its body.
    Response(u64, &'a Bytes),
}

impl Data<'_> {
    /// What it takes to keep it: many short ones cost more than their bytes.
    fn bytes(self) -> usize {
        let bytes = match self {
            Data::Push(frame) => frame.package().len(),
            Data::Response(_, body) => body.len(),
        };
        bytes + size_of::<SentPackage>()
    }
}

/// A data package that is kept; it shares its bytes with everybody else's.
enum Kept {
    Push(PushFrame),
    Response(u64, Bytes),
}

impl Kept {
    fn data(&self) -> Data<'_> {
        match self {
            Kept::Push(frame) => Data::Push(frame),
            Kept::Response(request, body) => Data::Response(*request, body),
        }
    }
}

/// A package, and what sockets will have taken when they have taken this too: see [`History::taken`].
struct SentPackage {
    kept: Kept,
    end: u64,
}

/// It is in no outbox yet.
const NOWHERE: u64 = u64::MAX;

/// The last data packages of a session, the first of its life being number 1.
#[derive(Default)]
pub(super) struct History {
    sent: VecDeque<SentPackage>,
    /// What these take.
    bytes: usize,
    /// Number of the last.
    last: u64,
    /// Number of the last that a socket has taken as a whole, and those before it.
    written: u64,
    /// Bytes that sockets have taken of all that the session's connections were given.
    out: u64,
    /// Where the last package that was let go ended.
    let_go_end: u64,
}

impl History {
    /// Keeps a package, and lets the oldest go that there is no room for. It stands at the end of an outbox in which so
    /// many bytes wait; none: in no outbox.
    pub(super) fn add(&mut self, data: Data<'_>, waiting_bytes: Option<usize>, bytes_max: usize) {
        let kept = match data {
            Data::Push(frame) => Kept::Push(frame.clone()),
            Data::Response(request, body) => Kept::Response(request, body.clone()),
        };
        let end = waiting_bytes.map_or(NOWHERE, |bytes| self.out + bytes as u64);
        self.sent.push_back(SentPackage { kept, end });
        self.last += 1;
        self.bytes += data.bytes();
        while self.bytes > bytes_max {
            self.let_go();
        }
    }

    /// The socket has taken so many bytes more.
    pub(super) fn taken(&mut self, bytes: usize) {
        self.out += bytes as u64;
        if self.let_go_end <= self.out {
            self.written = self.written.max(self.let_go_number());
        }
        while self.next_end().is_some_and(|end| end <= self.out) {
            self.written += 1;
        }
    }

    /// Whether everything is still there that no socket has taken.
    pub(super) fn is_gapless(&self) -> bool {
        self.let_go_number() <= self.written
    }

    /// Goes back to where a client is that has received so many packages; none: all that were written. What follows is
    /// in no outbox then. Without the packages that it lacks, or when there never were so many, nothing changes.
    pub(super) fn go_back(&mut self, received: Option<u64>) -> Result<(), &'static str> {
        let received = received.unwrap_or(self.written);
        if received > self.written {
            return Err("more packages received than were sent");
        }
        if received < self.let_go_number() {
            return Err("what was missed is not kept any more");
        }
        while self.let_go_number() < received {
            self.let_go();
        }
        self.written = received;
        self.sent.iter_mut().for_each(|sent| sent.end = NOWHERE);
        Ok(())
    }

    /// Hands out everything that is kept, to be put into an outbox; `put` says how many bytes wait there then.
    pub(super) fn replay(&mut self, mut put: impl FnMut(Data<'_>) -> usize) -> usize {
        for sent in &mut self.sent {
            sent.end = self.out + put(sent.kept.data()) as u64;
        }
        self.sent.len()
    }

    /// What the packages take.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Number of the last package that is not kept any more.
    fn let_go_number(&self) -> u64 {
        self.last - self.sent.len() as u64
    }

    /// Where the first package ends that is not written yet, if it is kept.
    fn next_end(&self) -> Option<u64> {
        let place = self.written.checked_sub(self.let_go_number())?;
        self.sent.get(usize::try_from(place).ok()?).map(|sent| sent.end)
    }

    fn let_go(&mut self) {
        if let Some(sent) = self.sent.pop_front() {
            self.bytes -= sent.kept.data().bytes();
            self.let_go_end = sent.end;
        }
    }
}
