//! Plays a scenario on a cluster of its own, and compares what each connection gets with what it
//! must get.
//!
//! The clients send what was recorded, in its order. Where the original's client waited for an
//! answer, so do they; a recorded pause says nothing more, except in the scenarios that are about
//! time. At the end each connection that must be open asks once more, and a bystander in another
//! room must have noticed nothing.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::thread::sleep;
use std::time::{Duration, Instant};

use pomelo_sim::live::RunningCluster;
use pomelo_sim::ports::CloseReason;
use pomelo_sim::wire::{PackageType, WireRoute, write_request};
use serde_json::json;

use super::bodies::{SEND, cluster};
use super::friend::{BEAT, Friend};
use super::hand::Hand;
use super::scenario::{Event, Scenario, Step, packages, request_id};
use super::seen::Seen;
use super::verdicts::{CONNECTORS, ORDERS, REAL_TIME, Verdict, is_real_time};
use super::wanted::PROBE;
use crate::support::client::{Client, Got, Transport};
use crate::support::watch::accounts;
use crate::support::{PATIENCE, wait_until};

const QUERY_ENTRY: &str = "gate.gateHandler.queryEntry";

/// Plays a scenario. The error is a report for people.
pub(crate) fn replay(scenario: &Scenario, transport: Transport, verdict: &Verdict) -> Result<(), String> {
    let orders = ORDERS.iter().filter(|(name, ..)| *name == scenario.name);
    let cluster = cluster(scenario.cluster);
    let cluster = if orders.clone().count() > 0 { cluster.server_type::<Hand>() } else { cluster };
    let cluster = cluster.start().unwrap();
    let mut bystander = Friend::open(&cluster, "connector-server-1", transport);
    bystander.enters();
    let result = match verdict {
        Verdict::Http => is_refused_as_http(&cluster, scenario),
        _ => {
            let mut stage = Stage::new(scenario, transport, verdict, &cluster, &mut bystander);
            // A client that waits in vain stops; the comparison then shows what is missing.
            let _ = stage.play().and_then(|()| {
                orders.for_each(|order| stage.order(order));
                stage.end(verdict)
            });
            stage.compare()
        }
    };
    result.and_then(|()| bystander.chats()).and_then(|()| is_clean(&cluster, verdict)).map_err(|report| {
        format!("\n{} over {transport:?} ({:?}, {verdict:?})\n{report}", scenario.name, scenario.rule)
    })
}

/// A scenario's clients on the running cluster.
struct Stage<'a> {
    scenario: &'a Scenario,
    transport: Transport,
    wanted: Vec<Vec<Seen>>,
    players: Vec<Player>,
    cluster: &'a RunningCluster,
    connector_ports: Vec<u16>,
    bystander: &'a mut Friend,
    is_real_time: bool,
    began: Instant,
    closed_after: Option<Duration>,
}

/// The client of one connection.
#[derive(Default)]
struct Player {
    /// None before its first step, and after its last if that closes it.
    client: Option<Client>,
    seen: Vec<Seen>,
    asked: Vec<Asked>,
}

/// What a client has sent that may be answered.
#[derive(Clone, Copy)]
enum Asked {
    Handshake,
    Request(u64),
}

/// Something that must come did not.
struct InVain;

impl<'a> Stage<'a> {
    fn new(
        scenario: &'a Scenario,
        transport: Transport,
        verdict: &Verdict,
        cluster: &'a RunningCluster,
        bystander: &'a mut Friend,
    ) -> Self {
        let connectors = cluster.servers().filter(|(spec, _)| spec.server_type.as_str() == "connector");
        Self {
            scenario,
            transport,
            wanted: scenario.wanted(transport, verdict),
            players: scenario.connections.iter().map(|_| Player::default()).collect(),
            cluster,
            connector_ports: connectors
                .filter_map(|(_, address)| address)
                .map(|address| address.port())
                .collect(),
            bystander,
            is_real_time: is_real_time(&scenario.name),
            began: Instant::now(),
            closed_after: None,
        }
    }

