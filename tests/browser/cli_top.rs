//! `pomelo-sim top` on a terminal made by `script`: its screen, and the restored terminal.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::process::{Command, Stdio};

use crate::support::admin::AdminWorld;
use crate::support::node::{self, Missing, Played};

node::tests!(top_gives_the_terminal_back);

fn top_gives_the_terminal_back() -> Played {
    let world = AdminWorld::start();
    world.cluster().kill("connector-server-2").unwrap();
    let file = world.file.path().to_str().unwrap();
    let top = |more: &str| {
        let binary = env!("CARGO_BIN_EXE_pomelo-sim");
        let line = format!("stty rows 17 cols 60; exec {binary} top --every 0.1 --admin-file {file} {more}");
        let mut command = Command::new("script");
        command.args(["-qec", &line, "/dev/null"]).env_remove("NO_COLOR");
        command
    };
    let output = top("--count 2").output();
    let output = output.map_err(|error| Missing(format!("cannot run script: {error}; install bsdutils")))?;
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0), "{text:?}");
    assert!(
        text.starts_with("\u{1b}[?1049h\u{1b}[?25l") && text.ends_with("\u{1b}[?25h\u{1b}[?1049l"),
        "{text:?}"
    );
    assert_eq!(text.matches("\u{1b}[H").count(), 3, "one before the rates are known, and two: {text:?}");
    assert!(text.contains("\u{1b}[31mconnector-server-2  killed "), "{text:?}");
    assert!(text.contains("and 4 more"), "as many servers as there is room for: {text:?}");
    for line in text.split("\u{1b}[K\r\n").filter(|line| !line.contains('\u{1b}')) {
        assert!(line.chars().count() <= 60, "{line:?}");
    }
    // Ctrl-C, after the first screen.
    let mut process = top("").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut output = BufReader::new(process.stdout.take().unwrap());
    let mut shown = Vec::new();
    output.read_until(b'H', &mut shown).unwrap();
    process.stdin.take().unwrap().write_all(b"\x03").unwrap();
    output.read_to_end(&mut shown).unwrap();
    let text = String::from_utf8(shown).unwrap();
    assert_eq!(process.wait().unwrap().code(), Some(0), "{text:?}");
    assert!(text.contains("\u{1b}[?25h\u{1b}[?1049l"), "{text:?}");
    Ok(())
}
