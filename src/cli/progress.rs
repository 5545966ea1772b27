//! The progress of a long command, on a terminal.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// A bar with the remaining time; nothing when stderr is not a terminal. `counted` is the template
/// of the count, such as `{pos}/{len} runs`.
pub(super) fn bar(counted: &str) -> ProgressBar {
    let style = format!("{{bar:32}} {counted}  {{elapsed}} elapsed, {{eta}} left  {{msg}}");
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
    bar.set_style(ProgressStyle::with_template(&style).unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}

/// Shows the progress.
pub(super) fn show(bar: &ProgressBar, done: u64, all: u64) {
    if bar.length() != Some(all) {
        bar.set_length(all);
    }
    bar.set_position(done);
}
