//! What is wrong with members of etcd clusters, told before they start.
//!
//! [`examine`] applies every rule of [`rules`] to what was [`Found`]. It is pure: the
//! time comes in as an argument, and what was not seen is not judged.

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

use serde::Serialize;
use time::OffsetDateTime;

use crate::base::place::Place;
use crate::etcd::found::{Found, Host, Member, PemFile, Setting};
use crate::etcd::option::port::{GATEWAY, PEER, Port, SERVER};
use crate::etcd::option::version::EtcdVersion;
use crate::x509::certificate::Certificate;

/// One thing that can be wrong.
#[derive(Debug, Clone, Copy)]
pub struct Rule {
    /// Its number: it stays as it is, whatever rules come and go.
    pub id: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// What is wrong, in general.
    pub title: &'static str,
    /// What follows from it. `{etcd}` stands for the version in question.
    pub consequence: &'static str,
    /// How to mend it.
    pub remedy: &'static str,
    /// Threads and source files where it can be read up.
    pub sources: &'static [&'static str],
    check: fn(&Case<'_>) -> Vec<Symptom>,
}

/// How bad something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Something will not start, will refuse connections, or lets in who should not get in.
    Error,
    /// It works, but not as it should, or not for ever.
    Warning,
}

/// Something that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
pub struct Finding {
    /// The number of the rule.
    pub rule: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// Where it is.
    #[serde(flatten)]
    pub place: Place,
    /// What is wrong.
    pub problem: String,
    /// What the version of etcd will do.
    pub consequence: String,
    /// How to mend it.
    pub remedy: &'static str,
    /// Threads and source files where it can be read up.
    pub sources: &'static [&'static str],
}

/// What is looked at.
struct Case<'a> {
    found: &'a Found,
    version: EtcdVersion,
    now: OffsetDateTime,
}

/// What a rule has seen.
struct Symptom {
    place: Place,
    problem: String,
    /// What follows, where that is not what the rule says.
    consequence: Option<String>,
    severity: Option<Severity>,
}

/// Every rule, in the order of their numbers.
pub fn rules() -> impl Iterator<Item = &'static Rule> {
    [
        systemd::RULES,
        options::RULES,
        addresses::RULES,
        cluster::RULES,
        trust::RULES,
        certificates::RULES,
        keys::RULES,
        revocation::RULES,
    ]
    .into_iter()
    .flatten()
}

/// The rule of that number.
pub fn rule(id: &str) -> Option<&'static Rule> {
    rules().find(|rule| rule.id == id)
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
    for rule in rules() {
        let mut of_rule = HashSet::new();
        for symptom in (rule.check)(&case) {
            let consequence = symptom
                .consequence
                .as_deref()
                .unwrap_or(rule.consequence)
                .replace("{etcd}", &format!("etcd {version}"));
            let finding = Finding {
                rule: rule.id,
                severity: symptom.severity.unwrap_or(rule.severity),
                place: symptom.place,
                problem: symptom.problem,
                consequence,
                remedy: rule.remedy,
                sources: rule.sources,
            };
            if of_rule.insert(finding.clone()) {
                findings.push(finding);
            }
        }
    }
    findings.sort_by_key(|finding| finding.severity);
    findings
}

/// The findings that differ in nothing but place and problem, together: what follows from them and how to mend it has
/// to be told once only. The groups come in the order of their first findings.
pub fn groups(findings: &[Finding]) -> Vec<Vec<&Finding>> {
    let mut groups: Vec<Vec<&Finding>> = Vec::new();
    for finding in findings {
        let is_alike = |other: &&Finding| {
            (other.rule, other.severity, &other.consequence)
                == (finding.rule, finding.severity, &finding.consequence)
        };
        match groups.iter_mut().find(|group| group.first().is_some_and(is_alike)) {
            Some(group) => group.push(finding),
            None => groups.push(vec![finding]),
        }
    }
    groups
}

impl Rule {
    /// What follows from it, for a version of etcd.
    pub fn consequence(&self, version: EtcdVersion) -> String {
        self.consequence.replace("{etcd}", &format!("etcd {version}"))
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Error => "error",
            Self::Warning => "warning",
        })
    }
}

impl Symptom {
    fn new(place: Place, problem: impl Into<String>) -> Self {
        Self { place, problem: problem.into(), consequence: None, severity: None }
    }

    fn but(mut self, severity: Severity, consequence: impl Into<String>) -> Self {
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
    urls.extend(member.settings.urls(PEER.advertise).into_iter().map(|url| url.text));
    urls
}

/// A certificate that a member shows, and why.
struct Shown<'a> {
    member: &'a Member,
    part: &'static Port,
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
        let own = member.settings.setting(GATEWAY.0).is_some();
        let option = if own { GATEWAY.0 } else { SERVER.certificate };
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
