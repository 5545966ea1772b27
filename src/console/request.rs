//! What each request meets on its way to its answer.

use std::future::poll_fn;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use hyper::body::{Body, Incoming};
use hyper::header::{self, HeaderName};
use hyper::http::request::Parts;
use hyper::{Method as HttpMethod, Request};
use serde_json::{Map, Value};
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use super::BODY_BYTES_MAX;
use super::about;
use super::answer::{Answer, failed, harden, json, keeping, streamed};
use super::failure::Failure;
use super::guard::{Sender, is_local};
use super::owner::may_be_own;
use super::pages::page;
use super::robots::Wanted;
use super::routes::{Method, Own, Route, Target};
use super::server::{REQUEST_TIMEOUT, Shared};

/// The ends of a connection.
#[derive(Clone, Copy)]
pub(super) struct Ends {
    pub(super) client: SocketAddr,
    /// The console's port.
    pub(super) port: u16,
}

/// A request that is not answered yet.
struct Busy(Arc<AtomicUsize>);

impl Busy {
    fn new(count: &Arc<AtomicUsize>) -> Self {
        count.fetch_add(1, Ordering::AcqRel);
        Self(Arc::clone(count))
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

/// Answers every request.
pub(super) async fn answer(request: Request<Incoming>, ends: Ends, shared: &Shared) -> Answer {
    let busy = Busy::new(&shared.busy);
    let (head, body) = request.into_parts();
    let mut answer = match decide(&head, body, ends, shared).await {
        Ok(Decision::Stream(answer)) => answer,
        Ok(Decision::Whole(answer)) => keeping(busy, answer),
        Err(failure) => {
            let (status, message) = (failure.status, &failure.message);
            let (method, path) = (&head.method, head.uri.path());
            log::debug!("console refused method={method} path={path:?} status={status} reason={message:?}");
            keeping(busy, failed(&failure))
        }
    };
    harden(answer.headers_mut());
    answer
}

enum Decision {
    Whole(Answer),
    Stream(Answer),
}

async fn decide(head: &Parts, body: Incoming, ends: Ends, shared: &Shared) -> Result<Decision, Failure> {
    let from = sender(head);
    let host = from.check_host()?;
    if head.uri.authority().is_some_and(|named| named.as_str() != host) {
        return Err(Failure::forbidden("the request names another host than its Host"));
    }
    let Some(method) = Method::named(head.method.as_str()) else {
        return Err(Failure::method("GET, POST, PUT, DELETE".to_owned()));
    };
    if method != Method::Get {
        from.check_origin()?;
        from.check_token(&shared.token)?;
    }
    let path = head.uri.path();
    if !path.starts_with("/api/") {
        if method != Method::Get {
            return Err(Failure::method("GET".to_owned()));
        }
        let token = may_change(head, ends).then_some(&shared.token);
        return page(path, head.headers.get(header::IF_NONE_MATCH), token, shared).map(Decision::Whole);
    }
    // Looking costs something too, and a page from elsewhere could make a browser look all day.
    from.check_origin()?;
    let (route, args) = Route::find(method, path)?;
    let body = read(head, body).await?;
    let args = route.complete(args, head.uri.query().unwrap_or_default(), &body)?;
    match route.target {
        Target::Order(command) => order(command, args, shared).await.map(Decision::Whole),
        Target::Own(Own::Live) if head.method == HttpMethod::HEAD => Ok(Decision::Whole(streamed(None))),
        Target::Own(Own::Live) => {
            let stream = shared.streams.begin(Arc::clone(&shared.board))?;
            Ok(Decision::Stream(streamed(Some(stream))))
        }
        Target::Own(what) => own(what, args, host, may_change(head, ends), shared).map(Decision::Whole),
    }
}

/// What the console answers without asking the cluster.
fn own(
    what: Own,
    args: Map<String, Value>,
    host: &str,
    may_change: bool,
    shared: &Shared,
) -> Result<Answer, Failure> {
    let live = shared.target.live()?;
    let answer = match what {
        Own::Cluster => about::cluster(&live.cluster, host, may_change),
        Own::Picture => return Ok(json(shared.board.picture_json())),
        Own::Robots | Own::Live => return Ok(json(shared.board.robots_json())),
        Own::History => shared.board.history_json(),
        Own::StartRobots => {
            let wanted = Wanted::read(args)?;
            let entry = about::entry(&live.cluster).ok_or_else(Failure::no_entry)?;
            log::info!("console robots={wanted:?}");
            let status = shared.robots.start(wanted, entry)?;
            shared.robots.publish(&shared.board);
            status
        }
        Own::StopRobots => shared.robots.stop(),
    };
    Ok(json(answer.to_string()))
}

/// Carries an order out, where it may wait.
async fn order(command: &'static str, args: Map<String, Value>, shared: &Shared) -> Result<Answer, Failure> {
    let live = shared.target.live()?;
    log::info!("console order={command} args={}", Value::Object(args.clone()));
    // A client that goes away before the answer takes nothing back: the cluster ends when `End` is dropped.
    let carry_out = move || {
        let (answer, ends) = live.carry_out(command, args)?;
        Ok::<_, Failure>((answer, ends.then(|| End(Arc::clone(&live.orders)))))
    };
    let (answer, end) = spawn_blocking(carry_out).await.map_err(|_| Failure::ended())??;
    Ok(keeping(end, json(answer.to_string())))
}

/// Ends the cluster when the answer that says so is sent.
struct End(Arc<dyn crate::admin::Orders>);

impl Drop for End {
    fn drop(&mut self) {
        self.0.end();
    }
}

/// The whole body, which is JSON or nothing.
async fn read(head: &Parts, body: Incoming) -> Result<Vec<u8>, Failure> {
    let headers = &head.headers;
    if body.size_hint().lower() > BODY_BYTES_MAX as u64 {
        return Err(Failure::too_large(BODY_BYTES_MAX));
    }
    let body = timeout(REQUEST_TIMEOUT, collect(body)).await.map_err(|_| Failure::late())??;
    let content_type = headers.get(header::CONTENT_TYPE);
    let is_json = content_type.and_then(|value| value.to_str().ok()).is_some_and(|value| {
        value.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/json"))
    });
    if is_json || (body.is_empty() && content_type.is_none()) { Ok(body) } else { Err(Failure::media_type()) }
}

/// As many bytes as come, up to the limit.
async fn collect(mut body: Incoming) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    while let Some(frame) = poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await {
        let frame = frame.map_err(|error| Failure::bad(format!("body: {error}")))?;
        // A frame without data has trailers, which mean nothing here.
        let chunk = frame.into_data().unwrap_or_default();
        if bytes.len() + chunk.len() > BODY_BYTES_MAX {
            return Err(Failure::too_large(BODY_BYTES_MAX));
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}

/// What the head says of who asks. A header that comes twice says nothing.
fn sender(head: &Parts) -> Sender<'_> {
    let only = |name: HeaderName| {
        let mut all = head.headers.get_all(name).iter();
        let first = all.next()?;
        // What is no text is something else than what is expected: refused, not passed over.
        if all.next().is_some() { Some("") } else { Some(first.to_str().unwrap_or("")) }
    };
    Sender {
        host: only(header::HOST),
        origin: only(header::ORIGIN),
        site: only(HeaderName::from_static("sec-fetch-site")),
        authorization: only(header::AUTHORIZATION),
    }
}

/// Whether the page may have the token: its reader is on this machine, as this user, and nobody stands between who says
/// otherwise.
fn may_change(head: &Parts, ends: Ends) -> bool {
    let forwarded = ["forwarded", "x-forwarded-for", "x-real-ip", "via"];
    let is_forwarded = forwarded.into_iter().any(|name| head.headers.contains_key(name));
    !is_forwarded && is_local(ends.client.ip()) && may_be_own(ends.client, ends.port)
}
