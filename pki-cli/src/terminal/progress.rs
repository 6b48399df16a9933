//! Progress bars on the standard error, shown only if it is a terminal.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::Terminal;

/// A bar of `length` steps, where `None` means that the number is not known yet. It is hidden if the standard error is
/// not a terminal.
pub(crate) fn bar(template: &str, length: Option<usize>, terminal: &Terminal<'_>) -> ProgressBar {
    let is_shown = terminal.errors_is_terminal && !terminal.is_dumb() && !terminal.is_quiet();
    let target = if is_shown { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
    let length = length.map(|length| u64::try_from(length).unwrap_or(u64::MAX));
    let bar = ProgressBar::with_draw_target(length, target);
    match ProgressStyle::with_template(template) {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

/// A moving sign for work whose number of steps is not known.
pub(crate) fn spinner(template: &str, terminal: &Terminal<'_>) -> ProgressBar {
    let spinner = bar(template, None, terminal);
    spinner.enable_steady_tick(Duration::from_millis(100));
    spinner
}
