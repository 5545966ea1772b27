//! The binary: reads the command line, starts logging, runs the command.

use std::process::ExitCode;

use clap::Parser;
use pomelo_sim::cli::{Cli, run};

fn main() -> ExitCode {
    let cli = Cli::parse();
    env_logger::Builder::from_env(env_logger::Env::default().default_filter_or("warn")).init();
    run(&cli)
}
