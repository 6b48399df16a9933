//! Which members there are, and what tells of each.

use std::collections::BTreeSet;

use crate::etcd::check::Finding;
use crate::etcd::check::import as rules;
use crate::etcd::found;
use crate::etcd::found::{Found, FoundUrl, Host};
use crate::etcd::import::outcome::{ImportError, ImportNotice};
use crate::etcd::option::port::{PEER, SERVER};
use crate::etcd::option::urls;
use crate::etcd::safe::label::Label;
use crate::go::net::is_loopback;

/// A member, as far as it is known.
#[derive(Debug)]
pub(crate) struct Known<'a> {
    pub(crate) name: Label,
    /// What tells of it, the best first; nothing of one that only others name
    told: Vec<Told<'a>>,
    /// Where others find it, as they say
    pub(crate) peers: Vec<FoundUrl>,
    /// The hosts in the certificates that it was made up from
    pub(crate) hosts: Vec<String>,
}

type Told<'a> = (&'a Host, &'a found::Member);

impl<'a> Known<'a> {
    /// What tells of it best.
    pub(crate) fn told(&self) -> Option<Told<'a>> {
        self.told.first().copied()
    }

    /// The URLs of one of its options.
    pub(crate) fn urls(&self, option: &str) -> Vec<FoundUrl> {
        self.told().map(|(_, member)| member.settings.urls(option)).unwrap_or_default()
    }
}

/// The members of the one cluster that was found.
pub(crate) fn members<'a>(
    found: &'a Found,
    notices: &mut Vec<ImportNotice>,
    findings: &mut Vec<(String, Finding)>,
) -> Result<Vec<Known<'a>>, ImportError> {
    let (mut groups, alone) = groups(found);
    let told = match groups.pop() {
        None if alone.is_empty() => return of_certificates(found).ok_or(ImportError::NoMembers),
        // Each is on its own, or they are the same.
        None => {
            let names: BTreeSet<&str> = alone.iter().map(called).collect();
            if names.len() > 1 {
                let clusters = names.into_iter().map(str::to_owned).collect();
                return Err(ImportError::SeveralClusters { clusters });
            }
            alone
        }
        Some(last) if groups.is_empty() => {
            let mut told = last.told;
            let is_named = |one: &Told<'_>| told.iter().any(|other| called(other) == called(one));
            let (same, rest): (Vec<_>, Vec<_>) = alone.into_iter().partition(is_named);
            told.extend(same);
            for (_, member) in rest {
                let text = "it does not say which members there are, and is not described".to_owned();
                notices.push(ImportNotice { place: member.place.clone(), key: "members".to_owned(), text });
            }
            told
        }
        Some(last) => {
            let all = groups.iter().chain([&last]);
            let clusters = all.map(|group| names(&group.told).join(", ")).collect();
            return Err(ImportError::SeveralClusters { clusters });
        }
    };
    Ok(put_together(told, notices, findings))
}

/// Members that name a peer URL of each other.
struct Group<'a> {
    keys: BTreeSet<String>,
    told: Vec<Told<'a>>,
}

/// The members by cluster, and those that name nobody.
fn groups(found: &Found) -> (Vec<Group<'_>>, Vec<Told<'_>>) {
    let (mut groups, mut alone): (Vec<Group<'_>>, Vec<Told<'_>>) = (Vec::new(), Vec::new());
    let says_something = |told: &Told<'_>| told.1.settings.used.iter().any(|s| s.option != "config-file");
    for told in found.members().filter(says_something) {
        let settings = &told.1.settings;
        let mut keys: BTreeSet<String> =
            settings.initial_cluster().iter().map(|(_, url)| address(url)).collect();
        keys.extend(settings.urls(PEER.advertise).iter().map(address));
        keys.extend(settings.value("discovery-srv").map(str::to_owned));
        keys.extend(token(&told));
        if keys.is_empty() {
            alone.push(told);
            continue;
        }
        let (same, mut others): (Vec<_>, Vec<_>) =
            groups.into_iter().partition(|group: &Group<'_>| !group.keys.is_disjoint(&keys));
        let mut group = Group { keys, told: Vec::new() };
        for mut other in same {
            group.keys.append(&mut other.keys);
            group.told.append(&mut other.told);
        }
        group.told.push(told);
        others.push(group);
        groups = others;
    }
    (groups, alone)
}

/// The token of a member beside its CA: where both are the same, so is the cluster, unless it is one of the
/// tokens that everybody copies from etcd's documentation.
fn token((host, member): &Told<'_>) -> Option<String> {
    let token = member.settings.value("initial-cluster-token")?;
    let authority = host.pem(member, PEER.ca)?.valid_certificates().next()?;
    (!token.starts_with("etcd-cluster")).then(|| format!("{token} {}", authority.fingerprint()))
}

/// Host and port: a cluster that is moved from http to https is the same.
fn address(url: &FoundUrl) -> String {
    format!("{}:{}", url.host, url.port.unwrap_or_default())
}

/// What a member calls itself.
fn called<'a>((host, member): &Told<'a>) -> &'a str {
    if let Some(name) = member.settings.value("name") {
        return name;
    }
    // It may be set where nothing was found. Others know it by its URL, and a folder may have its name.
    let own: Vec<String> = member.settings.urls(PEER.advertise).iter().map(address).collect();
    let named = urls::members(member.settings.value("initial-cluster").unwrap_or_default()).flatten();
    let is_own = |url: &str| FoundUrl::parse(url).is_some_and(|url| own.contains(&address(&url)));
    let by_url = { named }.find(|(_, url)| is_own(url)).map(|(name, _)| name.trim());
    let folder = host.root.as_ref().and_then(|root| root.file_name()?.to_str());
    // etcd's own default
    by_url.or(folder).unwrap_or("default")
}

