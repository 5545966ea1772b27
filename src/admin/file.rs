//! The file with the address of a cluster's admin port and its token, readable by its user only.

use std::env;
use std::fs::{self, DirBuilder, File};
use std::io::{self, ErrorKind, Read};
use std::net::SocketAddr;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

use nix::unistd::geteuid;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::identity::Identity;
use super::token::Token;
use crate::program;
use crate::whole_file::write_whole;

/// The content of the file.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Credentials {
    /// The cluster's identity.
    #[serde(flatten)]
    pub identity: Identity,
    /// The address of the admin port.
    pub address: SocketAddr,
    /// The secret that an order needs.
    pub token: Token,
    /// The cluster's process.
    pub pid: u32,
    /// The address of its gate when it started, if it had one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gate: Option<SocketAddr>,
    /// The address of its console, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub console: Option<SocketAddr>,
}

/// The file of a running cluster. Dropping it removes the file, unless another cluster has put its
/// own there.
#[derive(Debug)]
pub struct AdminFile {
    path: PathBuf,
    token: Token,
}

/// Why there is no usable file.
#[derive(Debug, Error)]
pub enum AdminFileError {
    /// No cluster has written it.
    #[error("no cluster runs with {}: {}", path.display(), how_to_find())]
    NoCluster {
        /// The file.
        path: PathBuf,
    },
    /// Another user could read or have written it, or it is not a plain file.
    #[error("{}: {problem}: {remedy}", path.display())]
    Unsafe {
        /// The file, or its directory.
        path: PathBuf,
        /// The problem.
        problem: String,
        /// The remedy.
        remedy: &'static str,
    },
    /// Its content is not that of an admin file.
    #[error("{}: no admin file, {problem}: expected the file that {} serve writes there", path.display(), program::command())]
    Content {
        /// The file.
        path: PathBuf,
        /// The problem.
        problem: String,
    },
    /// The system refuses.
    #[error("{}: cannot {what}: {error}{}", path.display(), hint(error))]
    Failed {
        /// The file, or its directory.
        path: PathBuf,
        /// The attempted operation.
        what: &'static str,
        /// The system's error.
        error: io::Error,
    },
}

fn how_to_find() -> String {
    format!(
        "{} serve starts one; without --admin-file commands find it by --config and --env",
        program::command()
    )
}

const OTHER_PLACE: &str = "name a file in a directory of your own with --admin-file";

const ONLY_YOURS: &str = "they could put a file of their own there; chmod go-w the directory, or name another file with --admin-file";

/// Longest file that is read, in bytes: a wrong path must not fill the memory.
const FILE_BYTES_MAX: u64 = 4096;

/// The access bits of other users in a file's mode.
const OTHERS: u32 = 0o077;

/// The bits of its directory that other users must not have: with write access they can replace the
/// file.
const OTHERS_WRITE: u32 = 0o022;

fn hint(error: &io::Error) -> &'static str {
    match error.kind() {
        ErrorKind::NotFound => "; it must exist: make it, or name another file with --admin-file",
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => {
            "; name another file with --admin-file"
        }
        _ => "",
    }
}

impl AdminFile {
    /// The default directory for the files of this user's clusters: the user's runtime directory.
    pub fn default_directory() -> PathBuf {
        let runtime = env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from).filter(|path| path.is_absolute());
        match runtime {
            Some(runtime) => runtime.join("pomelo-sim"),
            None => env::temp_dir().join(format!("pomelo-sim-{}", own_uid())),
        }
    }

    /// Makes that directory, if it does not exist.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn make_directory(directory: &Path) -> Result<(), AdminFileError> {
        match DirBuilder::new().mode(0o700).create(directory) {
            Err(error) if error.kind() != ErrorKind::AlreadyExists => {
                Err(failed(directory, "make the directory", error))
            }
            _ => Ok(()),
        }
    }

    /// Writes the file, replacing one that a cluster left behind. Its directory must exist.
    ///
    /// # Errors
    /// Others can write into the directory, or the file cannot be written.
    pub fn create(path: &Path, credentials: &Credentials) -> Result<Self, AdminFileError> {
        check_directory(directory_of(path))?;
        let text = serde_json::to_string(credentials).map_err(|error| failed(path, "write", error.into()))?;
        write_whole(path, format!("{text}\n").as_bytes(), 0o600)
            .map_err(|error| failed(path, "write", error))?;
        Ok(Self { path: path.to_path_buf(), token: credentials.token.clone() })
    }

    /// The file's path.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for AdminFile {
    fn drop(&mut self) {
        if Credentials::read(&self.path).is_ok_and(|found| found.token == self.token) {
            // If it is gone already, all the better.
            let _ = fs::remove_file(&self.path);
        }
    }
}

