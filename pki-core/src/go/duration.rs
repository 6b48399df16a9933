//! Durations as Go reads and writes them, with days and years in addition.
//!
//! cfssl's `expiry` and `backdate` are Go durations (`8760h`, `1h30m`), whose largest unit is the hour. Here `d` is 24
//! hours and `y` is 365 days, so `365d` is the same duration as `8760h`.

use time::Duration;

/// 2^63 ns: Go's `time.Duration` is a signed 64-bit count of nanoseconds. Only a negative duration can be that long.
const LIMIT: u64 = 1 << 63;

const MICROSECOND: u64 = 1_000;
const MILLISECOND: u64 = 1_000 * MICROSECOND;
const SECOND: u64 = 1_000 * MILLISECOND;
const MINUTE: u64 = 60 * SECOND;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;
const YEAR: u64 = 365 * DAY;

/// The units and their lengths in nanoseconds. Microseconds may also be written with the micro sign U+00B5 or the
/// Greek letter U+03BC.
pub(crate) const UNITS: [(&str, u64); 10] = [
    ("ns", 1),
    ("us", MICROSECOND),
    ("µs", MICROSECOND),
    ("μs", MICROSECOND),
    ("ms", MILLISECOND),
    ("s", SECOND),
    ("m", MINUTE),
    ("h", HOUR),
    ("d", DAY),
    ("y", YEAR),
];

/// Why a text is not a duration.
///
/// The messages are those of Go's `time.ParseDuration`, without its prefix `time: `.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ParseError {
    /// A number is missing, or the duration is beyond 2^63 ns (about 292 years).
    #[error("invalid duration {}", quote(.text))]
    Invalid {
        /// The text that was read.
        text: String,
    },
    /// A number without a unit, such as `8760`.
    #[error("missing unit in duration {}", quote(.text))]
    MissingUnit {
        /// The duration as written.
        text: String,
    },
    /// A number with a unit that does not exist, such as `1w`.
    #[error("unknown unit {} in duration {}", quote(.unit), quote(.text))]
    UnknownUnit {
        /// The characters from the number to the next digit or dot.
        unit: String,
        /// The text with the unknown unit in it.
        text: String,
    },
}

impl ParseError {
    /// An instruction what to write instead, with an example.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Invalid { .. } => {
                "write numbers with units and no spaces, such as 8760h, 365d or 1h30m, up to 292 years"
            }
            Self::MissingUnit { .. } => {
                "put a unit after each number: y (365d), d (24h), h, m, s, ms, us or ns"
            }
            Self::UnknownUnit { .. } => {
                "the units are y (365d), d (24h), h, m, s, ms, us and ns, in lower case"
            }
        }
    }
}

