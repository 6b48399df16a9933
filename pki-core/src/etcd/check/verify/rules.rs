//! The rules of `cluster verify`.

use crate::etcd::check::finding::{Rule, Severity};

const LISTENER: &str = "etcd, client/pkg/transport/listener.go";
const LISTENER_TLS: &str = "etcd, client/pkg/transport/listener_tls.go";
const NOT_CONNECTED: &str = "this connection is not made, each time that it is tried";
const NOT_CHECKED: &str = "what depends on it was not checked";

// A member that does not start.

pub(crate) const OPTIONS: &Rule = &Rule {
    id: "E801",
    severity: Severity::Error,
    title: "a member does not start: two of its options do not go together",
    consequence: "{etcd} ends instead of starting, and the cluster has one member less",
    remedy: "set both options of a pair, and only one of two that exclude each other",
    sources: &[LISTENER],
};

pub(crate) const MISSING_FILE: &Rule = &Rule {
    id: "E802",
    severity: Severity::Error,
    title: "a member does not start: a file that it needs is missing",
    consequence: "{etcd} ends instead of starting, and the cluster has one member less",
    remedy: "put the file there, or name another one",
    sources: &[LISTENER],
};

pub(crate) const CA_FILE: &Rule = &Rule {
    id: "E803",
    severity: Severity::Error,
    title: "a member does not start: its file of CAs cannot be used",
    consequence: "{etcd} ends instead of starting, and the cluster has one member less",
    remedy: "put only certificates of CAs into the file",
    sources: &["etcd, client/pkg/tlsutil/tlsutil.go"],
};

pub(crate) const IDENTITY: &Rule = &Rule {
    id: "E804",
    severity: Severity::Error,
    title: "a member does not start: its certificate or its key cannot be used",
    consequence: "{etcd} ends instead of starting, and the cluster has one member less",
    remedy: "issue the certificate again, with an ECDSA, Ed25519 or RSA key",
    sources: &["etcd, client/pkg/tlsutil/tlsutil.go", "Go, crypto/tls, X509KeyPair"],
};

pub(crate) const NO_CERTIFICATE_TO_LISTEN: &Rule = &Rule {
    id: "E805",
    severity: Severity::Error,
    title: "a member does not start: a certificate or its key is not named",
    consequence: "{etcd} ends instead of starting, and the cluster has one member less",
    remedy: "name both a certificate and its key, or listen without TLS",
    sources: &[LISTENER],
};

pub(crate) const NOT_IN_INITIAL_CLUSTER: &Rule = &Rule {
    id: "E806",
    severity: Severity::Error,
    title: "a member does not start: initial-cluster does not have it as it is",
    consequence: "{etcd} ends instead of starting without data, and the cluster has one member less",
    remedy: "have the member in initial-cluster once, with its own name and the peer URLs that it advertises",
    sources: &["etcd, server/embed/config.go", "etcd#3087"],
};

pub(crate) const FILE_NOT_SEEN: &Rule = &Rule {
    id: "E807",
    severity: Severity::Warning,
    title: "a file of a member was not seen",
    consequence: "nobody can say from these files whether the member starts and who connects to it",
    remedy: "give a folder that has all files of the member",
    sources: &[LISTENER],
};

pub(crate) const SETTINGS_NOT_SEEN: &Rule = &Rule {
    id: "E808",
    severity: Severity::Warning,
    title: "the settings of a member were not seen",
    consequence: "nobody can say from these files whether the member starts and who connects to it",
    remedy: "give a folder that has the units, environment and configuration files of the hosts",
    sources: &["etcd, server/etcdmain/config.go"],
};

pub(crate) const REFUSED_SETTING: &Rule = &Rule {
    id: "E809",
    severity: Severity::Error,
    title: "a member does not start: etcd refuses its settings",
    consequence: "{etcd} ends instead of starting, and the cluster has one member less",
    remedy: "correct the setting: `etcdpki doctor` tells more about it",
    sources: &["etcd, server/embed/config.go", "etcd, server/etcdmain/config.go"],
};

pub(crate) const ADDRESS_OF_ANOTHER: &Rule = &Rule {
    id: "E810",
    severity: Severity::Error,
    title: "a member does not start: it listens at an address of another member",
    consequence: "{etcd} ends with `bind: cannot assign requested address`, and the cluster has one member less",
    remedy: "let the member listen at an address of its own host, or at all addresses: 0.0.0.0",
    sources: &["bind(2)", "etcd, server/embed/etcd.go"],
};

// A connection that fails.

pub(crate) const CHAIN: &Rule = &Rule {
    id: "E811",
    severity: Severity::Error,
    title: "a connection fails: no trusted CA has issued the certificate",
    consequence: NOT_CONNECTED,
    remedy: "issue the certificate by a CA that the other side trusts, or have the other side trust its CA",
    sources: &["Go, crypto/x509/verify.go", "RFC 5280 section 6.1"],
};

