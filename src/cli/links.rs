//! `pomelo-sim links`, `link`, `heal`: shows and changes the links between servers of the running
//! cluster.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use clap::Args;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::admin_args::{AdminArgs, lines, texts};
use super::output::{Outcome, table, warn};
use crate::orders::{Order, link_rule};
use crate::router::LinkRule;

/// Show the rules of the links between servers
///
/// Rules apply in this order: the first that matches an envelope decides. Without rules everything
/// arrives at once.
///
/// Exit code: 0 with the table, 2 when no cluster runs.
#[derive(Args, Clone, Debug)]
#[command(after_long_help = LINKS_EXAMPLES)]
pub struct LinksArgs {
    /// Which cluster.
    #[command(flatten)]
    pub admin: AdminArgs,
}

const LINKS_EXAMPLES: &str = "Examples:
  pomelo-sim links
  pomelo-sim links --json > links.json
      what link --file and serve --links take";

/// Make links slow, lossy or cut
///
/// A rule applies to messages from one server to another. Each end is a server id, a server type,
/// or * (the default). latency is a time (20ms), a range (20ms..50ms), or a median and a spread
/// (~20ms/0.5, lognormal). loss is a share from 0 to 1: links are streams, so a lost message is
/// sent again a little later. cut=true lets nothing arrive until it is healed. both=true applies in
/// the other direction too. A rule replaces an earlier one of the same name.
///
/// Exit code: 0 when the rules are installed, 2 when one is wrong or no cluster runs.
#[derive(Args, Clone, Debug)]
#[command(after_long_help = LINK_EXAMPLES)]
pub struct LinkArgs {
    /// The rule: from, to, both, latency, loss, cut, name
    #[arg(value_name = "KEY=VALUE", required_unless_present = "file")]
    pub fields: Vec<String>,
    /// Take the rules from a file instead, one after the other:
    /// {"rules":[{"from":"connector","latency":"20ms"}]}
    #[arg(long, value_name = "FILE", conflicts_with = "fields")]
    pub file: Option<PathBuf>,
    /// Which cluster.
    #[command(flatten)]
    pub admin: AdminArgs,
}

const LINK_EXAMPLES: &str = "Examples:
  pomelo-sim link from=connector to=chat-server-1 both=true latency=20ms..50ms loss=0.01 name=slow
      chat-server-1 is far away, and the line is bad
  pomelo-sim link to=chat-server-2 both=true cut=true name=island
      nobody reaches chat-server-2, until pomelo-sim heal island
  pomelo-sim link --file links.json
      rules as links --json prints them";

/// Remove rules of the links
///
/// Messages that waited on cut links arrive now, in order.
///
/// Exit code: 0 when they are removed, 2 at the first name without a rule; rules named before it
/// are removed.
#[derive(Args, Clone, Debug)]
#[command(after_long_help = HEAL_EXAMPLES)]
pub struct HealArgs {
    /// Rules, by name [default: all]
    #[arg(value_name = "NAME")]
    pub names: Vec<String>,
    /// Which cluster.
    #[command(flatten)]
    pub admin: AdminArgs,
}

const HEAL_EXAMPLES: &str = "Examples:
  pomelo-sim heal island
  pomelo-sim heal
      all of them";

/// Runs `links`.
pub fn run_links(args: &LinksArgs) -> Outcome {
    args.admin.order(&Order::Links, as_text)
}

/// An answer, and a file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Rules<T> {
    rules: Vec<T>,
}

fn as_text(Rules { rules }: &Rules<LinkRule>) -> String {
    if rules.is_empty() {
        return "no rules: everything arrives at once\n".to_owned();
    }
    let row = |rule: &LinkRule| {
        let flag = |flag| if flag { "yes" } else { "-" }.to_owned();
        vec![
            rule.name.clone(),
            rule.from.clone(),
            rule.to.clone(),
            flag(rule.both),
            rule.latency.map_or("-".to_owned(), |latency| latency.to_string()),
            if rule.loss == 0.0 { "-".to_owned() } else { rule.loss.to_string() },
            flag(rule.cut),
        ]
    };
    let header = ["NAME", "FROM", "TO", "BOTH", "LATENCY", "LOSS", "CUT"];
    table(&header, &rules.iter().map(row).collect::<Vec<_>>())
}

