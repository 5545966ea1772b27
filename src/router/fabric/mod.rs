//! The fabric: the last hop of an envelope, over a link to a server that may be paused.
//!
//! ```text
//!              rules say so, or the link
//!              holds older envelopes                  the server is paused
//!   deliver ──┬──▶ on its way ──(due)──┬──▶ arrive ──┬──▶ backlog ──(resume)──┬──▶ out
//!             │      │ lost: sent again│             │      │                 │
//!             └──────┼─────────────────┘             └──────┼─────────────────┘
//!                    ▼ full                                 ▼ full
//!          a call is answered "busy"; a push is dropped, and its sessions are kicked once there is room again
//!
//!   a server:  admit ──▶ up ◀──pause, resume──▶ paused ──▶ remove: what was on its way to it is given back
//! ```
//!
//! The router's own messages cross no link. They wait only for paused servers.

mod traffic;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;
use rustc_hash::FxHashMap;

use self::traffic::Heard;
use super::backlog::Backlog;
use super::counters::RouterCounters;
use super::links::{Arrived, LinkRule, Links, Rule, SendOutcome, UnknownRule};
use crate::channels::Member;
use crate::envelope::{AppError, CallId, Destination, Envelope, Payload};
use crate::ids::{ServerId, ServerType, SessionId};
use crate::time::Time;
use crate::trace::{Reason, TraceId, Watch, What};

pub use self::traffic::EdgeView;

/// An envelope for one server, to be delivered now.
#[derive(Clone, Debug)]
pub struct Routed {
    /// The receiver.
    pub to: ServerId,
    /// The envelope.
    pub envelope: Envelope,
}

/// A server that can receive envelopes; it need not be on its type's list.
struct Home {
    server_type: ServerType,
    /// The envelopes buffered while it is paused.
    paused: Option<Backlog<()>>,
    /// How much it received from each other server.
    heard: Heard,
}

/// Links and mailboxes of all servers, with the traffic between them.
#[derive(Default)]
pub(super) struct Fabric {
    /// Hot: looked up for the sender and the receiver of each envelope. Sort before iterating: map
    /// order is not deterministic.
    homes: FxHashMap<ServerId, Home>,
    links: Links,
    /// Where the steps of traces are recorded, while tracing is possible.
    watch: Option<Watch>,
    now: Time,
    /// What the current order sends, in the order in which it must arrive.
    out: Vec<Routed>,
    last_drain: u64,
    delivered: u64,
    undeliverable: u64,
    refused: u64,
    missed: u64,
}

impl Fabric {
    pub(super) fn new(seed: u64) -> Self {
        Self { links: Links::new(seed), ..Self::default() }
    }

    /// Begins an order at this moment; what it sends is appended to `out`, which [`end`](Self::end)
    /// returns.
    pub(super) fn begin(&mut self, now: Time, out: &mut Vec<Routed>) {
        self.now = now;
        std::mem::swap(&mut self.out, out);
    }

    pub(super) fn end(&mut self, out: &mut Vec<Routed>) {
        std::mem::swap(&mut self.out, out);
    }

    pub(super) fn now(&self) -> Time {
        self.now
    }

    /// Admits a server: it can receive envelopes, and what it sends counts.
    pub(super) fn admit(&mut self, id: &ServerId, server_type: &ServerType) {
        let home = Home { server_type: server_type.clone(), paused: None, heard: Heard::default() };
        self.homes.insert(id.clone(), home);
    }

    /// Removes a server that is gone. Returns its type and the envelopes in flight to it.
    pub(super) fn remove(&mut self, id: &ServerId) -> Option<(ServerType, Vec<Envelope>)> {
        let Home { server_type, mut paused, .. } = self.homes.remove(id)?;
        let waited = paused.iter_mut().flat_map(|backlog| backlog.extract(|_| true));
        let mut lost: Vec<Envelope> = waited.map(|(_, envelope)| envelope).collect();
        lost.extend(self.links.extract(id, |_| true));
        Some((server_type, lost))
    }

    /// Drops the `unwanted` envelopes that a server sent before it ended: those on links, and those
    /// buffered for paused servers. The latter must go too. If their key moves, they are buffered
    /// anew, behind the drain that frees the uids of the ended server's sessions; carried out
    /// later, they would let a departed session enter a room.
    pub(super) fn discard_from(&mut self, id: &ServerId, unwanted: impl Fn(&Payload) -> bool) {
        let is_unwanted = |envelope: &Envelope| envelope.from == *id && unwanted(&envelope.payload);
        self.links.discard_from(id, is_unwanted);
        for backlog in self.homes.values_mut().filter_map(|home| home.paused.as_mut()) {
            backlog.extract(is_unwanted);
        }
    }

    pub(super) fn is_up(&self, id: &ServerId) -> bool {
        self.homes.contains_key(id)
    }

