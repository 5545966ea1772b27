//! One HTML file: works offline, loads nothing, and is complete without scripts.

mod claims;
mod figures;
mod model;
mod run;

use std::path::PathBuf;

use super::markup::Markup;
use super::measure::Measure;
use super::plots::{self, Canvas, NARROW, WIDE};
use super::words;
use super::{Document, Exporter};
use crate::experiments::{Mode, Results};
use crate::stats::Mark;

/// The HTML format.
pub(super) struct Html;

/// Bound on the listed events.
const MARKS_MAX: usize = 30;

/// A section of the page: anchor, heading, content.
struct Section {
    anchor: &'static str,
    heading: &'static str,
    body: Markup,
}

impl Exporter for Html {
    fn summary(&self) -> &'static str {
        "report.html: everything, in one file to read and to pass on"
    }

    fn documents(&self, results: &Results) -> Vec<Document> {
        vec![Document { path: PathBuf::from("report.html"), text: page(results) }]
    }
}

fn page(results: &Results) -> String {
    let sections: Vec<Section> = [
        comparison(results),
        claims::section(results),
        latency(results),
        load(results),
        balance(results),
        moves(results),
        figures::section(results),
        Some(run::section(results)),
    ]
    .into_iter()
    .flatten()
    .collect();
    let mut out = Markup::default();
    out.literal("<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"/>");
    out.literal("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>");
    out.literal("<meta name=\"color-scheme\" content=\"light dark\"/>");
    out.literal("<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; ");
    out.literal("style-src 'unsafe-inline'; script-src 'unsafe-inline'\"/>");
    out.leaf("title", &[], format!("{} – experiment", results.scenario.name));
    out.open("style", &[]);
    out.literal(plots::STYLE);
    out.literal(include_str!("page.css"));
    out.close("style");
    out.literal("</head>\n<body><a class=\"skip\" href=\"#content\">To the results</a>\n<header>");
    header(&mut out, results);
    out.open("nav", &[("aria-label", &"Sections")]);
    for section in &sections {
        out.leaf("a", &[("href", &format!("#{}", section.anchor))], section.heading);
    }
    out.literal("</nav></header>\n<main id=\"content\">");
    for section in &sections {
        let heading = format!("{}-heading", section.anchor);
        out.literal("\n");
        out.open("section", &[("id", &section.anchor), ("aria-labelledby", &heading)]);
        out.leaf("h2", &[("id", &heading)], section.heading);
        out.append(&section.body);
        out.close("section");
    }
    out.literal("\n</main>\n<footer>");
    out.leaf("p", &[], format!("{}, digest {}", results.program, results.digest));
    out.literal("</footer>\n<script>");
    out.literal(include_str!("page.js"));
    out.literal("</script></body></html>\n");
    out.into_string()
}

fn header(out: &mut Markup, results: &Results) {
    let scenario = &results.scenario;
    out.open("p", &[("class", &"kicker")]);
    out.text("Experiment ");
    out.leaf("b", &[], &scenario.name);
    out.close("p");
    out.leaf("h1", &[], &scenario.question);
    out.leaf("p", &[("class", &"answer")], &results.answer);
    out.leaf("p", &[("class", &"model")], model::sentence(scenario));
    let claims = claims::summary(results);
    let mode = match results.mode {
        Mode::Virtual => "virtual time",
        Mode::Live => "live, real sockets",
    };
    let facts = [
        ("strategies", results.strategies.len().to_string()),
        ("replications each", results.replications.to_string()),
        ("measured in each", words::seconds(scenario.duration_s)),
        ("clock", mode.to_owned()),
        ("claims", claims.unwrap_or_default()),
    ];
    out.open("dl", &[("class", &"facts")]);
    for (name, value) in facts.iter().filter(|(_, value)| !value.is_empty()) {
        out.open("div", &[]);
        out.leaf("dt", &[], name);
        out.leaf("dd", &[], value);
        out.close("div");
    }
    out.close("dl");
}

fn comparison(results: &Results) -> Option<Section> {
    let mut body = Markup::default();
    let measure = Measure::named(&results.metric);
    let what = match (measure.summary(), measure.direction()) {
        ("", _) => results.metric.clone(),
        (summary, "") => format!("{}: {summary}.", results.metric),
        (summary, direction) => format!("{}: {summary}; {direction}.", results.metric),
    };
    paragraph(&mut body, what);
    match (plots::bars(results, WIDE), plots::bars(results, NARROW)) {
        (Some(wide), Some(narrow)) => both_widths(&mut body, &wide, &narrow),
        _ => paragraph(&mut body, format!("No strategy measured {}.", results.metric)),
    }
    note(&mut body, sureness(results));
    Some(Section { anchor: "answer", heading: "The answer", body })
}

/// How certain the figures are, and what the small print means.
fn sureness(results: &Results) -> String {
    let first = results.strategies.first().map(|first| first.strategy.to_string()).unwrap_or_default();
    if results.replications < 2 {
        return "One replication: there are no intervals, and any difference may be chance.".to_owned();
    }
    let intervals = format!("± is the 95 % interval of {} replications (Student's t).", results.replications);
    if results.strategies.len() < 2 {
        return format!("{intervals} One strategy: there is nothing to compare it with.");
    }
    format!(
        "{intervals} Percentages are against {first}, replication by replication: all strategies met the same chance. \
         n.s. (not significant): the interval of the difference holds 0."
    )
}

fn latency(results: &Results) -> Option<Section> {
    let mut body = Markup::default();
    paragraph(
        &mut body,
        "How long it took, from the moment it was due: 99 on the axis reads “99 % took no longer”. Measurements of all \
         replications together.",
    );
    let kinds = plots::kinds(results);
    for kind in &kinds {
        let (Some(wide), Some(narrow)) =
            (plots::curves(results, kind, WIDE), plots::curves(results, kind, NARROW))
        else {
            continue;
        };
        if kinds.len() > 1 {
            body.leaf("h3", &[], kind);
        }
        both_widths(&mut body, &wide, &narrow);
    }
    (!kinds.is_empty()).then_some(Section { anchor: "latency", heading: "Latency", body })
}

fn load(results: &Results) -> Option<Section> {
    let panels = plots::panels(results);
    if panels.is_empty() {
        return None;
    }
    let mut body = Markup::default();
    let mut text = "Each server over time in the first replication: a row of colours each, and lines below. The scales are the \
                    same in all panels."
        .to_owned();
    if results.warmup_s > 0.0 {
        text.push_str(" The warm-up is shaded.");
    }
    paragraph(&mut body, text);
    body.open("div", &[("class", &"legend")]);
    plots::heat_legend(results)?.inline(&mut body);
    body.close("div");
    body.open("div", &[("class", &"panels")]);
    for panel in &panels {
        body.open("figure", &[]);
        panel.inline(&mut body);
        body.close("figure");
    }
    body.close("div");
    let common = plots::common_marks(results);
    if common.is_empty() {
        for strategy in results.strategies.iter().filter(|strategy| !strategy.marks.is_empty()) {
            body.leaf("h3", &[], format!("What happened under {}", strategy.strategy));
            marks(&mut body, &strategy.marks);
        }
    } else {
        body.leaf("h3", &[], "What happened");
        marks(&mut body, common);
    }
    Some(Section { anchor: "load", heading: "Load over time", body })
}

fn marks(out: &mut Markup, marks: &[Mark]) {
    out.open("ol", &[("class", &"marks")]);
    for mark in marks.iter().take(MARKS_MAX) {
        out.open("li", &[]);
        out.leaf("span", &[("class", &"when")], words::seconds(mark.at_s));
        out.text(" ");
        out.text(&mark.what);
        out.close("li");
    }
    out.close("ol");
    if marks.len() > MARKS_MAX {
        note(out, format!("And {} more: see results.json.", marks.len() - MARKS_MAX));
    }
}

fn balance(results: &Results) -> Option<Section> {
    let (wide, narrow) = (plots::balance(results, WIDE)?, plots::balance(results, NARROW)?);
    let mut body = Markup::default();
    paragraph(
        &mut body,
        "The work of each server in the first replication. Each dot is a server; the closer to 100 %, the more even.",
    );
    both_widths(&mut body, &wide, &narrow);
    Some(Section { anchor: "balance", heading: "Balance", body })
}

fn moves(results: &Results) -> Option<Section> {
    let (wide, narrow) = (plots::moves(results, WIDE)?, plots::moves(results, NARROW)?);
    let mut body = Markup::default();
    paragraph(
        &mut body,
        "What a change of the list of servers costs, against how even the load is: the closer to the lower left corner, the \
         better. A line through a point is its 95 % interval.",
    );
    both_widths(&mut body, &wide, &narrow);
    Some(Section { anchor: "moves", heading: "Moved keys against balance", body })
}

/// Writes both widths; the page shows the one that fits.
fn both_widths(out: &mut Markup, wide: &Canvas, narrow: &Canvas) {
    out.open("figure", &[("class", &"wide")]);
    wide.inline(out);
    out.close("figure");
    out.open("figure", &[("class", &"narrow")]);
    narrow.inline(out);
    out.close("figure");
}

fn paragraph(out: &mut Markup, text: impl std::fmt::Display) {
    out.leaf("p", &[], text);
}

fn note(out: &mut Markup, text: impl std::fmt::Display) {
    out.leaf("p", &[("class", &"note")], text);
}
