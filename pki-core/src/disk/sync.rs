//! Syncing files and folders, so that they survive a loss of power.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use nix::fcntl::{PosixFadviseAdvice, posix_fadvise};

use crate::disk::error::BatchError;
use crate::disk::target::folder_of;

/// From this number of files and folders on, the whole file system is synced once (syncfs(2)). That is quicker, although
/// it also writes the data of other programs.
pub(super) const MANY: usize = 8;

/// Syncs files, and the names in folders. Each file has beside it the path that an error names.
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
    let paths = || files.iter().copied().chain(folders.clone());
    let opened = paths().map(|(path, named)| File::open(path).map_err(failed(named)));
    let opened: Vec<File> = opened.collect::<Result<_, _>>()?;
    for file in opened.iter().take(files.len()) {
        // This makes Linux begin to write (mm/fadvise.c). If all files have begun before the first is waited for, a
        // journal is committed once and not once for each file. A failure costs only time.
        let _ = posix_fadvise(file, 0, 0, PosixFadviseAdvice::POSIX_FADV_DONTNEED);
    }
    for (file, (_, named)) in opened.iter().zip(paths()) {
        sync_one(file).map_err(failed(named))?;
    }
    Ok(())
}

fn sync_one(file: &File) -> io::Result<()> {
    match file.sync_all() {
        // Some network file systems cannot sync folders, and there is no other way.
        Err(error) if matches!(error.kind(), ErrorKind::InvalidInput | ErrorKind::Unsupported) => {
            if file.metadata()?.is_dir() { Ok(()) } else { Err(error) }
        }
        other => other,
    }
}

/// Syncs the file system of `folder`, unless its device is one of `done`.
fn sync_file_system(folder: &Path, done: &mut BTreeSet<u64>) -> io::Result<()> {
    if done.insert(fs::metadata(folder)?.dev()) {
        nix::unistd::syncfs(File::open(folder)?)?;
    }
    Ok(())
}
