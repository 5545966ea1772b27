//! A session's last packages, numbered, so that a client that lost its connection can be sent the
//! packages it missed.

use std::collections::VecDeque;

use bytes::Bytes;

use crate::wire::PushFrame;

/// A data package on its way to a client.
#[derive(Clone, Copy)]
pub(super) enum Data<'a> {
    /// Shared by all its recipients.
    Push(&'a PushFrame),
    /// The response to a request: its number and its body.
    Response(u64, &'a Bytes),
}

impl Data<'_> {
    /// The memory that keeping it takes. Many short packages cost more than their bytes.
    fn bytes(self) -> usize {
        let bytes = match self {
            Data::Push(frame) => frame.package().len(),
            Data::Response(_, body) => body.len(),
        };
        bytes + size_of::<SentPackage>()
    }
}

/// A kept data package; it shares its bytes with every other copy.
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

/// A package, and the total that sockets have taken once they have taken it too: see
/// [`History::taken`].
struct SentPackage {
    kept: Kept,
    end: u64,
}

/// The end of a package that is not in an outbox.
const NOWHERE: u64 = u64::MAX;

/// The last data packages of a session. The first package of its life is number 1.
#[derive(Default)]
pub(super) struct History {
    sent: VecDeque<SentPackage>,
    /// Bytes that they take.
    bytes: usize,
    /// Number of the last package.
    last: u64,
    /// Number of the last package that a socket has taken whole, as it has all before it.
    written: u64,
    /// Bytes that sockets have taken of everything that the session's connections were given.
    out: u64,
    /// The end of the last dropped package.
    let_go_end: u64,
}

impl History {
    /// Keeps a package, and drops the oldest ones that exceed `bytes_max`. The package is the last
    /// in an outbox with `waiting_bytes` bytes; `None`: it is not in an outbox.
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

    /// The socket has taken this many bytes more.
    pub(super) fn taken(&mut self, bytes: usize) {
        self.out += bytes as u64;
        // A dropped package may have been written only now: it counts as written too.
        if self.let_go_end <= self.out {
            self.written = self.written.max(self.let_go_number());
        }
        while self.next_end().is_some_and(|end| end <= self.out) {
            self.written += 1;
        }
    }

    /// Whether every package that no socket has taken is still kept.
    pub(super) fn is_gapless(&self) -> bool {
        self.let_go_number() <= self.written
    }

    /// Rewinds to a client that has received this many packages; `None`: all that were written.
    /// The packages after these are in no outbox then. Fails, and changes nothing, if the client
    /// lacks packages that were dropped, or claims more than were written.
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

    /// Passes every kept package to `put`, which puts it into an outbox and returns the bytes that
    /// wait there then. Returns the number of packages.
    pub(super) fn replay(&mut self, mut put: impl FnMut(Data<'_>) -> usize) -> usize {
        for sent in &mut self.sent {
            sent.end = self.out + put(sent.kept.data()) as u64;
        }
        self.sent.len()
    }

    /// Bytes that the packages take.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Number of the last dropped package.
    fn let_go_number(&self) -> u64 {
        self.last - self.sent.len() as u64
    }

    /// The end of the first package that is not written yet, if it is kept.
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
