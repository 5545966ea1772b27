//! Definitions as people write them, checked: every type is known, every tag is unique.

use std::collections::{BTreeMap, HashMap};

use serde_json::{Map, Value, json};

use super::{DEPTH_MAX, ProtoError, type_name};

/// Tags lie in a 32-bit number above three bits of wire type, and JavaScript's is signed.
const TAG_MAX: u64 = (1 << 28) - 1;

/// The definitions of one direction. Messages refer to each other by their place in `messages`.
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
}

impl Schema {
    /// Reads one file; also gives it back in the parsed form that a handshake carries.
    pub(super) fn parse(file: &Value, at: &str) -> Result<(Self, Value), ProtoError> {
        let empty = Map::new();
        let file = if file.is_null() { &empty } else { object(file, at)? };
        // Roots may refer to each other whatever their order, so their places are given first.
        let mut parser = Parser { roots: HashMap::new(), messages: vec![MessageType::default(); file.len()] };
        parser.roots.extend(file.keys().enumerate().map(|(index, name)| (name.as_str(), index)));
        let mut json = Map::new();
        for (index, (route, definition)) in file.iter().enumerate() {
            let (message, parsed) = parser.message(definition, &format!("{at}.{route}"), 0)?;
            parser.messages[index] = message;
            json.insert(route.clone(), parsed);
        }
        let routes = file.keys().cloned().zip(0..).collect();
        Ok((Self { routes, messages: parser.messages }, Value::Object(json)))
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
    /// What stands before the value. Its wire type is written for other readers; Pomelo's do not look at it.
    pub(super) fn head(&self) -> u64 {
        let wire_type = match self.kind {
            Kind::Unsigned | Kind::Signed => 0,
            Kind::Double => 1,
            Kind::String | Kind::Message(_) => 2,
            Kind::Float => 5,
        };
        self.tag << 3 | wire_type
    }
}

struct Parser<'a> {
    roots: HashMap<&'a str, usize>,
    messages: Vec<MessageType>,
}

impl Parser<'_> {
    fn message(
        &mut self,
        definition: &Value,
        at: &str,
        depth: usize,
    ) -> Result<(MessageType, Value), ProtoError> {
        if depth >= DEPTH_MAX {
            return Err(ProtoError::TooDeep);
        }
        let definition = object(definition, at)?;
        let mut nested = HashMap::new();
        let mut nested_json = Map::new();
        for (key, inner) in definition {
            if let ["message", name] = words(key)[..] {
                let (message, parsed) = self.message(inner, &format!("{at}.{name}"), depth + 1)?;
                nested.insert(name, self.messages.len());
                self.messages.push(message);
                nested_json.insert(name.to_owned(), parsed);
            }
        }

        let mut message = MessageType::default();
        let mut json = Map::new();
        let mut tags = BTreeMap::new();
        for (key, tag) in definition {
            let bad =
                |reason| ProtoError::Declaration { at: at.to_owned(), declaration: key.clone(), reason };
            let (rule, type_name, name) = match words(key)[..] {
                ["message", _] => continue,
                ["required", kind, name] => (Rule::Required, kind, name),
                ["optional", kind, name] => (Rule::Optional, kind, name),
                ["repeated", kind, name] => (Rule::Repeated, kind, name),
                ["message" | "required" | "optional" | "repeated", ..] => return Err(bad("not three words")),
                _ if tag.is_number() => return Err(bad("the first word is unknown")),
                _ => continue,
            };
            let tag =
                tag.as_u64().filter(|&tag| tag <= TAG_MAX).ok_or_else(|| bad("no tag from 0 to 2^28 - 1"))?;
            let kind = self
                .kind(type_name, &nested)
                .ok_or_else(|| ProtoError::UnknownType { at: at.to_owned(), name: type_name.to_owned() })?;
            let index = message.fields.len();
            if message.by_tag.insert(tag, index).is_some() {
                return Err(bad("the tag is used twice"));
            }
            if message.by_name.insert(name.to_owned(), index).is_some() {
                return Err(bad("the name is used twice"));
            }
            message.fields.push(Field { name: name.to_owned(), tag, rule, kind });
            let option = words(key)[0];
            json.insert(name.to_owned(), json!({ "option": option, "type": type_name, "tag": tag }));
            tags.insert(tag, name);
        }
        json.insert("__messages".to_owned(), Value::Object(nested_json));
        // By number, since JavaScript orders keys that are numbers so.
        let tags = tags.into_iter().map(|(tag, name)| (tag.to_string(), Value::from(name)));
        json.insert("__tags".to_owned(), Value::Object(tags.collect()));
        Ok((message, Value::Object(json)))
    }

    /// A message is looked for beside the field, then at the top of the file; not in between, as in the original.
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

/// The definitions of one direction in the parsed form of a handshake, as people would write them.
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
                // What is no field becomes a declaration that is refused, not one that is skipped.
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

fn object<'a>(value: &'a Value, at: &str) -> Result<&'a Map<String, Value>, ProtoError> {
    value.as_object().ok_or_else(|| ProtoError::NotAnObject { at: at.to_owned(), got: type_name(value) })
}
