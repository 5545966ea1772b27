//! The life of a session, step by step, without servers.

use std::time::Duration;

use super::*;
use crate::ids::SessionId;

const SOON: Duration = Duration::from_secs(3);

fn session(frontend: &str, number: u32) -> SessionKey {
    SessionKey { frontend: frontend.into(), session: SessionId::new(number, number) }
}

fn claim(sessions: &mut Sessions, session: &SessionKey) -> Vec<String> {
    let claim = Claim { asker: session.frontend.clone(), call: CallId(1), session: session.clone() };
    told(&sessions.claim("u".into(), claim))
}

fn free(sessions: &mut Sessions, session: &SessionKey) -> Vec<String> {
    told(&sessions.free(&"u".into(), session))
}

/// What servers are told, one word each.
fn told(Outcome { tell, .. }: &Outcome) -> Vec<String> {
    let word = |(to, payload): &(ServerId, Payload)| match payload {
        Payload::Answer { result: Ok(_), .. } => format!("{to}: granted"),
        Payload::Answer { result: Err(_), .. } => format!("{to}: refused"),
        Payload::Kick { session, .. } => format!("{to}: kick {session}"),
        other => panic!("{other:?}"),
    };
    tell.iter().map(word).collect()
}

#[test]
fn a_uid_is_free_only_when_its_session_has_left_and_is_in_no_room() {
    let mut sessions = Sessions::new(OnDuplicate::Refuse);
    let (first, second) = (session("a", 1), session("b", 2));
    assert_eq!(claim(&mut sessions, &first), ["a: granted"]);
    assert_eq!(claim(&mut sessions, &second), ["b: refused"]);
    assert_eq!(free(&mut sessions, &first), [""; 0], "it has not left");
    assert!(sessions.holds(&"u".into(), &first));
    assert!(!sessions.leave(&"u".into(), &second), "it never had it");
    assert!(sessions.leave(&"u".into(), &first));
    assert!(!sessions.holds(&"u".into(), &first));
    assert_eq!(sessions.get(&"u".into()), Some(&first), "it is in the rooms still");
    assert_eq!(claim(&mut sessions, &second), [""; 0], "it waits");
    assert_eq!(free(&mut sessions, &first), ["b: granted"]);
    assert_eq!((sessions.bound_at(&"a".into()), sessions.bound_at(&"b".into())), (0, 1));
    assert_eq!(free(&mut sessions, &first), [""; 0], "nobody is freed twice");
}

#[test]
fn of_those_who_wait_one_is_granted_and_the_others_are_refused_or_displace_it() {
    for (on_duplicate, expected) in [
        (OnDuplicate::Refuse, ["b: granted", "c: refused"]),
        (OnDuplicate::Kick, ["b: granted", "b: kick 2"]),
    ] {
        let mut sessions = Sessions::new(on_duplicate);
        let first = session("a", 1);
        claim(&mut sessions, &first);
        sessions.leave(&"u".into(), &first);
        claim(&mut sessions, &session("b", 2));
        claim(&mut sessions, &session("c", 3));
        assert_eq!(free(&mut sessions, &first), expected);
    }
}

#[test]
fn a_holder_is_kicked_once_and_a_claim_that_is_given_up_is_not_granted() {
    let mut sessions = Sessions::new(OnDuplicate::Kick);
    let (first, second) = (session("a", 1), session("b", 2));
    claim(&mut sessions, &first);
    assert_eq!(claim(&mut sessions, &first), ["a: granted"], "it has it");
    assert_eq!(claim(&mut sessions, &second), ["a: kick 1"]);
    assert_eq!(claim(&mut sessions, &session("c", 3)), [""; 0], "it is kicked already");
    sessions.leave(&"u".into(), &second);
    sessions.lose(&"c".into());
    sessions.leave(&"u".into(), &first);
    assert_eq!(free(&mut sessions, &first), [""; 0]);
    assert!(sessions.is_empty());
}

#[test]
fn the_uid_of_a_lost_frontend_waits_until_all_servers_have_drained() {
    let mut sessions = Sessions::new(OnDuplicate::Refuse);
    let first = session("a", 1);
    claim(&mut sessions, &first);
    let lost = sessions.lose(&"a".into());
    assert_eq!(lost, [("u".into(), first.clone())]);
    let servers = BTreeSet::from(["chat".into(), "b".into()]);
    sessions.release_after(7, servers, Time::START + SOON, lost);
    assert!(sessions.leave(&"u".into(), &first), "its rooms are told at once");
    claim(&mut sessions, &session("b", 2));
    assert_eq!(free(&mut sessions, &first), [""; 0], "a server may still let it enter");
    sessions.drained(&"chat".into(), Some(6));
    sessions.drained(&"b".into(), Some(7));
    assert_eq!(sessions.release(Time::START), [], "one has drained for another round only");
    sessions.drained(&"chat".into(), None);
    assert_eq!(sessions.release(Time::START), [("u".into(), first.clone())], "it is gone");
    assert_eq!(free(&mut sessions, &first), ["b: granted"]);
}

#[test]
fn a_server_that_never_drains_holds_a_uid_until_requests_are_too_late() {
    let mut sessions = Sessions::new(OnDuplicate::Refuse);
    let first = session("a", 1);
    claim(&mut sessions, &first);
    let lost = sessions.lose(&"a".into());
    sessions.release_after(1, BTreeSet::from(["chat".into()]), Time::START + SOON, lost);
    assert_eq!(sessions.next_deadline(), Some(Time::START + SOON));
    assert_eq!(sessions.release(Time::START), []);
    assert_eq!(sessions.release(Time::START + SOON).len(), 1);
    assert_eq!(sessions.next_deadline(), None);
    free(&mut sessions, &first);
    assert!(sessions.is_empty());
}
