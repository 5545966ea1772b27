//! The HTTP server: a thread of its own, and what each request meets on its way.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use actix_web::dev::ServerHandle;
use actix_web::http::header::{self, HeaderName};
use actix_web::http::{Method as HttpMethod, StatusCode};
use actix_web::web::{Bytes, Data, Payload};
use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};
use serde_json::{Map, Value};

use super::about;
use super::answer::{failed, harden, json, keeping, typed};
use super::board::Board;
use super::failure::Failure;
use super::guard::{Sender, is_local};
use super::owner::may_be_own;
use super::pages::page;
use super::robots::{Robots, Wanted};
use super::routes::{Method, Own, Route, Target as What};
use super::stream::Streams;
use super::target::Target;
use super::{BODY_BYTES_MAX, CONNECTIONS_MAX};
use crate::admin::Token;

/// How long the head of a request may take, and its body again.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);

/// How long a connection may be silent between two requests.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// Orders that are carried out at a time; others wait.
const ORDERS_MAX: usize = 16;

/// How long the end waits for orders under way.
const END_TIMEOUT: Duration = Duration::from_secs(5);

/// What requests need.
pub(super) struct Shared {
    pub(super) token: Token,
    pub(super) target: Arc<Target>,
    pub(super) board: Arc<Board>,
    pub(super) robots: Arc<Robots>,
    pub(super) streams: Streams,
    /// Requests that are not answered yet; streams are none.
    pub(super) busy: Arc<AtomicUsize>,
}

/// The thread that serves.
pub(super) struct Server {
    handle: ServerHandle,
    thread: Option<JoinHandle<()>>,
    busy: Arc<AtomicUsize>,
}

impl Server {
    pub(super) fn start(listener: TcpListener, shared: Shared) -> io::Result<Self> {
        let busy = Arc::clone(&shared.busy);
        let (sender, started) = mpsc::channel();
        let thread = thread::Builder::new().name("console".to_owned()).spawn(move || {
            let shared = Data::new(shared);
            let app = move || App::new().app_data(shared.clone()).default_service(web::to(answer));
            let server = HttpServer::new(app)
                .workers(1)
                .worker_max_blocking_threads(ORDERS_MAX)
                .max_connections(CONNECTIONS_MAX)
                .client_request_timeout(REQUEST_TIMEOUT)
                .keep_alive(KEEP_ALIVE)
                .disable_signals()
                .listen(listener);
            let server = match server {
                Ok(server) => server,
                Err(error) => return drop(sender.send(Err(error))),
            };
            let served = actix::System::new().block_on(async move {
                let server = server.run();
                // Whoever started it waits for this.
                let _ = sender.send(Ok(server.handle()));
                server.await
            });
            if let Err(error) = served {
                log::error!("console ended error={error}");
            }
        })?;
        let handle = started.recv().unwrap_or_else(|_| Err(io::Error::other("the server did not start")))?;
        Ok(Self { handle, thread: Some(thread), busy })
    }

