//! Events: what happens to a cluster at a planned moment.

use serde::{Deserialize, Serialize};

use crate::ids::ServerId;
use crate::router::LinkRule;

/// What happens, and when. Exactly one of the changes stands in it.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Event {
    /// Seconds after the start of the warm-up.
    pub at_s: f64,
    /// After so many seconds it is undone: what was added is removed, what crashed or was removed comes back, what was slow is
    /// quick again. For ever when it is missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub for_s: Option<f64>,
    /// A server of that id comes, at the end of its type's list; its type is the id without `-server-N`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub add: Option<ServerId>,
    /// That server stops in good order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remove: Option<ServerId>,
    /// That server vanishes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub crash: Option<ServerId>,
    /// That server works at another speed: see `speed`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slow: Option<ServerId>,
    /// With `slow`: how fast it is; at 0.25 everything takes four times as long.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub speed: Option<f64>,
    /// A rule of the links between servers, as `pomelo-sim link` takes it: latency, loss, cut. Chat only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<LinkRule>,
    /// Users rush into one room. Chat only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hot_room: Option<HotRoom>,
    /// More come than before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub crowd: Option<Crowd>,
}

/// Users rush into one room, and leave when the event is undone.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HotRoom {
    /// Rank of the room, from 1: the largest.
    pub room: u32,
    /// How many come, besides those who are there.
    pub users: u32,
    /// Over how many seconds they come.
    #[serde(default)]
    pub over_s: f64,
}

/// More come than before: the rate of arrivals, in `chat` the rate of logins, grows by a logistic curve.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Crowd {
    /// To how many times the rate.
    pub factor: f64,
    /// How long it takes to grow, in seconds.
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
    /// The one change that stands in it; none when there is none, or more than one.
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