    pub(super) fn type_of(&self, id: &ServerId) -> Option<&ServerType> {
        self.homes.get(id).map(|home| &home.server_type)
    }

    /// The servers that are up, by name; all, or those of a type.
    pub(super) fn servers(&self, server_type: Option<&ServerType>) -> BTreeSet<ServerId> {
        let of_type =
            self.homes.iter().filter(|(_, home)| server_type.is_none_or(|of| home.server_type == *of));
        of_type.map(|(id, _)| id.clone()).collect()
    }

    /// Marks a server as paused: envelopes to it are buffered.
    pub(super) fn pause(&mut self, id: &ServerId) {
        if let Some(home) = self.homes.get_mut(id) {
            home.paused.get_or_insert_default();
        }
    }

    /// Delivers what was buffered for a paused server.
    pub(super) fn resume(&mut self, id: &ServerId) {
        let Some(mut backlog) = self.homes.get_mut(id).and_then(|home| home.paused.take()) else { return };
        while let Some(envelope) = backlog.pop() {
            self.arrive(id.clone(), envelope);
        }
        self.kick_those_who_missed(id, backlog.take_missed());
    }

    /// Installs a rule behind the others, or in place of the rule with its name. Returns the name.
    pub(super) fn install(&mut self, name: &str, rule: Box<dyn Rule>, shown: Option<LinkRule>) -> String {
        self.links.install(self.now, name, rule, shown)
    }

    /// Removes one rule, or all.
    pub(super) fn uninstall(&mut self, name: Option<&str>) -> Result<(), UnknownRule> {
        self.links.uninstall(self.now, name)
    }

    /// Removes all rules, and makes what is in flight on the links due now.
    pub(super) fn hasten(&mut self) {
        self.links.hasten(self.now);
    }

    /// The rules that have a description, in the order in which they are asked.
    pub(super) fn rules(&self) -> Vec<LinkRule> {
        self.links.rules()
    }

    /// Delivers what is due on the links. Returns whether anything was.
    pub(super) fn arrive_due(&mut self) -> bool {
        let mut any = false;
        loop {
            let homes = &self.homes;
            let type_of = |id: &ServerId| homes.get(id).map(|home| home.server_type.clone());
            let Some(Arrived { to, envelope, missed }) = self.links.arrived(self.now, type_of) else { break };
            any = true;
            self.arrive(to.clone(), envelope);
            self.kick_those_who_missed(&to, missed);
        }
        any
    }

    /// When the next envelope is due on a link.
    pub(super) fn next_due(&self) -> Option<Time> {
        self.links.next_due()
    }

    /// A number for the next round of drains.
    pub(super) fn next_drain(&mut self) -> u64 {
        self.last_drain += 1;
        self.last_drain
    }

    /// The number of the last envelope put on a link.
    pub(super) fn last_serial(&self) -> u64 {
        self.links.last_serial()
    }

    /// Whether an envelope that a server sent, up to that number, is still in flight.
    pub(super) fn holds_from(&self, from: &ServerId, serial: u64) -> bool {
        self.links.holds_from(from, serial)
    }

    /// The keys of the envelopes in flight to a server or buffered for it.
    pub(super) fn keys_to<'a>(&'a self, id: &'a ServerId) -> impl Iterator<Item = Arc<str>> + 'a {
        let waits = self.homes.get(id).and_then(|home| home.paused.as_ref());
        self.links.keys_to(id).chain(waits.into_iter().flat_map(Backlog::keys))
    }

    /// Takes back the `wanted` envelopes in flight to a server or buffered for it, oldest first.
    pub(super) fn take_back(&mut self, id: &ServerId, wanted: impl Fn(&Envelope) -> bool) -> Vec<Envelope> {
        let waits = self.homes.get_mut(id).and_then(|home| home.paused.as_mut());
        let taken = waits.into_iter().flat_map(|backlog| backlog.extract(&wanted));
        let mut taken: Vec<Envelope> = taken.map(|(_, envelope)| envelope).collect();
        taken.extend(self.links.extract(id, wanted));
        taken
    }

    pub(super) fn answer(&mut self, to: ServerId, call: CallId, result: Result<Bytes, AppError>) {
        self.send(to, Payload::Answer { call, result });
    }

    /// Sends a message of the router itself, which crosses no link.
    pub(super) fn send(&mut self, to: ServerId, payload: Payload) {
        self.deliver(to.clone(), to, (payload, None));
    }

