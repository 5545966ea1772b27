//! Robots that load this cluster from within its own process: one run at a time, on its own thread.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::about::Entry;
use super::board::Board;
use crate::live::{EventKind, Timeline};
use crate::orders::Refusal;
use crate::robots::{self, LoadPlan, Progress, Report, Settings};

/// The longest wait for robots to log out at the end.
const END_TIMEOUT: Duration = Duration::from_millis(500);

/// The period that rates are computed over.
const RATE_OVER: Duration = Duration::from_secs(1);

/// Logins that begin per second: the largest crowd logs in within ten seconds.
const ARRIVALS: f64 = 200.0;

/// Prefix of user and room names, different from that of `pomelo-sim robots`, so that both can run.
const PREFIX: &str = "bot";

/// The parameters of a run.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Wanted {
    users: usize,
    rooms: usize,
    messages_per_second: f64,
    #[serde(default = "bytes")]
    bytes: usize,
    #[serde(default = "seconds")]
    seconds: f64,
}

fn bytes() -> usize {
    64
}

fn seconds() -> f64 {
    300.0
}

impl Wanted {
    /// Refuses parameters out of range.
    pub(super) fn check(&self) -> Result<(), Refusal> {
        let within = |what: &str, value: f64, least: f64, most: f64| {
            if (least..=most).contains(&value) {
                return Ok(());
            }
            Err(Refusal::bad(format!("{what}: expected {least} to {most}, got {value}")))
        };
        within("users", self.users as f64, 1.0, 2000.0)?;
        within("rooms", self.rooms as f64, 1.0, self.users as f64)?;
        within("messagesPerSecond", self.messages_per_second, 0.0, 20_000.0)?;
        within("bytes", self.bytes as f64, 0.0, 4096.0)?;
        within("seconds", self.seconds, 1.0, 3600.0)
    }

    /// The plan of a run at that gate or connector.
    fn plan(&self, entry: Entry) -> Result<LoadPlan, Refusal> {
        let is_silent = self.messages_per_second <= 0.0;
        let (gate, connector) = match entry {
            Entry::Gate(gate) => (Some(gate.to_string()), None),
            Entry::Connector(connector) => (None, Some(connector.to_string())),
        };
        let settings = Settings {
            gate,
            connector,
            users: Some(self.users),
            rooms: Some(self.rooms),
            senders: is_silent.then_some(0),
            rate: Some(if is_silent { 1.0 } else { self.messages_per_second / self.users as f64 }),
            payload: Some(self.bytes),
            arrivals: Some(ARRIVALS),
            duration: Some(self.seconds),
            prefix: Some(PREFIX.to_owned()),
            ..Settings::default()
        };
        settings.plan().map_err(|error| Refusal::bad(error.to_string()))
    }
}

/// The current run, or the last one.
pub(super) struct Robots {
    run: Mutex<Run>,
    timeline: Timeline,
}

#[derive(Default)]
struct Run {
    /// Number of runs so far: a replaced run must not report any more.
    number: u64,
    status: Status,
    /// Whether the status has changed since it was published.
    is_new: bool,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Clone, Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct Status {
    running: bool,
    plan: Option<Wanted>,
    phase: &'static str,
    elapsed_seconds: f64,
    logins: usize,
    users: usize,
    sends_per_second: f64,
    deliveries_per_second: f64,
    sends: u64,
    deliveries: u64,
    error: Option<String>,
    report: Option<Report>,
}

impl Robots {
    /// Where their events are recorded.
    pub(super) fn new(timeline: Timeline) -> Self {
        let run = Run { status: Status { phase: "idle", ..Status::default() }, ..Run::default() };
        Self { run: Mutex::new(run), timeline }
    }

    /// Their status.
    pub(super) fn status(&self) -> Value {
        json!(self.run().status)
    }

    /// Publishes the status, if it may have changed.
    pub(super) fn publish(&self, board: &Board) {
        let mut run = self.run();
        if run.is_new || run.status.running {
            run.is_new = false;
            board.robots(&json!(run.status));
        }
    }

