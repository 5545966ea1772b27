//! The binary: reads the command line, starts logging, runs the command.

use std::process::ExitCode;

use clap::Parser;
use pomelo_sim::cli::{Cli, run};
use pomelo_sim::logging;

fn main() -> ExitCode {
    let cli = Cli::parse();
    match logging::init() {
        Ok(_flush) => run(&cli),
        Err(error) => {
            eprintln!("error: logging does not start: {error}");
            ExitCode::from(2)
        }
    }
}
