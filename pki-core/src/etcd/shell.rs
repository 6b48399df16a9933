//! Words of a POSIX shell.

/// The text as one word that means nothing else: in single quotes (POSIX, Shell Command Language, 2.2.2).
pub(super) fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn words_are_data() {
        assert_eq!(quoted(""), "''");
        assert_eq!(quoted("$(x) `y` \"z\" \\ %\n"), "'$(x) `y` \"z\" \\ %\n'");
        assert_eq!(quoted("it's"), r"'it'\''s'");
    }
}
