//! Filters: code around every handler of one server type, or of all types.

use std::panic::{AssertUnwindSafe, catch_unwind};

use bytes::Bytes;

use crate::envelope::{AppError, Session};

/// Runs before and after handlers. A global filter runs on the frontend, around every client
/// message. A type's filter runs on the server that has the handler. Filters run in the order of
/// registration before the handler and in reverse after it, as in Pomelo: the first filter is the
/// outermost.
pub trait Filter: Send + Sync + 'static {
    /// Runs before the handler. It may change the body or refuse the message.
    ///
    /// # Errors
    /// The error becomes the answer, and the handler does not run.
    fn before(&self, _call: &mut FilterCall<'_>) -> Result<(), AppError> {
        Ok(())
    }

    /// Runs after the handler and may change the answer. It also runs for refused messages.
    fn after(&self, _route: &str, _session: Option<&Session>, _result: &mut Result<Bytes, AppError>) {}
}

/// A message on its way to a handler.
pub struct FilterCall<'a> {
    /// The full route on the frontend, such as `chat.chatHandler.send`; on the handler's server the
    /// route without the type.
    pub route: &'a str,
    /// The session that sent the message.
    pub session: Option<&'a Session>,
    /// The message's body as JSON.
    pub body: &'a mut Bytes,
}

/// Runs a filter's `before`. A panic becomes an ordinary error, as in a handler.
pub(super) fn before(filter: &dyn Filter, call: &mut FilterCall<'_>) -> Result<(), AppError> {
    catch_unwind(AssertUnwindSafe(|| filter.before(call))).unwrap_or_else(|_| Err(panicked(call.route)))
}

/// Runs a filter's `after`, with panics as in [`before`].
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
