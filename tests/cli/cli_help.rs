//! Help texts, and refused command lines.

use std::os::unix::process::CommandExt as _;
use std::process::{Command, Output};

use clap::CommandFactory as _;

fn run(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pomelo-sim"));
    command.args(arguments).env_remove("NODE_ENV").env("COLUMNS", "100").output().unwrap()
}

pub fn stdout(arguments: &[&str]) -> String {
    let output = run(arguments);
    assert_eq!(output.status.code(), Some(0), "{arguments:?}");
    assert!(output.stderr.is_empty(), "{arguments:?}");
    String::from_utf8(output.stdout).unwrap()
}

pub fn refused(arguments: &[&str]) -> String {
    let output = run(arguments);
    assert_eq!(output.status.code(), Some(2), "{arguments:?}");
    assert!(output.stdout.is_empty(), "{arguments:?}");
    String::from_utf8(output.stderr).unwrap()
}

const COMMANDS: [&str; 26] = [
    "serve",
    "check",
    "dispatch",
    "explain",
    "list",
    "top",
    "rooms",
    "users",
    "events",
    "add",
    "remove",
    "stop",
    "kill",
    "pause",
    "resume",
    "restart",
    "reload",
    "links",
    "link",
    "heal",
    "kick",
    "strategy",
    "trace",
    "robots",
    "experiment",
    "guide",
];

#[test]
fn help_teaches_with_exit_codes_and_examples() {
    let whole = stdout(&["--help"]);
    for command in COMMANDS {
        let help = stdout(&[command, "--help"]);
        let (_, examples) = help.split_once("\nExamples:\n").unwrap();
        assert!(examples.contains(&format!("  pomelo-sim {command}")), "{help}");
        assert!(help.contains("Exit code: 0 "), "{help}");
        // Experiments read scenarios, and refuse both.
        let reads_configuration = command != "experiment";
        for flag in ["--config <PATH>", "--env <ENV>"] {
            assert_eq!(help.contains(flag), reads_configuration, "{flag} in {help}");
        }
        assert_eq!(stdout(&["help", command]), help);
        let about = help.lines().next().unwrap();
        assert!(
            whole.contains(&format!("  {command:10}  {about}\n")),
            "{about} in the list of commands:\n{whole}"
        );
    }
    assert!(whole.contains("\nExamples:\n  pomelo-sim ") && whole.contains("Exit code: 0 "), "{whole}");
    assert!(whole.contains("RUST_LOG"), "{whole}");
}

#[test]
fn no_command_of_experiment_lists_a_flag_that_it_refuses() {
    let commands = [
        &["list"][..],
        &["run", "x"],
        &["compare", "x", "y"],
        &["report", "x"],
        &["place"],
        &["verify"],
        &["schema"],
    ];
    for arguments in commands {
        let command = arguments[0];
        for help in [stdout(&["experiment", command, "--help"]), stdout(&["experiment", command, "-h"])] {
            assert!(!help.contains("--config") && !help.contains("--env"), "{help}");
        }
        for flag in ["--config", "--env"] {
            let said = refused(&[&["experiment"], arguments, &[flag, "x"]].concat());
            assert!(said.contains(&format!("{flag} cannot be used with experiment")), "{command}: {said}");
        }
    }
}

#[test]
fn the_short_help_is_short() {
    for command in COMMANDS {
        let (short, long) = (stdout(&[command, "-h"]), stdout(&[command, "--help"]));
        assert!(short.lines().count() < long.lines().count(), "{short}");
        assert!(!short.contains("Examples:") && !short.contains("Exit code"), "{short}");
        assert!(short.contains("(see more with '--help')"), "{short}");
    }
}

/// Every flag that takes a strategy lists all of them, one per line.
#[test]
fn help_lists_every_strategy() {
    for command in ["serve", "dispatch", "explain"] {
        let help = stdout(&[command, "--help"]);
        for entry in pomelo_sim::strategies::ALL {
            let line = help.lines().find(|line| {
                let name = line.trim_start().split([':', '(']).next().unwrap();
                name == entry.name && line.contains(entry.summary.get(..18).unwrap_or(entry.summary))
            });
            assert!(line.is_some(), "{} in {help}", entry.name);
        }
    }
}

