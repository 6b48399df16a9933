//! Breaks the lines of a help, and sentences, so that they fit a width.

use unicode_width::UnicodeWidthChar;

/// The columns of a text on a terminal. A colour has none.
pub(super) fn columns(text: &str) -> usize {
    let mut is_colour = false;
    let mut columns = 0;
    for c in text.chars() {
        match c {
            '\u{1b}' => is_colour = true,
            'm' if is_colour => is_colour = false,
            _ if is_colour => {}
            _ => columns += c.width().unwrap_or(0),
        }
    }
    columns
}

/// The text with lines of at most `width` columns. It is broken at spaces only, so a longer word stays whole. Lines that
/// continue another begin `hanging` columns behind its begin.
pub(super) fn prose(text: &str, width: usize, hanging: usize) -> String {
    let mut wrapped = String::with_capacity(text.len());
    for (number, line) in text.split('\n').enumerate() {
        if number > 0 {
            wrapped.push('\n');
        }
        if columns(line) <= width {
            wrapped.push_str(line);
            continue;
        }
        let indent = line.len() - line.trim_start_matches(' ').len();
        let (spaces, words) = line.split_at_checked(indent).unwrap_or(("", line));
        wrapped.push_str(spaces);
        let mut at = indent;
        for (number, word) in words.split(' ').enumerate() {
            let needed = columns(word);
            if number > 0 && at + 1 + needed > width {
                wrapped.push('\n');
                wrapped.push_str(&" ".repeat(indent + hanging));
                at = indent + hanging;
            } else if number > 0 {
                wrapped.push(' ');
                at += 1;
            }
            wrapped.push_str(word);
            at += needed;
        }
    }
    wrapped
}

/// The text with lines of at most `width` columns, as far as its words allow.
///
/// What continues an entry, such as `  name   what it is for`, begins below what it continues. A command of an example is
/// continued as a shell has it, with `\` at the end of the line.
pub(crate) fn wrap(text: &str, width: usize) -> String {
    let mut wrapped = String::new();
    let mut is_example = false;
    for line in text.lines() {
        if !line.starts_with(' ') {
            is_example = ["Example:", "Examples:", "Usage:"].contains(&line);
        }
        let is_command = is_example && line.starts_with(' ');
        wrap_line(line.trim_end(), width, is_command, &mut wrapped);
    }
    if !text.ends_with('\n') {
        wrapped.pop();
    }
    wrapped
}

fn wrap_line(line: &str, width: usize, is_command: bool, wrapped: &mut String) {
    let columns = |text: &str| text.chars().count();
    if columns(line) <= width {
        wrapped.push_str(line);
        wrapped.push('\n');
        return;
    }
    if let Some((entry, text)) = far_entry(line, width).filter(|_| !is_command) {
        let indent = " ".repeat(entry.len() - entry.trim_start().len() + 4);
        wrapped.push_str(entry);
        wrapped.push('\n');
        return wrap_line(&format!("{indent}{text}"), width, false, wrapped);
    }
    let hanging = hanging(line, is_command);
    // The sign at the end needs a column, and one before it.
    let room = if is_command { width.saturating_sub(2) } else { width };
    let mut rest = line;
    let mut at = 0;
    loop {
        let indented = rest.len() - rest.trim_start().len();
        let taken = match break_of(rest, indented, room.saturating_sub(at)) {
            Some(taken) if columns(rest) > width.saturating_sub(at) => taken,
            _ => rest.len(),
        };
        let (now, later) = rest.split_at_checked(taken).unwrap_or((rest, ""));
        wrapped.push_str(now.trim_end());
        rest = later.trim_start();
        if rest.is_empty() {
            wrapped.push('\n');
            return;
        }
        wrapped.push_str(if is_command { " \\\n" } else { "\n" });
        wrapped.push_str(&" ".repeat(hanging));
        at = hanging;
    }
}

/// The column where the lines begin that continue a line.
fn hanging(line: &str, is_command: bool) -> usize {
    let indent = line.len() - line.trim_start().len();
    if is_command {
        return indent + 2;
    }
    let own = if line.trim_start().starts_with('-') { indent + 6 } else { indent };
    entry(line).map_or(own, |(_, text)| line.len() - text.len())
}

/// The name of an entry, such as `  name   what it is for`, and what it is for.
fn entry(line: &str) -> Option<(&str, &str)> {
    let indent = line.len() - line.trim_start().len();
    let gap = line.get(indent..)?.find("  ")?;
    let (entry, text) = line.split_at_checked(indent + gap)?;
    Some((entry, text.trim_start()))
}

/// An entry whose text begins in the right half of the width, so that it is better told on a line of its own.
fn far_entry(line: &str, width: usize) -> Option<(&str, &str)> {
    entry(line).filter(|(_, text)| line.len() - text.len() > width / 2)
}

/// The byte behind the last word that fits `room`, or behind the first word if none does; `None` if there is one word.
fn break_of(text: &str, indented: usize, room: usize) -> Option<usize> {
    let mut last = None;
    for (columns, (at, c)) in text.char_indices().enumerate() {
        if c != ' ' || at < indented {
            continue;
        }
        if columns > room && last.is_some() {
            return last;
        }
        last = Some(at);
        if columns > room {
            return last;
        }
    }
    last
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sentences_are_broken_at_spaces_and_colours_take_no_room() {
        let path = "/etc/etcd/pki/server.pem";
        let text = format!("  remedy: set the mode of {path} to 0600");
        assert_eq!(prose(&text, 26, 2), format!("  remedy: set the mode of\n    {path}\n    to 0600"));
        assert_eq!(prose(&text, 80, 2), text);
        let coloured = "\u{1b}[1m\u{1b}[31merror\u{1b}[0m: it is so";
        assert_eq!(prose(coloured, 15, 2), coloured);
        assert_eq!(prose(coloured, 11, 2), "\u{1b}[1m\u{1b}[31merror\u{1b}[0m: it\n  is so");
        for width in 1..60 {
            let again: Vec<_> = prose(&text, width, 2).split_whitespace().map(str::to_owned).collect();
            assert_eq!(again, text.split_whitespace().collect::<Vec<_>>());
        }
    }

    #[test]
    fn lines_are_broken_between_words_and_continued_below_what_they_continue() {
        let text = "A sentence of several words.\n\nList:\n  name   what it is for\n\nExample:\n  program --with value\n";
        let wrapped = "A sentence of\nseveral words.\n\nList:\n  name   what it\n         is for\n\nExample:\n  program --with \\\n    \
                       value\n";
        assert_eq!(wrap(text, 18), wrapped);
        assert_eq!(wrap(text, 80), text);
        assert_eq!(wrap("  a long name   what it is for", 18), "  a long name\n      what it is\n      for");
        assert_eq!(wrap("  averylongword and", 8), "  averylongword\n  and");
    }
}
