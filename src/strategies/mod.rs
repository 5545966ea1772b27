//! Dispatch strategies: they choose the server of a type for a key. One file each, with the
//! strategy's [`StrategyEntry`]; [`ALL`] lists them.
//!
//! Some are *sticky*: a pure function of the key and the list, so that a room is found again where
//! it was put. Others *choose* at each pick, mostly by load: right for a login or a job, not for a
//! room. `directory(inner)` makes any other strategy sticky by remembering its choices.

mod anchor;
mod bounded_load;
mod circle;
mod crc32_mod;
mod directory;
mod draw;
mod hash;
mod join_idle_queue;
mod jump;
mod least_connections;
mod maglev;
mod memento;
mod multi_probe;
mod peak_ewma;
mod placement_change;
mod pomelo_crc;
mod rendezvous;
mod ring;
mod round_robin;
mod seats;
mod smooth_weighted_round_robin;
mod spec;
mod two_choices;
mod uniform;
mod weighted_rendezvous;

use std::time::Duration;

use crc::{CRC_32_ISO_HDLC, Crc, Table};

pub use anchor::Anchor;
pub use bounded_load::BoundedLoad;
pub use crc32_mod::Crc32Mod;
pub use directory::Directory;
pub use join_idle_queue::JoinIdleQueue;
pub use jump::Jump;
pub use least_connections::LeastConnections;
pub use maglev::Maglev;
pub use memento::Memento;
pub use multi_probe::MultiProbe;
pub use peak_ewma::PeakEwma;
pub use placement_change::{PlacementChange, one_more, pick, placement_change};
pub use pomelo_crc::PomeloCrc;
pub use rendezvous::Rendezvous;
pub use ring::Ring;
pub use round_robin::RoundRobin;
pub use smooth_weighted_round_robin::SmoothWeightedRoundRobin;
pub use spec::{Argument, Parameter, StrategySpec, UnknownStrategy};
pub use two_choices::TwoChoices;
pub use uniform::Uniform;
pub use weighted_rendezvous::WeightedRendezvous;

use crate::ids::ServerId;
use crate::time::Time;

/// A server to choose from.
#[derive(Clone, PartialEq, Debug)]
pub struct Candidate {
    /// Its id.
    pub id: ServerId,
    /// Its weight relative to the others, above 0: the `weight` of `servers.json`, 1 by default.
    pub weight: f64,
}

/// The input of a pick besides the key and the list.
#[derive(Clone, Copy, Debug)]
pub struct Look<'a> {
    /// The moment of the pick.
    pub now: Time,
    /// Load of each server on the list: sessions of a connector, members of a chat server's rooms,
    /// jobs. Empty without load information; all servers then count as equally loaded.
    pub loads: &'a [u32],
}

impl Look<'_> {
    /// No load information, time frozen.
    pub const BLIND: Look<'static> = Look { now: Time::START, loads: &[] };

    /// Load of the server with that index.
    pub fn load(&self, index: usize) -> u32 {
        self.loads.get(index).copied().unwrap_or(0)
    }
}

/// The optional inputs that a strategy uses. Its host can skip computing the others.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Needs {
    /// [`Look::loads`].
    pub loads: bool,
    /// [`learn`](Strategy::learn).
    pub latencies: bool,
}

/// Maps a key to one of the servers of a type.
pub trait Strategy: Send + Sync {
    /// Sets the servers to choose from, in list order. Called at the start and at each change, on
    /// the strategy that had the list before: some keep state from it, to move fewer keys.
    fn rebuild(&mut self, servers: &[Candidate]);

    /// Picks the server for `key`, as an index into the list of the last
    /// [`rebuild`](Self::rebuild); `None` when the list is empty.
    fn pick(&mut self, key: &str, look: &Look<'_>) -> Option<usize>;

    /// The server of `key`, if it is certain without a choice: always for a sticky strategy, for a
    /// directory when it knows the key, never for one that chooses.
    fn peek(&self, key: &str) -> Option<usize>;

    /// Reports the latency of work assigned to the server with that index. Most strategies ignore
    /// it.
    fn learn(&mut self, _now: Time, _index: usize, _took: Duration) {}

    /// The remembered placements, if the strategy keeps any.
    fn placements(&self) -> Option<&dyn Placements> {
        None
    }

    /// The remembered placements, for updating.
    fn placements_mut(&mut self) -> Option<&mut dyn Placements> {
        None
    }

    /// The optional inputs it uses.
    fn needs(&self) -> Needs {
        Needs::default()
    }

    /// Explains its choice for a key, in one line.
    fn explain(&self, _key: &str) -> String {
        "each pick is a new choice".to_owned()
    }

    /// Memory for its list and keys in bytes, including itself.
    fn bytes(&self) -> usize;

    /// A copy that will make the same picks.
    fn boxed(&self) -> Box<dyn Strategy>;
}

/// The placements that a strategy remembers.
pub trait Placements {
    /// Records that the key is at the server with that index, whoever placed it, until it is
    /// [forgotten](Self::forget).
    fn place(&mut self, key: &str, index: usize);

