//! `cfssljson`: writes the JSON that cfssl prints to files.
//!
//! It differs from cfssl's own cfssljson on purpose:
//!
//! * input without anything to write, such as `{}`, `null` or an error object, is an error, so that a pipe that failed
//!   is noticed;
//! * a value that is not text is an error with exit status 1, not a panic;
//! * without `-force` no file replaces a private key with other contents;
//! * a private key that exists with the same contents is kept, and gets the mode 0600 if others could read it;
//! * everything is checked and written to the disk before the first file gets its name, so no partial set is left;
//! * files are replaced in one step and symbolic links are never followed;
//! * private keys have the mode 0600, and other files 0644 without the bits of the umask, so they are never writable
//!   for the group;
//! * `-` as a base name is an error, and so is a flag after the base name.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::{fmt, io};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use pki_core::disk::{self, LARGEST_FILE};
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use zeroize::Zeroizing;

use super::files::{self, Artifact, reason};
use super::goflag::CommandLine;
use super::version;
use crate::terminal::{CommandError, Terminal, print};

/// The texts that become files: the JSON keys of the text, the end of the file's name, and whether it is secret.
const TEXTS: &[(&[&str], &str, bool)] = &[
    (&["cert", "certificate"], ".pem", false),
    (&["key", "private_key"], "-key.pem", true),
    (&["encrypted_key"], "-key.enc", true),
    (&["csr", "certificate_request"], ".csr", false),
];

/// Runs `cfssljson`.
///
/// # Errors
///
/// The command line or the input cannot be used, or a file must not or cannot be written.
pub(crate) fn run(flags: CommandLine, terminal: &mut Terminal<'_>) -> Result<(), CommandError> {
    let flags = Flags::new(&flags)?;
    let (file, is_bare, destination) = match flags {
        Flags::Version => return version::print(terminal),
        Flags::Convert { file, is_bare, destination } => (file, is_bare, destination),
    };
    let input = read(file, terminal)?;
    let artifacts = if is_bare { Artifacts::bare(&input) } else { Artifacts::wrapped(&input) };
    let Artifacts { files: artifacts, repeated } = artifacts.map_err(InputError::into_command_error)?;
    let told = |key| format!("the input has `{key}` twice; the last one counts, as in cfssl");
    print::warnings(terminal, repeated.into_iter().map(told));
    match destination {
        Destination::Output => {
            print::refuse_closed_output(terminal)?;
            artifacts.iter().try_for_each(|artifact| print::bytes(terminal, &artifact.printed()))
        }
        Destination::Files { base_name, force } => files::write(&artifacts, base_name, force).map(drop),
    }
}

/// The flags and operands of `cfssljson`.
enum Flags<'a> {
    /// Print the version: `-version`.
    Version,
    /// Write files, or print them.
    Convert {
        /// The file to read; `-` is the standard input.
        file: &'a str,
        /// Whether the input is the output of a cfssl command, and not an answer of its HTTP API: `-bare`.
        is_bare: bool,
        destination: Destination<'a>,
    },
}

/// Where the contents go.
enum Destination<'a> {
    /// The standard output: `-stdout`.
    Output,
    /// Files whose names begin with `base_name`.
    Files { base_name: &'a str, force: bool },
}

impl<'a> Flags<'a> {
    fn new(parsed: &'a CommandLine) -> Result<Self, CommandError> {
        if parsed.switch("version") {
            return Ok(Self::Version);
        }
        if let Some(flag) = parsed.misplaced() {
            return Err(CommandError::new(format!(
                "{flag} stands after the base name, where flags are not read"
            ))
            .hint("write all flags before the base name: cfssljson -bare server"));
        }
        let base_name = parsed.operands().first().map_or("cert", String::as_str);
        let destination = if parsed.switch("stdout") {
            Destination::Output
        } else if base_name == "-" {
            return Err(CommandError::new("`-` is not a base name for files")
                .hint("name the files: cfssljson -bare server; the standard input is read without a `-`"));
        } else {
            Destination::Files { base_name, force: parsed.switch("force") }
        };
        Ok(Self::Convert { file: parsed.text("f"), is_bare: parsed.switch("bare"), destination })
    }
}

