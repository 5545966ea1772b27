//! The command that started this process: hints name it, so that they can be pasted into a shell.

use std::ffi::OsStr;
use std::path::Path;

/// The name of the installed program.
const INSTALLED: &str = "pomelo-sim";

/// The command for a shell: the path by which this process was started, or the plain name if it was
/// found on the `PATH`.
pub fn command() -> String {
    typed(std::env::args_os().next().as_deref())
}

/// Another program, such as a test, has no commands: hints name the installed one.
fn typed(started_as: Option<&OsStr>) -> String {
    let path = started_as.map(Path::new).filter(|path| path.file_stem() == Some(OsStr::new(INSTALLED)));
    path.and_then(Path::to_str).map_or_else(|| INSTALLED.to_owned(), quoted)
}

/// A word quoted for a shell.
pub fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=,+@%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;

    use super::typed;

    #[test]
    fn hints_name_the_command_that_was_typed() {
        for (started_as, named) in [
            ("pomelo-sim", "pomelo-sim"),
            ("target/release/pomelo-sim", "target/release/pomelo-sim"),
            ("./pomelo-sim", "./pomelo-sim"),
            ("/my games/pomelo-sim", "'/my games/pomelo-sim'"),
            ("target/debug/deps/admin-0123456789abcdef", "pomelo-sim"),
            ("", "pomelo-sim"),
        ] {
            assert_eq!(typed(Some(OsStr::new(started_as))), named);
        }
        assert_eq!(typed(None), "pomelo-sim");
    }
}
