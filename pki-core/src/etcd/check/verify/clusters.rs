//! Which members make up one cluster: those that name each other in `initial-cluster`.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::etcd::error::Error;
use crate::etcd::found::{Files, Found, FoundUrl, Host, Member, Records};
use crate::etcd::option::port::PEER;
use crate::etcd::option::version::EtcdVersion;
use crate::etcd::start::Start;

/// A member that was found, with what its settings say about its cluster.
pub(crate) struct Candidate<'a> {
    pub(crate) host: &'a Host,
    pub(crate) member: &'a Member,
    pub(crate) name: String,
    /// The name of its files in an output folder.
    pub(crate) recorded_as: Option<String>,
    /// The number of the scope that it is in.
    pub(crate) scope: usize,
    /// What etcd does with its settings.
    pub(crate) start: Start,
    /// The members that it names, itself among them.
    pub(crate) entries: Vec<(String, FoundUrl)>,
    /// What identifies the cluster that it founds; `None` if it joins one.
    pub(crate) founds: Option<String>,
    /// Whether it joins a cluster that exists.
    pub(crate) joins: bool,
    /// How it finds the other members, if not by `initial-cluster`.
    discovery: Option<String>,
    advertised: Vec<FoundUrl>,
    /// Whether nothing is known of whom it names, because its settings are elsewhere.
    is_unknown: bool,
}

/// The folder within which members belong together, unless they name others: an output folder, or what the user named.
pub(crate) struct Scope {
    pub(crate) folder: PathBuf,
    /// The members in the record of the output folder; `None` if it has no record.
    pub(crate) recorded: Option<Arc<BTreeSet<String>>>,
    /// Those who have left, by that record.
    pub(crate) former: Arc<BTreeSet<String>>,
}

/// All members that were found, and the folders that they are in.
pub(crate) struct Candidates<'a> {
    pub(crate) all: Vec<Candidate<'a>>,
    pub(crate) scopes: Vec<Scope>,
    /// The folders of members that have left.
    pub(crate) left: BTreeSet<PathBuf>,
}

impl<'a> Candidates<'a> {
    /// The members in what was found in `folder`, each once, without those that have left.
    ///
    /// # Errors
    /// If the record of an output folder cannot be read.
    pub(crate) fn of(
        found: &'a Found,
        folder: &Path,
        files: &dyn Files,
        version: EtcdVersion,
    ) -> Result<Self, Error> {
        let mut records = Records::default();
        let mut numbers: BTreeMap<Option<PathBuf>, usize> = BTreeMap::new();
        let mut known: HashMap<(usize, &str, Vec<String>), usize> = HashMap::new();
        let (mut all, mut scopes, mut left) = (Vec::<Candidate<'a>>::new(), Vec::new(), BTreeSet::new());
        for (host, member) in found.members() {
            let around = records.around(host, member, files)?;
            if let Some(around) = &around
                && around.has_left
            {
                left.insert(around.path.clone());
                continue;
            }
            let recorded_as = around.as_ref().map(|around| around.name.clone());
            let key = around.as_ref().map(|around| around.folder.clone());
            let scope = *numbers.entry(key.clone()).or_insert_with(|| {
                scopes.push(Scope {
                    folder: key.unwrap_or_else(|| folder.to_owned()),
                    former: around.as_ref().map(|around| Arc::clone(&around.former)).unwrap_or_default(),
                    recorded: around.map(|around| around.members),
                });
                scopes.len() - 1
            });
            // Units and scripts that give etcd the same name and the same peer URLs are about one member.
            let urls: Vec<String> =
                member.settings.urls(PEER.advertise).into_iter().map(|url| url.text).collect();
            if let Some(name) = member.settings.value("name").filter(|_| !urls.is_empty()) {
                let at = *known.entry((scope, name, urls)).or_insert(all.len());
                if let Some(other) = all.get_mut(at) {
                    if other.member.unit.is_none() && member.unit.is_some() {
                        *other = Candidate::new(host, member, scope, version).recorded_as(recorded_as);
                    }
                    continue;
                }
            }
            all.push(Candidate::new(host, member, scope, version).recorded_as(recorded_as));
        }
        Ok(Self { all, scopes, left })
    }

    /// The numbers of the members of each cluster.
    pub(crate) fn clusters(&self) -> Vec<Vec<usize>> {
        let mut sets = Sets((0..self.all.len()).collect());
        let mut with_discovery: HashMap<(usize, &str), usize> = HashMap::new();
        let index = Index::of(&self.all);
        for (at, candidate) in self.all.iter().enumerate() {
            for entry in &candidate.entries {
                if let Some(to) = index.meant(candidate, entry) {
                    sets.unite(at, to);
                }
            }
            if let Some(discovery) = &candidate.discovery {
                let first = *with_discovery.entry((candidate.scope, discovery)).or_insert(at);
                sets.unite(first, at);
            }
        }
        // Nobody can say of these whom they name, so they are counted among the others.
        let mut known: HashMap<usize, usize> = HashMap::new();
        for (at, candidate) in self.all.iter().enumerate().filter(|(_, candidate)| !candidate.is_unknown) {
            known.entry(candidate.scope).or_insert(at);
        }
        for (at, candidate) in self.all.iter().enumerate().filter(|(_, candidate)| candidate.is_unknown) {
            let first = *known.entry(candidate.scope).or_insert(at);
            sets.unite(first, at);
        }
        let mut clusters: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for at in 0..self.all.len() {
            clusters.entry(sets.root(at)).or_default().push(at);
        }
        clusters.into_values().collect()
    }
}

impl<'a> Candidate<'a> {
    fn new(host: &'a Host, member: &'a Member, scope: usize, version: EtcdVersion) -> Self {
        let settings = &member.settings;
        let start = Start::of_member(member, version);
        let name = start.name.clone().or_else(|| settings.value("name").map(str::to_owned));
        let discovery = ["discovery", "discovery-srv", "discovery-endpoints"];
        let discovery = discovery.iter().find_map(|option| settings.value(option)).map(str::to_owned);
        let entries = start.members.clone().unwrap_or_default();
        let is_new = settings.value("initial-cluster-state").is_none_or(|state| state == "new");
        let token = settings.value("initial-cluster-token").unwrap_or("etcd-cluster");
        Self {
            host,
            member,
            name: name.unwrap_or_else(|| "default".to_owned()),
            scope,
            joins: !is_new && !entries.is_empty(),
            founds: (is_new && !entries.is_empty()).then(|| cluster_id(&entries, token)),
            advertised: start.peer_urls.clone().unwrap_or_default(),
            is_unknown: start.members.is_none() && discovery.is_none(),
            entries,
            discovery,
            start,
            recorded_as: None,
        }
    }

