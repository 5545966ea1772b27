//! The client of the admin port: finds a running cluster by its file, and sends it orders over
//! HTTP.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use thiserror::Error;

use super::file::{AdminFileError, Credentials};
use super::running::Running;
use crate::orders::{BODY_BYTES_MAX, HEAD_BYTES_MAX, Order, Refusal, Request};
use crate::program;

/// Sends orders to one cluster, each over a new connection, so that a long pause between two does
/// not matter.
pub struct AdminClient(Running);

/// Why an order failed.
#[derive(Debug, Error)]
pub enum ClientError {
    /// No admin file leads to a cluster.
    #[error(transparent)]
    File(#[from] AdminFileError),
    /// The file exists, but nothing listens at its address.
    #[error(
        "no cluster answers at {address}, where {} says that process {pid} has one ({error}): it has ended without \
         removing the file; {} serve starts one", path.display(), program::command()
    )]
    Gone {
        /// The file.
        path: PathBuf,
        /// The address in it.
        address: SocketAddr,
        /// The process in it.
        pid: u32,
        /// Why the connection failed.
        error: io::Error,
    },
    /// The cluster refuses the order.
    #[error("{0}")]
    Refused(Refusal),
    /// The order is too long to send.
    #[error("the order is {bytes} bytes long; at most {most} can be sent")]
    TooLong {
        /// Its length in bytes.
        bytes: usize,
        /// The longest that can be sent, in bytes.
        most: usize,
    },
    /// The connection ended before the answer.
    #[error("the cluster ended before it answered{}", reason(cause))]
    Unanswered {
        /// The system's error, if there was one.
        cause: Option<io::Error>,
    },
    /// No answer in time.
    #[error("no answer after {} seconds", ANSWER_TIMEOUT.as_secs())]
    Late,
    /// The response is not an answer.
    #[error("unexpected response (not a pomelo-sim port?): {met}")]
    NoAnswer {
        /// Its start, or its error.
        met: String,
    },
}

/// Timeout of connecting over loopback.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Timeout of an order. It is long because stopping a server waits for requests in flight.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(60);

/// Longest answer, in bytes: five times the list of ten thousand servers.
const ANSWER_BYTES_MAX: usize = 16 << 20;

/// Most headers of an answer.
const HEADERS_MAX: usize = 64;

/// The body of a refusal.
#[derive(Deserialize)]
struct Refused {
    error: Refusal,
}

fn reason(cause: &Option<io::Error>) -> String {
    cause.as_ref().map(|error| format!(" ({error})")).unwrap_or_default()
}

impl AdminClient {
    /// A client for the cluster that wrote this file.
    ///
    /// # Errors
    /// There is no such file.
    pub fn of_file(path: &Path) -> Result<Self, ClientError> {
        Ok(Self::new(Running { path: path.to_path_buf(), credentials: Credentials::read(path)? }))
    }

    /// A client for this cluster.
    pub fn new(running: Running) -> Self {
        Self(running)
    }

    /// Sends an order, and waits for the answer.
    ///
    /// # Errors
    /// Nothing listens at the file's address, or the order is refused or not answered.
    pub fn ask(&self, order: &Order) -> Result<Value, ClientError> {
        let Credentials { address, token, pid, .. } = &self.0.credentials;
        let no_row = || ClientError::NoAnswer { met: format!("{order:?} is in no table") };
        let Request { method, target, body } = order.request().ok_or_else(no_row)?;
        let (method, token, bytes) = (method.name(), token.as_str(), body.len());
        let mut request = format!(
            "{method} {target} HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {token}\r\nConnection: close\r\n\
             Content-Type: application/json\r\nContent-Length: {bytes}\r\n\r\n"
        );
        for (bytes, most) in [(request.len(), HEAD_BYTES_MAX), (bytes, BODY_BYTES_MAX)] {
            if bytes > most {
                return Err(ClientError::TooLong { bytes, most });
            }
        }
        request.push_str(&body);
        let stream = TcpStream::connect_timeout(address, CONNECT_TIMEOUT).map_err(|error| {
            ClientError::Gone { path: self.0.path.clone(), address: *address, pid: *pid, error }
        })?;
        answer(&exchange(stream, request.as_bytes())?)
    }

    /// The same, with the answer parsed as `T`.
    ///
    /// # Errors
    /// As [`ask`](Self::ask), or the answer is not a `T`.
    pub fn ask_for<T: DeserializeOwned>(&self, order: &Order) -> Result<T, ClientError> {
        read_answer(&self.ask(order)?)
    }
}

/// Parses an answer, or a part of it.
pub(crate) fn read_answer<'a, T: Deserialize<'a>>(answer: &'a Value) -> Result<T, ClientError> {
    T::deserialize(answer).map_err(|error| ClientError::NoAnswer { met: error.to_string() })
}

/// Sends a request, and reads until the cluster closes the connection.
fn exchange(mut stream: TcpStream, request: &[u8]) -> Result<Vec<u8>, ClientError> {
    let deadline = Instant::now() + ANSWER_TIMEOUT;
    // A failed write is reported only if nothing was read: a cluster that closes at once, because
    // it ends, may have sent the reason.
    let sent = stream.set_write_timeout(Some(CONNECT_TIMEOUT)).and_then(|()| stream.write_all(request));
    let (mut answer, mut bytes) = (Vec::new(), [0; 16 * 1024]);
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(ClientError::Late);
        }
        match stream.set_read_timeout(Some(left)).and_then(|()| stream.read(&mut bytes)) {
            Ok(0) if answer.is_empty() => return Err(ClientError::Unanswered { cause: sent.err() }),
            Ok(0) => return Ok(answer),
            Ok(more) if answer.len() + more > ANSWER_BYTES_MAX => {
                return Err(ClientError::NoAnswer { met: format!("over {ANSWER_BYTES_MAX} bytes") });
            }
            Ok(more) => answer.extend_from_slice(&bytes[..more]),
            // Try again; the deadline bounds the loop.
            Err(error)
                if [ErrorKind::WouldBlock, ErrorKind::TimedOut, ErrorKind::Interrupted]
                    .contains(&error.kind()) => {}
            Err(error) => return Err(ClientError::Unanswered { cause: Some(error) }),
        }
    }
}

/// The body of an answer, if its status is 200.
fn answer(bytes: &[u8]) -> Result<Value, ClientError> {
    let no_answer = || {
        let met: String = String::from_utf8_lossy(bytes).chars().take(80).collect();
        ClientError::NoAnswer { met: format!("{met:?}") }
    };
    let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
    let mut head = httparse::Response::new(&mut headers);
    let Ok(httparse::Status::Complete(length)) = head.parse(bytes) else { return Err(no_answer()) };
    let body = &bytes[length..];
    if head.code == Some(200) {
        return serde_json::from_slice(body).map_err(|_| no_answer());
    }
    let refused = serde_json::from_slice(body).map_err(|_| no_answer());
    refused.and_then(|Refused { error }| Err(ClientError::Refused(error)))
}
