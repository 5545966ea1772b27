//! Where a served cluster is: its ports, its admin port and console, and the flags with which
//! commands find it.

use std::net::TcpListener;

use super::ServeArgs;
use crate::admin::Identity;
use crate::cli::admin_port::{self, Admin};
use crate::cli::console_port;
use crate::cli::output::Failure;
use crate::cluster::Cluster;
use crate::config::{ClusterSpec, ConfigError, Ports};
use crate::live::StartError;
use crate::program::quoted;

impl ServeArgs {
    /// The ports, relative to those of the configuration.
    pub(super) fn ports(&self) -> Ports {
        if self.ports.is_some() { Ports::Any } else { Ports::Offset(self.port_offset.unwrap_or(0)) }
    }

    /// Returns the loader of the configuration with these flags, for the start and for each reload.
    pub(super) fn loader(&self) -> impl Fn() -> Result<ClusterSpec, ConfigError> + Send + Sync + use<> {
        let (config, fit, bind, ports) = (self.config.clone(), self.fit.fit(), self.fit.bind, self.ports());
        move || {
            let spec = config.load()?.fitted(&fit).with_ports(ports)?;
            spec.clashes(bind).into_iter().next().map_or(Ok(spec), Err)
        }
    }

    /// The flags with which commands find exactly this cluster, each after a space.
    pub(super) fn reach(&self, identity: &Identity, admin: Option<&Admin>) -> String {
        let file =
            || admin.map_or_else(String::new, |admin| admin.file.path().to_string_lossy().into_owned());
        match identity.ports {
            _ if self.admin_file.is_some() => format!(" --admin-file {}", quoted(&file())),
            Ports::Any => format!(" --admin-file {}", quoted(&file())),
            Ports::Offset(0) => self.config.flags(),
            Ports::Offset(offset) => format!("{} --port-offset {offset}", self.config.flags()),
        }
    }
}

/// The ports that are not for clients.
pub(super) struct Pages {
    pub(super) admin: Option<admin_port::Opened>,
    pub(super) console: Option<TcpListener>,
    /// Why some are not at their default ports.
    pub(super) elsewhere: Vec<String>,
}

/// Opens the admin port and the console. When a requested port is taken, the error names all taken
/// ports, so that one run shows them all.
pub(super) fn open_pages(args: &ServeArgs, cluster: &Cluster, identity: &Identity) -> Result<Pages, Failure> {
    let spec = cluster.spec();
    let master = spec.master.as_ref().map(|master| master.port);
    let admin = admin_port::open(args.admin, args.admin_file.as_deref(), identity.clone(), master);
    let console = console_port::open(args.console.as_ref(), spec, identity.ports);
    let (admin_error, console_error) = match (admin, console) {
        (Ok(admin), Ok((console, warning))) => {
            let moved = admin.as_ref().and_then(|opened| opened.warning.clone());
            return Ok(Pages { admin, console, elsewhere: moved.into_iter().chain(warning).collect() });
        }
        (admin, console) => (admin.err(), console.err()),
    };
    let mut ports = cluster.taken_ports();
    for error in admin_error.into_iter().chain(console_error) {
        match error.downcast::<StartError>().map(|error| *error) {
            Ok(StartError::Taken { ports: own }) => ports.extend(own),
            Ok(error) => return Err(error.into()),
            Err(error) => return Err(error),
        }
    }
    Err(StartError::Taken { ports }.into())
}
