//! One profile: what a certificate signed under it may do, and for how long.

use der::asn1::ObjectIdentifier;
use regex::Regex;
use time::{Duration, OffsetDateTime};

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

/// A signing profile.
#[derive(Debug, Clone, Default)]
pub struct Profile {
    /// `usages` as written, for `info`
    pub usage_names: Vec<String>,
    /// The key usage bits among `usages`
    pub key_usage: KeyUsage,
    /// The extended key usages among `usages`, in order
    pub extended_key_usage: Vec<ObjectIdentifier>,
    /// `expiry`: how long a certificate is valid
    pub expiry: Duration,
    /// `expiry` as written, for `info`
    pub expiry_text: String,
    /// `backdate`: how far back validity begins; none means five minutes
    pub backdate: Option<Duration>,
    /// `not_before`: a fixed begin
    pub not_before: Option<OffsetDateTime>,
    /// `not_after`: a fixed end
    pub not_after: Option<OffsetDateTime>,
    /// `ca_constraint`: present if the profile makes CAs
    pub ca_constraint: Option<CaConstraint>,
    /// `crl_url`
    pub crl_url: Option<String>,
    /// `ocsp_url`
    pub ocsp_url: Option<String>,
    /// `issuer_urls`
    pub issuer_urls: Vec<String>,
    /// `ocsp_no_check`
    pub ocsp_no_check: bool,
    /// `policies`
    pub policies: Vec<CertificatePolicy>,
    /// `name_whitelist`: what every name must match
    pub name_whitelist: Option<Regex>,
    /// `CSRWhitelist`: what is taken from a request; none means everything
    pub csr_whitelist: Option<CsrWhitelist>,
    /// `copy_extensions`
    pub copy_extensions: bool,
    /// `remote`: the server that signs instead
    pub remote: Option<String>,
}

/// What a profile that makes CAs says of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CaConstraint {
    /// How many CAs may follow below; none means no limit.
    pub path_len: Option<u8>,
}

/// Which parts of a request are believed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CsrWhitelist {
    /// The subject
    pub subject: bool,
    /// The public key; without it nothing can be signed
    pub public_key: bool,
    /// DNS names
    pub dns_names: bool,
    /// IP addresses
    pub ip_addresses: bool,
    /// E-mail addresses
    pub email_addresses: bool,
    /// URIs
    pub uris: bool,
}

impl Profile {
    /// cfssl's built-in default, used without a config file: a peer certificate for a year.
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

    /// Whether the profile says what a certificate is for. One that does not cannot be signed under.
    pub fn has_usages(&self) -> bool {
        !self.key_usage.is_empty() || !self.extended_key_usage.is_empty()
    }

    /// A certificate with what the profile says, but for the names.
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

    /// Adds one of cfssl's usage names.
    ///
    /// # Errors
    /// [`ErrorKind::UnknownUsage`], with the near miss.
    pub(crate) fn add_usage(&mut self, name: &str) -> Result<(), ErrorKind> {
        match usage::find(name) {
            Some(Usage::Key(bits)) => self.key_usage = self.key_usage.and(bits),
            Some(Usage::Extended(oid)) => self.extended_key_usage.push(oid),
            None => {
                let near = crate::base::suggest::near(name, usage::names()).map(str::to_owned);
                return Err(ErrorKind::UnknownUsage { usage: name.to_owned(), near });
            }
        }
        self.usage_names.push(name.to_owned());
        Ok(())
    }

    /// Fails unless the profile can be signed under.
    ///
    /// # Errors
    /// [`ErrorKind::NoUsages`] if it does not say what a certificate is for.
    pub fn check_usable(&self) -> Result<(), Error> {
        if self.has_usages() { Ok(()) } else { Err(ErrorKind::NoUsages.into()) }
    }
}
