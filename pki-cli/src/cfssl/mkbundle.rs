//! `mkbundle`: the certificates of files and folders in one file.

use std::path::{Path, PathBuf};

use pki_core::disk::{self, Existing, LARGEST_FILE, Mode};
use pki_core::x509::Certificate;
use time::OffsetDateTime;

use super::goflag::CommandLine;
use super::invocation::refuse_misplaced;
use super::log::Log;
use crate::terminal::{CommandError, Terminal};

/// The deepest nesting of folders that is read. Deeper nesting is taken for a symbolic link to a folder above.
const DEEPEST: usize = 32;

/// The flags and operands of `mkbundle`.
struct Mkbundle<'a> {
    /// The files and folders to read certificates from.
    sources: &'a [String],
    /// The file to write.
    bundle: &'a str,
    log: Log,
}

impl<'a> Mkbundle<'a> {
    fn new(flags: &'a CommandLine) -> Result<Self, CommandError> {
        refuse_misplaced(flags)?;
        if flags.operands().is_empty() {
            return Err(CommandError::new("mkbundle needs files or folders with certificates")
                .hint("name them after the flags: mkbundle -f cert-bundle.crt /etc/ssl/certs/corporate"));
        }
        let log = Log::new(flags.integer("loglevel"));
        Ok(Self { sources: flags.operands(), bundle: flags.text("f"), log })
    }
}

/// Runs `mkbundle`.
///
/// Files that cannot be read and certificates that have ended are left out with a warning, and repeated certificates
/// without one. cfssl's mkbundle asks the servers of revocation lists too; this one does not.
pub(crate) fn run(flags: CommandLine, terminal: &mut Terminal<'_>) -> Result<(), CommandError> {
    let Mkbundle { sources, bundle, log } = Mkbundle::new(&flags)?;
    let mut files = Vec::new();
    for source in sources {
        collect(Path::new(source), 0, &mut files)?;
    }
    let now = (terminal.now)();
    let mut chosen: Vec<Certificate> = Vec::new();
    for file in &files {
        choose(file, now, &mut chosen, log, terminal);
    }
    if chosen.is_empty() {
        return Err(CommandError::new("there is no certificate to write")
            .hint("read the warnings above: they say why each file was left out"));
    }
    let text: String = chosen.iter().map(Certificate::to_pem).collect();
    disk::write(bundle.as_ref(), text.as_bytes(), Mode::Masked(0o644), Existing::Replace)
        .map_err(|error| CommandError::write(bundle.as_ref(), &error))?;
    log.info(terminal, format_args!("wrote {} certificates to {bundle}", chosen.len()));
    Ok(())
}

/// Adds the certificates of `file` that have not ended and are not in `chosen` yet.
fn choose(
    file: &Path,
    now: OffsetDateTime,
    chosen: &mut Vec<Certificate>,
    log: Log,
    terminal: &mut Terminal<'_>,
) {
    let read = disk::read(file, LARGEST_FILE).map_err(|error| error.to_string());
    let read = read.and_then(|bytes| Certificate::read_all(&bytes).map_err(|error| error.to_string()));
    let all = match read {
        Ok(all) => all,
        Err(reason) => {
            log.warning(terminal, format_args!("{}: left out: {reason}", file.display()));
            return;
        }
    };
    for certificate in all {
        let subject = certificate.subject().to_string();
        if certificate.not_after() < now {
            log.warning(terminal, format_args!("{}: left out: {subject} has ended", file.display()));
        } else if !chosen.contains(&certificate) {
            chosen.push(certificate);
        }
    }
}

/// Collects the files at and below `path`, in the order of their names.
fn collect(path: &Path, depth: usize, files: &mut Vec<PathBuf>) -> Result<(), CommandError> {
    let failed = |error| CommandError::new(format!("cannot read {}: {error}", path.display()));
    let metadata = std::fs::metadata(path).map_err(failed)?;
    if !metadata.is_dir() {
        // Reading a pipe that somebody left in the folder could wait for ever.
        if depth == 0 || metadata.is_file() {
            files.push(path.to_owned());
        }
        return Ok(());
    }
    if depth == DEEPEST {
        return Err(CommandError::new(format!(
            "{} is nested more than {DEEPEST} folders deep",
            path.display()
        ))
        .hint("remove symbolic links that lead to a folder above"));
    }
    let entries = std::fs::read_dir(path).map_err(failed)?;
    let mut entries: Vec<PathBuf> =
        entries.map(|entry| entry.map(|entry| entry.path())).collect::<Result<_, _>>().map_err(failed)?;
    entries.sort();
    entries.iter().try_for_each(|entry| collect(entry, depth + 1, files))
}