impl Credentials {
    /// Reads the file of a cluster.
    ///
    /// # Errors
    /// There is none, another user could have written it, or its content is not that of an admin
    /// file.
    pub fn read(path: &Path) -> Result<Self, AdminFileError> {
        let unreadable = |error: io::Error| match error.kind() {
            ErrorKind::NotFound => AdminFileError::NoCluster { path: path.to_path_buf() },
            _ => failed(path, "read", error),
        };
        let found = fs::symlink_metadata(path).map_err(unreadable)?;
        let not_safe = |problem: String| AdminFileError::Unsafe {
            path: path.to_path_buf(),
            problem,
            remedy: OTHER_PLACE,
        };
        if !found.is_file() {
            return Err(not_safe("not a plain file".to_owned()));
        }
        let file = File::open(path).map_err(unreadable)?;
        let opened = file.metadata().map_err(unreadable)?;
        // The checked file must be the opened one: a link could have taken its place in between.
        if (opened.dev(), opened.ino()) != (found.dev(), found.ino()) {
            return Err(not_safe("changed while it was opened".to_owned()));
        }
        let own = own_uid();
        if opened.uid() != own {
            return Err(not_safe(format!("belongs to user {}, not to {own}", opened.uid())));
        }
        if opened.mode() & OTHERS != 0 {
            return Err(not_safe(format!("open to others (mode {:03o})", opened.mode() & 0o777)));
        }
        let mut text = String::new();
        file.take(FILE_BYTES_MAX + 1).read_to_string(&mut text).map_err(unreadable)?;
        let no_admin_file = |problem: String| AdminFileError::Content { path: path.to_path_buf(), problem };
        if text.len() as u64 > FILE_BYTES_MAX {
            return Err(no_admin_file("it is too long".to_owned()));
        }
        let credentials: Self =
            serde_json::from_str(&text).map_err(|error| no_admin_file(error.to_string()))?;
        if !credentials.address.ip().is_loopback() {
            return Err(no_admin_file(format!("{} is not on this machine", credentials.address)));
        }
        Ok(credentials)
    }
}

/// The directory of a file; for a bare name, the current directory.
fn directory_of(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Checks that only this user can write into the directory: others could replace the file.
fn check_directory(directory: &Path) -> Result<(), AdminFileError> {
    let found = fs::symlink_metadata(directory).map_err(|error| failed(directory, "look at", error))?;
    let own = own_uid();
    let (problem, remedy) = if !found.is_dir() {
        ("not a directory, or a link".to_owned(), OTHER_PLACE)
    } else if found.uid() != own {
        (format!("belongs to user {}, not to {own}", found.uid()), OTHER_PLACE)
    } else if found.mode() & OTHERS_WRITE != 0 {
        (format!("others can write there (mode {:03o})", found.mode() & 0o777), ONLY_YOURS)
    } else {
        return Ok(());
    };
    Err(AdminFileError::Unsafe { path: directory.to_path_buf(), problem, remedy })
}

/// The user that owns this process's files.
fn own_uid() -> u32 {
    geteuid().as_raw()
}

fn failed(path: &Path, what: &'static str, error: io::Error) -> AdminFileError {
    AdminFileError::Failed { path: path.to_path_buf(), what, error }
}
