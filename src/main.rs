//! The binary: reads the command line, starts logging, runs the command.

use std::io::Write as _;
use std::process::ExitCode;
use std::time::SystemTime;

use clap::Parser;
use env_logger::{Builder, Env};
use humantime::format_rfc3339_seconds;
use pomelo_sim::cli::{Cli, run};

fn main() -> ExitCode {
    let cli = Cli::parse();
    let mut logger = Builder::from_env(Env::default().default_filter_or("warn"));
    logger.format(|line, record| {
        let (at, level) = (format_rfc3339_seconds(SystemTime::now()), record.level());
        let style = line.default_level_style(level);
        writeln!(line, "[{at} {style}{level:<5}{style:#} {}] {}", record.target(), record.args())
    });
    logger.init();
    run(&cli)
}
