//! Clients that enter, talk and leave in any order, on the pure cluster: the same invariants hold
//! after every step.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::support::cluster;
use crate::support::pure::{Out, PureCluster};
use pomelo_sim::envelope::Payload;
use pomelo_sim::ids::SessionKey;
use pomelo_sim::strategies::ALL;
use pomelo_sim::wire::{HEADER_BYTES, Message, MessageKind, WireRoute};
use proptest::prelude::*;
use proptest::test_runner::TestCaseResult;
use serde_json::{Value, json};

const CONNECTORS: [&str; 2] = ["connector-server-1", "connector-server-2"];
const NAMES: [&str; 3] = ["ann", "bob", "cat"];
const RIDS: [&str; 2] = ["lobby", "attic"];

/// What a client does next. Clients are few, and so are names and rooms: they get in each other's
/// way.
#[derive(Clone, Debug)]
enum Step {
    Open {
        connector: usize,
    },
    Enter {
        client: usize,
        name: usize,
        rid: usize,
    },
    Send {
        client: usize,
        to: Option<usize>,
    },
    Close {
        client: usize,
    },
    /// Everything that is on its way arrives.
    Settle,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    const CLIENTS: usize = 6;
    let step = prop_oneof![
        2 => (0..CONNECTORS.len()).prop_map(|connector| Step::Open { connector }),
        4 => (0..CLIENTS, 0..NAMES.len(), 0..RIDS.len())
            .prop_map(|(client, name, rid)| Step::Enter { client, name, rid }),
        4 => (0..CLIENTS, proptest::option::of(0..NAMES.len())).prop_map(|(client, to)| Step::Send { client, to }),
        2 => (0..CLIENTS).prop_map(|client| Step::Close { client }),
        3 => Just(Step::Settle),
    ];
    proptest::collection::vec(step, 1..60)
}

/// A client, what it asked, and what it must have got.
struct Player {
    key: SessionKey,
    gone: bool,
    entries: BTreeMap<u64, (String, String)>,
    asked: u64,
}

/// A client's knowledge: its place, and the members that it sees.
struct View {
    name: String,
    rid: String,
    users: BTreeSet<String>,
}

struct Game {
    cluster: PureCluster,
    players: Vec<Player>,
}

impl Game {
    /// Under the strategy of that number; one that chooses anew each time remembers what it chose.
    fn new(strategy: usize) -> Self {
        let strategy = ALL[strategy].spec();
        let name = if strategy.is_sticky() { strategy.to_string() } else { format!("directory({strategy})") };
        let cluster = cluster(2, 2).strategy("chat", &name).unwrap();
        let mut game = Self { cluster: PureCluster::new(cluster), players: Vec::new() };
        for connector in CONNECTORS {
            game.open(connector);
        }
        game
    }

    fn open(&mut self, connector: &str) {
        let key = self.cluster.open(connector);
        self.players.push(Player { key, gone: false, entries: BTreeMap::new(), asked: 0 });
    }

    fn step(&mut self, step: &Step) -> TestCaseResult {
        match *step {
            Step::Open { connector } => self.open(CONNECTORS[connector]),
            Step::Enter { client, name, rid } => {
                let body = json!({"username": NAMES[name], "rid": RIDS[rid]});
                if let Some(id) = self.ask(client, "connector.entryHandler.enter", &body) {
                    let entry = (NAMES[name].to_owned(), RIDS[rid].to_owned());
                    self.players[client].entries.insert(id, entry);
                }
            }
            Step::Send { client, to } => {
                let target = to.map_or("*", |name| NAMES[name]);
                self.ask(client, "chat.chatHandler.send", &json!({"content": client, "target": target}));
            }
            Step::Close { client } => {
                if let Some(player) = self.players.get_mut(client).filter(|player| !player.gone) {
                    player.gone = true;
                    self.cluster.close(&player.key);
                }
            }
            Step::Settle => {
                self.cluster.settle();
                self.check()?;
            }
        }
        Ok(())
    }

    fn ask(&mut self, client: usize, route: &str, body: &Value) -> Option<u64> {
        let player = self.players.get_mut(client).filter(|player| !player.gone)?;
        player.asked += 1;
        let kind = MessageKind::Request { id: player.asked };
        let (body, mut bytes) = (body.to_string(), Vec::new());
        let message = Message { kind, route: Some(WireRoute::Name(route.into())), body: body.as_bytes() };
        message.encode(&mut bytes).unwrap();
        self.cluster.message(&player.key, &bytes);
        Some(player.asked)
    }

    /// How often each request of a player was answered.
    fn check_answers(&self, player: &Player) -> TestCaseResult {
        let mut answers: BTreeMap<u64, usize> = BTreeMap::new();
        for out in &self.cluster.inboxes[&player.key] {
            if let Out::Response(id, _) = out {
                *answers.entry(*id).or_default() += 1;
            }
        }
        prop_assert!(answers.values().all(|count| *count == 1), "{:?}: {answers:?}", player.key);
        prop_assert!(player.gone || answers.len() as u64 == player.asked, "each request has its answer");
        Ok(())
    }