fn read(file: &str, terminal: &mut Terminal<'_>) -> Result<Zeroizing<Vec<u8>>, CommandError> {
    let failed = |what: &str, error: &io::Error| {
        CommandError::new(format!("Failed to read input: {what}: {}", reason(error)))
    };
    match file {
        "-" => disk::read_from(&mut *terminal.input, LARGEST_FILE)
            .map_err(|error| failed("standard input", &error)),
        _ => {
            disk::read(Path::new(file), LARGEST_FILE).map_err(|error| failed(&format!("open {file}"), &error))
        }
    }
}

/// What the input holds.
struct Artifacts {
    /// The files in the order in which cfssljson writes them. There is at least one.
    files: Vec<Artifact>,
    /// Those of the keys that are read here which the input has more than once.
    repeated: Vec<&'static str>,
}

/// The members of a JSON object. Of repeated keys the last one counts, as in Go.
#[derive(Default, Clone)]
struct Members<'a> {
    by_key: BTreeMap<String, &'a RawValue>,
    repeated: BTreeSet<String>,
}

impl<'a> Members<'a> {
    fn get(&self, key: &str) -> Option<&'a RawValue> {
        self.by_key.get(key).copied()
    }
}

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;
        impl<'de> Visitor<'de> for Object {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Members::default();
                while let Some((key, value)) = map.next_entry::<String, _>()? {
                    if members.by_key.insert(key.clone(), value).is_some() {
                        members.repeated.insert(key);
                    }
                }
                Ok(members)
            }
        }
        deserializer.deserialize_map(Object)
    }
}

impl Artifacts {
    /// Reads the output of a cfssl command.
    fn bare(input: &[u8]) -> Result<Self, InputError> {
        let raw = json(input)?;
        if raw.get() == "null" {
            return Err(InputError::Empty { found: "null" });
        }
        Self::collect(&members(raw, "the input")?)
    }

    /// Reads an answer of cfssl's HTTP API.
    fn wrapped(input: &[u8]) -> Result<Self, InputError> {
        let raw = json(input)?;
        let envelope = if raw.get() == "null" { Members::default() } else { members(raw, "the input")? };
        let success = folded(&envelope, "success");
        match success.map(RawValue::get) {
            Some("true") => {}
            Some("false" | "null") | None => {
                return Err(InputError::Failed { errors: errors(&envelope), enveloped: success.is_some() });
            }
            Some(_) => return Err(InputError::of_kind("`success`", success, "true or false")),
        }
        match folded(&envelope, "result") {
            Some(result) if result.get() != "null" => Self::collect(&members(result, "`result`")?),
            _ => Err(InputError::Empty { found: "an answer without a result" }),
        }
    }

    fn collect(members: &Members<'_>) -> Result<Self, InputError> {
        let mut found = Vec::new();
        let mut known = false;
        for (keys, suffix, secret) in TEXTS {
            let Some((key, raw)) = keys.iter().find_map(|key| Some((key, members.get(key)?))) else {
                continue;
            };
            known = true;
            let bytes = text(raw, key)?;
            let artifact =
                if *secret { Artifact::secret(suffix, bytes) } else { Artifact::public(suffix, bytes) };
            found.push(Artifact { binary: *suffix == "-key.enc", ..artifact });
        }
        // `bundle` prints the object that an answer of cfssl's HTTP API has in `result.bundle`.
        let inner = object(members, "result").and_then(|result| object(&result, "bundle"));
        let (bundle, path) = match inner {
            Some(inner) => (Some(inner), "result.bundle."),
            // An answer may have an object of this name beside the certificate, which cfssljson ignores.
            None => {
                let is_bundle = members.get("bundle").is_some_and(|raw| raw.get().starts_with('"'))
                    && members.get("root").is_some();
                (is_bundle.then(|| members.clone()), "")
            }
        };
        if let Some(bundle) = bundle {
            known = true;
            let part = |key: &str| {
                let path = format!("{path}{key}");
                bundle
                    .get(key)
                    .ok_or_else(|| InputError::Missing { key: path.clone() })
                    .and_then(|raw| text(raw, &path))
            };
            let (mut chain, root) = (part("bundle")?, part("root")?);
            if !(chain.is_empty() && root.is_empty()) {
                chain.push(b'\n');
                chain.extend_from_slice(&root);
            }
            found.push(Artifact::public("-bundle.pem", chain));
            found.push(Artifact::public("-root.pem", root));
        }
        if let Some(raw) = members.get("ocspResponse") {
            known = true;
            let mut encoded = text(raw, "ocspResponse")?;
            // Go's `encoding/base64` ignores line ends.
            encoded.retain(|byte| !matches!(byte, b'\r' | b'\n'));
            let bytes = STANDARD
                .decode(&*encoded)
                .map_err(|error| InputError::Base64 { reason: error.to_string() })?;
            found.push(Artifact { binary: true, ..Artifact::public("-response.der", Zeroizing::new(bytes)) });
        }
        found.retain(|artifact| !artifact.bytes.is_empty());
        let read = TEXTS.iter().flat_map(|(keys, ..)| keys.iter().copied());
        let read = read.chain(["bundle", "ocspResponse", "result", "root"]);
        let repeated = read.filter(|key| members.repeated.contains(*key)).collect();
        match (found.is_empty(), known) {
            (false, _) => Ok(Self { files: found, repeated }),
            (true, true) => Err(InputError::Empty { found: "empty values only" }),
            (true, false) => Err(InputError::unknown(members)),
        }
    }
}

