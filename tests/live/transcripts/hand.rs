//! The operator's hand: for some recordings somebody kicked, broadcast and pushed past the
//! tutorial's code. Here a gate does it whose one handler follows orders, so that routes and their
//! codes stay the tutorial's.

use pomelo_sim::config::ServerSpec;
use pomelo_sim::envelope::AppError;
use pomelo_sim::ids::{SessionId, SessionKey};
use pomelo_sim::servers::{Cx, Registry, ServerLogic};
use serde::Deserialize;
use serde_json::{Value, json};

pub(crate) struct Hand;

/// The order is text, in the one field that this route has in the protobuf definitions.
#[derive(Deserialize)]
struct Letter {
    uid: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Order {
    /// For this reason.
    Kick(String),
    /// This route and body, to everybody.
    Broadcast(String, Value),
    /// The same to the scenario's first client.
    Push(String, Value),
}

impl ServerLogic for Hand {
    const NAME: &'static str = "gate";

    fn create(_server: &ServerSpec) -> Self {
        Self
    }

    fn register(registry: &mut Registry<Self>) {
        registry.handler("gateHandler.queryEntry", Self::follow);
    }
}

impl Hand {
    fn follow(&mut self, cx: &mut Cx<'_>, Letter { uid }: Letter) -> Result<Value, AppError> {
        // The first client of a connector is the bystander, the second the scenario's first.
        let target = SessionKey { frontend: "connector-server-1".into(), session: SessionId::new(2, 1) };
        match serde_json::from_str(&uid).map_err(|error| AppError::new(error.to_string()))? {
            Order::Kick(reason) => cx.kick(&target, &reason),
            Order::Broadcast(route, body) => cx.broadcast("connector", &route, &body)?,
            Order::Push(route, body) => cx.push_to_sessions([&target], &route, &body)?,
        }
        Ok(json!({"code": 200}))
    }
}
