//! `pomelo-sim experiment compare`: two results side by side.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use super::table::with_unit;
use crate::cli::output::{Outcome, print, table};
use crate::experiments::{Compared, Comparison, Results, Row};

/// Compare two results: how a change of scenario, servers or program affected each strategy
///
/// With the same seed, replications are compared one by one, since each pair had the same random
/// input; otherwise their means are. A difference whose 95 % interval contains 0 is marked n.s.
#[derive(Args, Clone, Debug)]
#[command(after_long_help = EXAMPLES)]
pub(super) struct CompareArgs {
    /// The directory of a run, or its results.json
    #[arg(value_name = "A")]
    before: PathBuf,
    /// The other
    #[arg(value_name = "B")]
    after: PathBuf,
    /// Show every figure of both, not only the key figures
    #[arg(long)]
    all: bool,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

const EXAMPLES: &str = "Examples:
  pomelo-sim experiment run hot-room --out results/before
  pomelo-sim experiment run hot-room-on-4 --out results/after
  pomelo-sim experiment compare results/before results/after";

/// Runs the command.
pub(super) fn run(args: &CompareArgs) -> Outcome {
    let (before, after) = (Results::load(&args.before)?, Results::load(&args.after)?);
    let compared = Compared::of(&before, &after)?;
    print(&if args.json { as_json(&compared) } else { as_text(args, &compared, &before, &after) })
}

fn as_json(compared: &Compared) -> String {
    let row = |row: &Row| {
        json!({
            "strategy": row.strategy,
            "metric": row.metric.name,
            "before": row.before,
            "after": row.after,
            "difference": row.comparison.as_ref().map(|both| both.difference),
            "ratio": row.comparison.as_ref().and_then(|both| both.ratio),
            "significant": row.comparison.as_ref().map(Comparison::is_significant),
        })
    };
    let rows: Vec<_> = compared.rows.iter().map(row).collect();
    let json = json!({ "paired": compared.paired, "same_scenario": compared.same_scenario, "rows": rows });
    format!("{json:#}\n")
}

fn as_text(args: &CompareArgs, compared: &Compared, before: &Results, after: &Results) -> String {
    let how = if compared.paired { "paired by replication" } else { "not paired: seeds or clocks differ" };
    let what = if compared.same_scenario { "the same scenario" } else { "different scenarios" };
    let mut text = format!(
        "A {} ({})\nB {} ({})\n{what}, {how}\n\n",
        args.before.display(),
        before.program,
        args.after.display(),
        after.program
    );
    let keys = before.scenario.key_metrics();
    let asked = |row: &&Row| args.all || row.metric.name == before.metric || keys.contains(&row.metric.name);
    let cells = |row: &Row| {
        let difference = row.comparison.as_ref().map(|both| {
            let sure = if both.is_significant() { "" } else { " n.s." };
            with_unit(&both.difference, row.metric) + sure
        });
        vec![
            row.strategy.to_string(),
            row.metric.name.to_owned(),
            with_unit(&row.before, row.metric),
            with_unit(&row.after, row.metric),
            difference.unwrap_or_else(|| "-".to_owned()),
        ]
    };
    let rows: Vec<Vec<String>> = compared.rows.iter().filter(asked).map(cells).collect();
    text += &table(&["STRATEGY", "METRIC", "A", "B", "B - A"], &rows);
    text
}
