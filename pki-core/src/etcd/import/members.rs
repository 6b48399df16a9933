//! The members of the cluster to import, each with the files that set it up.

use std::collections::BTreeSet;
use std::net::IpAddr;

use crate::etcd::check::Finding;
use crate::etcd::check::import as rules;
use crate::etcd::found;
use crate::etcd::found::{Found, FoundUrl, Host};
use crate::etcd::import::outcome::{ImportError, ImportNotice};
use crate::etcd::option::port::{PEER, SERVER};
use crate::etcd::option::urls;
use crate::etcd::safe::label::Label;
use crate::go::net::is_loopback;

/// A member of the cluster, with everything that is known about it.
#[derive(Debug)]
pub(crate) struct KnownMember<'a> {
    pub(crate) name: Label,
    /// Units, scripts and files that set the member up, the best first; empty if only other members name it.
    sources: Vec<MemberOnHost<'a>>,
    /// The peer URLs that `initial-cluster` has for the member.
    pub(crate) peers: Vec<FoundUrl>,
    /// The addresses in requests, if the member is known from these alone.
    pub(crate) hosts: Vec<String>,
}

/// A member as it was found, with the host that it was found on.
type MemberOnHost<'a> = (&'a Host, &'a found::Member);

impl<'a> KnownMember<'a> {
    /// The source that the description follows; `None` if nothing but other members or requests name the member.
    pub(crate) fn best_source(&self) -> Option<MemberOnHost<'a>> {
        self.sources.first().copied()
    }

    /// The URLs of one of the member's options; empty if it is not set.
    pub(crate) fn urls(&self, option: &str) -> Vec<FoundUrl> {
        self.best_source().map(|(_, member)| member.settings.urls(option)).unwrap_or_default()
    }
}

/// The members of the one cluster that was found.
///
/// # Errors
/// If there are no members, or members of several clusters.
pub(crate) fn members<'a>(
    found: &'a Found,
    notices: &mut Vec<ImportNotice>,
    findings: &mut Vec<(String, Finding)>,
) -> Result<Vec<KnownMember<'a>>, ImportError> {
    let (mut groups, alone) = groups(found);
    let sources = match groups.pop() {
        None if alone.is_empty() => return of_requests(found).ok_or(ImportError::NoMembers),
        // Sources of one name describe one member, which is a cluster of its own.
        None => {
            let names: BTreeSet<&str> = alone.iter().map(name_of).collect();
            if names.len() > 1 {
                let clusters = names.into_iter().map(str::to_owned).collect();
                return Err(ImportError::SeveralClusters { clusters });
            }
            alone
        }
        Some(group) if groups.is_empty() => {
            let mut sources = group.sources;
            let is_named =
                |one: &MemberOnHost<'_>| sources.iter().any(|other| name_of(other) == name_of(one));
            let (of_cluster, others): (Vec<_>, Vec<_>) = alone.into_iter().partition(is_named);
            sources.extend(of_cluster);
            for (_, member) in others {
                let text = "it names neither the members of its cluster nor its own peer URL, so that it is not in \
                            the description";
                let (place, key) = (member.place.clone(), "members".to_owned());
                notices.push(ImportNotice { place, key, text: text.to_owned() });
            }
            sources
        }
        Some(last) => {
            let all = groups.iter().chain([&last]);
            let clusters = all.map(|group| names(&group.sources).join(", ")).collect();
            return Err(ImportError::SeveralClusters { clusters });
        }
    };
    Ok(by_name(sources, notices, findings))
}

/// Sources that belong to one cluster, because they share a key.
struct Group<'a> {
    /// Peer URLs, discovery domains and tokens.
    keys: BTreeSet<String>,
    sources: Vec<MemberOnHost<'a>>,
}

/// The sources by cluster, and those that have no key.
fn groups(found: &Found) -> (Vec<Group<'_>>, Vec<MemberOnHost<'_>>) {
    let (mut groups, mut alone): (Vec<Group<'_>>, Vec<MemberOnHost<'_>>) = (Vec::new(), Vec::new());
    let has_options = |(_, member): &MemberOnHost<'_>| {
        member.settings.used.iter().any(|setting| setting.option != "config-file")
    };
    for source in found.members().filter(has_options) {
        let settings = &source.1.settings;
        let mut keys: BTreeSet<String> =
            settings.initial_cluster().iter().map(|(_, url)| address(url)).collect();
        keys.extend(settings.urls(PEER.advertise).iter().map(address));
        keys.extend(settings.value("discovery-srv").map(str::to_owned));
        keys.extend(token(&source));
        if keys.is_empty() {
            alone.push(source);
            continue;
        }
        let (same, mut others): (Vec<_>, Vec<_>) =
            groups.into_iter().partition(|group: &Group<'_>| !group.keys.is_disjoint(&keys));
        let mut group = Group { keys, sources: Vec::new() };
        for mut other in same {
            group.keys.append(&mut other.keys);
            group.sources.append(&mut other.sources);
        }
        group.sources.push(source);
        others.push(group);
        groups = others;
    }
    (groups, alone)
}

/// The cluster token of a member with the fingerprint of its peers' CA, which together tell one cluster from others.
/// `None` for the tokens in etcd's documentation, which many clusters have.
fn token((host, member): &MemberOnHost<'_>) -> Option<String> {
    let token = member.settings.value("initial-cluster-token")?;
    let authority = host.pem(member, PEER.ca)?.valid_certificates().next()?;
    (!token.starts_with("etcd-cluster")).then(|| format!("{token} {}", authority.fingerprint()))
}

