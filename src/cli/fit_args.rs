//! Flags that fit a configuration to this machine, the same for `serve` and `check`.

use std::net::IpAddr;

use clap::Args;

use crate::config::Fit;

/// What of a configuration is served, and where: `--without`, `--here`, `--bind`.
#[derive(Args, Clone, Debug)]
pub struct FitArgs {
    /// Types of servers to leave out, such as those that no code serves; may be given several times
    #[arg(long, value_name = "TYPE", num_args = 1.., value_delimiter = ',')]
    pub without: Vec<String>,
    /// Everything on 127.0.0.1, whatever hosts the configuration names; client ports that clash
    /// there, or need privileges, move to the next that is free in it. Makes any production file
    /// usable on one machine
    #[arg(long, conflicts_with = "bind")]
    pub here: bool,
    /// Address for all client ports, instead of each server's host; 0.0.0.0 for all of this
    /// machine's
    #[arg(long, value_name = "ADDRESS")]
    pub bind: Option<IpAddr>,
}

impl FitArgs {
    /// How the configuration is changed.
    pub(super) fn fit(&self) -> Fit {
        Fit { without: self.without.clone(), here: self.here }
    }
}
