//! Checks against theory, published tables and the original's own code. A simulator that misses one
//! of these values is wrong, and so are its other results.
//!
//! An arithmetic value must match exactly. A simulated value must lie within three standard errors:
//! its own and, where a table was simulated too, the table's. Seeds are fixed, so a verdict is the
//! same every time. With about a hundred simulated values, about every second seed would put one of
//! them outside by chance alone.

mod dispatch;
mod queues;
mod row;
mod spread;
mod supermarket;

use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use serde::Serialize;
use thiserror::Error;

pub use row::{Allowed, Row};

/// A group of rows that are measured together.
pub struct Check {
    /// Their subject.
    pub group: &'static str,
    /// Measures them.
    pub run: fn() -> Vec<Row>,
}

/// Every check, in the order of the report.
pub static ALL: &[Check] = &[
    Check { group: "CRC-32 of npm crc", run: dispatch::crc },
    Check { group: "jump (Lamping, Veach 2014)", run: dispatch::jump },
    Check { group: "keys that move under mod", run: dispatch::moved },
    Check { group: "a million users on three servers", run: dispatch::million },
    Check { group: "maglev, M = 65537, 1000 servers", run: spread::maglev },
    Check { group: "ring of 1000 servers (Lamping, Veach, table 1)", run: spread::ring_1000 },
    Check { group: "ring of 10 servers, mean of peak/mean", run: spread::ring_10 },
    Check { group: "multi-probe, 1000 servers (Appleton, O'Reilly 2015)", run: spread::multi_probe },
    Check { group: "hashing at random, mean of peak/mean", run: spread::multinomial },
    Check { group: "balls into bins, mode of the fullest (Mitzenmacher 2001)", run: spread::balls },
    Check { group: "Zipf's law, share of the first of 10,000 keys", run: spread::zipf },
    Check { group: "M/M/1, mean time", run: queues::mm1 },
    Check { group: "M/M/1, 99th percentile", run: queues::mm1_tail },
    Check { group: "M/D/1, mean time", run: queues::md1 },
    Check { group: "M/G/1, cs² = 4, mean time", run: queues::mg1 },
    Check { group: "M/M/c, load 0.8", run: queues::mmc },
    Check { group: "M/M/c/c, Erlang's loss", run: queues::loss },
    Check { group: "round robin, mean time", run: queues::round_robin },
    Check { group: "four servers, load 0.8: mean time", run: queues::order },
    Check { group: "one of four servers is slow, mean time", run: queues::slow },
    Check { group: "two choices, 100 servers (Mitzenmacher 2001, table 1)", run: supermarket::two },
    Check { group: "three choices, 100 servers", run: supermarket::three },
    Check { group: "five choices, 100 servers", run: supermarket::five },
    Check { group: "two choices, without end of servers", run: supermarket::two_limit },
    Check { group: "three choices, without end of servers", run: supermarket::three_limit },
    Check { group: "coordinated omission (Tene): a stall of 100 s", run: queues::omission },
];

/// The results of [`run`].
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Verified {
    /// The results by group.
    pub groups: Vec<Group>,
}

/// The rows of a check.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Group {
    /// Their subject.
    pub group: &'static str,
    /// Target and measurement.
    pub rows: Vec<Row>,
}

/// A check panicked.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
#[error("a check failed to run; its panic is above")]
pub struct Aborted;

impl Verified {
    /// All rows.
    pub fn rows(&self) -> impl Iterator<Item = &Row> {
        self.groups.iter().flat_map(|group| &group.rows)
    }

    /// Whether every row is within its bounds.
    pub fn holds(&self) -> bool {
        self.rows().all(Row::holds)
    }
}

/// Runs all checks on this many threads. `progress` gets the checks done so far, and their total.
///
/// # Errors
/// A check panicked.
pub fn run(threads: NonZeroUsize, progress: &(dyn Fn(usize, usize) + Sync)) -> Result<Verified, Aborted> {
    // The longest checks are last in the report. Start them first, so that no thread is left alone
    // with one of them.
    let next = AtomicUsize::new(ALL.len());
    let done = AtomicUsize::new(0);
    let work = || {
        let mut measured = Vec::new();
        loop {
            let taken = next.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |next| next.checked_sub(1));
            let Ok(index) = taken.map(|next| next - 1) else { return measured };
            measured.push((index, Group { group: ALL[index].group, rows: (ALL[index].run)() }));
            progress(done.fetch_add(1, Ordering::Relaxed) + 1, ALL.len());
        }
    };
    let mut groups = Vec::new();
    thread::scope(|scope| {
        let threads: Vec<_> = (0..threads.get()).map(|_| scope.spawn(work)).collect();
        for thread in threads {
            groups.extend(thread.join().map_err(|_| Aborted)?);
        }
        Ok(())
    })?;
    groups.sort_by_key(|(index, _)| *index);
    Ok(Verified { groups: groups.into_iter().map(|(_, group)| group).collect() })
}
