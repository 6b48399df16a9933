//! The releases of etcd: which series its project maintains, and which releases have a published hole in TLS, in
//! authentication or in access control.
//!
//! The moment comes in as a value. What is not in the tables is not known, so a newer etcdpki knows more.

use std::fmt;

use time::macros::date;
use time::{Date, OffsetDateTime};

use crate::etcd::option::version::EtcdVersion;

/// A series of releases, such as 3.5.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Series {
    /// The number of the series: 5 for 3.5.
    pub minor: u8,
    /// The newest release that is known, and when it came.
    pub newest: (EtcdVersion, Date),
    /// The day on which the project ended its support. `None` as long as it has not named one.
    pub end_of_support: Option<Date>,
    /// Where the project says so.
    pub source: &'static str,
}

/// A hole that was published, and the releases that have it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Advisory {
    /// The number of the vulnerability, such as `CVE-2026-73499`.
    pub cve: &'static str,
    /// What somebody can do who should not.
    pub effect: &'static str,
    /// The options with which alone the hole is there; none if it is there with any.
    pub options: &'static [&'static str],
    /// Where it was published.
    pub source: &'static str,
    /// The first release with the hole, for each series whose first release does not have it. `(5, 8)` is 3.5.8.
    since: &'static [(u8, u16)],
    /// The first release without the hole in each series that had it and was mended. Series before the first one here
    /// were not mended; those after the last one never had it.
    mended: &'static [(u8, u16)],
}

const CHANGELOG_3_5: &str = "etcd, CHANGELOG-3.5.md";

/// The series, the oldest first. The newest releases are those of the changelogs of 2026-10-22, which the module
/// `go.etcd.io/etcd/server/v3` has too.
static SERIES: [Series; 4] = [
    Series {
        minor: 4,
        newest: (EtcdVersion::release(4, 45), date!(2026 - 06 - 01)),
        end_of_support: Some(date!(2026 - 06 - 01)),
        source: "etcd.io/blog/2026/june-patch-release",
    },
    // "All three supported release branches" are 3.5, 3.6 and 3.7; no end is named.
    Series {
        minor: 5,
        newest: (EtcdVersion::release(5, 35), date!(2026 - 10 - 22)),
        end_of_support: None,
        source: "etcd.io/blog/2026/sep-21-patch-release",
    },
    Series {
        minor: 6,
        newest: (EtcdVersion::release(6, 16), date!(2026 - 10 - 22)),
        end_of_support: None,
        source: "etcd.io/blog/2026/sep-21-patch-release",
    },
    Series {
        minor: 7,
        newest: (EtcdVersion::release(7, 3), date!(2026 - 10 - 22)),
        end_of_support: None,
        source: "etcd.io/blog/2026/sep-21-patch-release",
    },
];

/// etcd does not look at the revocation list for gRPC.
pub(crate) static CRL_NOT_ENFORCED: Advisory = Advisory {
    cve: "CVE-2026-59818",
    effect: "a client whose certificate is revoked still gets in",
    options: &["client-crl-file", "listen-client-http-urls"],
    source: "GHSA-3wh4-j44w-pg92",
    since: &[(4, 25), (5, 8)],
    mended: &[(5, 32), (6, 13)],
};

/// The holes, in the order in which they were published. Those of 2026-07 are not mended in 3.4: v3.4.45 still
/// shortens the end of the range before it asks for the permission (etcdserver/api/v3rpc/watch.go), and sets no
/// deadline for handshakes (pkg/transport/listener_tls.go).
static ADVISORIES: [&Advisory; 8] = [
    &Advisory {
        cve: "CVE-2021-28235",
        effect: "through the debug pages somebody can take the rights of a user",
        options: &[],
        source: CHANGELOG_3_5,
        since: &[],
        mended: &[(4, 25), (5, 8)],
    },
    &Advisory {
        cve: "CVE-2023-32082",
        effect: "a user sees the names of keys that it may not read, by their lease",
        options: &[],
        source: CHANGELOG_3_5,
        since: &[],
        mended: &[(4, 26), (5, 9)],
    },
    &Advisory {
        cve: "CVE-2026-33413",
        effect: "without being a user somebody can list the members, raise alarms, use leases and compact",
        options: &[],
        source: "GHSA-q8m4-xhhv-38mg",
        since: &[],
        mended: &[(4, 42), (5, 28), (6, 9)],
    },
    &Advisory {
        cve: "CVE-2026-33343",
        effect: "by nested transactions a user reads and writes every key",
        options: &[],
        source: "GHSA-rfx7-8w68-q57q",
        since: &[],
        mended: &[(4, 42), (5, 28), (6, 9)],
    },
    &Advisory {
        cve: "CVE-2026-44283",
        effect: "by a put in a transaction a user reads former values that it may not read, and attaches leases",
        options: &[],
        source: "GHSA-x35m-3gp4-4fh5",
        since: &[],
        mended: &[(4, 44), (5, 30), (6, 11)],
    },
    &CRL_NOT_ENFORCED,
    &Advisory {
        cve: "CVE-2026-73499",
        effect: "a user who may read one key can watch every key after it",
        options: &[],
        source: "GHSA-xg4h-6gfc-h4m8",
        since: &[],
        mended: &[(5, 33), (6, 14), (7, 1)],
    },
    &Advisory {
        cve: "CVE-2026-73500",
        effect: "whoever reaches a TLS port can use up the member's memory, by connections that never begin a handshake",
        options: &[],
        source: "GHSA-6vch-q96h-7gc3",
        since: &[],
        mended: &[(5, 33), (6, 14), (7, 1)],
    },
];

