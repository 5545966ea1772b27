//! Tests in a process of their own: what they measure (memory, open files, threads) belongs to the whole process.

// Included by several test binaries, of which one uses it.
#![allow(unused_imports, unused_macros)]

use std::process::Command;

/// Set in the process of one test.
const CHILD: &str = "POMELO_SIM_TEST_ALONE";

/// Makes tests of functions of a module: each runs in a process of its own.
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

/// Runs the test of that path in another process of this binary, or its code in that process.
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
