//! The list of serial numbers that `cfssl gencrl` reads, with reasons and dates in addition.

use std::collections::HashSet;
use std::path::Path;

use time::format_description::well_known::Rfc3339;
use time::{Date, OffsetDateTime, PrimitiveDateTime, Time, UtcOffset};

use crate::base::place::Place;
use crate::cfssl::error::{Error, ErrorKind};
use crate::x509::crl::{Revocation, RevokedSerial};

impl Revocation {
    /// Reads a list of serial numbers, one per line. `file` is only for error messages.
    ///
    /// A line is `SERIAL [REASON [DATE]]`: the number in decimal, or in hex after `0x`, the name or number of a reason
    /// code, and a date or a moment of RFC 3339. Without a date, the revocation is at `now`. Empty lines and the text
    /// after a `#` are ignored; of a repeated number, the first line counts.
    ///
    /// ```
    /// use pki_core::x509::{Revocation, RevocationReason};
    ///
    /// let text = "4711\n0x2a keyCompromise 2026-11-01 # lost\n";
    /// let list = Revocation::parse_list(text, time::OffsetDateTime::now_utc(), None)?;
    /// assert_eq!(list[0].serial.to_string(), "4711");
    /// assert_eq!(list[1].reason, Some(RevocationReason::KeyCompromise));
    /// # Ok::<(), pki_core::cfssl::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`x509::ErrorKind::NotASerial`](crate::x509::ErrorKind::NotASerial),
    /// [`x509::ErrorKind::UnknownReason`](crate::x509::ErrorKind::UnknownReason), [`ErrorKind::NotADate`] or
    /// [`ErrorKind::RevocationLine`], with the place of the line.
    pub fn parse_list(text: &str, now: OffsetDateTime, file: Option<&Path>) -> Result<Vec<Self>, Error> {
        let mut list: Vec<Self> = Vec::new();
        let mut serials = HashSet::new();
        for (number, line) in (1..).zip(text.lines()) {
            let line = line.split('#').next().unwrap_or_default();
            if line.trim().is_empty() {
                continue;
            }
            let revocation = Self::parse(line, now).map_err(|error| {
                let place = Place::default().at(number, 1);
                error.at(match file {
                    Some(file) => place.or_file(file),
                    None => place,
                })
            })?;
            if serials.insert(revocation.serial.clone()) {
                list.push(revocation);
            }
        }
        Ok(list)
    }

    fn parse(line: &str, now: OffsetDateTime) -> Result<Self, Error> {
        let mut words = line.split_whitespace();
        let serial = RevokedSerial::parse(words.next().unwrap_or_default())?;
        let reason = match words.next() {
            None | Some("unspecified") => None,
            Some(word) => Some(word.parse()?),
        };
        let date = words.next().map_or(Ok(now), date)?;
        match words.next() {
            None => Ok(Self { serial, date, reason }),
            Some(word) => Err(ErrorKind::RevocationLine { word: word.to_owned() }.into()),
        }
    }
}

/// Reads a moment of RFC 3339, or a date, which means its beginning in UTC.
fn date(text: &str) -> Result<OffsetDateTime, Error> {
    let day = time::macros::format_description!("[year]-[month]-[day]");
    OffsetDateTime::parse(text, &Rfc3339)
        .map(|moment| moment.to_offset(UtcOffset::UTC))
        .or_else(|_| {
            Date::parse(text, day).map(|day| PrimitiveDateTime::new(day, Time::MIDNIGHT).assume_utc())
        })
        .map_err(|_| ErrorKind::NotADate { text: text.to_owned() }.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::x509::crl::RevocationReason;

    fn list(text: &str) -> Result<Vec<Revocation>, Error> {
        Revocation::parse_list(text, OffsetDateTime::UNIX_EPOCH, Some(Path::new("serials")))
    }

    #[test]
    fn long_lists_are_read_once() {
        let text: String = (1..=100_000).map(|serial| format!("{serial}\n")).collect();
        assert_eq!(list(&format!("{text}{text}")).unwrap().len(), 100_000);
    }

    #[test]
    fn lines_name_a_serial_a_reason_and_a_date() {
        let read = list("\n12 \n0xFF superseded\n# none\n7 4 2026-01-02\n12\n").unwrap();
        let read: Vec<_> = read.iter().map(|r| (r.serial.to_string(), r.reason, r.date.year())).collect();
        let superseded = Some(RevocationReason::Superseded);
        assert_eq!(
            read,
            [("12".into(), None, 1970), ("255".into(), superseded, 1970), ("7".into(), superseded, 2026)]
        );
    }

    #[test]
    fn lines_that_say_something_else_are_named() {
        for (line, message) in [
            ("x", "serials:2:1: \"x\" is not a serial number"),
            ("-5", "serials:2:1: \"-5\" is not a serial number"),
            ("0", "serials:2:1: \"0\" is not a serial number"),
            (
                "1 keycompromized",
                "serials:2:1: there is no reason \"keycompromized\" to revoke a certificate: did you mean `keyCompromise`?",
            ),
            ("1 keyCompromise never", "serials:2:1: \"never\" is not a date in the format of RFC 3339"),
            ("1 1 2026-01-01 x", "serials:2:1: there is unexpected text after the date: \"x\""),
        ] {
            assert_eq!(list(&format!("1\n{line}")).unwrap_err().to_string(), message);
        }
    }
}
