//! Compares what follows from a description with what was found.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use crate::base::place::Place;
use crate::base::secret::{shown_value, without_secrets, without_user_info};
use crate::etcd::check::import as rules;
use crate::etcd::cluster::bootstrap::Start;
use crate::etcd::cluster::certificates::CertificateSpec;
use crate::etcd::cluster::layout::Role;
use crate::etcd::cluster::{Cluster, Member};
use crate::etcd::describe as description;
use crate::etcd::found;
use crate::etcd::found::{Source, UnitFile};
use crate::etcd::import::evidence::{CertificateEvidence, MemberCertificate, is_server, names_of};
use crate::etcd::import::importer::Importer;
use crate::etcd::import::members::KnownMember;
use crate::etcd::import::trust;
use crate::etcd::option::version::EtcdVersion;
use crate::etcd::option::{EtcdOption, ValueKind, YamlKind, urls};
use crate::etcd::render;
use crate::go::duration;
use crate::go::number::{self, Base};
use crate::x509::alt_names::SubjectAltNames;
use crate::x509::certificate::Certificate;

/// A difference between the options of a member and those that follow from the description.
#[derive(PartialEq, Eq, Hash)]
enum Difference {
    /// The option has another value.
    Changed { option: String, found: String, described: String },
    /// The option is not set any more.
    Dropped { option: String, found: String },
    /// The option was not set before.
    Added { option: String, described: String },
    /// The value that was found is not known.
    Unknown { option: String },
    /// A word on the command line that is not a flag.
    Operand { text: String },
}

/// Whether two values of an option mean the same to etcd.
pub(crate) fn is_same(option: &EtcdOption, version: EtcdVersion, one: &str, other: &str) -> bool {
    let sorted = |text: &str| {
        let items = urls::list(text).map(|item| item.trim_end_matches('/').to_owned());
        let mut items: Vec<String> = items.filter(|item| !item.is_empty()).collect();
        items.sort();
        items
    };
    one == other
        || match option.kind(version) {
            ValueKind::Bool => is_equal(number::parse_bool(one), number::parse_bool(other)),
            ValueKind::Integer { .. } => is_equal(
                number::parse_int(one, Base::Prefixed).ok(),
                number::parse_int(other, Base::Prefixed).ok(),
            ),
            ValueKind::Unsigned { .. } => is_equal(
                number::parse_uint(one, Base::Prefixed).ok(),
                number::parse_uint(other, Base::Prefixed).ok(),
            ),
            ValueKind::Duration | ValueKind::PositiveDuration => {
                duration::parse(one).is_ok_and(|one| duration::parse(other) == Ok(one))
            }
            ValueKind::Urls(_) | ValueKind::Members => sorted(one) == sorted(other),
            _ => false,
        }
}

/// Whether both values are there and equal.
fn is_equal<T: PartialEq>(one: Option<T>, other: Option<T>) -> bool {
    one.is_some() && one == other
}

/// A value as a flag has it. Durations in a configuration file may be in nanoseconds.
pub(crate) fn as_on_the_command_line(
    option: &EtcdOption,
    version: EtcdVersion,
    value: &str,
    source: Source,
) -> String {
    let is_nanoseconds = option.yaml(version).is_some_and(|place| place.kind == YamlKind::Nanoseconds);
    let nanoseconds = value.parse().ok().filter(|_| source == Source::File && is_nanoseconds);
    nanoseconds.map_or(value.to_owned(), |value| duration::format(time::Duration::nanoseconds(value)))
}

