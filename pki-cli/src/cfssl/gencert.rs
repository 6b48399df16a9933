//! `gencert`, `genkey`, `initca`: new keys and certificates.

use pki_core::cfssl::{NewCertificate, Request, ca};
use pki_core::x509::{
    Certificate, CertificateRequest, KeySource, PrivateKey, RacingKeys, SubjectAltNames, SystemRandomness,
    root,
};

use super::command::Call;
use super::input::{
    certificate, issuer, private_key, read_request, refuse_ca_section, refuse_remote, refuse_to_replace_ca,
    request, signing_profile, warn,
};
use super::into;
use super::log::Log;
use super::output::Issued;
use crate::failure::Failure;
use crate::io::Io;

/// `gencert`
pub(crate) fn run(call: &Call, io: &mut Io<'_>) -> Result<(), Failure> {
    refuse_remote(call)?;
    let is_given = |flag: &str| match flag {
        "from" => call.given(flag).is_some(),
        switch => call.flags.switch(switch),
    };
    let alone = ["renewca", "from", "initca"].into_iter().find(|flag| is_given(flag));
    if let (Some(_), Some(flag)) = (call.given("into"), alone) {
        return Err(Failure::user(format!("-{flag} makes one certificate, and -into is for many"))
            .hint("name its files: -bare NAME"));
    }
    if call.flags.switch("renewca") {
        renew_ca(call, io)
    } else if call.given("from").is_some() {
        renew(call, io)
    } else if call.flags.switch("initca") {
        run_initca(call, io)
    } else if call.given("into").is_some() {
        into::gencert(call, io)
    } else {
        leaf(call, io)
    }
}

/// `initca`, or `gencert -initca`
pub(crate) fn run_initca(call: &Call, io: &mut Io<'_>) -> Result<(), Failure> {
    let log = Log::new(call.flags.integer("loglevel"));
    let request = request(call, &log, io)?;
    let old_key = call.given("ca-key").map(|name| private_key(name, call, io)).transpose()?;
    log.info(
        io,
        match old_key {
            Some(_) => "re-generate a CA certificate from CSR and CA key",
            None => "generating a new CA key and certificate from CSR",
        },
    );
    new_ca(call, &request, old_key, &log, io)
}

/// `genkey`
pub(crate) fn run_genkey(call: &Call, io: &mut Io<'_>) -> Result<(), Failure> {
    let log = Log::new(call.flags.integer("loglevel"));
    let request = read_request(call.operand()?, call, &log, io)?;
    if call.flags.switch("initca") {
        return new_ca(call, &request, None, &log, io);
    }
    refuse_ca_section(&request)?;
    let (key, csr) = new_request(call, &request, &log, io)?;
    Issued::default().request(&csr).key(&key, call, io)?.deliver(call, io)
}

fn new_ca(
    call: &Call,
    request: &Request,
    old_key: Option<PrivateKey>,
    log: &Log,
    io: &mut Io<'_>,
) -> Result<(), Failure> {
    let is_new = old_key.is_none();
    let key = match old_key {
        Some(key) => key,
        None => new_key(call, request, log, io)?,
    };
    let made = ca::create(request, &key, (io.now)(), &SystemRandomness)?;
    log.info(io, "encoded CSR");
    warn(&made.notices, log, io);
    signed(&made.value.certificate, log, io);
    let issued = Issued::default().certificate(&made.value.certificate).request(&made.value.request);
    let issued = if is_new { issued.key(&key, call, io)? } else { issued };
    issued.deliver(call, io)
}

/// `gencert -renewca`
fn renew_ca(call: &Call, io: &mut Io<'_>) -> Result<(), Failure> {
    let log = Log::new(call.flags.integer("loglevel"));
    let (Some(name), Some(key_name)) = (call.given("ca"), call.given("ca-key")) else {
        return Err(Failure::user("-renewca needs the old certificate and its key")
            .hint("gencert -renewca -ca ca.pem -ca-key ca-key.pem"));
    };
    log.info(io, "re-generate a CA certificate from CA cert and key");
    let (old, key) = (certificate(name, io)?, private_key(key_name, call, io)?);
    let renewed = root::renew(&old, &key, (io.now)(), &SystemRandomness);
    let renewed = renewed.map_err(|error| error.in_file(name.as_ref()))?;
    signed(&renewed, &log, io);
    Issued::default().certificate(&renewed).deliver(call, io)
}

