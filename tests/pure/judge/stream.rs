//! One order: each invariant by an example, and random rooms, clean without a defect and caught
//! with any one.

use pomelo_sim::judge::{Judge, To, Verdict};
use pomelo_sim::random::Random;
use proptest::prelude::*;

use super::rooms;

/// Three members of room 0 and one of room 1. All but the last of room 0 have entered.
fn scene() -> Judge {
    let mut judge = Judge::of_one_order(3);
    for (room, index) in [("a", 0), ("a", 1), ("a", 2), ("b", 3)] {
        assert_eq!(judge.member(room, &index.to_string()), index);
    }
    [0, 1, 3].into_iter().for_each(|member| enter(&mut judge, member));
    judge
}

fn enter(judge: &mut Judge, member: usize) {
    judge.entering(member);
    assert!(judge.entered(member));
}

/// Sends this many messages of a member, all acknowledged.
fn send(judge: &mut Judge, sender: usize, count: usize) {
    for _ in 0..count {
        let number = judge.sending(sender, To::All);
        judge.acknowledged(sender, number);
    }
}

fn deliver(judge: &mut Judge, receiver: usize, sender: usize, numbers: impl IntoIterator<Item = u32>) {
    numbers.into_iter().for_each(|number| judge.delivered(receiver, sender, number));
}

/// The counts of lost, doubled, disordered, foreign, unanswered.
fn counts(judge: &Judge) -> [u64; 5] {
    let Verdict { lost, doubled, disordered, foreign, unanswered, examples, .. } = judge.verdict();
    assert_eq!(examples.is_empty(), lost + doubled + disordered + foreign + unanswered == 0);
    [lost, doubled, disordered, foreign, unanswered]
}

#[test]
fn a_room_that_hears_everything_in_one_order_is_clean() {
    let mut judge = scene();
    for number in 1..=100 {
        // Both are under way at once.
        [0, 1].into_iter().for_each(|sender| assert_eq!(judge.sending(sender, To::All), number));
        [0, 1].into_iter().for_each(|sender| judge.acknowledged(sender, number));
        for receiver in [0, 1] {
            judge.delivered(receiver, 1, number);
            judge.delivered(receiver, 0, number);
        }
    }
    assert_eq!(counts(&judge), [0; 5]);
    assert!(judge.remembered() < 30, "the log is cut: {judge:?}");
}

#[test]
fn what_never_comes_is_lost() {
    let mut judge = scene();
    send(&mut judge, 0, 3);
    deliver(&mut judge, 0, 0, [1, 2, 3]);
    deliver(&mut judge, 1, 0, [1, 3]);
    assert_eq!(counts(&judge), [1, 0, 0, 0, 0]);
    assert_eq!(
        judge.verdict().examples,
        ["lost: message 2 of 0*a did not reach 1*a: sent at 9, acknowledged at 10"]
    );
    send(&mut judge, 0, 1);
    assert_eq!(counts(&judge), [3, 0, 0, 0, 0], "nobody has seen the last, and two were there");
    deliver(&mut judge, 0, 0, [4]);
    assert_eq!(counts(&judge), [2, 0, 0, 0, 0], "one of them has it now");
}

#[test]
fn a_loss_is_remembered_however_long_ago_it_was() {
    let mut judge = scene();
    for number in 1..=200 {
        send(&mut judge, 0, 1);
        deliver(&mut judge, 0, 0, [number]);
        deliver(&mut judge, 1, 0, Some(number).filter(|number| *number != 7));
    }
    assert!(judge.remembered() < 30);
    assert_eq!(counts(&judge), [1, 0, 0, 0, 0]);
}

#[test]
fn what_comes_late_is_disordered_and_not_lost() {
    let mut judge = scene();
    send(&mut judge, 0, 3);
    deliver(&mut judge, 0, 0, [1, 2, 3]);
    deliver(&mut judge, 1, 0, [1, 3, 2]);
    assert_eq!(counts(&judge), [0, 0, 1, 0, 0]);
}

#[test]
fn one_senders_order_holds_for_all_who_see_it() {
    let mut judge = scene();
    send(&mut judge, 0, 2);
    deliver(&mut judge, 0, 0, [2, 1]);
    deliver(&mut judge, 1, 0, [2, 1]);
    assert_eq!(counts(&judge), [0, 0, 2, 0, 0]);
}

#[test]
fn what_comes_again_is_doubled() {
    let mut judge = scene();
    send(&mut judge, 0, 100);
    deliver(&mut judge, 0, 0, 1..=100);
    deliver(&mut judge, 1, 0, 1..=100);
    deliver(&mut judge, 1, 0, [100]);
    assert_eq!(counts(&judge), [0, 1, 0, 0, 0], "it is in the log");
    deliver(&mut judge, 1, 0, [1]);
    assert_eq!(counts(&judge), [0, 2, 0, 0, 0], "it was forgotten");
}

#[test]
fn what_was_not_sent_or_elsewhere_is_foreign() {
    let mut judge = scene();
    send(&mut judge, 0, 1);
    deliver(&mut judge, 0, 0, [1]);
    deliver(&mut judge, 1, 0, [1]);
    for (receiver, sender, number) in
        [(3, 0, 1), (0, 0, 2), (0, 0, 0), (0, 1, 1), (0, 99, 1), (0, usize::MAX, 1)]
    {
        judge.delivered(receiver, sender, number);
    }
    assert_eq!(counts(&judge), [0, 0, 0, 6, 0]);
}

