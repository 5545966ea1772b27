//! Ctrl-C while an experiment runs: what is done is saved, so the process ends at once, and says how to go on.

use std::io::{self, IsTerminal, Write};
use std::path::Path;
use std::thread;

use tokio::signal::ctrl_c;

/// The exit code of a process that an interrupt ended.
const INTERRUPTED: i32 = 130;

/// From now on Ctrl-C ends the process.
pub(super) fn say_how_to_go_on(out: &Path) -> io::Result<()> {
    let out = out.display().to_string();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    thread::Builder::new().name("experiment: interrupt".to_owned()).spawn(move || {
        if runtime.block_on(ctrl_c()).is_ok() {
            let mut stderr = io::stderr();
            // Over the progress line, and with the cursor that it hides.
            let clear = if stderr.is_terminal() { "\r\x1b[K\x1b[?25h" } else { "" };
            // Whoever closed stderr does not want to know.
            let _ =
                writeln!(stderr, "{clear}interrupted: what is done is in {out}; the same command continues");
            std::process::exit(INTERRUPTED);
        }
    })?;
    Ok(())
}
