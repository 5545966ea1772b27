//! The judge finds breaches: each invariant once kept and once broken, all of them compared with a
//! naive model, and one order in random rooms.

pub(crate) mod naive;
pub(crate) mod rooms;
pub(crate) mod stream;

use naive::{Event, Naive};
use pomelo_sim::judge::{Judge, To, Verdict};
use proptest::prelude::*;

/// A recording by hand.
#[derive(Default)]
struct Recording {
    judge: Judge,
}

impl Recording {
    /// A room with these members, who see each other.
    fn room(room: &str, names: &[&str]) -> (Self, Vec<usize>) {
        let mut recording = Self::default();
        let members = names.iter().enumerate().map(|(place, name)| {
            let member = recording.judge.member(room, name);
            recording.enter(member, &names[..=place]);
            for earlier in &names[..place] {
                let earlier = recording.judge.member(room, earlier);
                recording.judge.added(earlier, name);
            }
            member
        });
        let members = members.collect();
        (recording, members)
    }

    fn enter(&mut self, who: usize, users: &[&str]) {
        self.judge.entering(who);
        assert!(self.judge.entered(who));
        self.judge.sees(who, users.iter().copied());
    }

    fn send(&mut self, who: usize, to: To) -> u32 {
        self.judge.sending(who, to)
    }

    fn acknowledge(&mut self, who: usize, number: u32) {
        self.judge.acknowledged(who, number);
    }

    fn hear(&mut self, receiver: usize, from: &str, sender: usize, number: u32) {
        self.judge.received(receiver, from, &Judge::text(sender, number));
    }

    /// Sent, acknowledged and heard by these.
    fn say(&mut self, from: (&str, usize), to: To, heard_by: &[usize]) -> u32 {
        let number = self.send(from.1, to);
        self.acknowledge(from.1, number);
        heard_by.iter().for_each(|receiver| self.hear(*receiver, from.0, from.1, number));
        number
    }

    #[track_caller]
    fn is_clean(&self) {
        let verdict = self.judge.verdict();
        assert!(verdict.is_clean(), "{verdict}");
        let totals = verdict.totals;
        assert_eq!(
            totals.attempted,
            totals.acknowledged + totals.refused + totals.unknown + totals.failed + totals.open,
            "{verdict}"
        );
    }

    /// One law is broken, so often, and no other; the example says how.
    #[track_caller]
    fn breaks(&self, count: fn(&Verdict) -> u64, times: u64, words: &str) {
        let verdict = self.judge.verdict();
        assert_eq!((count(&verdict), verdict.broken()), (times, times), "{verdict}");
        assert!(verdict.to_string().contains(words), "{verdict}");
    }
}

/// Alice and Bob in one room.
fn two() -> (Recording, usize, usize) {
    let (recording, members) = Recording::room("lobby", &["alice", "bob"]);
    (recording, members[0], members[1])
}

#[test]
fn an_acknowledged_message_reaches_everybody_once() {
    let (mut recording, alice, bob) = two();
    recording.say(("alice", alice), To::All, &[alice, bob]);
    recording.say(("bob", bob), To::All, &[bob, alice]);
    recording.is_clean();
    recording.say(("alice", alice), To::All, &[alice]);
    recording.breaks(|v| v.lost, 1, "message 2 of alice*lobby did not reach bob*lobby");
}

#[test]
fn a_gap_is_a_loss_even_when_later_ones_come() {
    let (mut recording, alice, bob) = two();
    for number in 1..=9 {
        recording.say(("alice", alice), To::All, &[alice, bob][..1 + usize::from(number % 4 != 0)]);
    }
    recording.breaks(|v| v.lost, 2, "message 4 of alice*lobby did not reach bob*lobby");
}

#[test]
fn nothing_comes_twice() {
    let (mut recording, alice, bob) = two();
    let number = recording.say(("alice", alice), To::All, &[alice, bob]);
    recording.is_clean();
    recording.hear(bob, "alice", alice, number);
    recording.breaks(|v| v.doubled, 1, "it came before");
}

#[test]
fn nothing_comes_again_to_one_who_came_back() {
    let (mut recording, alice, bob) = two();
    let number = recording.send(alice, To::All);
    recording.hear(bob, "alice", alice, number);
    recording.judge.gone(bob);
    recording.judge.removed(alice, "bob");
    recording.enter(bob, &["alice", "bob"]);
    recording.judge.added(alice, "bob");
    recording.acknowledge(alice, number);
    recording.hear(alice, "alice", alice, number);
    recording.is_clean();
    recording.hear(bob, "alice", alice, number);
    recording.breaks(|v| v.doubled, 1, "bob*lobby got \"0:1\"");
}