/// Reads a duration: `[+-]? (0 | (number unit)+)`, where a number is digits with an optional fraction and a unit
/// is one of `ns`, `us` (or `µs`), `ms`, `s`, `m`, `h`, `d` (24 hours) and `y` (365 days).
///
/// Units come in any order and add up. The result is cut to whole nanoseconds.
///
/// The rule is that of Go's `ParseDuration` (`time/format.go`) with two more units, except for two differences. Here,
/// fractions are computed exactly; Go computes them in floating point, so a fraction of fourteen digits or more can
/// differ by one nanosecond. Here, a sum that overflows 64 bits is an error; in Go it wraps around.
///
/// # Errors
///
/// A [`ParseError`] if the text does not follow the grammar, or the duration exceeds what Go's `time.Duration` holds:
/// 2^63 - 1 nanoseconds (2562047h47m16.854775807s), or 2^63 below zero.
///
/// # Examples
///
/// ```
/// use pki_core::go::duration;
///
/// assert_eq!(duration::parse("1h30m")?, time::Duration::minutes(90));
/// assert_eq!(duration::parse("365d")?, duration::parse("8760h")?);
/// assert_eq!(duration::parse("8760").unwrap_err().to_string(), r#"missing unit in duration "8760""#);
/// # Ok::<(), duration::ParseError>(())
/// ```
pub fn parse(text: &str) -> Result<Duration, ParseError> {
    let invalid = || ParseError::Invalid { text: text.to_owned() };
    let (negative, unsigned) = match text.strip_prefix('-') {
        Some(unsigned) => (true, unsigned),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    if unsigned == "0" {
        return Ok(Duration::ZERO);
    }
    if unsigned.is_empty() {
        return Err(invalid());
    }

    let mut total = 0;
    let mut rest = unsigned;
    while !rest.is_empty() {
        let (whole, after_whole) = split_where(rest, |c| !c.is_ascii_digit());
        let (fraction, after_number) = match after_whole.strip_prefix('.') {
            Some(after_dot) => split_where(after_dot, |c| !c.is_ascii_digit()),
            None => ("", after_whole),
        };
        if whole.is_empty() && fraction.is_empty() {
            return Err(invalid());
        }
        let whole = leading_int(whole).ok_or_else(invalid)?;
        let (name, after_unit) = split_where(after_number, |c| c == '.' || c.is_ascii_digit());
        if name.is_empty() {
            return Err(ParseError::MissingUnit { text: text.to_owned() });
        }
        let unit = unit(name)
            .ok_or_else(|| ParseError::UnknownUnit { unit: name.to_owned(), text: text.to_owned() })?;
        total = add(total, whole, fraction, unit).ok_or_else(invalid)?;
        rest = after_unit;
    }

    let nanoseconds = if negative { 0_i64.checked_sub_unsigned(total) } else { i64::try_from(total).ok() };
    nanoseconds.map(Duration::nanoseconds).ok_or_else(invalid)
}

/// Writes a duration as Go's `Duration.String` (`time/time.go`) does: hours, minutes and seconds, beginning with the
/// first that is not zero, or below one second a single smaller unit.
///
/// # Examples
///
/// ```
/// use pki_core::go::duration;
///
/// assert_eq!(duration::format(time::Duration::days(365)), "8760h0m0s");
/// assert_eq!(duration::format(time::Duration::milliseconds(1500)), "1.5s");
/// assert_eq!(duration::format(time::Duration::ZERO), "0s");
/// ```
pub fn format(duration: Duration) -> String {
    let nanoseconds = duration.whole_nanoseconds().unsigned_abs();
    let sign = if duration.is_negative() { "-" } else { "" };
    if nanoseconds == 0 {
        return "0s".to_owned();
    }
    if nanoseconds < u128::from(MICROSECOND) {
        return format!("{sign}{nanoseconds}ns");
    }
    if nanoseconds < u128::from(MILLISECOND) {
        return format!("{sign}{}µs", decimal(nanoseconds, 3));
    }
    if nanoseconds < u128::from(SECOND) {
        return format!("{sign}{}ms", decimal(nanoseconds, 6));
    }
    let seconds = decimal(nanoseconds % u128::from(MINUTE), 9);
    let minutes = nanoseconds / u128::from(MINUTE);
    match (minutes / 60, minutes % 60) {
        (0, 0) => format!("{sign}{seconds}s"),
        (0, minutes) => format!("{sign}{minutes}m{seconds}s"),
        (hours, minutes) => format!("{sign}{hours}h{minutes}m{seconds}s"),
    }
}

/// Splits before the first character for which `ends` holds, or at the end.
fn split_where(text: &str, ends: impl Fn(char) -> bool) -> (&str, &str) {
    text.find(ends).and_then(|at| text.split_at_checked(at)).unwrap_or((text, ""))
}

/// The value of the digits, or `None` if it exceeds [`LIMIT`]. No digits at all are zero.
fn leading_int(digits: &str) -> Option<u64> {
    if digits.is_empty() { Some(0) } else { digits.parse().ok().filter(|value| *value <= LIMIT) }
}

fn unit(name: &str) -> Option<u64> {
    UNITS.iter().find(|(unit, _)| *unit == name).map(|(_, length)| *length)
}

/// `total` nanoseconds and `whole.fraction` units, or `None` if the sum exceeds [`LIMIT`].
fn add(total: u64, whole: u64, fraction: &str, unit: u64) -> Option<u64> {
    total
        .checked_add(whole.checked_mul(unit)?)?
        .checked_add(fraction_of(unit, fraction)?)
        .filter(|total| *total <= LIMIT)
}

/// `0.digits` units in nanoseconds. As in Go's `leadingFraction`, digits beyond a precision of 63 bits are ignored.
fn fraction_of(unit: u64, digits: &str) -> Option<u64> {
    let (mut numerator, mut denominator) = (0_u64, 1_u128);
    for digit in digits.chars().filter_map(|c| c.to_digit(10)) {
        match numerator.checked_mul(10).and_then(|shifted| shifted.checked_add(u64::from(digit))) {
            Some(next) if next <= LIMIT => numerator = next,
            _ => break,
        }
        // This saturates only after dozens of zeros behind the dot, and then the quotient is zero anyway.
        denominator = denominator.saturating_mul(10);
    }
    let nanoseconds = u128::from(numerator).checked_mul(u128::from(unit))? / denominator;
    u64::try_from(nanoseconds).ok()
}

/// `value` divided by 10^`places`, in decimal without trailing zeros.
fn decimal(value: u128, places: usize) -> String {
    let digits = format!("{value:0>width$}", width = places + 1);
    match digits.split_at_checked(digits.len() - places) {
        Some((whole, fraction)) => {
            format!("{whole}.{fraction}").trim_end_matches('0').trim_end_matches('.').to_owned()
        }
        None => digits,
    }
}

/// Quotes a text as Go's package `time` does: control characters and characters outside ASCII become hexadecimal bytes.
fn quote(text: &str) -> String {
    let mut quoted = String::from('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            ' '..='\x7f' => quoted.push(c),
            _ => {
                for byte in c.encode_utf8(&mut [0; 4]).bytes() {
                    quoted.push_str(&format!("\\x{byte:02x}"));
                }
            }
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn nanoseconds(text: &str) -> i128 {
        parse(text).unwrap().whole_nanoseconds()
    }

    fn message(text: &str) -> String {
        parse(text).unwrap_err().to_string()
    }

    #[test]
    fn reads_the_grammar_of_go() {
        for (text, expected) in [
            ("0", 0),
            ("-0", 0),
            ("+0", 0),
            ("0s", 0),
            ("00h", 0),
            ("5s", 5_000_000_000),
            ("+5s", 5_000_000_000),
            ("-5s", -5_000_000_000),
            ("1.5h", 5_400_000_000_000),
            (".5s", 500_000_000),
            ("1.s", 1_000_000_000),
            ("2m1h", 3_720_000_000_000),
            ("1h1h", 7_200_000_000_000),
            ("1500ms", 1_500_000_000),
            ("1us", 1_000),
            ("1µs", 1_000),
            ("1μs", 1_000),
            ("1.9ns", 1),
            ("0.100000000000000000000h", 360_000_000_000),
            ("0.9223372036854775809s", 922_337_203),
            ("0.00000000000000000000000000000000000000000000000009h", 0),
            ("9223372036854775807ns", i128::from(i64::MAX)),
            ("2562047h47m16.854775807s", i128::from(i64::MAX)),
            ("-9223372036854775808ns", i128::from(i64::MIN)),
        ] {
            assert_eq!(nanoseconds(text), expected, "{text}");
        }
    }

    #[test]
    fn days_and_years_compose() {
        assert_eq!(parse("1d"), parse("24h"));
        assert_eq!(parse("1y"), parse("365d"));
        assert_eq!(parse("1y1d1h"), parse("8785h"));
        assert_eq!(parse("1h0.5d"), parse("13h"));
        assert_eq!(parse("-1.5y"), parse("-13140h"));
        assert_eq!(parse("292y").unwrap(), Duration::days(365 * 292));
        assert_eq!(message("293y"), r#"invalid duration "293y""#);
    }

    #[test]
    fn errors_quote_the_text() {
        for text in ["", "+", "-", ".", ".s", "-.s", " 2h", "h", "--1h", "+-1h", "２h"] {
            assert_eq!(parse(text), Err(ParseError::Invalid { text: text.to_owned() }));
        }
        for text in [
            "2562048h",
            "9223372036854775808ns",
            "-9223372036854775809ns",
            "99999999999999999999w",
            "9223372036854775807.9s",
            "9223372036854775808ns9223372036854775808ns",
        ] {
            assert_eq!(message(text), format!("invalid duration \"{text}\""));
        }
        assert_eq!(message(" 2h"), r#"invalid duration " 2h""#);
        assert_eq!(message("8760"), r#"missing unit in duration "8760""#);
        assert_eq!(message("1h30"), r#"missing unit in duration "1h30""#);
        assert_eq!(message("1.2.3h"), r#"missing unit in duration "1.2.3h""#);
        assert_eq!(message("1w"), r#"unknown unit "w" in duration "1w""#);
        assert_eq!(message("1H"), r#"unknown unit "H" in duration "1H""#);
        assert_eq!(message("1h 2m"), r#"unknown unit "h " in duration "1h 2m""#);
        assert_eq!(message("1h-1m"), r#"unknown unit "h-" in duration "1h-1m""#);
        assert_eq!(message("1e3s"), r#"unknown unit "e" in duration "1e3s""#);
        assert_eq!(message("1_0s"), r#"unknown unit "_" in duration "1_0s""#);
        assert_eq!(message("1ä\"\n"), r#"unknown unit "\xc3\xa4\"\x0a" in duration "1\xc3\xa4\"\x0a""#);
    }

    #[test]
    fn every_error_has_a_hint() {
        for text in ["", "1", "1w"] {
            assert!(parse(text).unwrap_err().hint().contains('d'));
        }
    }

    #[test]
    fn writes_as_go_does() {
        for (nanoseconds, expected) in [
            (0, "0s"),
            (1, "1ns"),
            (-1, "-1ns"),
            (1_100, "1.1µs"),
            (2_200_000, "2.2ms"),
            (999_999_999, "999.999999ms"),
            (1_000_000_000, "1s"),
            (3_300_000_000, "3.3s"),
            (60_000_000_000, "1m0s"),
            (245_000_000_000, "4m5s"),
            (245_001_000_000, "4m5.001s"),
            (3_600_000_000_000, "1h0m0s"),
            (18_367_001_000_000, "5h6m7.001s"),
            (480_000_000_001, "8m0.000000001s"),
            (i64::MAX, "2562047h47m16.854775807s"),
            (i64::MIN, "-2562047h47m16.854775808s"),
        ] {
            assert_eq!(format(Duration::nanoseconds(nanoseconds)), expected);
        }
        assert_eq!(format(Duration::hours(8760)), "8760h0m0s");
        assert_eq!(format(Duration::MAX), "2562047788015215h30m7.999999999s");
    }

    proptest! {
        #[test]
        fn no_text_panics(text in any::<String>()) {
            let _ = parse(&text).map_err(|error| error.to_string());
        }

        #[test]
        fn no_near_duration_panics(text in "[-+]?([0-9]{0,25}\\.?[0-9]{0,45}(ns|us|ms|s|m|h|d|y|w)?){0,4}") {
            let _ = parse(&text).map_err(|error| error.to_string());
        }

        #[test]
        fn what_is_written_reads_the_same(nanoseconds in any::<i64>()) {
            let duration = Duration::nanoseconds(nanoseconds);
            prop_assert_eq!(parse(&format(duration)), Ok(duration));
        }
    }
}
