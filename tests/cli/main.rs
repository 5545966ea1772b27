//! Tests of the binary: commands, help, exit codes, processes.
#![allow(clippy::unwrap_used, clippy::print_stdout, unreachable_pub)]

mod cli_admin;
mod cli_admin_serve;
mod cli_check;
mod cli_console;
mod cli_explain;
mod cli_help;
mod cli_serve;
mod console_http;
mod descriptors;
mod experiment_cli;
mod guide;
mod log_stall;
mod robots;
mod stall;
mod stuck_order;
#[path = "../support/mod.rs"]
mod support;
mod two_clusters;
