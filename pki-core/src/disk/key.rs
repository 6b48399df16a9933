//! Recognising files with a private key, so that they are not overwritten.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Read};
use std::path::Path;

use der::asn1::AnyRef;
use der::{Decode, Reader, SliceReader, Tag, Tagged};
use zeroize::Zeroizing;

/// The most bytes of a file that are read. Files with a private key are smaller.
const LARGEST: u64 = 8 << 20;

/// The reason inside of an [`io::Error`] of the kind [`ErrorKind::AlreadyExists`]: the file has a private key that would
/// be lost.
#[derive(Debug, thiserror::Error)]
#[error("the file has a private key, which would be lost")]
pub struct KeyIsThere;

impl KeyIsThere {
    /// Returns this reason from an error. `None` if the error has another reason.
    pub fn in_error(error: &io::Error) -> Option<&Self> {
        error.get_ref()?.downcast_ref()
    }

    /// An instruction to the user.
    pub fn hint(&self) -> &'static str {
        "choose another file name, or move the key out of the way"
    }
}

impl From<KeyIsThere> for io::Error {
    fn from(reason: KeyIsThere) -> Self {
        Self::new(ErrorKind::AlreadyExists, reason)
    }
}

/// Whether `path` is a file with a private key, in PEM or DER, encrypted or not. A symbolic link is not: replacing it
/// leaves the file to which it points as it is.
///
/// # Errors
///
/// What the operating system says if the file exists and cannot be read.
pub fn holds_private_key(path: &Path) -> io::Result<bool> {
    Ok(read(path)?.is_some_and(|bytes| is_private_key(&bytes)))
}

/// Whether a file, or the file that a symbolic link points to, holds a private key. What cannot be read is none.
pub(crate) fn is_key_file(path: &Path) -> bool {
    fs::canonicalize(path).and_then(|path| holds_private_key(&path)).unwrap_or(false)
}

/// Whether writing these bytes to `path` would lose a private key.
pub(super) fn is_lost(path: &Path, bytes: &[u8]) -> io::Result<bool> {
    Ok(read(path)?.is_some_and(|old| *old != bytes && is_private_key(&old)))
}

/// The contents of a file. `None` if `path` is not a file.
fn read(path: &Path) -> io::Result<Option<Zeroizing<Vec<u8>>>> {
    match fs::symlink_metadata(path) {
        Ok(metadata) if metadata.is_file() => {
            // If the vector had to grow, copies of the key would stay in memory.
            let size = usize::try_from(metadata.len().min(LARGEST)).unwrap_or_default();
            let mut bytes = Zeroizing::new(Vec::with_capacity(size.saturating_add(1)));
            File::open(path)?.take(LARGEST).read_to_end(&mut bytes)?;
            Ok(Some(bytes))
        }
        Err(error) if !matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Err(error),
        _ => Ok(None),
    }
}

fn is_private_key(bytes: &[u8]) -> bool {
    const LABEL: &[u8] = b"PRIVATE KEY-----";
    bytes.windows(LABEL.len()).any(|window| window == LABEL) || is_der_key(bytes).unwrap_or(false)
}

/// Whether the bytes are a private key in DER. Such a SEQUENCE begins with a version (PKCS#1, PKCS#8, SEC 1, and also
/// PKCS#12), or if it is encrypted, with the algorithm of the encryption (RFC 5958 section 3). Certificates, requests and
/// revocation lists begin with neither.
fn is_der_key(bytes: &[u8]) -> der::Result<bool> {
    /// The beginning of an INTEGER of one byte.
    const VERSION: [u8; 2] = [0x02, 0x01];
    /// The beginnings of the object identifiers of PKCS#5 and of the encryption of PKCS#12.
    const ENCRYPTED: [&[u8]; 2] = [b"\x2a\x86\x48\x86\xf7\x0d\x01\x05", b"\x2a\x86\x48\x86\xf7\x0d\x01\x0c"];
    let whole = AnyRef::from_der(bytes)?;
    if whole.tag() != Tag::Sequence {
        return Ok(false);
    }
    if whole.value().starts_with(&VERSION) {
        return Ok(true);
    }
    let first = SliceReader::new(whole.value())?.decode::<AnyRef<'_>>()?;
    let algorithm = SliceReader::new(first.value())?.decode::<AnyRef<'_>>()?;
    Ok(algorithm.tag() == Tag::ObjectIdentifier
        && ENCRYPTED.iter().any(|id| algorithm.value().starts_with(id)))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;
    use crate::disk::{Existing, Mode, write};
    use crate::x509::{KeyAlgorithm, KeySource, SystemKeys, SystemRandomness};

    fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
        write(path, bytes, Mode::Exactly(0o644), Existing::Replace)
    }

    /// A key in each of the formats that are recognised.
    fn keys() -> Vec<Vec<u8>> {
        let key = SystemKeys.generate(KeyAlgorithm::EcdsaP256).unwrap();
        let encrypted = key.to_encrypted_pem("password", &SystemRandomness).unwrap();
        let bundle = format!("{}{}", "a certificate\n".repeat(10_000), *key.to_pem());
        let encrypted_der = pem::parse(encrypted.as_bytes()).unwrap().into_contents();
        let sec1 = pem::parse(key.to_pem().as_bytes()).unwrap().into_contents();
        let pkcs8 = key.to_pkcs8().unwrap().to_vec();
        let pem = key.to_pem().as_bytes().to_vec();
        vec![pem, encrypted.as_bytes().to_vec(), bundle.into(), encrypted_der, sec1, pkcs8]
    }

    #[test]
    fn no_key_is_lost_unless_the_writer_says_so() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        for key in keys() {
            fs::write(&path, &key).unwrap();
            assert!(holds_private_key(&path).unwrap());
            let error = replace(&path, b"other").unwrap_err();
            assert!(KeyIsThere::in_error(&error).is_some(), "{error}");
            assert_eq!(error.kind(), ErrorKind::AlreadyExists);
            assert_eq!(fs::read(&path).unwrap(), key);
            replace(&path, &key).unwrap();
            write(&path, b"other", Mode::Exactly(0o644), Existing::ReplaceKeys).unwrap();
            assert_eq!(fs::read(&path).unwrap(), b"other");
        }
        assert_eq!(folder.path().read_dir().unwrap().count(), 1);
    }

    #[test]
    fn a_link_to_a_key_is_replaced_and_the_key_stays() {
        let folder = tempfile::tempdir().unwrap();
        let (path, link) = (folder.path().join("key"), folder.path().join("link"));
        for key in keys() {
            fs::write(&path, &key).unwrap();
            let _ = fs::remove_file(&link);
            symlink("key", &link).unwrap();
            replace(&link, b"other").unwrap();
            assert_eq!((fs::read(&path).unwrap(), fs::read(&link).unwrap()), (key, b"other".to_vec()));
        }
    }

    #[test]
    fn what_is_no_key_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let key = SystemKeys.generate(KeyAlgorithm::EcdsaP256).unwrap();
        let public = key.public_key().der().to_vec();
        for bytes in [&b""[..], b"\x30", b"\x30\x00", b"\x30\x02\x30\x00", b"text", &public] {
            fs::write(&path, bytes).unwrap();
            replace(&path, b"other").unwrap();
        }
    }
}
