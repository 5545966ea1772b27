//! Draws among servers: some that are all different, and one of those that are best.

use crate::random::Random;

/// `count` different positions of a list of `len`, each set as likely; all of them when there are no more.
pub(super) fn distinct(random: &mut Random, len: usize, count: usize, drawn: &mut Vec<usize>) {
    drawn.clear();
    if count >= len {
        drawn.extend(0..len);
        return;
    }
    // Floyd's method: no list of all is shuffled.
    for last in len - count..len {
        let position = random.index(last + 1);
        drawn.push(if drawn.contains(&position) { last } else { position });
    }
}

/// The one with the least cost; of several, any, each as likely.
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
