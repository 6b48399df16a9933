//! Certificates that etcd, or those who connect to it, do not accept.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;

use der::asn1::ObjectIdentifier;
use time::{Duration, OffsetDateTime};

use crate::base::place::date;
use crate::etcd::check::doctor::case::{Case, Check, Shown, Symptom, listed, name, place, place_of, subject};
use crate::etcd::check::finding::{Rule, Severity};
use crate::etcd::found::{Form, Host, Member, PemFile};
use crate::etcd::option::port::{PAIRS, PEER, SERVER};
use crate::go::net::is_loopback;
use crate::tls;
use crate::x509::certificate::Certificate;
use crate::x509::key::PublicKeyKind;
use crate::x509::oid;

pub(crate) const CHECKS: &[Check] = &[
    Check {
        rule: Rule {
            id: "E501",
            severity: Severity::Error,
            title: "a certificate is not for the host at which its member is reached",
            consequence: "who connects refuses it, and {etcd} logs `rejected connection`, `remote error: tls: bad certificate`; a peer's is also compared with the source address of its connections",
            remedy: "issue it again, with every host of the member's URLs: addresses as addresses, names as names; a wildcard is for names only",
            sources: &[
                "etcd#11770",
                "etcd#13485",
                "etcd#9276",
                "etcd#8797",
                "etcd#17068",
                "etcd#9953",
                "kubernetes#106407",
                "rke#1229",
                "kubeasz#1069",
            ],
        },
        find: missing_names,
    },
    Check {
        rule: Rule {
            id: "E502",
            severity: Severity::Error,
            title: "an address is written as a DNS name",
            consequence: "nobody finds it there: addresses are looked for among the certificate's addresses only",
            remedy: "issue it again, with the address as an address (iPAddress)",
            sources: &["rke#688", "cozystack/etcd-operator#315"],
        },
        find: address_as_name,
    },
    Check {
        rule: Rule {
            id: "E503",
            severity: Severity::Error,
            title: "a server's certificate has a common name only",
            consequence: "every handshake fails: `certificate relies on legacy Common Name field, use SANs instead`",
            remedy: "issue it again, with subject alternative names",
            sources: &["etcd-cloud-operator#61", "rke2#775"],
        },
        find: common_name_only,
    },
    Check {
        rule: Rule {
            id: "E504",
            severity: Severity::Warning,
            title: "a certificate is not for the loopback",
            consequence: "who connects on the host itself refuses it: `cannot validate certificate for 127.0.0.1`",
            remedy: "issue it again, with 127.0.0.1, ::1 and localhost",
            sources: &["rke#688", "rancher#17073", "cozystack/etcd-operator#315"],
        },
        find: loopback,
    },
    Check {
        rule: Rule {
            id: "E505",
            severity: Severity::Error,
            title: "peers on one host whose certificates lack the address that they come from",
            consequence: "the cluster looks healthy, but the members refuse each other's connections, and the loss of the leader ends it",
            remedy: "issue the peer certificates again, with 127.0.0.1",
            sources: &["etcd, client/pkg/transport/listener_tls.go", "etcd#9193"],
        },
        find: loopback_peers,
    },
    Check {
        rule: Rule {
            id: "E506",
            severity: Severity::Error,
            title: "a server's certificate is not for servers",
            consequence: "who connects refuses it: `certificate specifies an incompatible key usage`",
            remedy: "issue it again, with `server auth`",
            sources: &["RFC 5280 section 4.2.1.12"],
        },
        find: not_for_servers,
    },
    Check {
        rule: Rule {
            id: "E507",
            severity: Severity::Error,
            title: "a peer's certificate is not for clients",
            consequence: "members dial each other with it, and {etcd} refuses them: `certificate specifies an incompatible key usage`",
            remedy: "issue it again, with `server auth` and `client auth`",
            sources: &["etcd#13630"],
        },
        find: not_for_clients,
    },
    Check {
        rule: Rule {
            id: "E508",
            severity: Severity::Warning,
            title: "the gRPC gateway has no certificate that its own member takes",
            consequence: "gRPC works, but the gateway answers every request with code 14, and the log fills with `incompatible key usage` or `unknown authority` from 127.0.0.1, in 3.7 once somebody has asked the gateway",
            remedy: "add `client auth`, set `client-cert-file` and `client-key-file` (3.5 and newer), or set `enable-grpc-gateway=false`",
            sources: &[
                "etcd#9785",
                "etcd#13630",
                "etcd#16590",
                "etcd#17969",
                "kubermatic#5261",
                "openshift-ansible#8968",
            ],
        },
        find: gateway,
    },
    Check {
        rule: Rule {
            id: "E509",
            severity: Severity::Error,
            title: "a certificate is not valid now",
            consequence: "{etcd} starts and logs nothing about it, and every new connection fails: `certificate has expired or is not yet valid`",
            remedy: "issue it again; etcd takes up a new certificate without a restart, but not a new CA",
            sources: &[
                "kops#8959",
                "etcd#15740",
                "rancher#32901",
                "kubeasz#1069",
                "kubeadm#1651",
                "etcd#21622",
            ],
        },
        find: not_valid_now,
    },
    Check {
        rule: Rule {
            id: "E510",
            severity: Severity::Warning,
            title: "a certificate ends soon",
            consequence: "{etcd} does not warn of it, and has no metric for it",
            remedy: "issue it again before",
            sources: &["kops#12620", "etcd#21622", "kubespray#12411"],
        },
        find: ends_soon,
    },
    Check {
        rule: Rule {
            id: "E511",
            severity: Severity::Warning,
            title: "a certificate outlives its CA",
            consequence: "it ends with its CA, whatever it says itself; new connections fail from then on",
            remedy: "give the CA a longer life than what it issues; cfssl's default for a CA is 5 years",
            sources: &["kubeasz#242", "cfssl#881", "cfssl#1034", "cfssl#1261", "smallstep/certificates#381"],
        },
        find: outlives_ca,
    },
    Check {
        rule: Rule {
            id: "E512",
            severity: Severity::Error,
            title: "a member does not trust the certificate of another",
            consequence: "they refuse each other: `certificate signed by unknown authority`",
            remedy: "issue both under one CA, or put both CAs into `peer-trusted-ca-file` of all members and restart them",
            sources: &["etcd#11555", "gardener#6099", "gardener#8303", "kubernetes#118216"],
        },
        find: untrusted_peers,
    },
    Check {
        rule: Rule {
            id: "E513",
            severity: Severity::Error,
            title: "a certificate file without a certificate",
            consequence: "{etcd} does not start: `tls: failed to find any PEM data in certificate input`",
            remedy: "write the certificate as PEM, first itself, then the intermediate ones",
            sources: &["Go, crypto/tls"],
        },
        find: no_certificate,
    },
    Check {
        rule: Rule {
            id: "E514",
            severity: Severity::Error,
            title: "a kind of key that etcd does not take",
            consequence: "every handshake fails, or {etcd} does not start",
            remedy: "use P-256, P-384, P-521, Ed25519, or RSA with 2048 bits or more",
            sources: &["Go, crypto/tls and crypto/x509"],
        },
        find: key_kind,
    },
    Check {
        rule: Rule {
            id: "E515",
            severity: Severity::Error,
            title: "a certificate is signed with SHA-1 or MD5",
            consequence: "every handshake fails: `insecure algorithm`",
            remedy: "issue it again with SHA-256 or better",
            sources: &["Go, crypto/x509"],
        },
        find: weak_signature,
    },
    Check {
        rule: Rule {
            id: "E516",
            severity: Severity::Error,
            title: "a negative serial number",
            consequence: "{etcd} of upstream's build does not start: `x509: negative serial number`; some distributions' builds take it",
            remedy: "issue it again with a positive serial number",
            sources: &["trust-manager#515", "istio#56815"],
        },
        find: negative_serial,
    },
    Check {
        rule: Rule {
            id: "E517",
            severity: Severity::Warning,
            title: "a serial number of more than 20 octets",
            consequence: "{etcd} takes it, others may not",
            remedy: "issue it again with a serial number of at most 20 octets",
            sources: &["RFC 5280 section 4.1.2.2"],
        },
        find: long_serial,
    },
    Check {
        rule: Rule {
            id: "E518",
            severity: Severity::Warning,
            title: "two certificates have one serial number",
            consequence: "{etcd} compares nothing but serial numbers with its revocation list: anyone who revokes one revokes both",
            remedy: "issue one of them again, with a random serial number",
            sources: &["etcd, client/pkg/transport/listener.go, checkCRL"],
        },
        find: same_serial,
    },
    Check {
        rule: Rule {
            id: "E519",
            severity: Severity::Error,
            title: "a certificate in a CA file may not sign others",
            consequence: "{etcd} refuses what it has signed: `certificate is not authorized to sign other certificates`",
            remedy: "name the CA's certificate",
            sources: &["RFC 5280 section 4.2.1.9"],
        },
        find: no_ca,
    },
    Check {
        rule: Rule {
            id: "E520",
            severity: Severity::Error,
            title: "a chain begins with a CA",
            consequence: "{etcd} takes the first certificate for its own, and does not start: `private key does not match public key`",
            remedy: "write the member's certificate first, then the intermediate ones",
            sources: &["Go, crypto/tls, X509KeyPair"],
        },
        find: ca_first,
    },
    Check {
        rule: Rule {
            id: "E521",
            severity: Severity::Warning,
            title: "a peer's certificate has DNS names only",
            consequence: "for every connection {etcd} asks DNS whether the source address belongs to one of them, and refuses it if DNS does not say so: `does not match any of DNSNames`",
            remedy: "add the addresses that the member connects from, or keep A and PTR records right",
            sources: &["etcd#8268", "etcd#8534", "etcd#8600", "etcd#12562", "etcd#19691"],
        },
        find: names_only,
    },
];

