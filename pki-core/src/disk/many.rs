//! Making and writing many sets of files on all cores.

use std::panic::resume_unwind;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::thread;

use crate::base::parallel;
use crate::disk::batch::Batch;
use crate::disk::error::BatchError;

/// The number of sets that are synced together.
const TOGETHER: usize = 256;

/// Why [`write_many`] stopped, and how far it had come.
#[derive(Debug, PartialEq, Eq)]
pub struct Stopped<E> {
    /// The number of items, from the first one on, whose files are all on the disk. The other items have no files.
    pub written: usize,
    /// The error of the next item, or of writing its files.
    pub error: E,
}

/// Makes the files of each item on all cores, and syncs those of a few hundred items at a time while the next are made.
///
/// `make` makes the files of one item, and returns them with a value of any type. `made` is called with each item and its
/// value, in the order of the items.
///
/// ```
/// use std::convert::Infallible;
/// use pki_core::disk::{Batch, BatchError, Existing, Mode, Staged, write_many};
///
/// let folder = tempfile::tempdir()?;
/// let names = ["etcd1", "etcd2"];
/// let make = |name: &&str| {
///     let path = folder.path().join(name);
///     let file = Staged::new(&path, name.as_bytes(), Mode::Exactly(0o600), Existing::Keep);
///     let mut batch = Batch::default();
///     batch.add(file.map_err(|source| BatchError { path, source })?);
///     Ok((batch, ()))
/// };
/// write_many::<_, _, BatchError>(&names, make, |_, ()| {}).map_err(|stopped| stopped.error)?;
/// assert_eq!(std::fs::read(folder.path().join("etcd2"))?, b"etcd2");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
///
/// The first error of `make`, or an error of [`Batch::commit`], with the number of items that were written. After an error,
/// no further item is begun.
pub fn write_many<I: Sync, T: Send, E: From<BatchError> + Send>(
    items: &[I],
    make: impl Fn(&I) -> Result<(Batch, T), E> + Sync,
    mut made: impl FnMut(&I, T),
) -> Result<(), Stopped<E>> {
    let mut written = 0;
    let result = thread::scope(|scope| {
        let (send, receive) = mpsc::sync_channel::<(usize, Batch)>(1);
        let written = &mut written;
        let writer = scope.spawn(move || {
            for (count, batch) in receive {
                batch.commit()?;
                *written += count;
            }
            Ok::<(), BatchError>(())
        });
        let result = items.chunks(TOGETHER).try_for_each(|portion| {
            let mut batch = Batch::default();
            for (item, (files, product)) in portion.iter().zip(make_all(portion, &make).map_err(Some)?) {
                batch.append(files);
                made(item, product);
            }
            // Sending fails only if the writer has ended with an error, which is returned below.
            send.send((portion.len(), batch)).map_err(|_| None)
        });
        drop(send);
        writer.join().unwrap_or_else(|panic| resume_unwind(panic))?;
        result.or_else(|error| error.map_or(Ok(()), Err))
    });
    result.map_err(|error| Stopped { written, error })
}

/// Makes the files of some items and gives them their names. If one item fails, its error is returned, and the files of
/// all are removed.
fn make_all<I: Sync, T: Send, E: From<BatchError> + Send>(
    items: &[I],
    make: impl Fn(&I) -> Result<(Batch, T), E> + Sync,
) -> Result<Vec<(Batch, T)>, E> {
    let failed = AtomicBool::new(false);
    let made = parallel::map(items, |item| {
        if failed.load(Ordering::Relaxed) {
            return None;
        }
        let made = make(item).and_then(|(mut batch, product)| {
            batch.name_new()?;
            Ok((batch, product))
        });
        failed.fetch_or(made.is_err(), Ordering::Relaxed);
        Some(made)
    });
    // An item is `None` only if another one has failed.
    made.into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::path::Path;
    use std::sync::Mutex;

    use super::*;
    use crate::disk::{Existing, Mode, Staged};

    fn one(folder: &Path, item: usize) -> Result<(Batch, usize), BatchError> {
        let path = folder.join(item.to_string());
        let file = Staged::new(&path, b"bytes", Mode::Exactly(0o600), Existing::Keep);
        let mut batch = Batch::default();
        batch.add(file.map_err(|source| BatchError { path, source })?);
        Ok((batch, item))
    }

    fn count(folder: &Path) -> usize {
        folder.read_dir().unwrap().count()
    }

    #[test]
    fn all_are_made_and_told_in_their_order() {
        let folder = tempfile::tempdir().unwrap();
        let items: Vec<usize> = (0..2 * TOGETHER + 1).collect();
        let mut told = Vec::new();
        let result = write_many(&items, |item| one(folder.path(), *item), |_, item| told.push(item));
        assert!(result.is_ok());
        assert_eq!((told, count(folder.path())), (items.clone(), items.len()));
    }

    #[test]
    fn after_an_error_the_first_ones_are_there_and_no_others() {
        let folder = tempfile::tempdir().unwrap();
        let items: Vec<usize> = (0..3 * TOGETHER).collect();
        let begun = Mutex::new(Vec::new());
        let make = |item: &usize| {
            begun.lock().unwrap().push(*item);
            if *item == TOGETHER + 7 { Err(failure("bad")) } else { one(folder.path(), *item) }
        };
        let stopped = write_many(&items, make, |_, _| {}).unwrap_err();
        assert_eq!((stopped.written, stopped.error.path.as_path()), (TOGETHER, Path::new("bad")));
        assert_eq!(count(folder.path()), TOGETHER);
        assert!(begun.lock().unwrap().iter().all(|item| *item < 2 * TOGETHER));
    }

    #[test]
    fn a_name_that_is_taken_stops_it() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("5"), "old").unwrap();
        let items: Vec<usize> = (0..10).collect();
        let stopped = write_many(&items, |item| one(folder.path(), *item), |_, _| {}).unwrap_err();
        assert_eq!((stopped.written, stopped.error.source.kind()), (0, io::ErrorKind::AlreadyExists));
        assert_eq!(count(folder.path()), 1);
    }

    fn failure(path: &str) -> BatchError {
        BatchError { path: path.into(), source: io::Error::other("failed") }
    }
}