fn names(told: &[Told<'_>]) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for one in told {
        let name = called(one).to_owned();
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

fn put_together<'a>(
    told: Vec<Told<'a>>,
    notices: &mut Vec<ImportNotice>,
    findings: &mut Vec<(String, Finding)>,
) -> Vec<Known<'a>> {
    // Whoever joined last knows of the most.
    let lists = told.iter().map(|(_, member)| member.settings.initial_cluster());
    let longest = lists.rev().max_by_key(Vec::len).unwrap_or_default();
    let mut order: Vec<String> = Vec::new();
    for name in longest.iter().map(|(name, _)| name.clone()).chain(names(&told)) {
        if !order.contains(&name) {
            order.push(name);
        }
    }
    let mut all: Vec<Known<'a>> = Vec::new();
    for name in order {
        let mut own: Vec<Told<'a>> = told.iter().filter(|told| called(told) == name).copied().collect();
        own.sort_by_key(|(_, member)| {
            (member.settings.value(SERVER.certificate).is_none(), member.unit.is_none())
        });
        let peers = longest.iter().filter(|(other, _)| *other == name).map(|(_, url)| url.clone()).collect();
        let label = label(&name, all.len(), |label| all.iter().any(|known| known.name == *label));
        let key = format!("members/{label}");
        if label.as_str() != name {
            let place = own.first().map(|(_, member)| member.place.clone()).unwrap_or_default();
            let text = format!("it is called {name:?}, which cannot be a name: described as {label}");
            notices.push(ImportNotice { place, key: key.clone(), text });
        }
        contradictions(&own, &key, findings);
        all.push(Known { name: label, told: own, peers, hosts: Vec::new() });
    }
    all
}

/// A name that can be one.
fn label(name: &str, index: usize, is_taken: impl Fn(&Label) -> bool) -> Label {
    let safe = |c: char| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '-' };
    let near: String = name.chars().map(safe).take(48).collect();
    let near = near.trim_start_matches(|c: char| !c.is_ascii_alphanumeric()).trim_end_matches('-');
    let numbered = (index + 1..).map(|number| format!("etcd{number}"));
    let candidates = [name.to_owned(), near.to_owned()].into_iter().chain(numbered);
    let mut labels = candidates.filter_map(|text| Label::parse(&text).ok()).filter(|label| !is_taken(label));
    labels.next().unwrap_or_else(|| Label::known("etcd"))
}

/// What different sources say of one member.
fn contradictions(told: &[Told<'_>], key: &str, findings: &mut Vec<(String, Finding)>) {
    let Some(((_, best), others)) = told.split_first() else { return };
    for (_, other) in others {
        let mut differing: Vec<&str> = Vec::new();
        for setting in other.settings.used.iter().filter(|setting| setting.is_known) {
            let option = setting.option.as_str();
            let is_other =
                best.settings.value(option).is_some_and(|value| setting.value.as_deref() != Some(value));
            if is_other && !differing.contains(&option) {
                differing.push(option);
            }
        }
        if differing.is_empty() {
            continue;
        }
        let options = differing.join(", ");
        let text = format!("it disagrees with {}, which is described, about {options}", best.place);
        let finding = rules::DISAGREEMENT.finding(other.place.clone(), text);
        findings.push((key.to_owned(), finding));
    }
}

/// Where there are only certificates of servers, or requests for some: a member for each host in them.
fn of_certificates(found: &Found) -> Option<Vec<Known<'_>>> {
    let mut hosts: Vec<String> = Vec::new();
    let mut take = |names: &mut dyn Iterator<Item = String>| {
        for name in names {
            if !is_loopback(&name) && !hosts.contains(&name) {
                hosts.push(name);
            }
        }
    };
    for host in &found.hosts {
        for certificate in host.pems.values().flat_map(|file| file.certificates.iter().flatten()) {
            if crate::etcd::import::evidence::is_server(certificate) {
                let names = certificate.subject_alt_names();
                take(&mut names.ip.iter().map(ToString::to_string));
            }
        }
        for request in host.requests.values() {
            let is_address = |host: &&String| host.parse::<std::net::IpAddr>().is_ok();
            take(&mut request.hosts.iter().filter(is_address).cloned());
        }
    }
    let known = hosts.into_iter().enumerate().map(|(index, host)| Known {
        name: label("", index, |_| false),
        told: Vec::new(),
        peers: Vec::new(),
        hosts: vec![host],
    });
    let known: Vec<Known<'_>> = known.collect();
    (!known.is_empty()).then_some(known)
}
