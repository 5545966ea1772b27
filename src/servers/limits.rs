//! The limits that a server sets to its clients.

/// Limits on the sessions of a server. Requests over a limit are answered with 503.
#[derive(Clone, Copy, Debug)]
pub struct SessionLimits {
    /// Messages per second and session, and the burst allowed after one second of silence. None
    /// means unlimited.
    pub messages_per_second_max: Option<u32>,
    /// Calls to other servers that a server may have in flight.
    pub calls_max: usize,
}

impl Default for SessionLimits {
    fn default() -> Self {
        Self { messages_per_second_max: None, calls_max: 10_000 }
    }
}
