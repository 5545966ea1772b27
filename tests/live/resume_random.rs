//! Connections are cut at random moments under load: every client receives everything once and in
//! order.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::support::client::{BOTH, Client, Transport};
use crate::support::comeback::{CUTS, Guest, Lost, ask, assert_accounted, greet, options, reset};
use crate::support::watch::{connectors, port};
use crate::support::{PATIENCE, cluster};
use pomelo_sim::cluster::Options;
use pomelo_sim::random::Random;
use pomelo_sim::wire::PackageType;
use serde_json::{Value, json};

/// What the talker says at least.
const WORDS: u64 = 300;

/// How often connections are cut at least while it talks.
const CUTS_MIN: u64 = 20;

/// Those whose connections are cut.
const GUESTS: usize = 4;

/// The talker's last word.
const END: &str = "the end";

/// One whose connection is cut again and again, with its own chance.
struct Unlucky {
    name: String,
    address: SocketAddr,
    random: Random,
    /// Connections that nobody closed.
    silent: Vec<Client>,
    /// Of all guests together.
    cuts: Arc<AtomicU64>,
}

impl Unlucky {
    fn transport(&mut self) -> Transport {
        BOTH[self.random.index(2)]
    }

    /// Listens, speaks and loses its connection until told to stop; then hears the end.
    fn live(mut self, mut guest: Guest, stopping: &AtomicBool) -> (String, Guest) {
        let mut said = 0;
        while !stopping.load(Ordering::Relaxed) {
            match self.random.index(4) {
                0 => {
                    said += 1;
                    let content = format!("{} {said}", self.name);
                    guest.client.send("chat.chatHandler.send", json!({"content": content, "target": "*"}));
                }
                1 => guest = self.lose(guest),
                _ => drop(guest.client.next(Duration::from_micros(self.random.between(1, 3000)))),
            }
        }
        guest.hear(&json!(END));
        (self.name, guest)
    }

    fn lose(&mut self, guest: Guest) -> Guest {
        self.cuts.fetch_add(1, Ordering::Relaxed);
        let mut lost = guest.cut(CUTS[self.random.index(3)]);
        self.silent.extend(lost.silent.take());
        loop {
            std::thread::sleep(Duration::from_micros(self.random.between(0, 4000)));
            match self.random.index(5) {
                0 => self.half(&mut lost),
                1 => self.unheard(&lost),
                _ => {
                    let transport = self.transport();
                    let (back, answer) = ask(self.address, transport, &lost.claim());
                    assert_eq!(answer["resumed"], true, "{}: {answer}", self.name);
                    return lost.taken_up(back);
                }
            }
        }
    }

    /// Comes half back: the answer arrives, or so it seems, and the acknowledgement does not.
    fn half(&mut self, lost: &mut Lost) {
        let transport = self.transport();
        let mut client = Client::connect(self.address, transport);
        let resume = greet(&mut client, &json!({"resume": lost.claim()}))["user"]["resume"].clone();
        assert_eq!(resume["resumed"], true, "{}: {resume}", self.name);
        if self.random.chance(0.5) {
            lost.token = resume["token"].as_str().unwrap().to_owned();
        }
        if self.random.chance(0.5) {
            reset(client);
        } else {
            self.silent.push(client);
        }
    }

    /// Asks to come back, and hears nothing of it.
    fn unheard(&mut self, lost: &Lost) {
        let transport = self.transport();
        let mut client = Client::connect(self.address, transport);
        let hello = json!({"sys": {}, "user": {"resume": lost.claim()}}).to_string();
        client.package(PackageType::Handshake, hello.as_bytes());
        client.close();
    }
}

