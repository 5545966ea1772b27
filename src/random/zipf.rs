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
