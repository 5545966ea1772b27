//! The router: carries every envelope between servers, and chooses the server where a route must.
//!
//! It decides nothing about meaning: it knows which servers there are, asks the type's route for the key and the
//! type's strategy for the server, and keeps which session has which uid. Pure, like the servers.

pub mod links;
mod route;
mod uids;

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

use bytes::Bytes;
use serde::Serialize;

pub use links::{Latency, LinkRule, UnknownRule};
pub use route::{Route, RouteInput, RouteKey, by, by_session, by_uid};
pub use uids::{Claim, Claimed, OnDuplicate, Uids};

use crate::config::ServerSpec;
use crate::envelope::{AppError, CallId, Destination, Envelope, Located, Payload, Recipients};
use crate::ids::{ServerId, ServerType, SessionKey};
use crate::strategies::Strategy;

/// An envelope on its way to one server.
#[derive(Clone, Debug)]
pub struct Routed {
    /// Who gets it.
    pub to: ServerId,
    /// What.
    pub envelope: Envelope,
}

/// See the module.
#[derive(Default)]
pub struct Router {
    types: BTreeMap<ServerType, Replicas>,
    homes: BTreeMap<ServerId, ServerType>,
    uids: Uids,
    counters: RouterCounters,
}

/// What the router has counted since it started.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug, Serialize)]
pub struct RouterCounters {
    /// Envelopes taken in.
    pub envelopes: u64,
    /// Envelopes handed on; one to all servers of a type counts once a server.
    pub delivered: u64,
    /// Envelopes for a server that is not there, or with no server to choose.
    pub undeliverable: u64,
    /// Binds refused since the uid was taken.
    pub binds_refused: u64,
    /// Sessions kicked since another one claimed their uid.
    pub supplanted: u64,
    /// Pushes to uids that are bound nowhere.
    pub uids_unknown: u64,
}

/// The answer to a bind: nothing but that it is so.
const GRANTED: &[u8] = b"null";

/// The servers of one type.
struct Replicas {
    servers: Vec<Located>,
    key: RouteKey,
    strategy: Box<dyn Strategy>,
}

impl Replicas {
    fn rebuild(&mut self) {
        let ids: Vec<ServerId> = self.servers.iter().map(|server| server.id.clone()).collect();
        self.strategy.rebuild(&ids);
    }

    fn pick(&mut self, server_type: &ServerType, key: &str) -> Result<&Located, AppError> {
        let chosen = self.strategy.pick(key).and_then(|index| self.servers.get(index));
        chosen.ok_or_else(|| AppError::new(format!("no {server_type} server is left")))
    }
}

impl Router {
    /// A router that knows no server yet.
    pub fn new(on_duplicate: OnDuplicate) -> Self {
        Self { uids: Uids::new(on_duplicate), ..Self::default() }
    }

    /// A type that servers may be added to, and how a server of it is chosen.
    pub fn add_type(&mut self, server_type: ServerType, route: Route) {
        let mut replicas = Replicas { servers: Vec::new(), key: route.key, strategy: route.strategy };
        replicas.rebuild();
        self.types.insert(server_type, replicas);
    }

    /// Adds a server at the end of its type's list. Its type must have been added.
    ///
    /// # Errors
    /// Gives the type back when nothing is known of it.
    pub fn add_server(&mut self, server: &ServerSpec) -> Result<(), ServerType> {
        let replicas = self.types.get_mut(&server.server_type).ok_or_else(|| server.server_type.clone())?;
        replicas.servers.push(Located {
            id: server.id.clone(),
            host: server.advertised_host().to_owned(),
            port: server.client_port.filter(|_| server.frontend),
        });
        replicas.rebuild();
        self.homes.insert(server.id.clone(), server.server_type.clone());
        Ok(())
    }

    /// Takes a server off its type's list: no route chooses it any more.
    pub fn remove_server(&mut self, id: &ServerId) {
        let Some(server_type) = self.homes.remove(id) else { return };
        if let Some(replicas) = self.types.get_mut(&server_type) {
            replicas.servers.retain(|server| server.id != *id);
            replicas.rebuild();
        }
    }

    /// What the router has counted.
    pub fn counters(&self) -> RouterCounters {
        self.counters
    }

    /// Which session has which uid.
    pub fn uids(&self) -> &Uids {
        &self.uids
    }

    /// Takes an envelope; appends to `out` what goes on, in the order in which it must arrive. What cannot be
    /// delivered is answered with an error if somebody waits for it, and counted.
    pub fn route(&mut self, envelope: Envelope, out: &mut Vec<Routed>) {
        self.counters.envelopes += 1;
        let Envelope { from, to, payload } = envelope;
        match to {
            Destination::Server(id) => {
                if self.homes.contains_key(&id) {
                    self.deliver(from, id, payload, out);
                } else {
                    self.undeliverable(from, &payload, AppError::new(format!("no server {id}")), out);
                }
            }
            Destination::Route { server_type, key } => {
                match self.choose(&server_type, key.as_deref(), &payload) {
                    Ok(id) => self.deliver(from, id, payload, out),
                    Err(error) => self.undeliverable(from, &payload, error, out),
                }
            }
            Destination::All(server_type) => {
                let servers = self.types.get(&server_type).map(|replicas| &replicas.servers);
                let ids: Vec<ServerId> =
                    servers.into_iter().flatten().map(|server| server.id.clone()).collect();
                for id in ids {
                    self.deliver(from.clone(), id, payload.clone(), out);
                }
            }
            Destination::Router => self.serve(from, payload, out),
        }
    }

