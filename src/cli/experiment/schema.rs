//! `pomelo-sim experiment schema`: documents scenario files, for people or for programs.

use clap::Args;
use serde_json::{Value, json};

use crate::cli::output::{Outcome, print};

/// Print the documentation of scenario files: every field, unit, default, metric, and examples
#[derive(Args, Clone, Debug)]
pub(super) struct SchemaArgs {
    /// Print one JSON array, a section each: its title, its Markdown, its tables as columns and
    /// rows, its examples
    #[arg(long)]
    json: bool,
}

/// The documentation. Tests hold that it is complete.
const PAGE: &str = include_str!("../../../config/experiments/README.md");

/// Runs the command.
pub(super) fn run(args: &SchemaArgs) -> Outcome {
    if args.json { print(&format!("{:#}\n", sections(PAGE))) } else { print(PAGE) }
}

/// The page by its headings.
fn sections(page: &str) -> Value {
    page.trim_start_matches("# ").split("\n## ").map(section).collect()
}

fn section(text: &str) -> Value {
    let (title, text) = text.split_once('\n').unwrap_or((text, ""));
    let lines: Vec<&str> = text.lines().collect();
    let tables = lines.split(|line| !line.starts_with('|')).filter(|lines| !lines.is_empty()).map(table);
    let blocks = text.split("```json\n").skip(1).filter_map(|rest| rest.split("```").next());
    let examples = blocks.filter_map(|block| serde_json::from_str::<Value>(block).ok());
    json!({
        "title": title,
        "text": text.trim(),
        "tables": tables.collect::<Value>(),
        "examples": examples.collect::<Value>(),
    })
}

fn table(lines: &[&str]) -> Value {
    // The second line is the rule under the head.
    json!({
        "columns": lines.first().map_or_else(Vec::new, |line| cells(line)),
        "rows": lines.iter().skip(2).map(|line| cells(line)).collect::<Vec<_>>(),
    })
}

/// A bar after a backslash is text.
fn cells(line: &str) -> Vec<String> {
    let line = line.replace(r"\|", "\0");
    let inside = line.trim().trim_start_matches('|').trim_end_matches('|');
    inside.split('|').map(|cell| cell.trim().replace('\0', "|")).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::sections;

    #[test]
    fn sections_have_their_tables_and_examples() {
        let page = "# All\n\nWords.\n\n## One\n\n| a | |\n|---|---|\n| `x` \\| y | 1 |\n| | 2 |\n\nMore.\n\n\
                    | b |\n|---|\n\n```json\n{\"n\": 1}\n```\n";
        let read = sections(page);
        assert_eq!(read[0], json!({"title": "All", "text": "Words.", "tables": [], "examples": []}));
        let tables = json!([
            {"columns": ["a", ""], "rows": [["`x` | y", "1"], ["", "2"]]},
            {"columns": ["b"], "rows": []},
        ]);
        assert_eq!((&read[1]["title"], &read[1]["tables"]), (&json!("One"), &tables));
        assert_eq!(read[1]["examples"], json!([{"n": 1}]));
    }
}
