//! What a server takes of its clients at most.

/// Limits of the sessions of a server. Requests over them are answered with 503.
#[derive(Clone, Copy, Debug)]
pub struct SessionLimits {
    /// Messages that a session may send in a second, and at once after a second of silence; none: no limit.
    pub messages_per_second_max: Option<u32>,
    /// Requests that a server may have in flight with others.
    pub calls_max: usize,
}

impl Default for SessionLimits {
    fn default() -> Self {
        Self { messages_per_second_max: None, calls_max: 10_000 }
    }
}