fn play(seed: u64) {
    let mut random = Random::new(seed, "house");
    let threads = 1 + random.index(2);
    let cluster = cluster(2, 2).options(Options { threads, ..options() }).start().unwrap();
    let addresses = connectors(&cluster);
    let mut talker = Guest::enter(addresses[0], Transport::Tcp, "talker", "lobby");
    let (stopping, cuts) = (Arc::<AtomicBool>::default(), Arc::<AtomicU64>::default());
    let entered: Vec<(Unlucky, Guest)> = (0..GUESTS)
        .map(|n| {
            let name = format!("guest{n}");
            let address = addresses[n % 2];
            let guest = Guest::enter(address, BOTH[n / 2], &name, "lobby");
            let random = Random::new(seed, &name);
            (Unlucky { name, address, random, silent: Vec::new(), cuts: Arc::clone(&cuts) }, guest)
        })
        .collect();
    let guests: Vec<_> = entered
        .into_iter()
        .map(|(unlucky, guest)| {
            let stopping = Arc::clone(&stopping);
            std::thread::spawn(move || unlucky.live(guest, &stopping))
        })
        .collect();
    let begun = Instant::now();
    let mut words = 0;
    // On a busy machine until the others had their turn, too.
    while words < WORDS || cuts.load(Ordering::Relaxed) < CUTS_MIN {
        assert!(begun.elapsed() < PATIENCE, "seed {seed}: {cuts:?} cuts, {words} words");
        assert_eq!(talker.say(words, "*"), json!({}), "seed {seed}");
        words += 1;
        std::thread::sleep(Duration::from_micros(random.between(0, 2000)));
    }
    stopping.store(true, Ordering::Relaxed);
    talker.say(END, "*");
    talker.catch_up();
    let history = |guest: &Guest| -> Vec<(String, Value)> {
        let all = guest.pushes().into_iter().filter(|(route, _)| route != "onAdd");
        let mut all: Vec<_> = all.collect();
        let end = all.iter().position(|(_, body)| body["msg"] == END).unwrap();
        all.truncate(end);
        all
    };
    let expected = history(&talker);
    let said = expected.iter().filter(|(_, body)| body["from"] == "talker");
    assert!(
        said.map(|(_, body)| &body["msg"]).eq(&crate::support::comeback::numbers(0..words)),
        "seed {seed}"
    );
    for guest in guests {
        let (name, guest) = guest.join().unwrap_or_else(|_| panic!("seed {seed}"));
        let heard = history(&guest);
        let differs = heard.iter().zip(&expected).position(|(heard, expected)| heard != expected);
        assert_eq!(
            (differs, heard.len()),
            (None, expected.len()),
            "{name} heard something else, seed {seed}"
        );
        let answers = guest.responses();
        let ids: BTreeSet<u64> = answers.iter().map(|(id, _)| *id).collect();
        assert_eq!(ids.len(), answers.len(), "{name} was answered twice, seed {seed}");
        assert!(answers[1..].iter().all(|(_, body)| *body == json!({})), "{name}, seed {seed}");
        guest.client.close();
    }
    let resumed: u64 = (1..=2).map(|n| port(&cluster, &format!("connector-server-{n}")).resumed).sum();
    let cuts = cuts.load(Ordering::Relaxed);
    assert!(resumed >= cuts, "seed {seed}: {cuts} cuts, {resumed} resumed");
    (1..=2).for_each(|n| assert_accounted(&cluster, &format!("connector-server-{n}")));
}

/// A guest may be about to speak when the talker ends, and is heard behind the end.
#[test]
fn the_end_is_heard_whatever_follows_it() {
    let cluster = cluster(2, 2).options(options()).start().unwrap();
    let addresses = connectors(&cluster);
    let mut talker = Guest::enter(addresses[0], Transport::Tcp, "talker", "lobby");
    let mut guest = Guest::enter(addresses[1], Transport::WebSocket, "guest", "lobby");
    assert_eq!(talker.say(END, "*"), json!({}));
    // Its own word comes before the answer to it, and the end before its own word.
    assert_eq!(guest.say("one word more", "*"), json!({}));
    guest.hear(&json!(END));
    assert_eq!(guest.heard(), [json!(END), json!("one word more")]);
}

#[test]
fn seeds_1_to_6() {
    (1..=6).for_each(play);
}
