//! Chains of certificates from a leaf to a trusted root, as `cfssl bundle` finds and prints them.

use serde::Serialize;
use time::format_description::well_known::Rfc3339;
use time::{Duration, OffsetDateTime};
use zeroize::Zeroizing;

use crate::cfssl::certinfo::CertificateInfo;
use crate::cfssl::error::{Error, ErrorKind};
use crate::x509::certificate::Certificate;
use crate::x509::error::ErrorKind as X509ErrorKind;
use crate::x509::key::{PrivateKey, PublicKeyKind};
use crate::x509::name::Name;

/// Finds the chain from a certificate to a root, as `cfssl bundle` does.
#[derive(Debug, Clone, Default)]
pub struct Bundler {
    /// The CAs that are trusted.
    pub roots: Vec<Certificate>,
    /// The CAs that may be in a chain between the certificate and the root.
    pub intermediates: Vec<Certificate>,
}

/// The rule by which a chain is chosen.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Flavor {
    /// The certificates that were given, in their order, if they are a chain.
    Force,
    /// The shortest chain; of several chains, the one that ends last.
    Optimal,
    /// In cfssl the chain that most platforms accept. The library has no data about platforms, so it chooses as for
    /// [`Flavor::Optimal`].
    #[default]
    Ubiquitous,
}

/// The chain of a certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bundle {
    /// The certificate, then the issuer of each one, without the root. The chain of a root is the root itself. The root
    /// is the last if it issued a certificate that names an OCSP responder: servers need its issuer to ask that one.
    pub chain: Vec<Certificate>,
    /// The root. `None` if no root of the [`Bundler`] issued the last certificate, which is possible for
    /// [`Flavor::Force`] only.
    pub root: Option<Certificate>,
    /// The rule by which the chain was chosen.
    pub flavor: Flavor,
    /// Whether the chain differs from the certificates that were given.
    pub rebundled: bool,
}

/// The most certificates in a chain. Real chains are shorter, and the search has to end.
const LONGEST: usize = 8;

impl Bundler {
    /// Finds the chain of the first certificate in `given`. The others are intermediate CAs.
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
    /// [`ErrorKind::NoChain`] if no chain has only right signatures and certificates that are valid at `now`. For
    /// [`Flavor::Force`], what [`Certificate::verify_issued_by`] says.
    pub fn bundle(
        &self,
        given: &[Certificate],
        flavor: Flavor,
        now: OffsetDateTime,
    ) -> Result<Bundle, Error> {
        let Some(first) = given.first() else { return Err(X509ErrorKind::NoCertificate.into()) };
        let mut chain = match flavor {
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
        if flavor != Flavor::Force
            && chain.len() == 1
            && !first.ocsp_urls().is_empty()
            && let Some(issuer) = root.as_ref().filter(|root| *root != first)
        {
            chain.push(issuer.clone());
        }
        let rebundled = chain.iter().map(Certificate::der).ne(given.iter().map(Certificate::der));
        Ok(Bundle { chain, root, flavor, rebundled })
    }

    fn root_of(&self, certificate: &Certificate, now: OffsetDateTime) -> Option<&Certificate> {
        self.roots.iter().find(|root| *root == certificate || issues(root, certificate, now))
    }

    /// The shortest chain; of several chains, the one that ends last.
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
            // Cross-signed CAs make many chains. Real ones make fewer than this, and the search has to end.
            longer.truncate(1024);
            chains = longer;
        }
        None
    }
}

impl Bundle {
    /// The moment at which the first certificate of the chain ends.
    pub fn not_after(&self) -> Option<OffsetDateTime> {
        self.chain.iter().map(Certificate::not_after).min()
    }
}

