//! Prometheus' text format, version 0.0.4: families, each with a help, a type and samples.

use std::fmt::Write;
use std::time::Duration;

use crate::stats::Histogram;

/// Upper bounds of the buckets: 1, 2.5 and 5 of each decade from 10 µs to 10 s. The histogram's
/// counts are exact there.
const BOUNDS_US: [u64; 19] = [
    10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000,
    1_000_000, 2_500_000, 5_000_000, 10_000_000,
];

/// Labels of a sample, by name.
pub(super) type Labels<'a> = &'a [(&'a str, &'a str)];

/// The kind of a family.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    /// It only grows.
    Counter,
    /// It goes up and down.
    Gauge,
    /// It counts by buckets.
    Histogram,
}

/// Builds the text family by family.
#[derive(Default)]
pub(super) struct Text {
    text: String,
    family: &'static str,
}

impl Text {
    /// Begins a family; its samples follow.
    pub(super) fn family(&mut self, name: &'static str, kind: Kind, help: &str) {
        let kind = match kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
        };
        let help = help.replace('\\', "\\\\").replace('\n', "\\n");
        self.line(format_args!("# HELP {name} {help}"));
        self.line(format_args!("# TYPE {name} {kind}"));
        self.family = name;
    }

    /// Adds a sample to the family.
    pub(super) fn sample(&mut self, labels: Labels<'_>, value: f64) {
        let name = self.family;
        self.line(format_args!("{name}{} {value}", shown(labels, None)));
    }

    /// Adds a sample to a family of histograms.
    pub(super) fn histogram(&mut self, labels: Labels<'_>, histogram: &Histogram) {
        let name = self.family;
        for bound in BOUNDS_US {
            let count = histogram.count_within(Duration::from_micros(bound));
            let bound = (bound as f64 / 1e6).to_string();
            self.line(format_args!("{name}_bucket{} {count}", shown(labels, Some(&bound))));
        }
        let (count, plain) = (histogram.count(), shown(labels, None));
        self.line(format_args!("{name}_bucket{} {count}", shown(labels, Some("+Inf"))));
        self.line(format_args!("{name}_sum{plain} {}", histogram.sum_seconds()));
        self.line(format_args!("{name}_count{plain} {count}"));
    }

    /// The whole text.
    pub(super) fn finish(self) -> String {
        self.text
    }

    fn line(&mut self, line: std::fmt::Arguments<'_>) {
        // Writing to a String cannot fail.
        let _ = writeln!(self.text, "{line}");
    }
}

fn shown(labels: Labels<'_>, le: Option<&str>) -> String {
    let all = labels.iter().copied().chain(le.map(|bound| ("le", bound)));
    let pairs: Vec<String> = all.map(|(name, value)| format!("{name}=\"{}\"", escaped(value))).collect();
    if pairs.is_empty() { String::new() } else { format!("{{{}}}", pairs.join(",")) }
}

fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Histogram, Kind, Text};

    #[test]
    fn labels_and_helps_are_escaped() {
        let mut text = Text::default();
        text.family("pomelo_rooms", Kind::Gauge, "Rooms,\nor \\ \"channels\".");
        text.sample(&[("server", "a\"b\\c\nd")], 2.0);
        text.sample(&[], 0.5);
        assert_eq!(
            text.finish(),
            "# HELP pomelo_rooms Rooms,\\nor \\\\ \"channels\".\n# TYPE pomelo_rooms gauge\n\
             pomelo_rooms{server=\"a\\\"b\\\\c\\nd\"} 2\npomelo_rooms 0.5\n"
        );
    }

    #[test]
    fn buckets_are_cumulative_and_end_with_all() {
        let mut histogram = Histogram::default();
        for micros in [10, 11, 400, 20_000_000] {
            histogram.record(Duration::from_micros(micros));
        }
        let mut text = Text::default();
        text.family("pomelo_request_duration_seconds", Kind::Histogram, "How long.");
        text.histogram(&[("server", "a")], &histogram);
        let text = text.finish();
        for line in [
            "_bucket{server=\"a\",le=\"0.00001\"} 1\n",
            "_bucket{server=\"a\",le=\"0.000025\"} 2\n",
            "_bucket{server=\"a\",le=\"0.0005\"} 3\n",
            "_bucket{server=\"a\",le=\"10\"} 3\n",
            "_bucket{server=\"a\",le=\"+Inf\"} 4\n",
            "_sum{server=\"a\"} 20.000421\n",
            "_count{server=\"a\"} 4\n",
        ] {
            assert!(text.contains(&format!("pomelo_request_duration_seconds{line}")), "{line} in\n{text}");
        }
    }
}
