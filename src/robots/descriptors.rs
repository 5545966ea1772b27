//! File descriptors: one a robot, and the system gives few unless it is asked.

use nix::sys::resource::{Resource, getrlimit, setrlimit};

use super::RobotsError;

/// What a process has open besides robots.
const OTHERS: u64 = 32;

/// Sees to it that so many users can be connected.
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
