//! Server-sent events: the changes of the board, for a few streams.

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

/// Streams at once.
pub(super) const STREAMS_MAX: usize = 32;

/// Silence after which a stream sends a sign of life: proxies and browsers give up on silent ones.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// The first line for a browser: reconnect a second after the stream breaks.
const HELLO: &str = "retry: 1000\n\n";

/// The streams of a console.
#[derive(Default)]
pub(super) struct Streams {
    count: Arc<AtomicUsize>,
}

/// The body of an answer that ends only with the console.
pub(super) struct Stream {
    chunks: Receiver<Bytes>,
    count: Arc<AtomicUsize>,
}

impl Streams {
    /// Begins a stream on this thread. With the token it contains the bodies of traces.
    ///
    /// There are too many already.
    pub(super) fn begin(&self, board: Arc<Board>, has_token: bool) -> Result<Stream, Refusal> {
        if self.count.fetch_add(1, Ordering::Relaxed) >= STREAMS_MAX {
            self.count.fetch_sub(1, Ordering::Relaxed);
            return Err(Refusal::new(
                Code::Busy,
                format!("{STREAMS_MAX} streams are served already; close one"),
            ));
        }
        // One chunk in flight: a slow reader gets the latest picture when it reads, not an old one.
        let (sender, chunks) = channel(1);
        spawn_local(feed(board, has_token, sender));
        Ok(Stream { chunks, count: Arc::clone(&self.count) })
    }

    /// The number of streams.
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

/// Sends the state, then its changes, until the reader leaves.
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
