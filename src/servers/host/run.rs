//! A run of the logic: its filters, its calls to others, and the receiver of its outcome.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use bytes::Bytes;

use super::Host;
use super::calls::{Origin, Step};
use crate::envelope::{AppError, CallId, Destination, Invoke, InvokeKind, Payload, Session};
use crate::ids::Uid;
use crate::servers::ServerLogic;
use crate::servers::context::{Cx, not_its_frontend};
use crate::servers::filter::{self, FilterCall};
use crate::servers::outbox::{Effect, Outbox};
use crate::servers::registry::Registry;
use crate::servers::reply::{Pending, Reply, Request};
use crate::time::Time;

impl<L: ServerLogic> Host<L> {
    /// Runs the filters, then the handler or remote.
    pub(super) fn run_handler(&mut self, origin: Origin, invoke: Invoke, out: &mut Outbox) {
        let Invoke { kind, route, session, mut body, deadline, .. } = invoke;
        if kind == InvokeKind::Handler {
            let mut call = FilterCall { route: &route, session: session.as_ref(), body: &mut body };
            let refused = self.filters.iter().find_map(|next| filter::before(&**next, &mut call).err());
            if let Some(error) = refused {
                return self.finish(origin, Err(error), out);
            }
        }
        // Look the handler up inside the closure, where the registry and the logic are borrowed
        // separately.
        self.run(deadline, origin, session, out, move |logic, registry, cx| {
            match registry.find(kind, &route) {
                Ok(handler) => handler(logic, cx, &body),
                Err(error) => Reply::Done(Err(error)),
            }
        });
    }

