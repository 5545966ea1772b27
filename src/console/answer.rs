//! HTTP answers: common headers, and answers that many requests get.

use std::any::Any;
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use hyper::{Response, StatusCode};
use serde_json::json;

use super::stream::Stream;
use crate::orders::Refusal;

/// An answer of the console.
pub(super) type Answer = Response<Content>;

/// The body of an answer, and values that are dropped, in this order, when it is sent or its
/// connection has ended.
pub(super) struct Content {
    chunks: Chunks,
    kept: Vec<Box<dyn Any>>,
}

enum Chunks {
    Whole(Bytes),
    Stream(Stream),
}

impl<T: Into<Bytes>> From<T> for Content {
    fn from(bytes: T) -> Self {
        Self { chunks: Chunks::Whole(bytes.into()), kept: Vec::new() }
    }
}

impl Body for Content {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let chunk = match &mut self.chunks {
            Chunks::Whole(bytes) => Poll::Ready((!bytes.is_empty()).then(|| std::mem::take(bytes))),
            Chunks::Stream(stream) => stream.poll_next(context),
        };
        chunk.map(|chunk| chunk.map(|bytes| Ok(Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        matches!(&self.chunks, Chunks::Whole(bytes) if bytes.is_empty())
    }

    fn size_hint(&self) -> SizeHint {
        match &self.chunks {
            Chunks::Whole(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Chunks::Stream(_) => SizeHint::default(),
        }
    }
}

/// Headers of every answer: a page may load only from here, no page may frame it, and no other page
/// may read it.
const HEADERS: [(&str, &str); 5] = [
    (
        "content-security-policy",
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; \
         connect-src 'self' ws: wss:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    ),
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "DENY"),
    ("referrer-policy", "no-referrer"),
    ("cross-origin-resource-policy", "same-origin"),
];

/// Adds the headers of every answer.
pub(super) fn harden(headers: &mut HeaderMap) {
    for (name, value) in HEADERS {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    if !headers.contains_key(header::CACHE_CONTROL) {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
}

/// A successful answer in JSON.
pub(super) fn well(text: impl Into<Bytes>) -> Answer {
    typed(StatusCode::OK, "application/json", text)
}

/// A text of this media type.
pub(super) fn typed(status: StatusCode, content_type: &'static str, text: impl Into<Bytes>) -> Answer {
    let mut answer = Response::new(Content::from(text));
    *answer.status_mut() = status;
    answer.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    answer
}

/// Server-sent events.
pub(super) fn streamed(stream: Option<Stream>) -> Answer {
    let mut answer = typed(StatusCode::OK, "text/event-stream", "");
    // A proxy must not buffer events.
    answer.headers_mut().insert("x-accel-buffering", HeaderValue::from_static("no"));
    if let Some(stream) = stream {
        answer.body_mut().chunks = Chunks::Stream(stream);
    }
    answer
}

/// A refusal.
pub(super) fn refused(refusal: &Refusal) -> Answer {
    let status = StatusCode::from_u16(refusal.code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut answer = typed(status, "application/json", format!("{}\n", json!({ "error": refusal })));
    let headers = answer.headers_mut();
    if let Some(allow) = refusal.allow.as_deref().and_then(|allow| HeaderValue::from_str(allow).ok()) {
        headers.insert(header::ALLOW, allow);
    }
    if matches!(status.as_u16(), 401 | 403 | 408 | 413 | 415) {
        // The rest of its input is not awaited.
        headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    if status == StatusCode::UNAUTHORIZED {
        headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    answer
}

/// Keeps a value until an answer is sent, or its connection has ended.
pub(super) fn keeping<T: 'static>(kept: T, mut answer: Answer) -> Answer {
    answer.body_mut().kept.push(Box::new(kept));
    answer
}
