//! The operations of a handler: read and change its session, call other servers, push to clients.

use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::channel::ChannelHandle;
use super::codec::{Codec, encode};
use super::outbox::Outbox;
use super::reply::{Call, Request};
use super::snapshot::HostCounters;
use crate::channels::Channels;
use crate::config::ServerSpec;
use crate::envelope::{AppError, Destination, Invoke, InvokeKind, Located, Payload, Recipients, Session};
use crate::ids::{ServerType, SessionKey, Uid};
use crate::time::Time;

/// The context of a handler, remote or hook while it runs. Its effects happen in the order of the
/// calls, and before the handler's answer.
pub struct Cx<'a> {
    pub(super) server: &'a ServerSpec,
    pub(super) session: Option<Session>,
    pub(super) channels: &'a mut Channels,
    pub(super) codec: &'a Codec,
    pub(super) out: &'a mut Outbox,
    pub(super) counters: &'a mut HostCounters,
    pub(super) now: Time,
    pub(super) deadline: Time,
    /// The key by which the router chose this server for the current message.
    pub(super) key: Option<Arc<str>>,
}

impl Cx<'_> {
    /// The server that runs the handler.
    pub fn server(&self) -> &ServerSpec {
        self.server
    }

    /// The time of this delivery.
    pub fn now(&self) -> Time {
        self.now
    }

    /// The session that this runs for: on a frontend the session itself, on a backend a copy. None
    /// in calls and hooks that no client caused.
    pub fn session(&self) -> Option<&Session> {
        self.session.as_ref()
    }

    /// The uid that the session is bound to.
    ///
    /// # Errors
    /// The session is not bound, or there is no session.
    pub fn uid(&self) -> Result<&Uid, AppError> {
        let uid = self.session.as_ref().and_then(|session| session.uid.as_ref());
        uid.ok_or_else(|| AppError::new("the session is not bound to a uid: log in first"))
    }

    /// Returns a setting of the session.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.session.as_ref()?.get(key)
    }

    /// Returns a setting of the session if it is text.
    pub fn get_str(&self, key: &str) -> Option<&str> {
        self.session.as_ref()?.get_str(key)
    }

    /// Changes a setting of the session; `null` removes it. On a backend only the copy changes,
    /// until [`push`](Cx::push) is called.
    pub fn set(&mut self, key: &str, value: impl Into<Value>) {
        if let Some(session) = &mut self.session {
            session.set(key, value);
        }
    }

    /// Sends a setting of a backend's copy to the session itself. Does nothing on a frontend, which
    /// holds the session itself.
    pub fn push(&mut self, key: &str) {
        let Some(session) = &self.session else { return };
        if session.key.frontend == self.server.id {
            return;
        }
        let value = Box::new(session.get(key).cloned().unwrap_or(Value::Null));
        let SessionKey { frontend, session } = session.key.clone();
        let payload = Payload::SessionSet { session, key: key.into(), value };
        self.send(Destination::Server(frontend), payload);
    }

    /// Binds the session to a uid, on its frontend. The call fails if the session or the uid is
    /// already bound anywhere in the cluster.
    pub fn bind(&self, uid: Uid) -> Call<()> {
        Call::new(Request::Bind { uid })
    }

    /// Gives the session's uid back, on its frontend, and removes the session from its channels.
    /// Both happen once the session has no call in flight, since such a call could still enter a
    /// channel.
    ///
    /// # Errors
    /// This server is not the session's frontend. Only the frontend knows when no call is in flight
    /// for the uid.
    pub fn unbind(&mut self) -> Result<(), AppError> {
        let server = &self.server.id;
        let session = self.session.as_mut().filter(|session| session.key.frontend == *server);
        let session = session.ok_or_else(not_its_frontend)?;
        session.uid = None;
        Ok(())
    }

    /// Closes a session and sends its client the reason.
    pub fn kick(&mut self, session: &SessionKey, reason: &str) {
        let payload = Payload::Kick { session: session.session, reason: reason.into() };
        self.send(Destination::Server(session.frontend.clone()), payload);
    }

    /// Calls a remote on a server of another type. The type's route chooses the server for this
    /// session.
    pub fn call<T: DeserializeOwned>(
        &self,
        server_type: &str,
        remote: &str,
        body: &impl Serialize,
    ) -> Call<T> {
        Call::new(Request::Remote { to: route_to(server_type), route: remote.into(), body: encode(body) })
    }

    /// Asks the router which server of a type owns a key.
    pub fn locate(&self, server_type: &str, key: &str) -> Call<Located> {
        Call::new(Request::Locate { server_type: server_type.into(), key: key.into() })
    }

    /// Runs a remote without waiting for an answer, on the server that the type's route chooses for
    /// this session.
    ///
    /// # Errors
    /// The body cannot be encoded.
    pub fn notify(&mut self, server_type: &str, remote: &str, body: &impl Serialize) -> Result<(), AppError> {
        self.notify_at(route_to(server_type), remote, body)
    }

    /// Runs a remote on every server of a type, without waiting for answers.
    ///
    /// # Errors
    /// The body cannot be encoded.
    pub fn notify_all(
        &mut self,
        server_type: &str,
        remote: &str,
        body: &impl Serialize,
    ) -> Result<(), AppError> {
        self.notify_at(Destination::All(server_type.into()), remote, body)
    }

    /// The channels of this server, read-only.
    pub fn channels(&self) -> &Channels {
        self.channels
    }

    /// Returns a channel of this server. The channel need not exist: its first member creates it.
    pub fn channel<'c>(&'c mut self, name: &'c str) -> ChannelHandle<'c> {
        let Self { server, session, channels, codec, out, counters, now, key, .. } = self;
        let session = session.as_ref();
        ChannelHandle { name, server, session, channels, codec, out, counters, now: *now, key }
    }

    /// Pushes to these sessions.
    ///
    /// # Errors
    /// The body cannot be encoded.
    pub fn push_to_sessions<'s>(
        &mut self,
        sessions: impl IntoIterator<Item = &'s SessionKey>,
        route: &str,
        body: &impl Serialize,
    ) -> Result<(), AppError> {
        let frame = self.codec.encode_push(route, body)?;
        for key in sessions {
            self.out.step_pushed(route, key.frontend.as_str(), Some(1));
            let payload = Payload::Push { sessions: Recipients::One(key.session), frame: frame.clone() };
            self.send(Destination::Server(key.frontend.clone()), payload);
            self.counters.pushes += 1;
            self.counters.recipients += 1;
        }
        Ok(())
    }

    /// Pushes to these uids, wherever in the cluster they are bound. The router skips and counts
    /// those that are not bound.
    ///
    /// # Errors
    /// The body cannot be encoded.
    pub fn push_to_uids(
        &mut self,
        uids: Vec<Uid>,
        route: &str,
        body: &impl Serialize,
    ) -> Result<(), AppError> {
        let frame = self.codec.encode_push(route, body)?;
        self.counters.pushes += 1;
        self.out.step_pushed(route, "router", Some(uids.len()));
        self.send(Destination::Router, Payload::PushToUids { uids, frame });
        Ok(())
    }

    /// Pushes to every client of every frontend of a type, bound or not.
    ///
    /// # Errors
    /// The body cannot be encoded.
    pub fn broadcast(&mut self, frontends: &str, route: &str, body: &impl Serialize) -> Result<(), AppError> {
        let frame = self.codec.encode_push(route, body)?;
        self.counters.pushes += 1;
        self.out.step_pushed(route, frontends, None);
        self.send(Destination::All(frontends.into()), Payload::Broadcast { frame });
        Ok(())
    }

    fn notify_at(&mut self, to: Destination, remote: &str, body: &impl Serialize) -> Result<(), AppError> {
        let invoke = Invoke {
            call: None,
            kind: InvokeKind::Remote,
            route: Arc::from(remote),
            session: self.session.clone(),
            body: encode(body)?,
            since: self.now,
            deadline: self.deadline,
            key: None,
        };
        self.send(to, Payload::Invoke(Box::new(invoke)));
        Ok(())
    }

    fn send(&mut self, to: Destination, payload: Payload) {
        self.out.send(&self.server.id, to, payload);
    }
}

/// The error of a bind or an unbind on a server that is not the session's frontend.
pub(super) fn not_its_frontend() -> AppError {
    AppError::new("only a session's own frontend can bind and unbind it")
}

fn route_to(server_type: &str) -> Destination {
    Destination::Route { server_type: ServerType::from(server_type), key: None }
}
