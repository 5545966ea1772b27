//! Routes: how a message gets its key, and the key its server.

use std::borrow::Cow;
use std::sync::Arc;

use crate::envelope::{AppError, Session};
use crate::ids::Uid;
use crate::strategies::StrategySpec;

/// What a route may read.
pub struct RouteInput<'a> {
    /// The session that sent the message.
    pub session: Option<&'a Session>,
    /// The handler or remote, without the server type.
    pub route: &'a str,
    /// The message's body as JSON.
    pub body: &'a [u8],
}

/// Computes the key of a message, or says why it has none.
pub type RouteKey = Arc<dyn for<'a> Fn(&RouteInput<'a>) -> Result<Cow<'a, str>, AppError> + Send + Sync>;

/// A type's route: Pomelo's `app.route(type, …)`.
pub struct Route {
    /// Computes the key of a message.
    pub key: RouteKey,
    /// Picks the server of a key.
    pub strategy: StrategySpec,
}

/// A key that your function computes from the session and the message.
pub fn by(
    key: impl for<'a> Fn(&RouteInput<'a>) -> Result<Cow<'a, str>, AppError> + Send + Sync + 'static,
) -> RouteKey {
    Arc::new(key)
}

/// The key is a setting of the session, such as the chat tutorial's `rid`.
pub fn by_session(setting: &str) -> RouteKey {
    let setting: Box<str> = setting.into();
    Arc::new(move |input| {
        let value = input.session.and_then(|session| session.get_str(&setting));
        value
            .map(Cow::Borrowed)
            .ok_or_else(|| AppError::new(format!("the session has no {setting}: enter first")))
    })
}

/// The key is the session's uid, or empty while it has none: Pomelo's default route.
pub fn by_uid() -> RouteKey {
    Arc::new(|input| {
        let uid = input.session.and_then(|session| session.uid.as_ref());
        Ok(Cow::Borrowed(uid.map_or("", Uid::as_str)))
    })
}
