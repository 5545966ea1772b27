//! Dispatch strategies: which server of a type a key goes to. One file each; [`ALL`] names every member.

mod crc32_mod;
mod pomelo_crc;

use crc::{CRC_32_ISO_HDLC, Crc, Table};
use thiserror::Error;

pub use crc32_mod::Crc32Mod;
pub use pomelo_crc::PomeloCrc;

use crate::ids::ServerId;
use crate::nearest::{did_you_mean, nearest};

/// Maps a key to one of the servers of a type.
pub trait Strategy: Send {
    /// Takes the servers to choose from, in list order. Called at start and at each change.
    fn rebuild(&mut self, servers: &[ServerId]);

    /// Index into the list of the last [`rebuild`](Self::rebuild) of the server for `key`; `None` when the list is
    /// empty.
    fn pick(&mut self, key: &str) -> Option<usize>;
}

/// A member of [`ALL`].
pub struct StrategyEntry {
    /// What a user types: `--strategy pomelo-crc`.
    pub name: &'static str,
    /// One line for `--help` and reports.
    pub summary: &'static str,
    /// Makes one that has no servers yet.
    pub make: fn() -> Box<dyn Strategy>,
}

/// Every strategy, the default first. `--help`, benches and tests iterate it.
pub static ALL: &[StrategyEntry] = &[
    StrategyEntry {
        name: "pomelo-crc",
        summary: "as the tutorial: abs(signed crc32 of the key's UTF-16 low bytes) mod n",
        make: || Box::new(PomeloCrc::default()),
    },
    StrategyEntry {
        name: "crc32-mod",
        summary: "unsigned crc32 of the key's UTF-8 mod n, as Pinus with crc 4 does",
        make: || Box::new(Crc32Mod::default()),
    },
];

/// The strategy of a type that names none: the tutorial's own.
pub const DEFAULT: &str = "pomelo-crc";

/// The member of [`ALL`] that has this name.
///
/// # Errors
/// The name is unknown; the error lists the known ones.
pub fn entry(name: &str) -> Result<&'static StrategyEntry, UnknownStrategy> {
    ALL.iter().find(|entry| entry.name == name).ok_or_else(|| UnknownStrategy { name: name.to_owned() })
}

/// A strategy that [`ALL`] names, with no servers yet.
///
/// # Errors
/// The name is unknown; the error lists the known ones.
pub fn by_name(name: &str) -> Result<Box<dyn Strategy>, UnknownStrategy> {
    entry(name).map(|entry| (entry.make)())
}

/// No strategy has this name.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
#[error("unknown strategy {name:?}: expected one of {}{}", known(), did_you_mean(nearest(name, names())))]
pub struct UnknownStrategy {
    /// The name that was asked for.
    pub name: String,
}

fn names() -> impl Iterator<Item = &'static str> {
    ALL.iter().map(|entry| entry.name)
}

fn known() -> String {
    names().collect::<Vec<_>>().join(", ")
}

/// The CRC-32 of zlib, PNG and npm `crc`, shared by the strategies that hash with it. Sixteen tables (16 KiB), not
/// one: a key of 7 bytes takes 4 % longer, one of 20 bytes 60 % less time (`benches/strategies.rs`).
static CRC_32: Crc<u32, Table<16>> = Crc::<u32, Table<16>>::new(&CRC_32_ISO_HDLC);
