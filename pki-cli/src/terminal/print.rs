//! Prints results on the standard output, as bytes, text or JSON, and warnings on the standard error.

use std::collections::BTreeMap;
use std::fmt::Display;

use pki_core::base::{WipedBuffer, is_unshowable, shown, shown_lines};
use serde::Serialize;
use zeroize::Zeroizing;

use super::{CommandError, Style, Terminal, Tone, wrap};

/// Writes `bytes` to standard output. If that is a terminal, what it would act on is escaped.
pub(crate) fn bytes(terminal: &mut Terminal<'_>, bytes: &[u8]) -> Result<(), CommandError> {
    match std::str::from_utf8(bytes) {
        Ok(text) if terminal.output_is_terminal => {
            terminal.output.write_all(shown_lines(text).as_bytes())?;
        }
        _ => terminal.output.write_all(bytes)?,
    }
    Ok(terminal.output.flush()?)
}

/// Fails if what is written to the standard output is lost, because that was closed when the program began.
pub(crate) fn refuse_closed_output(terminal: &Terminal<'_>) -> Result<(), CommandError> {
    if !terminal.output_is_closed {
        return Ok(());
    }
    Err(CommandError::new("the standard output is closed, so the result would be lost; nothing was made")
        .hint("write it into files with -bare NAME, or into a pipe or a file"))
}

/// Writes `text` to standard output.
pub(crate) fn text(terminal: &mut Terminal<'_>, text: &str) -> Result<(), CommandError> {
    bytes(terminal, text.as_bytes())
}

/// Writes a help to standard output, in lines that fit the terminal.
pub(crate) fn help(terminal: &mut Terminal<'_>, help: &str) -> Result<(), CommandError> {
    match terminal.columns() {
        Some(columns) => text(terminal, &wrap(help, usize::from(columns))),
        None => text(terminal, help),
    }
}

/// The format of the JSON that etcdpki's own commands print. It changes only if a key is taken away or gets another
/// meaning; docs/json.md has what each format is.
pub(crate) const FORMAT: u32 = 1;

/// A value with the number of the format before its keys.
#[derive(Serialize)]
struct Formatted<'a, T> {
    format: u32,
    #[serde(flatten)]
    value: &'a T,
}

impl<'a, T> Formatted<'a, T> {
    fn new(value: &'a T) -> Self {
        Self { format: FORMAT, value }
    }
}

/// Writes a line for people to standard output, in lines that fit the terminal. Commands that are to be copied are not
/// written with it.
pub(crate) fn line(terminal: &mut Terminal<'_>, text: impl Display) -> Result<(), CommandError> {
    let style = Style::of_output(terminal);
    Ok(writeln!(terminal.output, "{}", style.wrap(&text.to_string()))?)
}

/// Writes the commands that are to be given next, if there are any.
pub(crate) fn next(terminal: &mut Terminal<'_>, commands: &[String]) -> Result<(), CommandError> {
    if !commands.is_empty() {
        writeln!(terminal.output, "Next:")?;
    }
    for command in commands {
        writeln!(terminal.output, "  {}", shown(command))?;
    }
    Ok(())
}

/// Writes an object to standard output as indented JSON.
pub(crate) fn json<T: Serialize>(terminal: &mut Terminal<'_>, value: &T) -> Result<(), CommandError> {
    text(terminal, &pretty(&Formatted::new(value))?)
}

/// Writes texts by their names as indented JSON.
pub(crate) fn flat(terminal: &mut Terminal<'_>, texts: &BTreeMap<&str, String>) -> Result<(), CommandError> {
    text(terminal, &pretty(texts)?)
}

/// Writes a list of objects as indented JSON.
pub(crate) fn json_list<T: Serialize>(terminal: &mut Terminal<'_>, values: &[T]) -> Result<(), CommandError> {
    text(terminal, &pretty(&values.iter().map(Formatted::new).collect::<Vec<_>>())?)
}

/// Writes indented JSON: an object if the user named one thing, and a list if the user named several.
pub(crate) fn json_one_or_many<T: Serialize>(
    terminal: &mut Terminal<'_>,
    values: &[T],
    named: usize,
) -> Result<(), CommandError> {
    match values {
        [one] if named == 1 => json(terminal, one),
        many => json_list(terminal, many),
    }
}