/// anyExtendedKeyUsage (RFC 5280 section 4.2.1.12)
const ANY_USAGE: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.37.0");

/// Whether a certificate is for a host, as Go sees it.
pub(crate) fn is_valid_for(certificate: &Certificate, host: &str) -> bool {
    tls::is_among(certificate.subject_alt_names(), host)
}

fn allows(certificate: &Certificate, usage: ObjectIdentifier) -> bool {
    let usages = certificate.extended_key_usage();
    usages.is_none_or(|usages| usages.contains(&usage) || usages.contains(&ANY_USAGE))
}

/// The hosts at which a certificate's member is reached, without the loopback on which it only listens.
fn hosts(case: &Case<'_>, shown: &Shown<'_>) -> Vec<String> {
    let settings = &shown.member.settings;
    let mut hosts: Vec<String> = Vec::new();
    let mut add = |host: String| {
        let is_unspecified = host.parse::<IpAddr>().is_ok_and(|address| address.is_unspecified());
        if !host.is_empty() && !is_unspecified && !hosts.contains(&host) {
            hosts.push(host);
        }
    };
    for url in settings.urls(shown.part.advertise).into_iter().filter(|url| url.scheme == "https") {
        add(url.host);
    }
    if shown.part.listen == PEER.listen {
        let own = settings.value("name").unwrap_or_default();
        for (name, url) in &case.named(shown.member).urls {
            if name == own && url.scheme == "https" {
                add(url.host.clone());
            }
        }
    } else {
        for url in settings.urls(shown.part.listen) {
            if url.scheme == "https" && !is_loopback(&url.host) {
                add(url.host);
            }
        }
    }
    hosts
}

