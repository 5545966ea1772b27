//! Filters: code around every handler, of one server type or of all.

use bytes::Bytes;

use crate::envelope::{AppError, Session};

/// Runs before and after handlers. A global filter runs on the frontend, around everything that a client asks
/// for; a type's filter runs on the server that has the handler.
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
