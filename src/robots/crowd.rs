//! Assigns members to rooms and selects the senders, drawn from the plan's seed.

use super::plan::LoadPlan;
use crate::random::{Random, sizes};

/// The members of all rooms. Members and rooms are indices from 0.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Crowd {
    /// The room of each member.
    pub room_of: Vec<usize>,
    /// The members that send.
    pub senders: Vec<usize>,
}

impl Crowd {
    /// The crowd of a plan. Room sizes follow from the plan alone. The seed shuffles the members,
    /// so that all rooms fill evenly while users arrive.
    pub fn new(plan: &LoadPlan) -> Self {
        let sizes = match &plan.room_sizes {
            Some(sizes) => sizes.clone(),
            None => sizes(plan.users, plan.rooms, plan.zipf),
        };
        let rooms = sizes.iter().enumerate();
        let mut room_of: Vec<usize> =
            rooms.flat_map(|(room, size)| std::iter::repeat_n(room, *size)).collect();
        let mut random = Random::new(plan.seed, "robots: crowd");
        for last in (1..room_of.len()).rev() {
            room_of.swap(last, random.index(last + 1));
        }
        let mut left: Vec<usize> = vec![plan.senders.unwrap_or(usize::MAX); sizes.len()];
        let mut sends = |room: usize| {
            let may = left[room] > 0;
            left[room] -= usize::from(may);
            may
        };
        let senders = (0..room_of.len()).filter(|member| sends(room_of[*member])).collect();
        Self { room_of, senders }
    }
}
