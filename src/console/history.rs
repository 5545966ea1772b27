//! The last five minutes of a cluster, a sample a second.

use std::collections::VecDeque;

use serde_json::{Map, Value, json};

use crate::monitor::Picture;

/// Five minutes.
const SAMPLES_MAX: usize = 300;

/// The last pictures, as series.
#[derive(Default)]
pub(super) struct History {
    pictures: VecDeque<Picture>,
}

impl History {
    pub(super) fn take(&mut self, picture: &Picture) {
        if self.pictures.len() == SAMPLES_MAX {
            self.pictures.pop_front();
        }
        self.pictures.push_back(picture.clone());
    }

    pub(super) fn json(&self) -> Value {
        let series = |of: &dyn Fn(&Picture) -> Value| -> Value { self.pictures.iter().map(of).collect() };
        let mut servers = Map::new();
        let mut types = Map::new();
        if let Some(last) = self.pictures.back() {
            for server in &last.servers {
                let of = |what: fn(&crate::monitor::ServerPicture) -> Value| {
                    series(&|picture| {
                        picture.servers.iter().find(|seen| seen.id == server.id).map_or(Value::Null, what)
                    })
                };
                let of_server = json!({
                    "load": of(|seen| json!(seen.load)),
                    "messagesPerSecond": of(|seen| json!(seen.messages_per_second)),
                    "p99Ms": of(|seen| json!(seen.p99_ms)),
                });
                servers.insert(server.id.to_string(), of_server);
            }
            for known in &last.types {
                let of = |what: fn(&crate::monitor::TypePicture) -> Value| {
                    series(&|picture| {
                        let seen = picture.types.iter().find(|seen| seen.server_type == known.server_type);
                        seen.map_or(Value::Null, what)
                    })
                };
                let of_type = json!({"byCount": of(|seen| json!(seen.by_count)), "byMessages": of(|seen| json!(seen.by_messages))});
                types.insert(known.server_type.to_string(), of_type);
            }
        }
        json!({
            "stepMs": 1000,
            "atMs": series(&|picture| json!(picture.at_ms)),
            "servers": servers,
            "types": types,
            "totals": {
                "messagesPerSecond": series(&|picture| json!(picture.totals.messages_per_second)),
                "deliveriesPerSecond": series(&|picture| json!(picture.totals.deliveries_per_second)),
                "p50Ms": series(&|picture| json!(picture.totals.p50_ms)),
                "p99Ms": series(&|picture| json!(picture.totals.p99_ms)),
                "sessions": series(&|picture| json!(picture.totals.sessions)),
            },
        })
    }
}
