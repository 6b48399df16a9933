//! `-into DIR`: many certificates from one CA in one go, for `gencert` and `sign`.
//!
//! Each operand gives files of its own name: `peers/etcd1.json` makes `DIR/etcd1.pem`, `DIR/etcd1-key.pem` and
//! `DIR/etcd1.csr`. The CA and the config are read once, all cores work, and the files of a few hundred certificates
//! at a time reach the disk together.

use std::collections::{HashMap, HashSet};
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use pki_core::cfssl::{Error, Notice, Profile, Request, SigningRequest};
use pki_core::disk::{self, Batch, BatchError, Existing, Mode, Staged, Stopped};
use pki_core::etcd::shell_word;
use pki_core::x509::{CertificateRequest, Issuer, SystemKeys, SystemRandomness};
use time::OffsetDateTime;
use zeroize::Zeroizing;

use super::command::{Call, read};
use super::input::{issuer, refuse_ca_section, refuse_to_replace_ca, signing_profile, warn};
use super::log::Log;
use crate::failure::Failure;
use crate::io::Io;

/// What is made of one operand.
struct Made {
    files: Vec<File>,
    notices: Vec<Notice>,
}

impl Made {
    /// Its files, each with `base` for the first part of its name.
    fn stage(self, base: &Path, force: bool) -> Result<(Batch, Vec<Notice>), Failure> {
        let mut batch = Batch::default();
        for file in self.files {
            let path = with_suffix(base, file.suffix);
            let mode = if file.is_secret { Mode::Exactly(0o600) } else { Mode::Masked(0o644) };
            let existing = match file.is_secret {
                _ if force => Existing::ReplaceKeys,
                true => Existing::Keep,
                false => Existing::Replace,
            };
            let staged = Staged::new(&path, &file.bytes, mode, existing);
            batch.add(staged.map_err(|source| BatchError { path, source })?);
        }
        Ok((batch, self.notices))
    }
}

struct File {
    suffix: &'static str,
    bytes: Zeroizing<Vec<u8>>,
    is_secret: bool,
}

impl File {
    fn public(suffix: &'static str, text: String) -> Self {
        Self { suffix, bytes: Zeroizing::new(text.into_bytes()), is_secret: false }
    }
}

/// What every certificate of a run has in common.
struct Work<'a> {
    call: &'a Call,
    issuer: Issuer,
    profile: Profile,
    now: OffsetDateTime,
}

/// `gencert -into DIR CSRJSON...`
pub(crate) fn gencert(call: &Call, io: &mut Io<'_>) -> Result<(), Failure> {
    run(call, io, &["-key.pem", ".pem", ".csr"], |work, path| {
        let text = read(path)?;
        let request = Request::from_json(&String::from_utf8_lossy(&text), Some(path))?;
        refuse_ca_section(&request.value)?;
        let (crl_url, profile) = (work.call.given("crl"), &work.profile);
        let made =
            work.issuer.gencert(&request.value, profile, crl_url, &SystemKeys, work.now, &SystemRandomness);
        let made = made.map_err(|error| error.in_file(path))?;
        let mut notices = request.notices;
        notices.extend(made.notices);
        let key = Zeroizing::new(made.value.key.to_pem().as_bytes().to_vec());
        let files = vec![
            File { suffix: "-key.pem", bytes: key, is_secret: true },
            File::public(".pem", made.value.certificate.to_pem()),
            File::public(".csr", made.value.request.to_pem()),
        ];
        Ok(Made { files, notices })
    })
}

/// `sign -into DIR CSR...`
pub(crate) fn sign(call: &Call, io: &mut Io<'_>) -> Result<(), Failure> {
    run(call, io, &[".pem"], |work, path| {
        let request = CertificateRequest::read(&read(path)?).and_then(CertificateRequest::verify);
        let request = request.map_err(|error| error.in_file(path))?;
        let (crl_url, profile) = (work.call.given("crl"), &work.profile);
        let signing = SigningRequest { request: &request, profile, subject: None, names: None, crl_url };
        let signed = work.issuer.sign(&signing, work.now, &SystemRandomness);
        let signed = signed.map_err(|error: Error| error.in_file(path))?;
        Ok(Made { files: vec![File::public(".pem", signed.value.to_pem())], notices: signed.notices })
    })
}

