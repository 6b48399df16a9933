//! Quoting for a POSIX shell.

/// The text in single quotes, where a shell takes every character as it is (POSIX, Shell Command Language, 2.2.2).
pub(crate) fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// Whether a shell takes the text as one word without quotes.
pub(crate) fn is_plain(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || "-_./:=,@+%".contains(c))
}

/// The text as one word of a shell, in quotes if it needs them.
///
/// ```
/// use pki_core::etcd::shell_word;
/// assert_eq!(shell_word("out/prod"), "out/prod");
/// assert_eq!(shell_word("my files"), "'my files'");
/// ```
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
