//! CPU time and memory of processes, from Linux.
//!
//! The CPU time is read from the process's CPU clock (`clock_getcpuclockid`). It counts
//! nanoseconds, and includes ended threads. `/proc` has no such figure: `stat` counts in hundredths
//! of a second, `schedstat` covers only the first thread, and `task/*/schedstat` forgets threads
//! when they end.
//!
//! The memory is `Rss` of `smaps_rollup`, which the kernel computes on request. `VmRSS` of `status`
//! is cheaper, but may be off by hundreds of KiB: each processor adds to it in batches.

use std::io;
use std::time::Duration;

/// Processes measured together: a server may have several.
#[derive(Clone, Debug)]
pub struct Processes(Vec<u32>);

impl Processes {
    /// The processes with these ids.
    ///
    /// # Errors
    /// A process does not exist or cannot be read: the text names it. `Unsupported` on systems
    /// other than Linux.
    pub fn new(pids: Vec<u32>) -> io::Result<Self> {
        let processes = Self(pids);
        processes.cpu()?;
        processes.resident_bytes()?;
        Ok(processes)
    }

    /// Total user and system time of all of them, each since its start.
    ///
    /// # Errors
    /// When one is not there any more.
    pub fn cpu(&self) -> io::Result<Duration> {
        self.0.iter().map(|pid| system::cpu(*pid).map_err(|error| named(*pid, &error))).sum()
    }

    /// Memory of all of them together that is in RAM, in bytes. What several share is counted in
    /// each.
    ///
    /// # Errors
    /// When one is not there any more, or belongs to another user.
    pub fn resident_bytes(&self) -> io::Result<u64> {
        self.0.iter().map(|pid| system::resident_bytes(*pid).map_err(|error| named(*pid, &error))).sum()
    }
}

fn named(pid: u32, error: &io::Error) -> io::Error {
    let text = match error.kind() {
        io::ErrorKind::NotFound => format!("there is no process {pid}"),
        _ => format!("process {pid}: {error}"),
    };
    io::Error::new(error.kind(), text)
}

#[cfg(target_os = "linux")]
mod system {
    use std::time::Duration;
    use std::{fs, io};

    use nix::errno::Errno;
    use nix::time::{clock_getcpuclockid, clock_gettime};
    use nix::unistd::Pid;

    pub(super) fn cpu(pid: u32) -> io::Result<Duration> {
        let spent = i32::try_from(pid).map_err(|_| Errno::ESRCH).and_then(|pid| {
            // The system takes 0 as the calling process.
            let pid = Some(pid).filter(|pid| *pid > 0).ok_or(Errno::ESRCH)?;
            clock_gettime(clock_getcpuclockid(Pid::from_raw(pid))?)
        });
        match spent {
            Ok(spent) => Ok(spent.into()),
            // The errors of these calls for a process that does not exist.
            Err(Errno::ESRCH | Errno::EINVAL) => Err(io::ErrorKind::NotFound.into()),
            Err(error) => Err(error.into()),
        }
    }

    pub(super) fn resident_bytes(pid: u32) -> io::Result<u64> {
        let text = fs::read_to_string(format!("/proc/{pid}/smaps_rollup"))?;
        let kib = text.lines().find_map(|line| line.strip_prefix("Rss:")?.strip_suffix("kB"));
        let kib: Option<u64> = kib.and_then(|kib| kib.trim().parse().ok());
        kib.map(|kib| kib * 1024).ok_or_else(|| io::Error::other("its smaps_rollup has no Rss"))
    }
}

#[cfg(not(target_os = "linux"))]
mod system {
    use std::io;
    use std::time::Duration;

    fn unsupported<T>() -> io::Result<T> {
        let text = "what a process costs is only measured on Linux";
        Err(io::Error::new(io::ErrorKind::Unsupported, text))
    }

    pub(super) fn cpu(_pid: u32) -> io::Result<Duration> {
        unsupported()
    }

    pub(super) fn resident_bytes(_pid: u32) -> io::Result<u64> {
        unsupported()
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::hint::black_box;
    use std::process::{Command, Stdio};

    use super::*;

    fn own() -> Processes {
        Processes::new(vec![std::process::id()]).unwrap()
    }

    #[test]
    fn threads_that_ended_are_counted() {
        let before = own().cpu().unwrap();
        let worked = Duration::from_millis(30);
        std::thread::spawn(move || while own().cpu().unwrap() < before + worked {}).join().unwrap();
        assert!(own().cpu().unwrap() >= before + worked);
    }

    #[test]
    fn memory_is_counted_when_it_is_used() {
        let before = own().resident_bytes().unwrap();
        let used = vec![1_u8; 128 << 20];
        let grown = own().resident_bytes().unwrap() - before;
        // Other tests of this process may give theirs back meanwhile.
        assert!(grown >= 64 << 20, "128 MiB more are {grown} bytes");
        black_box(used);
    }

    #[test]
    fn several_are_added_up() {
        let mut other = Command::new("cat").stdin(Stdio::piped()).spawn().unwrap();
        let both = Processes::new(vec![std::process::id(), other.id()]).unwrap();
        let of_other = Processes::new(vec![other.id()]).unwrap();
        assert!(of_other.resident_bytes().unwrap() > 0);
        assert!(both.resident_bytes().unwrap() > of_other.resident_bytes().unwrap());
        other.kill().unwrap();
        other.wait().unwrap();
        for result in [both.cpu().map(drop), both.resident_bytes().map(drop)] {
            let error = result.unwrap_err();
            assert_eq!(error.to_string(), format!("there is no process {}", other.id()));
        }
    }

    #[test]
    fn what_is_no_process_is_named() {
        for pid in [0, u32::MAX, i32::MAX as u32] {
            let error = Processes::new(vec![std::process::id(), pid]).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::NotFound);
            assert_eq!(error.to_string(), format!("there is no process {pid}"));
        }
    }
}
