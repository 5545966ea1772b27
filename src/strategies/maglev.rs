//! `maglev(size)`: a lookup table that the servers fill in turns (Eisenbud et al. 2016, Maglev,
//! section 3.4).

use super::hash::{by_id, mix, of_key, of_server};
use super::{Candidate, Look, Moves, Parameter, Strategy, StrategyEntry};

pub(super) const ENTRY: StrategyEntry = StrategyEntry {
    moves: Moves::LeastAndFew,
    weighted: true,
    parameter: Parameter::whole("slots of the table, rounded up to a prime", Maglev::SIZE, 3, 10_000_000),
    ..StrategyEntry::sticky(
        "maglev",
        "a table of slots that servers fill in turns: almost perfectly even",
        |argument, _| Box::new(Maglev::new(argument.number() as u32)),
    )
};

/// A free slot.
const FREE: u32 = u32::MAX;

/// A key's server is in slot `h mod M` of a table. Each server has a preference order over all
/// slots; turn by turn, each takes its next free slot: one *slot* a turn, not one try. All servers
/// therefore have equally many slots, to within one, and most slots stay when the list changes. A
/// server of half the weight takes a slot in every other turn.
///
/// The order of turns is by id, not by place on the list. The table is thus independent of the
/// list's order, and the same again when a server rejoins.
#[derive(Clone, Debug)]
pub struct Maglev {
    size: u64,
    /// 2^64 / size: a division would dominate the cost of a pick.
    reciprocal: u64,
    slots: Vec<u32>,
}

impl Maglev {
    /// Default size. With ten servers, 0.4 % more keys than needed move; the shares of up to 655
    /// servers are within 1 %.
    pub const SIZE: u32 = 65_537;

    /// A table with this many slots, or the next prime.
    pub fn new(size: u32) -> Self {
        let size = (u64::from(size.max(3))..).find(|size| is_prime(*size)).unwrap_or(u64::from(Self::SIZE));
        Self { size, reciprocal: u64::MAX / size, slots: Vec::new() }
    }

    /// The server in each slot, by place on the list.
    pub fn slots(&self) -> &[u32] {
        &self.slots
    }

    #[inline]
    fn slot(&self, hash: u64) -> usize {
        // The estimate is too small by at most one.
        let quotient = ((u128::from(hash) * u128::from(self.reciprocal)) >> 64) as u64;
        let rest = hash - quotient * self.size;
        (if rest >= self.size { rest - self.size } else { rest }) as usize
    }
}

/// A server's turns.
struct Turn {
    index: u32,
    next: u64,
    skip: u64,
    /// Its gain per turn, and its credit: a slot costs 1.
    weight: f64,
    credit: f64,
}

impl Strategy for Maglev {
    fn rebuild(&mut self, servers: &[Candidate]) {
        self.slots.clear();
        let heaviest = servers.iter().map(|server| server.weight).fold(0.0, f64::max);
        let turn = |index: usize| {
            let seed = of_server(&servers[index]);
            let (next, skip) = (seed % self.size, mix(seed) % (self.size - 1) + 1);
            Turn { index: index as u32, next, skip, weight: servers[index].weight / heaviest, credit: 0.0 }
        };
        let mut turns: Vec<Turn> = by_id(servers).into_iter().map(turn).collect();
        if turns.is_empty() {
            return;
        }
        self.slots.resize(self.size as usize, FREE);
        let mut left = self.slots.len();
        loop {
            for turn in &mut turns {
                turn.credit += turn.weight;
                if turn.credit < 1.0 {
                    continue;
                }
                turn.credit -= 1.0;
                while self.slots[turn.next as usize] != FREE {
                    turn.next = (turn.next + turn.skip) % self.size;
                }
                self.slots[turn.next as usize] = turn.index;
                left -= 1;
                if left == 0 {
                    return;
                }
            }
        }
    }

    fn pick(&mut self, key: &str, _: &Look<'_>) -> Option<usize> {
        self.peek(key)
    }

    fn peek(&self, key: &str) -> Option<usize> {
        let slot = self.slot(of_key(key));
        self.slots.get(slot).map(|index| *index as usize)
    }

    fn explain(&self, key: &str) -> String {
        let hash = of_key(key);
        format!("xxh3 {hash:016x} mod {} is slot {}", self.size, self.slot(hash))
    }

    fn bytes(&self) -> usize {
        size_of_val(self) + size_of_val(&*self.slots)
    }

    fn boxed(&self) -> Box<dyn Strategy> {
        Box::new(self.clone())
    }
}

fn is_prime(number: u64) -> bool {
    number >= 2
        && (2..)
            .take_while(|divisor| divisor * divisor <= number)
            .all(|divisor| !number.is_multiple_of(divisor))
}