/// A bundle as `cfssl bundle` prints it. Its JSON has cfssl's keys in cfssl's order. It may contain a private key, so it
/// does not implement `Debug`.
#[derive(Clone, Serialize)]
pub struct BundleInfo {
    /// The chain in PEM, with the certificate first.
    pub bundle: String,
    /// Whether the certificate has the URL of a revocation list.
    pub crl_support: bool,
    /// The certificate in PEM.
    pub crt: String,
    /// The moment at which the first certificate of the chain ends, in the format of RFC 3339.
    pub expires: String,
    /// The common name and the DNS names of the certificate.
    pub hostnames: Vec<String>,
    /// The name of the CA that issued the certificate.
    pub issuer: String,
    /// The private key in PEM. Empty if it was not given.
    pub key: Zeroizing<String>,
    /// The size of the public key in bits.
    pub key_size: usize,
    /// The kind of the public key, as in `256-bit ECDSA`.
    pub key_type: String,
    /// The moment at which the certificate ends, in the format of RFC 3339.
    pub leaf_expires: String,
    /// The URLs of the OCSP responders in the certificate. `None` if there are none.
    pub ocsp: Option<Vec<String>>,
    /// Whether the certificate has the URL of an OCSP responder.
    pub ocsp_support: bool,
    /// The root in PEM. Empty if the chain has no known root.
    pub root: String,
    /// The signature algorithm of the certificate by Go's name.
    pub signature: &'static str,
    /// Warnings about the chain.
    pub status: BundleStatus,
    /// The subject of the certificate.
    pub subject: String,
}

/// cfssl's warnings about a chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BundleStatus {
    /// Whether the chain differs from the certificates that were given.
    pub rebundled: bool,
    /// The key identifiers, in hex, of the certificates that end soon. `None` if no certificate does.
    #[serde(rename = "expiring_SKIs")]
    pub expiring_skis: Option<Vec<String>>,
    /// The platforms that do not trust the root. None are known, since the library has no data about platforms; `None` for
    /// [`Flavor::Force`], as in cfssl.
    pub untrusted_root_stores: Option<Vec<String>>,
    /// A sentence about each certificate that ends soon.
    pub messages: Vec<String>,
    /// 1 if a certificate ends soon, else 0.
    pub code: u8,
}

/// cfssl warns if a certificate ends within this time.
const SOON: Duration = Duration::days(30);

impl BundleInfo {
    /// Describes `bundle` at the moment `now`. `key` is the private key of the certificate, if the description is to
    /// contain it.
    ///
    /// # Errors
    /// [`x509::ErrorKind::KeyMismatch`](X509ErrorKind::KeyMismatch) if `key` is not that of the certificate,
    /// [`x509::ErrorKind::NoCertificate`](X509ErrorKind::NoCertificate) if the chain is empty, and what
    /// [`Certificate::public_key`] says.
    pub fn new(bundle: &Bundle, key: Option<&PrivateKey>, now: OffsetDateTime) -> Result<Self, Error> {
        let Some(first) = bundle.chain.first() else { return Err(X509ErrorKind::NoCertificate.into()) };
        if key.is_some_and(|key| !first.is_for(key.public_key())) {
            return Err(X509ErrorKind::KeyMismatch.into());
        }
        let pem = |certificate: &Certificate| certificate.to_pem().trim_end().to_owned();
        let ocsp = first.ocsp_urls();
        let mut hostnames = first.subject_alt_names().dns.clone();
        if let Some(common_name) = first.subject().common_name()
            && !hostnames.iter().any(|host| host == common_name)
        {
            hostnames.insert(0, common_name.to_owned());
        }
        let (key_type, key_size) = key_type_and_size(first.public_key()?.kind());
        Ok(Self {
            bundle: bundle.chain.iter().map(pem).collect::<Vec<_>>().join("\n"),
            crl_support: !first.crl_urls().is_empty(),
            crt: pem(first),
            expires: rfc3339(bundle.not_after()),
            hostnames,
            issuer: slashes(first.issuer()),
            key: key.map(|key| Zeroizing::new(key.to_pem().trim_end().to_owned())).unwrap_or_default(),
            key_size,
            key_type,
            leaf_expires: rfc3339(Some(first.not_after())),
            ocsp_support: !ocsp.is_empty(),
            ocsp: Some(ocsp).filter(|urls| !urls.is_empty()),
            root: bundle.root.as_ref().map(pem).unwrap_or_default(),
            signature: CertificateInfo::from(first).sigalg,
            status: BundleStatus::new(bundle, now),
            subject: slashes(first.subject()),
        })
    }
}

impl BundleStatus {
    /// Describes the chain of `bundle` at the moment `now`.
    pub fn new(bundle: &Bundle, now: OffsetDateTime) -> Self {
        let soon = now + SOON;
        let ending = bundle.chain.iter().filter(|certificate| certificate.not_after() < soon);
        let ending: Vec<String> =
            ending.map(|c| CertificateInfo::from(c).subject_key_id.replace(':', "")).collect();
        Self {
            rebundled: bundle.rebundled,
            code: u8::from(!ending.is_empty()),
            messages: ending
                .iter()
                .map(|id| format!("the certificate of the key {id} ends within {} days", SOON.whole_days()))
                .collect(),
            expiring_skis: Some(ending).filter(|ids| !ids.is_empty()),
            untrusted_root_stores: (bundle.flavor != Flavor::Force).then(Vec::new),
        }
    }
}

