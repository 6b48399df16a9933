//! Reads files, the standard input and the environment, and the certificates and keys in them.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use pki_core::disk::{self, LARGEST_FILE, LARGEST_LIST};
use pki_core::x509::{Certificate, PrivateKey};
use zeroize::Zeroizing;

use super::log::Log;
use crate::terminal::{CommandError, Terminal};

/// The variable with the password of encrypted keys. The name is cfssl's.
const PASSWORD: &str = "CFSSL_CA_PK_PASSWORD";

/// The variable with the password for keys that `-encrypt` writes.
const NEW_KEY_PASSWORD: &str = "ETCDPKI_KEY_PASSWORD";

/// Reads a file that may hold a secret.
pub(crate) fn read(path: &Path) -> Result<Zeroizing<Vec<u8>>, CommandError> {
    read_up_to(path, LARGEST_FILE)
}

fn read_up_to(path: &Path, limit: u64) -> Result<Zeroizing<Vec<u8>>, CommandError> {
    disk::read(path, limit)
        .map_err(|error| CommandError::new(format!("cannot read {}: {error}", path.display())))
}

/// Reads a file, or the standard input for `-`.
pub(crate) fn read_or_input(
    name: &str,
    terminal: &mut Terminal<'_>,
) -> Result<Zeroizing<Vec<u8>>, CommandError> {
    match name {
        "-" => terminal.read_input(),
        path => read(Path::new(path)),
    }
}

/// Reads a revocation list or a list of serial numbers, which may be long, from a file or the standard input.
pub(crate) fn read_list(name: &str, terminal: &mut Terminal<'_>) -> Result<Zeroizing<Vec<u8>>, CommandError> {
    match name {
        "-" => terminal.read_input_up_to(LARGEST_LIST),
        path => read_up_to(Path::new(path), LARGEST_LIST),
    }
}

/// Reads what `PATH`, `file:PATH` or `env:NAME` names. Returns its name for messages, and its bytes.
fn read_prefixed(name: &str, terminal: &Terminal<'_>) -> Result<(PathBuf, Zeroizing<Vec<u8>>), CommandError> {
    let path = match name.split_once(':') {
        None => name,
        Some(("file", path)) => path,
        Some(("env", variable)) => {
            let value = (terminal.variable)(variable).unwrap_or_default();
            return Ok((name.into(), Zeroizing::new(value.into_encoded_bytes())));
        }
        Some((prefix, _)) => {
            return Err(CommandError::new(format!("unknown prefix: {prefix}"))
                .hint(format!("write file:{name} if this is the path of a file")));
        }
    };
    Ok((path.into(), read(Path::new(path))?))
}

/// Reads the certificate that `PATH`, `file:PATH` or `env:NAME` names.
pub(crate) fn certificate(name: &str, terminal: &Terminal<'_>) -> Result<Certificate, CommandError> {
    let (path, bytes) = read_prefixed(name, terminal)?;
    Ok(Certificate::read(&bytes).map_err(|error| error.in_file(&path))?)
}

/// Reads the private key that `PATH`, `file:PATH` or `env:NAME` names.
pub(crate) fn private_key(
    name: &str,
    log: Log,
    terminal: &mut Terminal<'_>,
) -> Result<PrivateKey, CommandError> {
    Ok(private_key_and_text(name, log, terminal)?.0)
}

/// Reads a private key, and returns it with the bytes that it was read from.
pub(crate) fn private_key_and_text(
    name: &str,
    log: Log,
    terminal: &mut Terminal<'_>,
) -> Result<(PrivateKey, Zeroizing<Vec<u8>>), CommandError> {
    let (path, bytes) = read_prefixed(name, terminal)?;
    let password = secret(PASSWORD, terminal);
    let password = password.as_ref().map(|password| password.as_str());
    let key = PrivateKey::read(&bytes, password).map_err(|error| error.in_file(&path))?;
    if std::fs::metadata(&path).is_ok_and(|file| file.is_file() && file.permissions().mode() & 0o007 != 0) {
        let path = path.display();
        log.warning(
            terminal,
            format_args!(
                "every user of this machine can read or change the private key {path}: run chmod 600 {path}"
            ),
        );
    }
    Ok((key, bytes))
}

/// The password for a new key, which is required with `-encrypt`.
pub(crate) fn key_password_of_environment(
    terminal: &Terminal<'_>,
) -> Result<Zeroizing<String>, CommandError> {
    secret(NEW_KEY_PASSWORD, terminal).ok_or_else(|| {
        CommandError::new("-encrypt needs a password")
            .hint(format!("put it into the environment variable {NEW_KEY_PASSWORD}"))
    })
}

/// The value of an environment variable that holds a secret; `None` if it is empty or not set.
fn secret(name: &str, terminal: &Terminal<'_>) -> Option<Zeroizing<String>> {
    let value = (terminal.variable)(name).and_then(|value| value.into_string().ok());
    value.filter(|value| !value.is_empty()).map(Zeroizing::new)
}
