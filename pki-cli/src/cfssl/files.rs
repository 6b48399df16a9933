//! Writes the files that cfssl's commands make, and decides whether a private key may be overwritten.

use std::collections::HashSet;
use std::ffi::OsString;
use std::fs;
use std::io::{self, ErrorKind};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use pki_core::disk::{self, Batch, BatchError, Existing, FolderLock, KeyIsThere, Mode, Staged};
use pki_core::x509::PrivateKey;
use zeroize::Zeroizing;

use super::replace_keys;

use crate::terminal::CommandError;

/// The mode of files that hold a private key.
pub(super) const SECRET_MODE: Mode = Mode::Exactly(0o600);
/// The mode of all other files, from which the umask takes bits away.
pub(super) const PUBLIC_MODE: Mode = Mode::Masked(0o644);

/// The contents of one file, and how to write it.
pub(super) struct Artifact {
    /// The end of the file's name, such as `-key.pem`.
    pub(super) suffix: &'static str,
    pub(super) bytes: Zeroizing<Vec<u8>>,
    pub(super) mode: Mode,
    /// Whether the file holds a private key.
    pub(super) secret: bool,
    /// Whether the contents may not be text, so that they are printed as base64.
    pub(super) binary: bool,
}

impl Artifact {
    /// A file that everybody may read.
    pub(super) fn public(suffix: &'static str, bytes: Zeroizing<Vec<u8>>) -> Self {
        Self { suffix, bytes, mode: PUBLIC_MODE, secret: false, binary: false }
    }

    /// A file that holds a private key.
    pub(super) fn secret(suffix: &'static str, bytes: Zeroizing<Vec<u8>>) -> Self {
        Self { suffix, bytes, mode: SECRET_MODE, secret: true, binary: false }
    }

    /// The file as `cfssljson -stdout` prints it.
    pub(super) fn printed(&self) -> Zeroizing<Vec<u8>> {
        let mut text = if self.binary {
            Zeroizing::new(STANDARD.encode(&*self.bytes).into_bytes())
        } else {
            // The newline has room too, because a vector that grows leaves a copy of the key in memory.
            let mut text = Zeroizing::new(Vec::with_capacity(self.bytes.len().saturating_add(1)));
            text.extend_from_slice(&self.bytes);
            text
        };
        text.push(b'\n');
        text
    }
}

/// Fails if the private key's file of a base name exists. A new key always differs from the one in it.
pub(super) fn check_key_is_free(name: &str) -> Result<(), CommandError> {
    let path = PathBuf::from(format!("{name}-key.pem"));
    match fs::symlink_metadata(&path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(failed("open", &path, &error)),
        Ok(_) => Err(key_is_there(&path)),
    }
}

/// Writes the files: first all checks, then all contents, then all names. Returns the paths that were written, without
/// those of keys that were there already.
pub(super) fn write(artifacts: &[Artifact], name: &str, force: bool) -> Result<Vec<PathBuf>, CommandError> {
    let _lock = begin(Path::new(&format!("{name}.pem")).parent())?;
    let mut permitted = Vec::new();
    for artifact in artifacts {
        let path = PathBuf::from(format!("{name}{}", artifact.suffix));
        if let Some(existing) = permission(&path, artifact, force)? {
            permitted.push((artifact, path, existing));
        }
    }
    // Keys get their names last. If the process is killed before, the same command makes everything anew, and if a key is
    // replaced, then by one whose certificate is there.
    permitted.sort_by_key(|(artifact, ..)| artifact.secret);
    let has_key = permitted.iter().any(|(artifact, ..)| artifact.secret);
    let (mut files, mut paths) = (Vec::new(), Vec::new());
    for (artifact, path, existing) in permitted {
        let staged = Staged::new(&path, &artifact.bytes, artifact.mode, existing);
        let staged = staged.map_err(|error| match KeyIsThere::in_error(&error) {
            Some(_) => key_is_there(&path),
            None => failed("open", &path, &error),
        })?;
        files.push(staged);
        paths.push(path);
    }
    batch(files, has_key).commit().map_err(|error| failed("write", &error.path, &error.source))?;
    Ok(paths)
}

/// Begins to write into a folder, of which no other process writes files of ours until the result is dropped. So the key and
/// the certificate of a set are of one run.
pub(super) fn begin(folder: Option<&Path>) -> Result<Option<FolderLock>, CommandError> {
    let folder = folder.filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    disk::begin(folder).map_err(|error| {
        CommandError::new(format!("cannot write into {}: {error}", folder.display()))
            .hint("wait until it has finished, then try again")
    })
}

/// Stages the files of one certificate among many. Their names begin with `base`.
pub(super) fn stage(artifacts: &[Artifact], base: &Path, force: bool) -> Result<Batch, BatchError> {
    let mut files = Vec::new();
    for artifact in artifacts {
        let path = with_suffix(base, artifact.suffix);
        let existing = match artifact.secret {
            _ if force => Existing::ReplaceKeys,
            true => Existing::Keep,
            false => Existing::Replace,
        };
        let staged = Staged::new(&path, &artifact.bytes, artifact.mode, existing);
        files.push(staged.map_err(|source| BatchError { path, source })?);
    }
    Ok(batch(files, artifacts.iter().any(|artifact| artifact.secret)))
}

