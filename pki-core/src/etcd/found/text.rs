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

/// Finds the positions of parts of a text that are asked for in the order of the text, in time that grows with the
/// text's length.
pub(crate) struct Positions<'a> {
    text: &'a SourceText,
    /// The number of marks that are passed.
    passed: usize,
    offset: usize,
    at: (usize, usize),
}

impl SourceText {
    pub(crate) fn positions(&self) -> Positions<'_> {
        Positions { text: self, passed: 0, offset: 0, at: (1, 1) }
    }
}

impl Positions<'_> {
    /// The line and column of the byte at `offset`.
    pub(crate) fn at(&mut self, offset: usize) -> (usize, usize) {
        if offset < self.offset {
            return self.text.position(offset);
        }
        while let Some((begin, line, column)) =
            self.text.marks.get(self.passed).copied().filter(|(begin, ..)| *begin <= offset)
        {
            (self.offset, self.at) = (begin, (line, column));
            self.passed += 1;
        }
        let between = self.text.text.get(self.offset..offset).map_or(0, |text| text.chars().count());
        (self.offset, self.at.1) = (offset, self.at.1 + between);
        self.at
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_in_order_are_the_same_as_positions_alone() {
        let mut text = SourceText::default();
        for (part, line, column) in [("ab ", 1, 4), ("", 2, 1), ("\u{e9}d ", 3, 2), ("ef", 9, 7)] {
            text.push(part, line, column);
        }
        let mut positions = text.positions();
        for offset in [0, 1, 3, 5, 5, 6, 7, 8, 2] {
            assert_eq!(positions.at(offset), text.position(offset), "{offset}");
        }
    }
}
