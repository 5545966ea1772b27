//! Runs tests in separate processes: they measure memory, open files or threads, which belong to
//! the whole process.

// Included by several test binaries; only one uses it.
#![allow(unused_imports, unused_macros)]

use std::process::Command;

/// Set in the process of a single test.
const CHILD: &str = "POMELO_SIM_TEST_ALONE";

/// Makes tests of a module's functions, each run in a separate process.
macro_rules! alone {
    ($($test:ident),+ $(,)?) => {
        mod alone {
            $(#[test]
            fn $test() {
                crate::support::alone::run(concat!(module_path!(), "::", stringify!($test)), super::$test);
            })+
        }
    };
}
pub(crate) use alone;

/// Runs the test of this path in another process of this binary, or, in that process, its code.
pub fn run(path: &str, test: fn()) {
    if std::env::var_os(CHILD).is_some() {
        return test();
    }
    let (_, name) = path.split_once("::").unwrap();
    let binary = std::env::current_exe().unwrap();
    let child = Command::new(binary).args(["--exact", name, "--nocapture"]).env(CHILD, "1").output().unwrap();
    let [out, err] = [child.stdout, child.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    assert!(
        child.status.success() && out.contains("1 passed"),
        "{name} in a process of its own:\n{out}\n{err}"
    );
}
