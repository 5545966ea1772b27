//! Numbers as text: significant digits, thousands separators, fitting units.

use crate::experiments::text;
use crate::stats::Estimate;

/// Shown where there is no number.
pub(super) const NONE: &str = "–";

/// Four significant digits, all digits of an integer part, no trailing zeros.
pub(super) fn number(value: f64) -> String {
    if !value.is_finite() {
        return NONE.to_owned();
    }
    if value == 0.0 {
        return "0".to_owned();
    }
    let magnitude = magnitude(value);
    if !(-4..9).contains(&magnitude) {
        let mantissa = trim(&format!("{:.2}", value / 10f64.powi(magnitude)).replace('-', "−"));
        return format!("{mantissa}{}", power(magnitude));
    }
    if value.fract() == 0.0 {
        return grouped(value, 0);
    }
    trim(&grouped(value, (3 - magnitude).max(0)))
}

/// An estimate and its half width: two digits of the latter, and the matching digits of the former.
/// The second is `None` without an interval.
pub(super) fn estimate(estimate: &Estimate) -> (String, Option<String>) {
    let value = estimate.value;
    let Some(half) = estimate.half_width.filter(|half| half.is_finite()) else {
        return (number(value), None);
    };
    if half <= 0.0 || !value.is_finite() {
        return (number(value), Some(number(half)));
    }
    let largest = magnitude(value.abs().max(half));
    if (-4..9).contains(&largest) {
        let (shown, half_shown) = text::digits(value, half);
        let lost = !half_shown.contains(|digit| ('1'..='9').contains(&digit));
        return (shown.replace('-', "−"), Some(if lost { number(half) } else { half_shown }));
    }
    // Two digits of the half width, but at most six of the number.
    let decimals = (largest - magnitude(half) + 1).clamp(0, 5) as usize;
    let with_power = |value: f64| {
        format!("{:.decimals$}{}", value / 10f64.powi(largest), power(largest)).replace('-', "−")
    };
    (with_power(value), Some(with_power(half)))
}

/// `2.65 ± 0.12`, or the number alone.
pub(super) fn plus_minus(of: &Estimate) -> String {
    match estimate(of) {
        (value, Some(half)) => format!("{value} ± {half}"),
        (value, None) => value,
    }
}

/// A share as a percentage, with three digits.
pub(super) fn percent(share: f64) -> String {
    let value = share * 100.0;
    if !value.is_finite() {
        return NONE.to_owned();
    }
    let decimals = if value == 0.0 { 0 } else { (2 - magnitude(value)).clamp(0, 6) };
    format!("{} %", trim(&grouped(value, decimals)))
}

/// A change as a signed percentage, to a percent, below ten to a tenth: `+3.2 %`, `−63 %`.
pub(super) fn percent_change(share: f64) -> String {
    let value = share * 100.0;
    if !value.is_finite() {
        return NONE.to_owned();
    }
    let sign = if value > 0.0 { "+" } else { "" };
    format!("{sign}{} %", grouped(value, if value.abs() < 9.95 { 1 } else { 0 }))
}

/// Milliseconds in a fitting unit: `250 µs`, `1.5 ms`, `20 s`, `3 min`.
pub(super) fn milliseconds(ms: f64) -> String {
    seconds(ms / 1e3)
}

/// Seconds in a fitting unit.
pub(super) fn seconds(seconds: f64) -> String {
    let units =
        [(86_400.0 * 3.0, 86_400.0, "days"), (7200.0, 3600.0, "h"), (120.0, 60.0, "min"), (1.0, 1.0, "s")];
    let units = units.into_iter().chain([(1e-3, 1e-3, "ms"), (1e-6, 1e-6, "µs"), (0.0, 1e-9, "ns")]);
    if !seconds.is_finite() {
        return NONE.to_owned();
    }
    if seconds == 0.0 {
        return "0 s".to_owned();
    }
    // Divided units of ten come out as 9.99…, so a value just below a unit counts as reaching it.
    let fit = units.into_iter().find(|(from, ..)| seconds.abs() * (1.0 + 1e-9) >= *from);
    let (_, unit, name) = fit.unwrap_or((0.0, 1.0, "s"));
    format!("{} {name}", number(round(seconds / unit)))
}

