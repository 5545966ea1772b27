//! The cluster's configuration: Pomelo's `servers.json` and its neighbours, read, checked and turned into a
//! [`ClusterSpec`].
//!
//! Pomelo's own files work unchanged; an empty list of a type other than `gate` is allowed, and means no servers. Raw
//! shapes (`raw`, over values that know their place, `node`) become checked ones (`spec`) in `check`; nothing outside
//! this folder sees a raw one. `additions` makes servers for a cluster that runs in the same way. The first thing that is wrong is one [`ConfigError`]; what is right but will bite is a
//! [`Warning`].

mod additions;
mod check;
mod error;
mod files;
mod node;
mod ports;
mod raw;
mod spec;
mod warning;

pub use additions::{Present, additions, pairs};
pub use error::{ConfigError, Place, Position, Spot};
pub use ports::Ports;
pub use raw::MAX_SERVERS;
pub use spec::{ClusterSpec, MasterSpec, ProtoFiles, ServerSpec};
pub use warning::{Bites, Warning};
