//! `cfssljson`: the JSON that cfssl prints, made into files.
//!
//! Different from cfssljson on purpose:
//!
//! * input without anything to write is an error, so that a failed pipe is seen: `{}`, `null`, an error object;
//! * a value that is not text is an error with exit status 1, not a panic;
//! * a private key with other content is never replaced without `-force`, by no file of whatever kind;
//! * a private key that is there with the same content is left alone, or made private if others may read it;
//! * everything is checked and brought to the disk before the first file gets its name: no partial sets;
//! * files are replaced in one step and symbolic links are never followed;
//! * private keys have mode 0600 and all else 0644 less the umask: a certificate is never group-writable;
//! * a lone `-` is no base name, and a flag after the base name is an error, not ignored.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use pki_core::disk::{Batch, Existing, KeyIsThere, Mode, Staged};
use serde_json::value::RawValue;
use zeroize::Zeroizing;

use crate::cfssl::flags::JSON_FLAGS;
use crate::failure::Failure;
use crate::goflag::{self, FlagError};
use crate::io::Io;

/// Room for the usual input, so that reading it leaves no copies of a key behind by growing.
const USUAL_INPUT: usize = 64 * 1024;

const SECRET_MODE: Mode = Mode::Exactly(0o600);
const PUBLIC_MODE: Mode = Mode::Masked(0o644);

/// The texts that have a file each: the keys that hold one, the end of the file's name, whether it is secret.
const TEXTS: &[(&[&str], &str, bool)] = &[
    (&["cert", "certificate"], ".pem", false),
    (&["key", "private_key"], "-key.pem", true),
    (&["encrypted_key"], "-key.enc", true),
    (&["csr", "certificate_request"], ".csr", false),
];

/// Runs `cfssljson` with `args`, which do not hold the program's name.
///
/// # Errors
///
/// The command line or the input is no good, or a file must not or cannot be written.
pub(crate) fn run(args: Vec<OsString>, io: &mut Io<'_>) -> Result<(), Failure> {
    let parsed = match goflag::parse(JSON_FLAGS, args) {
        Ok(parsed) => parsed,
        Err(FlagError::HelpRequested) => return print(io, help().as_bytes()),
        Err(error) => {
            let hint = error.hint().unwrap_or_else(|| "cfssljson -h lists the flags".to_owned());
            return Err(Failure::usage(error.to_string()).hint(hint));
        }
    };
    if parsed.switch("version") {
        return print(io, format!("Version: {}\nRuntime: rust\n", env!("CARGO_PKG_VERSION")).as_bytes());
    }
    if let Some(flag) = parsed.misplaced() {
        return Err(Failure::user(format!("{flag} stands after the base name, where flags are not read"))
            .hint("put all flags before the base name: cfssljson -bare server"));
    }
    let name = parsed.operands().first().map_or("cert", String::as_str);
    if name == "-" && !parsed.switch("stdout") {
        return Err(Failure::user("a lone - is no base name for the files")
            .hint("the standard input is read anyway; name the files: cfssljson -bare server"));
    }

    let input = read(parsed.text("f"), io)?;
    let artifacts = if parsed.switch("bare") { Artifacts::bare(&input) } else { Artifacts::wrapped(&input) };
    let artifacts = artifacts.map_err(Unfit::into_failure)?;
    if parsed.switch("stdout") {
        artifacts.0.iter().try_for_each(|artifact| print(io, &artifact.printed()))
    } else {
        write(&artifacts, name, parsed.switch("force")).map(drop)
    }
}

/// Fails if the private key of a base name is there already: a new one is never the same.
pub(crate) fn check_key_is_free(name: &str) -> Result<(), Failure> {
    let path = PathBuf::from(format!("{name}-key.pem"));
    match fs::symlink_metadata(&path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(failed("open", &path, &error)),
        Ok(_) => Err(key_is_there(&path)),
    }
}

/// Writes what a command of cfssl makes to files, and tells which; files that are there already and need
/// nothing are not named.
pub(crate) fn write_bare(text: &[u8], name: &str, force: bool) -> Result<Vec<PathBuf>, Failure> {
    write(&Artifacts::bare(text).map_err(Unfit::into_failure)?, name, force)
}

fn help() -> String {
    let flags = goflag::render_help(JSON_FLAGS);
    format!("Usage: cfssl ... | cfssljson -bare [flags] [NAME]\n\nFlags:\n{flags}")
}

fn print(io: &mut Io<'_>, bytes: &[u8]) -> Result<(), Failure> {
    let written = io.output.write_all(bytes).and_then(|()| io.output.flush());
    written.map_err(|error| Failure::user(format!("write the standard output: {}", reason(&error))))
}

