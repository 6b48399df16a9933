//! cfssl's log lines on standard error: `2026/11/21 01:16:31 [INFO] text`, in local time.

use std::fmt::Display;

use pki_core::base::shown;
use time::{OffsetDateTime, UtcOffset};

use crate::terminal::Terminal;

#[derive(Debug, Clone, Copy)]
enum Level {
    Info,
    Warning,
}

/// Writes log lines whose level is at least that of `-loglevel`.
#[derive(Clone, Copy)]
pub(crate) struct Log {
    least: i64,
}

impl Log {
    pub(crate) fn new(least: i64) -> Self {
        Self { least }
    }

    pub(crate) fn info(self, terminal: &mut Terminal<'_>, text: impl Display) {
        self.line(terminal, Level::Info, &text);
    }

    pub(crate) fn warning(self, terminal: &mut Terminal<'_>, text: impl Display) {
        self.line(terminal, Level::Warning, &text);
    }

    /// Writes a warning for each notice.
    pub(crate) fn warnings(self, terminal: &mut Terminal<'_>, notices: &[impl Display]) {
        for notice in notices {
            self.warning(terminal, notice);
        }
    }

    fn line(self, terminal: &mut Terminal<'_>, level: Level, text: &dyn Display) {
        let (number, name) = match level {
            Level::Info => (1, "INFO"),
            Level::Warning => (2, "WARNING"),
        };
        if number < self.least {
            return;
        }
        let now = (terminal.now)();
        let now = UtcOffset::local_offset_at(now).map_or(now, |offset: UtcOffset| now.to_offset(offset));
        let text = text.to_string();
        let _ = writeln!(terminal.errors, "{} [{name}] {}", stamp(now), shown(&text));
    }
}

fn stamp(now: OffsetDateTime) -> String {
    let (year, month, day) = (now.year(), u8::from(now.month()), now.day());
    format!("{year}/{month:02}/{day:02} {:02}:{:02}:{:02}", now.hour(), now.minute(), now.second())
}
