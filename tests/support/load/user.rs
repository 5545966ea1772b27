//! One user: logs in through a gate, chats, listens, and comes back when it was thrown out.

use std::borrow::Cow;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use pomelo_sim::ledger::{Ledger, MemberId, To};
use pomelo_sim::random::Random;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until, timeout};

use super::super::client::Transport;
use super::super::fragile::PANIC_ROUTE;
use super::wire::{Event, Wire};
use super::{LoadPlan, Phase, Shared};

/// A login that takes longer is given up, and tried again: its server may hang.
const LOGIN_TIMEOUT: Duration = Duration::from_secs(4);

/// Between two logins: at first, and at most.
const BACKOFF: [Duration; 2] = [Duration::from_millis(20), Duration::from_millis(500)];

/// How long a slow client reads nothing, and how much it has sent to itself by then: more than the kernel and an outbox
/// of [`SLOW_OUTBOUND_BYTES_MAX`] hold, in fewer messages than a session may have under way.
const SLOW_TIME: Duration = Duration::from_secs(1);
const SLOW_MESSAGES: usize = 30;
const SLOW_MESSAGE_BYTES: usize = 16_000;

/// What an outbox may hold, so that a slow client is thrown out.
pub const SLOW_OUTBOUND_BYTES_MAX: usize = 64 * 1024;

/// What a user can be made to do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Order {
    /// Leave, with a reset of the connection if `abrupt`, and come back.
    Reconnect { abrupt: bool },
    /// Ask for a lot, and read nothing for a while.
    ReadNothing,
    /// Ask for a handler that panics: see [`FragileChat`](super::super::fragile::FragileChat).
    Panic,
}

pub struct User {
    name: String,
    room: String,
    place: usize,
    id: MemberId,
    transport: Transport,
    mates: Vec<(String, MemberId)>,
    window: usize,
    pause: Duration,
    random: Random,
    orders: UnboundedReceiver<Order>,
    phase: watch::Receiver<Phase>,
    rounds_done: u64,
    under_way: usize,
    shared: Rc<Shared>,
}

#[derive(Deserialize)]
struct OnChat<'a> {
    #[serde(borrow)]
    msg: Cow<'a, str>,
    #[serde(borrow)]
    from: Cow<'a, str>,
}

#[derive(Deserialize)]
struct Presence<'a> {
    #[serde(borrow)]
    user: Cow<'a, str>,
}

/// How a stay ends.
enum End {
    /// The user wanted it so.
    Left { abrupt: bool },
    /// The connection was closed or lost.
    ThrownOut,
    /// All users go.
    Over,
}

fn name_of(place: usize) -> String {
    format!("user{place}")
}

fn room_of(place: usize, plan: &LoadPlan) -> String {
    format!("room{}", place % plan.rooms)
}

impl User {
    pub(super) fn new(
        place: usize,
        plan: &LoadPlan,
        shared: Rc<Shared>,
        orders: UnboundedReceiver<Order>,
    ) -> Self {
        let (name, room) = (name_of(place), room_of(place, plan));
        let mut ledger = shared.ledger.borrow_mut();
        let mates = (0..plan.users).filter(|other| room_of(*other, plan) == room).map(name_of);
        let mates = mates.map(|mate| (mate.clone(), ledger.member(&room, &mate))).collect();
        let id = ledger.member(&room, &name);
        drop(ledger);
        shared.troubles.borrow_mut()[place] = format!("{name}: has not logged in yet");
        Self {
            random: Random::new(plan.seed, &name),
            name,
            room,
            place,
            id,
            transport: if place.is_multiple_of(2) { Transport::Tcp } else { Transport::WebSocket },
            mates,
            window: plan.window,
            pause: plan.pause,
            orders,
            phase: shared.phase.clone(),
            rounds_done: 0,
            under_way: 0,
            shared,
        }
    }

    /// Until all users go.
    pub(super) async fn live(mut self) {
        while let Some(mut wire) = self.come_in().await {
            self.shared.status.inside.fetch_add(1, Ordering::Relaxed);
            let end = self.chat(&mut wire).await;
            self.shared.status.inside.fetch_sub(1, Ordering::Relaxed);
            self.shared.status.under_way.fetch_sub(self.under_way, Ordering::Relaxed);
            self.under_way = 0;
            self.shared.record(|ledger, _| ledger.gone(self.id));
            match end {
                End::Left { abrupt: true } => wire.reset(),
                End::Left { abrupt: false } => drop(wire),
                End::ThrownOut => {
                    self.shared.status.thrown_out.fetch_add(1, Ordering::Relaxed);
                    self.trouble("was thrown out");
                }
                End::Over => return,
            }
        }
    }

