//! Who has to show a certificate, and whose is taken.

use std::path::Path;

use crate::etcd::check::doctor::case::{Case, Check, Symptom, name, place};
use crate::etcd::check::doctor::refusals::refused;
use crate::etcd::check::finding::{Rule, Severity};
use crate::etcd::found::{FileLookup, Form, Host, Member};
use crate::etcd::option::is_true;
use crate::etcd::option::port::{PEER, Port, SERVER};
use crate::etcd::start::{RefusalKind, Service, has_gateway};
use crate::x509::certificate::Certificate;
use crate::x509::key::PublicKeyKind;

pub(crate) const CHECKS: &[Check] = &[
    Check {
        rule: Rule {
            id: "E401",
            severity: Severity::Error,
            title: "certificates are asked for, and no CA is named",
            consequence: "{etcd} takes certificates of every CA that the operating system trusts",
            remedy: "name the CA, with `trusted-ca-file` or `peer-trusted-ca-file`",
            sources: &["etcd#3850", "etcd, client/pkg/transport/listener.go"],
        },
        find: auth_without_ca,
    },
    Check {
        rule: Rule {
            id: "E402",
            severity: Severity::Warning,
            title: "`trusted-ca-file` without `client-cert-auth`",
            consequence: "{etcd} asks for certificates, but takes no user from them: with authentication on, clients are told `user name is empty`",
            remedy: "set `client-cert-auth=true`",
            sources: &["etcd, client/pkg/transport/listener.go", "etcd, server/auth/store.go"],
        },
        find: ca_without_auth,
    },
    Check {
        rule: Rule {
            id: "E403",
            severity: Severity::Error,
            title: "TLS without certificate and key",
            consequence: "{etcd} does not start: `TLS key/cert must be provided`, `KeyFile and CertFile are not presented`",
            remedy: "name both the certificate and its key",
            sources: &["etcd#12887", "etcd#13117", "etcd#17867"],
        },
        find: |case| refused(case, &[RefusalKind::Certificate]),
    },
    Check {
        rule: Rule {
            id: "E404",
            severity: Severity::Error,
            title: "nobody has to show a certificate",
            consequence: "{etcd} serves everybody who reaches the port",
            remedy: "set `client-cert-auth=true` and `trusted-ca-file`, and the same for peers",
            sources: &["etcd, client/pkg/transport/listener.go"],
        },
        find: nobody_asked,
    },
    Check {
        rule: Rule {
            id: "E405",
            severity: Severity::Warning,
            title: "certificates that etcd makes itself",
            consequence: "{etcd} encrypts and asks nobody who he is; the certificate is kept for ever, even after its year is over",
            remedy: "issue certificates, and name them",
            sources: &["etcd, client/pkg/transport/listener.go"],
        },
        find: auto_tls,
    },
    Check {
        rule: Rule {
            id: "E406",
            severity: Severity::Error,
            title: "allowed names and allowed common names at the same time",
            consequence: "{etcd} does not start: `AllowedCNs and AllowedHostnames are mutually exclusive`",
            remedy: "keep one of the two",
            sources: &["etcd, client/pkg/transport/listener.go"],
        },
        find: |case| refused(case, &[RefusalKind::AllowLists]),
    },
    Check {
        rule: Rule {
            id: "E407",
            severity: Severity::Error,
            title: "a peer's certificate does not have the name that peers ask for",
            consequence: "{etcd} checks it in both directions, and the members refuse each other",
            remedy: "give all peer certificates the name of `peer-cert-allowed-hostname`, or the common name of `peer-cert-allowed-cn`",
            sources: &["etcd, client/pkg/transport/listener.go"],
        },
        find: not_allowed,
    },
    Check {
        rule: Rule {
            id: "E408",
            severity: Severity::Warning,
            title: "`client-cert-allowed-hostname` with the gRPC gateway",
            consequence: "the gateway's own connection is refused, whatever its certificate says; gRPC itself works",
            remedy: "set `enable-grpc-gateway=false`",
            sources: &["etcd#15755"],
        },
        find: hostname_and_gateway,
    },
    Check {
        rule: Rule {
            id: "E409",
            severity: Severity::Error,
            title: "a CA file without a certificate that etcd can read",
            consequence: "{etcd} starts, trusts nobody, and refuses everybody: `certificate signed by unknown authority`",
            remedy: "write the CA's certificate as PEM",
            sources: &["etcd, client/pkg/tlsutil/tlsutil.go"],
        },
        find: empty_ca,
    },
    Check {
        rule: Rule {
            id: "E410",
            severity: Severity::Error,
            title: "something else than certificates is in a CA file",
            consequence: "{etcd} does not start: every PEM block in it is read as a certificate",
            remedy: "leave only certificates in it, above all no key",
            sources: &["etcd, client/pkg/tlsutil/tlsutil.go"],
        },
        find: foreign_blocks,
    },
    Check {
        rule: Rule {
            id: "E411",
            severity: Severity::Warning,
            title: "etcd trusts the CA of something else",
            consequence: "everybody with a client certificate of that CA, each kubelet for instance, reads and writes everything",
            remedy: "make a CA for etcd alone",
            sources: &["kubernetes.io, PKI certificates and requirements"],
        },
        find: shared_ca,
    },
    Check {
        rule: Rule {
            id: "E412",
            severity: Severity::Error,
            title: "TLS 1.3 only, with cipher suites",
            consequence: "{etcd} does not start: the cipher suites of TLS 1.3 cannot be chosen",
            remedy: "remove `cipher-suites`",
            sources: &["etcd, server/embed/config.go"],
        },
        find: |case| refused(case, &[RefusalKind::SuitesOfTls13]),
    },
    Check {
        rule: Rule {
            id: "E413",
            severity: Severity::Warning,
            title: "certificates for a port without TLS",
            consequence: "{etcd} does not use them: `The scheme of client url ... is HTTP while peer key/cert files are presented. Ignored key/cert files.`",
            remedy: "use https:// in the listen and advertise options",
            sources: &["etcd, server/embed/etcd.go"],
        },
        find: unused_certificates,
    },
    Check {
        rule: Rule {
            id: "E414",
            severity: Severity::Error,
            title: "the peers found each other by DNS, and their certificates have not the domain's name",
            consequence: "without `peer-trusted-ca-file` {etcd} expects the domain itself in every peer's certificate, and the members refuse each other",
            remedy: "set `peer-trusted-ca-file`, or add the domain to the names of every peer certificate",
            sources: &["etcd#8445", "etcd#8753", "etcd#3087", "etcd-io/website#1187"],
        },
        find: srv_domain,
    },
    Check {
        rule: Rule {
            id: "E415",
            severity: Severity::Error,
            title: "no cipher suite fits the key of a certificate",
            consequence: "{etcd} refuses everybody: `tls: no cipher suite supported by both client and server`",
            remedy: "add suites for the kind of key, or issue the certificate with a key of the other kind",
            sources: &["Go, crypto/tls, handshake_server.go"],
        },
        find: suites_and_key,
    },
];

