//! Strategies of a running cluster over real sockets: changed back and forth while users chat, and
//! explained.

use crate::support::client::{Client, Transport};
use crate::support::watch::{Held, WatchedRoom, connectors};
use crate::support::{PATIENCE, cluster, patient, tutorial, wait_until};
use pomelo_sim::cluster::Options;
use pomelo_sim::live::{ControlError, RunningCluster};
use pomelo_sim::router::Preview;
use serde_json::json;

const ROOMS: usize = 12;

fn change(cluster: &RunningCluster, server_type: &str, strategy: &str) -> Preview {
    cluster.set_strategy(server_type, strategy.parse().unwrap()).unwrap()
}

fn strategy_of(cluster: &RunningCluster, server_type: &str) -> String {
    let types = cluster.strategies().unwrap();
    types.iter().find(|of| of.server_type.as_str() == server_type).unwrap().strategy.to_string()
}

#[test]
fn strategies_change_back_and_forth_while_rooms_talk() {
    back_and_forth(1);
}

#[test]
fn strategies_change_back_and_forth_on_three_threads() {
    back_and_forth(3);
}

/// Everybody hears everything once and in order, and nobody hears anything but chat: the watched
/// rooms see to that.
fn back_and_forth(threads: usize) {
    let cluster = tutorial().options(Options { threads, ..patient() }).start().unwrap();
    let rooms: Vec<WatchedRoom> =
        (0..ROOMS).map(|room| WatchedRoom::start(&cluster, &format!("room{room}"))).collect();
    let moved = |cluster: &RunningCluster| cluster.view().unwrap().router.rooms_moved;
    let mut expected = moved(&cluster);
    for strategy in ["rendezvous", "pomelo-crc", "jump", "directory(two-choices)", "maglev", "crc32-mod"] {
        let before = cluster.preview_strategy("chat", strategy.parse().unwrap()).unwrap();
        let done = change(&cluster, "chat", strategy);
        assert_eq!((before.applied, done.applied), (false, true));
        assert_eq!((done.rooms, done.members), (ROOMS, 3 * ROOMS));
        assert_eq!(Preview { applied: true, ..before }, done);
        expected += done.rooms_moved as u64;
        wait_until("the rooms are where they belong", || moved(&cluster) == expected);
        rooms.iter().for_each(WatchedRoom::assert_works);
        assert_eq!(strategy_of(&cluster, "chat"), strategy);
        assert_eq!(cluster.view().unwrap().types[1].strategy.to_string(), strategy);
    }
    assert!(expected > 0);
    // One upon the other, before the rooms have moved.
    for strategy in ["ring", "jump", "ring", "directory(round-robin)", "multi-probe", "ring"] {
        change(&cluster, "chat", strategy);
    }
    rooms.iter().for_each(WatchedRoom::assert_works);
    assert_eq!(cluster.audit_for(PATIENCE).unwrap(), []);
    let rounds: u64 = rooms.into_iter().map(WatchedRoom::finish).sum();
    assert!(rounds > 0);
    Held::wait_nothing(&cluster);
}

#[test]
fn a_server_that_is_brought_back_is_chosen_by_the_strategy_of_now() {
    let cluster = cluster(1, 3).options(patient()).start().unwrap();
    let rooms: Vec<WatchedRoom> =
        (0..ROOMS).map(|room| WatchedRoom::start(&cluster, &format!("room{room}"))).collect();
    change(&cluster, "chat", "rendezvous");
    rooms.iter().for_each(WatchedRoom::assert_works);
    cluster.restart("chat-server-2").unwrap();
    rooms.iter().for_each(WatchedRoom::assert_works);
    wait_until("all is where it was", || {
        let now = cluster.preview_strategy("chat", "rendezvous".parse().unwrap()).unwrap();
        let then = cluster.preview_strategy("chat", "pomelo-crc".parse().unwrap()).unwrap();
        now.servers.iter().all(|server| server.load_before > 0) && then.rooms_moved > 0
    });
    assert_eq!(strategy_of(&cluster, "chat"), "rendezvous");
    assert_eq!(cluster.audit_for(PATIENCE).unwrap(), []);
    drop(rooms);
}

#[test]
fn what_cannot_be_is_refused_and_changes_nothing() {
    let cluster = cluster(2, 2).options(patient()).start().unwrap();
    let refused = cluster.set_strategy("chat", "random".parse().unwrap()).unwrap_err();
    assert!(matches!(refused, ControlError::NotSticky(_)), "{refused}");
    assert!(refused.to_string().ends_with("write directory(random)"), "{refused}");
    let unknown = cluster.preview_strategy("chatt", "jump".parse().unwrap()).unwrap_err();
    let message = unknown.to_string();
    assert!(message.starts_with("no server type chatt: expected one of chat, connector, gate"), "{message}");
    assert!(message.ends_with("did you mean \"chat\"?"), "{message}");
    assert_eq!(strategy_of(&cluster, "chat"), "pomelo-crc");
    assert_eq!(change(&cluster, "connector", "random").warnings.len(), 1);
    assert_eq!(strategy_of(&cluster, "connector"), "random");
}

#[test]
fn explain_tells_where_a_user_and_a_room_are_and_belong() {
    let cluster = cluster(2, 3).options(patient()).start().unwrap();
    let _alice = Client::enter(connectors(&cluster)[1], Transport::Tcp, "alice", "lobby");
    let _bob = Client::enter(connectors(&cluster)[0], Transport::WebSocket, "bob", "lobby");
    let found = cluster.explain("alice", "lobby").unwrap();
    assert_eq!(found.gates[0].as_str(), "gate-server-1");
    assert_eq!(found.session.unwrap().frontend.as_str(), "connector-server-2", "where she really is");
    let room = found.room.unwrap();
    assert_eq!((Some(&room.server), room.members), (found.chat.placement.server.as_ref(), 2));
    assert_eq!((found.chat.key.as_str(), found.chat.added.as_str()), ("lobby", "chat-server-4"));
    assert!(found.chat.placement.why.starts_with("signed crc"), "{}", found.chat.placement.why);
    assert!(found.connector.placement.sticky && found.connector.placement.server.is_some());

    change(&cluster, "connector", "two-choices");
    change(&cluster, "chat", "directory(least-connections)");
    let found = cluster.explain("carol", "lobby").unwrap();
    let connector = found.connector.placement;
    assert_eq!((connector.sticky, connector.server), (false, None));
    assert_eq!(connector.why, "each pick is a new choice");
    assert_eq!((found.session, found.chat.placement.server), (None, Some(room.server.clone())));
    assert!(found.chat.placement.why.starts_with("remembered"), "{}", found.chat.placement.why);
    assert_eq!(found.chat.placement.with_one_more, Some(room.server.clone()), "a directory moves no room");
    assert_eq!(found.chat.placement.without_it, None, "it would be chosen then");
    let new = cluster.explain("carol", "attic").unwrap();
    assert_eq!((new.chat.placement.server, new.room), (None, None));
    // What was asked was not put there.
    assert_eq!(cluster.explain("carol", "attic").unwrap().chat.placement.server, None);

    cluster.kill(room.server.as_str()).unwrap();
    wait_until("another has the room", || {
        cluster.explain("alice", "lobby").unwrap().room.is_some_and(|at| at.server != room.server)
    });
    assert_eq!(
        json!(cluster.explain("alice", "lobby").unwrap())["chat"]["strategy"],
        "directory(least-connections)"
    );
}
