//! Handshakes that one of the two sides ends, and those that both finish. The judge beside real etcd is the suite.

use std::net::IpAddr;

use ::der::asn1::ObjectIdentifier;
use time::macros::datetime;
use time::{Duration, OffsetDateTime};

use super::*;
use crate::tls::certificate::GoCertificate;
use crate::tls::peer::PeerVerifier;
use crate::x509::der as encode;
use crate::x509::oid;
use crate::x509::tests::{Contents, NOW, SECOND, extension, p224, rsa};
use crate::x509::{
    BasicConstraints, Certificate, CrlTemplate, Extension, Issuer, KeyAlgorithm, KeyUsage, PrivateKey,
    Revocation, RevokedSerial, Subject, SubjectAltNames, SystemRandomness,
};

const STRICT: Leniency = Leniency { negative_serials: false, small_rsa_keys: false };

fn identity(chain: &[&Certificate], key: &PrivateKey) -> Identity {
    let pem: String = chain.iter().map(|certificate| certificate.to_pem()).collect();
    Identity::read(pem.as_bytes(), key.to_pem().as_bytes(), STRICT).unwrap()
}

fn trusting(cas: &[&Certificate]) -> Authorities {
    let pem: String = cas.iter().map(|ca| ca.to_pem()).collect();
    Authorities::read(pem.as_bytes(), STRICT).unwrap()
}

/// A CA, what it has issued for a server at 10.0.0.1, and what for a client.
struct World {
    ca: Issuer,
    server: Contents,
    client: Contents,
}

impl World {
    fn new() -> Self {
        Self { ca: Contents::ca("A").issuer(), server: Contents::leaf("s"), client: Contents::leaf("c") }
    }

    fn sides(&self) -> (Client, Server) {
        let ca = self.ca.certificate();
        let (certificate, key) = self.server.signed_by(&self.ca);
        let mut server = Server::new(identity(&[&certificate], &key));
        server.client_authorities = Some(trusting(&[ca]));
        let (certificate, key) = self.client.signed_by(&self.ca);
        let mut client = Client::new("10.0.0.1", trusting(&[ca]));
        client.identity = Some(identity(&[&certificate], &key));
        (client, server)
    }

    fn shake(&self) -> Result<(), Refusal> {
        let (client, server) = self.sides();
        handshake(&client, &server, &NoLookup, NOW)
    }
}

/// Which side refuses, why, and what it logs.
#[track_caller]
fn refused(result: Result<(), Refusal>, message: &str, log: &str) {
    let refusal = result.unwrap_err();
    assert_eq!((refusal.to_string().as_str(), refusal.reason.log()), (message, log));
}

const EXPIRED: &str = "x509: certificate has expired or is not yet valid";
const UNKNOWN: &str = "x509: certificate signed by unknown authority";
const USAGE: &str = "x509: certificate specifies an incompatible key usage";

#[test]
fn sides_that_trust_each_other_finish() {
    let mut world = World::new();
    world.shake().unwrap();
    for key in
        [KeyAlgorithm::EcdsaP384, KeyAlgorithm::EcdsaP521, KeyAlgorithm::Ed25519, KeyAlgorithm::Rsa2048]
    {
        world.server.key = key;
        world.client.key = key;
        let (mut client, server) = world.sides();
        for version in [Version::Tls12, Version::Tls13] {
            client.versions = Versions { min: version, max: version };
            handshake(&client, &server, &NoLookup, NOW).unwrap();
        }
    }
    // A server that asks nobody.
    let (mut client, mut server) = world.sides();
    server.client_authorities = None;
    client.identity = None;
    handshake(&client, &server, &NoLookup, NOW).unwrap();
}

#[test]
fn versions_of_tls() {
    use Version::{Tls12, Tls13};
    let versions = |min, max| Versions { min, max };
    assert_eq!(Versions::default(), versions(Tls12, Tls13));
    for (one, other, best) in [
        (versions(Tls12, Tls13), versions(Tls12, Tls13), Some(Tls13)),
        (versions(Tls12, Tls12), versions(Tls12, Tls13), Some(Tls12)),
        (versions(Tls13, Tls13), versions(Tls12, Tls13), Some(Tls13)),
        (versions(Tls12, Tls12), versions(Tls13, Tls13), None),
    ] {
        assert_eq!((one.best_in_common(other), other.best_in_common(one)), (best, best));
    }
    let (mut client, mut server) = World::new().sides();
    client.versions = versions(Tls12, Tls12);
    server.versions = versions(Tls13, Tls13);
    refused(
        handshake(&client, &server, &NoLookup, NOW),
        "the server refuses: the two have no version of TLS in common",
        "tls: client offered only unsupported versions",
    );
}

#[test]
fn a_server_is_for_the_host_that_is_dialled() {
    let names = |dns: &[&str], ip: &[IpAddr]| SubjectAltNames {
        dns: dns.iter().map(|name| (*name).to_owned()).collect(),
        ip: ip.to_vec(),
        ..SubjectAltNames::default()
    };
    let address = [10, 0, 0, 1].into();
    for (dns, ip, common_name, host, refusal, log) in [
        (&["a.example"][..], &[address][..], "s", "10.0.0.1", "", ""),
        (&["a.example"], &[address], "s", "A.example", "", ""),
        (&["*.example"], &[], "s", "a.example", "", ""),
        (
            &["a.example"],
            &[address],
            "s",
            "10.0.0.2",
            "the certificate is for a.example, 10.0.0.1, not for 10.0.0.2",
            "x509: certificate is valid for",
        ),
        (
            &["a.example"],
            &[address],
            "s",
            "b.example",
            "the certificate is for a.example, 10.0.0.1, not for b.example",
            "x509: certificate is valid for",
        ),
        (
            &["a.example"],
            &[],
            "s",
            "10.0.0.2",
            "the certificate is for a.example, not for 10.0.0.2",
            "because it doesn't contain any IP SANs",
        ),
        (
            &[],
            &[address],
            "s",
            "b.example",
            "the certificate is for 10.0.0.1, not for b.example",
            "x509: certificate is not valid for any names",
        ),
        (
            &["10.0.0.1"],
            &[],
            "s",
            "10.0.0.1",
            "the address 10.0.0.1 is written as a DNS name in the certificate, not as an IP address",
            "because it doesn't contain any IP SANs",
        ),
        (
            &["10.0.0.1"],
            &[[10, 0, 0, 2].into()],
            "s",
            "10.0.0.1",
            "the certificate is for 10.0.0.1, 10.0.0.2, not for 10.0.0.1",
            "x509: certificate is valid for",
        ),
        (
            &[],
            &[],
            "a.example",
            "a.example",
            "a.example is only the common name of the certificate, and not a subject alternative name",
            "x509: certificate relies on legacy Common Name field",
        ),
        (
            &[],
            &[],
            "a.example",
            "b.example",
            "the certificate has no names, so it is not for b.example",
            "x509: certificate is not valid for any names",
        ),
        (
            &["b.example"],
            &[],
            "a.example",
            "a.example",
            "the certificate is for b.example, not for a.example",
            "x509: certificate is valid for",
        ),
    ] {
        let mut world = World::new();
        world.server = Contents {
            names: names(dns, ip),
            subject: Subject::common_name(common_name),
            ..Contents::leaf("s")
        };
        let (mut client, server) = world.sides();
        client.host = host.to_owned();
        let result = handshake(&client, &server, &NoLookup, NOW);
        match refusal {
            "" => result.unwrap(),
            refusal => refused(result, &format!("the client refuses: {refusal}"), log),
        }
    }
}

