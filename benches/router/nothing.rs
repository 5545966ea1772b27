//! Servers that do as little as possible.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use pomelo_sim::envelope::{CallId, Destination, Envelope, Invoke, InvokeKind, Payload};
use pomelo_sim::ids::{ServerId, ServerType, SessionId};
use pomelo_sim::servers::{Delivery, Effect, Holdings, HostCounters, Outbox, Server, ServerSnapshot};
use pomelo_sim::time::Time;

/// Calls a chat server by key for each client's message, and passes the answer on.
pub(crate) struct Asker {
    pub(crate) id: ServerId,
    /// The key of each session.
    pub(crate) rooms: Vec<Arc<str>>,
}

/// Answers each call with nothing.
pub(crate) struct Answerer(pub(crate) ServerId);

impl Server for Asker {
    fn deliver(&mut self, now: Time, delivery: Delivery, out: &mut Outbox) {
        match delivery {
            Delivery::Message { session, bytes, .. } => {
                let key = Some(Arc::clone(&self.rooms[session.slot() as usize]));
                let to = Destination::Route { server_type: ServerType::from("chat"), key };
                let invoke = Invoke {
                    call: Some(CallId(u64::from(session.slot()))),
                    kind: InvokeKind::Handler,
                    route: Arc::from("chatHandler.send"),
                    session: None,
                    body: bytes,
                    since: now,
                    deadline: now + Duration::from_secs(3),
                    key: None,
                };
                out.send(&self.id, to, Payload::Invoke(Box::new(invoke)));
            }
            Delivery::Envelope(Envelope { payload: Payload::Answer { call, .. }, .. }) => {
                let session = SessionId::new(call.0 as u32, call.0 as u32);
                out.effects.push(Effect::Respond { session, request: 1, body: Bytes::new() });
            }
            other => panic!("nothing else happens here: {other:?}"),
        }
    }

    fn next_deadline(&self) -> Option<Time> {
        None
    }

    fn snapshot(&self) -> ServerSnapshot {
        snapshot(&self.id)
    }

    fn counters(&self) -> HostCounters {
        HostCounters::default()
    }

    fn holdings(&self) -> Holdings {
        Holdings::default()
    }
}

impl Server for Answerer {
    fn deliver(&mut self, _now: Time, delivery: Delivery, out: &mut Outbox) {
        let Delivery::Envelope(Envelope { from, payload: Payload::Invoke(invoke), .. }) = delivery else {
            panic!("nothing else happens here: {delivery:?}")
        };
        let answer = Payload::Answer { call: invoke.call.unwrap(), result: Ok(Bytes::new()) };
        out.send(&self.0, Destination::Server(from), answer);
    }

    fn next_deadline(&self) -> Option<Time> {
        None
    }

    fn snapshot(&self) -> ServerSnapshot {
        snapshot(&self.0)
    }

    fn counters(&self) -> HostCounters {
        HostCounters::default()
    }

    fn holdings(&self) -> Holdings {
        Holdings::default()
    }
}

fn snapshot(id: &ServerId) -> ServerSnapshot {
    ServerSnapshot {
        id: id.clone(),
        server_type: ServerType::from("nothing"),
        sessions: 0,
        bound: 0,
        channels: 0,
        members: 0,
        calls_pending: 0,
        is_restarting: false,
        counters: HostCounters::default(),
    }
}
