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
    among: impl Iterator<Item = usize>,
    cost: impl Fn(usize) -> f64,
) -> Option<usize> {
    let mut best: Option<(f64, usize)> = None;
    let mut ties = 0;
    for index in among {
        let cost = cost(index);
        match best {
            Some((least, _)) if cost > least => {}
            Some((least, _)) if cost == least => {
                // The k-th of the ties takes the place with chance 1/k: in the end all are as likely.
                ties += 1;
                if random.index(ties) == 0 {
                    best = Some((least, index));
                }
            }
            _ => {
                best = Some((cost, index));
                ties = 1;
            }
        }
    }
    best.map(|(_, index)| index)
}
