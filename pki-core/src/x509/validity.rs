//! The time in which a certificate is valid (RFC 5280 section 4.1.2.5).

use der::Encode;
use der::asn1::{GeneralizedTime, UtcTime};
use time::{Duration, OffsetDateTime};

use crate::x509::der as encode;
use crate::x509::error::{Error, ErrorKind};

/// How long before now a certificate begins by default, so that it is valid on hosts whose clocks are late: five
/// minutes, as in cfssl.
pub const BACKDATE: Duration = Duration::minutes(5);

/// notBefore and notAfter of a certificate, in whole seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Validity {
    not_before: OffsetDateTime,
    not_after: OffsetDateTime,
}

impl Validity {
    /// From `not_before` to `not_after`, both cut to whole seconds.
    ///
    /// # Errors
    /// [`ErrorKind::Validity`] if the end is not after the beginning.
    pub fn new(not_before: OffsetDateTime, not_after: OffsetDateTime) -> Result<Self, Error> {
        let whole = |moment: OffsetDateTime| moment.to_offset(time::UtcOffset::UTC).truncate_to_second();
        let (not_before, not_after) = (whole(not_before), whole(not_after));
        if not_after <= not_before {
            return Err(ErrorKind::Validity { not_before, not_after }.into());
        }
        Ok(Self { not_before, not_after })
    }

    /// The times in a certificate that was read. They are not checked.
    pub(in crate::x509) fn as_read(not_before: OffsetDateTime, not_after: OffsetDateTime) -> Self {
        Self { not_before, not_after }
    }

    /// The first moment at which it is valid.
    pub fn not_before(self) -> OffsetDateTime {
        self.not_before
    }

    /// The last moment at which it is valid.
    pub fn not_after(self) -> OffsetDateTime {
        self.not_after
    }

    /// From `not_before` on, for as long as `length`.
    ///
    /// # Errors
    /// [`ErrorKind::Date`] if a certificate cannot hold the end, [`ErrorKind::Validity`] if the end is not after the
    /// beginning.
    pub fn lasting(not_before: OffsetDateTime, length: Duration) -> Result<Self, Error> {
        Self::new(not_before, end(not_before, length)?)
    }

    pub(in crate::x509) fn to_der(self) -> Result<Vec<u8>, Error> {
        encode::sequence(&[time_der(self.not_before)?, time_der(self.not_after)?])
    }
}

/// Encodes a moment: as UTCTime up to 2049, as GeneralizedTime from 2050 on (RFC 5280 section 4.1.2.5).
pub(crate) fn time_der(moment: OffsetDateTime) -> Result<Vec<u8>, Error> {
    let out_of_range = |_| ErrorKind::Date { moment };
    let seconds = u64::try_from(moment.unix_timestamp()).map_err(|_| ErrorKind::Date { moment })?;
    let since_epoch = std::time::Duration::from_secs(seconds);
    Ok(if moment.year() < 2050 {
        UtcTime::from_unix_duration(since_epoch).map_err(out_of_range)?.to_der()?
    } else {
        GeneralizedTime::from_unix_duration(since_epoch).map_err(out_of_range)?.to_der()?
    })
}

/// The moment that is `length` after `from`.
pub(crate) fn end(from: OffsetDateTime, length: Duration) -> Result<OffsetDateTime, Error> {
    from.checked_add(length).ok_or_else(|| ErrorKind::Date { moment: from }.into())
}

/// The nearest whole minute. Half a minute is rounded up.
pub(crate) fn round_to_minute(moment: OffsetDateTime) -> OffsetDateTime {
    let half = moment + Duration::seconds(30);
    half.replace_second(0).unwrap_or(half).truncate_to_second()
}

/// The validity of a renewed certificate: it begins [`BACKDATE`] before `now` and is as long as `old`.
pub(in crate::x509) fn renewed(old: Validity, now: OffsetDateTime) -> Result<Validity, Error> {
    Validity::lasting(round_to_minute(now) - BACKDATE, old.not_after() - old.not_before())
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    #[test]
    fn minutes_are_rounded_half_up() {
        assert_eq!(round_to_minute(datetime!(2026-11-21 01:47:29.9 UTC)), datetime!(2026-11-21 01:47 UTC));
        assert_eq!(round_to_minute(datetime!(2026-11-21 01:47:30 UTC)), datetime!(2026-11-21 01:48 UTC));
        assert_eq!(round_to_minute(datetime!(2026-12-31 23:59:30 UTC)), datetime!(2027-01-01 00:00 UTC));
        assert_eq!(round_to_minute(datetime!(2026-11-21 01:47 UTC)), datetime!(2026-11-21 01:47 UTC));
    }

    #[test]
    fn the_end_is_after_the_beginning_in_whole_seconds() {
        let begin = datetime!(2026-11-21 01:47:29.9 UTC);
        let validity = Validity::new(begin, datetime!(2026-11-21 02:47:30.1 +1)).unwrap();
        assert_eq!(validity.not_before(), datetime!(2026-11-21 01:47:29 UTC));
        assert_eq!(validity.not_after(), datetime!(2026-11-21 01:47:30 UTC));
        assert!(validity.not_after().offset().is_utc());
        for end in [datetime!(2026-11-21 01:47:29.95 UTC), begin, begin - Duration::DAY] {
            let error = Validity::new(begin, end).unwrap_err();
            assert!(matches!(error.kind(), ErrorKind::Validity { .. }), "{error}");
        }
        let lasting = Validity::lasting(begin, Duration::DAY).unwrap();
        assert_eq!(lasting.not_after() - lasting.not_before(), Duration::DAY);
        let error = Validity::lasting(begin, Duration::ZERO).unwrap_err();
        assert_eq!(
            error.to_string(),
            "it would be valid from 2026-11-21 01:47:29 UTC to 2026-11-21 01:47:29 UTC: the end is not after the \
             beginning"
        );
        let error = Validity::lasting(begin, Duration::days(9_000_000)).unwrap_err();
        assert_eq!(error.to_string(), "a certificate cannot hold a date after 2026-11-21 01:47:29 UTC");
    }

    /// RFC 5280 section 4.1.2.5.
    #[test]
    fn dates_are_utc_time_up_to_2049() {
        for (moment, der) in [
            (datetime!(1970-01-01 00:00 UTC), &b"\x17\x0d700101000000Z"[..]),
            (datetime!(2049-12-31 23:59:59 UTC), b"\x17\x0d491231235959Z"),
            (datetime!(2050-01-01 00:00 UTC), b"\x18\x0f20500101000000Z"),
            (datetime!(9999-12-31 23:59:59 UTC), b"\x18\x0f99991231235959Z"),
        ] {
            assert_eq!(time_der(moment).unwrap(), der, "{moment}");
        }
        let error = time_der(datetime!(1969-12-31 23:59:59 UTC)).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::Date { .. }), "{error}");
        let both =
            Validity::new(datetime!(2049-12-31 23:59:59 UTC), datetime!(2050-01-01 00:00 UTC)).unwrap();
        assert_eq!(both.to_der().unwrap(), b"\x30\x20\x17\x0d491231235959Z\x18\x0f20500101000000Z");
    }
}
