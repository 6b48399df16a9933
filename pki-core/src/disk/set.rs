//! Files that belong together, such as a private key and its certificate, and change together.
//!
//! Each file gets its name in a step of its own. Until all have theirs, the old files keep a second name, so that a set of
//! which only a part was replaced can be taken back: by the process itself if a step fails, and by the next one that
//! writes into the folder if the process was killed.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs::{self, Metadata};
use std::io::{self, ErrorKind};
use std::mem;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::disk::error::BatchError;
use crate::disk::staged::{PREFIX, Replacement, Staged};
use crate::disk::target::{Existing, folder_of};

/// The end of the second names of old files.
const OLD: &[u8] = b".old";

/// New files that get their names together, and the second names of the files that they replace.
#[derive(Debug)]
pub(super) struct FileSet {
    files: Vec<Replacement>,
    olds: Vec<Old>,
}

/// An old file with a second name.
#[derive(Debug)]
struct Old {
    /// The second name.
    path: PathBuf,
    /// The first name, which a new file gets.
    target: PathBuf,
}

impl FileSet {
    /// Whether files that replace others have to change together: a private key is replaced.
    pub(super) fn is_needed(files: &[Staged]) -> bool {
        files
            .iter()
            .any(|file| file.existing() == Existing::ReplaceKeys && file.target().symlink_metadata().is_ok())
    }

    /// Gives the old files their second names. On a file system without hard links they get none.
    pub(super) fn new(files: Vec<Staged>) -> Result<Self, BatchError> {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let mut set = Self { files: Vec::new(), olds: Vec::new() };
        let (mut new, mut has_links) = (Vec::new(), true);
        for staged in files {
            let replacement = staged.into_replacement()?;
            let target = replacement.target().to_owned();
            let path = second_name(&target, number);
            match fs::hard_link(&target, &path) {
                Ok(()) => set.olds.push(Old { path, target }),
                // A file without a predecessor comes last, so that it never stands beside an old one that does not fit.
                Err(error) if error.kind() == ErrorKind::NotFound => {
                    new.push(replacement);
                    continue;
                }
                Err(_) if target.is_dir() => {
                    return Err(BatchError { path: target, source: ErrorKind::IsADirectory.into() });
                }
                Err(_) => has_links = false,
            }
            set.files.push(replacement);
        }
        if !has_links {
            // With the second names of some files only, a part could not be told from the whole.
            set.delete_olds();
        }
        set.files.append(&mut new);
        Ok(set)
    }

    /// The new files, with the names that they will get.
    pub(super) fn files(&self) -> impl Iterator<Item = (&Path, &Path)> {
        self.files.iter().map(|file| (file.temporary(), file.target()))
    }

    /// Gives all files their names. If one cannot get it, those that were replaced are taken back.
    /// The old files keep their second names until the set is dropped.
    pub(super) fn replace(&mut self) -> Result<Vec<PathBuf>, BatchError> {
        let files = mem::take(&mut self.files).into_iter();
        files.map(Replacement::replace).collect::<Result<_, _>>().inspect_err(|_| {
            // What cannot be taken back now is for the next process that writes into the folder.
            let _ = settle(&mem::take(&mut self.olds), true);
        })
    }

    fn delete_olds(&mut self) {
        for old in self.olds.drain(..) {
            // The next process that writes into the folder deletes what stays.
            let _ = fs::remove_file(&old.path);
        }
    }
}

impl Drop for FileSet {
    fn drop(&mut self) {
        self.delete_olds();
    }
}

/// The second name of a file. It begins like every temporary name of this process.
fn second_name(target: &Path, number: usize) -> PathBuf {
    let mut name = OsString::from(format!("{}{number}-", *PREFIX));
    name.push(target.file_name().unwrap_or_default());
    name.push(OsStr::from_bytes(OLD));
    folder_of(target).join(name)
}

/// Collects the old files that killed processes left in a folder, and takes them back or deletes them.
#[derive(Debug, Default)]
pub(super) struct Leftovers(BTreeMap<Vec<u8>, Vec<Old>>);

impl Leftovers {
    /// Adds a file if it is an old one. `rest` is its name after the prefix of temporary names.
    pub(super) fn add(&mut self, path: &Path, rest: &OsStr) -> bool {
        // The number of the process, that of the set, and the first name.
        let mut parts = rest.as_bytes().splitn(3, |byte| *byte == b'-');
        let (Some(process), Some(set), Some(name)) = (parts.next(), parts.next(), parts.next()) else {
            return false;
        };
        let Some(name) = name.strip_suffix(OLD).filter(|name| !name.is_empty()) else { return false };
        let target = folder_of(path).join(OsString::from_vec(name.to_vec()));
        let set = [process, b"-", set].concat();
        self.0.entry(set).or_default().push(Old { path: path.to_owned(), target });
        true
    }

    /// Takes back each set of which only a part was replaced, and deletes the old files of the others. Returns their number.
    pub(super) fn settle(self) -> io::Result<usize> {
        let mut settled = 0;
        for olds in self.0.into_values() {
            settled += olds.len();
            settle(&olds, false)?;
        }
        Ok(settled)
    }
}

