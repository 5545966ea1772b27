//! Random draws among servers: distinct ones, and one of the best.

use crate::random::Random;

/// `count` distinct positions of a list of `len`, uniformly; all positions if `count` is not
/// smaller.
pub(super) fn distinct(random: &mut Random, len: usize, count: usize, drawn: &mut Vec<usize>) {
    drawn.clear();
    if count >= len {
        drawn.extend(0..len);
        return;
    }
    // Floyd's method avoids shuffling the whole list.
    for last in len - count..len {
        let position = random.index(last + 1);
        drawn.push(if drawn.contains(&position) { last } else { position });
    }
}

/// The server with the least cost; ties are broken uniformly at random.
pub(super) fn least(
    random: &mut Random,
    among: impl Iterator<Item = usize> + Clone,
    cost: impl Fn(usize) -> f64,
) -> Option<usize> {
    let (mut least, mut ties) = (f64::INFINITY, 0);
    for cost in among.clone().map(&cost) {
        ties = if cost < least { 1 } else { ties + usize::from(cost == least) };
        least = least.min(cost);
    }
    let nth = if ties > 1 { random.index(ties) } else { 0 };
    among.into_iter().filter(|index| cost(*index) == least).nth(nth)
}