/// Runs `link`.
pub fn run_link(args: &LinkArgs) -> Outcome {
    let rules = match &args.file {
        Some(file) => load_rules(file)?,
        None => vec![rule(&args.fields).map_err(|error| format!("link: {error}"))?],
    };
    let (names, answers) = args.admin.each(rules.into_iter().map(Order::Link), |answer| &answer["name"])?;
    let warnings: Vec<&str> = answers.iter().flat_map(|answer| texts(answer, "warnings")).collect();
    warnings.iter().for_each(warn);
    let answer = json!({"names": names, "warnings": warnings});
    args.admin.show(answer, |answer| lines("added rule", &texts(answer, "names")))
}

/// Runs `heal`.
pub fn run_heal(args: &HealArgs) -> Outcome {
    let answer = if args.names.is_empty() {
        args.admin.client()?.ask(&Order::HealAll)?
    } else {
        let orders = args.names.iter().map(|name| Order::Heal { name: name.clone() });
        let (healed, _) = args.admin.each(orders, |answer| &answer["healed"][0])?;
        json!({ "healed": healed })
    };
    args.admin.show(answer, |answer| {
        let text = lines("healed", &texts(answer, "healed"));
        if text.is_empty() { "no rules to remove\n".to_owned() } else { text }
    })
}

/// A rule from `key=value` words.
fn rule(words: &[String]) -> Result<LinkRule, String> {
    let mut fields = Map::new();
    for word in words {
        let pair = word.split_once('=').filter(|(key, _)| !key.is_empty());
        let (key, text) =
            pair.ok_or_else(|| format!("{word:?}: expected KEY=VALUE, such as latency=20ms"))?;
        let value = match (key, text) {
            ("both" | "cut", "true") => Value::from(true),
            ("both" | "cut", "false") => Value::from(false),
            ("both" | "cut", _) => return Err(format!("{key}: expected true or false, got {text:?}")),
            ("loss", _) => text
                .parse::<f64>()
                .ok()
                .filter(|share| share.is_finite())
                .map(Value::from)
                .ok_or_else(|| format!("loss: expected a share from 0 to 1, got {text:?}"))?,
            _ => Value::from(text),
        };
        if fields.insert(key.to_owned(), value).is_some() {
            return Err(format!("{key} is given twice"));
        }
    }
    link_rule(&fields)
}

/// Largest file of rules, in bytes.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// The rules of a file: `{"rules":[…]}`.
///
/// # Errors
/// It cannot be read, or a rule is wrong; the error is the message, and names the file and the
/// rule.
pub fn load_rules(file: &Path) -> Result<Vec<LinkRule>, String> {
    const EXPECTED: &str =
        "expected {\"rules\":[{\"from\":\"connector\",\"to\":\"chat\",\"latency\":\"20ms\"}]}";
    let name = file.display();
    let mut text = String::new();
    let read = File::open(file).and_then(|open| open.take(FILE_BYTES_MAX + 1).read_to_string(&mut text));
    let bytes = read.map_err(|error| format!("{name}: cannot be read: {error}"))?;
    if bytes as u64 > FILE_BYTES_MAX {
        return Err(format!("{name}: larger than {FILE_BYTES_MAX} bytes, the most that is read"));
    }
    let Rules::<Map<String, Value>> { rules } =
        serde_json::from_str(&text).map_err(|error| format!("{name}: {error}: {EXPECTED}"))?;
    let checked = rules.iter().enumerate();
    checked
        .map(|(index, fields)| link_rule(fields).map_err(|error| format!("{name}: rules[{index}]: {error}")))
        .collect()
}
