//! `gencert -into` and `sign -into`: many certificates from one CA, by one command.
//!
//! Each operand makes files with its own name: `peers/etcd1.json` makes `DIR/etcd1.pem`, `DIR/etcd1-key.pem` and
//! `DIR/etcd1.csr`. The CA and the config are read once, all cores work, and the files of a few hundred certificates
//! at a time reach the disk together.

use std::collections::HashMap;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use pki_core::cfssl::{self, Config, Error, NewRequest, Notice, Profile, Request, SigningRequest};
use pki_core::disk::{self, Stopped};
use pki_core::etcd::shell_word;
use pki_core::x509::{
    self, Certificate, CertificateRequest, Issuer, KeyAlgorithm, KeySource, PrivateKey, PublicKey,
    SubjectAltNames, SystemKeys, SystemRandomness,
};
use time::OffsetDateTime;
use zeroize::Zeroizing;

use super::files::{self, Artifact, with_suffix};
use super::invocation::Invocation;
use super::log::Log;
use super::options::{CaFiles, ProfileChoice, refuse_ca_section};
use super::read::read;
use crate::terminal::{CommandError, Terminal, progress};

/// The flags and operands of `gencert -into` and `sign -into`.
pub(crate) struct IntoFlags<'a> {
    folder: &'a Path,
    operands: &'a [String],
    /// Whether private keys that exist may be replaced: `-force`.
    force: bool,
    ca: CaFiles<'a>,
    profile: ProfileChoice<'a>,
    config_notices: &'a [Notice],
    crl_url: Option<&'a str>,
    log: Log,
}

impl<'a> IntoFlags<'a> {
    pub(crate) fn new(invocation: &'a Invocation) -> Result<Self, CommandError> {
        for flag in ["bare", "cn", "hostname"] {
            if invocation.given(flag).is_some() {
                let message = format!("-{flag} is for one certificate, but -into is for many");
                return Err(CommandError::new(message)
                    .hint(format!("leave out one of the two, and write what -{flag} says into each file")));
            }
        }
        if invocation.switch("encrypt") {
            return Err(CommandError::new(
                "-encrypt cannot be combined with -into, which writes keys unencrypted",
            )
            .hint("make one certificate at a time, with -bare NAME -encrypt"));
        }
        if invocation.operands().is_empty() {
            return Err(CommandError::new("-into needs the files to make certificates from")
                .hint("name them after the flags: -into DIR a.json b.json"));
        }
        Ok(Self {
            folder: Path::new(invocation.given("into").unwrap_or_default()),
            operands: invocation.operands(),
            force: invocation.switch("force"),
            ca: CaFiles::new(invocation),
            profile: ProfileChoice::new(invocation),
            config_notices: invocation.config_notices(),
            crl_url: invocation.given("crl"),
            log: invocation.log(),
        })
    }

    /// The certificates to make, one for each operand.
    fn items(&self, suffixes: &[&str]) -> Result<Vec<Item>, CommandError> {
        let folder = self.folder;
        if !folder.is_dir() {
            return Err(CommandError::new(format!("{} is not a folder", folder.display()))
                .hint(format!("make it first: mkdir -p {}", shell_word(&folder.to_string_lossy()))));
        }
        let mut owners: HashMap<PathBuf, &str> = HashMap::new();
        let mut items = Vec::new();
        for operand in self.operands {
            let path = Path::new(operand);
            let stem = path.file_stem();
            let stem =
                stem.ok_or_else(|| CommandError::new(format!("{operand:?} is not the name of a file")))?;
            let base = folder.join(stem);
            for suffix in suffixes {
                if let Some(other) = owners.insert(with_suffix(&base, suffix), operand) {
                    let message = format!("{other} and {operand} would be written to the same files");
                    return Err(CommandError::new(message).hint("rename one of the two"));
                }
            }
            items.push(Item { source: path.to_owned(), base });
        }
        Ok(items)
    }
}

/// One of the certificates to make.
struct Item {
    /// The file that it is made from.
    source: PathBuf,
    /// The path of its files without their suffixes.
    base: PathBuf,
}

