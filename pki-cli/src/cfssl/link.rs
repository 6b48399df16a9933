//! `etcdpki link DIR`: links with the names of cfssl's programs.

use std::ffi::OsString;
use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::symlink;
use std::path::Path;

use super::flags::LINK_FLAGS;
use crate::failure::Failure;
use crate::io::Io;

/// The programs that this one stands in for.
const NAMES: [&str; 5] = ["cfssl", "cfssl-certinfo", "cfssl-newkey", "cfssljson", "mkbundle"];

/// Runs `link` with `args`, which do not hold the command's name.
pub(crate) fn run(args: Vec<OsString>, io: &mut Io<'_>) -> Result<(), Failure> {
    let Some(flags) = super::parsed("etcdpki link [-force] DIR", LINK_FLAGS, args, io)? else {
        return Ok(());
    };
    let [folder] = flags.operands() else {
        return Err(Failure::user("link needs one folder").hint("etcdpki link /usr/local/bin"));
    };
    let program = std::env::current_exe()
        .map_err(|error| Failure::user(format!("cannot tell where this program is: {error}")))?;
    let folder = Path::new(folder);
    // All are looked at before the first is made.
    for name in NAMES {
        check(&folder.join(name), &program, flags.switch("force"))?;
    }
    for name in NAMES {
        let link = folder.join(name);
        make(&link, &program)
            .map_err(|error| Failure::user(format!("cannot make the link {}: {error}", link.display())))?;
        writeln!(io.output, "{} -> {}", link.display(), program.display())?;
    }
    Ok(())
}

fn check(link: &Path, program: &Path, force: bool) -> Result<(), Failure> {
    let present = match fs::symlink_metadata(link) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        other => {
            other.map_err(|error| Failure::user(format!("cannot look at {}: {error}", link.display())))?
        }
    };
    let ours = fs::read_link(link).is_ok_and(|target| target == program);
    if ours || (force && !present.is_dir()) {
        return Ok(());
    }
    Err(Failure::user(format!("{} is already there; no link was made", link.display()))
        .hint("choose another folder, or replace what is there with -force"))
}

/// Replaces what is there in one step, so that the name never leads nowhere.
fn make(link: &Path, program: &Path) -> std::io::Result<()> {
    let mut name = link.file_name().unwrap_or_default().to_owned();
    name.push(format!(".etcdpki-{}", std::process::id()));
    let temporary = link.with_file_name(name);
    symlink(program, &temporary)?;
    fs::rename(&temporary, link).inspect_err(|_| {
        let _ = fs::remove_file(&temporary);
    })
}
