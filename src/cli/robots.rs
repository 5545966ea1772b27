//! `pomelo-sim robots`: puts a chat under load, and reports the results.

mod target;

use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use clap::Args;

use self::target::Entry;
use super::admin_args::ClusterArgs;
use super::interrupts::{INTERRUPTED, on_each};
use super::output::{Failure, Outcome, count, pretty, print_found, table};
use crate::experiments::text;
use crate::robots::{self, LoadPlan, Progress, Report, Settings, Summary};

/// Put a chat under load, and report the results
///
/// Robots log in through the gate, enter rooms and talk, over WebSocket and TCP. They work with
/// this chat and any other that speaks Pomelo's protocol and the tutorial's routes. The report has
/// rates, latencies, errors, and whether every message reached everybody once and in order. Ctrl-C
/// ends a run early, with its report.
///
/// Without --gate and --connector they go to the running cluster that --config, --env and
/// --port-offset select, as other commands do. When none runs, they go to the gate of the
/// configuration, or to a connector if it has no gate.
/// --port-offset name, as other commands do; where none runs, to the gate that the configuration
/// names, or to a connector if it has no gate.
///
/// Exit code: 0 when all is well; 1 when messages were lost, doubled or out of order, when a login
/// failed or an error came, when nobody logged in or nothing was sent; 2 for bad input or when
/// nothing listens there.
#[derive(Args, Clone, Debug)]
#[command(after_long_help = EXAMPLES)]
pub struct RobotsArgs {
    /// Settings from a JSON file, keys as the flags in snake_case; flags win. config/robots.json is
    /// an example
    #[arg(long, value_name = "PATH")]
    pub file: Option<PathBuf>,
    /// What robots do.
    #[command(flatten)]
    pub settings: Settings,
    /// The running cluster with the gate. None needs to run if the configuration says where the
    /// gate is.
    #[command(flatten)]
    pub target: ClusterArgs,
    /// Print one JSON object: plan, seconds, logins, sends, sent, deliveries, latency_us, errors,
    /// integrity, server
    #[arg(long)]
    pub json: bool,
}

const EXAMPLES: &str = "Examples:
  pomelo-sim robots
      100 users in 10 rooms, each says something once a second, for 10 seconds
  pomelo-sim robots --users 1000 --rooms 10 --senders 5 --window 16 --transport tcp --pid $(pidof pomelo-sim)
      how many deliveries a second, and what each costs the server
  pomelo-sim robots --users 5000 --rooms 200 --zipf 1 --rate 0.2 --churn 2 --duration 60
      few large rooms, many small ones, and people who come and go
  pomelo-sim robots --file config/robots.json --gate 127.0.0.1:3014 --json
      for scripts; any chat that listens there";

/// The settings of the command line and the file, with the gate of the selected cluster.
fn plan(args: &RobotsArgs) -> Result<LoadPlan, Failure> {
    let file = args.file.as_deref().map_or(Ok(Settings::default()), Settings::load)?;
    let mut settings = args.settings.clone().over(file);
    match settings.gate.as_ref().or(settings.connector.as_ref()) {
        Some(entry) if args.target.is_given() => {
            return Err(format!(
                "{entry} says where to log in: --config, --env, --port-offset and --admin-file cannot be used with it"
            )
            .into());
        }
        Some(_) => {}
        None => {
            // Check the settings before looking for a cluster.
            settings.clone().plan()?;
            match args.target.entry()? {
                Some(Entry::Gate(gate)) => settings.gate = Some(gate),
                Some(Entry::Connector(connector)) => settings.connector = Some(connector),
                None => {}
            }
        }
    }
    Ok(settings.plan()?)
}

/// Runs the command.
pub fn run(args: &RobotsArgs) -> Outcome {
    let report = load(args).map_err(|error| format!("robots: {error}"))?;
    let text = if args.json { pretty(&report)? } else { as_text(&report) };
    print_found(&text, report.is_clean())
}

fn load(args: &RobotsArgs) -> Result<Report, Failure> {
    let plan = plan(args)?;
    let stop = stop_on_interrupt()?;
    let mut line = ProgressLine::default();
    let result = robots::run(&plan, &stop, |progress| line.show(progress));
    line.clear();
    Ok(result?)
}

/// Set by the first Ctrl-C; the second ends the process.
fn stop_on_interrupt() -> io::Result<Arc<AtomicBool>> {
    let stop = Arc::new(AtomicBool::new(false));
    let flag = stop.clone();
    on_each("robots: interrupt", move || {
        if flag.swap(true, Ordering::Relaxed) {
            std::process::exit(INTERRUPTED);
        }
    })?;
    Ok(stop)
}

