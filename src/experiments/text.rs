//! Figures as text: with unit, ± half width, and only significant digits.

use crate::scenario::Claim;
use crate::stats::Estimate;

/// Digits of a figure without an interval.
const DIGITS: i32 = 4;

/// `12.13 ms`.
pub fn figure(value: f64, unit: &str) -> String {
    with_unit(number(value, decimals(value, DIGITS)), unit)
}

/// `12.13 ± 0.31 ms`: as many digits as the interval justifies.
pub fn measured(estimate: &Estimate, unit: &str) -> String {
    match estimate.half_width {
        Some(half) if half > 0.0 => {
            let (value, half) = digits(estimate.value, half);
            with_unit(format!("{value} ± {half}"), unit)
        }
        _ => figure(estimate.value, unit),
    }
}

/// A value and its half width, both to the second digit of the half width.
pub fn digits(value: f64, half: f64) -> (String, String) {
    // A very small half width would give more digits than anybody reads: at most six of the value.
    let decimals = decimals(half, 2).min(decimals(value, 6).max(0));
    (number(value, decimals), number(half, decimals))
}

/// A share as a percentage: `38 %`.
pub fn percent(share: f64) -> String {
    let percent = share * 100.0;
    format!("{} %", number(percent, decimals(percent, 2).min(1)))
}

/// A range of shares, to the digit in which they differ: `31 to 44 %`.
pub fn percents(low: f64, high: f64) -> String {
    let (low, high) = (low * 100.0, high * 100.0);
    let decimals = decimals(high - low, 2).clamp(0, 2);
    format!("{} to {} %", number(low, decimals), number(high, decimals))
}

/// `at most 20 ms`.
pub(super) fn bounded(claim: &Claim, unit: &str) -> String {
    let shown = |value: f64| with_unit(value.to_string(), unit);
    match (claim.at_least, claim.at_most, claim.equals, claim.within) {
        (_, _, Some(equals), Some(within)) => format!("{} within {}", shown(equals), shown(within)),
        (_, _, Some(equals), None) => shown(equals),
        (Some(least), Some(most), ..) => format!("{} to {}", shown(least), shown(most)),
        (Some(least), None, ..) => format!("at least {}", shown(least)),
        (None, Some(most), ..) => format!("at most {}", shown(most)),
        (None, None, None, _) => "anything".to_owned(),
    }
}

fn with_unit(number: String, unit: &str) -> String {
    if unit.is_empty() { number } else { format!("{number} {unit}") }
}

/// Decimals that show `digits` digits of the value; 0 if its integer part has as many.
fn decimals(value: f64, digits: i32) -> i32 {
    if value == 0.0 || !value.is_finite() {
        return 0;
    }
    (digits - 1 - value.abs().log10().floor() as i32).clamp(0, 12)
}

/// With thousands separators.
pub fn number(value: f64, decimals: i32) -> String {
    let text = format!("{:.*}", usize::try_from(decimals).unwrap_or(0), value.abs());
    let (whole, fraction) = text.split_once('.').map_or((&*text, ""), |(whole, fraction)| (whole, fraction));
    let mut grouped = String::new();
    for (index, digit) in whole.chars().enumerate() {
        if index > 0 && (whole.len() - index) % 3 == 0 {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    let zero = text.chars().all(|c| matches!(c, '0' | '.'));
    let sign = if value < 0.0 && !zero { "-" } else { "" };
    let point = if fraction.is_empty() { "" } else { "." };
    format!("{sign}{grouped}{point}{fraction}")
}
