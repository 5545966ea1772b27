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
