//! The states of a connection as a pure machine: every package in every state, and the timeouts.

use std::time::Duration;

use pomelo_sim::ports::{Action, CloseReason, ConnectionTimeouts, Machine};
use pomelo_sim::time::Time;
use pomelo_sim::wire::{HandshakeOffer, Package, PackageType};

const HELLO: &[u8] = br#"{"sys":{}}"#;

const TIMEOUTS: ConnectionTimeouts = ConnectionTimeouts {
    handshake: Duration::from_secs(10),
    ack: Duration::from_secs(5),
    heartbeat: Some(Duration::from_secs(6)),
};

/// As on a gate.
const NO_HEARTBEAT: ConnectionTimeouts = ConnectionTimeouts { heartbeat: None, ..TIMEOUTS };

#[derive(Clone, Copy, PartialEq, Debug)]
enum State {
    Handshake,
    Ack,
    Working,
}

use State::{Ack, Handshake, Working};

/// A machine in a state that began at `now`.
fn machine(state: State, now: Time) -> Machine {
    let mut machine = Machine::new(now);
    let steps = match state {
        Handshake => 0,
        Ack => 1,
        Working => 2,
    };
    for (kind, body) in
        [(PackageType::Handshake, HELLO), (PackageType::HandshakeAck, b"")].into_iter().take(steps)
    {
        take(&mut machine, now, kind, body, &TIMEOUTS);
    }
    assert_eq!(machine.is_working(), state == Working);
    machine
}

fn take<'a>(
    machine: &mut Machine,
    now: Time,
    kind: PackageType,
    body: &'a [u8],
    timeouts: &ConnectionTimeouts,
) -> Action<'a> {
    let offer = HandshakeOffer { heartbeat_s: timeouts.heartbeat.map(|_| 3), ..HandshakeOffer::default() };
    machine.on_package(now, Package { kind, body }, &offer, timeouts)
}

fn at(seconds: f64) -> Time {
    Time::START + Duration::from_secs_f64(seconds)
}

#[test]
fn every_package_in_every_state() {
    let welcome = || Action::Reply(PackageType::Handshake, br#"{"code":200,"sys":{"heartbeat":3}}"#.to_vec());
    let beat = || Action::Reply(PackageType::Heartbeat, Vec::new());
    let kicked = Action::Close(CloseReason::BadPackage);
    let table = [
        (Handshake, PackageType::Handshake, HELLO, welcome()),
        (
            Handshake,
            PackageType::Handshake,
            b"{}",
            Action::Refuse(PackageType::Handshake, br#"{"code":500}"#.to_vec()),
        ),
        (Handshake, PackageType::HandshakeAck, b"", Action::Ignore),
        (Handshake, PackageType::Heartbeat, b"", Action::Ignore),
        (Handshake, PackageType::Data, b"early", Action::Ignore),
        (Handshake, PackageType::Kick, b"", kicked.clone()),
        (Ack, PackageType::Handshake, HELLO, Action::Ignore),
        (Ack, PackageType::HandshakeAck, b"", Action::Open(true)),
        (Ack, PackageType::Heartbeat, b"", Action::Ignore),
        (Ack, PackageType::Data, b"early", Action::Ignore),
        (Ack, PackageType::Kick, b"", kicked.clone()),
        (Working, PackageType::Handshake, HELLO, Action::Ignore),
        (Working, PackageType::HandshakeAck, b"", Action::Ignore),
        (Working, PackageType::Heartbeat, b"", beat()),
        (Working, PackageType::Data, b"message", Action::Message(b"message")),
        (Working, PackageType::Kick, b"", kicked),
    ];
    for (state, kind, body, action) in table {
        let got = take(&mut machine(state, at(0.0)), at(1.0), kind, body, &TIMEOUTS);
        assert_eq!(got, action, "{kind:?} in {state:?}");
    }
}

#[test]
fn a_gate_swallows_heartbeats() {
    let mut gate = machine(Ack, at(0.0));
    assert_eq!(take(&mut gate, at(0.0), PackageType::HandshakeAck, b"", &NO_HEARTBEAT), Action::Open(false));
    assert_eq!(take(&mut gate, at(1.0), PackageType::Heartbeat, b"", &NO_HEARTBEAT), Action::Accept);
    assert_eq!(gate.overdue(at(1e6), &NO_HEARTBEAT), None);
}

#[test]
fn silence_is_overdue_at_its_limit() {
    let limits = [
        (Handshake, 10.0, CloseReason::HandshakeTimeout),
        (Ack, 5.0, CloseReason::AckTimeout),
        (Working, 6.0, CloseReason::HeartbeatTimeout),
    ];
    for (state, limit, reason) in limits {
        let machine = machine(state, at(100.0));
        assert_eq!(machine.overdue(at(100.0 + limit - 0.001), &TIMEOUTS), None, "{state:?}");
        assert_eq!(machine.overdue(at(100.0 + limit), &TIMEOUTS), Some(reason), "{state:?}");
    }
}

#[test]
fn only_a_heartbeat_is_a_sign_of_life() {
    let mut working = machine(Working, at(0.0));
    take(&mut working, at(5.0), PackageType::Data, b"x", &TIMEOUTS);
    assert_eq!(working.overdue(at(6.0), &TIMEOUTS), Some(CloseReason::HeartbeatTimeout));
    take(&mut working, at(5.0), PackageType::Heartbeat, b"", &TIMEOUTS);
    assert_eq!(working.overdue(at(6.0), &TIMEOUTS), None);
    assert_eq!(working.overdue(at(11.0), &TIMEOUTS), Some(CloseReason::HeartbeatTimeout));
    // A client that was not read could not be received.
    working.restart_timeout(at(11.0));
    assert_eq!(working.overdue(at(16.0), &TIMEOUTS), None);
}
