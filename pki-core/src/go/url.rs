//! URIs as Go's `url.ParseRequestURI` reads and `URL.String` writes them, and URLs as `url.Parse` reads them
//! (`net/url/url.go`).
//!
//! A crate for URLs would not do: a host in cfssl's `hosts` becomes a uniformResourceIdentifier exactly if Go reads it
//! as a URI, and the certificate holds it in Go's form. The rule is that of Go 1.26 with `GODEBUG=urlstrictcolons=0`,
//! cfssl's setting: a host without brackets may have more than one colon.

use crate::go::net::is_ipv6_with_optional_zone;

/// A part of a URI that may hold percent escapes.
#[derive(Clone, Copy)]
enum Part {
    User,
    Host,
    /// The zone of an IPv6 address, behind its percent sign (RFC 6874).
    Zone,
    Path,
}

impl Part {
    /// Whether a byte is written without an escape: the opposite of Go's `shouldEscape`.
    fn keeps(self, byte: u8) -> bool {
        let others: &[u8] = match self {
            Self::User => b"-_.~$&+,;=",
            Self::Host | Self::Zone => b"-_.~!$&'()*+,;=:[]<>\"",
            Self::Path => b"-_.~$&+,/:;=@",
        };
        byte.is_ascii_alphanumeric() || others.contains(&byte)
    }

    /// Whether a byte may be unescaped in a URI that is read.
    fn may_hold(self, byte: u8) -> bool {
        match self {
            Self::User | Self::Path => true,
            Self::Host | Self::Zone => !byte.is_ascii() || self.keeps(byte),
        }
    }

    /// Whether a byte may be escaped in a URI that is read.
    fn may_hold_escaped(self, byte: u8) -> bool {
        match self {
            Self::User | Self::Path => true,
            Self::Host => byte == b'%' || !byte.is_ascii(),
            Self::Zone => byte == b'%' || byte == b' ' || self.keeps(byte),
        }
    }
}

/// The message for the user if a text is not a [`Url`].
pub(crate) const NO_URL: &str =
    "Go cannot read it: a character or the port is not allowed, or there is no IPv6 address in the brackets";

/// A URL with a scheme, as Go's `url.Parse` reads it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Url {
    /// The scheme in lower case.
    pub(crate) scheme: String,
    /// Host and port, unescaped. Empty if the URL has no two slashes, or nothing behind them.
    pub(crate) host: String,
    /// The path, unescaped. Empty if there is no slash behind the scheme.
    pub(crate) path: String,
}

impl Url {
    /// Reads a URL. `None` if Go does not accept it, or it has no scheme.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        if text.bytes().any(|byte| byte.is_ascii_control()) {
            return None;
        }
        let (text, fragment) = split_at_first(text, '#');
        unescape(fragment, Part::Path)?;
        let (scheme, rest) = split_scheme(text)?;
        let scheme = scheme?.to_ascii_lowercase();
        let (rest, _) = split_at_first(rest, '?');
        let (authority, path) = match rest.strip_prefix("//") {
            Some(after_slashes) => split_at_first(after_slashes, '/'),
            None if rest.starts_with('/') => ("", rest),
            None => ("", ""),
        };
        normalise_authority(authority)?;
        let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
        let host = String::from_utf8_lossy(&parse_host(host)?).into_owned();
        let path = String::from_utf8_lossy(&unescape(path, Part::Path)?).into_owned();
        Some(Self { scheme, host, path })
    }
}

/// Reads a URI and returns it in the form in which Go writes it. `None` if Go does not accept it.
pub(crate) fn parse(text: &str) -> Option<String> {
    if text.bytes().any(|byte| byte.is_ascii_control()) {
        return None;
    }
    if text == "*" {
        return Some(text.to_owned());
    }
    let (scheme, rest) = split_scheme(text)?;
    // The query keeps its question mark, since Go writes it as it was read, even if it is empty.
    let (rest, query) = split_at_first(rest, '?');
    let Some(scheme) = scheme else {
        return rest.starts_with('/').then(|| normalise_path(rest))?.map(|path| path + query);
    };
    let scheme = scheme.to_ascii_lowercase();
    if !rest.starts_with('/') {
        return Some(format!("{scheme}:{rest}{query}"));
    }
    let Some(after_slashes) = rest.strip_prefix("//") else {
        let path = normalise_path(rest)?;
        return Some(format!("{scheme}:{path}{query}"));
    };
    let (authority, path) = split_at_first(after_slashes, '/');
    let authority = normalise_authority(authority)?;
    let path = normalise_path(path)?;
    let slashes = if authority.is_empty() && path.is_empty() { "" } else { "//" };
    Some(format!("{scheme}:{slashes}{authority}{path}{query}"))
}

