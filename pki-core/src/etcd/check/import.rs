//! The rules of what `cluster import` compares: what several files say about one member, and what no member uses.

use crate::etcd::check::finding::{Rule, Severity};

/// The findings of this rule are made where an import puts together what is known of a member.
pub(crate) const DISAGREEMENT: &Rule = &Rule {
    id: "E1001",
    severity: Severity::Warning,
    title: "two sources say different things about one member",
    consequence: "the description follows one of them, and the member may run with the other",
    remedy: "find out which one the member runs with, and remove the other",
    sources: &["etcd, server/etcdmain/config.go"],
};

/// The findings of this rule are made where an import compares certificates with what members use.
pub(crate) const UNUSED: &Rule = &Rule {
    id: "E1002",
    severity: Severity::Warning,
    title: "no member uses a server's certificate",
    consequence: "anyone who has its key can still be the server that it names, until the certificate ends",
    remedy: "delete the certificate and its key if nothing else uses them",
    sources: &["RFC 5280 section 3.3"],
};

/// Every rule of imports, in the order of their numbers.
pub(crate) const RULES: &[Rule] = &[*DISAGREEMENT, *UNUSED];
