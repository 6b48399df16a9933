//! Finds out what is wrong with members of etcd clusters before they start.
//!
//! [`examine`] applies every rule of [`rules`] to what was [`Found`]. It is pure: the time comes in as an argument.
//! What was not seen is not judged.

mod addresses;
mod certificates;
mod cluster;
mod keys;
mod options;
mod revocation;
mod systemd;
mod trust;

use std::collections::HashSet;
use std::fmt;

use time::OffsetDateTime;

use crate::base::place::Place;
use crate::etcd::check::finding::{Finding, Rule, Severity};
use crate::etcd::found::{Found, Host, Member, PemFile, Setting};
use crate::etcd::option::version::EtcdVersion;
use crate::x509::certificate::Certificate;

/// A rule, and the function that looks whether it applies.
struct Check {
    rule: Rule,
    find: fn(&Case<'_>) -> Vec<Symptom>,
}

/// What the rules look at.
struct Case<'a> {
    found: &'a Found,
    version: EtcdVersion,
    now: OffsetDateTime,
}

/// Something that a rule has seen. The rule itself says what it means.
struct Symptom {
    place: Place,
    problem: String,
    /// What follows from it, if that is not what the rule says.
    consequence: Option<String>,
    /// How bad it is, if that is not what the rule says.
    severity: Option<Severity>,
}

fn checks() -> impl Iterator<Item = &'static Check> {
    [
        systemd::CHECKS,
        options::CHECKS,
        addresses::CHECKS,
        cluster::CHECKS,
        trust::CHECKS,
        certificates::CHECKS,
        keys::CHECKS,
        revocation::CHECKS,
    ]
    .into_iter()
    .flatten()
}

/// Every rule that [`examine`] applies, in the order of their numbers.
pub fn rules() -> impl Iterator<Item = &'static Rule> {
    checks().map(|check| &check.rule)
}

/// What is wrong with what was found, if `version` of etcd runs it, at the moment `now`: errors first, then
/// warnings, each in the order of the rules.
///
/// ```
/// use pki_core::etcd::EtcdVersion;
/// use pki_core::etcd::doctor::examine;
/// use pki_core::etcd::found::{Found, SystemFiles};
///
/// let folder = tempfile::tempdir()?;
/// std::fs::write(folder.path().join("etcd.env"), "ETCD_NAME=a\nETCD_LISTEN_PEER_URLS=https://etcd1:2380\n")?;
/// let found = Found::read(&[folder.path().to_owned()], EtcdVersion::V3_5, &SystemFiles)?;
/// let findings = examine(&found, EtcdVersion::V3_5, time::OffsetDateTime::now_utc());
/// assert!(findings.iter().any(|finding| finding.problem.contains("etcd listens on addresses, not on names")));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn examine(found: &Found, version: EtcdVersion, now: OffsetDateTime) -> Vec<Finding> {
    let case = Case { found, version, now };
    let mut findings: Vec<Finding> = Vec::new();
    for Check { rule, find } in checks() {
        let mut of_rule = HashSet::new();
        for symptom in find(&case) {
            let mut finding = rule.finding(symptom.place, symptom.problem);
            finding.severity = symptom.severity.unwrap_or(rule.severity);
            if let Some(consequence) = symptom.consequence {
                finding.consequence = consequence.into();
            }
            let finding = finding.of_version(version);
            if of_rule.insert(finding.clone()) {
                findings.push(finding);
            }
        }
    }
    findings.sort_by_key(|finding| finding.severity);
    findings
}

impl Symptom {
    fn new(place: Place, problem: impl Into<String>) -> Self {
        Self { place, problem: problem.into(), consequence: None, severity: None }
    }

    /// The same symptom, with its own severity and consequence in place of those of the rule.
    fn overriding(mut self, severity: Severity, consequence: impl Into<String>) -> Self {
        self.severity = Some(severity);
        self.consequence = Some(consequence.into());
        self
    }
}

impl<'a> Case<'a> {
    fn members(&self) -> impl Iterator<Item = (&'a Host, &'a Member)> + use<'a> {
        self.found.members()
    }

    /// The members by cluster: those that name a peer URL of each other belong together.
    fn clusters(&self) -> Vec<Vec<(&'a Host, &'a Member)>> {
        let mut clusters: Vec<Vec<(&Host, &Member)>> = Vec::new();
        for one in self.members() {
            let urls = peer_urls(one.1);
            let is_same = |(_, other): &(&Host, &Member)| {
                let others = peer_urls(other);
                urls.iter().any(|url| others.contains(url))
            };
            let (same, mut rest): (Vec<_>, Vec<_>) =
                clusters.into_iter().partition(|cluster| cluster.iter().any(is_same));
            let mut cluster: Vec<_> = same.into_iter().flatten().collect();
            cluster.push(one);
            rest.push(cluster);
            clusters = rest;
        }
        clusters
    }
}

