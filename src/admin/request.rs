//! One line of the admin port as an order, or why it is none: pure.

use std::path::PathBuf;

use serde::Serialize;
use serde_json::{Map, Value};

use crate::live::Verb;
use crate::nearest::{did_you_mean, nearest};
use crate::router::LinkRule;
use crate::strategies::StrategySpec;

/// A line that is a JSON object. What it asks for is looked at when its token is found right.
#[derive(Clone, PartialEq, Debug)]
pub struct Request {
    /// The token, if it has one that is text.
    pub token: Option<String>,
    fields: Map<String, Value>,
}

/// What a running cluster can be told.
#[derive(Clone, PartialEq, Debug)]
pub enum Order {
    /// Say how every server is.
    List,
    /// Say what does not hold though it must.
    Audit,
    /// Start servers: the fields of one, or of a `clusterCount`.
    Add(Map<String, Value>),
    /// Do something with each of these servers.
    Each(Verb, Vec<String>),
    /// End the whole cluster.
    StopAll,
    /// Become what this configuration says.
    Reload {
        /// An absolute path.
        config: PathBuf,
        /// The environment.
        env: String,
    },
    /// Say which rules the links have.
    Links,
    /// Add a rule.
    Link(LinkRule),
    /// Take these rules away; none named: all.
    Heal(Vec<String>),
    /// Say by which strategy each type is chosen, and which there are.
    Strategies,
    /// Choose the servers of a type by another strategy.
    Strategy {
        /// The type.
        server_type: String,
        /// The strategy.
        strategy: StrategySpec,
        /// Only say what that would do.
        preview: bool,
    },
    /// Say where a user and a room land and are.
    Explain {
        /// The user.
        uid: String,
        /// The room.
        rid: String,
    },
}

/// Why an order is not carried out.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Refusal {
    /// For programs.
    pub code: Code,
    /// For people: what was expected, and what came.
    pub message: String,
    /// The servers or rules that the order was carried out for before.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub done: Vec<String>,
}

/// The kind of a [`Refusal`].
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Code {
    /// The line is no request, or its arguments are none of the command's.
    BadRequest,
    /// The token is wrong or missing.
    Unauthorized,
    /// No command has that name.
    UnknownCommand,
    /// No server has that id.
    UnknownServer,
    /// No rule has that name.
    UnknownRule,
    /// No server can be of that type.
    UnknownType,
    /// A server has that id already.
    Exists,
    /// A server has that client port already.
    PortTaken,
    /// The server is not in a state for this.
    WrongState,
    /// The new server's description, or the configuration, is wrong.
    BadConfig,
    /// A client port cannot be opened.
    CannotStart,
    /// Too many connections; ask again.
    Busy,
    /// The cluster has ended.
    Ended,
}

/// Every command, and the arguments that it takes; `add` takes any, as the fields of a server are.
const COMMANDS: &[(&str, Option<&[&str]>)] = &[
    ("list", Some(&[])),
    ("audit", Some(&[])),
    ("add", None),
    ("remove", Some(&["ids"])),
    ("stop", Some(&["ids"])),
    ("kill", Some(&["ids"])),
    ("pause", Some(&["ids"])),
    ("resume", Some(&["ids"])),
    ("restart", Some(&["ids"])),
    ("reload", Some(&["config", "env"])),
    ("links", Some(&[])),
    ("link", Some(&["name", "from", "to", "both", "cut", "loss", "latency"])),
    ("heal", Some(&["names"])),
    ("strategies", Some(&[])),
    ("strategy", Some(&["serverType", "strategy", "preview"])),
    ("explain", Some(&["uid", "rid"])),
];

/// Longest name of a rule, and of what it holds for, in bytes.
const NAME_BYTES_MAX: usize = 128;

/// Longest name of a user, a room, a route or a server that is asked for, in bytes.
const KEY_BYTES_MAX: usize = 1024;

impl Refusal {
    /// One that did nothing yet.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), done: Vec::new() }
    }
}

fn bad(message: impl Into<String>) -> Refusal {
    Refusal::new(Code::BadRequest, message)
}

