//! What orders do to a running cluster, and why one is refused.

use serde::Serialize;
use thiserror::Error;

use super::listen::StartError;
use crate::config::ConfigError;
use crate::ids::{ServerId, ServerType};
use crate::nearest::{did_you_mean, nearest};
use crate::router::{NotSticky, StrategyError, UnknownRule};
pub use crate::supervisor::{ServerState, Verb};

/// What a reload did.
#[derive(Clone, Default, PartialEq, Eq, Debug, Serialize)]
pub struct Reloaded {
    /// Servers that the file names and that did not run.
    pub added: Vec<ServerId>,
    /// Servers that ran and that the file does not name.
    pub removed: Vec<ServerId>,
    /// Servers that the file describes in another way than they run: stopped, and started again as it says.
    pub replaced: Vec<ServerId>,
    /// Types whose servers stand in another order in the file than they did.
    pub reordered: Vec<ServerType>,
}

/// Why a running cluster does not do what it is told.
#[derive(Debug, Error)]
pub enum ControlError {
    /// No server has that id.
    #[error("no server {id}: expected one of {}{}", known.join(", "), did_you_mean(nearest(id, known.iter().map(String::as_str))))]
    UnknownServer {
        /// The id that was asked for.
        id: String,
        /// Those that there are.
        known: Vec<String>,
    },
    /// A server of that id is there already.
    #[error("there is a server {id} already; it is {state}")]
    Exists {
        /// Its id.
        id: ServerId,
        /// How it is.
        state: ServerState,
    },
    /// A server on that client port is there already.
    #[error("{id}: {other} has the client port {port} already")]
    PortTaken {
        /// The server that wants it.
        id: ServerId,
        /// The server that has it.
        other: ServerId,
        /// The port.
        port: u16,
    },
    /// The server is not in a state for this.
    #[error("{id} is {state}: {wanted}")]
    WrongState {
        /// Which server.
        id: ServerId,
        /// How it is.
        state: ServerState,
        /// What would be needed.
        wanted: &'static str,
    },
    /// The new server's description is wrong.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// Its client port cannot be opened.
    #[error(transparent)]
    Start(#[from] StartError),
    /// Nobody is logged in by that uid.
    #[error("nobody is logged in as {uid:?}")]
    UnknownUser {
        /// The uid that was asked for.
        uid: String,
    },
    /// Nobody is in a room of that name.
    #[error("nobody is in a room {room:?}")]
    UnknownRoom {
        /// The name that was asked for.
        room: String,
    },
    /// No rule of the links has that name.
    #[error(transparent)]
    UnknownRule(#[from] UnknownRule),
    /// No server can be of that type.
    #[error("no server type {server_type}: expected one of {}{}", known.join(", "), did_you_mean(nearest(server_type, known.iter().map(String::as_str))))]
    UnknownType {
        /// The type that was asked for.
        server_type: String,
        /// Those that there are.
        known: Vec<String>,
    },
    /// The strategy does not find keys again, and must.
    #[error(transparent)]
    NotSticky(#[from] NotSticky),
    /// The cluster has ended.
    #[error("the cluster has ended")]
    Ended,
}

impl From<StrategyError> for ControlError {
    fn from(error: StrategyError) -> Self {
        match error {
            StrategyError::UnknownType { server_type, known } => ControlError::UnknownType {
                server_type: server_type.to_string(),
                known: known.iter().map(ToString::to_string).collect(),
            },
            StrategyError::NotSticky(error) => error.into(),
        }
    }
}
