//! `pomelo-sim trace`: follows single messages through the running cluster.

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Args;

use super::admin_args::AdminArgs;
use super::interrupts::Interrupts;
use super::output::{Failure, Outcome, write};
use crate::orders::Order;
use crate::trace::{Reason, Step, TapeView, TraceId, Way, What};

/// Follow messages through the running cluster, step by step
///
/// Shows the path of each message of a client: when its frontend receives it, which server the
/// router chooses and why, where it is held, how long it waited for its handler, which calls and
/// pushes the handler makes, and when the client has its answer. The steps of one message are
/// printed together, with the time since the first.
///
/// --uid, --rid, --route and --server filter messages; all must match. The trace ends at Ctrl-C,
/// --count or --seconds. One filter is active at a time, so another command replaces this one. At
/// most 200 messages a second are traced; the others are counted. Tracing costs a little for each
/// message, and nothing while it is off.
/// --seconds, and then no more is traced; one filter holds at a time, so another command takes this
/// one's place. At most 200 messages a second are traced, the others are counted. Each costs a
/// little; while nothing is traced, nothing does.
///
/// Exit code: 0 when it ends, 2 when no cluster runs.
#[derive(Args, Clone, Debug)]
#[command(after_long_help = EXAMPLES)]
pub struct TraceArgs {
    /// Messages of this user: a uid, or the name in it. Includes the login
    #[arg(long, value_name = "NAME")]
    pub uid: Option<String>,
    /// Messages of users in this room
    #[arg(long, value_name = "NAME")]
    pub rid: Option<String>,
    /// Messages for this route, or for routes that begin with it, such as chat.chatHandler
    #[arg(long, value_name = "ROUTE")]
    pub route: Option<String>,
    /// Messages in which this server takes part
    #[arg(long, value_name = "ID")]
    pub server: Option<String>,
    /// End after this many seconds
    #[arg(long, value_name = "N", default_value_t = 300, value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub seconds: u64,
    /// End after this many messages
    #[arg(long, value_name = "N")]
    pub count: Option<usize>,
    /// Which cluster.
    #[command(flatten)]
    pub admin: AdminArgs,
}

const EXAMPLES: &str = "Examples:
  pomelo-sim trace --uid alice
      her login, and each message that she sends
  pomelo-sim trace --route chat.chatHandler.send --count 1
      the next chat message
  pomelo-sim trace --server chat-server-2 --json > steps.json
      messages through chat-server-2, one JSON object a step";

/// Interval between polls for new steps.
const ASK_EVERY: Duration = Duration::from_millis(100);

/// A message without new steps for this long is shown.
const QUIET: Duration = Duration::from_millis(300);

/// Messages that wait to be shown. Beyond this the oldest is shown as far as it is known.
const WAITING_MAX: usize = 1000;

/// Runs the command.
pub fn run(args: &TraceArgs) -> Outcome {
    follow(args)?;
    Ok(ExitCode::SUCCESS)
}

fn follow(args: &TraceArgs) -> Result<(), Failure> {
    let mut interrupts = Interrupts::catch()?;
    let client = args.admin.client()?;
    let TraceArgs { uid, rid, route, server, seconds, .. } = args.clone();
    let mut view: TapeView = client.ask_for(&Order::TraceOn { uid, rid, route, server, seconds })?;
    let mut waiting = Waiting::default();
    let (mut shown, mut is_over) = (0, false);
    while !is_over {
        is_over = interrupts.wait(ASK_EVERY);
        let (filter, next) = (view.filter, view.next);
        view = client.ask_for(&Order::Trace { since: next })?;
        // Another filter replaced this one, or the time is up.
        let is_ours = view.on && view.filter == filter;
        waiting.take(std::mem::take(&mut view.steps), Instant::now());
        for steps in waiting.ripe(Instant::now(), is_over || !is_ours) {
            write(&if args.admin.json { as_json(&steps)? } else { as_text(&steps) })?;
            shown += 1;
            if args.count.is_some_and(|count| shown >= count) {
                is_over = true;
                break;
            }
        }
        if !is_ours {
            return Ok(());
        }
    }
    let skipped = client.ask_for::<TapeView>(&Order::TraceOff)?.skipped;
    if skipped > 0 && !args.admin.json {
        write(&format!("{skipped} more were not traced: too many at once\n"))?;
    }
    Ok(())
}

