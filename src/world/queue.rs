//! A queueing server: workers, each of which does one thing at a time, and a queue in front of them.

use std::collections::VecDeque;

use crate::time::Time;

/// See the module. `W` waits, `S` is served.
#[derive(Debug)]
pub struct Queue<W, S> {
    waiting: VecDeque<W>,
    workers_max: u32,
    workers: Vec<Worker<S>>,
    /// Workers that have nothing to do; others have not been needed yet.
    idle: Vec<u32>,
}

#[derive(Debug)]
struct Worker<S> {
    serves: Option<S>,
    /// How often a service of it was broken off or put off.
    turn: u16,
    ends: Time,
}

/// A service that will end: it is the one meant while the worker's turn is this.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Service {
    /// By whom.
    pub worker: u32,
    /// The worker's turn.
    pub turn: u16,
    /// When.
    pub ends: Time,
}

impl<W, S> Queue<W, S> {
    /// With at most so many workers.
    pub fn new(workers_max: u32) -> Self {
        Self { waiting: VecDeque::new(), workers_max, workers: Vec::new(), idle: Vec::new() }
    }

    /// How many workers there can be.
    pub fn workers_max(&self) -> u32 {
        self.workers_max
    }

    /// Workers that serve.
    pub fn busy(&self) -> u32 {
        (self.workers.len() - self.idle.len()) as u32
    }

    /// What waits or is served.
    pub fn in_system(&self) -> u32 {
        u32::try_from(self.waiting.len()).unwrap_or(u32::MAX).saturating_add(self.busy())
    }

    /// Whether nothing waits or is served.
    pub fn is_idle(&self) -> bool {
        self.in_system() == 0
    }

    /// What waits.
    pub fn waiting(&self) -> &VecDeque<W> {
        &self.waiting
    }

    /// The same, to be changed.
    pub fn waiting_mut(&mut self) -> &mut VecDeque<W> {
        &mut self.waiting
    }

    /// A worker that is free and may [`serve`](Self::serve), if there is one.
    #[inline]
    pub fn free(&self) -> Option<u32> {
        let made = self.workers.len() as u32;
        self.idle.last().copied().or_else(|| (made < self.workers_max).then_some(made))
    }

    /// The worker that is free does this, until then.
    #[inline]
    pub fn serve(&mut self, worker: u32, what: S, ends: Time) -> Service {
        if self.idle.pop().is_none() {
            self.workers.push(Worker { serves: None, turn: 0, ends });
        }
        let of = &mut self.workers[worker as usize];
        (of.serves, of.ends) = (Some(what), ends);
        Service { worker, turn: of.turn, ends }
    }

    /// Whether a service was neither broken off nor put off.
    #[inline]
    pub fn serves(&self, worker: u32, turn: u16) -> bool {
        let worker = self.workers.get(worker as usize);
        worker.is_some_and(|worker| worker.turn == turn && worker.serves.is_some())
    }

    /// A service ends, and its worker is free; none when it was broken off or put off.
    #[inline]
    pub fn finish(&mut self, worker: u32, turn: u16) -> Option<S> {
        let done =
            self.workers.get_mut(worker as usize).filter(|worker| worker.turn == turn)?.serves.take()?;
        self.idle.push(worker);
        Some(done)
    }

    /// What is served.
    pub fn served(&self) -> impl Iterator<Item = &S> {
        self.workers.iter().filter_map(|worker| worker.serves.as_ref())
    }

    /// Every service ends at another time than was said.
    pub fn put_off(&mut self, until: impl Fn(Time) -> Time) -> Vec<Service> {
        let serving = self.workers.iter_mut().enumerate().filter(|(_, worker)| worker.serves.is_some());
        let put_off = serving.map(|(index, worker)| {
            (worker.ends, worker.turn) = (until(worker.ends), worker.turn.wrapping_add(1));
            Service { worker: index as u32, turn: worker.turn, ends: worker.ends }
        });
        put_off.collect()
    }

    /// Breaks off and forgets all.
    pub fn clear(&mut self) {
        self.waiting.clear();
        for (index, worker) in self.workers.iter_mut().enumerate() {
            if worker.serves.take().is_some() {
                worker.turn = worker.turn.wrapping_add(1);
                self.idle.push(index as u32);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Queue, Service};
    use crate::time::Time;

    #[test]
    fn a_service_that_was_broken_or_put_off_does_not_end_as_it_was_said() {
        let at = Time::from_nanos;
        let mut queue = Queue::<(), char>::new(2);
        let first = queue.serve(queue.free().unwrap_or(9), 'a', at(5));
        let second = queue.serve(queue.free().unwrap_or(9), 'b', at(6));
        assert_eq!((queue.free(), queue.busy()), (None, 2));
        let later = queue.put_off(|ends| at(ends.as_nanos() * 2));
        assert_eq!(later[0], Service { worker: 0, turn: 1, ends: at(10) });
        assert_eq!(queue.finish(first.worker, first.turn), None);
        assert_eq!(queue.finish(later[0].worker, later[0].turn), Some('a'));
        assert_eq!((queue.free(), queue.busy()), (Some(0), 1));
        queue.clear();
        assert_eq!(queue.finish(second.worker, 1), None);
        assert!(queue.is_idle());
    }
}