/// The progress line on a terminal.
#[derive(Default)]
struct ProgressLine {
    before: Option<Progress>,
}

impl ProgressLine {
    fn show(&mut self, now: &Progress) {
        let mut stderr = io::stderr();
        if !stderr.is_terminal() {
            return;
        }
        let before = self.before.replace(*now).unwrap_or(*now);
        let seconds = now.elapsed.saturating_sub(before.elapsed).as_secs_f64().max(1e-3);
        let rate = |now: u64, before: u64| grouped(((now - before) as f64 / seconds).round() as u64);
        let (sends, deliveries) = (rate(now.sends, before.sends), rate(now.deliveries, before.deliveries));
        let (logins, users) = (now.logins, now.users);
        let elapsed = now.elapsed.as_secs_f64();
        // The terminal may be gone.
        let _ = write!(
            stderr,
            "\r\x1b[K{elapsed:.1} s  {}  {logins}/{users} in  {sends} sends/s  {deliveries} deliveries/s",
            now.phase
        );
    }

    fn clear(&self) {
        if self.before.is_some() {
            let _ = write!(io::stderr(), "\r\x1b[K");
        }
    }
}

fn as_text(report: &Report) -> String {
    let plan = &report.plan;
    let logins = &report.logins;
    let mut text = format!(
        "{} in {}, {:.1} s measured\n\n",
        count(plan.users, "user"),
        count(plan.rooms, "room"),
        report.seconds
    );
    let failed = if logins.failed > 0 { format!(", {} failed", logins.failed) } else { String::new() };
    let rows = [
        ("logins", logins.ok as u64, logins.per_second, failed),
        ("sends", report.sends.count, report.sends.per_second, String::new()),
        ("deliveries", report.deliveries.count, report.deliveries.per_second, String::new()),
    ];
    let rows = rows.map(|(what, number, per_second, more)| {
        vec![what.to_owned(), grouped(number) + &more, grouped(per_second.round() as u64)]
    });
    text += &table(&["", "COUNT", "PER SECOND"], &rows);
    text.push('\n');
    let latency = &report.latency_us;
    let named = [
        ("gate", latency.gate),
        ("enter", latency.enter),
        ("send", latency.send),
        ("deliver", latency.deliver),
        ("sent late", report.lateness_us),
    ];
    let rows: Vec<Vec<String>> =
        named.into_iter().filter(|(_, summary)| summary.count > 0).map(latencies).collect();
    text += &table(&["MICROSECONDS", "COUNT", "P50", "P90", "P99", "P99.9", "MAX", "MEAN"], &rows);
    text.push('\n');
    if let Some(server) = &report.server {
        text += &format!(
            "server: {:.2} s CPU, {:.2} µs per delivery; {} MiB resident before, {} connected ({} bytes per connection), {} at the end\n",
            server.cpu_seconds,
            server.cpu_us_per_delivery,
            mib(server.rss_before),
            mib(server.rss_connected),
            grouped(server.bytes_per_connection),
            mib(server.rss_end),
        );
    }
    for (what, number) in [("returns", report.returns), ("chat of others", report.others)] {
        if number > 0 {
            text += &format!("{what}: {}\n", grouped(number));
        }
    }
    for (kind, number) in &report.errors {
        text += &format!("error: {kind}: {}\n", grouped(*number));
    }
    let integrity = &report.integrity;
    let laws = [
        ("lost", integrity.lost),
        ("doubled", integrity.doubled),
        ("disordered", integrity.disordered),
        ("foreign", integrity.foreign),
        ("unanswered", integrity.unanswered),
    ];
    let broken: Vec<String> =
        laws.iter().filter(|(_, n)| *n > 0).map(|(law, n)| format!("{} {law}", grouped(*n))).collect();
    let verdict = match report.void() {
        _ if !broken.is_empty() => broken.join(", "),
        Some(why) => why,
        None if report.sent == 0 => "nothing was sent".to_owned(),
        None => "every message reached everybody once, in one order".to_owned(),
    };
    text += &format!("integrity: {verdict}\n");
    for example in &integrity.examples {
        text += &format!("  {example}\n");
    }
    text
}

fn latencies((name, summary): (&str, Summary)) -> Vec<String> {
    let Summary { count, p50, p90, p99, p999, max, mean } = summary;
    let numbers = [count, p50, p90, p99, p999, max, mean].map(grouped);
    std::iter::once(name.to_owned()).chain(numbers).collect()
}

fn mib(bytes: u64) -> String {
    format!("{:.1}", bytes as f64 / f64::from(1 << 20))
}

/// `1234567` as `1,234,567`.
fn grouped(number: u64) -> String {
    text::number(number as f64, 0)
}
