//! The colours of the program. Callers say what a text means, and this file chooses its colour.

use std::borrow::Cow;
use std::fmt;

use anstyle::AnsiColor;

use super::table::Cell;
use super::{Terminal, table, wrap};

/// What a coloured text means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tone {
    /// Something is right, or new.
    Good,
    /// Something deserves attention.
    Warning,
    /// Something is wrong.
    Error,
    /// The text says what to do, or that something waits for a person.
    Hint,
    /// The text is the title of the lines below it.
    Title,
    /// The text matters less than the text around it.
    Faint,
}

/// Whether the text for one stream is coloured.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Style {
    colours: bool,
    /// The columns that a line has room in; `None` for any number.
    columns: Option<u16>,
}

impl Style {
    /// The style for results, which go to the standard output.
    pub(crate) fn of_output(terminal: &Terminal<'_>) -> Self {
        Self { colours: terminal.colours_output(), columns: terminal.columns() }
    }

    /// The style for messages, which go to the standard error.
    pub(crate) fn of_errors(terminal: &Terminal<'_>) -> Self {
        Self { colours: terminal.colours_errors(), columns: terminal.columns_of_errors() }
    }

    #[cfg(test)]
    pub(super) fn for_tests(colours: bool, columns: Option<u16>) -> Self {
        Self { colours, columns }
    }

    /// The columns that a line has room in; `None` for any number.
    pub(crate) fn columns(self) -> Option<u16> {
        self.columns
    }

    /// Colours `text` for printing to a stream.
    pub(crate) fn paint<T: fmt::Display>(self, tone: Tone, text: T) -> ColouredText<T> {
        ColouredText { style: if self.colours { tone.style() } else { anstyle::Style::new() }, text }
    }

    /// A cell of a table with `text` in the colour of `tone`.
    pub(crate) fn cell(self, tone: Tone, text: impl ToString) -> Cell {
        table::cell(text).with_tone(tone)
    }

    /// Colours `text` of a cell. Cells are not bold, because a column of bold words would hide the other columns.
    pub(super) fn paint_cell<T: fmt::Display>(self, tone: Tone, text: T) -> ColouredText<T> {
        ColouredText { style: if self.colours { tone.style_of_cell() } else { anstyle::Style::new() }, text }
    }

    /// Breaks a sentence at spaces, so that it fits the columns. Lines that continue another begin two columns behind it.
    pub(crate) fn wrap(self, text: &str) -> Cow<'_, str> {
        match self.columns {
            Some(columns) => Cow::Owned(wrap::prose(text, usize::from(columns), 2)),
            None => Cow::Borrowed(text),
        }
    }
}

impl Tone {
    fn style(self) -> anstyle::Style {
        match self {
            Self::Good => AnsiColor::Green.on_default().bold(),
            Self::Warning => AnsiColor::Yellow.on_default().bold(),
            Self::Error => AnsiColor::Red.on_default().bold(),
            Self::Hint => AnsiColor::Cyan.on_default(),
            Self::Title => AnsiColor::Cyan.on_default().bold(),
            Self::Faint => anstyle::Style::new().dimmed(),
        }
    }

    fn style_of_cell(self) -> anstyle::Style {
        match self {
            Self::Good => AnsiColor::Green.on_default(),
            Self::Warning => AnsiColor::Yellow.on_default(),
            Self::Error => AnsiColor::Red.on_default(),
            Self::Hint | Self::Title => AnsiColor::Cyan.on_default(),
            Self::Faint => AnsiColor::BrightBlack.on_default(),
        }
    }
}

/// A text that is printed with a colour.
pub(crate) struct ColouredText<T> {
    style: anstyle::Style,
    text: T,
}

impl<T: fmt::Display> fmt::Display for ColouredText<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let style = self.style;
        write!(f, "{style}{}{style:#}", self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_terminal_sees_colours() {
        let plain = Style { colours: false, columns: None }.paint(Tone::Error, "error").to_string();
        assert_eq!(plain, "error");
        let coloured = Style { colours: true, columns: Some(80) }.paint(Tone::Error, "error").to_string();
        assert_eq!(coloured, "\u{1b}[1m\u{1b}[31merror\u{1b}[0m");
    }
}