fn missing_names(case: &Case<'_>) -> Vec<Symptom> {
    let mut symptoms = Vec::new();
    for shown in case.served().iter().filter(|shown| !shown.leaf.subject_alt_names().is_empty()) {
        let missing: Vec<String> =
            hosts(case, shown).into_iter().filter(|host| !is_valid_for(shown.leaf, host)).collect();
        if !missing.is_empty() {
            let problem = format!(
                "the {} certificate of {} is for {}, and not for {}",
                shown.part.name,
                name(shown.member),
                shown.leaf.subject_alt_names(),
                listed(&missing)
            );
            symptoms.push(Symptom::new(shown.place(), problem));
        }
    }
    symptoms
}

fn address_as_name(case: &Case<'_>) -> Vec<Symptom> {
    let mut symptoms = Vec::new();
    for (file, leaf) in leaves(case) {
        let names = leaf.subject_alt_names();
        for text in &names.dns {
            let Ok(address) = text.parse::<IpAddr>() else { continue };
            if !names.ip.contains(&address) {
                symptoms.push(Symptom::new(place_of(file, leaf), format!("{text} is a dNSName in it")));
            }
        }
    }
    symptoms
}

fn common_name_only(case: &Case<'_>) -> Vec<Symptom> {
    let served = case.served();
    let bare = served.iter().filter(|shown| shown.leaf.subject_alt_names().is_empty() && !is_ca(shown.leaf));
    bare.map(|shown| {
        let problem = format!(
            "the {} certificate of {} has no subject alternative names",
            shown.part.name,
            name(shown.member)
        );
        Symptom::new(shown.place(), problem)
    })
    .collect()
}

