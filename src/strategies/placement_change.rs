//! How one key's placement changes: its server now, and after a server joins or leaves.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

use super::{Candidate, Look, Strategy, StrategySpec};
use crate::ids::ServerId;

/// A key's server under a strategy, now and after a change of the list. `None`: no server, or not
/// chosen yet.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PlacementChange {
    /// The strategy.
    pub strategy: StrategySpec,
    /// Whether it finds a placed key again. Otherwise the servers are examples.
    pub sticky: bool,
    /// The server now.
    pub server: Option<ServerId>,
    /// The server after one joins.
    pub with_one_more: Option<ServerId>,
    /// The server after the last one leaves.
    pub without_last: Option<ServerId>,
    /// The server after the key's current one leaves.
    pub without_it: Option<ServerId>,
    /// How the strategy arrives at the current server.
    pub why: String,
}

/// Computes a key's placement changes under a strategy that has these servers. Works on copies of
/// the strategy.
///
/// With `chooses`, a strategy that would choose anew picks a server as if all were equally loaded;
/// without it, the key has no server then.
pub fn placement_change(
    spec: &StrategySpec,
    strategy: &dyn Strategy,
    servers: &[Candidate],
    added: &Candidate,
    key: &str,
    chooses: bool,
) -> PlacementChange {
    let find = |strategy: &mut dyn Strategy, list: &[Candidate]| match chooses {
        true => pick(strategy, list, key),
        false => strategy.peek(key).and_then(|index| list.get(index)).map(|server| server.id.clone()),
    };
    let mut now = strategy.boxed();
    let why = now.explain(key);
    let server = find(&mut *now, servers);
    let changed = |list: Vec<Candidate>| {
        let mut changed = now.boxed();
        changed.rebuild(&list);
        find(&mut *changed, &list)
    };
    let without = |id: Option<&ServerId>| {
        servers.iter().filter(|server| Some(&server.id) != id).cloned().collect::<Vec<_>>()
    };
    PlacementChange {
        strategy: spec.clone(),
        sticky: spec.is_sticky(),
        with_one_more: changed(servers.iter().chain([added]).cloned().collect()),
        without_last: changed(without(servers.last().map(|server| &server.id))),
        without_it: changed(without(server.as_ref())),
        server,
        why,
    }
}

/// The server for a key, with no load information and time frozen.
pub fn pick(strategy: &mut dyn Strategy, list: &[Candidate], key: &str) -> Option<ServerId> {
    let index = strategy.pick(key, &Look::BLIND)?;
    list.get(index).map(|server| server.id.clone())
}

/// A server that could join after the last one.
pub fn one_more(servers: &[Candidate]) -> Candidate {
    let ids: Vec<ServerId> = servers.iter().map(|server| server.id.clone()).collect();
    Candidate { id: id_after(&ids), weight: 1.0 }
}

/// A free id in the pattern of the last one: `chat-server-4` after `chat-server-3`.
fn id_after(servers: &[ServerId]) -> ServerId {
    let last = servers.last().map_or("server-0", ServerId::as_str);
    let stem = last.trim_end_matches(|c: char| c.is_ascii_digit());
    let number: u64 = last[stem.len()..].parse().unwrap_or(0);
    let stem = if stem.len() == last.len() { format!("{stem}-") } else { stem.to_owned() };
    let taken: HashSet<&str> = servers.iter().map(ServerId::as_str).collect();
    let mut ids = (number..=u64::MAX).skip(1).map(|number| format!("{stem}{number}"));
    // Numbers only run out when the last id ends in 2^64-1; any other unused id will do then.
    ServerId::from(ids.find(|id| !taken.contains(id.as_str())).unwrap_or_else(|| format!("{last}-next")))
}
