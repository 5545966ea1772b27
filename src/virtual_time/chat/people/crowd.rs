//! The rooms of users, and each user's random streams: the same under every strategy.

use crate::random::{Distribution, Random, Streams};
use crate::scenario::ChatModel;
use crate::time::Time;

/// The random streams of a population.
#[derive(Clone, Copy, Debug)]
pub(super) struct Chance {
    pub(super) talk: Streams,
    pub(super) turns: Streams,
    pub(super) payload: Streams,
    pub(super) stay: Streams,
    pub(super) away: Streams,
    pub(super) notice: Streams,
    pub(super) retry: Streams,
}

impl Chance {
    pub(super) fn new(seed: u64, replication: u32) -> Self {
        let streams = |name| Streams::new(seed, replication, name);
        Self {
            talk: streams("chat: gaps between messages"),
            turns: streams("chat: talkative and silent"),
            payload: streams("chat: length of messages"),
            stay: streams("chat: how long people stay"),
            away: streams("chat: how long people are away"),
            notice: streams("chat: when lost connections are noticed"),
            retry: streams("chat: pauses between attempts"),
        }
    }
}

/// Adds a duration in seconds, drawn from a distribution.
pub(super) fn later(now: Time, distribution: Distribution, random: &mut Random) -> Time {
    after(now, distribution.draw(random))
}

/// Adds a duration in seconds.
pub(super) fn after(now: Time, seconds: f64) -> Time {
    // The conversion saturates: a moment beyond all time never comes.
    Time::from_nanos(now.as_nanos().saturating_add((seconds * 1e9).round() as u64))
}

/// The room of each user, by rank from 0. Sizes follow `1/k^zipf`, rounded and bounded by the
/// largest room; the seed decides the order of users.
pub(super) fn rooms_of(model: &ChatModel, seed: u64, replication: u32) -> Vec<u32> {
    let sizes = sizes(model);
    let mut room_of: Vec<u32> = Vec::with_capacity(model.users as usize);
    for (room, size) in (0..).zip(&sizes) {
        room_of.extend(std::iter::repeat_n(room, *size as usize));
    }
    let mut random = Streams::new(seed, replication, "chat: rooms").at(0, 0);
    for last in (1..room_of.len()).rev() {
        room_of.swap(last, random.index(last + 1));
    }
    room_of
}

/// Users of each room. Users that do not fit a full room go to the first with space; when all are
/// full, the rooms share the rest.
fn sizes(model: &ChatModel) -> Vec<u32> {
    let rooms = model.rooms.max(1) as usize;
    let mut sizes = crate::random::sizes(model.users as usize, rooms, model.zipf);
    let most = model.room_users_max.map_or(usize::MAX, |most| most.max(1) as usize);
    let mut over: usize = sizes.iter().map(|size| size.saturating_sub(most)).sum();
    for size in &mut sizes {
        *size = (*size).min(most);
        let more = over.min(most - *size);
        *size += more;
        over -= more;
    }
    for (room, size) in sizes.iter_mut().enumerate() {
        *size += over / rooms + usize::from(room < over % rooms);
    }
    sizes.into_iter().map(|size| size as u32).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rooms_are_full_at_most_and_hold_everybody() {
        let model = |zipf: f64, most: Option<u32>| {
            let json = serde_json::json!({"users": 1000, "rooms": 50, "zipf": zipf, "room_users_max": most});
            serde_json::from_value::<ChatModel>(json).expect("a model")
        };
        let free = sizes(&model(1.0, None));
        // H(50) = 4.4992: the largest of Zipf's rooms has 1000/4.4992 members.
        assert_eq!((free[0], free.iter().sum::<u32>()), (222, 1000));
        let bounded = sizes(&model(1.0, Some(40)));
        assert_eq!((bounded.iter().max(), bounded.iter().sum::<u32>()), (Some(&40), 1000));
        // Not enough space: 1000 users in 50 rooms of 10.
        assert_eq!(sizes(&model(0.0, Some(10))), [20; 50]);
    }
}
