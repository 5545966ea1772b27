//! What becomes of one key: its server now, and the one with a server more or fewer.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

use super::{Candidate, Look, Strategy, StrategySpec};
use crate::ids::ServerId;

/// What a strategy does with a key. `None`: there is no server, or it is not chosen yet.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Fate {
    /// The strategy.
    pub strategy: StrategySpec,
    /// Whether it finds a key again; else the servers are examples.
    pub sticky: bool,
    /// The server now.
    pub server: Option<ServerId>,
    /// The server once one is added.
    pub with_one_more: Option<ServerId>,
    /// The server once the last one is gone.
    pub without_last: Option<ServerId>,
    /// The server once the one that has it now is gone.
    pub without_it: Option<ServerId>,
    /// How it comes to the server now.
    pub why: String,
}

/// What becomes of a key under a strategy that knows these servers. The strategy itself is not changed.
///
/// With `chooses`, a server is picked where none is certain, as if all were equally loaded; else there is none then.
pub fn fate(
    spec: &StrategySpec,
    strategy: &dyn Strategy,
    servers: &[Candidate],
    added: &Candidate,
    key: &str,
    chooses: bool,
) -> Fate {
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
    Fate {
        strategy: spec.clone(),
        sticky: spec.is_sticky(),
        with_one_more: changed(servers.iter().chain([added]).cloned().collect()),
        without_last: changed(without(servers.last().map(|server| &server.id))),
        without_it: changed(without(server.as_ref())),
        server,
        why,
    }
}

/// The server for a key, when nobody counts loads.
pub fn pick(strategy: &mut dyn Strategy, list: &[Candidate], key: &str) -> Option<ServerId> {
    let index = strategy.pick(key, &Look::BLIND)?;
    list.get(index).map(|server| server.id.clone())
}

/// A server that could stand behind the last one.
pub fn one_more(servers: &[Candidate]) -> Candidate {
    let ids: Vec<ServerId> = servers.iter().map(|server| server.id.clone()).collect();
    Candidate { id: id_after(&ids), weight: 1.0 }
}

/// A free id in the manner of the last one: `chat-server-4` after `chat-server-3`.
fn id_after(servers: &[ServerId]) -> ServerId {
    let last = servers.last().map_or("server-0", ServerId::as_str);
    let stem = last.trim_end_matches(|c: char| c.is_ascii_digit());
    let number: u64 = last[stem.len()..].parse().unwrap_or(0);
    let stem = if stem.len() == last.len() { format!("{stem}-") } else { stem.to_owned() };
    let taken: HashSet<&str> = servers.iter().map(ServerId::as_str).collect();
    let mut ids = (number..=u64::MAX).skip(1).map(|number| format!("{stem}{number}"));
    // Numbers run out only beside 2^64-1 as the last; any other text that is no id of the list will do then.
    ServerId::from(ids.find(|id| !taken.contains(id.as_str())).unwrap_or_else(|| format!("{last}-next")))
}
