//! Slow, lossy and cut links between servers; and a clean state once they heal.

use std::time::{Duration, Instant};

use crate::support::client::{BOTH, Client, Transport};
use crate::support::pure::Out;
use crate::support::watch::connectors;
use crate::support::world::{Player, PureWorld, World};
use crate::support::{PATIENCE, patient, tutorial};
use pomelo_sim::cluster::Options;
use pomelo_sim::live::RunningCluster;
use pomelo_sim::random::Random;
use pomelo_sim::router::links::{Link, Rule, Verdict};
use pomelo_sim::router::{Latency, LinkRule};
use pomelo_sim::servers::SessionLimits;
use serde_json::{Value, json};

const SEND: &str = "chat.chatHandler.send";

fn rule(text: &str) -> LinkRule {
    serde_json::from_str(text).unwrap()
}

fn hello() -> Value {
    json!({"content": "hello", "target": "*"})
}

#[test]
fn rules_are_read_and_written() {
    let full = r#"{"name":"slow","from":"connector","to":"chat-server-1","both":true,"loss":0.25,"latency":"20ms..50ms"}"#;
    assert_eq!(serde_json::to_string(&rule(full)).unwrap(), full);
    let cut = rule(r#"{"cut":true}"#);
    assert_eq!((cut.from.as_str(), cut.to.as_str(), cut.cut, cut.loss), ("*", "*", true, 0.0));
    for (text, latency) in [
        ("20ms", Latency::Fixed(Duration::from_millis(20))),
        ("1.5s", Latency::Fixed(Duration::from_millis(1500))),
        ("300us..2ms", Latency::Uniform(Duration::from_micros(300), Duration::from_millis(2))),
        ("~20ms/0.7", Latency::Lognormal(Duration::from_millis(20), 0.7)),
        ("~1s", Latency::Lognormal(Duration::from_secs(1), 0.5)),
    ] {
        assert_eq!(Latency::parse(text), Ok(latency), "{text}");
        assert_eq!(Latency::parse(&latency.to_string()), Ok(latency), "{latency}");
    }
    for wrong in
        ["", "20", "ms", "-1ms", "50ms..20ms", "61s", "~0ms", "~1ms/-1", "~1ms/9", "1h", "nanms", "1e9s"]
    {
        assert!(Latency::parse(wrong).unwrap_err().starts_with("expected a latency such as 20ms"), "{wrong}");
    }
    for wrong in [r#"{"loss":1.5}"#, r#"{"loss":-0.1}"#, r#"{"latency":20}"#, r#"{"form":"chat"}"#] {
        assert!(serde_json::from_str::<LinkRule>(wrong).is_err(), "{wrong}");
    }
}

/// What a rule says of a link between a connector and a chat server.
fn says(rule: &mut LinkRule, from: (&str, &str), to: (&str, &str), random: &mut Random) -> Verdict {
    let (from_id, from_type, to_id, to_type) = (from.0.into(), from.1.into(), to.0.into(), to.1.into());
    let end = |id, server_type| pomelo_sim::router::links::End { id, server_type };
    rule.verdict(&Link { from: end(&from_id, &from_type), to: end(&to_id, &to_type) }, random)
}

#[test]
fn a_rule_holds_for_its_ends_and_its_direction() {
    let (connector, chat, other) = (("c1", "connector"), ("chat1", "chat"), ("chat2", "chat"));
    let random = &mut Random::new(1, "test");
    let later = Verdict::Deliver(Duration::from_millis(5));
    for (text, forth, back, elsewhere) in [
        (r#"{"from":"connector","to":"chat1","latency":"5ms"}"#, later, Verdict::Pass, Verdict::Pass),
        (r#"{"from":"connector","to":"chat","latency":"5ms","both":true}"#, later, later, later),
        (r#"{"from":"c1","latency":"5ms"}"#, later, Verdict::Pass, later),
        (r#"{"to":"c1","cut":true}"#, Verdict::Pass, Verdict::Drop, Verdict::Pass),
        (r#"{"cut":true,"latency":"5ms"}"#, Verdict::Drop, Verdict::Drop, Verdict::Drop),
        (r#"{"loss":1}"#, Verdict::Drop, Verdict::Drop, Verdict::Drop),
        (r#"{"from":"gate","cut":true}"#, Verdict::Pass, Verdict::Pass, Verdict::Pass),
    ] {
        let rule = &mut rule(text);
        assert_eq!(says(rule, connector, chat, random), forth, "{text}");
        assert_eq!(says(rule, chat, connector, random), back, "{text}");
        assert_eq!(says(rule, connector, other, random), elsewhere, "{text}");
    }
}

#[test]
fn losses_and_latencies_follow_their_laws() {
    const DRAWS: usize = 20_000;
    let random = &mut Random::new(7, "laws");
    let lossy = &mut rule(r#"{"loss":0.3}"#);
    let lost = (0..DRAWS).filter(|_| says(lossy, ("a", "a"), ("b", "b"), random) == Verdict::Drop).count();
    // Three standard errors of a share of 0.3.
    let error = 3.0 * (0.3 * 0.7 / DRAWS as f64).sqrt();
    assert!((lost as f64 / DRAWS as f64 - 0.3).abs() < error, "{lost}");

    let mut drawn = |latency: &str| -> Vec<f64> {
        let latency = Latency::parse(latency).unwrap();
        let mut drawn: Vec<f64> = (0..DRAWS).map(|_| latency.draw(random).as_secs_f64()).collect();
        drawn.sort_by(f64::total_cmp);
        drawn
    };
    assert!(drawn("7ms").iter().all(|seconds| *seconds == 0.007));
    let uniform = drawn("10ms..30ms");
    assert!(uniform[0] >= 0.01 && uniform[DRAWS - 1] <= 0.03);
    assert!((uniform.iter().sum::<f64>() / DRAWS as f64 - 0.02).abs() < 0.0002);
    let lognormal = drawn("~20ms/0.5");
    assert!((lognormal[DRAWS / 2] - 0.02).abs() < 0.0005, "the median: {}", lognormal[DRAWS / 2]);
    // One standard deviation of the logarithm above the median: e^0.5 times as long.
    let above = lognormal[(DRAWS as f64 * 0.8413) as usize];
    assert!((above / 0.02 - 0.5f64.exp()).abs() < 0.05, "{above}");
}

#[test]
fn the_same_seed_meets_the_same_chance() {
    let run = |seed: u64| -> Vec<u64> {
        let world = &mut PureWorld::new(tutorial().options(Options { seed, ..Options::default() }));
        let player = world.enter("connector-server-1", "alice", "room");
        world.cluster.install(rule(r#"{"latency":"1ms..100ms","loss":0.2}"#));
        let mut times = Vec::new();
        for _ in 0..20 {
            let asked = world.ask(player, SEND, &hello());
            let began = world.cluster.now;
            while world.answer(player, asked).is_none() {
                world.cluster.advance(Duration::from_millis(1));
            }
            times.push(world.cluster.now.since(began).as_millis() as u64);
        }
        times
    };
    assert_eq!(run(1), run(1));
    assert_ne!(run(1), run(2));
}

/// How long a request takes, in milliseconds of the pure cluster's time.
fn milliseconds(world: &mut PureWorld, player: Player) -> u64 {
    let asked = world.ask(player, SEND, &hello());
    let began = world.cluster.now;
    loop {
        world.cluster.settle();
        if world.answer(player, asked).is_some() {
            return world.cluster.now.since(began).as_millis() as u64;
        }
        world.cluster.advance(Duration::from_millis(1));
    }
}

#[test]
fn latency_is_added_in_each_direction_and_the_first_rule_that_says_something_wins() {
    let world = &mut PureWorld::new(tutorial());
    // room1 lives on chat-server-3.
    let player = world.enter("connector-server-1", "alice", "room1");
    assert_eq!(milliseconds(world, player), 0);
    world.cluster.install(rule(r#"{"name":"a","from":"connector","to":"chat","latency":"30ms"}"#));
    assert_eq!(milliseconds(world, player), 30);
    world.cluster.install(rule(r#"{"name":"b","from":"chat","to":"connector","latency":"12ms"}"#));
    assert_eq!(milliseconds(world, player), 42);
    // Behind the first, so it says nothing to this link; in its place, it does.
    world.cluster.install(rule(r#"{"name":"c","from":"connector-server-1","latency":"500ms"}"#));
    assert_eq!(milliseconds(world, player), 42);
    world.cluster.install(rule(r#"{"name":"a","from":"connector","to":"chat-server-1","latency":"30ms"}"#));
    assert_eq!(milliseconds(world, player), 512);
    let names: Vec<String> = world.cluster.router.rules().into_iter().map(|rule| rule.name).collect();
    assert_eq!(names, ["a", "b", "c"]);
    world.cluster.heal();
    assert_eq!(milliseconds(world, player), 0);
}

#[test]
fn what_is_lost_is_sent_again_and_nothing_is_doubled_or_disordered() {
    let world = &mut PureWorld::new(tutorial());
    let [alice, bob] =
        [1, 2].map(|n| world.enter(&format!("connector-server-{n}"), &format!("u{n}"), "room"));
    world.pushes(alice);
    world.cluster.install(rule(r#"{"loss":0.3,"latency":"1ms..80ms"}"#));
    let asked: Vec<u64> =
        (0..50).map(|n| world.ask(alice, SEND, &json!({"content": n, "target": "*"}))).collect();
    for _ in 0..400 {
        world.cluster.advance(Duration::from_millis(100));
    }
    let answers: Vec<bool> = asked.iter().map(|id| world.answer(alice, *id) == Some(json!({}))).collect();
    let heard: Vec<usize> =
        world.pushes(bob).into_iter().map(|(_, body)| body["msg"].as_u64().unwrap() as usize).collect();
    assert!(heard.is_sorted() && heard.windows(2).all(|pair| pair[0] < pair[1]), "{heard:?}");
    for (n, acknowledged) in answers.iter().enumerate() {
        assert!(!acknowledged || heard.contains(&n), "{n} was acknowledged");
    }
    assert!(world.cluster.router.counters().resent > 10);
    assert_eq!(world.cluster.audit(), []);
}

#[test]
fn a_cut_link_answers_by_the_deadline_and_heals_without_a_trace() {
    let world = &mut PureWorld::new(tutorial());
    let [alice, bob, eve] = [("alice", 1), ("bob", 2), ("eve", 1)]
        .map(|(name, n)| world.enter(&format!("connector-server-{n}"), name, "room1"));
    [alice, bob, eve].into_iter().for_each(|player| drop(world.pushes(player)));
    world
        .cluster
        .install(rule(r#"{"name":"cut","from":"connector-server-1","to":"chat","both":true,"cut":true}"#));
    let lost = world.ask(alice, SEND, &hello());
    // One behind the cut leaves, one comes; who speaks from the other side is heard there at once.
    world.leave(eve);
    let late = world.open("connector-server-1");
    let enter = world.ask(late, "connector.entryHandler.enter", &json!({"username": "late", "rid": "room1"}));
    assert_eq!(world.send(bob, "I am here", "*"), json!({}));
    assert_eq!(world.pushes(bob).len(), 1);
    assert_eq!(world.answer(alice, lost), None);
    world.cluster.advance(Duration::from_millis(2999));
    assert_eq!(world.answer(alice, lost), None);
    world.cluster.advance(Duration::from_millis(1));
    assert_eq!(world.answer(alice, lost).unwrap()["code"], 504);
    let refused = world.answer(late, enter).unwrap();
    assert_eq!((&refused["code"], &refused["error"]), (&json!(504), &json!(true)), "{refused}");
    assert_eq!(world.cluster.router.rules().len(), 1);
    world.cluster.heal();
    world.cluster.settle();
    assert_eq!(world.cluster.audit(), []);
    let told = ("onLeave".to_owned(), json!({"route": "onLeave", "user": "eve"}));
    let heard = |content: &str| ("onChat".to_owned(), json!({"msg": content, "from": "bob", "target": "*"}));
    assert_eq!(world.pushes(bob), std::slice::from_ref(&told), "what failed is not done afterwards");
    assert_eq!(world.pushes(alice), [heard("I am here"), told], "and what was acknowledged came through");
    // The one that could not come in may try again.
    let enter = json!({"username": "late", "rid": "room1"});
    assert!(world.request(late, "connector.entryHandler.enter", enter)["users"].is_array());
    assert_eq!(world.cluster.audit(), []);
}

#[test]
fn a_full_link_refuses_calls_and_tells_those_who_missed_a_push() {
    let world = &mut PureWorld::new(tutorial().options(Options {
        sessions: SessionLimits { calls_max: 1_000_000, ..SessionLimits::default() },
        ..Options::default()
    }));
    let sender = world.enter("connector-server-1", "sender", "room");
    let behind = world.enter("connector-server-2", "behind", "room");
    let other = world.enter("connector-server-2", "other", "elsewhere");
    let long = "x".repeat(60_000);
    world.cluster.install(rule(r#"{"from":"chat","to":"connector-server-2","cut":true}"#));
    for _ in 0..300 {
        assert_eq!(world.send(sender, &long, "*"), json!({}), "the sender has nothing to do with it");
        world.pushes(sender);
    }
    // In the other direction: requests wait too, and then there is no room.
    world.cluster.install(rule(r#"{"from":"connector-server-2","to":"chat","cut":true}"#));
    let body = json!({"content": long, "target": "*"});
    let refused = (0..300)
        .map(|_| world.ask(other, SEND, &body))
        .collect::<Vec<_>>()
        .into_iter()
        .filter(|id| {
            world.cluster.settle();
            world.answer(other, *id).is_some_and(|answer| answer["code"] == 503)
        })
        .count();
    assert!((100..200).contains(&refused), "8 MiB hold some 139 of them: {refused}");
    world.cluster.heal();
    world.cluster.settle();
    let got = &world.cluster.inboxes[&world.key(behind)];
    let pushes = got.iter().filter(|out| matches!(out, Out::Push(_))).count();
    assert!((100..200).contains(&pushes), "what there was room for came, in order: {pushes}");
    assert_eq!(world.kicked(behind), "missed messages");
    assert_eq!(world.cluster.router.counters().missed, 1);
    world.leave(behind);
    world.cluster.advance(Duration::from_secs(4));
    assert_eq!(world.cluster.audit(), []);
}

#[test]
fn a_rule_may_be_code() {
    /// Every second envelope takes a while.
    struct EverySecond(u64);
    impl Rule for EverySecond {
        fn verdict(&mut self, _: &Link<'_>, _: &mut Random) -> Verdict {
            self.0 += 1;
            if self.0.is_multiple_of(2) { Verdict::Deliver(Duration::from_millis(9)) } else { Verdict::Pass }
        }
    }
    let world = &mut PureWorld::new(tutorial());
    let player = world.enter("connector-server-1", "alice", "room1");
    let (mut out, now) = (Vec::new(), world.cluster.now);
    let name = world.cluster.router.install_rule(now, "", EverySecond(0), &mut out);
    assert_eq!(name, "rule-1");
    // To the chat server at once; the push back later, and its answer behind it.
    assert_eq!(milliseconds(world, player), 9);
}

fn assert_sound(cluster: &RunningCluster) {
    assert_eq!(cluster.audit_for(PATIENCE).unwrap(), []);
}

#[test]
fn live_links_follow_the_same_rules() {
    let options = Options {
        // What the cut holds up is answered by then; nothing else takes as long.
        request_timeout: Duration::from_secs(3),
        links: vec![rule(r#"{"name":"from the start","from":"connector","to":"chat","latency":"30ms"}"#)],
        ..patient()
    };
    let cluster = tutorial().options(options).start().unwrap();
    let addresses = connectors(&cluster);
    let mut clients: Vec<Client> =
        (0..4).map(|n| Client::enter(addresses[n % 3], BOTH[n % 2], &format!("u{n}"), "room1")).collect();
    clients.iter_mut().for_each(|client| drop(client.pushes()));
    let began = Instant::now();
    assert_eq!(clients[0].request(SEND, hello()), json!({}));
    assert!(began.elapsed() >= Duration::from_millis(30), "{:?}", began.elapsed());
    assert_eq!(cluster.link_rules().unwrap().len(), 1);
    cluster.heal(Some("from the start")).unwrap();

    let name = cluster
        .add_link_rule(rule(r#"{"from":"connector-server-1","to":"chat","both":true,"cut":true}"#))
        .unwrap();
    assert_eq!(clients[0].request(SEND, hello())["code"], 504);
    assert_eq!(clients[1].request(SEND, json!({"content": "meanwhile", "target": "*"})), json!({}));
    let unknown = cluster.heal(Some("rule-2")).unwrap_err().to_string();
    assert_eq!(unknown, format!("no rule \"rule-2\": expected one of {name}"));
    cluster.heal(None).unwrap();
    assert_eq!(cluster.link_rules().unwrap(), []);
    assert_eq!(clients[0].request(SEND, json!({"content": "again", "target": "*"})), json!({}));
    for client in &mut clients {
        let heard: Vec<Value> = client.pushes().into_iter().map(|(_, body)| body["msg"].clone()).collect();
        assert_eq!(heard, ["hello", "meanwhile", "again"]);
    }

    cluster.add_link_rule(rule(r#"{"loss":0.1,"latency":"~2ms/0.8"}"#)).unwrap();
    let mut refused = 0;
    for number in 0..60 {
        let answer = clients[number % 4].request(SEND, json!({"content": number, "target": "*"}));
        refused += usize::from(answer != json!({}));
    }
    assert!(refused < 30, "{refused} of 60");
    cluster.heal(None).unwrap();
    assert_sound(&cluster);
    for client in &mut clients {
        assert!(client.pushes().len() >= 60 - refused);
    }
    Client::open(cluster.address("gate-server-1").unwrap(), Transport::Tcp);
}

#[test]
fn what_was_acknowledged_arrives_before_a_stop_ends_its_slow_link() {
    let cluster = tutorial().options(Options { stop_timeout: PATIENCE, ..patient() }).start().unwrap();
    let [near, far] = [0, 1].map(|at| connectors(&cluster)[at]);
    let mut alice = Client::enter(near, Transport::WebSocket, "alice", "lobby");
    let mut readers = BOTH.map(|transport| Client::enter(far, transport, &format!("{transport:?}"), "lobby"));
    for fault in [r#""latency":"60s""#, r#""cut":true"#] {
        let slow = rule(&format!(r#"{{"from":"chat","to":"connector-server-2",{fault}}}"#));
        cluster.add_link_rule(slow).unwrap();
        assert_eq!(alice.request(SEND, hello()), json!({}));
    }
    let stopping = std::thread::spawn(move || cluster.stop());
    for reader in &mut readers {
        for _ in 0..2 {
            let heard = std::iter::repeat_with(|| reader.push()).find(|(route, _)| route == "onChat");
            assert_eq!(heard.unwrap().1["msg"], "hello");
        }
        reader.assert_closed_by_stop("server stopped");
    }
    stopping.join().unwrap();
}
