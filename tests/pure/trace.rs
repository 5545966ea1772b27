//! The path of single messages, step by step, on the pure cluster: what is recorded, of which
//! messages, and its bounds.

use std::time::Duration;

use crate::support::fragile::keep_panics_on_purpose_quiet;
use crate::support::shop;
use crate::support::world::{PureWorld, World};
use pomelo_sim::cluster::Cluster;
use pomelo_sim::ids::Uid;
use pomelo_sim::time::Time;
use pomelo_sim::trace::{BEGUN_PER_SECOND_MAX, Filter, Reason, STEPS_MAX, Step, TEXT_CHARS_MAX, Watch, What};
use serde_json::{Value, json};

const SEND: &str = "chat.chatHandler.send";

fn world(connectors: usize, chats: usize) -> PureWorld {
    let mut spec = crate::support::spec(connectors, chats);
    let connectors = spec.servers.iter_mut().filter(|server| server.server_type.as_str() == "connector");
    connectors.zip(3050..).for_each(|(server, port)| server.client_port = Some(port));
    PureWorld::new(Cluster::from_spec(spec))
}

/// All is traced from now on.
fn watch(world: &mut PureWorld, filter: Filter) -> Watch {
    let watch = world.cluster.watch();
    watch.turn_on(world.cluster.now, filter, Duration::from_secs(300));
    watch
}

fn filter(fields: Value) -> Filter {
    serde_json::from_value(fields).unwrap()
}

/// What was seen, all of it.
fn steps(watch: &Watch) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    loop {
        let view = watch.read(Time::START, steps.last().map_or(0, |last| last.seq + 1));
        if view.steps.is_empty() {
            return steps;
        }
        steps.extend(view.steps);
    }
}

/// Each step in words: `chat-server-1 handled chatHandler.send`.
fn told(steps: &[Step]) -> Vec<String> {
    let one = |step: &Step| {
        let what = match &step.what {
            What::Received { route, uid, rid, .. } => {
                let of = |name: &Option<Box<str>>| name.as_deref().unwrap_or("-").to_owned();
                format!("received {route} of {} in {}", of(uid), of(rid))
            }
            What::Routed { to, key, server_type, .. } => format!("routed to {to}, {server_type} of {key}"),
            What::Held { to, reason } => format!("held for {to}: {reason:?}"),
            What::Handled { route, error: None, .. } => format!("handled {route}"),
            What::Handled { route, error: Some(error), .. } => format!("handled {route}: {error}"),
            What::Called { to, route } => format!("called {to} for {route}"),
            What::Pushed { route, frontend, recipients } => {
                format!(
                    "pushed {route} to {} at {frontend}",
                    recipients.map_or("all".into(), |n| n.to_string())
                )
            }
            What::Delivered { sessions } => format!("delivered to {sessions}"),
            What::Answered { error: None, .. } => "answered".to_owned(),
            What::Answered { error: Some(error), .. } => format!("answered: {error}"),
        };
        format!("{} {what}", step.server)
    };
    steps.iter().map(one).collect()
}

/// All of one trace.
fn is_one_trace(steps: &[Step]) -> bool {
    steps.iter().all(|step| step.trace == steps[0].trace)
}