/// The host and port of a URL. The scheme is left out, since a cluster may be on its way from http to https.
fn address(url: &FoundUrl) -> String {
    format!("{}:{}", url.host, url.port.unwrap_or_default())
}

/// The name of a member: its own `name`, or else the name that `initial-cluster` has for its peer URL, or else the name
/// of its host's folder, or else etcd's default.
fn name_of<'a>((host, member): &MemberOnHost<'a>) -> &'a str {
    if let Some(name) = member.settings.value("name") {
        return name;
    }
    let own: Vec<String> = member.settings.urls(PEER.advertise).iter().map(address).collect();
    let named = urls::members(member.settings.value("initial-cluster").unwrap_or_default()).flatten();
    let is_own = |url: &str| FoundUrl::parse(url).is_some_and(|url| own.contains(&address(&url)));
    let by_url = { named }.find(|(_, url)| is_own(url)).map(|(name, _)| name.trim());
    let folder = host.root.as_ref().and_then(|root| root.file_name()?.to_str());
    by_url.or(folder).unwrap_or("default")
}

/// The names of members, each once.
fn names(sources: &[MemberOnHost<'_>]) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for source in sources {
        let name = name_of(source).to_owned();
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

/// Puts the sources of one cluster together by the names of its members.
fn by_name<'a>(
    sources: Vec<MemberOnHost<'a>>,
    notices: &mut Vec<ImportNotice>,
    findings: &mut Vec<(String, Finding)>,
) -> Vec<KnownMember<'a>> {
    // The member that joined last has the longest list.
    let lists = sources.iter().map(|(_, member)| member.settings.initial_cluster());
    let longest = lists.rev().max_by_key(Vec::len).unwrap_or_default();
    let mut order: Vec<String> = Vec::new();
    for name in longest.iter().map(|(name, _)| name.clone()).chain(names(&sources)) {
        if !order.contains(&name) {
            order.push(name);
        }
    }
    let mut all: Vec<KnownMember<'a>> = Vec::new();
    for name in order {
        let mut own: Vec<MemberOnHost<'a>> =
            sources.iter().filter(|source| name_of(source) == name).copied().collect();
        own.sort_by_key(|(_, member)| {
            (member.settings.value(SERVER.certificate).is_none(), member.unit.is_none())
        });
        let peers = longest.iter().filter(|(other, _)| *other == name).map(|(_, url)| url.clone()).collect();
        let label = label(&name, all.len(), |label| all.iter().any(|known| known.name == *label));
        let key = format!("members/{label}");
        if label.as_str() != name {
            let place = own.first().map(|(_, member)| member.place.clone()).unwrap_or_default();
            let text = format!(
                "the member is called {name:?}, which a description cannot have as a name; described as {label}"
            );
            notices.push(ImportNotice { place, key: key.clone(), text });
        }
        add_contradictions(&own, &key, findings);
        all.push(KnownMember { name: label, sources: own, peers, hosts: Vec::new() });
    }
    all
}

/// The nearest name that a description can have: the name itself, the name with other characters replaced, or one with
/// a number.
fn label(name: &str, index: usize, is_taken: impl Fn(&Label) -> bool) -> Label {
    let safe = |c: char| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '-' };
    let near: String = name.chars().map(safe).take(48).collect();
    let near = near.trim_start_matches(|c: char| !c.is_ascii_alphanumeric()).trim_end_matches('-');
    let numbered = (index + 1..).map(|number| format!("etcd{number}"));
    let candidates = [name.to_owned(), near.to_owned()].into_iter().chain(numbered);
    let mut labels = candidates.filter_map(|text| Label::parse(&text).ok()).filter(|label| !is_taken(label));
    labels.next().unwrap_or_else(|| Label::known("etcd"))
}

/// Adds a finding for each source of a member that sets options otherwise than the best source.
fn add_contradictions(sources: &[MemberOnHost<'_>], key: &str, findings: &mut Vec<(String, Finding)>) {
    let Some(((_, best), others)) = sources.split_first() else { return };
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
        let options = format!("`{}`", differing.join("`, `"));
        let text =
            format!("its values of {options} differ from those in {}, which are described", best.place);
        let finding = rules::DISAGREEMENT.finding(other.place.clone(), text);
        findings.push((key.to_owned(), finding));
    }
}

/// A member for each address in cfssl's requests for certificates of etcd. `None` if there is no address. Certificates
/// alone do not tell who is a member: those of other programs have addresses too.
fn of_requests(found: &Found) -> Option<Vec<KnownMember<'_>>> {
    let mut hosts: Vec<String> = Vec::new();
    for (path, request) in found.hosts.iter().flat_map(|host| &host.requests) {
        let name = path.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
        if !name.contains("etcd") && !request.common_name.to_lowercase().contains("etcd") {
            continue;
        }
        for host in &request.hosts {
            if host.parse::<IpAddr>().is_ok() && !is_loopback(host) && !hosts.contains(host) {
                hosts.push(host.clone());
            }
        }
    }
    let known = hosts.into_iter().enumerate().map(|(index, host)| KnownMember {
        name: label("", index, |_| false),
        sources: Vec::new(),
        peers: Vec::new(),
        hosts: vec![host],
    });
    let known: Vec<KnownMember<'_>> = known.collect();
    (!known.is_empty()).then_some(known)
}