pub(crate) const NAME: &Rule = &Rule {
    id: "E812",
    severity: Severity::Error,
    title: "a connection fails: the certificate is not for this name or address",
    consequence: NOT_CONNECTED,
    remedy: "issue the certificate again, with that name or address among its subject alternative names",
    sources: &["Go, crypto/x509, VerifyHostname", LISTENER_TLS, "etcd#8268"],
};

pub(crate) const TIME: &Rule = &Rule {
    id: "E813",
    severity: Severity::Error,
    title: "a connection fails: the certificate has ended, or is not valid yet",
    consequence: NOT_CONNECTED,
    remedy: "renew the certificate or its CA, or correct the clock",
    sources: &["Go, crypto/x509/verify.go"],
};

pub(crate) const USAGE: &Rule = &Rule {
    id: "E814",
    severity: Severity::Error,
    title: "a connection fails: the certificate lacks the extended key usage",
    consequence: NOT_CONNECTED,
    remedy: "issue the certificate again, with serverAuth for the side that listens and clientAuth for the one that dials",
    sources: &["RFC 5280 section 4.2.1.12", "etcd#9785"],
};

pub(crate) const NOT_ALLOWED: &Rule = &Rule {
    id: "E815",
    severity: Severity::Error,
    title: "a connection fails: the certificate is not among those that an option allows",
    consequence: NOT_CONNECTED,
    remedy: "put an allowed name into the certificate, or allow a name that it has",
    sources: &[LISTENER],
};

pub(crate) const NO_CERTIFICATE: &Rule = &Rule {
    id: "E816",
    severity: Severity::Error,
    title: "a connection fails: the port asks for a certificate, and none is shown",
    consequence: NOT_CONNECTED,
    remedy: "give the side that dials a certificate",
    sources: &[LISTENER],
};

pub(crate) const REVOCATION: &Rule = &Rule {
    id: "E817",
    severity: Severity::Error,
    title: "a connection fails: the certificate is revoked, or the revocation list cannot be used",
    consequence: NOT_CONNECTED,
    remedy: "issue the certificate again, or give the member a revocation list that it can read",
    sources: &["etcd, client/pkg/transport/listener_tls.go, checkCRL"],
};

pub(crate) const NOT_ACCEPTED: &Rule = &Rule {
    id: "E818",
    severity: Severity::Error,
    title: "a connection fails: TLS does not accept the certificate, its key or the version",
    consequence: NOT_CONNECTED,
    remedy: "issue the certificate again, with an ECDSA, Ed25519 or RSA key",
    sources: &["Go, crypto/tls", "Go, crypto/x509"],
};

pub(crate) const SCHEME: &Rule = &Rule {
    id: "E819",
    severity: Severity::Error,
    title: "a connection fails: one side speaks TLS and the other does not",
    consequence: NOT_CONNECTED,
    remedy: "use https, or http, for listening, advertising and dialling alike",
    sources: &["etcd#9917"],
};

pub(crate) const SELF_MADE: &Rule = &Rule {
    id: "E820",
    severity: Severity::Error,
    title: "a connection fails: the port has a certificate that etcd makes for itself at each start",
    consequence: NOT_CONNECTED,
    remedy: "give every member a certificate of the cluster's CA",
    sources: &["etcd, client/pkg/transport/listener.go, SelfCert"],
};

pub(crate) const UNUSABLE: &Rule = &Rule {
    id: "E821",
    severity: Severity::Error,
    title: "a connection fails: the side that dials cannot load its own files",
    consequence: NOT_CONNECTED,
    remedy: "issue its certificate again",
    sources: &["Go, crypto/tls, X509KeyPair"],
};

pub(crate) const LEADS_ELSEWHERE: &Rule = &Rule {
    id: "E822",
    severity: Severity::Error,
    title: "a connection fails: the URL leads to another member or to another port",
    consequence: NOT_CONNECTED,
    remedy: "write the URL of the right port of the member that is meant, in initial-cluster and in what it advertises",
    sources: &["etcd, server/etcdserver/api/rafthttp/http.go"],
};

pub(crate) const OTHER_CLUSTER: &Rule = &Rule {
    id: "E823",
    severity: Severity::Error,
    title: "a connection fails: the two members found different clusters",
    consequence: "without data each computes another cluster, and they refuse each other: `cluster ID mismatch`",
    remedy: "give all members that found the cluster the same initial-cluster and initial-cluster-token; set \
             initial-cluster-state=existing for one that joins",
    sources: &["etcd, server/etcdserver/api/rafthttp/http.go", "etcd#13462"],
};

