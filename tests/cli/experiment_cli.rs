//! `pomelo-sim experiment` on the command line.

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

fn command(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pomelo-sim"));
    command
        .current_dir(folder)
        .arg("experiment")
        .args(arguments)
        .env_remove("NO_COLOR")
        .env("COLUMNS", "100");
    command
}

fn experiment(folder: &Path, arguments: &[&str]) -> Output {
    command(folder, arguments).output().unwrap()
}

fn told(output: &Output, code: i32) -> String {
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{stderr}");
    assert!(output.stderr.is_empty(), "{stderr}");
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn refused(folder: &Path, arguments: &[&str]) -> String {
    let output = experiment(folder, arguments);
    assert_eq!((output.status.code(), output.stdout.len()), (Some(2), 0), "{arguments:?}: {output:?}");
    String::from_utf8(output.stderr).unwrap()
}

/// A folder with a small scenario and these additions.
fn folder(more: Value) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let mut scenario = json!({
        "name": "small",
        "question": "Does it work?",
        "chat": {"servers": {"connector": 2, "chat": 2}, "users": 20, "rooms": 5, "talk": {"per_s": 0.5}},
        "strategies": ["pomelo-crc", "rendezvous"],
        "duration_s": 5,
        "warmup_s": 1,
        "replications": 3,
        "events": [{"at_s": 3, "add": "chat-server-3"}],
    });
    for (key, value) in more.as_object().unwrap() {
        scenario[key] = value.clone();
    }
    fs::create_dir_all(folder.path().join("config/experiments")).unwrap();
    fs::write(folder.path().join("config/experiments/small.json"), scenario.to_string()).unwrap();
    folder
}

#[test]
fn a_run_shows_a_table_the_answer_and_how_to_get_it_again() {
    let folder = folder(json!({"expect": [{"metric": "moved_fraction", "at_least": 0, "at_most": 1}]}));
    let text = told(&experiment(folder.path(), &["run", "small"]), 0);
    for part in [
        "small: Does it work?\nvirtual, 3 replications of 5 s after 1 s of warm-up, seed 1\n",
        "\nSTRATEGY ",
        "deliver_ms.mean",
        "\npomelo-crc ",
        "\nrendezvous ",
        " ±",
        "\nholds: moved_fraction under pomelo-crc: expected 0 to 1, got ",
        concat!(
            "\nagain: ",
            env!("CARGO_BIN_EXE_pomelo-sim"),
            " experiment run config/experiments/small.json --replications 3 --seed 1\n"
        ),
        "\nin results/small\n",
    ] {
        assert!(text.contains(part), "no {part:?} in\n{text}");
    }
    assert!(!text.contains('\u{1b}'), "no terminal, no styles");
    // The replay command gives the same bytes, and so does the report of the stored results.
    let results = fs::read(folder.path().join("results/small/results.json")).unwrap();
    let replay =
        text.lines().find_map(|line| line.strip_prefix("again: ")?.split_once(" experiment ")).unwrap().1;
    let mut again: Vec<&str> = replay.split(' ').collect();
    again.extend(["--out", "again", "--threads", "1"]);
    told(&experiment(folder.path(), &again), 0);
    let mut value: Value = serde_json::from_slice(&results).unwrap();
    assert!(results == fs::read(folder.path().join("again/results.json")).unwrap());
    assert!(text.starts_with(&told(&experiment(folder.path(), &["report", "again"]), 0)));
    for json in [&["run", "small", "--json"][..], &["report", "again", "--json"]] {
        let json = told(&experiment(folder.path(), json), 0);
        assert_eq!(serde_json::from_str::<Value>(&json).unwrap(), value);
    }
    assert_eq!((value["schema"].take(), value["replications"].take()), (json!(1), json!(3)));
}

