//! Reads command lines as Go's `flag` package does.
//!
//! Flags have one dash or two, are written `-name value` or `-name=value`, and stand before operands. Of repeated flags
//! the last one counts. The rules and the texts of the errors are Go's, because scripts that were written for cfssl rely
//! on them.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt::{self, Write as _};

use pki_core::go::duration;
use pki_core::go::number::{self, Base};

/// The kind of a flag's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Any text.
    Text,
    /// True or false. Such a flag never takes the next argument as its value.
    Switch,
    /// A whole number in the syntax of Go's integer literals.
    Integer,
    /// A duration such as `1h30m`.
    Duration,
}

/// A flag of a program.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Flag {
    /// The flag's name, without dashes.
    pub(crate) name: &'static str,
    /// The kind of its value.
    pub(crate) kind: Kind,
    /// The value of a flag that is not given, as a user would write it.
    pub(crate) default: &'static str,
    /// The line of the help.
    pub(crate) about: &'static str,
}

/// Why a command line cannot be read. The texts are Go's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum FlagError {
    /// The user asked for the help.
    #[error("flag: help requested")]
    HelpRequested,
    /// No flag has this name.
    #[error("flag provided but not defined: -{name}")]
    Unknown {
        /// The name as written, without dashes.
        name: String,
        /// The flag with the nearest name, if one is near.
        near: Option<&'static str>,
    },
    /// Dashes without the name of a flag.
    #[error("bad flag syntax: {argument}")]
    BadSyntax {
        /// The argument as written.
        argument: String,
    },
    /// The last argument is a flag that needs a value.
    #[error("flag needs an argument: -{name}")]
    MissingValue {
        /// The flag's name.
        name: &'static str,
    },
    /// A switch was given something other than true or false.
    #[error("invalid boolean value {} for -{name}: parse error", quoted(value))]
    InvalidBoolean {
        /// The flag's name.
        name: &'static str,
        /// The value as written.
        value: String,
    },
    /// The value of an integer flag is not a whole number.
    #[error("invalid value {} for flag -{name}: parse error", quoted(value))]
    InvalidInteger {
        /// The flag's name.
        name: &'static str,
        /// The value as written.
        value: String,
    },
    /// The value of an integer flag does not fit into 64 bits.
    #[error("invalid value {} for flag -{name}: value out of range", quoted(value))]
    OutOfRange {
        /// The flag's name.
        name: &'static str,
        /// The value as written.
        value: String,
    },
    /// The value of a duration flag is not a duration.
    #[error("invalid value {} for flag -{name}: parse error", quoted(value))]
    InvalidDuration {
        /// The flag's name.
        name: &'static str,
        /// The value as written.
        value: String,
        /// Why the value is not a duration.
        reason: String,
    },
    /// An argument is not UTF-8.
    #[error("the argument {shown:?} is not valid UTF-8")]
    NotUnicode {
        /// The argument, with replacement characters.
        shown: String,
    },
}

impl FlagError {
    /// What the user can do about it; `None` if the error says enough.
    pub(crate) fn hint(&self) -> Option<String> {
        match self {
            Self::Unknown { near: Some(near), .. } => Some(format!("did you mean -{near}?")),
            Self::InvalidDuration { reason, .. } => {
                Some(format!("{reason}: write a duration such as 720h or 30d"))
            }
            Self::InvalidBoolean { name, .. } => Some(format!("write -{name} or -{name}=false")),
            _ => None,
        }
    }
}

/// A command line: a value for every flag of the table, and the operands.
pub(crate) struct CommandLine {
    values: BTreeMap<&'static str, Given>,
    operands: Vec<String>,
    misplaced: Option<String>,
}

struct Given {
    value: Value,
    explicit: bool,
}

enum Value {
    Text(String),
    Switch(bool),
    Integer(i64),
}

