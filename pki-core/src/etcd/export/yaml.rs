//! YAML that may have secrets. All text that comes from a file passes one of these functions.

use crate::base::{WipedBuffer, shown};
use crate::etcd::safe::yaml::quoted;

/// Appends a line.
pub(crate) fn line(out: &mut WipedBuffer, text: &str) {
    out.push(text.as_bytes());
    out.push(b"\n");
}

/// Appends a comment of one line.
pub(crate) fn comment(out: &mut WipedBuffer, text: &str) {
    line(out, &format!("# {}", shown(text)));
}

/// Appends a key and the text of a file: as the lines that it has, if YAML keeps them as they are, or in quotes.
pub(crate) fn file(out: &mut WipedBuffer, indent: usize, key: &str, text: &str) {
    let space = " ".repeat(indent);
    if !is_plain(text) {
        return line(out, &format!("{space}{key}: {}", quoted(text)));
    }
    line(out, &format!("{space}{key}: |"));
    for one in text.lines() {
        if !one.is_empty() {
            out.push(space.as_bytes());
            out.push(b"  ");
            out.push(one.as_bytes());
        }
        out.push(b"\n");
    }
}

/// Whether a literal block gives the text back (YAML 1.2.2 section 8.1.2): its first line tells the indentation, and its
/// end has one line break.
fn is_plain(text: &str) -> bool {
    let printable = |c: char| matches!(c, '\n' | ' '..='~');
    text.ends_with('\n')
        && !text.ends_with("\n\n")
        && !text.starts_with(['\n', ' '])
        && text.chars().all(printable)
}
