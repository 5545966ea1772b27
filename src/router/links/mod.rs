//! The links between servers: streams that rules make slow, lossy or cut.
//!
//! A link goes from one server to another and keeps its order, as a TCP connection between two
//! Pomelo servers does. An envelope that is lost on it is sent again a little later, and everything
//! behind it waits: loss costs time. A cut link holds everything until it heals. A request whose
//! answer does not come in time is answered by its deadline.

mod rule;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

pub use rule::{End, Latency, Link, LinkRule, Rule, UnknownRule, Verdict};

use super::backlog::Backlog;
use crate::envelope::Envelope;
use crate::ids::{ServerId, ServerType, SessionId};
use crate::random::Random;
use crate::time::Time;

/// Delay until a lost envelope is sent again: the least that TCP waits on Linux.
pub const RESEND_AFTER: Duration = Duration::from_millis(200);

/// Sender and receiver.
type LinkKey = (ServerId, ServerId);

/// All links, and the rules that they follow.
#[derive(Default)]
pub(super) struct Links {
    seed: u64,
    rules: Vec<Installed>,
    wires: BTreeMap<LinkKey, Wire>,
    /// When the first envelope of each link is due.
    due: BTreeSet<(Time, u64, LinkKey)>,
    last_serial: u64,
    last_name: u64,
    pub(super) resent: u64,
}

struct Installed {
    name: String,
    rule: Box<dyn Rule>,
    /// Its description, if it has one.
    shown: Option<LinkRule>,
}

/// What is in flight on one link.
struct Wire {
    backlog: Backlog<Sent>,
    random: Random,
}

/// When an envelope arrives.
#[derive(Debug)]
struct Sent {
    serial: u64,
    due: Time,
    /// It was lost, and is sent again at `due`.
    lost: bool,
}

/// An envelope at the end of its link.
pub(super) struct Arrived {
    pub(super) to: ServerId,
    pub(super) envelope: Envelope,
    /// Sessions of the receiver that missed a push earlier, when the link was full.
    pub(super) missed: BTreeSet<SessionId>,
}

/// The result of sending.
pub(super) enum SendOutcome {
    /// It arrives now.
    Arrives(Envelope),
    /// It is in flight, or was lost and will be sent again.
    OnItsWay {
        /// Whether it was lost.
        lost: bool,
    },
    /// The link is full.
    Full(Envelope),
}

impl Links {
    pub(super) fn new(seed: u64) -> Self {
        Self { seed, ..Self::default() }
    }

    /// Whether any envelope can be delayed.
    pub(super) fn is_active(&self) -> bool {
        !self.rules.is_empty() || !self.due.is_empty()
    }

    /// Installs a rule behind the others, or in place of the rule with its name. Returns the name.
    pub(super) fn install(
        &mut self,
        now: Time,
        name: &str,
        rule: Box<dyn Rule>,
        shown: Option<LinkRule>,
    ) -> String {
        let mut name = name.to_owned();
        while name.is_empty() {
            self.last_name += 1;
            let next = format!("rule-{}", self.last_name);
            if self.rules.iter().all(|rule| rule.name != next) {
                name = next;
            }
        }
        let shown = shown.map(|shown| LinkRule { name: name.clone(), ..shown });
        let installed = Installed { name: name.clone(), rule, shown };
        match self.rules.iter_mut().find(|rule| rule.name == name) {
            Some(before) => *before = installed,
            None => self.rules.push(installed),
        }
        self.resend(now);
        name
    }

    /// Removes one rule, or all.
    pub(super) fn uninstall(&mut self, now: Time, name: Option<&str>) -> Result<(), UnknownRule> {
        match name {
            None => self.rules.clear(),
            Some(name) => {
                let before = self.rules.len();
                self.rules.retain(|rule| rule.name != name);
                if self.rules.len() == before {
                    let known = self.rules.iter().map(|rule| rule.name.clone()).collect();
                    return Err(UnknownRule { name: name.to_owned(), known });
                }
            }
        }
        self.resend(now);
        Ok(())
    }

    pub(super) fn rules(&self) -> Vec<LinkRule> {
        self.rules.iter().filter_map(|rule| rule.shown.clone()).collect()
    }

    pub(super) fn next_due(&self) -> Option<Time> {
        self.due.first().map(|(time, _, _)| *time)
    }

    /// Sends an envelope on its link.
    pub(super) fn send(
        &mut self,
        now: Time,
        types: (&ServerType, &ServerType),
        to: &ServerId,
        envelope: Envelope,
    ) -> SendOutcome {
        let key = (envelope.from.clone(), to.clone());
        let seed = self.seed;
        let wire = self.wires.entry(key.clone()).or_insert_with(|| Wire {
            backlog: Backlog::default(),
            random: Random::new(seed, &format!("link {} {}", key.0, key.1)),
        });
        let verdict = verdict(&mut self.rules, &key, types, &mut wire.random);
        if wire.backlog.is_empty() && verdict == Verdict::Pass {
            return SendOutcome::Arrives(envelope);
        }
        let (due, lost) = match verdict {
            Verdict::Pass => (now, false),
            Verdict::Deliver(after) => (now + after, false),
            Verdict::Drop => (now + RESEND_AFTER, true),
        };
        self.last_serial += 1;
        let sent = Sent { serial: self.last_serial, due, lost };
        let is_first = wire.backlog.is_empty();
        if let Some(envelope) = wire.backlog.push(sent, envelope) {
            return SendOutcome::Full(envelope);
        }
        if is_first && let Some(first) = wire.backlog.front() {
            self.due.insert((first.due, first.serial, key));
        }
        SendOutcome::OnItsWay { lost }
    }