impl CommandLine {
    /// The names of the flags that were on the command line, in alphabetical order.
    pub(crate) fn all_given(&self) -> impl Iterator<Item = &'static str> {
        self.values.iter().filter(|(_, given)| given.explicit).map(|(name, _)| *name)
    }

    /// The value of a flag of [`Kind::Text`], or of [`Kind::Duration`] as written.
    pub(crate) fn text(&self, name: &str) -> &str {
        match self.value(name) {
            Some(Value::Text(text)) => text,
            other => absent(name, other),
        }
    }

    /// The value of a flag of [`Kind::Switch`].
    pub(crate) fn switch(&self, name: &str) -> bool {
        match self.value(name) {
            Some(Value::Switch(switch)) => *switch,
            other => absent(name, other),
        }
    }

    /// The value of a flag of [`Kind::Integer`].
    pub(crate) fn integer(&self, name: &str) -> i64 {
        match self.value(name) {
            Some(Value::Integer(integer)) => *integer,
            other => absent(name, other),
        }
    }

    /// Whether a flag has a value: a text that is not empty, or true. False for one that the table lacks.
    pub(crate) fn is_on(&self, name: &str) -> bool {
        match self.value(name) {
            Some(Value::Text(text)) => !text.is_empty(),
            Some(Value::Switch(switch)) => *switch,
            Some(Value::Integer(_)) | None => false,
        }
    }

    /// The arguments after the flags.
    pub(crate) fn operands(&self) -> &[String] {
        &self.operands
    }

    /// The first argument after an operand that looks like a flag of the table. Go takes it for an operand, though the
    /// user probably meant a flag. Arguments after `--` are not considered.
    pub(crate) fn misplaced(&self) -> Option<&str> {
        self.misplaced.as_deref()
    }

    fn value(&self, name: &str) -> Option<&Value> {
        self.values.get(name).map(|given| &given.value)
    }
}

/// Shows only the names of flags, because their values may be secrets.
impl fmt::Debug for CommandLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let given: Vec<&str> = self.all_given().collect();
        f.debug_struct("CommandLine")
            .field("given", &given)
            .field("operands", &self.operands)
            .finish_non_exhaustive()
    }
}

/// The value for a flag that the table lacks, or that is of another kind. To ask for one is a mistake in this program.
fn absent<T: Default>(name: &str, value: Option<&Value>) -> T {
    debug_assert!(value.is_some(), "no flag is named {name}");
    debug_assert!(value.is_none(), "the flag {name} is of another kind");
    T::default()
}

/// Reads a command line, without the program's own name.
///
/// # Errors
///
/// The first argument that Go's `flag` package refuses, or a request for the help.
pub(crate) fn parse<A: Into<OsString>>(
    flags: &[Flag],
    args: impl IntoIterator<Item = A>,
) -> Result<CommandLine, FlagError> {
    let mut values = BTreeMap::new();
    for flag in flags {
        let value = flag.read(flag.default.to_owned())?;
        values.insert(flag.name, Given { value, explicit: false });
    }
    let mut args = args.into_iter().map(|arg| {
        let arg: OsString = arg.into();
        arg.into_string().map_err(|arg| FlagError::NotUnicode { shown: arg.to_string_lossy().into_owned() })
    });
    let mut operands = Vec::new();
    let mut terminated = false;
    while let Some(arg) = args.next() {
        let arg = arg?;
        if arg == "--" {
            terminated = true;
            break;
        }
        let Some((name, attached)) = split(&arg)? else {
            operands.push(arg);
            break;
        };
        let Some(flag) = flags.iter().find(|flag| flag.name == name) else {
            return Err(unknown(flags, name));
        };
        let value = match (attached, flag.kind) {
            (Some(value), _) => value.to_owned(),
            (None, Kind::Switch) => "true".to_owned(),
            (None, _) => args.next().ok_or(FlagError::MissingValue { name: flag.name })??,
        };
        values.insert(flag.name, Given { value: flag.read(value)?, explicit: true });
    }
    for arg in args {
        operands.push(arg?);
    }
    let known = |operand: &&String| match split(operand) {
        Ok(Some((name, _))) => flags.iter().any(|flag| flag.name == name),
        _ => false,
    };
    let misplaced = operands.iter().skip(1).take_while(|operand| *operand != "--").find(known);
    let misplaced = misplaced.filter(|_| !terminated).cloned();
    Ok(CommandLine { values, operands, misplaced })
}