#[test]
fn a_login_and_a_chat_message_are_seen_step_by_step() {
    let world = &mut world(2, 2);
    let bob = world.enter("connector-server-2", "bob", "lobby");
    let watch = watch(world, Filter::default());
    let gate = world.open("gate-server-1");
    world.request(gate, "gate.gateHandler.queryEntry", json!({"uid": "alice"}));
    let asked = steps(&watch);
    assert!(is_one_trace(&asked));
    assert_eq!(
        told(&asked),
        [
            "gate-server-1 received gate.gateHandler.queryEntry of - in -",
            "gate-server-1 called router for locate connector",
            "gate-server-1 routed to connector-server-2, connector of alice",
            "gate-server-1 handled gate.gateHandler.queryEntry",
            "gate-server-1 answered",
        ]
    );
    let What::Routed { strategy, why, .. } = &asked[2].what else { panic!("{asked:?}") };
    assert!(&**strategy == "pomelo-crc" && why.contains("mod 2 = 1"), "{strategy}: {why}");

    let alice = world.enter("connector-server-1", "alice", "lobby");
    let login = steps(&watch).split_off(asked.len());
    assert!(is_one_trace(&login) && login[0].trace != asked[0].trace);
    assert_eq!(
        told(&login),
        [
            "connector-server-1 received connector.entryHandler.enter of - in -",
            "connector-server-1 called router for bind alice*lobby",
            "connector-server-1 called chat for chatRemote.add",
            "connector-server-1 routed to chat-server-2, chat of lobby",
            "chat-server-2 pushed onAdd to 1 at connector-server-2",
            "chat-server-2 handled chatRemote.add",
            "connector-server-2 delivered to 1",
            "connector-server-1 handled connector.entryHandler.enter",
            "connector-server-1 answered",
        ]
    );
    let What::Received { kind, bytes, body, session, .. } = &login[0].what else { panic!("{login:?}") };
    assert_eq!((json!(kind), *bytes), (json!("request"), body.len()));
    assert_eq!(*session, world.key(alice).session.serial());
    assert_eq!(serde_json::from_str::<Value>(body).unwrap(), json!({"username": "alice", "rid": "lobby"}));

    let before = steps(&watch).len();
    assert_eq!(world.send(alice, "hello", "*"), json!({}));
    let chat = steps(&watch).split_off(before);
    assert!(is_one_trace(&chat));
    assert_eq!(
        told(&chat),
        [
            "connector-server-1 received chat.chatHandler.send of alice*lobby in lobby",
            "connector-server-1 routed to chat-server-2, chat of lobby",
            "chat-server-2 pushed onChat to 1 at connector-server-2",
            "chat-server-2 pushed onChat to 1 at connector-server-1",
            "chat-server-2 handled chatHandler.send",
            "connector-server-2 delivered to 1",
            "connector-server-1 delivered to 1",
            "connector-server-1 answered",
        ]
    );
    let before = steps(&watch).len();
    assert!(world.send(bob, "psst", "nobody")["code"] == 500);
    let refused = told(&steps(&watch)[before..]);
    assert_eq!(refused[2], "chat-server-2 handled chatHandler.send: target: no user \"nobody\" in your room");
    assert_eq!(refused[3], "connector-server-2 answered: target: no user \"nobody\" in your room");
    let before = steps(&watch).len();
    world.notify(bob, SEND, json!({"content": "no answer", "target": "*"}));
    let notify = steps(&watch).split_off(before);
    assert!(matches!(&notify[0].what, What::Received { kind: pomelo_sim::trace::Way::Notify, .. }));
    assert!(!told(&notify).iter().any(|step| step.contains("answered")), "nobody waits for one");
    assert_eq!(world.cluster.audit(), []);
}

#[test]
fn while_nobody_watches_nothing_is_written_and_nothing_marked() {
    let world = &mut world(1, 1);
    let watch = world.cluster.watch();
    world.cluster.lost = Box::new(|_, envelope| {
        assert_eq!(envelope.trace, None, "{envelope:?}");
        false
    });
    let alice = world.enter("connector-server-1", "alice", "lobby");
    assert_eq!(world.send(alice, "hello", "*"), json!({}));
    let view = watch.read(world.cluster.now, 0);
    assert_eq!((view.on, view.steps.len(), view.next, view.skipped), (false, 0, 0, 0));
    // Turned on and off again, the same.
    watch.turn_on(world.cluster.now, Filter::default(), Duration::from_secs(1));
    watch.turn_off();
    assert_eq!(world.send(alice, "hello", "*"), json!({}));
    assert_eq!(steps(&watch), []);
}

