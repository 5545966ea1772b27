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
    /// Adds a server type, and how a server of it is picked.
    pub fn add_type(&mut self, server_type: ServerType, route: Route) {
        self.pools.add_type(server_type, route);
    }

    /// Adds a server at the end of its type's list, before anything runs. Its type must have been
    /// added.
    ///
    /// # Errors
    /// The server's type is unknown; the error is the type.
    pub fn add_server(&mut self, server: &ServerSpec) -> Result<(), ServerType> {
        self.admit(server)?;
        self.pools.list(server);
        Ok(())
    }

    /// Admits a server: it can receive envelopes, and what it sends counts. No route picks it yet.
    ///
    /// # Errors
    /// The server's type is unknown; the error is the type.
    pub fn admit(&mut self, server: &ServerSpec) -> Result<(), ServerType> {
        self.pools.admit(server)?;
        self.fabric.admit(&server.id, &server.server_type);
        Ok(())
    }

    /// Puts an admitted server on its type's list: at the end, or in its old place if it had one,
    /// so that its rooms come back to it.
    pub fn join(&mut self, now: Time, server: &ServerSpec, out: &mut Vec<Routed>) {
        self.order(now, out, |router| {
            let asked = router.pools.join(server, &mut router.fabric);
            router.follow(&server.server_type, Vec::new(), asked);
        });
    }

    /// Puts the lists in this order. Servers that are not up yet will join in their places; servers
    /// that `order` does not name stand behind the others. Rooms move to the new owners of their
    /// keys.
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

    /// Takes a server off its type's list: no route picks it, and its rooms move to others. It
    /// still receives envelopes until it is [`forgotten`](Self::forget).
    pub fn retire(&mut self, now: Time, id: &ServerId, out: &mut Vec<Routed>) {
        self.order(now, out, |router| {
            let Some(server_type) = router.fabric.type_of(id).cloned() else { return };
            let asked = router.pools.retire(&server_type, id, &mut router.fabric);
            router.follow(&server_type, Vec::new(), asked);
        });
    }

    /// Forgets a server that has ended or vanished: nothing it sends counts any more. Envelopes in
    /// flight to it go to the new owners of their keys, or are answered with an error. Its rooms
    /// move, and its sessions leave their rooms.
    pub fn forget(&mut self, now: Time, id: &ServerId, out: &mut Vec<Routed>) {
        self.order(now, out, |router| router.forget_now(id));
    }

    fn forget_now(&mut self, id: &ServerId) {
        let Some((server_type, lost)) = self.fabric.remove(id) else { return };
        // Drop its requests that have not arrived: nobody waits for an answer, and the sessions
        // that it asked for are lost too. Keep what it sent to clients or announced to servers: the
        // author of a message may have been told that it was accepted.
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
        // A room without a key ends with its server, the only one that could have told its members
        // anything.
        for member in self.rooms.lose(id) {
            self.free(&member.uid, &member.session);
        }
        let asked = self.pools.retire(&server_type, id, &mut self.fabric);
        self.follow(&server_type, lost, asked);
        self.lose_sessions(id);
        // The server will not drain. End every wait for it.
        self.sessions.drained(id, None);
        self.pools.swept(id, None, &self.fabric, &|server| load(&self.sessions, &self.rooms, server));
        self.proceed();
        self.release();
    }

    /// Forgets the place of a server that has ended. If it comes back, it stands at the end.
    pub fn remove_from_order(&mut self, id: &ServerId) {
        if !self.fabric.is_up(id) {
            self.pools.remove_from_order(id);
        }
    }

    /// Switches the strategy of a type. Rooms whose key has another owner now move there with their
    /// members, and nobody is told that anybody left. Their traffic is buffered in order meanwhile.
    /// A directory leaves every room where it is.
    ///
    /// # Errors
    /// The type is unknown, or rooms need a strategy that finds keys again and this one does not.
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

    /// Lets time pass: envelopes that are due on links arrive.
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

    /// Installs a link rule behind the others, or in place of the rule with its name. Returns the
    /// name.
    pub fn install(&mut self, now: Time, rule: LinkRule, out: &mut Vec<Routed>) -> String {
        self.order(now, out, |router| {
            let name = router.fabric.install(&rule.name.clone(), Box::new(rule.clone()), Some(rule));
            router.tick_now();
            name
        })
    }

    /// Installs a rule of your own.
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

    /// Removes one rule, or all; envelopes that it delayed go on.
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

    /// Removes all rules and delivers at once what is in flight on the links: nothing comes after
    /// the end of the cluster.
    pub fn hasten(&mut self, now: Time, out: &mut Vec<Routed>) {
        self.order(now, out, |router| {
            router.fabric.hasten();
            router.tick_now();
        });
    }

    /// Marks a server as paused: envelopes to it are buffered.
    pub fn pause(&mut self, id: &ServerId) {
        self.fabric.pause(id);
    }

    /// Delivers what was buffered for a paused server, which goes on.
    pub fn resume(&mut self, now: Time, id: &ServerId, out: &mut Vec<Routed>) {
        self.order(now, out, |router| router.fabric.resume(id));
    }

    /// Answers a call that the backlog has no room for; any other envelope is counted and dropped.
    pub fn refuse(&mut self, to: &ServerId, envelope: Envelope, out: &mut Vec<Routed>) {
        self.order(self.fabric.now(), out, |router| router.fabric.refuse(to, envelope));
    }

    /// Closes the session of a user and tells the client why. Returns the session, or `None` if
    /// nobody holds that uid.
    pub fn kick(&mut self, now: Time, uid: &Uid, reason: &str, out: &mut Vec<Routed>) -> Option<SessionKey> {
        self.order(now, out, |router| {
            let session = router.sessions.get(uid).filter(|session| router.sessions.holds(uid, session))?;
            let (frontend, payload) = kick(session, reason);
            let session = session.clone();
            router.fabric.send(frontend, payload);
            Some(session)
        })
    }

    /// Records the steps of traced envelopes there from now on.
    pub fn set_watch(&mut self, watch: Watch) {
        self.fabric.set_watch(watch);
    }

    /// The changes that moved rooms and have ended since the last call.
    pub fn take_moves(&mut self) -> Vec<Moved> {
        self.pools.take_moved()
    }

    /// Asks the old servers of a change to drain, and continues what can continue. `lost` are the
    /// envelopes that were in flight to a server that vanished.
    fn follow(&mut self, server_type: &ServerType, lost: Vec<Envelope>, Asked { drain, servers }: Asked) {
        // A second change can give a key back to its holder, so that it is no longer between two
        // servers. Move rooms before traffic: an envelope must find its room.
        if self.pools.get(server_type).is_some_and(|pool| pool.is_changing()) {
            self.move_rooms(server_type);
        }
        self.send_again(server_type, lost);
        for id in servers {
            // Take back what is in flight to this server for keys that it no longer owns. Delivered
            // later, it would arrive after the room has left.
            let Some(pool) = self.pools.get(server_type) else { return };
            let moves = |it: &Envelope| key_of(&it.payload).is_some_and(|key| pool.is_between(key));
            let taken_back = self.fabric.take_back(&id, moves);
            if !taken_back.is_empty() {
                self.send_again(server_type, taken_back);
            }
            self.fabric.send(id, Payload::Drain { change: drain });
        }
        self.proceed();
    }

    /// Sends envelopes again that have not arrived. They are older than everything buffered, so
    /// they go first.
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
