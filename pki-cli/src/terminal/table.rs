//! Tables for people, and the form of dates in them.
//!
//! A cell is broken between words only, so that names and paths can be copied. Where the columns of a terminal are too few
//! for that, what is longest gets a line of its own.

use pki_core::base::shown;
use time::OffsetDateTime;
use time::macros::format_description;

use super::wrap::{columns, prose};
use super::{CommandError, Style, Terminal, Tone};

/// The columns between two columns of a table.
const GAP: usize = 2;

/// The least columns of the first column, where what is longer stands above the line.
const LEAST: usize = 2;

/// A column of at most so many columns is not broken: `+ new` and `7 days` are read as one.
const SHORT: usize = 12;

/// The columns that a column gets, if it needs them, where what is longest stands above the line.
const WISHED: [usize; 4] = [0, 16, 24, 32];

/// A text in a table.
#[derive(Debug, Clone)]
pub(crate) struct Cell {
    text: String,
    tone: Option<Tone>,
}

/// Rows of cells below the titles of the columns.
#[derive(Debug)]
pub(crate) struct Table {
    style: Style,
    titles: Vec<Cell>,
    rows: Vec<Vec<Cell>>,
}

/// How the rows of a table fit.
#[derive(Debug, PartialEq, Eq)]
enum Layout {
    /// The widths of the columns.
    Columns(Vec<usize>),
    /// The widths of the columns, where a first cell that is longer stands above the other cells of its row.
    Above(Vec<usize>),
    /// Each cell stands on a line of its own, with the title of its column.
    Lines(usize),
}

/// A table with these column titles, which may have names from files. Its columns are fitted to the columns of the terminal, or, in a pipe, are as wide as
/// their contents.
pub(crate) fn new(titles: &[&str], style: Style) -> Table {
    Table { style, titles: titles.iter().map(cell).collect(), rows: Vec::new() }
}

/// A cell with a text that may come from a file.
pub(crate) fn cell(text: impl ToString) -> Cell {
    Cell { text: shown(&text.to_string()).to_string(), tone: None }
}

/// Prints a table and an empty line after it. A table without rows is not printed.
pub(crate) fn show(table: &Table, terminal: &mut Terminal<'_>) -> Result<(), CommandError> {
    if !table.rows.is_empty() {
        writeln!(terminal.output, "{}", table.text())?;
    }
    Ok(())
}

/// The date of a moment, as in `2027-01-31`.
pub(crate) fn day(moment: OffsetDateTime) -> String {
    moment.format(format_description!("[year]-[month]-[day]")).unwrap_or_default()
}

impl Cell {
    /// The cell with the colour of a tone.
    pub(crate) fn with_tone(self, tone: Tone) -> Self {
        Self { tone: Some(tone), ..self }
    }

    fn longest_word(&self) -> usize {
        self.text.split(' ').map(columns).max().unwrap_or(0)
    }

    fn painted(&self, text: &str, style: Style) -> String {
        match self.tone {
            Some(tone) if !text.is_empty() => style.paint_cell(tone, text).to_string(),
            _ => text.to_owned(),
        }
    }
}

impl Table {
    pub(crate) fn add_row(&mut self, cells: impl IntoIterator<Item = Cell>) {
        self.rows.push(cells.into_iter().collect());
    }

    /// The table in the form that needs the fewest lines.
    fn text(&self) -> String {
        let texts = self.layouts().into_iter().map(|layout| self.text_in(&layout));
        texts.min_by_key(|text| text.matches('\n').count()).unwrap_or_default()
    }

    fn text_in(&self, layout: &Layout) -> String {
        let mut text = String::new();
        if let Layout::Lines(width) = layout {
            text.extend(self.titles.first().map(|title| format!("{}\n", title.text)));
            for row in &self.rows {
                self.lines_of(row, *width, &mut text);
            }
            return text;
        }
        for row in std::iter::once(&self.titles).chain(&self.rows) {
            self.row(row, layout, &mut text);
        }
        text
    }

    /// The forms that fit, the one that is easiest to read first.
    fn layouts(&self) -> Vec<Layout> {
        let natural = self.widest(|cell| columns(&cell.text));
        let gaps = GAP * natural.len().saturating_sub(1);
        let Some(room) = self.style.columns().map(usize::from) else { return vec![Layout::Columns(natural)] };
        let room_of_cells = room.saturating_sub(gaps);
        let sum = |widths: &[usize]| widths.iter().sum::<usize>();
        if sum(&natural) <= room_of_cells {
            return vec![Layout::Columns(natural)];
        }
        let mut least = self.widest(Cell::longest_word);
        for (least, natural) in least.iter_mut().zip(&natural).filter(|(_, natural)| **natural <= SHORT) {
            *least = *natural;
        }
        let mut layouts = Vec::new();
        if sum(&least) <= room_of_cells {
            layouts.push(Layout::Columns(widened(least.clone(), &natural, room_of_cells)));
        }
        for wished in WISHED {
            let mut widths: Vec<usize> =
                least.iter().zip(&natural).map(|(least, natural)| wished.max(*least).min(*natural)).collect();
            let others = sum(widths.get(1..).unwrap_or_default());
            if let Some(first) = widths.first_mut().filter(|_| others + LEAST <= room_of_cells) {
                *first = room_of_cells - others;
                layouts.push(Layout::Above(widths));
            }
        }
        if layouts.is_empty() {
            layouts.push(Layout::Lines(room));
        }
        layouts
    }