    fn play(&mut self) -> Result<(), InVain> {
        let scenario = self.scenario;
        for (at, step) in scenario.steps.iter().enumerate() {
            match &step.event {
                Event::Send(bytes) if !scenario.is_too_late(at) => {
                    match scenario.gap_in_burst(at) {
                        Some(gap) => sleep(gap),
                        None => self.settle()?,
                    }
                    self.pace(step);
                    self.send(step.connection, bytes);
                }
                Event::Close if scenario.is_closed_by_client(step.connection) => {
                    self.leave(step.connection, scenario.goes_on_at_once(at))?;
                }
                _ => {}
            }
        }
        self.settle()
    }

    fn send(&mut self, connection: usize, bytes: &[u8]) {
        let player = &mut self.players[connection];
        let client = player.client.get_or_insert_with(|| {
            Client::connect(address(self.cluster, self.scenario, connection), self.transport)
        });
        match std::str::from_utf8(bytes) {
            Ok(text) if self.scenario.name == "ws_text_frame_data" => client.text(text),
            _ => client.raw(bytes),
        }
        for (kind, body) in packages(bytes) {
            match kind {
                PackageType::Handshake => player.asked.push(Asked::Handshake),
                _ => player.asked.extend(request_id(kind, &body).map(Asked::Request)),
            }
        }
    }

    /// Waits for the answers to all that was asked and must be answered.
    fn settle(&mut self) -> Result<(), InVain> {
        for connection in 0..self.players.len() {
            for asked in std::mem::take(&mut self.players[connection].asked) {
                let answers = move |seen: &Seen| match asked {
                    Asked::Handshake => seen.is_handshake(),
                    Asked::Request(id) => seen.answers(id),
                };
                if self.wanted[connection].iter().any(answers) {
                    self.wait(connection, answers)?;
                }
            }
        }
        Ok(())
    }

    fn wait(&mut self, connection: usize, comes: impl Fn(&Seen) -> bool) -> Result<(), InVain> {
        let give_up = Instant::now() + PATIENCE;
        let player = &mut self.players[connection];
        while !player.seen.iter().any(&comes) {
            let is_closed = matches!(player.seen.last(), Some(Seen::Closed(_)));
            if is_closed || Instant::now() > give_up {
                return Err(InVain);
            }
            player.read(BEAT, &self.connector_ports);
            self.bystander.beat();
        }
        Ok(())
    }

    /// In a scenario about time, waits for the time of the step. A client that just keeps its
    /// connection is an eighth early, since this process may be late: 5.8 s leave 0.2 s.
    fn pace(&mut self, step: &Step) {
        let stays = REAL_TIME.iter().any(|(name, closes)| *name == self.scenario.name && closes.is_none());
        let at = if stays { step.at * 7 / 8 } else { step.at };
        while self.is_real_time
            && let Some(left) = at.checked_sub(self.began.elapsed())
            && !left.is_zero()
        {
            sleep(left.min(BEAT));
            self.bystander.beat();
        }
    }

    /// Asks once more: what must have come before has come then.
    fn probe(&mut self, connection: usize) -> Result<(), InVain> {
        if !self.scenario.acknowledges(connection) {
            self.send(connection, &[PackageType::HandshakeAck as u8, 0, 0, 0]);
        }
        // Refused in every state, and by the chat server when the session has a room.
        let mut bytes = Vec::new();
        write_request(&mut bytes, PROBE, &WireRoute::Name(SEND.into()), b"").unwrap();
        self.send(connection, &bytes);
        self.settle()
    }

    /// The client goes away, and unless the next one comes at once, the cluster has noticed.
    fn leave(&mut self, connection: usize, at_once: bool) -> Result<(), InVain> {
        // TCP says `end` and `close`.
        if self.players[connection].client.is_none() {
            return Ok(());
        }
        self.settle()?;
        self.probe(connection)?;
        let sessions = || -> usize { accounts(self.cluster).iter().map(|account| account.sessions).sum() };
        let before = sessions();
        match self.players[connection].client.take() {
            Some(client) if self.scenario.connections[connection].was_cut => drop(client),
            client => client.into_iter().for_each(Client::close),
        }
        if !at_once {
            wait_until("the session is gone", || sessions() < before);
        }
        Ok(())
    }

    fn order(&mut self, (_, order, code): &(&str, &str, u16)) {
        let mut operator = Friend::open(self.cluster, "gate-server-1", self.transport);
        let answer = operator.ask(QUERY_ENTRY, &json!({ "uid": order }));
        assert_eq!(answer["code"], *code, "{order}: {answer}");
    }

