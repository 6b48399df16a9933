//! Where the rules about certificates begin and end, and what they say.

use std::path::Path;

use time::Duration;

use super::*;
use crate::etcd::check::doctor::tests::{
    BOTH, ENV, Files, NOW, PEER_PEM, SERVER_PEM, Wish, all_say, edit, healthy, problems, reissued, write,
};
use crate::etcd::found::Found;
use crate::etcd::option::version::EtcdVersion;
use crate::x509::key::PrivateKey;
use crate::x509::tests::{Contents, SECOND};
use crate::x509::{Issuer, SystemRandomness};

const CA: &str = "/out/ca/ca.pem";

fn certificate(files: &Files, path: &str) -> Certificate {
    Certificate::read(&files[Path::new(path)].bytes).unwrap()
}

fn rules(files: &Files, now: OffsetDateTime) -> Vec<String> {
    let all = problems(files, EtcdVersion::V3_5, now);
    let mut rules: Vec<String> = all.iter().map(|text| text[..4].to_owned()).collect();
    rules.dedup();
    rules
}

#[test]
fn what_is_wrong_with_a_certificate_is_told() {
    let wish = Wish::default;
    let peer_is =
        |usages: &[ObjectIdentifier]| reissued(PEER_PEM, &Wish { usages: usages.to_vec(), ..wish() });
    let server_is =
        |usages: &[ObjectIdentifier]| reissued(SERVER_PEM, &Wish { usages: usages.to_vec(), ..wish() });
    let server_for = |hosts: &[&str]| reissued(SERVER_PEM, &Wish { hosts, ..wish() });
    let peer_for = |hosts: &[&str]| reissued(PEER_PEM, &Wish { hosts, ..wish() });
    let code = [BOTH[0], oid::CODE_SIGNING, "1.2.3".parse().unwrap()];
    let any = [oid::ANY_EXTENDED_KEY_USAGE];
    all_say(vec![
        (
            server_for(&["10.0.0.9", "127.0.0.1"]),
            vec!["E501 the server certificate of a is for 10.0.0.9, 127.0.0.1, and not for 10.0.0.1"],
        ),
        (
            peer_for(&["10.0.0.9", "127.0.0.1"]),
            vec!["E501 the peer certificate of a is for 10.0.0.9, 127.0.0.1, and not for 10.0.0.1"],
        ),
        (server_for(&[]), vec!["E503 the server certificate of a has no subject alternative names"]),
        (peer_for(&[]), vec!["E503 the peer certificate of a has no subject alternative names"]),
        (server_is(&[BOTH[1]]), vec!["E506 the server certificate of a is for client auth only"]),
        (peer_is(&[BOTH[1]]), vec!["E506 the peer certificate of a is for client auth only"]),
        (
            peer_is(&code),
            vec!["E507 the peer certificate of a is for server auth, code signing and 1.2.3 only"],
        ),
        (server_is(&[BOTH[0]]), vec!["E508 the gateway of a uses cert-file, which is for server auth only"]),
        (server_is(&any), vec![]),
        (peer_is(&any), vec![]),
        (peer_is(&[]), vec![]),
        (peer_for(&["10.0.0.1", "10.0.0.77", "a.example"]), vec![]),
    ]);
}

#[test]
fn certificates_are_judged_from_their_first_to_their_last_second() {
    let files = reissued(SERVER_PEM, &Wish::default());
    let own = certificate(&files, SERVER_PEM);
    let at = |now: OffsetDateTime| {
        let all = problems(&files, EtcdVersion::V3_5, now);
        all.into_iter().filter(|text| !text.contains("11:55:00")).collect::<Vec<_>>()
    };
    let (begin, end) = (own.not_before(), own.not_after());
    assert_eq!(at(begin), [""; 0]);
    assert_eq!(at(begin - SECOND), ["E509 it begins at 2026-11-21 12:00:00 UTC"]);
    assert_eq!(at(end), ["E510 it ends at 2027-11-21 12:00:00 UTC"]);
    assert_eq!(at(end + SECOND), ["E509 it ended at 2027-11-21 12:00:00 UTC"]);
    assert_eq!(at(end - Duration::days(30)), [""; 0]);
    assert_eq!(at(end - Duration::days(30) + SECOND), ["E510 it ends at 2027-11-21 12:00:00 UTC"]);
    // Of a short life the last third.
    let short = reissued(SERVER_PEM, &Wish { days: 30, ..Wish::default() });
    assert!(rules(&short, NOW + Duration::days(20)).is_empty());
    assert_eq!(rules(&short, NOW + Duration::days(20) + SECOND), ["E510"]);
}

