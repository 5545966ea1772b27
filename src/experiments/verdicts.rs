//! Verdicts on a scenario's claims.

use super::results::{StrategyResults, Verdict, VerdictKind};
use super::summary::compare;
use super::text::{bounded, measured};
use crate::scenario::Claim;
use crate::stats::{Estimate, Metric};

/// Checks every claim under each strategy it applies to.
pub(super) fn of(claims: &[Claim], strategies: &[StrategyResults]) -> Vec<Verdict> {
    let about = |claim: &Claim, of: &StrategyResults| {
        claim.strategy.as_ref().is_none_or(|only| *only == of.strategy)
            && (claim.strategy.is_some() || claim.relative_to.as_ref() != Some(&of.strategy))
    };
    let judged = |claim| {
        strategies.iter().filter(move |of| about(claim, of)).map(move |of| judge(claim, of, strategies))
    };
    claims.iter().flat_map(judged).collect()
}

fn judge(claim: &Claim, of: &StrategyResults, all: &[StrategyResults]) -> Verdict {
    let replications = |of: &StrategyResults| of.figures.values().map(|figure| figure.values.len()).max();
    let own = of.figures.get(&claim.metric);
    let whole = own.is_some_and(|figure| figure.values.iter().all(Option::is_some));
    let estimate = match &claim.relative_to {
        None => own.map(|figure| figure.estimate),
        Some(other) => {
            let other =
                all.iter().find(|of| of.strategy == *other).and_then(|of| of.figures.get(&claim.metric));
            own.zip(other).and_then(|(own, other)| compare(own, other)).and_then(|both| both.ratio)
        }
    };
    let verdict = match &estimate {
        Some(estimate) if whole => holds(claim, estimate),
        _ => VerdictKind::Fails,
    };
    let unit =
        if claim.relative_to.is_some() { "" } else { Metric::named(&claim.metric).map_or("", |m| m.unit) };
    let beside = claim.relative_to.as_ref().map(|other| format!(" by that of {other}")).unwrap_or_default();
    let found = match &estimate {
        Some(estimate) if whole => measured(estimate, unit),
        Some(estimate) => format!(
            "{} in {} of {} replications, not measured in the others",
            measured(estimate, unit),
            estimate.n,
            replications(of).unwrap_or(0)
        ),
        None => "not measured".to_owned(),
    };
    let text = format!(
        "{} under {}{beside}: expected {}, got {found}",
        claim.metric,
        of.strategy,
        bounded(claim, unit)
    );
    Verdict { claim: claim.clone(), strategy: of.strategy.clone(), estimate, verdict, text }
}

/// Compares the interval with the claim's bounds. A single replication has no interval: its value
/// decides.
fn holds(claim: &Claim, estimate: &Estimate) -> VerdictKind {
    let (low, high) = (estimate.low(), estimate.high());
    if let Some(equals) = claim.equals {
        let within = claim.within.unwrap_or(0.0);
        // Sums of decimal fractions are off by some bits.
        let slack = 1e-12 * equals.abs().max(within);
        let meets = low <= equals + within + slack && high >= equals - within - slack;
        return if meets { VerdictKind::Holds } else { VerdictKind::Fails };
    }
    let least = claim.at_least.unwrap_or(f64::NEG_INFINITY);
    let most = claim.at_most.unwrap_or(f64::INFINITY);
    if high < least || low > most {
        VerdictKind::Fails
    } else if low >= least && high <= most {
        VerdictKind::Holds
    } else {
        VerdictKind::CannotSay
    }
}
