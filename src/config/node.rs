//! JSON values that know their place in the file, for error messages.

use std::cell::RefCell;
use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::path::Path;
use std::sync::Arc;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;

use super::error::{ConfigError, Place, Spot};
use super::marks::Marks;

/// The text of one file, or a text from elsewhere.
pub(super) struct Document<'a> {
    file: Arc<Path>,
    text: &'a str,
    has_lines: bool,
    /// The start of every path.
    root: &'static str,
    /// Lines and columns.
    marks: Marks,
    /// Duplicate keys, by the position of the second; at most [`DOUBLES_MAX`].
    doubles: RefCell<BTreeMap<usize, ConfigError>>,
}

/// Most duplicate keys reported for one file.
const DOUBLES_MAX: usize = 100;

impl<'a> Document<'a> {
    pub(super) fn new(file: &Path, text: &'a str) -> Self {
        // Node drops a byte order mark from JSON files; serde_json does not.
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        Self::new_in(Arc::from(file), text, true, "")
    }

    /// A generated text, whose line numbers would mean nothing: errors name `root.field` and
    /// `place`.
    pub(super) fn without_lines(root: &'static str, place: &'static str, text: &'a str) -> Self {
        Self::new_in(Arc::from(Path::new(place)), text, false, root)
    }

    fn new_in(file: Arc<Path>, text: &'a str, has_lines: bool, root: &'static str) -> Self {
        Self { file, text, has_lines, root, marks: Marks::new(text), doubles: RefCell::default() }
    }

    /// The file's path as given.
    pub(super) fn name(&self) -> String {
        self.file.display().to_string()
    }

    /// The duplicate keys found so far. As in JavaScript the last value counts.
    pub(super) fn doubles(&self) -> Vec<ConfigError> {
        std::mem::take(&mut *self.doubles.borrow_mut()).into_values().collect()
    }

    /// Parses the whole file as one value. This checks only that it is JSON; meaning is checked
    /// later.
    pub(super) fn root(&'a self) -> Result<Node<'a>, ConfigError> {
        let raw: &RawValue =
            serde_json::from_str(self.text).map_err(|error| self.not_json(&error, self.text))?;
        Ok(Node { document: self, raw: raw.get(), path: self.root.to_owned() })
    }

    /// Line and column of a byte of the text.
    fn place(&self, offset: usize) -> Place {
        let file = Arc::clone(&self.file);
        if !self.has_lines {
            return Place { file, position: None };
        }
        Place { file, position: Some(self.marks.position(self.text, offset)) }
    }

    /// `part` is the slice of the text that was parsed.
    fn not_json(&self, error: &serde_json::Error, part: &str) -> ConfigError {
        let line_start = match error.line() {
            0 | 1 => 0,
            line => part.match_indices('\n').nth(line - 2).map_or(part.len(), |(at, _)| at + 1),
        };
        // The parser's column is that of the last byte it consumed; at the end of the input it is
        // past the text.
        let mut at = (line_start + error.column().saturating_sub(1)).min(part.len());
        if error.is_eof() {
            at = part.len();
        }
        while !part.is_char_boundary(at) {
            at -= 1;
        }
        let reason = error.to_string();
        let reason = reason.split(" at line ").next().unwrap_or_default().to_owned();
        ConfigError::NotJson {
            reason,
            met: met(&part[..at], &part[at..]),
            at: self.place(self.offset(part) + at),
        }
    }

    fn double(&self, first: &Node<'_>, again: &str) {
        let mut doubles = self.doubles.borrow_mut();
        let offset = self.offset(again);
        if doubles.len() < DOUBLES_MAX || doubles.contains_key(&offset) {
            let error = || ConfigError::DuplicateKey { first: first.spot(), again: self.place(offset) };
            doubles.entry(offset).or_insert_with(error);
        }
    }

    /// The offset of a slice of the text.
    fn offset(&self, part: &str) -> usize {
        part.as_ptr().addr() - self.text.as_ptr().addr()
    }
}

/// Describes the text where a parser stopped, with a hint about the likely mistake.
fn met(before: &str, rest: &str) -> String {
    if rest.is_empty() {
        return "the end of the file".to_owned();
    }
    let word: String = rest.chars().take_while(|c| !c.is_control()).take(20).collect();
    let hint = match word.chars().next() {
        Some('/') => " (JSON has no comments)",
        Some('\'') => " (JSON quotes with \")",
        Some(']' | '}') if before.trim_end().ends_with(',') => " (JSON has no trailing commas)",
        Some(_) => "",
        None => return "the end of the line".to_owned(),
    };
    format!("`{}`{hint}", word.trim_end())
}

/// A value of a [`Document`].
#[derive(Clone)]
pub(super) struct Node<'a> {
    document: &'a Document<'a>,
    /// Its slice of the document's text.
    raw: &'a str,
    path: String,
}

/// A key and its value.
#[derive(Clone)]
pub(super) struct Member<'a> {
    pub(super) key: String,
    raw_key: &'a str,
    pub(super) value: Node<'a>,
}

