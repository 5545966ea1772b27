//! The running clusters of this user, found by their files.

use std::fmt;
use std::fs;
use std::io::ErrorKind;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::file::{AdminFile, AdminFileError, Credentials};
use crate::config::Ports;
use crate::program::quoted;

/// Timeout of the check whether a cluster is there.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);

/// A cluster, and its file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Running {
    /// The file.
    pub path: PathBuf,
    /// Its content.
    pub credentials: Credentials,
}

impl Running {
    /// The running clusters, in the order of their files' names. Removes the files of clusters that
    /// ended without removing them. Clusters that were started with a file elsewhere are not
    /// included.
    ///
    /// # Errors
    /// The directory cannot be read, or does not belong to this user alone.
    pub fn all() -> Result<Vec<Self>, AdminFileError> {
        Self::all_in(&AdminFile::default_directory())
    }

    /// The same for another directory.
    ///
    /// # Errors
    /// As [`all`](Self::all).
    pub fn all_in(directory: &Path) -> Result<Vec<Self>, AdminFileError> {
        let unreadable =
            |error| AdminFileError::Failed { path: directory.to_path_buf(), what: "read", error };
        let entries = match fs::read_dir(directory) {
            Ok(entries) => entries,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(unreadable(error)),
        };
        let mut paths = Vec::new();
        for entry in entries {
            let path = entry.map_err(unreadable)?.path();
            if path.extension().is_some_and(|extension| extension == "json") {
                paths.push(path);
            }
        }
        paths.sort();
        // Files that cannot be read as credentials, such as those of another version, are left
        // alone.
        let read = |path: PathBuf| Some(Self { credentials: Credentials::read(&path).ok()?, path });
        let (alive, dead): (Vec<Self>, Vec<Self>) =
            paths.into_iter().filter_map(read).partition(|cluster| cluster.credentials.is_alive());
        for Self { path, credentials } in dead {
            // Another cluster may have put its own file there since.
            if Credentials::read(&path).is_ok_and(|now| now == credentials) {
                let _ = fs::remove_file(path);
            }
        }
        Ok(alive)
    }

    /// The flags with which commands reach it.
    pub fn flags(&self) -> String {
        let identity = &self.credentials.identity;
        let offset = match identity.ports {
            Ports::Any => return format!("--admin-file {}", quoted(&self.path.to_string_lossy())),
            Ports::Offset(0) => String::new(),
            Ports::Offset(offset) => format!(" --port-offset {offset}"),
        };
        format!("--config {} --env {}{offset}", quoted(&identity.config), quoted(&identity.env))
    }
}

impl fmt::Display for Running {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Credentials { address, pid, console, gate, identity, .. } = &self.credentials;
        write!(f, "{identity}, process {pid}")?;
        if let Some(gate) = gate {
            write!(f, ", gate {gate}")?;
        }
        write!(f, ", admin port {address}")?;
        console.map_or(Ok(()), |console| write!(f, ", console {console}"))
    }
}

impl Credentials {
    /// Whether the cluster is there: its process, and its port.
    pub fn is_alive(&self) -> bool {
        // On systems that show processes.
        let processes = Path::new("/proc");
        if processes.join("self").exists() && !processes.join(self.pid.to_string()).exists() {
            return false;
        }
        // A cluster that is too busy to answer in time is there.
        !TcpStream::connect_timeout(&self.address, CONNECT_TIMEOUT)
            .is_err_and(|error| error.kind() == ErrorKind::ConnectionRefused)
    }
}
