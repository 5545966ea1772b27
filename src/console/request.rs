//! The way of each request to its answer.

use std::future::poll_fn;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use hyper::body::{Body, Incoming};
use hyper::header::{self, HeaderName};
use hyper::http::request::Parts;
use hyper::{Method as HttpMethod, Request};
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use super::about;
use super::answer::{Answer, harden, keeping, refused, streamed, well};
use super::bodies::withhold;
use super::guard::{Sender, is_local};
use super::own::{OWN, Own};
use super::owner::may_be_own;
use super::pages::page;
use super::server::{REQUEST_TIMEOUT, Shared};
use crate::live::StopHandle;
use crate::orders::{BODY_BYTES_MAX, Code, Method, ORDERS, Order, Refusal, find};

/// Both ends of a connection.
#[derive(Clone, Copy)]
pub(super) struct Ends {
    pub(super) client: SocketAddr,
    /// The port of the door.
    pub(super) port: u16,
    /// Whether it has pages, and allows reading without the token.
    pub(super) has_pages: bool,
    /// Whether its page gets the token when its reader seems to be this user.
    pub(super) hands_token: bool,
}

/// A request without an answer so far.
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
        Err(refusal) => {
            let (code, message, peer) = (refusal.code, &refusal.message, ends.client);
            let (method, path) = (&head.method, head.uri.path());
            match code {
                // On this machine it is another user, or a browser. Its text is not logged.
                Code::Unauthorized if !ends.has_pages => {
                    log::warn!("admin request refused peer={peer} reason=token");
                }
                Code::Forbidden if !ends.has_pages => {
                    log::warn!("admin request refused peer={peer} reason=origin");
                }
                _ => log::debug!(
                    "console refused method={method} path={path:?} code={code:?} reason={message:?}"
                ),
            }
            keeping(busy, refused(&refusal))
        }
    };
    harden(answer.headers_mut());
    answer
}

enum Decision {
    Whole(Answer),
    Stream(Answer),
}

async fn decide(head: &Parts, body: Incoming, ends: Ends, shared: &Shared) -> Result<Decision, Refusal> {
    let from = sender(head);
    let host = from.check_host()?;
    if head.uri.authority().is_some_and(|named| named.as_str() != host) {
        return Err(Refusal::forbidden("the request names another host than its Host"));
    }
    let Some(method) = Method::named(head.method.as_str()) else {
        return Err(Refusal::method("GET, POST, PUT, DELETE".to_owned()));
    };
    let path = head.uri.path();
    let is_page = ends.has_pages && !path.starts_with("/api/");
    // Reading has a cost too, and a page from elsewhere could make a browser read all day.
    if !is_page || method != Method::Get {
        from.check_origin()?;
    }
    let token = from.check_token(&shared.token);
    let has_token = token.is_ok();
    if !ends.has_pages || method != Method::Get {
        token?;
    }
    if is_page {
        if method != Method::Get {
            return Err(Refusal::method("GET".to_owned()));
        }
        let token = may_change(head, ends).then_some(&shared.token);
        return page(path, head.headers.get(header::IF_NONE_MATCH), token, shared).map(Decision::Whole);
    }
    let (row, args) = find(ORDERS.iter().chain(OWN), method, path)?;
    let body = read(head, body).await?;
    let args = row.complete(args, head.uri.query().unwrap_or_default(), &body)?;
    if ORDERS.iter().any(|order| order.name == row.name) {
        return carry_out(row.read(args)?, has_token, shared).await.map(Decision::Whole);
    }
    match row.read(args)? {
        Own::Live if head.method == HttpMethod::HEAD => Ok(Decision::Whole(streamed(None))),
        Own::Live => {
            let stream = shared.streams.begin(Arc::clone(&shared.board), has_token)?;
            Ok(Decision::Stream(streamed(Some(stream))))
        }
        asked => own(asked, host, may_change(head, ends), shared).map(Decision::Whole),
    }
}

