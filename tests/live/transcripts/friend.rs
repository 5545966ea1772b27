//! A client that is in no recording: the bystander who must notice nothing, or the operator.

use std::time::{Duration, Instant};

use pomelo_sim::live::RunningCluster;
use pomelo_sim::wire::{PackageType, WireRoute, write_request};
use serde_json::{Value, json};

use super::bodies::{Bodies, SEND};
use super::scenario::Scenario;
use crate::support::client::{Client, Got, Transport};

const ENTER: &str = "connector.entryHandler.enter";

/// How often it beats.
pub(crate) const BEAT: Duration = Duration::from_secs(2);

pub(crate) struct Friend {
    client: Client,
    bodies: Bodies,
    last_request: u64,
    beaten: Instant,
}

impl Friend {
    pub(crate) fn open(
        cluster: &RunningCluster,
        server: &str,
        scenario: &Scenario,
        transport: Transport,
    ) -> Self {
        let client = Client::open(cluster.address(server).unwrap(), transport);
        Self { client, bodies: Bodies::of(scenario.cluster), last_request: 0, beaten: Instant::now() }
    }

    pub(crate) fn ask(&mut self, route: &str, body: &Value) -> Value {
        self.last_request += 1;
        let body = self.bodies.write_request(route, body);
        let mut bytes = Vec::new();
        write_request(&mut bytes, self.last_request, &WireRoute::Name(route.into()), &body).unwrap();
        self.client.raw(&bytes);
        self.client.response(self.last_request)
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
        let heard = std::iter::from_fn(|| self.client.next(Duration::ZERO));
        let is_chat =
            |got: &Got| matches!(got, Got::Push(route, _) if route == "onChat" || route == "code 4");
        match (answer, heard.filter(is_chat).count()) {
            (answer, 1) if answer == json!({}) => Ok(()),
            (answer, heard) => {
                Err(format!("  the bystander hears itself {heard} times, and is answered {answer}\n"))
            }
        }
    }

    /// Lets its connector know that it is alive, when it is time.
    pub(crate) fn beat(&mut self) {
        if self.beaten.elapsed() >= BEAT {
            self.beaten = Instant::now();
            self.client.package(PackageType::Heartbeat, b"");
        }
    }
}
