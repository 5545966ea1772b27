//! Where the admin port of a running cluster is, and how commands give [orders](crate::orders)
//! there.
//!
//! `serve` opens it on 127.0.0.1, at the port of `master.json` if that is free, and writes where it
//! is into a file that only its user can read, with which cluster it is of and a token that is new
//! at each start. Whoever can read the file may give orders. The port speaks the console's HTTP
//! API, without pages, and answers nothing without the token:
//!
//! ```text
//! > POST /api/v1/servers/chat-server-2/stop          Authorization: Bearer …
//! < 200 {"done":["chat-server-2"]}
//! > POST /api/v1/servers/chat-server-9/kill          Authorization: Bearer …
//! < 404 {"error":{"code":"unknown_server","message":"no server chat-server-9: expected one of …"}}
//! ```
//!
//! A command about several servers gives one order each and ends at the first that fails, saying
//! which were done.

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
