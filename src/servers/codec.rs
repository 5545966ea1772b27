//! Translates between JSON, which crosses servers, and the wire format of this cluster's clients:
//! dictionary codes and protobuf.

use std::borrow::Cow;
use std::sync::Arc;

use bytes::Bytes;
use serde::Serialize;
use serde_json::Value;

use crate::envelope::AppError;
use crate::wire::{Dictionary, MessageError, ProtoError, Protos, PushFrame, WireRoute, cesu8};

/// The codec of a whole cluster. With a dictionary, Pomelo compresses every push, even for clients
/// that never asked for one, so one encoding serves all clients.
#[derive(Clone, Default)]
pub struct Codec {
    /// Codes for routes (`dictionary.json`).
    pub dictionary: Option<Arc<Dictionary>>,
    /// Message definitions (`clientProtos.json`, `serverProtos.json`).
    pub protos: Option<Arc<Protos>>,
}

impl Codec {
    /// Decodes a client's body to JSON.
    ///
    /// # Errors
    /// The route has a protobuf definition, and the body does not fit it.
    pub fn decode(&self, route: &str, body: Bytes) -> Result<Bytes, AppError> {
        match &self.protos {
            Some(protos) if protos.has_client(route) => {
                let value = protos
                    .decode_client(route, &body)
                    .map_err(|error| AppError::new(format!("body of {route}: {error}")))?;
                encode(&value)
            }
            _ => Ok(match cesu8::to_utf8(&body) {
                Cow::Borrowed(_) => body,
                Cow::Owned(text) => Bytes::from(text),
            }),
        }
    }

    /// Encodes a response's body for the client that requested `route`.
    ///
    /// # Errors
    /// The route has a protobuf definition, and the body does not fit it.
    pub fn encode_response(&self, route: &str, body: Bytes) -> Result<Bytes, AppError> {
        match &self.protos {
            Some(protos) if protos.has_server(route) => {
                let value = serde_json::from_slice(&body).map_err(|error| cannot_encode(route, &error))?;
                protos
                    .encode_server(route, &value)
                    .map(Bytes::from)
                    .map_err(|error| cannot_encode(route, &error))
            }
            _ => Ok(body),
        }
    }

    /// Encodes a refusal's body for the client that requested `route`. A route with a protobuf
    /// definition allows no other body: fields that the definition lacks, or has with another type,
    /// are left out. If a required field is then missing, the body is empty, as in the original:
    /// its clients read an empty body as `{}`, and could not decode a JSON one.
    pub fn encode_refusal(&self, route: &str, error: &AppError) -> Bytes {
        match &self.protos {
            Some(protos) if protos.has_server(route) => {
                let fields = serde_json::to_value(error).unwrap_or_default();
                Bytes::from(encode_fitting(protos, route, fields))
            }
            // `AppError` always encodes today; the constant guards against later changes to it.
            _ => encode(error).unwrap_or(Bytes::from_static(b"{\"code\":500}")),
        }
    }

    /// Encodes a push once for all recipients.
    ///
    /// # Errors
    /// The body cannot be encoded, or the route is too long for the wire.
    pub fn encode_push(&self, route: &str, body: &impl Serialize) -> Result<PushFrame, AppError> {
        let code = self.dictionary.as_ref().and_then(|dictionary| dictionary.code(route));
        let wire_route = code.map_or_else(|| WireRoute::Name(route.into()), WireRoute::Code);
        let frame = PushFrame::build(wire_route, |buffer| match &self.protos {
            Some(protos) if protos.has_server(route) => {
                let value = serde_json::to_value(body).map_err(|error| PushError(error.to_string()))?;
                let bytes =
                    protos.encode_server(route, &value).map_err(|error| PushError(error.to_string()))?;
                buffer.extend_from_slice(&bytes);
                Ok(())
            }
            _ => serde_json::to_writer(buffer, body).map_err(|error| PushError(error.to_string())),
        });
        frame.map_err(|PushError(error)| cannot_encode(route, &error))
    }
}

/// Encodes the part of a body that fits its definition. Each round removes one field or ends the
/// loop.
fn encode_fitting(protos: &Protos, route: &str, mut body: Value) -> Vec<u8> {
    loop {
        match protos.encode_server(route, &body) {
            Ok(bytes) => return bytes,
            Err(ProtoError::WrongType { field, .. } | ProtoError::OutOfRange { field })
                if body.as_object_mut().is_some_and(|body| body.remove(&field).is_some()) => {}
            Err(_) => return Vec::new(),
        }
    }
}

struct PushError(String);

impl From<MessageError> for PushError {
    fn from(error: MessageError) -> Self {
        Self(error.to_string())
    }
}

fn cannot_encode(route: &str, error: &dyn std::fmt::Display) -> AppError {
    AppError::new(format!("cannot encode {route}: {error}"))
}

/// Encodes a value as the JSON that crosses servers.
pub(super) fn encode(body: &impl Serialize) -> Result<Bytes, AppError> {
    serde_json::to_vec(body)
        .map(Bytes::from)
        .map_err(|error| AppError::new(format!("cannot encode: {error}")))
}