/// Reads the input as one JSON value.
fn json(input: &[u8]) -> Result<&RawValue, InputError> {
    // The base64 of DER, which `gencrl` prints, begins with the bytes of a SEQUENCE.
    if input.starts_with(b"MI") && STANDARD.decode(input.trim_ascii()).is_ok()
        || input.starts_with(b"-----BEGIN X509 CRL")
    {
        return Err(InputError::RevocationList);
    }
    let input = str::from_utf8(input)
        .map_err(|_| InputError::Syntax { reason: "it is not UTF-8 text".to_owned() })?;
    serde_json::from_str(input).map_err(|error| {
        if error.is_eof() { InputError::Cut } else { InputError::Syntax { reason: error.to_string() } }
    })
}

fn members<'a>(raw: &'a RawValue, what: &str) -> Result<Members<'a>, InputError> {
    serde_json::from_str(raw.get()).map_err(|_| InputError::of_kind(what, Some(raw), "an object"))
}

/// The object at `key`; `None` if there is anything else, which cfssljson ignores.
fn object<'a>(members: &Members<'a>, key: &str) -> Option<Members<'a>> {
    members.get(key).and_then(|raw| serde_json::from_str(raw.get()).ok())
}

/// The member with this name, or else one whose name differs only in case, as Go's `encoding/json` finds it.
fn folded<'a>(members: &Members<'a>, name: &str) -> Option<&'a RawValue> {
    let similar =
        || members.by_key.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, raw)| *raw);
    members.get(name).or_else(similar)
}

fn text(raw: &RawValue, key: &str) -> Result<Zeroizing<Vec<u8>>, InputError> {
    let not_text = |_| InputError::of_kind(&format!("`{key}`"), Some(raw), "text");
    serde_json::from_str::<String>(raw.get()).map(|text| Zeroizing::new(text.into_bytes())).map_err(not_text)
}

/// The messages of the `errors` in an answer, or the `message` of an error object.
fn errors(envelope: &Members<'_>) -> Vec<String> {
    let message = |members: &Members<'_>| {
        folded(members, "message").and_then(|raw| serde_json::from_str::<String>(raw.get()).ok())
    };
    let listed = folded(envelope, "errors").and_then(|raw| serde_json::from_str(raw.get()).ok());
    let listed: Vec<&RawValue> = listed.unwrap_or_default();
    let messages = listed.into_iter().map(|raw| {
        let members: Option<Members<'_>> = serde_json::from_str(raw.get()).ok();
        members.as_ref().and_then(message).unwrap_or_else(|| raw.get().to_owned())
    });
    messages.chain(message(envelope)).collect()
}