    /// Tries to log in until it succeeds; none when all users go first.
    async fn come_in(&mut self) -> Option<Wire> {
        let mut backoff = BACKOFF[0];
        let mut phase = self.phase.clone();
        loop {
            let attempt = timeout(LOGIN_TIMEOUT, self.log_in());
            let over = phase.wait_for(|phase| *phase == Phase::Leave);
            let attempt = tokio::select! {
                biased;
                _ = over => None,
                attempt = attempt => Some(attempt),
            };
            let Some(attempt) = attempt else {
                self.shared.record(|ledger, _| ledger.gone(self.id));
                return None;
            };
            let failure = match attempt {
                Ok(Ok(wire)) => {
                    self.shared.troubles.borrow_mut()[self.place].clear();
                    return Some(wire);
                }
                Ok(Err(error)) => error.to_string(),
                Err(_) => format!("no login in {LOGIN_TIMEOUT:?}"),
            };
            self.shared.record(|ledger, _| ledger.gone(self.id));
            self.shared.status.logins_failed.fetch_add(1, Ordering::Relaxed);
            self.trouble(&failure);
            sleep(backoff.mul_f64(0.5 + self.random.unit())).await;
            backoff = BACKOFF[1].min(backoff * 2);
        }
    }

    fn trouble(&self, what: &str) {
        self.shared.troubles.borrow_mut()[self.place] = format!("{}: {what}", self.name);
    }

    /// Asks a gate, goes to the connector that it names, and enters.
    async fn log_in(&mut self) -> io::Result<Wire> {
        let gates = self.shared.gates.borrow().clone();
        let Some(gate) = gates.get(self.random.index(gates.len())) else {
            return Err(io::Error::other("no gate is open"));
        };
        let mut wire = Wire::open(*gate, self.transport).await?;
        wire.request(1, "gate.gateHandler.queryEntry", &json!({"uid": self.name}));
        let answer = self.answer_to_login(&mut wire).await?;
        drop(wire);
        let host = answer["host"].as_str().and_then(|host| host.parse::<IpAddr>().ok());
        let port = answer["port"].as_u64().and_then(|port| u16::try_from(port).ok());
        let Some(address) = host.zip(port).map(SocketAddr::from) else {
            return Err(io::Error::other(format!("the gate says {answer}")));
        };
        let mut wire = Wire::open(address, self.transport).await?;
        self.shared.record(|ledger, at| ledger.entering(at, self.id));
        wire.request(1, "connector.entryHandler.enter", &json!({"username": self.name, "rid": self.room}));
        let answer = self.answer_to_login(&mut wire).await?;
        let Some(users) = answer["users"].as_array() else {
            return Err(io::Error::other(format!("the connector says {answer}")));
        };
        let users = users.iter().map(|user| user.as_str().unwrap_or_default());
        self.shared.record(|ledger, at| ledger.entered(at, self.id, users));
        Ok(wire)
    }

    async fn answer_to_login(&mut self, wire: &mut Wire) -> io::Result<Value> {
        loop {
            match wire.next().await {
                Event::Response { id: 1, body } => return Ok(serde_json::from_slice(&body)?),
                Event::Closed => return Err(io::ErrorKind::ConnectionReset.into()),
                event => self.hear(event),
            }
        }
    }

