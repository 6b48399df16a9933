//! The way from a certificate to a trusted one, by Go's rules: crypto/x509, `Certificate.Verify`.
//!
//! [`crate::Bundler`] looks for the best chain by cfssl's rules, which are others: it wants the shortest chain of CAs
//! that are all valid, where Go tries each candidate and tells why the last one failed.

use time::OffsetDateTime;

use crate::tls::certificate::GoCertificate;
use crate::tls::hostname;
use crate::tls::leniency::Leniency;
use crate::tls::refusal::{Reason, Side};
use crate::tls::signature::BadSignature;
use crate::x509::oid;

/// As many signatures as Go checks for one certificate.
const MOST_CHECKS: usize = 100;

/// What a certificate is held against.
#[derive(Debug)]
pub(super) struct Verification<'a> {
    /// What is trusted.
    pub(super) authorities: &'a [GoCertificate],
    /// What came along, and may stand between.
    pub(super) intermediates: &'a [GoCertificate],
    /// What the certificate is shown as.
    pub(super) side: Side,
    /// The host that it has to be for.
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
    /// Checks the certificate, its names, every chain to a trusted certificate until one is right.
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
                // Usages nest: each certificate may only narrow what the one above it allows.
                None if chain.iter().all(|certificate| certificate.allows(wanted)) => return Ok(()),
                None => {}
            }
        }
        Err(because)
    }

    /// Go's `isValid`, without what it leaves to the end.
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

    /// All chains that continue `chain`, whose last certificate is `certificate`.
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
            let (subject, issuer) = (certificate.subject(), certificate.issuer());
            return Err(failed.or(hint).unwrap_or(Reason::UnknownAuthority { subject, issuer }));
        }
        Ok(found)
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

/// Go's `alreadyInChain`: the same subject, key and names, so that cross-signed CAs make no circles.
fn is_in(candidate: &GoCertificate, chain: &[&GoCertificate]) -> bool {
    chain.iter().any(|certificate| {
        let key = |certificate: &GoCertificate| certificate.key().map(|key| key.der().to_vec());
        candidate.subject_der() == certificate.subject_der()
            && key(candidate) == key(certificate)
            && candidate.has_subject_alt_name() == certificate.has_subject_alt_name()
            && candidate.subject_alt_names() == certificate.subject_alt_names()
    })
}

/// A name in the chain that a CA above it forbids.
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
