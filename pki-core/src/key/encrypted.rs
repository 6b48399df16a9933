//! Password-protected keys: PKCS#8 (RFC 5958, PBES2) and OpenSSL's old form with `Proc-Type: 4,ENCRYPTED`.

use aes::{Aes128, Aes192, Aes256};
use cbc::Decryptor;
use cbc::cipher::block_padding::Pkcs7;
use cbc::cipher::{BlockModeDecrypt, KeyIvInit};
use der::Decode;
use des::TdesEde3;
use md5::{Digest, Md5};
use pkcs8::EncryptedPrivateKeyInfoRef;
use zeroize::Zeroizing;

use crate::error::{Error, ErrorKind};
use crate::pem::Block;

/// The clear key of an encrypted block; nothing if the block is not encrypted.
pub(super) fn decrypt(block: &Block, password: Option<&str>) -> Result<Option<Zeroizing<Vec<u8>>>, Error> {
    let needed = || password.ok_or(ErrorKind::KeyEncrypted);
    if block.label == "ENCRYPTED PRIVATE KEY" {
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
