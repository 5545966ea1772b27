//! The names by which warnings, audits and traces recognise the parts of a chat cluster.

/// Which server type plays which part. The framework knows no such name: the tutorial gives its own
/// ([`ROLES`](crate::servers::ROLES)).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Roles {
    /// The type whose servers tell clients where to connect.
    pub gate: &'static str,
    /// The type whose servers they name.
    pub connector: &'static str,
    /// The type whose servers hold rooms.
    pub chat: &'static str,
    /// The session setting that names the room of a session.
    pub room_setting: &'static str,
}
