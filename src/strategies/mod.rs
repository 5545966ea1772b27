//! Dispatch strategies: which server of a type a key goes to. One file each; [`ALL`] names every member.
//!
//! Some are *sticky*: a pure function of the key and the list, so that a room is found again where it was put. Others
//! *choose* afresh at each pick, mostly by load: right for a login or a job, not for a room. `directory(inner)` makes a
//! sticky one of any other, by remembering what it chose.

mod crc32_mod;
mod pomelo_crc;
mod spec;

use std::time::Duration;

use crc::{CRC_32_ISO_HDLC, Crc, Table};

pub use crc32_mod::Crc32Mod;
pub use pomelo_crc::PomeloCrc;
pub use spec::{Argument, Parameter, StrategySpec, UnknownStrategy};

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

    /// What was put by this key is there now, and is to be found until it is [`forgotten`](Self::forget).
    fn settle(&mut self, _key: &str) {}

    /// Nothing is there by this key any more.
    fn forget(&mut self, _key: &str) {}

    /// What it keeps in memory for its list and keys, in bytes, itself included.
    fn bytes(&self) -> usize;

    /// One that will pick as this one will.
    fn boxed(&self) -> Box<dyn Strategy>;
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
    /// Whether a server of twice the weight gets twice the keys.
    pub weighted: bool,
    /// What stands in parentheses behind the name, when anything may.
    pub parameter: Parameter,
    /// Makes one that has no servers yet. `seed` is what its chance comes of, if it needs any.
    pub make: fn(argument: &Argument, seed: u64) -> Box<dyn Strategy>,
}

/// Every strategy, the default first. `--help`, laws, benches and experiments iterate it.
pub static ALL: &[StrategyEntry] = &[
    StrategyEntry {
        name: "pomelo-crc",
        summary: "as the tutorial: abs(signed crc32 of the key's UTF-16 low bytes) mod n",
        kind: Kind::Sticky,
        moves: Moves::Many,
        weighted: false,
        parameter: Parameter::None,
        make: |_, _| Box::new(PomeloCrc::default()),
    },
    StrategyEntry {
        name: "crc32-mod",
        summary: "unsigned crc32 of the key's UTF-8 mod n, as Pinus with crc 4 does",
        kind: Kind::Sticky,
        moves: Moves::Many,
        weighted: false,
        parameter: Parameter::None,
        make: |_, _| Box::new(Crc32Mod::default()),
    },
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
