//! Tests on clusters in this process, with real sockets.
#![allow(clippy::unwrap_used, clippy::print_stdout, unreachable_pub)]

mod admin;
mod admin_file;
mod batches;
mod client;
mod configs;
mod console;
mod console_metrics;
mod console_security;
mod crashes;
mod crowd;
mod figures;
mod growth;
mod hostile;
mod hostile_frames;
mod hostile_identity;
mod hostile_load;
mod hostile_time;
mod include;
mod limits;
mod limits_churn;
mod links;
mod looking;
mod panics;
mod ports;
mod ports_life;
mod ports_time;
mod programming;
mod races_live;
mod resume;
mod resume_ends;
mod resume_random;
mod robots_machine;
mod silent;
mod steer_live;
#[path = "../support/mod.rs"]
mod support;
mod trace_live;
mod transcripts;
mod tutorial;
mod uids;
mod virtual_worlds;