#[test]
fn it_ends_by_itself() {
    let world = &mut world(1, 1);
    let alice = world.enter("connector-server-1", "alice", "lobby");
    let watch = watch(world, Filter::default());
    world.cluster.advance(Duration::from_secs(299));
    assert_eq!(watch.read(world.cluster.now, 0).seconds_left, 1.0);
    world.send(alice, "hello", "*");
    let seen = steps(&watch).len();
    assert!(seen > 0);
    world.cluster.advance(Duration::from_secs(1));
    let view = watch.read(world.cluster.now, 0);
    assert_eq!((view.on, view.seconds_left), (false, 0.0));
    world.send(alice, "hello", "*");
    assert_eq!((steps(&watch).len(), watch.is_on()), (seen, false));
}

/// What of these is traced: the gate's answer and login of two users in two rooms, and a message of
/// each.
fn seen_with(fields: Value) -> Vec<String> {
    let world = &mut world(2, 3);
    let watch = watch(world, filter(fields));
    let mut received = Vec::new();
    for (name, rid, connector) in [("alice", "lobby", 1), ("bob", "room2", 2)] {
        let gate = world.open("gate-server-1");
        world.request(gate, "gate.gateHandler.queryEntry", json!({"uid": name}));
        let player = world.enter(&format!("connector-server-{connector}"), name, rid);
        world.send(player, "hello", "*");
    }
    for step in steps(&watch) {
        if let What::Received { route, uid, body, .. } = &step.what {
            let last = route.rsplit('.').next().unwrap();
            let who = ["alice", "bob"]
                .into_iter()
                .find(|name| uid.as_deref().is_some_and(|uid| uid.starts_with(name)) || body.contains(name));
            received.push(format!("{} {last}", who.unwrap()));
        }
    }
    received
}

#[test]
fn a_filter_says_whose_messages_of_which_kind_are_traced() {
    let alice = ["alice queryEntry", "alice enter", "alice send"];
    let bob = ["bob queryEntry", "bob enter", "bob send"];
    assert_eq!(seen_with(json!({})), [alice, bob].concat());
    assert_eq!(seen_with(json!({"uid": "alice"})), alice, "also before she is anybody");
    assert_eq!(seen_with(json!({"uid": "alice*lobby"})), alice[2..]);
    assert_eq!(seen_with(json!({"uid": "ali"})), [""; 0]);
    assert_eq!(seen_with(json!({"rid": "room2"})), bob[1..]);
    assert_eq!(seen_with(json!({"rid": "room2", "uid": "alice"})), [""; 0]);
    assert_eq!(seen_with(json!({"route": "chat.chatHandler.send"})), [alice[2], bob[2]]);
    assert_eq!(seen_with(json!({"route": "connector"})), [alice[1], bob[1]]);
    assert_eq!(seen_with(json!({"route": "chat.chatHandler.se"})), [""; 0], "not a part of a word");
    // The gate sends alice there, though she goes to the other one.
    assert_eq!(seen_with(json!({"server": "connector-server-2"})), [alice[0], bob[1], bob[2]]);
    // lobby is on chat-server-3, room2 on chat-server-1 (see the guide on strategies).
    assert_eq!(seen_with(json!({"server": "chat-server-1"})), bob[1..]);
    assert_eq!(seen_with(json!({"server": "chat-server-1", "uid": "alice"})), [""; 0]);
}

#[test]
fn a_trace_in_which_a_wanted_server_takes_part_is_kept_whole() {
    let world = &mut world(2, 3);
    let alice = world.enter("connector-server-1", "alice", "lobby");
    let watch = watch(world, filter(json!({"server": "chat-server-3"})));
    world.send(alice, "hello", "*");
    let seen = steps(&watch);
    assert!(is_one_trace(&seen));
    let seen = told(&seen);
    assert!(seen[0].starts_with("connector-server-1 received"), "{seen:?}");
    assert_eq!(seen.last().unwrap(), "connector-server-1 answered");
}