fn key_type_and_size(kind: PublicKeyKind) -> (String, usize) {
    let (name, bits) = match kind {
        PublicKeyKind::EcdsaP224 => ("ECDSA", 224),
        PublicKeyKind::EcdsaP256 => ("ECDSA", 256),
        PublicKeyKind::EcdsaP384 => ("ECDSA", 384),
        PublicKeyKind::EcdsaP521 => ("ECDSA", 521),
        PublicKeyKind::Rsa { bits } => ("RSA", bits),
        // Go counts the bytes of this key.
        _ => return ("Ed25519".to_owned(), 32),
    };
    (format!("{bits}-bit {name}"), bits)
}

/// Writes a name as cfssl does, as in `/Country=US/CommonName=x`.
fn slashes(name: &Name) -> String {
    const TYPES: [(&str, &str); 9] = [
        ("2.5.4.6", "Country"),
        ("2.5.4.8", "Province"),
        ("2.5.4.7", "Locality"),
        ("2.5.4.9", "StreetAddress"),
        ("2.5.4.17", "PostalCode"),
        ("2.5.4.10", "Organization"),
        ("2.5.4.11", "OrganizationalUnit"),
        ("2.5.4.3", "CommonName"),
        ("2.5.4.5", "SerialNumber"),
    ];
    let mut text = String::new();
    for (oid, title) in TYPES {
        for attribute in name.attributes().iter().filter(|attribute| attribute.oid.to_string() == oid) {
            text.push_str(&format!("/{title}={}", attribute.value));
        }
    }
    text
}

/// A moment in the format of RFC 3339; empty for none.
fn rfc3339(moment: Option<OffsetDateTime>) -> String {
    moment.and_then(|moment| moment.format(&Rfc3339).ok()).unwrap_or_default()
}

fn end_of(chain: &[&Certificate]) -> Option<OffsetDateTime> {
    chain.iter().map(|certificate| certificate.not_after()).min()
}

fn issues(issuer: &Certificate, certificate: &Certificate, now: OffsetDateTime) -> bool {
    issuer.is_valid_at(now) && issuer.check_ca().is_ok() && certificate.verify_issued_by(issuer).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cfssl::{CaSection, Request, ca};
    use crate::x509::{KeyAlgorithm, KeySource, SystemKeys, SystemRandomness};

    #[test]
    fn certificates_that_end_soon_are_told() {
        let now = OffsetDateTime::from_unix_timestamp(1_800_000_000).unwrap();
        let key = SystemKeys.generate(KeyAlgorithm::EcdsaP256).unwrap();
        let request = Request {
            common_name: "CA".into(),
            ca: Some(CaSection { expiry: Duration::days(31), ..CaSection::default() }),
            ..Request::default()
        };
        let root = ca::create(&request, &key, now, &SystemRandomness).unwrap().value.certificate;
        let bundle = Bundle { chain: vec![root.clone()], root: None, flavor: Flavor::Force, rebundled: true };

        let info = BundleInfo::new(&bundle, Some(&key), now).unwrap();
        assert_eq!((info.status.code, &info.status.expiring_skis), (0, &None));
        assert_eq!((info.key_type.as_str(), info.key_size), ("256-bit ECDSA", 256));
        assert_eq!(info.subject, "/CommonName=CA");

        let status = BundleStatus::new(&bundle, now + Duration::days(2));
        assert_eq!((status.code, status.messages.len(), status.rebundled), (1, 1, true));
        assert_eq!(status.untrusted_root_stores, None);
        let found = Bundle { flavor: Flavor::Optimal, ..bundle.clone() };
        assert_eq!(BundleStatus::new(&found, now).untrusted_root_stores, Some(Vec::new()));
        let other = SystemKeys.generate(KeyAlgorithm::EcdsaP256).unwrap();
        let refused = BundleInfo::new(&bundle, Some(&other), now).err().unwrap();
        assert!(matches!(refused.kind(), ErrorKind::X509(X509ErrorKind::KeyMismatch)));
    }
}
