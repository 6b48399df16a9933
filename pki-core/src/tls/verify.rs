//! Chains from a certificate to a trusted CA, by the rules of `Certificate.Verify` in Go's `crypto/x509`.
//!
//! The chains of [`Bundler`](crate::cfssl::Bundler) follow other rules, those of cfssl: it finds the shortest chain of
//! CAs that are all valid, whereas Go tries each candidate, and says why the last one failed.

use time::OffsetDateTime;

use crate::tls::certificate::GoCertificate;
use crate::tls::hostname;
use crate::tls::leniency::Leniency;
use crate::tls::refusal::{Reason, Side};
use crate::tls::signature::BadSignature;
use crate::x509::oid;

/// The most signatures that Go checks for one certificate (`maxChainSignatureChecks`).
const MOST_CHECKS: usize = 100;

/// The conditions that a certificate has to meet.
#[derive(Debug)]
pub(super) struct Verification<'a> {
    /// The CAs that are trusted.
    pub(super) authorities: &'a [GoCertificate],
    /// The certificates that were sent with it, which may be intermediate CAs.
    pub(super) intermediates: &'a [GoCertificate],
    /// The side that sent the certificate, which decides the usage that it needs.
    pub(super) side: Side,
    /// The host that the certificate has to be for, if it is that of a server.
    pub(super) host: Option<&'a str>,
    pub(super) now: OffsetDateTime,
    pub(super) leniency: Leniency,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    Intermediate,
    Authority,
}

