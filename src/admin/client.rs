//! The asking side: finds a running cluster by its file, and gives it orders.

use std::io;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value, json};
use thiserror::Error;

use super::LINE_BYTES_MAX;
use super::file::{AdminFileError, Credentials};
use super::lines::{Lines, NoLine};
use super::running::Running;
use super::token::Token;
use crate::program;

/// A connection to a running cluster.
pub struct AdminClient {
    lines: Lines,
    token: Token,
}

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
        address: std::net::SocketAddr,
        /// What it says.
        pid: u32,
        /// Why nobody answers.
        error: io::Error,
    },
    /// The cluster refuses the order.
    #[error("{message}{}", done_before(done))]
    Refused {
        /// For programs: see [`Code`](super::Code).
        code: String,
        /// For people.
        message: String,
        /// What the order was carried out for before.
        done: Vec<String>,
    },
    /// The order is longer than any may be.
    #[error("the order is {bytes} bytes long; at most {LINE_BYTES_MAX} can be sent at once")]
    TooLong {
        /// Its length.
        bytes: usize,
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
    /// What came is no answer.
    #[error("what answers is no pomelo-sim: {met}")]
    NoAnswer {
        /// Its start.
        met: String,
    },
}

/// How long a loopback connection may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// How long an order may take: a stop of a server waits for what is under way, and one may name many.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(60);

/// Longest answer, in bytes: the list of ten thousand servers has a fifth of it.
const ANSWER_BYTES_MAX: usize = 16 << 20;

fn done_before(done: &[String]) -> String {
    if done.is_empty() { String::new() } else { format!("; done before: {}", done.join(", ")) }
}

fn reason(cause: &Option<io::Error>) -> String {
    cause.as_ref().map(|error| format!(" ({error})")).unwrap_or_default()
}

impl AdminClient {
    /// Connects to the cluster that wrote this file.
    ///
    /// # Errors
    /// There is no such file, or nobody listens where it says.
    pub fn connect(path: &Path) -> Result<Self, ClientError> {
        Self::connect_to(&Running { path: path.to_path_buf(), credentials: Credentials::read(path)? })
    }

    /// Connects to this cluster.
    ///
    /// # Errors
    /// Nobody listens where its file says.
    pub fn connect_to(Running { path, credentials }: &Running) -> Result<Self, ClientError> {
        let Credentials { address, token, pid, .. } = credentials;
        match TcpStream::connect_timeout(address, CONNECT_TIMEOUT) {
            Ok(stream) => Ok(Self { lines: Lines::new(stream, ANSWER_BYTES_MAX), token: token.clone() }),
            Err(error) => Err(ClientError::Gone { path: path.clone(), address: *address, pid: *pid, error }),
        }
    }

    /// Gives an order, and waits for the answer: what stands behind `ok`.
    ///
    /// # Errors
    /// The order is refused, or not answered.
    pub fn ask(&mut self, command: &str, args: Value) -> Result<Value, ClientError> {
        let request = json!({"token": self.token, "command": command, "args": args}).to_string();
        if request.len() > LINE_BYTES_MAX {
            return Err(ClientError::TooLong { bytes: request.len() });
        }
        let sent = self.lines.write(format!("{request}\n").as_bytes(), CONNECT_TIMEOUT);
        // A cluster that closes at once, since it is busy, has said why.
        let line = self.lines.next(ANSWER_TIMEOUT).map_err(|nothing| match nothing {
            NoLine::End => ClientError::Unanswered { cause: sent.err() },
            NoLine::Failed(error) => ClientError::Unanswered { cause: Some(error) },
            NoLine::Late => ClientError::Late,
            NoLine::TooLong => {
                ClientError::NoAnswer { met: format!("a line of over {ANSWER_BYTES_MAX} bytes") }
            }
        })?;
        answer(&line)
    }
}

fn answer(line: &[u8]) -> Result<Value, ClientError> {
    let no_answer = || {
        let met: String = String::from_utf8_lossy(line).chars().take(80).collect();
        ClientError::NoAnswer { met: format!("{met:?}") }
    };
    let mut answer: Value = serde_json::from_slice(line).map_err(|_| no_answer())?;
    if let Some(ok) = answer.get_mut("ok") {
        return Ok(ok.take());
    }
    let text = |key: &str| answer["error"][key].as_str().map(str::to_owned);
    let (Some(code), Some(message)) = (text("code"), text("message")) else { return Err(no_answer()) };
    let done = answer["error"]["done"].as_array();
    let done = done.map(|all| all.iter().filter_map(Value::as_str).map(str::to_owned).collect());
    Err(ClientError::Refused { code, message, done: done.unwrap_or_default() })
}
