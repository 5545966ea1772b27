//! The command line: one file a command.

pub mod check;
pub mod config_args;
pub mod dispatch;
mod output;
