//! The asking side: finds a running cluster by its file, and gives it orders over HTTP.

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

/// Gives orders to one cluster, each over a connection of its own: no silence between two is too
/// long.
pub struct AdminClient(Running);

/// Why an order is not answered well.
#[derive(Debug, Error)]
pub enum ClientError {
    /// No file says where a cluster is.
    #[error(transparent)]
    File(#[from] AdminFileError),
    /// The file is there, but nobody listens where it says.
    #[error(
        "no cluster answers at {address}, where {} says that process {pid} has one ({error}): it has ended without \
         removing the file; {} serve starts one", path.display(), program::command()
    )]
    Gone {
        /// The file.
        path: PathBuf,
        /// What it says.
        address: SocketAddr,
        /// What it says.
        pid: u32,
        /// Why nobody answers.
        error: io::Error,
    },
    /// The cluster refuses the order.
    #[error("{0}")]
    Refused(Refusal),
    /// The order is longer than any may be.
    #[error("the order is {bytes} bytes long; at most {most} can be sent")]
    TooLong {
        /// Its length.
        bytes: usize,
        /// How long it may be.
        most: usize,
    },
    /// The connection ended first.
    #[error("the cluster ended before it answered{}", reason(cause))]
    Unanswered {
        /// What the system says.
        cause: Option<io::Error>,
    },
    /// Nothing came for too long.
    #[error("no answer after {} seconds", ANSWER_TIMEOUT.as_secs())]
    Late,
    /// What came is not an answer.
    #[error("unexpected response (not a pomelo-sim port?): {met}")]
    NoAnswer {
        /// Its start, or what is wrong with it.
        met: String,
    },
}

/// How long a loopback connection may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// How long an order may take: a stop of a server waits for what is in flight.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(60);

/// Longest answer, in bytes: the list of ten thousand servers has a fifth of it.
const ANSWER_BYTES_MAX: usize = 16 << 20;

/// Most headers of an answer.
const HEADERS_MAX: usize = 64;

/// What stands in the body of a refusal.
#[derive(Deserialize)]
struct Refused {
    error: Refusal,
}

fn reason(cause: &Option<io::Error>) -> String {
    cause.as_ref().map(|error| format!(" ({error})")).unwrap_or_default()
}

impl AdminClient {
    /// For the cluster that wrote this file.
    ///
    /// # Errors
    /// There is no such file.
    pub fn of_file(path: &Path) -> Result<Self, ClientError> {
        Ok(Self::new(Running { path: path.to_path_buf(), credentials: Credentials::read(path)? }))
    }

    /// For this cluster.
    pub fn new(running: Running) -> Self {
        Self(running)
    }

    /// Gives an order, and waits for the answer.
    ///
    /// # Errors
    /// Nobody listens where the file says, or the order is refused or not answered.
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

    /// The same, with the answer read as `T`.
    ///
    /// # Errors
    /// As [`ask`](Self::ask), or the answer is something else.
    pub fn ask_for<T: DeserializeOwned>(&self, order: &Order) -> Result<T, ClientError> {
        read_answer(&self.ask(order)?)
    }
}

/// A part of an answer.
pub(crate) fn read_answer<'a, T: Deserialize<'a>>(answer: &'a Value) -> Result<T, ClientError> {
    T::deserialize(answer).map_err(|error| ClientError::NoAnswer { met: error.to_string() })
}

/// Sends a request, and reads until the other side closes.
fn exchange(mut stream: TcpStream, request: &[u8]) -> Result<Vec<u8>, ClientError> {
    let deadline = Instant::now() + ANSWER_TIMEOUT;
    // A cluster that closes at once, since it ends, may have said why.
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
            // The deadline judges.
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