const PARTS: [&Port; 2] = [&SERVER, &PEER];

fn auth_without_ca(case: &Case<'_>) -> Vec<Symptom> {
    let mut symptoms = Vec::new();
    for (_, member) in case.members() {
        for part in PARTS {
            if member.settings.is_true(part.auth) && member.settings.is_unset(part.ca) {
                let problem = format!("{} is set, and {} is not", part.auth, part.ca);
                symptoms.push(Symptom::new(place(member, part.auth), problem));
            }
        }
    }
    symptoms
}

fn serves_tls(member: &Member, part: &Port) -> bool {
    member.settings.urls(part.listen).iter().any(|url| url.is_tls())
}

fn ca_without_auth(case: &Case<'_>) -> Vec<Symptom> {
    let mut symptoms = Vec::new();
    for (_, member) in case.members().filter(|(_, member)| serves_tls(member, &SERVER)) {
        let settings = &member.settings;
        let is_off = settings.is_unset(SERVER.auth)
            || settings.value(SERVER.auth).is_some_and(|value| !is_true(value));
        if is_off && settings.setting(SERVER.ca).is_some() {
            let problem = format!("{} does not have client-cert-auth", name(member));
            symptoms.push(Symptom::new(place(member, SERVER.ca), problem));
        }
    }
    symptoms
}

fn nobody_asked(case: &Case<'_>) -> Vec<Symptom> {
    let mut symptoms = Vec::new();
    for (_, member) in case.members() {
        for part in PARTS {
            let settings = &member.settings;
            let asks = !settings.is_unset(part.ca) || settings.is_true(part.auth) || !settings.is_complete;
            if serves_tls(member, part) && !asks && !settings.is_true(part.auto_tls) {
                let problem = format!("{} has neither {} nor {}", name(member), part.ca, part.auth);
                symptoms.push(Symptom::new(place(member, part.listen), problem));
            }
        }
    }
    symptoms
}

