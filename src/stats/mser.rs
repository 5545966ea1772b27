//! MSER-5: where the warm-up of a simulation ends (White, "An Effective Truncation Heuristic for Bias Reduction in
//! Simulation Output", Simulation 69, 1997; by fives: White, Cobb, Spratt 2000).

/// How many observations make one.
const BATCH: usize = 5;

/// How many observations to leave out at the start, a multiple of five, so that the mean of the rest is surest: the
/// number that makes the variance of the means of five by their number least. None when that is not within the first half:
/// then the run was too short to tell, or never settled. None of fewer than ten observations.
pub fn mser_5(observations: &[f64]) -> Option<usize> {
    let means: Vec<f64> =
        observations.chunks_exact(BATCH).map(|five| five.iter().sum::<f64>() / BATCH as f64).collect();
    let n = means.len();
    if n < 2 {
        return None;
    }
    // From the end on, so that each candidate costs one step: count, mean and sum of squares around it (Welford).
    let (mut count, mut mean, mut squares) = (0.0, 0.0, 0.0);
    let mut best = (f64::INFINITY, n);
    for (left_out, value) in means.iter().enumerate().rev() {
        count += 1.0;
        let delta = value - mean;
        mean += delta / count;
        squares += delta * (value - mean);
        // The last few always agree with themselves: a rest of less than half is no candidate, and one of fewer than five
        // means never.
        let statistic = squares / (count * count);
        if count >= BATCH as f64 && statistic <= best.0 {
            best = (statistic, left_out);
        }
    }
    let most = if n < 2 * BATCH { 0 } else { n / 2 };
    (best.1 <= most).then_some(best.1 * BATCH)
}
