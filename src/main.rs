//! The binary.

use std::process::ExitCode;

use clap::Parser;
use pomelo_sim::cli::{check, dispatch};

/// A Pomelo chat cluster in one process.
#[derive(Parser)]
#[command(name = "pomelo-sim")]
enum Cli {
    Check(check::CheckArgs),
    Dispatch(dispatch::DispatchArgs),
}

fn main() -> ExitCode {
    match Cli::parse() {
        Cli::Check(args) => check::run(&args, &["gate", "connector", "chat"], &["chat"]),
        Cli::Dispatch(args) => dispatch::run(&args),
    }
}
