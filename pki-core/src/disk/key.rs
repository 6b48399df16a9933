//! Recognising what must not be overwritten: files with a private key, and what is no file.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Read};
use std::path::Path;

use der::asn1::AnyRef;
use der::{Reader, SliceReader, Tag, Tagged};
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

/// The reason inside of an [`io::Error`] of the kind [`ErrorKind::InvalidInput`]: a device, a FIFO or a socket has the name,
/// which would become a file. For root that would be `/dev/null` of the whole machine.
#[derive(Debug, thiserror::Error)]
#[error("it is a device, a FIFO or a socket, which would be replaced by a file")]
pub struct NotAFile;

impl NotAFile {
    /// Returns this reason from an error. `None` if the error has another reason.
    pub fn in_error(error: &io::Error) -> Option<&Self> {
        error.get_ref()?.downcast_ref()
    }

    /// An instruction to the user.
    pub fn hint(&self) -> &'static str {
        "name a file that is new or may be replaced"
    }
}

impl From<NotAFile> for io::Error {
    fn from(reason: NotAFile) -> Self {
        Self::new(ErrorKind::InvalidInput, reason)
    }
}

/// Whether a file that gets this name would take the place of a device, a FIFO or a socket, or of a link to one, such as
/// `/dev/stdout`.
pub(super) fn is_special(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|metadata| !metadata.is_file() && !metadata.is_dir())
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

/// What the files of private keys have in them that no other file has.
const SIGNS: [&[u8]; 8] = [
    // PEM (RFC 7468), and OpenSSH's form of it.
    b"PRIVATE KEY-----",
    // PEM within base64, as in a Secret of Kubernetes: the characters that each of the three positions gives.
    b"UFJJVkFURSBLRVktLS0t",
    b"UklWQVRFIEtFWS0tLS0t",
    b"SVZBVEUgS0VZLS0t",
    // OpenPGP (RFC 9580 section 6.2.1), SSH2, PuTTY, age.
    b"PRIVATE KEY BLOCK-----",
    b"PRIVATE KEY ----",
    b"PuTTY-User-Key-File-",
    b"AGE-SECRET-KEY-1",
];

/// The beginnings of key stores: Java's two formats, and PKCS#12 in BER with an open length, as Windows writes it.
const BEGINNINGS: [&[u8]; 3] = [b"\xfe\xed\xfe\xed", b"\xce\xce\xce\xce", b"\x30\x80\x02\x01\x03"];

fn is_private_key(bytes: &[u8]) -> bool {
    let has = |sign: &[u8]| bytes.windows(sign.len()).any(|window| window == sign);
    // A JSON Web Key (RFC 7517) has its private part in `d`.
    let is_json_key = || has(b"\"kty\"") && has(b"\"d\"");
    // PowerShell writes text in UTF-16.
    let is_wide = bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff");
    let is_wide_key = || {
        let narrow: Zeroizing<Vec<u8>> =
            Zeroizing::new(bytes.iter().copied().filter(|byte| byte.is_ascii() && *byte != 0).collect());
        is_private_key(&narrow)
    };
    SIGNS.into_iter().any(has)
        || BEGINNINGS.into_iter().any(|beginning| bytes.starts_with(beginning))
        || is_json_key()
        || is_wide && is_wide_key()
        || is_der_key(bytes).unwrap_or(false)
}

/// Whether the bytes begin with a private key in DER. Such a SEQUENCE begins with a version (PKCS#1, PKCS#8, SEC 1, and also
/// PKCS#12), or if it is encrypted, with the algorithm of the encryption (RFC 5958 section 3). Certificates, requests and
/// revocation lists begin with neither. There may be more bytes, such as the end of a line.
fn is_der_key(bytes: &[u8]) -> der::Result<bool> {
    /// The beginning of an INTEGER of one byte.
    const VERSION: [u8; 2] = [0x02, 0x01];
    /// The beginnings of the object identifiers of PKCS#5 and of the encryption of PKCS#12.
    const ENCRYPTED: [&[u8]; 2] = [b"\x2a\x86\x48\x86\xf7\x0d\x01\x05", b"\x2a\x86\x48\x86\xf7\x0d\x01\x0c"];
    let whole = SliceReader::new(bytes)?.decode::<AnyRef<'_>>()?;
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
        let wide = [b"\xff\xfe".to_vec(), pem.iter().flat_map(|byte| [*byte, 0]).collect()].concat();
        let with_line_end = [&sec1[..], b"\n"].concat();
        // -----BEGIN EC PRIVATE KEY-----, the same for RSA, and that after an empty line.
        let in_base64 = [
            "LS0tLS1CRUdJTiBFQyBQUklWQVRFIEtFWS0tLS0tCk1IY0M",
            "LS0tLS1CRUdJTiBSU0EgUFJJVkFURSBLRVktLS0tLQpNSGND",
            "Ci0tLS0tQkVHSU4gUlNBIFBSSVZBVEUgS0VZLS0tLS0KTUhjQw",
        ];
        let in_base64 =
            in_base64.map(|text| format!("kind: Secret\ndata: {{tls.key: {text}}}\n").into_bytes());
        let others = [
            &b"-----BEGIN PGP PRIVATE KEY BLOCK-----\n"[..],
            b"---- BEGIN SSH2 ENCRYPTED PRIVATE KEY ----\n",
            b"PuTTY-User-Key-File-3: ecdsa-sha2-nistp256\n",
            b"# created\nAGE-SECRET-KEY-1QQQQ\n",
            br#"{"kty": "EC", "crv": "P-256", "d": "AA"}"#,
            b"\xfe\xed\xfe\xed\x00\x00\x00\x02",
            b"\x30\x80\x02\x01\x03\x30\x80",
        ];
        let mut keys =
            vec![pem.clone(), encrypted.as_bytes().to_vec(), bundle.into(), encrypted_der, sec1, pkcs8];
        keys.extend([wide, with_line_end]);
        keys.extend(in_base64);
        keys.extend(others.map(<[u8]>::to_vec));
        keys
    }

    #[test]
    fn what_has_no_private_key_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        for text in ["", "BEGIN CERTIFICATE-----\n", "BEGIN PUBLIC KEY-----\n", r#"{"kty": "EC", "x": "AA"}"#]
        {
            fs::write(&path, text).unwrap();
            replace(&path, b"other").unwrap();
        }
    }

    #[test]
    fn no_device_becomes_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let (fifo, link) = (folder.path().join("fifo"), folder.path().join("link"));
        nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::S_IRWXU).unwrap();
        symlink("fifo", &link).unwrap();
        for path in [&fifo, &link] {
            for existing in [Existing::Replace, Existing::ReplaceKeys] {
                let error = write(path, b"new", Mode::Exactly(0o644), existing).unwrap_err();
                assert!(NotAFile::in_error(&error).is_some(), "{error}");
            }
            let error = write(path, b"new", Mode::Exactly(0o644), Existing::Keep).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::AlreadyExists);
        }
        assert!(!fs::metadata(&fifo).unwrap().is_file() && fs::symlink_metadata(&link).unwrap().is_symlink());
        // A link to nothing is replaced, as it always was.
        fs::remove_file(&fifo).unwrap();
        replace(&link, b"new").unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_file());
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