// A connection that should have been refused.

pub(crate) const OPEN_TO_OTHERS: &Rule = &Rule {
    id: "E831",
    severity: Severity::Error,
    title: "a certificate opens a port that it was not made for",
    consequence: "anyone who has this certificate and its key can do more than the certificate was issued for",
    remedy: "give peers and clients CAs of their own, and have each port trust only its own",
    sources: &["etcd, server/embed/etcd.go", LISTENER_TLS],
};

pub(crate) const OPEN_TO_ALL: &Rule = &Rule {
    id: "E832",
    severity: Severity::Error,
    title: "a port that asks for certificates lets in somebody without one, or with one that nobody issued",
    consequence: "anyone who reaches the port can read and change everything",
    remedy: "correct the file of CAs that the port trusts, and set client-cert-auth and peer-client-cert-auth",
    sources: &[LISTENER],
};

// A majority that is lost.

pub(crate) const NO_MAJORITY: &Rule = &Rule {
    id: "E841",
    severity: Severity::Error,
    title: "the cluster does not form",
    consequence: "no member becomes the leader, and every request ends with `context deadline exceeded`",
    remedy: "correct the members that do not start and the connections between members that fail",
    sources: &["etcd, server/etcdserver/api/rafthttp/peer.go", "raft, quorum/majority.go"],
};

pub(crate) const FATAL_LOSS: &Rule = &Rule {
    id: "E842",
    severity: Severity::Error,
    title: "the cluster does not survive the loss of a member",
    consequence: "when that member is lost, no member becomes the leader, and every request fails",
    remedy: "correct the members and connections between members that fail; with fewer than three members, add some",
    sources: &["etcd, server/etcdserver/api/rafthttp/peer.go", "raft, quorum/majority.go"],
};

pub(crate) const STRANDED: &Rule = &Rule {
    id: "E843",
    severity: Severity::Error,
    title: "a member starts and hears of no leader",
    consequence: "it serves no request that needs the majority, and its data grow old",
    remedy: "correct the connections between it and the other members",
    sources: &["etcd, server/etcdserver/api/rafthttp/peer.go"],
};

pub(crate) const SEVERAL_CLUSTERS: &Rule = &Rule {
    id: "E844",
    severity: Severity::Error,
    title: "members of one output folder are several clusters",
    consequence: "without data each founds a cluster of its own, and none of them has the data of the others",
    remedy: "name all members in the initial-cluster of each; members that have data already use those, and not \
             initial-cluster",
    sources: &["etcd, server/embed/config.go"],
};

// What the files do not tell.

pub(crate) const SOURCE_UNKNOWN: &Rule = &Rule {
    id: "E851",
    severity: Severity::Warning,
    title: "the files do not tell from which address a member dials",
    consequence: "the connection may fail: etcd compares that address with the certificate",
    remedy: "put every address of the member into its peer certificate",
    sources: &[LISTENER_TLS],
};

pub(crate) const NAMES_UNKNOWN: &Rule = &Rule {
    id: "E852",
    severity: Severity::Warning,
    title: "a connection depends on what name servers say",
    consequence: "the connection fails if they do not connect the name in the certificate with the address",
    remedy: "put the addresses of the member into its certificate",
    sources: &[LISTENER_TLS, "etcd#8268"],
};

pub(crate) const INCOMPLETE_SETTINGS: &Rule = &Rule {
    id: "E853",
    severity: Severity::Warning,
    title: "not all settings of a member are here",
    consequence: "the member was checked with those that are here, and etcd's own values for the rest",
    remedy: "give a folder that has the units, environment and configuration files of the hosts",
    sources: &["etcd, server/etcdmain/config.go"],
};

pub(crate) const ABSENT_MEMBERS: &Rule = &Rule {
    id: "E854",
    severity: Severity::Warning,
    title: "files of members are not here",
    consequence: "the verdict takes for granted that these members are in order: nothing of them was checked",
    remedy: "give a folder that has the files of all members",
    sources: &["etcd, server/embed/config.go"],
};

pub(crate) const STRAY_ENDPOINT: &Rule = &Rule {
    id: "E855",
    severity: Severity::Warning,
    title: "no member listens at an endpoint of a client",
    consequence: "the client loses time, or does not connect at all; it was checked with what the members advertise",
    remedy: "correct ETCDCTL_ENDPOINTS, or give a folder that has the files of all members",
    sources: &["etcd, etcdctl/README.md"],
};

pub(crate) const REVOCATION_NOT_SEEN: &Rule = &Rule {
    id: "E856",
    severity: Severity::Warning,
    title: "a revocation list was not seen",
    consequence: "the member was checked as if nothing were revoked",
    remedy: "give a folder that has the revocation list",
    sources: &["etcd, client/pkg/transport/listener_tls.go, checkCRL"],
};

