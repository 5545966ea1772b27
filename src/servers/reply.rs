//! The result of a handler: an answer, or a call to make first with its continuation.

use std::marker::PhantomData;
use std::sync::Arc;

use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::codec::encode;
use super::context::Cx;
use crate::envelope::{AppError, Destination};
use crate::ids::{ServerId, ServerType, Uid};

/// The continuation of a call. It runs with the call's answer.
pub(super) type Then<L, R> = Box<dyn FnOnce(&mut L, &mut Cx<'_>, Result<Bytes, AppError>) -> Reply<L, R>>;

/// The outcome of a handler. Handlers that answer at once return a plain `Result` instead.
pub enum Reply<L, R> {
    /// The answer.
    Done(Result<R, AppError>),
    /// Ask another server first. [`Call::then`] makes this.
    Later(Pending<L, R>),
}

/// A call with its continuation.
pub struct Pending<L, R> {
    pub(super) request: Request,
    pub(super) then: Then<L, R>,
}

/// The requests that a handler can make.
#[derive(Debug)]
pub(super) enum Request {
    Remote { to: Destination, route: Arc<str>, body: Result<Bytes, AppError> },
    Locate { server_type: ServerType, key: Box<str> },
    Bind { uid: Uid },
}

/// A type that a handler may return.
pub trait IntoReply<L> {
    /// The type of the answer.
    type Body;

    /// Converts to a [`Reply`].
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
    /// Converts the reply for a type that contains a `P`.
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

/// A call that has not been made yet. It is made when the handler returns the result of
/// [`then`](Call::then).
#[must_use = "a call is made when the handler returns `call.then(…)`"]
pub struct Call<T> {
    request: Request,
    answer: PhantomData<T>,
}

impl<T: DeserializeOwned> Call<T> {
    pub(super) fn new(request: Request) -> Self {
        Self { request, answer: PhantomData }
    }

    /// Chooses the server by this key instead of the type's route.
    pub fn key(mut self, by: &str) -> Self {
        if let Request::Remote { to: Destination::Route { key, .. }, .. } = &mut self.request {
            *key = Some(by.into());
        }
        self
    }

    /// Sends the call to this server.
    pub fn to(mut self, server: ServerId) -> Self {
        if let Request::Remote { to, .. } = &mut self.request {
            *to = Destination::Server(server);
        }
        self
    }

    /// Sets the continuation. It runs with the answer, or with an error if no server is available,
    /// the remote failed, or no answer came before the request's deadline. It may return another
    /// call.
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
