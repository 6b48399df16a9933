//! Reading files with a limit, so that a device, a pipe without an end or a huge file does not take all memory.

use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::path::Path;

use zeroize::Zeroizing;

use crate::base::wiped::WipedBuffer;

/// The most bytes of a file that are read. Descriptions, certificates and keys are much smaller.
pub const LARGEST_FILE: u64 = 8 << 20;

/// The most bytes of a revocation list or a list of serial numbers that are read: over a million entries.
pub const LARGEST_LIST: u64 = 64 << 20;

/// The reason inside of an [`io::Error`] of the kind [`ErrorKind::FileTooLarge`]: there are more bytes than are read.
#[derive(Debug, thiserror::Error)]
#[error("it has more than {} MiB, which is the most that is read", limit >> 20)]
pub struct TooMuch {
    /// The most bytes that are read.
    pub limit: u64,
}

impl From<TooMuch> for io::Error {
    fn from(reason: TooMuch) -> Self {
        Self::new(ErrorKind::FileTooLarge, reason)
    }
}

/// Reads a file, a pipe or a device to its end. The bytes may be secret, so they are wiped after use.
///
/// # Errors
///
/// [`TooMuch`] if there are more than `limit` bytes, and what the operating system says.
pub fn read(path: &Path, limit: u64) -> io::Result<Zeroizing<Vec<u8>>> {
    let file = File::open(path)?;
    if file.metadata()?.len() > limit {
        return Err(TooMuch { limit }.into());
    }
    read_from(file, limit)
}

/// Reads a stream to its end. The bytes may be secret, so they are wiped after use.
///
/// ```
/// use pki_core::disk::read_from;
///
/// assert_eq!(read_from(&b"text"[..], 4)?.as_slice(), b"text");
/// assert!(read_from(std::io::repeat(0), 1 << 20).is_err());
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// # Errors
///
/// [`TooMuch`] if there are more than `limit` bytes, and what the stream says.
pub fn read_from(mut stream: impl Read, limit: u64) -> io::Result<Zeroizing<Vec<u8>>> {
    let mut bytes = WipedBuffer::default();
    loop {
        match bytes.read_once(&mut stream) {
            Ok(0) => return Ok(bytes.into_bytes()),
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
        if u64::try_from(bytes.len()).is_ok_and(|length| length > limit) {
            return Err(TooMuch { limit }.into());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_no_end_is_refused() {
        for device in ["/dev/zero", "/dev/urandom"] {
            let error = read(Path::new(device), LARGEST_FILE).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::FileTooLarge);
            assert_eq!(error.to_string(), "it has more than 8 MiB, which is the most that is read");
        }
        assert!(read(Path::new("/dev/null"), LARGEST_FILE).unwrap().is_empty());
    }

    #[test]
    fn a_file_of_the_limit_is_read_and_a_larger_one_is_not_opened_to_its_end() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sparse");
        let file = File::create(&path).unwrap();
        file.set_len(1000).unwrap();
        assert_eq!(read(&path, 1000).unwrap().len(), 1000);
        file.set_len(1 << 40).unwrap();
        assert_eq!(read(&path, 1000).unwrap_err().kind(), ErrorKind::FileTooLarge);
    }
}
