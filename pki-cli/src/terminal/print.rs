//! Prints results on the standard output, as bytes, text or JSON, and warnings on the standard error.

use serde::Serialize;
use zeroize::Zeroizing;

use super::{CommandError, Style, Terminal, Tone};

/// Writes `bytes` to standard output.
pub(crate) fn bytes(terminal: &mut Terminal<'_>, bytes: &[u8]) -> Result<(), CommandError> {
    terminal.output.write_all(bytes)?;
    Ok(terminal.output.flush()?)
}

/// Writes `text` to standard output.
pub(crate) fn text(terminal: &mut Terminal<'_>, text: &str) -> Result<(), CommandError> {
    bytes(terminal, text.as_bytes())
}

/// Writes `value` to standard output as indented JSON.
pub(crate) fn json<T: Serialize + ?Sized>(
    terminal: &mut Terminal<'_>,
    value: &T,
) -> Result<(), CommandError> {
    text(terminal, &pretty(value)?)
}

/// Writes indented JSON: an object if the user named one thing, and a list if the user named several.
pub(crate) fn json_one_or_many<T: Serialize>(
    terminal: &mut Terminal<'_>,
    values: &[T],
    named: usize,
) -> Result<(), CommandError> {
    match values {
        [one] if named == 1 => json(terminal, one),
        many => json(terminal, many),
    }
}

/// Writes indented JSON with Go's escapes, as cfssl prints it.
pub(crate) fn go_json(terminal: &mut Terminal<'_>, value: &impl Serialize) -> Result<(), CommandError> {
    text(terminal, &escaped(&pretty(value)?))
}

/// Writes JSON in one line with Go's escapes and a line end, as cfssl prints it.
pub(crate) fn go_json_line(terminal: &mut Terminal<'_>, value: &impl Serialize) -> Result<(), CommandError> {
    let mut line = go_json_text(value)?;
    line.push('\n');
    text(terminal, &line)
}

/// The JSON of `value` in one line with Go's escapes, without a line end.
pub(crate) fn go_json_text(value: &impl Serialize) -> Result<Zeroizing<String>, CommandError> {
    let text = Zeroizing::new(serde_json::to_string(value).map_err(std::io::Error::from)?);
    Ok(escaped(&text))
}

/// Writes warnings to standard error, one on each line.
pub(crate) fn warnings<T: std::fmt::Display>(
    terminal: &mut Terminal<'_>,
    warnings: impl IntoIterator<Item = T>,
) {
    let style = Style::of_errors(terminal);
    for warning in warnings {
        // If standard error is closed, nobody reads the message.
        let _ = writeln!(terminal.errors, "{}: {warning}", style.paint(Tone::Warning, "warning"));
    }
}

fn pretty<T: Serialize + ?Sized>(value: &T) -> Result<Zeroizing<String>, CommandError> {
    let mut text = Zeroizing::new(serde_json::to_string_pretty(value).map_err(std::io::Error::from)?);
    text.push('\n');
    Ok(text)
}

/// Escapes the characters that Go's `encoding/json` escapes for HTML. Outside of strings JSON has none of them.
fn escaped(text: &str) -> Zeroizing<String> {
    let mut escaped = Zeroizing::new(String::with_capacity(text.len() + 64));
    for c in text.chars() {
        match c {
            '<' => escaped.push_str("\\u003c"),
            '>' => escaped.push_str("\\u003e"),
            '&' => escaped.push_str("\\u0026"),
            '\u{2028}' => escaped.push_str("\\u2028"),
            '\u{2029}' => escaped.push_str("\\u2029"),
            other => escaped.push(other),
        }
    }
    escaped
}
