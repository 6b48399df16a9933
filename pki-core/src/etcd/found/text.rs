//! Text that was put together from several lines, with the place of each part.

/// The text of a value, which can tell where each part of it is in the file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct SourceText {
    pub(crate) text: String,
    /// Offsets into the text, each with the line and column that the text has from there on.
    marks: Vec<(usize, usize, usize)>,
}

impl SourceText {
    /// Appends text that is at `line` and `column` of the file, both counted from 1.
    pub(crate) fn push(&mut self, text: &str, line: usize, column: usize) {
        self.marks.push((self.text.len(), line, column));
        self.text.push_str(text);
    }

    /// The text without its first `offset` bytes.
    pub(crate) fn after(&self, offset: usize) -> Self {
        let (line, column) = self.position(offset);
        let later = self.marks.iter().filter(|(begin, ..)| *begin > offset);
        let mut marks = vec![(0, line, column)];
        marks.extend(later.map(|(begin, line, column)| (begin - offset, *line, *column)));
        Self { text: self.text.get(offset..).unwrap_or_default().to_owned(), marks }
    }

    /// The text without white space at its ends.
    pub(crate) fn trimmed(&self) -> Self {
        let mut trimmed = self.after(self.text.len() - self.text.trim_start().len());
        trimmed.text.truncate(trimmed.text.trim_end().len());
        trimmed
    }

    /// The line and column of the byte at `offset`.
    pub(crate) fn position(&self, offset: usize) -> (usize, usize) {
        let mark = self.marks.iter().rev().find(|(begin, ..)| *begin <= offset);
        let (begin, line, column) = mark.copied().unwrap_or((0, 1, 1));
        let between = self.text.get(begin..offset).map_or(0, |text| text.chars().count());
        (line, column + between)
    }
}
