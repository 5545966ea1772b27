//! The scenario's claims and their verdicts, in words and colour; failures first.

use super::super::markup::Markup;
use super::Section;
use crate::experiments::{Results, Verdict, VerdictKind};

/// With more claims than this, those that hold are folded up.
const SHOWN_MAX: usize = 30;

/// All claims; `None` without any.
pub(super) fn section(results: &Results) -> Option<Section> {
    if results.verdicts.is_empty() {
        return None;
    }
    let mut body = Markup::default();
    let mut verdicts: Vec<&Verdict> = results.verdicts.iter().collect();
    verdicts.sort_by_key(|verdict| order(verdict.verdict));
    let holding = verdicts.iter().filter(|verdict| verdict.verdict == VerdictKind::Holds).count();
    let (shown, folded) = if verdicts.len() > SHOWN_MAX && holding > 1 {
        verdicts.split_at(verdicts.len() - holding)
    } else {
        (&verdicts[..], &[][..])
    };
    list(&mut body, shown);
    if !folded.is_empty() {
        body.open("details", &[]);
        body.leaf("summary", &[], format!("{holding} claims hold"));
        list(&mut body, folded);
        body.close("details");
    }
    Some(Section { anchor: "claims", heading: "Claims", body })
}

fn list(body: &mut Markup, verdicts: &[&Verdict]) {
    if verdicts.is_empty() {
        return;
    }
    body.open("ul", &[("class", &"claims")]);
    for verdict in verdicts {
        let (class, sign, word) = look(verdict.verdict);
        body.open("li", &[]);
        body.open("span", &[("class", &format!("verdict {class}"))]);
        body.leaf("span", &[("aria-hidden", &"true")], sign);
        body.text(format!(" {word}"));
        body.close("span");
        body.open("span", &[]);
        body.text(&verdict.text);
        let strategy = verdict.strategy.to_string();
        if !verdict.text.contains(&strategy) {
            body.leaf("span", &[("class", &"under")], format!(" under {strategy}"));
        }
        body.close("span");
        body.close("li");
    }
    body.close("ul");
}

/// `5 hold, 1 fails`; `None` without claims.
pub(super) fn summary(results: &Results) -> Option<String> {
    let of = |kind: VerdictKind| results.verdicts.iter().filter(|verdict| verdict.verdict == kind).count();
    let (holds, fails) = (of(VerdictKind::Holds), of(VerdictKind::Fails));
    let open = of(VerdictKind::CannotSay);
    let parts: Vec<String> = [
        (holds, if holds == 1 { "holds" } else { "hold" }),
        (fails, if fails == 1 { "fails" } else { "fail" }),
        (open, "open"),
    ]
    .iter()
    .filter(|(count, _)| *count > 0)
    .map(|(count, word)| format!("{count} {word}"))
    .collect();
    (!parts.is_empty()).then(|| parts.join(", "))
}

fn order(kind: VerdictKind) -> u8 {
    match kind {
        VerdictKind::Fails => 0,
        VerdictKind::CannotSay => 1,
        VerdictKind::Holds => 2,
    }
}

fn look(kind: VerdictKind) -> (&'static str, &'static str, &'static str) {
    match kind {
        VerdictKind::Holds => ("holds", "✓", "holds"),
        VerdictKind::Fails => ("fails", "✗", "fails"),
        VerdictKind::CannotSay => ("open", "?", "cannot say"),
    }
}
