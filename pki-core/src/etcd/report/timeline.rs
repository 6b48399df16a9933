//! The timeline: when each certificate begins, should be renewed and ends.

use time::{Duration, OffsetDateTime, UtcOffset};

use crate::etcd::check::status::{State, Status};
use crate::etcd::report::escape::{Styled, markup, svg_begin, svg_text};
use crate::etcd::report::graph::Width;

/// The day of a moment.
pub(crate) fn day(moment: OffsetDateTime) -> String {
    moment.to_offset(UtcOffset::UTC).date().to_string()
}

/// One row.
struct Row<'a> {
    name: &'a str,
    sign: &'static str,
    state: &'static str,
    /// Begin and renewal, which revocation lists do not have.
    span: Option<(OffsetDateTime, OffsetDateTime)>,
    ends: OffsetDateTime,
}

/// The most rows. What ends later is only counted.
const MOST_ROWS: usize = 60;

/// Moments on a line.
struct Scale {
    from: OffsetDateTime,
    to: OffsetDateTime,
    left: i32,
    width: i32,
}

impl Scale {
    /// Where a moment is; at the border if it is outside.
    fn x(&self, moment: OffsetDateTime) -> i32 {
        let all = (self.to - self.from).whole_seconds().max(1);
        let part = (moment - self.from).whole_seconds().clamp(0, all);
        let pixels = i128::from(part) * i128::from(self.width) / i128::from(all);
        self.left + i32::try_from(pixels).unwrap_or(self.width)
    }
}

/// The sign and the word of a state.
pub(crate) fn state(state: State) -> (&'static str, &'static str) {
    match state {
        State::Valid => ("✓", "valid"),
        State::RenewalDue => ("↻", "renewal is due"),
        State::NotYetValid => ("…", "not valid yet"),
        State::Ended => ("×", "ended"),
    }
}

fn rows(status: &Status) -> Vec<Row<'_>> {
    let certificates = status.certificates.iter().map(|one| {
        let (sign, state) = match one.file.is_healthy() {
            true => state(one.state),
            false => ("!", "its file is missing or not as recorded"),
        };
        Row { name: &one.certificate, sign, state, span: Some((one.not_before, one.renewal)), ends: one.ends }
    });
    let lists = status.revocation_lists.iter().filter_map(|list| {
        let ends = list.next_update?;
        let (sign, state) = if ends < status.now { ("×", "ended") } else { ("✓", "valid") };
        Some(Row { name: &list.path, sign, state, span: None, ends })
    });
    let mut rows: Vec<Row<'_>> = certificates.chain(lists).collect();
    rows.sort_by_key(|row| row.ends);
    rows
}

/// From the first begin to the last end of what is not a CA's, so that the long lives of CAs hide nothing.
fn moments(status: &Status) -> (OffsetDateTime, OffsetDateTime) {
    let leaves = status.certificates.iter().filter(|one| !one.path.starts_with("ca/"));
    let last = leaves.map(|one| one.ends).max();
    let last = last.or_else(|| status.certificates.iter().map(|one| one.ends).max());
    let last = last.unwrap_or(status.now).max(status.now.saturating_add(Duration::days(1)));
    let ahead = last - status.now;
    let first = status.certificates.iter().map(|one| one.not_before).min().unwrap_or(status.now);
    let first = first.min(status.now).max(status.now.saturating_sub(ahead * 2));
    (first, last.saturating_add((last - first) / 12))
}

/// The timeline as SVG.
pub(crate) fn svg(status: &Status, width: Width, styled: Styled) -> String {
    let all = rows(status);
    let shown = all.len().min(MOST_ROWS);
    let is_wide = width == Width::Wide;
    let (from, to) = moments(status);
    let (left, bar, step) = if is_wide { (270, 520, 28) } else { (0, 320, 46) };
    let scale = Scale { from, to, left, width: bar };
    let lines = i32::try_from(shown).unwrap_or_default();
    let bottom = 30 + lines * step;
    let mut svg = svg_begin(width.pixels(), bottom + 48, "When everything ends", styled);
    let now = scale.x(status.now);
    let anchor = match now - left {
        near if near < 70 => "soft",
        far if far > bar - 70 => "soft end",
        _ => "soft middle",
    };
    svg += &svg_text(now, 14, anchor, &format!("now {}", day(status.now)), 20);
    for (at, row) in all.iter().take(shown).enumerate() {
        let y = 30 + i32::try_from(at).unwrap_or_default() * step;
        svg += &draw(row, &scale, y, width);
    }
    // The line is cut where the narrow rows have their names.
    for at in 0..lines {
        let y = 30 + at * step + if is_wide { 0 } else { 22 };
        let height = if is_wide { step } else { 20 };
        svg += &format!("<path class=\"now\" d=\"M{now} {y}v{height}\"/>\n");
    }
    svg += &svg_text(left, bottom + 16, "soft", &day(from), 10);
    svg += &svg_text(left + bar, bottom + 16, "soft end", &day(to), 10);
    if let more @ 1.. = all.len() - shown {
        svg += &svg_text(0, bottom + 36, "soft", &format!("{more} more end later"), 30);
    }
    svg + "</svg>\n"
}

fn draw(row: &Row<'_>, scale: &Scale, y: i32, width: Width) -> String {
    let is_wide = width == Width::Wide;
    let (cells, top) = if is_wide { (31, y + 6) } else { (26, y + 24) };
    let end = scale.x(row.ends);
    let mut svg = format!("<g><title>{}</title>\n", markup(&about(row)));
    svg += &svg_text(0, y + 17, "name", &format!("{} {}", row.sign, row.name), cells);
    svg += &svg_text(width.pixels(), y + 17, "end", &day(row.ends), 10);
    match row.span {
        Some((begins, renewal)) => {
            let (begin, renew) = (scale.x(begins), scale.x(renewal));
            svg += &format!(
                "<rect class=\"bar\" x=\"{begin}\" y=\"{}\" width=\"{}\" height=\"6\"/>\n",
                top + 5,
                (renew - begin).max(0)
            );
            svg += &format!(
                "<rect class=\"due\" x=\"{renew}\" y=\"{top}\" width=\"{}\" height=\"16\" rx=\"2\"/>\n",
                (end - renew).max(if renewal < scale.to { 2 } else { 0 })
            );
        }
        None => {
            svg += &format!(
                "<circle class=\"due\" cx=\"{}\" cy=\"{}\" r=\"6\"/>\n",
                end.max(scale.left + 6).min(scale.left + scale.width - 6),
                top + 8
            );
        }
    }
    svg + "</g>\n"
}

fn about(row: &Row<'_>) -> String {
    let Row { name, state, ends, .. } = row;
    match row.span {
        Some((begins, renewal)) => format!(
            "{name}: {state}; from {}, to be renewed from {}, ends {}",
            day(begins),
            day(renewal),
            day(*ends)
        ),
        None => format!("{name}: {state}; the next list is due on {}", day(*ends)),
    }
}
