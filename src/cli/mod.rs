//! The command line: one file a command.

pub mod check;
pub mod config_args;
pub mod dispatch;
mod output;
pub mod serve;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use self::check::CheckArgs;
use self::dispatch::DispatchArgs;
use self::serve::ServeArgs;

const EXAMPLES: &str = "Examples:
  pomelo-sim                                    run the cluster of config/servers.json
  pomelo-sim --config game/config --env production --bind 0.0.0.0
  pomelo-sim check                              read the configuration, say what in it will bite
  pomelo-sim dispatch chat lobby room1          which chat servers hold these rooms

Logging: RUST_LOG=info (or debug, or pomelo_sim::ports=debug) tells what happens, one line an event.";

/// A NetEase Pomelo cluster in one process: gate, connectors and chat servers as actors, with real client ports.
///
/// Reads Pomelo's own servers.json. Without a command it serves.
#[derive(Parser, Debug)]
#[command(name = "pomelo-sim", version, after_help = EXAMPLES, args_conflicts_with_subcommands = true)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    command: Option<Command>,
    /// Serving needs no command.
    #[command(flatten)]
    serve: ServeArgs,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// Run the cluster (the default)
    Serve(ServeArgs),
    /// Read the configuration: what it describes, what is wrong, what will bite
    Check(CheckArgs),
    /// Which server of a type keys go to, and which with one server more or fewer
    Dispatch(DispatchArgs),
}

/// Runs what the command line says. Exit codes: 0 well, 2 bad input.
pub fn run(cli: &Cli) -> ExitCode {
    match &cli.command {
        None => serve::run(&cli.serve),
        Some(Command::Serve(args)) => serve::run(args),
        Some(Command::Check(args)) => check::run(args),
        Some(Command::Dispatch(args)) => dispatch::run(args),
    }
}
