//! The runner of experiments, over an engine with known results: order, saving, continuing,
//! figures, verdicts, answers.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use pomelo_sim::experiments::{self, Compared, Engine, Options, Results, RunError, VerdictKind};
use pomelo_sim::random::Random;
use pomelo_sim::scenario::Scenario;
use pomelo_sim::stats::{LatencyCurve, Mark, Outcome, Quantile, ServerSeries};
use pomelo_sim::strategies::StrategySpec;
use serde_json::{Value, json};

fn scenario(more: Value) -> Scenario {
    let mut scenario = json!({
        "name": "stand-in",
        "question": "Which is quicker?",
        "queue": {"servers": 2, "arrivals": {"rate_per_s": 10}, "service_ms": {"mean": 10}},
        "strategies": ["random", "two-choices", "round-robin"],
        "duration_s": 100,
        "replications": 8,
    });
    for (key, value) in more.as_object().unwrap() {
        scenario[key] = value.clone();
    }
    Scenario::from_json(&scenario.to_string(), "test").unwrap()
}

/// Jobs that take an exponential time with the strategy's mean, drawn from the replication's
/// stream: all strategies meet the same chance, times a factor. `round-robin` differs from `random`
/// by noise of its own only.
fn outcome(scenario: &Scenario, strategy: &StrategySpec, replication: u32) -> Outcome {
    let name = strategy.to_string();
    let mean_ms = if name == "two-choices" { 8.0 } else { 10.0 };
    let mut shared = Random::new(scenario.seed, &format!("jobs {replication}"));
    let mut own = Random::new(scenario.seed, &format!("{name} {replication}"));
    let mut took: Vec<f64> = Vec::new();
    for _ in 0..500 {
        let noise = if name == "round-robin" { 0.2 * (own.unit() - 0.5) } else { 0.0 };
        took.push(mean_ms * (shared.exponential() + noise + 0.1));
    }
    let latency = latency(took);
    let mut metrics = BTreeMap::from([("job_ms.mean".to_owned(), latency.mean_ms)]);
    for (name, share) in [("p50", 0.5), ("p99", 0.99), ("max", 1.0)] {
        metrics.insert(format!("job_ms.{name}"), latency.at(share).unwrap());
    }
    metrics.insert("balance.jain".to_owned(), if name == "random" { 0.8 } else { 0.88 });
    metrics.insert("lost".to_owned(), 0.0);
    if replication != 3 {
        metrics.insert("recovery_s".to_owned(), 5.0);
    }
    metrics.insert("little_error".to_owned(), f64::NAN);
    Outcome {
        metrics,
        latencies: BTreeMap::from([("job".to_owned(), latency)]),
        servers: vec![ServerSeries {
            id: "server-1".into(),
            server_type: "queue".into(),
            step_s: 1.0,
            handled_per_s: vec![1.0; 100],
            busy: vec![0.5; 100],
            in_system: (0..100).map(|i| if i < 20 { 0.0 } else { 5.0 + own.unit() }).collect(),
        }],
        marks: vec![Mark { at_s: f64::from(replication), what: "marked".to_owned() }],
    }
}

/// A curve by nearest rank.
fn latency(mut took: Vec<f64>) -> LatencyCurve {
    took.sort_by(f64::total_cmp);
    let rank = |share: f64| (share * took.len() as f64).ceil() as usize - 1;
    let quantile = |share: f64| Quantile { share, ms: took[rank(share)] };
    LatencyCurve {
        count: took.len() as u64,
        mean_ms: took.iter().sum::<f64>() / took.len() as f64,
        quantiles: [0.1, 0.5, 0.9, 0.99, 1.0].map(quantile).to_vec(),
    }
}

fn stand_in() -> impl Fn(&Scenario, &StrategySpec, u32, f64) -> Result<Outcome, String> + Sync {
    |scenario, strategy, replication, _| Ok(outcome(scenario, strategy, replication))
}

fn run_with(scenario: &Scenario, engine: &Engine<'_>, options: &Options) -> Result<Results, RunError> {
    experiments::run(scenario, engine, options, &|_| {})
}

fn run(scenario: &Scenario) -> Results {
    run_with(scenario, &stand_in(), &Options::default()).unwrap()
}

fn into(out: &Path, threads: usize) -> Options {
    Options { out: Some(out.to_owned()), threads, ..Options::default() }
}