pub(crate) const CLIENT_FILE_NOT_READ: &Rule = &Rule {
    id: "E857",
    severity: Severity::Warning,
    title: "a file of a client was not read",
    consequence: NOT_CHECKED,
    remedy: "move what is neither key nor certificate out of the client's folder",
    sources: &["etcd, etcdctl/README.md"],
};

pub(crate) const FORWARDING: &Rule = &Rule {
    id: "E858",
    severity: Severity::Warning,
    title: "a URL is dialled at which the member does not listen",
    consequence: "the connection fails, unless something forwards it, such as a proxy or a mapped port of a container",
    remedy: "let the member listen at the address and port that it advertises and that initial-cluster has",
    sources: &["etcd, server/etcdserver/api/rafthttp/transport.go"],
};

pub(crate) const ALONE: &Rule = &Rule {
    id: "E859",
    severity: Severity::Warning,
    title: "a member names no other member, and there are other members here",
    consequence: "without data it founds a cluster of its own; whether that is meant, the files do not tell",
    remedy: "name all members of the cluster in initial-cluster; a cluster of one names itself",
    sources: &["etcd, server/embed/config.go"],
};

pub(crate) const DISCOVERED: &Rule = &Rule {
    id: "E860",
    severity: Severity::Warning,
    title: "the members are not named in the files",
    consequence: "the verdict takes for granted that the members here find each other, and no others",
    remedy: "compare the verdict with `etcdctl member list`",
    sources: &["etcd, server/embed/config.go"],
};

pub(crate) const NOT_FOUNDED: &Rule = &Rule {
    id: "E862",
    severity: Severity::Warning,
    title: "too few members found the cluster",
    consequence: "without data it does not form: who joins (`initial-cluster-state=existing`) asks the others who they \
                  are, and ends unless they have a leader",
    remedy: "set initial-cluster-state=new for the members that found the cluster; members that have data need neither",
    sources: &["etcd, server/etcdserver/bootstrap.go"],
};

pub(crate) const FILE_UNREAD: &Rule = &Rule {
    id: "E861",
    severity: Severity::Warning,
    title: "a file or folder was not read",
    consequence: "the verdict takes for granted that the file has nothing to do with the members",
    remedy: "run this as a user who may read it, such as root",
    sources: &["etcd, client/pkg/tlsutil/tlsutil.go"],
};

/// Every rule, in the order of their numbers: 80x a member does not start, 81x and 82x a connection fails, 83x a
/// connection succeeds that should fail, 84x a majority is lost, 85x something could not be checked.
pub(crate) const RULES: &[Rule] = &[
    *OPTIONS,
    *MISSING_FILE,
    *CA_FILE,
    *IDENTITY,
    *NO_CERTIFICATE_TO_LISTEN,
    *NOT_IN_INITIAL_CLUSTER,
    *FILE_NOT_SEEN,
    *SETTINGS_NOT_SEEN,
    *REFUSED_SETTING,
    *ADDRESS_OF_ANOTHER,
    *CHAIN,
    *NAME,
    *TIME,
    *USAGE,
    *NOT_ALLOWED,
    *NO_CERTIFICATE,
    *REVOCATION,
    *NOT_ACCEPTED,
    *SCHEME,
    *SELF_MADE,
    *UNUSABLE,
    *LEADS_ELSEWHERE,
    *OTHER_CLUSTER,
    *OPEN_TO_OTHERS,
    *OPEN_TO_ALL,
    *NO_MAJORITY,
    *FATAL_LOSS,
    *STRANDED,
    *SEVERAL_CLUSTERS,
    *SOURCE_UNKNOWN,
    *NAMES_UNKNOWN,
    *INCOMPLETE_SETTINGS,
    *ABSENT_MEMBERS,
    *STRAY_ENDPOINT,
    *REVOCATION_NOT_SEEN,
    *CLIENT_FILE_NOT_READ,
    *FORWARDING,
    *ALONE,
    *DISCOVERED,
    *FILE_UNREAD,
    *NOT_FOUNDED,
];

/// The rules about what could not be judged.
pub(crate) const OPEN_RULES: &[&Rule] = &[
    FILE_NOT_SEEN,
    SETTINGS_NOT_SEEN,
    SOURCE_UNKNOWN,
    NAMES_UNKNOWN,
    INCOMPLETE_SETTINGS,
    ABSENT_MEMBERS,
    STRAY_ENDPOINT,
    REVOCATION_NOT_SEEN,
    CLIENT_FILE_NOT_READ,
    FORWARDING,
    ALONE,
    DISCOVERED,
    FILE_UNREAD,
    NOT_FOUNDED,
];