/// Every peer URL that a member names.
fn peer_urls(member: &Member) -> Vec<String> {
    let mut urls: Vec<String> =
        member.settings.initial_cluster().into_iter().map(|(_, url)| url.text).collect();
    urls.extend(member.settings.urls("initial-advertise-peer-urls").into_iter().map(|url| url.text));
    urls
}

/// The parts that a member's certificates play, and the options that name their files.
struct Part {
    /// As in "the server certificate"
    name: &'static str,
    certificate: &'static str,
    key: &'static str,
    /// The CA of those who connect
    ca: &'static str,
    auth: &'static str,
    listen: &'static str,
    advertise: &'static str,
    crl: &'static str,
    auto_tls: &'static str,
}

const SERVER: Part = Part {
    name: "server",
    certificate: "cert-file",
    key: "key-file",
    ca: "trusted-ca-file",
    auth: "client-cert-auth",
    listen: "listen-client-urls",
    advertise: "advertise-client-urls",
    crl: "client-crl-file",
    auto_tls: "auto-tls",
};

const PEER: Part = Part {
    name: "peer",
    certificate: "peer-cert-file",
    key: "peer-key-file",
    ca: "peer-trusted-ca-file",
    auth: "peer-client-cert-auth",
    listen: "listen-peer-urls",
    advertise: "initial-advertise-peer-urls",
    crl: "peer-crl-file",
    auto_tls: "peer-auto-tls",
};

/// A certificate that a member shows, and why.
struct Shown<'a> {
    member: &'a Member,
    part: &'static Part,
    /// The option that names it
    option: &'static str,
    file: &'a PemFile,
    leaf: &'a Certificate,
}

impl<'a> Case<'a> {
    /// The certificates that members show as servers, as far as they were found.
    fn served(&self) -> Vec<Shown<'a>> {
        let mut all = Vec::new();
        for (host, member) in self.members() {
            for part in [&SERVER, &PEER] {
                let file = host.pem(member, part.certificate);
                if let Some((file, leaf)) =
                    file.and_then(|file| Some((file, file.valid_certificates().next()?)))
                {
                    all.push(Shown { member, part, option: part.certificate, file, leaf });
                }
            }
        }
        all
    }

    /// The certificate that a member's gateway dials the member with (etcd, server/embed/etcd.go,
    /// `grpcGatewayDial`), if it was found.
    fn gateway(&self, host: &'a Host, member: &'a Member) -> Option<Shown<'a>> {
        if member.settings.value("enable-grpc-gateway") == Some("false") {
            return None;
        }
        let own = member.settings.setting("client-cert-file").is_some();
        let option = if own { "client-cert-file" } else { SERVER.certificate };
        let file = host.pem(member, option)?;
        let leaf = file.valid_certificates().next()?;
        Some(Shown { member, part: &SERVER, option, file, leaf })
    }
}

impl Shown<'_> {
    fn place(&self) -> Place {
        place_of(self.file, self.leaf)
    }
}

fn place_of(file: &PemFile, certificate: &Certificate) -> Place {
    Place::file(&file.path).key(subject(certificate))
}

/// The name of a certificate, for messages.
fn subject(certificate: &Certificate) -> String {
    let subject = certificate.subject();
    subject.common_name().map_or_else(|| subject.to_string(), |name| format!("CN={name}"))
}

/// Where an option is set, or else the member.
fn place(member: &Member, option: &str) -> Place {
    member.settings.setting(option).map_or_else(|| member.place.clone(), |setting| setting.place.clone())
}

/// The name of a member, for messages.
fn name(member: &Member) -> String {
    member.settings.value("name").map_or_else(|| member.place.to_string(), str::to_owned)
}

/// `--name=value` or `ETCD_NAME=value`, as it is written.
fn written(setting: &Setting) -> String {
    match &setting.value {
        Some(value) => format!("{}={value}", setting.written),
        None => setting.written.clone(),
    }
}

/// As in `a, b and c`.
fn listed<T: fmt::Display>(items: &[T]) -> String {
    let mut items: Vec<String> = items.iter().map(T::to_string).collect();
    match items.pop() {
        Some(last) if !items.is_empty() => format!("{} and {last}", items.join(", ")),
        last => last.unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests;
