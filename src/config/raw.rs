//! The unchecked shapes of the files: environments, entries of `servers.json`, `clusterCount`.

use serde_json::Value;

use super::error::ConfigError;
use super::faults::Faults;
use super::node::{Member, Node};
use crate::nearest::nearest;

/// Most servers of a cluster, `clusterCount` expanded: a typo such as 1000000 must not fill the
/// memory.
pub const MAX_SERVERS: usize = 10_000;

/// Most bytes of text that one `clusterCount` may multiply an entry to: each server has all of its
/// fields.
const COUNTED_BYTES_MAX: usize = 4 << 20;

/// Smallest weight of a server.
const WEIGHT_MIN: f64 = 0.001;

/// Largest weight of a server: a million times the keys of the smallest.
const WEIGHT_MAX: f64 = 1000.0;

/// Longest name of a server, a type, a host or a route, in bytes. Errors repeat a type's name for
/// each of its servers.
const NAME_BYTES_MAX: usize = 255;

/// The part of a file that is for `env`: the value of that key if the file has it, else the whole
/// file.
pub(super) fn env_or_whole<'a>(root: Node<'a>, env: &str) -> Result<Node<'a>, ConfigError> {
    if !root.is_object() {
        return Ok(root);
    }
    let wanted = root.object("an object")?.into_iter().find(|member| is_for(member, env));
    Ok(wanted.map_or(root, |member| member.value))
}

/// As in Pomelo, a falsy environment such as null does not count.
fn is_for(member: &Member<'_>, env: &str) -> bool {
    member.key == env && !member.value.is_falsy()
}

/// As [`env_or_whole`], for files whose whole cannot be mistaken for environments: a file of
/// objects without any list of servers has environments, but not the requested one.
pub(super) fn environment<'a>(root: Node<'a>, env: &str) -> Result<Node<'a>, ConfigError> {
    let members = root.object("an object with environments such as \"development\"")?;
    if let Some(wanted) = members.iter().find(|member| is_for(member, env)) {
        return Ok(wanted.value.clone());
    }
    let environments = members.iter().filter(|member| member.value.is_object());
    let known: Vec<String> = environments.map(|member| member.key.clone()).collect();
    if known.is_empty() || members.iter().any(|member| member.value.is_list_of_objects()) {
        return Ok(root);
    }
    let file = root.spot().place.file.to_path_buf();
    Err(ConfigError::UnknownEnvironment { wanted: env.to_owned(), known, file })
}

/// One object of fields: a server of `servers.json`, one that `clusterCount` made from it, or the
/// master.
#[derive(Clone)]
pub(super) struct RawServer<'a> {
    pub(super) node: Node<'a>,
    /// The id assigned by `clusterCount`, replacing the entry's.
    pub(super) cluster_id: Option<String>,
    pub(super) fields: Vec<Field<'a>>,
}

/// A field with its value; `value` differs from the file's where `++` counted it up.
#[derive(Clone)]
pub(super) struct Field<'a> {
    pub(super) key: String,
    pub(super) node: Node<'a>,
    pub(super) value: Value,
    counted: bool,
}

impl<'a> RawServer<'a> {
    pub(super) fn new(node: Node<'a>, expected: &str) -> Result<Self, ConfigError> {
        let mut fields = Vec::new();
        for member in node.object(expected)? {
            let value = member.value.value()?;
            fields.push(Field { key: member.key, node: member.value, value, counted: false });
        }
        Ok(Self { node, cluster_id: None, fields })
    }

