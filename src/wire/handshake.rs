//! The first package each way, the client's handshake and the server's answer, and the body of a
//! kick.

use std::borrow::Cow;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Map, Number, Value, json};
use thiserror::Error;

use super::dictionary::Dictionary;
use super::protobuf::{ProtoError, Protos};

/// The server's side of a handshake. Empty by default, like that of Pomelo's gate.
#[derive(Clone, Debug, Default)]
pub struct HandshakeOffer {
    /// The heartbeat interval asked of the client, in seconds. `None` and 0: never.
    pub heartbeat_s: Option<u64>,
    /// The codes of routes, when the server compresses them.
    pub dictionary: Option<Arc<Dictionary>>,
    /// The message definitions, when the server encodes bodies by them.
    pub protos: Option<Arc<Protos>>,
}

impl HandshakeOffer {
    /// The body of the handshake package that answers a client's, byte for byte as `pomelo` 2.2.7.
    ///
    /// The dictionary and the protos are left out for a client that names their current version.
    ///
    /// # Errors
    ///
    /// `{"code":500}`, to be sent before closing, when the client's body is not a JSON object with
    /// a `sys`, or its `sys` is null, false, 0 or `""`. JSON nested deeper than 128 levels is
    /// refused, too.
    pub fn answer(&self, client_body: &[u8]) -> Result<Vec<u8>, Vec<u8>> {
        let refusal = || br#"{"code":500}"#.to_vec();
        // Lossy as in Pomelo: a wrongly encoded name must not get a client refused.
        let hello: Value =
            serde_json::from_str(&String::from_utf8_lossy(client_body)).map_err(|_| refusal())?;
        let client = hello.get("sys").filter(|sys| is_truthy(sys)).ok_or_else(refusal)?;
        serde_json::to_vec(&Answer { code: 200, sys: self.sys(client) }).map_err(|_| refusal())
    }

    fn sys(&self, client: &Value) -> Sys<'_> {
        let knows = |key: &str, version: &str| client.get(key).and_then(Value::as_str) == Some(version);
        let dictionary = self.dictionary.as_deref();
        let unknown = dictionary.filter(|dictionary| !knows("dictVersion", dictionary.version()));
        let protos = self.protos.as_deref();
        Sys {
            heartbeat: self.heartbeat_s.filter(|&seconds| seconds > 0),
            dict: unknown.map(Dictionary::route_to_code),
            route_to_code: unknown.map(Dictionary::route_to_code),
            code_to_route: unknown.map(Dictionary::code_to_route),
            dict_version: unknown.map(Dictionary::version),
            use_dict: dictionary.map(|_| true),
            protos: protos.filter(|protos| !knows("protoVersion", protos.version())).map(Protos::json),
            use_proto: protos.map(|_| true),
        }
    }
}

/// A client's handshake: how it describes itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClientHandshake {
    /// The kind of client, such as `js-websocket`. Servers ignore it unless told to check it.
    pub client_type: String,
    /// The client's version, such as `0.0.1`.
    pub version: String,
    /// Its session, if the client supports resuming one.
    pub resume: Option<ResumeRequest>,
}

impl ClientHandshake {
    /// The body of the handshake package, as the chat tutorial's browser client sends it.
    pub fn body(&self) -> Vec<u8> {
        let mut hello = json!({ "sys": { "type": self.client_type, "version": self.version } });
        if let Some(ResumeRequest { token, received }) = &self.resume {
            let mut resume = token.as_ref().map_or(json!(true), |token| json!({ "token": token }));
            if let (Some(_), Received::Packages(count)) = (token, received) {
                resume["received"] = json!(count);
            }
            hello["user"] = json!({ "resume": resume });
        }
        hello.to_string().into_bytes()
    }
}

/// A server's handshake as a client reads it.
#[derive(Clone, Debug)]
pub struct HandshakeReply {
    /// 200, or the reason why the server is about to close: 500 malformed, 501 client refused.
    pub code: u64,
    /// The heartbeat interval in seconds. `None`: never.
    pub heartbeat_s: Option<u64>,
    /// The codes of routes, when the server sent them.
    pub dictionary: Option<Dictionary>,
    /// Whether the server encodes the bodies of some routes by protobuf.
    pub use_proto: bool,
    /// The definitions of these bodies, when the server sent them.
    pub protos: Option<Protos>,
    /// The session, when the server keeps it for a client that comes back.
    pub resume: Option<ResumeOffer>,
}