/// What all certificates of one command have in common.
struct Context<'a> {
    issuer: Issuer,
    profile: Profile,
    crl_url: Option<&'a str>,
    now: OffsetDateTime,
}

/// The files of one certificate, and the notices about it.
type NewFiles = (Vec<Artifact>, Vec<Notice>);

/// Runs `gencert -into DIR CSRJSON...`.
///
/// A set whose key is there already was made by a run that did not finish: its key is kept, and what is missing is made.
pub(crate) fn gencert(flags: &IntoFlags<'_>, terminal: &mut Terminal<'_>) -> Result<(), CommandError> {
    run(flags, terminal, &GENCERT_SUFFIXES, |context, Item { source: path, base }| {
        let text = read(path)?;
        let request = Request::from_json(cfssl::text(&text, Some(path))?, Some(path))?;
        refuse_ca_section(&request.value)?;
        let old = if flags.force { None } else { OldSet::read(base)? };
        if let Some(old) = &old
            && old.is_whole(&request.value, context)?
        {
            return Ok((Vec::new(), request.notices));
        }
        let keys: &dyn KeySource = match &old {
            Some(old) => old,
            None => &SystemKeys,
        };
        let (profile, crl_url) = (&context.profile, context.crl_url);
        let new = NewRequest { crl_url, ..NewRequest::new(&request.value, profile) };
        let made = context.issuer.gencert(&new, keys, context.now, &SystemRandomness);
        let made = made.map_err(|error| error.in_file(path))?;
        let mut notices = request.notices;
        notices.extend(made.notices);
        let mut artifacts = Vec::new();
        if old.is_none() {
            let key = Zeroizing::new(made.value.key.to_pem().as_bytes().to_vec());
            artifacts.push(Artifact::secret("-key.pem", key));
        }
        artifacts.push(public(".pem", made.value.certificate.to_pem()));
        artifacts.push(public(".csr", made.value.request.to_pem()));
        Ok((artifacts, notices))
    })
}

/// The ends of the names of the files that `gencert -into` makes.
const GENCERT_SUFFIXES: [&str; 3] = ["-key.pem", ".pem", ".csr"];

/// A key that an earlier run wrote, and the bytes of the certificate beside it, if it came to that.
struct OldSet {
    /// The path of the key.
    path: PathBuf,
    key: Zeroizing<Vec<u8>>,
    public_key: PublicKey,
    certificate: Option<Certificate>,
    has_request: bool,
}

impl OldSet {
    /// Reads the set whose names begin with `base`; `None` if there is no key.
    fn read(base: &Path) -> Result<Option<Self>, CommandError> {
        let path = with_suffix(base, GENCERT_SUFFIXES[0]);
        if path.symlink_metadata().is_err_and(|error| error.kind() == ErrorKind::NotFound) {
            return Ok(None);
        }
        let key = read(&path)?;
        let Ok(private) = PrivateKey::read(&key, None) else { return Err(is_there(&path)) };
        let [_, certificate, request] = GENCERT_SUFFIXES.map(|suffix| with_suffix(base, suffix));
        let certificate = match certificate.exists() {
            true => Some(Certificate::read(&read(&certificate)?).map_err(|_| is_there(&certificate))?),
            false => None,
        };
        let public_key = private.public_key().clone();
        Ok(Some(Self { path, key, public_key, certificate, has_request: request.exists() }))
    }

    /// Whether nothing is missing. Fails if the set is not one that this command would make.
    fn is_whole(&self, request: &Request, context: &Context<'_>) -> Result<bool, CommandError> {
        let is_of_kind = self.public_key.kind() == request.key.into();
        let Some(certificate) = &self.certificate else {
            return if is_of_kind { Ok(false) } else { Err(is_there(&self.path)) };
        };
        let names = SubjectAltNames::from_hosts(&request.hosts)?.value;
        let is_as_asked = is_of_kind
            && certificate.is_for(&self.public_key)
            && *certificate.subject() == request.subject()?
            && certificate.subject_alt_names().to_string() == names.to_string()
            && certificate.verify_issued_by(context.issuer.certificate()).is_ok()
            && certificate.is_valid_at(context.now);
        if is_as_asked { Ok(self.has_request) } else { Err(is_there(&self.path)) }
    }
}

