//! Pomelo's dialect of protobuf (npm `pomelo-protobuf` 0.4.0): message bodies by tag instead of by
//! name.
//!
//! It is not Google's. A field is `varint(tag << 3 | wire type)` and a value, but the wire type is
//! never read:
//!
//! | type | value | wire type |
//! |---|---|---|
//! | `uInt32` | varint | 0 |
//! | `int32`, `sInt32` | zigzag varint, both of them | 0 |
//! | `float` | 4 bytes, little endian | 5 |
//! | `double` | 8 bytes, little endian | 1 |
//! | `string` | varint length, UTF-8 | 2 |
//! | a message | varint length, its fields | 2 |
//!
//! A repeated string or message is written as one field for each element; a repeated number as one
//! field: varint count, then the values. Despite their names the integers hold whatever JavaScript
//! counts exactly, up to 2^53 − 1.
//!
//! A type that is none of these, such as `bool`, has no value on the wire: only the tag is written.
//!
//! Where the original throws or hangs, this returns a [`ProtoError`]: unknown tags, truncated
//! values, values of another type. A missing required field is refused when writing (the original
//! sends an empty body) and accepted when reading, as the original does. `null` counts as missing.
//! Fields outside the definition are not written.

mod decode;
mod encode;
mod schema;

use serde_json::value::RawValue;
use serde_json::{Map, Value, json};
use thiserror::Error;

pub use self::schema::Fault;
use self::schema::Schema;
use super::dictionary::{raw, version_of};

/// Maximum nesting of messages.
pub const DEPTH_MAX: usize = 32;

/// The largest integer that JavaScript counts exactly, 2^53 − 1: the dialect's bound for every
/// integer.
const INTEGER_MAX: u64 = (1 << 53) - 1;

/// The definitions of both directions: `config/serverProtos.json` and `config/clientProtos.json`.
#[derive(Clone, Debug)]
pub struct Protos {
    server: Schema,
    client: Schema,
    version: String,
    json: Box<RawValue>,
}

/// Why definitions are wrong, or a body does not follow them. Names from outside are escaped.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ProtoError {
    /// A file, a route or a message definition is not a JSON object.
    #[error("expected an object of definitions at {}, got {got}", at.escape_debug())]
    NotAnObject {
        /// Where in the file.
        at: String,
        /// The JSON type that is there.
        got: &'static str,
    },
    /// A line of a definition cannot be understood.
    #[error(
        "expected `required|optional|repeated TYPE NAME: TAG` or `message NAME: {{…}}` at {}, got `{}`: {reason}",
        at.escape_debug(), declaration.escape_debug()
    )]
    Declaration {
        /// Where in the file.
        at: String,
        /// The key.
        declaration: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A field's type is neither built in nor a message in reach.
    #[error(
        "expected uInt32, int32, sInt32, float, double, string or a message defined at {} or at the top, got `{}`",
        at.escape_debug(), name.escape_debug()
    )]
    UnknownType {
        /// Where in the file.
        at: String,
        /// The type's name.
        name: String,
    },
    /// Messages are nested too deep.
    #[error("expected at most {DEPTH_MAX} levels of messages, got more")]
    TooDeep,
    /// There is no definition for this route in this direction.
    #[error("expected a route with a definition, got `{}`", route.escape_debug())]
    NoDefinition {
        /// The route.
        route: String,
    },
    /// A required field is missing or null.
    #[error("expected the required field `{}`, got a message without it", field.escape_debug())]
    Missing {
        /// The field's name.
        field: String,
    },
    /// A value is of another type than the field.
    #[error("expected {expected} in `{}`, got {got}", field.escape_debug())]
    WrongType {
        /// The field's name; empty for the body itself.
        field: String,
        /// What the definition asks for.
        expected: &'static str,
        /// The JSON type that is there.
        got: &'static str,
    },
    /// An integer is negative where it must not be, or not exact in JavaScript.
    #[error("expected an integer in `{}` that the type holds, up to 2^53 - 1, got another", field.escape_debug())]
    OutOfRange {
        /// The field's name.
        field: String,
    },
    /// The definition has no such tag.
    #[error("expected a tag of the definition, got {tag}")]
    UnknownTag {
        /// The tag.
        tag: u64,
    },
    /// The bytes end before the value does.
    #[error("expected {expected} bytes in `{}`, got {got}", field.escape_debug())]
    Truncated {
        /// The field's name; empty for a tag.
        field: String,
        /// Minimum number of bytes that the value needs.
        expected: u64,
        /// Bytes that are left.
        got: usize,
    },
}

