//! When a certificate is due for renewal, and when it has ended.

use serde::Serialize;
use time::{Duration, OffsetDateTime};

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
    /// The certificate is valid, and two thirds of its time are over.
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
    /// When the certificate should be renewed: after two thirds of its time, which leaves one third to do it in.
    pub(crate) fn renewal(self) -> OffsetDateTime {
        self.ends.saturating_sub((self.ends - self.begins) / 3)
    }

    /// Whether the certificate has ended.
    pub(crate) fn has_ended(self, now: OffsetDateTime) -> bool {
        self.ends < now
    }

    /// The state at the moment `now`.
    pub(crate) fn state(self, now: OffsetDateTime) -> State {
        if now < self.begins {
            State::NotYetValid
        } else if self.has_ended(now) {
            State::Ended
        } else if now >= self.renewal() {
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
        let span = Span { begins, ends: begins + Duration::days(9) };
        assert_eq!(span.renewal(), begins + Duration::days(6));
        let second = Duration::SECOND;
        for (now, state) in [
            (begins - second, State::NotYetValid),
            (begins, State::Valid),
            (span.renewal() - second, State::Valid),
            (span.renewal(), State::RenewalDue),
            (span.ends, State::RenewalDue),
            (span.ends + second, State::Ended),
        ] {
            assert_eq!((span.state(now), span.has_ended(now)), (state, state == State::Ended), "{now}");
        }
        assert_eq!(span.days_left(begins), 9);
        assert_eq!(span.days_left(span.ends - Duration::HOUR), 0);
        assert_eq!(span.days_left(span.ends + Duration::HOUR), -1);
    }

    #[test]
    fn the_end_of_time_is_no_end_of_the_program() {
        let begins = datetime!(0000-01-01 0:00 UTC);
        let span = Span { begins, ends: datetime!(9999-12-31 23:59:59 UTC) };
        assert_eq!(span.state(begins), State::Valid);
    }
}
