//! The supervisor's shell in the world: carries out its decisions, and reports the facts that it
//! waits for.

use super::{ToClient, World, WorldEvent};
use crate::config::ServerSpec;
use crate::servers::Delivery;
use crate::supervisor::{Act, Decision, Fact, Refused, ServerState, Supervisor, Verb};
use crate::time::Time;

impl World {
    /// Starts a server: a new one at the end of its type's list, or one that is down. Returns false
    /// if it cannot start.
    pub fn start(&mut self, now: Time, spec: &ServerSpec) -> bool {
        self.now = now;
        let is_served = self.blueprint.served().contains(&spec.server_type.as_str());
        if !is_served {
            return false;
        }
        if self.stations.find(spec.id.as_str()).is_none() {
            self.add_station(spec);
        }
        self.decide(|supervisor, now, out| supervisor.add(now, spec, out)).is_ok()
    }

    /// Changes a server.
    ///
    /// # Errors
    /// The server's state does not allow the order.
    pub fn change(&mut self, now: Time, verb: Verb, station: u16) -> Result<(), Refused> {
        self.now = now;
        let id = self.stations.at(station).spec.id.clone();
        self.decide(|supervisor, now, out| supervisor.order(now, verb, &id, out))
    }

    /// The server's state in the supervisor. None if the server was removed.
    pub fn state(&self, station: u16) -> Option<ServerState> {
        self.supervisor.state(&self.stations.at(station).spec.id)
    }

    /// Lets the supervisor act on passed deadlines: it ends overdue waits and brings servers back.
    pub(super) fn tick_supervisor(&mut self) {
        self.decide(|supervisor, now, out| supervisor.tick(now, out));
    }

    /// Reports all facts that the supervisor waits for. Under turns, each report is a turn, so this
    /// does nothing.
    pub(super) fn report_facts(&mut self) {
        while self.awaited > 0 && self.turns.is_none() {
            let Some(station) = self.facts().next() else { return };
            self.learn_of(station);
        }
    }

    /// Lets the supervisor decide. Its decisions are carried out at once, unless turns are drawn.
    fn decide<R>(&mut self, how: impl FnOnce(&mut Supervisor, Time, &mut Vec<Decision>) -> R) -> R {
        let mut decided = Vec::new();
        let result = how(&mut self.supervisor, self.now, &mut decided);
        self.decisions.extend(decided);
        if !self.turns.as_ref().is_some_and(|turns| turns.is_drawn()) {
            while !self.decisions.is_empty() {
                self.carry_out_next();
            }
        }
        if self.turns.is_none()
            && let Some(deadline) = self.supervisor.next_deadline()
            && self.supervise_at.is_none_or(|planned| deadline < planned)
        {
            // Plan only earlier deadlines: a passed event plans the next one itself.
            self.supervise_at = Some(deadline);
            self.stations.plan(deadline, WorldEvent::Supervise);
        }
        result
    }

    pub(super) fn carry_out_next(&mut self) {
        let Some(Decision { server: id, act }) = self.decisions.pop_front() else { return };
        let Some(station) = self.stations.find(id.as_str()) else { return };
        log::trace!("{:?} {id}: {act:?}", self.now);
        let slot = &mut self.slots[usize::from(station)];
        let spec = || self.stations.at(station).spec.clone();
        match act {
            // No socket listens in a world, so every bind succeeds.
            Act::Bind => self.learn(station, Fact::Bound),
            Act::Admit => {
                let spec = spec();
                if let Some(turns) = &mut self.turns {
                    turns.drop_mail_of(station);
                }
                // Cannot fail: `start` has checked that the cluster serves the type.
                let _ = self.router.admit(&spec);
            }
            Act::Make => {
                self.generations += 1;
                if let Some(planned) = self.blueprint.server(&spec(), self.generations) {
                    self.put(station, (planned.make)());
                }
            }
            Act::Deliver(delivery) => self.give(station, delivery),
            Act::Open => {
                self.stations.at_mut(station).is_open = true;
                self.learn(station, Fact::Open);
            }
            Act::Join => {
                let spec = spec();
                self.list_changes(station, true);
                self.order(|router, now, out| router.join(now, &spec, out));
            }
            Act::Pause => {
                slot.queue.set_paused(true);
                self.router.pause(&id);
            }
            Act::Resume => {
                slot.queue.set_paused(false);
                match self.turns {
                    Some(_) => slot.queue.put_first((0, Delivery::Tick)),
                    None => self.go_on_at_cost(station),
                }
                self.order(|router, now, out| router.resume(now, &id, out));
            }
            Act::Retire => {
                self.list_changes(station, false);
                self.order(|router, now, out| router.retire(now, &id, out));
            }
            Act::StopAccepting => self.stations.at_mut(station).is_open = false,
            Act::Shut(reason) => {
                slot.shut = Some((slot.came(), reason));
                self.shut_if_due(station);
            }
            Act::Forget => {
                if slot.is_listed {
                    self.list_changes(station, false);
                }
                self.order(|router, now, out| router.forget(now, &id, out));
            }
            Act::End => {
                self.awaited -= usize::from(slot.awaits.is_some());
                slot.clear(self.now);
                let at = self.stations.at_mut(station);
                at.end(self.now);
                if at.spec.frontend {
                    self.said.push((station, ToClient::Gone));
                }
            }
            Act::RemoveFromOrder => self.router.remove_from_order(&id),
            Act::Await(Fact::Ended) => self.learn(station, Fact::Ended),
            Act::Await(fact) => {
                self.awaited += usize::from(slot.awaits.replace(fact).is_none());
            }
            Act::Note(_) => {}
        }
    }