fn bytes(out: &Path) -> Vec<u8> {
    fs::read(out.join("results.json")).unwrap()
}

#[test]
fn the_bytes_do_not_depend_on_threads_or_on_an_interruption() {
    let scenario = scenario(json!({}));
    let folder = tempfile::tempdir().unwrap();
    let out = |name: &str| folder.path().join(name);
    run_with(&scenario, &stand_in(), &into(&out("one"), 1)).unwrap();
    run_with(&scenario, &stand_in(), &into(&out("many"), 7)).unwrap();
    assert!(bytes(&out("one")) == bytes(&out("many")), "one thread and seven");

    // An engine that gives up on the way; then one that counts what it still has to do.
    let asked = AtomicUsize::new(0);
    let gives_up = |s: &Scenario, strategy: &StrategySpec, replication: u32, _: f64| {
        if asked.fetch_add(1, Ordering::Relaxed) == 10 {
            Err("no more".to_owned())
        } else {
            Ok(outcome(s, strategy, replication))
        }
    };
    let error = run_with(&scenario, &gives_up, &into(&out("broken"), 1)).unwrap_err();
    assert_eq!(error.to_string(), "two-choices, replication 3: no more");
    assert!(!out("broken").join("results.json").exists());
    let asked = AtomicUsize::new(0);
    let counts = |s: &Scenario, strategy: &StrategySpec, replication: u32, _: f64| {
        asked.fetch_add(1, Ordering::Relaxed);
        Ok(outcome(s, strategy, replication))
    };
    let told = Mutex::new(Vec::new());
    experiments::run(&scenario, &counts, &into(&out("broken"), 2), &|progress| {
        told.lock().unwrap().push(progress)
    })
    .unwrap();
    assert_eq!(asked.load(Ordering::Relaxed), 3 * 8 - 10);
    assert!(bytes(&out("broken")) == bytes(&out("one")), "interrupted and not");
    let told = told.into_inner().unwrap();
    let last = told.iter().max_by_key(|progress| progress.done).unwrap();
    assert_eq!((told.len(), last.done, last.total, last.kept), (24, 24, 24, 10));
    // Read back, it is the same to the last bit.
    let read = Results::load(&out("one")).unwrap();
    assert!(serde_json::to_vec_pretty(&read).unwrap() == bytes(&out("one")).trim_ascii_end());
}

#[test]
fn only_the_same_units_are_taken() {
    let folder = tempfile::tempdir().unwrap();
    let asked = AtomicUsize::new(0);
    let counts = |s: &Scenario, strategy: &StrategySpec, replication: u32, _: f64| {
        asked.fetch_add(1, Ordering::Relaxed);
        Ok(outcome(s, strategy, replication))
    };
    let again = |scenario: &Scenario, options: &Options| {
        run_with(scenario, &counts, options).unwrap();
        asked.swap(0, Ordering::Relaxed)
    };
    let options = into(folder.path(), 2);
    assert_eq!(again(&scenario(json!({})), &options), 24);
    assert_eq!(again(&scenario(json!({})), &options), 0);
    let claim = json!([{"metric": "lost", "at_most": 1}]);
    assert_eq!(again(&scenario(json!({"expect": claim, "question": "And now?"})), &options), 0);
    assert_eq!(again(&scenario(json!({"replications": 10})), &options), 6, "two replications more");
    let four = json!(["random", "two-choices", "round-robin", "ring"]);
    assert_eq!(again(&scenario(json!({"strategies": four})), &options), 8, "a strategy more");
    assert_eq!(again(&scenario(json!({"seed": 2})), &options), 24, "other chance");
    assert_eq!(again(&scenario(json!({"duration_s": 99})), &options), 24, "another scenario");
    let rebuilt = Options { build: "another".to_owned(), ..options.clone() };
    assert_eq!(again(&scenario(json!({"duration_s": 99})), &rebuilt), 24, "another build");
    assert_eq!(
        again(&scenario(json!({"duration_s": 99})), &Options { fresh: true, ..rebuilt.clone() }),
        24,
        "by order"
    );
    // A file that is torn is as if it were not there.
    let torn = folder.path().join("units/random-0000.json");
    let text = fs::read_to_string(&torn).unwrap();
    fs::write(&torn, &text[..text.len() / 2]).unwrap();
    assert_eq!(again(&scenario(json!({"duration_s": 99})), &rebuilt), 1, "a torn file");
    let left: Vec<_> =
        fs::read_dir(folder.path().join("units")).unwrap().map(|e| e.unwrap().path()).collect();
    assert!(left.iter().all(|path| path.extension().is_some_and(|e| e == "json")), "{left:?}");
}

