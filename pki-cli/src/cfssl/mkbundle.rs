//! `mkbundle`: the certificates of files and folders in one file.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use pki_core::disk::{self, Existing, Mode};
use pki_core::x509::Certificate;

use super::flags::MKBUNDLE_FLAGS;
use super::log::Log;
use crate::failure::Failure;
use crate::io::Io;

/// Folders within folders beyond this depth are a loop of links.
const DEEPEST: usize = 32;

/// Runs `mkbundle` with `args`, which do not hold the program's name.
///
/// What cannot be read, has ended or is there twice is left out, with a warning; cfssl's mkbundle also asks
/// the servers of revocation lists.
pub(crate) fn run(args: Vec<OsString>, io: &mut Io<'_>) -> Result<(), Failure> {
    let Some(flags) = super::parsed("mkbundle [-f FILE] FILE|FOLDER...", MKBUNDLE_FLAGS, args, io)? else {
        return Ok(());
    };
    let log = Log::new(flags.integer("loglevel"));
    if flags.operands().is_empty() {
        return Err(Failure::user("mkbundle needs files or folders with certificates")
            .hint("mkbundle -f cert-bundle.crt FILE|FOLDER..."));
    }
    let mut files = Vec::new();
    for operand in flags.operands() {
        collect(Path::new(operand), 0, &mut files)?;
    }
    let now = (io.now)();
    let mut chosen: Vec<Certificate> = Vec::new();
    for file in &files {
        let read = std::fs::read(file).map_err(|error| error.to_string());
        let read = read.and_then(|bytes| Certificate::read_all(&bytes).map_err(|error| error.to_string()));
        let all = match read {
            Ok(all) => all,
            Err(reason) => {
                log.warning(io, format_args!("{}: left out: {reason}", file.display()));
                continue;
            }
        };
        for certificate in all {
            let subject = certificate.subject().to_string();
            if certificate.not_after() < now {
                log.warning(io, format_args!("{}: left out: {subject} has ended", file.display()));
            } else if !chosen.contains(&certificate) {
                chosen.push(certificate);
            }
        }
    }
    if chosen.is_empty() {
        return Err(Failure::user("there is no certificate to write").hint("the warnings above tell why"));
    }
    let path = flags.text("f");
    let text: String = chosen.iter().map(Certificate::to_pem).collect();
    disk::write(path.as_ref(), text.as_bytes(), Mode::Masked(0o644), Existing::Replace)
        .map_err(|error| Failure::write(path.as_ref(), &error))?;
    log.info(io, format_args!("wrote {} certificates to {path}", chosen.len()));
    Ok(())
}

/// The files at and below `path`, by name.
fn collect(path: &Path, depth: usize, files: &mut Vec<PathBuf>) -> Result<(), Failure> {
    let failed = |error| Failure::user(format!("cannot read {}: {error}", path.display()));
    if !std::fs::metadata(path).map_err(failed)?.is_dir() {
        files.push(path.to_owned());
        return Ok(());
    }
    if depth == DEEPEST {
        return Err(Failure::user(format!("{} is too deep: a link leads back", path.display())));
    }
    let entries = std::fs::read_dir(path).map_err(failed)?;
    let mut entries: Vec<PathBuf> =
        entries.map(|entry| entry.map(|entry| entry.path())).collect::<Result<_, _>>().map_err(failed)?;
    entries.sort();
    entries.iter().try_for_each(|entry| collect(entry, depth + 1, files))
}
