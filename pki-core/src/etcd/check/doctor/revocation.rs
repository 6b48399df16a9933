//! Revocation lists.

use crate::base::place::Place;
use crate::etcd::check::doctor::case::{Case, Check, Symptom, place};
use crate::etcd::check::doctor::trust::is_absent;
use crate::etcd::check::finding::{Rule, Severity};
use crate::etcd::found::{Form, Host, Member, PemFile};
use crate::etcd::option::port::{PEER, Port, SERVER};
use crate::etcd::option::release::CRL_NOT_ENFORCED;

pub(crate) const CHECKS: &[Check] = &[
    Check {
        rule: Rule {
            id: "E701",
            severity: Severity::Error,
            title: "the revocation list is missing, empty, or none",
            consequence: "{etcd} starts, and refuses every connection",
            remedy: "write a list, an empty one if nothing is revoked, as DER of version 2",
            sources: &["etcd, client/pkg/transport/listener_tls.go, checkCRL"],
        },
        find: unusable,
    },
    Check {
        rule: Rule {
            id: "E702",
            severity: Severity::Error,
            title: "a revocation list that is not DER of version 2",
            consequence: "{etcd} starts, and refuses every connection: it reads nothing but DER of version 2",
            remedy: "write it as DER of version 2: `etcdpki gencrl | base64 -d`, or `openssl crl -outform DER` of a list with a number",
            sources: &["etcd, client/pkg/transport/listener_tls.go, checkCRL", "cfssl#661", "cfssl#1396"],
        },
        find: old_form,
    },
    Check {
        rule: Rule {
            id: "E703",
            severity: Severity::Error,
            title: "a revocation list with `listen-client-http-urls`",
            consequence: "{etcd} does not look at the list for gRPC: who is revoked still gets in",
            remedy: "use 3.5.32, 3.6.13, 3.7.0 or newer, or remove `listen-client-http-urls`",
            sources: &["etcd#22007", "GHSA-3wh4-j44w-pg92"],
        },
        find: http_urls,
    },
    Check {
        rule: Rule {
            id: "E704",
            severity: Severity::Warning,
            title: "a revocation list of another CA",
            consequence: "{etcd} compares nothing but serial numbers, so it revokes whatever has one of them",
            remedy: "use the list of the CA that clients have their certificates from",
            sources: &["etcd, client/pkg/transport/listener_tls.go, checkCRL"],
        },
        find: other_issuer,
    },
];

const PARTS: [&Port; 2] = [&SERVER, &PEER];

/// The revocation lists that members name.
fn lists<'a>(case: &Case<'a>) -> impl Iterator<Item = (&'a Host, &'a Member, &'static Port, &'a PemFile)> {
    case.members().flat_map(|(host, member)| {
        PARTS.into_iter().filter_map(move |part| Some((host, member, part, host.pem(member, part.crl)?)))
    })
}

fn unusable(case: &Case<'_>) -> Vec<Symptom> {
    let mut symptoms = Vec::new();
    for (host, member) in case.members() {
        for part in PARTS {
            let Some(path) = member.settings.value(part.crl) else { continue };
            if is_absent(host, member, path) {
                symptoms.push(Symptom::new(place(member, part.crl), format!("{path} is not there")));
            }
        }
    }
    for (_, _, part, file) in lists(case) {
        let problem = match (&file.crl, file.form) {
            (_, Form::Empty) => "it is empty".to_owned(),
            (_, Form::Base64) => "it is base64, as `cfssl gencrl` prints it, and not DER".to_owned(),
            (Some(Err(fault)), _) => fault.clone(),
            (None, _) => "no revocation list is in it".to_owned(),
            (Some(Ok(_)), _) => continue,
        };
        symptoms.push(Symptom::new(Place::file(&file.path), format!("{}: {problem}", part.crl)));
    }
    symptoms
}

fn old_form(case: &Case<'_>) -> Vec<Symptom> {
    let mut symptoms = Vec::new();
    for (_, _, part, file) in lists(case) {
        let Some(Ok(crl)) = &file.crl else { continue };
        let problem = match (file.form, crl.is_v1) {
            (Form::Pem, true) => "it is PEM of version 1",
            (Form::Pem, false) => "it is PEM",
            (Form::Der, true) => "it is of version 1",
            _ => continue,
        };
        let symptom = Symptom::new(Place::file(&file.path), format!("{}: {problem}", part.crl));
        symptoms.push(if case.version.has(6, 0) {
            symptom
        } else {
            let consequence = "{etcd} reads it, but 3.6 and newer read nothing but DER of version 2: after an upgrade, every connection is refused";
            symptom.overriding(Severity::Warning, consequence)
        });
    }
    symptoms
}

fn http_urls(case: &Case<'_>) -> Vec<Symptom> {
    let both = case.members().filter(|(_, member)| {
        CRL_NOT_ENFORCED.options.iter().all(|option| member.settings.setting(option).is_some())
    });
    both.filter(|_| CRL_NOT_ENFORCED.is_in(case.version))
        .map(|(_, member)| {
            Symptom::new(place(member, "listen-client-http-urls"), "client-crl-file is set too")
        })
        .collect()
}

fn other_issuer(case: &Case<'_>) -> Vec<Symptom> {
    let mut symptoms = Vec::new();
    for (host, member, part, file) in lists(case) {
        let (Some(Ok(found)), Some(ca)) = (&file.crl, host.pem(member, part.ca)) else { continue };
        let mut cas = ca.valid_certificates().peekable();
        if cas.peek().is_some() && !cas.any(|ca| ca.subject().der() == found.crl.issuer().der()) {
            let problem = format!("it is of {}, which is not in {}", found.crl.issuer(), part.ca);
            symptoms.push(Symptom::new(Place::file(&file.path), problem));
        }
    }
    symptoms
}
