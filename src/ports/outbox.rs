//! The bytes that wait for one client: its own, and pieces of batches for many clients.

use std::io::{self, IoSlice};

use super::batch::{BatchId, Batches, Form};
use super::stream::Stream;

/// A larger outbox frees its memory when it is empty.
pub(super) const OUTBOX_BYTES_KEPT: usize = 4 * 1024;

/// The same limit for the number of its pieces.
const PIECES_KEPT: usize = 8;

/// Slices per socket write.
const SLICES_MAX: usize = 64;

/// The client's own bytes, with pieces of batches between them, in the order in which they go out.
#[derive(Default)]
pub(super) struct ClientOutbox {
    /// How the client's bytes are framed.
    pub(super) form: Form,
    /// Bytes for this client alone.
    own: Vec<u8>,
    /// Bytes of `own` that the socket has taken.
    written: usize,
    /// Pieces of batches between the client's own bytes, in order. The port's next flush removes
    /// them.
    pieces: Vec<Piece>,
    /// The batch that the client has joined, and the offset in it from which bytes are not noted
    /// yet.
    joined: Option<(BatchId, u32)>,
}

/// A range of a batch.
struct Piece {
    /// The offset in the client's own bytes before which it goes out.
    before: usize,
    batch: BatchId,
    from: u32,
    to: u32,
}

/// The result of a write.
pub(super) enum Written {
    /// Everything is written.
    All,
    /// The socket is full.
    Blocked,
    /// The socket is gone.
    Failed,
}

impl ClientOutbox {
    /// The client's own bytes, to append to. Everything in the batch until now goes out before
    /// them.
    pub(super) fn own(&mut self, batches: &Batches) -> &mut Vec<u8> {
        self.cut(batches);
        &mut self.own
    }

    /// The same, after [`cut`](Self::cut) or after leaving the batch.
    pub(super) fn own_uncut(&mut self) -> &mut Vec<u8> {
        &mut self.own
    }

    /// Joins a batch: everything added to it from now on is for this client too. Returns the batch
    /// that it leaves.
    pub(super) fn join(&mut self, batch: BatchId, batches: &Batches) -> Option<BatchId> {
        self.cut(batches);
        self.joined.replace((batch, 0)).map(|(before, _)| before)
    }

    /// The batch that the client has joined.
    pub(super) fn joined(&self) -> Option<BatchId> {
        self.joined.map(|(batch, _)| batch)
    }

    /// Leaves the batch, and returns it.
    pub(super) fn part(&mut self, batches: &Batches) -> Option<BatchId> {
        self.cut(batches);
        self.joined.take().map(|(batch, _)| batch)
    }

    /// Notes the range that the batch has for this client until now.
    pub(super) fn cut(&mut self, batches: &Batches) {
        let Some((batch, from)) = &mut self.joined else { return };
        let to = batches.len(*batch, self.form);
        if *from < to {
            self.pieces.push(Piece { before: self.own.len(), batch: *batch, from: *from, to });
            *from = to;
        }
    }

    /// Leaves the batch, and copies the noted ranges: batches are about to be emptied.
    pub(super) fn settle(&mut self, batches: &Batches) {
        let all_behind = self.pieces.first().is_none_or(|piece| piece.before == self.own.len());
        // Own bytes stand between the pieces: appending the pieces would change the order.
        if !all_behind {
            self.keep_from(0, batches);
        }
        for piece in self.pieces.drain(..) {
            self.own.extend_from_slice(batches.bytes(piece.batch, self.form, piece.from..piece.to));
        }
        if let Some((batch, from)) = self.joined.take() {
            let to = batches.len(batch, self.form);
            self.own.extend_from_slice(batches.bytes(batch, self.form, from..to));
        }
    }