#[test]
fn a_certificate_ends_with_the_first_ca_above_it() {
    let ca_end = certificate(&healthy(), CA).not_after();
    let with_end = |end: OffsetDateTime| {
        let mut files = healthy();
        let issuer = Issuer::new(certificate(&files, CA), key(&files, "/out/ca/ca-key.pem")).unwrap();
        let own = Contents { ends: end, ..Contents::leaf("a") };
        let server = own.for_key(&issuer, key(&files, &SERVER_PEM.replace(".pem", "-key.pem")).public_key());
        write(&mut files, SERVER_PEM, server.value.to_pem(), 0o644);
        problems(&files, EtcdVersion::V3_5, NOW)
    };
    assert_eq!(with_end(ca_end + Duration::DAY), [""; 0]);
    assert_eq!(
        with_end(ca_end + Duration::DAY + SECOND),
        ["E511 it says 2036-11-19 11:55:01 UTC, and its CA ends at 2036-11-18 11:55:00 UTC"]
    );
}

fn key(files: &Files, path: &str) -> PrivateKey {
    PrivateKey::read(&files[Path::new(path)].bytes, None).unwrap()
}

#[test]
fn ends_follow_the_longest_of_several_chains() {
    let root = Contents { ends: NOW + Duration::days(5), ..Contents::ca("root") }.issuer();
    let (middle, middle_key) = Contents::ca("middle").under(&root);
    let issuing = Issuer::new(middle.clone(), middle_key).unwrap();
    let (leaf, _) = Contents::leaf("leaf").under(&issuing);
    let end = |cas: &[&Certificate], depth| end_by_cas(&leaf, &by_name(cas.iter().copied()), depth);
    assert_eq!(end(&[], LONGEST), None);
    assert_eq!(end(&[root.certificate()], LONGEST), None);
    assert_eq!(end(&[&middle], LONGEST), Some(middle.not_after()));
    assert_eq!(end(&[&middle, root.certificate()], LONGEST), Some(NOW + Duration::days(5)));
    assert_eq!(end(&[&middle, root.certificate()], 1), Some(middle.not_after()));
    assert_eq!(end(&[&middle], 0), None);
    // The same CA, whose certificate was renewed.
    let renewed = root.renew(&middle, NOW + Duration::DAY, &SystemRandomness).unwrap().value;
    assert_eq!(end(&[&middle, &renewed], LONGEST), Some(middle.not_after().max(renewed.not_after())));
    assert_eq!(issuers(&leaf, &[&middle, &renewed, root.certificate()]).len(), 2);
    // A root does not stand above itself.
    assert!(issuers(root.certificate(), &[root.certificate()]).is_empty());

    let leads =
        |between: &[&Certificate], roots: &[&Certificate], depth| leads_to(&leaf, between, roots, depth);
    assert!(leads(&[], &[&leaf], 0) && leads(&[], &[&middle], 0));
    assert!(leads(&[&middle], &[root.certificate()], 1));
    assert!(!leads(&[&middle], &[root.certificate()], 0));
    assert!(!leads(&[], &[root.certificate()], LONGEST));
    assert!(!leads(&[&middle], &[&Contents::ca("root").self_signed().0], LONGEST));
}

