//! The table of all metrics that engines report.

/// A metric, with one value per replication.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Metric {
    /// Its name in scenarios and results.
    pub name: &'static str,
    /// Its unit; empty for shares, ratios and counts.
    pub unit: &'static str,
    /// One line of description.
    pub summary: &'static str,
    /// Whether high or low is better.
    pub better: Better,
    /// The models that report it.
    pub models: Models,
}

/// Whether high or low values of a metric are better.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Better {
    /// Lower is better.
    Lower,
    /// Higher is better.
    Higher,
    /// Neither is better.
    Neither,
}

/// The models that report a metric.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Models {
    /// Jobs and servers.
    Queue,
    /// People and the chat cluster.
    Chat,
    /// Both.
    Both,
}

impl Metric {
    /// The metric of this name.
    pub fn named(name: &str) -> Option<&'static Metric> {
        METRICS.iter().find(|metric| metric.name == name)
    }

    /// Its share on a latency curve, above 0 to 1, and the curve's name: `("send", 0.99)` for
    /// `send_ms.p99`, `("send", 1)` for `send_ms.max`. `None` if it is not a point of a curve.
    pub fn on_curve(&self) -> Option<(&'static str, f64)> {
        let (kind, point) = self.name.split_once("_ms.")?;
        if point == "max" {
            return Some((kind, 1.0));
        }
        let percent: f64 = point.strip_prefix('p')?.parse().ok()?;
        // 99.9 / 100 is not 0.999.
        Some((kind, (percent * 1e3).round() / 1e5))
    }
}

impl Models {
    /// Whether a scenario's model (`chat`, else `queue`) is included.
    pub fn has(self, chat: bool) -> bool {
        self != if chat { Models::Queue } else { Models::Chat }
    }
}

/// The six metrics of a latency.
macro_rules! latency {
    ($kind:literal, $what:literal, $models:ident) => {
        [
            metric(concat!($kind, "_ms.mean"), "ms", concat!("mean ", $what), Better::Lower, Models::$models),
            metric(
                concat!($kind, "_ms.p50"),
                "ms",
                concat!("median ", $what),
                Better::Lower,
                Models::$models,
            ),
            metric(
                concat!($kind, "_ms.p90"),
                "ms",
                concat!("90th percentile of the ", $what),
                Better::Lower,
                Models::$models,
            ),
            metric(
                concat!($kind, "_ms.p99"),
                "ms",
                concat!("99th percentile of the ", $what),
                Better::Lower,
                Models::$models,
            ),
            metric(
                concat!($kind, "_ms.p99.9"),
                "ms",
                concat!("99.9th percentile of the ", $what),
                Better::Lower,
                Models::$models,
            ),
            metric(
                concat!($kind, "_ms.max"),
                "ms",
                concat!("longest ", $what),
                Better::Lower,
                Models::$models,
            ),
        ]
    };
}

const LATENCIES: [[Metric; 6]; 5] = [
    latency!("job", "time from a job's first attempt to its end", Queue),
    latency!("gate", "time of a client's question to the gate", Chat),
    latency!("enter", "time of entering a room", Chat),
    latency!("send", "time from a message's intended moment to its answer", Chat),
    latency!("deliver", "time from a message's intended moment to each member", Chat),
];

