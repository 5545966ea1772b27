//! The admin port of `serve`: whether and where it is opened, and how it ends.

use std::io::ErrorKind;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::admin_args::Failure;
use crate::admin::{AdminFile, AdminServer, Credentials, Orders, Token};
use crate::config::ClusterSpec;

/// How long it takes to see whether another cluster is there.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);

/// `off`, or a port.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AdminPort {
    /// None is opened.
    Off,
    /// This one; 0: any that is free.
    Port(u16),
}

impl AdminPort {
    /// Reads `off` or `3005`.
    ///
    /// # Errors
    /// It is neither.
    pub fn parse(text: &str) -> Result<Self, String> {
        match text {
            "off" => Ok(Self::Off),
            _ => {
                text.parse().map(Self::Port).map_err(|_| "expected off, or a port from 0 to 65535".to_owned())
            }
        }
    }
}

/// A port that is open, and nobody served on it yet.
pub(super) struct Opened {
    listener: TcpListener,
    file: PathBuf,
}

/// The admin port of a running cluster. The file is to go last: who waits for the end waits for that.
pub(super) struct Admin {
    server: AdminServer,
    file: AdminFile,
}

/// Opens it where the command line or `master.json` says. None: neither does.
pub(super) fn open(
    wanted: Option<AdminPort>,
    file: Option<&Path>,
    spec: &ClusterSpec,
) -> Result<Option<Opened>, Failure> {
    let master = spec.master.as_ref().map(|master| master.port);
    let port = match wanted {
        Some(AdminPort::Off) if file.is_some() => {
            return Err("--admin off opens no admin port, so --admin-file has nothing to say".into());
        }
        Some(AdminPort::Off) => return Ok(None),
        Some(AdminPort::Port(port)) => port,
        None => match master {
            Some(port) => port,
            None if file.is_some() => {
                return Err(format!(
                    "--admin-file: no master.json beside {} has a port for it; --admin 0 takes any that is free",
                    spec.source.display()
                )
                .into());
            }
            None => return Ok(None),
        },
    };
    let listener = AdminServer::listen(port).map_err(|error| {
        let who = match error.kind() {
            ErrorKind::AddrInUse => "another program has it, another cluster perhaps; ",
            _ => "",
        };
        format!(
            "admin port: cannot listen on 127.0.0.1:{port}: {error}; {who}--admin PORT takes another, --admin 0 any that \
             is free, --admin off none"
        )
    })?;
    let file = match file {
        Some(file) => file.to_path_buf(),
        // By the port of master.json even on another: commands know only that.
        None => AdminFile::default_path(master.unwrap_or(listener.local_addr()?.port()))?,
    };
    // The port of a cluster that was killed may be this one's now.
    let other =
        Credentials::read(&file).ok().filter(|other| listener.local_addr().ok() != Some(other.address));
    if let Some(other) = other
        && TcpStream::connect_timeout(&other.address, CONNECT_TIMEOUT).is_ok()
    {
        return Err(format!(
            "{}: process {} runs a cluster with this file, which could be found no more; --admin-file PATH takes another",
            file.display(),
            other.pid
        )
        .into());
    }
    Ok(Some(Opened { listener, file }))
}

impl Opened {
    /// Serves it, and tells commands where it is, and where the console is.
    pub(super) fn start(
        self,
        token: Token,
        console: Option<SocketAddr>,
        orders: Arc<dyn Orders>,
    ) -> Result<Admin, Failure> {
        let file = AdminFile::create(&self.file, self.listener.local_addr()?, console, &token)?;
        Ok(Admin { server: AdminServer::start(self.listener, token, orders)?, file })
    }
}

impl Admin {
    /// Where it listens.
    pub(super) fn address(&self) -> SocketAddr {
        self.server.address()
    }

    /// Where commands find it.
    pub(super) fn file(&self) -> &Path {
        self.file.path()
    }

    /// Takes no more orders. The file stays for as long as what this returns.
    pub(super) fn end(self) -> AdminFile {
        self.server.end();
        self.file
    }
}