fn loopback(case: &Case<'_>) -> Vec<Symptom> {
    let mut symptoms = Vec::new();
    let served = case.served();
    let servers = served
        .iter()
        .filter(|shown| shown.part.listen == SERVER.listen && !shown.leaf.subject_alt_names().is_empty());
    for shown in servers {
        let urls = shown.member.settings.urls(SERVER.listen);
        for url in urls.iter().filter(|url| url.scheme == "https") {
            let everywhere = url.host.parse::<IpAddr>().is_ok_and(|address| address.is_unspecified());
            let host = if everywhere { "127.0.0.1" } else { &url.host };
            if (everywhere || is_loopback(host)) && !is_valid_for(shown.leaf, host) {
                let problem = format!(
                    "{} listens on {}, and its certificate is for {}",
                    name(shown.member),
                    url.text,
                    shown.leaf.subject_alt_names()
                );
                symptoms.push(Symptom::new(shown.place(), problem));
            }
        }
    }
    symptoms
}

fn skips_san_check(member: &Member) -> bool {
    ["peer-skip-client-san-verification", "experimental-peer-skip-client-san-verification"]
        .iter()
        .any(|option| member.settings.is_true(option))
}

fn loopback_peers(case: &Case<'_>) -> Vec<Symptom> {
    let mut symptoms = Vec::new();
    for cluster in case.clusters() {
        let on_loopback = |member: &Member| {
            let urls = &case.named(member).urls;
            urls.len() > 1 && urls.iter().all(|(_, url)| url.is_tls() && is_loopback(&url.host))
        };
        let checked = cluster.iter().any(|(_, member)| !skips_san_check(member));
        for (host, member) in cluster.iter().filter(|(_, member)| checked && on_loopback(member)) {
            let Some(file) = host.pem(member, PEER.certificate) else { continue };
            let Some(leaf) = file.valid_certificates().next() else { continue };
            let names = leaf.subject_alt_names();
            // Without any name, etcd has nothing to compare.
            let has_names = !names.ip.is_empty() || !names.dns.is_empty();
            let comes_from = ["127.0.0.1", "::1", "localhost"];
            if has_names && !comes_from.iter().any(|host| is_valid_for(leaf, host)) {
                let problem = format!(
                    "connections of {} come from 127.0.0.1, and its peer certificate is for {names}",
                    name(member)
                );
                symptoms.push(Symptom::new(place_of(file, leaf), problem));
            }
        }
    }
    symptoms
}

fn usages(certificate: &Certificate) -> String {
    let usages = certificate.extended_key_usage().unwrap_or_default();
    let names: Vec<String> = usages
        .iter()
        .map(|usage| {
            crate::cfssl::usage::extended_name(*usage).map_or_else(|| usage.to_string(), str::to_owned)
        })
        .collect();
    listed(&names)
}

