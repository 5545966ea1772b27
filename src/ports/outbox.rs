//! What waits for one client: bytes of its own, and pieces of what is written for many at once.

use std::io::{self, IoSlice};

use super::batch::{BatchId, Batches, Form};
use super::stream::Stream;

/// An outbox larger than this gives its memory back when it is empty.
pub(super) const OUTBOX_BYTES_KEPT: usize = 4 * 1024;

/// The same for the number of its pieces.
const PIECES_KEPT: usize = 8;

/// Slices given to the socket at once.
const SLICES_MAX: usize = 64;

/// See the module.
#[derive(Default)]
pub(super) struct ClientOutbox {
    /// How its client speaks.
    pub(super) form: Form,
    /// Bytes for this client alone.
    own: Vec<u8>,
    /// How much of them the socket has taken.
    written: usize,
    /// What stands between them, in order. It is gone after the next flush of the port.
    pieces: Vec<Piece>,
    /// What is put into this batch from here on is for this client too.
    joined: Option<(BatchId, u32)>,
}

/// Part of a batch.
struct Piece {
    /// It stands before this place in the client's own bytes.
    before: usize,
    batch: BatchId,
    from: u32,
    to: u32,
}

/// What became of a write.
pub(super) enum Written {
    /// All is out.
    All,
    /// The socket is full.
    Blocked,
    /// The socket is gone.
    Failed,
}

impl ClientOutbox {
    /// The client's own bytes, to append to. What it has of a batch until now stands before what is appended.
    pub(super) fn own(&mut self, batches: &Batches) -> &mut Vec<u8> {
        self.cut(batches);
        &mut self.own
    }

    /// The same, when it was [`cut`](Self::cut) or has parted with its batch.
    pub(super) fn own_uncut(&mut self) -> &mut Vec<u8> {
        &mut self.own
    }

    /// Whatever this batch is given from now on is for this client too. Gives the batch that was so before.
    pub(super) fn join(&mut self, batch: BatchId, batches: &Batches) -> Option<BatchId> {
        self.cut(batches);
        self.joined.replace((batch, 0)).map(|(before, _)| before)
    }

    /// The batch whose bytes are for this client too.
    pub(super) fn joined(&self) -> Option<BatchId> {
        self.joined.map(|(batch, _)| batch)
    }

    /// The client gets no more of any batch.
    pub(super) fn part(&mut self, batches: &Batches) -> Option<BatchId> {
        self.cut(batches);
        self.joined.take().map(|(batch, _)| batch)
    }

    /// Notes what the batch has for this client until now.
    pub(super) fn cut(&mut self, batches: &Batches) {
        let Some((batch, from)) = &mut self.joined else { return };
        let to = batches.len(*batch, self.form);
        if *from < to {
            self.pieces.push(Piece { before: self.own.len(), batch: *batch, from: *from, to });
            *from = to;
        }
    }

    /// Parts, and copies what it has of batches, which are about to be emptied.
    pub(super) fn settle(&mut self, batches: &Batches) {
        let all_behind = self.pieces.first().is_none_or(|piece| piece.before == self.own.len());
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

    /// Writes what waits, as far as the socket takes it. Only pieces that the socket did not take are copied.
    pub(super) fn write(&mut self, stream: &impl Stream, batches: &Batches) -> Written {
        let mut done = 0;
        loop {
            let taken = match self.only_chunk(batches) {
                // A room's push to one who has nothing else, as most writes are.
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
                // Only this means "later": any other error comes again at every try.
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

    /// What waits, if it stands in one place.
    fn only_chunk<'a>(&'a self, batches: &'a Batches) -> Option<&'a [u8]> {
        let (own, tail) = (&self.own[self.written..], self.tail(batches));
        match (self.pieces.is_empty(), own.is_empty(), tail.is_empty()) {
            (true, true, _) => Some(tail),
            (true, _, true) => Some(own),
            _ => None,
        }
    }

    /// What has come into the batch that it has joined, and is not noted as a piece.
    fn tail<'a>(&self, batches: &'a Batches) -> &'a [u8] {
        let Some((batch, from)) = self.joined else { return &[] };
        batches.bytes(batch, self.form, from..batches.len(batch, self.form))
    }

    fn skip_tail(&mut self, batches: &Batches) {
        if let Some((batch, from)) = &mut self.joined {
            *from = batches.len(*batch, self.form);
        }
    }

    /// Fills in what waits, without its first `done` bytes, as far as there is room. Gives the number of slices.
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

    /// Keeps what waits, without its first `done` bytes, as bytes of its own.
    fn keep_from(&mut self, done: usize, batches: &Batches) {
        if self.pieces.is_empty() && self.tail(batches).is_empty() {
            self.written += done;
            // A reader that is always a little behind never lets the outbox become empty: what is out must go. Half of
            // it at a time, so that no byte is moved twice on the average.
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

    /// What waits, in order.
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

    /// Bytes that wait, but for those of the batch that it has joined.
    pub(super) fn waiting_bytes(&self) -> usize {
        let pieces: usize = self.pieces.iter().map(|piece| (piece.to - piece.from) as usize).sum();
        self.own.len() - self.written + pieces
    }

    /// The memory that it takes.
    pub(super) fn bytes(&self) -> usize {
        self.own.capacity() + self.pieces.capacity() * size_of::<Piece>()
    }

    /// Forgets what waits.
    pub(super) fn forget(&mut self) {
        *self = Self { form: self.form, ..Self::default() };
    }

    /// Gives memory back that nothing waits in.
    pub(super) fn shrink(&mut self) {
        if self.own.is_empty() {
            self.own = Vec::new();
        }
        if self.pieces.is_empty() {
            self.pieces = Vec::new();
        }
    }
}
