//! Pages, their files, health and metrics: everything outside of the API.

use hyper::StatusCode;
use hyper::header::{self, HeaderValue};
use xxhash_rust::xxh3::xxh3_64;

use super::answer::{Answer, typed};
use super::assets::Asset;
use super::server::Shared;
use super::{guide, metrics};
use crate::admin::Token;
use crate::guide::Page;
use crate::orders::{Code, Refusal};

/// Where a page contains the token, or nothing.
const TOKEN: &str = r#"<meta name="pomelo-token" content=""#;

const HTML: &str = "text/html; charset=utf-8";

/// The content at a path; `token` is for a page that may contain it.
pub(super) fn page(
    path: &str,
    known: Option<&HeaderValue>,
    token: Option<&Token>,
    shared: &Shared,
) -> Result<Answer, Refusal> {
    match path {
        "/" => asset("chat.html", known),
        "/console" => console(token),
        "/guide" => Ok(typed(StatusCode::OK, HTML, guide::index())),
        "/healthz" => health(shared),
        "/metrics" => figures(shared),
        _ => match (path.strip_prefix("/assets/"), path.strip_prefix("/guide/")) {
            (Some(path), _) if !path.ends_with(".html") => asset(path, known),
            (_, Some(topic)) => {
                let page = Page::find(topic).ok_or_else(nowhere)?;
                Ok(typed(StatusCode::OK, HTML, guide::page(page)))
            }
            _ => Err(nowhere()),
        },
    }
}

fn nowhere() -> Refusal {
    Refusal::new(
        Code::UnknownPath,
        "no such page: / is the chat, /console the console, /guide the guide, /api/v1/... the API, \
         /metrics for Prometheus",
    )
}

/// A file. Browsers ask each time, and get it only if it differs from theirs.
fn asset(path: &str, known: Option<&HeaderValue>) -> Result<Answer, Refusal> {
    let asset = Asset::find(path).ok_or_else(nowhere)?;
    let tag = format!("\"{:016x}\"", xxh3_64(asset.bytes));
    let is_known = known
        .and_then(|known| known.to_str().ok())
        .is_some_and(|known| known.split(',').any(|known| known.trim().trim_start_matches("W/") == tag));
    let (status, bytes) =
        if is_known { (StatusCode::NOT_MODIFIED, &[][..]) } else { (StatusCode::OK, asset.bytes) };
    let mut answer = typed(status, asset.content_type(), bytes);
    answer.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    answer.headers_mut().extend(HeaderValue::try_from(tag).ok().map(|tag| (header::ETAG, tag)));
    Ok(answer)
}

/// The console page, with the token if its reader may change the cluster.
fn console(token: Option<&Token>) -> Result<Answer, Refusal> {
    let asset = Asset::find("console.html").ok_or_else(nowhere)?;
    let text = String::from_utf8_lossy(asset.bytes);
    let token = token.map(Token::as_str).unwrap_or_default();
    let text = text.replacen(TOKEN, &format!("{TOKEN}{token}"), 1);
    Ok(typed(StatusCode::OK, asset.content_type(), text))
}

/// Whether the cluster is up.
fn health(shared: &Shared) -> Result<Answer, Refusal> {
    shared.target.live()?;
    Ok(typed(StatusCode::OK, "text/plain; charset=utf-8", "ok\n"))
}

/// The last view, for Prometheus: frequent requests cost the cluster nothing.
fn figures(shared: &Shared) -> Result<Answer, Refusal> {
    let seen = shared.board.seen().ok_or_else(Refusal::ended)?;
    let (view, picture) = &*seen;
    let page = metrics::page(view, picture, shared.streams.count());
    Ok(typed(StatusCode::OK, metrics::CONTENT_TYPE, page))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::{Asset, TOKEN};

    #[test]
    fn the_console_has_one_place_for_the_token() {
        let console = std::str::from_utf8(Asset::find("console.html").unwrap().bytes).unwrap();
        assert_eq!(console.matches(&format!("{TOKEN}\">")).count(), 1);
    }
}