#[test]
fn hosts_are_those_at_which_a_member_is_reached() {
    let for_addresses = |hosts: &[&str]| reissued(SERVER_PEM, &Wish { hosts, ..Wish::default() });
    let with = |mut files: Files, from: &str, to: &str| {
        edit(&mut files, ENV, from, to);
        files
    };
    let peer = || reissued(PEER_PEM, &Wish { hosts: &["10.0.0.1", "10.0.0.8"], ..Wish::default() });
    all_say(vec![
        // Whoever is not on the host does not reach the loopback, and nobody reaches 0.0.0.0.
        (
            with(
                for_addresses(&["10.0.0.1", "127.0.0.1"]),
                "LISTEN_CLIENT_URLS=https://10.0.0.1:2379",
                "LISTEN_CLIENT_URLS=https://0.0.0.0:2379,https://127.0.0.1:2389",
            ),
            vec![],
        ),
        (
            with(
                for_addresses(&["10.0.0.1"]),
                "LISTEN_CLIENT_URLS=https://10.0.0.1:2379",
                "LISTEN_CLIENT_URLS=https://10.0.0.1:2379,https://127.0.0.1:2379",
            ),
            vec!["E504 a listens on https://127.0.0.1:2379, and its certificate is for 10.0.0.1"],
        ),
        (
            with(
                for_addresses(&["10.0.0.1", "127.0.0.1"]),
                "LISTEN_CLIENT_URLS=https://10.0.0.1:2379",
                "LISTEN_CLIENT_URLS=https://10.0.0.1:2379,https://10.0.0.7:2379",
            ),
            vec!["E501 the server certificate of a is for 10.0.0.1, 127.0.0.1, and not for 10.0.0.7"],
        ),
        (
            with(
                for_addresses(&["10.0.0.7", "127.0.0.1"]),
                "LISTEN_CLIENT_URLS=https://10.0.0.1:2379",
                "LISTEN_CLIENT_URLS=https://10.0.0.7:2379",
            ),
            vec!["E501 the server certificate of a is for 10.0.0.7, 127.0.0.1, and not for 10.0.0.1"],
        ),
        // Peers are reached where initial-cluster says, wherever they listen.
        (
            with(
                peer(),
                "LISTEN_PEER_URLS=https://10.0.0.1:2380",
                "LISTEN_PEER_URLS=https://10.0.0.1:2380,https://10.0.0.9:2380",
            ),
            vec![],
        ),
    ]);
}

#[test]
fn gateways_dial_with_a_certificate_that_their_member_takes() {
    let server_only = || reissued(SERVER_PEM, &Wish { usages: vec![BOTH[0]], ..Wish::default() });
    let told = "E508 the gateway of a uses cert-file, which is for server auth only";
    let with = |line: &str| {
        let mut files = server_only();
        edit(&mut files, ENV, "ETCD_NAME=a\n", &format!("ETCD_NAME=a\n{line}\n"));
        files
    };
    let own =
        with("ETCD_CLIENT_CERT_FILE=/etc/etcd/pki/peer.pem\nETCD_CLIENT_KEY_FILE=/etc/etcd/pki/peer-key.pem");
    let foreign = Contents::leaf("a").under(&Contents::ca("B").issuer());
    let mut untrusted = own.clone();
    write(&mut untrusted, "/out/nodes/a/etc/etcd/pki/other.pem", foreign.0.to_pem(), 0o644);
    write(&mut untrusted, "/out/nodes/a/etc/etcd/pki/other-key.pem", foreign.1.to_pem().as_bytes(), 0o600);
    for name in ["peer.pem", "peer-key.pem"] {
        let option = if name == "peer.pem" { "CLIENT_CERT_FILE" } else { "CLIENT_KEY_FILE" };
        edit(
            &mut untrusted,
            ENV,
            &format!("ETCD_{option}=/etc/etcd/pki/{name}"),
            &format!("ETCD_{option}=/etc/etcd/pki/{}", name.replace("peer", "other")),
        );
    }
    // Who asks nobody takes everybody.
    let mut open = server_only();
    edit(&mut open, ENV, "ETCD_CLIENT_CERT_AUTH=true", "");
    assert!(problems(&open, EtcdVersion::V3_5, NOW).iter().any(|text| text.starts_with("E508")));
    edit(&mut open, ENV, "ETCD_TRUSTED_CA_FILE=", "# ");
    assert!(problems(&open, EtcdVersion::V3_5, NOW).iter().all(|text| !text.starts_with("E508")));
    all_say(vec![
        (server_only(), vec![told]),
        (with("ETCD_ENABLE_GRPC_GATEWAY=false"), vec![]),
        (with("ETCD_ENABLE_GRPC_GATEWAY=true"), vec![told]),
        (own, vec![]),
        (
            untrusted,
            vec!["E508 the gateway of a uses client-cert-file, which no CA in trusted-ca-file has issued"],
        ),
    ]);
}

