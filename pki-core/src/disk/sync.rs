//! Bringing files and names to the disk, so that they survive a failure of the power.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use nix::fcntl::{PosixFadviseAdvice, posix_fadvise};

use crate::disk::error::BatchError;
use crate::disk::target::folder_of;

/// From so many files or folders on, the whole file system is written out once: that is quicker, and waits for
/// what other programs have left to be written.
pub(super) const MANY: usize = 8;

/// Brings files, and the names in folders, to the disk. Each file has the path that an error names beside it.
pub(super) fn sync(files: &[(&Path, &Path)], folders: &BTreeSet<&Path>) -> Result<(), BatchError> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| BatchError { path, source }
    };
    if files.len() + folders.len() >= MANY {
        let mut devices = BTreeSet::new();
        let folders: BTreeSet<_> =
            files.iter().map(|(file, _)| folder_of(file)).chain(folders.iter().copied()).collect();
        for folder in folders {
            sync_file_system(folder, &mut devices).map_err(failed(folder))?;
        }
        return Ok(());
    }
    let folders = folders.iter().map(|folder| (*folder, *folder));
    let places = || files.iter().copied().chain(folders.clone());
    let opened = places().map(|(place, told)| File::open(place).map_err(failed(told)));
    let opened: Vec<File> = opened.collect::<Result<_, _>>()?;
    for file in opened.iter().take(files.len()) {
        // With this Linux begins to write (mm/fadvise.c). Where all have begun before the first is waited for,
        // a journal is committed once and not once for each. If it does not, only time is lost.
        let _ = posix_fadvise(file, 0, 0, PosixFadviseAdvice::POSIX_FADV_DONTNEED);
    }
    for (file, (_, told)) in opened.iter().zip(places()) {
        sync_one(file).map_err(failed(told))?;
    }
    Ok(())
}

fn sync_one(file: &File) -> io::Result<()> {
    match file.sync_all() {
        // Some network file systems cannot do this for folders; nothing better is left to do there.
        Err(error) if matches!(error.kind(), ErrorKind::InvalidInput | ErrorKind::Unsupported) => {
            if file.metadata()?.is_dir() { Ok(()) } else { Err(error) }
        }
        other => other,
    }
}

/// Writes out the file system that holds `folder`, unless it is one of `done`.
fn sync_file_system(folder: &Path, done: &mut BTreeSet<u64>) -> io::Result<()> {
    if done.insert(fs::metadata(folder)?.dev()) {
        nix::unistd::syncfs(File::open(folder)?)?;
    }
    Ok(())
}
