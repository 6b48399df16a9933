//! How far the work has come, for a person on standard error.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::Terminal;

/// A bar of `length` steps, or of a length that is not known yet. Nobody sees it if no person reads the messages.
pub(crate) fn bar(template: &str, length: Option<usize>, terminal: &Terminal<'_>) -> ProgressBar {
    let target =
        if terminal.errors_is_terminal { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
    let length = length.map(|length| u64::try_from(length).unwrap_or(u64::MAX));
    let bar = ProgressBar::with_draw_target(length, target);
    match ProgressStyle::with_template(template) {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

/// A sign that the program is at work, where the number of steps is not known.
pub(crate) fn spinner(template: &str, terminal: &Terminal<'_>) -> ProgressBar {
    let spinner = bar(template, None, terminal);
    spinner.enable_steady_tick(Duration::from_millis(100));
    spinner
}
