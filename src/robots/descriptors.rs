//! File descriptors: one a robot, and the system gives few unless it is asked.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::RobotsError;

/// What a process has open besides robots.
const OTHERS: u64 = 32;

/// Sees to it that so many users can be connected.
pub(super) fn raise(users: usize) -> Result<(), RobotsError> {
    let needed = users as u64 + OTHERS;
    let limit = getrlimit(Resource::Nofile);
    // No limit at all is none to raise.
    if limit.current.is_none_or(|current| current >= needed) {
        return Ok(());
    }
    let allowed = limit.maximum.unwrap_or(u64::MAX);
    if allowed < needed {
        return Err(RobotsError::Descriptors { users, needed, allowed });
    }
    setrlimit(Resource::Nofile, Rlimit { current: Some(needed), maximum: limit.maximum })
        .map_err(|error| RobotsError::System(error.into()))
}
