//! Files of keys: where they are, who may read them, and whether they fit.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::base::place::Place;
use crate::etcd::check::doctor::case::{Case, Check, Symptom, listed, name, place};
use crate::etcd::check::doctor::trust::is_absent;
use crate::etcd::check::finding::{Rule, Severity};
use crate::etcd::found::{Form, FoundKey, Host, Member, PemFile, Unread};
use crate::etcd::option::port::PAIRS;
use crate::x509::certificate::Certificate;
use crate::x509::key::PublicKey;

pub(crate) const CHECKS: &[Check] = &[
    Check {
        rule: Rule {
            id: "E601",
            severity: Severity::Error,
            title: "everybody on the host may read a private key",
            consequence: "{etcd} does not complain; every user of the host can be what the certificate says",
            remedy: "set its mode to 0600",
            sources: &["etcd, client/pkg/tlsutil/tlsutil.go"],
        },
        find: readable_keys,
    },
    Check {
        rule: Rule {
            id: "E602",
            severity: Severity::Warning,
            title: "several members have one private key",
            consequence: "anyone who takes it from one host is every member, and it cannot be replaced for one of them alone",
            remedy: "give each member a key of its own",
            sources: &["easzlab/kubeasz#1431"],
        },
        find: shared_keys,
    },
    Check {
        rule: Rule {
            id: "E603",
            severity: Severity::Error,
            title: "a CA's private key is on a member's host, or among a client's files",
            consequence: "anyone who gets at it there can issue certificates for everybody",
            remedy: "keep it where certificates are issued, and remove it here",
            sources: &["RFC 5280 section 8"],
        },
        find: ca_keys,
    },
    Check {
        rule: Rule {
            id: "E604",
            severity: Severity::Error,
            title: "a file that etcd is told to read is missing",
            consequence: "{etcd} does not start: `no such file or directory`; with Type=notify this may come after systemd was told that it is ready",
            remedy: "put it there, or correct the path",
            sources: &["kubespray#4040", "kubespray#2867"],
        },
        find: missing_files,
    },
    Check {
        rule: Rule {
            id: "E605",
            severity: Severity::Error,
            title: "a private key is not that of its certificate",
            consequence: "{etcd} does not start, or refuses every connection: `private key does not match public key`",
            remedy: "put the right key beside the certificate; replace both at the same moment, or keep the key",
            sources: &["Go, crypto/tls, X509KeyPair", "RFC 5280 section 6.1.3"],
        },
        find: mismatches,
    },
    Check {
        rule: Rule {
            id: "E606",
            severity: Severity::Error,
            title: "a private key has a password",
            consequence: "{etcd} cannot ask for it, and does not start",
            remedy: "write the key without a password, readable by etcd's user only",
            sources: &["Go, crypto/tls, X509KeyPair"],
        },
        find: encrypted_keys,
    },
    Check {
        rule: Rule {
            id: "E607",
            severity: Severity::Error,
            title: "a key file without a key",
            consequence: "{etcd} does not start: `failed to find any PEM data in key input`",
            remedy: "write the key as PEM",
            sources: &["Go, crypto/tls, X509KeyPair"],
        },
        find: no_key,
    },
    Check {
        rule: Rule {
            id: "E608",
            severity: Severity::Error,
            title: "the unit's user may not read a file",
            consequence: "{etcd} does not start: `permission denied`",
            remedy: "give the file to the user that etcd runs as",
            sources: &["etcd#12433", "etcd#12930", "etcd#6327", "kubespray#980"],
        },
        find: unreadable_files,
    },
    Check {
        rule: Rule {
            id: "E609",
            severity: Severity::Warning,
            title: "a file is too large to be looked at",
            consequence: "nothing else is said about it here; {etcd} reads certificates, keys and revocation lists anew for every connection",
            remedy: Unread::TooLarge.remedy(),
            sources: &[
                "etcd, client/pkg/transport/listener.go",
                "etcd, client/pkg/transport/listener_tls.go, checkCRL",
                "RFC 5280 section 3.3",
            ],
        },
        find: too_large,
    },
    Check {
        rule: Rule {
            id: "E610",
            severity: Severity::Error,
            title: "a key or certificate that etcd once made itself cannot be used",
            consequence: "{etcd} takes the files in `fixtures` as they are, and does not start: `failed to find any PEM data in key input` or the like",
            remedy: "delete the folder `fixtures/client` or `fixtures/peer` in the data folder: etcd makes both files anew",
            sources: &["etcd, client/pkg/transport/listener.go, SelfCert"],
        },
        find: own_pairs,
    },
];

fn readable_keys(case: &Case<'_>) -> Vec<Symptom> {
    let cas = cas(case);
    let files = case.found.hosts.iter().flat_map(|host| host.pems.values());
    let readable = files.filter(|file| !file.keys.is_empty() && file.mode & 0o007 != 0);
    readable
        .map(|file| {
            let symptom = Symptom::new(Place::file(&file.path), format!("its mode is {:04o}", file.mode));
            if file.keys.iter().any(|key| ca_of(key, &cas).is_some()) {
                symptom.overriding(
                    Severity::Error,
                    "every user of the host can issue certificates for everybody",
                )
            } else {
                symptom
            }
        })
        .collect()
}

