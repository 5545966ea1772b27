//! The router: carries every envelope between servers, and chooses the server where a route must.
//!
//! It decides nothing about meaning: it knows which servers there are, asks the type's route for the key and the
//! type's strategy for the server, and keeps which session has which uid and who is in which room. Pure, like the servers.
//!
//! When the list of a type changes, the rooms whose key now belongs to another server are handed over, and what is sent
//! to them meanwhile waits: see `changes.rs`; when it gets another strategy, the same: see `steer.rs`. Links may hold envelopes up: see [`links`]. What strategies are told of loads
//! and latencies is in `loads.rs`; how a directory's keys are forgotten, in `unsettled.rs`.

mod backlog;
mod changes;
mod delivery;
mod directory;
mod explain;
pub mod links;
mod loads;
mod look;
mod moving;
mod preview;
mod replicas;
mod route;
mod sessions;
mod steer;
mod tracing;
mod traffic;
mod uids;
mod unsettled;
mod view;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};

pub use explain::KeyFate;
pub use links::{Latency, LinkRule, UnknownRule};
pub use look::{Moved, User};
pub use preview::{Preview, ServerLoad};
pub use route::{Route, RouteInput, RouteKey, by, by_session, by_uid};
pub use steer::{NotSticky, StrategyError};
pub use traffic::EdgeView;
pub use uids::{Claim, Claimed, Freed, OnDuplicate, Uids};
pub use view::TypeView;

use self::backlog::Backlog;
use self::directory::Directory;
use self::links::Links;
use self::loads::{Census, Stopwatch, Timed};
use self::replicas::Replicas;
use self::sessions::Burial;
use self::tracing::note;
use self::traffic::Heard;
use crate::config::ServerSpec;
use crate::envelope::{AppError, Destination, Envelope, Located, Payload, Room};
use crate::ids::{ServerId, ServerType, SessionKey};
use crate::strategies::StrategySpec;
use crate::time::Time;
use crate::trace::{Reason, TraceId, Watch, What};

/// An envelope on its way to one server.
#[derive(Clone, Debug)]
pub struct Routed {
    /// Who gets it.
    pub to: ServerId,
    /// What.
    pub envelope: Envelope,
}

/// How a router behaves, whatever servers it has.
#[derive(Clone, Debug, Default)]
pub struct RouterOptions {
    /// What becomes of a login whose uid another session has.
    pub on_duplicate: OnDuplicate,
    /// Rooms stay where they are when the list of servers changes, and lose their members: what Pomelo does.
    pub rooms_stay: bool,
    /// What chance on the links and in strategies comes of.
    pub seed: u64,
    /// After this a request is not carried out any more.
    pub request_timeout: Duration,
}

/// See the module.
#[derive(Default)]
pub struct Router {
    types: BTreeMap<ServerType, Replicas>,
    /// Looked up three times for each envelope; what is done with all of them is done in their order.
    homes: FxHashMap<ServerId, Home>,
    /// In which order servers were first admitted: the order of their types' lists, to which one that comes back returns.
    ranks: BTreeMap<ServerId, usize>,
    last_rank: usize,
    uids: Uids,
    directory: Directory,
    links: Links,
    rooms_stay: bool,
    seed: u64,
    request_timeout: Duration,
    burials: Vec<Burial>,
    /// The sessions of these.
    dying: BTreeSet<SessionKey>,
    /// Sessions that have left rooms which belong to nobody at the moment.
    ghosts: BTreeSet<SessionKey>,
    /// Who stands in for servers that are no more, while rooms of theirs wait for another.
    orphans: BTreeMap<ServerId, ServerType>,
    /// Calls to servers whose strategy wants to know how long they take.
    stopwatch: Stopwatch,
    last_change: u64,
    /// Where steps of traces are written, if somebody may want them.
    watch: Option<Watch>,
    /// Changes that are over and have moved rooms, until somebody asks.
    moves: VecDeque<Moved>,
    now: Time,
    counters: RouterCounters,
}

/// What the router has counted since it started.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct RouterCounters {
    /// Envelopes taken in.
    pub envelopes: u64,
    /// Envelopes handed on; one to all servers of a type counts once a server.
    pub delivered: u64,
    /// Envelopes for a server that is not there, or with no server to choose.
    pub undeliverable: u64,
    /// Envelopes from a server that is no more.
    pub from_the_dead: u64,
    /// Calls refused since too much waits for the server that they are for.
    pub refused: u64,
    /// Calls whose deadline had come while they waited.
    pub expired: u64,
    /// Envelopes that were lost on a link and sent again.
    pub resent: u64,
    /// Sessions kicked since a full link or server lost a push of theirs.
    pub missed: u64,
    /// Binds refused since the uid was taken.
    pub binds_refused: u64,
    /// Sessions kicked since another one claimed their uid.
    pub supplanted: u64,
    /// Pushes to uids that are bound nowhere.
    pub uids_unknown: u64,
    /// Changes of a list of servers, or of the strategy of a type.
    pub changes: u64,
    /// Rooms that went to another server.
    pub rooms_moved: u64,
    /// Members that went with them.
    pub members_moved: u64,
    /// Rooms that a server got back when it had started again.
    pub rooms_restored: u64,
}

