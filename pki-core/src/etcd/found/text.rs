//! Text that was put together from several lines, and where each part of it stands.

/// A value, and where its parts stand in the file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Located {
    /// The value.
    pub text: String,
    /// From each of these offsets on, the value stands at this line and column.
    marks: Vec<(usize, usize, usize)>,
}

impl Located {
    /// Adds what stands at `line` and `column`, both from 1.
    pub(crate) fn push(&mut self, text: &str, line: usize, column: usize) {
        self.marks.push((self.text.len(), line, column));
        self.text.push_str(text);
    }

    /// What follows the first `offset` bytes.
    pub(crate) fn after(&self, offset: usize) -> Self {
        let (line, column) = self.position(offset);
        let later = self.marks.iter().filter(|(begin, ..)| *begin > offset);
        let mut marks = vec![(0, line, column)];
        marks.extend(later.map(|(begin, line, column)| (begin - offset, *line, *column)));
        Self { text: self.text.get(offset..).unwrap_or_default().to_owned(), marks }
    }

    /// Without white space at its ends.
    pub(crate) fn trimmed(&self) -> Self {
        let mut trimmed = self.after(self.text.len() - self.text.trim_start().len());
        trimmed.text.truncate(trimmed.text.trim_end().len());
        trimmed
    }

    /// The line and column of the byte at `offset`.
    pub fn position(&self, offset: usize) -> (usize, usize) {
        let mark = self.marks.iter().rev().find(|(begin, ..)| *begin <= offset);
        let (begin, line, column) = mark.copied().unwrap_or((0, 1, 1));
        let between = self.text.get(begin..offset).map_or(0, |text| text.chars().count());
        (line, column + between)
    }
}
