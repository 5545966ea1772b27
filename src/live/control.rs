//! Errors and results of orders to a running cluster.

use serde::Serialize;
use thiserror::Error;

use super::listen::StartError;
use crate::config::ConfigError;
use crate::ids::{ServerId, ServerType};
use crate::nearest::{did_you_mean, nearest};
use crate::router::{NotSticky, StrategyError, UnknownRule};
pub use crate::supervisor::{ServerState, Verb};

/// The result of a reload.
#[derive(Clone, Default, PartialEq, Eq, Debug, Serialize)]
pub struct Reloaded {
    /// Servers that the file names and that did not run.
    pub added: Vec<ServerId>,
    /// Servers that ran and that the file does not name.
    pub removed: Vec<ServerId>,
    /// Servers that the file describes otherwise than they ran: stopped, and started as described.
    pub replaced: Vec<ServerId>,
    /// Types whose servers are in another order in the file than they were.
    pub reordered: Vec<ServerType>,
}

/// Why a running cluster refuses an order.
#[derive(Debug, Error)]
pub enum ControlError {
    /// No server has that id.
    #[error("no server {id}: expected one of {}{}", known.join(", "), did_you_mean(nearest(id, known.iter().map(String::as_str))))]
    UnknownServer {
        /// The id that was asked for.
        id: String,
        /// The ids that exist.
        known: Vec<String>,
    },
    /// A server with that id exists already.
    #[error("there is a server {id} already; it is {state}")]
    Exists {
        /// Its id.
        id: ServerId,
        /// Its state.
        state: ServerState,
    },
    /// Another server already has that client port.
    #[error("{id}: {other} has the client port {port} already")]
    PortTaken {
        /// The server that wants it.
        id: ServerId,
        /// The server that has it.
        other: ServerId,
        /// The port.
        port: u16,
    },
    /// The order does not fit the server's state.
    #[error("{id} is {state}: {wanted}")]
    WrongState {
        /// The server.
        id: ServerId,
        /// Its state.
        state: ServerState,
        /// The state that the order needs.
        wanted: &'static str,
    },
    /// The new server's description is wrong.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// Its client port cannot be opened.
    #[error(transparent)]
    Start(#[from] StartError),
    /// Nobody is logged in with that uid.
    #[error("nobody is logged in as {uid:?}")]
    UnknownUser {
        /// The uid that was asked for.
        uid: String,
    },
    /// Nobody is in a room with that name.
    #[error("nobody is in a room {room:?}")]
    UnknownRoom {
        /// The name that was asked for.
        room: String,
    },
    /// No link rule has that name.
    #[error(transparent)]
    UnknownRule(#[from] UnknownRule),
    /// The cluster cannot have servers of that type.
    #[error("no server type {server_type}: expected one of {}{}", known.join(", "), did_you_mean(nearest(server_type, known.iter().map(String::as_str))))]
    UnknownType {
        /// The type that was asked for.
        server_type: String,
        /// The types that exist.
        known: Vec<String>,
    },
    /// The strategy is not sticky, as the type needs it to be.
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
