//! Where rooms are, step by step, without servers.

use super::*;
use crate::ids::SessionId;

fn member(number: u32) -> Member {
    let session = SessionKey { frontend: "f".into(), session: SessionId::new(number, number) };
    Member { uid: format!("u{number}").as_str().into(), session }
}

fn join(rooms: &mut Rooms, server: &str, key: Option<&str>, number: u32) {
    let channel = key.unwrap_or("here").into();
    rooms.join(&server.into(), &"chat".into(), &channel, &key.map(Arc::from), member(number));
}

/// Every holder with its keys and members.
fn all(rooms: &Rooms) -> Vec<String> {
    let shown = rooms.all().map(|(holder, of)| {
        let sizes = of.iter().map(|room| format!(" {}:{}", room.channel, room.members.len()));
        format!("{holder}{}", sizes.collect::<String>())
    });
    shown.collect()
}

#[test]
fn a_room_is_there_from_its_first_member_to_its_last() {
    let mut rooms = Rooms::new(false);
    join(&mut rooms, "s", Some("k"), 1);
    join(&mut rooms, "s", Some("k"), 2);
    assert_eq!(rooms.members_at(&"s".into()), 2);
    assert_eq!(rooms.leave(&"s".into(), "k", &member(1)), Some("k".into()));
    assert_eq!(rooms.leave(&"s".into(), "k", &member(1)), None, "it has left");
    assert!(rooms.has_key(&"s".into(), &"k".into()));
    rooms.leave(&"s".into(), "k", &member(2));
    assert_eq!((all(&rooms).len(), rooms.members_at(&"s".into())), (0, 0));
    assert_eq!(rooms.places(&member(2).session), []);
}

#[test]
fn rooms_of_a_lost_server_wait_for_another_unless_they_stay() {
    for (stay, left, remain) in [(false, 1, vec!["s (lost 1) k:1"]), (true, 2, vec![])] {
        let mut rooms = Rooms::new(stay);
        join(&mut rooms, "s", Some("k"), 1);
        join(&mut rooms, "s", None, 2);
        assert_eq!(rooms.lose(&"s".into()).len(), left, "members who are in no room any more");
        assert_eq!(all(&rooms), remain);
        assert_eq!(rooms.places(&member(2).session), []);
    }
}

#[test]
fn a_server_that_comes_back_is_not_the_holder_that_was_lost() {
    let mut rooms = Rooms::new(false);
    for number in 1..=2 {
        join(&mut rooms, "s", Some("k"), number);
        rooms.lose(&"s".into());
    }
    join(&mut rooms, "s", Some("k"), 3);
    assert_eq!(all(&rooms), ["s k:1", "s (lost 1) k:1", "s (lost 2) k:1"]);
    let moves = rooms.to_move(&"chat".into(), |_| Some("s".into()));
    assert_eq!(moves.len(), 2, "its own room is where it belongs");
    for ((from, to), keys) in moves {
        rooms.hand_over(&from, keys, &to, &"chat".into());
    }
    assert_eq!(all(&rooms), ["s k:3"]);
}

#[test]
fn rooms_move_whose_key_certainly_has_another_owner() {
    let mut rooms = Rooms::new(false);
    for (key, number) in [("stays", 1), ("goes", 2), ("between", 3)] {
        join(&mut rooms, "s", Some(key), number);
    }
    let owner = |key: &Arc<str>| match &**key {
        "stays" => Some("s".into()),
        "goes" => Some("t".into()),
        _ => None,
    };
    assert!(rooms.to_move(&"other".into(), owner).is_empty());
    let moves = rooms.to_move(&"chat".into(), owner);
    assert_eq!(moves, BTreeMap::from([((Holder::from(&"s".into()), "t".into()), vec!["goes".into()])]));
}

#[test]
fn the_next_owner_of_an_ownerless_room_is_told_who_left_meanwhile() {
    let mut rooms = Rooms::new(false);
    (1..=3).for_each(|number| join(&mut rooms, "s", Some("k"), number));
    rooms.lose(&"s".into());
    let place = rooms.places(&member(1).session)[0].clone();
    rooms.depart(&member(1).session, &place);
    let lost = place.holder;
    let adopted = rooms.hand_over(&lost, vec!["k".into()], &"t".into(), &"chat".into());
    // The first has come back to its uid since; the second is gone, and the third was there all the
    // time.
    let is_there = |it: &Member| *it != member(2);
    let gone = |rooms: &Rooms| -> Vec<Member> {
        let gone = rooms.gone(&"t".into(), &adopted, is_there).into_iter();
        gone.map(|it| if let Payload::Gone { member, .. } = it { member } else { panic!("{it:?}") }).collect()
    };
    assert_eq!(gone(&rooms), [member(1), member(2)]);
    // Once it has entered anew, it is there.
    join(&mut rooms, "t", Some("k"), 1);
    assert_eq!(gone(&rooms), [member(2)]);
}

#[test]
fn a_uid_is_in_a_room_once_and_a_session_by_one_key() {
    let mut rooms = Rooms::new(false);
    join(&mut rooms, "s", Some("k"), 1);
    let later = Member { uid: "u1".into(), ..member(2) };
    rooms.join(&"s".into(), &"chat".into(), &"k".into(), &Some("k".into()), later.clone());
    assert_eq!((rooms.places(&member(1).session).len(), rooms.members_at(&"s".into())), (0, 1));
    rooms.join(&"s".into(), &"chat".into(), &"k".into(), &Some("other".into()), later.clone());
    let keys: Vec<&Key> = rooms.sizes(&"chat".into()).map(|(_, key, ..)| key).collect();
    assert_eq!(keys, [&Some("other".into())]);
}
