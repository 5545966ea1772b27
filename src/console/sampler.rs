//! Takes one view of the cluster a second, for all readers of the console.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde_json::json;

use super::board::Board;
use super::robots::Robots;
use super::target::Target;
use crate::monitor::Monitor;

/// Time between two samples.
const EVERY: Duration = Duration::from_secs(1);

/// The sampling thread. Dropping it stops it.
pub(super) struct Sampler {
    ends: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Sampler {
    /// Takes a first sample, then continues on its thread.
    pub(super) fn start(target: Arc<Target>, board: Arc<Board>, robots: Arc<Robots>) -> io::Result<Self> {
        let mut monitor = Monitor::default();
        look(&target, &board, &mut monitor);
        let (ends, ended) = channel();
        let thread = thread::Builder::new().name("console: sampler".to_owned()).spawn(move || {
            let mut next = Instant::now() + EVERY;
            loop {
                match ended.recv_timeout(next.saturating_duration_since(Instant::now())) {
                    Err(RecvTimeoutError::Timeout) => {}
                    Ok(()) | Err(RecvTimeoutError::Disconnected) => return,
                }
                // Never take two samples at once, however late this one is.
                next = (next + EVERY).max(Instant::now() + EVERY / 2);
                look(&target, &board, &mut monitor);
                robots.publish(&board);
                board.notify();
            }
        })?;
        Ok(Self { ends: Some(ends), thread: Some(thread) })
    }

    fn end(&mut self) {
        self.ends = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Drop for Sampler {
    fn drop(&mut self) {
        self.end();
    }
}

fn look(target: &Target, board: &Board, monitor: &mut Monitor) {
    let Ok(live) = target.live() else { return };
    let Ok(view) = live.cluster.view() else { return };
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let picture = monitor.take(now.as_millis() as u64, view.clone());
    board.picture(view, picture);
    let (event, step) = board.next();
    board.events(&json!(live.cluster.timeline().since(event)));
    if let Ok(trace) = live.cluster.trace(step) {
        board.trace(json!(trace));
    }
}