    /// Lets requests under way be answered, and ends.
    pub(super) fn end(&mut self) {
        let Some(thread) = self.thread.take() else { return };
        let give_up = Instant::now() + END_TIMEOUT;
        while self.busy.load(Ordering::Acquire) > 0 && Instant::now() < give_up {
            thread::sleep(Duration::from_millis(1));
        }
        if self.busy.load(Ordering::Acquire) > 0 {
            log::warn!("console order given up after={END_TIMEOUT:?}");
        }
        // The order is given when this is called; what it returns would only tell when it is done.
        drop(self.handle.stop(false));
        let _ = thread.join();
    }
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

/// Whatever comes.
async fn answer(request: HttpRequest, payload: Payload, shared: Data<Shared>) -> HttpResponse {
    let busy = Busy::new(&shared.busy);
    let mut answer = match decide(&request, payload, &shared).await {
        Ok(Answer::Stream(answer)) => answer,
        Ok(Answer::Whole(answer)) => keeping(busy, answer),
        Err(failure) => {
            let (status, message) = (failure.status, &failure.message);
            let (method, path) = (request.method(), request.uri().path());
            log::debug!("console refused method={method} path={path:?} status={status} reason={message:?}");
            keeping(busy, failed(&failure))
        }
    };
    harden(answer.headers_mut());
    answer
}

enum Answer {
    Whole(HttpResponse),
    Stream(HttpResponse),
}

async fn decide(request: &HttpRequest, payload: Payload, shared: &Shared) -> Result<Answer, Failure> {
    let from = sender(request);
    let host = from.check_host()?;
    if request.uri().authority().is_some_and(|named| named.as_str() != host) {
        return Err(Failure::forbidden("the request names another host than its Host"));
    }
    let Some(method) = Method::named(request.method().as_str()) else {
        return Err(Failure::method("GET, POST, PUT, DELETE".to_owned()));
    };
    if method != Method::Get {
        from.check_origin()?;
        from.check_token(&shared.token)?;
    }
    let path = request.uri().path();
    if !path.starts_with("/api/") {
        if method != Method::Get {
            return Err(Failure::method("GET".to_owned()));
        }
        let token = may_change(request).then_some(&shared.token);
        return page(path, request.headers().get(header::IF_NONE_MATCH), token, shared).map(Answer::Whole);
    }
    // Looking costs something too, and a page from elsewhere could make a browser look all day.
    from.check_origin()?;
    let (route, args) = Route::find(method, path)?;
    let body = body(request, payload).await?;
    let args = route.complete(args, request.uri().query().unwrap_or_default(), &body)?;
    match route.target {
        What::Order(command) => order(command, args, shared).await.map(Answer::Whole),
        What::Own(Own::Live) => {
            let mut answer = typed(StatusCode::OK, "text/event-stream");
            answer.insert_header((header::CACHE_CONTROL, "no-store"));
            // A proxy between must not gather what is to be seen at once.
            answer.insert_header((HeaderName::from_static("x-accel-buffering"), "no"));
            if request.method() == HttpMethod::HEAD {
                return Ok(Answer::Whole(answer.finish()));
            }
            let stream = shared.streams.begin(Arc::clone(&shared.board))?;
            Ok(Answer::Stream(answer.body(stream)))
        }
        What::Own(what) => own(what, args, host, may_change(request), shared).map(Answer::Whole),
    }
}

/// What the console answers without asking the cluster.
fn own(
    what: Own,
    args: Map<String, Value>,
    host: &str,
    may_change: bool,
    shared: &Shared,
) -> Result<HttpResponse, Failure> {
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
async fn order(
    command: &'static str,
    mut args: Map<String, Value>,
    shared: &Shared,
) -> Result<HttpResponse, Failure> {
    let live = shared.target.live()?;
    if command == "reload" {
        let spec = live.cluster.spec();
        args.entry("config").or_insert_with(|| spec.absolute_source().to_string_lossy().into());
        args.entry("env").or_insert_with(|| spec.env.clone().into());
    }
    log::info!("console order={command} args={}", Value::Object(args.clone()));
    let orders = Arc::clone(&live.orders);
    let carried_out = web::block(move || live.carry_out(command, args)).await;
    let (answer, ends) = carried_out.map_err(|_| Failure::ended())??;
    let answer = json(answer.to_string());
    Ok(if ends { keeping(End(orders), answer) } else { answer })
}

/// Ends the cluster when the answer that says so is sent.
struct End(Arc<dyn crate::admin::Orders>);

impl Drop for End {
    fn drop(&mut self) {
        self.0.end();
    }
}

/// The whole body, which is JSON or nothing.
async fn body(request: &HttpRequest, payload: Payload) -> Result<Bytes, Failure> {
    let length = request.headers().get(header::CONTENT_LENGTH);
    let length = length.and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    if length.is_some_and(|bytes| bytes > BODY_BYTES_MAX as u64) {
        return Err(Failure::too_large(BODY_BYTES_MAX));
    }
    let read = tokio::time::timeout(REQUEST_TIMEOUT, payload.to_bytes_limited(BODY_BYTES_MAX)).await;
    let body = match read {
        Ok(Ok(Ok(body))) => body,
        Ok(Ok(Err(error))) => return Err(Failure::bad(format!("body: {error}"))),
        Ok(Err(_)) => return Err(Failure::too_large(BODY_BYTES_MAX)),
        Err(_) => return Err(Failure::late()),
    };
    let content_type = request.headers().get(header::CONTENT_TYPE);
    let is_json = content_type.and_then(|value| value.to_str().ok()).is_some_and(|value| {
        value.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/json"))
    });
    if is_json || (body.is_empty() && content_type.is_none()) { Ok(body) } else { Err(Failure::media_type()) }
}

/// What the head says of who asks. A header that comes twice says nothing.
fn sender(request: &HttpRequest) -> Sender<'_> {
    let only = |name: HeaderName| {
        let mut all = request.headers().get_all(name);
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
fn may_change(request: &HttpRequest) -> bool {
    let forwarded = ["forwarded", "x-forwarded-for", "x-real-ip", "via"];
    let is_forwarded = forwarded.into_iter().any(|name| request.headers().contains_key(name));
    let port = request.app_config().local_addr().port();
    let is_own = |peer: SocketAddr| is_local(peer.ip()) && may_be_own(peer, port);
    !is_forwarded && request.peer_addr().is_some_and(is_own)
}