#[test]
fn scenarios_come_with_the_program() {
    let elsewhere = tempfile::tempdir().unwrap();
    let listed: Value =
        serde_json::from_str(&told(&experiment(elsewhere.path(), &["list", "--json"]), 0)).unwrap();
    let names: Vec<&str> =
        listed.as_array().unwrap().iter().map(|row| row["name"].as_str().unwrap()).collect();
    assert!(names.contains(&"seed-3x3") && names.len() == 12, "{names:?}");
    let run = |folder: &Path, name: &str| {
        told(&experiment(folder, &["run", name, "--replications", "1", "--strategies", "pomelo-crc"]), 0)
    };
    let text = run(elsewhere.path(), "seed-3x3");
    let again = concat!(
        "\nagain: ",
        env!("CARGO_BIN_EXE_pomelo-sim"),
        " experiment run seed-3x3 --strategies pomelo-crc --replications 1 --seed 1\n"
    );
    assert!(text.contains(again), "{text}");
    assert!(
        refused(elsewhere.path(), &["run", "seed"])
            .contains("expected a file, or one of the built-in ones: add-a-chat-server, ")
    );

    // A user's directory has priority, but does not hide the shipped scenarios.
    let own = folder(json!({}));
    assert!(told(&experiment(own.path(), &["list"]), 0).lines().count() == 2);
    let results = |folder: &Path| fs::read(folder.join("results/seed-3x3/results.json")).unwrap();
    run(own.path(), "seed-3x3");
    assert!(results(own.path()) == results(elsewhere.path()));
}

#[test]
fn the_exit_code_says_whether_claims_hold() {
    let claims = json!([
        {"metric": "lost", "at_most": 0},
        {"metric": "deliver_ms.mean", "strategy": "rendezvous", "at_most": 0.000001},
    ]);
    let folder = folder(json!({"expect": claims}));
    let text = told(&experiment(folder.path(), &["run", "small"]), 1);
    assert!(
        text.contains("FAILS: deliver_ms.mean under rendezvous: expected at most 0.000001 ms, got "),
        "{text}"
    );
    assert_eq!(text.matches("holds: lost under ").count(), 2, "{text}");
    told(&experiment(folder.path(), &["report", "results/small"]), 1);
    // Claims about other strategies are not checked.
    told(&experiment(folder.path(), &["run", "small", "--strategies", "pomelo-crc", "jump"]), 0);
}

#[test]
fn flags_change_the_scenario_and_are_checked_as_it_is() {
    let folder = folder(json!({}));
    let run = [
        "run",
        "small",
        "--strategies",
        "ring(7)",
        "directory(two-choices)",
        "--replications",
        "2",
        "--seed",
        "5",
    ];
    let text = told(&experiment(folder.path(), &run), 0);
    assert!(text.contains("\nring(7) ") && text.contains("\ndirectory(two-choices) "), "{text}");
    assert!(
        text.contains(" experiment run config/experiments/small.json --strategies 'ring(7)' 'directory(two-choices)' --replications 2 --seed 5\n"),
        "{text}"
    );
    for (arguments, message) in [
        (
            &["run", "smal"][..],
            "no scenario \"smal\": expected a file, or one of config/experiments: small; did you mean \"small\"?",
        ),
        (
            &["run", "small", "--replications", "0"],
            "with these flags: replications: expected 1 to 1000, got 0",
        ),
        (&["run", "small", "--strategies", "random"], "strategies[0]: random chooses anew each time"),
        (&["run", "small", "--strategies", "rign"], "did you mean \"ring\"?"),
        (&["run", "small", "--target-half-width", "0"], "expected a share such as 2% or 0.02"),
        (&["run", "small", "--mode", "dead"], "possible values: virtual, live"),
        (&["run", "small", "--threads", "0"], "number would be zero"),
        (&["report", "nothing"], "nothing: cannot be read"),
        (&["compare", "nothing", "nothing"], "nothing: cannot be read"),
        (&["list", "--dir", "nothing"], "nothing: cannot be read"),
        (&["rum"], "'run'"),
    ] {
        let error = refused(folder.path(), arguments);
        assert!(error.contains(message), "{arguments:?}: {error}");
    }
    fs::write(folder.path().join("bad.json"), "{\"nmae\": 1}").unwrap();
    let error = refused(folder.path(), &["run", "bad.json"]);
    assert!(
        error.starts_with("error: bad.json:1:7: nmae: unknown field")
            && error.contains("did you mean \"name\"?"),
        "{error}"
    );
}