/// Go's `getScheme`: the scheme, if there is one, and the text behind its colon. `None` if the text begins with a colon.
fn split_scheme(text: &str) -> Option<(Option<&str>, &str)> {
    let is_scheme = |scheme: &str| {
        scheme.starts_with(|c: char| c.is_ascii_alphabetic())
            && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
    };
    match text.split_once(':') {
        Some(("", _)) => None,
        Some((scheme, rest)) if is_scheme(scheme) => Some((Some(scheme), rest)),
        _ => Some((None, text)),
    }
}

/// Go's `parseAuthority`: `[user[:password]@]host[:port]`, in the form in which Go writes it.
fn normalise_authority(authority: &str) -> Option<String> {
    let Some((userinfo, host)) = authority.rsplit_once('@') else {
        return parse_host(authority).map(|host| escape(&host, Part::Host));
    };
    let host = escape(&parse_host(host)?, Part::Host);
    let is_valid =
        userinfo.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._:~!$&'()*+,;=%@".contains(&byte));
    if !is_valid {
        return None;
    }
    let normalise = |text| unescape(text, Part::User).map(|decoded| escape(&decoded, Part::User));
    let userinfo = match userinfo.split_once(':') {
        Some((user, password)) => format!("{}:{}", normalise(user)?, normalise(password)?),
        None => normalise(userinfo)?,
    };
    Some(format!("{userinfo}@{host}"))
}

/// Go's `parseHost`: a name, or an IPv6 address in brackets, with an optional port, unescaped.
fn parse_host(host: &str) -> Option<Vec<u8>> {
    if !host.contains('[') {
        let port = host.rsplit_once(':').map_or("", |(_, port)| port);
        return is_port(port).then(|| unescape(host, Part::Host))?;
    }
    let (address, after_bracket) = host.strip_prefix('[')?.rsplit_once(']')?;
    let port_is_valid = after_bracket.is_empty() || after_bracket.strip_prefix(':').is_some_and(is_port);
    if !port_is_valid {
        return None;
    }
    let (address, zone) =
        address.find("%25").map_or(Some((address, "")), |at| address.split_at_checked(at))?;
    let mut literal = unescape(address, Part::Host)?;
    literal.extend(unescape(zone, Part::Zone)?);
    is_ipv6_with_optional_zone(&literal)
        .then(|| [b"[", literal.as_slice(), b"]", after_bracket.as_bytes()].concat())
}

fn is_port(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Go's `setPath` and `EscapedPath`: a path without characters to escape is kept, any other path is unescaped and then
/// escaped again.
fn normalise_path(path: &str) -> Option<String> {
    let decoded = unescape(path, Part::Path)?;
    let is_encoded = path.bytes().all(|byte| Part::Path.keeps(byte) || b"!'()*[]%".contains(&byte));
    Some(if is_encoded { path.to_owned() } else { escape(&decoded, Part::Path) })
}

/// Replaces percent escapes by their bytes. `None` if an escape is incomplete, or this part may not have the character.
fn unescape(text: &str, part: Part) -> Option<Vec<u8>> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        let (byte, allowed) = if byte == b'%' {
            let value = 16 * hex_value(bytes.next()?)? + hex_value(bytes.next()?)?;
            (value, part.may_hold_escaped(value))
        } else {
            (byte, part.may_hold(byte))
        };
        if !allowed {
            return None;
        }
        decoded.push(byte);
    }
    Some(decoded)
}

