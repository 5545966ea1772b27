//! pomelo-sim

pub mod cli;
pub mod cluster;
pub mod config;
pub mod envelope;
pub mod ids;
pub mod live;
mod nearest;
pub mod ports;
pub mod router;
pub mod servers;
pub mod strategies;
pub mod time;
pub mod wire;