/// Reads one line, without its newline.
///
/// # Errors
/// It is not a JSON object.
pub fn parse_request(line: &[u8]) -> Result<Request, Refusal> {
    const EXPECTED: &str = "expected a line such as {\"token\":\"…\",\"command\":\"list\"}";
    match serde_json::from_slice(line) {
        Ok(Value::Object(mut fields)) => {
            let token = match fields.remove("token") {
                Some(Value::String(token)) => Some(token),
                _ => None,
            };
            Ok(Request { token, fields })
        }
        Ok(_) => Err(bad(format!("not a JSON object: {EXPECTED}"))),
        Err(error) => Err(bad(format!("not JSON ({error}): {EXPECTED}"))),
    }
}

impl Request {
    /// One that came by another way than a line, and was found to be allowed there.
    pub fn new(command: &str, args: Map<String, Value>) -> Self {
        let command = ("command".to_owned(), Value::from(command));
        let args = ("args".to_owned(), Value::Object(args));
        Self { token: None, fields: Map::from_iter([command, args]) }
    }

    /// What it asks for.
    ///
    /// # Errors
    /// The command is unknown, or its arguments are not those that it takes.
    pub fn order(&self) -> Result<Order, Refusal> {
        known("field", self.fields.keys(), &["token", "command", "args"])?;
        let command = match self.fields.get("command") {
            Some(Value::String(command)) => command.as_str(),
            Some(other) => return Err(bad(format!("command: expected a name, got {}", short(other)))),
            None => return Err(bad("missing \"command\"")),
        };
        let none = Map::new();
        let args = match self.fields.get("args") {
            None | Some(Value::Null) => &none,
            Some(Value::Object(args)) => args,
            Some(other) => return Err(bad(format!("args: expected an object, got {}", short(other)))),
        };
        let Some((_, takes)) = COMMANDS.iter().find(|(name, _)| *name == command) else {
            let names: Vec<&str> = COMMANDS.iter().map(|(name, _)| *name).collect();
            let message = format!(
                "unknown command {:?}: expected one of {}{}",
                cut(command),
                names.join(", "),
                did_you_mean(nearest(command, names.iter().copied()))
            );
            return Err(Refusal::new(Code::UnknownCommand, message));
        };
        if let Some(takes) = takes {
            known(&format!("argument of {command}"), args.keys(), takes)?;
        }
        let each = |verb| Ok(Order::Each(verb, required(names(args, "ids")?, "ids")?));
        match command {
            "list" => Ok(Order::List),
            "audit" => Ok(Order::Audit),
            "add" => Ok(Order::Add(args.clone())),
            "remove" => each(Verb::Remove),
            "stop" if !args.contains_key("ids") => Ok(Order::StopAll),
            "stop" => each(Verb::Stop),
            "kill" => each(Verb::Kill),
            "pause" => each(Verb::Pause),
            "resume" => each(Verb::Resume),
            "restart" => each(Verb::Restart),
            "reload" => {
                let config = PathBuf::from(text(args, "config")?);
                if !config.is_absolute() {
                    return Err(bad(format!(
                        "config: expected an absolute path, got {:?}",
                        cut(&config.to_string_lossy())
                    )));
                }
                Ok(Order::Reload { config, env: text(args, "env")?.to_owned() })
            }
            "links" => Ok(Order::Links),
            "strategies" => Ok(Order::Strategies),
            "strategy" => {
                let strategy = text(args, "strategy")?.parse::<StrategySpec>();
                Ok(Order::Strategy {
                    server_type: text(args, "serverType")?.to_owned(),
                    strategy: strategy.map_err(|error| bad(error.to_string()))?,
                    preview: flag(args, "preview")?,
                })
            }
            "explain" => Ok(Order::Explain { uid: name(args, "uid")?, rid: name(args, "rid")? }),
            "link" => link_rule(args).map(Order::Link).map_err(bad),
            _ => match names(args, "names")? {
                Some(named) => Ok(Order::Heal(required(Some(named), "names")?)),
                None => Ok(Order::Heal(Vec::new())),
            },
        }
    }
}

