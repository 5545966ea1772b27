//! Envelopes that wait for a server: because it is paused, because its link is slow or cut, or
//! because their key is between two servers. Bounded.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use crate::envelope::{Envelope, Payload};
use crate::ids::SessionId;

/// Most bytes that wait on one link, for one paused server, or for the keys of one type.
pub(super) const BACKLOG_BYTES_MAX: usize = 8 * 1024 * 1024;

/// The size of an envelope without its body, in bytes.
const ENVELOPE_BYTES: usize = 256;

/// A bounded queue of envelopes in sending order.
#[derive(Debug)]
pub(super) struct Backlog<T> {
    queue: VecDeque<(T, Envelope)>,
    bytes: usize,
    /// Sessions whose push found no room. They cannot know what they missed, so they are told.
    missed: BTreeSet<SessionId>,
}

impl<T> Default for Backlog<T> {
    fn default() -> Self {
        Self { queue: VecDeque::new(), bytes: 0, missed: BTreeSet::new() }
    }
}

impl<T> Backlog<T> {
    /// Adds an envelope. A full backlog returns a call, so that its caller can be told, and drops a
    /// push, whose sessions are remembered. Messages of the cluster itself always find room.
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

    /// The keys by which the envelopes' server was picked.
    pub(super) fn keys(&self) -> impl Iterator<Item = Arc<str>> + '_ {
        self.queue.iter().filter_map(|(_, envelope)| key_of(&envelope.payload).cloned())
    }

    /// Removes the `wanted` envelopes and returns them in order.
    pub(super) fn extract(&mut self, wanted: impl Fn(&Envelope) -> bool) -> Vec<(T, Envelope)> {
        let (out, kept): (VecDeque<_>, VecDeque<_>) =
            std::mem::take(&mut self.queue).into_iter().partition(|(_, envelope)| wanted(envelope));
        self.queue = kept;
        self.bytes -=
            out.iter().map(|(_, envelope)| ENVELOPE_BYTES + body_bytes(&envelope.payload)).sum::<usize>();
        out.into()
    }

    /// Puts older envelopes in front. They had room where they were before.
    pub(super) fn put_before(&mut self, older: Vec<(T, Envelope)>) {
        self.bytes +=
            older.iter().map(|(_, envelope)| ENVELOPE_BYTES + body_bytes(&envelope.payload)).sum::<usize>();
        let newer = std::mem::replace(&mut self.queue, older.into());
        self.queue.extend(newer);
    }

    /// The sessions that missed a push. Ask once, when the backlog is empty.
    pub(super) fn take_missed(&mut self) -> BTreeSet<SessionId> {
        std::mem::take(&mut self.missed)
    }

    /// All envelopes, in order.
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
        // Recipients share the frame; it is counted for each.
        Payload::Push { sessions, frame } => frame.package().len() + 8 * sessions.as_slice().len(),
        Payload::Broadcast { frame } => frame.package().len(),
        _ => 0,
    }
}

/// The key by which the server of an envelope was picked.
pub(super) fn key_of(payload: &Payload) -> Option<&Arc<str>> {
    match payload {
        Payload::Invoke(invoke) => invoke.key.as_ref(),
        Payload::Gone { key, .. } => key.as_ref(),
        _ => None,
    }
}
