//! `pomelo-sim guide`: the pages of the guide in a terminal.

use std::io::{self, IsTerminal as _};

use clap::Args;
use serde_json::{Value, json};

use super::output::{Outcome, print, table};
use crate::guide::{PAGES, Page};
use crate::nearest::{did_you_mean, nearest};

/// Read the guide: one page a topic
///
/// Without a topic, lists the topics. The pages are Markdown, and are also at /guide on the
/// console.
///
/// Exit code: 0 with the page or the list, 2 for an unknown topic.
#[derive(Args, Clone, Debug)]
#[command(after_long_help = EXAMPLES)]
pub struct GuideArgs {
    /// Topic of the page, such as operating
    #[arg(value_name = "TOPIC")]
    pub topic: Option<String>,
    /// Print one JSON object a page: topic, title, summary, and with a topic its text
    #[arg(long)]
    pub json: bool,
}

const EXAMPLES: &str = "Examples:
  pomelo-sim guide
      the topics
  pomelo-sim guide operating
      how to grow, shrink and break a running cluster";

/// Runs the command.
pub fn run(args: &GuideArgs) -> Outcome {
    let Some(topic) = &args.topic else { return print(&topics(args.json)) };
    let Some(page) = Page::find(topic) else {
        let known: Vec<&str> = PAGES.iter().map(|page| page.topic).collect();
        let hint = did_you_mean(nearest(topic, known.iter().copied()));
        return Err(format!("unknown topic {topic:?}: expected one of {}{hint}", known.join(", ")).into());
    };
    if args.json {
        let mut object = entry(page);
        object["text"] = json!(page.text);
        return print(&format!("{object:#}\n"));
    }
    let is_plain = !io::stdout().is_terminal() || std::env::var_os("NO_COLOR").is_some();
    if is_plain { print(page.text) } else { print(&styled(page.text)) }
}

fn entry(page: &Page) -> Value {
    json!({ "topic": page.topic, "title": page.title(), "summary": page.summary })
}

fn topics(json: bool) -> String {
    if json {
        return format!("{:#}\n", PAGES.iter().map(entry).collect::<Value>());
    }
    let rows: Vec<_> =
        PAGES.iter().map(|page| vec![page.topic.to_owned(), page.summary.to_owned()]).collect();
    table(&["TOPIC", "SUBJECT"], &rows)
}

/// Headings bold, code blocks dim, generated-table markers left out.
fn styled(markdown: &str) -> String {
    let mut is_code = false;
    let mut text = String::new();
    for line in markdown.lines() {
        let fence = line.starts_with("```");
        if line.starts_with("<!--") {
            continue;
        }
        if fence || is_code {
            text += &format!("\x1b[2m{line}\x1b[0m\n");
        } else if line.starts_with('#') {
            text += &format!("\x1b[1m{line}\x1b[0m\n");
        } else {
            text += &format!("{line}\n");
        }
        is_code ^= fence;
    }
    text
}

#[cfg(test)]
mod tests {
    use super::styled;

    #[test]
    fn headings_are_bold_and_code_is_dim() {
        let page = "# A\n<!-- table: b -->\nc\n```sh\n# d\n```\ne\n";
        let expected = "\x1b[1m# A\x1b[0m\nc\n\x1b[2m```sh\x1b[0m\n\x1b[2m# d\x1b[0m\n\x1b[2m```\x1b[0m\ne\n";
        assert_eq!(styled(page), expected);
    }
}