#[test]
fn figures_are_means_but_percentiles_are_pooled() {
    let results = run(&scenario(json!({})));
    let of = |name: &str| &results.of(&name.parse().unwrap()).unwrap().figures;
    let mean = &of("random")["job_ms.mean"];
    let values: Vec<f64> = mean.values.iter().copied().map(Option::unwrap).collect();
    assert_eq!(values.len(), 8);
    assert!((mean.estimate.value - values.iter().sum::<f64>() / 8.0).abs() < 1e-12);
    // 500 draws in each of 8: a standard error of 10/sqrt(4000); four of them.
    assert!((mean.estimate.value - 11.0).abs() < 4.0 * 0.158, "{mean:?}");

    let curve = &results.of(&"random".parse().unwrap()).unwrap().curves["job"];
    assert_eq!(curve.count, 4000);
    let p99 = &of("random")["job_ms.p99"];
    assert_eq!(Some(p99.estimate.value), curve.at(0.99));
    let most = of("random")["job_ms.max"].values.iter().copied().flatten().fold(0.0, f64::max);
    assert_eq!(of("random")["job_ms.max"].estimate.value, most);

    // A figure that was not a number, or was not measured, has no value.
    assert!(!of("random").contains_key("little_error"));
    let recovery = &of("random")["recovery_s"];
    assert_eq!((recovery.estimate.n, recovery.values[3]), (7, None));
}

#[test]
fn strategies_are_paired_with_the_first() {
    let results = run(&scenario(json!({})));
    let against =
        |name: &str, metric: &str| results.of(&name.parse().unwrap()).unwrap().figures[metric].against_first;
    assert_eq!(against("random", "job_ms.mean"), None);
    // The same jobs, each in 0.8 of the time: chance cancels.
    let quicker = against("two-choices", "job_ms.mean").unwrap();
    let ratio = quicker.ratio.unwrap();
    assert!(quicker.is_significant() && (ratio.value - 0.8).abs() < 1e-6, "{quicker:?}");
    assert!(ratio.half_width.unwrap() < 1e-3, "{ratio:?}");
    let unpaired = results.strategies[0].figures["job_ms.mean"].estimate.half_width.unwrap();
    assert!(quicker.difference.half_width.unwrap() < unpaired / 2.0, "pairs are surer than means");
    let same = against("round-robin", "job_ms.mean").unwrap();
    assert!(!same.is_significant() && same.difference.contains(0.0), "{same:?}");
    assert_eq!(against("two-choices", "lost").unwrap().ratio, None, "nothing by nothing");
    assert!(!against("two-choices", "lost").unwrap().is_significant());
}

#[test]
fn the_answer_is_computed_from_the_figures() {
    let all = run(&scenario(json!({})));
    assert_eq!(all.metric, "job_ms.mean");
    let value = all.of(&"two-choices".parse().unwrap()).unwrap().figures["job_ms.mean"].estimate.value;
    let expected = format!(
        "two-choices has the lowest job_ms.mean: {value:.3} ms, 20 % below random (95 % interval 20.00 to 20.00 %)."
    );
    assert_eq!(all.answer, expected);
    let answer = |more: Value| run(&scenario(more)).answer;
    let next = answer(json!({"strategies": ["two-choices", "random"]}));
    assert!(
        next.starts_with("two-choices has the lowest job_ms.mean: ")
            && next
                .ends_with("; random, the next, is 25 % above two-choices (95 % interval 25.00 to 25.00 %)."),
        "{next}"
    );
    let even = answer(json!({"metric": "balance.jain"}));
    assert!(
        even.starts_with("two-choices has the highest balance.jain: 0.8800, 10 % above random ("),
        "{even}"
    );
    assert_eq!(answer(json!({"metric": "lost"})), "All strategies have the same lost: 0.");
    assert_eq!(answer(json!({"metric": "wait_ms.mean"})), "wait_ms.mean was not measured.");
    let same = answer(json!({"strategies": ["random", "round-robin"]}));
    assert!(same.contains("which is not significant (95 % interval -"), "{same}");
    let once = answer(json!({"replications": 1}));
    assert!(once.contains("(one replication: no interval)"), "{once}");
    let alone = answer(json!({"strategies": ["random"]}));
    assert!(alone.starts_with("Under random, job_ms.mean is ") && alone.contains(" ± "), "{alone}");
}

