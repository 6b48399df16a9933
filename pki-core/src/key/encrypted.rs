//! Password-protected keys: PKCS#8 (RFC 5958, PBES2) and OpenSSL's old form with `Proc-Type: 4,ENCRYPTED`.

use aes::{Aes128, Aes192, Aes256};
use cbc::Decryptor;
use cbc::cipher::block_padding::Pkcs7;
use cbc::cipher::{BlockModeDecrypt, KeyIvInit};
use der::asn1::OctetStringRef;
use der::{Decode, Encode};
use des::TdesEde3;
use md5::{Digest, Md5};
use pkcs8::EncryptedPrivateKeyInfoRef;
use pkcs8::pkcs5::pbes2;
use zeroize::Zeroizing;

use crate::error::{Error, ErrorKind};
use crate::pem::Block;
use crate::random::Random;

/// The label of an encrypted PKCS#8 key.
pub(super) const LABEL: &str = "ENCRYPTED PRIVATE KEY";

/// Rounds of PBKDF2 with HMAC-SHA-256, as OWASP advises for 2023 and later.
const ROUNDS: u32 = 600_000;

/// A PKCS#8 key as EncryptedPrivateKeyInfo.
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

/// The clear key of an encrypted block; nothing if the block is not encrypted.
pub(super) fn decrypt(block: &Block, password: Option<&str>) -> Result<Option<Zeroizing<Vec<u8>>>, Error> {
    let needed = || password.ok_or(ErrorKind::KeyEncrypted);
    if block.label == LABEL {
        let key = EncryptedPrivateKeyInfoRef::from_der(&block.der)
            .map_err(|_| ErrorKind::PrivateKey { reason: "its encryption is not PBES2" })?
            .decrypt(needed()?)
            .map_err(|_| ErrorKind::WrongPassword)?;
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

/// The key derivation of OpenSSL's PEM encryption: EVP_BytesToKey with MD5, one round, the start of the
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
