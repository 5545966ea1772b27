//! What a handler returns: its answer, or a call to make first and what to do then.

use std::marker::PhantomData;
use std::sync::Arc;

use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::codec::encode;
use super::context::Cx;
use crate::envelope::{AppError, Destination};
use crate::ids::{ServerId, ServerType, Uid};

/// What to do when a call is answered.
pub(super) type Then<L, R> = Box<dyn FnOnce(&mut L, &mut Cx<'_>, Result<Bytes, AppError>) -> Reply<L, R>>;

/// A handler's outcome. Handlers that answer at once return a plain `Result` instead.
pub enum Reply<L, R> {
    /// The answer.
    Done(Result<R, AppError>),
    /// Ask another server first: made by [`Call::then`].
    Later(Pending<L, R>),
}

/// A call, and what to do then.
pub struct Pending<L, R> {
    pub(super) request: Request,
    pub(super) then: Then<L, R>,
}

/// What can be asked.
#[derive(Debug)]
pub(super) enum Request {
    Remote { to: Destination, route: Arc<str>, body: Result<Bytes, AppError> },
    Locate { server_type: ServerType, key: Box<str> },
    Bind { uid: Uid },
}

/// Whatever a handler may return.
pub trait IntoReply<L> {
    /// The answer's type.
    type Body;

    /// As a [`Reply`].
    fn into_reply(self) -> Reply<L, Self::Body>;
}

impl<L, R> IntoReply<L> for Result<R, AppError> {
    type Body = R;

    fn into_reply(self) -> Reply<L, R> {
        Reply::Done(self)
    }
}

impl<L, R> IntoReply<L> for Reply<L, R> {
    type Body = R;

    fn into_reply(self) -> Reply<L, R> {
        self
    }
}

impl<L: 'static, R: Serialize + 'static> Reply<L, R> {
    pub(super) fn into_bytes(self) -> Reply<L, Bytes> {
        match self {
            Reply::Done(result) => Reply::Done(result.and_then(|body| encode(&body))),
            Reply::Later(Pending { request, then }) => Reply::Later(Pending {
                request,
                then: Box::new(move |logic, cx, answer| then(logic, cx, answer).into_bytes()),
            }),
        }
    }
}

impl<P: 'static, R: 'static> Reply<P, R> {
    /// The same reply for a type that holds a `P` as a part of it.
    pub(super) fn within<L: 'static>(self, part: fn(&mut L) -> &mut P) -> Reply<L, R> {
        match self {
            Reply::Done(result) => Reply::Done(result),
            Reply::Later(Pending { request, then }) => Reply::Later(Pending {
                request,
                then: Box::new(move |logic, cx, answer| then(part(logic), cx, answer).within(part)),
            }),
        }
    }
}

/// A call that has not been made yet: it is made when the handler returns it with [`then`](Call::then).
#[must_use = "a call is made when the handler returns `call.then(…)`"]
pub struct Call<T> {
    request: Request,
    answer: PhantomData<T>,
}

impl<T: DeserializeOwned> Call<T> {
    pub(super) fn new(request: Request) -> Self {
        Self { request, answer: PhantomData }
    }

    /// Chooses the server by this key, not by the type's route.
    pub fn key(mut self, by: &str) -> Self {
        if let Request::Remote { to: Destination::Route { key, .. }, .. } = &mut self.request {
            *key = Some(by.into());
        }
        self
    }

    /// Asks this very server.
    pub fn to(mut self, server: ServerId) -> Self {
        if let Request::Remote { to, .. } = &mut self.request {
            *to = Destination::Server(server);
        }
        self
    }

    /// What to do with the answer, or with the error when there is none: no server, an error there, or no answer
    /// before the request's deadline. May return another call.
    pub fn then<L, O>(
        self,
        next: impl FnOnce(&mut L, &mut Cx<'_>, Result<T, AppError>) -> O + 'static,
    ) -> Reply<L, O::Body>
    where
        O: IntoReply<L>,
    {
        let then: Then<L, O::Body> = Box::new(move |logic, cx, answer| {
            let answer = answer.and_then(|body| {
                serde_json::from_slice(&body).map_err(|error| AppError::new(format!("answer: {error}")))
            });
            next(logic, cx, answer).into_reply()
        });
        Reply::Later(Pending { request: self.request, then })
    }
}
