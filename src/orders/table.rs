//! Maps method and path to an order and back, and reads and writes arguments. Pure.

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use super::args::cut;
use super::order::Order;
use super::path::{pairs, parts};
use super::refusal::{Code, Refusal};
use crate::nearest::{did_you_mean, nearest};

/// Longest body of a request, in bytes.
pub const BODY_BYTES_MAX: usize = 64 * 1024;

/// Longest head of a request, in bytes.
pub const HEAD_BYTES_MAX: usize = 32 * 1024;

/// The methods of the API. HEAD is a GET whose body is not sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Method {
    /// Reads without changing anything.
    Get,
    /// Carries out an action.
    Post,
    /// Sets a state.
    Put,
    /// Removes something.
    Delete,
}

/// The arguments outside the path.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Takes {
    /// No arguments.
    Nothing,
    /// Parameters of the query.
    Query(&'static [&'static str]),
    /// Fields of a JSON body.
    Body(&'static [&'static str]),
    /// Fields of a JSON body that only the order itself knows.
    Fields,
}

/// The HTTP form of an order.
#[derive(Debug)]
pub struct Row {
    /// The name of its variant of [`Order`].
    pub name: &'static str,
    /// Its HTTP method.
    pub method: Method,
    /// Its path. `{name}` is an argument.
    pub path: &'static str,
    /// Its arguments outside the path.
    pub takes: Takes,
    /// The command that sends it; empty without one.
    pub command: &'static str,
    /// Its description, in a line.
    pub summary: &'static str,
}

use Method::{Delete, Get, Post, Put};
use Takes::{Body, Fields, Nothing, Query};

pub(super) const fn row(
    (method, path): (Method, &'static str),
    takes: Takes,
    (name, command): (&'static str, &'static str),
    summary: &'static str,
) -> Row {
    Row { name, method, path, takes, command, summary }
}

impl Method {
    const ALL: [Self; 4] = [Get, Post, Put, Delete];

    /// Its name in HTTP.
    pub fn name(self) -> &'static str {
        match self {
            Get => "GET",
            Post => "POST",
            Put => "PUT",
            Delete => "DELETE",
        }
    }

    /// The method with this name; HEAD counts as GET.
    pub fn named(name: &str) -> Option<Self> {
        let name = if name == "HEAD" { "GET" } else { name };
        Self::ALL.into_iter().find(|method| method.name() == name)
    }
}

/// An order as an HTTP request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Request {
    /// The method.
    pub method: Method,
    /// Path and query.
    pub target: String,
    /// A JSON object, or empty without arguments.
    pub body: String,
}

impl Order {
    /// The request that [`find`] and [`Row::complete`] read back as this order. `None` for an order
    /// without a row; a test proves that there are none.
    pub fn request(&self) -> Option<Request> {
        let (row, mut args) = self.parts()?;
        let text = |value: Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let encoded = |value: Value| utf8_percent_encode(&text(value), NON_ALPHANUMERIC).to_string();
        let mut target = String::new();
        for part in row.path.split('/').skip(1) {
            let value = argument(part).and_then(|name| args.shift_remove(name)).map(encoded);
            target = target + "/" + value.as_deref().unwrap_or(part);
        }
        let mut body = String::new();
        if let Query(_) = row.takes {
            let pairs = args.into_iter().map(|(key, value)| format!("{key}={}", encoded(value)));
            target = target + "?" + &pairs.collect::<Vec<_>>().join("&");
        } else if !args.is_empty() {
            body = Value::Object(args).to_string();
        }
        Some(Request { method: row.method, target, body })
    }

    /// Whether the order changes anything.
    pub fn changes(&self) -> bool {
        self.parts().is_none_or(|(row, _)| row.method != Get)
    }
}