/// The answer to a bind: nothing but that it is so.
const GRANTED: &[u8] = b"null";

/// A server that envelopes can be given to; it need not be on its type's list.
struct Home {
    server_type: ServerType,
    /// What waits for it, while it is paused.
    paused: Option<Backlog<()>>,
    /// What it got from whom.
    heard: Heard,
}

impl Router {
    /// A router that knows no server yet.
    pub fn new(options: &RouterOptions) -> Self {
        Self {
            uids: Uids::new(options.on_duplicate),
            links: Links::new(options.seed),
            rooms_stay: options.rooms_stay,
            seed: options.seed,
            request_timeout: options.request_timeout,
            ..Self::default()
        }
    }

    /// A type that servers may be added to, and how a server of it is chosen.
    pub fn add_type(&mut self, server_type: ServerType, route: Route) {
        self.types.insert(server_type, Replicas::new(route, self.seed));
    }

    /// Adds a server at the end of its type's list, before anything runs. Its type must have been added.
    ///
    /// # Errors
    /// Gives the type back when nothing is known of it.
    pub fn add_server(&mut self, server: &ServerSpec) -> Result<(), ServerType> {
        self.admit(server)?;
        let replicas = self.types.get_mut(&server.server_type).ok_or_else(|| server.server_type.clone())?;
        replicas.servers.push(located(server));
        replicas.rebuild();
        Ok(())
    }

    /// What the router has counted.
    pub fn counters(&self) -> RouterCounters {
        RouterCounters { resent: self.links.resent, ..self.counters }
    }

    /// Which session has which uid.
    pub fn uids(&self) -> &Uids {
        &self.uids
    }

    /// The rooms of every server, as the router knows them.
    pub fn rooms(&self) -> BTreeMap<ServerId, Vec<Room>> {
        self.directory.servers().map(|server| (server.clone(), self.directory.rooms_of(server))).collect()
    }

    /// The server that a key of a type belongs to now; none where each pick is a new choice, or none was made.
    pub fn owner(&self, server_type: &ServerType, key: &str) -> Option<ServerId> {
        self.types.get(server_type)?.owner(key).cloned()
    }

    /// How a server of a type is chosen.
    pub fn strategy(&self, server_type: &ServerType) -> Option<&StrategySpec> {
        self.types.get(server_type).map(|replicas| &replicas.spec)
    }

    /// The servers of a type that can be chosen, in list order.
    pub fn listed(&self, server_type: &ServerType) -> Vec<ServerId> {
        let servers = self.types.get(server_type).map(|replicas| &replicas.servers);
        servers.into_iter().flatten().map(|server| server.id.clone()).collect()
    }

    /// The type of a server that envelopes can be given to.
    pub fn type_of(&self, server: &ServerId) -> Option<&ServerType> {
        self.homes.get(server).map(|home| &home.server_type)
    }

    /// Takes an envelope; appends to `out` what goes on, in the order in which it must arrive. What cannot be
    /// delivered is answered with an error if somebody waits for it, and counted.
    pub fn route(&mut self, now: Time, envelope: Envelope, out: &mut Vec<Routed>) {
        self.now = now;
        self.counters.envelopes += 1;
        // What a server said that has vanished since is as if it had never been said: somebody else may have its rooms.
        if !self.homes.contains_key(&envelope.from) {
            self.counters.from_the_dead += 1;
            return;
        }
        self.carry(envelope, out);
    }

    fn carry(&mut self, envelope: Envelope, out: &mut Vec<Routed>) {
        let Envelope { from, to, payload, trace } = envelope;
        match to {
            Destination::Server(id) => {
                if self.homes.contains_key(&id) {
                    self.learn(&id, &payload);
                    self.deliver(from, id, (payload, trace), out);
                } else {
                    self.undeliverable(from, &payload, AppError::new(format!("no server {id}")), out);
                }
            }
            Destination::Route { server_type, key } => {
                self.carry_by_key(from, server_type, key, (payload, trace), out)
            }
            Destination::All(server_type) => {
                for id in self.listed(&server_type) {
                    self.deliver(from.clone(), id, (payload.clone(), trace), out);
                }
            }
            Destination::Router => self.serve(from, (payload, trace), out),
        }
    }

