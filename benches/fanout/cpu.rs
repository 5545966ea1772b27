//! What a process has used of the CPU.

use std::fs;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

/// The CPU time of a process, as the kernel's scheduler counts it: in nanoseconds, where `/proc/PID/stat` has hundredths
/// of a second. What ended threads have used is not in it: measure while none ends.
pub struct Cpu {
    tasks: PathBuf,
}

impl Cpu {
    pub fn of(pid: u32) -> Self {
        Self { tasks: format!("/proc/{pid}/task").into() }
    }

    /// Used since it started, by all its threads.
    ///
    /// # Errors
    /// The process is gone, or this is no Linux.
    pub fn used(&self) -> io::Result<Duration> {
        let mut nanos = 0;
        for task in fs::read_dir(&self.tasks)? {
            let text = fs::read_to_string(task?.path().join("schedstat"))?;
            let used = text.split(' ').next().and_then(|used| used.parse::<u64>().ok());
            nanos += used.ok_or_else(|| io::Error::other(format!("expected times, got {text:?}")))?;
        }
        Ok(Duration::from_nanos(nanos))
    }
}
