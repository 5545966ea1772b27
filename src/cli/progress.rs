//! How far a long command is, on a terminal.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// A bar with the time that is left; nothing when stderr is no terminal. `counted` says how far it
/// is: `{pos}/{len} runs`.
pub(super) fn bar(counted: &str) -> ProgressBar {
    let style = format!("{{bar:32}} {counted}  {{elapsed}} gone, {{eta}} left  {{msg}}");
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
    bar.set_style(ProgressStyle::with_template(&style).unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}

/// Shows how much is done, of all.
pub(super) fn show(bar: &ProgressBar, done: u64, all: u64) {
    if bar.length() != Some(all) {
        bar.set_length(all);
    }
    bar.set_position(done);
}
