//! Server-sent events: what is new on the board, as it comes, to each of a few streams.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::task::spawn_local;
use tokio::time::timeout;

use super::board::{Board, Cursor};
use crate::orders::{Code, Refusal};

/// Streams at a time.
pub(super) const STREAMS_MAX: usize = 32;

/// How long a stream is silent before it says that it is there: proxies and browsers give up on one
/// that says nothing.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// What a browser is told first: to come back after a second when the stream breaks.
const HELLO: &str = "retry: 1000\n\n";

/// The streams of a console.
#[derive(Default)]
pub(super) struct Streams {
    count: Arc<AtomicUsize>,
}

/// The body of an answer that does not end before the console does.
pub(super) struct Stream {
    chunks: Receiver<Bytes>,
    count: Arc<AtomicUsize>,
}

impl Streams {
    /// Begins one, on this thread. Bodies of traces are for who has the token.
    ///
    /// # Errors
    /// There are as many as may be.
    pub(super) fn begin(&self, board: Arc<Board>, has_token: bool) -> Result<Stream, Refusal> {
        if self.count.fetch_add(1, Ordering::Relaxed) >= STREAMS_MAX {
            self.count.fetch_sub(1, Ordering::Relaxed);
            return Err(Refusal::new(
                Code::Busy,
                format!("{STREAMS_MAX} streams are served already; close one"),
            ));
        }
        // One chunk in flight: a slow reader gets the latest picture when it has room, not an old
        // one.
        let (sender, chunks) = channel(1);
        spawn_local(feed(board, has_token, sender));
        Ok(Stream { chunks, count: Arc::clone(&self.count) })
    }

    /// How many there are.
    pub(super) fn count(&self) -> usize {
        self.count.load(Ordering::Relaxed)
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.count.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Stream {
    /// The next chunk.
    pub(super) fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Option<Bytes>> {
        self.chunks.poll_recv(context)
    }
}

/// Tells what there is, then what is new, until nobody listens.
async fn feed(board: Arc<Board>, has_token: bool, chunks: Sender<Bytes>) {
    let mut changes = board.changes();
    let mut cursor = Cursor::new(has_token);
    if chunks.send(Bytes::from_static(HELLO.as_bytes())).await.is_err() {
        return;
    }
    loop {
        for chunk in board.news(&mut cursor) {
            if chunks.send(chunk).await.is_err() {
                return;
            }
        }
        let changed = tokio::select! {
            biased;
            () = chunks.closed() => return,
            changed = timeout(KEEP_ALIVE, changes.changed()) => changed,
        };
        let silent = match changed {
            Ok(Ok(())) => continue,
            Ok(Err(_)) => return,
            Err(_) => Bytes::from_static(b": still here\n\n"),
        };
        if chunks.send(silent).await.is_err() {
            return;
        }
    }
}
