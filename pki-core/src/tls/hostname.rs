//! Whether a certificate is for a host, by the rules of `VerifyHostname` in Go's `crypto/x509`.

use crate::tls::address::address;
use crate::tls::certificate::GoCertificate;
use crate::tls::refusal::Reason;
use crate::x509::alt_names::SubjectAltNames;

/// Checks that `certificate` is for `host`. An address must be one of its IP addresses. A name must match one of its DNS
/// names, whose first label may be `*`. The common name is not used.
pub(super) fn verify(certificate: &GoCertificate, host: &str) -> Result<(), Reason> {
    let names = certificate.subject_alt_names();
    if is_among(names, host) {
        return Ok(());
    }
    let host = host.to_owned();
    Err(
        if !certificate.has_subject_alt_name()
            && certificate.common_name().is_some_and(|name| matches_pattern(name, &host))
        {
            Reason::LegacyCommonName { host }
        } else if address(&host).is_some() && names.ip.is_empty() && names.dns.contains(&host) {
            Reason::IpAsDnsName { host }
        } else {
            Reason::WrongName { host, valid_for: Box::new(names.clone()) }
        },
    )
}

/// Whether a host matches one of the names of a certificate, as Go compares them.
pub(crate) fn is_among(names: &SubjectAltNames, host: &str) -> bool {
    if let Some(address) = address(host) {
        return names.ip.contains(&address);
    }
    let is_host = is_hostname(host.strip_suffix('.').unwrap_or(host), false);
    names.dns.iter().any(|name| {
        if is_host && is_hostname(name, true) {
            matches_pattern(name, host)
        } else {
            !matches!(host, "" | ".") && name.eq_ignore_ascii_case(host)
        }
    })
}

/// Go's `validHostname`: labels of letters, digits, underscores, and hyphens that are not first.
fn is_hostname(name: &str, is_pattern: bool) -> bool {
    name.split('.').enumerate().all(|(place, label)| {
        let letters = |(at, c): (usize, char)| c.is_ascii_alphanumeric() || c == '_' || (c == '-' && at != 0);
        (is_pattern && place == 0 && label == "*") || (!label.is_empty() && label.char_indices().all(letters))
    })
}

fn matches_pattern(pattern: &str, host: &str) -> bool {
    let host = host.strip_suffix('.').unwrap_or(host);
    let (patterns, labels): (Vec<_>, Vec<_>) = (pattern.split('.').collect(), host.split('.').collect());
    !pattern.is_empty()
        && !host.is_empty()
        && patterns.len() == labels.len()
        && patterns.iter().zip(&labels).enumerate().all(|(place, (pattern, label))| {
            (place == 0 && *pattern == "*") || pattern.eq_ignore_ascii_case(label)
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_as_in_go() {
        for (pattern, host) in [
            ("etcd1.example", "ETCD1.example"),
            ("etcd1.example", "etcd1.example."),
            ("*.example", "etcd1.example"),
            ("*", "localhost"),
        ] {
            assert!(matches_pattern(pattern, host), "{pattern} {host}");
        }
        for (pattern, host) in [
            ("*.example", "a.etcd1.example"),
            ("*.example", "example"),
            ("a.*", "a.b"),
            ("", ""),
            ("e*.example", "etcd1.example"),
        ] {
            assert!(!matches_pattern(pattern, host), "{pattern} {host}");
        }
    }

    #[test]
    fn host_names_are_letters_digits_hyphens_and_underscores() {
        assert!(is_hostname("a_b.c-d", false) && is_hostname("*.a", true));
        for wrong in ["", "a..b", "-a", "a b", "*.a"] {
            assert!(!is_hostname(wrong, false), "{wrong}");
        }
    }
}
