//! What the commands read: CAs, keys, requests, profiles.

use std::fmt::Display;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use pki_core::cfssl::{Config, Profile, Request};
use pki_core::x509::{Certificate, Issuer, PrivateKey};
use zeroize::Zeroizing;

use super::command::{Call, read_or_input, read_prefixed};
use super::log::Log;
use crate::failure::Failure;
use crate::io::Io;

/// cfssl's number for a CA key's file that cannot be read.
const KEY_UNREADABLE: u32 = 1001;

/// The password of encrypted keys; cfssl's name for it.
const PASSWORD: &str = "CFSSL_CA_PK_PASSWORD";

/// The CA of `-ca` and `-ca-key`.
pub(crate) fn issuer(call: &Call, io: &mut Io<'_>) -> Result<Issuer, Failure> {
    refuse_remote(call)?;
    let needed = |flag: &str, what: &str| {
        call.given(flag).ok_or_else(|| {
            Failure::user(format!("need a CA {what} (provide one with -{flag})"))
                .hint("or make a new CA with gencert -initca")
        })
    };
    let (certificate_name, key_name) = (needed("ca", "certificate")?, needed("ca-key", "key")?);
    let certificate = certificate(certificate_name, io)?;
    let key = private_key(key_name, call, io).map_err(|failure| failure.code(KEY_UNREADABLE))?;
    Ok(Issuer::new(certificate, key).map_err(|error| error.in_file(Path::new(certificate_name)))?)
}

/// The certificate of `-ca` is never replaced by one that the CA issues.
pub(crate) fn refuse_to_replace_ca(
    call: &Call,
    targets: impl IntoIterator<Item = PathBuf>,
) -> Result<(), Failure> {
    let Some(name) = call.given("ca") else { return Ok(()) };
    let name = Path::new(name.strip_prefix("file:").unwrap_or(name));
    let Ok(ca) = fs::canonicalize(name) else { return Ok(()) };
    // By their names first, for there may be thousands. A link to the certificate counts as the certificate.
    let names = [name.file_name(), ca.file_name()];
    let is_ca = |target: &PathBuf| {
        names.contains(&target.file_name()) && fs::canonicalize(target).is_ok_and(|path| path == ca)
    };
    match targets.into_iter().find(is_ca) {
        Some(target) => {
            let message = format!(
                "{} is the CA's certificate, and would be replaced by one that it issues",
                target.display()
            );
            Err(Failure::user(message).hint("choose another name, or another folder"))
        }
        None => Ok(()),
    }
}

/// Signing elsewhere, and noting what was signed in a database, are not done here.
pub(crate) fn refuse_remote(call: &Call) -> Result<(), Failure> {
    if call.given("remote").is_some() {
        return Err(Failure::user("-remote is not provided: etcdpki signs with local keys")
            .hint("give -ca and -ca-key"));
    }
    if call.given("db-config").is_some() {
        return Err(Failure::user("-db-config is not provided: there is no certificate database")
            .hint("leave it out, and keep the certificates: gencrl takes their serial numbers"));
    }
    Ok(())
}

/// A certificate by file name or prefix.
pub(crate) fn certificate(name: &str, io: &Io<'_>) -> Result<Certificate, Failure> {
    let (path, bytes) = read_prefixed(name, io)?;
    Ok(Certificate::read(&bytes).map_err(|error| error.in_file(&path))?)
}

/// A private key by file name or prefix.
pub(crate) fn private_key(name: &str, call: &Call, io: &mut Io<'_>) -> Result<PrivateKey, Failure> {
    Ok(private_key_and_text(name, call, io)?.0)
}

/// A private key, and the file that it stands in.
pub(crate) fn private_key_and_text(
    name: &str,
    call: &Call,
    io: &mut Io<'_>,
) -> Result<(PrivateKey, Zeroizing<Vec<u8>>), Failure> {
    let (path, bytes) = read_prefixed(name, io)?;
    let password = secret(PASSWORD, io);
    let password = password.as_ref().map(|password| password.as_str());
    let key = PrivateKey::read(&bytes, password).map_err(|error| error.in_file(&path))?;
    if std::fs::metadata(&path).is_ok_and(|file| file.is_file() && file.permissions().mode() & 0o007 != 0) {
        let path = path.display();
        Log::new(call.flags.integer("loglevel")).warning(
            io,
            format_args!(
                "everybody on this machine may read or change the private key {path}: run chmod 600 {path}"
            ),
        );
    }
    Ok((key, bytes))
}

/// A variable of the environment that holds a secret, unless it is empty.
pub(crate) fn secret(name: &str, io: &Io<'_>) -> Option<Zeroizing<String>> {
    let value = (io.variable)(name).and_then(|value| value.into_string().ok());
    value.filter(|value| !value.is_empty()).map(Zeroizing::new)
}

/// The request of the single operand, with `-cn` and `-hostname`.
pub(crate) fn request(call: &Call, log: &Log, io: &mut Io<'_>) -> Result<Request, Failure> {
    let mut request = read_request(call.operand()?, call, log, io)?;
    if let Some(common_name) = call.given("cn") {
        common_name.clone_into(&mut request.common_name);
    }
    if let Some(hosts) = hosts(call)
        && !call.flags.switch("initca")
    {
        request.hosts = hosts;
    }
    Ok(request)
}

/// The hosts of `-hostname`.
pub(crate) fn hosts(call: &Call) -> Option<Vec<String>> {
    call.given("hostname").map(|hosts| hosts.split(',').map(str::to_owned).collect())
}

/// The request in a file or on standard input.
pub(crate) fn read_request(name: &str, call: &Call, log: &Log, io: &mut Io<'_>) -> Result<Request, Failure> {
    let bytes = read_or_input(name, io)?;
    let request = Request::from_json(&String::from_utf8_lossy(&bytes), Some(Path::new(name)))?;
    warn(call.notices(), log, io);
    warn(&request.notices, log, io);
    Ok(request.value)
}

/// A request for anything but a CA's own certificate has no `ca` section.
pub(crate) fn refuse_ca_section(request: &Request) -> Result<(), Failure> {
    match request.ca {
        Some(_) => Err(Failure::user("ca section only permitted in initca")
            .hint("remove \"ca\" from the CSR JSON, or give -initca")),
        None => Ok(()),
    }
}

/// The profile of `-config` and `-profile`, or `built_in` without a config.
pub(crate) fn profile<'a>(call: &'a Call, built_in: &'a Profile) -> Result<&'a Profile, Failure> {
    let name = call.given("profile");
    let file = call.given("config").unwrap_or_default();
    match (call.config(), name) {
        (Some(config), name) => Ok(config.profile(name).map_err(|error| error.in_file(Path::new(file)))?),
        (None, None) => Ok(built_in),
        (None, Some(name)) => {
            Err(Failure::user(format!("-profile {name} needs -config, the file that holds it"))
                .hint("add -config=ca-config.json"))
        }
    }
}

/// The profile to sign under, checked to be of use.
pub(crate) fn signing_profile(call: &Call) -> Result<Profile, Failure> {
    let built_in = Config::default();
    let profile = profile(call, built_in.profile(None)?)?;
    let file = call.given("config").unwrap_or_default();
    profile.check_usable().map_err(|error| error.in_file(Path::new(file)))?;
    Ok(profile.clone())
}

/// Tells what there is to know.
pub(crate) fn warn(notices: &[impl Display], log: &Log, io: &mut Io<'_>) {
    for notice in notices {
        log.warning(io, notice);
    }
}
