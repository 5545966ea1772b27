//! The original Pomelo and this cluster side by side: the same configuration, the same robots, in
//! turn.
//!
//! `cargo bench --bench pomelo` installs the original when it is missing (`benches/pomelo`: npm's
//! `pomelo`, unpatched, and our own small chat on it, whose bytes `tests/browser/pomelo_app.rs`
//! holds against ours), searches for the load under which the original delivers most, and then runs
//! the rounds: one cluster is started, measured and stopped, then the other, in alternating order.
//! Robots run in a separate process on the same machine and use WebSocket, since the original's raw
//! TCP does not work on current Node.js. See `--help` for the settings.

#![allow(missing_docs, clippy::unwrap_used)]

#[path = "../tests/support/mod.rs"]
mod support;

mod pomelo {
    pub(crate) mod figures;
    pub(crate) mod memory;
    pub(crate) mod robots;
    pub(crate) mod table;
}

use std::io::{IsTerminal as _, Write as _};
use std::process::ExitCode;

use clap::Parser;
use serde_json::json;

use pomelo::figures::{Figures, rows};
use pomelo::memory::Memory;
use pomelo::robots::{Robots, Shape, Tried};
use pomelo::table::{comparison, shapes};
use support::processes::{Application, Processes, Whose};

/// The fixed rate, as a share of the original's capacity: the robots need as much CPU as it does,
/// and twice this rate would saturate the machine.
const RATE: f64 = 0.25;

/// The original Pomelo and this cluster side by side, under the same robots
#[derive(Parser)]
#[command(name = "cargo bench --bench pomelo --", bin_name = "cargo bench --bench pomelo --")]
struct Settings {
    /// How often each is started and measured; medians are reported
    #[arg(long, value_name = "N", default_value = "5", value_parser = clap::value_parser!(u64).range(1..=1000))]
    rounds: u64,
    /// How long each load is measured, after a second of warming up
    #[arg(long, value_name = "SECONDS", default_value = "4", value_parser = clap::value_parser!(u32).range(1..=600))]
    seconds: u32,
    /// Users that are logged in and idle when the memory of a connection is measured
    #[arg(long, value_name = "N", default_value = "1000", value_parser = clap::value_parser!(u32).range(1..=20_000))]
    idle: u32,
    /// Set TCP_NODELAY on the original's sockets: it does not do so itself, and most of its latency
    /// comes of that
    #[arg(long)]
    nodelay: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// Passed by cargo.
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() -> ExitCode {
    let settings = Settings::parse();
    let told = run(&settings).and_then(|text| {
        std::io::stdout().write_all(text.as_bytes()).map_err(|error| format!("stdout: {error}"))
    });
    match told {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("\n*** NOT COMPARED with the original Pomelo: {error}");
            ExitCode::from(2)
        }
    }
}

fn run(settings: &Settings) -> Result<String, String> {
    let progress = Progress;
    let robots = Robots { seconds: settings.seconds, idle: settings.idle };
    let original = if settings.nodelay { Whose::OriginalNoDelay } else { Whose::Original };
    let tried = find(original, &robots, &progress)?;
    let sound = tried.iter().filter(|tried| tried.faults == 0.0);
    let best = sound.max_by(|one, other| one.deliveries.total_cmp(&other.deliveries));
    let Tried { shape, deliveries, .. } = best.ok_or("the original sustains none of the loads")?;
    let rate = deliveries / shape.room_size() * RATE;
    let (mut theirs, mut ours) = (Vec::new(), Vec::new());
    for round in 0..settings.rounds {
        let mut turns = [(original, &mut theirs), (Whose::Ours, &mut ours)];
        if round % 2 == 1 {
            turns.reverse();
        }
        for (whose, figures) in turns {
            let what = format!("round {} of {}, {whose:?}", round + 1, settings.rounds);
            figures.push(measure(whose, &robots, shape, rate, |phase| {
                progress.say(&format!("{what}: {phase}"))
            })?);
        }
    }
    progress.say("");
    let rows = rows(&theirs, &ours);
    if settings.json {
        let text =
            json!({ "loads": tried, "saturated": shape, "messages_per_second": rate, "figures": rows });
        return Ok(format!("{text:#}\n"));
    }
    Ok(format!("{}\n{}", shapes(&tried, shape, rate), comparison(&rows)))
}

/// The original's results under each tried load.
fn find(original: Whose, robots: &Robots, progress: &Progress) -> Result<Vec<Tried>, String> {
    let application = Application::new()?;
    let cluster = application.start(original)?;
    let mut tried = Vec::new();
    for shape in Shape::candidates() {
        progress.say(&format!("where is the original fastest: {shape}"));
        let report = robots.probe(application.gate, &cluster.servers, &shape)?;
        let deliveries = report.deliveries_per_second()?;
        tried.push(Tried { shape, deliveries, faults: report.faults() });
    }
    Ok(tried)
}

/// Starts a cluster, measures it and stops it.
fn measure(
    whose: Whose,
    robots: &Robots,
    shape: &Shape,
    rate: f64,
    say: impl Fn(&str),
) -> Result<Figures, String> {
    say("start");
    let application = Application::new()?;
    let cluster = application.start(whose)?;
    let Processes { start, ready, servers, master, .. } = &cluster;
    let idle = Memory::of(servers)?;
    let master = Memory::of(master.as_slice())?;
    say("idle users");
    let crowd = robots.crowd(application.gate, servers)?;
    say("as fast as it can");
    let saturated = robots.saturate(application.gate, servers, shape)?;
    say("at a fixed rate");
    let paced = robots.pace(application.gate, servers, shape, rate)?;
    Ok([
        start.as_secs_f64() * 1e3,
        ready.as_secs_f64() * 1e3,
        idle.resident,
        idle.proportional,
        master.proportional,
        crowd.server("bytes_per_connection")? / 1024.0,
        saturated.deliveries_per_second()?,
        saturated.server("cpu_us_per_delivery")?,
        paced.latency("send", "p50")?,
        paced.latency("send", "p99")?,
        paced.latency("deliver", "p50")?,
        paced.latency("deliver", "p99")?,
        paced.server("cpu_us_per_delivery")?,
        crowd.faults() + saturated.faults() + paced.faults(),
    ])
}

/// A progress line on a terminal.
struct Progress;

impl Progress {
    fn say(&self, what: &str) {
        let mut stderr = std::io::stderr().lock();
        if stderr.is_terminal() {
            // A closed terminal must not stop the bench.
            let _ = write!(stderr, "\r\x1b[K{what}").and_then(|()| stderr.flush());
        }
    }
}
