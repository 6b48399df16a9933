//! Reading values of a description: words, ports, lifetimes, subject attributes.

use time::Duration;

use crate::base::suggest;
use crate::etcd::cluster::layout::Layout;
use crate::etcd::cluster::renewal::RenewBefore;
use crate::etcd::cluster::{ContainerEngine, InitialClusterState, Style, UnitKind};
use crate::etcd::error::description::DescriptionError;
use crate::etcd::safe::address::HostName;
use crate::etcd::safe::invalid::{InvalidValue, SafeValue};
use crate::etcd::safe::url::MemberUrl;
use crate::go::duration;
use crate::x509::key::KeyAlgorithm;

/// Reads one of several words. `what` is what they stand for, in the error.
fn choice<T: Copy, const N: usize>(
    what: &'static str,
    text: &str,
    all: [T; N],
    name: impl Fn(T) -> &'static str,
) -> Result<T, DescriptionError> {
    all.into_iter().find(|choice| name(*choice) == text).ok_or_else(|| {
        let choices: Vec<_> = all.into_iter().map(name).collect();
        let near = suggest::near(text, choices.iter().copied()).map(str::to_owned);
        DescriptionError::Choice { what, text: text.to_owned(), near, choices }
    })
}

pub(crate) fn layout(text: &str) -> Result<Layout, DescriptionError> {
    choice("layout", text, Layout::ALL, Layout::name)
}

pub(crate) fn style(text: &str) -> Result<Style, DescriptionError> {
    choice("style", text, Style::ALL, Style::name)
}

pub(crate) fn unit(text: &str) -> Result<UnitKind, DescriptionError> {
    choice("kind of unit", text, UnitKind::ALL, UnitKind::name)
}

pub(crate) fn engine(text: &str) -> Result<ContainerEngine, DescriptionError> {
    choice("container engine", text, ContainerEngine::ALL, ContainerEngine::name)
}

pub(crate) fn state(text: &str) -> Result<InitialClusterState, DescriptionError> {
    choice("state", text, InitialClusterState::ALL, InitialClusterState::name)
}

pub(crate) fn boolean(text: &str) -> Result<bool, DescriptionError> {
    // YAML 1.2 section 10.3.2.
    let word = match text {
        "True" | "TRUE" => "true",
        "False" | "FALSE" => "false",
        other => other,
    };
    Ok(choice("truth value", word, ["true", "false"], |word| word)? == "true")
}

pub(crate) fn key(text: &str) -> Result<KeyAlgorithm, DescriptionError> {
    choice("kind of key", text, KeyAlgorithm::ALL, KeyAlgorithm::name)
}

pub(crate) fn port(text: &str) -> Result<u16, DescriptionError> {
    let port = text.parse().ok().filter(|port| *port != 0);
    port.ok_or_else(|| DescriptionError::Port { text: text.to_owned() })
}

/// Reads a URL to listen on. Its host must be an address (etcd, server/embed/config.go, `checkBindURLs`).
pub(crate) fn listen_url(text: &str) -> Result<MemberUrl, InvalidValue> {
    let url = MemberUrl::parse(text)?;
    match url.host() {
        HostName::Address(_) => Ok(url),
        HostName::Dns(_) => {
            let reason = "etcd listens on addresses, not on names";
            Err(InvalidValue { kind: SafeValue::Url, text: text.to_owned(), reason })
        }
    }
}

/// Reads the name of a container image. It has no characters that are special in a shell.
pub(crate) fn image(text: &str) -> Result<String, DescriptionError> {
    let safe = |c: char| c.is_ascii_alphanumeric() || "._-/:@".contains(c);
    if text.starts_with(|c: char| c.is_ascii_alphanumeric()) && text.chars().all(safe) {
        Ok(text.to_owned())
    } else {
        Err(DescriptionError::Image { text: text.to_owned() })
    }
}

