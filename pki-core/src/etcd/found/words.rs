//! Splits command lines into words, by the rules of systemd.

/// What stands before the name of something that a shell has put into a text, and that is not known: `${?NAME}`. No
/// program takes this for the value of a variable.
pub(crate) const UNKNOWN: &str = "${?";

/// A word without its quotes, and the offset of its first byte, which may be a quote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Word {
    pub(crate) text: String,
    pub(crate) offset: usize,
}

/// Splits a value as systemd does (systemd.syntax(7), "Quoting"): with both kinds of quotes, and C's escapes inside and
/// outside of them. A quote that is not closed ends with the text.
pub(crate) fn systemd(text: &str) -> Vec<Word> {
    let mut words = Vec::new();
    let mut word: Option<Word> = None;
    let mut quote = None;
    let mut characters = text.char_indices().peekable();
    while let Some((offset, c)) = characters.next() {
        if quote.is_none() && c.is_whitespace() {
            words.extend(word.take());
            continue;
        }
        let word = word.get_or_insert_with(|| Word { text: String::new(), offset });
        match (c, quote) {
            ('"' | '\'', None) => quote = Some(c),
            (c, Some(open)) if c == open => quote = None,
            ('\\', _) => match characters.next() {
                Some((_, 'x')) => word.text.extend(number(&mut characters, 2, 16)),
                Some((_, escaped)) => word.text.extend(unescape(escaped)),
                None => word.text.push('\\'),
            },
            (c, _) => word.text.push(c),
        }
    }
    words.extend(word);
    words
}

/// What a character after a backslash stands for: C's escapes, and systemd's `\s`. Unknown escapes stay as they are.
fn unescape(escaped: char) -> Vec<char> {
    match escaped {
        'a' => vec!['\u{7}'],
        'b' => vec!['\u{8}'],
        'f' => vec!['\u{c}'],
        'n' => vec!['\n'],
        'r' => vec!['\r'],
        't' => vec!['\t'],
        'v' => vec!['\u{b}'],
        's' => vec![' '],
        '\\' | '"' | '\'' => vec![escaped],
        other => vec!['\\', other],
    }
}

/// The character whose number follows, in at most `most` digits.
fn number(
    characters: &mut std::iter::Peekable<std::str::CharIndices<'_>>,
    most: usize,
    base: u32,
) -> Option<char> {
    let mut value = 0;
    for _ in 0..most {
        let Some(digit) = characters.peek().and_then(|(_, c)| c.to_digit(base)) else { break };
        value = value * base + digit;
        characters.next();
    }
    char::from_u32(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(words: &[Word]) -> Vec<&str> {
        words.iter().map(|word| word.text.as_str()).collect()
    }

    #[test]
    fn systemd_quotes_and_escapes() {
        let words = systemd(r#"/bin/x 'a b' "c\"d"e \x41\n\s\q "open end"#);
        assert_eq!(texts(&words), ["/bin/x", "a b", "c\"de", "A\n \\q", "open end"]);
        assert_eq!(words[1].offset, 7);
        assert!(systemd("  ").is_empty());
    }
}