fn read(file: &str, io: &mut Io<'_>) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let failed = |what: &str, error: &io::Error| {
        Failure::user(format!("Failed to read input: {what}: {}", reason(error)))
    };
    let mut bytes = Zeroizing::new(Vec::with_capacity(USUAL_INPUT));
    if file == "-" {
        io.input.read_to_end(&mut bytes).map_err(|error| failed("standard input", &error))?;
    } else {
        let mut opened = File::open(file).map_err(|error| failed(&format!("open {file}"), &error))?;
        opened.read_to_end(&mut bytes).map_err(|error| failed(&format!("read {file}"), &error))?;
    }
    Ok(bytes)
}

/// The system's words for an error, as Go writes them.
fn reason(error: &io::Error) -> String {
    let text = error.to_string();
    let text = text.split_once(" (os error").map_or(text.as_str(), |(words, _)| words);
    let mut chars = text.chars();
    chars.next().map(|first| first.to_lowercase().chain(chars).collect()).unwrap_or_default()
}

/// The content of one file.
struct Artifact {
    suffix: &'static str,
    bytes: Zeroizing<Vec<u8>>,
    mode: Mode,
    secret: bool,
    /// Printed as base64, for it may not be text.
    binary: bool,
}

impl Artifact {
    fn public(suffix: &'static str, bytes: Zeroizing<Vec<u8>>) -> Self {
        Self { suffix, bytes, mode: PUBLIC_MODE, secret: false, binary: false }
    }

    fn printed(&self) -> Zeroizing<Vec<u8>> {
        let mut text = if self.binary {
            Zeroizing::new(STANDARD.encode(&*self.bytes).into_bytes())
        } else {
            // Room for the newline too: growing would leave a copy behind.
            let mut text = Zeroizing::new(Vec::with_capacity(self.bytes.len().saturating_add(1)));
            text.extend_from_slice(&self.bytes);
            text
        };
        text.push(b'\n');
        text
    }
}

/// What the input holds, in the order in which cfssljson writes it; never empty.
struct Artifacts(Vec<Artifact>);

/// The members of a JSON object. The last of repeated keys wins, as in Go.
type Members<'a> = BTreeMap<String, &'a RawValue>;

impl Artifacts {
    /// Reads what a command of cfssl prints.
    fn bare(input: &[u8]) -> Result<Self, Unfit> {
        let raw = json(input)?;
        if raw.get() == "null" {
            return Err(Unfit::Empty { found: "null" });
        }
        Self::collect(&members(raw, "the input")?)
    }

    /// Reads what the network interface of cfssl answers.
    fn wrapped(input: &[u8]) -> Result<Self, Unfit> {
        let raw = json(input)?;
        let envelope = if raw.get() == "null" { Members::new() } else { members(raw, "the input")? };
        let success = folded(&envelope, "success");
        match success.map(RawValue::get) {
            Some("true") => {}
            Some("false" | "null") | None => {
                return Err(Unfit::Failed { errors: errors(&envelope), enveloped: success.is_some() });
            }
            Some(_) => return Err(Unfit::of_kind("`success`", success, "true or false")),
        }
        match folded(&envelope, "result") {
            Some(result) if result.get() != "null" => Self::collect(&members(result, "`result`")?),
            _ => Err(Unfit::Empty { found: "an answer without a result" }),
        }
    }

    fn collect(members: &Members<'_>) -> Result<Self, Unfit> {
        let mut found = Vec::new();
        let mut known = false;
        for (keys, suffix, secret) in TEXTS {
            let Some((key, raw)) = keys.iter().find_map(|key| Some((key, members.get(*key)?))) else {
                continue;
            };
            known = true;
            found.push(Artifact {
                suffix,
                bytes: text(raw, key)?,
                mode: if *secret { SECRET_MODE } else { PUBLIC_MODE },
                secret: *secret,
                binary: *suffix == "-key.enc",
            });
        }
        if let Some(bundle) = object(members, "result").and_then(|result| object(&result, "bundle")) {
            known = true;
            let part = |key: &str| {
                let path = format!("result.bundle.{key}");
                bundle
                    .get(key)
                    .ok_or_else(|| Unfit::Missing { key: path.clone() })
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
            // Go's decoder passes over line ends.
            encoded.retain(|byte| !matches!(byte, b'\r' | b'\n'));
            let bytes =
                STANDARD.decode(&*encoded).map_err(|error| Unfit::Base64 { reason: error.to_string() })?;
            found.push(Artifact { binary: true, ..Artifact::public("-response.der", Zeroizing::new(bytes)) });
        }
        found.retain(|artifact| !artifact.bytes.is_empty());
        match (found.is_empty(), known) {
            (false, _) => Ok(Self(found)),
            (true, true) => Err(Unfit::Empty { found: "empty values only" }),
            (true, false) => Err(Unfit::unknown(members)),
        }
    }
}

/// The single JSON value that the input must be.
fn json(input: &[u8]) -> Result<&RawValue, Unfit> {
    let input =
        str::from_utf8(input).map_err(|_| Unfit::Syntax { reason: "it is not UTF-8 text".to_owned() })?;
    serde_json::from_str(input).map_err(|error| {
        if error.is_eof() { Unfit::Cut } else { Unfit::Syntax { reason: error.to_string() } }
    })
}

fn members<'a>(raw: &'a RawValue, what: &str) -> Result<Members<'a>, Unfit> {
    serde_json::from_str(raw.get()).map_err(|_| Unfit::of_kind(what, Some(raw), "an object"))
}