/// Writes indented JSON with Go's escapes, as cfssl prints it.
pub(crate) fn go_json(terminal: &mut Terminal<'_>, value: &impl Serialize) -> Result<(), CommandError> {
    text(terminal, &with_go_escapes(&pretty(value)?))
}

/// Writes JSON in one line with Go's escapes and a line end, as cfssl prints it.
pub(crate) fn go_json_line(terminal: &mut Terminal<'_>, value: &impl Serialize) -> Result<(), CommandError> {
    let mut line = WipedBuffer::default();
    line.push(go_json_text(value)?.as_bytes());
    line.push(b"\n");
    bytes(terminal, line.as_ref())
}

/// The JSON of `value` in one line with Go's escapes, without a line end.
pub(crate) fn go_json_text(value: &impl Serialize) -> Result<Zeroizing<String>, CommandError> {
    let mut text = WipedBuffer::default();
    serde_json::to_writer(&mut text, value).map_err(std::io::Error::from)?;
    Ok(with_go_escapes(&text.into_text()))
}

/// Writes warnings to standard error, one on each line.
pub(crate) fn warnings<T: Display>(terminal: &mut Terminal<'_>, warnings: impl IntoIterator<Item = T>) {
    if terminal.is_quiet() {
        return;
    }
    let style = Style::of_errors(terminal);
    for warning in warnings {
        // If standard error is closed, nobody reads the message.
        let warning = format!("{}: {}", style.paint(Tone::Warning, "warning"), shown(&warning.to_string()));
        let _ = writeln!(terminal.errors, "{}", style.wrap(&warning));
    }
}

/// Writes notes to standard error, one on each line: what was done that nobody asked for in words.
pub(crate) fn notes<T: Display>(terminal: &mut Terminal<'_>, notes: impl IntoIterator<Item = T>) {
    if terminal.is_quiet() {
        return;
    }
    let style = Style::of_errors(terminal);
    for note in notes {
        // If standard error is closed, nobody reads the message.
        let note = format!("{}: {}", style.paint(Tone::Hint, "note"), shown(&note.to_string()));
        let _ = writeln!(terminal.errors, "{}", style.wrap(&note));
    }
}

/// Tells where something was read or what stays, for those who asked to be told everything.
pub(crate) fn detail(terminal: &mut Terminal<'_>, label: &str, text: &str) {
    if terminal.is_verbose() {
        let style = Style::of_errors(terminal);
        // If standard error is closed, nobody reads the message.
        let _ = writeln!(terminal.errors, "{}: {}", style.paint(Tone::Faint, label), shown(text));
    }
}

fn pretty<T: Serialize + ?Sized>(value: &T) -> Result<Zeroizing<String>, CommandError> {
    let mut text = WipedBuffer::default();
    serde_json::to_writer_pretty(&mut text, value).map_err(std::io::Error::from)?;
    text.push(b"\n");
    Ok(with_escapes(&text.into_text(), |_| false))
}

/// Escapes the characters that Go's `encoding/json` escapes for HTML too.
fn with_go_escapes(text: &str) -> Zeroizing<String> {
    with_escapes(text, |c| matches!(c, '<' | '>' | '&'))
}

/// Escapes what a terminal would act on, and what `more` names. Outside of strings JSON has none of them but line ends,
/// so it stays the same JSON.
fn with_escapes(text: &str, more: impl Fn(char) -> bool) -> Zeroizing<String> {
    let mut escaped = WipedBuffer::default();
    let mut plain = 0;
    for (at, c) in text.char_indices() {
        if c == '\n' || !(is_unshowable(c) || more(c)) {
            continue;
        }
        escaped.push(text.get(plain..at).unwrap_or_default().as_bytes());
        for unit in c.encode_utf16(&mut [0; 2]) {
            escaped.push(format!("\\u{unit:04x}").as_bytes());
        }
        plain = at + c.len_utf8();
    }
    escaped.push(text.get(plain..).unwrap_or_default().as_bytes());
    escaped.into_text()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_the_same_and_safe_for_a_terminal() {
        let value = "a\u{1b}\u{9b}\u{202e}\u{e0001}<b>&\u{2028}";
        for text in [pretty(value).unwrap(), go_json_text(&value).unwrap()] {
            assert!(!text.trim_end().chars().any(is_unshowable), "{}", *text);
            assert_eq!(serde_json::from_str::<String>(&text).unwrap(), value);
        }
        assert!(go_json_text(&value).unwrap().contains("\\u003cb\\u003e\\u0026"));
    }
}