/// A line for each flag, as cfssl's help shows it.
pub(crate) fn render_help(flags: impl IntoIterator<Item = Flag>) -> String {
    let mut text = String::new();
    for Flag { name, default, about, .. } in flags {
        let default = if default.is_empty() { "\"\"" } else { default };
        // Writing to a string cannot fail.
        let _ = writeln!(text, "  -{name}={default}: {about}");
    }
    text
}

/// The name and the attached value of an argument that is a flag; `None` for an operand.
fn split(arg: &str) -> Result<Option<(&str, Option<&str>)>, FlagError> {
    let body = match arg.strip_prefix('-') {
        None | Some("") => return Ok(None),
        Some(body) => body.strip_prefix('-').unwrap_or(body),
    };
    if body.is_empty() || body.starts_with(['-', '=']) {
        return Err(FlagError::BadSyntax { argument: arg.to_owned() });
    }
    Ok(Some(match body.split_once('=') {
        Some((name, value)) => (name, Some(value)),
        None => (body, None),
    }))
}

fn unknown(flags: &[Flag], name: &str) -> FlagError {
    if matches!(name, "h" | "help") {
        return FlagError::HelpRequested;
    }
    let near = pki_core::base::near(name, flags.iter().map(|flag| flag.name));
    FlagError::Unknown { name: name.to_owned(), near }
}

impl Flag {
    fn read(&self, value: String) -> Result<Value, FlagError> {
        let name = self.name;
        match self.kind {
            Kind::Text => Ok(Value::Text(value)),
            Kind::Switch => match number::parse_bool(&value) {
                Some(switch) => Ok(Value::Switch(switch)),
                None => Err(FlagError::InvalidBoolean { name, value }),
            },
            Kind::Integer => match number::parse_int(&value, Base::Prefixed) {
                Ok(integer) => Ok(Value::Integer(integer)),
                Err(number::ParseError::Syntax) => Err(FlagError::InvalidInteger { name, value }),
                Err(number::ParseError::Range) => Err(FlagError::OutOfRange { name, value }),
            },
            Kind::Duration => match duration::parse(&value) {
                Ok(_) => Ok(Value::Text(value)),
                Err(error) => Err(FlagError::InvalidDuration { name, value, reason: error.to_string() }),
            },
        }
    }
}

/// Go's `%q`: double quotes, and escapes for what cannot be printed.
fn quoted(value: &str) -> String {
    let mut text = String::from("\"");
    for c in value.chars() {
        // Writing to a string cannot fail.
        let _ = match c {
            '"' | '\\' => write!(text, "\\{c}"),
            '\u{07}' => write!(text, "\\a"),
            '\u{08}' => write!(text, "\\b"),
            '\t' => write!(text, "\\t"),
            '\n' => write!(text, "\\n"),
            '\u{0b}' => write!(text, "\\v"),
            '\u{0c}' => write!(text, "\\f"),
            '\r' => write!(text, "\\r"),
            c if c.is_ascii_control() => write!(text, "\\x{:02x}", u32::from(c)),
            c if c.is_control() => write!(text, "\\u{:04x}", u32::from(c)),
            c => write!(text, "{c}"),
        };
    }
    text.push('"');
    text
}

#[cfg(test)]
mod tests {
    use std::os::unix::ffi::OsStringExt;

    use super::*;

    const fn flag(name: &'static str, kind: Kind, default: &'static str) -> Flag {
        Flag { name, kind, default, about: "about it" }
    }