#[test]
fn one_who_enters_gets_what_was_sent_afterwards() {
    let mut judge = scene();
    send(&mut judge, 0, 1);
    let in_flight = judge.sending(0, To::All);
    deliver(&mut judge, 0, 0, [1, 2]);
    enter(&mut judge, 2);
    judge.acknowledged(0, in_flight);
    send(&mut judge, 0, 2);
    deliver(&mut judge, 1, 0, [1, 2, 3, 4]);
    deliver(&mut judge, 0, 0, [3, 4]);
    assert_eq!(counts(&judge), [2, 0, 0, 0, 0], "it has got nothing");
    // What was under way when it entered may come to it, and then what is behind must.
    deliver(&mut judge, 2, 0, [2, 4]);
    assert_eq!(counts(&judge), [1, 0, 0, 0, 0]);
    deliver(&mut judge, 2, 0, [1]);
    assert_eq!(counts(&judge), [1, 0, 0, 1, 0], "it entered behind that");
}

#[test]
fn one_who_leaves_may_miss_the_end_and_nothing_before() {
    let mut judge = scene();
    send(&mut judge, 0, 4);
    deliver(&mut judge, 0, 0, [1, 2, 3, 4]);
    deliver(&mut judge, 1, 0, [1, 2]);
    judge.left(1);
    deliver(&mut judge, 1, 0, [3]);
    assert_eq!(counts(&judge), [0; 5]);
    enter(&mut judge, 1);
    send(&mut judge, 0, 3);
    deliver(&mut judge, 0, 0, [5, 6, 7]);
    deliver(&mut judge, 1, 0, [5, 7]);
    judge.left(1);
    assert_eq!(counts(&judge), [1, 0, 0, 0, 0]);
}

#[test]
fn what_failed_comes_once_or_never() {
    let mut judge = scene();
    for number in 1..=3 {
        assert_eq!(judge.sending(0, To::All), number);
        if number == 1 {
            judge.given_up(0, number);
        } else {
            judge.failed(0, number, 504);
        }
    }
    deliver(&mut judge, 0, 0, [1, 2]);
    deliver(&mut judge, 1, 0, [2]);
    assert_eq!(counts(&judge), [0; 5]);
    deliver(&mut judge, 0, 0, [2]);
    assert_eq!(counts(&judge), [0, 1, 0, 0, 0]);
    // It was given up, but it had been done.
    judge.acknowledged(0, 1);
    assert_eq!(counts(&judge), [1, 1, 0, 0, 0]);
}

#[test]
fn what_nobody_answers_is_counted_while_its_sender_stays() {
    let mut judge = scene();
    (0..3).for_each(|_| assert_ne!(judge.sending(0, To::All), 0));
    judge.sending(1, To::All);
    judge.acknowledged(0, 1);
    judge.failed(0, 2, 504);
    deliver(&mut judge, 0, 0, [1]);
    deliver(&mut judge, 1, 0, [1]);
    assert_eq!(counts(&judge), [0, 0, 0, 0, 2]);
    judge.left(1);
    assert_eq!(counts(&judge), [0, 0, 0, 0, 1]);
}

/// One call of the judge.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Call {
    Entering(usize),
    Entered(usize),
    Left(usize),
    Sending(usize),
    Acknowledged(usize, u32),
    Failed(usize, u32),
    Delivered(usize, usize, u32),
}

fn play(rooms: &[usize], calls: &[Call]) -> Verdict {
    let mut judge = Judge::of_one_order(3);
    rooms.iter().enumerate().for_each(|(at, room)| {
        assert_eq!(judge.member(&room.to_string(), &at.to_string()), at);
    });
    for call in calls {
        match *call {
            Call::Entering(member) => judge.entering(member),
            Call::Entered(member) => assert!(judge.entered(member)),
            Call::Left(member) => judge.left(member),
            Call::Sending(member) => assert_ne!(judge.sending(member, To::All), 0),
            Call::Acknowledged(member, number) => judge.acknowledged(member, number),
            Call::Failed(member, number) => judge.failed(member, number, 504),
            Call::Delivered(receiver, sender, number) => judge.delivered(receiver, sender, number),
        }
    }
    judge.verdict()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn rooms_that_are_right_are_clean(seed in any::<u64>(), steps in 1_usize..600, churn in any::<bool>()) {
        let (rooms, calls) = rooms::random(&mut Random::new(seed, "rooms"), steps, churn);
        let verdict = play(&rooms, &calls);
        prop_assert!(verdict.is_clean(), "{verdict:?}\n{rooms:?}\n{calls:?}");
    }

    #[test]
    fn one_defect_is_found(seed in any::<u64>(), steps in 50_usize..600) {
        let mut chance = Random::new(seed, "rooms");
        let (rooms, calls) = rooms::random(&mut chance, steps, false);
        for (what, spoilt) in rooms::defects(&mut chance, &calls) {
            let verdict = play(&rooms, &spoilt);
            prop_assert!(!verdict.is_clean(), "{what} was not found\n{rooms:?}\n{calls:?}");
        }
    }
}

/// Among people who come and go, and lag behind each other by dozens of messages, an order may be
/// known to nobody.
#[test]
fn nearly_every_defect_is_found_where_people_come_and_go() {
    let (mut found, mut all) = (0, 0);
    for seed in 0..250 {
        let mut chance = Random::new(seed, "rooms");
        let (rooms, calls) = rooms::random(&mut chance, 400, true);
        for (_, spoilt) in rooms::defects(&mut chance, &calls) {
            all += 1;
            found += usize::from(!play(&rooms, &spoilt).is_clean());
        }
    }
    assert!(all > 600 && found * 1000 > all * 995, "{found} of {all}");
}
