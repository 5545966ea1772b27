//! Which strategies the servers of a type may have.

use thiserror::Error;

use crate::ids::ServerType;
use crate::strategies::StrategySpec;

/// A type whose servers hold rooms is to be chosen anew at each message.
#[derive(Clone, PartialEq, Debug, Error)]
#[error(
    "strategy {strategy} of {server_type}: each pick is a new choice, but rooms on a backend must be found again; \
     write directory({strategy})"
)]
pub struct NotSticky {
    /// The type.
    pub server_type: ServerType,
    /// What was asked for it.
    pub strategy: StrategySpec,
}

impl NotSticky {
    /// Only where all servers are frontends, to which no message finds its way by a key, may each
    /// pick be a new choice. `are_frontends` says so of each server of the type.
    ///
    /// # Errors
    /// It is such a choice, and a server is none, or there is none.
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
    /// No server can be of that type.
    #[error("no server type {server_type}: expected one of {}", names(known))]
    UnknownType {
        /// The type that was asked for.
        server_type: ServerType,
        /// Those that there are.
        known: Vec<ServerType>,
    },
    /// The strategy does not find keys again, and must.
    #[error(transparent)]
    NotSticky(#[from] NotSticky),
}

fn names(types: &[ServerType]) -> String {
    types.iter().map(ServerType::as_str).collect::<Vec<_>>().join(", ")
}