    /// The server for an envelope: by the key that the caller gave, or the one that the type's route finds.
    fn choose(
        &mut self,
        server_type: &ServerType,
        key: Option<&str>,
        payload: &Payload,
    ) -> Result<ServerId, AppError> {
        let replicas = self.replicas(server_type)?;
        let routed_key;
        let key = match (key, payload) {
            (Some(key), _) => key,
            (None, Payload::Invoke(invoke)) => {
                let input =
                    RouteInput { session: invoke.session.as_ref(), route: &invoke.route, body: &invoke.body };
                // A route is code of whoever builds a cluster; its panic fails one message, not the router.
                let found = catch_unwind(AssertUnwindSafe(|| (replicas.key)(&input)));
                let found = found.unwrap_or_else(|_| Err(AppError::new("its route function panicked")));
                routed_key = found.map_err(|error| {
                    AppError::new(format!("no route to {server_type}: {}", error.message))
                })?;
                &*routed_key
            }
            (None, _) => "",
        };
        replicas.pick(server_type, key).map(|server| server.id.clone())
    }

    fn replicas(&mut self, server_type: &ServerType) -> Result<&mut Replicas, AppError> {
        let known = self.types.get_mut(server_type);
        known.ok_or_else(|| AppError::new(format!("no server type {server_type}")))
    }

    /// What servers ask of the router itself.
    fn serve(&mut self, from: ServerId, payload: Payload, out: &mut Vec<Routed>) {
        match payload {
            Payload::Locate { call, server_type, key } => {
                let result = self.locate(&server_type, &key);
                self.answer(from, call, result, out);
            }
            Payload::Bind { call, session, uid } => {
                match self.uids.bind(uid, Claim { asker: from.clone(), call, session }) {
                    Claimed::Granted => self.answer(from, call, Ok(Bytes::from_static(GRANTED)), out),
                    Claimed::Refused(error) => {
                        self.counters.binds_refused += 1;
                        self.answer(from, call, Err(error), out);
                    }
                    Claimed::Waits(holder) => {
                        holder.into_iter().for_each(|holder| self.supplant(holder, out))
                    }
                }
            }
            Payload::Unbind { session, uid } => {
                let Some((claim, others_wait)) = self.uids.unbind(&uid, &session) else { return };
                self.answer(claim.asker, claim.call, Ok(Bytes::from_static(GRANTED)), out);
                if others_wait {
                    self.supplant(claim.session, out);
                }
            }
            Payload::PushToUids { uids, frame } => {
                for uid in uids {
                    let Some(key) = self.uids.get(&uid).cloned() else {
                        self.counters.uids_unknown += 1;
                        continue;
                    };
                    let sessions = Recipients::One(key.session);
                    self.deliver(
                        from.clone(),
                        key.frontend,
                        Payload::Push { sessions, frame: frame.clone() },
                        out,
                    );
                }
            }
            _ => self.counters.undeliverable += 1,
        }
    }

    /// Kicks a session whose uid another one claims.
    fn supplant(&mut self, holder: SessionKey, out: &mut Vec<Routed>) {
        self.counters.supplanted += 1;
        let kick = Payload::Kick { session: holder.session, reason: "logged in elsewhere".into() };
        self.deliver(holder.frontend.clone(), holder.frontend, kick, out);
    }

    fn locate(&mut self, server_type: &ServerType, key: &str) -> Result<Bytes, AppError> {
        let located = self.replicas(server_type)?.pick(server_type, key)?;
        serde_json::to_vec(located).map(Bytes::from).map_err(|error| AppError::new(error.to_string()))
    }

    fn answer(&mut self, to: ServerId, call: CallId, result: Result<Bytes, AppError>, out: &mut Vec<Routed>) {
        self.deliver(to.clone(), to, Payload::Answer { call, result }, out);
    }

    fn deliver(&mut self, from: ServerId, to: ServerId, payload: Payload, out: &mut Vec<Routed>) {
        self.counters.delivered += 1;
        let envelope = Envelope { from, to: Destination::Server(to.clone()), payload };
        out.push(Routed { to, envelope });
    }

    fn undeliverable(&mut self, from: ServerId, payload: &Payload, error: AppError, out: &mut Vec<Routed>) {
        self.counters.undeliverable += 1;
        log::debug!("undeliverable server={from} error={:?}", error.message);
        if let Payload::Invoke(invoke) = payload
            && let Some(call) = invoke.call
        {
            self.answer(from, call, Err(error), out);
        }
    }
}