impl Verification<'_> {
    /// Checks the certificate and its names, and then every chain to a trusted CA until one meets all conditions.
    pub(super) fn verify(&self, leaf: &GoCertificate) -> Result<(), Reason> {
        self.check(leaf, None, &[])?;
        if let Some(host) = self.host {
            hostname::verify(leaf, host)?;
        }
        let chains = if self.authorities.contains(leaf) {
            vec![vec![leaf]]
        } else {
            self.chains(leaf, &[leaf], &mut 0)?
        };
        let wanted = match self.side {
            Side::Client => oid::CLIENT_AUTH,
            Side::Server => oid::SERVER_AUTH,
        };
        let mut because = Reason::ExtendedKeyUsage { subject: leaf.subject(), wanted: self.side };
        for chain in &chains {
            match forbidden_name(chain) {
                Some(reason) => because = reason,
                // The extKeyUsage of a CA restricts the certificates below it.
                None if chain.iter().all(|certificate| certificate.allows(wanted)) => return Ok(()),
                None => {}
            }
        }
        Err(because)
    }

    /// Go's `isValid`: the checks of one certificate that do not depend on the rest of the chain.
    fn check(
        &self,
        certificate: &GoCertificate,
        role: Option<Role>,
        below: &[&GoCertificate],
    ) -> Result<(), Reason> {
        let subject = || certificate.subject();
        if let Some(oid) = certificate.unhandled_critical_extension() {
            return Err(Reason::UnhandledCriticalExtension { subject: subject(), oid });
        }
        let (not_before, not_after) = (certificate.not_before(), certificate.not_after());
        if self.now < not_before {
            return Err(Reason::NotYetValid { subject: subject(), not_before });
        }
        if self.now > not_after {
            return Err(Reason::Expired { subject: subject(), not_after });
        }
        if role == Some(Role::Intermediate) && !certificate.is_ca() {
            return Err(Reason::NotACa { subject: subject() });
        }
        let limit =
            certificate.certificate().basic_constraints().and_then(|constraints| constraints.path_len);
        if let Some(limit) = limit
            && below.len().saturating_sub(1) > usize::from(limit)
        {
            return Err(Reason::PathLength { subject: subject(), limit });
        }
        Ok(())
    }

    /// All chains to a trusted CA that begin with `chain`, whose last certificate is `certificate`.
    fn chains<'c>(
        &'c self,
        certificate: &'c GoCertificate,
        chain: &[&'c GoCertificate],
        checks: &mut usize,
    ) -> Result<Vec<Vec<&'c GoCertificate>>, Reason> {
        let mut found = Vec::new();
        let (mut failed, mut hint) = (None, None);
        let candidates = (self.authorities.iter().map(|candidate| (Role::Authority, candidate)))
            .chain(self.intermediates.iter().map(|candidate| (Role::Intermediate, candidate)));
        for (role, candidate) in candidates {
            if candidate.subject_der() != certificate.certificate().issuer().der() || is_in(candidate, chain)
            {
                continue;
            }
            *checks += 1;
            if *checks > MOST_CHECKS {
                failed = Some(Reason::TooManyCandidates);
                break;
            }
            if let Err(reason) = self.check_signature(certificate, candidate) {
                hint.get_or_insert(reason);
                continue;
            }
            let mut longer = chain.to_vec();
            longer.push(candidate);
            match self.check(candidate, Some(role), chain).and_then(|()| match role {
                Role::Authority => Ok(vec![longer]),
                Role::Intermediate => self.chains(candidate, &longer, checks),
            }) {
                Ok(chains) => found.extend(chains),
                Err(reason) => failed = Some(reason),
            }
        }
        if found.is_empty() {
            return Err(failed.or(hint).unwrap_or_else(|| self.unknown_authority(certificate)));
        }
        Ok(found)
    }

    /// No trusted CA has the name of the issuer; but one may have a name that reads the same.
    fn unknown_authority(&self, certificate: &GoCertificate) -> Reason {
        let (subject, issuer) = (certificate.subject(), certificate.issuer());
        let mut alike = self.authorities.iter().filter(|authority| authority.subject() == issuer).peekable();
        if alike.peek().is_none() {
            return Reason::UnknownAuthority { subject, issuer };
        }
        let has_same_key = alike.take(MOST_CHECKS).any(|authority| {
            authority.key().is_some_and(|key| certificate.signature.verify(key, self.leniency).is_ok())
        });
        Reason::NameEncoding { subject, authority: issuer, has_same_key }
    }

    /// Go's `CheckSignatureFrom`.
    fn check_signature(&self, certificate: &GoCertificate, issuer: &GoCertificate) -> Result<(), Reason> {
        if !issuer.may_sign() {
            return Err(Reason::NotACa { subject: issuer.subject() });
        }
        let (subject, authority) = (certificate.subject(), issuer.subject());
        let Some(key) = issuer.key() else { return Err(Reason::UnsupportedKey { subject: authority }) };
        certificate.signature.verify(key, self.leniency).map_err(|error| match error {
            BadSignature::Algorithm(algorithm) => Reason::WeakSignature { subject, algorithm },
            BadSignature::Wrong => Reason::BadSignature { subject, authority },
        })
    }
}

/// Go's `alreadyInChain`: whether the chain has a certificate with the subject, key and names of the candidate. So a
/// search among cross-signed CAs ends.
fn is_in(candidate: &GoCertificate, chain: &[&GoCertificate]) -> bool {
    chain.iter().any(|certificate| {
        let key = |certificate: &GoCertificate| certificate.key().map(|key| key.der().to_vec());
        candidate.subject_der() == certificate.subject_der()
            && key(candidate) == key(certificate)
            && candidate.has_subject_alt_name() == certificate.has_subject_alt_name()
            && candidate.subject_alt_names() == certificate.subject_alt_names()
    })
}

/// The first name in the chain that a CA above it forbids.
fn forbidden_name(chain: &[&GoCertificate]) -> Option<Reason> {
    chain.iter().enumerate().find_map(|(place, certificate)| {
        let above = chain.iter().skip(place + 1);
        above
            .filter_map(|authority| authority.name_constraints.as_ref().map(|found| (authority, found)))
            .find_map(|(authority, constraints)| {
                let name = constraints.forbids(certificate.subject_alt_names())?;
                let (subject, authority) = (certificate.subject(), authority.subject());
                Some(Reason::NameConstraint { subject, name, authority })
            })
    })
}