    /// Waits for the connections that must end, then asks on the others.
    fn end(&mut self, verdict: &Verdict) -> Result<(), InVain> {
        if let Verdict::Waits { rest, .. } = verdict {
            self.send(0, rest);
        }
        for connection in 0..self.players.len() {
            if let Some(Seen::Closed(_)) = self.wanted[connection].last() {
                self.wait(connection, |seen| matches!(seen, Seen::Closed(_)))?;
                self.closed_after = Some(self.began.elapsed());
            }
        }
        for connection in 0..self.players.len() {
            let is_open = !matches!(self.wanted[connection].last(), Some(Seen::Closed(_)));
            if is_open && !self.scenario.is_closed_by_client(connection) {
                self.probe(connection)?;
            }
        }
        Ok(())
    }

    fn compare(&self) -> Result<(), String> {
        let mut report = String::new();
        for (connection, player) in self.players.iter().enumerate() {
            if player.seen != self.wanted[connection] {
                let name = &self.scenario.connections[connection].name;
                report += &format!("  connection {name} must get\n{}", listed(&self.wanted[connection]));
                report += &format!("  and gets\n{}", listed(&player.seen));
            }
        }
        let row = REAL_TIME.iter().find(|(name, _)| *name == self.scenario.name);
        if let (Some((_, Some(seconds))), Some(after)) = (row, self.closed_after)
            && after.as_secs_f64() < *seconds - 0.1
        {
            report += &format!("  it must be closed after {seconds} s, and is after {after:?}\n");
        }
        if report.is_empty() { Ok(()) } else { Err(report) }
    }
}

impl Player {
    fn read(&mut self, patience: Duration, connector_ports: &[u16]) {
        let Some(client) = &mut self.client else { return };
        match client.next(patience) {
            Some(Got::Closed(code)) => self.seen.push(Seen::Closed(code)),
            // Each thing got but the end is a package, and the client keeps their bytes.
            Some(_) => self.seen.push(Seen::as_recorded(&client.packages[self.seen.len()], connector_ports)),
            None => {}
        }
    }
}

/// A socket that speaks HTTP gets an HTTP error and its end, and no package.
fn is_refused_as_http(cluster: &RunningCluster, scenario: &Scenario) -> Result<(), String> {
    let mut stream = TcpStream::connect(address(cluster, scenario, 0)).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut last = Duration::ZERO;
    for step in &scenario.steps {
        if let Event::Send(bytes) = &step.event {
            sleep(step.at - last);
            last = step.at;
            stream.write_all(bytes).unwrap();
        }
    }
    let mut answer = String::new();
    match stream.read_to_string(&mut answer) {
        Ok(_) if answer.starts_with("HTTP/1.1 4") => Ok(()),
        end => Err(format!("  it must be refused as HTTP, and gets {answer:?}, then {end:?}\n")),
    }
}

/// No handler panicked, and a connection that had to be closed was counted.
fn is_clean(cluster: &RunningCluster, verdict: &Verdict) -> Result<(), String> {
    let servers = cluster.list().unwrap();
    let panics: u64 = servers.iter().map(|server| server.figure(|account| account.counters.panics)).sum();
    let closed = |reason: &CloseReason| -> u64 {
        servers.iter().filter_map(|server| server.port.as_ref()?.closed.get(reason)).sum()
    };
    match verdict {
        _ if panics > 0 => Err(format!("  {panics} handlers panicked\n")),
        Verdict::Closes(reason) if closed(reason) != 1 => {
            Err(format!("  one {reason:?} must be counted, and {} are\n", closed(reason)))
        }
        _ => Ok(()),
    }
}

fn address(cluster: &RunningCluster, scenario: &Scenario, connection: usize) -> std::net::SocketAddr {
    let connection = &scenario.connections[connection];
    let row = CONNECTORS.iter().find(|(name, known, _)| *name == scenario.name && *known == connection.name);
    let connector = row.map_or(0, |(_, _, connector)| *connector);
    let server = if connection.is_gate {
        "gate-server-1".to_owned()
    } else {
        format!("connector-server-{}", connector + 1)
    };
    cluster.address(&server).unwrap()
}

fn listed(seen: &[Seen]) -> String {
    seen.iter().map(|seen| format!("    {seen}\n")).collect()
}
