//! Envelopes that wait for a server: since it is paused, since the link to it is slow or cut, or
//! since their key is between two servers. Bounded.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use crate::envelope::{Envelope, Payload};
use crate::ids::SessionId;

/// Most bytes that wait on one link, before one paused server, or for keys of one type.
pub(super) const BACKLOG_BYTES_MAX: usize = 8 * 1024 * 1024;

/// What an envelope takes besides its body.
const ENVELOPE_BYTES: usize = 256;

/// In the order in which they were sent.
#[derive(Debug)]
pub(super) struct Backlog<T> {
    queue: VecDeque<(T, Envelope)>,
    bytes: usize,
    /// Sessions for which a push found no room: what they miss they cannot know, so they are told.
    missed: BTreeSet<SessionId>,
}

impl<T> Default for Backlog<T> {
    fn default() -> Self {
        Self { queue: VecDeque::new(), bytes: 0, missed: BTreeSet::new() }
    }
}

impl<T> Backlog<T> {
    /// Takes an envelope; gives it back when it is full, if it is a call, whose sender can be told.
    /// A push is dropped then, and its sessions are remembered; what the cluster itself says always
    /// finds room.
    pub(super) fn push(&mut self, tag: T, envelope: Envelope) -> Option<Envelope> {
        let bytes = ENVELOPE_BYTES + body_bytes(&envelope.payload);
        if self.bytes + bytes > BACKLOG_BYTES_MAX {
            match &envelope.payload {
                Payload::Invoke(invoke) if invoke.call.is_some() => return Some(envelope),
                Payload::Push { sessions, .. } => {
                    self.missed.extend(sessions.as_slice());
                    return None;
                }
                _ => {}
            }
        }
        self.bytes += bytes;
        self.queue.push_back((tag, envelope));
        None
    }

    pub(super) fn front(&self) -> Option<&T> {
        self.queue.front().map(|(tag, _)| tag)
    }

    pub(super) fn front_mut(&mut self) -> Option<&mut T> {
        self.queue.front_mut().map(|(tag, _)| tag)
    }

    pub(super) fn tags_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.queue.iter_mut().map(|(tag, _)| tag)
    }

    pub(super) fn pop(&mut self) -> Option<Envelope> {
        let (_, envelope) = self.queue.pop_front()?;
        self.bytes -= ENVELOPE_BYTES + body_bytes(&envelope.payload);
        Some(envelope)
    }

    /// The keys by which their server was chosen.
    pub(super) fn keys(&self) -> impl Iterator<Item = Arc<str>> + '_ {
        self.queue.iter().filter_map(|(_, envelope)| key_of(&envelope.payload).cloned())
    }

    /// Takes out those for which `wanted` says so, in order.
    pub(super) fn extract(&mut self, wanted: impl Fn(&Envelope) -> bool) -> Vec<(T, Envelope)> {
        let (out, kept): (VecDeque<_>, VecDeque<_>) =
            std::mem::take(&mut self.queue).into_iter().partition(|(_, envelope)| wanted(envelope));
        self.queue = kept;
        self.bytes -=
            out.iter().map(|(_, envelope)| ENVELOPE_BYTES + body_bytes(&envelope.payload)).sum::<usize>();
        out.into()
    }

    /// Puts others in front. They are older, and found room where they were before.
    pub(super) fn put_before(&mut self, older: Vec<(T, Envelope)>) {
        self.bytes +=
            older.iter().map(|(_, envelope)| ENVELOPE_BYTES + body_bytes(&envelope.payload)).sum::<usize>();
        let newer = std::mem::replace(&mut self.queue, older.into());
        self.queue.extend(newer);
    }

    /// The sessions that missed something; asked once, when all that waited is gone.
    pub(super) fn take_missed(&mut self) -> BTreeSet<SessionId> {
        std::mem::take(&mut self.missed)
    }

    /// All of them, in order.
    pub(super) fn envelopes(&self) -> impl ExactSizeIterator<Item = &Envelope> {
        self.queue.iter().map(|(_, envelope)| envelope)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }
}

fn body_bytes(payload: &Payload) -> usize {
    match payload {
        Payload::Invoke(invoke) => invoke.body.len(),
        Payload::Answer { result: Ok(body), .. } => body.len(),
        // The frame is shared with other recipients; it is counted for each.
        Payload::Push { sessions, frame } => frame.package().len() + 8 * sessions.as_slice().len(),
        Payload::Broadcast { frame } => frame.package().len(),
        _ => 0,
    }
}

/// The key by which the server of an envelope was chosen.
pub(super) fn key_of(payload: &Payload) -> Option<&Arc<str>> {
    match payload {
        Payload::Invoke(invoke) => invoke.key.as_ref(),
        Payload::Gone { key, .. } => key.as_ref(),
        _ => None,
    }
}
