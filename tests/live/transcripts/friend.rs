//! A client that is not in the recording: a bystander that must not be disturbed, or the operator.

use std::time::Duration;

use pomelo_sim::client::{BlockingClient, Incoming, Transport};
use pomelo_sim::live::RunningCluster;
use serde_json::{Value, json};

use super::bodies::SEND;

const ENTER: &str = "connector.entryHandler.enter";

/// How often it is given time to beat, at least.
pub(crate) const BEAT: Duration = Duration::from_secs(2);

pub(crate) struct Friend(BlockingClient);

impl Friend {
    pub(crate) fn open(cluster: &RunningCluster, server: &str, transport: Transport) -> Self {
        Self(BlockingClient::connect(cluster.address(server).unwrap(), transport).unwrap())
    }

    pub(crate) fn ask(&mut self, route: &str, body: &Value) -> Value {
        self.0.request(route, body).unwrap()
    }

    pub(crate) fn enters(&mut self) {
        let answer = self.ask(ENTER, &json!({"username": "bystander", "rid": "elsewhere"}));
        assert_eq!(answer, json!({"users": ["bystander"]}));
    }

    /// Says something to its room, and hears it once and before the answer.
    pub(crate) fn chats(&mut self) -> Result<(), String> {
        let (from, rid) = ("bystander", "elsewhere");
        let answer =
            self.ask(SEND, &json!({"content": "still here", "target": "*", "from": from, "rid": rid}));
        let heard = std::iter::from_fn(|| self.0.receive_within(Duration::ZERO).unwrap());
        let is_chat = |came: &Incoming| matches!(came, Incoming::Push { route, .. } if route == "onChat");
        match (answer, heard.filter(is_chat).count()) {
            (answer, 1) if answer == json!({}) => Ok(()),
            (answer, heard) => {
                Err(format!("  the bystander hears itself {heard} times, and is answered {answer}\n"))
            }
        }
    }

    /// Sends heartbeats when due. Broadcasts are not checked.
    pub(crate) fn beat(&mut self) {
        self.0.receive_within(Duration::ZERO).unwrap();
    }
}