    /// Gives a server a delivery from the supervisor.
    pub(super) fn give(&mut self, station: u16, delivery: Delivery) {
        let is_free = matches!(delivery, Delivery::Started | Delivery::AllStarted);
        match self.turns.is_none() && is_free {
            true => self.at_once(station, delivery),
            false => self.arrive(station, delivery),
        }
        let slot = &mut self.slots[usize::from(station)];
        slot.told = slot.came();
    }

    /// The stations with an awaited fact that holds.
    pub(super) fn facts(&self) -> impl Iterator<Item = u16> {
        let stations = (0..).zip(&self.slots).filter(|(_, slot)| slot.awaits.is_some());
        stations.filter(|(station, _)| self.holds(*station)).map(|(station, _)| station)
    }

    fn holds(&self, station: u16) -> bool {
        let slot = &self.slots[usize::from(station)];
        let seen = || slot.server.as_ref().map(|server| server.snapshot());
        // An actor's output is in the router's mailbox before the actor reports a fact.
        let is_carried = || self.turns.as_ref().is_none_or(|turns| turns.has_carried(station));
        match slot.awaits {
            Some(Fact::Told) => slot.done >= slot.told && is_carried(),
            Some(Fact::Idle) => {
                slot.queue.is_idle() && is_carried() && seen().is_none_or(|seen| seen.calls_pending == 0)
            }
            Some(Fact::Unconnected) => slot.queue.is_idle() && seen().is_none_or(|seen| seen.sessions == 0),
            Some(Fact::EmptyHanded) => self.router.is_empty_handed(&self.stations.at(station).spec.id),
            _ => false,
        }
    }

    /// Tells the supervisor that its awaited fact holds.
    pub(super) fn learn_of(&mut self, station: u16) {
        if let Some(fact) = self.slots[usize::from(station)].awaits.take() {
            self.awaited -= 1;
            self.learn(station, fact);
        }
    }

    fn learn(&mut self, station: u16, fact: Fact) {
        let id = self.stations.at(station).spec.id.clone();
        self.decide(|supervisor, now, out| supervisor.learn(now, &id, fact, out));
    }

    /// Tells clients that the server stops, after their pending output.
    pub(super) fn shut_if_due(&mut self, station: u16) {
        let slot = &mut self.slots[usize::from(station)];
        if let Some((_, reason)) = slot.shut.take_if(|(at, _)| *at <= slot.done) {
            self.said.push((station, ToClient::Shut { reason }));
        }
    }

    /// Records that a server joins its type's list or leaves it.
    fn list_changes(&mut self, station: u16, comes: bool) {
        self.slots[usize::from(station)].is_listed = comes;
        if self.stations.is_balanced(station) {
            let balanced = (0..).zip(&self.slots).filter(|(at, _)| self.stations.is_balanced(*at));
            let rooms =
                balanced.filter_map(|(_, slot)| Some(slot.server.as_ref()?.snapshot().channels as u64));
            self.moves.begin(self.now, comes.then_some(station), rooms.sum());
        }
    }
}
