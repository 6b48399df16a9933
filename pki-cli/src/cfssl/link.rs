//! `etcdpki link DIR`: links with the names of cfssl's programs.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::symlink;
use std::path::Path;

use pki_core::disk::{self, Batch, Existing, Mode, Staged, TEMPORARY_PREFIX};
use pki_core::etcd::shell_word;

use super::files;
use super::goflag::CommandLine;
use super::invocation::refuse_misplaced;
use super::replace_keys;
use crate::terminal::{CommandError, Terminal};

/// The names of the links: the programs whose place etcdpki takes.
const NAMES: [&str; 5] = ["cfssl", "cfssl-certinfo", "cfssl-newkey", "cfssljson", "mkbundle"];

/// Runs `link`.
pub(crate) fn run(flags: CommandLine, terminal: &mut Terminal<'_>) -> Result<(), CommandError> {
    refuse_misplaced(&flags)?;
    let force = flags.switch("force");
    let [folder] = flags.operands() else {
        return Err(
            CommandError::new("link needs the name of one folder").hint("write etcdpki link /usr/local/bin")
        );
    };
    let program = std::env::current_exe()
        .map_err(|error| CommandError::new(format!("cannot tell where this program is: {error}")))?;
    let folder = Path::new(folder);
    let _lock = files::begin(Some(folder))?;
    // All names are checked before the first link is made.
    for name in NAMES {
        check(&folder.join(name), &program, force)?;
    }
    let links = match flags.switch("replace-keys") {
        true => folder.join(BEHIND),
        false => folder.to_owned(),
    };
    fs::create_dir_all(&links)
        .map_err(|error| CommandError::new(format!("cannot make {}: {error}", links.display())))?;
    // A script is called from anywhere.
    let links = fs::canonicalize(&links)
        .map_err(|error| CommandError::new(format!("cannot look at {}: {error}", links.display())))?;
    // The links behind the scripts are in a folder of their own, which may have what a killed run left, too.
    let _links_lock = if flags.switch("replace-keys") { files::begin(Some(&links))? } else { None };
    for name in NAMES {
        let link = links.join(name);
        make(&link, &program).map_err(|error| {
            CommandError::new(format!("cannot make the link {}: {error}", link.display()))
        })?;
        writeln!(terminal.output, "{} -> {}", link.display(), program.display())?;
        if flags.switch("replace-keys") {
            let script = folder.join(name);
            write_script(&script, &link)?;
            writeln!(terminal.output, "{} -> {}", script.display(), link.display())?;
        }
    }
    Ok(())
}

/// The folder of the links that scripts stand before.
const BEHIND: &str = ".etcdpki";

/// The second line of the scripts, by which they are known.
const MARK: &str = "# Made by `etcdpki link -replace-keys`: private keys that exist may be replaced.";

/// More bytes than such a script has.
const LONGEST_SCRIPT: u64 = 64 * 1024;

/// A script that runs the program behind `link` and lets it replace private keys.
fn wrapper(link: &Path) -> String {
    let link = shell_word(&link.to_string_lossy());
    format!("#!/bin/sh\n{MARK}\n{}=1 exec {link} \"$@\"\n", replace_keys::VARIABLE)
}

fn write_script(script: &Path, link: &Path) -> Result<(), CommandError> {
    let failed = |error: &std::io::Error| CommandError::write(script, error);
    let mut batch = Batch::default();
    let staged = Staged::new(script, wrapper(link).as_bytes(), Mode::Masked(0o755), Existing::Replace);
    batch.add(staged.map_err(|error| failed(&error))?);
    batch.commit().map_err(|error| failed(&error.source))
}

/// Fails if something other than a link to `program` has the name of a link, and `force` does not allow to replace it.
fn check(link: &Path, program: &Path, force: bool) -> Result<(), CommandError> {
    let present = match fs::symlink_metadata(link) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        other => {
            other.map_err(|error| CommandError::new(format!("cannot look at {}: {error}", link.display())))?
        }
    };
    let ours = fs::read_link(link).is_ok_and(|target| target == program)
        || present.is_file()
            && disk::read(link, LONGEST_SCRIPT)
                .is_ok_and(|text| text.windows(MARK.len()).any(|part| part == MARK.as_bytes()));
    // What is no file, such as a device, and what cannot be read stays.
    let is_replaceable = || present.is_symlink() || disk::holds_private_key(link).is_ok_and(|holds| !holds);
    if ours || (force && (present.is_file() || present.is_symlink()) && is_replaceable()) {
        return Ok(());
    }
    Err(CommandError::new(format!("{} is already there; no link was made", link.display()))
        .hint("choose another folder, or replace the file with -force"))
}

/// Makes a link. It replaces a file of its name in one step, so that the name exists all the time.
fn make(link: &Path, program: &Path) -> std::io::Result<()> {
    let name = link.file_name().unwrap_or_default().to_string_lossy();
    let temporary = link.with_file_name(format!("{TEMPORARY_PREFIX}{}-{name}", std::process::id()));
    symlink(program, &temporary)?;
    fs::rename(&temporary, link).inspect_err(|_| {
        let _ = fs::remove_file(&temporary);
    })
}