fn run(
    call: &Call,
    io: &mut Io<'_>,
    suffixes: &[&str],
    make: impl Fn(&Work<'_>, &Path) -> Result<Made, Failure> + Sync,
) -> Result<(), Failure> {
    let folder = Path::new(call.flags.text("into"));
    let log = Log::new(call.flags.integer("loglevel"));
    let force = call.flags.switch("force");
    let operands = operands(call, folder, suffixes)?;
    refuse_to_replace_ca(call, operands.iter().map(|(_, base)| with_suffix(base, ".pem")))?;
    if !force {
        refuse_existing_keys(&operands, suffixes, folder)?;
    }
    let (issuer, profile) = (issuer(call, io)?, signing_profile(call)?);
    let work = Work { call, issuer, profile, now: (io.now)() };
    warn(call.notices(), &log, io);
    let bar = progress(operands.len(), io);
    let stage = |(path, base): &(PathBuf, PathBuf)| {
        let staged = make(&work, path).and_then(|made| made.stage(base, force));
        bar.inc(1);
        staged
    };
    let tell = |(path, _): &(PathBuf, PathBuf), notices: Vec<Notice>| {
        for notice in notices {
            log.warning(io, format_args!("{}: {notice}", path.display()));
        }
    };
    disk::write_many(&operands, stage, tell).map_err(|Stopped { written, error }| {
        let next = operands.get(written).map(|(path, _)| path.display().to_string()).unwrap_or_default();
        error.also(&format!("{written} of {} were made before; go on with {next}", operands.len()))
    })?;
    bar.finish_and_clear();
    let certificates = if operands.len() == 1 { "certificate" } else { "certificates" };
    log.info(io, format_args!("made {} {certificates} in {}", operands.len(), folder.display()));
    Ok(())
}

/// Each operand, and where its files go, less their suffixes.
fn operands(call: &Call, folder: &Path, suffixes: &[&str]) -> Result<Vec<(PathBuf, PathBuf)>, Failure> {
    for flag in ["bare", "cn", "hostname"] {
        if call.given(flag).is_some() {
            return Err(Failure::user(format!("-{flag} is for one certificate, and -into for many"))
                .hint(format!("leave one of the two out; each file says what -{flag} would")));
        }
    }
    if call.flags.switch("encrypt") {
        return Err(Failure::user("-into writes keys as they are, and -encrypt is given")
            .hint("make one certificate at a time: -bare NAME -encrypt"));
    }
    if call.flags.operands().is_empty() {
        return Err(Failure::user("there is nothing to make").hint("name the files: -into DIR a.json b.json"));
    }
    if !folder.is_dir() {
        return Err(Failure::user(format!("{} is no folder", folder.display()))
            .hint(format!("make it first: mkdir -p {}", shell_word(&folder.to_string_lossy()))));
    }
    let mut owners: HashMap<PathBuf, &str> = HashMap::new();
    let mut operands = Vec::new();
    for operand in call.flags.operands() {
        let path = Path::new(operand);
        let stem = path.file_stem().ok_or_else(|| Failure::user(format!("{operand:?} names no file")))?;
        let base = folder.join(stem);
        for suffix in suffixes {
            if let Some(other) = owners.insert(with_suffix(&base, suffix), operand) {
                return Err(Failure::user(format!(
                    "{other} and {operand} would be written to the same files"
                ))
                .hint("rename one of the two"));
            }
        }
        operands.push((path.to_owned(), base));
    }
    Ok(operands)
}

/// Keys are not overwritten, and that is found before anything is made.
fn refuse_existing_keys(
    operands: &[(PathBuf, PathBuf)],
    suffixes: &[&str],
    folder: &Path,
) -> Result<(), Failure> {
    let entries = folder.read_dir().and_then(|entries| entries.map(|entry| Ok(entry?.file_name())).collect());
    let present: HashSet<OsString> = entries.map_err(|error| {
        Failure::user(format!("cannot read {}: {error}", folder.display()))
            .hint("whether a key would be overwritten is looked up there; -force does not ask")
    })?;
    for suffix in suffixes {
        for (_, base) in operands {
            let path = with_suffix(base, suffix);
            let is_there = path.file_name().is_some_and(|name| present.contains(name));
            // A certificate may have the name that another's key has.
            let is_key = || suffix.ends_with("-key.pem") || disk::holds_private_key(&path).unwrap_or(true);
            if is_there && is_key() {
                return Err(Failure::user(format!("{} is already there; nothing was made", path.display()))
                    .hint("a private key is only replaced with -force"));
            }
        }
    }
    Ok(())
}

fn with_suffix(base: &Path, suffix: &str) -> PathBuf {
    let mut path = base.as_os_str().to_owned();
    path.push(suffix);
    path.into()
}

fn progress(count: usize, io: &Io<'_>) -> ProgressBar {
    let target =
        if io.errors_is_terminal { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
    let bar = ProgressBar::with_draw_target(u64::try_from(count).ok(), target);
    match ProgressStyle::with_template("{bar:30} {pos}/{len} {per_sec} {eta}") {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}
