//! Numbers and booleans as Go's `strconv` reads them (`strconv/atoi.go`, `strconv/atob.go`), and so Go's `flag` package.

/// Why a text is not a number. The messages are Go's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ParseError {
    /// The text does not have the form of a number (`ErrSyntax`).
    #[error("invalid syntax")]
    Syntax,
    /// The number does not fit into 64 bits (`ErrRange`).
    #[error("value out of range")]
    Range,
}

/// The base in which digits are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Base {
    /// Base 10: digits only.
    Decimal,
    /// Go's base 0, as in literals of its source code: the prefix gives the base (`0b` is 2, `0o` or `0` is 8, `0x` is
    /// 16), and single underscores may stand between digits or behind the prefix.
    Prefixed,
}

/// The texts that `ParseBool` reads as true.
pub(crate) const TRUE: [&str; 6] = ["1", "t", "T", "TRUE", "true", "True"];

/// The texts that `ParseBool` reads as false.
pub(crate) const FALSE: [&str; 6] = ["0", "f", "F", "FALSE", "false", "False"];

/// Reads a boolean as Go's `ParseBool` does: `1`, `t`, `T`, `TRUE`, `true` and `True`, and their opposites. `None` for
/// any other text.
///
/// ```
/// use pki_core::go::number::parse_bool;
///
/// assert_eq!(parse_bool("T"), Some(true));
/// assert_eq!(parse_bool("yes"), None);
/// ```
pub fn parse_bool(text: &str) -> Option<bool> {
    if TRUE.contains(&text) { Some(true) } else { FALSE.contains(&text).then_some(false) }
}