    /// Puts an envelope on the link to its server.
    pub(super) fn deliver(
        &mut self,
        from: ServerId,
        to: ServerId,
        (payload, trace): (Payload, Option<TraceId>),
    ) {
        let mut envelope = Envelope { from, to: Destination::Server(to.clone()), payload, trace };
        if self.links.is_active() && envelope.from != to {
            let types = self.type_of(&envelope.from).zip(self.type_of(&to));
            // A sender that has vanished since has no type any more. Its last envelopes arrive
            // without rules.
            if let Some((from, to_type)) = types.map(|(from, to)| (from.clone(), to.clone())) {
                let sender = envelope.from.clone();
                match self.links.send(self.now, (&from, &to_type), &to, envelope) {
                    SendOutcome::Arrives(passed) => envelope = passed,
                    SendOutcome::OnItsWay { lost } => {
                        let reason = if lost { Reason::Lost } else { Reason::Link };
                        return self.step(trace, &sender, || What::Held { to, reason });
                    }
                    SendOutcome::Full(refused) => return self.refuse(&to, refused),
                }
            }
        }
        self.arrive(to, envelope);
    }

    /// Answers a call that the backlog has no room for; any other envelope is counted and dropped.
    pub(super) fn refuse(&mut self, to: &ServerId, envelope: Envelope) {
        self.refused += 1;
        if let Payload::Invoke(invoke) = envelope.payload
            && let Some(call) = invoke.call
        {
            let error = AppError::new(format!("busy: too much waits for {to}")).with_code(503);
            self.answer(envelope.from, call, Err(error));
        }
    }

    /// Answers a call that has no server to go to with the error. Returns the member of a `Gone`
    /// that no server can receive.
    pub(super) fn undeliverable(
        &mut self,
        from: ServerId,
        payload: Payload,
        error: AppError,
    ) -> Option<Member> {
        self.undeliverable += 1;
        log::debug!("undeliverable server={from} error={:?}", error.message);
        match payload {
            Payload::Invoke(invoke) => self.answer(from, invoke.call?, Err(error)),
            Payload::Gone { member, .. } => return Some(member),
            _ => {}
        }
        None
    }

    pub(super) fn set_watch(&mut self, watch: Watch) {
        self.watch = Some(watch);
    }

    pub(super) fn watch(&self) -> Option<&Watch> {
        self.watch.as_ref()
    }

    /// Records a step of a trace, in the name of the server that sent the envelope.
    pub(super) fn step(&self, trace: Option<TraceId>, from: &ServerId, what: impl FnOnce() -> What) {
        note(&self.watch, self.now, trace, from, what);
    }

    /// For each pair of servers, by name: envelopes arrived, and envelopes in flight or buffered.
    pub(super) fn edges(&self) -> BTreeMap<(&ServerId, &ServerId), (u64, usize)> {
        let mut edges: BTreeMap<_, (u64, usize)> = BTreeMap::new();
        for (to, home) in &self.homes {
            for (from, count) in home.heard.each() {
                edges.entry((from, to)).or_default().0 += count;
            }
            for envelope in home.paused.iter().flat_map(Backlog::envelopes) {
                edges.entry((&envelope.from, to)).or_default().1 += 1;
            }
        }
        for (from, to, held) in self.links.held() {
            edges.entry((from, to)).or_default().1 += held;
        }
        edges
    }

    /// How many envelopes are buffered for a paused server.
    pub(super) fn waiting_for(&self, id: &ServerId) -> usize {
        let paused = self.homes.get(id).and_then(|home| home.paused.as_ref());
        paused.map_or(0, |backlog| backlog.envelopes().len())
    }

    pub(super) fn count(&self, counters: &mut RouterCounters) {
        counters.delivered = self.delivered;
        counters.undeliverable = self.undeliverable;
        counters.refused = self.refused;
        counters.missed = self.missed;
        counters.resent = self.links.resent;
    }

    /// Delivers an envelope to its server, or buffers it while the server is paused.
    fn arrive(&mut self, to: ServerId, envelope: Envelope) {
        // The router may answer a server that has vanished.
        if let Some(home) = self.homes.get_mut(&to) {
            if let Some(backlog) = &mut home.paused {
                note(&self.watch, self.now, envelope.trace, &envelope.from, || What::Held {
                    to: to.clone(),
                    reason: Reason::Paused,
                });
                if let Some(refused) = backlog.push((), envelope) {
                    self.refuse(&to, refused);
                }
                return;
            }
            home.heard.count(&envelope.from);
        }
        self.delivered += 1;
        self.out.push(Routed { to, envelope });
    }

    /// A session that missed a push cannot know what it missed. Close it: its client logs in again.
    fn kick_those_who_missed(&mut self, frontend: &ServerId, missed: BTreeSet<SessionId>) {
        for session in missed {
            self.missed += 1;
            self.send(frontend.clone(), Payload::Kick { session, reason: "missed messages".into() });
        }
    }
}

fn note(
    watch: &Option<Watch>,
    now: Time,
    trace: Option<TraceId>,
    from: &ServerId,
    what: impl FnOnce() -> What,
) {
    if let Some((trace, watch)) = trace.zip(watch.as_ref()) {
        watch.note(now, from, [(trace, what())]);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
