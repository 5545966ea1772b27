//! Lookups compared with published crates of the same algorithms: same keys, same servers, same
//! run.
//!
//! Each lookup starts from the text of a key and ends with a server. All hash the key with xxh3; a
//! crate that hashes once more does so with FxHash, one multiplication. Of crates that return all
//! servers in order the first is taken. Ours are called like the router does, through the trait
//! object.

use std::hash::BuildHasherDefault;
use std::hint::black_box;
use std::time::Instant;

use anchorhash::Builder;
use consistent_hash_ring::RingBuilder;
use hashring::HashRing;
use hrw_hash::HrwNodes;
use maglev::{ConsistentHasher, Maglev};
use pomelo_sim::strategies::{Look, StrategySpec};
use rendezvous_hash::{IdNode, Node, NodeHasher, RendezvousNodes};
use rustc_hash::FxHasher;
use xxhash_rust::xxh3::xxh3_64;

use crate::{keys, servers};

type Fx = BuildHasherDefault<FxHasher>;

/// Returns the index of a server.
type Lookup = Box<dyn FnMut(&str) -> usize>;

/// Rounds of each contestant, in turns; the fastest counts, since disturbances only make a round
/// slower.
const ROUNDS: usize = 60;

const POINTS: usize = 160;

const SLOTS: usize = 65_537;

/// Prints nanoseconds per lookup, and the ratio of ours to the best of the others.
pub(crate) fn table() {
    println!("nanoseconds a lookup, beside published crates; the quickest of {ROUNDS} rounds\n");
    println!("{:12} {:>5} {:>8}  {:>5}  others", "", "n", "ours", "ratio");
    for n in [10, 100, 1000] {
        for (name, others) in [
            ("jump", jump(n)),
            ("maglev", maglev(n)),
            ("rendezvous", rendezvous(n)),
            ("ring", ring(n)),
            (if n == 1000 { "anchor(2000)" } else { "anchor(200)" }, anchor(n)),
        ] {
            let mut contestants = vec![(name, ours(name, n))];
            contestants.extend(others);
            let nanos = race(&mut contestants);
            let best = nanos[1..].iter().copied().fold(f64::INFINITY, f64::min);
            let others = contestants[1..].iter().zip(&nanos[1..]);
            let others: Vec<String> = others.map(|((name, _), ns)| format!("{name} {ns:.1}")).collect();
            println!("{name:12} {n:5} {:8.1}  {:5.2}  {}", nanos[0], nanos[0] / best, others.join(", "));
        }
    }
    println!();
}

fn race(contestants: &mut [(&'static str, Lookup)]) -> Vec<f64> {
    let keys = keys();
    let mut best = vec![f64::INFINITY; contestants.len()];
    for _ in 0..ROUNDS {
        for ((_, lookup), best) in contestants.iter_mut().zip(&mut best) {
            let start = Instant::now();
            let sum: usize = keys.iter().map(|key| lookup(black_box(key))).sum();
            black_box(sum);
            *best = best.min(start.elapsed().as_nanos() as f64 / keys.len() as f64);
        }
    }
    best
}

fn ours(name: &str, n: usize) -> Lookup {
    let spec: StrategySpec = name.parse().expect("a strategy");
    let mut strategy = spec.make(1);
    strategy.rebuild(&servers(n));
    Box::new(move |key| strategy.pick(key, &Look::BLIND).expect("a server"))
}

fn numbers(n: usize) -> std::ops::Range<usize> {
    0..n
}

fn jump(n: usize) -> Vec<(&'static str, Lookup)> {
    vec![(
        "jump-consistent-hash",
        Box::new(move |key| jump_consistent_hash::hash(xxh3_64(key.as_bytes()), n) as usize),
    )]
}

fn maglev(n: usize) -> Vec<(&'static str, Lookup)> {
    let table: Maglev<u64, Fx> = Maglev::with_capacity_and_hasher(
        servers(n).iter().map(|server| xxh3_64(server.id.as_str().as_bytes())),
        SLOTS,
        Fx::default(),
    );
    let get = move |key: &str| *table.get(&xxh3_64(key.as_bytes())).expect("a server") as usize & 0xff;
    vec![("maglev", Box::new(get))]
}

/// As `rendezvous_hash` intends: one hash of both.
struct Mixed;

impl NodeHasher<u64> for Mixed {
    fn hash<T: std::hash::Hash>(&self, node: &u64, item: &T) -> u64 {
        use std::hash::BuildHasher;
        Fx::default().hash_one((node, item))
    }
}

fn rendezvous(n: usize) -> Vec<(&'static str, Lookup)> {
    let mut nodes = RendezvousNodes::new(Mixed);
    for seed in numbers(n).map(|i| xxh3_64(&i.to_le_bytes())) {
        nodes.insert(IdNode::new(seed));
    }
    let first = move |key: &str| {
        let hash = xxh3_64(key.as_bytes());
        let node = nodes.calc_candidates(&hash).next().expect("a server");
        *node.node_id() as usize & 0xff
    };
    let hrw = HrwNodes::new(numbers(n).map(|i| i as u64));
    let highest = move |key: &str| *hrw.sorted(&xxh3_64(key.as_bytes())).next().expect("a server") as usize;
    vec![("rendezvous_hash", Box::new(first)), ("hrw-hash", Box::new(highest))]
}

fn ring(n: usize) -> Vec<(&'static str, Lookup)> {
    let mut points: HashRing<u64, Fx> = HashRing::with_hasher(Fx::default());
    // It has one point per node, so each server is several nodes.
    points.batch_add(numbers(n * POINTS).map(|i| xxh3_64(&i.to_le_bytes())).collect());
    let ring = RingBuilder::new(Fx::default()).vnodes(POINTS).nodes_iter(numbers(n)).build();
    vec![
        (
            "hashring",
            Box::new(move |key| *points.get(&xxh3_64(key.as_bytes())).expect("a server") as usize & 0xff),
        ),
        ("consistent_hash_ring", Box::new(move |key| *ring.get(xxh3_64(key.as_bytes())))),
    ]
}

fn anchor(n: usize) -> Vec<(&'static str, Lookup)> {
    let capacity = if n == 1000 { 2000 } else { 200 };
    let anchor = Builder::with_hasher(Fx::default()).with_resources(numbers(n)).build::<u64>(capacity);
    vec![(
        "anchorhash",
        Box::new(move |key| *anchor.get_resource(xxh3_64(key.as_bytes())).expect("a server")),
    )]
}