/// `gencert -from`: an old certificate anew, for the same key.
fn renew(call: &Call, io: &mut Io<'_>) -> Result<(), Failure> {
    let log = Log::new(call.flags.integer("loglevel"));
    let name = call.given("from").unwrap_or_default();
    for flag in ["cn", "crl", "hostname", "profile"] {
        if call.given(flag).is_some() {
            return Err(Failure::user(format!("-from takes everything from the old certificate, and -{flag} is given"))
                .hint("leave one of the two out; gencsr -key KEY -cert OLD and sign make a changed certificate for the same key"));
        }
    }
    if let Some(operand) = call.flags.operands().first() {
        return Err(Failure::user(format!(
            "-from takes everything from the old certificate, and {operand} is given"
        ))
        .hint("leave the CSR JSON out"));
    }
    let old = certificate(name, io)?;
    if let Some(key_name) = call.given("key")
        && !old.is_for(private_key(key_name, call, io)?.public_key())
    {
        return Err(Failure::user(format!("the key in {key_name} is not that of {name}"))
            .hint("the new certificate is for the old key: leave -key out, or name the old key"));
    }
    let issuer = issuer(call, io)?;
    let renewed = issuer.renew(&old, (io.now)(), &SystemRandomness);
    let renewed = renewed.map_err(|error| error.in_file(name.as_ref()))?;
    signed(&renewed.value, &log, io);
    warn(&renewed.notices, &log, io);
    Issued::default().certificate(&renewed.value).deliver(call, io)
}

/// A certificate under a CA. All that can be wrong is found before a key is made.
fn leaf(call: &Call, io: &mut Io<'_>) -> Result<(), Failure> {
    let log = Log::new(call.flags.integer("loglevel"));
    let request = request(call, &log, io)?;
    refuse_ca_section(&request)?;
    let profile = signing_profile(call)?;
    let issuer = issuer(call, io)?;
    refuse_to_replace_ca(call, call.given("bare").map(|name| format!("{name}.pem").into()))?;
    before_key(call, &request, &log, io)?;
    let crl_url = call.given("crl");
    let made = issuer.gencert(&request, &profile, crl_url, &RacingKeys, (io.now)(), &SystemRandomness)?;
    let NewCertificate { certificate, request, key } = made.value;
    log.info(io, "encoded CSR");
    signed(&certificate, &log, io);
    warn(&made.notices, &log, io);
    Issued::default().certificate(&certificate).request(&request).key(&key, call, io)?.deliver(call, io)
}

/// A new key, and the request that it signs.
pub(crate) fn new_request(
    call: &Call,
    request: &Request,
    log: &Log,
    io: &mut Io<'_>,
) -> Result<(PrivateKey, CertificateRequest), Failure> {
    let key = new_key(call, request, log, io)?;
    let mut notices = Vec::new();
    let csr = request.sign(&key, &mut notices)?;
    log.info(io, "encoded CSR");
    warn(&notices, log, io);
    Ok((key, csr))
}

fn new_key(call: &Call, request: &Request, log: &Log, io: &mut Io<'_>) -> Result<PrivateKey, Failure> {
    before_key(call, request, log, io)?;
    Ok(RacingKeys.generate(request.key)?)
}

/// What can be wrong with the rest is found before the time for a key is spent.
fn before_key(call: &Call, request: &Request, log: &Log, io: &mut Io<'_>) -> Result<(), Failure> {
    SubjectAltNames::from_hosts(&request.hosts, &mut Vec::new())?;
    Issued::check_new_key(call, io)?;
    log.info(io, "generate received request");
    log.info(io, "received CSR");
    log.info(io, format_args!("generating key: {}", request.key));
    Ok(())
}

/// Tells cfssl's way that a certificate was made.
pub(crate) fn signed(certificate: &Certificate, log: &Log, io: &mut Io<'_>) {
    log.info(io, format_args!("signed certificate with serial number {}", certificate.serial_decimal()));
}
