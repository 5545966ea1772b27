//! Who is in which room, and who of them sends: a plan's rooms, drawn from its seed.

use super::plan::Plan;
use crate::random::Random;

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
    pub fn new(plan: &Plan) -> Self {
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

/// So many users in rooms whose sizes go as `1/k^skew`: each gets its share rounded down, and those with the largest
/// remainders one more, so that the sum is exact. Small rooms may come out empty.
pub fn sizes(users: usize, rooms: usize, skew: f64) -> Vec<usize> {
    let weights: Vec<f64> = (1..=rooms).map(|rank| (rank as f64).powf(-skew)).collect();
    let sum: f64 = weights.iter().sum();
    let shares: Vec<f64> = weights.iter().map(|weight| users as f64 * weight / sum).collect();
    let mut sizes: Vec<usize> = shares.iter().map(|share| *share as usize).collect();
    let mut by_remainder: Vec<usize> = (0..rooms).collect();
    // Stable: of equal remainders the earlier room's counts first, which keeps the sizes in order.
    by_remainder.sort_by(|a, b| shares[*b].fract().total_cmp(&shares[*a].fract()));
    let missing = users - sizes.iter().sum::<usize>().min(users);
    for room in by_remainder.into_iter().cycle().take(missing) {
        sizes[room] += 1;
    }
    sizes
}
