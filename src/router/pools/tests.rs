//! To which server a key belongs while lists change, without a router.

use std::time::Duration;

use super::reservations::{PER_ADDRESS_MAX, PER_SESSION_MAX};
use super::*;
use crate::envelope::{Asker, Destination};
use crate::ids::{SessionId, SessionKey};
use crate::router::route::by_session;

/// Servers with these ids of the type `chat`, chosen by `strategy`; all of them are up.
fn pools(strategy: &str, ids: &[&str]) -> (Pools, Fabric) {
    let (mut pools, mut fabric) = (Pools::new(false, 1, Duration::from_secs(3)), Fabric::new(1));
    let route = Route { key: by_session("rid"), strategy: strategy.parse().unwrap() };
    pools.add_type("chat".into(), route);
    for id in ids {
        admit(&mut pools, &mut fabric, id);
        pools.list(&server(id));
    }
    (pools, fabric)
}

fn server(id: &str) -> ServerSpec {
    ServerSpec {
        id: id.into(),
        server_type: "chat".into(),
        host: "127.0.0.1".into(),
        port: None,
        frontend: false,
        client_port: None,
        client_host: None,
        max_connections: None,
        weight: 1.0,
        extra: Default::default(),
    }
}

fn admit(pools: &mut Pools, fabric: &mut Fabric, id: &str) {
    pools.admit(&server(id)).unwrap();
    fabric.admit(&id.into(), &"chat".into());
}

fn pool(pools: &mut Pools) -> &mut Pool {
    pools.get_mut(&"chat".into()).unwrap()
}

/// An envelope by a key. The number tells it from others.
fn envelope(key: &str, number: u64) -> Envelope {
    let key: Option<Arc<str>> = Some(key.into());
    let member = crate::channels::Member {
        uid: number.to_string().as_str().into(),
        session: crate::ids::SessionKey { frontend: "f".into(), session: crate::ids::SessionId::new(1, 1) },
    };
    let to = Destination::Route { server_type: "chat".into(), key: key.clone() };
    Envelope::new("f".into(), to, Payload::Gone { channel: "room".into(), key, member })
}

fn numbers(envelopes: Vec<Envelope>) -> Vec<String> {
    let number = |envelope: Envelope| match envelope.payload {
        Payload::Gone { member, .. } => member.uid.to_string(),
        other => panic!("{other:?}"),
    };
    envelopes.into_iter().map(number).collect()
}

fn free(_: &Located) -> usize {
    0
}

/// A key that goes from the only server to the second one.
fn key_of_second(pools: &Pools) -> String {
    let pool = pools.get(&"chat".into()).unwrap();
    (0..).map(|n| format!("key{n}")).find(|key| pool.owner(key) == Some(&"b".into())).unwrap()
}

#[test]
fn a_key_is_between_two_servers_until_the_old_one_has_drained_and_all_has_arrived() {
    let (mut pools, mut fabric) = pools("pomelo-crc", &["a"]);
    admit(&mut pools, &mut fabric, "b");
    let Asked { drain, servers } = pools.join(&server("b"), &mut fabric);
    assert_eq!(servers, ["a".into()], "only the old one is asked");
    let key = key_of_second(&pools);
    assert!(pool(&mut pools).is_between(&key));
    assert_eq!(pool(&mut pools).new_owner(&key, Time::START, &free), None, "not yet");
    assert!(pools.proceed(&fabric).is_empty());
    // The last thing that the old server says is on a link when it has drained.
    let slow: crate::router::LinkRule =
        serde_json::from_value(serde_json::json!({"latency": "5ms"})).unwrap();
    fabric.install("", Box::new(slow), None);
    fabric.deliver("a".into(), "b".into(), (Payload::Restarted, None));
    pools.drained(&"a".into(), Some(drain + 1), &fabric);
    pools.drained(&"b".into(), Some(drain), &fabric);
    assert!(pools.wait_for(&"a".into()), "neither is what was asked");
    pools.drained(&"a".into(), Some(drain), &fabric);
    assert!(pools.proceed(&fabric).is_empty() && pool(&mut pools).is_between(&key));
    fabric.begin(Time::START + Duration::from_millis(5), &mut Vec::new());
    assert!(fabric.arrive_due());
    assert_eq!(pools.proceed(&fabric), ["chat".into()]);
    assert!(!pool(&mut pools).is_between(&key));
    assert_eq!(pool(&mut pools).new_owner(&key, Time::START, &free), Some("b".into()));
    pools.end_changes(&"chat".into());
    assert!(!pool(&mut pools).is_changing());
    assert!(pools.take_moved().is_empty(), "no room has moved");
}

