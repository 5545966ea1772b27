//! Fuzz targets: laws that hold for whatever comes in. `tests/pure/fuzz/README.md` says how to run
//! them for long, and how their corpus was made.
//!
//! To add a target: a test in the file of its part, which names itself to `check!` and takes its
//! seeds by that name, and its corpus in `tests/pure/fuzz/__fuzz__/NAME/corpus`. A new part is one
//! file and one line here.

mod admin;
mod config;
mod console;
mod conversations;
mod handshake;
pub(crate) mod input;
pub(crate) mod laws;
mod links;
mod ports;
mod protobuf;
mod robots;
mod wire;