/// Why a client cannot read a server's handshake.
#[derive(Debug, Error)]
pub enum HandshakeError {
    /// It has another shape.
    #[error("expected a handshake reply such as {{\"code\":200,\"sys\":{{}}}}, got something else: {0}")]
    Shape(#[from] serde_json::Error),
    /// Its message definitions are wrong.
    #[error("sys.protos of the handshake: {0}")]
    Protos(#[from] ProtoError),
}

impl HandshakeReply {
    /// Reads the body of a server's handshake package.
    ///
    /// # Errors
    ///
    /// When it is not a JSON object with a numeric `code`, or its `sys` does not have the shape
    /// that a Pomelo server sends, message definitions included.
    pub fn parse(body: &[u8]) -> Result<Self, HandshakeError> {
        let mut reply: RawReply = serde_json::from_slice(body)?;
        let codes = reply.sys.dict.map(|dict| {
            dict.into_iter().filter_map(|(route, code)| Some((route, u16::try_from(code.as_u64()?).ok()?)))
        });
        Ok(Self {
            code: reply.code,
            heartbeat_s: reply.sys.heartbeat.filter(|&seconds| seconds > 0),
            dictionary: codes.map(Dictionary::from_codes),
            use_proto: reply.sys.use_proto,
            protos: reply.sys.protos.as_ref().map(Protos::from_handshake).transpose()?,
            // Applications may put anything into `user`, so another shape is not an error.
            resume: reply.user.get_mut("resume").and_then(|it| serde_json::from_value(it.take()).ok()),
        })
    }
}

/// A client's wish to have its session kept, `"user":{"resume":true}`, or to resume an earlier one,
/// `"user":{"resume":{"token":"…","received":7}}`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ResumeRequest {
    /// The session's token as received; empty if it was not a string. `None`: a new session.
    pub token: Option<String>,
    /// How many data packages the client has received in the session's whole life.
    pub received: Received,
}

/// The client's account of the data packages that it has received.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Received {
    /// This number of data packages.
    Packages(u64),
    /// The field is missing.
    Unsaid,
    /// The field is not a number of packages.
    Garbage,
}

impl ResumeRequest {
    /// Finds it in the body of a client's handshake. `None`: the client does not support resuming,
    /// or does not want it.
    pub fn parse(client_body: &[u8]) -> Option<Self> {
        let hello: Value = serde_json::from_str(&String::from_utf8_lossy(client_body)).ok()?;
        let declared = |resume: &&Value| !matches!(resume, Value::Null | Value::Bool(false));
        let resume = hello.get("user")?.get("resume").filter(declared)?;
        let received = match resume.get("received") {
            None => Received::Unsaid,
            Some(count) => count.as_u64().map_or(Received::Garbage, Received::Packages),
        };
        let token = resume.get("token").filter(|token| !token.is_null());
        let token = token.map(|token| token.as_str().unwrap_or_default().to_owned());
        Some(Self { token, received })
    }
}

/// The part of a server's handshake about resuming: `"user":{"resume":{…}}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResumeOffer {
    /// The token that resumes the session.
    pub token: String,
    /// How long the session outlives its connection; a whole number of seconds where that is exact.
    pub seconds: Number,
    /// Whether the session was resumed; absent if the client did not ask.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resumed: Option<bool>,
    /// Why it was not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<Cow<'static, str>>,
}

impl ResumeOffer {
    /// Appends itself after the last field of a handshake's answer.
    pub fn add_to(&self, answer: &mut Vec<u8>) {
        let user = json!({ "user": { "resume": self } }).to_string();
        // Both are non-empty JSON objects: the first one's closing brace becomes the comma before
        // the second.
        if answer.pop() == Some(b'}') {
            answer.push(b',');
            answer.extend_from_slice(&user.as_bytes()[1..]);
        }
    }
}

/// The body of a kick package: `{"reason":"…"}`.
pub fn kick_body(reason: &str) -> Vec<u8> {
    json!({ "reason": reason }).to_string().into_bytes()
}

/// The reply, with its fields in Pomelo's order.
#[derive(Serialize)]
struct Answer<'a> {
    code: u16,
    sys: Sys<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Sys<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    heartbeat: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    dict: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    route_to_code: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    code_to_route: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    dict_version: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    use_dict: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    protos: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    use_proto: Option<bool>,
}

#[derive(Deserialize)]
struct RawReply {
    code: u64,
    #[serde(default)]
    sys: RawSys,
    #[serde(default)]
    user: Value,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct RawSys {
    heartbeat: Option<u64>,
    dict: Option<Map<String, Value>>,
    use_proto: bool,
    protos: Option<Value>,
}

/// JavaScript's truthiness, the only check that Pomelo makes on `sys`.
fn is_truthy(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => false,
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::String(text) => !text.is_empty(),
        Value::Bool(true) | Value::Array(_) | Value::Object(_) => true,
    }
}
