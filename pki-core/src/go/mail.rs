//! Single e-mail addresses (RFC 5322) as Go's `mail.ParseAddress` reads them (`net/mail/message.go`).
//!
//! A crate for e-mail addresses would not do: a host in cfssl's `hosts` becomes an rfc822Name exactly if Go reads it as
//! an address. The methods have the names of Go's. Each removes what it reads from the front of the text, and returns
//! `None` where Go returns an error.

use crate::go::net::parse_ip;

/// Reads one address, or a group with one address, and returns `local@domain`.
pub(crate) fn parse(text: &str) -> Option<String> {
    let mut parser = Parser { rest: text };
    let mut addresses = parser.parse_address(Groups::Allowed)?;
    parser.skip_cfws()?;
    match (addresses.pop(), addresses.is_empty(), parser.rest.is_empty()) {
        (Some(address), true, true) => Some(address),
        _ => None,
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Groups {
    Allowed,
    /// Within a group, since a group cannot contain groups.
    Refused,
}

#[derive(Clone, Copy)]
struct Parser<'a> {
    rest: &'a str,
}

impl<'a> Parser<'a> {
    /// `address = addr-spec / [display-name] "<" addr-spec ">" / display-name ":" [group-list] ";"`
    fn parse_address(&mut self, groups: Groups) -> Option<Vec<String>> {
        self.skip_space();
        let start = *self;
        if let Some(address) = self.consume_addr_spec() {
            self.skip_space();
            if self.consume('(') {
                let comment = self.consume_comment()?;
                // Go reads the comment as the display name.
                if comment.split([' ', '\t']).any(has_unknown_charset) {
                    return None;
                }
            }
            return Some(vec![address]);
        }
        *self = start;
        if !self.rest.starts_with('<') {
            self.consume_phrase()?;
        }
        self.skip_space();
        if groups == Groups::Allowed && self.consume(':') {
            return self.consume_group_list();
        }
        self.expect('<')?;
        let address = self.consume_addr_spec()?;
        self.expect('>')?;
        Some(vec![address])
    }

    fn consume_group_list(&mut self) -> Option<Vec<String>> {
        let mut addresses = Vec::new();
        self.skip_space();
        if self.consume(';') {
            return Some(addresses);
        }
        loop {
            addresses.extend(self.parse_address(Groups::Refused)?);
            self.skip_cfws()?;
            if self.consume(';') {
                return Some(addresses);
            }
            self.expect(',')?;
        }
    }

    /// `addr-spec = (dot-atom / quoted-string) "@" (dot-atom / domain-literal)`
    fn consume_addr_spec(&mut self) -> Option<String> {
        self.skip_space();
        let local = if self.consume('"') {
            self.consume_quoted_string().filter(|local| !local.is_empty())?
        } else {
            self.consume_strict_dot_atom()?.to_owned()
        };
        self.expect('@')?;
        self.skip_space();
        if self.consume('[') {
            let (literal, rest) = self.rest.split_once(']')?;
            parse_ip(literal)?;
            self.rest = rest;
            return Some(format!("{local}@[{literal}]"));
        }
        let domain = self.consume_strict_dot_atom()?;
        Some(format!("{local}@{domain}"))
    }

    /// `phrase = 1*word`. The phrase ends before the first character that cannot begin a word.
    fn consume_phrase(&mut self) -> Option<()> {
        self.consume_word()?;
        loop {
            self.skip_cfws()?;
            if self.consume_word().is_none() {
                return Some(());
            }
        }
    }

    fn consume_word(&mut self) -> Option<()> {
        let start = *self;
        if self.consume('"') {
            if self.consume_quoted_string().is_none() {
                *self = start;
                return None;
            }
            return Some(());
        }
        // A word in an unknown character set ends the phrase, and Go does not report it.
        let word = self.consume_dot_atom()?;
        (!has_unknown_charset(word)).then_some(())
    }

    /// The value of a quoted string whose opening quote has been read.
    fn consume_quoted_string(&mut self) -> Option<String> {
        let mut value = String::new();
        loop {
            match self.next_char()? {
                '"' => return Some(value),
                '\\' => value.push(self.next_char().filter(|c| is_vchar_or_space(*c))?),
                c if is_vchar_or_space(c) => value.push(c),
                _ => return None,
            }
        }
    }

    /// Atoms and dots in any order: in a phrase, Go does not check where the dots stand.
    fn consume_dot_atom(&mut self) -> Option<&'a str> {
        let end = self.rest.find(|c| !is_atext_or_dot(c)).unwrap_or(self.rest.len());
        let (atom, rest) = self.rest.split_at_checked(end).filter(|(atom, _)| !atom.is_empty())?;
        self.rest = rest;
        Some(atom)
    }

    fn consume_strict_dot_atom(&mut self) -> Option<&'a str> {
        self.consume_dot_atom().filter(|atom| atom.split('.').all(|label| !label.is_empty()))
    }

    /// Skips CFWS: spaces, tabs and comments. `None` if a comment does not end.
    fn skip_cfws(&mut self) -> Option<()> {
        self.skip_space();
        while self.consume('(') {
            self.consume_comment()?;
            self.skip_space();
        }
        Some(())
    }

    /// The text of a comment whose opening parenthesis has been read. A comment may contain comments.
    fn consume_comment(&mut self) -> Option<String> {
        let mut comment = String::new();
        let mut depth = 1_usize;
        loop {
            let mut c = self.next_char()?;
            match c {
                '\\' => c = self.next_char()?,
                '(' => depth = depth.saturating_add(1),
                ')' => depth = depth.saturating_sub(1),
                _ => {}
            }
            if depth == 0 {
                return Some(comment);
            }
            comment.push(c);
        }
    }

    fn skip_space(&mut self) {
        self.rest = self.rest.trim_start_matches([' ', '\t']);
    }

    fn consume(&mut self, expected: char) -> bool {
        self.expect(expected).is_some()
    }

    fn expect(&mut self, expected: char) -> Option<()> {
        self.rest = self.rest.strip_prefix(expected)?;
        Some(())
    }

    fn next_char(&mut self) -> Option<char> {
        let mut chars = self.rest.chars();
        let c = chars.next()?;
        self.rest = chars.as_str();
        Some(c)
    }
}

