//! Sessions that end while their clients are away, and clients that ask for sessions that they
//! cannot have.

use std::time::{Duration, Instant};

use crate::support::client::{BOTH, Client, Got, Transport};
use crate::support::comeback::{
    Cut, FIRST, Guest, ask, assert_accounted, first, greet, numbers, options, reset, start, wait_away,
};
use crate::support::house::{DOOR, house};
use crate::support::watch::{Held, connectors, port, wait_closed};
use crate::support::{LONG, PATIENCE, spec, tutorial, wait_until};
use pomelo_sim::cluster::{Cluster, Options};
use pomelo_sim::live::RunningCluster;
use pomelo_sim::ports::CloseReason;
use pomelo_sim::router::OnDuplicate;
use pomelo_sim::wire::PackageType;
use serde_json::{Value, json};

/// A member of the lobby on another server.
fn bob(cluster: &RunningCluster) -> Guest {
    Guest::enter(connectors(cluster)[1], Transport::Tcp, "bob", "lobby")
}

/// The routes of what somebody has heard.
fn routes(guest: &mut Guest) -> Vec<String> {
    guest.catch_up();
    guest.pushes().into_iter().map(|(route, _)| route).collect()
}

#[test]
fn who_does_not_come_back_in_time_has_left_once() {
    let grace = Duration::from_millis(300);
    for cut in [Cut::Close, Cut::Reset] {
        let cluster = tutorial().options(Options { resume: Some(grace), ..options() }).start().unwrap();
        let mut bob = bob(&cluster);
        let alice = Guest::enter(first(&cluster), Transport::Tcp, "alice", "lobby");
        let begun = Instant::now();
        let lost = alice.cut(cut);
        while bob.pushes().len() < 2 {
            assert!(bob.client.next(PATIENCE).is_some());
        }
        assert!(begun.elapsed() >= grace, "{:?}", begun.elapsed());
        assert_eq!(routes(&mut bob), ["onAdd", "onLeave"]);
        wait_until("her uid is free", || cluster.view().unwrap().uids == 1);
        // She learns that, and enters as a new user.
        let (mut alice, answer) = lost.ask(first(&cluster), Transport::WebSocket);
        assert_eq!(answer["resumed"], false);
        assert_eq!(answer["message"], "the token is unknown, or its time is over");
        assert!(alice.try_enter("alice", "lobby")["users"].is_array());
        assert_eq!(routes(&mut bob), ["onAdd", "onLeave", "onAdd"]);
        let port = port(&cluster, FIRST);
        assert_eq!((port.away, port.resumed, port.resume_refused), (0, 0, 1));
        let ended: u64 = port.closed.values().sum();
        assert_eq!(ended, 1, "{:?}", port.closed);
        assert_accounted(&cluster, FIRST);
    }
}

