//! The cost of a package and a message: reading a request, writing a request and a response,
//! encoding a push.

use std::hint::black_box;
use std::time::Duration;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use pomelo_sim::wire::{
    BODY_BYTES_MAX_DEFAULT, Message, PackageDecoder, WireRoute, write_push, write_request, write_response,
};

const SEND: &str = "chat.chatHandler.send";
const SEND_BODY: &[u8] = br#"{"rid":"lobby","content":"hello, everybody","from":"alice","target":"*"}"#;
const PUSH_BODY: &[u8] = br#"{"msg":"hello, everybody","from":"alice","target":"*"}"#;

fn decode(c: &mut Criterion) {
    let mut package = Vec::new();
    if write_request(&mut package, 300, &WireRoute::from(SEND), SEND_BODY).is_err() {
        return;
    }
    let mut group = c.benchmark_group("decode");
    group.throughput(Throughput::Bytes(package.len() as u64));
    group.bench_function("request, whole", |b| {
        let mut decoder = PackageDecoder::new(BODY_BYTES_MAX_DEFAULT);
        b.iter(|| {
            let mut input = black_box(package.as_slice());
            let package = decoder.next(&mut input).ok().flatten();
            black_box(package.map(|package| Message::decode(package.body).is_ok()))
        });
    });
    let (head, tail) = package.split_at(package.len() / 2);
    group.bench_function("request, in two pieces", |b| {
        let mut decoder = PackageDecoder::new(BODY_BYTES_MAX_DEFAULT);
        b.iter(|| {
            for piece in [head, tail] {
                let mut input = black_box(piece);
                let package = decoder.next(&mut input).ok().flatten();
                black_box(package.map(|package| Message::decode(package.body).is_ok()));
            }
        });
    });
    group.finish();
}

fn encode(c: &mut Criterion) {
    let mut group = c.benchmark_group("encode");
    let mut out = Vec::with_capacity(256);
    let name = WireRoute::from(SEND);
    group.bench_function("request", |b| {
        b.iter(|| {
            out.clear();
            black_box(write_request(&mut out, black_box(300), &name, SEND_BODY).is_ok())
        });
    });
    group.bench_function("response", |b| {
        b.iter(|| {
            out.clear();
            write_response(&mut out, black_box(300), b"{}");
            black_box(out.len())
        });
    });
    for (label, route) in [("push by name", WireRoute::from("onChat")), ("push by code", WireRoute::Code(4))]
    {
        group.bench_function(label, |b| {
            b.iter(|| {
                out.clear();
                black_box(write_push(&mut out, black_box(&route), PUSH_BODY).is_ok())
            });
        });
    }
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1));
    targets = decode, encode
}
criterion_main!(benches);
