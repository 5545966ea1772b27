//! The tables, in Markdown as `benches/README.md` has them.

use std::fmt::Write as _;

use super::figures::{Row, Spread, Target};
use super::robots::{Shape, Tried};

/// The original's results under each load, and the chosen load.
pub(crate) fn shapes(tried: &[Tried], chosen: &Shape, rate: f64) -> String {
    let mut text = "| load of the original | deliveries per second | faults |\n|---|---|---|\n".to_owned();
    for Tried { shape, deliveries, faults } in tried {
        let _ = writeln!(text, "| {shape} | {} | {faults} |", number(*deliveries));
    }
    let (rate, size) = (number(rate), chosen.room_size());
    let _ = writeln!(
        text,
        "\nSaturated: {chosen}. Fixed rate: {rate} messages per second in all, in rooms of {size}."
    );
    text
}

/// The medians of each figure, the original's and ours, and the ratio.
pub(crate) fn comparison(rows: &[Row]) -> String {
    let mut text =
        "| | Pomelo | pomelo-sim | ratio, median (min to max) | wanted |\n|---|---|---|---|---|\n".to_owned();
    for Row { figure, original, ours, ratio } in rows {
        let (original, ours) = (Spread::of(original), Spread::of(ours));
        let wanted = figure.target.map_or_else(String::new, |target| {
            let met = if target.is_met(ours, *ratio) { "yes" } else { "NO" };
            format!("{}: {met}", wish(target, figure.unit))
        });
        let value =
            |spread: Spread| format!("{} {}", number(spread.median), figure.unit).trim_end().to_owned();
        let [median, min, max] = [ratio.median, ratio.min, ratio.max].map(factor);
        let (name, original, ours) = (figure.name, value(original), value(ours));
        let _ = writeln!(text, "| {name} | {original} | {ours} | {median} ({min} to {max}) | {wanted} |");
    }
    text
}

fn wish(target: Target, unit: &str) -> String {
    match target {
        Target::RatioAtLeast(least) => format!("≥ {least} ×"),
        Target::RatioAtMost(most) => format!("≤ 1/{:.0}", 1.0 / most),
        Target::OursAtMost(most) => format!("≤ {most} {unit}").trim_end().to_owned(),
    }
}

/// `25 ×`, or `1/25` for ratios below 1.
fn factor(ratio: f64) -> String {
    // A ratio of or to 0.
    if !ratio.is_finite() || ratio == 0.0 {
        return "-".to_owned();
    }
    if ratio >= 1.0 { format!("{} ×", digits(ratio)) } else { format!("1/{}", digits(1.0 / ratio)) }
}

/// Three significant digits, with separated thousands: such measurements are not more precise.
fn number(value: f64) -> String {
    if value < 1000.0 {
        return digits(value);
    }
    let step = 10_f64.powf(value.log10().floor() - 2.0);
    let whole = format!("{:.0}", (value / step).round() * step);
    let (mut text, length) = (String::new(), whole.len());
    for (index, digit) in whole.chars().enumerate() {
        if index > 0 && (length - index) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

fn digits(value: f64) -> String {
    match value {
        _ if value >= 99.5 => format!("{value:.0}"),
        _ if value >= 9.95 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}
