//! Results like those of an experiment, drawn from a seed: plausible numbers without a run.

use std::collections::BTreeMap;

use pomelo_sim::experiments::{
    Comparison, Figure, Mode, Results, SCHEMA, StrategyResults, Verdict, VerdictKind,
};
use pomelo_sim::random::Random;
use pomelo_sim::scenario::Scenario;
use pomelo_sim::stats::{Estimate, LatencyCurve, Mark, Quantile, ServerSeries};
use pomelo_sim::strategies::{ALL, Parameter, StrategySpec};
use serde_json::json;

/// How large.
#[derive(Clone, Copy)]
pub(crate) struct Size {
    pub(crate) strategies: usize,
    pub(crate) servers: usize,
    pub(crate) replications: u32,
    pub(crate) steps: usize,
}

impl Default for Size {
    fn default() -> Self {
        Self { strategies: 6, servers: 6, replications: 10, steps: 300 }
    }
}

/// Seconds of a run, of which the first are warm-up.
const LENGTH_S: f64 = 600.0;
const WARMUP_S: f64 = 60.0;

/// All strategies, then again with other numbers where they take some.
fn strategies(count: usize) -> Vec<StrategySpec> {
    let plain = ALL.iter().map(|entry| match entry.parameter {
        Parameter::Inner => format!("{}({})", entry.name, ALL[0].name),
        _ => entry.name.to_owned(),
    });
    let numbered = ALL.iter().filter_map(|entry| match entry.parameter {
        Parameter::Number { min, .. } => Some(format!("{}({min})", entry.name)),
        _ => None,
    });
    let names: Vec<String> = plain.chain(numbered).collect();
    names.iter().cycle().take(count).map(|name| name.parse().unwrap()).collect()
}

fn scenario(strategies: &[StrategySpec], size: Size, seed: u64) -> Scenario {
    serde_json::from_value(json!({
        "name": "remove-a-chat-server",
        "question": "What does it cost when a chat server in the middle of the list goes, and who pays?",
        "chat": {
            "servers": {"gate": 1, "connector": 4, "chat": size.servers},
            "users": 20_000, "rooms": 1500, "zipf": 0.8, "talk": {"per_s": 0.05},
        },
        "strategies": strategies,
        "warmup_s": WARMUP_S,
        "duration_s": LENGTH_S - WARMUP_S,
        "replications": size.replications,
        "seed": seed,
        "metric": "deliver_ms.p99",
        "events": [{"at_s": 300.0, "remove": "chat-server-2", "for_s": 120.0}],
        "expect": [
            {"metric": "deliver_ms.p99", "at_most": 120.0},
            {"metric": "unforced_fraction", "at_most": 0.001},
        ],
    }))
    .unwrap()
}

/// The results of such an experiment.
pub(crate) fn results(seed: u64, size: Size) -> Results {
    let names = strategies(size.strategies);
    let scenario = scenario(&names, size, seed);
    let mut first: Option<BTreeMap<String, Figure>> = None;
    let strategies: Vec<StrategyResults> = names
        .iter()
        .enumerate()
        .map(|(index, strategy)| {
            let mut chance = Random::new(seed, &format!("strategy {index}"));
            let uneven = if index == 0 { 0.6 } else { 0.08 + 0.7 * chance.unit().powi(2) };
            let figures = figures(seed, uneven, size, &mut chance, first.as_ref());
            first.get_or_insert_with(|| figures.clone());
            StrategyResults {
                strategy: strategy.clone(),
                figures,
                curves: curves(uneven),
                servers: servers(uneven, size, &mut chance),
                marks: marks(),
            }
        })
        .collect();
    Results {
        schema: SCHEMA,
        program: "pomelo-sim 0.1.0".to_owned(),
        digest: "5f0c9a17d2b4e683".to_owned(),
        mode: Mode::Virtual,
        machine: None,
        metric: "deliver_ms.p99".to_owned(),
        warmup_s: WARMUP_S,
        replications: size.replications,
        answer: format!("A 99th percentile of delivery below that of {} under most strategies.", names[0]),
        verdicts: verdicts(&scenario, &strategies),
        replay: format!("pomelo-sim experiment run remove-a-chat-server --seed {seed}"),
        strategies,
        scenario,
    }
}

