//! Taking turns in a folder: writers one at a time, readers together (flock(2)).

#![allow(clippy::disallowed_methods, reason = "this module reads the kernel's list of locks")]

use std::fmt;
use std::fs::{self, File, TryLockError};
use std::io::{self, ErrorKind};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::signal::kill;
use nix::unistd::Pid;

use crate::disk::set::Leftovers;
use crate::disk::target::TEMPORARY_PREFIX;

/// What a process does in a folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// It reads, together with others that read.
    Read,
    /// It writes, alone.
    Write,
}

/// A folder that this process has locked. Dropping the value ends that. The folder itself is locked, so no file is left.
#[derive(Debug)]
pub struct FolderLock(#[expect(dead_code, reason = "it holds the lock")] File);

/// The reason inside of an [`io::Error`] of the kind [`ErrorKind::WouldBlock`]: another process has the lock.
#[derive(Debug, thiserror::Error)]
pub struct Busy {
    /// The process ID and the command line of the other process, if they could be found.
    pub holder: Option<(i32, String)>,
}

/// How long a process waits for another. Making the certificates of a large cluster takes less.
const LONGEST_WAIT: Duration = Duration::from_secs(10);

/// The time between two attempts. flock(2) itself cannot wait for a limited time.
const PAUSE: Duration = Duration::from_millis(20);

impl Busy {
    /// The reason in an error; `None` if the error has another one.
    pub fn in_error(error: &io::Error) -> Option<&Self> {
        error.get_ref()?.downcast_ref()
    }
}

impl fmt::Display for Busy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.holder {
            Some((id, command)) => write!(f, "the process {id} ({command}) is working there"),
            None => f.write_str("another process is working there"),
        }
    }
}

impl FolderLock {
    /// Locks a folder, and waits up to ten seconds for other processes that have it locked.
    ///
    /// ```
    /// use pki_core::disk::{Access, FolderLock};
    ///
    /// let folder = tempfile::tempdir()?;
    /// let first = FolderLock::new(folder.path(), Access::Read)?;
    /// let second = FolderLock::new(folder.path(), Access::Read)?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Busy`] if another process has it locked all that time, and what the operating system says if the folder cannot be
    /// locked, because it may not be read or its file system has no locks.
    pub fn new(folder: &Path, access: Access) -> io::Result<Self> {
        Self::within(folder, access, LONGEST_WAIT)
    }

    fn within(folder: &Path, access: Access, wait: Duration) -> io::Result<Self> {
        let file = File::open(folder)?;
        let began = Instant::now();
        loop {
            let result = match access {
                Access::Read => file.try_lock_shared(),
                Access::Write => file.try_lock(),
            };
            match result {
                Ok(()) => return Ok(Self(file)),
                Err(TryLockError::WouldBlock) if began.elapsed() < wait => thread::sleep(PAUSE),
                Err(TryLockError::WouldBlock) => {
                    return Err(io::Error::new(ErrorKind::WouldBlock, Busy { holder: holder(&file) }));
                }
                Err(TryLockError::Error(error)) => return Err(error),
            }
        }
    }
}

/// Locks a folder if that is possible. `None` if it cannot be locked, as on a file system that is read-only or has no locks.
///
/// # Errors
///
/// [`Busy`] if another process has it locked.
pub fn lock_if_possible(folder: &Path, access: Access) -> io::Result<Option<FolderLock>> {
    match FolderLock::new(folder, access) {
        Ok(lock) => Ok(Some(lock)),
        Err(error) if Busy::in_error(&error).is_some() => Err(error),
        Err(_) => Ok(None),
    }
}

/// The process that has a file locked, from proc(5), "/proc/locks".
fn holder(file: &File) -> Option<(i32, String)> {
    let inode = format!(":{}", file.metadata().ok()?.ino());
    let locks = fs::read_to_string("/proc/locks").ok()?;
    let fields = locks.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    // A process that waits has `->` before the kind of its lock.
    let id = fields
        .filter(|fields| fields.get(1) == Some(&"FLOCK"))
        .find(|fields| fields.get(5).is_some_and(|file| file.ends_with(&inode)))
        .and_then(|fields| fields.get(4)?.parse::<i32>().ok())
        .filter(|id| *id > 0)?;
    let command = fs::read(format!("/proc/{id}/cmdline")).unwrap_or_default();
    let words: Vec<_> = command.split(|byte| *byte == 0).map(String::from_utf8_lossy).collect();
    Some((id, words.join(" ").trim_end().to_owned()))
}