/// The key that is there already in the place of a new one.
impl KeySource for OldSet {
    fn generate(&self, _: KeyAlgorithm) -> Result<PrivateKey, x509::Error> {
        PrivateKey::read(&self.key, None)
    }
}

fn is_there(path: &Path) -> CommandError {
    CommandError::new(format!("{} is already there; nothing was made", path.display())).hint(
        "choose another folder, or replace the private key with -force; a set that this command would make is kept",
    )
}

/// Runs `sign -into DIR CSR...`.
pub(crate) fn sign(flags: &IntoFlags<'_>, terminal: &mut Terminal<'_>) -> Result<(), CommandError> {
    run(flags, terminal, &[".pem"], |context, Item { source: path, .. }| {
        let request = CertificateRequest::read(&read(path)?).and_then(CertificateRequest::verify);
        let request = request.map_err(|error| error.in_file(path))?;
        let (profile, crl_url) = (&context.profile, context.crl_url);
        let signing = SigningRequest { request: &request, profile, subject: None, names: None, crl_url };
        let signed = context.issuer.sign(&signing, context.now, &SystemRandomness);
        let signed = signed.map_err(|error: Error| error.in_file(path))?;
        Ok((vec![public(".pem", signed.value.to_pem())], signed.notices))
    })
}

fn public(suffix: &'static str, text: String) -> Artifact {
    Artifact::public(suffix, Zeroizing::new(text.into_bytes()))
}

/// Makes the files of all certificates with `make`, and writes them.
fn run(
    flags: &IntoFlags<'_>,
    terminal: &mut Terminal<'_>,
    suffixes: &[&str],
    make: impl Fn(&Context<'_>, &Item) -> Result<NewFiles, CommandError> + Sync,
) -> Result<(), CommandError> {
    let IntoFlags { folder, force, log, .. } = *flags;
    let items = flags.items(suffixes)?;
    let _lock = files::begin(Some(folder))?;
    flags.ca.refuse_to_replace(items.iter().map(|item| with_suffix(&item.base, ".pem")))?;
    if !force {
        let bases: Vec<&Path> = items.iter().map(|item| item.base.as_path()).collect();
        files::refuse_existing_keys(&bases, suffixes, folder)?;
    }
    let issuer = flags.ca.issuer(log, terminal)?;
    let profile = flags.profile.signing_profile(Config::default(), log, terminal)?;
    let context = Context { issuer, profile, crl_url: flags.crl_url, now: (terminal.now)() };
    log.warnings(terminal, flags.config_notices);
    let kept = AtomicUsize::new(0);
    let bar = progress::bar("{bar:30} {pos}/{len} {per_sec} {eta}", Some(items.len()), terminal);
    let stage = |item: &Item| {
        let staged = make(&context, item)
            .inspect(|(artifacts, _)| {
                kept.fetch_add(usize::from(artifacts.is_empty()), Ordering::Relaxed);
            })
            .and_then(|(artifacts, notices)| Ok((files::stage(&artifacts, &item.base, force)?, notices)));
        bar.inc(1);
        staged
    };
    let tell = |item: &Item, notices: Vec<Notice>| {
        for notice in notices {
            log.warning(terminal, format_args!("{}: {notice}", item.source.display()));
        }
    };
    disk::write_many(&items, stage, tell).map_err(|Stopped { written, error }| {
        let next = items.get(written).map(|item| item.source.display().to_string()).unwrap_or_default();
        error.also_hint(&format!(
            "{written} of {} certificates were written; after that, go on with {next}",
            items.len()
        ))
    })?;
    bar.finish_and_clear();
    let kept = kept.into_inner();
    if kept > 0 {
        log.info(terminal, format_args!("kept {kept} that were there already in {}", folder.display()));
    }
    let certificates = if items.len() == 1 { "certificate" } else { "certificates" };
    log.info(terminal, format_args!("made {} {certificates} in {}", items.len() - kept, folder.display()));
    Ok(())
}
