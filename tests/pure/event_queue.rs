//! The event queue compared with a sorted list, for all kinds of times.

use std::collections::BTreeMap;
use std::time::Duration;

use pomelo_sim::time::Time;
use pomelo_sim::virtual_time::EventQueue;
use proptest::prelude::*;

/// Operations on a queue.
#[derive(Clone, Debug)]
enum Step {
    /// Plans an event this many nanoseconds from now.
    In(u64),
    /// Plans one for this moment, which may have gone by.
    At(u64),
    /// Takes this many.
    Pop(u8),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        // All at once, close together, of any order of magnitude, and at the end of time.
        2 => Just(Step::In(0)),
        3 => (0..4_u64).prop_map(Step::In),
        6 => (0..64_u32, any::<u64>()).prop_map(|(bits, nanos)| Step::In(nanos >> bits)),
        2 => (0..64_u32, any::<u64>()).prop_map(|(bits, nanos)| Step::At(nanos >> bits)),
        1 => Just(Step::At(u64::MAX)),
        4 => (1..8_u8).prop_map(Step::Pop),
    ]
}

/// The obvious way: a sorted map, and a count of what was planned.
#[derive(Default)]
struct Sorted {
    events: BTreeMap<(Time, usize), usize>,
    planned: usize,
    now: Time,
}

impl Sorted {
    fn plan(&mut self, at: Time) -> usize {
        self.planned += 1;
        self.events.insert((at.max(self.now), self.planned), self.planned);
        self.planned
    }

    fn pop(&mut self) -> Option<(Time, usize)> {
        let ((at, _), event) = self.events.pop_first()?;
        self.now = at;
        Some((at, event))
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn gives_events_in_order_of_time_and_then_of_planning(
        steps in prop::collection::vec(step(), 0..400),
    ) {
        let (mut queue, mut sorted) = (EventQueue::default(), Sorted::default());
        for step in steps {
            match step {
                Step::In(nanos) => {
                    let at = queue.now() + Duration::from_nanos(nanos);
                    queue.plan(at, sorted.plan(at));
                }
                Step::At(nanos) => {
                    let at = Time::from_nanos(nanos);
                    queue.plan(at, sorted.plan(at));
                }
                Step::Pop(count) => {
                    for _ in 0..count {
                        prop_assert_eq!(queue.pop(), sorted.pop());
                    }
                }
            }
            prop_assert_eq!((queue.len(), queue.now()), (sorted.events.len(), sorted.now));
            prop_assert_eq!(queue.is_empty(), sorted.events.is_empty());
        }
        while let Some(event) = sorted.pop() {
            prop_assert_eq!(queue.pop(), Some(event));
        }
        prop_assert_eq!(queue.pop(), None);
    }
}

/// Moments that all fall together, or lie as far apart as they can, take no longer than others: an
/// event is moved a few times, however many there are. If one were not, this would not end.
#[test]
fn takes_a_million_events_however_they_lie() {
    let count = 1_000_000_u64;
    let shapes: [fn(u64) -> u64; 4] = [
        |_| 1 << 40,
        |number| number % 2 * (1 << 62) + number % 7,
        |number| number.wrapping_mul(0x9e37_79b9_7f4a_7c15),
        |number| u64::MAX >> (number % 64),
    ];
    for shape in shapes {
        let mut queue = EventQueue::default();
        for number in 0..count {
            queue.plan(Time::from_nanos(shape(number)), number);
        }
        let mut before = (Time::START, 0);
        for _ in 0..count {
            let (at, number) = queue.pop().unwrap();
            assert_eq!(at.as_nanos(), shape(number));
            assert!(before <= (at, number), "{number} at {at:?} comes after {before:?}");
            before = (at, number);
        }
        assert!(queue.pop().is_none());
    }
}