fn not_for_servers(case: &Case<'_>) -> Vec<Symptom> {
    let served = case.served();
    let wrong = served.iter().filter(|shown| !allows(shown.leaf, oid::SERVER_AUTH));
    wrong
        .map(|shown| {
            let problem = format!(
                "the {} certificate of {} is for {} only",
                shown.part.name,
                name(shown.member),
                usages(shown.leaf)
            );
            Symptom::new(shown.place(), problem)
        })
        .collect()
}

fn not_for_clients(case: &Case<'_>) -> Vec<Symptom> {
    let served = case.served();
    let wrong = served.iter().filter(|shown| {
        let asks =
            shown.member.settings.is_true(PEER.auth) || shown.member.settings.setting(PEER.ca).is_some();
        shown.part.listen == PEER.listen && asks && !allows(shown.leaf, oid::CLIENT_AUTH)
    });
    wrong
        .map(|shown| {
            let problem =
                format!("the peer certificate of {} is for {} only", name(shown.member), usages(shown.leaf));
            Symptom::new(shown.place(), problem)
        })
        .collect()
}

fn gateway(case: &Case<'_>) -> Vec<Symptom> {
    let mut symptoms = Vec::new();
    for (host, member) in case.members() {
        let settings = &member.settings;
        let asks = settings.is_true(SERVER.auth) || settings.setting(SERVER.ca).is_some();
        let serves_tls = settings.urls(SERVER.listen).iter().any(|url| url.is_tls());
        // What is not seen may turn the gateway off.
        if !asks || !serves_tls || !settings.is_complete {
            continue;
        }
        let Some(shown) = case.gateway(host, member) else { continue };
        if !allows(shown.leaf, oid::CLIENT_AUTH) {
            let problem = format!(
                "the gateway of {} uses {}, which is for {} only",
                name(member),
                shown.option,
                usages(shown.leaf)
            );
            symptoms.push(Symptom::new(shown.place(), problem));
        } else if let Some(ca) = host.pem(member, SERVER.ca)
            && ca.valid_certificates().next().is_some()
            && !is_trusted(shown.file, ca)
        {
            let problem = format!(
                "the gateway of {} uses {}, which no CA in {} has issued",
                name(member),
                shown.option,
                SERVER.ca
            );
            symptoms.push(Symptom::new(shown.place(), problem));
        }
    }
    symptoms
}

/// Every file of certificates.
fn pems<'a>(case: &Case<'a>) -> impl Iterator<Item = (&'a Host, &'a PemFile)> + use<'a> {
    case.found.hosts.iter().flat_map(|host| host.pems.values().map(move |file| (host, file)))
}

fn is_ca(certificate: &Certificate) -> bool {
    certificate.basic_constraints().is_some_and(|constraints| constraints.ca)
}

/// The first certificate of every file, unless it is a CA's.
fn leaves<'a>(case: &Case<'a>) -> impl Iterator<Item = (&'a PemFile, &'a Certificate)> + use<'a> {
    let first = pems(case).filter_map(|(_, file)| Some((file, file.valid_certificates().next()?)));
    first.filter(|(_, certificate)| !is_ca(certificate))
}

/// Every certificate in every file.
fn all<'a>(case: &Case<'a>) -> impl Iterator<Item = (&'a PemFile, &'a Certificate)> + use<'a> {
    pems(case).flat_map(|(_, file)| file.valid_certificates().map(move |certificate| (file, certificate)))
}

fn not_valid_now(case: &Case<'_>) -> Vec<Symptom> {
    let wrong = all(case).filter(|(_, certificate)| !certificate.is_valid_at(case.now));
    wrong
        .map(|(file, certificate)| {
            let problem = if case.now > certificate.not_after() {
                format!("it ended at {}", date(certificate.not_after()))
            } else {
                format!("it begins at {}", date(certificate.not_before()))
            };
            Symptom::new(place_of(file, certificate), problem)
        })
        .collect()
}