/// A batch of the files of one certificate. With a key they change together.
fn batch(files: Vec<Staged>, has_key: bool) -> Batch {
    let mut batch = Batch::default();
    match has_key {
        true => batch.add_set(files),
        false => files.into_iter().for_each(|file| batch.add(file)),
    }
    batch
}

/// The path `base` with `suffix` appended to its last part.
pub(super) fn with_suffix(base: &Path, suffix: &str) -> PathBuf {
    let mut path = base.as_os_str().to_owned();
    path.push(suffix);
    path.into()
}

fn failed(action: &str, path: &Path, error: &io::Error) -> CommandError {
    CommandError::new(format!("{action} {}: {}", path.display(), reason(error)))
}

/// What the file may replace; `None` if it is there already with the right contents and mode.
fn permission(path: &Path, artifact: &Artifact, force: bool) -> Result<Option<Existing>, CommandError> {
    let replaceable = match artifact.secret {
        _ if force => Some(Existing::ReplaceKeys),
        true => None,
        // With the base names `peer-key` and `peer`, the certificate of one has the name of the other's key.
        // `Existing::Replace` refuses to replace a private key.
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
        // The contents may have another form, so `Existing::Replace` would refuse.
        Comparison::SameButReadable => Ok(Some(Existing::ReplaceKeys)),
        Comparison::Different => Err(key_is_there(path)),
    }
}

fn key_is_there(path: &Path) -> CommandError {
    CommandError::new(format!(
        "{} is already there, with other contents; nothing was written",
        path.display()
    ))
    .hint(format!(
        "choose another base name, or replace the private key with -force; for a script that renews certificates, set \
         {}=1, or make its links with `etcdpki link -replace-keys DIR`",
        replace_keys::VARIABLE
    ))
}

/// A file that exists, compared with the contents that are to be written.
enum Comparison {
    /// It is the same private key, in whatever form, and only the owner may read the file.
    Same,
    /// It is the same private key, but others than the owner may read or write the file.
    SameButReadable,
    /// It is something else, or it is not a regular file.
    Different,
}

/// More bytes than the file of a private key has.
const LONGEST_KEY: u64 = 64 * 1024;

/// Whether both texts hold the same private key: in PKCS#8, PKCS#1 or SEC 1, with any ends of lines.
fn is_same_key(one: &[u8], other: &[u8]) -> bool {
    let key = |text| PrivateKey::read(text, None).ok();
    one == other
        || key(one).zip(key(other)).is_some_and(|(one, other)| one.public_key() == other.public_key())
}

fn compare(path: &Path, bytes: &[u8]) -> io::Result<Comparison> {
    let metadata = match fs::metadata(path) {
        // A symbolic link to a file that does not exist.
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Comparison::Different),
        other => other?,
    };
    // Reading a pipe or a device could wait for ever.
    if !metadata.is_file() || metadata.len() > LONGEST_KEY {
        return Ok(Comparison::Different);
    }
    if !is_same_key(&disk::read(path, LONGEST_KEY)?, bytes) {
        return Ok(Comparison::Different);
    }
    let private = metadata.permissions().mode() & 0o077 == 0;
    Ok(if private { Comparison::Same } else { Comparison::SameButReadable })
}

/// The text of the system's error, as Go writes it: in small letters and without the number.
pub(super) fn reason(error: &io::Error) -> String {
    let text = error.to_string();
    let text = text.split_once(" (os error").map_or(text.as_str(), |(words, _)| words);
    let mut chars = text.chars();
    chars.next().map(|first| first.to_lowercase().chain(chars).collect()).unwrap_or_default()
}

/// Fails if one of many certificates or requests would overwrite a private key, before the first one is made. Keys that have
/// the names of new ones are judged with their sets. `bases` are the paths
/// of the files without their suffixes, all of them in `folder`.
pub(super) fn refuse_existing_keys(
    bases: &[&Path],
    suffixes: &[&str],
    folder: &Path,
) -> Result<(), CommandError> {
    let entries = folder.read_dir().and_then(|entries| entries.map(|entry| Ok(entry?.file_name())).collect());
    let present: HashSet<OsString> = entries.map_err(|error| {
        CommandError::new(format!("cannot read {}: {error}", folder.display()))
            .hint("make the folder readable, or give -force to overwrite keys without asking")
    })?;
    for suffix in suffixes {
        for base in bases {
            let path = with_suffix(base, suffix);
            let is_there = path.file_name().is_some_and(|name| present.contains(name));
            // The file that a certificate would replace may be a key.
            let is_key = || !suffix.ends_with("-key.pem") && disk::holds_private_key(&path).unwrap_or(true);
            if is_there && is_key() {
                let message = format!("{} is already there; nothing was made", path.display());
                return Err(CommandError::new(message)
                    .hint("choose another folder, or replace the private key with -force"));
            }
        }
    }
    Ok(())
}
