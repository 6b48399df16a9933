//! `bundle`: the chain from a certificate to a root, as cfssl's JSON.

use std::path::Path;

use pki_core::cfssl::{BundleInfo, Bundler, Error, ErrorKind, Flavor};
use pki_core::x509::{self, Certificate};

use super::invocation::Invocation;
use super::log::Log;
use super::read::{private_key, read_or_input};
use crate::terminal::{CommandError, Terminal, print};

/// cfssl's numbers for a file of certificates, which depend on what they are for.
struct Numbers {
    unreadable: u32,
    /// `None` if the number says what is wrong with it.
    malformed: Option<u32>,
}

const CERTIFICATE: Numbers = Numbers { unreadable: 1001, malformed: None };
const INTERMEDIATE: Numbers = Numbers { unreadable: 3001, malformed: Some(3003) };
const ROOT: Numbers = Numbers { unreadable: 4001, malformed: Some(4003) };

/// cfssl's numbers for the key: of a file that cannot be read, and of one with another certificate's key.
const KEY_UNREADABLE: u32 = 2001;
const KEY_MISMATCH: u32 = 2300;

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
    let mut read = |file: Option<&str>, of: &Numbers| match file {
        Some(file) => certificates(file, of, terminal),
        None => Ok(Vec::new()),
    };
    let given = read(Some(name), &CERTIFICATE)?;
    let bundler = Bundler {
        roots: read(flags.roots, &ROOT)?,
        intermediates: read(flags.intermediates, &INTERMEDIATE)?,
    };
    let key = flags.key.map(|name| private_key(name, log, terminal)).transpose();
    let key = key.map_err(|error| error.code(KEY_UNREADABLE))?;
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

fn certificates(
    name: &str,
    of: &Numbers,
    terminal: &mut Terminal<'_>,
) -> Result<Vec<Certificate>, CommandError> {
    let bytes = read_or_input(name, terminal).map_err(|error| error.code(of.unreadable))?;
    Certificate::read_all(&bytes).map_err(|error| {
        let error = CommandError::from(error.in_file(Path::new(name)));
        match of.malformed {
            Some(number) => error.numbered(Some(number)),
            None => error,
        }
    })
}

fn info_error(error: Error, name: &str) -> CommandError {
    match error.kind() {
        ErrorKind::X509(x509::ErrorKind::KeyMismatch) => {
            CommandError::new(format!("Private key does not match public key: -key is not that of {name}"))
                .hint(format!("give the key that {name} was issued for, or leave out -key"))
                .code(KEY_MISMATCH)
        }
        _ => error.into(),
    }
}