#[test]
fn certificates_are_valid_from_their_first_to_their_last_second() {
    let at = |change: &dyn Fn(&mut World), now: OffsetDateTime| {
        let mut world = World::new();
        change(&mut world);
        let (client, server) = world.sides();
        handshake(&client, &server, &NoLookup, now)
    };
    let leaf = Contents::leaf("x");
    let (begin, end) = (leaf.begins, leaf.ends);
    at(&|_| {}, begin).unwrap();
    at(&|_| {}, end).unwrap();
    let longer = |contents: &mut Contents| {
        contents.begins -= Duration::DAY;
        contents.ends += Duration::DAY;
    };
    let (early, late) = (begin - SECOND, end + SECOND);
    refused(
        at(&|world| longer(&mut world.client), early),
        "the client refuses: the certificate of CN=s is valid only from 2026-11-21 12:00:00 UTC on",
        EXPIRED,
    );
    refused(
        at(&|world| longer(&mut world.client), late),
        "the client refuses: the certificate of CN=s has ended on 2027-11-21 12:00:00 UTC",
        EXPIRED,
    );
    refused(
        at(&|world| longer(&mut world.server), early),
        "the server refuses: the certificate of CN=c is valid only from 2026-11-21 12:00:00 UTC on",
        EXPIRED,
    );
    refused(
        at(&|world| longer(&mut world.server), late),
        "the server refuses: the certificate of CN=c has ended on 2027-11-21 12:00:00 UTC",
        EXPIRED,
    );
    // Go looks at the dates of roots too.
    let short = |world: &mut World| {
        world.ca = Contents { ends: NOW + Duration::DAY, ..Contents::ca("A") }.issuer();
    };
    at(&short, NOW + Duration::DAY).unwrap();
    refused(
        at(&short, NOW + Duration::DAY + SECOND),
        "the client refuses: the certificate of CN=A has ended on 2026-11-22 12:00:00 UTC",
        EXPIRED,
    );
}

#[test]
fn each_side_needs_its_usage() {
    let with = |server: &[ObjectIdentifier], client: &[ObjectIdentifier]| {
        let mut world = World::new();
        world.server.usages = server.to_vec();
        world.client.usages = client.to_vec();
        world.shake()
    };
    let (server, client, any) = (oid::SERVER_AUTH, oid::CLIENT_AUTH, oid::ANY_EXTENDED_KEY_USAGE);
    with(&[server], &[client]).unwrap();
    with(&[], &[]).unwrap();
    with(&[any], &[any]).unwrap();
    refused(
        with(&[client], &[client]),
        "the client refuses: the certificate of CN=s, or its CA's, lacks the usage server auth",
        USAGE,
    );
    refused(
        with(&[server], &[server]),
        "the server refuses: the certificate of CN=c, or its CA's, lacks the usage client auth",
        USAGE,
    );
    // The usages of a CA restrict what it issues.
    let mut world = World::new();
    world.ca = Contents { usages: vec![client], ..Contents::ca("A") }.issuer();
    refused(
        world.shake(),
        "the client refuses: the certificate of CN=s, or its CA's, lacks the usage server auth",
        USAGE,
    );
}

/// The client's judgement of a server whose CA and whose chain are these.
fn judged(chain: &[&Certificate], key: &PrivateKey, trusted: &[&Certificate]) -> Result<(), Refusal> {
    let server = Server::new(identity(chain, key));
    handshake(&Client::new("10.0.0.1", trusting(trusted)), &server, &NoLookup, NOW)
}

#[test]
fn a_chain_leads_to_a_trusted_ca() {
    let root = Contents::ca("root").issuer();
    let root_certificate = root.certificate();
    let (middle, middle_key) = Contents::ca("middle").signed_by(&root);
    let issuing = Issuer::new(middle.clone(), middle_key).unwrap();
    let (leaf, key) = Contents::leaf("leaf").signed_by(&issuing);
    judged(&[&leaf, &middle], &key, &[root_certificate]).unwrap();
    judged(&[&leaf], &key, &[&middle]).unwrap();
    judged(&[&leaf], &key, &[&middle, root_certificate]).unwrap();
    judged(&[&leaf], &key, &[&leaf]).unwrap();
    refused(
        judged(&[&leaf], &key, &[root_certificate]),
        "the client refuses: the certificate of CN=leaf is issued by CN=middle, which is not trusted",
        UNKNOWN,
    );
    refused(
        judged(&[&leaf, &middle], &key, &[]),
        "the client refuses: the certificate of CN=middle is issued by CN=root, which is not trusted",
        UNKNOWN,
    );
    let (other, _) = Contents::ca("middle").self_signed();
    refused(
        judged(&[&leaf], &key, &[&other]),
        "the client refuses: the certificate of CN=leaf is not signed by the trusted CN=middle: its issuer has the \
         same name and another key",
        UNKNOWN,
    );
    // The right one among others of its name.
    judged(&[&leaf], &key, &[&other, &middle]).unwrap();
    judged(&[&leaf, &other, &middle], &key, &[root_certificate]).unwrap();
}

/// Go compares the bytes of names, and what people read may be the same.
#[test]
fn a_name_in_another_string_type_is_another_name() {
    let ca = Contents::ca("middle");
    let issuer = ca.issuer();
    let (leaf, key) = Contents::leaf("leaf").signed_by(&issuer);
    let as_utf8 = |ca: &Certificate| {
        let name = |tag: u8| [&[tag, 6][..], b"middle"].concat();
        let changed = patched(ca, &name(0x13), &name(0x0c));
        assert_ne!(changed, ca.der());
        Certificate::from_der(&changed).unwrap()
    };
    let judged = |trusted: &Certificate| {
        let server = Server::new(identity(&[&leaf], &key));
        handshake(&Client::new("10.0.0.1", trusting(&[trusted])), &server, &NoLookup, NOW)
    };
    refused(
        judged(&as_utf8(issuer.certificate())),
        "the client refuses: the certificate of CN=leaf is issued by CN=middle, and the trusted CA of that name has \
         the same key, but its name is written in another string type of ASN.1, which makes it another name",
        UNKNOWN,
    );
    let (other, _) = ca.self_signed();
    refused(
        judged(&as_utf8(&other)),
        "the client refuses: the certificate of CN=leaf is issued by CN=middle, and the trusted CA of that name has \
         another key, and its name is written in another string type of ASN.1",
        UNKNOWN,
    );
}

