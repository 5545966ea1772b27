//! The registrations of a server type: its handlers, remotes and filters, by route.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::ServerLogic;
use super::context::Cx;
use super::filter::Filter;
use super::handlers::listed;
use super::reply::{IntoReply, Reply};
use crate::envelope::{AppError, InvokeKind};

/// A handler with its types erased: JSON in, JSON out.
pub(super) type Erased<L> = Box<dyn Fn(&mut L, &mut Cx<'_>, &[u8]) -> Reply<L, Bytes>>;

/// The routes and filters of one server. [`ServerLogic::register`](super::ServerLogic::register)
/// fills it once per server.
pub struct Registry<L> {
    handlers: BTreeMap<&'static str, Erased<L>>,
    remotes: BTreeMap<&'static str, Erased<L>>,
    filters: Vec<Arc<dyn Filter>>,
}

impl<L> Default for Registry<L> {
    fn default() -> Self {
        Self { handlers: BTreeMap::new(), remotes: BTreeMap::new(), filters: Vec::new() }
    }
}

impl<L: 'static> Registry<L> {
    /// Adds a handler for clients, such as `"chatHandler.send"`. Its message must be a JSON object.
    /// Its result, a value or an [`AppError`], becomes the response's body.
    pub fn handler<M, O>(
        &mut self,
        route: &'static str,
        handler: impl Fn(&mut L, &mut Cx<'_>, M) -> O + 'static,
    ) -> &mut Self
    where
        M: DeserializeOwned,
        O: IntoReply<L>,
        O::Body: Serialize + 'static,
    {
        self.handlers.insert(route, erase(handler, object));
        self
    }

    /// Adds a remote for other servers, such as `"chatRemote.add"`. Clients cannot reach it.
    pub fn remote<M, O>(
        &mut self,
        route: &'static str,
        remote: impl Fn(&mut L, &mut Cx<'_>, M) -> O + 'static,
    ) -> &mut Self
    where
        M: DeserializeOwned,
        O: IntoReply<L>,
        O::Body: Serialize + 'static,
    {
        self.remotes.insert(route, erase(remote, any));
        self
    }

    /// Adds a filter around this type's handlers.
    pub fn filter(&mut self, filter: impl Filter) -> &mut Self {
        self.filters.push(Arc::new(filter));
        self
    }

    /// Adds all registrations of another type, so that this type extends it. `part` returns the
    /// other type's state inside this type's state. A later registration under the same route
    /// replaces an earlier one.
    ///
    /// ```
    /// use pomelo_sim::config::ServerSpec;
    /// use pomelo_sim::envelope::AppError;
    /// use pomelo_sim::servers::{Chat, Cx, Registry, ServerLogic};
    /// use serde_json::{Value, json};
    ///
    /// /// The tutorial's chat, and a handler that says what time it is.
    /// struct ChatWithClock(Chat);
    ///
    /// impl ServerLogic for ChatWithClock {
    ///     const NAME: &'static str = Chat::NAME;
    ///
    ///     fn create(server: &ServerSpec) -> Self {
    ///         Self(Chat::create(server))
    ///     }
    ///
    ///     fn register(registry: &mut Registry<Self>) {
    ///         registry
    ///             .include(|clock| &mut clock.0)
    ///             .handler("chatHandler.now", |_: &mut Self, cx: &mut Cx<'_>, _: Value| {
    ///                 Ok(json!({ "nanoseconds": cx.now().as_nanos() }))
    ///             });
    ///     }
    /// }
    /// # let _ = pomelo_sim::cluster::Cluster::from_config("config", "development")?.server_type::<ChatWithClock>();
    /// # Ok::<(), pomelo_sim::config::ConfigError>(())
    /// ```
    pub fn include<P: ServerLogic>(&mut self, part: fn(&mut L) -> &mut P) -> &mut Self {
        let mut of_part = Registry::<P>::default();
        P::register(&mut of_part);
        let Registry { handlers, remotes, filters } = of_part;
        let within = |run: Erased<P>| -> Erased<L> {
            Box::new(move |logic, cx, body| run(part(logic), cx, body).within(part))
        };
        self.handlers.extend(handlers.into_iter().map(|(route, run)| (route, within(run))));
        self.remotes.extend(remotes.into_iter().map(|(route, run)| (route, within(run))));
        self.filters.extend(filters);
        self
    }

    /// The routes of the handlers, sorted.
    pub fn handler_routes(&self) -> impl Iterator<Item = &'static str> {
        self.handlers.keys().copied()
    }

    pub(super) fn filters(&self) -> &[Arc<dyn Filter>] {
        &self.filters
    }

    pub(super) fn find(&self, kind: InvokeKind, route: &str) -> Result<&Erased<L>, AppError> {
        let (what, table) = match kind {
            InvokeKind::Handler => ("handler", &self.handlers),
            InvokeKind::Remote => ("remote", &self.remotes),
        };
        table.get(route).ok_or_else(|| {
            let known: Vec<&str> = table.keys().copied().collect();
            AppError::new(format!("unknown {what} {route:?}: this server has {}", listed(&known)))
        })
    }
}

fn erase<L, M, O>(
    run: impl Fn(&mut L, &mut Cx<'_>, M) -> O + 'static,
    check: fn(&[u8]) -> Result<(), AppError>,
) -> Erased<L>
where
    L: 'static,
    M: DeserializeOwned,
    O: IntoReply<L>,
    O::Body: Serialize + 'static,
{
    Box::new(move |logic, cx, body| {
        let message = check(body).and_then(|()| match serde_json::from_slice(body) {
            Ok(message) => Ok(message),
            Err(_) => second_reading(body),
        });
        match message {
            Ok(message) => run(logic, cx, message).into_reply().into_bytes(),
            Err(error) => Reply::Done(Err(error)),
        }
    })
}

/// Parses a body again after the fast parse failed, with checks too slow for every message: the
/// last of duplicate keys counts, as in JavaScript, and an error names its field.
fn second_reading<M: DeserializeOwned>(body: &[u8]) -> Result<M, AppError> {
    let value: Value =
        serde_json::from_slice(body).map_err(|error| AppError::new(format!("body: {error}")))?;
    serde_path_to_error::deserialize(value).map_err(|error| {
        let (path, why) = (error.path().to_string(), error.inner());
        // The path `.` is the body itself.
        AppError::new(if path == "." { format!("body: {why}") } else { format!("body: {path}: {why}") })
    })
}

fn any(_: &[u8]) -> Result<(), AppError> {
    Ok(())
}

/// Requires an object. Serde would also fill a struct from an array, but Pomelo's clients send
/// objects, so an array here is an attack.
fn object(body: &[u8]) -> Result<(), AppError> {
    let first = body.iter().find(|byte| !byte.is_ascii_whitespace());
    match first {
        Some(b'{') => Ok(()),
        Some(_) => Err(AppError::new("body: expected a JSON object")),
        None => Err(AppError::new("body: expected a JSON object, got nothing")),
    }
}