    /// Chats and listens until the connection ends or an order ends it.
    async fn chat(&mut self, wire: &mut Wire) -> End {
        let mut next_at = Instant::now() + self.draw_pause();
        loop {
            let phase = *self.phase.borrow_and_update();
            match phase {
                Phase::Leave => return End::Over,
                Phase::Round(number) if number > self.rounds_done => {
                    self.rounds_done = number;
                    self.say(wire, None, 0);
                }
                _ => {}
            }
            let may_send = phase == Phase::Chat && self.under_way < self.window;
            tokio::select! {
                biased;
                order = self.orders.recv() => match order {
                    Some(Order::Reconnect { abrupt }) => return End::Left { abrupt },
                    Some(Order::ReadNothing) => {
                        for _ in 0..SLOW_MESSAGES {
                            self.say(wire, Some(self.own_place()), SLOW_MESSAGE_BYTES);
                        }
                        sleep(SLOW_TIME).await;
                    }
                    Some(Order::Panic) => self.ask_for_panic(wire),
                    None => return End::Over,
                },
                changed = self.phase.changed() => {
                    if changed.is_err() {
                        return End::Over;
                    }
                }
                event = wire.next() => match event {
                    Event::Closed => return End::ThrownOut,
                    event => self.hear(event),
                },
                () = sleep_until(next_at), if may_send => {
                    next_at = Instant::now() + self.draw_pause();
                    let private = self.random.chance(0.25);
                    let target = private.then(|| self.random.index(self.mates.len()));
                    let padding = if self.random.chance(0.02) { 4000 } else { self.random.index(64) };
                    self.say(wire, target, padding);
                }
            }
        }
    }

    fn draw_pause(&mut self) -> Duration {
        self.pause.mul_f64(2.0 * self.random.unit())
    }

    fn own_place(&self) -> usize {
        self.mates.iter().position(|(_, id)| *id == self.id).unwrap()
    }

    /// Sends a message to the room, or to one in it, with so many bytes more.
    fn say(&mut self, wire: &mut Wire, target: Option<usize>, padding: usize) {
        let target = target.map(|place| &self.mates[place]);
        let to = target.map_or(To::All, |(_, id)| To::One(*id));
        let number = self.shared.record(|ledger, at| ledger.attempted(at, self.id, to));
        let content = format!("{} {}", Ledger::text(self.id, number), "x".repeat(padding));
        let target = target.map_or("*", |(name, _)| name);
        self.ask(wire, number, "chat.chatHandler.send", &json!({"content": content, "target": target}));
    }

    /// In the ledger it is a message to nobody else, which fails.
    fn ask_for_panic(&mut self, wire: &mut Wire) {
        let number = self.shared.record(|ledger, at| ledger.attempted(at, self.id, To::One(self.id)));
        self.ask(wire, number, PANIC_ROUTE, &json!({}));
    }

    fn ask(&mut self, wire: &mut Wire, number: u64, route: &str, body: &Value) {
        self.under_way += 1;
        self.shared.status.under_way.fetch_add(1, Ordering::Relaxed);
        // 1 was the login.
        wire.request(number + 1, route, body);
    }

    /// Writes down what came.
    fn hear(&mut self, event: Event) {
        match event {
            Event::Response { id, body } => self.hear_answer(id.saturating_sub(1), &body),
            Event::Push { route, body } => self.hear_push(&route, &body),
            Event::Kick | Event::Closed => {}
        }
    }

    fn hear_answer(&mut self, number: u64, body: &[u8]) {
        let status = &self.shared.status;
        // More answers than requests are for the ledger to tell.
        if self.under_way > 0 {
            self.under_way -= 1;
            status.under_way.fetch_sub(1, Ordering::Relaxed);
        }
        status.answered.fetch_add(1, Ordering::Relaxed);
        let code = if body == b"{}" {
            None
        } else {
            let answer: Value = serde_json::from_slice(body).unwrap();
            Some(answer["code"].as_u64().and_then(|code| u16::try_from(code).ok()).unwrap_or_default())
        };
        self.shared.record(|ledger, at| match code {
            None => ledger.acknowledged(at, self.id, number),
            Some(code) => ledger.failed(self.id, number, code),
        });
    }

    fn hear_push(&mut self, route: &str, body: &[u8]) {
        self.shared.record(|ledger, _| match route {
            "onChat" => match serde_json::from_slice(body) {
                Ok(OnChat { msg, from }) => ledger.delivered(self.id, &from, &msg),
                Err(_) => ledger.delivered(self.id, "", &String::from_utf8_lossy(body)),
            },
            "onAdd" | "onLeave" => {
                let Presence { user } = serde_json::from_slice(body).unwrap();
                if route == "onAdd" {
                    ledger.added(self.id, &user);
                } else {
                    ledger.removed(self.id, &user);
                }
            }
            other => panic!("no chat server pushes {other}"),
        });
    }
}
