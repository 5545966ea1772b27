//! pomelo-sim: a Pomelo chat cluster in one process.

pub mod ids;
pub mod wire;
mod nearest;
pub mod strategies;

pub mod config;

pub mod cli;
