//! The admin port: a thread that accepts, and one for each of the few connections.

use std::io;
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use serde::Serialize;
use serde_json::{Value, json};

use super::lines::{Lines, NoLine};
use super::orders::{Orders, carry_out};
use super::request::{Code, Order, Refusal, parse_request};
use super::token::Token;
use super::{CONNECTIONS_MAX, LINE_BYTES_MAX};

/// How long a line may take to arrive, and an answer to be read.
const LINE_TIMEOUT: Duration = Duration::from_secs(10);

/// How long a connection that is refused may take to read why.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

/// How long the end waits for orders under way.
const END_TIMEOUT: Duration = Duration::from_secs(5);

/// The admin port of one cluster. Dropping it closes it.
pub struct AdminServer {
    address: SocketAddr,
    shared: Arc<Shared>,
    accepting: Option<JoinHandle<()>>,
}

/// What has come to the port.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AdminCounters {
    /// Connections that were accepted.
    pub connections: u64,
    /// Requests with the right token.
    pub requests: u64,
    /// Requests without it.
    pub unauthorized: u64,
    /// Lines that are no JSON object, or too long.
    pub malformed: u64,
    /// Connections that were one too many.
    pub busy: u64,
    /// Lines that did not arrive in time.
    pub late: u64,
}

struct Shared {
    token: Token,
    orders: Arc<dyn Orders>,
    line_timeout: Duration,
    ends: AtomicBool,
    served: Mutex<Vec<Served>>,
    counted: Counted,
}

/// A connection, and the thread that serves it.
struct Served {
    stream: TcpStream,
    thread: JoinHandle<()>,
}

#[derive(Default)]
struct Counted {
    connections: AtomicU64,
    requests: AtomicU64,
    unauthorized: AtomicU64,
    malformed: AtomicU64,
    busy: AtomicU64,
    late: AtomicU64,
}

impl AdminServer {
    /// Opens the port: only for this machine.
    ///
    /// # Errors
    /// It is taken, or may not be opened.
    pub fn listen(port: u16) -> io::Result<TcpListener> {
        TcpListener::bind((Ipv4Addr::LOCALHOST, port))
    }

    /// Serves what [`listen`](Self::listen) opened.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn start(listener: TcpListener, token: Token, orders: Arc<dyn Orders>) -> io::Result<Self> {
        Self::start_with(listener, token, orders, LINE_TIMEOUT)
    }

    /// As [`start`](Self::start), with another time for a line to arrive.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn start_with(
        listener: TcpListener,
        token: Token,
        orders: Arc<dyn Orders>,
        line_timeout: Duration,
    ) -> io::Result<Self> {
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            token,
            orders,
            line_timeout,
            ends: AtomicBool::new(false),
            served: Mutex::default(),
            counted: Counted::default(),
        });
        let accepts = Arc::clone(&shared);
        let accepting =
            thread::Builder::new().name("admin".to_owned()).spawn(move || accepts.accept(&listener))?;
        Ok(Self { address, shared, accepting: Some(accepting) })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What has come so far.
    pub fn counters(&self) -> AdminCounters {
        let Counted { connections, requests, unauthorized, malformed, busy, late } = &self.shared.counted;
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        AdminCounters {
            connections: read(connections),
            requests: read(requests),
            unauthorized: read(unauthorized),
            malformed: read(malformed),
            busy: read(busy),
            late: read(late),
        }
    }

    /// Takes no more orders, lets those under way be answered, and closes. Gives up on an order that takes longer than
    /// five seconds.
    pub fn end(mut self) {
        self.close();
    }

    fn close(&mut self) {
        let Some(accepting) = self.accepting.take() else { return };
        self.shared.ends.store(true, Ordering::Release);
        // Nothing else wakes a thread that waits for a connection.
        if TcpStream::connect_timeout(&self.address, CLOSE_TIMEOUT).is_ok() || accepting.is_finished() {
            let _ = accepting.join();
        }
        let served = std::mem::take(&mut *self.shared.served());
        for connection in &served {
            // What it has not read by now is not carried out; what it has is answered.
            let _ = connection.stream.shutdown(Shutdown::Read);
        }
        let give_up = Instant::now() + END_TIMEOUT;
        for Served { thread, .. } in served {
            while !thread.is_finished() && Instant::now() < give_up {
                thread::sleep(Duration::from_millis(1));
            }
            if thread.is_finished() {
                let _ = thread.join();
            } else {
                log::warn!("admin order given up after={END_TIMEOUT:?}");
            }
        }
    }
}

impl Drop for AdminServer {
    fn drop(&mut self) {
        self.close();
    }
}