fn hex_value(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

fn escape(bytes: &[u8], part: Part) -> String {
    bytes
        .iter()
        .map(|byte| if part.keeps(*byte) { char::from(*byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}

/// Splits before the first `separator`, or at the end.
fn split_at_first(text: &str, separator: char) -> (&str, &str) {
    text.find(separator).and_then(|at| text.split_at_checked(at)).unwrap_or((text, ""))
}

#[cfg(test)]
mod tests {
    use super::{Url, parse};

    fn assert_kept(texts: &[&str]) {
        for text in texts {
            assert_eq!(parse(text).as_deref(), Some(*text));
        }
    }

    fn assert_refused(texts: &[&str]) {
        for text in texts {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    fn opaque_text_is_not_checked() {
        assert_kept(&["host:2379", "localhost:2379/x", "host:", "urn:a:b", "a:b:c", "fe80::1%eth0"]);
        assert_kept(&["mailto:x@y.z", "a+b-c.d:x", "x:%zz \\^", "x:?", "x:??", "x:ä?ö", "x:a#b"]);
    }

    #[test]
    fn the_scheme_is_lower_case() {
        assert_eq!(parse("HOST.example:2379").as_deref(), Some("host.example:2379"));
        assert_eq!(parse("HTTPS://Host/P").as_deref(), Some("https://Host/P"));
    }

    #[test]
    fn paths_need_no_scheme() {
        assert_kept(&["*", "/", "/etc/passwd", "//h/p", "/?", "/?a b", "https:/p", "https:///p"]);
        assert_refused(&["", "a/b", "?x", "#x", ":80", "x_y:1", "9x:1", "-x:1", "[::1]:80", "ä:1", "**"]);
    }

    #[test]
    fn paths_are_escaped() {
        for (text, stored) in [
            ("https://h/p#f", "https://h/p%23f"),
            ("/a b", "/a%20b"),
            ("/ä", "/%C3%A4"),
            ("/\"<>^`{|}\\#", "/%22%3C%3E%5E%60%7B%7C%7D%5C%23"),
            // Existing escapes are kept unless something else is to be escaped.
            ("/%41%2f", "/%41%2f"),
            ("/%41%2f b", "/A/%20b"),
        ] {
            assert_eq!(parse(text).as_deref(), Some(stored));
        }
        assert_kept(&["/!$&'()*+,;=:@[]-._~"]);
        assert_refused(&["/%", "/%4", "/%zz", "https://h/%zz", "/a\nb", "/a\u{7f}b", "/\t"]);
    }

    #[test]
    fn hosts_are_checked() {
        assert_kept(&[
            "https://a.example",
            "https://h:",
            "https://h:99999/",
            "https://a:b:80/",
            "https://::1/",
        ]);
        assert_kept(&["https://h<>\"!/", "https://h%25x/", "https://a../"]);
        assert_refused(&["https://bad host/", "https://h\\/", "https://h^/", "https://{h}/", "https://a|b/"]);
        assert_refused(&["https://h%41/", "https://h%20/", "https://h%2/", "https://h:x/", "https://h:-1/"]);
        assert_eq!(parse("https://").as_deref(), Some("https:"));
        assert_eq!(parse("https://?q").as_deref(), Some("https:?q"));
        assert_eq!(parse("https://exämple.com/").as_deref(), Some("https://ex%C3%A4mple.com/"));
        assert_eq!(parse("https://%c3%ff/").as_deref(), Some("https://%C3%FF/"));
    }

    #[test]
    fn brackets_hold_ipv6_addresses() {
        assert_kept(&[
            "https://[::1]",
            "https://[::1]:2379/",
            "https://[::ffff:1.2.3.4]:",
            "https://[fe80::1%25e0]/",
        ]);
        assert_kept(&["https://[fe80::1%25e%20%25]/"]);
        assert_refused(&[
            "https://[::1",
            "https://[]/",
            "https://[1.2.3.4]/",
            "https://[::1]x/",
            "https://h[::1]/",
        ]);
        assert_refused(&["https://[fe80::1%e0]/", "https://[fe80::1%25]/", "https://[fe80::1%25%c3]/"]);
        assert_eq!(parse("https://[fe80::1%25%41]/").as_deref(), Some("https://[fe80::1%25A]/"));
    }

    #[test]
    fn urls_have_parts() {
        for (text, scheme, host, path) in [
            ("HTTPS://A.example:1", "https", "A.example:1", ""),
            ("https://u:p@h:1/a%20b?q#f", "https", "h:1", "/a b"),
            ("https://[::1%25lo]:1", "https", "[::1%lo]:1", ""),
            ("https://h?q/r", "https", "h", ""),
            ("unix:///run/etcd.sock", "unix", "", "/run/etcd.sock"),
            ("unix:/x", "unix", "", "/x"),
            ("unix:x", "unix", "", ""),
            ("host:2379", "host", "", ""),
        ] {
            let url = Url::parse(text).unwrap();
            assert_eq!((&*url.scheme, &*url.host, &*url.path), (scheme, host, path), "{text}");
        }
        for text in ["", "*", "/x", "a/b", "https://a b", "https://h:x", "https://h#%zz", "https://h\n", ":x"]
        {
            assert_eq!(Url::parse(text), None, "{text}");
        }
    }

    #[test]
    fn user_information_is_rewritten() {
        for (text, stored) in [
            ("https://u@h/", "https://u@h/"),
            ("https://@h/", "https://@h/"),
            ("https://:@h/", "https://:@h/"),
            ("https://u:p@h/", "https://u:p@h/"),
            ("https://u:p:q@h/", "https://u:p%3Aq@h/"),
            ("https://u@v@h/", "https://u%40v@h/"),
            ("https://%41!@h/", "https://A%21@h/"),
            ("https://u@", "https://u@"),
        ] {
            assert_eq!(parse(text).as_deref(), Some(stored));
        }
        assert_refused(&["https://u v@h/", "https://ä@h/", "https://%zz@h/", "https://u[@h/"]);
    }
}
