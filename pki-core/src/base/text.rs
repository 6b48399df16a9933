//! Text that comes from files, certificates or a network, in a form that a terminal does not act on.

use std::borrow::Cow;
use std::fmt::Write;

/// The most characters of one word that a message repeats. Names, paths and URLs are shorter.
const LONGEST_WORD: usize = 512;

/// The most characters of one message.
const LONGEST_MESSAGE: usize = 4096;

/// Whether a terminal or a viewer acts on the character instead of showing it: control characters (ECMA-48), those that
/// change the direction of text (Unicode TR 36, section 3.1), and those that have no width.
///
/// ```
/// use pki_core::base::is_unshowable;
///
/// assert!(is_unshowable('\u{1b}') && is_unshowable('\u{202e}') && is_unshowable('\n'));
/// assert!(!is_unshowable('é') && !is_unshowable(' '));
/// ```
pub fn is_unshowable(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}'
            | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{e0fff}')
}

/// The text as one line that can be shown: what a terminal would act on is escaped, line ends too, and what is too long
/// for a message is shortened.
///
/// ```
/// use pki_core::base::shown;
///
/// assert_eq!(shown("a\u{1b}[31mb\nerror: c"), "a\\u{1b}[31mb\\nerror: c");
/// assert_eq!(shown("etcd1.example"), "etcd1.example");
/// assert!(shown(&"x".repeat(70_000)).len() < 1000);
/// ```
pub fn shown(text: &str) -> Cow<'_, str> {
    let escaped = escaped(text, |_| false);
    let is_long = escaped.len() > LONGEST_MESSAGE || escaped.split(' ').any(|word| word.len() > LONGEST_WORD);
    if is_long { Cow::Owned(shortened(&escaped)) } else { escaped }
}

/// The text with its lines and tabs: everything else that a terminal would act on is escaped, and nothing is shortened.
pub fn shown_lines(text: &str) -> Cow<'_, str> {
    escaped(text, |c| matches!(c, '\n' | '\t'))
}

fn escaped(text: &str, is_kept: impl Fn(char) -> bool) -> Cow<'_, str> {
    if !text.chars().any(|c| is_unshowable(c) && !is_kept(c)) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if is_unshowable(c) && !is_kept(c) {
            escaped.extend(c.escape_default());
        } else {
            escaped.push(c);
        }
    }
    Cow::Owned(escaped)
}

/// Leaves out the middle of long words, and the end of a long text. What is left out is counted.
fn shortened(text: &str) -> String {
    let mut short = String::new();
    for (index, word) in text.split(' ').enumerate() {
        if index > 0 {
            short.push(' ');
        }
        let count = word.chars().count();
        if count <= LONGEST_WORD {
            short.push_str(word);
        } else {
            let half = LONGEST_WORD / 4;
            short.extend(word.chars().take(half));
            // Writing to a string cannot fail.
            let _ = write!(short, "[{} characters more]", count - 2 * half);
            short.extend(word.chars().skip(count - half));
        }
        if short.len() > LONGEST_MESSAGE {
            break;
        }
    }
    let count = short.chars().count();
    if count > LONGEST_MESSAGE || short.len() > LONGEST_MESSAGE {
        short = short.chars().take(LONGEST_MESSAGE / 2).collect();
        let left_out = text.chars().count().saturating_sub(LONGEST_MESSAGE / 2);
        let _ = write!(short, "[{left_out} characters more]");
    }
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_a_terminal_acts_on_is_left() {
        for c in (0..=0x0010_ffff).filter_map(char::from_u32) {
            let text = shown_lines(c.encode_utf8(&mut [0; 4])).into_owned();
            let is_safe = text.chars().all(|c| !is_unshowable(c) || matches!(c, '\n' | '\t'));
            assert!(is_safe, "{:x}", u32::from(c));
        }
        assert_eq!(shown("a\r\n\u{9b}b\u{202e}\u{2066}"), "a\\r\\n\\u{9b}b\\u{202e}\\u{2066}");
    }

    #[test]
    fn what_is_long_is_shortened_with_its_end() {
        let host = format!("host \"{}:2379\" has a port", "a".repeat(65_536));
        let short = shown(&host);
        assert!(
            short.len() < 500
                && short.ends_with(":2379\" has a port")
                && short.contains("65287 characters more"),
            "{short}"
        );
        let words = "word ".repeat(30_000);
        assert!(shown(&words).len() < LONGEST_MESSAGE, "many words");
        let usual = "word ".repeat(100);
        assert_eq!(shown(&usual), usual);
    }
}