#[test]
fn only_a_ca_signs_certificates() {
    let root = Contents::ca("root").issuer();
    let signer = |contents: &Contents| {
        // Whoever can sign does so; whether it counts is judged afterwards.
        let (certificate, key) = contents.signed_by(&root);
        let (leaf, leaf_key) = Contents::leaf("leaf").signed_by(&impostor(contents, &key));
        (certificate, leaf, leaf_key)
    };
    let no_ca = "the client refuses: CN=x may not sign certificates";
    for contents in [
        Contents { constraints: BasicConstraints::default(), ..Contents::ca("x") },
        Contents { key_usage: KeyUsage::CRL_SIGN, ..Contents::ca("x") },
    ] {
        let (certificate, leaf, key) = signer(&contents);
        refused(judged(&[&leaf], &key, &[&certificate]), no_ca, UNKNOWN);
        refused(judged(&[&leaf, &certificate], &key, &[root.certificate()]), no_ca, UNKNOWN);
    }
    let (certificate, leaf, key) = signer(&Contents { key_usage: KeyUsage::default(), ..Contents::ca("x") });
    judged(&[&leaf], &key, &[&certificate]).unwrap();
    judged(&[&leaf, &certificate], &key, &[root.certificate()]).unwrap();
}

/// A CA with the name and the key of another certificate.
fn impostor(contents: &Contents, key: &PrivateKey) -> Issuer {
    let key = PrivateKey::read(key.to_pem().as_bytes(), None).unwrap();
    let ca = Contents { subject: contents.subject.clone(), ..Contents::ca("") };
    let made =
        ca.template(key.public_key(), |template| crate::x509::root::issue(template, &key, &SystemRandomness));
    Issuer::new(made.unwrap(), key).unwrap()
}

#[test]
fn path_lengths_count_the_cas_between() {
    for (root_limit, middle_limit, refusal) in [
        (None, None, None),
        (Some(1), Some(0), None),
        (Some(2), None, None),
        (Some(0), None, Some(("root", 0))),
        (None, Some(0), None),
    ] {
        let constraints = |path_len| BasicConstraints { ca: true, path_len };
        let root = Contents { constraints: constraints(root_limit), ..Contents::ca("root") };
        let (root, root_key) = root.self_signed();
        let signer = impostor(&Contents::ca("root"), &root_key);
        let middle = Contents { constraints: constraints(middle_limit), ..Contents::ca("middle") };
        let (middle, middle_key) = middle.signed_by(&signer);
        let (leaf, key) = Contents::leaf("leaf").signed_by(&Issuer::new(middle.clone(), middle_key).unwrap());
        let result = judged(&[&leaf, &middle], &key, &[&root]);
        match refusal {
            None => result.unwrap(),
            Some((subject, limit)) => refused(
                result,
                &format!("the client refuses: CN={subject} allows {limit} CAs below it, and there are more"),
                "x509: too many intermediates for path length constraint",
            ),
        }
    }
}

/// nameConstraints with subtrees that are encoded already.
fn name_constraints(permitted: &[Vec<u8>], excluded: &[Vec<u8>]) -> Extension {
    use ::der::{Tag, TagNumber};
    let subtrees = |number, names: &[Vec<u8>]| {
        let trees: Vec<u8> = names.iter().flat_map(|name| encode::sequence(&[name]).unwrap()).collect();
        let tag = Tag::ContextSpecific { constructed: true, number: TagNumber(number) };
        if names.is_empty() { Vec::new() } else { encode::element(tag, &trees).unwrap() }
    };
    let value = encode::sequence(&[subtrees(0, permitted), subtrees(1, excluded)]).unwrap();
    Extension::new(oid::NAME_CONSTRAINTS, true, value).unwrap()
}

fn general_name(number: u8, bytes: &[u8]) -> Vec<u8> {
    [&[0x80 | number, u8::try_from(bytes.len()).unwrap()], bytes].concat()
}

#[test]
fn name_constraints_of_a_ca_hold_for_what_is_below() {
    let (email, dns, uri, ip) = (1, 2, 6, 7);
    let ten = general_name(ip, &[10, 0, 0, 0, 255, 0, 0, 0]);
    let six = general_name(ip, &[&[0xfd; 16][..], &[0xff; 16]].concat());
    let name = |kind, text: &str| general_name(kind, text.as_bytes());
    let mut names = Contents::leaf("x").names;
    names.dns = vec!["a.example".into()];
    names.email = vec!["u@b.example".into()];
    names.uri = vec!["https://c.example:1/d".into()];
    for (permitted, excluded, forbidden) in [
        (vec![ten.clone()], vec![], None),
        (vec![six.clone()], vec![], Some("10.0.0.1")),
        (vec![six.clone(), ten.clone()], vec![six], None),
        (vec![], vec![ten], Some("10.0.0.1")),
        (vec![name(dns, "example")], vec![], None),
        (vec![name(dns, ".example")], vec![], None),
        (vec![name(dns, "a.example")], vec![], None),
        (vec![name(dns, "b.example")], vec![], Some("a.example")),
        (vec![], vec![name(dns, "example")], Some("a.example")),
        (vec![name(dns, "example")], vec![name(dns, "a.example")], Some("a.example")),
        (vec![name(email, "b.example")], vec![], None),
        (vec![name(email, ".example")], vec![], None),
        (vec![name(email, "example")], vec![], Some("u@b.example")),
        (vec![name(email, "u@b.example")], vec![], None),
        (vec![name(email, "v@b.example")], vec![], Some("u@b.example")),
        (vec![], vec![name(email, "b.example")], Some("u@b.example")),
        (vec![name(uri, "example")], vec![], None),
        (vec![name(uri, "d.example")], vec![], Some("https://c.example:1/d")),
        (vec![], vec![name(uri, ".example")], Some("https://c.example:1/d")),
        (vec![], vec![name(uri, "other")], None),
    ] {
        let constraints = name_constraints(&permitted, &excluded);
        let mut world = World::new();
        world.ca = Contents { extensions: vec![constraints], ..Contents::ca("A") }.issuer();
        world.server.names = names.clone();
        let result = world.shake();
        match forbidden {
            None => result.unwrap(),
            Some(name) => refused(
                result,
                &format!(
                    "the client refuses: the name constraints of CN=A do not allow CN=s the name {name}"
                ),
                "x509: a root or intermediate certificate is not authorized to sign for this name",
            ),
        }
    }
    // Networks of IPv6, up to the last bit of the mask.
    let network = |mask: u8| {
        let (mut address, mut bits) = ([0; 16], [0; 16]);
        (address[0], bits[0]) = (0xfd, mask);
        general_name(ip, &[address, bits].concat())
    };
    for (mask, host, is_allowed) in
        [(0xff, [0xfd, 1], true), (0xff, [0xfc, 1], false), (0xfe, [0xfc, 1], true), (0xfe, [0xfa, 1], false)]
    {
        let mut world = World::new();
        let constraints =
            name_constraints(&[network(mask), general_name(ip, &[10, 0, 0, 0, 255, 0, 0, 0])], &[]);
        world.ca = Contents { extensions: vec![constraints], ..Contents::ca("A") }.issuer();
        let mut address = [0; 16];
        address[..2].copy_from_slice(&host);
        world.server.names.ip.push(IpAddr::from(address));
        assert_eq!(world.shake().is_ok(), is_allowed, "{mask:x} {host:?}");
    }
    // Of an address that is no host Go says no, if there is any constraint on URIs.
    let mut world = World::new();
    let constraints = name_constraints(&[], &[name(uri, "other")]);
    world.ca = Contents { extensions: vec![constraints], ..Contents::ca("A") }.issuer();
    for host in ["https://10.0.0.1/", "urn:a:b", "https://[::1]/"] {
        world.server.names.uri = vec![host.into()];
        assert!(matches!(world.shake().unwrap_err().reason, Reason::NameConstraint { .. }), "{host}");
    }
    // Constraints that Go does not know make the extension one that it does not handle.
    let mut world = World::new();
    let directory = [&[0xa4, 2][..], &[0x30, 0]].concat();
    let constraints = name_constraints(&[directory], &[]);
    world.ca = Contents { extensions: vec![constraints], ..Contents::ca("A") }.issuer();
    assert!(matches!(world.shake().unwrap_err().reason, Reason::UnhandledCriticalExtension { .. }));
}

