//! `gencert -into` and `sign -into`: many certificates from one CA, by one command.
//!
//! Each operand makes files with its own name: `peers/etcd1.json` makes `DIR/etcd1.pem`, `DIR/etcd1-key.pem` and
//! `DIR/etcd1.csr`. The CA and the config are read once, all cores work, and the files of a few hundred certificates
//! at a time reach the disk together.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use pki_core::cfssl::{self, Config, Error, NewRequest, Notice, Profile, Request, SigningRequest};
use pki_core::disk::{self, Stopped};
use pki_core::etcd::shell_word;
use pki_core::x509::{CertificateRequest, Issuer, SystemKeys, SystemRandomness};
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
pub(crate) fn gencert(flags: &IntoFlags<'_>, terminal: &mut Terminal<'_>) -> Result<(), CommandError> {
    run(flags, terminal, &["-key.pem", ".pem", ".csr"], |context, path| {
        let text = read(path)?;
        let request = Request::from_json(cfssl::text(&text, Some(path))?, Some(path))?;
        refuse_ca_section(&request.value)?;
        let (profile, crl_url) = (&context.profile, context.crl_url);
        let new = NewRequest { crl_url, ..NewRequest::new(&request.value, profile) };
        let made = context.issuer.gencert(&new, &SystemKeys, context.now, &SystemRandomness);
        let made = made.map_err(|error| error.in_file(path))?;
        let mut notices = request.notices;
        notices.extend(made.notices);
        let key = Zeroizing::new(made.value.key.to_pem().as_bytes().to_vec());
        let artifacts = vec![
            Artifact::secret("-key.pem", key),
            public(".pem", made.value.certificate.to_pem()),
            public(".csr", made.value.request.to_pem()),
        ];
        Ok((artifacts, notices))
    })
}

/// Runs `sign -into DIR CSR...`.
pub(crate) fn sign(flags: &IntoFlags<'_>, terminal: &mut Terminal<'_>) -> Result<(), CommandError> {
    run(flags, terminal, &[".pem"], |context, path| {
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
    make: impl Fn(&Context<'_>, &Path) -> Result<NewFiles, CommandError> + Sync,
) -> Result<(), CommandError> {
    let IntoFlags { folder, force, log, .. } = *flags;
    let items = flags.items(suffixes)?;
    flags.ca.refuse_to_replace(items.iter().map(|item| with_suffix(&item.base, ".pem")))?;
    if !force {
        let bases: Vec<&Path> = items.iter().map(|item| item.base.as_path()).collect();
        files::refuse_existing_keys(&bases, suffixes, folder)?;
    }
    let issuer = flags.ca.issuer(log, terminal)?;
    let profile = flags.profile.signing_profile(Config::default(), log, terminal)?;
    let context = Context { issuer, profile, crl_url: flags.crl_url, now: (terminal.now)() };
    log.warnings(terminal, flags.config_notices);
    let bar = progress::bar("{bar:30} {pos}/{len} {per_sec} {eta}", Some(items.len()), terminal);
    let stage = |item: &Item| {
        let staged = make(&context, &item.source)
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
    let certificates = if items.len() == 1 { "certificate" } else { "certificates" };
    log.info(terminal, format_args!("made {} {certificates} in {}", items.len(), folder.display()));
    Ok(())
}