fn auto_tls(case: &Case<'_>) -> Vec<Symptom> {
    let mut symptoms = Vec::new();
    for (_, member) in case.members() {
        for part in PARTS.into_iter().filter(|part| member.settings.is_true(part.auto_tls)) {
            symptoms.push(Symptom::new(place(member, part.auto_tls), format!("{} is set", part.auto_tls)));
        }
    }
    symptoms
}

fn not_allowed(case: &Case<'_>) -> Vec<Symptom> {
    let mut symptoms = Vec::new();
    for cluster in case.clusters() {
        for (_, member) in cluster {
            for (host, other) in cluster {
                let leaf =
                    host.pem(other, PEER.certificate).and_then(|file| file.valid_certificates().next());
                let Some(leaf) = leaf else { continue };
                let names = member.settings.items(PEER.allowed_hosts, case.version);
                if let Some(names) = names
                    .filter(|names| !names.iter().any(|name| super::certificates::is_valid_for(leaf, name)))
                {
                    let problem = format!(
                        "the peer certificate of {} is for {}, not for {}",
                        crate::etcd::check::doctor::case::name(other),
                        leaf.subject_alt_names(),
                        names.join(" or ")
                    );
                    symptoms.push(Symptom::new(place(member, PEER.allowed_hosts), problem));
                }
                let Some(option) = PEER.allowed_names else { continue };
                let names = member.settings.items(option, case.version);
                let own = leaf.subject().common_name().unwrap_or_default();
                if let Some(names) = names.filter(|names| !names.contains(&own)) {
                    let problem = format!(
                        "the peer certificate of {} has the common name {own:?}, not {}",
                        crate::etcd::check::doctor::case::name(other),
                        names.join(" or ")
                    );
                    symptoms.push(Symptom::new(place(member, option), problem));
                }
            }
        }
    }
    symptoms
}

fn hostname_and_gateway(case: &Case<'_>) -> Vec<Symptom> {
    let both = case.members().filter(|(_, member)| {
        member.settings.setting("client-cert-allowed-hostname").is_some()
            && has_gateway(&member.settings, case.version) == Some(true)
    });
    both.map(|(_, member)| {
        Symptom::new(place(member, "client-cert-allowed-hostname"), "enable-grpc-gateway is not false")
    })
    .collect()
}

fn ca_files<'a>(case: &Case<'a>) -> impl Iterator<Item = (&'a Host, &'a Member, &'static Port)> {
    case.members().flat_map(|(host, member)| PARTS.map(|part| (host, member, part)))
}

fn empty_ca(case: &Case<'_>) -> Vec<Symptom> {
    let mut symptoms = Vec::new();
    for (host, member, part) in ca_files(case) {
        let Some(file) = host.pem(member, part.ca) else { continue };
        let problem = match file.form {
            Form::Der => "it is DER, not PEM",
            Form::Empty => "it is empty",
            Form::Pem if file.certificates.is_empty() && file.keys.is_empty() && file.others.is_empty() => {
                "its PEM is damaged"
            }
            Form::Base64 | Form::Other => "it is no PEM",
            Form::Pem => continue,
        };
        symptoms.push(Symptom::new(
            crate::base::place::Place::file(&file.path),
            format!("{}: {problem}", part.ca),
        ));
    }
    symptoms
}

fn foreign_blocks(case: &Case<'_>) -> Vec<Symptom> {
    let mut symptoms = Vec::new();
    for (host, member, part) in ca_files(case) {
        let Some(file) = host.pem(member, part.ca).filter(|file| file.form == Form::Pem) else { continue };
        let place = crate::base::place::Place::file(&file.path);
        if !file.keys.is_empty() {
            symptoms.push(Symptom::new(place.clone(), format!("{}: a private key is in it", part.ca)));
        }
        for label in &file.others {
            symptoms.push(Symptom::new(place.clone(), format!("{}: a {label} is in it", part.ca)));
        }
        for fault in file.certificates.iter().filter_map(|certificate| certificate.as_ref().err()) {
            symptoms.push(Symptom::new(place.clone(), format!("{}: {fault}", part.ca)));
        }
    }
    symptoms
}

