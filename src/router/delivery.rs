//! The last part of an envelope's way: over the link to its server, which may be paused; or back, when there is no room.

use bytes::Bytes;

use super::backlog::Backlog;
use super::links::{Arrived, Rule, SendOutcome};
use super::tracing::note;
use super::{LinkRule, Routed, Router, UnknownRule};
use crate::envelope::{AppError, CallId, Destination, Envelope, Payload};
use crate::ids::{ServerId, SessionId};
use crate::time::Time;
use crate::trace::{Reason, TraceId, What};

impl Router {
    /// Time has passed: what was under way on links may arrive.
    pub fn tick(&mut self, now: Time, out: &mut Vec<Routed>) {
        self.now = now;
        let mut any = false;
        loop {
            let homes = &self.homes;
            let type_of = |id: &ServerId| homes.get(id).map(|home| home.server_type.clone());
            let Some(Arrived { to, envelope, missed }) = self.links.arrived(now, type_of) else { break };
            any = true;
            self.arrive(to.clone(), envelope, out);
            self.tell_missed(&to, missed, out);
        }
        if any {
            self.proceed(out);
        }
        self.bury(out);
        self.sweep(out);
        self.learn_of_silence();
    }

    /// When the router wants a [`tick`](Self::tick).
    pub fn next_deadline(&self) -> Option<Time> {
        let buried = self.burials.iter().map(|burial| burial.until).min();
        [self.links.next_due(), buried, self.next_sweep()].into_iter().flatten().min()
    }

    /// Installs a rule of the links, behind the others or in the place of the one of that name. Gives its name.
    pub fn install(&mut self, now: Time, rule: LinkRule, out: &mut Vec<Routed>) -> String {
        let name = self.links.install(now, &rule.name.clone(), Box::new(rule.clone()), Some(rule));
        self.tick(now, out);
        name
    }

    /// The same with a rule of your own.
    pub fn install_rule(
        &mut self,
        now: Time,
        name: &str,
        rule: impl Rule + 'static,
        out: &mut Vec<Routed>,
    ) -> String {
        let name = self.links.install(now, name, Box::new(rule), None);
        self.tick(now, out);
        name
    }

    /// Takes a rule away, or all; what waited goes on.
    ///
    /// # Errors
    /// No rule has that name.
    pub fn heal(&mut self, now: Time, name: Option<&str>, out: &mut Vec<Routed>) -> Result<(), UnknownRule> {
        self.links.uninstall(now, name)?;
        self.tick(now, out);
        Ok(())
    }

    /// The rules that were described, in the order in which they are asked.
    pub fn rules(&self) -> Vec<LinkRule> {
        self.links.rules()
    }

    /// A server does nothing from now on: what is for it waits.
    pub fn pause(&mut self, id: &ServerId) {
        if let Some(home) = self.homes.get_mut(id).filter(|home| home.paused.is_none()) {
            home.paused = Some(Backlog::default());
        }
    }

    /// A paused server goes on, with what has waited for it.
    pub fn resume(&mut self, now: Time, id: &ServerId, out: &mut Vec<Routed>) {
        self.now = now;
        let Some(mut backlog) = self.homes.get_mut(id).and_then(|home| home.paused.take()) else { return };
        while let Some(envelope) = backlog.pop() {
            self.arrive(id.clone(), envelope, out);
        }
        self.tell_missed(id, backlog.take_missed(), out);
    }

    pub(super) fn answer(
        &mut self,
        to: ServerId,
        call: CallId,
        result: Result<Bytes, AppError>,
        out: &mut Vec<Routed>,
    ) {
        self.tell(to, Payload::Answer { call, result }, out);
    }

    /// What the router itself says to a server crosses no link.
    pub(super) fn tell(&mut self, to: ServerId, payload: Payload, out: &mut Vec<Routed>) {
        self.deliver(to.clone(), to, (payload, None), out);
    }

    /// Puts an envelope on the link to its server.
    pub(super) fn deliver(
        &mut self,
        from: ServerId,
        to: ServerId,
        (payload, trace): (Payload, Option<TraceId>),
        out: &mut Vec<Routed>,
    ) {
        let mut envelope = Envelope { from, to: Destination::Server(to.clone()), payload, trace };
        if self.links.is_active() && envelope.from != to {
            let types = self.type_of(&envelope.from).zip(self.type_of(&to));
            // A sender that has vanished since has no type any more; its link is what its last words come by.
            if let Some((from, to_type)) = types.map(|(from, to)| (from.clone(), to.clone())) {
                let sender = envelope.from.clone();
                match self.links.send(self.now, (&from, &to_type), &to, envelope) {
                    SendOutcome::Arrives(passed) => envelope = passed,
                    SendOutcome::OnItsWay { lost } => {
                        let reason = if lost { Reason::Lost } else { Reason::Link };
                        return self.step(trace, &sender, || What::Held { to, reason });
                    }
                    SendOutcome::Full(refused) => return self.refuse(&to, refused, out),
                }
            }
        }
        self.arrive(to, envelope, out);
    }

    /// Gives an envelope to its server, which may be paused.
    pub(super) fn arrive(&mut self, to: ServerId, envelope: Envelope, out: &mut Vec<Routed>) {
        // It is not there when the router answers one that has vanished.
        if let Some(home) = self.homes.get_mut(&to) {
            if let Some(backlog) = &mut home.paused {
                note(&self.watch, self.now, envelope.trace, &envelope.from, || What::Held {
                    to: to.clone(),
                    reason: Reason::Paused,
                });
                if let Some(refused) = backlog.push((), envelope) {
                    self.refuse(&to, refused, out);
                }
                return;
            }
            home.heard.count(&envelope.from);
        }
        self.counters.delivered += 1;
        out.push(Routed { to, envelope });
    }

    /// Answers a call for which there is no room; what is no call is counted and dropped.
    pub fn refuse(&mut self, to: &ServerId, envelope: Envelope, out: &mut Vec<Routed>) {
        self.counters.refused += 1;
        if let Payload::Invoke(invoke) = envelope.payload
            && let Some(call) = invoke.call
        {
            let error = AppError::new(format!("busy: too much waits for {to}")).with_code(503);
            self.answer(envelope.from, call, Err(error), out);
        }
    }

    /// Sessions that have missed a push cannot go on as if nothing were: they are told, and enter anew.
    pub(super) fn tell_missed(
        &mut self,
        frontend: &ServerId,
        missed: impl IntoIterator<Item = SessionId>,
        out: &mut Vec<Routed>,
    ) {
        for session in missed {
            self.counters.missed += 1;
            self.tell(frontend.clone(), Payload::Kick { session, reason: "missed messages".into() }, out);
        }
    }

    pub(super) fn undeliverable(
        &mut self,
        from: ServerId,
        payload: &Payload,
        error: AppError,
        out: &mut Vec<Routed>,
    ) {
        self.counters.undeliverable += 1;
        log::debug!("undeliverable server={from} error={:?}", error.message);
        match payload {
            Payload::Invoke(invoke) => {
                if let Some(call) = invoke.call {
                    self.answer(from, call, Err(error), out);
                }
            }
            // Nobody is left who could hear it; whoever takes the room over will be told.
            Payload::Gone { member, .. } => self.free(&member.uid, &member.session, out),
            _ => {}
        }
    }
}
