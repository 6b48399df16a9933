//! Certificates of an offline CA: the requests for it, and the files in which its answers are expected.

use std::collections::BTreeMap;

use serde_json::json;

use crate::cfssl::usage;
use crate::etcd::cluster::certificates::{CertificateId, CertificateSpec};
use crate::etcd::cluster::layout::Role;
use crate::etcd::cluster::path::REQUESTS;
use crate::etcd::error::Error;
use crate::etcd::safe::label::Label;
use crate::x509::csr::CertificateRequest;
use crate::x509::extension::Extension;
use crate::x509::key::PrivateKey;

/// The path of a request.
pub(crate) fn request(id: &CertificateId) -> String {
    format!("{REQUESTS}/{}.csr", id.file_name())
}

/// The path at which the signed certificate is expected.
pub(crate) fn answer(id: &CertificateId) -> String {
    format!("{REQUESTS}/{}.pem", id.file_name())
}

/// A certification request (RFC 2986). It has the names and usages as extensions, for a CA that copies them.
pub(crate) fn make_request(spec: &CertificateSpec, key: &PrivateKey) -> Result<CertificateRequest, Error> {
    let mut extensions = Vec::new();
    if !spec.names.is_empty() {
        extensions.push(Extension::subject_alt_name(&spec.names, false)?);
    }
    extensions.push(Extension::key_usage(spec.key_usage)?);
    extensions.push(Extension::extended_key_usage(&spec.extended_key_usage)?);
    Ok(CertificateRequest::new(&spec.subject, &extensions, key)?)
}

/// The path of the ca-config with which cfssl or this program can sign the requests. It has a profile for each role.
pub(crate) const CONFIG: &str = "requests/ca-config.json";

/// The text of the ca-config for these certificates.
pub(crate) fn config<'a>(spec: impl Iterator<Item = &'a CertificateSpec>) -> String {
    let profiles: BTreeMap<&str, _> = spec.map(|spec| (spec.id.role().name(), profile(spec))).collect();
    let config = json!({"signing": {"default": {"expiry": "8760h"}, "profiles": profiles}});
    format!("{config:#}\n")
}

fn profile(spec: &CertificateSpec) -> serde_json::Value {
    let key_usages = usage::key_usage_names(spec.key_usage);
    let extended = spec.extended_key_usage.iter().filter_map(|oid| usage::extended_name(*oid));
    let usages: Vec<&str> = key_usages.chain(extended).collect();
    json!({"expiry": format!("{}h", spec.lifetime.whole_hours()), "usages": usages})
}

/// The command that signs the requests of one role on the machine of the CA. `ca` is the name of the CA's files there.
pub(crate) fn sign_command<'a>(
    role: Role,
    ca: &Label,
    requested: impl Iterator<Item = &'a CertificateId>,
) -> String {
    let requests = requested.map(request).collect::<Vec<_>>().join(" ");
    let role = role.name();
    format!(
        "etcdpki sign -ca {ca}.pem -ca-key {ca}-key.pem -config {CONFIG} -profile {role} -into {REQUESTS} {requests}"
    )
}
