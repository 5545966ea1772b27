//! What a client receives: bytes to compare, and text to read and write.

use std::fmt;

use pomelo_sim::wire::{
    HEADER_BYTES, Message, MessageKind, PackageType, WireRoute, write_package, write_push, write_response,
};
use serde_json::Value;

use super::scenario::unhex;
use crate::support::client::Transport;

/// The client port of the first connector in the tutorial's `servers.json`.
const FIRST_PORT: usize = 3050;

#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Seen {
    Package(Vec<u8>),
    /// The end of the connection, with the WebSocket close code if there was one.
    Closed(Option<u16>),
}

impl Seen {
    pub(crate) fn package(kind: PackageType, body: &[u8]) -> Self {
        let mut bytes = Vec::new();
        write_package(&mut bytes, kind, body);
        Self::Package(bytes)
    }

    pub(crate) fn heartbeat() -> Self {
        Self::package(PackageType::Heartbeat, b"")
    }

    /// The response to a request that is refused, without the message, which is free.
    pub(crate) fn refused(id: u64) -> Self {
        Self::response(id, br#"{"code":500}"#)
    }

    /// A normal end by the server.
    pub(crate) fn closed(transport: Transport) -> Self {
        Self::Closed((transport == Transport::WebSocket).then_some(1000))
    }

    /// As a table has it: `heartbeat`, `response ID BODY` or `push ROUTE BODY`. A route may be a
    /// code, a body `0x…`.
    pub(crate) fn from_text(text: &str) -> Self {
        let mut words = text.splitn(3, ' ');
        match (words.next(), words.next(), words.next()) {
            (Some("heartbeat"), None, None) => Self::heartbeat(),
            (Some("response"), Some(id), Some(body)) => {
                Self::response(id.parse().unwrap(), &body_bytes(body))
            }
            (Some("push"), Some(route), Some(body)) => {
                let route = match route.parse() {
                    Ok(code) => WireRoute::Code(code),
                    Err(_) => WireRoute::Name(route.into()),
                };
                let mut bytes = Vec::new();
                write_push(&mut bytes, &route, &body_bytes(body)).unwrap();
                Self::Package(bytes)
            }
            _ => panic!("unreadable: {text}"),
        }
    }

    /// A package of ours as it would have been recorded: without the message that explains an
    /// error, which must be there, and with the port that the tutorial's `servers.json` gives to
    /// the connector.
    pub(crate) fn as_recorded(package: &[u8], connector_ports: &[u16]) -> Self {
        let verbatim = Self::Package(package.to_vec());
        let Some(Message { kind: MessageKind::Response { id }, body, .. }) = verbatim.message() else {
            return verbatim;
        };
        let Ok(Value::Object(mut fields)) = serde_json::from_slice(body) else { return verbatim };
        let Some(code) = fields.get("code").cloned() else { return verbatim };
        let connector =
            connector_ports.iter().position(|port| fields.get("port") == Some(&Value::from(*port)));
        if let Some(at) = connector {
            fields["port"] = Value::from(FIRST_PORT + at);
        }
        if code != 200 {
            let message = fields.shift_remove("message");
            let message = message.as_ref().and_then(Value::as_str).unwrap_or_default();
            if message.is_empty() || message.contains(".rs") {
                return verbatim;
            }
        }
        Self::response(id, Value::Object(fields).to_string().as_bytes())
    }

    pub(crate) fn is_handshake(&self) -> bool {
        matches!(self, Self::Package(bytes) if bytes[0] == PackageType::Handshake as u8)
    }

    pub(crate) fn answers(&self, request: u64) -> bool {
        matches!(self.message(), Some(Message { kind: MessageKind::Response { id }, .. }) if id == request)
    }

    pub(crate) fn message(&self) -> Option<Message<'_>> {
        match self {
            Self::Package(bytes) if bytes[0] == PackageType::Data as u8 => {
                Message::decode(&bytes[HEADER_BYTES..]).ok()
            }
            _ => None,
        }
    }

    fn response(id: u64, body: &[u8]) -> Self {
        let mut bytes = Vec::new();
        write_response(&mut bytes, id, body);
        Self::Package(bytes)
    }
}

impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = match self {
            Self::Package(bytes) => bytes,
            Self::Closed(None) => return f.write_str("closed"),
            Self::Closed(Some(code)) => return write!(f, "closed with code {code}"),
        };
        let kind = PackageType::from_byte(bytes[0]);
        match (kind, self.message()) {
            (_, Some(Message { kind: MessageKind::Response { id }, body, .. })) => {
                write!(f, "response {id} {}", body_text(body))
            }
            (_, Some(Message { kind: MessageKind::Push, route: Some(WireRoute::Name(route)), body })) => {
                write!(f, "push {route} {}", body_text(body))
            }
            (_, Some(Message { kind: MessageKind::Push, route: Some(WireRoute::Code(code)), body })) => {
                write!(f, "push {code} {}", body_text(body))
            }
            (Some(PackageType::Heartbeat), _) => f.write_str("heartbeat"),
            (Some(PackageType::Handshake), _) => write!(f, "handshake {}", body_text(&bytes[HEADER_BYTES..])),
            (Some(PackageType::Kick), _) => write!(f, "kick {}", body_text(&bytes[HEADER_BYTES..])),
            _ => f.write_str(&body_text(bytes)),
        }
    }
}

fn body_text(body: &[u8]) -> String {
    match std::str::from_utf8(body) {
        Ok(text) if !text.chars().any(char::is_control) => text.to_owned(),
        _ => body.iter().fold("0x".to_owned(), |hex, byte| format!("{hex}{byte:02x}")),
    }
}

fn body_bytes(text: &str) -> Vec<u8> {
    text.strip_prefix("0x").map_or_else(|| text.as_bytes().to_vec(), unhex)
}
