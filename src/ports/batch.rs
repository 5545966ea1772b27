//! What many clients get: written down once for all of them, between two flushes of a port.
//!
//! The members of a room on one connector get the same frames, but for their own responses. So a room's frames are put
//! into one batch, and each member's outbox only notes from where to where the batch is for it: a frame costs a copy a
//! room, not one a member, and what is noted is made into one write. A batch is open as long as all its clients are in
//! it and in no other: who gets something of another batch parts with this one, and the room's next frame begins anew.

use std::ops::Range;
use std::sync::Arc;

use crate::ids::SessionId;
use crate::wire::PushFrame;

/// When a batch is this long, the port is flushed: its clients can be reading already.
const BATCH_BYTES_MAX: usize = 256 * 1024;

/// A batch larger than this gives its memory back when the port is idle.
const BATCH_BYTES_KEPT: usize = 4 * 1024;

/// How a client's bytes are framed.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub(super) enum Form {
    /// A package behind the other.
    #[default]
    Tcp,
    /// A WebSocket frame around each.
    WebSocket,
}

/// Which batch, until the next flush.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct BatchId(u32);

/// The batches of a port. They keep their memory from flush to flush.
#[derive(Default)]
pub(super) struct Batches {
    all: Vec<Batch>,
    used: usize,
}

#[derive(Default)]
struct Batch {
    /// For whom; none when nothing more may be put in.
    recipients: Option<Arc<[SessionId]>>,
    /// How many of them are there.
    members: usize,
    tcp: Bytes,
    websocket: Bytes,
}

/// The frames in one form.
#[derive(Default)]
struct Bytes {
    /// Some client wants them so.
    wanted: bool,
    bytes: Vec<u8>,
}

impl Batches {
    /// A batch for these, of whom nobody is in it yet.
    pub(super) fn open(&mut self, recipients: &Arc<[SessionId]>) -> BatchId {
        if self.used == self.all.len() {
            self.all.push(Batch::default());
        }
        let batch = &mut self.all[self.used];
        batch.recipients = Some(Arc::clone(recipients));
        batch.members = 0;
        self.used += 1;
        BatchId(self.used as u32 - 1)
    }

    /// One more is in it.
    pub(super) fn joined(&mut self, BatchId(batch): BatchId, form: Form) {
        let batch = &mut self.all[batch as usize];
        batch.members += 1;
        batch.bytes_mut(form).wanted = true;
    }

    /// One of them has gone.
    pub(super) fn parted(&mut self, BatchId(batch): BatchId) {
        self.all[batch as usize].members -= 1;
    }

    /// One of them gets something else in between: nothing more may be put in.
    pub(super) fn close(&mut self, BatchId(batch): BatchId) {
        self.all[batch as usize].recipients = None;
    }

    /// Whether what is for these can be put in.
    pub(super) fn is_for(&self, BatchId(batch): BatchId, recipients: &Arc<[SessionId]>) -> bool {
        self.all[batch as usize].recipients.as_ref().is_some_and(|others| Arc::ptr_eq(others, recipients))
    }

    /// Puts a frame in. Gives how many get it, and whether the port is to be flushed.
    pub(super) fn put(&mut self, BatchId(batch): BatchId, frame: &PushFrame) -> (usize, bool) {
        let batch = &mut self.all[batch as usize];
        batch.tcp.put(frame.package());
        batch.websocket.put(frame.websocket());
        let bytes = batch.tcp.bytes.len().max(batch.websocket.bytes.len());
        (batch.members, bytes >= BATCH_BYTES_MAX)
    }

    /// How long it is in this form.
    pub(super) fn len(&self, BatchId(batch): BatchId, form: Form) -> u32 {
        self.all[batch as usize].bytes(form).bytes.len() as u32
    }

    /// Part of it.
    pub(super) fn bytes(&self, BatchId(batch): BatchId, form: Form, part: Range<u32>) -> &[u8] {
        &self.all[batch as usize].bytes(form).bytes[part.start as usize..part.end as usize]
    }

    /// Empties all of them: every outbox has taken what it had of them.
    pub(super) fn reset(&mut self) {
        for batch in &mut self.all[..self.used] {
            batch.recipients = None;
            batch.tcp.reset();
            batch.websocket.reset();
        }
        self.used = 0;
    }

    /// Gives memory back, while none is in use.
    pub(super) fn shrink(&mut self) {
        if self.used > 0 {
            return;
        }
        let bytes = |batch: &Batch| batch.tcp.bytes.capacity() + batch.websocket.bytes.capacity();
        if self.all.iter().map(bytes).sum::<usize>() > BATCH_BYTES_KEPT {
            self.all = Vec::new();
        }
    }
}

impl Batch {
    fn bytes(&self, form: Form) -> &Bytes {
        match form {
            Form::Tcp => &self.tcp,
            Form::WebSocket => &self.websocket,
        }
    }

    fn bytes_mut(&mut self, form: Form) -> &mut Bytes {
        match form {
            Form::Tcp => &mut self.tcp,
            Form::WebSocket => &mut self.websocket,
        }
    }
}

impl Bytes {
    fn put(&mut self, bytes: &[u8]) {
        if self.wanted {
            self.bytes.extend_from_slice(bytes);
        }
    }

    fn reset(&mut self) {
        self.wanted = false;
        self.bytes.clear();
    }
}