    const FLAGS: &[Flag] = &[
        flag("ca", Kind::Text, ""),
        flag("hostname", Kind::Text, ""),
        flag("flavor", Kind::Text, "ubiquitous"),
        flag("initca", Kind::Switch, "false"),
        flag("port", Kind::Integer, "8888"),
        flag("expiry", Kind::Duration, "168h0m0s"),
    ];

    fn read(line: &str) -> Result<CommandLine, FlagError> {
        parse(FLAGS, line.split(' ').filter(|word| !word.is_empty()).map(str::to_owned))
    }

    fn refusal(line: &str) -> String {
        read(line).unwrap_err().to_string()
    }

    #[test]
    fn defaults_hold_until_a_flag_is_given() {
        let parsed = read("").unwrap();
        assert_eq!(parsed.text("ca"), "");
        assert_eq!(parsed.text("flavor"), "ubiquitous");
        assert_eq!(parsed.integer("port"), 8888);
        assert_eq!(parsed.text("expiry"), "168h0m0s");
        assert!(!parsed.switch("initca"));
        assert_eq!(parsed.all_given().count(), 0);

        let parsed = read("-flavor ubiquitous -initca=false").unwrap();
        assert_eq!(parsed.all_given().collect::<Vec<_>>(), ["flavor", "initca"]);
    }

    #[test]
    fn the_four_spellings_mean_the_same() {
        for line in ["-ca x csr", "-ca=x csr", "--ca x csr", "--ca=x csr"] {
            let parsed = read(line).unwrap();
            assert_eq!(parsed.text("ca"), "x");
            assert_eq!(parsed.operands(), ["csr"]);
        }
        assert_eq!(read("-ca=a=b").unwrap().text("ca"), "a=b");
        assert_eq!(read("-ca=").unwrap().text("ca"), "");
    }

    #[test]
    fn a_value_is_taken_whatever_it_looks_like() {
        assert_eq!(read("-port -1").unwrap().integer("port"), -1);
        assert_eq!(read("-ca -initca").unwrap().text("ca"), "-initca");
        assert_eq!(read("-ca --").unwrap().text("ca"), "--");
    }

    #[test]
    fn the_last_of_repeated_flags_wins() {
        assert_eq!(read("-ca a -ca b").unwrap().text("ca"), "b");
        assert!(!read("-initca -initca=false").unwrap().switch("initca"));
    }

