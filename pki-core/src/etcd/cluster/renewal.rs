//! When a certificate is due for renewal, and when it has ended.

use serde::{Deserialize, Serialize};
use time::{Duration, OffsetDateTime};

/// How long before its end a certificate is due for renewal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RenewBefore {
    /// When this part of its lifetime is left.
    Fraction {
        /// The part is this many
        numerator: u32,
        /// of this many equal ones.
        denominator: u32,
    },
    /// When this many seconds are left, but not before half of its lifetime is over: otherwise a certificate with a
    /// shorter lifetime would be due as soon as it is issued.
    Seconds(i64),
}

/// A third of the lifetime, which leaves time for those who are on holiday.
impl Default for RenewBefore {
    fn default() -> Self {
        Self::Fraction { numerator: 1, denominator: 3 }
    }
}

impl RenewBefore {
    /// How long before its end a certificate with this lifetime is due.
    pub(crate) fn of(self, lifetime: Duration) -> Duration {
        let seconds = lifetime.whole_seconds();
        let left = match self {
            Self::Fraction { numerator, denominator } => {
                let part = seconds.saturating_mul(numerator.into());
                part.checked_div(denominator.into()).unwrap_or_default()
            }
            Self::Seconds(left) => left.min(seconds / 2),
        };
        Duration::seconds(left.max(0))
    }
}

/// The time in which a certificate can be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span {
    /// The first moment: `notBefore`.
    pub(crate) begins: OffsetDateTime,
    /// The last moment (RFC 5280 section 4.1.2.5): `notAfter` of the certificate, or of a CA above it that ends
    /// earlier.
    pub(crate) ends: OffsetDateTime,
}

/// Whether a certificate is valid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum State {
    /// The certificate is valid.
    Valid,
    /// The certificate is valid, and due for renewal.
    RenewalDue,
    /// The certificate is not valid yet.
    NotYetValid,
    /// The certificate has ended.
    Ended,
}

impl State {
    /// The word for it in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Valid => "valid",
            Self::RenewalDue => "renewal-due",
            Self::NotYetValid => "not-yet-valid",
            Self::Ended => "ended",
        }
    }
}

impl Span {
    /// When the certificate is due for renewal.
    pub(crate) fn renewal(self, before: RenewBefore) -> OffsetDateTime {
        self.ends.saturating_sub(before.of(self.ends - self.begins))
    }

    /// Whether the certificate has ended.
    pub(crate) fn has_ended(self, now: OffsetDateTime) -> bool {
        self.ends < now
    }

    /// The state at the moment `now`.
    pub(crate) fn state(self, before: RenewBefore, now: OffsetDateTime) -> State {
        if now < self.begins {
            State::NotYetValid
        } else if self.has_ended(now) {
            State::Ended
        } else if now >= self.renewal(before) {
            State::RenewalDue
        } else {
            State::Valid
        }
    }

    /// Whole days from `now` until the end, rounded down: half a day after the end it is -1.
    pub(crate) fn days_left(self, now: OffsetDateTime) -> i64 {
        days(now, self.ends)
    }
}

/// Whole days from `now` to `end`, rounded down.
pub(crate) fn days(now: OffsetDateTime, end: OffsetDateTime) -> i64 {
    (end - now).whole_seconds().div_euclid(Duration::DAY.whole_seconds())
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    #[test]
    fn a_certificate_is_due_after_two_thirds_of_its_time() {
        let begins = datetime!(2026-01-01 0:00 UTC);
        let (span, third) = (Span { begins, ends: begins + Duration::days(9) }, RenewBefore::default());
        assert_eq!(span.renewal(third), begins + Duration::days(6));
        let second = Duration::SECOND;
        for (now, state) in [
            (begins - second, State::NotYetValid),
            (begins, State::Valid),
            (span.renewal(third) - second, State::Valid),
            (span.renewal(third), State::RenewalDue),
            (span.ends, State::RenewalDue),
            (span.ends + second, State::Ended),
        ] {
            assert_eq!(
                (span.state(third, now), span.has_ended(now)),
                (state, state == State::Ended),
                "{now}"
            );
        }
        assert_eq!(span.days_left(begins), 9);
        assert_eq!(span.days_left(span.ends - Duration::HOUR), 0);
        assert_eq!(span.days_left(span.ends + Duration::HOUR), -1);
    }

    #[test]
    fn the_end_of_time_is_no_end_of_the_program() {
        let begins = datetime!(0000-01-01 0:00 UTC);
        let span = Span { begins, ends: datetime!(9999-12-31 23:59:59 UTC) };
        for before in [RenewBefore::default(), RenewBefore::Fraction { numerator: 9, denominator: 0 }] {
            assert_eq!(span.state(before, begins), State::Valid);
        }
        assert_eq!(span.renewal(RenewBefore::Fraction { numerator: u32::MAX, denominator: 1 }).year(), -9999);
    }

    #[test]
    fn a_new_certificate_is_never_due() {
        let begins = datetime!(2026-01-01 0:00 UTC);
        let span = Span { begins, ends: begins + Duration::days(10) };
        let due_after = |before| span.renewal(before) - begins;
        assert_eq!(due_after(RenewBefore::Seconds(2 * 86400)), Duration::days(8));
        assert_eq!(due_after(RenewBefore::Seconds(30 * 86400)), Duration::days(5));
        assert_eq!(due_after(RenewBefore::Seconds(-1)), Duration::days(10));
        assert_eq!(due_after(RenewBefore::Fraction { numerator: 4, denominator: 5 }), Duration::days(2));
    }
}