fn ends_soon(case: &Case<'_>) -> Vec<Symptom> {
    let mut symptoms = Vec::new();
    for (file, certificate) in all(case) {
        let end = certificate.not_after();
        let life = end - certificate.not_before();
        let left = end - case.now;
        if !left.is_negative() && left < Duration::days(30).min(life / 3) {
            symptoms.push(Symptom::new(place_of(file, certificate), format!("it ends at {}", date(end))));
        }
    }
    symptoms
}

/// The CA certificates that issued a certificate, as far as they were found; of several for the same key, all.
fn issuers<'a>(certificate: &Certificate, cas: &[&'a Certificate]) -> Vec<&'a Certificate> {
    let others = cas.iter().filter(|ca| ca.der() != certificate.der());
    others.filter(|ca| certificate.verify_issued_by(ca).is_ok()).copied().collect()
}

/// CA certificates by the bytes of their names, so that those of other clusters cost nothing.
type CasByName<'a> = HashMap<&'a [u8], Vec<&'a Certificate>>;

fn by_name<'a>(cas: impl Iterator<Item = &'a Certificate>) -> CasByName<'a> {
    let mut by_name = CasByName::new();
    for ca in cas {
        by_name.entry(ca.subject().der()).or_default().push(ca);
    }
    by_name
}

/// The CA certificates that may have issued a certificate. Of those with its issuer's name, these are the ones with the
/// key that it names, if there are any.
fn candidates<'a>(certificate: &Certificate, cas: &CasByName<'a>) -> Vec<&'a Certificate> {
    let of_name = cas.get(certificate.issuer().der()).map(Vec::as_slice).unwrap_or_default();
    let wanted = certificate.authority_key_identifier();
    let of_key = of_name.iter().filter(|ca| wanted.is_some() && ca.subject_key_identifier() == wanted);
    let of_key: Vec<&Certificate> = of_key.copied().collect();
    if of_key.is_empty() { of_name.to_vec() } else { of_key }
}

/// When a certificate really ends: with the first one of its chain. Of several chains, with the longest-lived.
fn end_by_cas(certificate: &Certificate, cas: &CasByName<'_>, depth: usize) -> Option<OffsetDateTime> {
    if depth == 0 {
        return None;
    }
    let ends = issuers(certificate, &candidates(certificate, cas)).into_iter().map(|issuer| {
        let above = end_by_cas(issuer, cas, depth - 1);
        above.map_or(issuer.not_after(), |above| above.min(issuer.not_after()))
    });
    ends.max()
}

/// The longest chain that is looked at.
const LONGEST: usize = 4;

fn outlives_ca(case: &Case<'_>) -> Vec<Symptom> {
    let mut cas: Vec<&Certificate> =
        all(case).map(|(_, certificate)| certificate).filter(|c| is_ca(c)).collect();
    cas.sort_by_key(|ca| ca.der());
    cas.dedup_by_key(|ca| ca.der());
    let cas = by_name(cas.into_iter());
    let mut symptoms = Vec::new();
    for (file, leaf) in leaves(case) {
        // Who makes both in one script lets them end seconds apart.
        let is_early = |end: &OffsetDateTime| leaf.not_after() - *end > Duration::DAY;
        let Some(end) = end_by_cas(leaf, &cas, LONGEST).filter(is_early) else {
            continue;
        };
        let problem = format!("it says {}, and its CA ends at {}", date(leaf.not_after()), date(end));
        symptoms.push(Symptom::new(place_of(file, leaf), problem));
    }
    symptoms
}

#[cfg(test)]
thread_local! {
    /// How many chains were followed, for the tests that count work.
    static CHAINS: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
}

