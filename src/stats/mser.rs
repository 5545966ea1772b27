//! MSER-5: where the warm-up of a simulation ends (White, "An Effective Truncation Heuristic for
//! Bias Reduction in Simulation Output", Simulation 69, 1997; by fives: White, Cobb, Spratt 2000).

/// Observations per batch.
const BATCH: usize = 5;

/// The number of observations to discard at the start, a multiple of five and at most half: it
/// minimises the variance of the remaining batch means divided by their number. `None` if the
/// minimum is at the half: the run was too short, or never settled. `None` for fewer than twenty
/// observations.
pub fn mser_5(observations: &[f64]) -> Option<usize> {
    let means: Vec<f64> =
        observations.chunks_exact(BATCH).map(|five| five.iter().sum::<f64>() / BATCH as f64).collect();
    let half = means.len() / 2;
    if half < 2 {
        return None;
    }
    // From the end, so that each candidate costs one step: update count, mean and sum of squares
    // (Welford).
    let (mut count, mut mean, mut squares) = (0.0, 0.0, 0.0);
    let mut best = (f64::INFINITY, half);
    for (left_out, value) in means.iter().enumerate().rev() {
        count += 1.0;
        let delta = value - mean;
        mean += delta / count;
        squares += delta * (value - mean);
        let statistic = squares / (count * count);
        if left_out <= half && statistic <= best.0 {
            best = (statistic, left_out);
        }
    }
    (best.1 < half).then_some(best.1 * BATCH)
}
