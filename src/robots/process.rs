//! The server's processes: their CPU time and memory, from `/proc`.

use std::fs;
use std::io;
use std::time::Duration;

/// Processes that are looked at together.
#[derive(Clone, Debug)]
pub struct Processes(Vec<u32>);

impl Processes {
    /// These.
    ///
    /// # Errors
    /// One is not there.
    pub fn new(pids: Vec<u32>) -> io::Result<Self> {
        let processes = Self(pids);
        processes.cpu().map(|_| processes)
    }

    /// User and system time of all of them, in steps of 10 ms.
    ///
    /// # Errors
    /// One is gone.
    pub fn cpu(&self) -> io::Result<Duration> {
        let ticks = self.sum("stat", |text| {
            let fields: Vec<&str> = text.rsplit(") ").next()?.split(' ').collect();
            Some(fields.get(11)?.parse::<u64>().ok()? + fields.get(12)?.parse::<u64>().ok()?)
        })?;
        Ok(Duration::from_millis(10 * ticks))
    }

    /// Resident memory of all of them.
    ///
    /// # Errors
    /// One is gone.
    pub fn resident_bytes(&self) -> io::Result<u64> {
        self.sum("status", |text| {
            let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
            Some(line.trim().strip_suffix(" kB")?.parse::<u64>().ok()? * 1024)
        })
    }

    fn sum(&self, file: &str, read: impl Fn(&str) -> Option<u64>) -> io::Result<u64> {
        self.0.iter().try_fold(0, |sum, pid| {
            let failed = |why: String| io::Error::other(format!("process {pid}: {why}"));
            let text = fs::read_to_string(format!("/proc/{pid}/{file}"))
                .map_err(|error| failed(error.to_string()))?;
            Ok(sum
                + read(&text).ok_or_else(|| failed(format!("{file} says something else than expected")))?)
        })
    }
}
