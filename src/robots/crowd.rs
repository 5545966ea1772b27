//! Who is in which room, and who of them sends: a plan's rooms, drawn from its seed.

use super::plan::LoadPlan;
use crate::random::{Random, sizes};

/// The members of all rooms. A member is an index from 0, a room too.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Crowd {
    /// The room of each member.
    pub room_of: Vec<usize>,
    /// Those who send.
    pub senders: Vec<usize>,
}

impl Crowd {
    /// The crowd of a plan. The sizes follow from the plan alone; its seed says who is where, so that rooms fill up side
    /// by side while users arrive one after the other.
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
