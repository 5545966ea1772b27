//! Ctrl-C and SIGTERM, for commands that have something to clean up.

use std::time::Duration;
use std::{io, thread};

use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{Signal, SignalKind, signal};

/// The exit code of a process that an interrupt ended.
pub(super) const INTERRUPTED: i32 = 130;

/// Calls `then` at each Ctrl-C from now on, on a thread of that name.
pub(super) fn on_each(name: &str, mut then: impl FnMut() + Send + 'static) -> io::Result<()> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let mut interrupt = {
        let _entered = runtime.enter();
        signal(SignalKind::interrupt())?
    };
    let wait = move || {
        while runtime.block_on(interrupt.recv()).is_some() {
            then()
        }
    };
    thread::Builder::new().name(name.to_owned()).spawn(wait).map(drop)
}

/// Ctrl-C and SIGTERM, for a command that polls.
pub(super) struct Interrupts {
    runtime: Runtime,
    interrupt: Signal,
    terminate: Signal,
}

impl Interrupts {
    /// Catches both from now on.
    pub(super) fn catch() -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let (interrupt, terminate) = {
            let _entered = runtime.enter();
            (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?)
        };
        Ok(Self { runtime, interrupt, terminate })
    }

    /// Waits for this long. True when a signal came, which ends the command.
    pub(super) fn wait(&mut self, time: Duration) -> bool {
        self.runtime.block_on(async {
            tokio::select! {
                biased;
                _ = self.interrupt.recv() => true,
                _ = self.terminate.recv() => true,
                () = tokio::time::sleep(time) => false,
            }
        })
    }
}