    /// The most that each column has of something.
    fn widest(&self, of: fn(&Cell) -> usize) -> Vec<usize> {
        let rows = || std::iter::once(&self.titles).chain(&self.rows);
        let widest = |n| rows().filter_map(|row| row.get(n)).map(of).max().unwrap_or(0);
        (0..self.titles.len()).map(widest).collect()
    }

    fn row(&self, row: &[Cell], layout: &Layout, text: &mut String) {
        let (Layout::Columns(widths) | Layout::Above(widths)) = layout else { return };
        let mut cells: Vec<Vec<String>> = Vec::new();
        for (cell, width) in row.iter().zip(widths) {
            if matches!(layout, Layout::Above(_)) && cells.is_empty() && cell.longest_word() > *width {
                text.push_str(&cell.painted(&cell.text, self.style));
                text.push('\n');
                cells.push(Vec::new());
            } else {
                cells.push(prose(&cell.text, *width, 0).split('\n').map(str::to_owned).collect());
            }
        }
        for line in 0..cells.iter().map(Vec::len).max().unwrap_or(0) {
            let mut written = String::new();
            let mut behind = 0;
            for ((lines, cell), width) in cells.iter().zip(row).zip(widths) {
                let part = lines.get(line).map_or("", |part| part.trim_end());
                if !part.is_empty() {
                    written.push_str(&" ".repeat(behind));
                    written.push_str(&cell.painted(part, self.style));
                    behind = 0;
                }
                behind += width.saturating_sub(columns(part)) + GAP;
            }
            if !written.is_empty() {
                text.push_str(&written);
                text.push('\n');
            }
        }
    }

    fn lines_of(&self, row: &[Cell], width: usize, text: &mut String) {
        for (n, (cell, title)) in row.iter().zip(&self.titles).enumerate() {
            if cell.text.is_empty() {
                continue;
            }
            let painted = cell.painted(&cell.text, self.style);
            let line = if n == 0 { painted } else { format!("  {}: {painted}", title.text) };
            text.push_str(&prose(&line, width, 2));
            text.push('\n');
        }
    }
}

/// Gives the columns of a table that could be wider what is left, each as much as another.
fn widened(mut widths: Vec<usize>, natural: &[usize], room: usize) -> Vec<usize> {
    let mut left = room.saturating_sub(widths.iter().sum());
    while left > 0 {
        let mut is_given = false;
        for (width, natural) in widths.iter_mut().zip(natural) {
            if *width < *natural && left > 0 {
                *width += 1;
                left -= 1;
                is_given = true;
            }
        }
        if !is_given {
            break;
        }
    }
    widths
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(columns: Option<u16>) -> String {
        let style = Style::for_tests(false, columns);
        let mut table = new(&["FILE", "CHANGE", "WHY"], style);
        table.add_row([cell("nodes/etcd1/peer.pem"), cell("+ new"), cell("for localhost, 10.0.0.11")]);
        table.add_row([cell("ca/"), cell("~ changed"), cell("")]);
        table.text()
    }

    #[test]
    fn only_spaces_break_a_cell_and_nothing_is_lost_at_any_width() {
        let wide = "FILE                  CHANGE     WHY\nnodes/etcd1/peer.pem  + new      for localhost, 10.0.0.11\nca/                   ~ changed\n";
        assert_eq!(table(None), wide);
        assert_eq!(table(Some(80)), wide);
        let narrower = "FILE                  CHANGE     WHY\nnodes/etcd1/peer.pem  + new      for localhost,\n                                 10.0.0.11\nca/                   ~ changed\n";
        assert_eq!(table(Some(47)), narrower);
        let narrow = "FILE       CHANGE     WHY\nnodes/etcd1/peer.pem\n           + new      for\n                      localhost,\n                      10.0.0.11\nca/        ~ changed\n";
        assert_eq!(table(Some(32)), narrow);
        let lines = "FILE\nnodes/etcd1/peer.pem\n  CHANGE: + new\n  WHY: for\n    localhost,\n    10.0.0.11\nca/\n  CHANGE: ~\n    changed\n";
        assert_eq!(table(Some(16)), lines);
        let words = |text: &str| {
            text.split_whitespace()
                .filter(|word| word.contains(['.', '/']))
                .map(str::to_owned)
                .collect::<Vec<_>>()
        };
        for columns in 1..90 {
            assert_eq!(words(&table(Some(columns))), words(wide), "{columns}");
        }
    }

    #[test]
    fn the_form_with_the_fewest_lines_is_taken() {
        let mut table = new(&["FILE", "WHY"], Style::for_tests(false, Some(40)));
        table.add_row([cell("nodes/etcd1/etc/etcd/etcd.env"), cell("its contents differ")]);
        assert_eq!(
            table.text(),
            "FILE                 WHY\nnodes/etcd1/etc/etcd/etcd.env\n                     its contents differ\n"
        );
    }

    #[test]
    fn wide_characters_have_two_columns() {
        let mut table = new(&["NAME", "X"], Style::for_tests(false, None));
        table.add_row([cell("集群"), cell("a")]);
        table.add_row([cell("abcde"), cell("b")]);
        assert_eq!(table.text(), "NAME   X\n集群   a\nabcde  b\n");
    }

    #[test]
    fn a_colour_ends_before_the_end_of_its_cell() {
        let mut table = new(&["A", "B"], Style::for_tests(true, None));
        table.add_row([cell("yes").with_tone(Tone::Good), cell("no")]);
        assert_eq!(table.text(), "A    B\n\u{1b}[32myes\u{1b}[0m  no\n");
    }
}
