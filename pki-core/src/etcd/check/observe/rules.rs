//! The rules about members that run.

use crate::etcd::check::finding::{Rule, Severity};

pub(crate) const NO_ANSWER: &Rule = &Rule {
    id: "E1101",
    severity: Severity::Error,
    title: "a member does not answer",
    consequence: "the cluster can lose fewer members than it should, and nothing is known of this one",
    remedy: "look at the member's service and at the network to its host: `systemctl status etcd`",
    sources: &["etcd, Documentation, op-guide/failures"],
};

pub(crate) const PLAINTEXT: &Rule = &Rule {
    id: "E1102",
    severity: Severity::Error,
    title: "a port of a running member speaks without TLS",
    consequence: "everybody who reaches the port reads and writes everything, without any certificate",
    remedy: "write https:// in its URLs, and restart the member",
    sources: &["etcd, server/embed/etcd.go"],
};

pub(crate) const OTHER_CERTIFICATE: &Rule = &Rule {
    id: "E1103",
    severity: Severity::Error,
    title: "a running member shows a certificate that is not known here",
    consequence: "somebody else has issued or placed it: what this folder says about the cluster is not true",
    remedy: "find out where the certificate comes from, before anything is renewed or restarted",
    sources: &["etcd, client/pkg/transport/listener.go"],
};

pub(crate) const FORMER_CERTIFICATE: &Rule = &Rule {
    id: "E1104",
    severity: Severity::Warning,
    title: "a running member shows a certificate that was replaced in this folder",
    consequence: "the member goes on with the certificate of before, until that ends",
    remedy: "copy the member's files to its host; etcd reads the certificate for each new connection",
    sources: &["etcd, client/pkg/transport/listener.go"],
};

pub(crate) const OTHER_AUTHORITIES: &Rule = &Rule {
    id: "E1105",
    severity: Severity::Error,
    title: "a running member accepts other CAs than its files have",
    consequence: "etcd reads its CAs only at a start: members and clients that the files allow are refused, or others are let in",
    remedy: "compare the file on the host with the one in this folder, then restart the member",
    sources: &["RFC 8446 section 4.2.4", "etcd, client/pkg/transport/listener.go", "etcd-io/etcd#11555"],
};

pub(crate) const OLDER_THAN_FILES: &Rule = &Rule {
    id: "E1106",
    severity: Severity::Warning,
    title: "a running member is older than its files",
    consequence: "it has not read what changed since it began: CAs and options are read only at a start",
    remedy: "copy the files to the host if that is not done, and restart the member",
    sources: &["etcd, client/pkg/transport/listener.go", "etcd-io/etcd#11555"],
};

pub(crate) const MESH: &Rule = &Rule {
    id: "E1107",
    severity: Severity::Error,
    title: "two members have no connection with each other",
    consequence: "the cluster may look healthy, and lose its majority with the next member that stops",
    remedy: "look into the logs of both members for `rejected connection`, and try `etcdpki explain` with the line",
    sources: &["etcd, server/etcdserver/api/rafthttp/metrics.go"],
};

pub(crate) const UNHEALTHY: &Rule = &Rule {
    id: "E1108",
    severity: Severity::Error,
    title: "a member is not healthy",
    consequence: "it has no leader, or an alarm is set: it cannot write, or cannot read what others wrote",
    remedy: "wait until there is a leader; for an alarm, see `etcdctl alarm list`",
    sources: &["etcd, server/etcdserver/api/etcdhttp/health.go"],
};

pub(crate) const CLOCK: &Rule = &Rule {
    id: "E1109",
    severity: Severity::Error,
    title: "the clock of a member differs from the clock here",
    consequence: "a new certificate may not be valid yet for that member, and one that ends is refused earlier or later there than elsewhere",
    remedy: "let both hosts keep time, for example with chrony",
    sources: &["RFC 5280 section 4.1.2.5"],
};

