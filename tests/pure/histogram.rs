//! The histogram of latencies keeps its promises for any values.

use std::time::Duration;

use pomelo_sim::stats::Histogram;
use proptest::prelude::*;

/// From 1 µs to 100 s, each order of magnitude as likely.
fn latencies() -> impl Strategy<Value = Vec<u64>> {
    let one = (0.0_f64..8.0).prop_map(|exponent| (1000.0 * 10_f64.powf(exponent)) as u64);
    proptest::collection::vec(one, 1..200)
}

fn of(latencies: &[u64]) -> Histogram {
    let mut histogram = Histogram::default();
    latencies.iter().for_each(|nanos| histogram.record(Duration::from_nanos(*nanos)));
    histogram
}

proptest! {
    #[test]
    fn quantiles_are_right_to_28_percent(latencies in latencies(), share in 0.0_f64..=1.0) {
        let mut sorted = latencies.clone();
        sorted.sort_unstable();
        let rank = (share * sorted.len() as f64).ceil().max(1.0) as usize;
        let exact = sorted[rank - 1] as f64 / 1e6;
        let estimate = of(&latencies).quantile_ms(share).unwrap();
        prop_assert!(estimate <= exact * 1.28 + 1e-9 && estimate >= exact / 1.28 - 1e-9, "{estimate} for {exact}");
    }

    #[test]
    fn counts_and_sums_are_exact(latencies in latencies()) {
        let histogram = of(&latencies);
        prop_assert_eq!(histogram.count(), latencies.len() as u64);
        let sum = latencies.iter().sum::<u64>() as f64 / 1e9;
        prop_assert!((histogram.sum_seconds() - sum).abs() <= sum * 1e-12);
        for (step, exponent) in [1.0, 1.25, 1.6, 2.0, 2.5, 3.15, 4.0, 5.0, 6.3, 8.0].iter().zip(3..11).chain([(&1.0, 11)]) {
            let bound = (step * 10_f64.powi(exponent)).round() as u64;
            let within = latencies.iter().filter(|nanos| **nanos <= bound).count() as u64;
            prop_assert_eq!(histogram.count_within(Duration::from_nanos(bound)), within, "{} ns", bound);
        }
    }

    #[test]
    fn what_came_between_two_readings_is_their_difference(first in latencies(), more in latencies()) {
        let before = of(&first);
        let mut both = before.clone();
        both.add(&of(&more));
        prop_assert_eq!(&both, &of(&[first, more.clone()].concat()));
        prop_assert_eq!(both.since(&before), of(&more));
        // One that has counted more was another's.
        prop_assert_eq!(before.since(&both), before);
    }

    #[test]
    fn it_is_read_back_as_it_was_written(latencies in latencies()) {
        let histogram = of(&latencies);
        let written = serde_json::to_string(&histogram).unwrap();
        prop_assert_eq!(serde_json::from_str::<Histogram>(&written).unwrap(), histogram);
    }
}

#[test]
fn every_bound_holds_itself_and_not_what_is_above_it() {
    for decade in 3..11 {
        for step in [100_u64, 125, 160, 200, 250, 315, 400, 500, 630, 800] {
            let bound = step * 10_u64.pow(decade) / 100;
            let histogram = of(&[bound, bound + 1]);
            assert_eq!(histogram.count_within(Duration::from_nanos(bound)), 1, "{bound} ns");
            assert_eq!(histogram.count_within(Duration::from_nanos(bound - 1)), 0, "{bound} ns");
        }
    }
}

#[test]
fn the_ends_are_kept_too() {
    let histogram = of(&[0, 1, u64::MAX]);
    assert_eq!(histogram.count(), 3);
    assert_eq!(histogram.count_within(Duration::from_secs(100)), 2);
    assert_eq!(histogram.count_within(Duration::MAX), 2, "how long the longest were is not known");
    assert_eq!(histogram.quantile_ms(1.0), Some(100_000.0));
    assert_eq!(Histogram::default().quantile_ms(0.5), None);
    for wrong in [r#"{"sumNs":1,"counts":[[82,1]]}"#, r#"{"counts":[]}"#, "[]"] {
        assert!(serde_json::from_str::<Histogram>(wrong).is_err(), "{wrong}");
    }
}