impl<'a> Node<'a> {
    /// The members of an object in file order; `expected` describes it in the error. A duplicate
    /// key keeps its first place and its last value, as in JavaScript, and is recorded in the
    /// [document](Document::doubles).
    pub(super) fn object(&self, expected: &str) -> Result<Vec<Member<'a>>, ConfigError> {
        if !self.is_object() {
            return Err(self.invalid(expected));
        }
        let pairs: Pairs<'a> = self.parse()?;
        let mut members: Vec<Member<'a>> = Vec::with_capacity(pairs.0.len());
        let mut seen: HashMap<String, usize> = HashMap::with_capacity(pairs.0.len());
        for (raw_key, raw_value) in pairs.0 {
            let key: String = self.with(raw_key.get(), self.path.clone()).parse()?;
            let path = self.path_of(&key);
            let value = self.with(raw_value.get(), path.clone());
            match seen.entry(key.clone()) {
                Entry::Occupied(first) => {
                    let first = &mut members[*first.get()];
                    self.document.double(&self.with(first.raw_key, path), raw_key.get());
                    first.value = value;
                }
                Entry::Vacant(entry) => {
                    entry.insert(members.len());
                    members.push(Member { key, raw_key: raw_key.get(), value });
                }
            }
        }
        Ok(members)
    }

    /// The elements of an array.
    pub(super) fn array(&self, expected: &str) -> Result<Vec<Node<'a>>, ConfigError> {
        if !self.is_array() {
            return Err(self.invalid(expected));
        }
        let elements: Vec<&'a RawValue> = self.parse()?;
        let element = |(index, raw): (usize, &'a RawValue)| {
            let path = if self.path.is_empty() { "$" } else { self.path.as_str() };
            self.with(raw.get(), format!("{path}[{index}]"))
        };
        Ok(elements.into_iter().enumerate().map(element).collect())
    }

    /// The value as plain JSON.
    pub(super) fn value(&self) -> Result<Value, ConfigError> {
        self.parse()
    }

    /// Length of the value's text in bytes.
    pub(super) fn text_bytes(&self) -> usize {
        self.raw.len()
    }

    /// Whether JavaScript treats it as false in a condition.
    pub(super) fn is_falsy(&self) -> bool {
        matches!(self.raw, "null" | "false" | "\"\"") || self.raw.parse() == Ok(0.0)
    }

    pub(super) fn is_null(&self) -> bool {
        self.raw == "null"
    }

    /// Whether it is an array that begins with an object, like a list of servers.
    pub(super) fn is_list_of_objects(&self) -> bool {
        self.raw.strip_prefix('[').is_some_and(|rest| rest.trim_start().starts_with('{'))
    }

    pub(super) fn is_object(&self) -> bool {
        self.raw.starts_with('{')
    }

    pub(super) fn is_array(&self) -> bool {
        self.raw.starts_with('[')
    }

    pub(super) fn spot(&self) -> Spot {
        let place = self.document.place(self.document.offset(self.raw));
        Spot { path: self.path.as_str().into(), place }
    }

    /// The error that this value is not what was expected.
    pub(super) fn invalid(&self, expected: &str) -> ConfigError {
        self.invalid_as(self.describe(), expected)
    }

    /// As [`invalid`](Self::invalid), with a custom description of the value.
    pub(super) fn invalid_as(&self, met: String, expected: &str) -> ConfigError {
        ConfigError::Invalid { met, expected: expected.to_owned(), at: self.spot() }
    }

    fn describe(&self) -> String {
        let kind = match self.raw.as_bytes().first() {
            Some(b'{') => return "an object".to_owned(),
            Some(b'[') => return "an array".to_owned(),
            Some(b'n') => return "null".to_owned(),
            Some(b't' | b'f') => "boolean",
            Some(b'"') => "string",
            _ if self.raw.contains(['.', 'e', 'E']) => "number",
            _ => "integer",
        };
        // JSON escapes ASCII control characters but not Unicode's, which move a terminal's cursor
        // just as well.
        let printable = |c: char| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c };
        let mut shown: String = self.raw.chars().take(40).map(printable).collect();
        if self.raw.chars().nth(40).is_some() {
            shown.push('…');
        }
        format!("{kind} {shown}")
    }

    fn parse<T: Deserialize<'a>>(&self) -> Result<T, ConfigError> {
        serde_json::from_str(self.raw).map_err(|error| self.document.not_json(&error, self.raw))
    }

    fn with(&self, raw: &'a str, path: String) -> Node<'a> {
        Node { document: self.document, raw, path }
    }

    fn path_of(&self, key: &str) -> String {
        let plain = !key.is_empty() && key.chars().all(|c| c.is_alphanumeric() || matches!(c, '-' | '_'));
        match (plain, self.path.as_str()) {
            (true, "") => key.to_owned(),
            (true, path) => format!("{path}.{key}"),
            (false, path) => format!("{path}[{key:?}]"),
        }
    }
}

/// The members of an object as slices of the text, duplicate keys included.
struct Pairs<'a>(Vec<(&'a RawValue, &'a RawValue)>);

impl<'de> Deserialize<'de> for Pairs<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;

        impl<'de> Visitor<'de> for Members {
            type Value = Pairs<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    pairs.push(pair);
                }
                Ok(Pairs(pairs))
            }
        }

        deserializer.deserialize_map(Members)
    }
}