#[test]
fn critical_extensions_that_go_does_not_know_are_refused() {
    let shake = |server: &[Extension], client: &[Extension], ca: &[Extension]| {
        let mut world = World::new();
        world.server.extensions = server.to_vec();
        world.client.extensions = client.to_vec();
        world.ca = Contents { extensions: ca.to_vec(), ..Contents::ca("A") }.issuer();
        world.shake()
    };
    let (critical, harmless) = ([extension("1.2.3", true)], [extension("1.2.3", false)]);
    shake(&harmless, &harmless, &harmless).unwrap();
    let log = "x509: unhandled critical extension";
    let says = |side, subject| {
        format!(
            "the {side} refuses: the certificate of CN={subject} has the critical extension 1.2.3, which Go does not know"
        )
    };
    refused(shake(&critical, &[], &[]), &says("client", "s"), log);
    refused(shake(&[], &critical, &[]), &says("server", "c"), log);
    refused(shake(&[], &[], &critical), &says("client", "A"), log);
    // Those that Go knows.
    for oid in [
        oid::KEY_USAGE,
        oid::BASIC_CONSTRAINTS,
        oid::EXTENDED_KEY_USAGE,
        oid::SUBJECT_KEY_IDENTIFIER,
        oid::AUTHORITY_KEY_IDENTIFIER,
    ] {
        let usual = Contents::leaf("s").signed_by(&Contents::ca("A").issuer()).0;
        let mut known = usual.extensions().iter().find(|e| e.oid == oid).unwrap().clone();
        known.critical = true;
        shake(&[known], &[], &[]).unwrap();
    }
    for oid in [
        oid::CRL_DISTRIBUTION_POINTS,
        oid::POLICY_CONSTRAINTS,
        oid::CERTIFICATE_POLICIES,
        oid::POLICY_MAPPINGS,
    ] {
        let empty = Extension::new(oid, true, vec![0x30, 0]).unwrap();
        assert_eq!(unhandled(empty), None, "{oid}");
    }
    let skip = Extension::new(oid::INHIBIT_ANY_POLICY, true, vec![2, 1, 0]).unwrap();
    assert_eq!(unhandled(skip), None);
    let access = Extension::new(oid::AUTHORITY_INFO_ACCESS, true, vec![0x30, 0]).unwrap();
    assert_eq!(unhandled(access), None);
    // subjectAltName with a kind of name that Go does not know.
    let other = Extension::new(oid::SUBJECT_ALT_NAME, true, vec![0x30, 4, 0x88, 2, 0x2a, 3]).unwrap();
    assert_eq!(unhandled(other), Some(oid::SUBJECT_ALT_NAME));
    let delegation = Extension { critical: true, ..Extension::delegation_usage().unwrap() };
    assert_eq!(unhandled(delegation), Some(oid::DELEGATION_USAGE));
}

fn unhandled(extension: Extension) -> Option<ObjectIdentifier> {
    let contents = Contents { extensions: vec![extension], ..Contents::leaf("s") };
    let certificate = contents.signed_by(&Contents::ca("A").issuer()).0;
    GoCertificate::read(certificate.der(), STRICT).unwrap().unhandled_critical_extension()
}

#[test]
fn a_client_that_is_asked_has_to_show_a_certificate() {
    let (mut client, mut server) = World::new().sides();
    client.identity = None;
    for version in [Version::Tls12, Version::Tls13] {
        client.versions = Versions { min: version, max: version };
        refused(
            handshake(&client, &server, &NoLookup, NOW),
            "the server refuses: the client showed no certificate",
            "tls: client didn't provide a certificate",
        );
    }
    server.client_authorities = Some(Authorities::System);
    let (client, _) = World::new().sides();
    let log = UNKNOWN;
    let says = "is not among the CAs that the operating system trusts, and no file of CAs is configured";
    let client = Client { authorities: None, ..client };
    refused(handshake(&client, &server, &NoLookup, NOW), &format!("the server refuses: CN=A {says}"), log);
}

#[test]
fn names_that_are_allowed() {
    let list = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    let log = "client certificate authentication failed";
    for (allowed, refusal) in [
        (AllowedPeers::All, None),
        (AllowedPeers::CommonNames(list(&["x", "c"])), None),
        (AllowedPeers::CommonNames(list(&["x", "C"])), Some("x, C")),
        (AllowedPeers::Hostnames(list(&["x", "10.0.0.1"])), None),
        (AllowedPeers::Hostnames(list(&["c"])), Some("c")),
        (AllowedPeers::Hostnames(list(&[])), Some("")),
    ] {
        let (client, mut server) = World::new().sides();
        server.allowed = allowed;
        let result = handshake(&client, &server, &NoLookup, NOW);
        match refusal {
            None => result.unwrap(),
            Some(names) => {
                let says =
                    "the server refuses: the certificate of CN=c has none of the names that are allowed:";
                refused(result, &format!("{says} {names}"), log);
            }
        }
    }
    // The side that dials checks in the same way.
    let (mut client, server) = World::new().sides();
    client.allowed = AllowedPeers::CommonNames(list(&["s"]));
    handshake(&client, &server, &NoLookup, NOW).unwrap();
    client.allowed = AllowedPeers::CommonNames(list(&["c"]));
    let says = "the client refuses: the certificate of CN=s has none of the names that are allowed: c";
    refused(handshake(&client, &server, &NoLookup, NOW), says, log);
    // Without verification there is no chain in which etcd would find the name.
    client.allowed = AllowedPeers::CommonNames(list(&["s"]));
    client.authorities = None;
    let says = "the client refuses: the certificate of CN=s has none of the names that are allowed: s";
    refused(handshake(&client, &server, &NoLookup, NOW), says, log);
    client.allowed = AllowedPeers::All;
    client.host = "anywhere".to_owned();
    handshake(&client, &server, &NoLookup, NOW).unwrap();
}

/// Name servers with one host.
struct Records(&'static [&'static str], &'static [(&'static str, [u8; 4])]);

impl Lookup for Records {
    fn names(&self, address: IpAddr) -> Vec<String> {
        let is_known = address == IpAddr::from([10, 0, 0, 7]);
        self.0.iter().filter(|_| is_known).map(|name| (*name).to_owned()).collect()
    }

    fn addresses(&self, name: &str) -> Vec<IpAddr> {
        self.1.iter().filter(|(known, _)| *known == name).map(|(_, address)| (*address).into()).collect()
    }
}