/// The object at `key`; anything else there is passed over, as cfssljson does.
fn object<'a>(members: &Members<'a>, key: &str) -> Option<Members<'a>> {
    members.get(key).and_then(|raw| serde_json::from_str(raw.get()).ok())
}

/// The member with this name in whatever case, the exact one preferred: so Go reads the envelope.
fn folded<'a>(members: &Members<'a>, name: &str) -> Option<&'a RawValue> {
    let similar = || members.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, raw)| raw);
    members.get(name).or_else(similar).copied()
}

fn text(raw: &RawValue, key: &str) -> Result<Zeroizing<Vec<u8>>, Unfit> {
    let not_text = |_| Unfit::of_kind(&format!("`{key}`"), Some(raw), "text");
    serde_json::from_str::<String>(raw.get()).map(|text| Zeroizing::new(text.into_bytes())).map_err(not_text)
}

/// The messages of the `errors` in an envelope, or that of an error object.
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

/// Why there is nothing to write in the input. No variant holds a value that may be a key.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
enum Unfit {
    /// The input ends too early; above all, it is empty.
    #[error("Failed to parse input: unexpected end of JSON input")]
    Cut,
    /// The input is not JSON.
    #[error("Failed to parse input: {reason}")]
    Syntax { reason: String },
    /// A value of the wrong kind.
    #[error("Failed to parse input: {what} is {found}, not {wanted}")]
    Kind { what: String, found: &'static str, wanted: &'static str },
    /// A part of a bundle is not there.
    #[error("Failed to parse input: `{key}` is missing")]
    Missing { key: String },
    /// The OCSP response is badly encoded.
    #[error("Failed to parse ocspResponse: {reason}")]
    Base64 { reason: String },
    /// An answer that reports a failure, or something other than an answer.
    #[error("Request failed:{}", errors.iter().map(|error| format!("\n\t{error}")).collect::<String>())]
    Failed { errors: Vec<String>, enveloped: bool },
    /// An error object where a certificate was expected.
    #[error("the input is an error, not a certificate: {message}")]
    Error { message: String },
    /// Nothing at all.
    #[error("nothing to write: the input is {found}")]
    Empty { found: &'static str },
    /// Keys that mean nothing here.
    #[error("nothing to write: the input has no known key, only {}", keys.join(", "))]
    Unknown { keys: Vec<String>, enveloped: bool },
}

impl Unfit {
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
        if members.is_empty() {
            return Self::Empty { found: "an empty object" };
        }
        let code = members.get("code").map_or("", |raw| raw.get());
        let enveloped = folded(members, "success").is_some();
        match errors(members) {
            messages if !messages.is_empty() => {
                let code = if code.is_empty() { String::new() } else { format!(" (code {code})") };
                Self::Error { message: format!("{}{code}", messages.join(", ")) }
            }
            _ => Self::Unknown { keys: members.keys().map(|key| format!("{key:?}")).collect(), enveloped },
        }
    }

    fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Cut => {
                Some("the program before the pipe failed, or wrote nothing: its own message says why")
            }
            Self::Syntax { .. } => {
                Some("only the standard output of cfssl is JSON; its log must not be mixed in")
            }
            Self::Failed { enveloped: false, .. } => Some("the output of a cfssl command is read with -bare"),
            Self::Unknown { enveloped: true, .. } => {
                Some("this is an answer over the network: leave -bare out")
            }
            Self::Empty { .. } | Self::Unknown { .. } => {
                Some("one of these is needed: cert, key, encrypted_key, csr, result.bundle, ocspResponse")
            }
            _ => None,
        }
    }

    fn into_failure(self) -> Failure {
        Failure::user(self.to_string()).known_hint(self.hint())
    }
}

