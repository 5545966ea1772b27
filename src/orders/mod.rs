//! Orders to a running cluster: every query and command, with typed arguments.
//!
//! ```text
//!  commands ─ Order ─▶ admin client ── HTTP ──▶ console: guard, find, read ─ Order ─▶ carry_out ─▶ cluster
//!                      Order::request           one row of the table: method, path, arguments
//! ```
//!
//! An order is a variant of [`Order`], a row of [`ORDERS`] and an arm of [`Orders::carry_out`]. The
//! row maps it to HTTP: commands build requests from it, the server parses requests with it, and
//! the guide's tables are generated from it.
//!
//! Arguments in a path and a query are text, those in a body JSON; a number may be either. An
//! unknown, missing or out-of-range argument is refused with what was expected, what came, and
//! where.

mod args;
mod carry_out;
mod order;
mod path;
mod refusal;
mod table;

pub use carry_out::{Load, Orders};
pub use order::{KICK_REASON, ORDERS, Order, link_rule};
pub use refusal::{Code, Refusal};
pub use table::{BODY_BYTES_MAX, HEAD_BYTES_MAX, Method, Request, Row, Takes, find};
