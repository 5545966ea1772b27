//! Sends a scenario's events to a running cluster as orders.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::config::ServerSpec;
use crate::live::RunningCluster;
use crate::router::LinkRule;
use crate::scenario::{Change, Event};
use crate::stats::Mark;

/// Precision of the orders' moments.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// The orders of a run, in order of time.
pub(super) struct Orders {
    orders: Vec<(Duration, Order)>,
    begun: Mutex<Option<Instant>>,
}

/// One thing to do.
#[derive(Clone, Debug)]
enum Order {
    Add(String),
    Remove(String),
    Kill(String),
    Restart(String),
    Link(LinkRule),
    Heal(String),
}

impl Orders {
    /// The orders that begin and end these events.
    pub(super) fn new(events: &[Event]) -> Self {
        let mut orders = Vec::new();
        for (number, event) in events.iter().enumerate() {
            let Some((done, undone)) = orders_of(event, number) else { continue };
            let at = Duration::from_secs_f64(event.at_s);
            orders.push((at, done));
            orders.extend(event.for_s.map(|span| (at + Duration::from_secs_f64(span), undone)));
        }
        orders.sort_by_key(|(at, _)| *at);
        Self { orders, begun: Mutex::new(None) }
    }

    /// Starts the time, if it is not running yet.
    pub(super) fn begin(&self) {
        self.begun.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert_with(Instant::now);
    }

    /// Sends each order at its moment, until all are sent or the run is over. Returns marks of what
    /// was done.
    pub(super) fn give(&self, cluster: &RunningCluster, is_over: &AtomicBool) -> Vec<Mark> {
        let mut marks = Vec::new();
        let mut orders = self.orders.iter();
        let mut next = orders.next();
        while let Some((at, order)) = next {
            if is_over.load(Ordering::Relaxed) {
                break;
            }
            let begun = *self.begun.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(begun) = begun.filter(|begun| begun.elapsed() >= *at) {
                let at_s = begun.elapsed().as_secs_f64();
                marks.push(Mark { at_s, what: order.give(cluster) });
                next = orders.next();
                continue;
            }
            thread::sleep(LOOK_EVERY);
        }
        marks
    }
}

/// The orders that begin and end an event; `None` for an event that does not run live.
fn orders_of(event: &Event, number: usize) -> Option<(Order, Order)> {
    Some(match event.change()? {
        Change::Add(id) => (Order::Add(id.to_string()), Order::Remove(id.to_string())),
        Change::Remove(id) => (Order::Remove(id.to_string()), Order::Add(id.to_string())),
        Change::Crash(id) => (Order::Kill(id.to_string()), Order::Restart(id.to_string())),
        Change::Link(mut rule) => {
            if rule.name.is_empty() {
                rule.name = format!("event-{}", number + 1);
            }
            let name = rule.name.clone();
            (Order::Link(rule), Order::Heal(name))
        }
        Change::Slow(..) | Change::HotRoom(_) | Change::Crowd(_) => return None,
    })
}

impl Order {
    /// Sends the order, and returns the text of its mark.
    fn give(&self, cluster: &RunningCluster) -> String {
        let (what, result) = match self {
            Order::Add(id) => (format!("{id} added"), add(cluster, id)),
            // Stopped but not removed: a server that returns takes its old place.
            Order::Remove(id) => (format!("{id} removed"), in_words(cluster.stop_server(id))),
            Order::Kill(id) => (format!("{id} crashed"), in_words(cluster.kill(id))),
            Order::Restart(id) => (format!("{id} back"), in_words(cluster.restart(id))),
            Order::Link(rule) => {
                (format!("link {}", rule.name), in_words(cluster.add_link_rule(rule.clone())))
            }
            Order::Heal(name) => (format!("link {name} healed"), in_words(cluster.heal(Some(name)))),
        };
        match result {
            Ok(()) => what,
            Err(reason) => format!("{what}: refused: {reason}"),
        }
    }
}

fn in_words<T>(result: Result<T, crate::live::ControlError>) -> Result<(), String> {
    result.map(drop).map_err(|error| error.to_string())
}

/// Restarts a known server; a new one copies the settings of its type.
fn add(cluster: &RunningCluster, id: &str) -> Result<(), String> {
    let known = cluster.list().map_err(|error| error.to_string())?;
    if known.iter().any(|server| server.id.as_str() == id) {
        return in_words(cluster.restart(id));
    }
    let server_type = id.split("-server-").next().unwrap_or(id);
    let like = cluster.servers().map(|(spec, _)| spec).find(|spec| spec.server_type.as_str() == server_type);
    let like = like.ok_or_else(|| format!("no server of type {server_type} to be like"))?;
    let client_port = like.client_port.map(|_| 0);
    in_words(cluster.add(ServerSpec { id: id.into(), client_port, port: None, ..like }))
}