impl<'a> Importer<'a> {
    /// Adds a notice for every difference between the cluster and what was found.
    pub(crate) fn compare(&mut self, cluster: &Cluster, evidence: &[MemberCertificate<'a>]) {
        self.compare_settings(cluster);
        self.compare_certificates(cluster, evidence);
        self.compare_units(cluster);
        self.report_unused_certificates(cluster);
    }

    /// Adds notices for options, and for members of which no file was found.
    fn compare_settings(&mut self, cluster: &Cluster) {
        let starts = cluster.starts(&[]);
        let mut all: Vec<(usize, Place, Difference)> = Vec::new();
        let mut sources = 0;
        for (index, (known, (member, start))) in
            self.members.iter().zip(cluster.members.iter().zip(&starts)).enumerate()
        {
            let Some((_, found)) = known.best_source() else { continue };
            sources += 1;
            let differences = self.differences(cluster, member, start, found);
            all.extend(differences.into_iter().map(|(place, difference)| (index, place, difference)));
        }
        let named_only: Vec<String> = self
            .members
            .iter()
            .filter(|known| known.best_source().is_none())
            .map(|known| known.name.to_string())
            .collect();
        for name in named_only {
            let text =
                format!("no file of the member {name} was found: only other members or certificates name it");
            self.notice(format!("members/{name}"), Place::default(), text);
        }
        let mut counts: HashMap<&Difference, usize> = HashMap::new();
        for (.., difference) in &all {
            *counts.entry(difference).or_default() += 1;
        }
        let mut texts: HashSet<String> = self.notices.iter().map(|notice| notice.text.clone()).collect();
        for (index, place, difference) in &all {
            let same = counts.get(difference).copied().unwrap_or_default();
            let member = cluster.members.get(*index).map(Member::name);
            let key = match member {
                Some(name) if same < sources || sources < cluster.members.len() => format!("members/{name}"),
                _ => difference.key().to_owned(),
            };
            // A difference that all members have is reported once.
            let is_new = texts.insert(difference.text());
            if is_new || same != sources {
                self.notice(key, place.clone(), difference.text());
            }
        }
    }

    /// The differences between the options of one member and those that follow from the description.
    fn differences(
        &self,
        cluster: &Cluster,
        member: &Member,
        start: &Start,
        found: &found::Member,
    ) -> Vec<(Place, Difference)> {
        let mut all = Vec::new();
        let described = cluster.settings(member, start);
        let described_value = |name: &str| {
            described.iter().find(|setting| setting.option == name).map(|setting| setting.value.as_str())
        };
        let used = found.settings.used.iter().filter(|setting| setting.option != "config-file");
        for setting in used.clone() {
            let option = setting.option.clone();
            let Some(value) = &setting.value else {
                all.push((setting.place.clone(), Difference::Unknown { option }));
                continue;
            };
            let current = EtcdOption::find(&option)
                .and_then(|option| self.in_version(option, value, setting.source))
                .and_then(|(option, value)| Some((option, value, described_value(option.name())?)));
            let is_described = current
                .as_ref()
                .is_some_and(|(option, value, described)| is_same(option, self.version, described, value));
            let counts = found.settings.setting(&option).is_none_or(|last| last == setting);
            if is_described || value.is_empty() || !counts {
                continue;
            }
            let found = value.clone();
            let difference = match current {
                Some((.., described)) => {
                    Difference::Changed { option, found, described: described.to_owned() }
                }
                None if setting.is_known => Difference::Dropped { option, found },
                None => Difference::Dropped { option: setting.written.clone(), found },
            };
            all.push((setting.place.clone(), difference));
        }
        let is_set = |name: &str| {
            used.clone().any(|used| {
                let current = EtcdOption::find(&used.option)
                    .and_then(|option| self.in_version(option, used.value.as_deref()?, used.source));
                used.option == name || current.is_some_and(|(option, _)| option.name() == name)
            })
        };
        // etcd's own defaults.
        let is_usual = |name: &str, value: &str| {
            matches!(
                (name, value),
                ("initial-cluster-state", "new") | ("initial-cluster-token", "etcd-cluster")
            )
        };
        for setting in described.iter().filter(|_| found.settings.is_complete) {
            if !is_set(setting.option) && !is_usual(setting.option, &setting.value) {
                let (option, described) = (setting.option.to_owned(), setting.value.clone());
                all.push((found.place.clone(), Difference::Added { option, described }));
            }
        }
        let operands = found.settings.operands.iter();
        all.extend(operands.map(|(text, place)| (place.clone(), Difference::Operand { text: text.clone() })));
        all
    }

    /// Adds a notice for each member's certificate that differs from the described one.
    fn compare_certificates(&mut self, cluster: &Cluster, evidence: &[MemberCertificate<'a>]) {
        let Ok(leaves) = cluster.leaf_specs() else { return };
        for leaf in &leaves {
            let role = leaf.id.role();
            let Some(owner) = leaf.id.owner() else { continue };
            let index = cluster.members.iter().position(|member| member.name() == owner);
            let found =
                evidence.iter().find(|(other, other_role, _)| Some(*other) == index && *other_role == role);
            if let Some((.., found)) = found.filter(|_| role != Role::Client) {
                let text = certificate_difference(leaf, found);
                if let Some(text) = text {
                    let text = format!("the {} certificate {text}", role.name());
                    self.notice(format!("members/{owner}"), found.place.clone(), text);
                }
            }
        }
    }

    /// Adds a notice for the settings of a unit that the unit of the description would not have.
    fn compare_units(&mut self, cluster: &Cluster) {
        let starts = cluster.starts(&[]);
        let mut reported: Vec<String> = Vec::new();
        for (index, (member, start)) in cluster.members.iter().zip(&starts).enumerate() {
            let found = self.members.get(index).and_then(KnownMember::best_source);
            let Some(unit) = found.and_then(|(host, member)| host.unit(member)) else { continue };
            let rendered = render::member(cluster, member, start);
            let ours: Vec<UnitFile> = rendered
                .iter()
                .filter(|file| file.path.as_str().contains("/systemd/"))
                .map(|file| UnitFile::parse(&file.text, Path::new(file.path.as_str())))
                .collect();
            let derived = ["ExecStart", "Environment", "EnvironmentFile", "Description", "Documentation"];
            let theirs = unit.settings().filter(|setting| !derived.contains(&setting.key.as_str()));
            let more: Vec<String> = theirs
                .filter(|setting| {
                    let same = |ours: &&found::UnitSetting| {
                        let is_key = ours.section == setting.section && ours.key == setting.key;
                        // Some settings are lists of words.
                        let words = setting.value.text.split_whitespace();
                        is_key
                            && words
                                .into_iter()
                                .all(|word| ours.value.text.split_whitespace().any(|o| o == word))
                    };
                    !ours.iter().flat_map(|file| &file.settings).any(|ours| same(&ours))
                })
                .map(|setting| without_secrets(&format!("{}={}", setting.key, setting.value.text)))
                .collect();
            if more.is_empty() || reported.contains(&more.join(", ")) {
                continue;
            }
            let text = format!("a description cannot set {}", more.join(", "));
            self.notice("unit", unit.place(), text);
            reported.push(more.join(", "));
        }
    }

    /// Adds a finding for each server's certificate that no member uses.
    fn report_unused_certificates(&mut self, cluster: &Cluster) {
        let held: Vec<Vec<u8>> = self
            .members
            .iter()
            .zip(&cluster.members)
            .flat_map(|(known, member)| {
                let roles = cluster.layout.of_members().iter();
                let names = names_of(member);
                roles
                    .filter_map(|role| self.held(known, *role, trust::certificate_option(*role), &names))
                    .filter_map(|evidence| Some(evidence.certificate?.der().to_vec()))
                    .collect::<Vec<_>>()
            })
            .collect();
        let clients = self.clients();
        let is_clients = |certificate: &Certificate| {
            clients.iter().any(|client| client.certificate.is_some_and(|own| own.der() == certificate.der()))
        };
        let authorities = self.authorities_of_members();
        // One of another CA is of another program, such as Kubernetes' API server.
        let is_etcds = |certificate: &Certificate| {
            authorities.is_empty() || authorities.iter().any(|ca| certificate.verify_issued_by(ca).is_ok())
        };
        let unused: Vec<Place> = self
            .pems()
            .filter(|file| {
                let first = file.valid_certificates().next();
                first.is_some_and(|certificate| {
                    is_server(certificate)
                        && !held.iter().any(|der| der == certificate.der())
                        && !is_clients(certificate)
                        && is_etcds(certificate)
                })
            })
            .map(|file| Place::file(&file.path))
            .collect();
        for place in unused {
            let finding = rules::UNUSED.finding(place, "no member that was found uses this certificate");
            self.findings.push(("certificates".to_owned(), finding));
        }
    }
}

impl Difference {
    fn text(&self) -> String {
        match self {
            Self::Changed { option, found, described } => {
                format!("`{option}` is {}; described as {described}", without_user_info(found))
            }
            Self::Dropped { option, found } => {
                format!("`{option}` is {}, which is not in the description", shown_value(option, found))
            }
            Self::Added { option, described } => format!("`{option}` is not set; described as {described}"),
            Self::Unknown { option } => {
                format!(
                    "the value of `{option}` is not known: it depends on a file or a variable that was not found"
                )
            }
            Self::Operand { text } => {
                format!("{text:?} on the command line is not a flag, and is not in the description")
            }
        }
    }

    /// The part of the description that the difference belongs to.
    fn key(&self) -> &'static str {
        match self {
            Self::Changed { option, .. } | Self::Dropped { option, .. } | Self::Added { option, .. } => {
                key(option)
            }
            Self::Unknown { .. } | Self::Operand { .. } => "options",
        }
    }
}

/// The key in a description that an option follows from.
fn key(option: &str) -> &'static str {
    match option {
        "data-dir" | "wal-dir" => "host",
        "initial-cluster-token" => "token",
        "initial-cluster-state" => "state",
        "name" | "initial-cluster" | "discovery-srv" => "members",
        _ if option.ends_with("-urls") && description::described_by(option).is_some() => "members",
        _ if option.ends_with("-file") && description::described_by(option).is_some() => "certificates",
        _ if description::described_by(option).is_some() => "layout",
        _ => "options",
    }
}