#[test]
fn what_is_held_goes_on_in_its_order_and_the_older_before_it() {
    let (mut pools, mut fabric) = pools("pomelo-crc", &["a"]);
    admit(&mut pools, &mut fabric, "b");
    pools.join(&server("b"), &mut fabric);
    let key = key_of_second(&pools);
    (2..=3).for_each(|number| assert!(pool(&mut pools).hold(envelope(&key, number)).is_none()));
    pool(&mut pools).hold_first(vec![envelope(&key, 0), envelope(&key, 1)]);
    assert!(pool(&mut pools).release_held(Time::START).is_empty(), "it is between two servers");
    assert_eq!(pools.held().map(|(_, to)| to.as_str()).collect::<Vec<_>>(), ["b"; 4]);
    // The old server is gone: it has nothing more to say.
    fabric.remove(&"a".into());
    pools.retire(&"chat".into(), &"a".into(), &mut fabric);
    pools.drained(&"a".into(), None, &fabric);
    assert_eq!(pools.proceed(&fabric), ["chat".into()]);
    assert_eq!(numbers(pool(&mut pools).release_held(Time::START)), ["0", "1", "2", "3"]);
}

#[test]
fn a_server_comes_back_to_its_place_until_it_is_struck() {
    let (mut pools, mut fabric) = pools("pomelo-crc", &["a", "b"]);
    let list = |pools: &Pools| pools.get(&"chat".into()).unwrap().ids();
    for (strike, expected) in [(false, ["a", "b"]), (true, ["b", "a"])] {
        pools.retire(&"chat".into(), &"a".into(), &mut fabric);
        assert_eq!(list(&pools), ["b".into()]);
        if strike {
            pools.remove_from_order(&"a".into());
        }
        admit(&mut pools, &mut fabric, "a");
        pools.join(&server("a"), &mut fabric);
        assert_eq!(list(&pools), expected.map(ServerId::from));
    }
}

#[test]
fn a_list_that_stays_as_it_is_is_no_change() {
    let (mut pools, mut fabric) = pools("pomelo-crc", &["a"]);
    assert!(pools.retire(&"chat".into(), &"b".into(), &mut fabric).servers.is_empty());
    assert!(!pool(&mut pools).is_changing());
}

#[test]
fn servers_that_were_chosen_count_as_loaded_until_the_load_is_seen() {
    let (mut pools, _) = pools("least-connections", &["a", "b"]);
    let mut pick = |at| {
        let now = Time::START + Duration::from_secs(at);
        pool(&mut pools).pick("", now, &free).unwrap().id.to_string()
    };
    let first: Vec<String> = (0..4).map(|_| pick(0)).collect();
    assert_eq!(first.iter().filter(|id| **id == "a").count(), 2, "{first:?}");
    let busy = |server: &Located| if server.id.as_str() == "a" { 3 } else { 0 };
    let later = Time::START + Duration::from_secs(60);
    assert_eq!(pool(&mut pools).pick("", later, &busy).unwrap().id.as_str(), "b");
}

#[test]
fn a_key_is_forgotten_when_all_have_drained_and_no_room_has_come() {
    let (mut pools, mut fabric) = pools("directory(least-connections)", &["a", "b"]);
    let at = |seconds| Time::START + Duration::from_secs(seconds);
    let room = pool(&mut pools).pick("room", at(0), &free).unwrap().id.clone();
    for key in ["nothing", "late"] {
        pool(&mut pools).pick(key, at(0), &free).unwrap();
    }
    pool(&mut pools).settle(&room, &"room".into());
    assert_eq!((pools.unsettled(), pools.next_sweep()), (2, Some(at(3))));
    fabric.begin(at(4), &mut Vec::new());
    pools.sweep(&mut fabric, &free);
    let mut asked = Vec::new();
    fabric.end(&mut asked);
    let Payload::Drain { change } = asked[0].envelope.payload else { panic!("{asked:?}") };
    pools.swept(&"a".into(), Some(change), &fabric, &free);
    assert_eq!((asked.len(), pools.unsettled()), (2, 2), "one has not drained");
    pool(&mut pools).pick("late", at(4), &free).unwrap();
    pools.swept(&"b".into(), None, &fabric, &free);
    let owner = |key: &str| pools.get(&"chat".into()).unwrap().owner(key).cloned();
    assert_eq!(owner("nothing"), None);
    assert!(owner("late").is_some(), "somebody has asked for it meanwhile");
    assert_eq!(owner("room"), Some(room), "a room is there");
}

