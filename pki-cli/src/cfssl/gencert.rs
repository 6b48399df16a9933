//! `gencert`, `genkey`, `initca`: new keys and certificates.

use std::path::Path;

use pki_core::{
    Certificate, Config, Issuer, KeySource, Notice, PrivateKey, Request, SigningRequest, SystemKeys,
    SystemRandomness, ca,
};

use super::command::{Call, read_prefixed, read_text_or_input};
use super::log::Log;
use super::output::{self, Issued};
use crate::failure::Failure;
use crate::io::Io;

/// `gencert`
pub(crate) fn run(call: &Call, io: &mut Io<'_>) -> Result<(), Failure> {
    if call.flags.switch("renewca") {
        return Err(Failure::user("-renewca is not provided yet")
            .hint("gencert -initca -ca-key ca-key.pem ca-csr.json makes a new certificate for the old key"));
    }
    if call.given("remote").is_some() {
        return Err(Failure::user("-remote is not provided: etcdpki signs with local keys")
            .hint("give -ca and -ca-key"));
    }
    if call.flags.switch("initca") { run_initca(call, io) } else { leaf(call, io) }
}

/// `initca`, or `gencert -initca`
pub(crate) fn run_initca(call: &Call, io: &mut Io<'_>) -> Result<(), Failure> {
    let log = Log::new(call.flags.integer("loglevel"));
    let request = request(call, &log, io)?;
    let old_key = call.given("ca-key").map(|name| private_key(name, io)).transpose()?;
    log.info(
        io,
        match old_key {
            Some(_) => "re-generate a CA certificate from CSR and CA key",
            None => "generating a new CA key and certificate from CSR",
        },
    );
    new_ca(&request, old_key, &log, io)
}

/// `genkey`
pub(crate) fn run_genkey(call: &Call, io: &mut Io<'_>) -> Result<(), Failure> {
    let log = Log::new(call.flags.integer("loglevel"));
    let text = call.operand()?;
    let request = read_request(text, call, &log, io)?;
    if call.flags.switch("initca") {
        return new_ca(&request, None, &log, io);
    }
    refuse_ca_section(&request)?;
    let key = new_key(&request, &log, io)?;
    let mut notices = Vec::new();
    let csr = request.sign(&key, &mut notices)?;
    log.info(io, "encoded CSR");
    warn(&notices, &log, io);
    output::print_line(io, &Issued::new(None, &csr, Some(&key)))
}

fn new_ca(request: &Request, old_key: Option<PrivateKey>, log: &Log, io: &mut Io<'_>) -> Result<(), Failure> {
    let is_new = old_key.is_none();
    let key = match old_key {
        Some(key) => key,
        None => new_key(request, log, io)?,
    };
    let made = ca::create(request, &key, (io.now)(), &SystemRandomness)?;
    log.info(io, "encoded CSR");
    warn(&made.notices, log, io);
    signed(&made.value.certificate, log, io);
    let issued = Issued::new(Some(&made.value.certificate), &made.value.request, is_new.then_some(&key));
    output::print_line(io, &issued)
}

/// A certificate under a CA. All that can be wrong is found before a key is made.
fn leaf(call: &Call, io: &mut Io<'_>) -> Result<(), Failure> {
    let log = Log::new(call.flags.integer("loglevel"));
    let request = request(call, &log, io)?;
    refuse_ca_section(&request)?;
    let built_in = Config::default();
    let profile_name = call.given("profile");
    let config = match (call.config(), profile_name) {
        (Some(config), _) => config,
        (None, None) => &built_in,
        (None, Some(name)) => {
            return Err(Failure::user(format!("-profile {name} needs -config, the file that holds it"))
                .hint("add -config=ca-config.json"));
        }
    };
    let profile = config.profile(profile_name)?;
    profile.check_usable()?;
    let issuer = issuer(call, io)?;
    let key = new_key(&request, &log, io)?;
    let mut notices = Vec::new();
    let csr = request.sign(&key, &mut notices)?;
    log.info(io, "encoded CSR");
    let verified = csr.clone().verify()?;
    let signing = SigningRequest {
        request: &verified,
        profile,
        subject: None,
        names: None,
        crl_url: call.given("crl"),
    };
    let certificate = issuer.sign(&signing, (io.now)(), &SystemRandomness)?;
    notices.extend(certificate.notices);
    signed(&certificate.value, &log, io);
    warn(&notices, &log, io);
    output::print_line(io, &Issued::new(Some(&certificate.value), &csr, Some(&key)))
}

fn issuer(call: &Call, io: &Io<'_>) -> Result<Issuer, Failure> {
    let needed = |flag: &str, what: &str| {
        call.given(flag).ok_or_else(|| {
            Failure::user(format!("need a CA {what} (provide one with -{flag})"))
                .hint("or make a new CA with -initca")
        })
    };
    let (certificate_name, key_name) = (needed("ca", "certificate")?, needed("ca-key", "key")?);
    let (path, bytes) = read_prefixed(certificate_name, io)?;
    let certificate = Certificate::read(&bytes).map_err(|error| error.in_file(&path))?;
    let key = private_key(key_name, io)?;
    Ok(Issuer::new(certificate, key).map_err(|error| error.in_file(Path::new(certificate_name)))?)
}

fn private_key(name: &str, io: &Io<'_>) -> Result<PrivateKey, Failure> {
    let (path, bytes) = read_prefixed(name, io)?;
    let password = (io.variable)("CFSSL_CA_PK_PASSWORD").and_then(|value| value.into_string().ok());
    let password = password.filter(|password| !password.is_empty());
    Ok(PrivateKey::read(&bytes, password.as_deref()).map_err(|error| error.in_file(&path))?)
}

fn request(call: &Call, log: &Log, io: &mut Io<'_>) -> Result<Request, Failure> {
    let mut request = read_request(call.operand()?, call, log, io)?;
    if let Some(common_name) = call.given("cn") {
        common_name.clone_into(&mut request.common_name);
    }
    if let Some(hosts) = call.given("hostname")
        && !call.flags.switch("initca")
    {
        request.hosts = hosts.split(',').map(str::to_owned).collect();
    }
    Ok(request)
}

fn read_request(name: &str, call: &Call, log: &Log, io: &mut Io<'_>) -> Result<Request, Failure> {
    let text = read_text_or_input(name, io)?;
    let request = Request::from_json(&text, Some(Path::new(name)))?;
    warn(call.notices(), log, io);
    warn(&request.notices, log, io);
    Ok(request.value)
}

fn refuse_ca_section(request: &Request) -> Result<(), Failure> {
    match request.ca {
        Some(_) => Err(Failure::user("ca section only permitted in initca")
            .hint("remove \"ca\" from the CSR JSON, or give -initca")),
        None => Ok(()),
    }
}

fn new_key(request: &Request, log: &Log, io: &mut Io<'_>) -> Result<PrivateKey, Failure> {
    log.info(io, "generate received request");
    log.info(io, "received CSR");
    log.info(io, format_args!("generating key: {}", request.key));
    Ok(SystemKeys.generate(request.key)?)
}

fn signed(certificate: &Certificate, log: &Log, io: &mut Io<'_>) {
    log.info(io, format_args!("signed certificate with serial number {}", certificate.serial_decimal()));
}

fn warn(notices: &[Notice], log: &Log, io: &mut Io<'_>) {
    for notice in notices {
        log.warning(io, notice);
    }
}
