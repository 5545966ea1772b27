//! The router carries every envelope between servers, and picks the server where the envelope names
//! only a type.
//!
//! It knows nothing of what an envelope means. It is pure, as servers are. Four parts own its
//! state, and each opens with a diagram: `Sessions`, `Rooms`, `Pools` and `Fabric`.
//!
//! ```text
//!   route ──▶ carry ──▶ to a server ────────────────────────────────────▶ Fabric ──▶ out
//!               │   ──▶ by a key ──▶ Pools: choose ──┬── it has a server ───▲
//!               │                      ▲             └── between two: held ─┘ when its rooms have moved
//!               └─────▶ to the router  │ loads
//!                         Sessions, Rooms
//! ```
//!
//! `orders` has what the cluster asks of the router, `endings` how sessions end and rooms move. The
//! other files only read.

mod backlog;
mod counters;
mod endings;
mod explain;
mod fabric;
pub mod links;
mod look;
mod orders;
mod pools;
mod preview;
mod rooms;
mod route;
mod sessions;
mod view;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use self::fabric::Fabric;
use self::pools::{Chosen, Pools, Timed};
use self::rooms::Rooms;
use self::sessions::Claim;
use crate::envelope::{AppError, Asker, Destination, Envelope, Located, Payload, Recipients};
use crate::ids::{ServerId, ServerType, SessionKey, Uid};
use crate::time::Time;
use crate::trace::{Reason, TraceId, What};
use crate::wire::PushFrame;

pub use counters::RouterCounters;
pub use explain::KeyPlacementChange;
pub use fabric::{EdgeView, Routed};
pub use links::{Latency, LinkRule, UnknownRule};
pub use look::User;
pub use pools::{Moved, NotSticky, StrategyError};
pub use preview::{Preview, ServerLoad};
pub use route::{Route, RouteInput, RouteKey, by, by_session, by_uid};
pub use sessions::{OnDuplicate, Sessions};
pub use view::TypeView;

/// How a router behaves, whatever its servers are.
#[derive(Clone, Debug, Default)]
pub struct RouterOptions {
    /// What happens to a login whose uid another session holds.
    pub on_duplicate: OnDuplicate,
    /// When the list of servers changes, rooms stay on their servers and lose members. Pomelo does
    /// this.
    pub rooms_stay: bool,
    /// The seed of chance, on links and in strategies.
    pub seed: u64,
    /// A request is not carried out after this long.
    pub request_timeout: Duration,
}

/// Wires the four parts together.
#[derive(Default)]
pub struct Router {
    sessions: Sessions,
    rooms: Rooms,
    pools: Pools,
    fabric: Fabric,
    request_timeout: Duration,
    envelopes: u64,
    from_the_dead: u64,
    uids_unknown: u64,
}

impl Router {
    /// A router without servers.
    pub fn new(options: &RouterOptions) -> Self {
        let RouterOptions { on_duplicate, rooms_stay, seed, request_timeout } = *options;
        Self {
            sessions: Sessions::new(on_duplicate),
            rooms: Rooms::new(rooms_stay),
            pools: Pools::new(rooms_stay, seed, request_timeout),
            fabric: Fabric::new(seed),
            request_timeout,
            ..Self::default()
        }
    }

    /// Takes an envelope and appends to `out` what it sends, in the order in which that must
    /// arrive. An envelope that cannot be delivered is counted, and answered with an error if a
    /// caller waits.
    pub fn route(&mut self, now: Time, envelope: Envelope, out: &mut Vec<Routed>) {
        self.order(now, out, |router| {
            router.envelopes += 1;
            // Ignore what arrives from a server after it vanished: its rooms may be on another
            // server by now, and both would speak for them.
            if router.fabric.is_up(&envelope.from) {
                router.carry(envelope);
            } else {
                router.from_the_dead += 1;
            }
        });
    }

    /// Carries out one order at this moment.
    fn order<R>(&mut self, now: Time, out: &mut Vec<Routed>, order: impl FnOnce(&mut Self) -> R) -> R {
        self.fabric.begin(now, out);
        let result = order(self);
        self.fabric.end(out);
        result
    }

    fn carry(&mut self, Envelope { from, to, payload, trace }: Envelope) {
        match to {
            Destination::Server(id) if self.fabric.is_up(&id) => {
                self.pools.learn(&id, &payload, self.fabric.now());
                self.fabric.deliver(from, id, (payload, trace));
            }
            Destination::Server(id) => {
                self.undeliverable(from, payload, AppError::new(format!("no server {id}")));
            }
            Destination::Route { server_type, key } => {
                self.carry_by_key(from, server_type, key, (payload, trace));
            }
            Destination::All(server_type) => {
                for id in self.listed(&server_type) {
                    self.fabric.deliver(from.clone(), id, (payload.clone(), trace));
                }
            }
            Destination::Router => self.serve(from, (payload, trace)),
        }
    }