#[test]
fn a_wrong_claim_gets_a_new_session_and_touches_no_other() {
    let cluster = start();
    let mut bob = bob(&cluster);
    let here = Guest::enter(first(&cluster), Transport::Tcp, "here", "lobby");
    let away = Guest::enter(first(&cluster), Transport::Tcp, "away", "lobby");
    let (used, given) = (away.token.clone(), here.token.clone());
    let away = away.cut(Cut::Reset).back(first(&cluster), Transport::WebSocket).cut(Cut::Reset);
    wait_away(&cluster, FIRST, 1);
    let mut claims = vec![
        json!({"token": used}),
        json!({"token": given.to_uppercase()}),
        json!({"token": format!("+{}", &given[1..])}),
        json!({"token": &given[1..]}),
        json!({"token": format!("{given}0")}),
        json!({"token": format!(" {given}")}),
        json!({"token": "0".repeat(32)}),
        json!({"token": "f".repeat(32)}),
        json!({"token": "字".repeat(32)}),
        json!({"token": "x".repeat(20_000)}),
        json!({"token": ""}),
        json!({"token": 0}),
        json!({"token": [given]}),
        json!({"token": {"token": given}}),
    ];
    claims.iter_mut().for_each(|claim| claim["received"] = json!(1));
    let count = claims.len() as u64;
    for (claim, transport) in claims.iter().zip(BOTH.into_iter().cycle()) {
        let (mut guest, answer) = ask(first(&cluster), transport, claim);
        assert_eq!(answer["resumed"], false, "{claim}");
        assert_eq!(answer["message"], "the token is unknown, or its time is over", "{claim}");
        assert_eq!(guest.say("not logged in", "*")["code"], 500, "{claim}");
    }
    // Without a token it does not count as a claim.
    let [none, some] = [json!({"token": null}), json!({"received": 0})];
    for resume in [none, some, json!({}), json!(given), json!([]), json!(true), json!(7)] {
        let (_, answer) = ask(first(&cluster), Transport::Tcp, &resume);
        assert_eq!((answer.get("resumed"), answer.get("message")), (None, None), "{resume}");
    }
    // Others want to know nothing of it.
    let no_claims = [json!({"Resume": {}}), json!({"resume": false}), json!({"resume": null})];
    for user in [json!(null), json!("resume"), json!([]), json!({"name": "x"})].iter().chain(&no_claims) {
        let mut client = Client::connect(first(&cluster), Transport::Tcp);
        assert_eq!(greet(&mut client, user).get("user"), None, "{user}");
    }
    assert_eq!(port(&cluster, FIRST).resume_refused, count);
    let mut away = away.back(first(&cluster), Transport::Tcp);
    for (name, guest) in [("here", &mut { here }), ("away", &mut away)] {
        assert_eq!(guest.say(name, "*"), json!({}));
    }
    assert_eq!(routes(&mut bob), ["onAdd", "onAdd", "onChat", "onChat"]);
}

#[test]
fn a_token_of_another_server_is_worth_nothing() {
    let cluster = start();
    let alice = Guest::enter(first(&cluster), Transport::Tcp, "alice", "lobby");
    for (_, address) in cluster.servers().filter(|(spec, _)| spec.id.as_str() != FIRST) {
        let Some(address) = address else { continue };
        let (_, answer) = ask(address, Transport::Tcp, &json!({"token": alice.token, "received": 0}));
        assert_eq!(answer["resumed"], false);
    }
    let mut alice = alice.cut(Cut::Silence).back(first(&cluster), Transport::Tcp);
    assert_eq!(alice.say(1, "*"), json!({}));
}

#[test]
fn who_cannot_be_given_all_it_missed_starts_anew() {
    // She has received three packages: two answers, and a push between them.
    for received in [json!(4), json!(u64::MAX), json!(-1), json!(1.5), json!("3"), json!(null), json!([3])] {
        for cut in [Cut::Reset, Cut::Silence] {
            let cluster = start();
            let mut bob = bob(&cluster);
            let mut alice = Guest::enter(first(&cluster), Transport::Tcp, "alice", "lobby");
            assert_eq!(alice.say(1, "*"), json!({}));
            let mut lost = alice.cut(cut);
            assert_eq!(lost.received(), 3);
            if cut == Cut::Reset {
                wait_away(&cluster, FIRST, 1);
                // She cannot have received what was never sent.
                assert_eq!(bob.say("missed", "alice"), json!({}));
            }
            let claim = json!({"token": lost.token, "received": received});
            let (mut alice, answer) = ask(first(&cluster), Transport::Tcp, &claim);
            assert_eq!(answer["resumed"], false, "{claim}");
            assert!(answer["message"].as_str().unwrap().contains("received"), "{answer}");
            // The old session has ended before anything is asked for the new one.
            assert!(alice.try_enter("alice", "lobby")["users"].is_array(), "{claim}");
            assert_eq!(routes(&mut bob), ["onAdd", "onChat", "onLeave", "onAdd"]);
            let silent = lost.silent.take();
            silent.into_iter().for_each(|mut silent| assert_eq!(silent.closed().0, None));
            assert_eq!(lost.ask(first(&cluster), Transport::Tcp).1["resumed"], false, "it is gone for good");
            assert_accounted(&cluster, FIRST);
        }
    }
}