    /// Expands the entry to its servers: itself, or `clusterCount` of them. `next` numbers the
    /// servers of this type made this way.
    pub(super) fn expand(
        self,
        server_type: &str,
        next: &mut usize,
        faults: &mut Faults,
    ) -> Result<Vec<Self>, ConfigError> {
        let Some(field) = self.get("clusterCount") else { return Ok(vec![self]) };
        // An entry of normal length may be repeated up to the largest cluster.
        let most = MAX_SERVERS.min(COUNTED_BYTES_MAX / self.node.text_bytes()).max(1);
        let count = field.number().and_then(|count| usize::try_from(count).ok());
        let count = match count {
            Some(count) if (1..=most).contains(&count) => count,
            _ => {
                let so_long = if most < MAX_SERVERS { " with so much in each" } else { "" };
                let error = field.invalid(&format!("a number of servers, 1 to {most}{so_long}"));
                if count.is_some_and(|count| count > most) {
                    return Err(error);
                }
                // Pomelo tests it in a condition, then applies parseInt.
                let counts = !field.node.is_falsy();
                let so =
                    if counts { "it counts none, as in Pomelo" } else { "it is one server, as in Pomelo" };
                faults.forgive(server_type, error, so)?;
                return Ok(if counts { Vec::new() } else { vec![self] });
            }
        };
        let first = *next;
        *next += count;
        let stem = cluster_stem(server_type);
        let server = |index| {
            let mut server = self.clone();
            server.cluster_id = Some(format!("{stem}{}", first + index));
            server.fields.iter_mut().for_each(|field| field.count_up(index));
            server
        };
        Ok((0..count).map(server).collect())
    }

    pub(super) fn get(&self, key: &str) -> Option<&Field<'a>> {
        self.fields.iter().find(|field| field.key == key)
    }

    /// The value of a required field.
    pub(super) fn required(&self, key: &'static str, why: &'static str) -> Result<&Field<'a>, ConfigError> {
        self.get(key).ok_or_else(|| {
            let similar = nearest(key, self.fields.iter().map(|field| field.key.as_str()));
            ConfigError::Missing {
                field: key,
                why,
                similar: similar.map(str::to_owned),
                at: self.node.spot(),
            }
        })
    }
}

