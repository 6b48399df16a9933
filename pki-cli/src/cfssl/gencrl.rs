//! `gencrl`: a revocation list from serial numbers.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use pki_core::disk::{self, Existing, Mode};
use pki_core::x509::{Certificate, Crl, CrlTemplate, Issuer, Revocation, RevokedSerial};
use time::Duration;

use super::command::{Call, read_or_input};
use super::input::{certificate, private_key, refuse_remote, warn};
use super::log::Log;
use super::output;
use crate::failure::Failure;
use crate::goflag;
use crate::io::Io;

const USAGE: &str = "gencrl [-crl OLD] [-number N] [-pem | -bare NAME] SERIALS CERT KEY [LIFETIME]";

/// cfssl's crl/crl.go: a week.
const LIFETIME: Duration = Duration::days(7);

pub(crate) fn run(call: &Call, io: &mut Io<'_>) -> Result<(), Failure> {
    refuse_remote(call)?;
    let log = Log::new(call.flags.integer("loglevel"));
    warn(call.notices(), &log, io);
    let (serials, ca, key, lifetime) = match call.flags.operands() {
        [serials, ca, key] => (serials, ca, key, LIFETIME),
        [serials, ca, key, lifetime] => (serials, ca, key, read_lifetime(lifetime)?),
        [] | [_] | [_, _] => {
            return Err(
                Failure::user("not enough arguments are supplied --- please refer to the usage").hint(USAGE)
            );
        }
        [_, _, _, _, extra, ..] => {
            return Err(Failure::user(format!("{extra} is one argument too many")).hint(USAGE));
        }
    };
    let now = (io.now)();
    let text = read_or_input(serials, io)?;
    let issuer = Issuer::new(certificate(ca, io)?, private_key(key, call, io)?);
    let issuer = issuer.map_err(|error| error.in_file(ca.as_ref()))?;
    // A certificate's own file will do for its serial number.
    let mut revocations = match Certificate::read(&text) {
        Ok(revoked) => {
            let own = revoked.verify_issued_by(issuer.certificate());
            own.map_err(|error| error.in_file(serials.as_ref()))?;
            vec![Revocation { serial: RevokedSerial::from(&revoked), date: now, reason: None }]
        }
        Err(_) => {
            let text = String::from_utf8_lossy(&text);
            Revocation::parse_list(&text, now, Some(serials.as_ref()))?
        }
    };
    let mut least = None;
    if let Some(name) = call.given("crl") {
        let old = Crl::read(&read_or_input(name, io)?);
        let old = old.and_then(|old| old.verify_issued_by(issuer.certificate()).map(|()| old));
        let old = old.map_err(|error| error.in_file(name.as_ref()))?;
        let mut all = old.revocations().to_vec();
        all.extend(revocations.into_iter().filter(|new| old.revocation(&new.serial).is_none()));
        revocations = all;
        least = old.number().map(|number| number.saturating_add(1));
    }
    let number = match call.given("number") {
        Some(text) => text.parse().map_err(|_| {
            Failure::user(format!("-number {text} is no number of a list"))
                .hint("write a whole number, greater than that of the list before")
        })?,
        None => u64::try_from(now.unix_timestamp()).unwrap_or_default().max(least.unwrap_or_default()),
    };
    if let Some(least) = least.filter(|least| *least > number) {
        return Err(Failure::user(format!("-number {number} is not greater than that of the old list"))
            .hint(format!("write {least} or more, or leave -number out")));
    }
    let template =
        CrlTemplate { number, this_update: now, next_update: now + lifetime, revocations: &revocations };
    let crl = issuer.sign_crl(&template).map_err(|error| error.in_file(ca.as_ref()))?;
    deliver(&crl, call, &log, io)
}

/// cfssl's is base64 in one line.
fn deliver(crl: &Crl, call: &Call, log: &Log, io: &mut Io<'_>) -> Result<(), Failure> {
    if let Some(name) = call.given("bare") {
        let path = format!("{name}.crl");
        let existing = if call.flags.switch("force") { Existing::ReplaceKeys } else { Existing::Replace };
        disk::write(path.as_ref(), crl.to_pem().as_bytes(), Mode::Masked(0o644), existing)
            .map_err(|error| Failure::write(path.as_ref(), &error))?;
        log.info(io, format_args!("wrote {path}"));
        return Ok(());
    }
    if call.flags.switch("pem") {
        return output::print(io, crl.to_pem().as_bytes());
    }
    output::print(io, format!("{}\n", STANDARD.encode(crl.der())).as_bytes())
}

/// Seconds as in cfssl, 0 being a week, or a duration with units.
fn read_lifetime(text: &str) -> Result<Duration, Failure> {
    let bad = |reason: &str| {
        Failure::user(format!("{text} is no lifetime of a list: {reason}"))
            .hint("write seconds, such as 604800, or a duration, such as 7d")
    };
    let lifetime = match goflag::integer_value(text) {
        Some(0) => LIFETIME,
        Some(seconds) => Duration::seconds(seconds),
        None => pki_core::duration::parse(text).map_err(|error| bad(&error.to_string()))?,
    };
    if lifetime < Duration::SECOND || lifetime > Duration::days(100 * 365) {
        return Err(bad("it must be positive, and no more than a hundred years"));
    }
    Ok(lifetime)
}
