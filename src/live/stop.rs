//! Ends a served cluster: by a signal, or by an order.

use std::io;

use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// Whether this process was started with SIGHUP ignored, on systems that tell.
fn ignores_hangup() -> bool {
    const HANGUP: u64 = 1;
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).is_some_and(|mask| mask & HANGUP != 0)
}

/// Catches SIGINT, SIGTERM and SIGHUP (its terminal has closed) from the moment it is made: made
/// before the cluster starts, it does not lose an early signal. An order by a [`StopHandle`] counts
/// as a signal.
pub struct StopSignal {
    runtime: Runtime,
    interrupt: Signal,
    terminate: Signal,
    hangup: Option<Signal>,
    handle: StopHandle,
    ordered: UnboundedReceiver<()>,
}

/// Has the effect of SIGTERM, from any thread.
#[derive(Clone, Debug)]
pub struct StopHandle(UnboundedSender<()>);

impl StopHandle {
    /// Ends the wait of its [`StopSignal`].
    pub fn stop(&self) {
        // Fails only if the wait is over, since it stops already.
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
        // nohup ignores SIGHUP, so that the cluster outlives the terminal.
        let hangup = if ignores_hangup() { None } else { Some(signal(SignalKind::hangup())?) };
        drop(entered);
        let (sender, ordered) = unbounded_channel();
        Ok(Self { runtime, interrupt, terminate, hangup, handle: StopHandle(sender), ordered })
    }

    /// A handle to stop by order.
    pub fn handle(&self) -> StopHandle {
        self.handle.clone()
    }

    /// Waits until a signal or an order comes, or has come.
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
