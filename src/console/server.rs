//! The HTTP server of a door: its own thread, which accepts and ends connections.

use std::convert::Infallible;
use std::error::Error;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Builder;
use tokio::sync::{Notify, Semaphore};
use tokio::task::{LocalSet, spawn_local};
use tokio::time::{sleep, timeout};

use super::Door;
use super::board::Board;
use super::request::{Ends, answer};
use super::robots::Robots;
use super::stream::Streams;
use super::target::Target;
use crate::admin::Token;
use crate::orders::HEAD_BYTES_MAX;

/// The longest time for the head of a request, with the silence before it, and again for its body.
pub(super) const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);

/// The longest time for reading the last answer of a connection.
const LINGER_TIMEOUT: Duration = Duration::from_secs(1);

/// The pause after the system refused to accept.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Orders that run at once; others wait.
const ORDERS_MAX: usize = 16;

/// The longest wait for orders in flight at the end.
const END_TIMEOUT: Duration = Duration::from_secs(5);

/// The state that requests share.
pub(super) struct Shared {
    pub(super) token: Token,
    pub(super) target: Arc<Target>,
    pub(super) board: Arc<Board>,
    pub(super) robots: Arc<Robots>,
    pub(super) streams: Streams,
    /// Requests in flight, streams excluded.
    pub(super) busy: Arc<AtomicUsize>,
}

/// The serving thread.
pub(super) struct Server {
    stop: Arc<Notify>,
    thread: Option<JoinHandle<()>>,
    busy: Arc<AtomicUsize>,
}

impl Server {
    pub(super) fn start(
        Door { listener, has_pages, hands_token, connections_max }: Door,
        shared: Arc<Shared>,
    ) -> io::Result<Self> {
        listener.set_nonblocking(true)?;
        let runtime = Builder::new_current_thread()
            .thread_name("console order")
            .enable_all()
            .max_blocking_threads(ORDERS_MAX)
            .build()?;
        let listener = {
            let _inside = runtime.enter();
            TcpListener::from_std(listener)?
        };
        let busy = Arc::clone(&shared.busy);
        let stop = Arc::new(Notify::new());
        let stopped = Arc::clone(&stop);
        let thread = thread::Builder::new().name("console".to_owned()).spawn(move || {
            let connections = LocalSet::new();
            connections.block_on(&runtime, async {
                tokio::select! {
                    () = accept(listener, connections_max, (has_pages, hands_token), shared) => {}
                    () = stopped.notified() => {}
                }
            });
            drop(connections);
            // An order may still run after its client left.
            runtime.shutdown_timeout(END_TIMEOUT);
        })?;
        Ok(Self { stop, thread: Some(thread), busy })
    }

    /// Answers requests in flight, and ends.
    pub(super) fn end(&mut self) {
        let Some(thread) = self.thread.take() else { return };
        let give_up = Instant::now() + END_TIMEOUT;
        while self.busy.load(Ordering::Acquire) > 0 && Instant::now() < give_up {
            thread::sleep(Duration::from_millis(1));
        }
        if self.busy.load(Ordering::Acquire) > 0 {
            log::warn!("console order given up after={END_TIMEOUT:?}");
        }
        self.stop.notify_one();
        let _ = thread.join();
    }
}

/// Serves a bounded number of connections at once; others wait in the system's queue.
async fn accept(
    listener: TcpListener,
    connections_max: usize,
    (has_pages, hands_token): (bool, bool),
    shared: Arc<Shared>,
) {
    let places = Arc::new(Semaphore::new(connections_max));
    // The semaphore is never closed.
    while let Ok(place) = Arc::clone(&places).acquire_owned().await {
        match listener.accept().await {
            Ok((stream, peer)) => {
                let connection = serve(stream, peer, (has_pages, hands_token), Arc::clone(&shared));
                spawn_local(async move {
                    connection.await.unwrap_or_else(|error| ended(peer, has_pages, &*error));
                    drop(place);
                });
            }
            Err(error) => {
                log::warn!("console accepts no connection error={error}");
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// The requests of one connection, one after the other.
async fn serve(
    stream: TcpStream,
    client: SocketAddr,
    (has_pages, hands_token): (bool, bool),
    shared: Arc<Shared>,
) -> Result<(), Box<dyn Error>> {
    stream.set_nodelay(true)?;
    let ends = Ends { client, port: stream.local_addr()?.port(), has_pages, hands_token };
    let service = service_fn(move |request| {
        let shared = Arc::clone(&shared);
        async move { Ok::<_, Infallible>(answer(request, ends, &shared).await) }
    });
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(REQUEST_TIMEOUT).max_buf_size(HEAD_BYTES_MAX);
    let stream = http.serve_connection(TokioIo::new(stream), service).without_shutdown().await?.io;
    let _ = timeout(LINGER_TIMEOUT, linger(stream.into_inner())).await;
    Ok(())
}

/// At the admin port, input that is not HTTP is logged without its content.
fn ended(peer: SocketAddr, has_pages: bool, error: &(dyn Error + 'static)) {
    if !has_pages && error.downcast_ref::<hyper::Error>().is_some_and(hyper::Error::is_parse) {
        log::warn!("admin request refused peer={peer} reason=\"not HTTP\"");
    } else {
        log::debug!("console connection peer={peer} error={error}");
    }
}

/// Reads what the client still sends: closing a socket with unread input resets the connection, and
/// the client might lose the answer.
async fn linger(mut stream: TcpStream) -> io::Result<()> {
    stream.shutdown().await?;
    let mut unwanted = [0; 4096];
    while stream.read(&mut unwanted).await? > 0 {}
    Ok(())
}
