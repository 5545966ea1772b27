//! The events of a running cluster, in order: servers that came and went, and other changes.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use crate::ids::ServerId;

/// Number of events that are kept.
const EVENTS_MAX: usize = 1000;

/// The last thousand events of a cluster. Clones share one timeline.
#[derive(Clone, Default)]
pub struct Timeline(Arc<Mutex<Kept>>);

#[derive(Default)]
struct Kept {
    last: u64,
    events: VecDeque<TimelineEvent>,
}

/// An event.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TimelineEvent {
    /// Its number: the first is 1, without gaps.
    pub seq: u64,
    /// The time of day, in milliseconds since 1970.
    pub at_ms: u64,
    /// Its kind.
    pub kind: EventKind,
    /// The server concerned, if it is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server: Option<ServerId>,
    /// A description for people.
    pub text: String,
}

/// The kind of an event.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EventKind {
    /// The cluster has started; or a server has come back by itself.
    Started,
    /// A server was stopped.
    Stopped,
    /// A server was killed.
    Killed,
    /// A server was paused.
    Paused,
    /// A server was resumed.
    Resumed,
    /// A server was stopped and started.
    Restarted,
    /// A handler has panicked, and its server has started again.
    Panicked,
    /// A server was added.
    Added,
    /// A server was removed.
    Removed,
    /// The cluster was changed to match a configuration.
    Reloaded,
    /// A link rule was installed.
    Link,
    /// Link rules were removed.
    Healed,
    /// A type has another strategy.
    Strategy,
    /// A user was kicked.
    Kick,
    /// Robots were started or stopped.
    Robots,
    /// A rebalance is over, and rooms have gone to other servers.
    Moved,
}

/// The events from a number on.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Events {
    /// Those that are kept, in order.
    pub events: Vec<TimelineEvent>,
    /// The number that the next event will have: ask from it next time.
    pub next: u64,
}

impl Timeline {
    /// Records an event now.
    pub fn note(&self, kind: EventKind, server: Option<&ServerId>, text: impl Into<String>) {
        let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let at_ms = u64::try_from(since_1970.as_millis()).unwrap_or(u64::MAX);
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.last += 1;
        if kept.events.len() == EVENTS_MAX {
            kept.events.pop_front();
        }
        let event = TimelineEvent { seq: kept.last, at_ms, kind, server: server.cloned(), text: text.into() };
        kept.events.push_back(event);
    }

    /// The events from number `seq` on.
    pub fn since(&self, seq: u64) -> Events {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let first = kept.events.partition_point(|event| event.seq < seq);
        Events { events: kept.events.range(first..).cloned().collect(), next: kept.last + 1 }
    }
}

#[cfg(test)]
mod tests {
    use super::{EVENTS_MAX, EventKind, Timeline};

    #[test]
    fn the_last_thousand_are_kept_and_none_is_told_twice() {
        let timeline = Timeline::default();
        assert_eq!((timeline.since(0).events.len(), timeline.since(0).next), (0, 1));
        for number in 0..EVENTS_MAX + 10 {
            timeline.clone().note(EventKind::Robots, None, number.to_string());
        }
        let all = timeline.since(0);
        assert_eq!((all.events.len(), all.events[0].seq, all.events[0].text.as_str()), (1000, 11, "10"));
        assert_eq!(timeline.since(all.next).events, []);
        timeline.note(EventKind::Killed, Some(&"chat-server-1".into()), "vanished");
        let more = timeline.since(all.next);
        assert_eq!((more.events.len(), more.next), (1, all.next + 1));
        let written = serde_json::to_value(&more.events[0]).unwrap_or_default();
        assert_eq!((&written["kind"], &written["server"]), (&"killed".into(), &"chat-server-1".into()));
    }
}
