//! Runs scripts of `tests/browser` in a real Chromium against a real cluster, and carries out their
//! requests.
//!
//! Without Chromium or Node.js a test ends with [`Missing`].

use std::ffi::OsString;
use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};

use super::node::{self, Missing, Played};
use super::served::World;

/// Its possible names.
const NAMES: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

/// A cluster of the binary with a console, and the browser on its pages.
pub struct Browser {
    pub world: World,
    url: String,
    chromium: PathBuf,
}

impl Browser {
    /// The tutorial's seven servers.
    pub fn on_a_cluster(flags: &[&str]) -> Result<Self, Missing> {
        let chromium = chromium()?;
        let world = World::served(&[&["--console", "0"], flags].concat());
        let url = url_in(world.banner());
        Ok(Self { world, url, chromium })
    }

    /// Runs all checks of a script. It can request commands of the command line, and receives their
    /// standard output.
    pub fn play(&self, script: &str) -> Played {
        self.play_with(script, &json!({}))
    }

    /// The same with arguments for the script.
    pub fn play_with(&self, script: &str, args: &Value) -> Played {
        let command = node::command_in(&Self::folder(), "run.js")?;
        let start =
            json!({ "chromium": self.chromium, "url": self.url, "pictures": pictures(), "args": args });
        let results = self.converse(command, script, &start);
        let failed = results.iter().filter_map(|result| {
            let told = format!("{}\n{}", result["check"].as_str()?, result["error"].as_str()?);
            Some(format!("{told}\npictures: {}", result["pictures"]))
        });
        let failed: Vec<String> = failed.collect();
        assert!(!results.is_empty(), "{script} has no checks");
        let count = format!("{} of {} checks of {script} failed", failed.len(), results.len());
        assert!(failed.is_empty(), "{count}:\n\n{}", failed.join("\n\n"));
        Ok(())
    }

    /// The scripts' directory.
    pub fn folder() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/browser")
    }

    fn converse(&self, mut command: Command, script: &str, start: &Value) -> Vec<Value> {
        let process = command.arg(script).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut process = Ended(process);
        let mut input = process.0.stdin.take().unwrap();
        let output = BufReader::new(process.0.stdout.take().unwrap());
        writeln!(input, "{start}").unwrap();
        for line in output.lines() {
            let mut said: Value = serde_json::from_str(&line.unwrap()).unwrap();
            if let Value::Array(results) = said["results"].take() {
                return results;
            }
            let words: Vec<String> = serde_json::from_value(said["ask"]["run"].take()).unwrap();
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            writeln!(input, "{}", json!(self.world.printed(&words))).unwrap();
        }
        panic!("{script} ended without results: what node says is above");
    }
}

/// The screenshots' directory.
fn pictures() -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("browser");
    fs::create_dir_all(&folder).unwrap();
    folder
}

fn url_in(banner: &str) -> String {
    let url = banner.split_whitespace().find(|word| word.starts_with("http://"));
    url.unwrap_or_else(|| panic!("no console in {banner}")).trim_end_matches([',', '/']).to_owned()
}

/// The browser of `CHROMIUM`, or one on the `PATH`.
fn chromium() -> Result<PathBuf, Missing> {
    if let Some(path) = std::env::var_os("CHROMIUM") {
        return Ok(path.into());
    }
    let path: OsString = std::env::var_os("PATH").unwrap_or_default();
    let folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    let found = NAMES.iter().flat_map(|name| folders.iter().map(move |folder| folder.join(name)));
    let mut found = found.filter(|file| file.is_file());
    found.next().ok_or_else(|| {
        let names = NAMES.join(", ");
        Missing(format!("none of {names} is in PATH; install chromium, or set CHROMIUM to a browser's path"))
    })
}

/// Killed at the end of its test.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