    #[test]
    fn switches_never_take_the_next_argument() {
        let parsed = read("-initca true csr.json").unwrap();
        assert!(parsed.switch("initca"));
        assert_eq!(parsed.operands(), ["true", "csr.json"]);
        for yes in ["1", "t", "T", "TRUE", "true", "True"] {
            assert!(read(&format!("-initca={yes}")).unwrap().switch("initca"));
        }
        for no in ["0", "f", "F", "FALSE", "false", "False"] {
            assert!(!read(&format!("-initca={no}")).unwrap().switch("initca"));
        }
        assert_eq!(refusal("-initca=yes"), r#"invalid boolean value "yes" for -initca: parse error"#);
        assert_eq!(refusal("-initca="), r#"invalid boolean value "" for -initca: parse error"#);
        assert_eq!(refusal("-initca=tRUE"), r#"invalid boolean value "tRUE" for -initca: parse error"#);
    }

    #[test]
    fn flags_end_at_the_first_operand() {
        let parsed = read("-initca csr.json -ca x").unwrap();
        assert_eq!(parsed.operands(), ["csr.json", "-ca", "x"]);
        assert_eq!(parsed.all_given().collect::<Vec<_>>(), ["initca"]);
        assert_eq!(parsed.misplaced(), Some("-ca"));
        assert_eq!(read("- -initca").unwrap().operands(), ["-", "-initca"]);
        assert_eq!(read("x - y").unwrap().misplaced(), None);
        assert_eq!(read("x -- -ca").unwrap().misplaced(), None);
        assert_eq!(read("x -bogus ---").unwrap().misplaced(), None);
    }

    #[test]
    fn two_dashes_end_the_flags() {
        let parsed = read("-initca -- -ca x -port").unwrap();
        assert_eq!(parsed.operands(), ["-ca", "x", "-port"]);
        assert_eq!(parsed.misplaced(), None);
    }

    #[test]
    fn errors_have_gos_words() {
        assert_eq!(refusal("-bogus"), "flag provided but not defined: -bogus");
        assert_eq!(refusal("--bogus=x"), "flag provided but not defined: -bogus");
        assert_eq!(refusal("---initca"), "bad flag syntax: ---initca");
        assert_eq!(refusal("-=x"), "bad flag syntax: -=x");
        assert_eq!(refusal("--=x"), "bad flag syntax: --=x");
        assert_eq!(refusal("-ca"), "flag needs an argument: -ca");
        assert_eq!(refusal("-port abc"), r#"invalid value "abc" for flag -port: parse error"#);
        assert_eq!(
            refusal("-port 9223372036854775808"),
            r#"invalid value "9223372036854775808" for flag -port: value out of range"#
        );
        assert_eq!(refusal("-expiry 1x"), r#"invalid value "1x" for flag -expiry: parse error"#);
    }

    #[test]
    fn help_is_asked_for_in_three_ways() {
        for line in ["-h", "-help", "--help", "-initca -h x", "-h=x"] {
            assert_eq!(read(line).unwrap_err(), FlagError::HelpRequested);
        }
        assert_eq!(read("help").unwrap().operands(), ["help"]);
    }

    #[test]
    fn near_misses_are_named() {
        let near = |line| match read(line).unwrap_err() {
            FlagError::Unknown { near, .. } => near,
            other => panic!("{other}"),
        };
        assert_eq!(near("-host x"), Some("hostname"));
        assert_eq!(near("-exipry 1h"), Some("expiry"));
        assert_eq!(near("-bogus"), None);
        assert_eq!(read("-host x").unwrap_err().hint().unwrap(), "did you mean -hostname?");
        assert!(read("-expiry 1x").unwrap_err().hint().is_some());
    }

    #[test]
    fn integers_are_those_of_go_source_code() {
        for (text, number) in [("1_000", 1000), ("-0x10", -16), ("010", 8)] {
            assert_eq!(read(&format!("-port={text}")).unwrap().integer("port"), number, "{text}");
        }
        assert_eq!(refusal("-port=1__0"), r#"invalid value "1__0" for flag -port: parse error"#);
    }

    #[test]
    fn other_encodings_are_refused() {
        let broken = || OsString::from_vec(b"a\xff".to_vec());
        for line in [vec![broken()], vec!["-ca".into(), broken()], vec!["x".into(), broken()]] {
            let error = parse(FLAGS, line).unwrap_err();
            assert_eq!(error.to_string(), "the argument \"a\u{fffd}\" is not valid UTF-8");
        }
    }

    #[test]
    fn values_are_quoted_as_go_quotes_them() {
        assert_eq!(quoted("a\"\\\t\n\u{1}\u{7f}\u{85}\u{e9}"), "\"a\\\"\\\\\\t\\n\\x01\\x7f\\u0085\u{e9}\"");
    }

    #[test]
    fn the_help_has_a_line_for_each_flag() {
        let help = render_help(FLAGS.iter().copied().filter(|flag| ["ca", "port"].contains(&flag.name)));
        assert_eq!(help, "  -ca=\"\": about it\n  -port=8888: about it\n");
    }

    #[test]
    fn values_do_not_show_in_debug_output() {
        let shown = format!("{:?}", read("-ca secret x").unwrap());
        assert!(shown.contains("ca") && !shown.contains("secret"));
    }
}
