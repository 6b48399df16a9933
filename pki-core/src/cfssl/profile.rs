//! Signing profiles: usages, lifetime and extensions of the certificates that are issued with them.

use der::asn1::ObjectIdentifier;
use regex::Regex;
use time::{Duration, OffsetDateTime};

use crate::base::suggest;
use crate::cfssl::error::{Error, ErrorKind};
use crate::cfssl::usage;
use crate::cfssl::usage::Usage;
use crate::x509::extension::{BasicConstraints, CertificatePolicy};
use crate::x509::key::PublicKey;
use crate::x509::name::Name;
use crate::x509::oid;
use crate::x509::template::Template;
use crate::x509::usage::KeyUsage;
use crate::x509::validity::Validity;

/// A signing profile of a ca-config file.
///
/// ```
/// use pki_core::cfssl::Profile;
/// use time::Duration;
///
/// let profile = Profile { expiry: Duration::days(90), ..Profile::built_in() };
/// assert!(profile.has_usages());
/// ```
#[derive(Debug, Clone, Default)]
pub struct Profile {
    /// The names in `usages` as written, which `cfssl info` prints.
    pub usage_names: Vec<String>,
    /// The usages of keyUsage among `usages`.
    pub key_usage: KeyUsage,
    /// The usages of extKeyUsage among `usages`, in order.
    pub extended_key_usage: Vec<ObjectIdentifier>,
    /// `expiry`: the lifetime of a certificate.
    pub expiry: Duration,
    /// The text of `expiry` as written, which `cfssl info` prints.
    pub expiry_text: String,
    /// `backdate`: how long before the present a certificate begins. `None` means five minutes.
    pub backdate: Option<Duration>,
    /// `not_before`: a fixed moment at which certificates begin, in place of the present.
    pub not_before: Option<OffsetDateTime>,
    /// `not_after`: a fixed moment at which certificates end, in place of `expiry`.
    pub not_after: Option<OffsetDateTime>,
    /// `ca_constraint`: present if the certificates are those of CAs.
    pub ca_constraint: Option<CaConstraint>,
    /// `crl_url`: the URL of the revocation list.
    pub crl_url: Option<String>,
    /// `ocsp_url`: the URL of the OCSP responder.
    pub ocsp_url: Option<String>,
    /// `issuer_urls`: the URLs of the certificate of the CA.
    pub issuer_urls: Vec<String>,
    /// `ocsp_no_check`: whether certificates have the extension id-pkix-ocsp-nocheck.
    pub ocsp_no_check: bool,
    /// `policies`: the certificate policies.
    pub policies: Vec<CertificatePolicy>,
    /// `name_whitelist`: an expression that the common name and all names but IP addresses must match.
    pub name_whitelist: Option<Regex>,
    /// `CSRWhitelist`: the parts of a request that are used. `None` means all.
    pub csr_whitelist: Option<CsrWhitelist>,
    /// `copy_extensions`: whether the extensions of a request are copied into the certificate.
    pub copy_extensions: bool,
    /// `remote`: the name of a server that signs instead. Such a profile cannot be used here.
    pub remote: Option<String>,
}

/// The `ca_constraint` of a profile for CAs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CaConstraint {
    /// `max_path_len`: how many further CAs may stand between the new CA and a leaf. `None` means no limit.
    pub path_len: Option<u8>,
}

/// The `CSRWhitelist` of a profile: the parts of a request that go into the certificate.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CsrWhitelist {
    /// `Subject`: whether the subject is used.
    pub subject: bool,
    /// `PublicKey`: whether the public key is used. Without it, nothing can be issued.
    pub public_key: bool,
    /// `DNSNames`: whether DNS names are used.
    pub dns_names: bool,
    /// `IPAddresses`: whether IP addresses are used.
    pub ip_addresses: bool,
    /// `EmailAddresses`: whether e-mail addresses are used.
    pub email_addresses: bool,
    /// `URIs`: whether URIs are used.
    pub uris: bool,
}

impl Profile {
    /// The profile that cfssl uses without a ca-config: for servers and clients, valid for a year.
    pub fn built_in() -> Self {
        Self {
            usage_names: ["signing", "key encipherment", "server auth", "client auth"]
                .map(str::to_owned)
                .to_vec(),
            key_usage: KeyUsage::DIGITAL_SIGNATURE.and(KeyUsage::KEY_ENCIPHERMENT),
            extended_key_usage: vec![oid::SERVER_AUTH, oid::CLIENT_AUTH],
            expiry: Duration::hours(8760),
            expiry_text: "8760h".to_owned(),
            ..Self::default()
        }
    }

    /// Whether the profile has any usage. Without one, it cannot be used.
    pub fn has_usages(&self) -> bool {
        !self.key_usage.is_empty() || !self.extended_key_usage.is_empty()
    }

    /// A template with everything that the profile determines. Names and extensions are left empty.
    pub(crate) fn template<'a>(
        &'a self,
        subject: &'a Name,
        public_key: &'a PublicKey,
        validity: Validity,
    ) -> Template<'a> {
        Template {
            key_usage: self.key_usage,
            extended_key_usage: &self.extended_key_usage,
            basic_constraints: match self.ca_constraint {
                Some(constraint) => BasicConstraints { ca: true, path_len: constraint.path_len },
                None => BasicConstraints::default(),
            },
            ocsp_url: self.ocsp_url.as_deref(),
            issuer_urls: &self.issuer_urls,
            crl_url: self.crl_url.as_deref(),
            policies: &self.policies,
            ocsp_no_check: self.ocsp_no_check,
            ..Template::new(subject, public_key, validity)
        }
    }

    /// Adds a usage by cfssl's name.
    ///
    /// # Errors
    /// [`ErrorKind::UnknownUsage`], with the most similar name.
    pub(crate) fn add_usage(&mut self, name: &str) -> Result<(), ErrorKind> {
        match usage::find(name) {
            Some(Usage::Key(bits)) => self.key_usage = self.key_usage.and(bits),
            Some(Usage::Extended(oid)) => self.extended_key_usage.push(oid),
            None => {
                let near = suggest::near(name, usage::names()).map(str::to_owned);
                return Err(ErrorKind::UnknownUsage { usage: name.to_owned(), near });
            }
        }
        self.usage_names.push(name.to_owned());
        Ok(())
    }

    /// Checks that the profile can sign here.
    ///
    /// # Errors
    /// [`ErrorKind::Remote`] if it leaves signing to a server, [`ErrorKind::NoUsages`] if it has no usage.
    pub fn check_usable(&self) -> Result<(), Error> {
        match &self.remote {
            Some(name) => Err(ErrorKind::Remote { name: name.clone() }.into()),
            None if self.has_usages() => Ok(()),
            None => Err(ErrorKind::NoUsages.into()),
        }
    }
}
