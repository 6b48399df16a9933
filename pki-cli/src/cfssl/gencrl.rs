//! `gencrl`: a revocation list from serial numbers.

use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use pki_core::disk::{self, Existing, Mode};
use pki_core::go::duration;
use pki_core::go::number::{self, Base};
use pki_core::x509::{Certificate, Crl, CrlTemplate, Error, ErrorKind, Issuer, Revocation, RevokedSerial};
use time::Duration;

use super::invocation::Invocation;
use super::log::Log;
use super::options::refuse_remote;
use super::read::{certificate, private_key, read_list};
use crate::terminal::{CommandError, Terminal, print};

const USAGE: &str = "write gencrl [-crl OLD] [-number N] [-pem | -bare NAME] SERIALS CERT KEY [LIFETIME]";

/// The lifetime of a list if none is given: a week, as in cfssl's `crl/crl.go`.
const LIFETIME: Duration = Duration::days(7);

/// The flags and operands of `gencrl`.
struct Gencrl<'a> {
    /// The file of serial numbers, or the file of one certificate to revoke.
    serials: &'a str,
    ca: &'a str,
    key: &'a str,
    lifetime: Duration,
    /// The file of the previous list, whose entries are kept.
    old_list: Option<&'a str>,
    number: Option<&'a str>,
    form: Form<'a>,
    log: Log,
}

/// The form in which the list is written.
enum Form<'a> {
    /// PEM in the file `NAME.crl`. With `force` it may replace a private key.
    File { name: &'a str, force: bool },
    /// PEM on standard output.
    Pem,
    /// Base64 in one line on standard output, which is cfssl's form.
    Base64,
}

impl<'a> Gencrl<'a> {
    fn new(invocation: &'a Invocation) -> Result<Self, CommandError> {
        let (serials, ca, key, lifetime) = match invocation.operands() {
            [serials, ca, key] => (serials, ca, key, LIFETIME),
            [serials, ca, key, lifetime] => (serials, ca, key, read_lifetime(lifetime)?),
            [] | [_] | [_, _] => {
                let message = "not enough arguments are supplied --- please refer to the usage";
                return Err(CommandError::new(message).hint(USAGE));
            }
            [_, _, _, _, extra, ..] => {
                return Err(CommandError::new(format!("{extra:?} is one argument too many")).hint(USAGE));
            }
        };
        let form = match invocation.given("bare") {
            Some(name) => Form::File { name, force: invocation.switch("force") },
            None if invocation.switch("pem") => Form::Pem,
            None => Form::Base64,
        };
        let (old_list, number) = (invocation.given("crl"), invocation.given("number"));
        Ok(Self { serials, ca, key, lifetime, old_list, number, form, log: invocation.log() })
    }
}

/// Runs `gencrl`.
pub(crate) fn run(invocation: &Invocation, terminal: &mut Terminal<'_>) -> Result<(), CommandError> {
    refuse_remote(invocation)?;
    invocation.log().warnings(terminal, invocation.config_notices());
    let flags = Gencrl::new(invocation)?;
    if !matches!(flags.form, Form::File { .. }) {
        print::refuse_closed_output(terminal)?;
    }
    let now = (terminal.now)();
    let text = read_list(flags.serials, terminal)?;
    let ca = Path::new(flags.ca);
    let issuer = Issuer::new(certificate(flags.ca, terminal)?, private_key(flags.key, flags.log, terminal)?);
    let issuer = issuer.map_err(|error| error.in_file(ca))?;
    let serials = Path::new(flags.serials);
    // A certificate's file stands for its serial number.
    let new = match Certificate::read(&text) {
        Ok(revoked) => {
            let own = revoked.verify_issued_by(issuer.certificate());
            own.map_err(|error| error.in_file(serials))?;
            vec![Revocation { serial: RevokedSerial::from(&revoked), date: now, reason: None }]
        }
        Err(_) => Revocation::parse_list(&String::from_utf8_lossy(&text), now, Some(serials))?,
    };
    let old = flags.old_list.map(|name| read_old_list(name, issuer.certificate(), terminal)).transpose()?;
    let wanted = flags.number.map(read_number).transpose()?;
    let number = Crl::next_number(old.as_ref(), wanted, now).map_err(number_error)?;
    let revocations = match &old {
        Some(old) => old.revocations_and(new),
        None => new,
    };
    let next_update = now + flags.lifetime;
    let template = CrlTemplate { number, this_update: now, next_update, revocations: &revocations };
    let crl = issuer.sign_crl(&template).map_err(|error| error.in_file(ca))?;
    deliver(&crl, &flags, terminal)
}

/// Reads the previous list, and checks that the CA has signed it.
fn read_old_list(name: &str, ca: &Certificate, terminal: &mut Terminal<'_>) -> Result<Crl, CommandError> {
    let old = Crl::read(&read_list(name, terminal)?);
    let old = old.and_then(|old| old.verify_issued_by(ca).map(|()| old));
    Ok(old.map_err(|error| error.in_file(Path::new(name)))?)
}

fn read_number(text: &str) -> Result<u64, CommandError> {
    text.parse().map_err(|_| {
        CommandError::new(format!("-number {text:?} is not the number of a revocation list"))
            .hint("write a whole number that is greater than that of the previous list, such as 6")
    })
}

fn number_error(error: Error) -> CommandError {
    match *error.kind() {
        ErrorKind::CrlNumber { number, previous } => {
            let least = previous.checked_add(1);
            CommandError::new(format!("-number {number} is not greater than that of the old list"))
                .maybe_hint(least.map(|least| format!("write {least} or more, or leave out -number")))
        }
        _ => error.into(),
    }
}

fn deliver(crl: &Crl, flags: &Gencrl<'_>, terminal: &mut Terminal<'_>) -> Result<(), CommandError> {
    match flags.form {
        Form::File { name, force } => {
            let path = format!("{name}.crl");
            let existing = if force { Existing::ReplaceKeys } else { Existing::Replace };
            disk::write(path.as_ref(), crl.to_pem().as_bytes(), Mode::Masked(0o644), existing)
                .map_err(|error| CommandError::write(path.as_ref(), &error))?;
            flags.log.info(terminal, format_args!("wrote {path}"));
            Ok(())
        }
        Form::Pem => print::text(terminal, &crl.to_pem()),
        Form::Base64 => print::text(terminal, &format!("{}\n", STANDARD.encode(crl.der()))),
    }
}

/// Reads seconds, as in cfssl, where 0 stands for a week, or a duration with units.
fn read_lifetime(text: &str) -> Result<Duration, CommandError> {
    let bad = |reason: &str| {
        CommandError::new(format!("{text:?} is not a lifetime of a revocation list: {reason}"))
            .hint("write seconds, such as 604800, or a duration, such as 7d")
    };
    let lifetime = match number::parse_int(text, Base::Prefixed) {
        Ok(0) => LIFETIME,
        Ok(seconds) => Duration::seconds(seconds),
        Err(_) => duration::parse(text).map_err(|error| bad(&error.to_string()))?,
    };
    if lifetime < Duration::SECOND || lifetime > Duration::days(100 * 365) {
        return Err(bad("it must be one second or more, and a hundred years or less"));
    }
    Ok(lifetime)
}