#[test]
fn a_peer_comes_from_an_address_of_its_certificate() {
    let connect = |ip: &[[u8; 4]], dns: &[&str], records: &Records| {
        let mut world = World::new();
        world.client.names = SubjectAltNames {
            ip: ip.iter().map(|address| (*address).into()).collect(),
            dns: dns.iter().map(|name| (*name).to_owned()).collect(),
            uri: vec!["https://x/".into()],
            ..SubjectAltNames::default()
        };
        let (mut client, mut server) = world.sides();
        client.source = [10, 0, 0, 7].into();
        handshake(&client, &server, records, NOW).unwrap();
        server.checks_source = true;
        handshake(&client, &server, records, NOW)
    };
    let none = Records(&[], &[]);
    connect(&[[10, 0, 0, 7]], &[], &none).unwrap();
    connect(&[], &[], &none).unwrap();
    let names = "does not match any of DNSNames";
    let says = |names: &str| {
        format!("the server refuses: the client connects from 10.0.0.7, and its certificate is for {names}")
    };
    refused(
        connect(&[[10, 0, 0, 8]], &[], &none),
        &says("10.0.0.8, https://x/"),
        "x509: certificate is valid for",
    );
    refused(connect(&[], &["a.example"], &none), &says("a.example, https://x/"), names);
    // By the name of the address, and by the address of the name.
    connect(&[], &["a.example"], &Records(&["a.example."], &[])).unwrap();
    connect(&[[10, 0, 0, 8]], &["b", "a.example"], &Records(&["x", "a.example"], &[])).unwrap();
    connect(&[], &["a.example"], &Records(&[], &[("a.example", [10, 0, 0, 7])])).unwrap();
    connect(&[], &["*.example"], &Records(&["b.a.example."], &[])).unwrap();
    for (dns, records) in [
        ("a.example", Records(&["b.example."], &[("a.example", [10, 0, 0, 8])])),
        ("*.example", Records(&[], &[("*.example", [10, 0, 0, 7])])),
        ("*example", Records(&["an-example"], &[])),
        ("A.example", Records(&["a.example"], &[])),
    ] {
        refused(connect(&[], &[dns], &records), &says(&format!("{dns}, https://x/")), names);
    }
}

#[test]
fn who_is_revoked_is_refused() {
    let world = World::new();
    let (certificate, key) = world.client.signed_by(&world.ca);
    let (middle, _) = Contents::ca("middle").signed_by(&world.ca);
    let list = |serials: &[&Certificate], signer: &Issuer| {
        let revocations: Vec<Revocation> = serials
            .iter()
            .map(|one| Revocation { serial: RevokedSerial::from(*one), date: NOW, reason: None })
            .collect();
        let template =
            CrlTemplate { number: 1, this_update: NOW, next_update: NOW + SECOND, revocations: &revocations };
        signer.sign_crl(&template).unwrap()
    };
    let (mut client, mut server) = world.sides();
    client.identity = Some(identity(&[&certificate, &middle], &key));
    let mut shake = |file: RevocationFile| {
        server.revocation = Some(file);
        handshake(&client, &server, &NoLookup, NOW)
    };
    use RevocationFormat::{Any, DerVersion2};
    let crl = list(&[&certificate], &world.ca);
    let says = format!(
        "the server refuses: the certificate of CN=c, serial number {}, is revoked",
        certificate.serial_decimal()
    );
    let log = "transport: certificate serial";
    refused(shake(RevocationFile::read(Some(crl.der()), DerVersion2)), &says, log);
    refused(shake(RevocationFile::read(Some(crl.der()), Any)), &says, log);
    refused(shake(RevocationFile::read(Some(crl.to_pem().as_bytes()), Any)), &says, log);
    // Whoever signed the list, and whichever certificate of the chain is on it.
    let other = list(&[&middle], &Contents::ca("B").issuer());
    let says = format!(
        "the server refuses: the certificate of CN=middle, serial number {}, is revoked",
        middle.serial_decimal()
    );
    refused(shake(RevocationFile::read(Some(other.der()), DerVersion2)), &says, log);
    shake(RevocationFile::read(Some(list(&[], &world.ca).der()), DerVersion2)).unwrap();
    for (bytes, format, why) in [
        (None, Any, "the file does not exist"),
        (Some(b"".to_vec()), Any, "it is not a revocation list"),
        (Some(b"junk".to_vec()), DerVersion2, "it is not a revocation list"),
        (Some(crl.to_pem().into_bytes()), DerVersion2, "it is PEM, and this etcd reads DER only"),
        (Some(certificate.der().to_vec()), Any, "it is not a revocation list"),
        (Some(version_1()), DerVersion2, "it is of version 1, and this etcd reads version 2 only"),
    ] {
        let says = format!("the server refuses: it accepts no client, because of its revocation list: {why}");
        refused(shake(RevocationFile::read(bytes.as_deref(), format)), &says, "");
    }
    shake(RevocationFile::read(Some(&version_1()), Any)).unwrap();
}

/// An empty list of version 1, whose signature nobody looks at.
fn version_1() -> Vec<u8> {
    use ::der::Encode;
    let algorithm = encode::sequence(&[oid::ECDSA_WITH_SHA256.to_der().unwrap()]).unwrap();
    let name = Subject::common_name("A").to_name().unwrap();
    let moment = crate::x509::validity::time_der(NOW).unwrap();
    let list = encode::sequence(&[&algorithm, name.der(), &moment, &moment]).unwrap();
    encode::sequence(&[list, algorithm, vec![3, 2, 0, 0]]).unwrap()
}

/// A certificate for `key`, judged without a handshake, because its key cannot make one.
fn shown(key: &crate::x509::PublicKey, leniency: Leniency) -> Result<(), Reason> {
    let ca = Contents::ca("A").issuer();
    let certificate = Contents::leaf("s").for_key(&ca, key).value;
    let verifier = verifier(Some(trusting(&[ca.certificate()])), leniency);
    verifier.verify(&[certificate.der()]).map_err(|refusal| {
        assert_eq!(refusal.by, Side::Client);
        refusal.reason
    })
}

fn verifier(authorities: Option<Authorities>, leniency: Leniency) -> PeerVerifier {
    PeerVerifier {
        by: Side::Client,
        authorities,
        host: None,
        allowed: AllowedPeers::All,
        leniency,
        now: NOW,
        stand_in: None,
        unusable: None,
    }
}

#[test]
fn keys_that_are_too_short_or_too_long_are_refused() {
    for (bits, leniency, expected) in [
        (8192, STRICT, Ok(())),
        (8193, STRICT, Err(Reason::KeyTooLarge { bits: 8193 })),
        (8200, Leniency::DEBIAN, Err(Reason::KeyTooLarge { bits: 8200 })),
        (1024, STRICT, Ok(())),
        (1023, STRICT, Err(Reason::KeyTooSmall { bits: 1023 })),
        (1023, Leniency::DEBIAN, Ok(())),
    ] {
        assert_eq!(shown(&rsa(bits), leniency), expected, "{bits}");
    }
    assert_eq!(shown(&p224(), STRICT), Ok(()));
    let texts = [Reason::KeyTooLarge { bits: 8193 }, Reason::KeyTooSmall { bits: 1023 }];
    let texts = texts.map(|reason| (reason.to_string(), reason.log()));
    assert_eq!(texts[0].0, "its RSA key has 8193 bits, more than 8192");
    assert_eq!(texts[1].0, "its RSA key has 1023 bits, less than 1024");
    assert_eq!(
        texts.map(|text| text.1),
        ["sent certificate containing RSA key larger than 8192 bits", "keys are insecure"]
    );
}