/// Messages whose steps are still coming.
#[derive(Default)]
struct Waiting(BTreeMap<TraceId, (Vec<Step>, Instant)>);

impl Waiting {
    fn take(&mut self, steps: Vec<Step>, now: Instant) {
        for step in steps {
            let (steps, heard) = self.0.entry(step.trace).or_insert_with(|| (Vec::new(), now));
            steps.push(step);
            *heard = now;
        }
    }

    /// Messages that are complete, as far as anybody can tell; or all.
    fn ripe(&mut self, now: Instant, all: bool) -> Vec<Vec<Step>> {
        let surplus = self.0.len().saturating_sub(WAITING_MAX);
        let oldest: Vec<TraceId> = self.0.keys().take(surplus).copied().collect();
        let is_ripe = |trace: &TraceId, heard: Instant| {
            all || oldest.contains(trace) || now.saturating_duration_since(heard) >= QUIET
        };
        let ripe: Vec<TraceId> = self
            .0
            .iter()
            .filter(|(trace, (_, heard))| is_ripe(trace, *heard))
            .map(|(trace, _)| *trace)
            .collect();
        ripe.iter().filter_map(|trace| self.0.remove(trace)).map(|(steps, _)| steps).collect()
    }
}

fn as_json(steps: &[Step]) -> Result<String, serde_json::Error> {
    steps.iter().map(|step| Ok(serde_json::to_string(step)? + "\n")).collect()
}

/// A head, a line for each step, and an empty line.
fn as_text(steps: &[Step]) -> String {
    let Some(first) = steps.first() else { return String::new() };
    let width = steps.iter().map(|step| step.server.as_str().len()).max().unwrap_or(0);
    let line = |step: &Step| {
        let since = step.at_ms - first.at_ms;
        format!("  {since:>9.3} ms  {:width$}  {}\n", step.server.as_str(), words(&step.what))
    };
    format!("message {}\n{}\n", first.trace.number(), steps.iter().map(line).collect::<String>())
}

fn words(what: &What) -> String {
    let failed = |error: &Option<Box<str>>| match error {
        Some(error) => format!(": {error:?}"),
        None => String::new(),
    };
    match what {
        What::Received { route, kind, uid, rid, session, bytes, body } => {
            let kind = match kind {
                Way::Request => "request",
                Way::Notify => "notify",
            };
            let who = uid.as_deref().unwrap_or("nobody yet");
            let room = rid.as_deref().map(|rid| format!(" in {rid}")).unwrap_or_default();
            format!("received {kind} {route} of {who}{room}, session {session}, {bytes} bytes: {body:?}")
        }
        What::Routed { to, key, server_type, strategy, why } => {
            format!("routed to {to}: {server_type} of {key:?} by {strategy}; {why}")
        }
        What::Held { to, reason } => {
            let why = match reason {
                Reason::Link => "the link is slow or cut",
                Reason::Lost => "lost on the link, to be sent again",
                Reason::Paused => "it is paused",
                Reason::Changing => "its key is between two servers",
            };
            format!("held for {to}: {why}")
        }
        What::Handled { route, waited_us, error } => {
            format!("handled {route}, which waited {}{}", ms(*waited_us), failed(error))
        }
        What::Called { to, route } => format!("called {to}: {route}"),
        What::Pushed { route, frontend, recipients: Some(recipients) } => {
            format!("pushed {route} to {recipients} at {frontend}")
        }
        What::Pushed { route, frontend, recipients: None } => format!("pushed {route} to all at {frontend}"),
        What::Delivered { sessions } => format!("delivered to {sessions}"),
        What::Answered { error, took_us } => format!("answered after {}{}", ms(*took_us), failed(error)),
    }
}

fn ms(micros: u64) -> String {
    format!("{:.3} ms", micros as f64 / 1e3)
}
