//! Checks events: one change each, within the run, of a server that is up then.

use super::{Checked, USERS_MAX, Wrong, number, wrong};
use crate::ids::ServerId;
use crate::router::LinkRule;
use crate::scenario::{Change, Event, Scenario};

use super::roster::Roster;

/// Bound on the number of events.
const EVENTS_MAX: usize = 10_000;

/// A change of the roster, and its moment.
struct Step {
    at_s: f64,
    field: String,
    kind: Kind,
    id: ServerId,
}

enum Kind {
    Add,
    Remove,
    ComeBack,
    Expect,
}

pub(super) fn check(scenario: &Scenario, mut roster: Roster, end_s: f64) -> Checked {
    number("events", scenario.events.len(), 0..=EVENTS_MAX)?;
    let mut steps = Vec::new();
    let mut undone = Vec::new();
    for (index, event) in scenario.events.iter().enumerate() {
        let field = format!("events[{index}]");
        number(format!("{field}.at_s"), event.at_s, 0.0..=end_s)?;
        if let Some(seconds) = event.for_s {
            number(format!("{field}.for_s"), seconds, super::SECONDS)?;
        }
        let change = change(&field, event)?;
        sense(scenario, &field, &change)?;
        let (name, kind, back, id) = match change {
            Change::Add(id) => ("add", Kind::Add, Some(Kind::Remove), id),
            Change::Remove(id) => ("remove", Kind::Remove, Some(Kind::ComeBack), id),
            Change::Crash(id) => ("crash", Kind::Remove, Some(Kind::ComeBack), id),
            Change::Slow(id, _) => ("slow", Kind::Expect, None, id),
            Change::Link(_) | Change::HotRoom(_) | Change::Crowd(_) => continue,
        };
        let field = format!("{field}.{name}");
        if let (Some(kind), Some(seconds)) = (back, event.for_s) {
            let at_s = event.at_s + seconds;
            undone.push(Step { at_s, field: format!("{field} undone"), kind, id: id.clone() });
        }
        steps.push(Step { at_s: event.at_s, field, kind, id });
    }
    // At the same moment: in the order of the file, with ends of events last.
    steps.extend(undone.into_iter().filter(|step| step.at_s <= end_s));
    steps.sort_by(|a, b| a.at_s.total_cmp(&b.at_s));
    for Step { field, kind, id, .. } in &steps {
        match kind {
            Kind::Add => roster.add(field, id),
            Kind::Remove => roster.remove(field, id),
            Kind::ComeBack => roster.come_back(field, id),
            Kind::Expect => roster.expect(field, id),
        }?;
    }
    links(scenario, &roster)
}

/// The event's one change.
fn change(field: &str, event: &Event) -> Result<Change, Wrong> {
    if let (Some(_), None) = (&event.slow, event.speed) {
        return wrong(format!("{field}.speed"), "expected a speed with slow, such as 0.25");
    }
    if let (None, Some(_)) = (&event.slow, event.speed) {
        return wrong(format!("{field}.speed"), "can only be used with slow");
    }
    event.change().ok_or_else(|| Wrong {
        field: field.to_owned(),
        reason: "expected exactly one of add, remove, crash, slow, link, hot_room, crowd".to_owned(),
    })
}

fn sense(scenario: &Scenario, field: &str, change: &Change) -> Checked {
    match (change, &scenario.chat) {
        (Change::Slow(_, speed), _) => number(format!("{field}.speed"), *speed, 1e-6..=1e6),
        (Change::Crowd(crowd), chat) => {
            if chat.as_ref().is_some_and(|chat| chat.logins_per_s.is_none()) {
                return wrong(format!("{field}.crowd"), "needs chat.logins_per_s, the rate that grows");
            }
            number(format!("{field}.crowd.factor"), crowd.factor, 0.0..=1e4)?;
            number(format!("{field}.crowd.ramp_s"), crowd.ramp_s, 0.0..=1e8)
        }
        (Change::Link(_), None) => wrong(format!("{field}.link"), "is for the chat model only"),
        (Change::HotRoom(_), None) => wrong(format!("{field}.hot_room"), "is for the chat model only"),
        (Change::HotRoom(hot), Some(chat)) => {
            number(format!("{field}.hot_room.room"), hot.room, 1..=chat.rooms)?;
            number(format!("{field}.hot_room.users"), hot.users, 1..=USERS_MAX)?;
            number(format!("{field}.hot_room.over_s"), hot.over_s, 0.0..=1e8)
        }
        _ => Ok(()),
    }
}

/// Checks that rules name servers or types that exist at some time.
fn links(scenario: &Scenario, roster: &Roster) -> Checked {
    let ends = |field: String, rule: &LinkRule| {
        roster.expect_end(&format!("{field}.from"), &rule.from)?;
        roster.expect_end(&format!("{field}.to"), &rule.to)
    };
    for (index, rule) in scenario.chat.iter().flat_map(|chat| &chat.links).enumerate() {
        ends(format!("chat.links[{index}]"), rule)?;
    }
    for (index, event) in scenario.events.iter().enumerate() {
        if let Some(rule) = &event.link {
            ends(format!("events[{index}].link"), rule)?;
        }
    }
    Ok(())
}