#[test]
fn claims_hold_fail_or_cannot_be_said() {
    use VerdictKind::{CannotSay, Fails, Holds};
    let results = run(&scenario(json!({})));
    let mean = results.strategies[0].figures["job_ms.mean"].estimate;
    for (claim, expected) in [
        (json!({"metric": "job_ms.mean", "at_most": mean.high() + 0.1}), Holds),
        (json!({"metric": "job_ms.mean", "at_most": mean.value}), CannotSay),
        (json!({"metric": "job_ms.mean", "at_most": mean.low() - 0.1}), Fails),
        (json!({"metric": "job_ms.mean", "at_least": mean.low() - 0.1, "at_most": 20}), Holds),
        (json!({"metric": "job_ms.mean", "at_least": mean.high() + 0.1}), Fails),
        (json!({"metric": "job_ms.mean", "equals": mean.high() - 0.01}), Holds),
        (json!({"metric": "job_ms.mean", "equals": mean.high() + 0.1, "within": 0.11}), Holds),
        (json!({"metric": "job_ms.mean", "equals": mean.high() + 0.1, "within": 0.09}), Fails),
        (json!({"metric": "lost", "at_most": 0}), Holds),
        (json!({"metric": "lost", "equals": 0}), Holds),
        (json!({"metric": "wait_ms.mean", "at_most": 1e9}), Fails),
        // In one of the replications it did not come up.
        (json!({"metric": "recovery_s", "at_most": 10}), Fails),
    ] {
        let mut about = claim.clone();
        about["strategy"] = json!("random");
        let verdicts = run(&scenario(json!({"expect": [about]}))).verdicts;
        assert_eq!(verdicts.len(), 1);
        assert_eq!(verdicts[0].verdict, expected, "{claim}: {}", verdicts[0].text);
        assert_eq!(verdicts[0].strategy.to_string(), "random");
    }
    // Without a strategy it is about each; relative to one, about the others.
    let verdicts = |claim: Value| run(&scenario(json!({"expect": [claim]}))).verdicts;
    assert_eq!(verdicts(json!({"metric": "lost", "at_most": 0})).len(), 3);
    let relative = verdicts(json!({"metric": "job_ms.mean", "relative_to": "random", "at_most": 0.9}));
    let told: Vec<_> =
        relative.iter().map(|verdict| (verdict.strategy.to_string(), verdict.verdict)).collect();
    assert_eq!(told, [("two-choices".to_owned(), Holds), ("round-robin".to_owned(), Fails)]);
    let text = &relative[0].text;
    assert!(
        text.starts_with("job_ms.mean under two-choices by that of random: expected at most 0.9, got 0.8000"),
        "{text}"
    );
    // One replication has no interval: its value decides.
    let once =
        run(&scenario(json!({"replications": 1, "expect": [{"metric": "job_ms.mean", "at_most": 15}]})));
    assert!(once.verdicts.iter().all(|verdict| verdict.verdict == Holds));
}

#[test]
fn replications_are_added_until_the_interval_is_narrow() {
    let ran = |more: Value| run(&scenario(more)).replications;
    assert_eq!(ran(json!({"replications": 4, "target_half_width": 1.0})), 4);
    let some = run(&scenario(json!({"replications": 4, "target_half_width": 0.03})));
    assert!((5..64).contains(&some.replications), "{}", some.replications);
    for of in &some.strategies {
        let estimate = of.figures["job_ms.mean"].estimate;
        assert!(
            estimate.relative_half_width().unwrap() <= 0.03 && estimate.n == some.replications,
            "{estimate:?}"
        );
    }
    assert_eq!(ran(json!({"replications": 2, "target_half_width": 0.0001})), 64);
    assert_eq!(
        ran(json!({"replications": 70, "target_half_width": 0.0001})),
        70,
        "never fewer than asked for"
    );
    // One has no interval at all.
    assert!(ran(json!({"replications": 1, "target_half_width": 0.5})) > 1);
}

