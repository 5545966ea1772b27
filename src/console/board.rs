//! What all readers see: the last picture, history, events, trace and robots, each written as JSON
//! once.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use serde_json::{Value, json};
use tokio::sync::watch;

use super::bodies::{WITHHELD, withhold};
use super::tail::Tail;
use crate::live::ClusterView;
use crate::monitor::History;
use crate::monitor::Picture;

/// Events that are kept for new readers.
const EVENTS_MAX: usize = 1000;

/// Steps of traces that are kept for new readers.
const STEPS_MAX: usize = 2000;

/// Written by the sampler and the robots, read by requests and streams.
pub(super) struct Board {
    state: Mutex<State>,
    changes: watch::Sender<u64>,
}

struct State {
    seen: Option<Arc<(ClusterView, Picture)>>,
    picture: Item,
    history: History,
    robots: Item,
    events: Tail,
    trace: Trace,
}

/// A JSON text as an event of a stream, with its number.
#[derive(Default)]
struct Item {
    number: u64,
    frame: Bytes,
    json: Bytes,
}

struct Trace {
    /// The state of the trace, without steps.
    head: Value,
    steps: Tail,
    /// The same without bodies.
    bare: Tail,
    number: u64,
}

/// How far a stream has sent the board.
#[derive(Clone, Copy, Default, Debug)]
pub(super) struct Cursor {
    /// Whether it may have the bodies of traces.
    has_token: bool,
    picture: u64,
    robots: u64,
    events: Option<u64>,
    trace: u64,
    step: u64,
}

impl Cursor {
    /// Nothing is sent yet.
    pub(super) fn new(has_token: bool) -> Self {
        Self { has_token, ..Self::default() }
    }
}

impl Board {
    pub(super) fn new(robots: &Value) -> Self {
        let state = State {
            seen: None,
            picture: Item::default(),
            history: History::default(),
            robots: Item::default(),
            events: Tail::new(EVENTS_MAX),
            trace: Trace {
                head: Value::Null,
                steps: Tail::new(STEPS_MAX),
                bare: Tail::new(STEPS_MAX),
                number: 0,
            },
        };
        let board = Self { state: Mutex::new(state), changes: watch::Sender::new(0) };
        board.robots(robots);
        board
    }

    /// Subscribes to changes.
    pub(super) fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    /// Publishes a picture of the cluster.
    pub(super) fn picture(&self, view: ClusterView, picture: Picture) {
        let json = json!(picture).to_string();
        let mut state = self.state();
        state.history.take(&picture);
        state.picture.set("picture", json);
        state.seen = Some(Arc::new((view, picture)));
    }

    /// Publishes the state of the robots.
    pub(super) fn robots(&self, status: &Value) {
        self.state().robots.set("robots", status.to_string());
        self.notify();
    }

    /// Publishes the answer to an order `events`.
    pub(super) fn events(&self, answer: &Value) {
        self.state().events.take(answer, "events");
    }

    /// Publishes the answer to an order `trace`.
    pub(super) fn trace(&self, mut answer: Value) {
        let mut state = self.state();
        let trace = &mut state.trace;
        trace.steps.take(&answer, "steps");
        let mut bare = answer.clone();
        withhold(&mut bare);
        trace.bare.take(&bare, "steps");
        if let Some(fields) = answer.as_object_mut() {
            fields.shift_remove("steps");
        }
        // Also its last steps, after it was turned off.
        if answer["on"] == true || trace.head["on"] != answer["on"] {
            trace.number += 1;
        }
        trace.head = answer;
    }

    /// The numbers of the next event and the next step.
    pub(super) fn next(&self) -> (u64, u64) {
        let state = self.state();
        (state.events.next(), state.trace.steps.next())
    }

    /// Wakes readers that wait for changes.
    pub(super) fn notify(&self) {
        self.changes.send_modify(|count| *count += 1);
    }

    /// The last picture.
    pub(super) fn picture_json(&self) -> Bytes {
        self.state().picture.json.clone()
    }

    /// The last minutes.
    pub(super) fn history_json(&self) -> Value {
        json!(self.state().history)
    }

    /// The state of the robots.
    pub(super) fn robots_json(&self) -> Bytes {
        self.state().robots.json.clone()
    }

    /// The last picture, and its view.
    pub(super) fn seen(&self) -> Option<Arc<(ClusterView, Picture)>> {
        self.state().seen.clone()
    }

    /// What a stream has not sent yet, as its next events; advances the cursor. A slow reader
    /// misses pictures, nothing else.
    pub(super) fn news(&self, cursor: &mut Cursor) -> Vec<Bytes> {
        let state = self.state();
        let mut news = Vec::new();
        if cursor.picture < state.picture.number {
            cursor.picture = state.picture.number;
            news.push(state.picture.frame.clone());
        }
        let next = state.events.next();
        if cursor.events.is_none_or(|told| told < next) {
            let events = state.events.since(cursor.events.unwrap_or(0));
            news.push(frame("events", None, &format!("{{\"events\":[{events}],\"next\":{next}}}")));
            cursor.events = Some(next);
        }
        let trace = &state.trace;
        if cursor.trace < trace.number {
            let mut told = trace.head.to_string();
            told.pop();
            let (steps, said) = if cursor.has_token {
                (trace.steps.since(cursor.step), String::new())
            } else {
                (trace.bare.since(cursor.step), format!(",\"bodies\":{}", json!(WITHHELD)))
            };
            news.push(frame("trace", None, &format!("{told}{said},\"steps\":[{steps}]}}")));
            (cursor.trace, cursor.step) = (trace.number, trace.steps.next());
        }
        if cursor.robots < state.robots.number {
            cursor.robots = state.robots.number;
            news.push(state.robots.frame.clone());
        }
        news
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // No code panics while it holds the lock; if one did, the board would still be consistent.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Item {
    fn set(&mut self, event: &str, json: String) {
        self.number += 1;
        self.frame = frame(event, Some(self.number), &json);
        // The frame ends with the text and two newlines.
        let end = self.frame.len() - 2;
        self.json = self.frame.slice(end - json.len()..end);
    }
}

/// One event of a stream. JSON as written here contains no newline.
fn frame(event: &str, id: Option<u64>, json: &str) -> Bytes {
    let id = id.map_or_else(String::new, |id| format!("id: {id}\n"));
    Bytes::from(format!("{id}event: {event}\ndata: {json}\n\n"))
}
