//! What ends a cluster that is served: signals, or an order.

use std::io;

use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// Whether this process was started with SIGHUP ignored, where the system tells.
fn ignores_hangup() -> bool {
    const HANGUP: u64 = 1;
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).is_some_and(|mask| mask & HANGUP != 0)
}

/// SIGINT, SIGTERM and SIGHUP (its terminal has closed), caught from the moment this is made: make it before the cluster starts, and a signal that comes
/// at once is not lost. An order by a [`StopHandle`] counts as one.
pub struct StopSignal {
    runtime: Runtime,
    interrupt: Signal,
    terminate: Signal,
    hangup: Option<Signal>,
    handle: StopHandle,
    ordered: UnboundedReceiver<()>,
}

/// Does what SIGTERM does, from any thread.
#[derive(Clone, Debug)]
pub struct StopHandle(UnboundedSender<()>);

impl StopHandle {
    /// Ends the wait of the [`StopSignal`] that this is of.
    pub fn stop(&self) {
        // Fails only when nobody waits any more, since it stops already.
        let _ = self.0.send(());
    }
}

impl StopSignal {
    /// Catches the signals from now on.
    ///
    /// # Errors
    /// The system lets no handler be installed.
    pub fn install() -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let entered = runtime.enter();
        let (interrupt, terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
        // nohup has it ignored, so that the cluster outlives the terminal.
        let hangup = if ignores_hangup() { None } else { Some(signal(SignalKind::hangup())?) };
        drop(entered);
        let (sender, ordered) = unbounded_channel();
        Ok(Self { runtime, interrupt, terminate, hangup, handle: StopHandle(sender), ordered })
    }

    /// To stop by order.
    pub fn handle(&self) -> StopHandle {
        self.handle.clone()
    }

    /// Waits until one of them comes, or has come.
    pub fn wait(mut self) {
        let hangup = async {
            match &mut self.hangup {
                Some(hangup) => drop(hangup.recv().await),
                None => std::future::pending().await,
            }
        };
        self.runtime.block_on(async {
            tokio::select! {
                biased;
                _ = self.interrupt.recv() => log::info!("stopping signal=SIGINT"),
                _ = self.terminate.recv() => log::info!("stopping signal=SIGTERM"),
                () = hangup => log::info!("stopping signal=SIGHUP"),
                _ = self.ordered.recv() => log::info!("stopping order=stop"),
            }
        });
    }
}