impl Series {
    /// Every series that is known, the oldest first.
    pub fn all() -> impl Iterator<Item = &'static Self> {
        SERIES.iter()
    }

    /// The series of a version.
    ///
    /// ```
    /// use pki_core::etcd::{EtcdVersion, Series};
    ///
    /// let series = Series::of(EtcdVersion::parse("3.5.30")?).unwrap();
    /// assert!(series.newest.0.has(5, 35));
    /// # Ok::<(), pki_core::etcd::InvalidValue>(())
    /// ```
    pub fn of(version: EtcdVersion) -> Option<&'static Self> {
        SERIES.iter().find(|series| series.minor == version.minor())
    }

    /// Whether the project maintains the series at a moment, as far as is known.
    pub fn is_supported(&self, now: OffsetDateTime) -> bool {
        self.end_of_support.is_none_or(|end| now.date() < end)
    }
}

impl fmt::Display for Series {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "3.{}", self.minor)
    }
}

impl Advisory {
    /// The published holes that a version has, the oldest first. A version without a patch number stands for the
    /// newest release of its series.
    pub fn of(version: EtcdVersion) -> impl Iterator<Item = &'static Self> {
        ADVISORIES.into_iter().filter(move |advisory| advisory.is_in(version))
    }

    /// Whether a version has the hole.
    pub fn is_in(&self, version: EtcdVersion) -> bool {
        let is_open = match self.mended.iter().find(|(minor, _)| *minor == version.minor()) {
            Some((minor, patch)) => !version.has(*minor, *patch),
            None => self.mended.first().is_some_and(|(minor, _)| version.minor() < *minor),
        };
        is_open && version.first_missing(self.since).is_none()
    }

    /// The first release without the hole in the series of a version; `None` if the series was not mended.
    pub fn mended_in(&self, version: EtcdVersion) -> Option<EtcdVersion> {
        let same = self.mended.iter().find(|(minor, _)| *minor == version.minor());
        same.map(|(minor, patch)| EtcdVersion::release(*minor, *patch))
    }
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    fn version(text: &str) -> EtcdVersion {
        EtcdVersion::parse(text).unwrap()
    }

    fn holes(text: &str) -> Vec<&'static str> {
        Advisory::of(version(text)).map(|advisory| advisory.cve).collect()
    }

    #[test]
    fn every_known_series_is_in_the_table() {
        let known: Vec<u8> = EtcdVersion::all_series().map(EtcdVersion::minor).collect();
        assert_eq!(Series::all().map(|series| series.minor).collect::<Vec<_>>(), known);
        assert_eq!(Some(&EtcdVersion::NEWEST.minor()), known.last());
        for series in Series::all() {
            assert_eq!(series.newest.0.minor(), series.minor);
            assert!(series.end_of_support.is_none_or(|end| end >= series.newest.1), "{series}");
        }
    }

    #[test]
    fn support_ends_with_the_day_that_the_project_names() {
        let series = Series::of(version("3.4.23")).unwrap();
        assert!(series.is_supported(datetime!(2026-05-31 23:59:59 UTC)));
        assert!(!series.is_supported(datetime!(2026-06-01 0:00 UTC)));
        assert!(Series::of(version("3.7")).unwrap().is_supported(datetime!(2100-01-01 0:00 UTC)));
    }

    #[test]
    fn a_hole_is_there_until_the_release_that_mends_it() {
        assert_eq!(holes("3.7.0"), ["CVE-2026-73499", "CVE-2026-73500"]);
        assert_eq!(holes("3.6.13"), ["CVE-2026-73499", "CVE-2026-73500"]);
        assert_eq!(holes("3.5.30").len(), 3);
        assert_eq!(holes("3.5.29").len(), 4);
        assert_eq!(holes("3.5.7").len(), 7, "the option of one is not there yet: {:?}", holes("3.5.7"));
        for mended in ["3.5.33", "3.5", "3.6.14", "3.6", "3.7.1", "3.7"] {
            assert!(holes(mended).is_empty(), "{mended}");
        }
    }

    #[test]
    fn a_series_that_was_given_up_keeps_its_holes() {
        assert_eq!(holes("3.4"), ["CVE-2026-59818", "CVE-2026-73499", "CVE-2026-73500"]);
        assert!(!CRL_NOT_ENFORCED.is_in(version("3.4.24")));
        assert_eq!(CRL_NOT_ENFORCED.mended_in(version("3.4.45")), None);
        assert_eq!(CRL_NOT_ENFORCED.mended_in(version("3.5.30")), Some(version("3.5.32")));
        // The newest releases have nothing but what is mended nowhere in their series.
        for series in Series::all() {
            assert!(
                Advisory::of(series.newest.0).all(|advisory| advisory.mended_in(series.newest.0).is_none())
            );
        }
    }
}
