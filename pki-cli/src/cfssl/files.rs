//! Writing the files that commands of cfssl make, and the rule when a private key may be overwritten.

use std::collections::HashSet;
use std::ffi::OsString;
use std::fs;
use std::io::{self, ErrorKind};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use pki_core::disk::{self, Batch, BatchError, Existing, KeyIsThere, Mode, Staged};
use zeroize::Zeroizing;

use crate::terminal::CommandError;

/// The mode of files that hold a private key.
pub(super) const SECRET_MODE: Mode = Mode::Exactly(0o600);
/// The mode of all other files, less the umask.
pub(super) const PUBLIC_MODE: Mode = Mode::Masked(0o644);

/// The content of one file.
pub(super) struct Artifact {
    /// The end of the file's name.
    pub(super) suffix: &'static str,
    pub(super) bytes: Zeroizing<Vec<u8>>,
    pub(super) mode: Mode,
    /// Whether it is a private key.
    pub(super) secret: bool,
    /// Printed as base64, for it may not be text.
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
            // Room for the newline too: growing would leave a copy behind.
            let mut text = Zeroizing::new(Vec::with_capacity(self.bytes.len().saturating_add(1)));
            text.extend_from_slice(&self.bytes);
            text
        };
        text.push(b'\n');
        text
    }
}

/// Fails if the private key of a base name is there already: a new one is never the same.
pub(super) fn check_key_is_free(name: &str) -> Result<(), CommandError> {
    let path = PathBuf::from(format!("{name}-key.pem"));
    match fs::symlink_metadata(&path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(failed("open", &path, &error)),
        Ok(_) => Err(key_is_there(&path)),
    }
}

/// Writes the files: all checks first, then all contents, then all names. Returns which files were written; one that
/// is there already and needs nothing is not among them.
pub(super) fn write(artifacts: &[Artifact], name: &str, force: bool) -> Result<Vec<PathBuf>, CommandError> {
    let mut permitted = Vec::new();
    for artifact in artifacts {
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

/// The files of one certificate among many, each with `base` for the first part of its name.
pub(super) fn stage(artifacts: &[Artifact], base: &Path, force: bool) -> Result<Batch, BatchError> {
    let mut batch = Batch::default();
    for artifact in artifacts {
        let path = with_suffix(base, artifact.suffix);
        let existing = match artifact.secret {
            _ if force => Existing::ReplaceKeys,
            true => Existing::Keep,
            false => Existing::Replace,
        };
        let staged = Staged::new(&path, &artifact.bytes, artifact.mode, existing);
        batch.add(staged.map_err(|source| BatchError { path, source })?);
    }
    Ok(batch)
}

/// The path `base` with `suffix` behind its last part.
pub(super) fn with_suffix(base: &Path, suffix: &str) -> PathBuf {
    let mut path = base.as_os_str().to_owned();
    path.push(suffix);
    path.into()
}

fn failed(action: &str, path: &Path, error: &io::Error) -> CommandError {
    CommandError::new(format!("{action} {}: {}", path.display(), reason(error)))
}

/// How the file may be written; `None` if there is nothing to do.
fn permission(path: &Path, artifact: &Artifact, force: bool) -> Result<Option<Existing>, CommandError> {
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

fn key_is_there(path: &Path) -> CommandError {
    CommandError::new(format!("{} is already there, with other content; nothing was written", path.display()))
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

/// The system's words for an error, as Go writes them.
pub(super) fn reason(error: &io::Error) -> String {
    let text = error.to_string();
    let text = text.split_once(" (os error").map_or(text.as_str(), |(words, _)| words);
    let mut chars = text.chars();
    chars.next().map(|first| first.to_lowercase().chain(chars).collect()).unwrap_or_default()
}

/// Refuses to make many certificates where a private key would be overwritten, before the first one is made. `bases`
/// are the files without their suffixes, all of them in `folder`.
pub(super) fn refuse_existing_keys(
    bases: &[&Path],
    suffixes: &[&str],
    folder: &Path,
) -> Result<(), CommandError> {
    let entries = folder.read_dir().and_then(|entries| entries.map(|entry| Ok(entry?.file_name())).collect());
    let present: HashSet<OsString> = entries.map_err(|error| {
        CommandError::new(format!("cannot read {}: {error}", folder.display()))
            .hint("whether a key would be overwritten is looked up there; -force does not ask")
    })?;
    for suffix in suffixes {
        for base in bases {
            let path = with_suffix(base, suffix);
            let is_there = path.file_name().is_some_and(|name| present.contains(name));
            // A certificate may have the name that another's key has.
            let is_key = || suffix.ends_with("-key.pem") || disk::holds_private_key(&path).unwrap_or(true);
            if is_there && is_key() {
                let message = format!("{} is already there; nothing was made", path.display());
                return Err(CommandError::new(message).hint("a private key is only replaced with -force"));
            }
        }
    }
    Ok(())
}
