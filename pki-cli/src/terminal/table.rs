//! Tables for people, and the dates in them.

use comfy_table::{ContentArrangement, Table};
use time::OffsetDateTime;
use time::macros::format_description;

use super::{CommandError, Style, Terminal};

/// Columns, as wide as the terminal allows, or as wide as they are where no terminal shows them.
pub(crate) fn new(header: &[&str], style: Style) -> Table {
    let mut table = Table::new();
    table.load_style(comfy_table::TableStyle::new()).set_header(header.iter().copied());
    // A terminal that does not know its width has none.
    if style.has_colours() && table.width() != Some(0) {
        table.set_content_arrangement(ContentArrangement::Dynamic).enforce_styling();
    } else {
        table.set_content_arrangement(ContentArrangement::Disabled).force_no_tty();
    }
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    table
}

/// Prints a table and an empty line behind it. A table without rows is left out.
pub(crate) fn show(table: &Table, terminal: &mut Terminal<'_>) -> Result<(), CommandError> {
    if table.row_count() > 0 {
        writeln!(terminal.output, "{}\n", table.trim_fmt())?;
    }
    Ok(())
}

/// `2027-01-31`
pub(crate) fn day(moment: OffsetDateTime) -> String {
    moment.format(format_description!("[year]-[month]-[day]")).unwrap_or_default()
}
