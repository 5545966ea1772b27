//! The terminal of `top`: a separate screen that is restored at the end, or plain text.

use std::io::{self, IsTerminal, Write};

use console::{Term, truncate_str};

use super::page::{Line, Page};
use crate::cli::output::write_on;
use crate::live::ServerState;

/// Switches to another screen without a cursor, and back.
const ENTER: &str = "\x1b[?1049h\x1b[?25l";
const LEAVE: &str = "\x1b[?25h\x1b[?1049l";

/// Moves to the upper left corner; clears the rest of a line and what is below the last.
const HOME: &str = "\x1b[H";
const END_OF_LINE: &str = "\x1b[K\n";
const BELOW: &str = "\x1b[J";

/// Shows pages. Dropping it restores the terminal.
pub(super) struct Screen {
    /// `None` when stdout is not a terminal.
    terminal: Option<Term>,
    has_colours: bool,
    is_first: bool,
}

impl Screen {
    /// Takes over the terminal, if there is one and it is wanted.
    pub(super) fn open(is_wanted: bool) -> Self {
        let terminal = (is_wanted && io::stdout().is_terminal()).then(Term::stdout);
        if terminal.is_some() {
            raw(ENTER);
        }
        let has_colours = terminal.is_some() && std::env::var_os("NO_COLOR").is_none_or(|no| no.is_empty());
        Self { terminal, has_colours, is_first: true }
    }

    pub(super) fn is_terminal(&self) -> bool {
        self.terminal.is_some()
    }

    /// Shows a page in place of the last one, or below it. False when nobody reads any more.
    pub(super) fn show(&mut self, page: &Page<'_>) -> Result<bool, String> {
        let Some(terminal) = &self.terminal else {
            let gap = if std::mem::take(&mut self.is_first) { "" } else { "\n" };
            let lines: String = page.lines(None).into_iter().map(|line| line.text + "\n").collect();
            return write_on(&format!("{gap}{lines}"));
        };
        let (height, width) = terminal.size();
        let (height, width) = (usize::from(height), usize::from(width));
        let mut text = HOME.to_owned();
        let lines = page.lines(Some(height.saturating_sub(1)));
        for line in lines.iter().take(height.saturating_sub(1)) {
            text.push_str(&self.dressed(line, width));
            text.push_str(END_OF_LINE);
        }
        text.push_str(BELOW);
        write_on(&text)
    }

    /// A line as wide as the terminal, in the colour of its server's state.
    fn dressed(&self, Line { text, state }: &Line, width: usize) -> String {
        let shown = truncate_str(text, width, "…");
        let colour = match state {
            Some(ServerState::Paused | ServerState::Restarting | ServerState::Stopping) => "\x1b[33m",
            Some(ServerState::Killed) => "\x1b[31m",
            Some(ServerState::Stopped) => "\x1b[2m",
            Some(ServerState::Running) | None => return shown.into_owned(),
        };
        if self.has_colours { format!("{colour}{shown}\x1b[0m") } else { shown.into_owned() }
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        if self.terminal.is_some() {
            raw(LEAVE);
        }
    }
}

/// The terminal may be gone.
fn raw(code: &str) {
    let mut stdout = io::stdout();
    let _ = stdout.write_all(code.as_bytes()).and_then(|()| stdout.flush());
}
