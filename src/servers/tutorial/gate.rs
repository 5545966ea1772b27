//! `gate`: tells a user which connector to use.

use serde::{Deserialize, Serialize};

use super::names::NAME_CHARS_MAX;
use crate::config::ServerSpec;
use crate::envelope::AppError;
use crate::servers::{Cx, Registry, Reply, ServerLogic, Text};

/// A gate server. It holds nothing: the router chooses, the client then leaves.
pub struct Gate;

#[derive(Deserialize)]
struct QueryEntry {
    uid: Text,
}

/// Where to connect next.
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
    /// The uid here is only a key: whether it is a name that may enter is the connector's to say.
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
