//! Answers of HTTP: what all of them carry, and those that many requests get.

use std::pin::Pin;
use std::task::{Context, Poll};

use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use actix_web::web::Bytes;
use actix_web::{HttpResponse, HttpResponseBuilder};

use super::failure::Failure;

/// What every answer carries: a page may load only what is here, nobody may frame it, and no other page may read it.
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

/// Adds what every answer carries.
pub(super) fn harden(headers: &mut HeaderMap) {
    for (name, value) in HEADERS {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    if !headers.contains_key(header::CACHE_CONTROL) {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
}

/// JSON that is well.
pub(super) fn json(text: impl Into<Bytes>) -> HttpResponse {
    typed(StatusCode::OK, "application/json").body(text.into())
}

/// A text of that type.
pub(super) fn typed(status: StatusCode, content_type: &'static str) -> HttpResponseBuilder {
    let mut answer = HttpResponse::build(status);
    answer.insert_header((header::CONTENT_TYPE, content_type));
    answer
}

/// Why not.
pub(super) fn failed(failure: &Failure) -> HttpResponse {
    let status = StatusCode::from_u16(failure.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut answer = typed(status, "application/json");
    if let Some(allow) = &failure.allow {
        answer.insert_header((header::ALLOW, allow.as_str()));
    }
    if matches!(failure.status, 401 | 403 | 408 | 413 | 415) {
        // The rest of what it sends is not waited for.
        answer.force_close();
    }
    if status == StatusCode::UNAUTHORIZED {
        answer.insert_header((header::WWW_AUTHENTICATE, "Bearer"));
    }
    answer.body(format!("{}\n", failure.json()))
}

/// Keeps a value until an answer is sent, or its connection has ended.
pub(super) fn keeping<T: 'static>(kept: T, answer: HttpResponse) -> HttpResponse {
    answer.map_body(|_, body| BoxBody::new(Keeping { body, _kept: kept }))
}

struct Keeping<T> {
    body: BoxBody,
    _kept: T,
}

// What is kept is never pinned.
impl<T> Unpin for Keeping<T> {}

impl<T> MessageBody for Keeping<T> {
    type Error = Box<dyn std::error::Error>;

    fn size(&self) -> BodySize {
        self.body.size()
    }

    fn poll_next(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Self::Error>>> {
        Pin::new(&mut self.body).poll_next(context)
    }
}