/// The CAs whose certificates were found, by their public keys.
fn cas<'a>(case: &Case<'a>) -> BTreeMap<Vec<u8>, &'a Certificate> {
    let files = case.found.hosts.iter().flat_map(|host| host.pems.values());
    let cas =
        files.flat_map(PemFile::valid_certificates).filter(|certificate| certificate.check_ca().is_ok());
    cas.filter_map(|ca| Some((ca.public_key().ok()?.der().to_vec(), ca))).collect()
}

/// The CA that a key is of.
fn ca_of<'a>(key: &FoundKey, cas: &BTreeMap<Vec<u8>, &'a Certificate>) -> Option<&'a Certificate> {
    match key {
        FoundKey::Usable(key) => cas.get(key.der()).copied(),
        _ => None,
    }
}

/// The public half of a member's key.
fn public<'a>(host: &'a Host, member: &Member, option: &str) -> Option<(&'a PemFile, &'a [u8])> {
    let file = host.pem(member, option)?;
    match file.keys.first()? {
        FoundKey::Usable(key) => Some((file, key.der())),
        _ => None,
    }
}

fn shared_keys(case: &Case<'_>) -> Vec<Symptom> {
    let mut owners: BTreeMap<&[u8], Vec<(&Host, &Member, &PemFile)>> = BTreeMap::new();
    for (host, member) in case.members() {
        for (_, option) in PAIRS {
            let Some((file, key)) = public(host, member, option) else { continue };
            let owners = owners.entry(key).or_default();
            if !owners.iter().any(|(known, _, _)| std::ptr::eq(*known, host)) {
                owners.push((host, member, file));
            }
        }
    }
    let mut symptoms = Vec::new();
    for owners in owners.into_values() {
        if let [(_, _, file), _, ..] = owners.as_slice() {
            let names: Vec<String> = owners.iter().map(|(_, member, _)| name(member)).collect();
            let problem = format!("{} have the same key", listed(&names));
            symptoms.push(Symptom::new(Place::file(&file.path), problem));
        }
    }
    symptoms.sort_by_key(|symptom| symptom.place.to_string());
    symptoms
}

fn ca_keys(case: &Case<'_>) -> Vec<Symptom> {
    let cas = cas(case);
    let mut symptoms = Vec::new();
    for host in case.found.hosts.iter().filter(|host| host.has_members() || host.is_client) {
        for file in host.pems.values() {
            for ca in file.keys.iter().filter_map(|key| ca_of(key, &cas)) {
                let problem = format!("it is the key of {}", ca.subject());
                symptoms.push(Symptom::new(Place::file(&file.path), problem));
            }
        }
    }
    symptoms
}

fn missing_files(case: &Case<'_>) -> Vec<Symptom> {
    let mut symptoms = Vec::new();
    for (host, member) in case.members() {
        for option in
            crate::etcd::found::FILE_OPTIONS.into_iter().filter(|option| !option.ends_with("crl-file"))
        {
            let Some(path) = member.settings.value(option) else { continue };
            if is_absent(host, member, path) {
                let problem = format!("{option} of {} is {path}, which is not there", name(member));
                symptoms.push(Symptom::new(place(member, option), problem));
            }
        }
    }
    symptoms
}

fn mismatches(case: &Case<'_>) -> Vec<Symptom> {
    let mut symptoms = Vec::new();
    for (host, member) in case.members() {
        for (certificate, key) in PAIRS {
            let Some((file, public)) = public(host, member, key) else { continue };
            let leaf = host.pem(member, certificate).and_then(|file| file.valid_certificates().next());
            let own = leaf.and_then(|leaf| leaf.public_key().ok());
            if own.is_some_and(|own| own.der() != public) {
                let problem = format!("{key} of {} is not the key of {certificate}", name(member));
                symptoms.push(Symptom::new(Place::file(&file.path), problem));
            }
        }
    }
    symptoms.extend(case.found.hosts.iter().flat_map(ca_mismatches));
    symptoms
}

/// No setting names a CA's key: it is the one beside the CA's certificate, by its name.
fn ca_mismatches(host: &Host) -> Vec<Symptom> {
    let mut symptoms = Vec::new();
    for file in host.pems.values() {
        let Some(ca) = file.valid_certificates().next().filter(|first| first.check_ca().is_ok()) else {
            continue;
        };
        // While a CA is replaced, its successor may be in the same file.
        let own = |key: &PublicKey| {
            let mut all = file.valid_certificates().filter_map(|ca| ca.public_key().ok());
            all.any(|public| public.der() == key.der())
        };
        for beside in keys_beside(&file.path).iter().filter_map(|path| host.pems.get(path)) {
            if let Some(FoundKey::Usable(key)) = beside.keys.first()
                && !host.is_named(&beside.path)
                && !own(key)
            {
                let problem = format!("it is not the key of {}, {}", ca.subject(), file.path.display());
                let consequence = "anyone who trusts the CA refuses what is signed with it: `certificate signed by unknown authority`; `cluster apply` refuses to sign";
                let symptom = Symptom::new(Place::file(&beside.path), problem);
                symptoms.push(symptom.overriding(Severity::Error, consequence));
            }
        }
    }
    symptoms
}

