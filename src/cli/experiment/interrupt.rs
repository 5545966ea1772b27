//! Ctrl-C while an experiment runs: what is done is saved, so the process ends at once, and says
//! how to go on.

use std::io::{self, IsTerminal, Write};
use std::path::Path;

use crate::cli::interrupts::{INTERRUPTED, on_each};

/// From now on Ctrl-C ends the process.
pub(super) fn say_how_to_go_on(out: &Path) -> io::Result<()> {
    let out = out.display().to_string();
    on_each("experiment: interrupt", move || {
        let mut stderr = io::stderr();
        // Over the progress line, and with the cursor that it hides.
        let clear = if stderr.is_terminal() { "\r\x1b[K\x1b[?25h" } else { "" };
        // Whoever closed stderr does not want to know.
        let _ = writeln!(stderr, "{clear}interrupted: what is done is in {out}; the same command continues");
        std::process::exit(INTERRUPTED);
    })
}
