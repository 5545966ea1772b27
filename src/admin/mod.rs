//! The admin port: orders to a running cluster, as lines of JSON from this machine.
//!
//! `serve` opens it on 127.0.0.1, at the port of `master.json` if that is free, and writes where it is into a file that only
//! its user can read, with which cluster it is of and a token that is new at each start. Whoever can read the file may give
//! orders:
//!
//! ```text
//! > {"token":"…","command":"stop","args":{"ids":["chat-server-2"]}}
//! < {"ok":{"done":["chat-server-2"]}}
//! > {"token":"…","command":"kill","args":{"ids":["chat-server-9"]}}
//! < {"error":{"code":"unknown_server","message":"no server chat-server-9: expected one of …"}}
//! ```
//!
//! | command | args | ok |
//! |---|---|---|
//! | `list` | | `servers`: see [`ServerStatus`](crate::live::ServerStatus) |
//! | `audit` | | `violations`: see [`Violation`](crate::audit::Violation); none when all holds |
//! | `add` | fields of a server, `serverType` | `added`: ids; `warnings`: texts |
//! | `remove`, `kill`, `pause`, `resume`, `restart` | `ids` | `done`: the ids |
//! | `stop` | `ids`; without them, the whole cluster | `done`: the ids; or `stopping`: true |
//! | `reload` | | `added`, `removed`, `replaced`: ids; `reordered`: types |
//! | `links` | | `rules`: see [`LinkRule`](crate::router::LinkRule) |
//! | `link` | the fields of a rule | `name`; `warnings`: texts |
//! | `heal` | `names`; without them, all | `healed`: the names |
//! | `strategies` | | `types`: see [`TypeView`](crate::live::TypeView); `strategies`: the table of them |
//! | `strategy` | `serverType`, `strategy`, `preview` | see [`Preview`](crate::router::Preview); with `preview` true nothing changes |
//! | `trace` | `since` | see [`TapeView`](crate::trace::TapeView) |
//! | `trace_on` | `uid`, `rid`, `route`, `server`: see [`Filter`](crate::trace::Filter); `seconds` | the same |
//! | `trace_off` | | the same |
//! | `explain` | `uid`, `rid` | see [`LiveExplanation`](crate::live::LiveExplanation) |
//! | `view` | | all figures: see [`ClusterView`](crate::live::ClusterView) |
//! | `rooms` | `search`: part of a name; `sort`: `members`, `messages` or `name`; `limit`: 1 to 1000 | see [`Rooms`](crate::live::Rooms) |
//! | `room` | `room` | see [`RoomDetail`](crate::live::RoomDetail) |
//! | `users` | `search`: part of a uid; `limit`: 1 to 1000 | see [`Users`](crate::live::Users) |
//! | `kick` | `uid`; `reason`: at most 256 bytes | `kicked`: the uid; `frontend` |
//! | `events` | `since`: a number | see [`Events`](crate::live::Events) |
//!
//! A number may also be a text of digits. One line is one request and gets one line; a connection may send several. An order about several servers is done one
//! after the other and ends at the first that fails: `done`, beside `code` and `message`, says which were done. A first line that
//! is no JSON object ends the connection, and so does a wrong token: a browser that is made to call the port gets nothing
//! done. Lines are at most 64 KiB, a line must arrive within 10 s, and 16 connections are served at a time.

mod args;
mod client;
mod file;
mod identity;
mod lines;
mod orders;
mod request;
mod running;
mod server;
mod token;

pub use client::{AdminClient, ClientError};
pub use file::{AdminFile, AdminFileError, Credentials};
pub use identity::{Aim, Identity, Missed};
pub use orders::{LiveOrders, Load, Orders, carry_out};
pub use request::{Code, Order, Refusal, Request, link_rule, parse_request};
pub use running::Running;
pub use server::{AdminCounters, AdminServer};
pub use token::Token;

pub use crate::live::Verb;

/// Longest line of a request, in bytes, its newline not counted.
pub const LINE_BYTES_MAX: usize = 64 * 1024;

/// Connections that are served at a time.
pub const CONNECTIONS_MAX: usize = 16;
