//! `bundle`: the chain from a certificate to a root, as cfssl's JSON.

use std::path::Path;

use pki_core::cfssl::{Bundle, Bundler, CertificateInfo, Flavor};
use pki_core::x509::{Certificate, Name, PrivateKey, PublicKeyKind};
use serde::Serialize;
use time::Duration;
use time::format_description::well_known::Rfc3339;
use zeroize::Zeroizing;

use super::command::{Call, read_or_input};
use super::input::{private_key, warn};
use super::log::Log;
use super::output;
use crate::failure::Failure;
use crate::io::Io;

/// cfssl warns of certificates that end within this time.
const SOON: Duration = Duration::days(30);

#[derive(Serialize)]
struct Answer {
    bundle: String,
    crl_support: bool,
    crt: String,
    expires: String,
    hostnames: Vec<String>,
    issuer: String,
    key: Zeroizing<String>,
    key_size: usize,
    key_type: String,
    ocsp: Option<Vec<String>>,
    ocsp_support: bool,
    root: String,
    signature: &'static str,
    status: Status,
    subject: String,
}

#[derive(Serialize)]
struct Status {
    rebundled: bool,
    #[serde(rename = "expiring_SKIs")]
    expiring_skis: Option<Vec<String>>,
    untrusted_root_stores: Option<Vec<String>>,
    messages: Vec<String>,
    code: u8,
}

pub(crate) fn run(call: &Call, io: &mut Io<'_>) -> Result<(), Failure> {
    let log = Log::new(call.flags.integer("loglevel"));
    if call.given("domain").is_some() {
        return Err(Failure::user("-domain is not provided with bundle: it works on local files")
            .hint("certinfo -full -domain HOST shows a server's chain; give its certificates with -cert"));
    }
    for flag in ["int-dir", "metadata"] {
        if call.given(flag).is_some() {
            return Err(Failure::user(format!("-{flag} is not provided"))
                .hint("give the certificates with -ca-bundle and -int-bundle"));
        }
    }
    let Some(name) = call.given("cert") else {
        return Err(Failure::user("Must specify bundle target through -cert or -domain")
            .hint("bundle -cert FILE -ca-bundle ROOTS"));
    };
    let flavor = match call.flags.text("flavor") {
        "force" => Flavor::Force,
        "optimal" => Flavor::Optimal,
        "ubiquitous" => Flavor::Ubiquitous,
        other => {
            return Err(Failure::user(format!("there is no flavor {other:?}"))
                .hint("write ubiquitous, optimal or force"));
        }
    };
    warn(call.notices(), &log, io);
    let given = certificates(name, io)?;
    let read = |flag, io: &mut Io<'_>| match call.given(flag) {
        Some(file) => certificates(file, io),
        None => Ok(Vec::new()),
    };
    let bundler = Bundler { roots: read("ca-bundle", io)?, intermediates: read("int-bundle", io)? };
    let key = call.given("key").map(|name| private_key(name, call, io)).transpose()?;
    if flavor == Flavor::Ubiquitous {
        log.info(io, "what platforms accept is not known: ubiquitous is the same as optimal");
    }
    let bundle = bundler.bundle(&given, flavor, (io.now)());
    let bundle = bundle.map_err(|error| error.in_file(Path::new(name)))?;
    let answer = answer(&bundle, key.as_ref(), name, io)?;
    output::print(io, output::to_json(&answer)?.as_bytes())
}

fn certificates(name: &str, io: &mut Io<'_>) -> Result<Vec<Certificate>, Failure> {
    let all = Certificate::read_all(&read_or_input(name, io)?);
    Ok(all.map_err(|error| error.in_file(Path::new(name)))?)
}

fn answer(bundle: &Bundle, key: Option<&PrivateKey>, name: &str, io: &Io<'_>) -> Result<Answer, Failure> {
    let Some(first) = bundle.chain.first() else { return Err(Failure::user("the chain is empty")) };
    if key.is_some_and(|key| !first.is_for(key.public_key())) {
        return Err(Failure::user(format!(
            "Private key does not match public key: -key is not that of {name}"
        ))
        .hint("compare the two files: they are not a pair"));
    }
    let pem = |certificate: &Certificate| certificate.to_pem().trim_end().to_owned();
    let soon = (io.now)() + SOON;
    let ending = bundle.chain.iter().filter(|certificate| certificate.not_after() < soon);
    let ending: Vec<String> =
        ending.map(|c| CertificateInfo::from(c).subject_key_id.replace(':', "")).collect();
    let ocsp = first.ocsp_urls();
    let names = first.subject_alt_names();
    let mut hostnames = names.dns.clone();
    if let Some(common_name) = first.subject().common_name()
        && !hostnames.iter().any(|host| host == common_name)
    {
        hostnames.insert(0, common_name.to_owned());
    }
    let (key_type, key_size) = describe(first.public_key()?.kind());
    let expires = bundle.not_after().and_then(|moment| moment.format(&Rfc3339).ok()).unwrap_or_default();
    Ok(Answer {
        bundle: bundle.chain.iter().map(pem).collect::<Vec<_>>().join("\n"),
        crl_support: !first.crl_urls().is_empty(),
        crt: pem(first),
        expires,
        hostnames,
        issuer: slashes(first.issuer()),
        key: key.map(|key| Zeroizing::new(key.to_pem().trim_end().to_owned())).unwrap_or_default(),
        key_size,
        key_type,
        ocsp_support: !ocsp.is_empty(),
        ocsp: Some(ocsp).filter(|urls| !urls.is_empty()),
        root: bundle.root.as_ref().map(pem).unwrap_or_default(),
        signature: CertificateInfo::from(first).sigalg,
        status: Status {
            rebundled: bundle.rebundled,
            code: u8::from(!ending.is_empty()),
            messages: ending
                .iter()
                .map(|id| format!("the certificate of the key {id} ends within 30 days"))
                .collect(),
            expiring_skis: Some(ending).filter(|ids| !ids.is_empty()),
            untrusted_root_stores: None,
        },
        subject: slashes(first.subject()),
    })
}

fn describe(kind: PublicKeyKind) -> (String, usize) {
    let (name, bits) = match kind {
        PublicKeyKind::EcdsaP224 => ("ECDSA", 224),
        PublicKeyKind::EcdsaP256 => ("ECDSA", 256),
        PublicKeyKind::EcdsaP384 => ("ECDSA", 384),
        PublicKeyKind::EcdsaP521 => ("ECDSA", 521),
        PublicKeyKind::Rsa { bits } => ("RSA", bits),
        _ => return ("Ed25519".to_owned(), 256),
    };
    (format!("{bits}-bit {name}"), bits)
}

/// `/Country=US/CommonName=x`: the attributes that cfssl shows, in its order.
fn slashes(name: &Name) -> String {
    const TYPES: [(&str, &str); 9] = [
        ("2.5.4.6", "Country"),
        ("2.5.4.8", "Province"),
        ("2.5.4.7", "Locality"),
        ("2.5.4.9", "StreetAddress"),
        ("2.5.4.17", "PostalCode"),
        ("2.5.4.10", "Organization"),
        ("2.5.4.11", "OrganizationalUnit"),
        ("2.5.4.3", "CommonName"),
        ("2.5.4.5", "SerialNumber"),
    ];
    let mut text = String::new();
    for (oid, title) in TYPES {
        for attribute in name.attributes().iter().filter(|attribute| attribute.oid.to_string() == oid) {
            text.push_str(&format!("/{title}={}", attribute.value));
        }
    }
    text
}
