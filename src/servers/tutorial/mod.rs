//! The chat tutorial: a gate that names a connector, connectors that log clients in, chat servers that hold rooms.

mod chat;
mod connector;
mod gate;
mod names;

pub use chat::Chat;
pub use connector::Connector;
pub use gate::Gate;
pub use names::{name_of, uid_of};
