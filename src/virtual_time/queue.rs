//! The event queue: what is to happen, in order of time, and of planning at the same time.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::time::Time;

/// What is to happen.
pub struct EventQueue<E> {
    heap: BinaryHeap<Reverse<Entry<E>>>,
    planned: u64,
    now: Time,
}

struct Entry<E> {
    at: Time,
    number: u64,
    event: E,
}

impl<E> Default for EventQueue<E> {
    fn default() -> Self {
        Self { heap: BinaryHeap::new(), planned: 0, now: Time::START }
    }
}

impl<E> EventQueue<E> {
    /// Plans an event. One for a moment that has gone by happens now.
    pub fn plan(&mut self, at: Time, event: E) {
        self.planned += 1;
        self.heap.push(Reverse(Entry { at: at.max(self.now), number: self.planned, event }));
    }

    /// The next event, and its moment, which is now.
    pub fn pop(&mut self) -> Option<(Time, E)> {
        let Reverse(Entry { at, event, .. }) = self.heap.pop()?;
        self.now = at;
        Some((at, event))
    }

    /// The moment of the last event that was taken.
    pub fn now(&self) -> Time {
        self.now
    }

    /// Events that are planned.
    pub fn len(&self) -> usize {
        self.heap.len()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.heap.is_empty()
    }
}

impl<E> PartialEq for Entry<E> {
    fn eq(&self, other: &Self) -> bool {
        (self.at, self.number) == (other.at, other.number)
    }
}

impl<E> Eq for Entry<E> {}

impl<E> PartialOrd for Entry<E> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl<E> Ord for Entry<E> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at, self.number).cmp(&(other.at, other.number))
    }
}