    /// Confirms that the key is in use where it was picked; it stays there until it is
    /// [forgotten](Self::forget).
    fn settle(&mut self, key: &str);

    /// The key is no longer in use, but a request for it may be in flight.
    fn unsettle(&mut self, now: Time, key: &str);

    /// Forgets a key that is no longer in use.
    fn forget(&mut self, key: &str);

    /// Number of remembered keys that are not settled.
    fn unsettled(&self) -> usize;

    /// Marks unsettled keys that were last picked at or before that moment; a pick removes the
    /// mark.
    fn mark_stale(&mut self, until: Time);

    /// Forgets the keys that are still marked.
    fn drop_stale(&mut self);
}

impl Clone for Box<dyn Strategy> {
    fn clone(&self) -> Self {
        self.boxed()
    }
}

/// Whether a strategy finds a key again.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// The same key gives the same server while the list is unchanged: for rooms, and for
    /// everything else.
    Sticky,
    /// Each pick is a new choice: for logins and jobs.
    Choice,
}

/// A sticky strategy's guarantee on the keys that move when its list changes. The tests check it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Moves {
    /// Almost all keys may move.
    Many,
    /// Least movement for a server added or removed at the end of the list; more for any other.
    LastOnly,
    /// Keys only move to an added server, or from a removed one.
    Least,
    /// As [`Least`](Self::Least), plus a few keys.
    LeastAndFew,
}

/// An entry of [`ALL`].
pub struct StrategyEntry {
    /// Its name on the command line: `--strategy chat=pomelo-crc`.
    pub name: &'static str,
    /// One line for `--help` and reports.
    pub summary: &'static str,
    /// Whether keys are found again.
    pub kind: Kind,
    /// Which keys move; meaningless for a strategy that chooses.
    pub moves: Moves,
    /// Whether a server that leaves and rejoins, with no other change in between, gets its old keys
    /// back.
    pub restores: bool,
    /// Whether a server of twice the weight gets twice the keys.
    pub weighted: bool,
    /// Its parameter in parentheses, if any.
    pub parameter: Parameter,
    /// Makes the strategy, without servers.
    pub make: Make,
}

/// Makes a strategy from its argument, and from the seed of its random numbers.
pub type Make = fn(argument: &Argument, seed: u64) -> Box<dyn Strategy>;

impl StrategyEntry {
    /// A sticky strategy with common properties; each file overrides the ones that differ.
    const fn sticky(name: &'static str, summary: &'static str, make: Make) -> Self {
        Self {
            name,
            summary,
            kind: Kind::Sticky,
            moves: Moves::Least,
            restores: true,
            weighted: false,
            parameter: Parameter::None,
            make,
        }
    }

    /// A strategy that chooses at each pick.
    const fn choice(name: &'static str, summary: &'static str, make: Make) -> Self {
        Self { kind: Kind::Choice, moves: Moves::Many, restores: false, ..Self::sticky(name, summary, make) }
    }
}

/// Every strategy, the default first. `--help`, tests, benches and experiments iterate it.
pub static ALL: &[StrategyEntry] = &[
    pomelo_crc::ENTRY,
    crc32_mod::ENTRY,
    jump::ENTRY,
    rendezvous::ENTRY,
    weighted_rendezvous::ENTRY,
    ring::ENTRY,
    maglev::ENTRY,
    multi_probe::ENTRY,
    anchor::ENTRY,
    memento::ENTRY,
    directory::ENTRY,
    bounded_load::ENTRY,
    round_robin::ENTRY,
    smooth_weighted_round_robin::ENTRY,
    uniform::ENTRY,
    two_choices::ENTRY,
    least_connections::ENTRY,
    join_idle_queue::ENTRY,
    peak_ewma::ENTRY,
];

/// The default strategy of a type: the tutorial's own.
pub const DEFAULT: &str = "pomelo-crc";

/// The entry of [`ALL`] with this name.
///
/// # Errors
/// The name is unknown; the error lists the known ones.
pub fn entry(name: &str) -> Result<&'static StrategyEntry, UnknownStrategy> {
    ALL.iter().find(|entry| entry.name == name).ok_or_else(|| UnknownStrategy::of(name))
}

/// The CRC-32 of zlib, PNG and npm `crc`, shared by the strategies that hash with it. Sixteen
/// tables (16 KiB) instead of one: a key of 7 bytes takes 4 % longer, one of 20 bytes 60 % less
/// time (`benches/strategies.rs`).
static CRC_32: Crc<u32, Table<16>> = Crc::<u32, Table<16>>::new(&CRC_32_ISO_HDLC);
