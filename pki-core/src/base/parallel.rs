//! Work on many items, on all cores.

use std::sync::{Mutex, PoisonError};
use std::thread;

/// Calls `work` for each of `items`, and returns the results in the order of the items.
///
/// There is one thread for each core. A thread that is free takes the next item, so long and short ones may be mixed.
///
/// ```
/// let squares = pki_core::base::parallel::map(&[1, 2, 3], |n| n * n);
/// assert_eq!(squares, [1, 4, 9]);
/// ```
pub fn map<I, R>(items: I, work: impl Fn(I::Item) -> R + Sync) -> Vec<R>
where
    I: IntoIterator<IntoIter: ExactSizeIterator + Send>,
    R: Send,
{
    let items = items.into_iter();
    let count = items.len();
    let workers = thread::available_parallelism().map_or(1, usize::from).min(count);
    let items = Mutex::new(items.enumerate());
    let results = Mutex::new(Vec::with_capacity(count));
    let next = || items.lock().unwrap_or_else(PoisonError::into_inner).next();
    let worker = || {
        while let Some((index, item)) = next() {
            let result = work(item);
            results.lock().unwrap_or_else(PoisonError::into_inner).push((index, result));
        }
    };
    thread::scope(|scope| {
        for _ in 1..workers {
            scope.spawn(worker);
        }
        worker();
    });
    // No result is missing: if a worker panics, the scope panics too.
    let mut results = results.into_inner().unwrap_or_else(PoisonError::into_inner);
    results.sort_unstable_by_key(|(index, _)| *index);
    results.into_iter().map(|(_, result)| result).collect()
}