/// How a certificate differs from the described one; `None` if it does not.
fn certificate_difference(described: &CertificateSpec, found: &CertificateEvidence<'_>) -> Option<String> {
    let mut all = Vec::new();
    if found.subject.attributes() != described.subject.attributes() {
        all.push(format!("has the subject {}; described as {}", found.subject, described.subject));
    }
    let without = |names: &SubjectAltNames, others: &SubjectAltNames| {
        let dns = names.dns.iter().filter(|name| !name.is_empty() && !others.dns.contains(name)).cloned();
        let ip = names.ip.iter().filter(|address| !others.ip.contains(address)).map(ToString::to_string);
        let other = names.email.iter().chain(&names.uri).cloned();
        dns.chain(ip).chain(other).collect::<Vec<_>>().join(", ")
    };
    let (less, more) = (without(&found.names, &described.names), without(&described.names, &found.names));
    if !less.is_empty() {
        all.push(format!("is also for {less}, which is not in the description"));
    }
    if !more.is_empty() {
        all.push(format!("is not for {more}, which is in the description"));
    }
    if found.key != described.key.name() {
        all.push(format!("has a key of {}; described as {}", found.key, described.key));
    }
    if let Some(lifetime) = found.lifetime.filter(|lifetime| *lifetime != described.lifetime) {
        let days = (lifetime.whole_days(), described.lifetime.whole_days());
        all.push(format!("is valid for {} days; described as {}", days.0, days.1));
    }
    let is_certificate = found.certificate.is_some();
    let usages = described.extended_key_usage.as_slice();
    if is_certificate
        && (found.extended_key_usage.as_deref() != Some(usages)
            || found.key_usage != Some(described.key_usage))
    {
        all.push("has other usages (keyUsage, extendedKeyUsage) than described".to_owned());
    }
    (!all.is_empty()).then(|| all.join("; it "))
}
