//! One user: logs in through a gate, chats, receives, and reconnects when its connection ends.

use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use pomelo_sim::client::{AsyncClient, ClientError, FramingError, Hello, Incoming, Session, Transport};
use pomelo_sim::judge::{Judge, To};
use pomelo_sim::random::Random;
use serde_json::{Value, json};
use socket2::SockRef;
use tokio::net::TcpSocket;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until, timeout};

use super::super::fragile::PANIC_ROUTE;
use super::{LoadPlan, Phase, Shared};

/// A login that takes longer is abandoned and retried: its server may hang.
const LOGIN_TIMEOUT: Duration = Duration::from_secs(4);

/// Small buffers and short segments, so that neither kernel buffers much for a client that does not
/// read.
const RECEIVE_BUFFER_BYTES: u32 = 16 * 1024;
const SEGMENT_BYTES: u32 = 1400;

/// Delay between two logins: initial and maximum.
const BACKOFF: [Duration; 2] = [Duration::from_millis(20), Duration::from_millis(500)];

/// How long a slow client does not read, and how much it sends to itself meanwhile: more than the
/// kernel and an outbox of [`SLOW_OUTBOUND_BYTES_MAX`] hold, in fewer messages than a session may
/// have in flight.
const SLOW_TIME: Duration = Duration::from_secs(1);
const SLOW_MESSAGES: usize = 30;
const SLOW_MESSAGE_BYTES: usize = 16_000;

/// An outbox limit at which a slow client is disconnected.
pub const SLOW_OUTBOUND_BYTES_MAX: usize = 64 * 1024;

/// An order to a user.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Order {
    /// Leave, with a reset of the connection if `abrupt`, and return.
    Reconnect { abrupt: bool },
    /// Request a lot, and stop reading for a while.
    ReadNothing,
    /// Call a handler that panics: see [`FragileChat`](super::super::fragile::FragileChat).
    Panic,
}

pub struct User {
    name: String,
    room: String,
    place: usize,
    id: usize,
    transport: Transport,
    mates: Vec<(String, usize)>,
    window: usize,
    pause: Duration,
    random: Random,
    orders: UnboundedReceiver<Order>,
    phase: watch::Receiver<Phase>,
    rounds_done: u64,
    in_flight: usize,
    /// Offset from the id of a request on this connection to the number of its message.
    number_of_id: u32,
    shared: Rc<Shared>,
}