#[test]
fn a_token_is_worth_nothing_once_the_next_is_acknowledged() {
    let cluster = start();
    let alice = Guest::enter(first(&cluster), Transport::Tcp, "alice", "lobby").cut(Cut::Reset);
    wait_away(&cluster, FIRST, 1);
    let received = alice.received();
    // Of each of these answers and acknowledgements nobody can know which were lost on their way.
    let mut tokens = vec![json!(alice.token)];
    for transport in BOTH {
        for n in 0..tokens.len() {
            let mut client = Client::connect(first(&cluster), transport);
            let claim = json!({"token": tokens[n], "received": received});
            let resume = greet(&mut client, &json!({"resume": claim}))["user"]["resume"].clone();
            assert_eq!(resume["resumed"], true, "token {n}");
            tokens.push(resume["token"].clone());
            reset(client);
            wait_away(&cluster, FIRST, 1);
        }
    }
    let claim = json!({"token": tokens[1], "received": received});
    let (guest, answer) = ask(first(&cluster), Transport::Tcp, &claim);
    assert_eq!(answer["resumed"], true);
    let mut alice = alice.taken_up(guest);
    assert_eq!(alice.say(1, "*"), json!({}));
    for token in tokens {
        let (_, answer) =
            ask(first(&cluster), Transport::Tcp, &json!({"token": token, "received": received}));
        assert_eq!(answer["resumed"], false);
    }
    assert_eq!(alice.say(2, "*"), json!({}));
    assert_eq!(alice.heard(), numbers(1..3));
    // One who never acknowledges, and shows the first of the answers' tokens again and again, has
    // that and the last.
    let lost = alice.cut(Cut::Reset);
    let mut tokens = vec![json!(lost.token)];
    for n in 0..20 {
        let mut client = Client::connect(first(&cluster), Transport::Tcp);
        let claim = json!({"token": tokens[n.min(1)], "received": lost.received()});
        let resume = greet(&mut client, &json!({"resume": claim}))["user"]["resume"].clone();
        assert_eq!(resume["resumed"], true, "time {n}");
        tokens.push(resume["token"].clone());
    }
    let resumed: Vec<Value> = [2, 20, 1]
        .map(|n| ask(first(&cluster), Transport::Tcp, &json!({"token": tokens[n]})).1["resumed"].clone())
        .into();
    // The last one was acknowledged, and so is the only one.
    assert_eq!(resumed, [json!(false), json!(true), json!(false)]);
}

#[test]
fn who_misses_more_than_is_kept_is_a_slow_consumer() {
    let options = Options { resume_bytes_max: 8 * 1024, ..options() };
    let cluster = tutorial().options(options).start().unwrap();
    let mut bob = bob(&cluster);
    let lost = Guest::enter(first(&cluster), Transport::Tcp, "alice", "lobby").cut(Cut::Reset);
    wait_away(&cluster, FIRST, 1);
    let mut said = 0;
    while port(&cluster, FIRST).away == 1 {
        assert_eq!(bob.say("x".repeat(500), "*"), json!({}));
        said += 1;
        assert!(port(&cluster, FIRST).kept_bytes <= 8 * 1024);
    }
    assert!((8..16).contains(&said), "{said} messages of 500 bytes did not fit");
    wait_closed(&cluster, FIRST, CloseReason::SlowConsumer, 1);
    assert_eq!(routes(&mut bob).last().unwrap(), "onLeave");
    assert_eq!(lost.ask(first(&cluster), Transport::Tcp).1["resumed"], false);
    assert_accounted(&cluster, FIRST);
}

#[test]
fn no_more_is_kept_than_may_be_and_nothing_of_who_has_gone() {
    let options = Options { resume_bytes_max: 8 * 1024, ..options() };
    let cluster = tutorial().options(options).start().unwrap();
    let mut bob = bob(&cluster);
    let mut alice = Guest::enter(first(&cluster), Transport::WebSocket, "alice", "lobby");
    alice.catch_up();
    for n in 0..100 {
        assert_eq!(bob.say(format!("{n} {}", "x".repeat(500)), "*"), json!({}));
        assert!(port(&cluster, FIRST).kept_bytes <= 8 * 1024);
    }
    // All of it was written; she has not read so much, and it is too late to ask for it.
    let lost = alice.cut(Cut::Reset);
    let (guest, answer) = lost.ask(first(&cluster), Transport::Tcp);
    assert_eq!(answer["resumed"], false);
    assert_eq!(answer["message"], "what was missed is not kept any more");
    assert!(routes(&mut bob).ends_with(&["onLeave".to_owned()]));
    drop(guest);
    wait_until("the new session is away", || port(&cluster, FIRST).away == 1);
    assert_eq!(port(&cluster, FIRST).kept_bytes, 0);
}

