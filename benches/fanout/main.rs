//! The fan-out of a room, compared with the upper limit and with the fastest broker: deliveries per
//! second, and the server's CPU time per delivery.
//!
//! In each round every server in turn gets the same load from the same client: a room of members on
//! raw TCP, some of which keep a window of messages in flight, each until it comes back. Servers
//! are separate processes. All figures are medians over the rounds; ratios are taken within each
//! round.
//!
//! - `raw, a write per frame` and `raw, coalesced` are the limit: pushes encoded in advance, and
//!   only the reads and writes.
//! - `nats-server` fans the same payload out on one subject.
//!
//! ```text
//! cargo bench --bench fanout -- [--rounds 5] [--seconds 1] [--load 100x1x1,100x100x16] [--only ours,each] [--json] [-- FLAGS OF serve]
//! ```
//! A load is `members x senders x messages in flight of each sender`.

#![allow(missing_docs, clippy::print_stdout, unreachable_pub)]

mod bare;
mod drive;
mod report;
mod servers;
mod speech;

use std::io;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;

use bare::Writes;
use drive::{Crowd, Load};
use report::{Cell, Report};
use servers::{Kind, Server};

/// One message in flight; then saturation. Of a room of 1000 a hundred send.
const LOADS: &str = "10x1x1,100x1x1,1000x1x1,10x10x16,100x100x1,100x100x4,100x100x16,1000x100x16";

/// Warm-up before each measurement.
const REST: Duration = Duration::from_millis(300);

#[derive(Parser)]
struct Args {
    /// Times that everything is measured
    #[arg(long, default_value = "5")]
    rounds: usize,
    /// Seconds that one server is measured under one load
    #[arg(long, default_value = "1")]
    seconds: f64,
    /// MEMBERSxSENDERSxWINDOW, ...
    #[arg(long, value_delimiter = ',', default_value = LOADS, value_parser = load)]
    load: Vec<Load>,
    /// Of each, coalesced, ours, nats
    #[arg(long, value_delimiter = ',', default_value = "each,coalesced,ours,nats", value_parser = kind)]
    only: Vec<Kind>,
    /// For machines
    #[arg(long)]
    json: bool,
    /// Be the bare server: what the bench starts for itself
    #[arg(long, hide = true, value_parser = writes)]
    bare: Option<Writes>,
    /// What cargo says to every bench
    #[arg(long, hide = true)]
    bench: bool,
    /// Flags of `pomelo-sim serve`
    #[arg(last = true)]
    serve: Vec<String>,
}

fn load(text: &str) -> Result<Load, String> {
    let numbers: Result<Vec<usize>, _> = text.split('x').map(str::parse).collect();
    match numbers.as_deref() {
        Ok([members, senders, window]) if (1..=*members).contains(senders) && *window > 0 => {
            Ok(Load { members: *members, senders: *senders, window: *window })
        }
        _ => Err(format!("expected MEMBERSxSENDERSxWINDOW such as 100x100x16, got {text}")),
    }
}

fn kind(text: &str) -> Result<Kind, String> {
    match text {
        "each" => Ok(Kind::Each),
        "coalesced" => Ok(Kind::Coalesced),
        "ours" => Ok(Kind::Ours),
        "nats" => Ok(Kind::Nats),
        _ => Err("expected each, coalesced, ours or nats".to_owned()),
    }
}

fn writes(text: &str) -> Result<Writes, String> {
    match text {
        "Each" => Ok(Writes::Each),
        "Coalesced" => Ok(Writes::Coalesced),
        _ => Err("expected Each or Coalesced".to_owned()),
    }
}

fn main() -> ExitCode {
    let args = Args::parse();
    let outcome = match args.bare {
        Some(writes) => bare::serve(writes, |address| println!("{address}")),
        None => compare(&args),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(2)
        }
    }
}

fn compare(args: &Args) -> io::Result<()> {
    let mut report = Report::default();
    for round in 0..args.rounds {
        for load in &args.load {
            for kind in &args.only {
                let server = match Server::start(*kind, &args.serve) {
                    Err(error) if *kind == Kind::Nats && error.kind() == io::ErrorKind::NotFound => {
                        eprintln!("nats-server is not installed (apt-get install nats-server): left out");
                        continue;
                    }
                    other => other?,
                };
                let mut crowd = Crowd::enter(kind.speech(), &server.doors, *load)?;
                let time = Duration::from_secs_f64(args.seconds);
                let sample = crowd.measure(&server.cpu, REST, time)?;
                report.add(Cell { load: *load, kind: *kind, round, sample });
            }
        }
        report::progress(round + 1, args.rounds);
    }
    if args.json {
        println!("{}", report.json());
    } else {
        print!("{report}");
    }
    Ok(())
}
