//! The chat tutorial: a gate that assigns connectors, connectors that log clients in, and chat
//! servers that own rooms.

mod chat;
mod connector;
mod gate;
mod names;

pub use chat::Chat;
pub use connector::Connector;
pub use gate::Gate;
pub use names::{name_of, uid_of};

use super::ServerLogic;
use crate::config::Roles;
use names::ROOM_SETTING;

/// The parts that the tutorial's server types play.
pub const ROLES: Roles =
    Roles { gate: Gate::NAME, connector: Connector::NAME, chat: Chat::NAME, room_setting: ROOM_SETTING };