/// Writes the files: all checks first, then all contents, then all names.
fn write(artifacts: &Artifacts, name: &str, force: bool) -> Result<Vec<PathBuf>, Failure> {
    let mut permitted = Vec::new();
    for artifact in &artifacts.0 {
        let path = PathBuf::from(format!("{name}{}", artifact.suffix));
        if let Some(existing) = permission(&path, artifact, force)? {
            permitted.push((artifact, path, existing));
        }
    }
    // Keys get their names first: theirs is the step that refuses when another process was faster.
    permitted.sort_by_key(|(artifact, ..)| !artifact.secret);
    let mut batch = Batch::default();
    let mut paths = Vec::new();
    for (artifact, path, existing) in permitted {
        let staged = Staged::new(&path, &artifact.bytes, artifact.mode, existing);
        batch.add(staged.map_err(|error| match KeyIsThere::in_error(&error) {
            Some(_) => key_is_there(&path),
            None => failed("open", &path, &error),
        })?);
        paths.push(path);
    }
    batch.commit().map_err(|error| failed("write", &error.path, &error.source))?;
    Ok(paths)
}

fn failed(action: &str, path: &Path, error: &io::Error) -> Failure {
    Failure::user(format!("{action} {}: {}", path.display(), reason(error)))
}

/// How the file may be written; `None` if there is nothing to do.
fn permission(path: &Path, artifact: &Artifact, force: bool) -> Result<Option<Existing>, Failure> {
    let replaceable = match artifact.secret {
        _ if force => Some(Existing::ReplaceKeys),
        true => None,
        // Files may be named so that one's certificate would be another's key, `peer-key` and `peer`: that is refused.
        false => Some(Existing::Replace),
    };
    let present = match fs::symlink_metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            return Ok(Some(replaceable.unwrap_or(Existing::Keep)));
        }
        other => other.map_err(|error| failed("open", path, &error))?,
    };
    if present.is_dir() {
        return Err(failed("open", path, &ErrorKind::IsADirectory.into()));
    }
    if replaceable.is_some() {
        return Ok(replaceable);
    }
    match compare(path, &artifact.bytes).map_err(|error| failed("open", path, &error))? {
        Comparison::Same => Ok(None),
        Comparison::SameButReadable => Ok(Some(Existing::Replace)),
        Comparison::Different => Err(key_is_there(path)),
    }
}

fn key_is_there(path: &Path) -> Failure {
    Failure::user(format!("{} is already there, with other content; nothing was written", path.display()))
        .hint("a private key is only replaced with -force; without it, choose another base name")
}

enum Comparison {
    Same,
    /// The same content, which more than its owner may read or write.
    SameButReadable,
    Different,
}

fn compare(path: &Path, bytes: &[u8]) -> io::Result<Comparison> {
    let metadata = match fs::metadata(path) {
        // A link to nothing.
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Comparison::Different),
        other => other?,
    };
    let length = u64::try_from(bytes.len()).ok();
    // A pipe or a device must not be read: that could wait for ever.
    if !metadata.is_file() || Some(metadata.len()) != length {
        return Ok(Comparison::Different);
    }
    if *Zeroizing::new(fs::read(path)?) != bytes {
        return Ok(Comparison::Different);
    }
    let private = metadata.permissions().mode() & 0o077 == 0;
    Ok(if private { Comparison::Same } else { Comparison::SameButReadable })
}

#[cfg(test)]
mod tests {
    use std::fs::Permissions;
    use std::os::unix::fs::symlink;

    use tempfile::TempDir;

    use super::*;

    const THREE: &str = r#"{"cert":"CERT\n","key":"KEY\n","csr":"CSR\n"}"#;

    /// Runs with `{}` in the arguments standing for a base name in `folder`.
    fn cfssljson(folder: &TempDir, args: &str, input: &str) -> (Result<(), Failure>, String) {
        let base = folder.path().join("x").display().to_string();
        let args = args.split(' ').map(|arg| arg.replace("{}", &base).into()).collect();
        let (mut output, mut errors) = (Vec::new(), Vec::new());
        let result = Io::with_buffers(&mut input.as_bytes(), &mut output, &mut errors, |io| run(args, io));
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
        let Artifacts(found) =
            Artifacts::bare(text.as_bytes()).unwrap_or_else(|error| panic!("{text}: {error}"));
        found.iter().map(|a| (a.suffix, String::from_utf8(a.bytes.to_vec()).unwrap(), a.mode)).collect()
    }

    fn unfit(text: &str) -> String {
        Artifacts::bare(text.as_bytes()).err().unwrap_or_else(|| panic!("{text} was accepted")).to_string()
    }

    fn unfit_answer(text: &str) -> String {
        Artifacts::wrapped(text.as_bytes()).err().unwrap_or_else(|| panic!("{text} was accepted")).to_string()
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
        let Artifacts(found) =
            Artifacts::wrapped(answer.as_bytes()).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(found.len(), 1);
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
        assert!(format!("{failure:?}").contains("x/sub/y-key.pem: no such file or directory"), "{failure:?}");
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
            ("-bare -", "a lone - is no base name"),
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