/// Answers what needs no query to the cluster.
fn own(asked: Own, host: &str, may_change: bool, shared: &Shared) -> Result<Answer, Refusal> {
    let live = shared.target.live()?;
    let answer = match asked {
        Own::Cluster => about::cluster(&live.cluster, host, may_change),
        Own::Picture => return Ok(well(shared.board.picture_json())),
        Own::Robots | Own::Live => return Ok(well(shared.board.robots_json())),
        Own::History => shared.board.history_json(),
        Own::StartRobots(wanted) => {
            wanted.check()?;
            let no_entry = "no gate is up, and no connector of a cluster without one: robots log in there";
            let entry =
                about::entry(&live.cluster).ok_or_else(|| Refusal::new(Code::WrongState, no_entry))?;
            log::info!("console robots={wanted:?}");
            let status = shared.robots.start(wanted, entry)?;
            shared.robots.publish(&shared.board);
            status
        }
        Own::StopRobots => shared.robots.stop(),
    };
    Ok(well(answer.to_string()))
}

/// Carries out an order, on a thread that may block.
async fn carry_out(order: Order, has_token: bool, shared: &Shared) -> Result<Answer, Refusal> {
    let live = shared.target.live()?;
    // Observers ask every second.
    let level = if order.changes() { log::Level::Info } else { log::Level::Debug };
    log::log!(level, "console order={order:?}");
    // A client that leaves before the answer cancels nothing: the cluster ends when `End` is
    // dropped.
    let end = (order == Order::StopCluster).then(|| End(live.stop.clone()));
    let withholds = !has_token && order.tells_bodies();
    let mut answer = spawn_blocking(move || live.carry_out(order)).await.map_err(|_| Refusal::ended())??;
    if withholds {
        withhold(&mut answer);
    }
    Ok(keeping(end, well(answer.to_string())))
}

/// Ends the cluster once the answer is sent.
struct End(StopHandle);

impl Drop for End {
    fn drop(&mut self) {
        self.0.stop();
    }
}

/// The whole body: JSON or nothing.
async fn read(head: &Parts, body: Incoming) -> Result<Vec<u8>, Refusal> {
    let headers = &head.headers;
    if body.size_hint().lower() > BODY_BYTES_MAX as u64 {
        return Err(too_large());
    }
    let body = timeout(REQUEST_TIMEOUT, collect(body)).await.map_err(|_| late())??;
    let content_type = headers.get(header::CONTENT_TYPE);
    let is_json = content_type.and_then(|value| value.to_str().ok()).is_some_and(|value| {
        value.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/json"))
    });
    if is_json || (body.is_empty() && content_type.is_none()) {
        Ok(body)
    } else {
        Err(Refusal::new(Code::UnsupportedMediaType, "expected Content-Type: application/json"))
    }
}

fn late() -> Refusal {
    Refusal::new(Code::Late, "the request did not arrive in time")
}

fn too_large() -> Refusal {
    Refusal::new(Code::TooLarge, format!("expected a body of at most {BODY_BYTES_MAX} bytes"))
}

/// Reads the body, up to the limit.
async fn collect(mut body: Incoming) -> Result<Vec<u8>, Refusal> {
    let mut bytes = Vec::new();
    while let Some(frame) = poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await {
        let frame = frame.map_err(|error| Refusal::bad(format!("body: {error}")))?;
        // A frame without data has trailers, which are ignored.
        let chunk = frame.into_data().unwrap_or_default();
        if bytes.len() + chunk.len() > BODY_BYTES_MAX {
            return Err(too_large());
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}

/// The origin of a request. A header that occurs twice does not count.
fn sender(head: &Parts) -> Sender<'_> {
    let only = |name: HeaderName| {
        let mut all = head.headers.get_all(name).iter();
        let first = all.next()?;
        // A value that is not text is not the expected one: refuse it rather than ignore it.
        if all.next().is_some() { Some("") } else { Some(first.to_str().unwrap_or("")) }
    };
    Sender {
        host: only(header::HOST),
        origin: only(header::ORIGIN),
        site: only(HeaderName::from_static("sec-fetch-site")),
        authorization: only(header::AUTHORIZATION),
    }
}

/// Whether the page may have the token: its reader is on this machine, as this user, asks for the
/// console's own address, and nobody stands between who says otherwise. A program that forwards
/// this very port for others, unseen, cannot be told from a browser: hence
/// [`Door::without_token`](super::Door::without_token).
fn may_change(head: &Parts, ends: Ends) -> bool {
    let is_forwarded = head.headers.keys().any(|name| {
        matches!(name.as_str(), "forwarded" | "via" | "x-real-ip")
            || name.as_str().starts_with("x-forwarded-")
    });
    ends.hands_token
        && !is_forwarded
        && is_local(ends.client.ip())
        && sender(head).is_for_loopback(ends.port)
        && may_be_own(ends.client, ends.port)
}
