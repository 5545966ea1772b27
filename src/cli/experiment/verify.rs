//! `pomelo-sim experiment verify`: checks that this program reproduces known results.

use std::num::NonZeroUsize;
use std::thread;

use clap::Args;

use crate::cli::output::{Outcome, count, pretty, print_found, table};
use crate::cli::progress;
use crate::verify::{self, Allowed, Row, Verified};

/// Measure known results again, from theory, published tables and the original's code
///
/// Hash functions and their test vectors, how evenly each kind of strategy spreads keys and how
/// many it moves, queues with one server and several, losses, the power of two choices, coordinated
/// omission. Arithmetic must match exactly, simulated values within three standard errors. Seeds
/// are fixed: the same version gives the same result.
///
/// Exit code: 0 when all checks hold, 1 when one fails.
#[derive(Args, Clone, Debug)]
pub(super) struct VerifyArgs {
    /// Threads to use [default: as many as there are cores]
    #[arg(long, value_name = "N")]
    threads: Option<NonZeroUsize>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub(super) fn run(args: &VerifyArgs) -> Outcome {
    let threads = args.threads.or(thread::available_parallelism().ok()).unwrap_or(NonZeroUsize::MIN);
    let bar = progress::bar("{pos}/{len} checks");
    let verified = verify::run(threads, &|done, all| progress::show(&bar, done as u64, all as u64));
    bar.finish_and_clear();
    let verified = verified.map_err(|error| format!("verify: {error}"))?;
    let text = if args.json { pretty(&verified)? } else { as_text(&verified) };
    print_found(&text, verified.holds())
}

fn as_text(verified: &Verified) -> String {
    let rows: Vec<Vec<String>> = verified
        .groups
        .iter()
        .flat_map(|group| {
            let head = vec![group.group.to_owned()];
            std::iter::once(head).chain(group.rows.iter().map(cells))
        })
        .collect();
    let all = verified.rows().count();
    let failed = verified.rows().filter(|row| !row.holds()).count();
    let verdict = match failed {
        0 => format!("all {} hold", count(all, "value")),
        _ => format!("{failed} of {} do not hold", count(all, "value")),
    };
    format!("{}\n{verdict}\n", table(&["", "TARGET", "MEASURED", "ERROR", "ALLOWED", "VERDICT"], &rows))
}

fn cells(row: &Row) -> Vec<String> {
    let allowed = match row.allowed {
        Allowed::Exactly => "exact".to_owned(),
        Allowed::Rounding(most) => format!("{most:.2e}"),
        Allowed::ThreeErrors(most) => format!("{most:.2e}"),
    };
    let verdict = if row.holds() { "holds" } else { "FAILS" };
    vec![
        format!("  {}", row.what),
        number(row.target),
        number(row.measured),
        if row.error() == 0.0 { "0".to_owned() } else { format!("{:+.1e}", row.error()) },
        allowed,
        verdict.to_owned(),
    ]
}

/// Whole numbers as such, others to five significant digits.
fn number(value: f64) -> String {
    if value.fract() == 0.0 && value.abs() < 1e15 {
        return format!("{value}");
    }
    let digits = (4.0 - value.abs().log10().floor()).clamp(0.0, 9.0) as usize;
    format!("{value:.digits$}")
}
