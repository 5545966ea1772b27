//! What the router says of itself to whoever looks at a cluster.

use serde::{Deserialize, Serialize};

use super::Router;
use crate::ids::{ServerId, ServerType};
use crate::strategies::StrategySpec;

/// The servers of a type.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TypeView {
    /// Which type.
    pub server_type: ServerType,
    /// How a server of it is chosen.
    pub strategy: StrategySpec,
    /// Those that can be chosen, in list order.
    pub listed: Vec<ServerId>,
    /// Whether a change of the list or the strategy is not over: traffic of keys that move waits.
    pub is_changing: bool,
}

impl Router {
    /// Every type that there is code for, in order of name.
    pub fn types(&self) -> Vec<TypeView> {
        let view = |(server_type, replicas): (&ServerType, &super::Replicas)| TypeView {
            server_type: server_type.clone(),
            strategy: replicas.spec.clone(),
            listed: replicas.servers.iter().map(|server| server.id.clone()).collect(),
            is_changing: !replicas.changes.is_empty(),
        };
        self.types.iter().map(view).collect()
    }
}
