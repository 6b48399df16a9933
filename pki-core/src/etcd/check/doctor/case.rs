//! What the rules look at, and what several of them need.

use std::collections::{BTreeMap, HashMap};
use std::fmt;

use time::OffsetDateTime;

use crate::base::place::Place;
use crate::base::secret::without_secrets;
use crate::etcd::check::finding::{Rule, Severity};
use crate::etcd::found::{Found, Host, Member, PemFile, Setting};
use crate::etcd::option::EtcdOption;
use crate::etcd::option::port::{GATEWAY, PEER, Port, SERVER};
use crate::etcd::option::version::EtcdVersion;
use crate::etcd::start::{self, Start};
use crate::x509::certificate::Certificate;

/// A rule, and the function that looks whether it applies.
pub(crate) struct Check {
    pub(crate) rule: Rule,
    pub(crate) find: fn(&Case<'_>) -> Vec<Symptom>,
}

/// What the rules look at.
pub(crate) struct Case<'a> {
    pub(crate) found: &'a Found,
    pub(crate) version: EtcdVersion,
    pub(crate) now: OffsetDateTime,
    /// What each member does with its settings, in the order of the members.
    starts: Vec<Start>,
    clusters: Vec<Vec<(&'a Host, &'a Member)>>,
}

/// Something that a rule has seen. The rule itself says what it means.
pub(crate) struct Symptom {
    pub(crate) place: Place,
    pub(crate) problem: String,
    /// What follows from it, if that is not what the rule says.
    pub(crate) consequence: Option<String>,
    /// How bad it is, if that is not what the rule says.
    pub(crate) severity: Option<Severity>,
}

impl Symptom {
    pub(crate) fn new(place: Place, problem: impl Into<String>) -> Self {
        Self { place, problem: problem.into(), consequence: None, severity: None }
    }

    /// The same symptom, with its own severity and consequence in place of those of the rule.
    pub(crate) fn overriding(mut self, severity: Severity, consequence: impl Into<String>) -> Self {
        self.severity = Some(severity);
        self.consequence = Some(consequence.into());
        self
    }
}

impl<'a> Case<'a> {
    pub(crate) fn new(found: &'a Found, version: EtcdVersion, now: OffsetDateTime) -> Self {
        let starts = found.members().map(|(_, member)| Start::of_member(member, version)).collect();
        let clusters = clusters_of(found.members());
        Self { found, version, now, starts, clusters }
    }

    /// Every member with what it does with its settings.
    pub(crate) fn starts(&self) -> impl Iterator<Item = (&'a Member, &Start)> {
        self.members().map(|(_, member)| member).zip(&self.starts)
    }

    pub(crate) fn members(&self) -> impl Iterator<Item = (&'a Host, &'a Member)> + use<'a> {
        self.found.members()
    }

    /// The members by cluster. Members that name a peer URL of each other belong to one cluster.
    pub(crate) fn clusters(&self) -> &[Vec<(&'a Host, &'a Member)>] {
        &self.clusters
    }
}

fn clusters_of<'a>(
    members: impl Iterator<Item = (&'a Host, &'a Member)>,
) -> Vec<Vec<(&'a Host, &'a Member)>> {
    // The number of a cluster leads to that of the one which it turned out to be a part of.
    let mut part_of: Vec<usize> = Vec::new();
    let whole = |part_of: &[usize], mut number: usize| {
        while let Some(next) = part_of.get(number).copied().filter(|next| *next != number) {
            number = next;
        }
        number
    };
    let mut with_url: HashMap<String, usize> = HashMap::new();
    let mut numbered = Vec::new();
    for one in members {
        let mut number = part_of.len();
        part_of.push(number);
        for url in peer_urls(one.1) {
            let known = *with_url.entry(url).or_insert(number);
            let (first, second) = (whole(&part_of, known), whole(&part_of, number));
            number = first.min(second);
            if let Some(later) = part_of.get_mut(first.max(second)) {
                *later = number;
            }
        }
        numbered.push((number, one));
    }
    let mut clusters: BTreeMap<usize, Vec<_>> = BTreeMap::new();
    for (number, one) in numbered {
        clusters.entry(whole(&part_of, number)).or_default().push(one);
    }
    clusters.into_values().collect()
}

/// Every peer URL that a member names.
pub(crate) fn peer_urls(member: &Member) -> Vec<String> {
    let mut urls: Vec<String> =
        member.settings.initial_cluster().into_iter().map(|(_, url)| url.text).collect();
    urls.extend(member.settings.urls(PEER.advertise).into_iter().map(|url| url.text));
    urls
}

/// A certificate that a member shows, and why.
pub(crate) struct Shown<'a> {
    pub(crate) member: &'a Member,
    pub(crate) part: &'static Port,
    /// The option that names its file.
    pub(crate) option: &'static str,
    pub(crate) file: &'a PemFile,
    pub(crate) leaf: &'a Certificate,
}

impl<'a> Case<'a> {
    /// The certificates that members show as servers, as far as they were found.
    pub(crate) fn served(&self) -> Vec<Shown<'a>> {
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
    pub(crate) fn gateway(&self, host: &'a Host, member: &'a Member) -> Option<Shown<'a>> {
        if start::has_gateway(&member.settings, self.version) == Some(false) {
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
    pub(crate) fn place(&self) -> Place {
        place_of(self.file, self.leaf)
    }
}

pub(crate) fn place_of(file: &PemFile, certificate: &Certificate) -> Place {
    Place::file(&file.path).key(subject(certificate))
}

/// The name of a certificate, for messages.
pub(crate) fn subject(certificate: &Certificate) -> String {
    let subject = certificate.subject();
    subject.common_name().map_or_else(|| subject.to_string(), |name| format!("CN={name}"))
}

/// Where an option is set; the place of the member if it is not set.
pub(crate) fn place(member: &Member, option: &str) -> Place {
    member.settings.setting(option).map_or_else(|| member.place.clone(), |setting| setting.place.clone())
}

/// The name of a member, for messages.
pub(crate) fn name(member: &Member) -> String {
    member.settings.value("name").map_or_else(|| member.place.to_string(), str::to_owned)
}

/// A setting as it is written, `--name=value` or `ETCD_NAME=value`, without a value that may be a secret. What is no
/// option of etcd may be anything, such as a password for another program.
pub(crate) fn written(setting: &Setting) -> String {
    match &setting.value {
        Some(value) if EtcdOption::find(&setting.option).is_some() => {
            without_secrets(&format!("{}={value}", setting.written))
        }
        _ => setting.written.clone(),
    }
}

/// A list in words, as in `a, b and c`.
pub(crate) fn listed<T: fmt::Display>(items: &[T]) -> String {
    let mut items: Vec<String> = items.iter().map(T::to_string).collect();
    match items.pop() {
        Some(last) if !items.is_empty() => format!("{} and {last}", items.join(", ")),
        last => last.unwrap_or_default(),
    }
}