/// Shortens a long text in the middle: `connect…er-12`.
pub(super) fn shortened(text: &str, characters_max: usize) -> String {
    let characters: Vec<char> = text.chars().collect();
    if characters.len() <= characters_max {
        return text.to_owned();
    }
    let kept = characters_max.saturating_sub(1);
    let (head, tail) = (kept.div_ceil(2), kept / 2);
    let head: String = characters[..head].iter().collect();
    let tail: String = characters[characters.len() - tail..].iter().collect();
    format!("{head}…{tail}")
}

/// `1 server`, `1,234 servers`.
pub(super) fn count(number: usize, noun: &str) -> String {
    format!("{} {noun}{}", grouped(number as f64, 0), if number == 1 { "" } else { "s" })
}

/// `a`, `a and b`, `a, b and c`.
pub(super) fn list(parts: &[String]) -> String {
    match parts {
        [] => String::new(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

/// The exponent of the first digit.
fn magnitude(value: f64) -> i32 {
    // Taken from the formatted number: a logarithm is slightly off where it matters, as at 999.99…
    // and 1000.
    let written = format!("{value:e}");
    written.split_once('e').and_then(|(_, power)| power.parse().ok()).unwrap_or(0)
}

/// Rounds to twelve digits, which removes rounding errors.
fn round(value: f64) -> f64 {
    format!("{value:.11e}").parse().unwrap_or(value)
}

/// With a minus sign as wide as a digit.
fn grouped(value: f64, decimals: i32) -> String {
    text::number(value, decimals).replace('-', "−")
}

fn trim(number: &str) -> String {
    if !number.contains('.') {
        return number.to_owned();
    }
    number.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn power(exponent: i32) -> String {
    let digits = exponent.to_string();
    let raised = digits.chars().map(|character| match character {
        '-' => '⁻',
        '1' => '¹',
        '2' => '²',
        '3' => '³',
        digit => char::from_u32(u32::from(digit) - u32::from('0') + u32::from('⁰')).unwrap_or(digit),
    });
    format!("×10{}", raised.collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::{estimate, milliseconds, number, percent, shortened};
    use crate::stats::Estimate;

    #[test]
    fn numbers_have_the_digits_that_are_read() {
        let cases = [
            (0.0, "0"),
            (1.0, "1"),
            (-2.5, "−2.5"),
            (999.996, "1,000"),
            (0.000_123_4, "0.0001234"),
            (1e-9, "1×10⁻⁹"),
            (-1.236e12, "−1.24×10¹²"),
            (12_345_678.0, "12,345,678"),
            (1234.567, "1,235"),
            (f64::NAN, "–"),
        ];
        for (value, text) in cases {
            assert_eq!(number(value), text, "{value}");
        }
    }

    #[test]
    fn an_interval_says_how_many_digits_are_sure() {
        let of = |value, half| {
            let (value, half) = estimate(&Estimate { value, half_width: half, n: 10 });
            (value, half.unwrap_or_default())
        };
        let is = |value: &str, half: &str| (value.to_owned(), half.to_owned());
        assert_eq!(of(2.645_61, Some(0.1234)), is("2.65", "0.12"));
        assert_eq!(of(123_456.7, Some(234.0)), is("123,457", "234"));
        assert_eq!(of(7.0, Some(0.0)), is("7", "0"));
        assert_eq!(of(7.25, None), is("7.25", ""));
        assert_eq!(of(2.5e12, Some(1e10)), is("2.500×10¹²", "0.010×10¹²"));
        assert_eq!(of(1.0, Some(1e-9)), is("1.00000", "1×10⁻⁹"));
    }

    #[test]
    fn units_fit() {
        let cases = [(0.25, "250 µs"), (1.0, "1 ms"), (1000.0, "1 s"), (90_000.0, "90 s"), (6e5, "10 min")];
        for (ms, text) in cases {
            assert_eq!(milliseconds(ms), text);
        }
        assert_eq!(percent(0.123_456), "12.3 %");
        assert_eq!(percent(0.0), "0 %");
        assert_eq!(shortened("connector-server-12", 11), "conne…er-12");
    }
}
