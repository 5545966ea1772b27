//! The file that says where a cluster's admin port is, and the token for it: for its user's eyes only.

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

/// What the file says.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Credentials {
    /// Which cluster it is.
    #[serde(flatten)]
    pub identity: Identity,
    /// Where the admin port is.
    pub address: SocketAddr,
    /// What an order needs.
    pub token: Token,
    /// The process of the cluster.
    pub pid: u32,
    /// Where its gate was when it started, if it had one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gate: Option<SocketAddr>,
    /// Where its console is, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub console: Option<SocketAddr>,
}

/// The file of a cluster that runs. Dropping it removes it, unless another cluster has put its own there.
#[derive(Debug)]
pub struct AdminFile {
    path: PathBuf,
    token: Token,
}

/// Why there is no such file.
#[derive(Debug, Error)]
pub enum AdminFileError {
    /// No cluster has written it.
    #[error("no cluster runs with {}: {}", path.display(), how_to_find())]
    NoCluster {
        /// The file.
        path: PathBuf,
    },
    /// Somebody else could read or have written it, or it is none.
    #[error("{}: {problem}: {remedy}", path.display())]
    Unsafe {
        /// The file, or its directory.
        path: PathBuf,
        /// What is wrong.
        problem: String,
        /// What to do.
        remedy: &'static str,
    },
    /// It says something else.
    #[error("{}: no admin file, {problem}: expected the file that {} serve writes there", path.display(), program::command())]
    Content {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
    /// The system refuses.
    #[error("{}: cannot {what}: {error}{}", path.display(), hint(error))]
    Failed {
        /// The file, or its directory.
        path: PathBuf,
        /// What was tried.
        what: &'static str,
        /// Why not.
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

/// Most of a file that is read, in bytes: a wrong path must not fill the memory.
const FILE_BYTES_MAX: u64 = 4096;

/// What others may do with a file, as bits of its mode.
const OTHERS: u32 = 0o077;

/// What others must not do with its directory: whoever may write there can put another file in its place.
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
    /// Where the files of this user's clusters are when nobody says otherwise: the user's directory for what runs.
    pub fn default_directory() -> PathBuf {
        let runtime = env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from).filter(|path| path.is_absolute());
        match runtime {
            Some(runtime) => runtime.join("pomelo-sim"),
            None => env::temp_dir().join(format!("pomelo-sim-{}", own_uid())),
        }
    }

    /// Makes that directory, if it is not there.
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

    /// Writes it, in the place of one that a cluster left behind. Its directory must be there.
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

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for AdminFile {
    fn drop(&mut self) {
        if Credentials::read(&self.path).is_ok_and(|found| found.token == self.token) {
            // Gone already: as wanted.
            let _ = fs::remove_file(&self.path);
        }
    }
}

impl Credentials {
    /// Reads the file of a cluster.
    ///
    /// # Errors
    /// There is none, or it may come from somebody else, or says something else.
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

/// The directory of a file; that of a bare name is the present one.
fn directory_of(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Whoever can write into the directory can put a file of his own there.
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

/// The user that this process's files belong to.
fn own_uid() -> u32 {
    geteuid().as_raw()
}

fn failed(path: &Path, what: &'static str, error: io::Error) -> AdminFileError {
    AdminFileError::Failed { path: path.to_path_buf(), what, error }
}
