//! Nanoseconds per lookup: ours compared with published crates, and every strategy at 3, 100 and
//! 1000 servers compared with the floor of `key.len() % n`.
//!
//! `cargo bench --bench strategies -- others` prints only the former.
#![allow(clippy::print_stdout)]

mod others;

use std::hint::black_box;
use std::time::Duration;

use crc::{CRC_32_ISO_HDLC, Crc, Table};
use criterion::{Criterion, Throughput, criterion_group};
use pomelo_sim::ids::ServerId;
use pomelo_sim::strategies::{ALL, Candidate, Look, Strategy, StrategyEntry};

/// Keys like the tutorial's: user and room names.
fn keys() -> Vec<String> {
    (0..1000).map(|i| if i % 2 == 0 { format!("user{i}") } else { format!("room{i}") }).collect()
}

fn servers(n: usize) -> Vec<Candidate> {
    let candidate = |i| Candidate { id: ServerId::from(format!("chat-server-{i}")), weight: 1.0 };
    (1..=n).map(candidate).collect()
}

fn with_servers(entry: &'static StrategyEntry, n: usize) -> Box<dyn Strategy> {
    let mut strategy = entry.spec().make(1);
    strategy.rebuild(&servers(n));
    strategy
}

fn picks(c: &mut Criterion) {
    let keys = keys();
    for n in [3_usize, 100, 1000] {
        let mut group = c.benchmark_group(format!("pick/{n}"));
        // Criterion then prints elements per second; the time is for all keys, so divide it by 1000
        // for one lookup.
        group.throughput(Throughput::Elements(keys.len() as u64));
        group.bench_function("floor: len mod n", |b| {
            b.iter(|| keys.iter().map(|key| black_box(key.as_str()).len() % black_box(n)).sum::<usize>());
        });
        for entry in ALL {
            let mut strategy = with_servers(entry, n);
            group.bench_function(entry.name, |b| {
                b.iter(|| {
                    keys.iter().filter_map(|key| strategy.pick(black_box(key), &Look::BLIND)).sum::<usize>()
                });
            });
        }
        group.finish();
    }
}

/// Keys that are not ASCII take a different path in `pomelo-crc`, and three bytes per character in
/// `crc32-mod`.
fn chinese(c: &mut Criterion) {
    let keys: Vec<String> = (0..1000).map(|i| format!("测试房间{i}")).collect();
    let mut group = c.benchmark_group("pick/3, Chinese names");
    group.throughput(Throughput::Elements(keys.len() as u64));
    for entry in ALL {
        let mut strategy = with_servers(entry, 3);
        group.bench_function(entry.name, |b| {
            b.iter(|| {
                keys.iter().filter_map(|key| strategy.pick(black_box(key), &Look::BLIND)).sum::<usize>()
            });
        });
    }
    group.finish();
}

/// The basis for the choice of `CRC_32`'s table: the lookup tables of `crc`, over keys and over
/// longer text.
fn tables(c: &mut Criterion) {
    static ONE: Crc<u32, Table<1>> = Crc::<u32, Table<1>>::new(&CRC_32_ISO_HDLC);
    static SIXTEEN: Crc<u32, Table<16>> = Crc::<u32, Table<16>>::new(&CRC_32_ISO_HDLC);
    for (what, keys) in [
        ("7 bytes", keys()),
        ("20 bytes", (0..1000).map(|i| format!("user{i:016}")).collect()),
        ("40 bytes", (0..1000).map(|i| format!("user{i:036}")).collect()),
    ] {
        let mut group = c.benchmark_group(format!("crc32 of {what}"));
        group.throughput(Throughput::Elements(keys.len() as u64));
        group.bench_function("Table<1>", |b| {
            b.iter(|| keys.iter().map(|key| ONE.checksum(black_box(key.as_bytes()))).fold(0, |a, b| a ^ b));
        });
        group.bench_function("Table<16>", |b| {
            b.iter(|| {
                keys.iter().map(|key| SIXTEEN.checksum(black_box(key.as_bytes()))).fold(0, |a, b| a ^ b)
            });
        });
        group.finish();
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .sample_size(30)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1))
        .without_plots();
    targets = picks, chinese, tables
}

fn main() {
    others::table();
    if std::env::args().any(|argument| argument == "others") {
        return;
    }
    benches();
    Criterion::default().configure_from_args().final_summary();
}