fn asker(session: u32, address: &str) -> Asker {
    let session = SessionKey { frontend: "gate".into(), session: SessionId::new(session, session) };
    Asker { session, address: Some(address.parse().unwrap()) }
}

/// The servers of keys that are remembered.
fn owner(pools: &Pools, key: &str) -> Option<ServerId> {
    pools.get(&"chat".into()).unwrap().owner(key).cloned()
}

#[test]
fn a_client_that_invents_keys_displaces_its_own() {
    let (mut pools, _) = pools("directory(least-connections)", &["a", "b"]);
    let inventor = asker(0, "10.0.0.1");
    let mut invented = 0;
    let mut others = Vec::new();
    for number in 1..=187 {
        for _ in 0..1000 {
            invented += 1;
            let key = format!("invented {invented}");
            pool(&mut pools).locate(Some(&inventor), &key, Time::START, &free).unwrap();
        }
        let key = format!("user {number}");
        // Half of them come from the inventor's address.
        let other = asker(number, if number % 2 == 0 { "10.0.0.1" } else { "10.0.0.2" });
        let located = pool(&mut pools).locate(Some(&other), &key, Time::START, &free);
        others.push((key, located.unwrap_or_else(|error| panic!("{number}: {}", error.message)).id.clone()));
    }
    for (key, server) in others {
        assert_eq!(owner(&pools, &key), Some(server), "{key}");
    }
    assert_eq!(pools.unsettled(), PER_SESSION_MAX + 187);
    assert_eq!(owner(&pools, "invented 1"), None);
    assert!(owner(&pools, &format!("invented {invented}")).is_some(), "its latest");
}

#[test]
fn an_address_that_invents_keys_over_many_connections_displaces_its_own() {
    let (mut pools, _) = pools("directory(least-connections)", &["a", "b"]);
    let user = asker(0, "10.0.0.2");
    pool(&mut pools).locate(Some(&user), "user", Time::START, &free).unwrap();
    for number in 1..=200_000 {
        let key = format!("invented {number}");
        pool(&mut pools).locate(Some(&asker(number, "10.0.0.1")), &key, Time::START, &free).unwrap();
    }
    assert_eq!(pools.unsettled(), PER_ADDRESS_MAX + 1);
    assert!(owner(&pools, "user").is_some());
}

#[test]
fn a_key_that_others_asked_for_or_that_is_used_is_not_displaced() {
    let (mut pools, mut fabric) = pools("directory(least-connections)", &["a", "b"]);
    let (inventor, user) = (asker(1, "10.0.0.1"), asker(2, "10.0.0.2"));
    for key in ["shared", "routed", "own"] {
        pool(&mut pools).locate(Some(&inventor), key, Time::START, &free).unwrap();
    }
    pool(&mut pools).locate(Some(&user), "shared", Time::START, &free).unwrap();
    let routed = envelope("routed", 1);
    pool(&mut pools).choose(Some("routed".into()), &routed.payload, Time::START, &free).unwrap();
    for number in 0..PER_SESSION_MAX {
        let key = format!("invented {number}");
        pool(&mut pools).locate(Some(&inventor), &key, Time::START, &free).unwrap();
    }
    assert!(owner(&pools, "shared").is_some(), "the user holds it");
    assert!(owner(&pools, "routed").is_some(), "a message may be about to make its room");
    assert_eq!(owner(&pools, "own"), None);
    // Nobody asks any more: all of it is forgotten, and so are the clients.
    for at in [4, 8] {
        fabric.begin(Time::START + Duration::from_secs(at), &mut Vec::new());
        pools.sweep(&mut fabric, &free);
        let mut asked = Vec::new();
        fabric.end(&mut asked);
        let Payload::Drain { change } = asked[0].envelope.payload else { panic!("{asked:?}") };
        for server in ["a", "b"] {
            pools.swept(&server.into(), Some(change), &fabric, &free);
        }
        if pools.unsettled() == 0 {
            break;
        }
    }
    assert_eq!(pools.unsettled(), 0);
    assert_eq!(pool(&mut pools).reservations.count(), 0);
}
