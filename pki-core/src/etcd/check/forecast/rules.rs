//! The rules about restarts that have not happened yet.

use crate::etcd::check::finding::{Rule, Severity};

pub(crate) const NO_START: &Rule = &Rule {
    id: "E1121",
    severity: Severity::Error,
    title: "a member would not start again",
    consequence: "the next restart of its host takes it out of the cluster",
    remedy: "correct the member's files before it restarts",
    sources: &["etcd, client/pkg/tlsutil/tlsutil.go"],
};

pub(crate) const ISOLATED: &Rule = &Rule {
    id: "E1122",
    severity: Severity::Error,
    title: "a member would be isolated after a restart",
    consequence: "it runs and finds no majority, although everything looks healthy now: connections that exist are not checked again",
    remedy: "restart the members first whose processes lack the CA",
    sources: &["etcd, client/pkg/transport/listener.go", "etcd-io/etcd#11555"],
};

pub(crate) const APART: &Rule = &Rule {
    id: "E1123",
    severity: Severity::Error,
    title: "a member would have no connection with another after a restart",
    consequence: "the cluster goes on, and can lose fewer members than before",
    remedy: "restart the members first whose processes lack the CA",
    sources: &["etcd, client/pkg/transport/listener.go", "etcd-io/etcd#11555"],
};

pub(crate) const REFUSES_CLIENTS: &Rule = &Rule {
    id: "E1124",
    severity: Severity::Error,
    title: "a member would refuse the client with which it is asked after a restart",
    consequence: "clients whose certificates are of the same CA lose this member",
    remedy: "put the CA of the clients into the member's files",
    sources: &["etcd, client/pkg/transport/listener.go"],
};

pub(crate) const UNKNOWN: &Rule = &Rule {
    id: "E1125",
    severity: Severity::Warning,
    title: "what a restart would bring is not known",
    consequence: "a member that does not answer cannot be asked whom it accepts",
    remedy: "bring the silent member back, then look again",
    sources: &["RFC 8446 section 4.4.2.4"],
};

/// Every rule, in the order of their numbers.
pub(crate) const RULES: &[Rule] = &[*NO_START, *ISOLATED, *APART, *REFUSES_CLIENTS, *UNKNOWN];