/// Reads a number that may have a sign, as Go's `ParseInt` does for 64 bits.
///
/// ```
/// use pki_core::go::number::{Base, ParseError, parse_int};
///
/// assert_eq!(parse_int("-0x10", Base::Prefixed), Ok(-16));
/// assert_eq!(parse_int("10_000", Base::Prefixed), Ok(10_000));
/// assert_eq!(parse_int("10_000", Base::Decimal), Err(ParseError::Syntax));
/// ```
///
/// # Errors
/// [`ParseError::Syntax`] if the text is not a number, [`ParseError::Range`] if it does not fit into 64 bits.
pub fn parse_int(text: &str, base: Base) -> Result<i64, ParseError> {
    let (negative, unsigned) = match text.strip_prefix('-') {
        Some(unsigned) => (true, unsigned),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let magnitude = parse_uint(unsigned, base)?;
    if negative { 0_i64.checked_sub_unsigned(magnitude) } else { i64::try_from(magnitude).ok() }
        .ok_or(ParseError::Range)
}

/// Reads a number without a sign, not even `+`, as Go's `ParseUint` does for 64 bits.
pub(crate) fn parse_uint(text: &str, base: Base) -> Result<u64, ParseError> {
    if text.is_empty() {
        return Err(ParseError::Syntax);
    }
    let (radix, digits, is_prefixed) = match base {
        Base::Decimal => (10, text, false),
        Base::Prefixed => radix_and_digits(text),
    };
    let mut total: u64 = 0;
    for c in digits.chars().filter(|c| base == Base::Decimal || *c != '_') {
        let digit = c.to_digit(radix).ok_or(ParseError::Syntax)?;
        total = total
            .checked_mul(radix.into())
            .and_then(|total| total.checked_add(digit.into()))
            .ok_or(ParseError::Range)?;
    }
    let is_underscore_misplaced =
        digits.contains("__") || digits.ends_with('_') || (digits.starts_with('_') && !is_prefixed);
    if is_underscore_misplaced { Err(ParseError::Syntax) } else { Ok(total) }
}

/// The base, the digits behind the prefix, and whether there is a prefix.
fn radix_and_digits(text: &str) -> (u32, &str, bool) {
    let prefixes = [("0b", 2), ("0B", 2), ("0o", 8), ("0O", 8), ("0x", 16), ("0X", 16), ("0", 8)];
    prefixes
        .iter()
        .find_map(|(prefix, radix)| Some((*radix, text.strip_prefix(prefix)?, true)))
        // Without digits behind it, a prefix is not one: `0` is the number zero, and `0x` is an error in base 10.
        .filter(|(_, digits, _)| !digits.is_empty())
        .unwrap_or((10, text, false))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::ParseError::{Range, Syntax};
    use super::*;

    #[test]
    fn booleans_have_twelve_texts() {
        for (text, value) in [
            ("1", Some(true)),
            ("t", Some(true)),
            ("T", Some(true)),
            ("TRUE", Some(true)),
            ("true", Some(true)),
            ("True", Some(true)),
            ("0", Some(false)),
            ("f", Some(false)),
            ("F", Some(false)),
            ("FALSE", Some(false)),
            ("false", Some(false)),
            ("False", Some(false)),
            ("", None),
            ("tRUE", None),
            ("yes", None),
            ("on", None),
            ("2", None),
            (" true", None),
        ] {
            assert_eq!(parse_bool(text), value, "{text:?}");
        }
    }

    #[test]
    fn base_zero_is_that_of_go_source_code() {
        for (text, number) in [
            ("0", Ok(0)),
            ("00", Ok(0)),
            ("7", Ok(7)),
            ("010", Ok(8)),
            ("0o10", Ok(8)),
            ("0O10", Ok(8)),
            ("0x1F", Ok(31)),
            ("0X1f", Ok(31)),
            ("0b101", Ok(5)),
            ("0B1", Ok(1)),
            ("10_000", Ok(10_000)),
            ("1_0_0", Ok(100)),
            ("0_7", Ok(7)),
            ("0x_ff", Ok(255)),
            ("0xf_f", Ok(255)),
            ("0b_1", Ok(1)),
            ("18446744073709551615", Ok(u64::MAX)),
            ("18446744073709551616", Err(Range)),
            ("0xffffffffffffffffff", Err(Range)),
            // Go reports the first error from the left.
            ("99999999999999999999x", Err(Range)),
            ("", Err(Syntax)),
            ("+5", Err(Syntax)),
            ("-0", Err(Syntax)),
            ("10__000", Err(Syntax)),
            ("_1", Err(Syntax)),
            ("1_", Err(Syntax)),
            ("0_", Err(Syntax)),
            ("0__7", Err(Syntax)),
            ("_", Err(Syntax)),
            ("0x", Err(Syntax)),
            ("0x_", Err(Syntax)),
            ("0b2", Err(Syntax)),
            ("0o", Err(Syntax)),
            ("08", Err(Syntax)),
            ("1e3", Err(Syntax)),
            ("1.0", Err(Syntax)),
            ("ff", Err(Syntax)),
            (" 1", Err(Syntax)),
            ("\u{663}", Err(Syntax)),
        ] {
            assert_eq!(parse_uint(text, Base::Prefixed), number, "{text:?}");
        }
    }

    #[test]
    fn signs_belong_to_signed_numbers() {
        for (text, number) in [
            ("-0", Ok(0)),
            ("+7", Ok(7)),
            ("-0x10", Ok(-16)),
            ("-0_7", Ok(-7)),
            ("9223372036854775807", Ok(i64::MAX)),
            ("-9223372036854775808", Ok(i64::MIN)),
            ("9223372036854775808", Err(Range)),
            ("-9223372036854775809", Err(Range)),
            ("18446744073709551616", Err(Range)),
            ("+", Err(Syntax)),
            ("-", Err(Syntax)),
            ("--1", Err(Syntax)),
            ("+-1", Err(Syntax)),
            ("-_1", Err(Syntax)),
            ("1-", Err(Syntax)),
        ] {
            assert_eq!(parse_int(text, Base::Prefixed), number, "{text:?}");
        }
    }

    #[test]
    fn base_ten_has_digits_only() {
        for (text, number) in [
            ("0010", Ok(10)),
            ("08", Ok(8)),
            ("10_000", Err(Syntax)),
            ("1__0", Err(Syntax)),
            ("0x10", Err(Syntax)),
            ("0b1", Err(Syntax)),
            ("", Err(Syntax)),
        ] {
            assert_eq!(parse_uint(text, Base::Decimal), number, "{text:?}");
        }
        assert_eq!(parse_int("+5", Base::Decimal), Ok(5));
        assert_eq!(parse_int("-5", Base::Decimal), Ok(-5));
    }

    proptest! {
        #[test]
        fn what_is_written_reads_the_same(number in any::<i64>()) {
            prop_assert_eq!(parse_int(&number.to_string(), Base::Prefixed), Ok(number));
            prop_assert_eq!(parse_int(&number.to_string(), Base::Decimal), Ok(number));
            prop_assert_eq!(parse_uint(&format!("{number:#x}"), Base::Prefixed), Ok(number.cast_unsigned()));
        }

        #[test]
        fn no_near_number_panics(text in "[-+]?(0[bBoOxX]?)?[_0-9a-fA-F]{0,24}.?") {
            let _ = (parse_int(&text, Base::Prefixed), parse_uint(&text, Base::Decimal));
        }
    }
}