#[test]
fn one_whose_outcome_is_unknown_comes_once_or_never() {
    let (mut recording, alice, bob) = two();
    let never = recording.send(alice, To::All);
    recording.judge.failed(alice, never, 504);
    let once = recording.send(alice, To::All);
    recording.judge.failed(alice, once, 504);
    recording.hear(bob, "alice", alice, once);
    recording.is_clean();
    assert_eq!(recording.judge.verdict().totals.unknown, 2);
    recording.hear(bob, "alice", alice, once);
    recording.breaks(|v| v.doubled, 1, "it came before");
}

#[test]
fn one_that_failed_reaches_nobody() {
    for code in [500, 503] {
        for to in [To::All, To::One(1)] {
            let (mut recording, alice, bob) = two();
            let number = recording.send(alice, to);
            recording.judge.failed(alice, number, code);
            recording.is_clean();
            let totals = recording.judge.verdict().totals;
            assert_eq!((totals.refused, totals.failed), if code == 503 { (1, 0) } else { (0, 1) });
            recording.hear(bob, "alice", alice, number);
            recording.breaks(|v| v.foreign, 1, "it was answered with an error");

            let (mut recording, alice, bob) = two();
            let number = recording.send(alice, to);
            recording.hear(bob, "alice", alice, number);
            recording.judge.failed(alice, number, code);
            recording.breaks(|v| v.foreign, 1, &format!("was answered with {code}, but had arrived"));
        }
    }
}

#[test]
fn one_sender_keeps_its_order() {
    let (mut recording, alice, bob) = two();
    let [first, second] = [recording.send(alice, To::All), recording.send(alice, To::All)];
    for receiver in [alice, bob] {
        recording.hear(receiver, "alice", alice, first);
        recording.hear(receiver, "alice", alice, second);
    }
    recording.acknowledge(alice, second);
    recording.acknowledge(alice, first);
    recording.is_clean();

    let (mut recording, alice, bob) = two();
    let [first, second] = [recording.send(alice, To::All), recording.send(alice, To::All)];
    recording.hear(bob, "alice", alice, second);
    recording.hear(bob, "alice", alice, first);
    [first, second].iter().for_each(|number| recording.judge.failed(alice, *number, 504));
    recording.breaks(|v| v.disordered, 1, "a later one of this sender came before");
}

#[test]
fn a_message_of_a_dead_connection_may_come_late() {
    let (mut recording, alice, bob) = two();
    let old = recording.send(alice, To::All);
    recording.judge.gone(alice);
    recording.judge.removed(bob, "alice");
    recording.enter(alice, &["alice", "bob"]);
    recording.judge.added(bob, "alice");
    recording.say(("alice", alice), To::All, &[alice, bob]);
    recording.hear(bob, "alice", alice, old);
    recording.is_clean();
}

#[test]
fn nothing_overtakes_what_was_acknowledged_before_it_was_sent() {
    let (mut recording, alice, bob) = two();
    let [first, second] = [recording.send(alice, To::All), recording.send(bob, To::All)];
    for (receiver, order) in
        [(alice, [(alice, first), (bob, second)]), (bob, [(bob, second), (alice, first)])]
    {
        for (sender, number) in order {
            recording.hear(receiver, if sender == alice { "alice" } else { "bob" }, sender, number);
        }
    }
    recording.acknowledge(alice, first);
    recording.acknowledge(bob, second);
    recording.is_clean();

    let first = recording.send(alice, To::All);
    recording.acknowledge(alice, first);
    recording.hear(alice, "alice", alice, first);
    recording.say(("bob", bob), To::All, &[alice, bob]);
    recording.hear(bob, "alice", alice, first);
    recording.breaks(|v| v.disordered, 1, "one that was sent after its acknowledgement came before");
}

#[test]
fn those_who_enter_or_go_meanwhile_may_miss_it() {
    let (mut recording, alice, bob) = two();
    let number = recording.send(alice, To::All);
    recording.hear(alice, "alice", alice, number);
    let carol = recording.judge.member("lobby", "carol");
    recording.enter(carol, &["alice", "bob", "carol"]);
    [alice, bob].into_iter().for_each(|other| recording.judge.added(other, "carol"));
    recording.judge.gone(bob);
    [alice, carol].into_iter().for_each(|other| recording.judge.removed(other, "bob"));
    recording.acknowledge(alice, number);
    recording.is_clean();
    // But from now on she is there.
    recording.say(("alice", alice), To::All, &[alice]);
    recording.breaks(|v| v.lost, 1, "message 2 of alice*lobby did not reach carol*lobby");
}

