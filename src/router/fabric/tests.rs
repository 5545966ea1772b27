//! Envelopes on their way, without a router.

use std::time::Duration;

use super::*;

const LATENCY: Duration = Duration::from_millis(20);

/// Two servers of two types.
fn fabric() -> Fabric {
    let mut fabric = Fabric::new(1);
    fabric.admit(&"a".into(), &"ask".into());
    fabric.admit(&"b".into(), &"answer".into());
    fabric
}

/// What goes out by an order that is given at that time after the start.
fn out(fabric: &mut Fabric, after: Duration, order: impl FnOnce(&mut Fabric)) -> Vec<u64> {
    let mut out = Vec::new();
    fabric.begin(Time::START + after, &mut out);
    order(fabric);
    fabric.end(&mut out);
    let number = |routed: Routed| match routed.envelope.payload {
        Payload::Drained { change } => change,
        other => panic!("{other:?}"),
    };
    out.into_iter().map(number).collect()
}

fn send(fabric: &mut Fabric, numbers: std::ops::Range<u64>) {
    for change in numbers {
        fabric.deliver("a".into(), "b".into(), (Payload::Drained { change }, None));
    }
}

fn slow() -> LinkRule {
    serde_json::from_value(serde_json::json!({"name": "slow", "latency": "20ms"})).unwrap()
}

fn install(fabric: &mut Fabric, rule: LinkRule) {
    fabric.install("", Box::new(rule.clone()), Some(rule));
}

#[test]
fn an_envelope_goes_out_at_once_unless_a_rule_or_an_older_one_is_before_it() {
    let mut fabric = fabric();
    assert_eq!(out(&mut fabric, Duration::ZERO, |it| send(it, 0..2)), [0, 1]);
    out(&mut fabric, Duration::ZERO, |it| install(it, slow()));
    assert_eq!(out(&mut fabric, Duration::ZERO, |it| send(it, 2..4)), [0; 0]);
    assert_eq!(fabric.next_due(), Some(Time::START + LATENCY));
    assert!(fabric.holds_from(&"a".into(), 1) && !fabric.holds_from(&"a".into(), 0));
    assert_eq!(out(&mut fabric, Duration::ZERO, |it| assert!(!it.arrive_due())), [0; 0]);
    let tail = |it: &mut Fabric| {
        it.uninstall(None).unwrap();
        send(it, 4..5);
    };
    assert_eq!(out(&mut fabric, LATENCY / 2, tail), [0; 0], "it stands behind the others");
    assert_eq!(out(&mut fabric, LATENCY, |it| assert!(it.arrive_due())), [2, 3, 4]);
    assert!(!fabric.holds_from(&"a".into(), fabric.last_serial()));
}

#[test]
fn what_the_router_says_crosses_no_link_and_waits_for_the_paused_only() {
    let mut fabric = fabric();
    let tell = |it: &mut Fabric| it.send("b".into(), Payload::Drained { change: 9 });
    out(&mut fabric, Duration::ZERO, |it| install(it, slow()));
    assert_eq!(out(&mut fabric, Duration::ZERO, tell), [9]);
    fabric.pause(&"b".into());
    assert_eq!(out(&mut fabric, Duration::ZERO, tell), [0; 0]);
    fabric.pause(&"b".into());
    assert_eq!(fabric.waiting_for(&"b".into()), 1, "paused twice is paused once");
    assert_eq!(out(&mut fabric, Duration::ZERO, |it| it.resume(&"b".into())), [9]);
    assert_eq!(fabric.edges().get(&(&"a".into(), &"b".into())), None, "none came from another server");
}

#[test]
fn a_server_that_goes_gives_back_what_was_on_its_way_to_it() {
    let mut fabric = fabric();
    out(&mut fabric, Duration::ZERO, |it| {
        it.pause(&"b".into());
        send(it, 0..2);
        install(it, slow());
        send(it, 2..4);
    });
    assert_eq!(fabric.edges()[&(&"a".into(), &"b".into())], (0, 4));
    let (server_type, lost) = fabric.remove(&"b".into()).unwrap();
    let numbers = lost.iter().map(|envelope| match envelope.payload {
        Payload::Drained { change } => change,
        _ => unreachable!(),
    });
    assert_eq!((server_type, numbers.collect::<Vec<_>>()), ("answer".into(), vec![0, 1, 2, 3]), "in order");
    assert!(!fabric.is_up(&"b".into()) && fabric.remove(&"b".into()).is_none());
    assert_eq!(fabric.next_due(), None);
}

#[test]
fn what_a_vanished_server_has_sent_is_dropped_where_it_is_unwanted() {
    let mut fabric = fabric();
    out(&mut fabric, Duration::ZERO, |it| {
        install(it, slow());
        send(it, 0..3);
        it.remove(&"a".into());
        it.discard_from(&"a".into(), |payload| matches!(payload, Payload::Drained { change: 1 }));
    });
    assert_eq!(out(&mut fabric, LATENCY, |it| assert!(it.arrive_due())), [0, 2]);
}

#[test]
fn what_a_vanished_server_has_sent_to_a_paused_one_is_dropped_where_it_is_unwanted() {
    let mut fabric = fabric();
    let sent = out(&mut fabric, Duration::ZERO, |it| {
        it.pause(&"b".into());
        send(it, 0..3);
        it.remove(&"a".into());
        it.discard_from(&"a".into(), |payload| matches!(payload, Payload::Drained { change: 1 }));
    });
    assert!(sent.is_empty(), "{sent:?}");
    assert_eq!(out(&mut fabric, Duration::ZERO, |it| it.resume(&"b".into())), [0, 2]);
}
