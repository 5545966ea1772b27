//! The queueing server of world, flow and jobs.

use pomelo_sim::time::Time;
use pomelo_sim::world::{Queue, Service};

#[test]
fn a_service_that_was_broken_or_put_off_does_not_end_as_it_was_said() {
    let at = Time::from_nanos;
    let mut queue = Queue::<(), char>::new(2, None);
    let first = queue.serve(at(0), 'a', 5.0);
    let second = queue.serve(at(0), 'b', 6.0);
    assert_eq!((queue.is_ready(), queue.busy()), (false, 2));
    let later = queue.speed_up(at(0), 0.5);
    assert_eq!(later[0], Service { worker: 0, turn: 1, ends: at(10) });
    assert_eq!(queue.finish(at(5), first.worker, first.turn), None);
    assert_eq!(queue.finish(at(10), later[0].worker, later[0].turn), Some('a'));
    assert_eq!((queue.is_ready(), queue.busy()), (true, 1));
    queue.clear(at(11));
    assert_eq!(queue.finish(at(12), second.worker, 1), None);
    assert!(queue.is_idle());
}

#[test]
fn jobs_are_served_in_the_order_in_which_they_came_and_not_while_it_is_paused() {
    let at = Time::from_nanos;
    let mut queue = Queue::<char, char>::new(1, Some(2));
    queue.gauge.record(10);
    let served = queue.serve(at(0), 'a', 4.0);
    ['b', 'c'].into_iter().for_each(|job| queue.wait(at(1), job));
    assert_eq!((queue.take_next(), queue.is_full(), queue.in_system()), (None, true, 3));
    queue.set_paused(true);
    assert_eq!(queue.finish(at(4), served.worker, served.turn), Some('a'));
    assert_eq!((queue.take_next(), queue.is_ready()), (None, false));
    queue.set_paused(false);
    queue.gauge.speed = 2.0;
    let next = queue.take_next();
    assert_eq!(next, Some('b'));
    assert_eq!(queue.serve(at(6), 'b', 3.0).ends, at(8), "half of 3, rounded");
    // Busy from 0 to 4 and from 6 on; one in hand, then three, then two.
    assert_eq!(queue.gauge.series().map(|series| series.integrals(at(8))), Some((6, 1 + 3 * 3 + 2 * 4)));
}