    /// Runs a step of the logic and the requests that follow, until it finishes or waits for an
    /// answer.
    pub(super) fn run(
        &mut self,
        deadline: Time,
        origin: Origin,
        session: Option<Session>,
        out: &mut Outbox,
        step: impl FnOnce(&mut L, &Registry<L>, &mut Cx<'_>) -> Reply<L, Bytes>,
    ) {
        out.follow(origin.trail());
        let key = origin.work().map(|work| Arc::clone(&work.key));
        let (mut reply, mut session) = self.step(deadline, session, key.clone(), out, step);
        loop {
            match reply {
                Reply::Done(result) => return self.finish(origin, result, out),
                Reply::Later(Pending { request, then }) => {
                    match self.request(deadline, &session, request, out) {
                        Ok((call, bind)) => {
                            let step = Step::Then { then, bind };
                            return self.wait_for(call, origin, session, deadline, step);
                        }
                        // The request could not be sent: the logic gets the error at once.
                        Err(error) => {
                            (reply, session) =
                                self.step(deadline, session, key.clone(), out, |logic, _, cx| {
                                    then(logic, cx, Err(error))
                                });
                        }
                    }
                }
            }
        }
    }

    /// Calls the logic once. A panic becomes an ordinary error, so that every caller gets an
    /// answer, and the effects of the step are discarded.
    fn step(
        &mut self,
        deadline: Time,
        session: Option<Session>,
        key: Option<Arc<str>>,
        out: &mut Outbox,
        step: impl FnOnce(&mut L, &Registry<L>, &mut Cx<'_>) -> Reply<L, Bytes>,
    ) -> (Reply<L, Bytes>, Option<Session>) {
        let Self { setup, logic, registry, channels, counters, now, .. } = self;
        let (before, counted, unchanged) = (out.effects.len(), *counters, session.clone());
        let steps = out.steps();
        let mut over = None;
        let had = session.as_ref().and_then(|session| session.uid.clone());
        let mut cx = Cx {
            server: &setup.spec,
            session,
            channels,
            codec: &setup.codec,
            out,
            counters,
            now: *now,
            deadline,
            key,
        };
        let reply = catch_unwind(AssertUnwindSafe(|| step(logic, registry, &mut cx)));
        let mut session = cx.session;
        if reply.is_err() {
            out.effects.truncate(before);
            out.forget_steps(steps);
            *counters = counted;
            session = unchanged;
        }
        // On a frontend the context held the session itself, so write its changes back.
        if let Some(changed) = &session
            && changed.key.frontend == setup.spec.id
            && let Some(client) = self.clients.get_mut(changed.key.session)
        {
            client.session = changed.clone();
            let given_up = had.filter(|_| changed.uid.is_none());
            over = given_up.map(|uid| (changed.key.session, client.begin_binding(), uid));
        }
        let reply = reply.unwrap_or_else(|_| {
            counters.panics += 1;
            log::error!("handler panicked server={}", setup.spec.id);
            self.crashes.pending = true;
            Reply::Done(Err(AppError::new("the handler failed: its server's log says where")))
        });
        if let Some((session, binding, uid)) = over {
            self.leave(session, binding, uid, out);
        }
        (reply, session)
    }

    /// Sends a request of the logic.
    fn request(
        &mut self,
        deadline: Time,
        session: &Option<Session>,
        request: Request,
        out: &mut Outbox,
    ) -> Result<(CallId, Option<Uid>), AppError> {
        if deadline <= self.now {
            return Err(AppError::timed_out("the request"));
        }
        let call = self.calls.next_id();
        let mut binds = None;
        let (to, payload) = match request {
            Request::Remote { to, route, body } => {
                let invoke = Invoke {
                    call: Some(call),
                    kind: InvokeKind::Remote,
                    route,
                    session: session.clone(),
                    body: body?,
                    since: self.now,
                    deadline,
                    key: None,
                };
                (to, Payload::Invoke(Box::new(invoke)))
            }
            Request::Locate { server_type, key } => {
                let asker = session.as_ref().map(|session| Box::new(self.clients.asker(session)));
                (Destination::Router, Payload::Locate { call, server_type, key, asker })
            }
            Request::Bind { uid } => {
                let session = session.as_ref().filter(|session| session.key.frontend == *self.id());
                let session = session.ok_or_else(not_its_frontend)?;
                if let Some(bound) = &session.uid {
                    return Err(AppError::new(format!("the session is bound to {bound} already")));
                }
                // If the session gave up this uid and has not returned it yet, return it first.
                let key = session.key.session;
                for _ in 0..self.clients.reclaim(key, &uid) {
                    self.unbind(key, uid.clone(), out);
                }
                binds = Some(uid.clone());
                (Destination::Router, Payload::Bind { call, session: session.key.clone(), uid })
            }
        };
        out.send(self.id(), to, payload);
        Ok((call, binds))
    }

    /// Sends the outcome to its receiver.
    pub(super) fn finish(&mut self, origin: Origin, mut result: Result<Bytes, AppError>, out: &mut Outbox) {
        out.follow(origin.trail());
        match origin {
            Origin::Client { session, request, route, local, since, .. } => {
                if local {
                    self.filter_after(&route, session, &mut result);
                    Self::step_handled(&route, &result, out);
                }
                self.respond(session, (request, Some(since)), &route, result, out);
                out.effects.push(Effect::Done { session });
                if local && let Some(client) = self.clients.get_mut(session) {
                    client.busy = false;
                }
            }
            Origin::Server { server, call, kind, route, session, since, .. } => {
                if kind == InvokeKind::Handler {
                    for next in self.filters.iter().rev() {
                        filter::after(&**next, &route, session.as_ref(), &mut result);
                    }
                }
                Self::step_handled(&route, &result, out);
                self.counters.errors += u64::from(result.is_err());
                if let Err(error) = &result {
                    log::debug!(
                        "handler refused server={} route={route:?} error={:?}",
                        self.id(),
                        error.message
                    );
                }
                if let Some(call) = call {
                    self.time_call(since);
                    out.send(self.id(), Destination::Server(server), Payload::Answer { call, result });
                }
            }
            Origin::Nobody => {}
        }
    }

    /// Records the latency of an answered call. A frontend records only its clients' requests.
    pub(super) fn time_call(&mut self, since: Time) {
        if !self.setup.spec.frontend {
            self.latency.record(self.now.since(since));
        }
    }

    pub(super) fn hook(&mut self, session: Option<Session>, out: &mut Outbox, hook: fn(&mut L, &mut Cx<'_>)) {
        let deadline = self.now + self.setup.request_timeout;
        self.run(deadline, Origin::Nobody, session, out, |logic, _, cx| {
            hook(logic, cx);
            Reply::Done(Ok(Bytes::new()))
        });
    }
}
