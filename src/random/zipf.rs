//! Zipf's distribution: a few ranks are frequent, most are rare.

use super::Random;

/// Draws ranks from 0. The k-th (counted from 1) has a probability proportional to 1/k to the power
/// of the skew.
#[derive(Clone, Debug)]
pub struct Zipf {
    /// The cumulative probability of each rank.
    up_to: Vec<f64>,
}

impl Zipf {
    /// The distribution over this number of ranks; skew 0 is uniform.
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

    /// Draws a rank; 0 if there are none.
    pub fn draw(&self, random: &mut Random) -> usize {
        let unit = random.unit();
        // Rounding may leave the last probability slightly below 1.
        self.up_to.partition_point(|part| *part <= unit).min(self.up_to.len().saturating_sub(1))
    }
}

/// Splits users over rooms with sizes proportional to `1/k^skew`: each share is rounded down, and
/// the rooms with the largest remainders get one more, so that the sum is exact. Small rooms may be
/// empty.
pub fn sizes(users: usize, rooms: usize, skew: f64) -> Vec<usize> {
    let weights: Vec<f64> = (1..=rooms).map(|rank| (rank as f64).powf(-skew)).collect();
    let sum: f64 = weights.iter().sum();
    let shares: Vec<f64> = weights.iter().map(|weight| users as f64 * weight / sum).collect();
    let mut sizes: Vec<usize> = shares.iter().map(|share| *share as usize).collect();
    let mut by_remainder: Vec<usize> = (0..rooms).collect();
    // A stable sort: of equal remainders the earlier room comes first, which keeps the sizes in
    // order.
    by_remainder.sort_by(|a, b| shares[*b].fract().total_cmp(&shares[*a].fract()));
    let missing = users - sizes.iter().sum::<usize>().min(users);
    for room in by_remainder.into_iter().cycle().take(missing) {
        sizes[room] += 1;
    }
    sizes
}
