//! File descriptors: each client connection takes one, and the usual limit is far lower than the
//! system allows.

use std::io;

use nix::sys::resource::{Resource, getrlimit, setrlimit};

/// Descriptors that are enough for any cluster: systems that allow "unlimited" refuse to set that.
const ENOUGH: u64 = 1 << 20;

/// Raises the soft limit of this process as far as the hard limit allows. Returns the limit.
///
/// # Errors
/// The system refuses to tell or to set it.
pub fn raise() -> io::Result<u64> {
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
    let wanted = hard.min(ENOUGH);
    if soft >= wanted {
        return Ok(soft);
    }
    setrlimit(Resource::RLIMIT_NOFILE, wanted, hard)?;
    Ok(wanted)
}
