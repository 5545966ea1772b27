//! The admin port of a running cluster: where it is, and how commands send it
//! [orders](crate::orders).
//!
//! `serve` opens it on 127.0.0.1, at the port of `master.json` if that is free. It writes the
//! address into a file that only its user can read, with the cluster's identity and a token that is
//! new at each start. Anyone who can read the file may give orders. The port speaks the console's
//! HTTP API, without pages, and answers no request without the token:
//!
//! ```text
//! > POST /api/v1/servers/chat-server-2/stop          Authorization: Bearer …
//! < 200 {"done":["chat-server-2"]}
//! > POST /api/v1/servers/chat-server-9/kill          Authorization: Bearer …
//! < 404 {"error":{"code":"unknown_server","message":"no server chat-server-9: expected one of …"}}
//! ```
//!
//! A command about several servers sends one order for each, ends at the first that fails, and
//! reports which were done.

mod client;
mod file;
mod identity;
mod running;
mod token;

pub(crate) use client::read_answer;
pub use client::{AdminClient, ClientError};
pub use file::{AdminFile, AdminFileError, Credentials};
pub use identity::{Aim, Identity, Missed};
pub use running::Running;
pub use token::Token;