/// kubeadm keeps etcd's own CA below `/etc/kubernetes` too, in a folder `etcd`.
fn shared_ca(case: &Case<'_>) -> Vec<Symptom> {
    let mut symptoms = Vec::new();
    for (host, member, part) in ca_files(case) {
        let Some(path) = member.settings.value(part.ca) else { continue };
        let of_kubernetes = path.starts_with("/etc/kubernetes/") && !path.contains("etcd");
        let names = host.pem(member, part.ca).map(|file| {
            let names = file.valid_certificates().filter_map(|ca| ca.subject().common_name());
            names.map(str::to_lowercase).collect::<Vec<_>>()
        });
        let is_kubernetes = |name: &String| name.contains("kubernetes") && !name.contains("etcd");
        if of_kubernetes || names.is_some_and(|names| names.iter().any(is_kubernetes)) {
            let problem = format!("{} is {path}: the CA of Kubernetes", part.ca);
            symptoms.push(Symptom::new(place(member, part.ca), problem));
        }
    }
    symptoms
}

fn unused_certificates(case: &Case<'_>) -> Vec<Symptom> {
    let mut symptoms = Vec::new();
    for (member, start) in case.starts() {
        for (part, service) in [(&SERVER, Service::Clients), (&PEER, Service::Peers)] {
            let mut urls = start.listens(service).peekable();
            let plain = urls.peek().is_some() && urls.all(|url| url.scheme == "http");
            if plain && member.settings.setting(part.certificate).is_some() {
                let problem = format!("{} is set, and {} has only http", part.certificate, part.listen);
                symptoms.push(Symptom::new(place(member, part.certificate), problem));
            }
        }
    }
    symptoms
}

fn srv_domain(case: &Case<'_>) -> Vec<Symptom> {
    let mut symptoms = Vec::new();
    for (host, member) in case.members() {
        let Some(domain) = member.settings.value("discovery-srv") else { continue };
        if !member.settings.is_unset(PEER.ca) || !serves_tls(member, &PEER) {
            continue;
        }
        let leaf = host.pem(member, PEER.certificate).and_then(|file| file.valid_certificates().next());
        if leaf.is_none_or(|leaf| !super::certificates::is_valid_for(leaf, domain)) {
            let problem = format!("discovery-srv is {domain}, and peer-trusted-ca-file is not set");
            symptoms.push(Symptom::new(place(member, "discovery-srv"), problem));
        }
    }
    symptoms
}

/// Whether a file that a member names is known not to be there.
pub(crate) fn is_absent(host: &Host, member: &Member, path: &str) -> bool {
    matches!(host.lookup_of(member, path), FileLookup::Absent(_)) && Path::new(path).is_absolute()
}

/// Suites of TLS 1.2 name the kind of key; those of 1.3 are not chosen by the option.
fn suites_and_key(case: &Case<'_>) -> Vec<Symptom> {
    let mut symptoms = Vec::new();
    for (host, member, part) in ca_files(case).filter(|(_, member, part)| serves_tls(member, part)) {
        let Some(suites) = member.settings.items("cipher-suites", case.version) else { continue };
        let leaf = host.pem(member, part.certificate).and_then(|file| file.valid_certificates().next());
        let Some(Ok(key)) = leaf.map(Certificate::public_key) else { continue };
        let kind = key.kind();
        let is_rsa = matches!(kind, PublicKeyKind::Rsa { .. });
        let fits = |suite: &&str| {
            if is_rsa {
                suite.starts_with("TLS_ECDHE_RSA_") || suite.starts_with("TLS_RSA_")
            } else {
                suite.contains("_ECDSA_")
            }
        };
        // TLS 1.3 alone is told by itself.
        let is_13 = member.settings.value("tls-min-version") == Some("TLS1.3");
        if is_13 || suites.iter().any(fits) {
            continue;
        }
        let problem =
            format!("cipher-suites has none for the {} certificate, whose key is {kind}", part.name);
        let symptom = Symptom::new(place(member, "cipher-suites"), problem);
        symptoms.push(if member.settings.value("tls-max-version") == Some("TLS1.2") {
            symptom
        } else {
            let consequence = "{etcd} refuses everybody who speaks no more than TLS 1.2: `tls: no cipher suite supported by both client and server`";
            symptom.overriding(Severity::Warning, consequence)
        });
    }
    symptoms
}
