//! Chains of certificates, from one that somebody shows to a root that others trust.

use time::OffsetDateTime;

use crate::cfssl::error::{Error, ErrorKind};
use crate::x509::certificate::Certificate;
use crate::x509::error::ErrorKind as X509ErrorKind;

/// Finds the chain from a certificate to a root: `bundle`.
#[derive(Debug, Clone, Default)]
pub struct Bundler {
    /// What is trusted.
    pub roots: Vec<Certificate>,
    /// What may stand between.
    pub intermediates: Vec<Certificate>,
}

/// How a chain is chosen.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Flavor {
    /// The certificates that were given, in their order, if they are a chain.
    Force,
    /// The shortest chain; of several, the one that ends last.
    Optimal,
    /// The chain that most platforms accept. What platforms accept is not known here, so the optimal one.
    #[default]
    Ubiquitous,
}

/// A chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bundle {
    /// The certificate, then each one's issuer, without the root; a root alone is its own chain.
    pub chain: Vec<Certificate>,
    /// The root; none if [`Flavor::Force`] gives a chain that no known root issued.
    pub root: Option<Certificate>,
    /// Whether the chain is not what was given.
    pub rebundled: bool,
}

/// The longest chain that is looked for. Nothing real comes near, and the search ends.
const LONGEST: usize = 8;

impl Bundler {
    /// The chain of the first of `given`; the others may stand between it and a root.
    ///
    /// ```
    /// use pki_core::cfssl::{Bundler, Flavor, Request, ca};
    /// use pki_core::x509::{KeyAlgorithm, KeySource, SystemKeys, SystemRandomness};
    ///
    /// let now = time::OffsetDateTime::now_utc();
    /// # let request = Request { common_name: "etcd CA".into(), ..Request::default() };
    /// # let key = SystemKeys.generate(KeyAlgorithm::EcdsaP256)?;
    /// # let root = ca::create(&request, &key, now, &SystemRandomness)?.value.certificate;
    /// let bundler = Bundler { roots: vec![root.clone()], intermediates: Vec::new() };
    /// let bundle = bundler.bundle(&[root.clone()], Flavor::Optimal, now)?;
    /// assert_eq!(bundle.chain, [root]);
    /// # Ok::<(), pki_core::cfssl::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::NoChain`] if there is no chain whose signatures fit and whose certificates are all valid at
    /// `now`.
    pub fn bundle(
        &self,
        given: &[Certificate],
        flavor: Flavor,
        now: OffsetDateTime,
    ) -> Result<Bundle, Error> {
        let Some(first) = given.first() else { return Err(X509ErrorKind::NoCertificate.into()) };
        let chain = match flavor {
            Flavor::Force => {
                for pair in given.windows(2) {
                    if let [certificate, issuer] = pair {
                        certificate.verify_issued_by(issuer)?;
                    }
                }
                given.to_vec()
            }
            Flavor::Optimal | Flavor::Ubiquitous => self.best(first, given, now).ok_or_else(|| {
                let (subject, issuer) = (first.subject().to_string(), first.issuer().to_string());
                ErrorKind::NoChain { subject, issuer }
            })?,
        };
        let root = chain.last().and_then(|last| self.root_of(last, now)).cloned();
        let rebundled = chain.iter().map(Certificate::der).ne(given.iter().map(Certificate::der));
        Ok(Bundle { chain, root, rebundled })
    }

    fn root_of(&self, certificate: &Certificate, now: OffsetDateTime) -> Option<&Certificate> {
        self.roots.iter().find(|root| *root == certificate || issues(root, certificate, now))
    }

    /// The shortest of all chains; of those, the one that ends last.
    fn best(
        &self,
        first: &Certificate,
        given: &[Certificate],
        now: OffsetDateTime,
    ) -> Option<Vec<Certificate>> {
        if !first.is_valid_at(now) {
            return None;
        }
        let between: Vec<&Certificate> = given.iter().skip(1).chain(&self.intermediates).collect();
        let mut chains: Vec<Vec<&Certificate>> = vec![vec![first]];
        for _ in 0..LONGEST {
            let complete = chains
                .iter()
                .filter(|chain| chain.last().is_some_and(|last| self.root_of(last, now).is_some()));
            if let Some(best) = complete.max_by_key(|chain| end_of(chain)) {
                return Some(best.iter().map(|certificate| (*certificate).clone()).collect());
            }
            let mut longer = Vec::new();
            for chain in &chains {
                let Some(last) = chain.last() else { continue };
                for candidate in &between {
                    if !chain.contains(candidate) && issues(candidate, last, now) {
                        let mut next = chain.clone();
                        next.push(candidate);
                        longer.push(next);
                    }
                }
            }
            // Enough for every real mesh of cross-signed CAs.
            longer.truncate(1024);
            chains = longer;
        }
        None
    }
}

impl Bundle {
    /// The earliest end among the certificates.
    pub fn not_after(&self) -> Option<OffsetDateTime> {
        self.chain.iter().map(Certificate::not_after).min()
    }
}

fn end_of(chain: &[&Certificate]) -> Option<OffsetDateTime> {
    chain.iter().map(|certificate| certificate.not_after()).min()
}

fn issues(issuer: &Certificate, certificate: &Certificate, now: OffsetDateTime) -> bool {
    issuer.is_valid_at(now) && issuer.check_ca().is_ok() && certificate.verify_issued_by(issuer).is_ok()
}
