//! Robots in a separate process, and their reports.

use std::fmt;
use std::net::SocketAddr;
use std::process::{Command, Stdio};

use serde::Serialize;
use serde_json::Value;

/// Active users in each load.
const USERS: u32 = 300;

/// Room sizes and windows searched for the original's best.
const ROOM_SIZES: [u32; 3] = [30, 100, 300];
const WINDOWS: [u32; 3] = [1, 4, 16];

/// Logins started per second, fewer than the original's capacity.
const ARRIVALS: u32 = 250;

/// The size of rooms, and the requests that each user keeps in flight.
#[derive(Clone, Copy, Serialize)]
pub(crate) struct Shape {
    pub(crate) users: u32,
    pub(crate) rooms: u32,
    pub(crate) window: u32,
}

impl Shape {
    pub(crate) fn candidates() -> impl Iterator<Item = Self> {
        let shape = |size, window| Self { users: USERS, rooms: USERS / size, window };
        ROOM_SIZES.into_iter().flat_map(move |size| WINDOWS.map(|window| shape(size, window)))
    }

    /// Deliveries of a message.
    pub(crate) fn room_size(&self) -> f64 {
        f64::from(self.users) / f64::from(self.rooms)
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { users, window, .. } = self;
        write!(f, "{users} users in rooms of {}, {window} in flight each", self.room_size())
    }
}

/// The result of a load.
#[derive(Serialize)]
pub(crate) struct Tried {
    pub(crate) shape: Shape,
    /// Deliveries per second.
    pub(crate) deliveries: f64,
    pub(crate) faults: f64,
}

/// Durations of the loads.
pub(crate) struct Robots {
    pub(crate) seconds: u32,
    pub(crate) idle: u32,
}

impl Robots {
    /// A short closed loop, to estimate the throughput.
    pub(crate) fn probe(&self, gate: SocketAddr, servers: &[u32], shape: &Shape) -> Result<Report, String> {
        closed_loop(gate, servers, shape, 2)
    }

    /// Users that log in and send almost nothing.
    pub(crate) fn crowd(&self, gate: SocketAddr, servers: &[u32]) -> Result<Report, String> {
        let users = self.idle.to_string();
        let rooms = self.idle.div_ceil(10).to_string();
        robots(gate, servers, &["--users", &users, "--rooms", &rooms, "--rate", "0.001", "--duration", "1"])
    }

    /// A closed loop: each user sends again after an answer.
    pub(crate) fn saturate(
        &self,
        gate: SocketAddr,
        servers: &[u32],
        shape: &Shape,
    ) -> Result<Report, String> {
        closed_loop(gate, servers, shape, self.seconds)
    }

    /// An open loop with this total rate of messages per second.
    pub(crate) fn pace(
        &self,
        gate: SocketAddr,
        servers: &[u32],
        shape: &Shape,
        rate: f64,
    ) -> Result<Report, String> {
        let (users, rooms) = (shape.users.to_string(), shape.rooms.to_string());
        let rate = (rate / f64::from(shape.users)).to_string();
        let seconds = self.seconds.to_string();
        robots(
            gate,
            servers,
            &["--users", &users, "--rooms", &rooms, "--rate", &rate, "--duration", &seconds],
        )
    }
}

fn closed_loop(gate: SocketAddr, servers: &[u32], shape: &Shape, seconds: u32) -> Result<Report, String> {
    let [users, rooms, window] = [shape.users, shape.rooms, shape.window].map(|number| number.to_string());
    let seconds = seconds.to_string();
    robots(
        gate,
        servers,
        &["--users", &users, "--rooms", &rooms, "--window", &window, "--duration", &seconds],
    )
}

fn robots(gate: SocketAddr, servers: &[u32], load: &[&str]) -> Result<Report, String> {
    let pids: Vec<String> = servers.iter().map(u32::to_string).collect();
    let (gate, pids, arrivals) = (gate.to_string(), pids.join(","), ARRIVALS.to_string());
    let fixed =
        ["robots", "--json", "--gate", &gate, "--pid", &pids, "--transport", "ws", "--arrivals", &arrivals];
    let mut command = Command::new(env!("CARGO_BIN_EXE_pomelo-sim"));
    command.args(fixed).args(load).stdin(Stdio::null()).stderr(Stdio::inherit());
    let output = command.output().map_err(|error| format!("robots: {error}"))?;
    let report = serde_json::from_slice(&output.stdout);
    report.map(Report).map_err(|error| format!("robots {load:?} ended with {}: {error}", output.status))
}

/// The output of `robots --json`.
pub(crate) struct Report(Value);

impl Report {
    pub(crate) fn deliveries_per_second(&self) -> Result<f64, String> {
        self.number("/deliveries/per_second")
    }

    /// Microseconds.
    pub(crate) fn latency(&self, operation: &str, quantile: &str) -> Result<f64, String> {
        self.number(&format!("/latency_us/{operation}/{quantile}"))
    }

    pub(crate) fn server(&self, what: &str) -> Result<f64, String> {
        self.number(&format!("/server/{what}"))
    }

    fn number(&self, pointer: &str) -> Result<f64, String> {
        let number = self.0.pointer(pointer).and_then(Value::as_f64);
        number.ok_or_else(|| format!("robots report no {pointer}: {}", self.0))
    }

    /// The number of failures: logins or requests that failed, closed connections, and lost,
    /// duplicate or reordered messages.
    pub(crate) fn faults(&self) -> f64 {
        let numbers = |pointer| self.0.pointer(pointer).and_then(Value::as_object).into_iter().flatten();
        let broken = numbers("/errors").chain(numbers("/integrity")).filter_map(|(_, count)| count.as_f64());
        let failed = self.0.pointer("/logins/failed").and_then(Value::as_f64);
        broken.chain(failed).sum()
    }
}
