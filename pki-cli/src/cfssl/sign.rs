//! `sign`, `selfsign`, `gencsr` and `info`: other people's requests, keys that are there, and what a CA says.

use pki_core::cfssl::{Notice, Profile, SigningRequest, ca};
use pki_core::x509::{CertificateRequest, SubjectAltNames, SystemRandomness};
use serde::Serialize;
use zeroize::Zeroizing;

use super::command::{Call, read_or_input};
use super::gencert::{new_request, signed};
use super::input::{
    certificate, hosts, issuer, private_key_and_text, profile, read_request, refuse_ca_section,
    refuse_remote, refuse_to_replace_ca, request, signing_profile, warn,
};
use super::into;
use super::log::Log;
use super::output::{self, Issued};
use crate::failure::Failure;
use crate::io::Io;

/// `sign`
pub(crate) fn run(call: &Call, io: &mut Io<'_>) -> Result<(), Failure> {
    refuse_remote(call)?;
    if call.given("into").is_some() {
        return into::sign(call, io);
    }
    let log = Log::new(call.flags.integer("loglevel"));
    let (csr_name, subject_name) = operands(call)?;
    let csr_text = read_or_input(csr_name, io)?;
    let subject = match subject_name {
        Some(name) => {
            let given = read_request(name, call, &log, io)?;
            if !given.hosts.is_empty() {
                log.warning(io, format_args!("{name}: hosts are not taken from here: give -hostname"));
            }
            Some(given.attributes())
        }
        None => {
            warn(call.notices(), &log, io);
            None
        }
    };
    let mut notices = Vec::new();
    let names = hosts(call).map(|hosts| SubjectAltNames::from_hosts(&hosts, &mut notices)).transpose()?;
    let profile = signing_profile(call)?;
    let issuer = issuer(call, io)?;
    refuse_to_replace_ca(call, call.given("bare").map(|name| format!("{name}.pem").into()))?;
    let request = CertificateRequest::read(&csr_text).and_then(CertificateRequest::verify);
    let request = request.map_err(|error| error.in_file(csr_name.as_ref()))?;
    let crl_url = call.given("crl");
    let signing = SigningRequest { request: &request, profile: &profile, subject, names, crl_url };
    let certificate = issuer.sign(&signing, (io.now)(), &SystemRandomness);
    let certificate = certificate.map_err(|error| error.in_file(csr_name.as_ref()))?;
    signed(&certificate.value, &log, io);
    warn(&notices, &log, io);
    warn(&certificate.notices, &log, io);
    // The text as it was read; DER is no text.
    let csr_text = match std::str::from_utf8(&csr_text) {
        Ok(text) if text.contains("-----BEGIN") => text.to_owned(),
        _ => request.request().to_pem(),
    };
    Issued::default().certificate(&certificate.value).request_text(csr_text).deliver(call, io)
}

/// The files of the request and of the subject.
fn operands(call: &Call) -> Result<(&str, Option<&str>), Failure> {
    let operands: Vec<&str> =
        call.given("csr").into_iter().chain(call.flags.operands().iter().map(String::as_str)).collect();
    match *operands.as_slice() {
        [] => Err(Failure::user("not enough arguments are supplied --- please refer to the usage")
            .hint("name the request's file, or - for standard input")),
        [csr] => Ok((csr, None)),
        [csr, subject] => Ok((csr, Some(subject))),
        _ => Err(Failure::user("too many arguments are provided, please check with usage")
            .hint("sign -ca CERT -ca-key KEY CSR [SUBJECT]")),
    }
}