#[test]
fn what_waits_says_why() {
    let world = &mut world(1, 2);
    let alice = world.enter("connector-server-1", "alice", "lobby");
    let watch = watch(world, filter(json!({"uid": "alice"})));
    let held = |world: &mut PureWorld, prepare: &dyn Fn(&mut PureWorld), undo: &dyn Fn(&mut PureWorld)| {
        let before = steps(&watch).len();
        prepare(world);
        let asked = world.ask(alice, SEND, &json!({"content": "hello", "target": "*"}));
        world.cluster.settle();
        assert_eq!(world.answer(alice, asked), None, "it waits");
        world.cluster.pass(Duration::from_millis(1500));
        undo(world);
        world.cluster.advance(Duration::from_millis(250));
        assert_eq!(world.answer(alice, asked), Some(json!({})));
        let seen = steps(&watch).split_off(before);
        assert!(is_one_trace(&seen));
        let waited = seen.iter().find_map(|step| match step.what {
            What::Handled { waited_us, .. } => Some(waited_us),
            _ => None,
        });
        assert!(waited.unwrap() >= 1_500_000, "{seen:?}");
        seen.into_iter().find_map(|step| match step.what {
            What::Held { to, reason } => Some((to.to_string(), reason)),
            _ => None,
        })
    };
    let chat = "chat-server-2".to_owned();
    let rule = |fields: Value| serde_json::from_value(fields).unwrap();
    let pause = held(world, &|w| w.cluster.pause("chat-server-2"), &|w| w.cluster.resume("chat-server-2"));
    assert_eq!(pause, Some((chat.clone(), Reason::Paused)));
    let cut = json!({"from": "connector", "to": "chat", "latency": "1500ms"});
    let slow = held(world, &|w| w.cluster.install(rule(cut.clone())), &|w| w.cluster.heal());
    assert_eq!(slow, Some((chat.clone(), Reason::Link)));
    let cut = json!({"from": "connector", "to": "chat", "cut": true});
    let lost = held(world, &|w| w.cluster.install(rule(cut.clone())), &|w| w.cluster.heal());
    assert_eq!(lost, Some((chat, Reason::Lost)));
    // Its server does not say that it is done with what came before, so a key that moves waits.
    let router = &world.cluster.router;
    let moves = |strategy: &&str| {
        let strategy = strategy.parse().unwrap();
        router.preview(&"chat".into(), &strategy, Uid::as_str).unwrap().rooms_moved == 1
    };
    let other = ["jump", "rendezvous", "crc32-mod", "ring", "maglev"].into_iter().find(moves).unwrap();
    let changing = held(
        world,
        &|w| {
            w.cluster.stall("chat-server-2", true);
            w.cluster.steer("chat", other);
            w.cluster.settle();
        },
        &|w| w.cluster.stall("chat-server-2", false),
    );
    let owner = world.cluster.router.owner(&"chat".into(), "lobby").unwrap();
    assert_eq!(changing, Some((owner.to_string(), Reason::Changing)));
}

#[test]
fn a_message_that_waited_behind_another_of_its_session_has_a_trace_of_its_own() {
    let world = &mut world(1, 1);
    let alice = world.open("connector-server-1");
    let watch = watch(world, filter(json!({"route": "chat"})));
    let enter =
        world.ask(alice, "connector.entryHandler.enter", &json!({"username": "alice", "rid": "lobby"}));
    let sent = world.ask(alice, SEND, &json!({"content": "at once", "target": "*"}));
    world.cluster.settle();
    assert!(world.answer(alice, enter).unwrap()["users"].is_array());
    assert_eq!(world.answer(alice, sent), Some(json!({})));
    // The login is not wanted; what waited behind it is.
    let seen = told(&steps(&watch));
    assert_eq!(seen[0], "connector-server-1 received chat.chatHandler.send of alice*lobby in lobby");
    assert_eq!(seen.len(), 6, "{seen:?}");
    watch.turn_on(world.cluster.now, Filter::default(), Duration::from_secs(300));
    let bob = world.open("connector-server-1");
    world.ask(bob, "connector.entryHandler.enter", &json!({"username": "bob", "rid": "lobby"}));
    world.ask(bob, SEND, &json!({"content": "at once", "target": "*"}));
    world.cluster.settle();
    let seen = steps(&watch);
    let (login, chat) = (seen[0].trace, seen.last().unwrap().trace);
    assert!(login != chat);
    let of = |trace| told(&seen.iter().filter(|step| step.trace == trace).cloned().collect::<Vec<_>>());
    assert_eq!(of(login).len(), 9, "{:?}", of(login));
    assert_eq!(of(chat).len(), 6, "{:?}", of(chat));
    assert_eq!(seen.len(), 15);
}