/// What a size or a duration with a unit is as the plain number that an option of etcd takes: a clause such as `etcd
/// takes it in bytes: 1024`.
pub(crate) fn in_units_of(option: &str, text: &str) -> Option<String> {
    if option.ends_with("-bytes") {
        let digits = text.find(|c: char| !c.is_ascii_digit())?;
        let (number, unit) = text.split_at(digits);
        let size = match unit.trim().to_ascii_lowercase().as_str() {
            "b" => 1,
            "k" | "ki" | "kib" => 1 << 10,
            "kb" => 1000,
            "m" | "mi" | "mib" => 1 << 20,
            "mb" => 1_000_000,
            "g" | "gi" | "gib" => 1 << 30,
            "gb" => 1_000_000_000,
            "t" | "ti" | "tib" => 1_u64 << 40,
            "tb" => 1_000_000_000_000,
            _ => return None,
        };
        let bytes = number.parse::<u64>().ok()?.checked_mul(size)?;
        return Some(format!("etcd takes it in bytes: {bytes}"));
    }
    if ["heartbeat-interval", "election-timeout"].contains(&option) {
        let duration = duration::parse(text).ok()?;
        return Some(format!("etcd takes it in milliseconds: {}", duration.whole_milliseconds()));
    }
    None
}

/// A shorter lifetime leaves no time to bring the certificate to its host.
const SHORTEST: Duration = Duration::HOUR;
/// A longer lifetime is probably a mistake, and the year of its end must have four digits (RFC 5280 section 4.1.2.5.2).
const LONGEST: Duration = Duration::days(100 * 365);

/// Whether a description may have this lifetime.
pub(crate) fn is_lifetime(lifetime: Duration) -> bool {
    (SHORTEST..=LONGEST).contains(&lifetime)
}

pub(crate) fn lifetime(text: &str) -> Result<Duration, DescriptionError> {
    let lifetime = duration::parse(text).map_err(DescriptionError::Duration)?;
    let wrong = |reason| DescriptionError::Lifetime { text: text.to_owned(), reason };
    if lifetime < SHORTEST {
        Err(wrong("a certificate must be valid for at least one hour"))
    } else if lifetime > LONGEST {
        Err(wrong("a certificate must not be valid for more than 100 years"))
    } else {
        Ok(lifetime)
    }
}

/// Reads when certificates are due: a part of the lifetime, such as `1/3`, or a time before the end, such as `30d`.
pub(crate) fn renew_before(text: &str) -> Result<RenewBefore, DescriptionError> {
    let wrong = || DescriptionError::RenewBefore { text: text.to_owned() };
    if let Some((numerator, denominator)) = text.split_once('/') {
        let number = |digits: &str| digits.trim().parse().ok().filter(|number| (1..=1000).contains(number));
        let (numerator, denominator) =
            number(numerator).zip(number(denominator)).filter(|(n, d)| n < d).ok_or_else(wrong)?;
        return Ok(RenewBefore::Fraction { numerator, denominator });
    }
    let before = duration::parse(text).map_err(|_| wrong())?;
    if before < Duration::SECOND || before > LONGEST {
        return Err(wrong());
    }
    Ok(RenewBefore::Seconds(before.whole_seconds()))
}

/// Reads a subject attribute of at most `longest` characters.
pub(crate) fn attribute(text: &str, longest: usize) -> Result<String, DescriptionError> {
    let reason = if text.trim().is_empty() {
        "it is empty".to_owned()
    } else if text.chars().any(char::is_control) {
        "it has control characters".to_owned()
    } else if text.chars().count() > longest {
        format!("it is longer than {longest} characters")
    } else {
        return Ok(text.to_owned());
    };
    Err(DescriptionError::Subject { text: text.to_owned(), reason })
}

pub(crate) fn country(text: &str) -> Result<String, DescriptionError> {
    if text.len() == 2 && text.chars().all(|c| c.is_ascii_alphabetic()) {
        return Ok(text.to_owned());
    }
    let reason = "a country is two letters, such as CN (ISO 3166)".to_owned();
    Err(DescriptionError::Subject { text: text.to_owned(), reason })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn renewal_is_a_part_or_a_time_before_the_end() {
        let fraction = |numerator, denominator| Some(RenewBefore::Fraction { numerator, denominator });
        assert_eq!(renew_before("1/4").ok(), fraction(1, 4));
        assert_eq!(renew_before(" 2 / 3 ").ok(), fraction(2, 3));
        assert_eq!(renew_before("30d").ok(), Some(RenewBefore::Seconds(30 * 86400)));
        for wrong in [
            "", "0", "30", "1/1", "0/3", "3/2", "1/0", "-1/3", "1/3/4", "1/9999", "-30d", "101y", "0.3",
            "30%",
        ] {
            assert!(renew_before(wrong).is_err(), "{wrong}");
        }
    }
}
