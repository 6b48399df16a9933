//! Issuers and Certificates of cert-manager that ask for what was issued here.

use time::Duration;

use crate::base::WipedBuffer;
use crate::etcd::error::export::ExportError;
use crate::etcd::error::{Error, ErrorKind};
use crate::etcd::export::Holder;
use crate::etcd::export::held::{self, HeldCertificate};
use crate::etcd::export::kubernetes::metadata;
use crate::etcd::export::yaml::{comment, line};
use crate::etcd::folder::record::Record;
use crate::etcd::folder::snapshot::Snapshot;
use crate::etcd::safe::yaml::quoted;
use crate::x509::certificate::Certificate;
use crate::x509::key::PublicKeyKind;
use crate::x509::oid;
use crate::x509::usage::KeyUsage;

/// An Issuer for each CA, and a Certificate for each certificate.
pub(crate) fn certificates(
    snapshot: &Snapshot,
    record: &Record,
    holder: Option<Holder<'_>>,
    namespace: Option<&str>,
    out: &mut WipedBuffer,
) -> Result<(), Error> {
    let all = held::certificates(snapshot, record, holder)?;
    let mut authorities: Vec<&str> = all.iter().filter_map(|held| held.authority.map(|of| of.0)).collect();
    authorities.sort_unstable();
    authorities.dedup();
    comment(
        out,
        &format!(
            "The certificates of the etcd cluster {}, for cert-manager. Made by etcdpki.",
            record.cluster
        ),
    );
    comment(out, "Each Issuer reads the Secret that it names, with the certificate and the key of the CA:");
    for stem in &authorities {
        let name = issuer(record, stem);
        let at = namespace.map(|namespace| format!(" -n {namespace}")).unwrap_or_default();
        let files = format!("--cert=ca/{stem}.pem --key=ca/{stem}-key.pem");
        comment(out, &format!("  kubectl create secret tls {name}{at} {files}"));
    }
    for stem in &authorities {
        let name = issuer(record, stem);
        line(out, "---\napiVersion: cert-manager.io/v1\nkind: Issuer");
        metadata(out, &name, namespace, &record.cluster);
        line(out, &format!("spec:\n  ca:\n    secretName: {}", quoted(&name)));
    }
    for held in &all {
        line(out, "---\napiVersion: cert-manager.io/v1\nkind: Certificate");
        metadata(out, &held.object, namespace, &record.cluster);
        specification(record, held, out)?;
    }
    Ok(())
}

fn issuer(record: &Record, stem: &str) -> String {
    held::object_name(&format!("{} {stem}", record.cluster))
}

fn specification(record: &Record, held: &HeldCertificate<'_>, out: &mut WipedBuffer) -> Result<(), Error> {
    let refused = |reason: String| -> Error {
        ErrorKind::Export(ExportError::NotForCertManager { certificate: held.identity.to_owned(), reason })
            .into()
    };
    let leaf = &held.leaf;
    let Some((stem, _)) = held.authority else {
        return Err(refused("the CA that issued it is not beside it".to_owned()));
    };
    let lifetime = leaf.not_after() - leaf.not_before();
    let before = record.renew_before.unwrap_or_default().of(lifetime);
    line(out, &format!("spec:\n  secretName: {}", quoted(&held.object)));
    line(out, &format!("  duration: {}", go_duration(lifetime)));
    line(out, &format!("  renewBefore: {}", go_duration(before)));
    subject(leaf, out).map_err(&refused)?;
    let names = leaf.subject_alt_names();
    let addresses: Vec<String> = names.ip.iter().map(ToString::to_string).collect();
    list(out, 2, "dnsNames", &names.dns);
    list(out, 2, "ipAddresses", &addresses);
    list(out, 2, "uris", &names.uri);
    list(out, 2, "emailAddresses", &names.email);
    list(out, 2, "usages", &usages(leaf).map_err(&refused)?);
    let (algorithm, size) = match leaf.public_key()?.kind() {
        PublicKeyKind::EcdsaP256 => ("ECDSA", Some(256)),
        PublicKeyKind::EcdsaP384 => ("ECDSA", Some(384)),
        PublicKeyKind::EcdsaP521 => ("ECDSA", Some(521)),
        PublicKeyKind::Ed25519 => ("Ed25519", None),
        PublicKeyKind::Rsa { bits } => ("RSA", Some(bits)),
        PublicKeyKind::EcdsaP224 => return Err(refused("it makes no keys on P-224".to_owned())),
    };
    line(out, &format!("  privateKey:\n    algorithm: {algorithm}"));
    if let Some(size) = size {
        line(out, &format!("    size: {size}"));
    }
    // With one key on both sides of a renewal the pair always fits.
    line(out, "    rotationPolicy: Never");
    line(out, "  issuerRef:\n    group: cert-manager.io\n    kind: Issuer");
    line(out, &format!("    name: {}", quoted(&issuer(record, stem))));
    Ok(())
}

