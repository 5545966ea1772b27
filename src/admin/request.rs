//! One line of the admin port as an order, or why it is none: pure.

use std::time::Duration;

use serde::Serialize;
use serde_json::{Map, Value};

use super::args::{
    Args, bad, cut, flag, known, name, names, number, optional, parsed, required, short, text,
};
use crate::live::{RoomQuery, RoomSort, Verb};
use crate::nearest::{did_you_mean, nearest};
use crate::router::LinkRule;
use crate::strategies::StrategySpec;
use crate::trace::Filter;

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
    /// Become what the configuration says now.
    Reload,
    /// Say which rules the links have.
    Links,
    /// Add a rule.
    Link(LinkRule),
    /// Take these rules away; none named: all.
    Heal(Vec<String>),
    /// Say what all have counted.
    View,
    /// Say which rooms there are.
    Rooms(RoomQuery),
    /// Say who is in a room.
    Room(String),
    /// Say who is logged in.
    Users {
        /// What occurs in the uid.
        search: String,
        /// How many are wanted.
        limit: usize,
    },
    /// Close a user's session.
    Kick {
        /// Whose.
        uid: String,
        /// What the client is told.
        reason: String,
    },
    /// Say what has happened.
    Events {
        /// From which number on.
        since: u64,
    },
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
    /// Say what was traced.
    Trace {
        /// From the step of which number on.
        since: u64,
    },
    /// Trace what a filter wants, for so long; none: nothing any more.
    SetTrace(Option<(Filter, Duration)>),
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
    /// Nobody is logged in by that uid.
    UnknownUser,
    /// Nobody is in a room of that name.
    UnknownRoom,
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
    ("reload", Some(&[])),
    ("links", Some(&[])),
    ("link", Some(&["name", "from", "to", "both", "cut", "loss", "latency"])),
    ("heal", Some(&["names"])),
    ("view", Some(&[])),
    ("rooms", Some(&["search", "sort", "limit"])),
    ("room", Some(&["room"])),
    ("users", Some(&["search", "limit"])),
    ("kick", Some(&["uid", "reason"])),
    ("events", Some(&["since"])),
    ("strategies", Some(&[])),
    ("strategy", Some(&["serverType", "strategy", "preview"])),
    ("explain", Some(&["uid", "rid"])),
    ("trace", Some(&["since"])),
    ("trace_on", Some(&["uid", "rid", "route", "server", "seconds"])),
    ("trace_off", Some(&[])),
];

/// What a client is told when it is kicked and nobody says why.
const KICK_REASON: &str = "kicked by an operator";

/// Longest reason that is told, in bytes.
const REASON_BYTES_MAX: usize = 256;

/// Most rooms or users that are shown at once, and how many when nobody says.
const LIMIT_MAX: u64 = 1000;
const LIMIT: u64 = 50;

/// How long messages are traced when nobody says, and at most, in seconds.
const TRACE_SECONDS: u64 = 300;
const TRACE_SECONDS_MAX: u64 = 3600;

/// Longest name of a rule, and of what it holds for, in bytes.
const NAME_BYTES_MAX: usize = 128;

impl Refusal {
    /// One that did nothing yet.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), done: Vec::new() }
    }
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
            "reload" => Ok(Order::Reload),
            "view" => Ok(Order::View),
            "rooms" => Ok(Order::Rooms(RoomQuery {
                search: optional(args, "search")?.unwrap_or_default().to_owned(),
                sort: parsed(args, "sort", RoomSort::default())?,
                limit: limit(args)?,
            })),
            "room" => Ok(Order::Room(text(args, "room")?.to_owned())),
            "users" => {
                let search = optional(args, "search")?.unwrap_or_default().to_owned();
                Ok(Order::Users { search, limit: limit(args)? })
            }
            "kick" => {
                let reason = optional(args, "reason")?.unwrap_or(KICK_REASON);
                if reason.len() > REASON_BYTES_MAX {
                    return Err(bad(format!("reason: expected at most {REASON_BYTES_MAX} bytes of text")));
                }
                Ok(Order::Kick { uid: text(args, "uid")?.to_owned(), reason: reason.to_owned() })
            }
            "events" => Ok(Order::Events { since: number(args, "since", 0..=u64::MAX, 0)? }),
            "strategies" => Ok(Order::Strategies),
            "strategy" => {
                let strategy = text(args, "strategy")?.parse::<StrategySpec>();
                Ok(Order::Strategy {
                    server_type: text(args, "serverType")?.to_owned(),
                    strategy: strategy.map_err(|error| bad(error.to_string()))?,
                    preview: flag(args, "preview")?,
                })
            }
            "explain" => {
                let named = |key| name(args, key)?.ok_or_else(|| bad(format!("missing {key:?}")));
                Ok(Order::Explain { uid: named("uid")?, rid: named("rid")? })
            }
            "trace" => Ok(Order::Trace { since: number(args, "since", 0..=u64::MAX, 0)? }),
            "trace_on" => {
                let [uid, rid, route, server] = ["uid", "rid", "route", "server"].map(|key| name(args, key));
                let filter = Filter { uid: uid?, rid: rid?, route: route?, server: server? };
                let seconds = number(args, "seconds", 1..=TRACE_SECONDS_MAX, TRACE_SECONDS)?;
                Ok(Order::SetTrace(Some((filter, Duration::from_secs(seconds)))))
            }
            "trace_off" => Ok(Order::SetTrace(None)),
            "links" => Ok(Order::Links),
            "link" => link_rule(args).map(Order::Link).map_err(bad),
            _ => match names(args, "names")? {
                Some(named) => Ok(Order::Heal(required(Some(named), "names")?)),
                None => Ok(Order::Heal(Vec::new())),
            },
        }
    }
}

fn limit(args: &Args) -> Result<usize, Refusal> {
    Ok(number(args, "limit", 1..=LIMIT_MAX, LIMIT)? as usize)
}

impl Order {
    /// Whether it changes nothing.
    pub fn only_looks(&self) -> bool {
        use Order::{
            Audit, Events, Explain, Links, List, Room, Rooms, Strategies, Strategy, Trace, Users, View,
        };
        matches!(
            self,
            Audit
                | Events { .. }
                | Explain { .. }
                | Links
                | List
                | Room(_)
                | Rooms(_)
                | Strategies
                | Strategy { preview: true, .. }
                | Trace { .. }
                | Users { .. }
                | View
        )
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