#[test]
fn a_kick_reaches_who_is_away_and_who_is_half_back() {
    for is_half_back in [false, true] {
        let cluster = house(options());
        let address = cluster.address(DOOR).unwrap();
        let mut host = Guest::open(address, Transport::Tcp);
        let mut guest = Guest::open(address, Transport::WebSocket);
        guest.client.request("door.doorHandler.come", json!({}));
        let lost = guest.cut(Cut::Reset);
        wait_away(&cluster, DOOR, 1);
        let half_back = is_half_back.then(|| {
            let mut client = Client::connect(address, Transport::Tcp);
            greet(&mut client, &json!({"resume": lost.claim()}));
            client
        });
        assert_eq!(host.client.request("door.doorHandler.throw", json!({})), json!({}));
        if let Some(mut client) = half_back {
            assert_eq!(client.closed().0.as_deref(), Some("thrown out"));
        }
        assert_eq!(lost.ask(address, Transport::Tcp).1["resumed"], false);
        wait_closed(&cluster, DOOR, CloseReason::Kicked, 1);
        assert_accounted(&cluster, DOOR);
    }
}

#[test]
fn another_login_of_the_same_user_kicks_who_is_away() {
    let options = Options { on_duplicate: OnDuplicate::Kick, ..options() };
    let cluster = tutorial().options(options).start().unwrap();
    let mut bob = bob(&cluster);
    let lost = Guest::enter(first(&cluster), Transport::Tcp, "alice", "lobby").cut(Cut::Reset);
    wait_away(&cluster, FIRST, 1);
    let mut alice = Guest::enter(connectors(&cluster)[2], Transport::Tcp, "alice", "lobby");
    assert_eq!(routes(&mut bob), ["onAdd", "onLeave", "onAdd"]);
    wait_closed(&cluster, FIRST, CloseReason::Kicked, 1);
    assert_eq!(lost.ask(first(&cluster), Transport::Tcp).1["resumed"], false);
    assert_eq!(alice.say(1, "*"), json!({}));
    assert_eq!(cluster.view().unwrap().uids, 2);
}

#[test]
fn without_that_a_user_who_is_away_keeps_the_name() {
    let cluster = start();
    let lost = Guest::enter(first(&cluster), Transport::Tcp, "alice", "lobby").cut(Cut::Reset);
    wait_away(&cluster, FIRST, 1);
    let mut thief = Guest::open(first(&cluster), Transport::Tcp);
    assert_eq!(thief.try_enter("alice", "lobby")["code"], 500);
    let mut alice = lost.back(first(&cluster), Transport::Tcp);
    assert_eq!(alice.say(1, "*"), json!({}));
}

#[test]
fn a_stop_waits_for_nobody_who_is_away() {
    let options = Options { stop_timeout: LONG, kick_on_stop: true, ..options() };
    let cluster = tutorial().options(options).start().unwrap();
    let mut bob = bob(&cluster);
    bob.catch_up();
    for n in 0..4 {
        Guest::enter(first(&cluster), BOTH[n % 2], &format!("guest{n}"), "lobby").cut(Cut::Reset);
        wait_away(&cluster, FIRST, n + 1);
    }
    let begun = Instant::now();
    cluster.stop();
    assert!(begun.elapsed() < PATIENCE, "{:?}", begun.elapsed());
    // All end at once: nobody hears the others leave.
    let ends = std::iter::from_fn(|| bob.client.next(PATIENCE));
    let ends: Vec<Got> =
        ends.skip_while(|got| matches!(got, Got::Push(..) | Got::Heartbeat)).take(2).collect();
    assert_eq!(ends, [Got::Kick("server stopped".to_owned()), Got::Closed(None)]);
    assert!(bob.pushes().iter().all(|(route, _)| route == "onAdd"), "{:?}", bob.pushes());
}