/// `selfsign`
pub(crate) fn run_selfsign(call: &Call, io: &mut Io<'_>) -> Result<(), Failure> {
    let log = Log::new(call.flags.integer("loglevel"));
    let operands: Vec<&str> =
        call.given("hostname").into_iter().chain(call.flags.operands().iter().map(String::as_str)).collect();
    let (host, csr_json) = match *operands.as_slice() {
        [host, csr_json] => (host, csr_json),
        [] | [_] => {
            return Err(Failure::user("not enough arguments are supplied --- please refer to the usage")
                .hint("selfsign HOSTNAME CSRJSON"));
        }
        _ => {
            return Err(Failure::user("too many arguments are provided, please check with usage")
                .hint("selfsign HOSTNAME CSRJSON"));
        }
    };
    let mut request = read_request(csr_json, call, &log, io)?;
    refuse_ca_section(&request)?;
    if request.hosts.is_empty() {
        request.hosts = host.split(',').map(str::to_owned).collect();
    } else if host.split(',').any(|host| !request.hosts.iter().any(|known| known == host)) {
        log.warning(
            io,
            format_args!("{host} is not among the hosts of {csr_json}, which are the certificate's"),
        );
    }
    let built_in = ca::self_sign_profile();
    let profile = profile(call, &built_in)?;
    profile.check_usable()?;
    let (key, csr) = new_request(call, &request, &log, io)?;
    let certificate = ca::self_sign(&csr.clone().verify()?, &key, profile, (io.now)(), &SystemRandomness)?;
    log.warning(io, "nobody trusts a self-signed certificate: use it for tests, and a CA for the rest");
    Issued::default().certificate(&certificate).request(&csr).key(&key, call, io)?.deliver(call, io)
}

/// `gencsr`
pub(crate) fn run_gencsr(call: &Call, io: &mut Io<'_>) -> Result<(), Failure> {
    let log = Log::new(call.flags.integer("loglevel"));
    let Some(key_name) = call.given("key") else {
        return Err(Failure::user("private key file is required through '-key', please check with usage")
            .hint("gencsr -key KEY CSRJSON; genkey makes a new key"));
    };
    let mut notices: Vec<Notice> = Vec::new();
    let (csr, text) = match call.given("cert") {
        Some(_) if !call.flags.operands().is_empty() => {
            return Err(Failure::user("no argument is accepted with '-cert', please check with usage")
                .hint("leave out -cert or the CSR JSON"));
        }
        Some(name) => {
            warn(call.notices(), &log, io);
            let old = certificate(name, io)?;
            let (key, text) = private_key_and_text(key_name, call, io)?;
            (CertificateRequest::for_certificate(&old, &key)?, text)
        }
        None => {
            let request = request(call, &log, io)?;
            let (key, text) = private_key_and_text(key_name, call, io)?;
            (request.sign(&key, &mut notices)?, text)
        }
    };
    log.info(io, "encoded CSR");
    warn(&notices, &log, io);
    let text = Zeroizing::new(String::from_utf8_lossy(&text).into_owned());
    let issued = Issued::default().request(&csr);
    // The key has its file already.
    let issued = if call.given("bare").is_some() { issued } else { issued.key_text(text) };
    issued.deliver(call, io)
}

#[derive(Serialize)]
struct Info {
    certificate: String,
    usages: Option<Vec<String>>,
    expiry: String,
}

/// `info`
pub(crate) fn run_info(call: &Call, io: &mut Io<'_>) -> Result<(), Failure> {
    refuse_remote(call)?;
    let log = Log::new(call.flags.integer("loglevel"));
    if let Some(operand) = call.flags.operands().first() {
        return Err(Failure::user(format!("info takes no argument, and {operand} is given"))
            .hint("info -config FILE -ca CERT -ca-key KEY [-profile NAME]"));
    }
    if call.config().is_none() {
        return Err(Failure::user("info needs the config with the profile")
            .hint("info -config FILE -ca CERT -ca-key KEY [-profile NAME]"));
    }
    warn(call.notices(), &log, io);
    let built_in = Profile::built_in();
    let profile = profile(call, &built_in)?;
    let issuer = issuer(call, io)?;
    let info = Info {
        certificate: issuer.certificate().to_pem().trim_end().to_owned(),
        usages: Some(profile.usage_names.clone()).filter(|usages| !usages.is_empty()),
        expiry: profile.expiry_text.clone(),
    };
    output::print(io, output::to_json(&info)?.as_bytes())
}
