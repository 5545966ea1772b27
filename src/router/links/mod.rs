//! The links between servers: streams that rules make slow, lossy or cut.

mod rule;

pub use rule::{End, Latency, Link, LinkRule, Rule, UnknownRule, Verdict};