#[test]
fn a_message_that_hops_over_calls_is_one_trace_and_what_a_panic_undoes_was_not_done() {
    let world = &mut PureWorld::new(shop::shops());
    let ann = shop::bound(world, "desk-1", "ann");
    let watch = watch(world, Filter::default());
    let mut ask = |route: &str, body: Value| {
        let before = steps(&watch).len();
        let answer = world.request(ann, route, body);
        let seen = steps(&watch).split_off(before);
        assert!(is_one_trace(&seen), "{:?}", told(&seen));
        (answer, told(&seen))
    };
    let (answer, seen) = ask("shop.shop.ask_desk", json!({"server": "shop-3"}));
    assert_eq!(answer, json!({"bound": true}));
    assert_eq!(
        seen,
        [
            "desk-1 received shop.shop.ask_desk of ann in -",
            "desk-1 routed to shop-2, shop of a",
            "shop-2 called desk-1 for deskRemote.ask",
            "desk-1 called shop-3 for shopRemote.who",
            "shop-3 handled shopRemote.who",
            "desk-1 handled deskRemote.ask",
            "shop-2 handled shop.ask_desk",
            "desk-1 answered",
        ]
    );
    let (_, seen) = ask("shop.shop.note", json!({}));
    assert_eq!(seen.iter().filter(|step| step.ends_with("handled shopRemote.note")).count(), 3, "{seen:?}");
    keep_panics_on_purpose_quiet();
    let (answer, seen) = ask("shop.shop.panic", json!({}));
    assert_eq!(answer["code"], 500);
    assert!(seen[2].starts_with("shop-2 handled shop.panic: the handler failed"), "{seen:?}");
    assert_eq!(seen.len(), 4, "{seen:?}");
}

#[test]
fn it_is_bounded() {
    let world = &mut world(1, 1);
    let alice = world.enter("connector-server-1", "alice", "lobby");
    let bob = world.enter("connector-server-1", "bob", "lobby");
    let watch = watch(world, filter(json!({"uid": "alice"})));
    let long = "é".repeat(3000);
    world.send(alice, &long, "*");
    for step in steps(&watch) {
        if let What::Received { bytes, body, .. } = step.what {
            assert_eq!((bytes > 6000, body.chars().count()), (true, TEXT_CHARS_MAX + 1));
        }
    }
    // Others do not take the place of those who are wanted.
    world.cluster.advance(Duration::from_secs(2));
    for _ in 0..2 * BEGUN_PER_SECOND_MAX {
        world.send(bob, "noise", "*");
    }
    let before = steps(&watch).len();
    world.send(alice, "heard", "*");
    let view = watch.read(world.cluster.now, 0);
    assert!(steps(&watch).len() > before);
    assert_eq!(view.skipped, 0);
    watch.turn_on(world.cluster.now, Filter::default(), Duration::from_secs(300));
    for _ in 0..BEGUN_PER_SECOND_MAX + 50 {
        world.send(alice, "noise", "*");
    }
    let view = watch.read(world.cluster.now, 0);
    assert_eq!(view.skipped, 50);
    let begun =
        |steps: &[Step]| steps.iter().filter(|step| matches!(step.what, What::Received { .. })).count();
    assert_eq!(begun(&steps(&watch)), BEGUN_PER_SECOND_MAX as usize);
    for _ in 0..10 {
        world.cluster.advance(Duration::from_secs(1));
        for _ in 0..BEGUN_PER_SECOND_MAX {
            world.send(alice, "noise", "*");
        }
    }
    let seen = steps(&watch);
    assert_eq!(seen.len(), STEPS_MAX);
    assert!(seen.windows(2).all(|pair| pair[0].seq + 1 == pair[1].seq));
    assert!(seen[0].seq > 0, "the oldest are gone");
}