#[test]
fn the_version_is_the_packages() {
    assert_eq!(stdout(&["--version"]), concat!("pomelo-sim ", env!("CARGO_PKG_VERSION"), "\n"));
}

#[test]
fn unknown_flags_and_commands_are_refused() {
    for arguments in
        [&["--confg", "x"][..], &["check", "--heartbeat", "3"], &["dispatch", "chat", "a", "--bind"]]
    {
        assert!(refused(arguments).starts_with("error: unexpected argument "), "{arguments:?}");
    }
    assert!(refused(&["--confg", "x"]).contains("'--config'"), "a slip of the hand gets a hint");
    assert!(refused(&["chek"]).contains("'check'"));
    assert!(
        refused(&["--admin", "off", "list"])
            .contains("--admin is a flag of serve, and cannot be used with list")
    );
}

/// The command as it was started, so that it can be pasted into a shell.
#[test]
fn hints_name_the_command_that_was_started() {
    for (started_as, named) in [
        ("pomelo-sim", "pomelo-sim"),
        ("target/release/pomelo-sim", "target/release/pomelo-sim"),
        ("/my games/pomelo-sim", "'/my games/pomelo-sim'"),
    ] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_pomelo-sim"));
        let output = command.arg0(started_as).args(["--admin-file", "x", "list"]).output().unwrap();
        let error = String::from_utf8(output.stderr).unwrap();
        assert!(error.contains(&format!("write {named} list --admin-file ...")), "{error}");
    }
}

#[test]
fn every_command_but_serve_has_json() {
    fn without_json(command: &clap::Command) -> Vec<&str> {
        let parts: Vec<_> = command.get_subcommands().collect();
        if !parts.is_empty() {
            return parts.into_iter().flat_map(without_json).collect();
        }
        let has_json = command.get_arguments().any(|argument| argument.get_long() == Some("json"));
        if has_json { Vec::new() } else { vec![command.get_name()] }
    }
    assert_eq!(without_json(&pomelo_sim::cli::Cli::command()), ["serve"]);
}

#[test]
fn values_out_of_range_are_refused_with_the_range() {
    for (flag, value, expected) in [
        ("--heartbeat", "86401", "0..=86400"),
        ("--heartbeat", "18446744073709551615", "0..=86400"),
        ("--heartbeat", "0.5", "invalid digit"),
        ("--threads", "0", "1..=256"),
        ("--package-max", "63", "64..=16777215"),
        ("--package-max", "16777216", "64..=16777215"),
        ("--bind", "here", "invalid IP address"),
        ("--admin", "on", "expected off, or a port from 0 to 65535"),
        ("--admin", "65536", "expected off, or a port from 0 to 65535"),
        ("--rebalance", "yes", "invalid value 'yes' for '--rebalance <on|off>'"),
        ("--seed", "x", "invalid digit"),
        ("--outbound-max", "10", "1024..=1073741824"),
        ("--calls-max", "0", "1..=1000000"),
        ("--strategy", "chat", "expected TYPE=NAME, such as chat=crc32-mod"),
        ("--strategy", "chat=crc32", "crc32-mod"),
    ] {
        let error = refused(&[flag, value]);
        assert!(error.contains(flag) && error.contains(expected), "{error}");
    }
    for flag in ["--handshake-timeout", "--idle-timeout", "--request-timeout", "--resume"] {
        for value in ["0", "0.0001", "86400.5", "1e300", "inf", "nan"] {
            let error = refused(&[flag, value]);
            assert!(error.contains("expected 0.001 to 86400 seconds (a day)"), "{error}");
        }
        assert!(refused(&[flag, "soon"]).contains("expected seconds, such as 10 or 0.5"));
        // Refused for the path, so the value was accepted.
        for value in ["0.001", "86400"] {
            assert!(refused(&[flag, value, "--config", "no-such-place"]).contains("does not exist"));
        }
    }
}