/// Deletes the temporary files that a killed process left in `folder`, and returns their number. Those of a process that
/// runs stay. Files that were to be replaced together, of which a killed process replaced only a part, get their old contents
/// again.
///
/// The caller has to hold the lock of the folder.
///
/// # Errors
///
/// What the operating system says if the folder cannot be read, or a file in it cannot be deleted.
pub fn remove_leftovers(folder: &Path) -> io::Result<usize> {
    let mut removed = 0;
    let mut sets = Leftovers::default();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        let Some(rest) = name.to_str().and_then(|name| name.strip_prefix(TEMPORARY_PREFIX)) else { continue };
        let kind = entry.file_type()?;
        let is_leftover = (kind.is_file() || kind.is_symlink()) && !is_of_running_process(rest);
        if is_leftover && !sets.add(&entry.path(), rest.as_ref()) {
            fs::remove_file(entry.path())?;
            removed += 1;
        }
    }
    Ok(removed + sets.settle()?)
}

/// Whether the rest of a temporary name begins with the number of another process that runs.
fn is_of_running_process(rest: &str) -> bool {
    let id = rest.split_once('-').and_then(|(id, _)| id.parse::<i32>().ok());
    // In a container every process may have the number of this one. Whoever writes has the lock, so it is not another.
    let other = id.filter(|id| *id > 0).map(Pid::from_raw).filter(|id| *id != Pid::this());
    other.is_some_and(|id| !matches!(kill(id, None), Err(Errno::ESRCH)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::tests::names;

    #[test]
    fn readers_come_together_and_a_writer_alone() {
        let folder = tempfile::tempdir().unwrap();
        let now = Duration::ZERO;
        let readers =
            [Access::Read, Access::Read].map(|access| FolderLock::within(folder.path(), access, now));
        assert!(readers.iter().all(Result::is_ok));
        let error = FolderLock::within(folder.path(), Access::Write, now).unwrap_err();
        let Busy { holder } = Busy::in_error(&error).unwrap();
        // In a container without its own /proc the process cannot be found.
        assert!(holder.as_ref().is_none_or(|(id, _)| *id == Pid::this().as_raw()), "{holder:?}");
        drop(readers);
        let writer = FolderLock::within(folder.path(), Access::Write, now).unwrap();
        for access in [Access::Read, Access::Write] {
            assert!(FolderLock::within(folder.path(), access, now).is_err());
        }
        drop(writer);
        assert!(FolderLock::within(folder.path(), Access::Write, now).is_ok());
        assert!(lock_if_possible(&folder.path().join("none"), Access::Read).unwrap().is_none());
    }

    #[test]
    fn only_leftovers_are_removed() {
        let folder = tempfile::tempdir().unwrap();
        let (own, parent) = (Pid::this(), Pid::parent());
        let of_own = format!(".etcdpki-{own}-a1b2c3");
        let of_running = format!(".etcdpki-{parent}-a1b2c3");
        // Linux gives no process a number as great as this.
        let of_killed = ".etcdpki-2147483647-a1b2c3";
        let all = [".etcdpki-a1b2c3", &of_own, &of_running, of_killed, "key.pem", "x.etcdpki-1"];
        for name in all {
            fs::write(folder.path().join(name), "").unwrap();
        }
        fs::create_dir(folder.path().join(".etcdpki-folder")).unwrap();
        assert_eq!(remove_leftovers(folder.path()).unwrap(), 3);
        assert_eq!(names(folder.path()), [of_running.as_str(), ".etcdpki-folder", "key.pem", "x.etcdpki-1"]);
        assert_eq!(remove_leftovers(folder.path()).unwrap(), 0);
    }
}
