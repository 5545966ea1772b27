//! Filters: code around every handler, of one server type or of all.

use std::panic::{AssertUnwindSafe, catch_unwind};

use bytes::Bytes;

use crate::envelope::{AppError, Session};

/// Runs before and after handlers. A global filter runs on the frontend, around everything that a client asks
/// for; a type's filter runs on the server that has the handler. Before the handler they run in the order in which
/// they were added, after it in the reverse order, as Pomelo's do: the first is the outermost.
pub trait Filter: Send + Sync + 'static {
    /// Sees the message first, and may change its body or refuse it.
    ///
    /// # Errors
    /// Becomes the request's answer; the handler does not run.
    fn before(&self, _call: &mut FilterCall<'_>) -> Result<(), AppError> {
        Ok(())
    }

    /// Sees the answer last, and may change it. Runs for refused messages too.
    fn after(&self, _route: &str, _session: Option<&Session>, _result: &mut Result<Bytes, AppError>) {}
}

/// A message on its way to a handler.
pub struct FilterCall<'a> {
    /// On the frontend the full route, such as `chat.chatHandler.send`; on the handler's server without the type.
    pub route: &'a str,
    /// Who asks.
    pub session: Option<&'a Session>,
    /// The message's body as JSON.
    pub body: &'a mut Bytes,
}

/// Runs a filter first. A panic in it is an error like any other, as in a handler.
pub(super) fn before(filter: &dyn Filter, call: &mut FilterCall<'_>) -> Result<(), AppError> {
    catch_unwind(AssertUnwindSafe(|| filter.before(call))).unwrap_or_else(|_| Err(panicked(call.route)))
}

/// Runs a filter last.
pub(super) fn after(
    filter: &dyn Filter,
    route: &str,
    session: Option<&Session>,
    result: &mut Result<Bytes, AppError>,
) {
    if catch_unwind(AssertUnwindSafe(|| filter.after(route, session, result))).is_err() {
        *result = Err(panicked(route));
    }
}

fn panicked(route: &str) -> AppError {
    log::error!("filter panicked route={route:?}");
    AppError::new("a filter failed: its server's log says where")
}