/// VCHAR with the characters outside ASCII of RFC 6532, which include control characters.
fn is_vchar(c: char) -> bool {
    c.is_ascii_graphic() || !c.is_ascii()
}

fn is_vchar_or_space(c: char) -> bool {
    is_vchar(c) || c == ' ' || c == '\t'
}

fn is_atext_or_dot(c: char) -> bool {
    is_vchar(c) && !"()<>[]:;@\\,\"".contains(c)
}

/// Whether a word is a well-formed encoded-word (RFC 2047) in a character set that Go does not know. Go reads a
/// malformed encoded-word as plain text (`WordDecoder.Decode`, `mime/encodedword.go`).
fn has_unknown_charset(word: &str) -> bool {
    let Some(inner) = word.strip_prefix("=?").and_then(|word| word.strip_suffix("?=")) else {
        return false;
    };
    let mut parts = inner.split('?');
    let (Some(charset), Some(encoding), Some(text), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return false;
    };
    let is_well_formed = match encoding {
        "b" | "B" => is_base64(text),
        "q" | "Q" => is_quoted_printable(text),
        _ => false,
    };
    let known = ["utf-8", "iso-8859-1", "us-ascii"];
    !charset.is_empty() && is_well_formed && !known.iter().any(|name| charset.eq_ignore_ascii_case(name))
}

fn is_base64(text: &str) -> bool {
    // Go's decoder ignores line ends.
    let encoded: Vec<u8> = text.bytes().filter(|byte| !b"\r\n".contains(byte)).collect();
    let data = encoded.strip_suffix(b"==").or_else(|| encoded.strip_suffix(b"=")).unwrap_or(&encoded);
    encoded.len().is_multiple_of(4)
        && data.iter().all(|byte| byte.is_ascii_alphanumeric() || b"+/".contains(byte))
}