/// Whether the CAs of a file lead to the first certificate of another, over the intermediate ones in it.
pub(crate) fn is_trusted(file: &PemFile, ca: &PemFile) -> bool {
    #[cfg(test)]
    CHAINS.set(CHAINS.get() + 1);
    let mut chain = file.valid_certificates();
    let Some(leaf) = chain.next() else { return false };
    let intermediates: Vec<&Certificate> = chain.collect();
    let roots: Vec<&Certificate> = ca.valid_certificates().collect();
    leads_to(leaf, &intermediates, &roots, LONGEST)
}

fn leads_to(
    certificate: &Certificate,
    between: &[&Certificate],
    roots: &[&Certificate],
    depth: usize,
) -> bool {
    let is_root = roots.iter().any(|root| root.der() == certificate.der());
    is_root
        || !issuers(certificate, roots).is_empty()
        || depth > 0
            && issuers(certificate, between).into_iter().any(|next| leads_to(next, between, roots, depth - 1))
}

fn untrusted_peers(case: &Case<'_>) -> Vec<Symptom> {
    let mut symptoms = Vec::new();
    for cluster in case.clusters() {
        let shown: Vec<(&Member, &PemFile)> = cluster
            .iter()
            .filter_map(|(host, member)| Some((*member, host.pem(member, PEER.certificate)?)))
            .filter(|(_, file)| file.valid_certificates().next().is_some())
            .collect();
        // Members usually have copies of one file, so each content is asked once about each certificate.
        let mut problems: HashMap<Vec<&[u8]>, Vec<String>> = HashMap::new();
        for (host, member) in cluster {
            let Some(ca) = host.pem(member, PEER.ca) else { continue };
            let content: Vec<&[u8]> = ca.valid_certificates().map(Certificate::der).collect();
            if content.is_empty() {
                continue;
            }
            let of_content = problems.entry(content).or_insert_with(|| {
                let untrusted = shown.iter().filter(|(_, file)| !is_trusted(file, ca));
                let problem = |(other, file): &(&Member, &PemFile)| {
                    let (name, path) = (name(other), file.path.display());
                    format!("no CA in it has issued the peer certificate of {name}, {path}")
                };
                untrusted.map(problem).collect()
            });
            for problem in of_content {
                symptoms.push(Symptom::new(crate::base::place::Place::file(&ca.path), problem.clone()));
            }
        }
    }
    symptoms
}

fn no_certificate(case: &Case<'_>) -> Vec<Symptom> {
    let mut symptoms = Vec::new();
    for (host, member) in case.members() {
        for (option, _) in PAIRS {
            let Some(file) = host.pem(member, option) else { continue };
            let problem = match (file.form, file.certificates.first()) {
                (Form::Pem, Some(Ok(_))) => continue,
                (Form::Pem, Some(Err(fault))) => fault.clone(),
                (Form::Pem, None) => "no certificate is in it".to_owned(),
                (Form::Der, _) => "it is DER, not PEM".to_owned(),
                (Form::Empty, _) => "it is empty".to_owned(),
                (Form::Base64 | Form::Other, _) => "it is no PEM".to_owned(),
            };
            symptoms.push(Symptom::new(
                crate::base::place::Place::file(&file.path),
                format!("{option}: {problem}"),
            ));
        }
    }
    symptoms
}

fn key_kind(case: &Case<'_>) -> Vec<Symptom> {
    let mut symptoms = Vec::new();
    for shown in case.served() {
        let problem = match shown.leaf.public_key().map(|key| key.kind()) {
            Ok(PublicKeyKind::EcdsaP224) => "its key is on P-224".to_owned(),
            Ok(PublicKeyKind::Rsa { bits }) if bits < 1024 => format!("its RSA key has {bits} bits"),
            Err(_) => "its key is neither RSA, P-256, P-384, P-521 nor Ed25519".to_owned(),
            Ok(_) => continue,
        };
        symptoms.push(Symptom::new(shown.place(), problem));
    }
    symptoms
}

fn weak_signature(case: &Case<'_>) -> Vec<Symptom> {
    let weak = [oid::SHA1_WITH_RSA, oid::ECDSA_WITH_SHA1, oid::MD5_WITH_RSA];
    let found = leaves(case).filter(|(_, leaf)| weak.contains(&leaf.signature_algorithm()));
    found.map(|(file, leaf)| Symptom::new(place_of(file, leaf), "its signature is weak")).collect()
}