/// How a stay ends.
enum End {
    /// The user left.
    Left { abrupt: bool },
    /// The connection was closed or lost.
    ThrownOut,
    /// All users leave.
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
        let mut judge = shared.judge.borrow_mut();
        let mates = (0..plan.users).filter(|other| room_of(*other, plan) == room).map(name_of);
        let mates = mates.map(|mate| (mate.clone(), judge.member(&room, &mate))).collect();
        let id = judge.member(&room, &name);
        drop(judge);
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
            in_flight: 0,
            number_of_id: 0,
            shared,
        }
    }

    /// Runs until all users leave.
    pub(super) async fn live(mut self) {
        while let Some(mut wire) = self.come_in().await {
            self.shared.status.inside.fetch_add(1, Ordering::Relaxed);
            let end = self.chat(&mut wire).await;
            self.shared.status.inside.fetch_sub(1, Ordering::Relaxed);
            self.shared.status.in_flight.fetch_sub(self.in_flight, Ordering::Relaxed);
            self.in_flight = 0;
            self.shared.record(|judge| judge.gone(self.id));
            match end {
                // Like a crashing client: with a reset.
                End::Left { abrupt: true } => {
                    let _ = SockRef::from(wire.stream()).set_linger(Some(Duration::ZERO));
                }
                End::Left { abrupt: false } => wire.close(),
                End::ThrownOut => {
                    self.shared.status.thrown_out.fetch_add(1, Ordering::Relaxed);
                    self.trouble("was thrown out");
                }
                End::Over => return,
            }
        }
    }

    /// Retries the login until it succeeds; `None` if all users leave first.
    async fn come_in(&mut self) -> Option<AsyncClient> {
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
                self.shared.record(|judge| judge.gone(self.id));
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
            self.shared.record(|judge| judge.gone(self.id));
            self.shared.status.logins_failed.fetch_add(1, Ordering::Relaxed);
            self.trouble(&failure);
            sleep(backoff.mul_f64(0.5 + self.random.unit())).await;
            backoff = BACKOFF[1].min(backoff * 2);
        }
    }

    fn trouble(&self, what: &str) {
        self.shared.troubles.borrow_mut()[self.place] = format!("{}: {what}", self.name);
    }

    /// Asks a gate, connects to the connector that it names, and enters.
    async fn log_in(&mut self) -> Result<AsyncClient, String> {
        let gates = self.shared.gates.borrow().clone();
        let Some(gate) = gates.get(self.random.index(gates.len())) else {
            return Err("no gate is open".to_owned());
        };
        let mut wire = self.connect(*gate).await?;
        let answer =
            self.ask_to_log_in(&mut wire, "gate.gateHandler.queryEntry", json!({"uid": self.name})).await?;
        wire.close();
        let host = answer["host"].as_str().and_then(|host| host.parse::<IpAddr>().ok());
        let port = answer["port"].as_u64().and_then(|port| u16::try_from(port).ok());
        let Some(address) = host.zip(port).map(SocketAddr::from) else {
            return Err(format!("the gate says {answer}"));
        };
        let mut wire = self.connect(address).await?;
        self.shared.record(|judge| judge.entering(self.id));
        let enter = json!({"username": self.name, "rid": self.room});
        let answer = self.ask_to_log_in(&mut wire, "connector.entryHandler.enter", enter).await?;
        let Some(users) = answer["users"].as_array() else {
            return Err(format!("the connector says {answer}"));
        };
        let users = users.iter().map(|user| user.as_str().unwrap_or_default());
        self.shared.record(|judge| {
            if judge.entered(self.id) {
                judge.sees(self.id, users);
            }
        });
        Ok(wire)
    }

    async fn connect(&self, address: SocketAddr) -> Result<AsyncClient, String> {
        let connect = async {
            let socket = TcpSocket::new_v4()?;
            socket.set_recv_buffer_size(RECEIVE_BUFFER_BYTES)?;
            SockRef::from(&socket).set_tcp_mss(SEGMENT_BYTES)?;
            let stream = socket.connect(address).await?;
            // Ask for a resumable session: if the server keeps sessions, it keeps this one.
            let hello = Hello { session: Session::New, ..Hello::default() };
            AsyncClient::over(stream, self.transport, &hello).await
        };
        connect.await.map_err(|error: ClientError| error.to_string())
    }

    /// Process messages that arrive before the answer first.
    async fn ask_to_log_in(
        &mut self,
        wire: &mut AsyncClient,
        route: &str,
        body: Value,
    ) -> Result<Value, String> {
        let asked = wire.send(route, &body).map_err(|error| error.to_string())?;
        loop {
            match wire.receive().await.map_err(|error| error.to_string())? {
                Incoming::Response { id, body } if id == asked => return Ok(body),
                came => self.hear(came),
            }
        }
    }

    /// Sends and receives until the connection ends or an order ends it.
    async fn chat(&mut self, wire: &mut AsyncClient) -> End {
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
            let may_send = phase == Phase::Chat && self.in_flight < self.window;
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
                came = wire.receive() => match came {
                    Ok(came) => self.hear(came),
                    Err(ClientError::Io(_) | ClientError::Framing(FramingError::Closed(..))) => {
                        return End::ThrownOut;
                    }
                    Err(error) => panic!("{}: {error}", self.name),
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

    /// Sends a message to the room, or to one member, padded by this many bytes.
    fn say(&mut self, wire: &mut AsyncClient, target: Option<usize>, padding: usize) {
        let target = target.map(|place| &self.mates[place]);
        let to = target.map_or(To::All, |(_, id)| To::One(*id));
        let number = self.shared.record(|judge| judge.sending(self.id, to));
        let content = format!("{} {}", Judge::text(self.id, number), "x".repeat(padding));
        let target = target.map_or("*", |(name, _)| name);
        self.ask(wire, number, "chat.chatHandler.send", &json!({"content": content, "target": target}));
    }

    /// The judge treats it as a message to the sender only, which fails.
    fn ask_for_panic(&mut self, wire: &mut AsyncClient) {
        let number = self.shared.record(|judge| judge.sending(self.id, To::One(self.id)));
        self.ask(wire, number, PANIC_ROUTE, &json!({}));
    }

    fn ask(&mut self, wire: &mut AsyncClient, number: u32, route: &str, body: &Value) {
        self.in_flight += 1;
        self.shared.status.in_flight.fetch_add(1, Ordering::Relaxed);
        match wire.send(route, body) {
            Ok(id) => self.number_of_id = number.wrapping_sub(id as u32),
            // Kicked: the end of the stream follows.
            Err(ClientError::NotOpen) => {}
            Err(error) => panic!("{}: {error}", self.name),
        }
    }

    /// Reports a received message.
    fn hear(&mut self, came: Incoming) {
        match came {
            // Id 1 was the login.
            Incoming::Response { id: 1, .. } => self.hear_answer(0, &Value::Null),
            Incoming::Response { id, body } => {
                self.hear_answer(self.number_of_id.wrapping_add(id as u32), &body)
            }
            Incoming::Push { route, body } => self.hear_push(&route, &body),
            Incoming::Kicked(_) => {}
        }
    }

    fn hear_answer(&mut self, number: u32, body: &Value) {
        let status = &self.shared.status;
        // If there are more answers than requests, the judge reports it.
        if self.in_flight > 0 {
            self.in_flight -= 1;
            status.in_flight.fetch_sub(1, Ordering::Relaxed);
        }
        status.answered.fetch_add(1, Ordering::Relaxed);
        let is_done = body.as_object().is_some_and(|body| body.is_empty());
        let code = body["code"].as_u64().unwrap_or_default();
        self.shared.record(|judge| match is_done {
            true => judge.acknowledged(self.id, number),
            false => judge.failed(self.id, number, code),
        });
    }

    fn hear_push(&mut self, route: &str, body: &Value) {
        let field = |name: &str| body[name].as_str().unwrap_or_default();
        self.shared.record(|judge| match route {
            "onChat" => judge.received(self.id, field("from"), field("msg")),
            "onAdd" => judge.added(self.id, field("user")),
            "onLeave" => judge.removed(self.id, field("user")),
            other => panic!("no chat server pushes {other}"),
        });
    }
}