/// The bytes of a certificate with some of them replaced, wherever they are.
fn patched(certificate: &Certificate, from: &[u8], to: &[u8]) -> Vec<u8> {
    let mut der = certificate.der().to_vec();
    let places: Vec<usize> = (0..der.len()).filter(|at| der[*at..].starts_with(from)).collect();
    assert!(!places.is_empty());
    for at in places {
        der[at..at + to.len()].copy_from_slice(to);
    }
    der
}

#[test]
fn certificates_that_go_does_not_read_are_refused() {
    let ca = Contents::ca("A").issuer();
    let authorities = trusting(&[ca.certificate()]);
    let read = |der: &[u8], leniency| {
        let verifier = verifier(Some(authorities.clone()), leniency);
        verifier.verify(&[der]).unwrap_err().reason
    };
    let (leaf, _) = Contents::leaf("s").signed_by(&ca);
    let mut serial = leaf.serial().to_vec();
    serial[0] |= 0x80;
    let negative = patched(&leaf, leaf.serial(), &serial);
    let reason = read(&negative, STRICT);
    assert_eq!(reason, Reason::Unreadable(UnreadableCertificate::NegativeSerial));
    let text = (reason.to_string(), reason.log());
    assert_eq!(
        text,
        (
            "the certificate cannot be read: its serial number is negative".into(),
            "x509: negative serial number"
        )
    );
    // Only the signature is wrong then.
    assert!(matches!(read(&negative, Leniency::DEBIAN), Reason::BadSignature { .. }));

    let twice = [extension("1.2.3", false), extension("1.2.3", false)];
    let (double, _) = Contents { extensions: twice.to_vec(), ..Contents::leaf("s") }.signed_by(&ca);
    let reason = read(double.der(), STRICT);
    assert_eq!(reason.to_string(), "the certificate cannot be read: it has the extension 1.2.3 twice");
    assert_eq!(reason.log(), "x509: certificate contains duplicate extension");

    // secp256k1 has an identifier of another length, so the last arc of that of P-256 is changed.
    let curve = [0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7];
    let unknown = patched(&leaf, &curve, &[0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 6]);
    let reason = read(&unknown, STRICT);
    assert_eq!(
        reason.to_string(),
        "the certificate cannot be read: its key is on a curve that Go does not know"
    );
    assert_eq!(reason.log(), "x509: unsupported elliptic curve");

    let reason = read(b"\x30\x00", STRICT);
    assert_eq!(reason.log(), "x509: ");
    assert!(reason.to_string().starts_with("the certificate cannot be read: this is not a certificate"));
    let network = name_constraints(&[general_name(7, &[10, 0, 0, 0])], &[]);
    let (bad, _) = Contents { extensions: vec![network], ..Contents::leaf("s") }.signed_by(&ca);
    let reason = read(bad.der(), STRICT).to_string();
    assert!(reason.ends_with("a name constraint on IP addresses is not a network"), "{reason}");
    // Without any certificate there is nothing to judge.
    assert_eq!(verifier(None, STRICT).verify(&[]).unwrap_err().reason, Reason::NoCertificate);
}

#[test]
fn kinds_of_keys_that_go_does_not_know_are_refused_at_the_end() {
    let (leaf, _) =
        Contents { key: KeyAlgorithm::Ed25519, ..Contents::leaf("s") }.signed_by(&Contents::ca("A").issuer());
    // Ed448 has the next number.
    let ed448 = patched(&leaf, &[0x2b, 0x65, 0x70], &[0x2b, 0x65, 0x71]);
    let reason = verifier(None, STRICT).verify(&[&ed448]).unwrap_err().reason;
    assert_eq!(reason.to_string(), "the certificate of CN=s has a key that TLS in Go does not know");
    assert_eq!(reason.log(), "unsupported public key");
    assert_eq!(verifier(None, STRICT).verify(&[leaf.der()]), Ok(()));
}

#[test]
fn signatures_with_old_hashes_are_refused() {
    let ca = Contents { key: KeyAlgorithm::Rsa2048, ..Contents::ca("A") }.issuer();
    let (leaf, _) = Contents::leaf("s").signed_by(&ca);
    let verifier = verifier(Some(trusting(&[ca.certificate()])), STRICT);
    let sha256_with_rsa = [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 11];
    let mut other = sha256_with_rsa;
    for (last, name) in [(4, "MD5WithRSA"), (5, "SHA1WithRSA"), (10, "1.2.840.113549.1.1.10")] {
        other[8] = last;
        let refusal = verifier.verify(&[&patched(&leaf, &sha256_with_rsa, &other)]).unwrap_err();
        assert_eq!(
            refusal.to_string(),
            format!("the client refuses: the certificate of CN=s is signed with {name}")
        );
        assert_eq!(refusal.reason.log(), UNKNOWN);
    }
    // An algorithm of another kind of key is that of another CA.
    other[8] = 12;
    let refusal = verifier.verify(&[&patched(&leaf, &sha256_with_rsa, &other)]).unwrap_err();
    assert!(matches!(refusal.reason, Reason::BadSignature { .. }), "{refusal}");
    let ed25519 = Contents { key: KeyAlgorithm::Ed25519, ..Contents::ca("A") }.issuer();
    let verifier = self::verifier(Some(trusting(&[ed25519.certificate()])), STRICT);
    let refusal = verifier.verify(&[leaf.der()]).unwrap_err();
    assert!(matches!(refusal.reason, Reason::BadSignature { .. }), "{refusal}");
}

/// Go stops after 100 checks.
#[test]
fn a_search_among_many_cas_of_one_name_ends() {
    let right = Contents::ca("A").issuer();
    let (leaf, key) = Contents::leaf("s").signed_by(&right);
    let others: Vec<Certificate> = (0..100).map(|_| Contents::ca("A").self_signed().0).collect();
    let trusted = |count: usize| -> Vec<&Certificate> {
        others.iter().take(count).chain([right.certificate()]).collect()
    };
    judged(&[&leaf], &key, &trusted(99)).unwrap();
    refused(
        judged(&[&leaf], &key, &trusted(100)),
        "the client refuses: there are too many CAs of the same name",
        "x509: signature check attempts limit reached",
    );
}

