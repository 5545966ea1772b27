//! Pomelo's own npm packages, installed once into the folder whose `package-lock.json` names them, and the scripts there.
//!
//! Without Node.js, npm or a registry, the caller learns why and skips its test, which is said on standard error; when
//! `CI=true` that is a failure instead, so that a comparison cannot disappear unseen.

// Included by several test binaries, none of which uses all of it.
#![allow(dead_code, unreachable_pub)]

use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, SystemTime};

/// An install that takes longer has died with its lock left behind.
const LOCK_AGE_MAX: Duration = Duration::from_secs(180);

/// `node` with a script of `tests/node`, ready to be given arguments and pipes, or `None` when it cannot run.
pub fn node_command(script: &str) -> Option<Command> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join("node");
    command_in(&folder, script).map_err(skip).ok()
}

/// `node` with a script of a folder that has a `package-lock.json`, or why it cannot run.
pub fn command_in(folder: &Path, script: &str) -> Result<Command, String> {
    let version = Command::new("node").arg("--version").stdout(Stdio::null()).status();
    version.map_err(|error| format!("cannot run node: {error}"))?;
    if !is_installed(folder) {
        install(folder)?;
    }
    let mut command = Command::new("node");
    // The packages are from 2013 and call `new Buffer`.
    command.arg("--no-deprecation").arg(folder.join(script)).current_dir(folder);
    Ok(command)
}

/// npm writes `.package-lock.json` last, so an install that was cut off does not count, nor one of an older lock file.
fn is_installed(folder: &Path) -> bool {
    let time = |path: &str| fs::metadata(folder.join(path)).and_then(|file| file.modified());
    match (time("node_modules/.package-lock.json"), time("package-lock.json")) {
        (Ok(installed), Ok(locked)) => installed >= locked,
        _ => false,
    }
}

/// Runs `npm ci`, while other test binaries wait.
fn install(folder: &Path) -> Result<(), String> {
    let _lock = Lock::take()?;
    if is_installed(folder) {
        return Ok(());
    }
    let output = Command::new("npm")
        .args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"])
        .current_dir(folder)
        .output()
        .map_err(|error| format!("cannot run npm: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!("npm ci failed: {}", String::from_utf8_lossy(&output.stderr)))
}

/// Says why a test does not run.
pub fn skip(reason: String) {
    let in_ci = std::env::var("CI").is_ok_and(|value| value == "true");
    assert!(!in_ci, "this test must run when CI=true, and cannot: {reason}");
    // Written directly: what a passing test prints by macro is not shown.
    let _ = writeln!(std::io::stderr(), "\n*** SKIPPED, and nothing of this test is known: {reason}\n");
}

/// A file that exists while one process installs.
struct Lock {
    path: PathBuf,
}

impl Lock {
    fn take() -> Result<Self, String> {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("npm-ci.lock");
        loop {
            match OpenOptions::new().write(true).create_new(true).open(&path) {
                Ok(_) => return Ok(Self { path }),
                Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => {
                    return Err(format!("cannot lock {}: {error}", path.display()));
                }
                Err(_) if is_stale(&path) => {
                    let _ = fs::remove_file(&path);
                }
                Err(_) => std::thread::sleep(Duration::from_millis(100)),
            }
        }
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}

fn is_stale(path: &Path) -> bool {
    let modified = File::open(path).and_then(|file| file.metadata()).and_then(|file| file.modified());
    modified.is_ok_and(|time| SystemTime::now().duration_since(time).is_ok_and(|age| age > LOCK_AGE_MAX))
}
