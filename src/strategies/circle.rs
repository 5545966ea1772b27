//! A circle of points, and the first point clockwise of a place: the basis of consistent hashing.

use super::Candidate;
use super::hash::{by_id, nth, of_server};

/// Bound on the points of a circle; beyond it, every server gets proportionally fewer.
const POINTS_MAX: f64 = 16_000_000.0;

/// Points and their owners, on a circle of 2^32 places.
///
/// A place is a `u64` of which the upper half counts. A point and its owner thus fit one number,
/// and eight of them a cache line. A table of starts, two for each point, turns the search into one
/// lookup and a step or two.
#[derive(Clone, Default, Debug)]
pub(super) struct Circle {
    /// Place in the upper half, owner in the lower; sorted by place.
    points: Vec<u64>,
    /// For each value of a place's upper bits, the first point at or after it.
    starts: Vec<u32>,
    shift: u32,
}

impl Circle {
    /// Puts `points · weight` points of each server on the circle, at places derived from its id
    /// alone.
    pub(super) fn of(servers: &[Candidate], points: f64) -> Self {
        let total: f64 = servers.iter().map(|server| points * server.weight).sum();
        let scale = points * (POINTS_MAX / total).min(1.0);
        let mut ranked = Vec::new();
        // Two points at one place belong to the lower id.
        let order = by_id(servers);
        for (rank, index) in order.iter().enumerate() {
            let server = &servers[*index];
            let seed = of_server(server);
            let count = (scale * server.weight).round().max(1.0) as u64;
            ranked.extend((0..count).map(|point| nth(seed, point) >> 32 << 32 | rank as u64));
        }
        ranked.sort_unstable();
        for point in &mut ranked {
            *point = place_of(*point) | order[owner_of(*point) as usize] as u64;
        }
        Self::index(ranked)
    }

    fn index(points: Vec<u64>) -> Self {
        let bits = (2 * points.len()).next_power_of_two().trailing_zeros().clamp(1, 31);
        let shift = 64 - bits;
        let mut starts = Vec::with_capacity(1 << bits);
        let mut next = 0;
        for bucket in 0..1_u64 << bits {
            while points.get(next).is_some_and(|point| *point < bucket << shift) {
                next += 1;
            }
            starts.push(next as u32);
        }
        Self { points, starts, shift }
    }

    /// The position of the first point at or after `place`, around the circle. Requires points.
    #[inline]
    pub(super) fn successor(&self, place: u64) -> usize {
        let place = place_of(place);
        let mut at = self.starts[(place >> self.shift) as usize] as usize;
        while let Some(point) = self.points.get(at) {
            if *point >= place {
                return at;
            }
            at += 1;
        }
        0
    }

    /// The owner of the point at a position.
    #[inline]
    pub(super) fn owner(&self, position: usize) -> usize {
        owner_of(self.points[position]) as usize
    }

    /// The clockwise distance from `place` to the point at a position.
    #[inline]
    pub(super) fn distance(&self, place: u64, position: usize) -> u32 {
        ((self.points[position] >> 32) as u32).wrapping_sub((place >> 32) as u32)
    }

    /// The place of the point at a position.
    pub(super) fn place(&self, position: usize) -> u64 {
        place_of(self.points[position])
    }

    pub(super) fn bytes(&self) -> usize {
        size_of_val(&*self.points) + size_of_val(&*self.starts)
    }

    pub(super) fn len(&self) -> usize {
        self.points.len()
    }

    /// Each of `n` owners' share of the circle.
    pub(super) fn shares(&self, n: usize) -> Vec<f64> {
        let mut shares = vec![0.0; n];
        for position in 0..self.len() {
            let before = self.points[(position + self.len() - 1) % self.len()];
            let arc = match self.distance(before, position) {
                // If all points share one place, the first has the whole circle behind it.
                // Otherwise two points share this place, and the second gets nothing.
                0 if self.points.iter().all(|point| place_of(*point) == place_of(before))
                    && position == 0 =>
                {
                    2_f64.powi(32)
                }
                arc => f64::from(arc),
            };
            shares[self.owner(position)] += arc / 2_f64.powi(32);
        }
        shares
    }
}

const fn place_of(point: u64) -> u64 {
    point >> 32 << 32
}

const fn owner_of(point: u64) -> u32 {
    point as u32
}
