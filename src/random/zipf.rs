//! Zipf's law: few come often, many seldom.

use super::Random;

/// Ranks from 0 on, of which the k-th (from 1) comes as often as 1/k to the power of the skew.
#[derive(Clone, Debug)]
pub struct Zipf {
    /// Of each rank the probability that it, or one before it, comes.
    up_to: Vec<f64>,
}

impl Zipf {
    /// The law over so many ranks; skew 0 makes all alike.
    pub fn new(ranks: u32, skew: f64) -> Self {
        let mut sum = 0.0;
        let mut up_to: Vec<f64> = (1..=ranks)
            .map(|rank| {
                sum += f64::from(rank).powf(-skew);
                sum
            })
            .collect();
        up_to.iter_mut().for_each(|part| *part /= sum);
        Self { up_to }
    }

    /// Draws a rank; 0 when there are none.
    pub fn draw(&self, random: &mut Random) -> usize {
        let unit = random.unit();
        // Rounding may leave the last one a little below 1.
        self.up_to.partition_point(|part| *part <= unit).min(self.up_to.len().saturating_sub(1))
    }
}

/// So many users in rooms whose sizes go as `1/k^skew`: each gets its share rounded down, and those
/// with the largest remainders one more, so that the sum is exact. Small rooms may come out empty.
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
