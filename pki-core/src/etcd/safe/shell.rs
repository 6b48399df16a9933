//! Words of a POSIX shell.

/// The text as one word that means nothing else: in single quotes (POSIX, Shell Command Language, 2.2.2).
pub(crate) fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// Whether the text is a word that means nothing else as it is.
pub(crate) fn is_plain(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || "-_./:=,@+%".contains(c))
}

/// The text as one word of a shell, quoted if it has to be.
pub fn word(text: &str) -> String {
    if is_plain(text) { text.to_owned() } else { quoted(text) }
}

#[cfg(test)]
mod tests {
    use super::{quoted, word};

    #[test]
    fn words_are_data() {
        assert_eq!(quoted(""), "''");
        assert_eq!(quoted("$(x) `y` \"z\" \\ %\n"), "'$(x) `y` \"z\" \\ %\n'");
        assert_eq!(quoted("it's"), r"'it'\''s'");
        assert_eq!(word("out/a-b.1"), "out/a-b.1");
        assert_eq!(word("a b"), "'a b'");
        assert_eq!(word(""), "''");
    }
}
