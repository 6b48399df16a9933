//! The program's one palette. Callers name what a text means, and this file knows the colour.

use std::fmt;

use anstyle::AnsiColor;
use comfy_table::{Cell, Color};

use super::Terminal;

/// What a coloured text means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tone {
    /// It is right, or it is new.
    Good,
    /// A person should look at it.
    Warning,
    /// It is wrong.
    Error,
    /// It says what to do, or it waits for somebody.
    Hint,
    /// It names what the lines below it are about.
    Title,
    /// It matters less than its surroundings.
    Faint,
}

/// Colours for one stream, or none.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Style {
    colours: bool,
}

impl Style {
    /// The style of the results.
    pub(crate) fn of_output(terminal: &Terminal<'_>) -> Self {
        Self { colours: terminal.colours_output() }
    }

    /// The style of the messages.
    pub(crate) fn of_errors(terminal: &Terminal<'_>) -> Self {
        Self { colours: terminal.colours_errors() }
    }

    /// Whether there are colours at all.
    pub(crate) fn has_colours(self) -> bool {
        self.colours
    }

    /// `text`, coloured for a stream.
    pub(crate) fn paint<T: fmt::Display>(self, tone: Tone, text: T) -> Painted<T> {
        Painted { style: if self.colours { tone.style() } else { anstyle::Style::new() }, text }
    }

    /// `text`, coloured for a table.
    pub(crate) fn cell(self, tone: Tone, text: impl ToString) -> Cell {
        let cell = Cell::new(text);
        if self.colours { cell.fg(tone.colour()) } else { cell }
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

    /// A cell is not bold: a column of bold words would hide the others.
    fn colour(self) -> Color {
        match self {
            Self::Good => Color::Green,
            Self::Warning => Color::Yellow,
            Self::Error => Color::Red,
            Self::Hint | Self::Title => Color::Cyan,
            Self::Faint => Color::DarkGrey,
        }
    }
}

/// A text with its colour.
pub(crate) struct Painted<T> {
    style: anstyle::Style,
    text: T,
}

impl<T: fmt::Display> fmt::Display for Painted<T> {
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
        let plain = Style { colours: false }.paint(Tone::Error, "error").to_string();
        assert_eq!(plain, "error");
        let coloured = Style { colours: true }.paint(Tone::Error, "error").to_string();
        assert_eq!(coloured, "\u{1b}[1m\u{1b}[31merror\u{1b}[0m");
    }
}
