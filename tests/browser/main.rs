//! Tests that need an optional program: Node.js, Chromium or `script`. Without it the harness
//! counts them as ignored.
#![allow(clippy::unwrap_used, clippy::print_stdout, unreachable_pub)]

mod browser_chat;
mod browser_console;
mod cli_top;
mod console_page;
mod official_clients;
mod official_clients_serve;
mod pomelo_app;
mod pomelo_js;
mod refusals;
#[path = "../support/mod.rs"]
mod support;
mod wire_differential;

fn main() -> std::process::ExitCode {
    support::node::run_tests(&[
        ("browser_chat", browser_chat::TESTS),
        ("browser_console", browser_console::TESTS),
        ("cli_top", cli_top::TESTS),
        ("console_page", console_page::TESTS),
        ("official_clients", official_clients::TESTS),
        ("official_clients_serve", official_clients_serve::TESTS),
        ("pomelo_app", pomelo_app::TESTS),
        ("pomelo_js", pomelo_js::TESTS),
        ("refusals", refusals::TESTS),
        ("wire_differential", wire_differential::TESTS),
    ])
}
