//! The cluster's configuration: Pomelo's `servers.json` and its neighbours, read, checked and
//! turned into a [`ClusterSpec`].
//!
//! Pomelo's own files work unchanged. Raw shapes (`raw`, over values that know their place, `node`)
//! become checked ones (`spec`) in `check`; nothing outside this folder sees a raw one. `additions`
//! makes servers for a cluster that runs in the same way.
//!
//! What Pomelo refuses is one [`ConfigError`], the first that there is. What Pomelo takes is taken:
//! where it is wrong all the same, `faults` makes a [`Warning`] of the error and something stands
//! in for the value; other warnings are of what is right but probably not meant. `here` changes a
//! configuration of many machines so that one can serve it.

mod additions;
mod addresses;
mod check;
mod error;
mod faults;
mod files;
mod here;
mod marks;
mod master;
mod node;
mod ports;
mod protos;
mod raw;
mod roles;
mod spec;
mod warning;

pub use additions::{Present, additions, pairs};
pub use error::{ConfigError, Place, Position, Spot, Unserved};
pub use files::TUTORIAL;
pub use here::Fit;
pub use ports::Ports;
pub use raw::MAX_SERVERS;
pub use roles::Roles;
pub(crate) use spec::some_ids;
pub use spec::{ClusterSpec, MasterSpec, ProtoFiles, ServerSpec};
pub use warning::{Bites, Warning};
