//! The types of YAML scalars for Go programs that convert YAML into JSON with `sigs.k8s.io/yaml`, as etcd does with its
//! configuration file. The rule is `resolve` of `go.yaml.in/yaml/v2`, `resolve.go`.
//!
//! The rule is neither YAML 1.1 nor YAML 1.2, nor that of flags: `10__000` and `1e4` are numbers, `010` is eight, `yes`
//! is true, and `1` is not a boolean.

use crate::go::number::{Base, parse_int, parse_uint};

/// The type of a scalar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scalar {
    /// Null: a Go field keeps the value that it has.
    Null,
    /// A boolean.
    Bool(bool),
    /// A whole number. `1e3` and `1.0` are whole numbers too, since JSON writes them without a fraction.
    Integer(i128),
    /// A number with a fraction, or one that is too large or not finite.
    Number,
    /// A text: a scalar in quotes, or one of no other type.
    Text,
}

/// The type of a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// One scalar.
    Scalar(Scalar),
    /// A list. An item that is a list or a mapping is `None`.
    List(Vec<Option<Scalar>>),
    /// A mapping.
    Mapping,
}

const NULL: [&str; 5] = ["", "~", "null", "Null", "NULL"];
const TRUE: [&str; 11] = ["y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"];
const FALSE: [&str; 11] = ["n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"];
const NOT_FINITE: [&str; 12] =
    [".nan", ".NaN", ".NAN", ".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF", "-.inf", "-.Inf", "-.INF"];

/// The type of a scalar without quotes.
pub(crate) fn resolve(plain: &str) -> Scalar {
    if NULL.contains(&plain) {
        return Scalar::Null;
    }
    if TRUE.contains(&plain) {
        return Scalar::Bool(true);
    }
    if FALSE.contains(&plain) {
        return Scalar::Bool(false);
    }
    if NOT_FINITE.contains(&plain) {
        return Scalar::Number;
    }
    if plain.starts_with('.') {
        // Go gives this text to `ParseFloat` as it is, which accepts underscores only between digits.
        let is_misplaced = plain.starts_with("._") || plain.contains("__") || plain.ends_with('_');
        return float(&plain.replace('_', "")).filter(|_| !is_misplaced).unwrap_or(Scalar::Text);
    }
    if !plain.starts_with(|c: char| c.is_ascii_digit() || c == '+' || c == '-') {
        return Scalar::Text;
    }
    // Go removes every underscore before it reads a number.
    let digits = plain.replace('_', "");
    let signed = parse_int(&digits, Base::Prefixed).map(i128::from);
    let whole = signed.or_else(|_| parse_uint(&digits, Base::Prefixed).map(i128::from));
    whole.map(Scalar::Integer).ok().or_else(|| float(&digits)).unwrap_or(Scalar::Text)
}

/// A decimal number with a fraction or an exponent. `None` if the text has another form, or is beyond a 64-bit float.
fn float(text: &str) -> Option<Scalar> {
    let is_decimal = text.bytes().all(|byte| byte.is_ascii_digit() || b"+-.eE".contains(&byte));
    let value = text.parse::<f64>().ok().filter(|value| is_decimal && value.is_finite())?;
    // From 1e21 on, Go writes JSON numbers with an exponent, which no Go integer accepts (encoding/json, encode.go).
    let whole = value.to_string().parse().ok().filter(|_| value.abs() < 1e21);
    Some(whole.map_or(Scalar::Number, Scalar::Integer))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_scalars_are_what_go_makes_of_them() {
        for (text, scalar) in [
            ("", Scalar::Null),
            ("~", Scalar::Null),
            ("null", Scalar::Null),
            ("nULL", Scalar::Text),
            ("true", Scalar::Bool(true)),
            ("yes", Scalar::Bool(true)),
            ("On", Scalar::Bool(true)),
            ("Y", Scalar::Bool(true)),
            ("off", Scalar::Bool(false)),
            ("n", Scalar::Bool(false)),
            ("tRUE", Scalar::Text),
            ("yEs", Scalar::Text),
            ("T", Scalar::Text),
            ("f", Scalar::Text),
            ("1", Scalar::Integer(1)),
            ("+5", Scalar::Integer(5)),
            ("-0", Scalar::Integer(0)),
            ("-0x5", Scalar::Integer(-5)),
            ("010", Scalar::Integer(8)),
            ("0o17", Scalar::Integer(15)),
            ("0o8", Scalar::Text),
            ("0b1_1", Scalar::Integer(3)),
            ("0X10", Scalar::Integer(16)),
            ("10_000", Scalar::Integer(10_000)),
            ("10__000", Scalar::Integer(10_000)),
            ("1_", Scalar::Integer(1)),
            ("_1", Scalar::Text),
            // Not an octal number, but a decimal number with a fraction.
            ("08", Scalar::Integer(8)),
            ("1e3", Scalar::Integer(1000)),
            ("1.0", Scalar::Integer(1)),
            ("1.", Scalar::Integer(1)),
            (".5", Scalar::Number),
            (".5_0", Scalar::Number),
            ("._5", Scalar::Text),
            ("5_0.5", Scalar::Number),
            ("1.5", Scalar::Number),
            ("1e999", Scalar::Text),
            ("1e20", Scalar::Integer(100_000_000_000_000_000_000)),
            ("1e21", Scalar::Number),
            ("18446744073709551615", Scalar::Integer(u64::MAX.into())),
            ("18446744073709551616", Scalar::Integer(18_446_744_073_709_552_000)),
            (".inf", Scalar::Number),
            ("inf", Scalar::Text),
            ("+inf", Scalar::Text),
            ("-nan", Scalar::Text),
            ("10s", Scalar::Text),
            ("1:30", Scalar::Text),
            ("2001-01-01", Scalar::Text),
            ("1 0", Scalar::Text),
            ("-", Scalar::Text),
            ("1.2.3", Scalar::Text),
            (".", Scalar::Text),
        ] {
            assert_eq!(resolve(text), scalar, "{text:?}");
        }
    }
}