#[test]
fn files_of_certificates_are_told_by_their_form() {
    let server = |bytes: &[u8]| {
        let mut files = healthy();
        write(&mut files, SERVER_PEM, bytes, 0o644);
        files
    };
    let own = certificate(&healthy(), SERVER_PEM);
    let ca = certificate(&healthy(), CA);
    let both = [ca.to_pem(), own.to_pem()].concat();
    let damaged = own.to_pem().replacen("MII", "!!!", 1);
    let key = "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n";
    let mut with_leaf = healthy();
    write(&mut with_leaf, "/out/nodes/a/etc/etcd/pki/ca.pem", [ca.to_pem(), own.to_pem()].concat(), 0o644);
    all_say(vec![
        (server(b""), vec!["E513 cert-file: it is empty"]),
        (server(b"junk"), vec!["E513 cert-file: it is no PEM"]),
        (server(own.der()), vec!["E513 cert-file: it is DER, not PEM"]),
        (server(key.as_bytes()), vec!["E513 cert-file: no certificate is in it"]),
        (
            server(both.as_bytes()),
            vec!["E520 cert-file: it comes first", "E605 key-file of a is not the key of cert-file"],
        ),
        (
            with_leaf,
            vec![
                "E519 trusted-ca-file: CN=a is not a CA: basicConstraints lacks CA:TRUE",
                "E519 peer-trusted-ca-file: CN=a is not a CA: basicConstraints lacks CA:TRUE",
            ],
        ),
    ]);
    let found = problems(&server(damaged.as_bytes()), EtcdVersion::V3_5, NOW);
    assert!(found.iter().any(|text| text.starts_with("E513 cert-file: ")), "{found:?}");
    // A chain begins with the member's own.
    let chain = [own.to_pem(), ca.to_pem()].concat();
    all_say(vec![(server(chain.as_bytes()), vec![])]);
}

#[test]
fn kinds_of_keys_that_etcd_does_not_take_are_told() {
    use crate::x509::tests::{p224, rsa};
    let told = |key: &crate::x509::PublicKey| {
        let mut files = healthy();
        let issuer = Issuer::new(certificate(&files, CA), self::key(&files, "/out/ca/ca-key.pem")).unwrap();
        let own = Contents::leaf("a").for_key(&issuer, key).value;
        write(&mut files, SERVER_PEM, own.to_pem(), 0o644);
        let all = problems(&files, EtcdVersion::V3_5, NOW);
        all.into_iter().filter(|text| text.starts_with("E514")).collect::<Vec<_>>()
    };
    assert_eq!((told(&rsa(1024)), told(&rsa(2048))), (Vec::new(), Vec::new()));
    assert_eq!(told(&rsa(1023)), ["E514 its RSA key has 1023 bits"]);
    assert_eq!(told(&p224()), ["E514 its key is on P-224"]);
}

#[test]
fn each_peer_certificate_is_asked_once_about_each_ca() {
    let asked = |number: usize| {
        let members: String =
            (1..=number).map(|n| format!("  - {{name: n{n}, address: 10.0.0.{n}}}\n")).collect();
        let files = crate::etcd::check::doctor::tests::applied(&format!(
            "name: prod\nlayout: single-ca\nmembers:\n{members}"
        ));
        let found = Found::read(&["/out".into()], EtcdVersion::V3_5, &files).unwrap();
        let case = Case::new(&found, EtcdVersion::V3_5, NOW);
        assert_eq!(case.clusters().len(), 1);
        CHAINS.set(0);
        assert!(untrusted_peers(&case).is_empty());
        CHAINS.get()
    };
    // If each member were compared with each, it would be 9 and 81.
    assert_eq!((asked(3), asked(9)), (3, 9));
}