/// The first releases that were built with Go 1.23 or newer, which refuses negative serial numbers (etcd, .go-version).
const REFUSES_NEGATIVE_SERIALS: [(u8, u16); 3] = [(4, 36), (5, 19), (6, 0)];

fn negative_serial(case: &Case<'_>) -> Vec<Symptom> {
    let negative = all(case).filter(|(_, c)| c.serial().first().is_some_and(|first| first & 0x80 != 0));
    negative
        .map(|(file, certificate)| {
            let problem = format!("its serial number is {}", certificate.serial_decimal());
            let symptom = Symptom::new(place_of(file, certificate), problem);
            if case.version.first_missing(&REFUSES_NEGATIVE_SERIALS).is_none() {
                symptom
            } else {
                symptom.overriding(Severity::Warning, "{etcd} takes it, and newer releases do not")
            }
        })
        .collect()
}

fn long_serial(case: &Case<'_>) -> Vec<Symptom> {
    let long = all(case).filter(|(_, certificate)| certificate.serial().len() > 20);
    long.map(|(file, certificate)| {
        let problem = format!("its serial number has {} octets", certificate.serial().len());
        Symptom::new(place_of(file, certificate), problem)
    })
    .collect()
}

fn same_serial(case: &Case<'_>) -> Vec<Symptom> {
    let mut symptoms = Vec::new();
    let mut seen: BTreeMap<&[u8], (&PemFile, &Certificate)> = BTreeMap::new();
    for (file, certificate) in all(case) {
        let (other_file, other) = *seen.entry(certificate.serial()).or_insert((file, certificate));
        if other.der() != certificate.der() {
            let problem = format!(
                "{} in {} has the serial number {} too",
                subject(other),
                other_file.path.display(),
                certificate.serial_decimal()
            );
            symptoms.push(Symptom::new(place_of(file, certificate), problem));
        }
    }
    symptoms
}

fn no_ca(case: &Case<'_>) -> Vec<Symptom> {
    let mut symptoms = Vec::new();
    for (host, member) in case.members() {
        for part in [&SERVER, &PEER] {
            let Some(file) = host.pem(member, part.ca) else { continue };
            for certificate in file.valid_certificates() {
                if let Err(error) = certificate.check_ca() {
                    symptoms.push(Symptom::new(place_of(file, certificate), format!("{}: {error}", part.ca)));
                }
            }
        }
    }
    symptoms
}

fn ca_first(case: &Case<'_>) -> Vec<Symptom> {
    let mut symptoms = Vec::new();
    for (host, member) in case.members() {
        for (option, _) in PAIRS {
            let Some(file) = host.pem(member, option) else { continue };
            let mut certificates = file.valid_certificates();
            if let Some(first) = certificates.next().filter(|first| is_ca(first))
                && certificates.any(|other| !is_ca(other))
            {
                symptoms.push(Symptom::new(place_of(file, first), format!("{option}: it comes first")));
            }
        }
    }
    symptoms
}

fn names_only(case: &Case<'_>) -> Vec<Symptom> {
    let mut symptoms = Vec::new();
    for shown in case.served() {
        let names = shown.leaf.subject_alt_names();
        let only_names = names.ip.is_empty() && !names.dns.is_empty();
        let checked = case.members().any(|(_, member)| !skips_san_check(member));
        let asks =
            shown.member.settings.setting(PEER.ca).is_some() || shown.member.settings.is_true(PEER.auth);
        if shown.part.listen == PEER.listen && only_names && checked && asks {
            let place = if shown.leaf.subject().is_empty() {
                place(shown.member, PEER.certificate)
            } else {
                shown.place()
            };
            symptoms.push(Symptom::new(place, format!("it is for {names}")));
        }
    }
    symptoms
}

#[cfg(test)]
mod tests;
