//! `pomelo-sim top`: shows the load of the running cluster, second by second.

mod page;
mod screen;

use std::collections::VecDeque;
use std::process::ExitCode;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use clap::{Args, ValueEnum};
use serde_json::json;

use self::page::Page;
use self::screen::Screen;
use super::admin_args::AdminArgs;
use super::interrupts::Interrupts;
use crate::cli::output::{Failure, Outcome, write_on};
use crate::live::{ClusterView, Events, TimelineEvent};
use crate::monitor::{Monitor, Picture};
use crate::orders::Order;

/// Events that are shown below the servers.
const EVENTS_SHOWN: usize = 6;

/// Watch the running cluster: rates, latencies and balance, refreshed every second
///
/// At the top are the totals: users, rooms, messages from clients and pushes to them in a second,
/// and the 50th and 99th percentile of the latency of clients' requests. Below are the types, each
/// with its strategy and its balance: the highest load divided by the mean, and Jain's index, both
/// 1 when all servers have the same, by sessions or members (LOAD) and by messages. Then the
/// servers, the busiest first.
///
/// LOAD is a frontend's sessions, or the members of another server's rooms. OUT/S counts pushes for
/// clients. P50 and P99 are latencies of clients' requests on a frontend, and of calls, from
/// sending to answer, on other servers. QUEUE is the most that waited for the server at once in the
/// last two seconds, and all that waits while it is paused. CALLS are its calls in flight. BUFFER
/// is output that its clients have not read. The last events come at the end.
///
/// On a terminal it runs until Ctrl-C; otherwise tables follow each other.
///
/// Exit code: 0 at Ctrl-C or after --count, 2 when no cluster runs or the cluster ends.
#[derive(Args, Clone, Debug)]
#[command(after_long_help = EXAMPLES)]
pub struct TopArgs {
    /// Seconds between two updates
    #[arg(long, value_name = "SECONDS", default_value = "1", value_parser = seconds)]
    pub every: Duration,
    /// Number of updates [default: until Ctrl-C]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub count: Option<u64>,
    /// Which servers come first
    #[arg(long, value_name = "BY", default_value = "messages")]
    pub sort: Sort,
    /// Which cluster; --json prints the whole picture, one object a line.
    #[command(flatten)]
    pub admin: AdminArgs,
}

/// Which servers come first.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub enum Sort {
    /// By messages
    Messages,
    /// By sessions or members
    Load,
    /// By latency
    P99,
    /// By queue
    Queue,
    /// In the order of the configuration
    Configured,
}

const EXAMPLES: &str = "Examples:
  pomelo-sim top
  pomelo-sim top --sort p99 --every 5
      the slowest servers first
  pomelo-sim top --count 1 --json
      for scripts: one second of it, as one object";

/// Runs the command.
pub fn run(args: &TopArgs) -> Outcome {
    watch(args)?;
    Ok(ExitCode::SUCCESS)
}

fn watch(args: &TopArgs) -> Result<(), Failure> {
    let mut interrupts = Interrupts::catch()?;
    let (mut monitor, mut events) = (Monitor::default(), LastEvents::default());
    let first = look(args, &mut monitor)?;
    events.look(&args.admin)?;
    // Dropping this restores the terminal, whatever happens.
    let mut screen = Screen::open(!args.admin.json);
    if screen.is_terminal() {
        // Its rates are not known yet.
        screen.show(&page(args, &first, &events))?;
    }
    let mut looks = 0;
    while args.count.is_none_or(|count| looks < count) {
        if interrupts.wait(args.every) {
            return Ok(());
        }
        let picture = look(args, &mut monitor)?;
        let is_read = if args.admin.json {
            write_on(&format!("{}\n", json!(picture)))?
        } else {
            events.look(&args.admin)?;
            screen.show(&page(args, &picture, &events))?
        };
        if !is_read {
            return Ok(());
        }
        looks += 1;
    }
    Ok(())
}

fn look(args: &TopArgs, monitor: &mut Monitor) -> Result<Picture, Failure> {
    let view: ClusterView = args.admin.client()?.ask_for(&Order::View)?;
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Ok(monitor.take(u64::try_from(since_1970.as_millis()).unwrap_or(u64::MAX), view))
}

fn page<'a>(args: &TopArgs, picture: &'a Picture, events: &'a LastEvents) -> Page<'a> {
    Page { picture, sort: args.sort, events: &events.events }
}

#[derive(Default)]
struct LastEvents {
    next: u64,
    events: VecDeque<TimelineEvent>,
}

impl LastEvents {
    fn look(&mut self, admin: &AdminArgs) -> Result<(), Failure> {
        let Events { events, next } = admin.client()?.ask_for(&Order::Events { since: self.next })?;
        self.next = next;
        self.events.extend(events);
        self.events.drain(..self.events.len().saturating_sub(EVENTS_SHOWN));
        Ok(())
    }
}

/// From a tenth of a second to an hour.
fn seconds(text: &str) -> Result<Duration, String> {
    let expected = "expected 0.1 to 3600 seconds";
    let seconds: f64 = text.parse().map_err(|_| expected.to_owned())?;
    if (0.1..=3600.0).contains(&seconds) {
        Ok(Duration::from_secs_f64(seconds))
    } else {
        Err(expected.to_owned())
    }
}