impl Shared {
    fn served(&self) -> std::sync::MutexGuard<'_, Vec<Served>> {
        // No code panics while it holds the lock; if it did, the list would still be one.
        self.served.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn accept(self: &Arc<Self>, listener: &TcpListener) {
        loop {
            let accepted = listener.accept();
            if self.ends.load(Ordering::Acquire) {
                return;
            }
            match accepted {
                Ok((stream, peer)) => self.accepted(stream, peer),
                Err(error) => {
                    log::warn!("admin accept failed error={error}");
                    // Such as too many open files: the next try would fail at once.
                    thread::sleep(Duration::from_millis(100));
                }
            }
        }
    }

    fn accepted(self: &Arc<Self>, stream: TcpStream, peer: SocketAddr) {
        count(&self.counted.connections);
        let mut served = self.served();
        served.retain(|connection| !connection.thread.is_finished());
        if served.len() >= CONNECTIONS_MAX {
            count(&self.counted.busy);
            log::warn!("admin connection refused peer={peer} reason=busy");
            let message = format!("{CONNECTIONS_MAX} connections are served already; try again");
            let _ = stream.set_nonblocking(true);
            // A new connection has room for a line. Whoever is not there to read it is not waited for.
            let _ = io::Write::write(&mut &stream, &encode(Err(Refusal::new(Code::Busy, message))));
            return;
        }
        let Ok(kept) = stream.try_clone() else {
            log::warn!("admin connection refused peer={peer} reason=files");
            return;
        };
        let serves = Arc::clone(self);
        let spawned =
            thread::Builder::new().name("admin".to_owned()).spawn(move || serves.serve(stream, peer));
        match spawned {
            Ok(thread) => served.push(Served { stream: kept, thread }),
            Err(error) => log::warn!("admin connection refused peer={peer} error={error}"),
        }
    }

    fn serve(&self, stream: TcpStream, peer: SocketAddr) {
        // One answer follows one request: there is nothing to gather.
        let _ = stream.set_nodelay(true);
        let mut lines = Lines::new(stream, LINE_BYTES_MAX);
        while !self.ends.load(Ordering::Acquire) {
            let (answer, then) = match lines.next(self.line_timeout) {
                Ok(line) => self.answer(&line, peer),
                Err(NoLine::TooLong) => {
                    count(&self.counted.malformed);
                    log::warn!("admin request refused peer={peer} reason=\"line too long\"");
                    let message = format!("a line of more than {LINE_BYTES_MAX} bytes");
                    (Err(Refusal::new(Code::BadRequest, message)), Then::Close)
                }
                Err(NoLine::End) => break,
                Err(NoLine::Late) => {
                    count(&self.counted.late);
                    log::debug!("admin connection closed peer={peer} reason=late");
                    break;
                }
                Err(NoLine::Failed(error)) => {
                    log::debug!("admin connection failed peer={peer} error={error}");
                    break;
                }
            };
            let written = lines.write(&encode(answer), self.line_timeout);
            if let Then::End = then {
                // Whether or not anybody read the answer.
                self.orders.end();
            }
            if written.is_err() || !matches!(then, Then::Next) {
                break;
            }
        }
        lines.close(LINE_BYTES_MAX, CLOSE_TIMEOUT);
    }

    fn answer(&self, line: &[u8], peer: SocketAddr) -> (Result<Value, Refusal>, Then) {
        let request = match parse_request(line) {
            Ok(request) => request,
            Err(refusal) => {
                count(&self.counted.malformed);
                log::warn!("admin request refused peer={peer} reason=\"not a JSON object\"");
                return (Err(refusal), Then::Close);
            }
        };
        if !request.token.as_deref().is_some_and(|token| self.token.is(token)) {
            count(&self.counted.unauthorized);
            log::warn!("admin request refused peer={peer} reason=token");
            let message = "wrong or missing token: it stands in the file that serve names";
            return (Err(Refusal::new(Code::Unauthorized, message)), Then::Close);
        }
        count(&self.counted.requests);
        let order = match request.order() {
            Ok(order) => order,
            Err(refusal) => return (Err(refusal), Then::Next),
        };
        // Who watches asks every second.
        let level = if order.only_looks() { log::Level::Debug } else { log::Level::Info };
        log::log!(level, "admin order={order:?}");
        let then = if order == Order::StopAll { Then::End } else { Then::Next };
        (carry_out(order, &*self.orders), then)
    }
}

/// What becomes of a connection after an answer.
enum Then {
    Next,
    Close,
    End,
}

fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

fn encode(answer: Result<Value, Refusal>) -> Vec<u8> {
    let answer = match answer {
        Ok(value) => json!({ "ok": value }),
        Err(refusal) => json!({ "error": refusal }),
    };
    format!("{answer}\n").into_bytes()
}
