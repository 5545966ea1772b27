//! What a handler may do: look at and change its session, call other servers, push to clients.

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

/// Handed to every handler, remote and hook for as long as it runs. What it does takes effect in the order in which
/// it was done, and before the handler's answer.
pub struct Cx<'a> {
    pub(super) server: &'a ServerSpec,
    pub(super) session: Option<Session>,
    pub(super) channels: &'a mut Channels,
    pub(super) codec: &'a Codec,
    pub(super) out: &'a mut Outbox,
    pub(super) counters: &'a mut HostCounters,
    pub(super) now: Time,
    pub(super) deadline: Time,
    /// The key by which the router chose this server for the message at hand.
    pub(super) key: Option<Arc<str>>,
}

impl Cx<'_> {
    /// The server that runs this.
    pub fn server(&self) -> &ServerSpec {
        self.server
    }

    /// The time of this delivery.
    pub fn now(&self) -> Time {
        self.now
    }

    /// The session on whose behalf this runs: on a frontend the session itself, on a backend a copy. None in calls
    /// and hooks that no client caused.
    pub fn session(&self) -> Option<&Session> {
        self.session.as_ref()
    }

    /// Who the session is bound to.
    ///
    /// # Errors
    /// It is bound to nobody.
    pub fn uid(&self) -> Result<&Uid, AppError> {
        let uid = self.session.as_ref().and_then(|session| session.uid.as_ref());
        uid.ok_or_else(|| AppError::new("the session is not bound to a uid: log in first"))
    }

    /// A setting of the session.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.session.as_ref()?.get(key)
    }

    /// A setting of the session that is text.
    pub fn get_str(&self, key: &str) -> Option<&str> {
        self.session.as_ref()?.get_str(key)
    }

    /// Changes a setting of the session; `null` removes it. On a backend only the copy changes, until
    /// [`push`](Cx::push) is called.
    pub fn set(&mut self, key: &str, value: impl Into<Value>) {
        if let Some(session) = &mut self.session {
            session.set(key, value);
        }
    }

    /// Sends a setting of a backend's copy to the session itself. Nothing to do on a frontend.
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

    /// Binds the session to a uid, on its frontend. The answer is an error when the session or the uid is bound
    /// already, anywhere in the cluster.
    pub fn bind(&self, uid: Uid) -> Call<()> {
        Call::new(Request::Bind { uid })
    }

    /// Gives the session's uid back, on its frontend, and takes the session out of the channels that it is in, as soon as no
    /// call is under way for it any more that could enter one.
    ///
    /// # Errors
    /// This is not the session's frontend, which alone knows when nobody speaks for the uid any more.
    pub fn unbind(&mut self) -> Result<(), AppError> {
        let server = &self.server.id;
        let session = self.session.as_mut().filter(|session| session.key.frontend == *server);
        let session = session.ok_or_else(not_its_frontend)?;
        session.uid = None;
        Ok(())
    }

    /// Closes a session, telling its client why.
    pub fn kick(&mut self, session: &SessionKey, reason: &str) {
        let payload = Payload::Kick { session: session.session, reason: reason.into() };
        self.send(Destination::Server(session.frontend.clone()), payload);
    }

    /// A call of a remote on a server of another type. Which server: as the type's route says for this session.
    pub fn call<T: DeserializeOwned>(
        &self,
        server_type: &str,
        remote: &str,
        body: &impl Serialize,
    ) -> Call<T> {
        Call::new(Request::Remote { to: route_to(server_type), route: remote.into(), body: encode(body) })
    }

    /// Asks the router which server of a type a key belongs to.
    pub fn locate(&self, server_type: &str, key: &str) -> Call<Located> {
        Call::new(Request::Locate { server_type: server_type.into(), key: key.into() })
    }

    /// A remote that nobody waits for, on the server that the type's route says for this session.
    ///
    /// # Errors
    /// The body cannot be encoded.
    pub fn notify(&mut self, server_type: &str, remote: &str, body: &impl Serialize) -> Result<(), AppError> {
        self.notify_at(route_to(server_type), remote, body)
    }

    /// A remote that nobody waits for, on every server of a type.
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

    /// The channels of this server, to look at.
    pub fn channels(&self) -> &Channels {
        self.channels
    }

    /// A channel of this server. It need not exist: its first member makes it.
    pub fn channel<'c>(&'c mut self, name: &'c str) -> ChannelHandle<'c> {
        let Self { server, session, channels, codec, out, counters, now, key, .. } = self;
        let session = session.as_ref();
        ChannelHandle { name, server, session, channels, codec, out, counters, now: *now, key }
    }

    /// A push to these sessions.
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

    /// A push to these uids, wherever in the cluster they are bound; those that are not get nothing, and the router
    /// counts them.
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

    /// A push to every client of every frontend of a type, bound or not.
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

/// Why a backend can neither bind nor unbind.
pub(super) fn not_its_frontend() -> AppError {
    AppError::new("only a session's own frontend can bind and unbind it")
}

fn route_to(server_type: &str) -> Destination {
    Destination::Route { server_type: ServerType::from(server_type), key: None }
}
