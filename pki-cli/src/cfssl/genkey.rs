//! `genkey`: a new key, and a certificate request that it signs.

use pki_core::cfssl::{Request, ca};
use pki_core::x509::{
    CertificateRequest, KeySource, PrivateKey, RacingKeys, SubjectAltNames, SystemRandomness,
};

use super::invocation::Invocation;
use super::log::Log;
use super::options::{Delivery, RequestFlags, refuse_ca_section};
use super::output::{Output, tell_signed};
use crate::terminal::{CommandError, Terminal};

/// The flags and operands of `genkey`.
struct Genkey<'a> {
    request: RequestFlags<'a>,
    /// Whether to make a self-signed CA certificate too: `-initca`.
    makes_ca: bool,
    delivery: Delivery<'a>,
    log: Log,
}

/// Runs `genkey`.
pub(crate) fn run(invocation: &Invocation, terminal: &mut Terminal<'_>) -> Result<(), CommandError> {
    let flags = Genkey {
        request: RequestFlags::of_file(invocation)?,
        makes_ca: invocation.switch("initca"),
        delivery: Delivery::new(invocation),
        log: invocation.log(),
    };
    let Genkey { delivery, log, .. } = flags;
    let request = flags.request.read(log, terminal)?;
    if flags.makes_ca {
        return new_ca(&request, None, &delivery, log, terminal);
    }
    refuse_ca_section(&request)?;
    let (key, csr) = new_request(&request, &delivery, log, terminal)?;
    Output::default().request(&csr).key(&key, &delivery, terminal)?.deliver(&delivery, log, terminal)
}

/// Makes a self-signed CA for `old_key`, or for a new key if it is `None`, and delivers it.
pub(super) fn new_ca(
    request: &Request,
    old_key: Option<PrivateKey>,
    delivery: &Delivery<'_>,
    log: Log,
    terminal: &mut Terminal<'_>,
) -> Result<(), CommandError> {
    let is_new = old_key.is_none();
    let key = match old_key {
        Some(key) => key,
        None => new_key(request, delivery, log, terminal)?,
    };
    let made = ca::create(request, &key, (terminal.now)(), &SystemRandomness)?;
    log.info(terminal, "encoded CSR");
    log.warnings(terminal, &made.notices);
    tell_signed(&made.value.certificate, log, terminal);
    let output = Output::default().certificate(&made.value.certificate).request(&made.value.request);
    let output = if is_new { output.key(&key, delivery, terminal)? } else { output };
    output.deliver(delivery, log, terminal)
}

/// Makes a key, and the request that it signs.
pub(super) fn new_request(
    request: &Request,
    delivery: &Delivery<'_>,
    log: Log,
    terminal: &mut Terminal<'_>,
) -> Result<(PrivateKey, CertificateRequest), CommandError> {
    let key = new_key(request, delivery, log, terminal)?;
    let csr = request.sign(&key)?;
    log.info(terminal, "encoded CSR");
    log.warnings(terminal, &csr.notices);
    Ok((key, csr.value))
}

fn new_key(
    request: &Request,
    delivery: &Delivery<'_>,
    log: Log,
    terminal: &mut Terminal<'_>,
) -> Result<PrivateKey, CommandError> {
    check_before_key(request, delivery, log, terminal)?;
    Ok(RacingKeys.generate(request.key)?)
}

/// Finds mistakes in the hosts and in where the key would go, before a key is made, and logs what cfssl logs then.
pub(super) fn check_before_key(
    request: &Request,
    delivery: &Delivery<'_>,
    log: Log,
    terminal: &mut Terminal<'_>,
) -> Result<(), CommandError> {
    SubjectAltNames::from_hosts(&request.hosts)?;
    delivery.check_new_key(terminal)?;
    log.info(terminal, "generate received request");
    log.info(terminal, "received CSR");
    log.info(terminal, format_args!("generating key: {}", request.key));
    Ok(())
}
