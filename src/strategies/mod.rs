//! Dispatch strategies: which server of a type a key goes to. One file each, with the strategy's [`StrategyEntry`];
//! [`ALL`] lists them.
//!
//! Some are *sticky*: a pure function of the key and the list, so that a room is found again where it was put. Others
//! *choose* afresh at each pick, mostly by load: right for a login or a job, not for a room. `directory(inner)` makes a
//! sticky one of any other, by remembering what it chose.

mod anchor;
mod bounded_load;
mod circle;
mod crc32_mod;
mod directory;
mod draw;
mod fate;
mod hash;
mod join_idle_queue;
mod jump;
mod least_connections;
mod maglev;
mod memento;
mod multi_probe;
mod peak_ewma;
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
pub use fate::{Fate, fate, one_more, pick};
pub use join_idle_queue::JoinIdleQueue;
pub use jump::Jump;
pub use least_connections::LeastConnections;
pub use maglev::Maglev;
pub use memento::Memento;
pub use multi_probe::MultiProbe;
pub use peak_ewma::PeakEwma;
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

/// A server to choose.
#[derive(Clone, PartialEq, Debug)]
pub struct Candidate {
    /// Which.
    pub id: ServerId,
    /// Its share beside the others', above 0: the `weight` of `servers.json`, 1 when it has none.
    pub weight: f64,
}

/// What a strategy may look at for one pick, besides the key and its list.
#[derive(Clone, Copy, Debug)]
pub struct Look<'a> {
    /// The moment of the pick.
    pub now: Time,
    /// What each server of the list has in hand: sessions of a connector, members of a chat server's rooms, jobs. Empty
    /// when nobody counts; then all servers are taken as equally loaded.
    pub loads: &'a [u32],
}

impl Look<'_> {
    /// Nobody counts, and no time goes by.
    pub const BLIND: Look<'static> = Look { now: Time::START, loads: &[] };

    /// What the server of that index has in hand.
    pub fn load(&self, index: usize) -> u32 {
        self.loads.get(index).copied().unwrap_or(0)
    }
}

/// What a strategy makes use of, besides the key and the list. Who runs it need not find out the rest.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Needs {
    /// [`Look::loads`].
    pub loads: bool,
    /// [`learn`](Strategy::learn).
    pub latencies: bool,
}

/// Maps a key to one of the servers of a type.
pub trait Strategy: Send + Sync {
    /// Takes the servers to choose from, in list order. Called at start and at each change, on the strategy that knew the
    /// list before: some keep from it what need not change.
    fn rebuild(&mut self, servers: &[Candidate]);

    /// Index into the list of the last [`rebuild`](Self::rebuild) of the server for `key`; `None` when the list is
    /// empty.
    fn pick(&mut self, key: &str, look: &Look<'_>) -> Option<usize>;

    /// Where `key` is, if that is certain without choosing: always for a sticky strategy, for a directory when it knows
    /// the key, never for one that chooses.
    fn peek(&self, key: &str) -> Option<usize>;

    /// How long the server of that index took for something that was given to it. Most do not care.
    fn learn(&mut self, _now: Time, _index: usize, _took: Duration) {}

    /// Where it remembers keys to be, if it does.
    fn placements(&self) -> Option<&dyn Placements> {
        None
    }

    /// The same, to tell it where they are.
    fn placements_mut(&mut self) -> Option<&mut dyn Placements> {
        None
    }

    /// What it makes use of.
    fn needs(&self) -> Needs {
        Needs::default()
    }

    /// How it comes from the key to the server, in one line, for people.
    fn explain(&self, _key: &str) -> String {
        "each pick is a new choice".to_owned()
    }

    /// What it keeps in memory for its list and keys, in bytes, itself included.
    fn bytes(&self) -> usize;

    /// One that will pick as this one will.
    fn boxed(&self) -> Box<dyn Strategy>;
}

/// Where a strategy remembers keys to be.
pub trait Placements {
    /// What has this key is at the server of that index already, whoever has put it there, and is to be found until it is
    /// [`forgotten`](Self::forget).
    fn place(&mut self, key: &str, index: usize);

    /// What was put by this key is there now, and is to be found until it is [`forgotten`](Self::forget).
    fn settle(&mut self, key: &str);

    /// Nothing is there by this key any more, but something may be on its way.
    fn unsettle(&mut self, now: Time, key: &str);

    /// Nothing is there by this key any more.
    fn forget(&mut self, key: &str);

    /// How many keys are remembered that have not settled.
    fn unsettled(&self) -> usize;

    /// Marks the keys that have not settled and were not asked for after that moment; a pick takes the mark away.
    fn mark_stale(&mut self, until: Time);

    /// Forgets the keys that are still marked.
    fn drop_stale(&mut self);
}

impl Clone for Box<dyn Strategy> {
    fn clone(&self) -> Self {
        self.boxed()
    }
}

/// Whether a key is found again.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// The same key goes to the same server while the list is the same: for rooms, and for all else.
    Sticky,
    /// Each pick is a new choice: for logins and jobs.
    Choice,
}

/// What a sticky strategy promises about the keys that move when its list changes. The laws test it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Moves {
    /// Almost all may.
    Many,
    /// To a server that is added at the end, or from the last one when it is removed, and none else; from another one, more.
    LastOnly,
    /// Only to a server that is added, only from one that is removed.
    Least,
    /// As [`Least`](Self::Least), and a few besides.
    LeastAndFew,
}

/// A member of [`ALL`].
pub struct StrategyEntry {
    /// What a user types: `--strategy chat=pomelo-crc`.
    pub name: &'static str,
    /// One line for `--help` and reports.
    pub summary: &'static str,
    /// Whether keys are found again.
    pub kind: Kind,
    /// Which keys move; of no meaning for one that chooses.
    pub moves: Moves,
    /// Whether a server that goes and comes back, while no other one changes, gets its old keys back.
    pub restores: bool,
    /// Whether a server of twice the weight gets twice the keys.
    pub weighted: bool,
    /// What stands in parentheses behind the name, when anything may.
    pub parameter: Parameter,
    /// Makes one that has no servers yet.
    pub make: Make,
}

/// Makes a strategy of what stands in its parentheses, and of the seed of its chance, if it needs any.
pub type Make = fn(argument: &Argument, seed: u64) -> Box<dyn Strategy>;

impl StrategyEntry {
    /// A strategy that finds a key again, as most do; its file says in what it differs from them.
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

    /// A strategy that chooses afresh at each pick.
    const fn choice(name: &'static str, summary: &'static str, make: Make) -> Self {
        Self { kind: Kind::Choice, moves: Moves::Many, restores: false, ..Self::sticky(name, summary, make) }
    }
}

/// Every strategy, the default first. `--help`, laws, benches and experiments iterate it.
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

/// The strategy of a type that names none: the tutorial's own.
pub const DEFAULT: &str = "pomelo-crc";

/// The member of [`ALL`] that has this name.
///
/// # Errors
/// The name is unknown; the error lists the known ones.
pub fn entry(name: &str) -> Result<&'static StrategyEntry, UnknownStrategy> {
    ALL.iter().find(|entry| entry.name == name).ok_or_else(|| UnknownStrategy::of(name))
}

/// The CRC-32 of zlib, PNG and npm `crc`, shared by the strategies that hash with it. Sixteen tables (16 KiB), not
/// one: a key of 7 bytes takes 4 % longer, one of 20 bytes 60 % less time (`benches/strategies.rs`).
static CRC_32: Crc<u32, Table<16>> = Crc::<u32, Table<16>>::new(&CRC_32_ISO_HDLC);
