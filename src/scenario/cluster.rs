//! The servers of a `chat` model.

use std::path::Path;

use serde_json::{Map, Value, json};

use super::chat::{ChatModel, Counts};
use crate::config::{ClusterSpec, ConfigError};

/// The environment read from a scenario's `servers.json`.
const ENV: &str = "development";

impl ChatModel {
    /// The servers: those of the `servers.json` named in `config`, or as many as `servers` says
    /// (`connector-server-1` and so on). Without either: three connectors and three chat servers
    /// behind a gate. Counted servers have client port 0, any free port.
    ///
    /// # Errors
    /// The file is missing or invalid.
    pub fn spec(&self) -> Result<ClusterSpec, ConfigError> {
        match &self.config {
            Some(path) => ClusterSpec::load(path, ENV),
            None => counted(self.servers.unwrap_or(Counts { gate: 1, connector: 3, chat: 3 })),
        }
    }
}

fn counted(Counts { gate, connector, chat }: Counts) -> Result<ClusterSpec, ConfigError> {
    let mut types = Map::new();
    for (server_type, count, frontend) in
        [("gate", gate, true), ("connector", connector, true), ("chat", chat, false)]
    {
        let server = |number: u32| {
            let mut server = json!({"id": format!("{server_type}-server-{number}"), "host": "127.0.0.1"});
            if frontend {
                server["frontend"] = json!(true);
                server["clientPort"] = json!(0);
            }
            server
        };
        types.insert(server_type.to_owned(), Value::from_iter((1..=count).map(server)));
    }
    let text = json!({ ENV: types }).to_string();
    ClusterSpec::from_json(&text, ENV, Path::new("servers of the scenario"))
}

#[cfg(test)]
mod tests {
    use super::{Counts, counted};

    #[test]
    fn counted_servers_make_a_cluster_with_the_ids_of_the_tutorial() {
        let spec = counted(Counts { gate: 1, connector: 2, chat: 3 }).expect("a cluster");
        let ids: Vec<&str> = spec.servers.iter().map(|server| server.id.as_str()).collect();
        let connectors = ["connector-server-1", "connector-server-2"];
        let chats = ["chat-server-1", "chat-server-2", "chat-server-3"];
        assert_eq!(ids, [&["gate-server-1"][..], &connectors, &chats].concat());
    }
}