/// cert-manager's names of the attributes of a subject (`X509Subject`).
fn subject(leaf: &Certificate, out: &mut WipedBuffer) -> Result<(), String> {
    let keys = [
        ("organizations", oid::ORGANIZATION_NAME),
        ("organizationalUnits", oid::ORGANIZATIONAL_UNIT_NAME),
        ("countries", oid::COUNTRY_NAME),
        ("provinces", oid::STATE_OR_PROVINCE_NAME),
        ("localities", oid::LOCALITY_NAME),
        ("streetAddresses", oid::STREET_ADDRESS),
        ("postalCodes", oid::POSTAL_CODE),
    ];
    let name = leaf.subject();
    for attribute in name.attributes() {
        let is_known = attribute.oid == oid::COMMON_NAME || keys.iter().any(|(_, oid)| *oid == attribute.oid);
        if !is_known {
            return Err(format!("its subject has the attribute {}", attribute.type_name()));
        }
    }
    if let Some(common_name) = name.common_name() {
        line(out, &format!("  commonName: {}", quoted(common_name)));
    }
    let mut begun = false;
    for (key, oid) in keys {
        let values: Vec<&str> = name.values(oid).collect();
        if !values.is_empty() && !begun {
            line(out, "  subject:");
            begun = true;
        }
        list(out, 4, key, &values);
    }
    Ok(())
}

/// cert-manager's names of usages (`KeyUsage` of its API).
fn usages(leaf: &Certificate) -> Result<Vec<&'static str>, String> {
    let keys = [
        (KeyUsage::DIGITAL_SIGNATURE, "digital signature"),
        (KeyUsage::CONTENT_COMMITMENT, "content commitment"),
        (KeyUsage::KEY_ENCIPHERMENT, "key encipherment"),
        (KeyUsage::DATA_ENCIPHERMENT, "data encipherment"),
        (KeyUsage::KEY_AGREEMENT, "key agreement"),
    ];
    let usage = leaf.key_usage().unwrap_or_default();
    let mut all: Vec<&str> =
        keys.iter().filter(|(bit, _)| usage.contains(*bit)).map(|(_, name)| *name).collect();
    for purpose in leaf.extended_key_usage().unwrap_or_default() {
        all.push(match *purpose {
            oid::SERVER_AUTH => "server auth",
            oid::CLIENT_AUTH => "client auth",
            other => return Err(format!("it is for the usage {other}")),
        });
    }
    Ok(all)
}

fn list(out: &mut WipedBuffer, indent: usize, key: &str, values: &[impl AsRef<str>]) {
    if values.is_empty() {
        return;
    }
    let values: Vec<String> = values.iter().map(|value| quoted(value.as_ref())).collect();
    line(out, &format!("{}{key}: [{}]", " ".repeat(indent), values.join(", ")));
}

/// A duration as Go reads it.
fn go_duration(duration: Duration) -> String {
    let seconds = duration.whole_seconds().max(0);
    format!("{}h{}m{}s", seconds / 3600, seconds / 60 % 60, seconds % 60)
}