    /// The next envelope that has arrived by now.
    pub(super) fn arrived(
        &mut self,
        now: Time,
        type_of: impl Fn(&ServerId) -> Option<ServerType>,
    ) -> Option<Arrived> {
        loop {
            let (time, _, _) = self.due.first()?;
            if *time > now {
                return None;
            }
            let (_, _, key) = self.due.pop_first()?;
            let Some(wire) = self.wires.get_mut(&key) else { continue };
            let Some(first) = wire.backlog.front_mut() else { continue };
            if first.lost {
                self.resent += 1;
                let types = type_of(&key.0).zip(type_of(&key.1));
                // An end that has vanished has no rules.
                let verdict = types.map_or(Verdict::Pass, |(from, to)| {
                    verdict(&mut self.rules, &key, (&from, &to), &mut wire.random)
                });
                match verdict {
                    Verdict::Drop => first.due = now + RESEND_AFTER,
                    Verdict::Deliver(after) => (first.due, first.lost) = (now + after, false),
                    Verdict::Pass => first.lost = false,
                }
                if verdict != Verdict::Pass {
                    self.due.insert((first.due, first.serial, key));
                    continue;
                }
            }
            let envelope = wire.backlog.pop()?;
            let to = key.1.clone();
            // An envelope that was due before its predecessor has waited for it, and is due now.
            let missed = match wire.backlog.front_mut() {
                Some(next) => {
                    next.due = next.due.max(now);
                    self.due.insert((next.due, next.serial, key));
                    BTreeSet::new()
                }
                None => wire.backlog.take_missed(),
            };
            return Some(Arrived { to, envelope, missed });
        }
    }

    /// How many envelopes are in flight on each link that has any.
    pub(super) fn held(&self) -> impl Iterator<Item = (&ServerId, &ServerId, usize)> {
        let links = self.wires.iter().map(|((from, to), wire)| (from, to, wire.backlog.envelopes().len()));
        links.filter(|(_, _, held)| *held > 0)
    }

    /// The number of the last envelope sent.
    pub(super) fn last_serial(&self) -> u64 {
        self.last_serial
    }

    /// Whether an envelope from `from`, up to that number, is still in flight.
    pub(super) fn holds_from(&self, from: &ServerId, serial: u64) -> bool {
        let of_server = self.wires.iter().filter(|((sender, _), _)| sender == from);
        of_server.filter_map(|(_, wire)| wire.backlog.front()).any(|first| first.serial <= serial)
    }

    /// The keys of the envelopes in flight to a server.
    pub(super) fn keys_to<'a>(&'a self, to: &'a ServerId) -> impl Iterator<Item = Arc<str>> + 'a {
        self.wires.iter().filter(move |((_, end), _)| end == to).flat_map(|(_, wire)| wire.backlog.keys())
    }

    /// Removes the `wanted` envelopes in flight to a server and returns them in sending order.
    pub(super) fn extract(&mut self, to: &ServerId, wanted: impl Fn(&Envelope) -> bool) -> Vec<Envelope> {
        let mut out = Vec::new();
        for (key, wire) in self.wires.iter_mut().filter(|((_, end), _)| end == to) {
            if let Some(first) = wire.backlog.front() {
                self.due.remove(&(first.due, first.serial, key.clone()));
            }
            out.extend(wire.backlog.extract(&wanted));
            if let Some(first) = wire.backlog.front() {
                self.due.insert((first.due, first.serial, key.clone()));
            }
        }
        out.sort_by_key(|(sent, _)| sent.serial);
        out.into_iter().map(|(_, envelope)| envelope).collect()
    }

    /// Drops the `unwanted` envelopes that a server sent.
    pub(super) fn discard_from(&mut self, from: &ServerId, unwanted: impl Fn(&Envelope) -> bool) {
        let receivers: Vec<ServerId> =
            self.wires.keys().filter(|(sender, _)| sender == from).map(|(_, to)| to.clone()).collect();
        for to in receivers {
            self.extract(&to, |envelope| envelope.from == *from && unwanted(envelope));
        }
    }

    /// Removes all rules, and makes everything in flight due now.
    pub(super) fn hasten(&mut self, now: Time) {
        self.rules.clear();
        self.set_due(now, |_| true);
    }

    /// The rules have changed: send lost envelopes again at once.
    fn resend(&mut self, now: Time) {
        self.set_due(now, |sent| sent.lost);
    }

    fn set_due(&mut self, now: Time, which: impl Fn(&Sent) -> bool) {
        for (key, wire) in &mut self.wires {
            let Some(first) = wire.backlog.front() else { continue };
            self.due.remove(&(first.due, first.serial, key.clone()));
            wire.backlog.tags_mut().filter(|sent| which(sent)).for_each(|sent| sent.due = now);
            if let Some(first) = wire.backlog.front() {
                self.due.insert((first.due, first.serial, key.clone()));
            }
        }
    }
}

/// The first rule with an opinion wins.
fn verdict(
    rules: &mut [Installed],
    (from, to): &LinkKey,
    (from_type, to_type): (&ServerType, &ServerType),
    random: &mut Random,
) -> Verdict {
    let link =
        Link { from: End { id: from, server_type: from_type }, to: End { id: to, server_type: to_type } };
    let mut said = rules.iter_mut().map(|installed| installed.rule.verdict(&link, random));
    said.find(|verdict| *verdict != Verdict::Pass).unwrap_or(Verdict::Pass)
}