#[test]
fn ctrl_c_ends_a_run_and_the_same_command_continues_it() {
    let folder = folder(json!({"replications": 1000}));
    let mut child = command(folder.path(), &["run", "small", "--threads", "1"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let units = folder.path().join("results/small/units");
    let done = || {
        fs::read_dir(&units).map_or(0, |files| {
            files.filter(|f| f.as_ref().unwrap().path().extension().unwrap() == "json").count()
        })
    };
    let patience = Instant::now() + Duration::from_secs(60);
    while done() < 4 {
        assert!(Instant::now() < patience, "nothing is saved");
        thread::sleep(Duration::from_millis(5));
    }
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    assert_eq!(child.wait().unwrap().code(), Some(130));
    let output = child.wait_with_output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(stderr, "interrupted: what is done is in results/small; the same command continues\n");
    assert!(output.stdout.is_empty() && !folder.path().join("results/small/results.json").exists());
    // Two replications are the same with and without existing results.
    let kept = fs::metadata(units.join("rendezvous-0001.json")).unwrap().modified().unwrap();
    told(&experiment(folder.path(), &["run", "small", "--replications", "2"]), 0);
    assert_eq!(fs::metadata(units.join("rendezvous-0001.json")).unwrap().modified().unwrap(), kept);
    told(&experiment(folder.path(), &["run", "small", "--replications", "2", "--out", "fresh"]), 0);
    let read = |path: &str| fs::read(folder.path().join(path).join("results.json")).unwrap();
    assert!(read("results/small") == read("fresh"));
}

#[test]
fn list_compare_and_schema_say_what_there_is() {
    let folder = folder(json!({}));
    let text = told(&experiment(folder.path(), &["list"]), 0);
    assert_eq!(text, "NAME   MODEL  QUESTION\nsmall  chat   Does it work?\n");
    fs::write(folder.path().join("config/experiments/broken.json"), "{").unwrap();
    let output = experiment(folder.path(), &["list", "--json"]);
    let listed: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(listed[0]["file"], "config/experiments/small.json");
    assert!(
        String::from_utf8(output.stderr)
            .unwrap()
            .starts_with("warning: config/experiments/broken.json:1:1: ")
    );

    told(&experiment(folder.path(), &["run", "small", "--out", "a"]), 0);
    told(&experiment(folder.path(), &["run", "small", "--out", "b", "--seed", "2"]), 0);
    let same = told(&experiment(folder.path(), &["compare", "a", "a"]), 0);
    assert!(same.contains("the same scenario, paired by replication") && same.contains(" n.s.\n"), "{same}");
    let other = told(&experiment(folder.path(), &["compare", "a", "b/results.json"]), 0);
    assert!(other.contains("not paired: seeds or clocks differ"), "{other}");
    let json: Value =
        serde_json::from_str(&told(&experiment(folder.path(), &["compare", "a", "b", "--json"]), 0)).unwrap();
    assert_eq!(json["paired"], false);
    assert!(json["rows"].as_array().unwrap().len() > 20);

    let schema = told(&experiment(folder.path(), &["schema"]), 0);
    assert_eq!(schema, include_str!("../../config/experiments/README.md"));
    let json = told(&experiment(folder.path(), &["schema", "--json"]), 0);
    let sections: Vec<Value> = serde_json::from_str(&json).unwrap();
    let section = |title: &str| sections.iter().find(|section| section["title"] == title).unwrap();
    assert_eq!(section("The scenario")["tables"][0]["rows"][0][0], "`name`");
    assert_eq!(section("An example")["examples"][0]["name"], "losses-and-retries");
}

#[test]
fn every_subcommand_teaches() {
    let folder = folder(json!({}));
    let whole = told(&experiment(folder.path(), &["--help"]), 0);
    for name in ["list", "run", "compare", "report", "place", "schema"] {
        let help = told(&experiment(folder.path(), &[name, "--help"]), 0);
        let about = help.lines().next().unwrap();
        assert!(whole.contains(&format!("  {name:7}  {}", &about[..20])), "{about} in\n{whole}");
        if !["schema", "list", "report"].contains(&name) {
            assert!(help.contains("\nExamples:\n  pomelo-sim experiment "), "{help}");
        }
    }
}

/// All shipped scenarios are valid.
#[test]
fn the_shipped_scenarios_load() {
    let output = experiment(Path::new("."), &["list"]);
    told(&output, 0);
}