    /// Chooses the server by the key, or keeps the envelope while the key is between two servers.
    fn carry_by_key(
        &mut self,
        from: ServerId,
        server_type: ServerType,
        key: Option<Arc<str>>,
        (mut payload, trace): (Payload, Option<TraceId>),
        out: &mut Vec<Routed>,
    ) {
        let chosen = self.key_of(&server_type, key, &payload).and_then(|key| {
            let is_new = self.chooses_anew(&server_type, &key);
            let server = self.pick(&server_type, &key)?.id.clone();
            Ok((key, server, is_new))
        });
        let (key, server, is_new) = match chosen {
            Ok(chosen) => chosen,
            Err(error) => return self.undeliverable(from, &payload, error, out),
        };
        if is_new {
            self.fetch_rooms(&server_type, out);
        }
        if let Payload::Invoke(invoke) = &mut payload {
            invoke.key = Some(Arc::clone(&key));
        }
        let Some(replicas) = self.types.get_mut(&server_type) else { return };
        if replicas.is_between(&key) {
            let reason = Reason::Changing;
            note(&self.watch, self.now, trace, &from, || What::Held { to: server.clone(), reason });
            let to = Destination::Route { server_type, key: Some(key) };
            if let Some(refused) = replicas.held.push((), Envelope { from, to, payload, trace }) {
                self.refuse(&server, refused, out);
            }
        } else {
            if replicas.needs.latencies
                && let Payload::Invoke(invoke) = &payload
                && let Some(call) = invoke.call
            {
                let timed =
                    Timed { since: self.now, server_type: server_type.clone(), server: server.clone() };
                self.stopwatch.begin(&from, call, timed);
            }
            self.step_routed(trace, &from, &server_type, &key, &server);
            self.deliver(from, server, (payload, trace), out);
        }
    }

    /// Whether a pick will choose for a key that has no server, while a change of the list is not over.
    fn chooses_anew(&self, server_type: &ServerType, key: &str) -> bool {
        let replicas = self.types.get(server_type).filter(|replicas| !replicas.changes.is_empty());
        replicas.is_some_and(|replicas| replicas.needs.placements && replicas.owner(key).is_none())
    }

    /// The server for a key.
    fn pick(&mut self, server_type: &ServerType, key: &str) -> Result<&Located, AppError> {
        let census = Census { now: self.now, uids: &self.uids, directory: &self.directory };
        let replicas = self.types.get_mut(server_type);
        let replicas = replicas.ok_or_else(|| AppError::new(format!("no server type {server_type}")))?;
        if replicas.needs.placements {
            replicas.expect_sweep(self.now, self.request_timeout);
        }
        replicas.pick(server_type, key, census)
    }

    /// The key of an envelope: the one that the caller gave, or what the type's route finds.
    fn key_of(
        &self,
        server_type: &ServerType,
        key: Option<Arc<str>>,
        payload: &Payload,
    ) -> Result<Arc<str>, AppError> {
        let replicas = self.types.get(server_type);
        let replicas = replicas.ok_or_else(|| AppError::new(format!("no server type {server_type}")))?;
        match (key, payload) {
            (Some(key), _) => Ok(key),
            (None, Payload::Invoke(invoke)) => {
                let input =
                    RouteInput { session: invoke.session.as_ref(), route: &invoke.route, body: &invoke.body };
                // A route is code of whoever builds a cluster; its panic fails one message, not the router.
                let found = catch_unwind(AssertUnwindSafe(|| (replicas.key)(&input)));
                let found = found.unwrap_or_else(|_| Err(AppError::new("its route function panicked")));
                found
                    .map(|key| Arc::from(&*key))
                    .map_err(|error| AppError::new(format!("no route to {server_type}: {}", error.message)))
            }
            (None, _) => Ok(Arc::from("")),
        }
    }

    /// What servers ask of the router itself.
    fn serve(&mut self, from: ServerId, (payload, trace): (Payload, Option<TraceId>), out: &mut Vec<Routed>) {
        match payload {
            Payload::Locate { call, server_type, key } => {
                let result = self.locate(&server_type, &key, (trace, &from));
                self.answer(from, call, result, out);
            }
            Payload::Bind { call, session, uid } => {
                self.bind(uid, Claim { asker: from, call, session }, out);
            }
            Payload::Unbind { session, uid } => self.unbind(&uid, &session, out),
            Payload::Joined { channel, key, member } => self.joined(from, channel, key, member, out),
            Payload::Left { channel, member } => self.left(&from, &channel, &member, out),
            Payload::PushToUids { uids, frame } => self.push_to_uids((&from, trace), uids, &frame, out),
            Payload::Drained { change } => self.drained(&from, change, out),
            Payload::Restarted => self.restore(from, out),
            _ => self.counters.undeliverable += 1,
        }
    }

    fn locate(
        &mut self,
        server_type: &ServerType,
        key: &str,
        (trace, from): (Option<TraceId>, &ServerId),
    ) -> Result<Bytes, AppError> {
        let located = self.pick(server_type, key)?;
        let (id, answer) = (located.id.clone(), serde_json::to_vec(located));
        self.step_routed(trace, from, server_type, key, &id);
        answer.map(Bytes::from).map_err(|error| AppError::new(error.to_string()))
    }
}

fn located(server: &ServerSpec) -> Located {
    Located {
        id: server.id.clone(),
        host: server.advertised_host().to_owned(),
        port: server.client_port.filter(|_| server.frontend),
    }
}
