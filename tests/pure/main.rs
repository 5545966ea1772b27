//! Tests that need no socket: the machines, codecs, strategies, virtual time, experiments, storms
//! on the machines alone.
#![allow(clippy::unwrap_used, clippy::print_stdout, unreachable_pub)]

mod additions;
mod additions_console;
mod audit;
mod config;
mod config_additions;
mod config_messages;
mod dependencies;
mod event_queue;
mod experiment_canonical;
mod experiment_coverage;
mod experiment_live;
mod experiment_run;
mod experiment_stats;
mod floors;
mod fuzz;
mod histogram;
mod interleavings;
mod judge;
mod machine;
mod monitor;
mod placement;
mod prose;
mod queueing_server;
mod races;
mod races_servers;
mod report;
mod report_files;
mod robots_plan;
mod scenario_check;
mod scenario_docs;
mod steer;
mod storm_pure;
mod storm_schedule;
mod strategies;
mod strategies_figures;
mod strategies_laws;
mod strategies_router;
mod supervisor;
#[path = "../support/mod.rs"]
mod support;
mod trace;
mod verify;
mod virtual_chat;
mod virtual_flow;
mod virtual_queue;
mod virtual_queue_faults;
mod wire;
mod wire_handshake;
mod wire_protobuf;
