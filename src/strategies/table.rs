//! The table of strategies.

use super::*;

/// What most sticky ones have in common.
const STICKY: StrategyEntry = StrategyEntry {
    name: "",
    summary: "",
    kind: Kind::Sticky,
    moves: Moves::Least,
    restores: true,
    weighted: false,
    parameter: Parameter::None,
    make: |_, _| Box::new(PomeloCrc::default()),
};

/// And those that choose.
const CHOICE: StrategyEntry =
    StrategyEntry { kind: Kind::Choice, moves: Moves::Many, restores: false, ..STICKY };

/// Every strategy, the default first. `--help`, laws, benches and experiments iterate it.
pub static ALL: &[StrategyEntry] = &[
    StrategyEntry {
        name: "pomelo-crc",
        summary: "as the tutorial: abs(signed crc32 of the key's UTF-16 low bytes) mod n",
        moves: Moves::Many,
        ..STICKY
    },
    StrategyEntry {
        name: "crc32-mod",
        summary: "unsigned crc32 of the key's UTF-8 mod n, as Pinus with crc 4 does",
        moves: Moves::Many,
        make: |_, _| Box::new(Crc32Mod::default()),
        ..STICKY
    },
    StrategyEntry {
        name: "jump",
        summary: "jump consistent hash: even, without memory; servers come and go at the end",
        moves: Moves::LastOnly,
        make: |_, _| Box::new(Jump::default()),
        ..STICKY
    },
    StrategyEntry {
        name: "rendezvous",
        summary: "highest score of a hash of key and server; looks at every server",
        make: |_, _| Box::new(Rendezvous::default()),
        ..STICKY
    },
    StrategyEntry {
        name: "weighted-rendezvous",
        summary: "rendezvous in which each server gets keys by its weight, exactly",
        weighted: true,
        make: |_, _| Box::new(WeightedRendezvous::default()),
        ..STICKY
    },
    StrategyEntry {
        name: "ring",
        summary: "consistent hashing: the next of many points on a circle",
        weighted: true,
        parameter: whole("points of a server of weight 1", Ring::POINTS, 1, 10_000),
        make: |argument, _| Box::new(Ring::new(argument.number() as u32)),
        ..STICKY
    },
    StrategyEntry {
        name: "maglev",
        summary: "a table of slots that servers fill in turns: as even as can be",
        moves: Moves::LeastAndFew,
        weighted: true,
        parameter: whole("slots of the table; the next prime is taken", Maglev::SIZE, 3, 10_000_000),
        make: |argument, _| Box::new(Maglev::new(argument.number() as u32)),
        ..STICKY
    },
    StrategyEntry {
        name: "multi-probe",
        summary: "consistent hashing with one point a server and several looks",
        parameter: whole("looks for each key", 21, 1, 1000),
        make: |argument, _| Box::new(MultiProbe::new(argument.number() as u32)),
        ..STICKY
    },
    StrategyEntry {
        name: "anchor",
        summary: "AnchorHash: even, and any server may go, up to a capacity",
        parameter: whole("servers there is room for", Anchor::CAPACITY, 1, 1_000_000),
        make: |argument, _| Box::new(Anchor::new(argument.number() as u32)),
        ..STICKY
    },
    StrategyEntry {
        name: "memento",
        summary: "MementoHash: jump, and any server may go; it remembers those that went",
        make: |_, _| Box::new(Memento::default()),
        ..STICKY
    },
    StrategyEntry {
        name: "directory",
        summary: "remembers where another strategy has put a key, while something is there",
        restores: false,
        parameter: Parameter::Inner,
        make: |argument, seed| Box::new(Directory::new(argument.inner().make(seed))),
        ..STICKY
    },
    StrategyEntry {
        name: "bounded-load",
        summary: "ring that passes over servers with more than 1 + epsilon times the mean load",
        parameter: Parameter::Number {
            what: "epsilon: how much more than the mean",
            default: 0.25,
            min: 0.01,
            max: 100.0,
            whole: false,
        },
        make: |argument, _| Box::new(BoundedLoad::new(argument.number())),
        ..CHOICE
    },
    StrategyEntry {
        name: "round-robin",
        summary: "each server in its turn",
        make: |_, _| Box::new(RoundRobin::default()),
        ..CHOICE
    },
    StrategyEntry {
        name: "smooth-weighted-round-robin",
        summary: "turns by weight, spread out as nginx does",
        weighted: true,
        make: |_, _| Box::new(SmoothWeightedRoundRobin::default()),
        ..CHOICE
    },
    StrategyEntry {
        name: "random",
        summary: "any server, each as likely",
        make: |_, seed| Box::new(Uniform::new(seed)),
        ..CHOICE
    },
    StrategyEntry {
        name: "two-choices",
        summary: "the least loaded of a few that are drawn",
        parameter: whole("different servers that are drawn", 2, 1, 1000),
        make: |argument, seed| Box::new(TwoChoices::new(argument.number() as usize, seed)),
        ..CHOICE
    },
    StrategyEntry {
        name: "least-connections",
        summary: "the least loaded of all, by weight",
        weighted: true,
        make: |_, seed| Box::new(LeastConnections::new(seed)),
        ..CHOICE
    },
    StrategyEntry {
        name: "join-idle-queue",
        summary: "any server that has nothing in hand, or any",
        make: |_, seed| Box::new(JoinIdleQueue::new(seed)),
        ..CHOICE
    },
    StrategyEntry {
        name: "peak-ewma",
        summary: "of two that are drawn, the one with the lower latency times load",
        parameter: Parameter::Number {
            what: "seconds that a latency is remembered",
            default: 10.0,
            min: 0.001,
            max: 86_400.0,
            whole: false,
        },
        make: |argument, seed| Box::new(PeakEwma::new(argument.number(), seed)),
        ..CHOICE
    },
];

const fn whole(what: &'static str, default: u32, min: u32, max: u32) -> Parameter {
    Parameter::Number { what, default: default as f64, min: min as f64, max: max as f64, whole: true }
}
