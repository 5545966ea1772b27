//! Flags that fit a configuration to this machine, the same for `serve` and `check`.

use std::net::IpAddr;

use clap::Args;

use crate::config::Fit;

/// Which part of a configuration is served, and where: `--without`, `--here`, `--bind`.
#[derive(Args, Clone, Debug)]
pub struct FitArgs {
    /// Server types to leave out, such as those without code; may be given several times
    #[arg(long, value_name = "TYPE", num_args = 1.., value_delimiter = ',')]
    pub without: Vec<String>,
    /// Serve everything on 127.0.0.1, whatever hosts the configuration names. Client ports that
    /// clash there, or need privileges, move to the next free one. Makes any production file usable
    /// on one machine
    #[arg(long, conflicts_with = "bind")]
    pub here: bool,
    /// Address of all client ports, instead of each server's host; 0.0.0.0 for all addresses of
    /// this machine
    #[arg(long, value_name = "ADDRESS")]
    pub bind: Option<IpAddr>,
}

impl FitArgs {
    /// How the configuration is changed.
    pub(super) fn fit(&self) -> Fit {
        Fit { without: self.without.clone(), here: self.here }
    }
}