    /// Picks the server by the key, or buffers the envelope while the key is between two servers.
    fn carry_by_key(
        &mut self,
        from: ServerId,
        server_type: ServerType,
        key: Option<Arc<str>>,
        (mut payload, trace): (Payload, Option<TraceId>),
    ) {
        let now = self.fabric.now();
        let load = |server: &Located| load(&self.sessions, &self.rooms, server);
        let chosen = self.pools.asked(&server_type).and_then(|pool| pool.choose(key, &payload, now, &load));
        let Chosen { key, server, is_new } = match chosen {
            Ok(chosen) => chosen,
            Err(error) => return self.undeliverable(from, payload, error),
        };
        if is_new {
            // The pick may be the server that had the key before it restarted. Then the key is not
            // between two servers, but its rooms and buffered traffic waited for this pick. Move
            // them first, so that the envelope finds its room.
            self.move_rooms(&server_type);
            self.release_held(&server_type);
        }
        if let Payload::Invoke(invoke) = &mut payload {
            invoke.key = Some(Arc::clone(&key));
        }
        let Some(pool) = self.pools.get_mut(&server_type) else { return };
        if pool.is_between(&key) {
            let held = || What::Held { to: server.clone(), reason: Reason::Changing };
            self.fabric.step(trace, &from, held);
            let to = Destination::Route { server_type, key: Some(key) };
            if let Some(refused) = pool.hold(Envelope { from, to, payload, trace }) {
                self.fabric.refuse(&server, refused);
            }
        } else {
            self.fabric.step(trace, &from, || pool.routed(&key, &server));
            if pool.needs().latencies
                && let Payload::Invoke(invoke) = &payload
                && let Some(call) = invoke.call
            {
                self.pools.time(&from, call, Timed { since: now, server_type, server: server.clone() });
            }
            self.fabric.deliver(from, server, (payload, trace));
        }
    }

    /// Requests to the router itself.
    fn serve(&mut self, from: ServerId, (payload, trace): (Payload, Option<TraceId>)) {
        match payload {
            Payload::Locate { call, server_type, key, asker } => {
                let result = self.locate(&server_type, &key, asker.as_deref(), (trace, &from));
                self.fabric.answer(from, call, result);
            }
            Payload::Bind { call, session, uid } => {
                let outcome = self.sessions.claim(uid, Claim { asker: from, call, session });
                self.carry_out(outcome);
            }
            Payload::Unbind { session, uid } => self.unbind(&uid, &session),
            Payload::Joined { channel, key, member } => self.joined(&from, &channel, &key, member),
            Payload::Left { channel, member } => self.left(&from, &channel, &member),
            Payload::PushToUids { uids, frame } => self.push_to_uids((&from, trace), &uids, &frame),
            Payload::Drained { change } => self.drained(&from, change),
            Payload::Restarted => self.restore(&from),
            other => self.undeliverable(from, other, AppError::new("nothing that the router serves")),
        }
    }

    fn locate(
        &mut self,
        server_type: &ServerType,
        key: &str,
        asker: Option<&Asker>,
        (trace, from): (Option<TraceId>, &ServerId),
    ) -> Result<Bytes, AppError> {
        let load = |server: &Located| load(&self.sessions, &self.rooms, server);
        let pool = self.pools.asked(server_type)?;
        let located = pool.locate(asker, key, self.fabric.now(), &load)?;
        let (id, answer) = (located.id.clone(), serde_json::to_vec(located));
        self.fabric.step(trace, from, || pool.routed(key, &id));
        answer.map(Bytes::from).map_err(|error| AppError::new(error.to_string()))
    }

    fn push_to_uids(&mut self, (from, trace): (&ServerId, Option<TraceId>), uids: &[Uid], frame: &PushFrame) {
        for uid in uids {
            let Some(SessionKey { frontend, session }) = self.sessions.get(uid).cloned() else {
                self.uids_unknown += 1;
                continue;
            };
            let payload = Payload::Push { sessions: Recipients::One(session), frame: frame.clone() };
            self.fabric.deliver(from.clone(), frontend, (payload, trace));
        }
    }

    /// Handles an envelope that has no server to go to.
    fn undeliverable(&mut self, from: ServerId, payload: Payload, error: AppError) {
        // No server is left to confirm that the member left. The next owner of the room will be
        // told, so the uid need not wait.
        if let Some(gone) = self.fabric.undeliverable(from, payload, error) {
            self.free(&gone.uid, &gone.session);
        }
    }
}

/// The load of a server, for strategies that use it.
fn load(sessions: &Sessions, rooms: &Rooms, server: &Located) -> usize {
    match server.port {
        Some(_) => sessions.bound_at(&server.id),
        None => rooms.members_at(&server.id),
    }
}
