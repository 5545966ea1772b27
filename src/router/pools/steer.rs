//! Which strategies a type of servers may have.

use thiserror::Error;

use crate::ids::ServerType;
use crate::strategies::StrategySpec;

/// Why a type whose servers hold rooms cannot have a strategy that picks anew for each message.
#[derive(Clone, PartialEq, Debug, Error)]
#[error(
    "strategy {strategy} of {server_type}: each pick is a new choice, but rooms on a backend must be found again; \
     write directory({strategy})"
)]
pub struct NotSticky {
    /// The type.
    pub server_type: ServerType,
    /// The strategy that was asked for.
    pub strategy: StrategySpec,
}

impl NotSticky {
    /// Each pick may be a new choice only where all servers are frontends, since no message finds a
    /// frontend by a key. `are_frontends` tells of each server whether it is one.
    ///
    /// The strategy picks anew each time, and a server of the type is not a frontend, or the type
    /// has no servers.
    pub fn check(
        server_type: &ServerType,
        strategy: &StrategySpec,
        are_frontends: impl IntoIterator<Item = bool>,
    ) -> Result<(), NotSticky> {
        let mut are_frontends = are_frontends.into_iter().peekable();
        if strategy.is_sticky() || are_frontends.peek().is_some() && are_frontends.all(|frontend| frontend) {
            return Ok(());
        }
        Err(NotSticky { server_type: server_type.clone(), strategy: strategy.clone() })
    }
}

/// Why a type does not get another strategy.
#[derive(Clone, PartialEq, Debug, Error)]
pub enum StrategyError {
    /// No server can have that type.
    #[error("no server type {server_type}: expected one of {}", names(known))]
    UnknownType {
        /// The type that was asked for.
        server_type: ServerType,
        /// The types that exist.
        known: Vec<ServerType>,
    },
    /// The strategy does not find keys again, and this type needs one that does.
    #[error(transparent)]
    NotSticky(#[from] NotSticky),
}

fn names(types: &[ServerType]) -> String {
    types.iter().map(ServerType::as_str).collect::<Vec<_>>().join(", ")
}
