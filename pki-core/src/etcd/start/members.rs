//! The members of which a member without data founds or joins a cluster.

use std::collections::BTreeSet;
use std::net::IpAddr;

use crate::base::place::Place;
use crate::etcd::found::FoundUrl;
use crate::etcd::option::urls;
use crate::etcd::start::refusal::{Refusal, RefusalKind};
use crate::etcd::start::values::{Value, Values};

/// What `initial-cluster` is as long as nothing sets it and the name (embed/config.go, `NewConfig`).
const DEFAULT: &str = "default=http://localhost:2380";

const OPTION: &str = "initial-cluster";

/// The names and URLs of the members. `None` if they are not known, or if a service names them.
pub(super) fn members(
    values: &Values<'_>,
    peer_urls: Option<&[FoundUrl]>,
) -> Option<Vec<(String, FoundUrl)>> {
    let services = ["discovery", "discovery-srv", "discovery-endpoints"];
    if services.iter().any(|service| !values.lacks(service)) {
        return None;
    }
    let name = values.text("name", "default");
    let text = match values.value(OPTION) {
        Value::Unknown => return None,
        // As a flag, the name of the service alone empties it (etcdmain/config.go).
        Value::Unset if !values.has_file && !values.lacks("discovery-srv-name") => "",
        Value::Unset => DEFAULT,
        Value::Set(text, _) => text,
    };
    if text == DEFAULT && name? != "default" {
        let name = name.filter(|name| !name.is_empty()).unwrap_or("default");
        return Some(peer_urls?.iter().map(|url| (name.to_owned(), url.clone())).collect());
    }
    let named = urls::members(text).flatten();
    Some(named.filter_map(|(name, url)| Some((name.to_owned(), FoundUrl::parse(url)?))).collect())
}

/// Why a member without data does not start (etcd, server/config/config.go, `VerifyBootstrap` and
/// `VerifyJoinExisting`).
pub(super) fn refusals(
    values: &Values<'_>,
    members: &[(String, FoundUrl)],
    peer_urls: Option<&[FoundUrl]>,
    member: &Place,
) -> Vec<Refusal> {
    let Some(name) = values.text("name", "default") else { return Vec::new() };
    let place = || values.place(OPTION, member);
    let own: Vec<&FoundUrl> = members.iter().filter(|(named, _)| named == name).map(|(_, url)| url).collect();
    if own.is_empty() {
        let mut seen = BTreeSet::new();
        let names = members.iter().map(|(named, _)| named.as_str()).filter(|named| seen.insert(*named));
        let names: Vec<&str> = names.collect();
        let names = match names.split_last() {
            None => "nobody".to_owned(),
            Some((last, [])) => (*last).to_owned(),
            Some((last, others)) => format!("{} and {last}", others.join(", ")),
        };
        let problem = format!("its name is `{name}`, and {OPTION} has {names}");
        let message = "couldn't find local name in the initial cluster configuration";
        return vec![Refusal::new(RefusalKind::NotNamed, place(), problem).saying(message)];
    }
    let mut refusals = Vec::new();
    let is_new = values.text("initial-cluster-state", "new").map(|state| state != "existing");
    if let Some(advertised) = peer_urls.filter(|_| is_new == Some(true)) {
        refusals.extend(differing(values, name, &own, advertised, member));
    }
    let mut seen = BTreeSet::new();
    if let Some((_, twice)) = members.iter().find(|(_, url)| !seen.insert(&url.text)) {
        let problem = format!("{OPTION} has {} twice", twice.text);
        refusals.push(Refusal::new(RefusalKind::OtherUrls, place(), problem).saying("has duplicate url"));
    }
    if is_new == Some(false) && members.iter().all(|(named, _)| named == name) {
        let problem = format!("initial-cluster-state is existing, and {OPTION} names no other member to ask");
        let place = values.place("initial-cluster-state", member);
        refusals.push(
            Refusal::new(RefusalKind::Combination, place, problem)
                .saying("cannot fetch cluster info from peer urls"),
        );
    }
    refusals
}

type Key = (String, Option<String>, Option<u16>, String);

/// The scheme, address and port of a URL, and all else in it. A name, which may stand for any address, is `None`.
fn key(url: &FoundUrl) -> Key {
    let host = match url.host.as_str() {
        "localhost" => Some("localhost".to_owned()),
        host => host.parse::<IpAddr>().ok().map(|ip| ip.to_canonical().to_string()),
    };
    let (_, rest) = url.text.split_once("://").unwrap_or_default();
    let (authority, tail) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    let user = authority.rsplit_once('@').map_or("", |(user, _)| user);
    (url.scheme.clone(), host, url.port, format!("{user}@{tail}"))
}

/// The URLs that a member advertises have to be those that `initial-cluster` has for it.
fn differing(
    values: &Values<'_>,
    name: &str,
    own: &[&FoundUrl],
    advertised: &[FoundUrl],
    member: &Place,
) -> Option<Refusal> {
    let texts = |urls: &[&FoundUrl]| {
        let mut texts: Vec<String> = urls.iter().map(|url| url.text.clone()).collect();
        texts.sort();
        texts
    };
    let all: Vec<&FoundUrl> = advertised.iter().collect();
    let (own_texts, advertised_texts) = (texts(own), texts(&all));
    if own_texts == advertised_texts {
        return None;
    }
    // 3.7 compares scheme and host alone (pkg/netutil/netutil.go, `urlsHostNormalizedEqual`).
    let is_loose = values.version.has(7, 0);
    let keys = |urls: &[&FoundUrl]| {
        let all = urls.iter().map(|url| key(url));
        all.map(|key| if is_loose { (key.0, key.1, key.2, String::new()) } else { key })
            .collect::<BTreeSet<_>>()
    };
    let (own_keys, advertised_keys) = (keys(own), keys(&all));
    // A name may stand for any address, so only its scheme and port are compared.
    let is_met = |(scheme, host, port, rest): &Key, others: &BTreeSet<Key>| {
        let any = |host: Option<String>| others.contains(&(scheme.clone(), host, *port, rest.clone()));
        match host {
            Some(_) => any(host.clone()) || any(None),
            None => others.iter().any(|other| (&other.0, other.2, &other.3) == (scheme, *port, rest)),
        }
    };
    let may_be_equal = own.len() == all.len()
        && own_keys.iter().all(|key| is_met(key, &advertised_keys))
        && advertised_keys.iter().all(|key| is_met(key, &own_keys));
    if may_be_equal {
        return None;
    }
    let problem = format!(
        "{OPTION} has {} for {name}, and initial-advertise-peer-urls is {}",
        own_texts.join(", "),
        advertised_texts.join(", ")
    );
    let place = values.place("initial-advertise-peer-urls", &values.place(OPTION, member));
    let message = "missing from --initial-advertise-peer-urls";
    Some(Refusal::new(RefusalKind::OtherUrls, place, problem).saying(message))
}
