//! `bundle`: the chain from a certificate to a root, as cfssl's JSON.

use std::path::Path;

use pki_core::cfssl::{BundleInfo, Bundler, Error, ErrorKind, Flavor};
use pki_core::x509::{self, Certificate};

use super::invocation::Invocation;
use super::log::Log;
use super::read::{private_key, read_or_input};
use crate::terminal::{CommandError, Terminal, print};

/// The flags of `bundle`.
struct BundleFlags<'a> {
    /// The file of the certificate, which may hold intermediate certificates too.
    certificates: &'a str,
    roots: Option<&'a str>,
    intermediates: Option<&'a str>,
    key: Option<&'a str>,
    flavor: Flavor,
    log: Log,
}

impl<'a> BundleFlags<'a> {
    fn new(invocation: &'a Invocation) -> Result<Self, CommandError> {
        if invocation.given("domain").is_some() && invocation.given("cert").is_none() {
            return Err(CommandError::new("-domain is not provided: etcdpki reads local files")
                .hint("openssl s_client -connect HOST:443 -showcerts </dev/null | etcdpki bundle -cert -"));
        }
        for flag in ["int-dir", "metadata"] {
            if invocation.given(flag).is_some() {
                return Err(CommandError::new(format!("-{flag} is not provided"))
                    .hint("give the certificates with -ca-bundle and -int-bundle"));
            }
        }
        let Some(certificates) = invocation.given("cert") else {
            return Err(CommandError::new("Must specify bundle target through -cert or -domain")
                .hint("name the certificate: etcdpki bundle -cert server.pem -ca-bundle ca.pem"));
        };
        let flavor = match invocation.given("flavor").unwrap_or_default() {
            "force" => Flavor::Force,
            "optimal" => Flavor::Optimal,
            "ubiquitous" => Flavor::Ubiquitous,
            other => {
                return Err(CommandError::new(format!("there is no flavor {other:?}"))
                    .hint("write ubiquitous, optimal or force"));
            }
        };
        Ok(Self {
            certificates,
            roots: invocation.given("ca-bundle"),
            intermediates: invocation.given("int-bundle"),
            key: invocation.given("key"),
            flavor,
            log: invocation.log(),
        })
    }
}

/// Runs `bundle`.
pub(crate) fn run(invocation: &Invocation, terminal: &mut Terminal<'_>) -> Result<(), CommandError> {
    let flags = BundleFlags::new(invocation)?;
    let (log, name) = (flags.log, flags.certificates);
    log.warnings(terminal, invocation.config_notices());
    invocation.tell_unused(|flag| flag == "domain", "bundle -cert", terminal);
    let given = certificates(name, terminal)?;
    let mut read = |file: Option<&str>| match file {
        Some(file) => certificates(file, terminal),
        None => Ok(Vec::new()),
    };
    let bundler = Bundler { roots: read(flags.roots)?, intermediates: read(flags.intermediates)? };
    let key = flags.key.map(|name| private_key(name, log, terminal)).transpose()?;
    if flags.flavor == Flavor::Ubiquitous {
        log.info(
            terminal,
            "etcdpki does not know what platforms accept, so ubiquitous chooses the same chain as optimal",
        );
    }
    let now = (terminal.now)();
    let bundle = bundler.bundle(&given, flags.flavor, now);
    let bundle = bundle.map_err(|error| error.in_file(Path::new(name)))?;
    let info = BundleInfo::new(&bundle, key.as_ref(), now).map_err(|error| info_error(error, name))?;
    print::text(terminal, &print::go_json_text(&info)?)
}

fn certificates(name: &str, terminal: &mut Terminal<'_>) -> Result<Vec<Certificate>, CommandError> {
    let all = Certificate::read_all(&read_or_input(name, terminal)?);
    Ok(all.map_err(|error| error.in_file(Path::new(name)))?)
}

fn info_error(error: Error, name: &str) -> CommandError {
    match error.kind() {
        ErrorKind::X509(x509::ErrorKind::KeyMismatch) => {
            CommandError::new(format!("Private key does not match public key: -key is not that of {name}"))
                .hint(format!("give the key that {name} was issued for, or leave out -key"))
        }
        _ => error.into(),
    }
}