/// Where the key of a certificate lies: `ca-key.pem` beside `ca.pem` (cfssl), `ca.key` beside `ca.crt` (kubeadm).
fn keys_beside(certificate: &Path) -> [PathBuf; 2] {
    let stem = certificate.file_stem().unwrap_or_default();
    let mut dashed = stem.to_owned();
    dashed.push("-key.pem");
    [certificate.with_file_name(dashed), certificate.with_extension("key")]
}

fn key_files<'a>(case: &Case<'a>) -> impl Iterator<Item = (&'a PemFile, &'static str)> {
    case.members().flat_map(|(host, member)| {
        PAIRS.into_iter().filter_map(move |(_, option)| Some((host.pem(member, option)?, option)))
    })
}

fn encrypted_keys(case: &Case<'_>) -> Vec<Symptom> {
    let locked = key_files(case).filter(|(file, _)| file.keys.contains(&FoundKey::Encrypted));
    locked
        .map(|(file, option)| Symptom::new(Place::file(&file.path), format!("{option}: it is encrypted")))
        .collect()
}

fn no_key(case: &Case<'_>) -> Vec<Symptom> {
    let without = key_files(case).filter(|(file, _)| file.keys.is_empty());
    without
        .map(|(file, option)| {
            let problem = match file.form {
                Form::Empty => "it is empty",
                Form::Der => "it is DER, not PEM",
                _ => "no private key is in it",
            };
            Symptom::new(Place::file(&file.path), format!("{option}: {problem}"))
        })
        .collect()
}

/// Owners are judged only on the host itself: elsewhere, files belong to the user who copied them.
fn unreadable_files(case: &Case<'_>) -> Vec<Symptom> {
    let mut symptoms = Vec::new();
    for (host, member) in case.members() {
        let Some(unit) = host.unit(member) else { continue };
        let Some(setting) = unit.last("Service", "User") else { continue };
        let Some(user) = host.users.get(&setting.value.text) else { continue };
        // A command before may give the files away.
        let is_given = unit.all("Service", "ExecStartPre").iter().any(|pre| pre.value.text.contains("chown"));
        if *user == 0 || is_given {
            continue;
        }
        for option in crate::etcd::found::FILE_OPTIONS {
            let Some(file) = host.pem(member, option) else { continue };
            // Whether the user is in the file's group is not known.
            let may_read = if file.user == *user { file.mode & 0o400 != 0 } else { file.mode & 0o044 != 0 };
            if !may_read {
                let problem = format!(
                    "{option}: it has mode {:04o}, and belongs to user number {}, not to {}",
                    file.mode, file.user, setting.value.text
                );
                symptoms.push(Symptom::new(Place::file(&file.path), problem));
            }
        }
    }
    symptoms
}

/// The pairs that etcd makes with `auto-tls` and `peer-auto-tls`. If one of the two is missing, it makes both.
fn own_pairs(case: &Case<'_>) -> Vec<Symptom> {
    let mut symptoms = Vec::new();
    for (host, member) in case.members() {
        let files = member.made_by_itself();
        for pair in files.chunks_exact(2) {
            let found: Vec<&PemFile> = pair.iter().filter_map(|path| host.pem_at(member, path)).collect();
            let [certificate, key] = found.as_slice() else { continue };
            let own = certificate.valid_certificates().next().and_then(|leaf| leaf.public_key().ok());
            let fault = match (own, key.keys.first()) {
                (None, _) => Some((certificate, "no certificate is in it")),
                (_, None) => Some((key, "no private key is in it")),
                (Some(own), Some(FoundKey::Usable(public))) if own.der() != public.der() => {
                    Some((key, "it is not the key of the certificate beside it"))
                }
                (_, Some(FoundKey::Usable(_))) => None,
                (_, Some(_)) => Some((key, "its private key cannot be read")),
            };
            let fault = fault.map(|(file, problem)| Symptom::new(Place::file(&file.path), problem));
            symptoms.extend(fault);
        }
    }
    symptoms
}

fn too_large(case: &Case<'_>) -> Vec<Symptom> {
    let files = case.found.hosts.iter().flat_map(Host::unread);
    let large = files.filter(|(_, why)| *why == Unread::TooLarge);
    large.map(|(path, why)| Symptom::new(Place::file(path), format!("it was {why}"))).collect()
}
