//! The versions of etcd.

use std::fmt;

use crate::etcd::safe::invalid::{InvalidValue, SafeValue};

/// A version of etcd: a series, such as `3.5`, or one release of it, such as `3.5.30`.
///
/// The series 3.4 to 3.7 are known. A version without a patch number stands for the newest release of its series, so it
/// compares greater than all numbered releases of the series.
///
/// ```
/// use pki_core::etcd::EtcdVersion;
///
/// let version = EtcdVersion::parse("3.5.30")?;
/// assert!(version.has(5, 8) && !version.has(6, 0));
/// assert!(version < EtcdVersion::parse("3.5")?);
/// # Ok::<(), pki_core::etcd::InvalidValue>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EtcdVersion {
    minor: u8,
    patch: Patch,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Patch {
    Number(u16),
    Newest,
}

/// The minor number of the oldest series that is known.
const OLDEST: u8 = 4;
/// The minor number of the newest series that is known.
const NEWEST: u8 = 7;

impl EtcdVersion {
    /// The newest release of 3.4.
    pub const V3_4: Self = Self::series(4);
    /// The newest release of 3.5.
    pub const V3_5: Self = Self::series(5);
    /// The newest release of 3.6.
    pub const V3_6: Self = Self::series(6);
    /// The newest release of 3.7.
    pub const V3_7: Self = Self::series(7);
    /// The newest release of the newest series that is known.
    pub const NEWEST: Self = Self::series(NEWEST);

    /// Every known series as its newest release, the oldest series first.
    pub fn all_series() -> impl Iterator<Item = Self> {
        (OLDEST..=NEWEST).map(Self::series)
    }

    const fn series(minor: u8) -> Self {
        Self { minor, patch: Patch::Newest }
    }

    /// The release `3.minor.patch`.
    pub(crate) const fn release(minor: u8, patch: u16) -> Self {
        Self { minor, patch: Patch::Number(patch) }
    }

    /// Reads `3.5` or `3.5.30`.
    ///
    /// # Errors
    /// [`InvalidValue`] if the text is not a version, or its series is not known.
    pub fn parse(text: &str) -> Result<Self, InvalidValue> {
        let refuse = |reason| InvalidValue { kind: SafeValue::Version, text: text.to_owned(), reason };
        let malformed = || refuse("it is not of the form 3.5 or 3.5.30");
        let mut parts = text.split('.');
        let major = parts.next().and_then(number).ok_or_else(malformed)?;
        let minor = parts.next().and_then(number).ok_or_else(malformed)?;
        let patch = parts.next().map(|part| number(part).ok_or_else(malformed)).transpose()?;
        if parts.next().is_some() {
            return Err(malformed());
        }
        let minor = u8::try_from(minor)
            .ok()
            .filter(|minor| major == 3 && (OLDEST..=NEWEST).contains(minor))
            .ok_or_else(|| refuse("only the versions 3.4, 3.5, 3.6 and 3.7 are known"))?;
        Ok(Self { minor, patch: patch.map_or(Patch::Newest, Patch::Number) })
    }

    /// The number of the series: 5 for 3.5.
    pub fn minor(self) -> u8 {
        self.minor
    }

    /// The number of the release within its series. `None` stands for the newest release.
    pub fn patch(self) -> Option<u16> {
        match self.patch {
            Patch::Number(number) => Some(number),
            Patch::Newest => None,
        }
    }

    /// Whether this is `3.minor.patch` or newer.
    ///
    /// Many options were added to several series at once: one may be in 3.4.25 and 3.5.8, but not in 3.5.7. For
    /// options, use [`EtcdOption::availability`](crate::etcd::EtcdOption::availability).
    pub fn has(self, minor: u8, patch: u16) -> bool {
        self >= Self::release(minor, patch)
    }

    /// The release that first brought something to the series of this version, if this version is older than that.
    /// `since` has the first release of each series, and later series all have it.
    pub(crate) fn first_missing(self, since: &[(u8, u16)]) -> Option<(u8, u16)> {
        let same = since.iter().find(|(minor, _)| *minor == self.minor);
        match (same, since.first()) {
            (Some((minor, patch)), _) => (!self.has(*minor, *patch)).then_some((*minor, *patch)),
            (None, Some((minor, patch))) => (self.minor < *minor).then_some((*minor, *patch)),
            (None, None) => None,
        }
    }
}

/// Reads digits without a sign or a leading zero.
fn number(text: &str) -> Option<u16> {
    let is_plain = text.bytes().all(|byte| byte.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    text.parse().ok().filter(|_| is_plain)
}

/// 3.5, the series that most distributions and kubeadm install.
impl Default for EtcdVersion {
    fn default() -> Self {
        Self::V3_5
    }
}

impl fmt::Display for EtcdVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "3.{}", self.minor)?;
        self.patch().map_or(Ok(()), |patch| write!(f, ".{patch}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_and_written() {
        for text in ["3.4", "3.4.0", "3.5.30", "3.7.1"] {
            assert_eq!(EtcdVersion::parse(text).unwrap().to_string(), text);
        }
        for bad in
            ["", "3", "3.", "3.5.", "3.5.1.2", "v3.5", "3.05", "3.5.x", "3.5.+1", "3.3", "3.8", "2.4", "4.5"]
        {
            assert!(EtcdVersion::parse(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_series_is_its_newest_release() {
        let versions =
            ["3.4.0", "3.4.25", "3.4", "3.5.8", "3.5"].map(|text| EtcdVersion::parse(text).unwrap());
        assert!(versions.is_sorted());
        assert!(EtcdVersion::V3_4.has(4, u16::MAX));
        assert!(!EtcdVersion::V3_4.has(5, 0));
    }
}