#[test]
fn what_a_program_cannot_start_with() {
    let ca = Contents::ca("A").issuer();
    let (leaf, key) = Contents::leaf("s").signed_by(&ca);
    let (pem, key) = (leaf.to_pem(), key.to_pem());
    let read = |certificate: &str, key: &str| {
        let error = Identity::read(certificate.as_bytes(), key.as_bytes(), STRICT).unwrap_err();
        (error.to_string(), error.log())
    };
    let says = |text: &str, log| (text.to_owned(), log);
    let both = format!("{pem}{}", *key);
    Identity::read(both.as_bytes(), both.as_bytes(), STRICT).unwrap();
    assert_eq!(
        read("", &key),
        says(
            "there is no PEM certificate in the certificate file",
            "tls: failed to find any PEM data in certificate input"
        )
    );
    assert_eq!(
        read(&pem.replace(" CERTIFICATE", " X509 CERTIFICATE"), &key),
        says(
            "there is no PEM certificate in the certificate file",
            "tls: failed to find any PEM data in certificate input"
        )
    );
    assert_eq!(
        read(&pem, &pem),
        says("there is no PEM private key in the key file", "tls: failed to find any PEM data in key input")
    );
    let other = Contents::leaf("s").new_key().to_pem();
    assert_eq!(
        read(&pem, &other),
        says(
            "the private key does not belong to the certificate",
            "tls: private key does not match public key"
        )
    );
    let encrypted = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMAA=\n-----END ENCRYPTED PRIVATE KEY-----\n";
    let old = "-----BEGIN EC PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\nMAA=\n\
               -----END EC PRIVATE KEY-----\n";
    for text in [encrypted, old] {
        assert_eq!(
            read(&pem, text),
            says(
                "the private key is encrypted, and etcd has no option for its password",
                "tls: failed to parse private key"
            )
        );
    }
    let junk = "-----BEGIN PRIVATE KEY-----\nMAA=\n-----END PRIVATE KEY-----\n";
    assert_eq!(
        read(&pem, junk),
        says("the private key is of a kind that Go does not know", "tls: failed to parse private key")
    );
    let unreadable = "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n";
    let (text, log) = read(unreadable, &key);
    assert!(text.starts_with("the certificate cannot be read: this is not a certificate"), "{text}");
    assert_eq!(log, "x509: ");
    // The intermediate CAs are read by the other side.
    Identity::read(format!("{pem}{unreadable}").as_bytes(), key.as_bytes(), STRICT).unwrap();
    assert!(
        format!("{:?}", identity(&[&leaf], &PrivateKey::read(key.as_bytes(), None).unwrap()))
            .contains("CN=s")
    );
}

#[test]
fn files_of_cas_are_read_as_etcd_does() {
    let (one, key) = Contents::ca("A").self_signed();
    let (two, _) = Contents::ca("B").self_signed();
    let count =
        |text: &str| Authorities::read(text.as_bytes(), STRICT).unwrap().certificates().unwrap().len();
    assert_eq!(count(&format!("x\n{}y\n{}", one.to_pem(), two.to_pem())), 2);
    assert_eq!(count(&one.to_pem().replace("CERTIFICATE", "ANYTHING")), 1);
    assert_eq!((count(""), count("junk")), (0, 0));
    assert_eq!(Authorities::read(one.der(), STRICT).unwrap().certificates().unwrap().len(), 0);
    let mixed = format!("{}{}", one.to_pem(), *key.to_pem());
    let error = Authorities::read(mixed.as_bytes(), STRICT).unwrap_err();
    let text = error.to_string();
    assert!(
        text.starts_with("a PEM block \"EC PRIVATE KEY\" among the CAs is not a certificate: "),
        "{text}"
    );
    assert_eq!(error.log(), "x509: ");
    let pem = one.to_pem();
    let of_clients = |file: Option<&[u8]>, auth| Authorities::of_clients(file, auth, STRICT).unwrap();
    assert!(of_clients(None, false).is_none());
    assert!(matches!(of_clients(None, true), Some(Authorities::System)));
    for auth in [false, true] {
        assert!(matches!(of_clients(Some(pem.as_bytes()), auth), Some(Authorities::Named(_))));
    }
    assert!(Authorities::of_clients(Some(mixed.as_bytes()), false, STRICT).is_err());
}

