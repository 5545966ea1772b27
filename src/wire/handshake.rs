//! The first package each way: what a client says, what a server answers, and the kick that may end it all.

use std::borrow::Cow;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Map, Number, Value, json};
use thiserror::Error;

use super::dictionary::Dictionary;
use super::protobuf::{ProtoError, Protos};

/// What a server tells a client that shakes hands. By default nothing, as Pomelo's gate.
#[derive(Clone, Debug, Default)]
pub struct HandshakeOffer {
    /// How often the client shall send a heartbeat, in seconds. `None` and 0: never.
    pub heartbeat_s: Option<u64>,
    /// The codes of routes, when the server compresses them.
    pub dictionary: Option<Arc<Dictionary>>,
    /// The message definitions, when the server encodes bodies by them.
    pub protos: Option<Arc<Protos>>,
}

impl HandshakeOffer {
    /// The body of the handshake package that answers a client's, byte for byte as `pomelo` 2.2.7.
    ///
    /// A client that names the version of the dictionary or the protos that it knows is spared them.
    ///
    /// # Errors
    ///
    /// `{"code":500}`, to be sent before closing, when the client's body is no JSON object with a `sys`, or its `sys` is
    /// null, false, 0 or `""`. JSON nested deeper than 128 levels counts as no JSON.
    pub fn answer(&self, client_body: &[u8]) -> Result<Vec<u8>, Vec<u8>> {
        let refusal = || br#"{"code":500}"#.to_vec();
        // Lossy as in Pomelo: a name in a wrong encoding is no reason to refuse a client.
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

/// What a client says of itself first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClientHandshake {
    /// The kind of client, such as `js-websocket`. Servers ignore it unless told to check it.
    pub client_type: String,
    /// The client's version, such as `0.0.1`.
    pub version: String,
    /// What it says of its session, if it can come back to one.
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

/// What a client learns from a server's handshake.
#[derive(Clone, Debug)]
pub struct HandshakeReply {
    /// 200, or why the server is about to close: 500 malformed, 501 client refused.
    pub code: u64,
    /// How often to send a heartbeat, in seconds. `None`: never.
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

/// A server's handshake that a client cannot read.
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
    /// When it is no JSON object with a numeric `code`, or its `sys` has another shape than a
    /// Pomelo server sends, its message definitions included.
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
            // Applications may say anything about the user.
            resume: reply.user.get_mut("resume").and_then(|it| serde_json::from_value(it.take()).ok()),
        })
    }
}

/// What a client says that may come back, `"user":{"resume":true}`, and when it does, of the
/// session that it had: `"user":{"resume":{"token":"…","received":7}}`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ResumeRequest {
    /// The token of the session, as it came; empty when that was no string. None: the client comes
    /// for the first time.
    pub token: Option<String>,
    /// How many data packages the client has received in the session's whole life.
    pub received: Received,
}

/// What a client says that it has received.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Received {
    /// So many data packages.
    Packages(u64),
    /// It does not say.
    Unsaid,
    /// Something else than a number of packages.
    Garbage,
}

impl ResumeRequest {
    /// Finds it in the body of a client's handshake. None: the client knows nothing of coming back,
    /// or does not want to.
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

/// What a server adds to its handshake for clients that may come back: `"user":{"resume":{…}}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResumeOffer {
    /// What the client must show when it comes back.
    pub token: String,
    /// How long it may be away: whole seconds where that is exact.
    pub seconds: Number,
    /// Whether it has its session back; nothing to one that did not ask for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resumed: Option<bool>,
    /// Why not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<Cow<'static, str>>,
}

impl ResumeOffer {
    /// Adds itself behind the last field of a handshake's answer.
    pub fn add_to(&self, answer: &mut Vec<u8>) {
        let user = json!({ "user": { "resume": self } }).to_string();
        // Both are JSON objects with something in them: the brace that ends the one becomes the other's comma.
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

/// What JavaScript's `if` makes of a value: Pomelo asks only that much of `sys`.
fn is_truthy(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => false,
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::String(text) => !text.is_empty(),
        Value::Bool(true) | Value::Array(_) | Value::Object(_) => true,
    }
}
