//! How the experiment was run, and how to repeat it.

use super::super::markup::Markup;
use super::super::words;
use super::{Section, model, note, paragraph};
use crate::experiments::{Mode, Results};
use crate::scenario::Warmup;

/// The last section.
pub(super) fn section(results: &Results) -> Section {
    let mut body = Markup::default();
    match results.mode {
        Mode::Virtual => paragraph(
            &mut body,
            "In virtual time, on the code that serves live: the same scenario, seed and version give the same bytes \
             on every machine.",
        ),
        Mode::Live => paragraph(
            &mut body,
            "Live, with real sockets and robots: the figures depend on the machine, and differ from run to run.",
        ),
    }
    body.leaf("h3", &[("id", &"replay")], "Run it again");
    body.open("div", &[("class", &"replay")]);
    body.open("pre", &[("tabindex", &"0"), ("aria-labelledby", &"replay")]);
    body.leaf("code", &[], &results.replay);
    body.close("pre");
    body.close("div");
    facts(&mut body, results);
    scenario(&mut body, results);
    Section { anchor: "run", heading: "How it was run", body }
}

fn facts(out: &mut Markup, results: &Results) {
    let scenario = &results.scenario;
    let rule = if matches!(scenario.warmup_s, Warmup::Rule(_)) { ", as MSER-5 found it" } else { "" };
    let mut facts = vec![
        ("scenario", scenario.name.clone()),
        ("seed", scenario.seed.to_string()),
        ("replications", results.replications.to_string()),
        ("measured", words::seconds(scenario.duration_s)),
        ("warm-up", format!("{}{rule}", words::seconds(results.warmup_s))),
    ];
    facts.extend(model::facts(scenario));
    facts.push(("program", results.program.clone()));
    facts.push(("digest", results.digest.clone()));
    if let Some(machine) = &results.machine {
        facts.push(("machine", machine.clone()));
    }
    out.leaf("h3", &[], "Parameters");
    out.open("dl", &[("class", &"glossary")]);
    for (name, value) in facts {
        out.leaf("dt", &[], name);
        out.leaf("dd", &[], value);
    }
    out.close("dl");
}

fn scenario(out: &mut Markup, results: &Results) {
    match serde_json::to_string_pretty(&results.scenario) {
        Ok(json) => {
            out.literal("<details><summary>The scenario, as JSON</summary>");
            out.open("pre", &[("tabindex", &"0")]);
            out.leaf("code", &[], json);
            out.literal("</pre></details>");
        }
        Err(error) => note(out, format!("The scenario cannot be shown: {error}.")),
    }
}