/// The Q encoding of RFC 2047 section 4.2.
fn is_quoted_printable(text: &str) -> bool {
    let is_hex_digit = |byte: Option<u8>| byte.is_some_and(|byte| byte.is_ascii_hexdigit());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        let is_valid = match byte {
            b'=' => is_hex_digit(bytes.next()) && is_hex_digit(bytes.next()),
            b' '..=b'~' | b'\n' | b'\r' | b'\t' => true,
            _ => false,
        };
        if !is_valid {
            return false;
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::parse;

    fn assert_accepted(texts: &[(&str, &str)]) {
        for (text, stored) in texts {
            assert_eq!(parse(text).as_deref(), Some(*stored), "{text}");
        }
    }

    fn assert_refused(texts: &[&str]) {
        for text in texts {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    fn plain_addresses_are_kept() {
        for text in
            ["u@h", "u+tag@h", "u@h_x", "u@-h", "u@*.h", "u@h/x", "u@1.2.3.4", "u.v@h.x", "ü@h", "u@ä"]
        {
            assert_accepted(&[(text, text)]);
        }
        assert_accepted(&[("u@[10.0.0.1]", "u@[10.0.0.1]"), ("u@[::1]", "u@[::1]")]);
    }

    #[test]
    fn decoration_is_removed() {
        assert_accepted(&[
            (" u@h ", "u@h"),
            ("\tu@\th", "u@h"),
            ("u@ h", "u@h"),
            ("<u@h>", "u@h"),
            ("< u@h>", "u@h"),
        ]);
        assert_accepted(&[("Name <u@h>", "u@h"), ("A. B..C <u@h>", "u@h"), ("\"N, <\" x <u@h>", "u@h")]);
        assert_accepted(&[
            ("u@h (comment)", "u@h"),
            ("u@h(a(b)\\))(c)", "u@h"),
            ("N (c) M <u@h> (d)", "u@h"),
        ]);
    }

    #[test]
    fn quotes_are_removed() {
        assert_accepted(&[("\"a b\"@c", "a b@c"), ("\"a\\\"\\\\\\b\"@c", "a\"\\b@c"), ("\".\"@c", ".@c")]);
        assert_refused(&[
            "\"\"@c",
            "\"a@c",
            "\"a\\\"@c",
            "\"a\nb\"@c",
            "\"a\\\n\"@c",
            "\"a\"b@c",
            "a\"b\"@c",
        ]);
    }

    #[test]
    fn a_group_of_one_is_an_address() {
        assert_accepted(&[("a:u@h;", "u@h"), ("a b: N <u@h> ; (c)", "u@h")]);
        assert_refused(&[
            "a:;",
            "a:u@h",
            "a:u@h,v@h;",
            "a:b:u@h;;",
            ":u@h;",
            "a:u@h;x",
            "a:u@h;(",
            "a:u@h,;",
        ]);
    }

    #[test]
    fn what_is_no_single_address() {
        assert_refused(&[
            "", " ", "u", "u@", "@h", "u..v@h", ".u@h", "u.@h", "u@h.", "u@h..x", "u@.h", "u @h",
        ]);
        assert_refused(&[
            "a@b@c", "u@h:80", "(c)u@h", "u@h,v@h", "u@h v@h", "u@h\n", "\nu@h", "u@h(", "u@(c)h",
        ]);
        assert_refused(&[
            "<u@h",
            "<u@h >",
            "Name u@h",
            "u@h <v@h>",
            "<>",
            "u@[h]",
            "u@[",
            "u@[]",
            "u@[fe80::1%e]",
        ]);
    }

    #[test]
    fn encoded_words_are_decoded_only_to_be_refused() {
        assert_accepted(&[("=?utf-8?q?a?= <u@h>", "u@h"), ("=?UTF-8?B?YQ==?= <u@h>", "u@h")]);
        assert_accepted(&[
            ("=?x?z?a?= <u@h>", "u@h"),
            ("=?x?b?a?= <u@h>", "u@h"),
            ("=?x?q?=zz?= <u@h>", "u@h"),
        ]);
        assert_accepted(&[("N =?x?q?a?= <u@h>", "u@h"), ("u@h (=?x?q?a b?=)", "u@h")]);
        assert_refused(&[
            "=?x?q?a?= <u@h>",
            "=?x?b?YQ==?= <u@h>",
            "u@h (n =?x?q?a?=)",
            "N =?x?q?a?= M <u@h>",
        ]);
    }
}
