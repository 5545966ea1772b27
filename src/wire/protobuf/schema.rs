//! Parses and checks definitions: every type is known, every tag is unique.

use std::collections::{BTreeMap, HashMap};

use serde_json::{Map, Value, json};

use super::{DEPTH_MAX, ProtoError, type_name};

/// A tag shares a 32-bit number with three bits of wire type, and JavaScript's numbers are signed.
const TAG_MAX: u64 = (1 << 28) - 1;

/// The definitions of one direction. Messages refer to each other by index in `messages`.
#[derive(Clone, Debug, Default)]
pub(super) struct Schema {
    routes: HashMap<String, usize>,
    messages: Vec<MessageType>,
}

/// One message: its fields by name and by tag.
#[derive(Clone, Debug, Default)]
pub(super) struct MessageType {
    pub(super) fields: Vec<Field>,
    by_name: HashMap<String, usize>,
    by_tag: HashMap<u64, usize>,
}

#[derive(Clone, Debug)]
pub(super) struct Field {
    pub(super) name: String,
    pub(super) tag: u64,
    pub(super) rule: Rule,
    pub(super) kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rule {
    Required,
    Optional,
    Repeated,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Unsigned,
    Signed,
    Float,
    Double,
    String,
    Message(usize),
    /// A type that the dialect does not know, such as `bool`: its fields are sent without a value.
    Unknown,
}

/// An error in a definition, and the path of keys to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// What is wrong.
    pub error: ProtoError,
    /// The route, then nested messages, then the declaration.
    pub keys: Vec<String>,
}

/// The valid part of one file.
pub(super) struct Parsed {
    pub(super) schema: Schema,
    /// The form that a handshake sends.
    pub(super) json: Value,
    /// Errors in it. Messages nested too deep are left out; everything else is read as Pomelo reads
    /// it.
    pub(super) faults: Vec<Fault>,
}

impl Schema {
    /// Reads one file; `null` stands for a missing file.
    pub(super) fn parse(file: &Value, at: &str) -> Parsed {
        let none = Map::new();
        let mut parsed = Self::from_definitions(file.as_object().unwrap_or(&none), at);
        if !file.is_null() && !file.is_object() {
            let error = ProtoError::NotAnObject { at: at.to_owned(), got: type_name(file) };
            parsed.faults.push(Fault { error, keys: Vec::new() });
        }
        parsed
    }

    /// Reads the definitions of one file.
    pub(super) fn from_definitions(file: &Map<String, Value>, at: &str) -> Parsed {
        // Roots may refer to each other in any order, so assign their indices first.
        let mut parser = Parser { messages: vec![MessageType::default(); file.len()], ..Parser::default() };
        parser.roots.extend(file.keys().enumerate().map(|(index, name)| (name.as_str(), index)));
        let mut json = Map::new();
        for (index, (route, definition)) in file.iter().enumerate() {
            let (message, parsed) = parser.message(definition, &format!("{at}.{route}"), &mut vec![route]);
            parser.messages[index] = message;
            json.insert(route.clone(), parsed);
        }
        let routes = file.keys().cloned().zip(0..).collect();
        let schema = Self { routes, messages: parser.messages };
        Parsed { schema, json: Value::Object(json), faults: parser.faults }
    }

    pub(super) fn route(&self, route: &str) -> Option<&MessageType> {
        self.routes.get(route).map(|&index| &self.messages[index])
    }

    pub(super) fn message(&self, index: usize) -> &MessageType {
        &self.messages[index]
    }
}

impl MessageType {
    pub(super) fn by_name(&self, name: &str) -> Option<&Field> {
        self.by_name.get(name).map(|&index| &self.fields[index])
    }

    pub(super) fn by_tag(&self, tag: u64) -> Option<&Field> {
        self.by_tag.get(&tag).map(|&index| &self.fields[index])
    }
}

impl Field {
    /// The varint before the value. Pomelo's readers ignore its wire type; it is written for other
    /// readers.
    pub(super) fn head(&self) -> u64 {
        let wire_type = match self.kind {
            Kind::Unsigned | Kind::Signed | Kind::Unknown => 0,
            Kind::Double => 1,
            Kind::String | Kind::Message(_) => 2,
            Kind::Float => 5,
        };
        self.tag << 3 | wire_type
    }
}

#[derive(Default)]
struct Parser<'a> {
    roots: HashMap<&'a str, usize>,
    messages: Vec<MessageType>,
    faults: Vec<Fault>,
}

impl<'a> Parser<'a> {
    fn fault(&mut self, keys: &[&String], error: ProtoError) {
        self.faults.push(Fault { error, keys: keys.iter().copied().cloned().collect() });
    }

