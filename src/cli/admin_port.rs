//! The admin port of `serve`: whether and where it opens, and how it closes.

use std::fs;
use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process;

use super::output::Failure;
use crate::admin::{AdminFile, AdminFileError, Credentials, Identity, Running, Token};
use crate::config::Ports;
use crate::live::{StartError, TakenPort};

/// `off`, or a port.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AdminPort {
    /// Do not open an admin port.
    Off,
    /// Open this port; 0 means any free port.
    Port(u16),
}

impl AdminPort {
    /// Reads `off` or `3005`.
    ///
    /// # Errors
    /// Returns an error for any other text.
    pub fn parse(text: &str) -> Result<Self, String> {
        match text {
            "off" => Ok(Self::Off),
            _ => {
                text.parse().map(Self::Port).map_err(|_| "expected off, or a port from 0 to 65535".to_owned())
            }
        }
    }
}

/// An open port that is not served yet.
pub(super) struct Opened {
    pub(super) listener: TcpListener,
    pub(super) place: AdminPlace,
    /// Why it is not the port of `master.json`.
    pub(super) warning: Option<String>,
}

/// Address of an admin port, and the file that announces it.
pub(super) struct AdminPlace {
    address: SocketAddr,
    path: PathBuf,
    identity: Identity,
}

/// The admin port of a running cluster. Remove the file last: `stop` waits for that.
pub(super) struct Admin {
    /// Listening address.
    pub(super) address: SocketAddr,
    /// The file by which commands find it.
    pub(super) file: AdminFile,
}

fn listen(port: u16) -> io::Result<TcpListener> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port))
}

/// Opens the port that the command line or `master.json` names. Takes any free port if neither
/// names one, or if another program uses the port of `master.json`: commands find the port by the
/// file. Returns `None` when the admin port is off.
pub(super) fn open(
    wanted: Option<AdminPort>,
    file: Option<&Path>,
    identity: Identity,
    master: Option<u16>,
) -> Result<Option<Opened>, Failure> {
    let port = match wanted {
        Some(AdminPort::Off) if file.is_some() => {
            return Err("--admin off opens no admin port: --admin-file cannot be used with it".into());
        }
        Some(AdminPort::Off) => return Ok(None),
        Some(AdminPort::Port(port)) => Some(port),
        None => None,
    };
    let path = match file {
        Some(path) => {
            refuse_second_with(path)?;
            path.to_path_buf()
        }
        None => {
            refuse_second_of(&identity)?;
            AdminFile::default_directory().join(identity.file_name(process::id()))
        }
    };
    let mut warning = None;
    let listener = match (listen(port.or(master).unwrap_or(0)), port, master) {
        (Ok(listener), ..) => listener,
        (Err(error), None, Some(master)) => {
            let listener = listen(0)?;
            let address = listener.local_addr()?;
            warning = Some(format!(
                "admin port: cannot listen on 127.0.0.1:{master}, the port of master.json ({error}): it is at {address}"
            ));
            listener
        }
        (Err(error), Some(port), _) if error.kind() == ErrorKind::AddrInUse => {
            let ports =
                vec![TakenPort { owner: "admin port".to_owned(), address: format!("127.0.0.1:{port}") }];
            return Err(StartError::Taken { ports }.into());
        }
        (Err(error), port, _) => {
            return Err(format!(
                "admin port: cannot listen on 127.0.0.1:{}: {error}; --admin PORT takes another, --admin 0 any that is \
                 free, --admin off none",
                port.unwrap_or(0)
            )
            .into());
        }
    };
    let place = AdminPlace { address: listener.local_addr()?, path, identity };
    Ok(Some(Opened { listener, place, warning }))
}

/// A file describes one cluster, and never replaces an unrelated file.
fn refuse_second_with(path: &Path) -> Result<(), Failure> {
    match Credentials::read(path) {
        Ok(other) if other.is_alive() => Err(format!(
            "{}: process {} runs a cluster with this file, and commands could no longer find it; --admin-file PATH takes another",
            path.display(),
            other.pid
        )
        .into()),
        Ok(_) | Err(AdminFileError::NoCluster { .. }) => Ok(()),
        // An empty file was created to be filled.
        Err(_) if fs::symlink_metadata(path).is_ok_and(|found| found.is_file() && found.len() == 0) => Ok(()),
        Err(error) => Err(format!("{error}; it is not replaced").into()),
    }
}

/// Refuses a second cluster with the same identity: commands could not tell the two apart.
fn refuse_second_of(identity: &Identity) -> Result<(), Failure> {
    if identity.ports == Ports::Any {
        return Ok(());
    }
    let running = Running::all()?;
    let Some(other) = running.iter().find(|other| other.credentials.identity == *identity) else {
        return Ok(());
    };
    Err(format!(
        "this configuration runs already: {other}; {} stop {} ends it, serve with --port-offset 100 or --ports any runs \
         another one next to it",
        crate::program::command(),
        other.flags()
    )
    .into())
}

impl AdminPlace {
    /// Writes the addresses of the admin port, the gate and the console to the file that commands
    /// read.
    pub(super) fn announce(
        self,
        token: Token,
        gate: Option<SocketAddr>,
        console: Option<SocketAddr>,
    ) -> Result<Admin, Failure> {
        let Self { address, path, identity } = self;
        let own = AdminFile::default_directory();
        if path.parent() == Some(&own) {
            AdminFile::make_directory(&own)?;
        }
        let credentials = Credentials { identity, address, token, pid: process::id(), gate, console };
        Ok(Admin { address, file: AdminFile::create(&path, &credentials)? })
    }
}
