//! A robot's pending requests. Ids are consecutive, so an answer finds its request by index.

use std::collections::VecDeque;

use crate::time::Time;

/// A pending message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Sent {
    /// Its number among its sender's messages, for the judge.
    pub(super) number: u32,
    /// Its intended time.
    pub(super) intended: Time,
    /// Its deadline.
    pub(super) deadline: Time,
}

/// Unanswered requests of one connection.
#[derive(Default, Debug)]
pub(super) struct Requests {
    /// The id of the first in the queue.
    first: u64,
    /// `None`: answered.
    queue: VecDeque<Option<Sent>>,
    /// Number of requests at the front past their deadline, still waiting for a late answer.
    overdue: usize,
    in_flight: usize,
}

impl Requests {
    /// Number of unanswered requests within their deadline.
    pub(super) fn in_flight(&self) -> usize {
        self.in_flight
    }

    /// Adds a sent request. Ids increase by one.
    pub(super) fn push(&mut self, id: u64, sent: Sent) {
        if self.queue.is_empty() {
            self.first = id;
        }
        self.queue.push_back(Some(sent));
        self.in_flight += 1;
    }

    /// Takes the answered request. `None`: this id is not pending.
    pub(super) fn take(&mut self, id: u64) -> Option<Sent> {
        let at = usize::try_from(id.checked_sub(self.first)?).ok()?;
        let sent = self.queue.get_mut(at)?.take()?;
        self.in_flight -= usize::from(at >= self.overdue);
        while let Some(None) = self.queue.front() {
            self.queue.pop_front();
            self.first += 1;
            self.overdue = self.overdue.saturating_sub(1);
        }
        Some(sent)
    }

    /// The deadline of the first request that is not late yet.
    pub(super) fn deadline(&self) -> Option<Time> {
        let in_time = self.queue.iter().skip(self.overdue);
        in_time.flatten().next().map(|sent| sent.deadline)
    }

    /// Marks requests past their deadline as late, and returns their number.
    pub(super) fn expire(&mut self, now: Time) -> u64 {
        let before = self.in_flight;
        while let Some(sent) = self.queue.get(self.overdue) {
            if sent.is_some_and(|sent| sent.deadline > now) {
                break;
            }
            self.in_flight -= usize::from(sent.is_some());
            self.overdue += 1;
        }
        (before - self.in_flight) as u64
    }

    /// Removes and returns all unanswered requests, late or not.
    pub(super) fn drain(&mut self) -> impl Iterator<Item = Sent> {
        (self.overdue, self.in_flight) = (0, 0);
        std::mem::take(&mut self.queue).into_iter().flatten()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn sent(number: u32) -> Sent {
        let intended = Time::from_nanos(u64::from(number));
        Sent { number, intended, deadline: intended + Duration::from_nanos(100) }
    }

    #[test]
    fn answers_find_their_requests_in_any_order_and_once() {
        let mut requests = Requests::default();
        (1..=4).for_each(|number| requests.push(u64::from(number) + 10, sent(number)));
        assert_eq!(requests.take(13), Some(sent(3)));
        assert_eq!(requests.take(13), None);
        assert_eq!(requests.take(11), Some(sent(1)));
        assert_eq!(requests.take(10), None);
        assert_eq!(requests.take(15), None);
        assert_eq!(requests.deadline(), Some(sent(2).deadline));
        assert_eq!(requests.in_flight(), 2);
        assert_eq!(requests.drain().collect::<Vec<_>>(), [sent(2), sent(4)]);
        requests.push(15, sent(5));
        assert_eq!(requests.take(15), Some(sent(5)));
        assert_eq!(requests.in_flight(), 0);
    }

    #[test]
    fn what_is_late_is_counted_once_and_may_still_be_answered() {
        let mut requests = Requests::default();
        (1..=3).for_each(|number| requests.push(u64::from(number), sent(number)));
        requests.take(1);
        assert_eq!(requests.expire(sent(2).deadline), 1);
        assert_eq!(requests.expire(sent(2).deadline), 0);
        assert_eq!((requests.in_flight(), requests.deadline()), (1, Some(sent(3).deadline)));
        assert_eq!(requests.take(2), Some(sent(2)));
        assert_eq!((requests.in_flight(), requests.deadline()), (1, Some(sent(3).deadline)));
        assert_eq!(requests.expire(sent(3).deadline), 1);
        assert_eq!((requests.in_flight(), requests.deadline()), (0, None));
    }
}
