//! Encrypted keys: PKCS#8 with PBES2 (RFC 5958, RFC 8018), and OpenSSL's old format with `Proc-Type: 4,ENCRYPTED`.

use aes::{Aes128, Aes192, Aes256};
use cbc::Decryptor;
use cbc::cipher::block_padding::Pkcs7;
use cbc::cipher::{BlockModeDecrypt, KeyIvInit};
use der::asn1::OctetStringRef;
use der::{Decode, Encode};
use des::TdesEde3;
use md5::{Digest, Md5};
use pkcs8::EncryptedPrivateKeyInfoRef;
use pkcs8::pkcs5::pbes2::{self, Kdf};
use zeroize::Zeroizing;

use crate::x509::error::{Error, ErrorKind};
use crate::x509::pem::Block;
use crate::x509::random::Random;

/// The PEM label of an encrypted PKCS#8 key (RFC 7468 section 11).
pub(super) const LABEL: &str = "ENCRYPTED PRIVATE KEY";

/// Iterations of PBKDF2 with HMAC-SHA-256 for a new key: the number in OWASP's Password Storage Cheat Sheet.
const ROUNDS: u32 = 600_000;

/// The most iterations of PBKDF2 that are done to decrypt a key: the number that RFC 8018 section 4.2 names for
/// critical keys.
const MOST_ROUNDS: u32 = 10_000_000;

/// The most bytes that scrypt may process to decrypt a key, which bounds its memory too. OpenSSL allows an eighth of
/// this.
const MOST_BYTES: u64 = 1 << 28;

/// Encrypts a PKCS#8 key into an EncryptedPrivateKeyInfo (RFC 5958 section 3).
pub(super) fn encrypt(pkcs8: &[u8], password: &str, random: &dyn Random) -> Result<Vec<u8>, Error> {
    let (mut salt, mut iv) = ([0; 16], [0; 16]);
    random.fill(&mut salt)?;
    random.fill(&mut iv)?;
    let failed = |_| ErrorKind::KeyEncoding;
    let parameters = pbes2::Parameters {
        kdf: pbes2::Pbkdf2Params::hmac_sha256(ROUNDS, &salt).map_err(failed)?.into(),
        encryption: pbes2::EncryptionScheme::Aes256Cbc { iv },
    };
    let encrypted_data = parameters.encrypt(password, pkcs8).map_err(failed)?;
    let info = EncryptedPrivateKeyInfoRef {
        encryption_algorithm: parameters.into(),
        encrypted_data: OctetStringRef::new(&encrypted_data)?,
    };
    Ok(info.to_der()?)
}

/// Decrypts the key in a PEM block. `None` if the block is not encrypted.
pub(super) fn decrypt(block: &Block, password: Option<&str>) -> Result<Option<Zeroizing<Vec<u8>>>, Error> {
    let needed = || password.ok_or(ErrorKind::KeyEncrypted);
    if block.label == LABEL {
        let info = EncryptedPrivateKeyInfoRef::from_der(&block.der).ok();
        let Some((info, parameters)) =
            info.as_ref().and_then(|info| Some((info, info.encryption_algorithm.pbes2()?)))
        else {
            return Err(ErrorKind::PrivateKey { reason: "its encryption is not PBES2" }.into());
        };
        if !is_affordable(&parameters.kdf) {
            let reason = "its encryption asks for too many rounds of key derivation, or for none";
            return Err(ErrorKind::PrivateKey { reason }.into());
        }
        let key = info.decrypt(needed()?).map_err(|_| ErrorKind::WrongPassword)?;
        return Ok(Some(Zeroizing::new(key.as_bytes().to_vec())));
    }
    if !block.header("Proc-Type").is_some_and(|value| value.ends_with("ENCRYPTED")) {
        return Ok(None);
    }
    let unsupported = ErrorKind::PrivateKey { reason: "its encryption is neither AES-CBC nor DES-EDE3-CBC" };
    let Some((cipher, iv)) = block.header("DEK-Info").and_then(|info| info.trim().split_once(',')) else {
        return Err(unsupported.into());
    };
    let Some(iv) = unhex(iv.trim()) else { return Err(unsupported.into()) };
    let password = needed()?;
    let clear = match cipher {
        "AES-128-CBC" => decrypt_cbc::<Decryptor<Aes128>>(16, password, &iv, &block.der),
        "AES-192-CBC" => decrypt_cbc::<Decryptor<Aes192>>(24, password, &iv, &block.der),
        "AES-256-CBC" => decrypt_cbc::<Decryptor<Aes256>>(32, password, &iv, &block.der),
        "DES-EDE3-CBC" => decrypt_cbc::<Decryptor<TdesEde3>>(24, password, &iv, &block.der),
        _ => return Err(unsupported.into()),
    };
    clear.map(Some).ok_or_else(|| ErrorKind::WrongPassword.into())
}

