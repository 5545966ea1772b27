//! Tables of all figures, by group: one row for each strategy, the best value in bold.

use super::super::markup::Markup;
use super::super::measure::{Measure, against_first};
use super::super::words;
use super::{Section, note};
use crate::experiments::{Results, StrategyResults};

/// Groups of metrics other than latencies, by prefix; the last takes the rest.
const GROUPS: &[(&str, &[&str])] = &[
    ("Load and balance", &["utilisation.", "balance.", "in_system.", "throughput", "peak_attempts", "wait_"]),
    (
        "Done and lost",
        &["attempted", "done", "lost", "in_flight", "retries", "kicked", "reconnects", "recovery"],
    ),
    ("Moves", &["moved_", "unforced", "orphaned", "split", "rebalance"]),
    ("The run itself", &[""]),
];

/// All tables.
pub(super) fn section(results: &Results) -> Option<Section> {
    let measures = Measure::all(results);
    if measures.is_empty() {
        return None;
    }
    let mut body = Markup::default();
    for (title, measures) in groups(&measures) {
        group(&mut body, results, &title, &measures);
    }
    glossary(&mut body, &measures);
    Some(Section { anchor: "figures", heading: "All figures", body })
}

fn groups<'a>(measures: &[Measure<'a>]) -> Vec<(String, Vec<Measure<'a>>)> {
    let mut groups: Vec<(String, Vec<Measure<'a>>)> = Vec::new();
    for measure in measures.iter().filter(|measure| latency(measure).is_some()) {
        let title = format!("Latency: {}", latency(measure).unwrap_or_default().0);
        match groups.iter_mut().find(|(other, _)| *other == title) {
            Some((_, members)) => members.push(*measure),
            None => groups.push((title, vec![*measure])),
        }
    }
    let place = |measure: &Measure<'_>| {
        GROUPS.iter().position(|(_, begins)| begins.iter().any(|begin| measure.name.starts_with(begin)))
    };
    for (index, (title, _)) in GROUPS.iter().enumerate() {
        let members =
            measures.iter().filter(|measure| latency(measure).is_none() && place(measure) == Some(index));
        groups.push(((*title).to_owned(), members.copied().collect()));
    }
    groups.retain(|(_, members)| !members.is_empty());
    groups
}

/// `send` and `p99` of `send_ms.p99`.
fn latency<'a>(measure: &Measure<'a>) -> Option<(&'a str, &'a str)> {
    measure.name.split_once("_ms.").filter(|(kind, _)| *kind != "wait")
}

fn group(out: &mut Markup, results: &Results, title: &str, measures: &[Measure<'_>]) {
    // Metrics with the same value everywhere go into a note instead of a column.
    let (same, columns): (Vec<&Measure<'_>>, Vec<&Measure<'_>>) =
        measures.iter().partition(|measure| same_everywhere(measure, results).is_some());
    if !columns.is_empty() {
        out.open(
            "div",
            &[("class", &"scroll"), ("tabindex", &"0"), ("role", &"region"), ("aria-label", &title)],
        );
        out.open("table", &[]);
        out.leaf("caption", &[], title);
        out.literal("<thead><tr><th scope=\"col\">strategy</th>");
        for measure in &columns {
            let name = latency(measure).map_or(measure.name, |(_, point)| point);
            out.open("th", &[("scope", &"col"), ("title", &measure.summary())]);
            out.text(name);
            if !measure.unit().is_empty() {
                out.leaf("small", &[], format!(" {}", measure.unit()));
            }
            out.close("th");
        }
        out.literal("</tr></thead><tbody>");
        for strategy in &results.strategies {
            out.open("tr", &[]);
            out.leaf("th", &[("scope", &"row")], &strategy.strategy);
            for measure in &columns {
                cell(out, results, measure, strategy);
            }
            out.close("tr");
        }
        out.literal("</tbody></table></div>\n");
    } else {
        out.leaf("h3", &[], title);
    }
    if !same.is_empty() {
        let each = same.iter().filter_map(|measure| Some((measure, same_everywhere(measure, results)?)));
        let each: Vec<String> =
            each.map(|(measure, value)| format!("{} {value}", measure.with_unit())).collect();
        note(out, format!("The same under every strategy: {}.", words::list(&each)));
    }
}

fn cell(out: &mut Markup, results: &Results, measure: &Measure<'_>, strategy: &StrategyResults) {
    let Some(figure) = measure.of(strategy) else {
        out.leaf("td", &[("class", &"none")], words::NONE);
        return;
    };
    let (value, half) = words::estimate(&figure.estimate);
    out.open("td", &[("data-v", &figure.estimate.value)]);
    if measure.best(results) == Some(figure.estimate.value) {
        out.leaf("strong", &[], value);
        out.leaf("span", &[("class", &"hidden")], " (best)");
    } else {
        out.text(value);
    }
    if let Some(half) = half {
        out.leaf("small", &[], format!(" ± {half}"));
    }
    if figure.estimate.n < results.replications {
        out.leaf("small", &[], format!(" ({} of {})", figure.estimate.n, results.replications));
    }
    if measure.judges() && against_first(figure) == "n.s." {
        out.leaf("small", &[("class", &"ns")], " n.s.");
    }
    out.close("td");
}

/// The value shared by all strategies and replications, if there is one.
fn same_everywhere(measure: &Measure<'_>, results: &Results) -> Option<String> {
    let first = measure.estimate(results.strategies.first()?)?;
    let same = |strategy: &StrategyResults| {
        let estimate = measure.estimate(strategy);
        estimate.is_some_and(|other| other.value == first.value && other.half_width.unwrap_or(0.0) == 0.0)
    };
    let all = results.strategies.len() > 1 && results.strategies.iter().all(same);
    all.then(|| words::number(first.value))
}

fn glossary(out: &mut Markup, measures: &[Measure<'_>]) {
    out.literal("<details><summary>What each figure is</summary><dl class=\"glossary\">");
    for measure in measures {
        out.leaf("dt", &[], measure.with_unit());
        let direction = measure.direction();
        let better = if direction.is_empty() { String::new() } else { format!(" ({direction})") };
        let summary =
            if measure.summary().is_empty() { "not known to this version" } else { measure.summary() };
        out.leaf("dd", &[], format!("{summary}{better}"));
    }
    out.literal("</dl></details>");
}
