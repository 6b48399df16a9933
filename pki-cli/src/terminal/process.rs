//! What the process asks of the system, so that secrets in its memory do not get into files.

use std::fs::File;
use std::os::fd::AsFd;
use std::os::unix::fs::{FileTypeExt, MetadataExt};

use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::sys::resource::{Resource, setrlimit};
use nix::sys::signal::{SigSet, Signal};

/// Switches off core dumps, and lets a write that is larger than the limit for files (`ulimit -f`) fail with words.
pub(super) fn prepare() {
    // The kernel gives a dump to no program either if the limit is one byte (core(5), fs/coredump.c). If this fails, the
    // limit is zero already, and this user may not raise it.
    let _ = setrlimit(Resource::RLIMIT_CORE, 1, 1);
    // A blocked SIGXFSZ does not end the process, and write(2) returns EFBIG. Threads inherit this.
    let mut blocked = SigSet::empty();
    blocked.add(Signal::SIGXFSZ);
    let _ = blocked.thread_block();
}

/// Whether a stream was closed when the process began. Rust opens `/dev/null` for reading and writing in its place, so
/// what is written there would be lost without an error.
pub(super) fn was_closed(stream: impl AsFd) -> bool {
    let Ok(flags) = fcntl(&stream, FcntlArg::F_GETFL) else { return true };
    let Ok(owned) = stream.as_fd().try_clone_to_owned() else { return false };
    let is_null = File::from(owned)
        .metadata()
        .is_ok_and(|metadata| metadata.file_type().is_char_device() && metadata.rdev() == NULL_DEVICE);
    is_null && OFlag::from_bits_truncate(flags) & OFlag::O_ACCMODE == OFlag::O_RDWR
}

/// The device number of `/dev/null`: major 1, minor 3 (null(4)).
const NULL_DEVICE: u64 = 0x103;