impl Field<'_> {
    /// `"3050++"` becomes 3050 and `index`, as Pomelo computes it: `parseInt(value.slice(0, -2)) +
    /// index` for every text that contains `++` after its start. Where Pomelo gets NaN, the text is
    /// left unchanged.
    fn count_up(&mut self, index: usize) {
        let Value::String(text) = &self.value else { return };
        if text.find("++").is_none_or(|at| at == 0) {
            return;
        }
        let mut base = text.chars();
        base.nth_back(1);
        let count = parse_int(base.as_str()).and_then(|base| base.checked_add(i64::try_from(index).ok()?));
        if let Some(count) = count {
            self.value = Value::from(count);
            self.counted = true;
        }
    }

    /// The error that this field is not what was expected.
    pub(super) fn invalid(&self, expected: &str) -> ConfigError {
        if self.counted {
            let met = format!("{} (counted up by clusterCount)", self.value);
            return self.node.invalid_as(met, expected);
        }
        if self.value.as_str().is_some_and(|text| text.ends_with("++")) {
            return self.node.invalid(&format!("{expected} (++ counts up only together with clusterCount)"));
        }
        self.node.invalid(expected)
    }

    /// A name: not empty, without white space or control characters.
    pub(super) fn name(&self, expected: &str) -> Result<String, ConfigError> {
        match &self.value {
            Value::String(text) if is_name(text) => Ok(text.clone()),
            Value::Number(number) if self.counted => Ok(number.to_string()),
            Value::String(text) if text.len() > NAME_BYTES_MAX && !text.contains(is_unprintable) => {
                Err(self.invalid(&format!("{expected} of at most {NAME_BYTES_MAX} bytes")))
            }
            _ => Err(self.invalid(&format!("{expected}, not empty, without spaces or control characters"))),
        }
    }

    /// The best substitute where [`name`](Self::name) is refused: trimmed text, the digits of a
    /// number, or nothing. An error if the value cannot be printed.
    pub(super) fn rough_name(&self, expected: &str) -> Result<Option<String>, ConfigError> {
        let text = match &self.value {
            Value::String(text) => text.trim().to_owned(),
            Value::Number(number) => number.to_string(),
            _ => return Ok(None),
        };
        if text.len() > NAME_BYTES_MAX || text.contains(char::is_control) {
            return self.name(expected).map(Some);
        }
        Ok(Some(text).filter(|text| !text.is_empty()))
    }

    /// The number at the value's start, as `parseInt` reads it.
    pub(super) fn leading_port(&self) -> Option<u16> {
        self.value.as_str().and_then(parse_int).and_then(|port| u16::try_from(port).ok())
    }

    /// A port; 0 means any that is free.
    pub(super) fn port(&self) -> Result<u16, ConfigError> {
        let port = self.number().and_then(|number| u16::try_from(number).ok());
        port.ok_or_else(|| self.invalid("a port, 0 to 65535"))
    }

    /// True or false, also as text: Pomelo compares with text, since it passes each value through a
    /// command line.
    pub(super) fn flag(&self) -> Result<bool, ConfigError> {
        match &self.value {
            Value::Bool(flag) => Ok(*flag),
            Value::String(text) if text == "true" => Ok(true),
            Value::String(text) if text == "false" => Ok(false),
            _ => Err(self.invalid("true or false")),
        }
    }

    /// A weight, also as text.
    pub(super) fn weight(&self) -> Result<f64, ConfigError> {
        let weight = match &self.value {
            Value::Number(number) => number.as_f64(),
            Value::String(text) => text.parse().ok(),
            _ => None,
        };
        let weight = weight.filter(|weight| (WEIGHT_MIN..=WEIGHT_MAX).contains(weight));
        weight.ok_or_else(|| self.invalid(&format!("a weight, {WEIGHT_MIN} to {WEIGHT_MAX}")))
    }

    /// A whole number that is not negative, also as text with spaces around it, also as `3010.0`.
    pub(super) fn number(&self) -> Option<u64> {
        match &self.value {
            Value::Number(number) => number.as_u64().or_else(|| {
                let whole = number.as_f64().filter(|float| float.fract() == 0.0 && *float >= 0.0);
                whole.filter(|float| *float < 2_f64.powi(53)).map(|float| float as u64)
            }),
            Value::String(text) if text.trim().bytes().all(|byte| byte.is_ascii_digit()) => {
                text.trim().parse().ok()
            }
            _ => None,
        }
    }

    /// Whether JavaScript considers it a number, also as text.
    pub(super) fn is_number(&self) -> bool {
        let as_text = |text: &str| text.trim().parse::<f64>().is_ok_and(f64::is_finite);
        self.value.is_number() || self.value.as_str().is_some_and(as_text)
    }
}

/// The start of the ids that `clusterCount` gives. Unlike a type, an id contains no spaces.
pub(super) fn cluster_stem(server_type: &str) -> String {
    format!("cluster-server-{}-", hyphenated(server_type))
}

/// A name without spaces: ids are printed in lists that are separated by them.
pub(super) fn hyphenated(name: &str) -> String {
    name.split_whitespace().collect::<Vec<_>>().join("-")
}

/// Whether a text is printable and no longer than a name.
pub(super) fn is_printable(text: &str) -> bool {
    (1..=NAME_BYTES_MAX).contains(&text.len()) && !text.contains(char::is_control)
}

/// Whether a text can name a server or a host.
pub(super) fn is_name(text: &str) -> bool {
    (1..=NAME_BYTES_MAX).contains(&text.len()) && !text.contains(is_unprintable)
}

fn is_unprintable(c: char) -> bool {
    c.is_whitespace() || c.is_control()
}

/// JavaScript's `parseInt` of a decimal number: white space, a sign, then all digits that follow.
fn parse_int(text: &str) -> Option<i64> {
    let text = text.trim_start();
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    let end = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
    let number: i64 = digits[..end].parse().ok()?;
    Some(if text.starts_with('-') { -number } else { number })
}
