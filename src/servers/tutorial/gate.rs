//! `gate`: tells a user which connector to use.

use serde::{Deserialize, Serialize};

use super::names::NAME_CHARS_MAX;
use crate::config::ServerSpec;
use crate::envelope::AppError;
use crate::servers::{Cx, Registry, Reply, ServerLogic, Text};

/// A gate server. It has no state: the router chooses a connector, and the client then leaves.
pub struct Gate;

#[derive(Deserialize)]
struct QueryEntry {
    uid: Text,
}

/// The address of the connector that the client connects to next.
#[derive(Serialize)]
struct ConnectorAddress {
    code: u16,
    host: String,
    port: u16,
}

impl ServerLogic for Gate {
    const NAME: &'static str = "gate";

    fn create(_server: &ServerSpec) -> Self {
        Self
    }

    fn register(registry: &mut Registry<Self>) {
        registry.handler("gateHandler.queryEntry", Self::query_entry);
    }
}

impl Gate {
    /// Answers with the connector of a uid. The uid is only a key here: the connector checks
    /// whether it is a valid name.
    fn query_entry(
        &mut self,
        cx: &mut Cx<'_>,
        QueryEntry { uid: Text(uid) }: QueryEntry,
    ) -> Reply<Self, ConnectorAddress> {
        if uid.is_empty() || uid.chars().nth(NAME_CHARS_MAX).is_some() {
            return Reply::Done(Err(AppError::new(format!(
                "uid: expected 1 to {NAME_CHARS_MAX} characters"
            ))));
        }
        cx.locate("connector", &uid).then(|_: &mut Self, _, found| {
            let found = found?;
            let no_port = || AppError::new(format!("{} has no client port", found.id));
            Ok(ConnectorAddress { code: 200, port: found.port.ok_or_else(no_port)?, host: found.host })
        })
    }
}