pub(crate) const OTHER_SERIES: &Rule = &Rule {
    id: "E1110",
    severity: Severity::Error,
    title: "a member runs another series of etcd than the one that its files are for",
    consequence: "options and formats differ between series: the files may not be right for it at the next start",
    remedy: "write the version of the hosts as `version` in the description, and apply again; or install that version",
    sources: &["etcd, CHANGELOG"],
};

pub(crate) const REFUSED: &Rule = &Rule {
    id: "E1111",
    severity: Severity::Error,
    title: "a member refuses the client with which it is asked",
    consequence: "every client with a certificate of the same CA may be refused there",
    remedy: "compare the CAs that the member accepts with the issuer of the client's certificate",
    sources: &["RFC 8446 section 6.2"],
};

pub(crate) const NOT_TOLD: &Rule = &Rule {
    id: "E1112",
    severity: Severity::Warning,
    title: "a member does not tell all that is needed to judge it",
    consequence: "whether it is connected with the others, and since when it runs, is not known",
    remedy: "keep a client's certificate and key in the folder `clients/root`, and let the client port serve /metrics",
    sources: &["etcd, server/etcdserver/api/etcdhttp/metrics.go"],
};

pub(crate) const LEARNER: &Rule = &Rule {
    id: "E1113",
    severity: Severity::Warning,
    title: "a member is a learner",
    consequence: "it has no vote, and does not count for the majority",
    remedy: "promote it when it has what the leader has: `etcdctl member promote ID`",
    sources: &["etcd, Documentation, learning/design-learner"],
};

pub(crate) const ENDED: &Rule = &Rule {
    id: "E1114",
    severity: Severity::Error,
    title: "a running member shows a certificate that is not valid now",
    consequence: "connections that exist go on, and every new one is refused",
    remedy: "make a new certificate for the same key, and copy it to the host; no restart is needed",
    sources: &["RFC 5280 section 4.1.2.5", "Go, crypto/x509/verify.go"],
};

/// Every rule, in the order of their numbers.
pub(crate) const RULES: &[Rule] = &[
    *NO_ANSWER,
    *PLAINTEXT,
    *OTHER_CERTIFICATE,
    *FORMER_CERTIFICATE,
    *OTHER_AUTHORITIES,
    *OLDER_THAN_FILES,
    *MESH,
    *UNHEALTHY,
    *CLOCK,
    *OTHER_SERIES,
    *REFUSED,
    *NOT_TOLD,
    *LEARNER,
    *ENDED,
];

/// The rules that do not make it unsafe to go on: something waits for a restart, a copy or a person.
const WAITING: [&str; 4] = [FORMER_CERTIFICATE.id, OLDER_THAN_FILES.id, NOT_TOLD.id, LEARNER.id];

/// Whether a finding of this rule only waits for somebody.
pub(super) fn waits(rule: &str) -> bool {
    WAITING.contains(&rule)
}

/// Whether a restart cures what a finding of this rule is about, if the host has the right files.
pub(crate) fn is_cured_by_restart(rule: &str) -> bool {
    [OTHER_AUTHORITIES.id, OLDER_THAN_FILES.id].contains(&rule)
}

/// Whether a finding says that a member shows a certificate that was replaced.
pub(crate) fn is_former(rule: &str) -> bool {
    rule == FORMER_CERTIFICATE.id
}

/// Whether a finding about a member that runs hinders that files are put on its host.
pub(crate) fn hinders_placing(rule: &str) -> bool {
    [PLAINTEXT.id, CLOCK.id, OTHER_SERIES.id].contains(&rule)
}

/// Whether no new certificate is brought to a member with a finding of this rule. A certificate that has ended, or a
/// connection that is missing for that, is no reason: the new certificate may be the cure.
pub(crate) fn hinders_renewal(rule: &str) -> bool {
    [NO_ANSWER.id, PLAINTEXT.id, OTHER_AUTHORITIES.id, CLOCK.id, OTHER_SERIES.id].contains(&rule)
}