#[test]
fn who_was_thrown_out_does_not_come_back() {
    let cluster = house(options());
    let address = cluster.address(DOOR).unwrap();
    for bad in [&[9, 0, 0, 0][..], &[4, 0, 0, 2, 0, 0x80], &[5, 0, 0, 0]] {
        let mut guest = Guest::open(address, Transport::Tcp);
        guest.client.raw(bad);
        guest.client.closed();
        assert_eq!(guest.cut(Cut::Close).ask(address, Transport::Tcp).1["resumed"], false, "{bad:?}");
    }
    let mut guest = Guest::open(address, Transport::WebSocket);
    guest.client.request("door.doorHandler.come", json!({}));
    guest.client.request("door.doorHandler.throw", json!({}));
    assert_eq!(guest.client.closed().0.as_deref(), Some("thrown out"));
    assert_eq!(guest.cut(Cut::Close).ask(address, Transport::Tcp).1["resumed"], false);
    // Nor does one who never was in.
    let mut client = Client::connect(address, Transport::Tcp);
    let token = greet(&mut client, &json!({"resume": true}))["user"]["resume"]["token"].clone();
    reset(client);
    assert_eq!(ask(address, Transport::Tcp, &json!({"token": token})).1["resumed"], false);
}

#[test]
fn a_place_waits_for_its_client() {
    let mut full = spec(1, 1);
    let connector = full.servers.iter_mut().find(|server| server.id.as_str() == FIRST).unwrap();
    connector.max_connections = Some(2);
    let per_address = Options { connections_per_address_max: Some(2), ..options() };
    for cluster in [Cluster::from_spec(full).options(options()), tutorial().options(per_address)] {
        let cluster = cluster.start().unwrap();
        let address = first(&cluster);
        let mut bob = Guest::enter(address, Transport::Tcp, "bob", "lobby");
        let mut alice = Guest::enter(address, Transport::Tcp, "alice", "lobby");
        for (transport, cut) in BOTH.into_iter().flat_map(|it| [(it, Cut::Reset), (it, Cut::Silence)]) {
            let lost = alice.cut(cut);
            if cut == Cut::Reset {
                wait_away(&cluster, FIRST, 1);
            }
            // Strangers find the port full, whatever they say.
            for hello in
                [json!({"sys": {}}), json!({"sys": {}, "user": {"resume": {"token": "0".repeat(32)}}})]
            {
                let mut stranger = Client::connect(address, transport);
                stranger.package(PackageType::Handshake, hello.to_string().as_bytes());
                assert_eq!(stranger.closed().0, None);
                assert!(stranger.packages.is_empty(), "no package comes with a refusal");
            }
            let refused = port(&cluster, FIRST).refused;
            alice = lost.back(address, transport);
            assert_eq!(alice.say(1, "*"), json!({}));
            assert_eq!(port(&cluster, FIRST).refused, refused);
            wait_until("the old row is given back", || port(&cluster, FIRST).connections == 2);
        }
        // A session that ends gives its place to others.
        let claim = json!({"token": alice.token, "received": "all"});
        alice.cut(Cut::Reset);
        wait_away(&cluster, FIRST, 1);
        let (mut anew, answer) = ask(address, Transport::Tcp, &claim);
        assert_eq!(answer["resumed"], false);
        assert!(anew.try_enter("alice", "lobby")["users"].is_array());
        assert_eq!(bob.say("still two", "*"), json!({}));
        assert_accounted(&cluster, FIRST);
        assert_eq!(port(&cluster, FIRST).connections, 2);
    }
}

#[test]
fn all_is_given_back() {
    // Returning clients take far less, on a busy machine too.
    let grace = Some(Duration::from_secs(3));
    let cluster = tutorial().options(Options { resume: grace, ..options() }).start().unwrap();
    for n in 0..20 {
        let address = connectors(&cluster)[n % 3];
        let guest = Guest::enter(address, BOTH[n % 2], &format!("guest{n}"), "lobby");
        let mut lost = guest.cut([Cut::Reset, Cut::Close, Cut::Silence][n % 3]);
        for _ in 0..n % 4 {
            lost = lost.back(address, BOTH[n / 2 % 2]).cut(Cut::Reset);
        }
    }
    Held::wait_nothing(&cluster);
    for server in 1..=3 {
        let port = port(&cluster, &format!("connector-server-{server}"));
        assert_eq!((port.away, port.kept_bytes), (0, 0));
    }
}