/// Deletes the old files if all of them were replaced. Otherwise, or if it is known that something was not replaced, gives
/// them their first names again.
fn settle(olds: &[Old], is_part: bool) -> io::Result<()> {
    let identity = |metadata: Metadata| (metadata.dev(), metadata.ino());
    let of = |path: &Path| path.symlink_metadata().map(identity).ok();
    let (kept, replaced): (Vec<&Old>, Vec<&Old>) =
        olds.iter().partition(|old| of(&old.path) == of(&old.target));
    let is_part = is_part || !kept.is_empty();
    if is_part {
        for old in &replaced {
            fs::rename(&old.path, &old.target)?;
        }
    }
    // Those that were not replaced come last: as long as one has its second name, the set is known to be a part.
    let rest = if is_part { kept } else { replaced };
    rest.iter().try_for_each(|old| fs::remove_file(&old.path))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::tests::names;
    use crate::disk::{Batch, Mode, begin};

    /// A killed process has a number that Linux gives no process.
    const KILLED: &str = ".etcdpki-2147483647-0-";

    fn stage(folder: &Path, name: &str) -> Staged {
        Staged::new(&folder.join(name), b"new", Mode::Exactly(0o600), Existing::ReplaceKeys).unwrap()
    }

    fn contents(folder: &Path) -> Vec<(String, String)> {
        let read = |name: String| (name.clone(), fs::read_to_string(folder.join(name)).unwrap());
        names(folder).into_iter().map(read).collect()
    }

    fn pairs<'a>(pairs: &[(&'a str, &'a str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect()
    }

    /// A folder with an old pair.
    fn folder() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for name in ["x.pem", "x-key.pem"] {
            fs::write(folder.path().join(name), "old").unwrap();
        }
        folder
    }

    #[test]
    fn a_set_is_replaced_and_nothing_is_left() {
        let folder = folder();
        let mut batch = Batch::default();
        batch.add_set(["x.pem", "x.csr", "x-key.pem"].map(|name| stage(folder.path(), name)).into());
        batch.commit().unwrap();
        let new = pairs(&[("x-key.pem", "new"), ("x.csr", "new"), ("x.pem", "new")]);
        assert_eq!(contents(folder.path()), new);
    }

    #[test]
    fn a_set_that_is_not_replaced_leaves_nothing() {
        let folder = folder();
        let mut batch = Batch::default();
        batch.add_set(["x.pem", "x.csr", "x-key.pem"].map(|name| stage(folder.path(), name)).into());
        batch.name_new().unwrap();
        // A pair never fits less than before: the file without a predecessor does not come first.
        assert!(!folder.path().join("x.csr").exists());
        assert_eq!(names(folder.path()).iter().filter(|name| name.ends_with(".old")).count(), 2);
        drop(batch);
        assert_eq!(contents(folder.path()), pairs(&[("x-key.pem", "old"), ("x.pem", "old")]));
    }

    #[test]
    fn a_step_that_fails_takes_the_others_back() {
        let folder = folder();
        let files = ["x.pem", "x-key.pem"].map(|name| stage(folder.path(), name));
        let mut set = FileSet::new(files.into()).unwrap();
        fs::remove_file(set.files().last().unwrap().0).unwrap();
        set.replace().unwrap_err();
        drop(set);
        assert_eq!(contents(folder.path()), pairs(&[("x-key.pem", "old"), ("x.pem", "old")]));
    }

    /// The states in which a killed process can leave a set, and what the next one makes of them. `linked` is the number of
    /// files that have second names, `replaced` that of the files that were replaced.
    #[test]
    fn the_next_process_takes_back_what_is_a_part_only() {
        for (linked, replaced) in [(0, 0), (1, 0), (2, 0), (2, 1), (2, 2)] {
            let folder = folder();
            let at = |name: String| folder.path().join(name);
            for name in ["x.pem", "x-key.pem"].iter().take(linked) {
                fs::hard_link(at((*name).to_owned()), at(format!("{KILLED}{name}.old"))).unwrap();
            }
            for name in ["x.pem", "x-key.pem"].iter().take(replaced) {
                fs::write(at("new".to_owned()), "new").unwrap();
                fs::rename(at("new".to_owned()), at((*name).to_owned())).unwrap();
            }
            drop(begin(folder.path()).unwrap());
            let text = if replaced == 2 { "new" } else { "old" };
            let whole = pairs(&[("x-key.pem", text), ("x.pem", text)]);
            assert_eq!(contents(folder.path()), whole, "{linked} {replaced}");
        }
    }

    #[test]
    fn a_taking_back_that_was_killed_is_finished() {
        let folder = folder();
        let at = |name: &str| folder.path().join(name);
        // The first of three files was given back; the second was replaced, and the third was not.
        fs::write(at("x.csr"), "old").unwrap();
        fs::hard_link(at("x-key.pem"), at(&format!("{KILLED}x-key.pem.old"))).unwrap();
        fs::rename(at("x.pem"), at(&format!("{KILLED}x.pem.old"))).unwrap();
        fs::write(at("x.pem"), "new").unwrap();
        drop(begin(folder.path()).unwrap());
        let old = pairs(&[("x-key.pem", "old"), ("x.csr", "old"), ("x.pem", "old")]);
        assert_eq!(contents(folder.path()), old);
    }

    #[test]
    fn files_of_a_user_and_of_a_running_process_stay() {
        let folder = folder();
        let own = format!(".etcdpki-{}-0-x.pem.old", nix::unistd::Pid::parent());
        for name in ["x.pem.old", "x-key.pem.old", &own] {
            fs::write(folder.path().join(name), "mine").unwrap();
        }
        drop(begin(folder.path()).unwrap());
        assert_eq!(names(folder.path()), [&own, "x-key.pem", "x-key.pem.old", "x.pem", "x.pem.old"]);
    }
}