/// Checks the fields of one rule.
///
/// # Errors
/// A field is unknown or has a wrong value, or the rule would do nothing; the error is the message.
pub fn link_rule(fields: &Map<String, Value>) -> Result<LinkRule, String> {
    let takes = COMMANDS.iter().find(|(name, _)| *name == "link").and_then(|(_, takes)| *takes);
    known("field of a rule", fields.keys(), takes.unwrap_or_default()).map_err(|refusal| refusal.message)?;
    let rule: LinkRule = serde_path_to_error::deserialize(Value::Object(fields.clone()))
        .map_err(|error| format!("{}: {}", error.path(), error.inner()))?;
    for (key, name) in [("name", &rule.name), ("from", &rule.from), ("to", &rule.to)] {
        let is_name = !name.chars().any(|c| c.is_whitespace() || c.is_control());
        // Only a rule's name may be missing: it is given one.
        if !is_name || name.len() > NAME_BYTES_MAX || (name.is_empty() && key != "name") {
            return Err(format!(
                "{key}: expected a name of at most {NAME_BYTES_MAX} bytes, without spaces or control characters, got {:?}",
                cut(name)
            ));
        }
    }
    if !rule.cut && rule.loss == 0.0 && rule.latency.is_none() {
        return Err("a rule that does nothing: expected latency, loss or cut".to_owned());
    }
    Ok(rule)
}

/// Refuses keys that are not among the known ones.
fn known<'a>(what: &str, keys: impl IntoIterator<Item = &'a String>, takes: &[&str]) -> Result<(), Refusal> {
    let Some(unknown) = keys.into_iter().find(|key| !takes.contains(&key.as_str())) else { return Ok(()) };
    let expected =
        if takes.is_empty() { "it takes none".to_owned() } else { format!("expected {}", takes.join(", ")) };
    let hint = did_you_mean(nearest(unknown, takes.iter().copied()));
    Err(bad(format!("unknown {what} {:?}: {expected}{hint}", cut(unknown))))
}

fn text<'a>(args: &'a Map<String, Value>, key: &str) -> Result<&'a str, Refusal> {
    match args.get(key) {
        Some(Value::String(text)) => Ok(text),
        Some(other) => Err(bad(format!("{key}: expected text, got {}", short(other)))),
        None => Err(bad(format!("missing {key:?}"))),
    }
}

/// Text of a bounded length, which is kept or hashed.
fn name(args: &Map<String, Value>, key: &str) -> Result<String, Refusal> {
    let name = text(args, key)?;
    if name.is_empty() || name.len() > KEY_BYTES_MAX {
        return Err(bad(format!("{key}: expected 1 to {KEY_BYTES_MAX} bytes, got {}", name.len())));
    }
    Ok(name.to_owned())
}

/// Yes or no, also as text; no when it is missing.
fn flag(args: &Map<String, Value>, key: &str) -> Result<bool, Refusal> {
    match args.get(key) {
        None => Ok(false),
        Some(Value::Bool(flag)) => Ok(*flag),
        Some(Value::String(text)) if text == "true" => Ok(true),
        Some(Value::String(text)) if text == "false" => Ok(false),
        Some(other) => Err(bad(format!("{key}: expected true or false, got {}", short(other)))),
    }
}

fn names(args: &Map<String, Value>, key: &str) -> Result<Option<Vec<String>>, Refusal> {
    let Some(value) = args.get(key) else { return Ok(None) };
    let elements = value.as_array().map(Vec::as_slice);
    let names = elements.and_then(|all| all.iter().map(|name| name.as_str().map(str::to_owned)).collect());
    let names: Option<Vec<String>> = names;
    names.map(Some).ok_or_else(|| bad(format!("{key}: expected an array of names, got {}", short(value))))
}

fn required(names: Option<Vec<String>>, key: &str) -> Result<Vec<String>, Refusal> {
    names.filter(|names| !names.is_empty()).ok_or_else(|| bad(format!("{key}: expected at least one name")))
}

/// A value, in few enough characters for a message. JSON leaves some control characters as they are; a terminal must not
/// meet them.
fn short(value: &Value) -> String {
    let mut shown = String::new();
    for c in value.to_string().chars() {
        if c.is_control() { shown.extend(c.escape_unicode()) } else { shown.push(c) }
    }
    cut(&shown)
}

fn cut(text: &str) -> String {
    const SHOWN: usize = 64;
    let mut shown: String = text.chars().take(SHOWN).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    shown
}