    /// Begins a run, after stopping a previous one. Returns the status.
    pub(super) fn start(self: &Arc<Self>, wanted: Wanted, entry: Entry) -> Result<Value, Refusal> {
        let plan = wanted.plan(entry)?;
        let mut run = self.run();
        run.stop.store(true, Ordering::Relaxed);
        let before = run.thread.take();
        run.stop = Arc::default();
        run.number += 1;
        run.is_new = true;
        let Wanted { users, rooms, messages_per_second, .. } = &wanted;
        let text = format!("began: {users} users in {rooms} rooms, {messages_per_second} messages a second");
        self.timeline.note(EventKind::Robots, None, text);
        run.status = Status {
            running: true,
            phase: "starting",
            users: wanted.users,
            plan: Some(wanted),
            ..Status::default()
        };
        let (number, stop, robots) = (run.number, Arc::clone(&run.stop), Arc::clone(self));
        let spawned = thread::Builder::new().name("console: robots".to_owned()).spawn(move || {
            // Wait for the last crowd: this one has the same names.
            if let Some(before) = before {
                let _ = before.join();
            }
            let mut rates = Rates::default();
            let result = robots::run(&plan, &stop, |progress| robots.progress(number, progress, &mut rates));
            robots.ended(number, result.map_err(|error| error.to_string()));
        });
        match spawned {
            Ok(thread) => run.thread = Some(thread),
            Err(error) => {
                run.status.running = false;
                run.status.phase = "ended";
                run.status.error = Some(format!("the system gives no thread: {error}"));
            }
        }
        Ok(json!(run.status))
    }

    /// Stops a run, which then reports. Returns the status.
    pub(super) fn stop(&self) -> Value {
        let run = self.run();
        run.stop.store(true, Ordering::Relaxed);
        json!(run.status)
    }

    /// Stops a run without waiting long for it.
    pub(super) fn end(&self) {
        let thread = {
            let mut run = self.run();
            run.stop.store(true, Ordering::Relaxed);
            run.thread.take()
        };
        let give_up = Instant::now() + END_TIMEOUT;
        let Some(thread) = thread else { return };
        while !thread.is_finished() && Instant::now() < give_up {
            thread::sleep(Duration::from_millis(1));
        }
    }

    fn progress(&self, number: u64, progress: &Progress, rates: &mut Rates) {
        let mut run = self.run();
        if run.number != number {
            return;
        }
        rates.take(progress);
        let status = &mut run.status;
        status.phase = progress.phase;
        status.elapsed_seconds = progress.elapsed.as_secs_f64();
        status.logins = progress.logins;
        (status.sends, status.deliveries) = (progress.sends, progress.deliveries);
        (status.sends_per_second, status.deliveries_per_second) = (rates.sends, rates.deliveries);
    }

    fn ended(&self, number: u64, result: Result<Report, String>) {
        let mut run = self.run();
        if run.number != number {
            return;
        }
        run.is_new = true;
        let status = &mut run.status;
        (status.running, status.phase) = (false, "ended");
        (status.sends_per_second, status.deliveries_per_second) = (0.0, 0.0);
        let text = match &result {
            Ok(report) if report.is_clean() => {
                format!("ended: {} deliveries, all as they must be", report.deliveries.count)
            }
            Ok(report) => match report.void() {
                Some(why) => format!("ended: {why}"),
                None => format!("ended: {} deliveries, with errors", report.deliveries.count),
            },
            Err(error) => format!("ended: {error}"),
        };
        match result {
            Ok(report) => status.report = Some(report),
            Err(error) => status.error = Some(error),
        }
        self.timeline.note(EventKind::Robots, None, text);
    }

    fn run(&self) -> MutexGuard<'_, Run> {
        // No code panics while it holds the lock; if one did, the status would still be valid.
        self.run.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Rates over the last second or so.
#[derive(Default)]
struct Rates {
    since: Option<Progress>,
    sends: f64,
    deliveries: f64,
}

impl Rates {
    fn take(&mut self, now: &Progress) {
        let since = *self.since.get_or_insert(*now);
        let over = now.elapsed.saturating_sub(since.elapsed);
        if over < RATE_OVER {
            return;
        }
        let rate = |now: u64, before: u64| now.saturating_sub(before) as f64 / over.as_secs_f64();
        (self.sends, self.deliveries) =
            (rate(now.sends, since.sends), rate(now.deliveries, since.deliveries));
        self.since = Some(*now);
    }
}
