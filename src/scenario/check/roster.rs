//! The servers that exist at each moment: an event may only name those.

use std::collections::BTreeMap;

use super::{SERVERS_MAX, Wrong, number, wrong};
use crate::ids::{ServerId, ServerType};
use crate::nearest::{did_you_mean, nearest};
use crate::scenario::{ChatModel, Counts, Scenario};

/// Servers by id, and whether each is up.
pub(super) struct Roster {
    servers: BTreeMap<ServerId, bool>,
    /// The types a server may have; none in `queue`, where any id is valid.
    types: Vec<ServerType>,
}

impl Roster {
    /// The servers at the start.
    pub(super) fn of(scenario: &Scenario) -> Result<Self, Wrong> {
        if let Some(queue) = &scenario.queue {
            let ids = queue.servers.expanded().into_iter().filter_map(|server| server.id);
            return Ok(Self { servers: ids.map(|id| (id, true)).collect(), types: Vec::new() });
        }
        let Some(chat) = &scenario.chat else { return wrong("queue", "expected a model") };
        let members = members(chat)?;
        let mut types: Vec<ServerType> = members.iter().map(|(_, server_type)| server_type.clone()).collect();
        types.dedup();
        Ok(Self { servers: members.into_iter().map(|(id, _)| (id, true)).collect(), types })
    }

    /// Adds a new server.
    pub(super) fn add(&mut self, field: &str, id: &ServerId) -> Result<(), Wrong> {
        super::queue::id(field, id)?;
        if self.servers.get(id) == Some(&true) {
            return wrong(field, format!("expected the id of a new server, got {id}"));
        }
        if !self.types.is_empty() && !self.types.iter().any(|known| is_of(id, known)) {
            let known: Vec<&str> = self.types.iter().map(ServerType::as_str).collect();
            return wrong(
                field,
                format!("expected an id such as chat-server-9, of type {}, got {id}", known.join(", ")),
            );
        }
        self.servers.insert(id.clone(), true);
        number(field, self.servers.values().filter(|there| **there).count() as u64, 1..=SERVERS_MAX)
    }

    /// Takes a server down; it may return.
    pub(super) fn remove(&mut self, field: &str, id: &ServerId) -> Result<(), Wrong> {
        self.expect(field, id)?;
        self.servers.insert(id.clone(), false);
        Ok(())
    }

    /// Brings a server back.
    pub(super) fn come_back(&mut self, field: &str, id: &ServerId) -> Result<(), Wrong> {
        if self.servers.get(id) == Some(&true) {
            return wrong(field, format!("{id} is already up when it would return"));
        }
        self.servers.insert(id.clone(), true);
        Ok(())
    }

    /// Requires that the server is up.
    pub(super) fn expect(&self, field: &str, id: &ServerId) -> Result<(), Wrong> {
        match self.servers.get(id) {
            Some(true) => Ok(()),
            Some(false) => wrong(field, format!("{id} is not up at that time")),
            None => {
                let hint = did_you_mean(nearest(id.as_str(), self.servers.keys().map(ServerId::as_str)));
                wrong(field, format!("no server is called {:?}{hint}", id.as_str()))
            }
        }
    }

    /// Checks the end of a link: a server that exists at some time, a type, or `*`.
    pub(super) fn expect_end(&self, field: &str, end: &str) -> Result<(), Wrong> {
        let named = |known: &ServerType| known.as_str() == end;
        if end == "*" || self.servers.contains_key(end) || self.types.iter().any(named) {
            return Ok(());
        }
        let known =
            self.types.iter().map(ServerType::as_str).chain(self.servers.keys().map(ServerId::as_str));
        let hint = did_you_mean(nearest(end, known));
        wrong(field, format!("expected a server, a type or *, got {end:?}{hint}"))
    }
}

/// Whether an id is the type, `-server-` and a number.
fn is_of(id: &ServerId, server_type: &ServerType) -> bool {
    let number =
        id.as_str().strip_prefix(server_type.as_str()).and_then(|rest| rest.strip_prefix("-server-"));
    number.is_some_and(|number| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()))
}

/// The servers at the start, grouped by type.
fn members(chat: &ChatModel) -> Result<Vec<(ServerId, ServerType)>, Wrong> {
    if let Some(Counts { gate, connector, chat: chats }) = chat.servers {
        if chat.config.is_some() {
            return wrong("chat.servers", "cannot be used with `config`, which says what servers there are");
        }
        for (server_type, count) in [("gate", gate), ("connector", connector), ("chat", chats)] {
            number(format!("chat.servers.{server_type}"), u64::from(count), 1..=SERVERS_MAX)?;
        }
    }
    let config = |reason: String| Wrong { field: "chat.config".to_owned(), reason };
    let spec = chat.spec().map_err(|error| config(error.to_string()))?;
    number("chat.servers", spec.servers.len() as u64, 1..=SERVERS_MAX)?;
    let types: Vec<ServerType> = spec.server_types().cloned().collect();
    for needed in ["gate", "connector", "chat"] {
        if !types.iter().any(|known| known.as_str() == needed) {
            return Err(config(format!("expected a server of type {needed}")));
        }
    }
    let of = |server_type: ServerType| {
        let ids = spec.of_type(server_type.as_str()).map(|server| server.id.clone());
        ids.map(|id| (id, server_type.clone())).collect::<Vec<_>>()
    };
    Ok(types.into_iter().flat_map(of).collect())
}