#[test]
fn one_who_goes_misses_nothing_before_what_it_heard() {
    for (heard, lost) in [(&[1, 2][..], 0), (&[1, 3], 1), (&[3], 2), (&[], 0)] {
        let (mut recording, alice, bob) = two();
        for _ in 0..3 {
            recording.say(("alice", alice), To::All, &[alice]);
        }
        heard.iter().for_each(|number| recording.hear(bob, "alice", alice, *number));
        recording.judge.gone(bob);
        recording.judge.removed(alice, "bob");
        assert_eq!(recording.judge.verdict().lost, lost, "{heard:?}: {}", recording.judge.verdict());
        assert_eq!(recording.judge.verdict().broken(), lost);
    }
    // Nor what another one had said before it.
    let (mut recording, alice, bob) = two();
    recording.say(("alice", alice), To::All, &[alice]);
    recording.say(("bob", bob), To::All, &[alice, bob]);
    recording.judge.gone(bob);
    recording.judge.removed(alice, "bob");
    recording.breaks(|v| v.lost, 1, "message 1 of alice*lobby did not reach bob*lobby");
}

#[test]
fn nobody_hears_what_is_not_for_them() {
    type Act = fn(&mut Recording, usize, usize);
    let setups: [(&str, Act); 7] = [
        ("it was not sent", |recording, alice, bob| recording.hear(bob, "alice", alice, 7)),
        ("no member sends such a text", |recording, _, bob| recording.judge.received(bob, "alice", "hello")),
        ("no member sends such a text", |recording, _, bob| recording.judge.received(bob, "alice", "99:1")),
        ("it was sent by alice", |recording, alice, bob| {
            let number = recording.send(alice, To::All);
            recording.judge.failed(alice, number, 504);
            recording.hear(bob, "bob", alice, number);
        }),
        ("it was sent in lobby", |recording, alice, _| {
            let number = recording.send(alice, To::All);
            recording.judge.failed(alice, number, 504);
            let other = recording.judge.member("attic", "carol");
            recording.enter(other, &["carol"]);
            recording.hear(other, "alice", alice, number);
        }),
        ("it is not in the room", |recording, alice, bob| {
            let number = recording.send(alice, To::All);
            recording.judge.failed(alice, number, 504);
            recording.judge.gone(bob);
            recording.judge.removed(alice, "bob");
            recording.hear(bob, "alice", alice, number);
        }),
        ("it was acknowledged before this member asked to enter", |recording, alice, bob| {
            let number = recording.say(("alice", alice), To::All, &[alice, bob]);
            let carol = recording.judge.member("lobby", "carol");
            recording.enter(carol, &["alice", "bob", "carol"]);
            [alice, bob].into_iter().for_each(|other| recording.judge.added(other, "carol"));
            recording.hear(carol, "alice", alice, number);
        }),
    ];
    for (words, act) in setups {
        let (mut recording, alice, bob) = two();
        recording.is_clean();
        act(&mut recording, alice, bob);
        recording.breaks(|v| v.foreign, 1, words);
    }
}

#[test]
fn a_private_message_reaches_its_target_alone() {
    let (mut recording, members) = Recording::room("lobby", &["alice", "bob", "carol"]);
    let [alice, bob, carol] = members[..] else { panic!("three members") };
    let number = recording.say(("alice", alice), To::One(bob), &[bob]);
    recording.say(("alice", alice), To::One(alice), &[alice]);
    recording.is_clean();
    recording.hear(carol, "alice", alice, number);
    recording.breaks(|v| v.foreign, 1, "it was for bob alone");

    let (mut recording, alice, bob) = two();
    recording.say(("alice", alice), To::One(bob), &[]);
    recording.breaks(|v| v.lost, 1, "message 1 of alice*lobby did not reach bob*lobby");
}

#[test]
fn a_request_gets_one_answer() {
    let (mut recording, alice, bob) = two();
    let number = recording.send(alice, To::One(bob));
    assert_eq!(recording.judge.verdict().totals.open, 1);
    recording.breaks(|v| v.unanswered, 1, "message 1 of alice*lobby");
    recording.judge.failed(alice, number, 500);
    recording.is_clean();
    recording.judge.failed(alice, number, 500);
    recording.breaks(|v| v.doubled, 1, "message 1 of alice*lobby was answered again");

    let (mut recording, alice, _) = two();
    recording.acknowledge(alice, 1);
    recording.breaks(
        |v| v.foreign,
        1,
        "got an answer to message 1, which it did not send on this connection",
    );

    let (mut recording, alice, bob) = two();
    let number = recording.send(alice, To::One(bob));
    recording.judge.gone(alice);
    recording.judge.removed(bob, "alice");
    recording.enter(alice, &["alice", "bob"]);
    recording.judge.added(bob, "alice");
    recording.is_clean();
    recording.acknowledge(alice, number);
    recording.breaks(|v| v.foreign, 1, "message 1, which it did not send on this connection");
}