    fn recorded_as(self, recorded_as: Option<String>) -> Self {
        Self { recorded_as, ..self }
    }

    /// Whether it is alone because nothing tells it of others, and not because somebody wants it so.
    pub(crate) fn names_nobody(&self) -> bool {
        self.member.settings.value("initial-cluster").is_none()
            && self.discovery.is_none()
            && !self.is_unknown
    }

    pub(crate) fn has_discovery(&self) -> bool {
        self.discovery.is_some()
    }
}

/// What the ID of a cluster is computed from: the peer URLs of each member, and the token, but not the names (etcd,
/// server/etcdserver/api/membership, `NewClusterFromURLsMap` and `computeMemberID`).
fn cluster_id(entries: &[(String, FoundUrl)], token: &str) -> String {
    let mut members: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for (name, url) in entries {
        members.entry(name).or_default().insert(normal(url));
    }
    let mut members: Vec<String> =
        members.into_values().map(|urls| urls.into_iter().collect::<Vec<_>>().join(" ")).collect();
    members.sort();
    format!("{token}\n{}", members.join("\n"))
}

/// A URL as Go writes it again: its scheme is in lower case.
fn normal(url: &FoundUrl) -> String {
    let rest = url.text.split_once("://").map_or(url.text.as_str(), |(_, rest)| rest);
    format!("{}://{rest}", url.scheme)
}

/// The members by what others name them by.
pub(crate) struct Index<'a> {
    by_url: HashMap<(usize, String), Vec<usize>>,
    by_name: HashMap<(usize, &'a str), Vec<usize>>,
    folders: Vec<&'a Path>,
}

impl<'a> Index<'a> {
    pub(crate) fn of(all: &'a [Candidate<'_>]) -> Self {
        let mut index = Self { by_url: HashMap::new(), by_name: HashMap::new(), folders: Vec::new() };
        for (at, candidate) in all.iter().enumerate() {
            for url in &candidate.advertised {
                index.by_url.entry((candidate.scope, normal(url))).or_default().push(at);
            }
            index.by_name.entry((candidate.scope, &candidate.name)).or_default().push(at);
            index.folders.push(&candidate.host.folder);
        }
        index
    }

    /// The member that an entry of `initial-cluster` means: the one with its URL, or else the one with its name. If there
    /// are several, the one whose files are nearest.
    pub(crate) fn meant(&self, by: &Candidate<'_>, (name, url): &(String, FoundUrl)) -> Option<usize> {
        let named = self.by_name.get(&(by.scope, name.as_str())).map(Vec::as_slice).unwrap_or_default();
        let of_url = self.by_url.get(&(by.scope, normal(url))).map(Vec::as_slice).unwrap_or_default();
        let both: Vec<usize> = of_url.iter().copied().filter(|at| named.contains(at)).collect();
        // An entry with the name of one member and the URL of another one means the first.
        let candidates = [both.as_slice(), named, of_url].into_iter().find(|some| !some.is_empty())?;
        let near = |at: &&usize| {
            let folder = self.folders.get(**at).copied().unwrap_or(Path::new(""));
            folder.iter().zip(&by.host.folder).take_while(|(a, b)| a == b).count()
        };
        candidates.iter().rev().max_by_key(near).copied()
    }
}

/// Disjoint sets of numbers.
struct Sets(Vec<usize>);

impl Sets {
    fn root(&mut self, mut at: usize) -> usize {
        while let Some(up) = self.0.get(at).copied().filter(|up| *up != at) {
            let above = self.0.get(up).copied().unwrap_or(up);
            if let Some(place) = self.0.get_mut(at) {
                *place = above;
            }
            at = up;
        }
        at
    }

    /// The smaller number becomes that of both.
    fn unite(&mut self, a: usize, b: usize) {
        let (a, b) = (self.root(a), self.root(b));
        if let Some(place) = self.0.get_mut(a.max(b)) {
            *place = a.min(b);
        }
    }
}
