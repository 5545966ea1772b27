//! Output shared by many clients: stored once for all of them between two flushes of a port.
//!
//! The members of a room on one connector get the same frames, apart from their own responses. So a
//! room's frames go into one batch, and each member's outbox only notes its range of the batch: a
//! frame is copied once a room instead of once a member, and the noted ranges become one write. A
//! batch stays open as long as all its clients are in it and in no other. A client that gets
//! something from another batch leaves this one, and the room's next frame opens a new batch.

use std::ops::Range;
use std::sync::Arc;

use crate::ids::SessionId;
use crate::wire::PushFrame;

/// At this length the port is flushed, so that the clients can start reading.
const BATCH_BYTES_MAX: usize = 256 * 1024;

/// A larger batch frees its memory when the port is idle.
const BATCH_BYTES_KEPT: usize = 4 * 1024;

/// How a client's bytes are framed.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub(super) enum Form {
    /// Packages back to back.
    #[default]
    Tcp,
    /// Each package in a WebSocket frame.
    WebSocket,
}

/// Identifies a batch until the next flush.
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
    /// The recipients; `None` once the batch is closed.
    recipients: Option<Arc<[SessionId]>>,
    /// Number of recipients that are in the batch.
    members: usize,
    tcp: Bytes,
    websocket: Bytes,
}

/// The frames in one form.
#[derive(Default)]
struct Bytes {
    /// Set when a client uses this form.
    wanted: bool,
    bytes: Vec<u8>,
}

impl Batches {
    /// Opens a batch for these recipients, without members yet.
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

    /// Counts a new member.
    pub(super) fn joined(&mut self, BatchId(batch): BatchId, form: Form) {
        let batch = &mut self.all[batch as usize];
        batch.members += 1;
        batch.bytes_mut(form).wanted = true;
    }

    /// Counts a member out.
    pub(super) fn parted(&mut self, BatchId(batch): BatchId) {
        self.all[batch as usize].members -= 1;
    }

    /// Closes the batch: a member gets something else in between, so later frames would be out of
    /// order.
    pub(super) fn close(&mut self, BatchId(batch): BatchId) {
        self.all[batch as usize].recipients = None;
    }

    /// Whether frames for these recipients can go into the batch.
    pub(super) fn is_for(&self, BatchId(batch): BatchId, recipients: &Arc<[SessionId]>) -> bool {
        // Pointers are compared, not lists: this runs for every frame, and a
        // changed list is a new `Arc`.
        self.all[batch as usize].recipients.as_ref().is_some_and(|others| Arc::ptr_eq(others, recipients))
    }

    /// Appends a frame. Returns the number of members that get it, and whether to flush the port.
    pub(super) fn put(&mut self, BatchId(batch): BatchId, frame: &PushFrame) -> (usize, bool) {
        let batch = &mut self.all[batch as usize];
        batch.tcp.put(frame.package());
        batch.websocket.put(frame.websocket());
        let bytes = batch.tcp.bytes.len().max(batch.websocket.bytes.len());
        (batch.members, bytes >= BATCH_BYTES_MAX)
    }

    /// The batch's length in this form, in bytes.
    pub(super) fn len(&self, BatchId(batch): BatchId, form: Form) -> u32 {
        self.all[batch as usize].bytes(form).bytes.len() as u32
    }

    /// A range of the batch's bytes.
    pub(super) fn bytes(&self, BatchId(batch): BatchId, form: Form, part: Range<u32>) -> &[u8] {
        &self.all[batch as usize].bytes(form).bytes[part.start as usize..part.end as usize]
    }

    /// Empties all batches. Every outbox must have taken its ranges first.
    pub(super) fn reset(&mut self) {
        for batch in &mut self.all[..self.used] {
            batch.recipients = None;
            batch.tcp.reset();
            batch.websocket.reset();
        }
        self.used = 0;
    }

    /// Frees memory while no batch is in use.
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
