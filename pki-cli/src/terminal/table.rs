//! Tables for people, and the form of dates in them.

use comfy_table::{Cell, ContentArrangement, Table};
use pki_core::base::shown;
use time::OffsetDateTime;
use time::macros::format_description;

use super::{CommandError, Style, Terminal};

/// A table with these column titles, which may have names from files. Its columns are fitted to the columns of the terminal, or, in a pipe, are as wide as
/// their contents.
pub(crate) fn new(header: &[&str], style: Style) -> Table {
    let mut table = Table::new();
    table.load_style(comfy_table::TableStyle::new()).set_header(header.iter().map(|title| shown(title)));
    match style.columns() {
        Some(columns) => table.set_content_arrangement(ContentArrangement::Dynamic).set_width(columns),
        None => table.set_content_arrangement(ContentArrangement::Disabled),
    };
    table.force_no_tty();
    if style.has_colours() {
        table.enforce_styling();
    }
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    table
}

/// A table whose first column has paths, which are broken behind a slash if they do not fit.
pub(crate) fn of_paths(header: &[&str], style: Style) -> Table {
    let mut table = new(header, style);
    if let Some(column) = table.column_mut(0) {
        column.set_delimiter('/');
    }
    table
}

/// A cell with a text that may come from a file.
pub(crate) fn cell(text: impl ToString) -> Cell {
    Cell::new(shown(&text.to_string()))
}

/// Prints a table and an empty line after it. A table without rows is not printed.
pub(crate) fn show(table: &Table, terminal: &mut Terminal<'_>) -> Result<(), CommandError> {
    if table.row_count() > 0 {
        writeln!(terminal.output, "{}\n", table.trim_fmt())?;
    }
    Ok(())
}

/// The date of a moment, as in `2027-01-31`.
pub(crate) fn day(moment: OffsetDateTime) -> String {
    moment.format(format_description!("[year]-[month]-[day]")).unwrap_or_default()
}