#[test]
fn one_whose_connection_is_gone_waits_for_no_answer() {
    let (mut recording, alice, bob) = two();
    recording.send(alice, To::All);
    recording.judge.gone(alice);
    recording.judge.removed(bob, "alice");
    recording.is_clean();
    assert_eq!(recording.judge.verdict().totals.open, 1);
}

#[test]
fn a_login_gets_one_answer() {
    let (mut recording, alice, bob) = two();
    let carol = recording.judge.member("lobby", "carol");
    recording.judge.entering(carol);
    recording.breaks(|v| v.unanswered, 1, "carol*lobby asked to enter");
    assert!(recording.judge.entered(carol));
    recording.judge.sees(carol, ["alice", "bob", "carol"]);
    [alice, bob].into_iter().for_each(|other| recording.judge.added(other, "carol"));
    recording.is_clean();
    assert!(!recording.judge.entered(carol));
    recording.breaks(|v| v.doubled, 1, "carol*lobby was told again that it has entered");
}

#[test]
fn everybody_sees_who_is_there() {
    let (mut recording, alice, bob) = two();
    recording.judge.gone(bob);
    recording.breaks(|v| v.ghosts, 1, "alice*lobby sees bob*lobby, which has left");
    recording.judge.removed(alice, "bob");
    recording.is_clean();
    recording.enter(bob, &["alice", "bob"]);
    recording.breaks(|v| v.ghosts, 1, "alice*lobby does not see bob*lobby, which is present");
    recording.judge.added(alice, "bob");
    recording.is_clean();
}

#[test]
fn nobody_comes_or_goes_twice() {
    type Act = fn(&mut Judge, usize);
    let setups: [(&str, Act); 5] = [
        ("got \"bob\" by onAdd, which was present", |judge, alice| judge.added(alice, "bob")),
        ("got \"eve\" by onAdd, whom nobody knows", |judge, alice| judge.added(alice, "eve")),
        ("got onLeave of \"eve\", which was not present", |judge, alice| judge.removed(alice, "eve")),
        ("got onLeave of \"bob\", which was not present", |judge, alice| {
            let bob = judge.member("lobby", "bob");
            judge.gone(bob);
            judge.removed(alice, "bob");
            assert!(judge.verdict().is_clean());
            judge.removed(alice, "bob");
        }),
        ("got \"carol\" by onAdd, before it was told that it has entered", |judge, alice| {
            let [carol, dave] = ["carol", "dave"].map(|name| judge.member("attic", name));
            judge.entering(dave);
            judge.added(dave, "carol");
            [dave, carol].into_iter().for_each(|who| judge.gone(who));
            assert!(judge.is_in(alice));
        }),
    ];
    for (words, act) in setups {
        let (mut recording, alice, _) = two();
        act(&mut recording.judge, alice);
        recording.breaks(|v| v.ghosts, 1, words);
    }
}

#[test]
fn only_the_first_few_are_told_and_all_are_counted() {
    let (mut recording, alice, bob) = two();
    for number in 1..=1000 {
        recording.hear(bob, "alice", alice, number);
    }
    let verdict = recording.judge.verdict();
    assert_eq!((verdict.foreign, verdict.examples.len()), (1000, 4));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn the_judge_agrees_with_a_naive_model(events in prop::collection::vec(naive::event(), 1..80)) {
        let mut judge = Judge::default();
        let mut model = Naive::default();
        for event in events {
            model.record(&mut judge, event);
        }
        let verdict = judge.verdict();
        prop_assert_eq!(model.judge(), [
            verdict.lost, verdict.doubled, verdict.disordered, verdict.unanswered, verdict.foreign,
            verdict.ghosts,
        ], "{}", verdict);
    }
}

/// The model would be no use if it met only clean recordings, or only wild ones.
#[test]
fn the_model_meets_every_law() {
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;
    let mut runner = TestRunner::deterministic();
    let (mut met, mut lawful) = ([0; 6], 0);
    for _ in 0..500 {
        let events: Vec<Event> =
            prop::collection::vec(naive::event(), 1..80).new_tree(&mut runner).unwrap().current();
        let (mut judge, mut model) = (Judge::default(), Naive::default());
        events.into_iter().for_each(|event| model.record(&mut judge, event));
        let counts = model.judge();
        lawful += usize::from(counts[..3].iter().sum::<u64>() == 0);
        met.iter_mut().zip(counts).for_each(|(met, count)| *met += usize::from(count > 0));
    }
    assert!(
        met.iter().all(|runs| *runs > 20) && lawful > 20,
        "runs that broke each law: {met:?}; kept: {lawful}"
    );
}