/// Keys that rustls cannot use, with certificates that they signed themselves: `openssl genpkey`, `openssl req -x509`.
const ODD: [(&str, &str, &str); 3] = [
    (
        "P-224",
        "MHgCAQAwEAYHKoZIzj0CAQYFK4EEACEEYTBfAgEBBByKVDdtDYFQoVXkAZNe1Q9w\n\
         j14I0ETMecJr28OfoTwDOgAEHRYg2J0NDlblhVY8PkARXTiPJK2o2eS+aYVvJa7V\n\
         EsoU/g1GQQzy1zTE9c63jpX0BW9coSTPU3o=\n",
        "MIIBXzCCAQygAwIBAgIBATAKBggqhkjOPQQDAjAOMQwwCgYDVQQDDANvZGQwIBcN\n\
         MjYxMTI3MDQ1NjQwWhgPMjA4MTA4MzAwNDU2NDBaMA4xDDAKBgNVBAMMA29kZDBO\n\
         MBAGByqGSM49AgEGBSuBBAAhAzoABB0WINidDQ5W5YVWPD5AEV04jyStqNnkvmmF\n\
         byWu1RLKFP4NRkEM8tc0xPXOt46V9AVvXKEkz1N6o2QwYjAdBgNVHQ4EFgQU0TuZ\n\
         MYRqdhZ+D16EF+1MxKNTcyIwHwYDVR0jBBgwFoAU0TuZMYRqdhZ+D16EF+1MxKNT\n\
         cyIwDwYDVR0TAQH/BAUwAwEB/zAPBgNVHREECDAGhwQKAAABMAoGCCqGSM49BAMC\n\
         A0EAMD4CHQDN7w4v8XwOz8wgn7bArpt8+yo9sOsYLK9QdzbXAh0AiAtp+51I765O\n\
         CHmaF+4it36n3QAySHSWiHi5rQ==\n",
    ),
    (
        "RSA-1024",
        "MIICdQIBADANBgkqhkiG9w0BAQEFAASCAl8wggJbAgEAAoGBANyeLJpLy54LGnX0\n\
         CZXrpWzurO/L4UGuSGIsrbBcKSPVZMwwGtsUJ4xp8p3lXuBT6jDiNVvfinl1hw41\n\
         2XvrHicw1FGwlPt1vezMFqbJP4xeOE4bdzdM+8ZIju0F2zCogGCuBstEMsq8RHAL\n\
         fyFsFmX2TIMv20AT2f/ey5RnJIozAgMBAAECgYAAz7AYTSkNhrrtLh2O6JPuJ56J\n\
         LzW/2RU5DzMAUAZytEkvmwmuPo+6q3UR8ZL8vjJBRcOud875jV4Wxknrc7zjpED5\n\
         u1P/dT8H7Z2O8QXmK+xaTe4Yx7786I994C9t1MF45/iGEfQ5B/QwHJCDs7i+TBf5\n\
         W2zy0CHIPUbpmpb5OQJBAP0xmi0BS1bvL+aaYJ62AMOnLmHEqh2q732MZhEAlFnh\n\
         btydcsx5xOXgjJBl9JzMrz3DhWNAB8JPY0DAeO4j4gcCQQDfECSaK9DKXwRxLzN9\n\
         j7ZIN6dkSsJ2u24cYJprgE2BSUMjz0b24WdgP7PxZ39p5ufBzp7V14Om82ERqpHo\n\
         /Jt1AkB5ADOGPpAaw8RImI6ESsaiukrYPnxuITrC7U354iUDr1Cj7jrmrWsD0QRc\n\
         Hd2A8fDtu3sLq5YJrpboYxNn+44RAkBj8aO0wDUIt5IR9Igplh6iNO13ble7QzeO\n\
         12nZCN+xMdY3UUQGke/znBdP7oOUO7VTjPR18941C49OjxJZRfWRAkA0a2ofCUV3\n\
         vjwjmhZIB+RRloDw0bevVwc+ENd9ouBFJMzn21CJ1JCGqvsiFED5EhS8KeUzb2Zy\n\
         4/ARNsgdyIG8\n",
        "MIIB+DCCAWGgAwIBAgIBATANBgkqhkiG9w0BAQsFADAOMQwwCgYDVQQDDANvZGQw\n\
         IBcNMjYxMTI3MDQ1NjQwWhgPMjA4MTA4MzAwNDU2NDBaMA4xDDAKBgNVBAMMA29k\n\
         ZDCBnzANBgkqhkiG9w0BAQEFAAOBjQAwgYkCgYEA3J4smkvLngsadfQJleulbO6s\n\
         78vhQa5IYiytsFwpI9VkzDAa2xQnjGnyneVe4FPqMOI1W9+KeXWHDjXZe+seJzDU\n\
         UbCU+3W97MwWpsk/jF44Tht3N0z7xkiO7QXbMKiAYK4Gy0QyyrxEcAt/IWwWZfZM\n\
         gy/bQBPZ/97LlGckijMCAwEAAaNkMGIwHQYDVR0OBBYEFMm/uK+zkRSN/3PHr5gZ\n\
         cNB8K0ocMB8GA1UdIwQYMBaAFMm/uK+zkRSN/3PHr5gZcNB8K0ocMA8GA1UdEwEB\n\
         /wQFMAMBAf8wDwYDVR0RBAgwBocECgAAATANBgkqhkiG9w0BAQsFAAOBgQBZDJ+J\n\
         +b5yZ81G1qBSXTc3eqmK79UnScP+cCEMzkYCZxEtbvAdl+pJGxC6PKkyzDgaAViQ\n\
         AC49b0GZy4WvArRmn0I151Dl+w/Ua/lyioLk+8ePIzL/Pz6RlalV8qITYX1Ahp6U\n\
         IC1Y2Hx6aYJl0r7Wk8uWwzOkGAVhBNBizptpyg==\n",
    ),
    (
        "RSA-512",
        "MIIBVAIBADANBgkqhkiG9w0BAQEFAASCAT4wggE6AgEAAkEAvrz1ZxpkoTlw6tpf\n\
         NjKA3xCrexSMnNKayhoAuqiVtWG3ljGqt9AGUAcHMLLWI69Nsmnm61DP9HAQbqfP\n\
         cp42MwIDAQABAkBgUEBG2M/5jWzUWoJ7dpMWkG9WzjCWu84HwYuetaQrGxY3/XS9\n\
         e2rH/Mt+InNE8D6aww5ApY4mYYWeDGBPZrGpAiEA6d/JwzVsSkgeZ8SLg+HSdFjf\n\
         XJmylMQ8cC8cij9viR0CIQDQyHS5f1cpbVXw5W2DOr3m10X6X7LdNPQ3QP2cKs/r\n\
         jwIgRt5UUj3XAa9W31TUffMpBa6EiJfeYGwScGAmQtI0JxUCIQC7koyDpysotekT\n\
         LxxPXPQFs3xUL6wjXpLWHVZ7+l6ocwIgGpCGPzh+GN2pO4fkDW0Ucnf98fzYluxQ\n\
         bDssYUhot7w=\n",
        "MIIBczCCAR2gAwIBAgIBATANBgkqhkiG9w0BAQsFADAOMQwwCgYDVQQDDANvZGQw\n\
         IBcNMjYxMTI3MDQ1NjQwWhgPMjA4MTA4MzAwNDU2NDBaMA4xDDAKBgNVBAMMA29k\n\
         ZDBcMA0GCSqGSIb3DQEBAQUAA0sAMEgCQQC+vPVnGmShOXDq2l82MoDfEKt7FIyc\n\
         0prKGgC6qJW1YbeWMaq30AZQBwcwstYjr02yaebrUM/0cBBup89ynjYzAgMBAAGj\n\
         ZDBiMB0GA1UdDgQWBBSb8wR3fuwF6gu7kk6w9wdg1CcVFDAfBgNVHSMEGDAWgBSb\n\
         8wR3fuwF6gu7kk6w9wdg1CcVFDAPBgNVHRMBAf8EBTADAQH/MA8GA1UdEQQIMAaH\n\
         BAoAAAEwDQYJKoZIhvcNAQELBQADQQBp7cO2fV2pon+hseOaIBuv73O4iBfC5Eji\n\
         I5gDbL1XQVcwECPod0PRmYDhZiHPAFDMFk4LMahZumOO739Xj7vJ\n",
    ),
];

#[test]
fn keys_that_only_go_can_use() {
    let block =
        |label: &str, base64: &str| format!("-----BEGIN {label}-----\n{base64}-----END {label}-----\n");
    let later = datetime!(2030-01-01 0:00 UTC);
    let pss = "tls: certificate RSA key size too small";
    for (name, key, certificate) in ODD {
        let (key, certificate) = (block("PRIVATE KEY", key), block("CERTIFICATE", certificate));
        for (_, other, _) in ODD.iter().filter(|(other, ..)| *other != name) {
            let other = block("PRIVATE KEY", other);
            let error = Identity::read(certificate.as_bytes(), other.as_bytes(), STRICT).unwrap_err();
            assert!(matches!(error, NoStart::KeyMismatch | NoStart::UnsupportedKey), "{name}: {error}");
        }
        let identity = Identity::read(certificate.as_bytes(), key.as_bytes(), STRICT).unwrap();
        assert!(identity.stand_in().is_some(), "{name}");
        for (version, leniency, refusal) in [
            (
                Version::Tls12,
                STRICT,
                (name == "RSA-512")
                    .then_some(("its RSA key has 512 bits, less than 1024", "keys are insecure")),
            ),
            (Version::Tls12, Leniency::DEBIAN, None),
            (
                Version::Tls13,
                Leniency::DEBIAN,
                match name {
                    "P-224" => Some((
                        "TLS 1.3 cannot sign with its own ecdsa-224 key",
                        "tls: unsupported certificate curve",
                    )),
                    "RSA-512" => Some(("TLS 1.3 cannot sign with its own rsa-512 key", pss)),
                    _ => None,
                },
            ),
        ] {
            let authorities = Authorities::read(certificate.as_bytes(), leniency).unwrap();
            let mut client = Client::new("10.0.0.1", authorities.clone());
            client.versions = Versions { min: version, max: version };
            client.leniency = leniency;
            let mut server = Server::new(identity.clone());
            server.leniency = leniency;
            let result = handshake(&client, &server, &NoLookup, later);
            match refusal {
                None => result.unwrap_or_else(|refusal| panic!("{name} {version:?}: {refusal}")),
                Some((says, log)) => refused(result, &format!("the server refuses: {says}"), log),
            }
            // The client shows it in the same way.
            let (_, mut server) = World::new().sides();
            server.client_authorities = Some(authorities);
            server.leniency = leniency;
            client.authorities = None;
            client.identity = Some(identity.clone());
            let result = handshake(&client, &server, &NoLookup, later);
            match refusal {
                None => result.unwrap_or_else(|refusal| panic!("{name} {version:?}: {refusal}")),
                Some((says, log)) => refused(result, &format!("the client refuses: {says}"), log),
            }
        }
    }
}

#[test]
fn sides_have_names_and_opposites() {
    assert_eq!((Side::Client.other(), Side::Server.other()), (Side::Server, Side::Client));
    assert_eq!((Side::Client.to_string(), Side::Server.to_string()), ("client".into(), "server".into()));
}
