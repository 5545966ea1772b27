//! Pomelo's own npm packages, installed once into the folder of their `package-lock.json`, and the
//! scripts there.
//!
//! Without Node.js or npm a test ends with [`Missing`], and counts as ignored; when `CI=true` that
//! is a failure instead, so that a comparison is not skipped unnoticed.

// Included by several test binaries, none of which uses all of it.
#![allow(dead_code, unreachable_pub, unused_imports, unused_macros)]

use std::fs::{self, File, OpenOptions};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, SystemTime};

use libtest_mimic::{Arguments, Completion, Trial};

/// The program missing for a test, and how to install it.
#[derive(Debug)]
pub struct Missing(pub String);

impl Missing {
    fn node(error: &std::io::Error) -> Self {
        Self(format!("cannot run node: {error}; install nodejs 20 or later"))
    }
}

/// The result of a test that some machines cannot run.
pub type Played = Result<(), Missing>;

/// A test and its name.
pub type Named = (&'static str, fn() -> Played);

/// Runs the tests of modules as `main` of their binary. Rust's own harness can only ignore a test
/// before it runs.
pub fn run_tests(modules: &[(&str, &[Named])]) -> ExitCode {
    let in_ci = std::env::var("CI").is_ok_and(|value| value == "true");
    let trial = |module: &str, (name, play): Named| {
        Trial::ignorable_test(format!("{module}::{name}"), move || match play() {
            Ok(()) => Ok(Completion::Completed),
            Err(Missing(what)) if in_ci => Err(format!("this test must run when CI=true: {what}").into()),
            Err(Missing(what)) => Ok(Completion::ignored_with(what)),
        })
    };
    let of_module = |(module, tests): &(&str, &[Named])| {
        tests.iter().map(|test| trial(module, *test)).collect::<Vec<_>>()
    };
    let mut arguments = Arguments::from_args();
    // The harness of std reads this variable too; libtest-mimic does not.
    let threads = std::env::var("RUST_TEST_THREADS").ok().and_then(|threads| threads.parse().ok());
    arguments.test_threads = arguments.test_threads.or(threads);
    libtest_mimic::run(&arguments, modules.iter().flat_map(of_module).collect()).exit_code()
}

/// The tests of a module, for the `main` of their binary.
macro_rules! tests {
    ($($test:ident),+ $(,)?) => {
        pub(crate) const TESTS: &[crate::support::node::Named] = &[$((stringify!($test), $test)),+];
    };
}
pub(crate) use tests;

/// An install that takes longer has died without removing its lock.
const LOCK_AGE_MAX: Duration = Duration::from_secs(600);

/// `node` with a script of `tests/node`, ready to be given arguments and pipes.
pub fn node_command(script: &str) -> Result<Command, Missing> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join("node");
    command_in(&folder, script)
}

/// `node` with a script of a folder that has a `package-lock.json`.
pub fn command_in(folder: &Path, script: &str) -> Result<Command, Missing> {
    let version = Command::new("node").arg("--version").stdout(Stdio::null()).status();
    version.map_err(|error| Missing::node(&error))?;
    if !is_installed(folder) {
        install(folder)?;
    }
    let mut command = Command::new("node");
    // The packages are from 2013 and call the deprecated `new Buffer`.
    command.arg("--no-deprecation").arg(folder.join(script)).current_dir(folder);
    Ok(command)
}

/// npm writes `.package-lock.json` last, so neither an interrupted install counts nor one of an
/// older lock file.
fn is_installed(folder: &Path) -> bool {
    let time = |path: &str| fs::metadata(folder.join(path)).and_then(|file| file.modified());
    match (time("node_modules/.package-lock.json"), time("package-lock.json")) {
        (Ok(installed), Ok(locked)) => installed >= locked,
        _ => false,
    }
}

/// Runs `npm ci`, while other test binaries wait.
fn install(folder: &Path) -> Result<(), Missing> {
    let _lock = Lock::take();
    if is_installed(folder) {
        return Ok(());
    }
    let output = Command::new("npm")
        .args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"])
        .current_dir(folder)
        .output()
        .map_err(|error| Missing(format!("cannot run npm: {error}; install npm")))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(Missing(format!("npm ci failed in {}, which needs a registry: {said}", folder.display())))
}

/// A file that exists while one process installs.
struct Lock {
    path: PathBuf,
}

impl Lock {
    fn take() -> Self {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("npm-ci.lock");
        loop {
            match OpenOptions::new().write(true).create_new(true).open(&path) {
                Ok(_) => return Self { path },
                Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => {
                    panic!("cannot lock {}: {error}", path.display());
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