/// Why the input gives nothing to write. No variant holds a value of the input, which may be a key.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
enum InputError {
    /// The input is empty, or ends too early.
    #[error("Failed to parse input: unexpected end of JSON input")]
    Cut,
    /// The input is not JSON.
    #[error("Failed to parse input: {reason}")]
    Syntax { reason: String },
    /// The input is what `gencrl` prints.
    #[error("the input is a revocation list, as gencrl prints it, and not JSON")]
    RevocationList,
    /// A value is not of the kind that is needed.
    #[error("Failed to parse input: {what} is {found}, not {wanted}")]
    Kind { what: String, found: &'static str, wanted: &'static str },
    /// A part of a bundle is missing.
    #[error("Failed to parse input: `{key}` is missing")]
    Missing { key: String },
    /// The OCSP response is not base64.
    #[error("Failed to parse ocspResponse: {reason}")]
    Base64 { reason: String },
    /// The answer reports a failure, or the input is not an answer.
    #[error("Request failed:")]
    Failed { errors: Vec<String>, enveloped: bool },
    /// The input is an error object.
    #[error("the input is an error, not a certificate: {message}")]
    Error { message: String },
    /// The input is `null`, or has only empty values.
    #[error("nothing to write: the input is {found}")]
    Empty { found: &'static str },
    /// The input has no key that names a file.
    #[error("nothing to write: the input has no known key, only {}", keys.join(", "))]
    Unknown { keys: Vec<String>, enveloped: bool },
}

impl InputError {
    fn of_kind(what: &str, raw: Option<&RawValue>, wanted: &'static str) -> Self {
        let found = match raw.and_then(|raw| raw.get().as_bytes().first()) {
            Some(b'{') => "an object",
            Some(b'[') => "a list",
            // Strings that are refused where text is wanted have escapes that stand for no character.
            Some(b'"') if wanted == "text" => "a string with broken escapes",
            Some(b'"') => "a string",
            Some(b't' | b'f') => "true or false",
            Some(b'n') => "null",
            _ => "a number",
        };
        Self::Kind { what: what.to_owned(), found, wanted }
    }

    fn unknown(members: &Members<'_>) -> Self {
        if members.by_key.is_empty() {
            return Self::Empty { found: "an empty object" };
        }
        let code = members.get("code").map_or("", |raw| raw.get());
        let enveloped = folded(members, "success").is_some();
        match errors(members) {
            messages if !messages.is_empty() => {
                let code = if code.is_empty() { String::new() } else { format!(" (code {code})") };
                Self::Error { message: format!("{}{code}", messages.join(", ")) }
            }
            _ => Self::Unknown {
                keys: members.by_key.keys().map(|key| format!("{key:?}")).collect(),
                enveloped,
            },
        }
    }

    fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Cut => Some("read the message of the program before the pipe: it failed, or wrote nothing"),
            Self::Syntax { .. } => {
                Some("give the standard output of cfssl only, without its log: remove 2>&1 before the pipe")
            }
            Self::RevocationList => {
                Some("gencrl -bare NAME writes the file NAME.crl, and gencrl -pem prints the list as PEM")
            }
            Self::Failed { enveloped: false, .. } => {
                Some("give -bare if the input is the output of a cfssl command")
            }
            Self::Unknown { enveloped: true, .. } => {
                Some("leave out -bare: the input is an answer of cfssl's HTTP API")
            }
            Self::Empty { .. } | Self::Unknown { .. } => Some(
                "give JSON with one of the keys cert, key, encrypted_key, csr, bundle, result.bundle or ocspResponse",
            ),
            _ => None,
        }
    }

    fn into_command_error(self) -> CommandError {
        let error = CommandError::new(self.to_string()).maybe_hint(self.hint());
        match self {
            Self::Failed { errors, .. } => error.more(errors),
            _ => error,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;
    use std::fs::{self, Permissions};
    use std::os::unix::fs::{PermissionsExt, symlink};

    use pki_core::disk::Mode;
    use tempfile::TempDir;

    use super::super::CFSSLJSON;
    use super::super::files::{PUBLIC_MODE, SECRET_MODE};
    use super::*;

    const THREE: &str = r#"{"cert":"CERT\n","key":"KEY\n","csr":"CSR\n"}"#;

    /// Runs with `{}` in the arguments standing for a base name in `folder`.
    fn cfssljson(folder: &TempDir, args: &str, input: &str) -> (Result<(), CommandError>, String) {
        let base = folder.path().join("x").display().to_string();
        let args: Vec<OsString> = args.split(' ').map(|arg| arg.replace("{}", &base).into()).collect();
        let (mut output, mut errors) = (Vec::new(), Vec::new());
        let result = Terminal::with_buffers(&mut input.as_bytes(), &mut output, &mut errors, |terminal| {
            CFSSLJSON.run(args, terminal)
        });
        (result, String::from_utf8(output).unwrap())
    }

    fn listing(folder: &TempDir) -> Vec<(String, String)> {
        let mut files: Vec<_> = fs::read_dir(folder.path())
            .unwrap()
            .map(|entry| {
                let entry = entry.unwrap();
                let content = fs::read_to_string(entry.path()).unwrap_or_default();
                (entry.file_name().into_string().unwrap(), content)
            })
            .collect();
        files.sort();
        files
    }

    fn names(folder: &TempDir) -> Vec<String> {
        listing(folder).into_iter().map(|(name, _)| name).collect()
    }

    fn mode(folder: &TempDir, name: &str) -> u32 {
        fs::symlink_metadata(folder.path().join(name)).unwrap().permissions().mode() & 0o7777
    }

    fn found(text: &str) -> Vec<(&'static str, String, Mode)> {
        let found = Artifacts::bare(text.as_bytes()).unwrap_or_else(|error| panic!("{text}: {error}"));
        found.files.iter().map(|a| (a.suffix, String::from_utf8(a.bytes.to_vec()).unwrap(), a.mode)).collect()
    }

    fn unfit(text: &str) -> String {
        Artifacts::bare(text.as_bytes()).err().unwrap_or_else(|| panic!("{text} was accepted")).to_string()
    }

    fn unfit_answer(text: &str) -> String {
        let error = Artifacts::wrapped(text.as_bytes()).err();
        let error = error.unwrap_or_else(|| panic!("{text} was accepted")).into_command_error();
        let mut errors = Vec::new();
        Terminal::with_buffers(&mut &b""[..], &mut Vec::new(), &mut errors, |terminal| {
            error.report_as_cfssl(terminal);
        });
        let text = String::from_utf8(errors).unwrap();
        text.lines().filter(|line| !line.starts_with("hint: ")).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn contents_come_in_order_with_their_modes() {
        let all = r#"{"ocspResponse":"QQ\nE=","result":{"bundle":{"bundle":"B","root":"R"}},"csr":"r","encrypted_key":"e","key":"k","cert":"c"}"#;
        let expected = [
            (".pem", "c", PUBLIC_MODE),
            ("-key.pem", "k", SECRET_MODE),
            ("-key.enc", "e", SECRET_MODE),
            (".csr", "r", PUBLIC_MODE),
            ("-bundle.pem", "B\nR", PUBLIC_MODE),
            ("-root.pem", "R", PUBLIC_MODE),
            ("-response.der", "A\u{1}", PUBLIC_MODE),
        ];
        let all: Vec<_> = found(all);
        assert_eq!(all, expected.map(|(suffix, text, mode)| (suffix, text.to_owned(), mode)));
    }

    #[test]
    fn the_first_of_two_names_wins_and_the_last_of_repeated_keys() {
        let names = r#"{"certificate":"C2","cert":"C1","private_key":"K2","key":"K1","key":"K3"}"#;
        assert_eq!(
            found(names),
            [(".pem", "C1".to_owned(), PUBLIC_MODE), ("-key.pem", "K3".to_owned(), SECRET_MODE)]
        );
        assert_eq!(
            found(r#"{"certificate_request":"R","Cert":"x"}"#),
            [(".csr", "R".to_owned(), PUBLIC_MODE)]
        );
        assert_eq!(found(r#"{"cert":"","key":"K"}"#), [("-key.pem", "K".to_owned(), SECRET_MODE)]);
    }

    #[test]
    fn a_repeated_key_is_told() {
        let folder = TempDir::new().unwrap();
        let base = folder.path().join("x").into_os_string();
        let mut errors = Vec::new();
        let mut input = r#"{"cert":"C","key":"K1","key":"K2"}"#.as_bytes();
        Terminal::with_buffers(&mut input, &mut Vec::new(), &mut errors, |terminal| {
            CFSSLJSON.run(vec!["-bare".into(), base], terminal).unwrap();
        });
        assert_eq!(
            String::from_utf8(errors).unwrap(),
            "warning: the input has `key` twice; the last one counts, as in cfssl\n"
        );
    }

    #[test]
    fn input_with_nothing_to_write_says_what_it_is() {
        assert_eq!(unfit(""), "Failed to parse input: unexpected end of JSON input");
        assert_eq!(unfit("{\"cert\":"), "Failed to parse input: unexpected end of JSON input");
        assert_eq!(unfit("x"), "Failed to parse input: expected value at line 1 column 1");
        assert_eq!(unfit("{} {}"), "Failed to parse input: trailing characters at line 1 column 4");
        assert_eq!(unfit("[]"), "Failed to parse input: the input is a list, not an object");
        assert_eq!(unfit("\"x\""), "Failed to parse input: the input is a string, not an object");
        assert_eq!(unfit("{}"), "nothing to write: the input is an empty object");
        assert_eq!(unfit("null"), "nothing to write: the input is null");
        assert_eq!(unfit(r#"{"cert":"","key":""}"#), "nothing to write: the input is empty values only");
        assert_eq!(
            unfit(r#"{"code":5100,"message":"no usage"}"#),
            "the input is an error, not a certificate: no usage (code 5100)"
        );
        assert_eq!(
            unfit(r#"{"Cert":"x","a\u001b":1}"#),
            r#"nothing to write: the input has no known key, only "Cert", "a\u{1b}""#
        );
        assert!(Artifacts::bare(b"{\"cert\":\"\xff\"}").is_err());
    }

    #[test]
    fn values_that_are_not_text_are_refused_and_not_shown() {
        assert_eq!(unfit(r#"{"cert":5}"#), "Failed to parse input: `cert` is a number, not text");
        assert_eq!(unfit(r#"{"key":["s3cret"]}"#), "Failed to parse input: `key` is a list, not text");
        assert_eq!(
            unfit(r#"{"cert":null,"certificate":"C"}"#),
            "Failed to parse input: `cert` is null, not text"
        );
        assert_eq!(
            unfit(r#"{"key":"s3cret\ud800"}"#),
            "Failed to parse input: `key` is a string with broken escapes, not text"
        );
        let bundle = r#"{"result":{"bundle":{"bundle":"B"}}}"#;
        assert_eq!(unfit(bundle), "Failed to parse input: `result.bundle.root` is missing");
        assert!(unfit(r#"{"ocspResponse":"!"}"#).starts_with("Failed to parse ocspResponse: "));
    }

    #[test]
    fn answers_over_the_network_are_unwrapped() {
        let answer = r#"{"Success":true,"result":{"certificate":"C"},"errors":[],"messages":[]}"#;
        let found = Artifacts::wrapped(answer.as_bytes()).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(found.files.len(), 1);
        assert_eq!(unfit_answer(THREE), "Request failed:");
        assert_eq!(unfit_answer("null"), "Request failed:");
        assert_eq!(unfit_answer(r#"{"code":1,"message":"boom"}"#), "Request failed:\n\tboom");
        let failure = r#"{"success":false,"result":null,"errors":[{"code":1,"message":"a"},"b"]}"#;
        assert_eq!(unfit_answer(failure), "Request failed:\n\ta\n\t\"b\"");
        assert_eq!(
            unfit_answer(r#"{"success":"yes"}"#),
            "Failed to parse input: `success` is a string, not true or false"
        );
        assert_eq!(
            unfit_answer(r#"{"success":true}"#),
            "nothing to write: the input is an answer without a result"
        );
        assert_eq!(unfit(failure), "the input is an error, not a certificate: a, \"b\"");
    }

    #[test]
    fn three_files_are_written() {
        let folder = tempfile::tempdir().unwrap();
        cfssljson(&folder, "-bare {} -", THREE).0.unwrap();
        let expected = [("x-key.pem", "KEY\n"), ("x.csr", "CSR\n"), ("x.pem", "CERT\n")];
        assert_eq!(listing(&folder), expected.map(|(name, text)| (name.to_owned(), text.to_owned())));
        assert_eq!(mode(&folder, "x-key.pem"), 0o600);
        fs::write(folder.path().join("other"), "").unwrap();
        assert_eq!(mode(&folder, "x.pem"), mode(&folder, "other") & 0o644);
    }

    #[test]
    fn another_key_stops_everything_without_force() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("x-key.pem"), "OLD\n").unwrap();
        fs::write(folder.path().join("x.pem"), "OLD\n").unwrap();
        let before = listing(&folder);
        let failure = cfssljson(&folder, "-bare {}", THREE).0.unwrap_err();
        assert!(format!("{failure:?}").contains("x-key.pem is already there"));
        assert_eq!(listing(&folder), before);

        cfssljson(&folder, "-bare -force {}", THREE).0.unwrap();
        assert_eq!(names(&folder), ["x-key.pem", "x.csr", "x.pem"]);
        assert_eq!(fs::read(folder.path().join("x-key.pem")).unwrap(), b"KEY\n");
        assert_eq!(mode(&folder, "x-key.pem"), 0o600);
    }

    #[test]
    fn the_same_key_is_left_alone_unless_others_can_read_it() {
        let folder = tempfile::tempdir().unwrap();
        let key = folder.path().join("x-key.pem");
        fs::write(&key, "KEY\n").unwrap();
        fs::set_permissions(&key, Permissions::from_mode(0o400)).unwrap();
        cfssljson(&folder, "-bare {}", THREE).0.unwrap();
        assert_eq!(mode(&folder, "x-key.pem"), 0o400);
        fs::set_permissions(&key, Permissions::from_mode(0o644)).unwrap();
        cfssljson(&folder, "-bare {}", THREE).0.unwrap();
        assert_eq!(mode(&folder, "x-key.pem"), 0o600);
    }

    #[test]
    fn a_folder_in_the_way_leaves_no_partial_set() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("x.csr")).unwrap();
        let failure = cfssljson(&folder, "-bare -force {}", THREE).0.unwrap_err();
        assert!(format!("{failure:?}").contains("x.csr: is a directory"));
        assert_eq!(names(&folder), ["x.csr"]);
    }

    #[test]
    fn a_missing_folder_is_named_with_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let failure = cfssljson(&folder, "-bare {}/sub/y", THREE).0.unwrap_err();
        assert!(format!("{failure:?}").contains("x/sub/y.pem: no such file or directory"), "{failure:?}");
        assert!(names(&folder).is_empty());
    }

    #[test]
    fn links_are_replaced_and_links_to_nothing_are_no_free_names() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("other"), "other").unwrap();
        symlink("other", folder.path().join("x.pem")).unwrap();
        symlink("nowhere", folder.path().join("x-key.pem")).unwrap();
        cfssljson(&folder, "-bare {}", THREE).0.unwrap_err();
        cfssljson(&folder, "-bare -force {}", THREE).0.unwrap();
        assert_eq!(fs::read(folder.path().join("other")).unwrap(), b"other");
        assert_eq!(names(&folder), ["other", "x-key.pem", "x.csr", "x.pem"]);
        assert!(fs::symlink_metadata(folder.path().join("x.pem")).unwrap().is_file());
    }

    #[test]
    fn contents_can_be_printed() {
        let folder = tempfile::tempdir().unwrap();
        let (result, output) = cfssljson(&folder, "-bare -stdout -", THREE);
        result.unwrap();
        assert_eq!(output, "CERT\n\nKEY\n\nCSR\n\n");
        let (_, output) =
            cfssljson(&folder, "-bare -stdout", r#"{"encrypted_key":"E","ocspResponse":"AQID"}"#);
        assert_eq!(output, "RQ==\nAQID\n");
        assert!(names(&folder).is_empty());
    }

    #[test]
    fn the_command_line_is_checked() {
        let folder = tempfile::tempdir().unwrap();
        for (args, message) in [
            ("-bare -", "`-` is not a base name"),
            ("{} -bare", "-bare stands after the base name"),
            ("-bogus {}", "flag provided but not defined: -bogus"),
            ("-bare -f {}-none {}", "x-none: no such file or directory"),
        ] {
            let failure = cfssljson(&folder, args, THREE).0.unwrap_err();
            assert!(format!("{failure:?}").contains(message), "{failure:?}");
        }
        assert!(names(&folder).is_empty());
        assert!(cfssljson(&folder, "-h", "").1.contains("  -bare=false: "));
        assert!(cfssljson(&folder, "-version", "").1.starts_with("Version: "));
    }
}