fn figures(
    seed: u64,
    uneven: f64,
    size: Size,
    chance: &mut Random,
    first: Option<&BTreeMap<String, Figure>>,
) -> BTreeMap<String, Figure> {
    let moved = if chance.chance(0.4) { 0.83 } else { 0.167 };
    let means = [
        ("deliver_ms.mean", 9.0 + 8.0 * uneven),
        ("deliver_ms.p50", 6.0 + 2.0 * uneven),
        ("deliver_ms.p99", 40.0 + 180.0 * uneven),
        ("send_ms.mean", 4.0 + 3.0 * uneven),
        ("send_ms.p99", 18.0 + 60.0 * uneven),
        ("attempted", 540_000.0),
        ("lost_fraction", 0.0008 * uneven),
        ("lost.queue_full", 0.0),
        ("balance.peak_to_mean", 1.0 + uneven),
        ("balance.jain", 1.0 / (1.0 + uneven * uneven / 3.0)),
        ("utilisation.mean", 0.55),
        ("moved_fraction", moved),
        ("unforced_fraction", (moved - 0.167) * 0.9),
        ("orphaned_rooms", (moved * 300.0).round()),
    ];
    let mut figures = BTreeMap::new();
    for (name, mean) in means {
        let values: Vec<f64> = (0..size.replications)
            .map(|replication| {
                // The same for all strategies, plus a little for each.
                let common = Random::new(seed, &format!("{name} {replication}")).unit() - 0.5;
                mean * (1.0 + 0.1 * common + 0.03 * (chance.unit() - 0.5))
            })
            .collect();
        let against_first = first.and_then(|first| {
            let other: Vec<f64> = first[name].values.iter().flatten().copied().collect();
            let difference = Estimate::of_difference(&values, &other)?;
            Some(Comparison { difference, ratio: Estimate::of_ratio(&values, &other) })
        });
        let figure = Figure {
            estimate: Estimate::of(&values).unwrap(),
            values: values.into_iter().map(Some).collect(),
            against_first,
        };
        figures.insert(name.to_owned(), figure);
    }
    figures
}

fn curves(uneven: f64) -> BTreeMap<String, LatencyCurve> {
    let shares = [0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.995, 0.999, 0.9999, 0.99999, 1.0];
    let curve = |ms: f64, count: u64| {
        let nines = |share: f64| if share < 1.0 { -(1.0 - share).log10() } else { (count as f64).log10() };
        let quantile = |share: f64| Quantile { share, ms: ms * (nines(share) * (0.9 + uneven)).exp() };
        LatencyCurve { count, mean_ms: ms * 1.7, quantiles: shares.map(quantile).into() }
    };
    [("enter", curve(8.0, 20_000)), ("send", curve(2.0, 540_000)), ("deliver", curve(3.0, 7_000_000))]
        .map(|(kind, curve)| (kind.to_owned(), curve))
        .into()
}

fn servers(uneven: f64, size: Size, chance: &mut Random) -> Vec<ServerSeries> {
    let step_s = LENGTH_S / size.steps as f64;
    let mut server = |index: usize| {
        let share = 1.0 + uneven * (2.0 * chance.unit() - 1.0);
        let busy: Vec<f64> = (0..size.steps)
            .map(|step| {
                let at_s = step as f64 * step_s;
                let away = (300.0..420.0).contains(&at_s);
                let wave = 1.0 + 0.25 * (at_s / 95.0).sin() + if away { 0.35 } else { 0.0 };
                let gone = if away && index == 1 { 0.0 } else { 1.0 };
                (0.55 * share * wave * gone * (0.85 + 0.3 * chance.unit())).clamp(0.0, 1.0)
            })
            .collect();
        let handled_per_s = busy.iter().map(|busy| 800.0 * busy).collect();
        let in_system = busy.iter().map(|busy| busy / (1.03 - busy)).collect();
        let id = format!("chat-server-{}", index + 1);
        ServerSeries { id: id.into(), server_type: "chat".into(), step_s, handled_per_s, busy, in_system }
    };
    (0..size.servers).map(&mut server).collect()
}

fn marks() -> Vec<Mark> {
    let mark = |at_s: f64, what: &str| Mark { at_s, what: what.to_owned() };
    vec![mark(300.0, "chat-server-2 removed"), mark(420.0, "chat-server-2 added again")]
}

fn verdicts(scenario: &Scenario, strategies: &[StrategyResults]) -> Vec<Verdict> {
    let mut verdicts = Vec::new();
    for claim in &scenario.expect {
        for strategy in strategies {
            let estimate = strategy.figures[&claim.metric].estimate;
            let most = claim.at_most.unwrap();
            let verdict = if estimate.high() <= most {
                VerdictKind::Holds
            } else if estimate.low() > most {
                VerdictKind::Fails
            } else {
                VerdictKind::CannotSay
            };
            let text = format!("{} is {:.4}, at most {most} was claimed", claim.metric, estimate.value);
            let (claim, strategy) = (claim.clone(), strategy.strategy.clone());
            verdicts.push(Verdict { claim, strategy, estimate: Some(estimate), verdict, text });
        }
    }
    verdicts
}
