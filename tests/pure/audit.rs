//! The audit finds each fault that it names, here made by hand, one of each.

use std::collections::BTreeMap;
use std::sync::Arc;

use pomelo_sim::audit::{Invariant, RouterView, audit};
use pomelo_sim::channels::Member;
use pomelo_sim::envelope::{Room, Session};
use pomelo_sim::ids::{ServerId, ServerType, SessionId, SessionKey, Uid};
use pomelo_sim::servers::Holdings;

/// A connector with alice and bob, two chat servers, and their room on the first.
struct Scene {
    servers: BTreeMap<ServerId, (ServerType, Holdings)>,
    router: RouterView,
}

fn key(number: u32) -> SessionKey {
    SessionKey { frontend: "connector".into(), session: SessionId::new(number, number) }
}

fn member(name: &str, number: u32) -> Member {
    Member { uid: Uid::from(format!("{name}*room")), session: key(number) }
}

impl Scene {
    fn new() -> Self {
        let members = vec![member("alice", 1), member("bob", 2)];
        let session = |member: &Member| {
            let mut session = Session::new(member.session.clone());
            session.uid = Some(member.uid.clone());
            session.set("rid", "room");
            session
        };
        let connector = Holdings { sessions: members.iter().map(session).collect(), channels: Vec::new() };
        let chat = Holdings { sessions: Vec::new(), channels: vec![("room".to_owned(), members.clone())] };
        let room = Room { channel: "room".into(), key: Some(Arc::from("room")), members: members.clone() };
        let of = |server_type: &str, holdings| (ServerType::from(server_type), holdings);
        Self {
            servers: BTreeMap::from([
                ("connector".into(), of("connector", connector)),
                ("chat-1".into(), of("chat", chat)),
                ("chat-2".into(), of("chat", Holdings::default())),
            ]),
            router: RouterView {
                uids: members.into_iter().map(|member| (member.uid, member.session)).collect(),
                rooms: BTreeMap::from([("chat-1".into(), vec![(room, Some("chat-1".into()))])]),
                is_changing: false,
            },
        }
    }

    fn holdings(&mut self, server: &str) -> &mut Holdings {
        &mut self.servers.get_mut(server).unwrap().1
    }

    fn sessions(&mut self) -> &mut Vec<Session> {
        &mut self.holdings("connector").sessions
    }

    /// Which laws are broken, each once.
    fn broken(&self) -> Vec<Invariant> {
        let mut laws: Vec<Invariant> =
            audit(&self.servers, &self.router, true, "rid").into_iter().map(|found| found.law).collect();
        laws.dedup();
        laws
    }
}

/// What breaks when this is done to a sound cluster.
fn breaks(fault: impl FnOnce(&mut Scene)) -> Vec<Invariant> {
    let mut scene = Scene::new();
    assert_eq!(scene.broken(), []);
    fault(&mut scene);
    scene.broken()
}

#[test]
fn each_law_is_held() {
    // The room belongs to the other server; where rooms stay, that is fine.
    let elsewhere = |scene: &mut Scene| {
        scene.router.rooms.get_mut(&ServerId::from("chat-1")).unwrap()[0].1 = Some("chat-2".into());
    };
    assert_eq!(breaks(elsewhere), [Invariant::RoomOnOneServer]);
    let mut scene = Scene::new();
    elsewhere(&mut scene);
    assert!(audit(&scene.servers, &scene.router, false, "rid").is_empty());

    // The room is on both.
    let twice = |scene: &mut Scene| {
        let room = scene.holdings("chat-1").channels.clone();
        scene.holdings("chat-2").channels = room;
    };
    assert_eq!(breaks(twice), [Invariant::SessionsAreMembers, Invariant::RouterKnowsRooms]);

    // Two sessions have one uid; the router has it for another session; it has one that nobody has.
    let doubled = |scene: &mut Scene| scene.sessions()[1].uid = Some("alice*room".into());
    assert_eq!(breaks(doubled), [Invariant::UidBoundOnce, Invariant::MembersAreSessions]);
    assert_eq!(breaks(|scene| scene.router.uids[0].1 = key(7)), [Invariant::UidBoundOnce]);
    assert_eq!(
        breaks(|scene| scene.router.uids.push(("eve*room".into(), key(3)))),
        [Invariant::UidBoundOnce]
    );
    assert_eq!(breaks(|scene| drop(scene.router.uids.pop())), [Invariant::UidBoundOnce]);

    // A member is not connected; a session that has entered is in no room.
    let ghost = |scene: &mut Scene| {
        scene.sessions().pop();
        scene.router.uids.pop();
    };
    assert_eq!(breaks(ghost), [Invariant::MembersAreSessions]);
    let left_out = |scene: &mut Scene| {
        scene.holdings("chat-1").channels[0].1.pop();
        scene.router.rooms.get_mut(&ServerId::from("chat-1")).unwrap()[0].0.members.pop();
    };
    assert_eq!(breaks(left_out), [Invariant::SessionsAreMembers]);

    // The router and the server do not know the same members.
    let unknown = |scene: &mut Scene| scene.router.rooms.clear();
    assert_eq!(breaks(unknown), [Invariant::RouterKnowsRooms]);
    assert_eq!(breaks(|scene| scene.router.is_changing = true), [Invariant::ChangesEnd]);
}

#[test]
fn a_room_that_waits_for_a_server_is_no_fault() {
    let waits = |scene: &mut Scene| {
        scene.servers.retain(|id, _| id.as_str() == "connector");
        let mut rooms = scene.router.rooms.remove(&ServerId::from("chat-1")).unwrap();
        rooms[0].1 = None;
        scene.router.rooms.insert("chat-1 (lost 1)".into(), rooms);
    };
    assert_eq!(breaks(waits), []);
    // But it is when there is a server that it belongs to.
    let stranded = |scene: &mut Scene| {
        waits(scene);
        let rooms = scene.router.rooms.values_mut().next().unwrap();
        rooms[0].1 = Some("chat-2".into());
    };
    let broken = breaks(stranded);
    assert!(broken.contains(&Invariant::RoomOnOneServer), "{broken:?}");
}