    /// Writes as much as the socket takes. Copies only pieces that the socket did not take.
    pub(super) fn write(&mut self, stream: &impl Stream, batches: &Batches) -> Written {
        let mut done = 0;
        loop {
            let taken = match self.only_chunk(batches) {
                // The common case: a room's push to a client that has nothing else waiting.
                Some(chunk) if done == chunk.len() => break,
                Some(chunk) => stream.try_write(&chunk[done..]),
                None => {
                    let mut slices = [IoSlice::new(&[]); SLICES_MAX];
                    match self.slices(done, batches, &mut slices) {
                        0 => break,
                        count => stream.try_write_vectored(&slices[..count]),
                    }
                }
            };
            let stopped = match taken {
                Ok(0) => Written::Failed,
                Ok(taken) => {
                    done += taken;
                    continue;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                // Only this error means "later": any other recurs at every try.
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => Written::Blocked,
                Err(_) => Written::Failed,
            };
            self.keep_from(done, batches);
            return stopped;
        }
        self.written = 0;
        self.own.clear();
        self.pieces.clear();
        self.skip_tail(batches);
        if self.own.capacity() > OUTBOX_BYTES_KEPT {
            self.own = Vec::new();
        }
        if self.pieces.capacity() > PIECES_KEPT {
            self.pieces = Vec::new();
        }
        Written::All
    }

    /// The waiting bytes, if they are contiguous.
    fn only_chunk<'a>(&'a self, batches: &'a Batches) -> Option<&'a [u8]> {
        let (own, tail) = (&self.own[self.written..], self.tail(batches));
        match (self.pieces.is_empty(), own.is_empty(), tail.is_empty()) {
            (true, true, _) => Some(tail),
            (true, _, true) => Some(own),
            _ => None,
        }
    }

    /// The bytes of the joined batch that are not noted as a piece yet.
    fn tail<'a>(&self, batches: &'a Batches) -> &'a [u8] {
        let Some((batch, from)) = self.joined else { return &[] };
        batches.bytes(batch, self.form, from..batches.len(batch, self.form))
    }

    fn skip_tail(&mut self, batches: &Batches) {
        if let Some((batch, from)) = &mut self.joined {
            *from = batches.len(*batch, self.form);
        }
    }

    /// Fills in the waiting bytes without their first `done`, as far as `slices` has room. Returns
    /// the number of slices.
    fn slices<'a>(&'a self, done: usize, batches: &'a Batches, slices: &mut [IoSlice<'a>]) -> usize {
        let (mut skip, mut count) = (done, 0);
        for chunk in self.chunks(batches) {
            let Some(slice) = slices.get_mut(count) else { break };
            if skip < chunk.len() {
                *slice = IoSlice::new(&chunk[skip..]);
                count += 1;
            }
            skip -= skip.min(chunk.len());
        }
        count
    }

    /// Keeps the waiting bytes without their first `done` as the client's own bytes.
    fn keep_from(&mut self, done: usize, batches: &Batches) {
        if self.pieces.is_empty() && self.tail(batches).is_empty() {
            self.written += done;
            // A reader that is always a little behind never empties the outbox, so written bytes
            // must go. Half of the outbox at a time, so that on average no byte is moved twice.
            if self.written > self.own.len() / 2 {
                self.own.drain(..self.written);
                self.written = 0;
            }
            return;
        }
        let mut kept = Vec::with_capacity(self.waiting_bytes() + self.tail(batches).len() - done);
        let mut skip = done;
        for chunk in self.chunks(batches) {
            let skipped = skip.min(chunk.len());
            kept.extend_from_slice(&chunk[skipped..]);
            skip -= skipped;
        }
        (self.own, self.written) = (kept, 0);
        self.pieces.clear();
        self.skip_tail(batches);
    }

    /// The waiting bytes, in order.
    fn chunks<'a>(&'a self, batches: &'a Batches) -> impl Iterator<Item = &'a [u8]> {
        let mut at = self.written;
        let pieces = self.pieces.iter().flat_map(move |piece| {
            let own = &self.own[at..piece.before];
            at = piece.before;
            [own, batches.bytes(piece.batch, self.form, piece.from..piece.to)]
        });
        let last = self.pieces.last().map_or(self.written, |piece| piece.before);
        pieces.chain([&self.own[last..], self.tail(batches)]).filter(|chunk| !chunk.is_empty())
    }

    /// Waiting bytes, without those of the joined batch that are not noted yet.
    pub(super) fn waiting_bytes(&self) -> usize {
        let pieces: usize = self.pieces.iter().map(|piece| (piece.to - piece.from) as usize).sum();
        self.own.len() - self.written + pieces
    }

    /// Memory that it takes, in bytes.
    pub(super) fn bytes(&self) -> usize {
        self.own.capacity() + self.pieces.capacity() * size_of::<Piece>()
    }

    /// Discards the waiting bytes.
    pub(super) fn forget(&mut self) {
        *self = Self { form: self.form, ..Self::default() };
    }

    /// Frees unused memory.
    pub(super) fn shrink(&mut self) {
        if self.own.is_empty() {
            self.own = Vec::new();
        }
        if self.pieces.is_empty() {
            self.pieces = Vec::new();
        }
    }
}