const OTHERS: &[Metric] = &[
    queue("wait_ms.mean", "ms", "mean wait of a job before its service", Better::Lower),
    queue("wait_probability", "", "share of jobs that had to wait", Better::Lower),
    both("in_system.mean", "", "mean number waiting or in service, all servers together", Better::Lower),
    both("throughput_per_s", "1/s", "done each second of the measured time", Better::Higher),
    both("attempted", "", "jobs or requests begun: done + lost + in_flight", Better::Neither),
    both("done", "", "of these, done in time", Better::Higher),
    both("lost", "", "of these, lost, for whatever reason", Better::Lower),
    both("lost_fraction", "", "lost as a share of attempted", Better::Lower),
    both("lost.queue_full", "", "lost since a bounded queue had no room", Better::Lower),
    both("lost.timeout", "", "lost since no answer came in time", Better::Lower),
    both("lost.gave_up", "", "lost since the client had no attempts left", Better::Lower),
    both("lost.server_gone", "", "lost with a server that went", Better::Lower),
    both("lost.no_server", "", "lost since there was no server to choose", Better::Lower),
    both("lost.refused", "", "lost since a server refused it", Better::Lower),
    both("lost.connection_lost", "", "lost with its connection", Better::Lower),
    both("lost.error", "", "lost by an error of a server", Better::Lower),
    both("in_flight", "", "of those attempted, still in flight at the end", Better::Neither),
    both(
        "retries_per_client",
        "",
        "attempts after the first, by client: a job is one, a person is one",
        Better::Lower,
    ),
    both("peak_attempts_per_s", "1/s", "attempts in the busiest second, retries included", Better::Lower),
    both("utilisation.mean", "", "busy part of the measured time, mean of the servers", Better::Neither),
    both("utilisation.max", "", "busy part of the measured time, of the busiest server", Better::Lower),
    both(
        "balance.peak_to_mean",
        "",
        "work done by the busiest server, by the mean: 1 is even",
        Better::Lower,
    ),
    both("balance.min_to_mean", "", "work done by the idlest server, by the mean: 1 is even", Better::Higher),
    both("balance.cv", "", "standard deviation of the servers' work by the mean: 0 is even", Better::Lower),
    both("balance.jain", "", "Jain's fairness index of the servers' work: 1 is even", Better::Higher),
    both(
        "moved_fraction",
        "",
        "keys or rooms that events moved to another server, as a share of all",
        Better::Lower,
    ),
    both(
        "unforced_fraction",
        "",
        "the same, neither from a server that went nor to one that came",
        Better::Lower,
    ),
    chat("moved_bytes", "bytes", "state handed over with rooms that moved", Better::Lower),
    chat("moved_rooms", "", "rooms handed over to another server", Better::Lower),
    chat(
        "orphaned_rooms",
        "",
        "rooms whose members' messages go to a server that does not have them, at the worst moment",
        Better::Lower,
    ),
    chat(
        "split_rooms",
        "",
        "rooms with members on more than one chat server, at the worst moment",
        Better::Lower,
    ),
    chat(
        "rebalance_s",
        "s",
        "longest time from a change of the list until every room is where it belongs",
        Better::Lower,
    ),
    chat("kicked", "", "sessions that a server ended", Better::Lower),
    chat("reconnects", "", "logins after the first", Better::Lower),
    both(
        "recovery_s",
        "s",
        "of a chat: longest time from a crash until as many people are in as before",
        Better::Lower,
    ),
    both("little_error", "", "|L - λW| / L: Little's law, a check of the simulation itself", Better::Neither),
    both("events", "", "events that the simulation took", Better::Neither),
    chat("deliveries", "", "pushes that reached a member", Better::Neither),
    chat("messages", "", "messages that people sent", Better::Neither),
];

/// Every metric: latencies first, then all others.
pub static METRICS: [Metric; LATENCIES.len() * 6 + OTHERS.len()] = all();

const fn all() -> [Metric; LATENCIES.len() * 6 + OTHERS.len()] {
    let mut all = [OTHERS[0]; LATENCIES.len() * 6 + OTHERS.len()];
    let mut i = 0;
    while i < all.len() {
        let latencies = LATENCIES.len() * 6;
        all[i] = if i < latencies { LATENCIES[i / 6][i % 6] } else { OTHERS[i - latencies] };
        i += 1;
    }
    all
}

const fn metric(
    name: &'static str,
    unit: &'static str,
    summary: &'static str,
    better: Better,
    models: Models,
) -> Metric {
    Metric { name, unit, summary, better, models }
}

const fn queue(name: &'static str, unit: &'static str, summary: &'static str, better: Better) -> Metric {
    metric(name, unit, summary, better, Models::Queue)
}

const fn chat(name: &'static str, unit: &'static str, summary: &'static str, better: Better) -> Metric {
    metric(name, unit, summary, better, Models::Chat)
}

const fn both(name: &'static str, unit: &'static str, summary: &'static str, better: Better) -> Metric {
    metric(name, unit, summary, better, Models::Both)
}