/// The row for a request, and the arguments in its path.
///
/// # Errors
/// No row has the path, or the path has other methods, or it is not UTF-8.
pub fn find<'a>(
    rows: impl Iterator<Item = &'a Row> + Clone,
    method: Method,
    path: &str,
) -> Result<(&'a Row, Map<String, Value>), Refusal> {
    let parts = parts(path)?;
    let of_path: Vec<_> = rows.clone().filter_map(|row| Some((row, row.arguments(&parts)?))).collect();
    if of_path.is_empty() {
        let hint = did_you_mean(nearest(path, rows.map(|row| row.path)));
        return Err(Refusal::new(Code::UnknownPath, format!("no such path in the API{hint}")));
    }
    let mut methods: Vec<&str> = of_path.iter().map(|(row, _)| row.method.name()).collect();
    methods.dedup();
    let found = of_path.into_iter().find(|(row, _)| row.method == method);
    found.ok_or_else(|| Refusal::method(methods.join(", ")))
}

/// The name of the argument in this part of a path, if it is one.
fn argument(part: &'static str) -> Option<&'static str> {
    part.strip_prefix('{')?.strip_suffix('}')
}

impl Row {
    /// All arguments: those of the path, the query and the body.
    ///
    /// # Errors
    /// The query or the body has an argument that the row does not take, or cannot be parsed.
    pub fn complete(
        &self,
        mut args: Map<String, Value>,
        query: &str,
        body: &[u8],
    ) -> Result<Map<String, Value>, Refusal> {
        let takes_query = if let Query(takes) = self.takes { takes } else { &[] };
        for (key, value) in pairs(query)? {
            known("parameter", &key, takes_query)?;
            if args.insert(key.clone(), Value::String(value)).is_some() {
                return Err(Refusal::bad(format!("expected {key} once, got it twice")));
            }
        }
        let takes_body = if let Body(takes) = self.takes { takes } else { &[] };
        for (key, value) in object(body)? {
            if self.takes != Fields {
                known("field", &key, takes_body)?;
            }
            args.insert(key, value);
        }
        Ok(args)
    }

    /// Reads the arguments as a value, such as an [`Order`].
    ///
    /// # Errors
    /// An argument is unknown, missing or invalid.
    pub fn read<T: DeserializeOwned>(&self, args: Map<String, Value>) -> Result<T, Refusal> {
        let names = match self.takes {
            Query(names) | Body(names) => names,
            Fields | Nothing => &[],
        };
        let names: Vec<&str> =
            self.path.split('/').filter_map(argument).chain(names.iter().copied()).collect();
        if self.takes != Fields {
            args.keys().try_for_each(|key| known("field", key, &names))?;
        }
        let is_bare = self.takes == Nothing && !self.path.contains('{');
        let written = if is_bare { json!(self.name) } else { json!({ self.name: args }) };
        serde_path_to_error::deserialize(written).map_err(|error| {
            let path = error.path().to_string();
            let place = path.strip_prefix(self.name).map_or("", |path| path.trim_start_matches('.'));
            let place = if place.is_empty() { String::new() } else { format!("{place}: ") };
            Refusal::bad(format!("{place}{}", error.inner()))
        })
    }

    /// The arguments in a path, if it matches this row's.
    fn arguments(&self, parts: &[String]) -> Option<Map<String, Value>> {
        let mut args = Map::new();
        if self.path.split('/').skip(1).count() != parts.len() {
            return None;
        }
        for (wanted, part) in self.path.split('/').skip(1).zip(parts) {
            match argument(wanted) {
                None if wanted == part => {}
                Some(name) if !part.is_empty() => drop(args.insert(name.to_owned(), json!(part))),
                _ => return None,
            }
        }
        Some(args)
    }
}

/// An empty body counts as an object without fields.
fn object(body: &[u8]) -> Result<Map<String, Value>, Refusal> {
    if body.is_empty() {
        return Ok(Map::new());
    }
    match serde_json::from_slice(body) {
        Ok(Value::Object(fields)) => Ok(fields),
        Ok(_) => Err(Refusal::bad("body: expected a JSON object")),
        Err(error) => Err(Refusal::bad(format!("body: expected a JSON object, got none ({error})"))),
    }
}

fn known(what: &str, key: &str, takes: &[&str]) -> Result<(), Refusal> {
    if takes.contains(&key) {
        return Ok(());
    }
    let expected =
        if takes.is_empty() { "expected none".to_owned() } else { format!("expected {}", takes.join(", ")) };
    let hint = did_you_mean(nearest(key, takes.iter().copied()));
    Err(Refusal::bad(format!("unknown {what} {:?}: {expected}{hint}", cut(key))))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
