//! The rules of `cluster status`.

use crate::etcd::check::finding::{Rule, Severity};

pub(crate) const ENDED: &Rule = &Rule {
    id: "E901",
    severity: Severity::Error,
    title: "a certificate in use has ended",
    consequence: "every connection with it is refused: `certificate has expired or is not yet valid`",
    remedy: "run `etcdpki cluster apply`, which makes it again, and copy the files to the host; the certificate of a CA is not replaced by `apply`",
    sources: &["RFC 5280 section 4.1.2.5", "Go, crypto/x509/verify.go"],
};

pub(crate) const NOT_YET_VALID: &Rule = &Rule {
    id: "E902",
    severity: Severity::Error,
    title: "a certificate in use is not valid yet",
    consequence: "every connection with it is refused: `certificate has expired or is not yet valid`",
    remedy: "compare the clock with that of the machine which issued the certificate",
    sources: &["RFC 5280 section 4.1.2.5", "Go, crypto/x509/verify.go"],
};

pub(crate) const RENEWAL_DUE: &Rule = &Rule {
    id: "E903",
    severity: Severity::Warning,
    title: "a certificate is due for renewal",
    consequence: "nothing fails yet, but all connections with it fail from the day on which it ends",
    remedy: "run `etcdpki cluster apply`, which renews it for the same key, and copy it to the host; etcd reads it for the next handshake, without a restart. `apply` does not renew the certificate of a CA, nor one that ends with its CA",
    sources: &["RFC 5280 section 4.1.2.5"],
};

pub(crate) const MISSING: &Rule = &Rule {
    id: "E904",
    severity: Severity::Error,
    title: "a file that was written is missing",
    consequence: "a host that gets a copy of this folder lacks the file, and etcd does not start there",
    remedy: "run `etcdpki cluster apply`, which makes it again; a CA's certificate has to come from a copy",
    sources: &["etcd, client/pkg/tlsutil/tlsutil.go"],
};

pub(crate) const UNREADABLE: &Rule = &Rule {
    id: "E905",
    severity: Severity::Error,
    title: "a file of certificates or a revocation list cannot be read",
    consequence: "etcd does not read it either: it does not start, or refuses every connection",
    remedy: "delete it and run `etcdpki cluster apply`; a CA's certificate has to come from a copy",
    sources: &["etcd, client/pkg/tlsutil/tlsutil.go"],
};

pub(crate) const CHANGED: &Rule = &Rule {
    id: "E906",
    severity: Severity::Error,
    title: "a file is not the one that was recorded",
    consequence: "somebody or something has changed it, and nobody knows whether it still serves",
    remedy: "find out who changed it; run `etcdpki cluster plan` to see what `apply` would do about it",
    sources: &["RFC 5280 section 6.1"],
};

pub(crate) const NO_ISSUER: &Rule = &Rule {
    id: "E907",
    severity: Severity::Error,
    title: "no CA in the folder has issued a certificate or a revocation list",
    consequence: "those who trust only the CAs in the folder refuse it: `certificate signed by unknown authority`",
    remedy: "put the certificate of its CA back, or run `etcdpki cluster plan` to see what `apply` would do about it",
    sources: &["RFC 5280 section 6.1"],
};

pub(crate) const LIST_ENDED: &Rule = &Rule {
    id: "E908",
    severity: Severity::Error,
    title: "the next revocation list is overdue",
    consequence: "etcd goes on with the old list and does not know what was revoked since; other programs refuse everybody",
    remedy: "sign a new list with `etcdpki gencrl`, and copy it to the hosts",
    sources: &["RFC 5280 section 5.1.2.5", "etcd, client/pkg/transport/listener_tls.go, checkCRL"],
};

pub(crate) const ENDS_TOO_SOON: &Rule = &Rule {
    id: "E909",
    severity: Severity::Error,
    title: "a certificate or a revocation list ends within the time that was asked about",
    consequence: "all connections that need it fail from the day on which it ends",
    remedy: "delete the certificate and not its key, and run `etcdpki cluster apply`; sign a new revocation list with `etcdpki gencrl`",
    sources: &["RFC 5280 section 4.1.2.5"],
};

pub(crate) const REGISTRY_BROKEN: &Rule = &Rule {
    id: "E910",
    severity: Severity::Error,
    title: "the registry of issued certificates is broken",
    consequence: "each line has the digest of the line before; from this line on the registry proves nothing about what happened, because somebody or something has changed, added or taken out lines",
    remedy: "put `registry.jsonl` back from a copy that is whole. If there is none, find out who changed it, keep the file in another folder, and run `etcdpki cluster apply`, which begins a new one with the certificates that the record has",
    sources: &["RFC 6962 section 2, on logs to which is only added"],
};

pub(crate) const REGISTRY_LACKS: &Rule = &Rule {
    id: "E911",
    severity: Severity::Error,
    title: "the registry does not have a certificate that is recorded",
    consequence: "a certificate gets into the registry before it gets into the folder, so lines were taken out at the end, or the file is an old copy",
    remedy: "put `registry.jsonl` back from a newer copy. If there is none, run `etcdpki cluster apply`, which adds what is missing; what else the lost lines told is lost",
    sources: &["RFC 6962 section 2, on logs to which is only added"],
};

pub(crate) const NO_REGISTRY: &Rule = &Rule {
    id: "E912",
    severity: Severity::Warning,
    title: "there is no registry of issued certificates",
    consequence: "nobody can tell later what was issued before, when it came to a host, and what was revoked",
    remedy: "if there was one, put `registry.jsonl` back from a copy. If an older version made this folder, run `etcdpki cluster apply`, which begins one",
    sources: &["RFC 6962 section 2, on logs to which is only added"],
};

/// Every rule, in the order of their numbers.
pub(crate) const RULES: &[Rule] = &[
    *ENDED,
    *NOT_YET_VALID,
    *RENEWAL_DUE,
    *MISSING,
    *UNREADABLE,
    *CHANGED,
    *NO_ISSUER,
    *LIST_ENDED,
    *ENDS_TOO_SOON,
    *REGISTRY_BROKEN,
    *REGISTRY_LACKS,
    *NO_REGISTRY,
];
