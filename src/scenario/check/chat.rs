//! Checks the `chat` model.

use super::{
    ABOVE_ZERO, Checked, FROM_ZERO, SECONDS, USERS_MAX, distribution, finds_again, number, retry, shape,
    wrong,
};
use crate::scenario::{ChatModel, Costs, Talk};

/// Longest message, in bytes: the bound of a body.
const PAYLOAD_MAX: f64 = 65_536.0;

/// Types that a strategy can balance.
const CHOSEN: [&str; 2] = ["connector", "chat"];

pub(super) fn check(chat: &ChatModel) -> Checked {
    strategies(chat)?;
    number("chat.users", chat.users, 1..=USERS_MAX)?;
    number("chat.rooms", chat.rooms, 1..=USERS_MAX)?;
    number("chat.zipf", chat.zipf, 0.0..=10.0)?;
    if let Some(most) = chat.room_users_max {
        let space = u64::from(most) * u64::from(chat.rooms);
        if space < u64::from(chat.users) {
            return wrong(
                "chat.room_users_max",
                format!(
                    "expected space for {} users in {} rooms, got it for {space}",
                    chat.users, chat.rooms
                ),
            );
        }
    }
    if let Some(rate) = chat.logins_per_s {
        number("chat.logins_per_s", rate, ABOVE_ZERO)?;
    }
    if let Some(session) = &chat.session_s {
        distribution("chat.session_s", session, SECONDS)?;
    }
    distribution("chat.away_s", &chat.away_s, 0.0..=*SECONDS.end())?;
    talk(&chat.talk)?;
    distribution("chat.payload_bytes", &chat.payload_bytes, 0.0..=PAYLOAD_MAX)?;
    number("chat.timeout_s", chat.timeout_s, 1e-3..=1e6)?;
    distribution("chat.reconnect.detect_s", &chat.reconnect.detect_s, 0.0..=*SECONDS.end())?;
    retry("chat.reconnect.retry", &chat.reconnect.retry)?;
    costs(&chat.costs)?;
    if chat.queue_max == Some(0) {
        return wrong("chat.queue_max", "expected at least 1, got 0");
    }
    number("chat.links", chat.links.len(), 0..=1000)
}

fn strategies(chat: &ChatModel) -> Checked {
    let balance = chat.balance.as_str();
    if !CHOSEN.contains(&balance) {
        return wrong("chat.balance", format!("expected one of {}, got {balance:?}", CHOSEN.join(", ")));
    }
    for (server_type, strategy) in &chat.others {
        let field = || format!("chat.others.{server_type}");
        if !CHOSEN.contains(&server_type.as_str()) {
            return wrong(
                "chat.others",
                format!("expected one of {}, got {server_type:?}", CHOSEN.join(", ")),
            );
        }
        if server_type == &chat.balance {
            return wrong(field(), "cannot name the balanced type: the scenario's `strategies` are for it");
        }
        if server_type.as_str() == "chat" {
            finds_again(field, strategy)?;
        }
    }
    Ok(())
}

fn talk(talk: &Talk) -> Checked {
    number("chat.talk.per_s", talk.per_s, 0.0..=1e5)?;
    match (&talk.on_s, &talk.off_s) {
        (None, None) => Ok(()),
        (Some(on), Some(off)) => {
            distribution("chat.talk.on_s", on, SECONDS)?;
            distribution("chat.talk.off_s", off, SECONDS)
        }
        (Some(_), None) => wrong("chat.talk.off_s", "expected how long one is silent, with on_s"),
        (None, Some(_)) => wrong("chat.talk.on_s", "expected how long one talks, with off_s"),
    }
}

fn costs(costs: &Costs) -> Checked {
    let Costs { gate_us, connector_us, chat_us, per_envelope_us, per_member_us, per_write_us, shape: spread } =
        *costs;
    for (field, cost) in [
        ("gate_us", gate_us),
        ("connector_us", connector_us),
        ("chat_us", chat_us),
        ("per_envelope_us", per_envelope_us),
        ("per_member_us", per_member_us),
        ("per_write_us", per_write_us),
    ] {
        number(format!("chat.costs.{field}"), cost, FROM_ZERO)?;
    }
    shape("chat.costs.shape", spread)
}