    /// What a player knows of its room.
    fn view(&self, player: &Player) -> Option<View> {
        let mut view: Option<View> = None;
        for out in &self.cluster.inboxes[&player.key] {
            match out {
                Out::Response(id, body) => {
                    let body: Value = serde_json::from_slice(body).unwrap();
                    if let (Some(users), Some((name, rid))) =
                        (body["users"].as_array(), player.entries.get(id))
                    {
                        assert!(view.is_none(), "{name} entered twice");
                        let users = users.iter().map(|user| user.as_str().unwrap().to_owned());
                        view = Some(View { name: name.clone(), rid: rid.clone(), users: users.collect() });
                    }
                }
                Out::Push(package) => {
                    let message = Message::decode(&package[HEADER_BYTES..]).unwrap();
                    let Some(WireRoute::Name(route)) = message.route else { panic!("{message:?}") };
                    let body: Value = serde_json::from_slice(message.body).unwrap();
                    let user = body["user"].as_str().unwrap_or_default().to_owned();
                    // Those who are in no room, or not yet, or no more, hear nothing.
                    let view = view.as_mut().unwrap_or_else(|| panic!("{route} for one in no room"));
                    match &*route {
                        "onAdd" => assert!(view.users.insert(user), "{body} though it was there"),
                        "onLeave" => assert!(view.users.remove(&user), "{body} though it was not there"),
                        _ => assert_eq!(&*route, "onChat"),
                    }
                }
                other => panic!("{other:?}"),
            }
        }
        view
    }

    /// The laws, when nothing is on its way.
    fn check(&self) -> TestCaseResult {
        let mut rooms: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        let mut views = Vec::new();
        for player in &self.players {
            self.check_answers(player)?;
            if !player.gone {
                views.extend(self.view(player));
            }
        }
        for View { name, rid, .. } in &views {
            let room = rooms.entry(rid.clone()).or_default();
            prop_assert!(room.insert(name.clone()), "two are {name} in {rid}");
        }
        for View { name, rid, users } in &views {
            prop_assert_eq!(users, &rooms[rid], "what {} knows of {}", name, rid);
        }
        let snapshots = self.cluster.snapshots();
        let sessions: usize = snapshots.iter().map(|server| server.sessions).sum();
        let bound: usize = snapshots.iter().map(|server| server.bound).sum();
        let members: usize = snapshots.iter().map(|server| server.members).sum();
        let channels: usize = snapshots.iter().map(|server| server.channels).sum();
        let calls: usize = snapshots.iter().map(|server| server.calls_pending).sum();
        let open = self.players.iter().filter(|player| !player.gone).count();
        prop_assert_eq!((sessions, bound, members), (open, views.len(), views.len()));
        prop_assert_eq!((channels, calls, self.cluster.router.uids().len()), (rooms.len(), 0, views.len()));
        Ok(())
    }

    /// All leave, and take everything with them.
    fn end(mut self) -> TestCaseResult {
        for client in 0..self.players.len() {
            self.step(&Step::Close { client })?;
        }
        self.step(&Step::Settle)
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn rooms_sessions_and_uids_agree(strategy in 0..ALL.len(), steps in steps()) {
        let mut game = Game::new(strategy);
        for step in &steps {
            game.step(step)?;
        }
        game.step(&Step::Settle)?;
        game.end()?;
    }

    /// The link loses calls and answers; what is said without waiting for an answer arrives.
    #[test]
    fn lost_calls_and_answers_leave_nothing_behind(
        strategy in 0..ALL.len(),
        steps in steps(),
        lost in proptest::collection::vec(proptest::bool::weighted(0.3), 64),
    ) {
        let mut game = Game::new(strategy);
        let count = std::cell::Cell::new(0);
        game.cluster.lost = Box::new(move |_, envelope| {
            let losable = match &envelope.payload {
                Payload::Answer { .. } => true,
                Payload::Invoke(invoke) => invoke.call.is_some(),
                _ => false,
            };
            count.set(count.get() + usize::from(losable));
            losable && lost[count.get() % lost.len()]
        });
        for step in &steps {
            if matches!(step, Step::Settle) {
                // Long enough for what is lost to be given up: a request may wait for another one's
                // end.
                game.cluster.settle();
                for _ in 0..steps.len() {
                    game.cluster.advance(Duration::from_secs(4));
                }
                for player in &game.players {
                    game.check_answers(player)?;
                }
            } else {
                game.step(step)?;
            }
        }
        game.cluster.lost = Box::new(|_, _| false);
        game.cluster.settle();
        game.cluster.advance(Duration::from_secs(4));
        game.end()?;
    }
}
