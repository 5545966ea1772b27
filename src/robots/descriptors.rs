//! Raises the limit of file descriptors: each robot needs one, and the default limit is low.

use nix::sys::resource::{Resource, getrlimit, setrlimit};

use super::RobotsError;

/// Descriptors that a process needs besides robots.
const OTHERS: u64 = 32;

/// Ensures that this number of users can be connected.
pub(super) fn raise(users: usize) -> Result<(), RobotsError> {
    let needed = users as u64 + OTHERS;
    let system = |error: nix::Error| RobotsError::System(error.into());
    let (current, allowed) = getrlimit(Resource::RLIMIT_NOFILE).map_err(system)?;
    if current >= needed {
        return Ok(());
    }
    if allowed < needed {
        return Err(RobotsError::Descriptors { users, needed, allowed });
    }
    setrlimit(Resource::RLIMIT_NOFILE, needed, allowed).map_err(system)
}
