//! Orders to the router: servers come and go, strategies and links change, time passes.

use super::backlog::key_of;
use super::fabric::Routed;
use super::links::{LinkRule, Rule, UnknownRule};
use super::pools::{Asked, Moved, StrategyError};
use super::route::Route;
use super::sessions::kick;
use super::{Router, load};
use crate::config::ServerSpec;
use crate::envelope::{AppError, Destination, Envelope, Payload};
use crate::ids::{ServerId, ServerType, SessionKey, Uid};
use crate::strategies::StrategySpec;
use crate::time::Time;
use crate::trace::Watch;

impl Router {
    /// A type that servers may be added to, and how a server of it is chosen.
    pub fn add_type(&mut self, server_type: ServerType, route: Route) {
        self.pools.add_type(server_type, route);
    }

    /// Adds a server at the end of its type's list, before anything runs. Its type must have been
    /// added.
    ///
    /// # Errors
    /// Gives the type back when nothing is known of it.
    pub fn add_server(&mut self, server: &ServerSpec) -> Result<(), ServerType> {
        self.admit(server)?;
        self.pools.list(server);
        Ok(())
    }

    /// A server is there: it can be given envelopes, and what it says counts. No route chooses it
    /// yet.
    ///
    /// # Errors
    /// Gives the type back when nothing is known of it.
    pub fn admit(&mut self, server: &ServerSpec) -> Result<(), ServerType> {
        self.pools.admit(server)?;
        self.fabric.admit(&server.id, &server.server_type);
        Ok(())
    }

    /// A server that was admitted is on its type's list from now on: at its end or, when it was on
    /// it before, in its old place, so that its rooms come back to it.
    pub fn join(&mut self, now: Time, server: &ServerSpec, out: &mut Vec<Routed>) {
        self.order(now, out, |router| {
            let asked = router.pools.join(server, &mut router.fabric);
            router.follow(&server.server_type, Vec::new(), asked);
        });
    }

    /// From now on the lists are in this order: servers that are not there yet join in their places,
    /// and those that are not named stand behind the others. Rooms whose key then belongs to another
    /// server go there.
    pub fn arrange(&mut self, now: Time, order: &[ServerId], out: &mut Vec<Routed>) {
        self.order(now, out, |router| {
            router.pools.arrange(order);
            let types: Vec<ServerType> = router.pools.iter().map(|(name, _)| name.clone()).collect();
            for server_type in types {
                let asked = router.pools.sort(&server_type, &mut router.fabric);
                router.follow(&server_type, Vec::new(), asked);
            }
        });
    }

    /// Takes a server off its type's list: no route chooses it any more, and its rooms go to
    /// others. It can still be given envelopes, until it is [`forgotten`](Self::forget).
    pub fn retire(&mut self, now: Time, id: &ServerId, out: &mut Vec<Routed>) {
        self.order(now, out, |router| {
            let Some(server_type) = router.fabric.type_of(id).cloned() else { return };
            let asked = router.pools.retire(&server_type, id, &mut router.fabric);
            router.follow(&server_type, Vec::new(), asked);
        });
    }

    /// A server has ended, or has vanished: nothing it says counts any more. What was on its way to
    /// it goes to the servers that have its keys now, or is answered with an error; its rooms go to
    /// others; its sessions leave theirs.
    pub fn forget(&mut self, now: Time, id: &ServerId, out: &mut Vec<Routed>) {
        self.order(now, out, |router| router.forget_now(id));
    }

    fn forget_now(&mut self, id: &ServerId) {
        let Some((server_type, lost)) = self.fabric.remove(id) else { return };
        // What it asked and has not arrived is not done any more: nobody waits for it, or the
        // sessions for which it asked are lost too. What it said to clients or told other servers
        // is: the sender of the message may have been told so.
        let asked = |payload: &Payload| match payload {
            Payload::Invoke(invoke) => {
                let session = invoke.session.as_ref();
                invoke.call.is_some() || session.is_some_and(|session| session.key.frontend == *id)
            }
            _ => false,
        };
        self.fabric.discard_from(id, asked);
        self.pools.discard_from(id, asked);
        self.pools.drained(id, None, &self.fabric);
        // Rooms without a key end with their server: it was the only one that could tell their
        // members anything.
        for member in self.rooms.lose(id) {
            self.free(&member.uid, &member.session);
        }
        let asked = self.pools.retire(&server_type, id, &mut self.fabric);
        self.follow(&server_type, lost, asked);
        self.lose_sessions(id);
        // It will not drain; whatever waits for that has waited long enough.
        self.sessions.drained(id, None);
        self.pools.swept(id, None, &self.fabric, &|server| load(&self.sessions, &self.rooms, server));
        self.proceed();
        self.release();
    }

    /// Forgets the place of a server that has ended: should it come back, it stands at the end.
    pub fn strike(&mut self, id: &ServerId) {
        if !self.fabric.is_up(id) {
            self.pools.strike(id);
        }
    }

    /// Servers of a type are chosen by another strategy from now on. Rooms whose key now belongs to
    /// another server go there with their members, and nobody is told that anybody left; their
    /// traffic waits meanwhile, in its order. A directory takes every room where it is.
    ///
    /// # Errors
    /// The type is unknown, or the strategy does not find keys again and must.
    pub fn set_strategy(
        &mut self,
        now: Time,
        server_type: &ServerType,
        strategy: StrategySpec,
        out: &mut Vec<Routed>,
    ) -> Result<(), StrategyError> {
        if *self.pools.check(server_type, &strategy)?.spec() == strategy {
            return Ok(());
        }
        log::info!("strategy changed type={server_type} strategy={strategy}");
        self.order(now, out, |router| {
            let keys_at = |server: &ServerId| router.rooms.keys(server).cloned().collect();
            let asked = router.pools.steer(server_type, strategy, keys_at, &mut router.fabric);
            router.follow(server_type, Vec::new(), asked);
        });
        Ok(())
    }

