//! Events: changes of a cluster at planned moments.

use serde::{Deserialize, Serialize};

use crate::ids::ServerId;
use crate::router::LinkRule;

/// A change at a planned moment. Exactly one of the change fields is set.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Event {
    /// Seconds after the start of the warm-up.
    pub at_s: f64,
    /// Undoes the change after this many seconds: an added server is removed, a crashed or removed
    /// one returns, a slow one is fast again. Without it, the change is permanent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub for_s: Option<f64>,
    /// Adds a server with this id at the end of its type's list. Its type is the id without
    /// `-server-N`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub add: Option<ServerId>,
    /// Stops this server in good order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remove: Option<ServerId>,
    /// Crashes this server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub crash: Option<ServerId>,
    /// Changes this server's speed to `speed`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slow: Option<ServerId>,
    /// With `slow`: the speed; at 0.25 everything takes four times as long.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub speed: Option<f64>,
    /// Adds a rule on the links between servers, as `pomelo-sim link` does: latency, loss, cut.
    /// Chat only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<LinkRule>,
    /// Sends extra users into one room. Chat only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hot_room: Option<HotRoom>,
    /// Raises the rate of arrivals.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub crowd: Option<Crowd>,
}

/// Extra users that enter one room, and leave when the event ends.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HotRoom {
    /// Rank of the room; 1 is the largest.
    pub room: u32,
    /// Number of extra users.
    pub users: u32,
    /// Seconds over which they arrive.
    #[serde(default)]
    pub over_s: f64,
}

/// A higher rate of arrivals (in `chat`, of logins), reached along a logistic curve.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Crowd {
    /// Factor on the rate.
    pub factor: f64,
    /// Time of growth, in seconds.
    #[serde(default)]
    pub ramp_s: f64,
}

/// The one change of an [`Event`].
#[derive(Clone, PartialEq, Debug)]
pub enum Change {
    /// See [`Event::add`].
    Add(ServerId),
    /// See [`Event::remove`].
    Remove(ServerId),
    /// See [`Event::crash`].
    Crash(ServerId),
    /// See [`Event::slow`].
    Slow(ServerId, f64),
    /// See [`Event::link`].
    Link(LinkRule),
    /// See [`Event::hot_room`].
    HotRoom(HotRoom),
    /// See [`Event::crowd`].
    Crowd(Crowd),
}

impl Event {
    /// The change of this event; `None` unless exactly one is set.
    pub fn change(&self) -> Option<Change> {
        let slow = self.slow.clone().zip(self.speed).map(|(id, speed)| Change::Slow(id, speed));
        let changes = [
            self.add.clone().map(Change::Add),
            self.remove.clone().map(Change::Remove),
            self.crash.clone().map(Change::Crash),
            slow,
            self.link.clone().map(Change::Link),
            self.hot_room.map(Change::HotRoom),
            self.crowd.map(Change::Crowd),
        ];
        let mut given = changes.into_iter().flatten();
        given.next().filter(|_| given.next().is_none())
    }
}