#[test]
fn the_warm_up_is_found_in_a_pilot_run() {
    let lengths = Mutex::new(Vec::new());
    let engine = |s: &Scenario, strategy: &StrategySpec, replication: u32, warmup_s: f64| {
        lengths.lock().unwrap().push(warmup_s);
        Ok(outcome(s, strategy, replication))
    };
    let results = run_with(&scenario(json!({"warmup_s": "mser-5"})), &engine, &Options::default()).unwrap();
    // The load stands from step 20 of 100 on.
    assert!((20.0..=35.0).contains(&results.warmup_s), "{}", results.warmup_s);
    let lengths = lengths.into_inner().unwrap();
    assert_eq!(lengths.iter().filter(|length| **length == 0.0).count(), 3, "a pilot of each strategy");
    assert_eq!(lengths.iter().filter(|length| **length == results.warmup_s).count(), 24);

    let rising = |s: &Scenario, strategy: &StrategySpec, replication: u32, _: f64| {
        let mut outcome = outcome(s, strategy, replication);
        outcome.servers[0].in_system = (0..100).map(f64::from).collect();
        Ok(outcome)
    };
    let error = run_with(&scenario(json!({"warmup_s": "mser-5"})), &rising, &Options::default()).unwrap_err();
    assert!(error.to_string().starts_with("warmup_s: under random the load does not settle"), "{error}");
}

#[test]
fn an_engine_that_panics_fails_its_unit_by_name() {
    let panics = |s: &Scenario, strategy: &StrategySpec, replication: u32, _: f64| {
        assert!(replication < 2, "a defect");
        Ok(outcome(s, strategy, replication))
    };
    let error =
        run_with(&scenario(json!({})), &panics, &Options { threads: 1, ..Options::default() }).unwrap_err();
    assert_eq!(error.to_string(), "random, replication 2: the engine panicked: a defect of the program");
}

#[test]
fn two_results_are_compared_by_pairs_or_by_means() {
    let before = run(&scenario(json!({"strategies": ["random", "two-choices"]})));
    let slower = |s: &Scenario, strategy: &StrategySpec, replication: u32, _: f64| {
        let mut outcome = outcome(s, strategy, replication);
        *outcome.metrics.get_mut("job_ms.mean").unwrap() += 0.5;
        Ok(outcome)
    };
    let changed =
        run_with(&scenario(json!({"strategies": ["two-choices", "ring"]})), &slower, &Options::default());
    let compared = Compared::of(&before, &changed.unwrap()).unwrap();
    assert!(compared.paired && compared.same_scenario);
    assert!(compared.rows.iter().all(|row| row.strategy.to_string() == "two-choices"));
    let row = compared.rows.iter().find(|row| row.metric.name == "job_ms.mean").unwrap();
    let difference = row.comparison.unwrap().difference;
    assert!((difference.value - 0.5).abs() < 1e-9 && difference.half_width.unwrap() < 1e-9, "{difference:?}");
    assert!(row.comparison.unwrap().is_significant());
    let same = compared.rows.iter().find(|row| row.metric.name == "job_ms.p50").unwrap();
    assert!(!same.comparison.unwrap().is_significant());

    // Of another seed, half a millisecond drowns in what chance does.
    let other =
        run_with(&scenario(json!({"seed": 9, "duration_s": 50})), &slower, &Options::default()).unwrap();
    let compared = Compared::of(&before, &other).unwrap();
    assert!(!compared.paired && !compared.same_scenario);
    let row = compared.rows.iter().find(|row| row.metric.name == "job_ms.mean").unwrap();
    assert!(row.comparison.unwrap().difference.half_width.unwrap() > 0.2, "{row:?}");
    let none = run(&scenario(json!({"strategies": ["ring"]})));
    assert_eq!(
        Compared::of(&before, &none).unwrap_err().to_string(),
        "no strategy is in both: stand-in has random, two-choices, stand-in has ring"
    );
}

#[test]
fn results_of_another_form_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("results.json");
    let error = |text: &str| {
        fs::write(&path, text).unwrap();
        Results::load(folder.path()).unwrap_err().to_string()
    };
    assert!(error("{}").contains("no results of an experiment: missing field `schema`"));
    assert!(error(r#"{"schema": 2}"#).ends_with("expected schema 1, got 2"));
    assert!(error(r#"{"schema": 1}"#).contains("missing field"));
    assert!(Results::load(Path::new("no/such")).unwrap_err().to_string().contains("cannot be read"));
}