    /// Time has passed: what was on its way on links may arrive.
    pub fn tick(&mut self, now: Time, out: &mut Vec<Routed>) {
        self.order(now, out, Self::tick_now);
    }

    fn tick_now(&mut self) {
        if self.fabric.arrive_due() {
            self.proceed();
        }
        self.release();
        self.pools.sweep(&mut self.fabric, &|server| load(&self.sessions, &self.rooms, server));
        self.pools.learn_of_silence(self.fabric.now());
    }

    /// Installs a rule of the links, behind the others or in the place of the one of that name.
    /// Gives its name.
    pub fn install(&mut self, now: Time, rule: LinkRule, out: &mut Vec<Routed>) -> String {
        self.order(now, out, |router| {
            let name = router.fabric.install(&rule.name.clone(), Box::new(rule.clone()), Some(rule));
            router.tick_now();
            name
        })
    }

    /// The same with a rule of your own.
    pub fn install_rule(
        &mut self,
        now: Time,
        name: &str,
        rule: impl Rule + 'static,
        out: &mut Vec<Routed>,
    ) -> String {
        self.order(now, out, |router| {
            let name = router.fabric.install(name, Box::new(rule), None);
            router.tick_now();
            name
        })
    }

    /// Takes a rule away, or all; what waited goes on.
    ///
    /// # Errors
    /// No rule has that name.
    pub fn heal(&mut self, now: Time, name: Option<&str>, out: &mut Vec<Routed>) -> Result<(), UnknownRule> {
        self.order(now, out, |router| {
            router.fabric.uninstall(name)?;
            router.tick_now();
            Ok(())
        })
    }

    /// A server does nothing from now on: what is for it waits.
    pub fn pause(&mut self, id: &ServerId) {
        self.fabric.pause(id);
    }

    /// A paused server goes on, with what has waited for it.
    pub fn resume(&mut self, now: Time, id: &ServerId, out: &mut Vec<Routed>) {
        self.order(now, out, |router| router.fabric.resume(id));
    }

    /// Answers a call for which there is no room; any other envelope is counted and dropped.
    pub fn refuse(&mut self, to: &ServerId, envelope: Envelope, out: &mut Vec<Routed>) {
        self.order(self.fabric.now(), out, |router| router.fabric.refuse(to, envelope));
    }

    /// Closes the session of a user, telling the client why. Gives the session; none when nobody
    /// has that uid.
    pub fn kick(&mut self, now: Time, uid: &Uid, reason: &str, out: &mut Vec<Routed>) -> Option<SessionKey> {
        self.order(now, out, |router| {
            let session = router.sessions.get(uid).filter(|session| router.sessions.holds(uid, session))?;
            let (frontend, payload) = kick(session, reason);
            let session = session.clone();
            router.fabric.tell(frontend, payload);
            Some(session)
        })
    }

    /// Steps of envelopes that belong to a trace are written there from now on.
    pub fn set_watch(&mut self, watch: Watch) {
        self.fabric.set_watch(watch);
    }

    /// The changes that have moved rooms and are over since this was asked last.
    pub fn take_moves(&mut self) -> Vec<Moved> {
        self.pools.take_moved()
    }

    /// Asks the old servers of a change to drain, and lets go on what can. `lost` was on its way to
    /// a server that has vanished.
    fn follow(&mut self, server_type: &ServerType, lost: Vec<Envelope>, Asked { drain, servers }: Asked) {
        // A key whose owner is another one now may be between two servers no more. Its rooms go
        // first: whatever is sent for them must find them.
        if self.pools.get(server_type).is_some_and(|pool| pool.is_changing()) {
            self.move_rooms(server_type);
        }
        self.send_again(server_type, lost);
        for id in servers {
            // What is on its way there, for a key that is no longer its own, goes where the key
            // goes. Left where it is, it would arrive after the room has gone.
            let Some(pool) = self.pools.get(server_type) else { return };
            let moves = |it: &Envelope| key_of(&it.payload).is_some_and(|key| pool.is_between(key));
            let taken_back = self.fabric.take_back(&id, moves);
            if !taken_back.is_empty() {
                self.send_again(server_type, taken_back);
            }
            self.fabric.tell(id, Payload::Drain { change: drain });
        }
        self.proceed();
    }

    /// Sends once more what has not arrived, before all that is held, since it is older.
    fn send_again(&mut self, server_type: &ServerType, envelopes: Vec<Envelope>) {
        let mut older = Vec::new();
        for Envelope { from, payload, trace, .. } in envelopes {
            match key_of(&payload).cloned() {
                key @ Some(_) if self.rooms.follows(&key) => {
                    let to = Destination::Route { server_type: server_type.clone(), key };
                    older.push(Envelope { from, to, payload, trace });
                }
                _ => self.undeliverable(from, payload, AppError::new("the server is gone")),
            }
        }
        if let Some(pool) = self.pools.get_mut(server_type) {
            pool.hold_first(older);
        }
        self.release_held(server_type);
    }
}
