//! Splits command lines into words, by the rules of systemd and of a shell.

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

/// Splits a script into commands and their words as a shell does (POSIX, Shell Command Language, 2.2 "Quoting").
/// Nothing is expanded, since that would need the shell's variables.
pub(crate) fn shell(text: &str) -> Vec<Vec<Word>> {
    let mut commands = vec![Vec::new()];
    let mut word: Option<Word> = None;
    let mut quote = None;
    let mut characters = text.char_indices().peekable();
    while let Some((offset, c)) = characters.next() {
        if quote.is_none() {
            // The `&` of `>&1` does not end the command.
            let is_redirection = c == '&' && word.as_ref().is_some_and(|word| word.text.ends_with('>'));
            let ends_command = "\n;|&".contains(c) && !is_redirection;
            if c.is_whitespace() || ends_command {
                if let Some(command) = commands.last_mut() {
                    command.extend(word.take());
                }
                if ends_command {
                    commands.push(Vec::new());
                }
                continue;
            }
            if word.is_none() && c == '#' {
                while characters.next_if(|(_, c)| *c != '\n').is_some() {}
                continue;
            }
        }
        if c == '\\' && quote != Some('\'') && characters.next_if(|(_, c)| *c == '\n').is_some() {
            continue;
        }
        let word = word.get_or_insert_with(|| Word { text: String::new(), offset });
        match (c, quote) {
            ('"' | '\'', None) => quote = Some(c),
            (c, Some(open)) if c == open => quote = None,
            ('\\', None) => word.text.extend(characters.next().map(|(_, c)| c)),
            ('\\', Some('"')) => match characters.next_if(|(_, c)| "\\\"$`".contains(*c)) {
                Some((_, escaped)) => word.text.push(escaped),
                None => word.text.push('\\'),
            },
            (c, _) => word.text.push(c),
        }
    }
    if let Some(command) = commands.last_mut() {
        command.extend(word);
    }
    commands.retain(|command| !command.is_empty());
    commands
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

    #[test]
    fn a_shell_quotes_and_separates_commands() {
        let commands = shell("etcd --name \"a\\$b\\n\" 'c;d' e\\ f \\\n  --x # comment\n--y 2>&1 && z;");
        let commands: Vec<_> = commands.iter().map(|words| texts(words)).collect();
        let first = ["etcd", "--name", "a$b\\n", "c;d", "e f", "--x"];
        assert_eq!(commands, [&first[..], &["--y", "2>&1"], &["z"]]);
    }
}
