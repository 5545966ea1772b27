//! Events per second of CPU time of the chat cluster in virtual time, compared with a binary heap
//! alone with the same number of pending events; and memory per user.
//!
//! Every user is logged in and has its next message scheduled. `cargo bench --bench virtual_chat --
//! 1000 1000000` sets the numbers of users; `--seconds=9` the duration of each measurement.

#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs)]

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

use nix::time::{ClockId, clock_gettime};
use pomelo_sim::random::Random;
use pomelo_sim::scenario::Scenario;
use pomelo_sim::virtual_time::ChatRun;
use serde_json::json;

/// Ten members per room, on as many servers as needed.
fn scenario(users: u32) -> Scenario {
    let servers = 3.max(users / 25_000);
    serde_json::from_value(json!({
        "name": "bench",
        "question": "How fast?",
        "chat": {
            "servers": {"connector": servers, "chat": 3.max(servers / 2)},
            "users": users,
            "rooms": users / 10,
            "talk": {"per_s": 0.02},
        },
        "strategies": ["pomelo-crc"],
        "duration_s": 1e6,
    }))
    .unwrap()
}

/// Takes the first event and schedules another, an exponential time later: the hold model.
fn heap_rate(pending: usize, measured: Duration) -> f64 {
    let mut random = Random::new(1, "hold");
    let mut heap: BinaryHeap<Reverse<(u64, u64)>> = BinaryHeap::new();
    let mut gap = || (random.exponential() * 1e12) as u64;
    (0..pending as u64).for_each(|number| heap.push(Reverse((gap(), number))));
    let (start, mut events) = (processor(), 0_u64);
    while (processor() - start) < measured / 2 {
        for _ in 0..10_000 {
            let Reverse((at, number)) = heap.pop().unwrap();
            heap.push(Reverse((at + gap(), number)));
        }
        events += 10_000;
    }
    events as f64 / (processor() - start).as_secs_f64()
}

/// CPU time of this process: on a shared machine the wall clock also measures the others.
fn processor() -> Duration {
    clock_gettime(ClockId::CLOCK_PROCESS_CPUTIME_ID).unwrap().into()
}

fn resident_bytes() -> f64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    statm.split(' ').nth(1).and_then(|pages| pages.parse::<f64>().ok()).unwrap_or(f64::NAN) * 4096.0
}

fn main() {
    let seconds = std::env::args().find_map(|argument| argument.strip_prefix("--seconds=")?.parse().ok());
    let measured = Duration::from_secs(seconds.unwrap_or(4));
    let sizes: Vec<u32> = std::env::args().skip(1).filter_map(|argument| argument.parse().ok()).collect();
    let sizes = if sizes.is_empty() { vec![1_000, 100_000, 1_000_000] } else { sizes };
    println!(
        "{:>9} {:>9} {:>10} {:>9} {:>12} {:>12} {:>6} {:>9}",
        "users", "log in s", "bytes/user", "pending", "events/s", "heap hold/s", "ratio", "ev/msg"
    );
    for users in sizes {
        let scenario = scenario(users);
        let (before, start) = (resident_bytes(), processor());
        let mut run = ChatRun::new(&scenario, &scenario.strategies[0], 0, 0.0).unwrap();
        let (logged_in, bytes) = ((processor() - start), (resident_bytes() - before) / f64::from(users));
        // The first round is a warm-up.
        (0..500_000.min(20 * users)).for_each(|_| assert!(run.advance()));
        let pending = run.pending();
        let (start, before) = (processor(), run.events());
        while (processor() - start) < measured {
            (0..10_000).for_each(|_| assert!(run.advance()));
        }
        let rate = (run.events() - before) as f64 / (processor() - start).as_secs_f64();
        let heap = heap_rate(pending, measured);
        let outcome = run.outcome();
        let per_message = outcome.metrics["events"] / outcome.metrics["messages"];
        println!(
            "{users:>9} {:>9.2} {bytes:>10.0} {pending:>9} {rate:>12.0} {heap:>12.0} {:>6.2} {per_message:>9.2}",
            logged_in.as_secs_f64(),
            rate / heap,
        );
    }
}