    /// Reads a message. Errors are recorded and skipped, as in Pomelo.
    fn message(
        &mut self,
        definition: &'a Value,
        at: &str,
        keys: &mut Vec<&'a String>,
    ) -> (MessageType, Value) {
        let mut message = MessageType::default();
        if !definition.is_object() {
            self.fault(keys, ProtoError::NotAnObject { at: at.to_owned(), got: type_name(definition) });
        }
        let mut definition = definition.as_object();
        if keys.len() > DEPTH_MAX {
            self.fault(keys, ProtoError::TooDeep);
            definition = None;
        }
        let mut nested = HashMap::new();
        let mut nested_json = Map::new();
        for (key, inner) in definition.into_iter().flatten() {
            if let ["message", name] = words(key)[..] {
                keys.push(key);
                let (message, parsed) = self.message(inner, &format!("{at}.{name}"), keys);
                keys.pop();
                nested.insert(name, self.messages.len());
                self.messages.push(message);
                nested_json.insert(name.to_owned(), parsed);
            }
        }

        let mut json = Map::new();
        let mut tags = BTreeMap::new();
        for (key, tag) in definition.into_iter().flatten() {
            let declared = declaration(key, tag).and_then(|declared| {
                let Some((rule, type_name, name, number)) = declared else { return Ok(None) };
                if message.by_tag.contains_key(&number) {
                    return Err("the tag is used twice");
                }
                if message.by_name.contains_key(name) {
                    return Err("the name is used twice");
                }
                Ok(Some((rule, type_name, name, number)))
            });
            let (rule, type_name, name, number) = match declared {
                Ok(Some(declared)) => declared,
                Ok(None) => continue,
                Err(reason) => {
                    let (at, declaration) = (at.to_owned(), key.clone());
                    keys.push(key);
                    self.fault(keys, ProtoError::Declaration { at, declaration, reason });
                    keys.pop();
                    continue;
                }
            };
            let kind = self.kind(type_name, &nested).unwrap_or_else(|| {
                keys.push(key);
                self.fault(keys, ProtoError::UnknownType { at: at.to_owned(), name: type_name.to_owned() });
                keys.pop();
                Kind::Unknown
            });
            let index = message.fields.len();
            message.by_tag.insert(number, index);
            message.by_name.insert(name.to_owned(), index);
            message.fields.push(Field { name: name.to_owned(), tag: number, rule, kind });
            let option = words(key)[0];
            json.insert(name.to_owned(), json!({ "option": option, "type": type_name, "tag": tag }));
            tags.insert(number, name);
        }
        json.insert("__messages".to_owned(), Value::Object(nested_json));
        // Sort numerically: JavaScript orders numeric keys that way.
        let tags = tags.into_iter().map(|(tag, name)| (tag.to_string(), Value::from(name)));
        json.insert("__tags".to_owned(), Value::Object(tags.collect()));
        (message, Value::Object(json))
    }

    /// Looks a message up next to the field, then at the top of the file, but not in between, as
    /// the original does.
    fn kind(&self, name: &str, nested: &HashMap<&str, usize>) -> Option<Kind> {
        Some(match name {
            "uInt32" => Kind::Unsigned,
            "int32" | "sInt32" => Kind::Signed,
            "float" => Kind::Float,
            "double" => Kind::Double,
            "string" => Kind::String,
            _ => {
                let root = || self.roots.get(format!("message {name}").as_str());
                Kind::Message(*nested.get(name).or_else(root)?)
            }
        })
    }
}

/// Turns one direction's definitions from a handshake's parsed form back into the form of the file.
pub(super) fn declared(parsed: &Value) -> Value {
    let Some(routes) = parsed.as_object() else { return parsed.clone() };
    routes.iter().map(|(route, definition)| (route.clone(), declared_message(definition))).collect()
}

fn declared_message(parsed: &Value) -> Value {
    let Some(fields) = parsed.as_object() else { return parsed.clone() };
    let mut declared = Map::new();
    for (name, field) in fields {
        let text = |key| field.get(key).and_then(Value::as_str).unwrap_or_default();
        match (name.as_str(), field) {
            ("__tags", _) => {}
            ("__messages", Value::Object(messages)) => declared.extend(
                messages.iter().map(|(name, inner)| (format!("message {name}"), declared_message(inner))),
            ),
            _ => {
                // Make anything that is not a field an invalid declaration, so that it is refused,
                // not skipped.
                let tag = field.get("tag").cloned().unwrap_or(json!(0));
                declared.insert(format!("{} {} {name}", text("option"), text("type")), tag);
            }
        }
    }
    Value::Object(declared)
}

fn words(key: &str) -> Vec<&str> {
    key.split(' ').collect()
}

/// Rule, type, name and tag of a field; `None` if the key does not declare a field.
fn declaration<'a>(key: &'a str, tag: &Value) -> Result<Option<(Rule, &'a str, &'a str, u64)>, &'static str> {
    let (rule, type_name, name) = match words(key)[..] {
        ["message", _] => return Ok(None),
        ["required", kind, name] => (Rule::Required, kind, name),
        ["optional", kind, name] => (Rule::Optional, kind, name),
        ["repeated", kind, name] => (Rule::Repeated, kind, name),
        ["message" | "required" | "optional" | "repeated", ..] => return Err("expected three words"),
        _ if tag.is_number() => return Err("unknown first word"),
        _ => return Ok(None),
    };
    // JavaScript's shift converts a string to a number.
    let number = tag.as_u64().or_else(|| tag.as_str()?.parse().ok()).filter(|tag| *tag <= TAG_MAX);
    let number = number.ok_or("expected a tag from 0 to 2^28 - 1")?;
    Ok(Some((rule, type_name, name, number)))
}