impl ProtoError {
    /// Whether a field's type is not known.
    pub fn is_unknown_type(&self) -> bool {
        matches!(self, Self::UnknownType { .. })
    }
}

impl Protos {
    /// Reads the definitions as people write them: for each route an object such as `{"required
    /// string msg": 1, "repeated Item items": 2, "message Item": {"optional uInt32 id": 1}}`.
    ///
    /// A message defined at the top of a file, `"message Item": {…}`, is known to all routes of
    /// that file. `null` stands for a file that is not there. Keys that declare nothing, such as
    /// comments, are skipped.
    ///
    /// # Errors
    ///
    /// Every variant of [`ProtoError`] that has an `at`, and [`TooDeep`](ProtoError::TooDeep).
    pub fn from_json(server: &Value, client: &Value) -> Result<Protos, ProtoError> {
        let mut faults = Vec::new();
        let protos = Self::read(server, client, &mut faults);
        faults.into_iter().next().map_or(Ok(protos), |Fault { error, .. }| Err(error))
    }

    /// As [`from_json`](Self::from_json), but as forgiving as Pomelo: a wrong declaration is
    /// skipped, and a field of an unknown type is sent without its value. Messages nested too deep
    /// have no fields.
    pub fn lenient(server: &Value, client: &Value) -> Protos {
        Self::read(server, client, &mut Vec::new())
    }

    /// Checks the definitions of one direction; errors name them as `at`.
    pub fn faults(definitions: &Map<String, Value>, at: &str) -> Vec<Fault> {
        Schema::from_definitions(definitions, at).faults
    }

    fn read(server: &Value, client: &Value, faults: &mut Vec<Fault>) -> Protos {
        let [server, client] = [(server, "serverProtos"), (client, "clientProtos")].map(|(file, at)| {
            let mut parsed = Schema::parse(file, at);
            faults.append(&mut parsed.faults);
            parsed
        });
        let version = version_of(&[&raw(client.json.clone()), &raw(server.json.clone())]);
        let json = raw(json!({ "server": server.json, "client": client.json, "version": version }));
        Self { server: server.schema, client: client.schema, version, json }
    }

    /// Reads the definitions in the form of a server's handshake: see [`json`](Self::json).
    ///
    /// # Errors
    ///
    /// As [`from_json`](Self::from_json).
    pub fn from_handshake(protos: &Value) -> Result<Protos, ProtoError> {
        let declared = |side| protos.get(side).map(schema::declared).unwrap_or_default();
        Self::from_json(&declared("server"), &declared("client"))
    }

    /// Whether bodies that clients send to this route are encoded.
    pub fn has_client(&self, route: &str) -> bool {
        self.client.route(route).is_some()
    }

    /// Whether bodies that the server sends on this route are encoded.
    pub fn has_server(&self, route: &str) -> bool {
        self.server.route(route).is_some()
    }

    /// Reads a body from a client: a JSON object with its fields in the order of the bytes.
    ///
    /// # Errors
    ///
    /// When the route has no definition, or the bytes do not follow it.
    pub fn decode_client(&self, route: &str, body: &[u8]) -> Result<Value, ProtoError> {
        decode::decode(&self.client, route, body)
    }

    /// Writes a body for clients, its fields in the order of the JSON object.
    ///
    /// # Errors
    ///
    /// When the route has no definition, or the value does not follow it.
    pub fn encode_server(&self, route: &str, body: &Value) -> Result<Vec<u8>, ProtoError> {
        encode::encode(&self.server, route, body)
    }

    /// Reads a body from the server, as a client does.
    ///
    /// # Errors
    ///
    /// As [`decode_client`](Self::decode_client).
    pub fn decode_server(&self, route: &str, body: &[u8]) -> Result<Value, ProtoError> {
        decode::decode(&self.server, route, body)
    }

    /// Writes a body for the server, as a client does.
    ///
    /// # Errors
    ///
    /// As [`encode_server`](Self::encode_server).
    pub fn encode_client(&self, route: &str, body: &Value) -> Result<Vec<u8>, ProtoError> {
        encode::encode(&self.client, route, body)
    }

    /// The version, base64 of the MD5 of the JSON. A client that sends it as `sys.protoVersion` is
    /// not sent the definitions again.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// `{"server":{…},"client":{…},"version":"…"}`, as sent in the handshake (`sys.protos`).
    pub fn json(&self) -> &RawValue {
        &self.json
    }
}

/// The JSON type of a value, for error messages.
fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}