/// Whether deriving the key from the password takes seconds at most, and not hours or all memory, which a file may ask
/// for. A cost of 0 is refused too, since the scrypt library panics on it.
fn is_affordable(kdf: &Kdf) -> bool {
    match kdf {
        Kdf::Pbkdf2(parameters) => (1..=MOST_ROUNDS).contains(&parameters.iteration_count),
        Kdf::Scrypt(parameters) => [parameters.block_size, parameters.parallelization]
            .into_iter()
            .try_fold(parameters.cost_parameter, |product, factor| product.checked_mul(factor.into()))
            .is_some_and(|blocks| (1..=MOST_BYTES / 128).contains(&blocks)),
        _ => false,
    }
}

fn decrypt_cbc<D: BlockModeDecrypt + KeyIvInit>(
    key_length: usize,
    password: &str,
    iv: &[u8],
    data: &[u8],
) -> Option<Zeroizing<Vec<u8>>> {
    let key = legacy_key(key_length, password, iv.get(..8)?);
    let decryptor = D::new_from_slices(&key, iv).ok()?;
    decryptor.decrypt_padded_vec::<Pkcs7>(data).ok().map(Zeroizing::new)
}

/// The key derivation of OpenSSL's old format: EVP_BytesToKey with MD5, one round, and the first 8 bytes of the
/// initialisation vector as salt.
fn legacy_key(length: usize, password: &str, salt: &[u8]) -> Zeroizing<Vec<u8>> {
    let mut key = Zeroizing::new(Vec::with_capacity(length + 16));
    let mut block: Vec<u8> = Vec::new();
    while key.len() < length {
        block = Md5::new()
            .chain_update(&block)
            .chain_update(password.as_bytes())
            .chain_update(salt)
            .finalize()
            .to_vec();
        key.extend_from_slice(&block);
    }
    key.truncate(length);
    key
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits: Vec<u8> =
        text.chars().map(|c| c.to_digit(16).and_then(|d| u8::try_from(d).ok())).collect::<Option<_>>()?;
    let pairs = digits.chunks_exact(2);
    if !pairs.remainder().is_empty() {
        return None;
    }
    Some(pairs.map(|pair| pair.iter().fold(0, |byte, digit| byte << 4 | digit)).collect())
}

#[cfg(test)]
mod tests {
    use pbes2::{EncryptionScheme, Parameters, Pbkdf2Params, ScryptParams};

    use super::*;

    fn open(kdf: Kdf) -> Error {
        let encryption = EncryptionScheme::Aes256Cbc { iv: [0; 16] };
        let info = EncryptedPrivateKeyInfoRef {
            encryption_algorithm: Parameters { kdf, encryption }.into(),
            encrypted_data: OctetStringRef::new(&[0; 16]).unwrap(),
        };
        let block = Block {
            label: LABEL.to_owned(),
            headers: Vec::new(),
            der: Zeroizing::new(info.to_der().unwrap()),
        };
        decrypt(&block, Some("password")).unwrap_err()
    }

    fn pbkdf2(iteration_count: u32) -> Kdf {
        Pbkdf2Params { iteration_count, ..Pbkdf2Params::hmac_sha256(1, b"salt").unwrap() }.into()
    }

    fn scrypt(cost_parameter: u64, block_size: u16, parallelization: u16) -> Kdf {
        let salt = b"salt".as_slice().try_into().unwrap();
        ScryptParams { salt, cost_parameter, block_size, parallelization, key_length: None }.into()
    }

    #[test]
    fn usual_rounds_are_done() {
        for kdf in [pbkdf2(1), pbkdf2(2048), scrypt(2, 8, 1), scrypt(1 << 14, 8, 1)] {
            assert!(matches!(open(kdf).kind(), ErrorKind::WrongPassword));
        }
        assert!(is_affordable(&pbkdf2(MOST_ROUNDS)));
        assert!(is_affordable(&scrypt(1 << 18, 8, 1)));
    }

    #[test]
    fn endless_rounds_are_refused() {
        let hours = [pbkdf2(MOST_ROUNDS + 1), pbkdf2(u32::MAX), scrypt(1 << 19, 8, 1), scrypt(1 << 18, 8, 2)];
        let memory = [scrypt(1 << 40, 8, 1), scrypt(1 << 63, u16::MAX, u16::MAX)];
        let none = [pbkdf2(0), scrypt(0, 8, 1), scrypt(2, 0, 1), scrypt(2, 8, 0)];
        for kdf in hours.into_iter().chain(memory).chain(none) {
            assert!(matches!(open(kdf).kind(), ErrorKind::PrivateKey { .. }));
        }
    }
}
