//! What may be a secret in a text that people will read: it is left out.

use std::borrow::Cow;

/// What stands in the place of a value that may be a secret.
const NOT_SHOWN: &str = "(not shown)";

/// A line without the value of an option that may be a secret, and without what may be a part of a key.
pub(crate) fn without_secrets(line: &str) -> String {
    let is_block = line.contains("-----BEGIN") || line.contains("-----END");
    if is_block || line.split(|c: char| !is_base64(c)).any(is_coded) || has_password(line) {
        return NOT_SHOWN.to_owned();
    }
    match secret_value(line) {
        Some(at) => format!("{}{NOT_SHOWN}", line.get(..at).unwrap_or_default()),
        None => line.to_owned(),
    }
}

/// The value of an option or variable, unless it may be a secret.
pub(crate) fn shown_value(name: &str, value: &str) -> String {
    let line = without_secrets(&format!("{name}={value}"));
    line.strip_prefix(name).and_then(|rest| rest.strip_prefix('=')).unwrap_or(NOT_SHOWN).to_owned()
}

fn is_base64(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '+' | '/' | '=')
}

/// Whether a word without spaces may be base64 of a key: no name and no path of this length has digits, small letters and
/// capital letters together.
fn is_coded(word: &str) -> bool {
    let has = |is: fn(&char) -> bool| word.chars().any(|c| is(&c));
    word.len() >= 40
        && has(char::is_ascii_digit)
        && has(char::is_ascii_lowercase)
        && has(char::is_ascii_uppercase)
}

/// Whether a URL in the line has a user and perhaps a password before its host.
fn has_password(line: &str) -> bool {
    matches!(without_user_info(line), Cow::Owned(_))
}

/// A text without the users and passwords before the hosts of its URLs (RFC 3986 section 3.2.1).
pub(crate) fn without_user_info(text: &str) -> Cow<'_, str> {
    let mut parts = text.split("://");
    let mut shown = parts.next().unwrap_or_default().to_owned();
    let mut is_changed = false;
    for part in parts {
        let end = part.find(['/', ' ', ',', '"', '\'', '`', '?', '#']).unwrap_or(part.len());
        let (authority, rest) = part.split_at(end);
        shown.push_str("://");
        match authority.rsplit_once('@') {
            Some((_, host)) => {
                is_changed = true;
                shown.push_str(NOT_SHOWN);
                shown.push('@');
                shown.push_str(host);
            }
            None => shown.push_str(authority),
        }
        shown.push_str(rest);
    }
    if is_changed { Cow::Owned(shown) } else { Cow::Borrowed(text) }
}

/// Where the value of an option begins that may be a secret: a password, a token, or the URL of a discovery service, whose
/// path is the token of the cluster.
fn secret_value(line: &str) -> Option<usize> {
    let small = line.to_ascii_lowercase();
    // `--user` of etcdctl takes a password after a colon.
    let words = ["password", "passwd", "passphrase", "secret", "token", "credential", "discovery", "--user"];
    let found = words.iter().flat_map(|word| small.match_indices(word)).filter(|(at, word)| {
        let rest = small.get(at + word.len()..).unwrap_or_default();
        // The domain of SRV records is public.
        !rest.starts_with("-srv") && !rest.starts_with("_srv")
    });
    let first = found.map(|(at, _)| at).min()?;
    let value = small.get(first..)?.find(['=', ':', ' '])?;
    Some(first + value + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_that_may_be_secrets_are_left_out() {
        for (name, value, shown) in [
            ("ETCD_ROOT_PASSWORD", "s3cret", "(not shown)"),
            ("discovery-config.password", "s3cret", "(not shown)"),
            ("HTTPS_PROXY", "http://u:s3cret@p:1", "(not shown)"),
            ("ExecStartPost", "etcdctl --user root:s3cret get x", "etcdctl --user (not shown)"),
            ("name", "etcd1", "etcd1"),
        ] {
            assert_eq!(shown_value(name, value), shown, "{name}");
        }
    }

    #[test]
    fn users_and_passwords_of_urls_are_left_out() {
        for (text, shown) in [
            ("https://u:p@10.0.0.1:2380 is https", "https://(not shown)@10.0.0.1:2380 is https"),
            ("a=http://u@x,b=http://y/@z", "a=http://(not shown)@x,b=http://y/@z"),
            ("`https://u:p@q@x`", "`https://(not shown)@x`"),
            ("mail me@example.com", "mail me@example.com"),
        ] {
            assert_eq!(without_user_info(text), shown);
        }
    }
}
