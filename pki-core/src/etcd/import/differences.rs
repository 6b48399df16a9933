//! What a description would make, compared with what was found.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use crate::base::place::Place;
use crate::etcd::check::import as rules;
use crate::etcd::cluster::bootstrap::Start;
use crate::etcd::cluster::certificates::CertificateSpec;
use crate::etcd::cluster::layout::Role;
use crate::etcd::cluster::{Cluster, Member};
use crate::etcd::describe as description;
use crate::etcd::found;
use crate::etcd::found::{Source, UnitFile};
use crate::etcd::import::evidence::Evidence;
use crate::etcd::import::importer::Importer;
use crate::etcd::import::trust;
use crate::etcd::option::version::EtcdVersion;
use crate::etcd::option::{EtcdOption, ValueKind, YamlKind, urls};
use crate::etcd::render;
use crate::go::duration;
use crate::go::number::{self, Base};
use crate::x509::alt_names::SubjectAltNames;

/// A setting that is another one in the description.
#[derive(PartialEq, Eq, Hash)]
struct Difference {
    option: String,
    found: Option<String>,
    described: Option<String>,
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

/// Whether both have a value, and the same one.
fn is_equal<T: PartialEq>(one: Option<T>, other: Option<T>) -> bool {
    one.is_some() && one == other
}

/// A value as the command line has it: the configuration file has durations in nanoseconds.
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
    /// Notices about everything that is different.
    pub(crate) fn compare(&mut self, cluster: &Cluster, evidence: &[(usize, Role, Evidence<'a>)]) {
        self.compare_settings(cluster);
        self.compare_certificates(cluster, evidence);
        self.compare_units(cluster);
        self.tell_what_is_unused(cluster);
    }

    fn compare_settings(&mut self, cluster: &Cluster) {
        let starts = cluster.starts(&[]);
        let mut all: Vec<(usize, Place, Difference)> = Vec::new();
        let mut told = 0;
        for (index, (known, (member, start))) in
            self.known.iter().zip(cluster.members.iter().zip(&starts)).enumerate()
        {
            let Some((_, found)) = known.told() else { continue };
            told += 1;
            let differences = self.differences(cluster, member, start, found);
            all.extend(differences.into_iter().map(|(place, difference)| (index, place, difference)));
        }
        let untold: Vec<String> = self
            .known
            .iter()
            .filter(|known| known.told().is_none())
            .map(|known| format!("members/{}", known.name))
            .collect();
        for key in untold {
            let text = "Nothing was found of this member but what others say of it.";
            self.notice(key, Place::default(), text);
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
                Some(name) if same < told || told < cluster.members.len() => format!("members/{name}"),
                _ => key(&difference.option).to_owned(),
            };
            // What is so on every member is told once.
            let is_new = texts.insert(difference.text());
            if is_new || same != told {
                self.notice(key, place.clone(), difference.text());
            }
        }
    }

    fn differences(
        &self,
        cluster: &Cluster,
        member: &Member,
        start: &Start,
        found: &found::Member,
    ) -> Vec<(Place, Difference)> {
        let mut all = Vec::new();
        let described = cluster.settings(member, start);
        let used = found.settings.used.iter().filter(|setting| setting.option != "config-file");
        for setting in used.clone() {
            let option = EtcdOption::find(&setting.option);
            let now = |name: &str| described.iter().find(|setting| setting.option == name);
            let Some(value) = &setting.value else {
                let text = format!("the value of `{}` depends on what was not found", setting.option);
                let difference = Difference { option: text, found: None, described: None };
                all.push((setting.place.clone(), difference));
                continue;
            };
            let today = option.and_then(|option| self.today(option, value, setting.source));
            let is_there = today.as_ref().is_some_and(|(option, value)| {
                now(option.name()).is_some_and(|now| is_same(option, self.version, &now.value, value))
            });
            let counts = found.settings.setting(&setting.option).is_none_or(|counts| counts == setting);
            if is_there || value.is_empty() || !counts {
                continue;
            }
            let described = today.and_then(|(option, _)| now(option.name())).map(|now| now.value.clone());
            let difference =
                Difference { option: setting.option.clone(), found: Some(value.clone()), described };
            all.push((setting.place.clone(), difference));
        }
        for setting in described {
            let is_set = used.clone().any(|used| {
                let today = EtcdOption::find(&used.option)
                    .and_then(|option| self.today(option, used.value.as_deref()?, used.source));
                used.option == setting.option
                    || today.is_some_and(|(option, _)| option.name() == setting.option)
            });
            // etcd's own default
            let is_usual = setting.option == "initial-cluster-state" && setting.value == "new"
                || setting.option == "initial-cluster-token" && setting.value == "etcd-cluster";
            if found.settings.is_complete && !is_set && !is_usual {
                let (option, described) = (setting.option.to_owned(), Some(setting.value));
                all.push((found.place.clone(), Difference { option, found: None, described }));
            }
        }
        for (text, place) in &found.settings.operands {
            let option = format!("etcd does not read {text:?}, which is no flag");
            all.push((place.clone(), Difference { option, found: None, described: None }));
        }
        all
    }

    fn compare_certificates(&mut self, cluster: &Cluster, evidence: &[(usize, Role, Evidence<'a>)]) {
        let Ok(wanted) = cluster.leaf_specs() else { return };
        for wanted in &wanted {
            let role = wanted.id.role();
            let Some(owner) = wanted.id.owner() else { continue };
            let index = cluster.members.iter().position(|member| member.name() == owner);
            let found =
                evidence.iter().find(|(other, other_role, _)| Some(*other) == index && *other_role == role);
            if let Some((.., found)) = found.filter(|_| role != Role::Client) {
                let text = certificate_difference(wanted, found);
                if let Some(text) = text {
                    let text = format!("the {} certificate {text}", role.name());
                    self.notice(format!("members/{owner}"), found.place.clone(), text);
                }
            }
        }
    }

    /// What a unit has beside what is written into every unit.
    fn compare_units(&mut self, cluster: &Cluster) {
        let starts = cluster.starts(&[]);
        let mut told: Vec<String> = Vec::new();
        for (index, (member, start)) in cluster.members.iter().zip(&starts).enumerate() {
            let found = self.known.get(index).and_then(crate::etcd::import::Known::told);
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
                .map(|setting| format!("{}={}", setting.key, setting.value.text))
                .collect();
            if more.is_empty() || told.contains(&more.join(", ")) {
                continue;
            }
            let text = format!("a description has no place for {}", more.join(", "));
            self.notice("unit", unit.place(), text);
            told.push(more.join(", "));
        }
    }

    /// Certificates of servers that no member holds, and revocation lists that no member reads.
    fn tell_what_is_unused(&mut self, cluster: &Cluster) {
        let held: Vec<Vec<u8>> = self
            .known
            .iter()
            .zip(&cluster.members)
            .flat_map(|(known, member)| {
                let roles = cluster.layout.of_members().iter();
                let names = crate::etcd::import::evidence::names_of(member);
                roles
                    .filter_map(|role| self.held(known, *role, trust::certificate_option(*role), &names))
                    .filter_map(|evidence| Some(evidence.certificate?.der().to_vec()))
                    .collect::<Vec<_>>()
            })
            .collect();
        let unused: Vec<Place> = self
            .pems()
            .filter(|file| {
                let first = file.valid_certificates().next();
                first.is_some_and(|certificate| {
                    crate::etcd::import::evidence::is_server(certificate)
                        && !held.iter().any(|der| der == certificate.der())
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
        let Self { option, found, described } = self;
        match (found, described) {
            (Some(found), Some(described)) => format!("`{option}` is {found}; described as {described}"),
            (Some(found), None) => format!("`{option}` is {found}, which is not described"),
            (None, Some(described)) => format!("`{option}` is not set; described as {described}"),
            (None, None) => option.clone(),
        }
    }
}

/// The part of a description that an option follows from.
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

/// In which way a certificate is not the described one.
fn certificate_difference(wanted: &CertificateSpec, found: &Evidence<'_>) -> Option<String> {
    let mut all = Vec::new();
    if found.subject.attributes() != wanted.subject.attributes() {
        all.push(format!("has the subject {}; described as {}", found.subject, wanted.subject));
    }
    let without = |names: &SubjectAltNames, others: &SubjectAltNames| {
        let dns = names.dns.iter().filter(|name| !name.is_empty() && !others.dns.contains(name)).cloned();
        let ip = names.ip.iter().filter(|address| !others.ip.contains(address)).map(ToString::to_string);
        let other = names.email.iter().chain(&names.uri).cloned();
        dns.chain(ip).chain(other).collect::<Vec<_>>().join(", ")
    };
    let (less, more) = (without(&found.names, &wanted.names), without(&wanted.names, &found.names));
    if !less.is_empty() {
        all.push(format!("is for {less} too, which is not described"));
    }
    if !more.is_empty() {
        all.push(format!("is not for {more}, which is described"));
    }
    if found.key != wanted.key.name() {
        all.push(format!("has a key of the kind {}; described as {}", found.key, wanted.key));
    }
    if let Some(lifetime) = found.lifetime.filter(|lifetime| *lifetime != wanted.lifetime) {
        let days = (lifetime.whole_days(), wanted.lifetime.whole_days());
        all.push(format!("lives for {} days; described as {}", days.0, days.1));
    }
    let is_certificate = found.certificate.is_some();
    let wanted_usages = wanted.extended_key_usage.as_slice();
    if is_certificate
        && (found.extended_key_usage.as_deref() != Some(wanted_usages)
            || found.key_usage != Some(wanted.key_usage))
    {
        all.push("has other usages than it will have".to_owned());
    }
    (!all.is_empty()).then(|| all.join("; it "))
}
