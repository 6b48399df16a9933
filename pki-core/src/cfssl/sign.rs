//! Issuing certificates from requests and profiles, as `cfssl sign` and `cfssl gencert` do.

use der::asn1::ObjectIdentifier;
use time::OffsetDateTime;

use crate::cfssl::csr_json::Request;
use crate::cfssl::error::{Error, ErrorKind};
use crate::cfssl::notice::{Notice, NoticeKind, WithNotices};
use crate::cfssl::profile::{CsrWhitelist, Profile};
use crate::x509::alt_names::SubjectAltNames;
use crate::x509::certificate::Certificate;
use crate::x509::csr::{CertificateRequest, VerifiedRequest};
use crate::x509::extension::Extension;
use crate::x509::issuer::Issuer;
use crate::x509::key::{KeySource, PrivateKey};
use crate::x509::name::{Name, Subject};
use crate::x509::oid;
use crate::x509::random::Random;
use crate::x509::template::Template;
use crate::x509::usage::KeyUsage;
use crate::x509::validity::{BACKDATE, Validity, round_to_minute};

/// A request, the profile for it, and what replaces parts of them.
#[derive(Debug)]
pub struct SigningRequest<'a> {
    /// The request with the public key.
    pub request: &'a VerifiedRequest,
    /// The profile that determines usages, lifetime and extensions.
    pub profile: &'a Profile,
    /// Attributes that replace those of the request, type by type.
    pub subject: Option<Subject>,
    /// Names that replace all names of the request.
    pub names: Option<SubjectAltNames>,
    /// A URL that replaces the `crl_url` of the profile.
    pub crl_url: Option<&'a str>,
}

/// cfssl's CSR JSON, for which a key is to be made, the profile for it, and what replaces parts of them.
#[derive(Debug, Clone)]
pub struct NewRequest<'a> {
    /// The CSR JSON.
    pub request: &'a Request,
    /// The profile that determines usages, lifetime and extensions.
    pub profile: &'a Profile,
    /// Names for the certificate in place of those that the profile takes from the request.
    pub names: Option<SubjectAltNames>,
    /// A URL that replaces the `crl_url` of the profile.
    pub crl_url: Option<&'a str>,
}

impl<'a> NewRequest<'a> {
    /// A request of which nothing is replaced.
    pub fn new(request: &'a Request, profile: &'a Profile) -> Self {
        Self { request, profile, names: None, crl_url: None }
    }
}

/// A new certificate with its key, and the request that cfssl writes beside them.
#[derive(Debug)]
pub struct NewCertificate {
    /// The certificate.
    pub certificate: Certificate,
    /// The request from which the certificate was made.
    pub request: CertificateRequest,
    /// The private key.
    pub key: PrivateKey,
}

impl Issuer {
    /// Issues a certificate for a request by the rules of a profile, as `cfssl sign` does.
    ///
    /// In this example the CA decides about subject and names, and takes only the key from the request:
    ///
    /// ```
    /// use pki_core::x509::{CertificateRequest, Subject, SubjectAltNames, SystemRandomness};
    /// use pki_core::cfssl::{Config, SigningRequest};
    /// # use pki_core::x509::{Issuer, KeySource, SystemKeys};
    /// # use pki_core::cfssl::{Request, ca};
    ///
    /// # let now = time::OffsetDateTime::now_utc();
    /// # let ca = Request { common_name: "etcd CA".into(), ..Request::default() };
    /// # let key = SystemKeys.generate(ca.key)?;
    /// # let issuer = Issuer::new(ca::create(&ca, &key, now, &SystemRandomness)?.value.certificate, key)?;
    /// # let theirs = Request { common_name: "node7".into(), ..Request::default() };
    /// # let file = theirs.sign(&SystemKeys.generate(theirs.key)?)?.value.to_pem();
    /// let json = r#"{"signing": {"profiles": {"server": {"expiry": "90d", "usages": ["signing", "server auth"]}}}}"#;
    /// let config = Config::from_json(json, None)?.value;
    /// let request = CertificateRequest::read(file.as_bytes())?.verify()?;
    /// let signing = SigningRequest {
    ///     request: &request,
    ///     profile: config.profile(Some("server"))?.value,
    ///     subject: Some(Subject::common_name("etcd1")),
    ///     names: Some(SubjectAltNames::from_hosts(&["10.0.0.1".to_owned()])?.value),
    ///     crl_url: None,
    /// };
    /// let signed = issuer.sign(&signing, now, &SystemRandomness)?;
    /// assert_eq!(signed.value.subject().to_string(), "CN=etcd1");
    /// # Ok::<(), pki_core::cfssl::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::NoUsages`], [`ErrorKind::Remote`] or [`ErrorKind::PublicKeyNotWhitelisted`] if the profile cannot be
    /// used, [`ErrorKind::CaNotAllowed`] or [`ErrorKind::NotWhitelisted`] if the profile does not allow the request,
    /// [`x509::ErrorKind::PathLenExceeded`](crate::x509::ErrorKind::PathLenExceeded) if the CA does not allow a CA below
    /// it, [`x509::ErrorKind::Validity`](crate::x509::ErrorKind::Validity) if the certificate would end before it begins,
    /// and what [`Issuer::issue`] says.
    pub fn sign(
        &self,
        signing: &SigningRequest<'_>,
        now: OffsetDateTime,
        random: &dyn Random,
    ) -> Result<WithNotices<Certificate>, Error> {
        let SigningRequest { request, profile, .. } = signing;
        profile.check_usable()?;
        let whitelist = profile.csr_whitelist.unwrap_or(CsrWhitelist::ALL);
        if !whitelist.public_key {
            return Err(ErrorKind::PublicKeyNotWhitelisted.into());
        }
        let mut subject = match whitelist.subject {
            true => Subject::from(request.request().subject()),
            false => Subject::default(),
        };
        if let Some(given) = &signing.subject {
            subject.replace_with(given);
        }
        let subject = subject.to_name()?;
        let mut names = match &signing.names {
            Some(names) => names.clone(),
            None => whitelist.apply(request.request().subject_alt_names()?),
        };
        check_names(profile, &subject, &names)?;
        let mut notices = Vec::new();
        if profile.ca_constraint.is_some() {
            names = SubjectAltNames { ip: names.ip, ..SubjectAltNames::default() };
        }
        notices.extend(self.check_constraints(request, profile)?);
        let copied = copied_extensions(signing);
        let template = Template {
            names: &names,
            crl_url: signing.crl_url.or(profile.crl_url.as_deref()),
            extensions: &copied,
            ..profile.template(&subject, request.public_key(), validity(profile, now)?)
        };
        let signed = self.issue(&template, now, random)?;
        notices.extend(signed.notices.into_iter().map(Notice::from));
        notices.extend(requested_usages(&signed.value, profile));
        Ok(WithNotices { value: signed.value, notices })
    }

    /// Makes a key, a request and a certificate from cfssl's CSR JSON, as `cfssl gencert` does.
    ///
    /// ```
    /// use pki_core::cfssl::{NewRequest, Profile, Request};
    /// # use pki_core::cfssl::ca;
    /// use pki_core::x509::{Issuer, SystemKeys, SystemRandomness};
    /// # use pki_core::x509::KeySource;
    ///
    /// # let now = time::OffsetDateTime::now_utc();
    /// # let request = Request { common_name: "etcd CA".into(), ..Request::default() };
    /// # let key = SystemKeys.generate(request.key)?;
    /// # let issuer = Issuer::new(ca::create(&request, &key, now, &SystemRandomness)?.value.certificate, key)?;
    /// let request = Request::from_json(r#"{"CN": "etcd1", "hosts": ["etcd1.example.com"]}"#, None)?.value;
    /// let profile = Profile::built_in();
    /// let made = issuer.gencert(&NewRequest::new(&request, &profile), &SystemKeys, now, &SystemRandomness)?.value;
    /// assert!(made.certificate.is_for(made.key.public_key()));
    /// # Ok::<(), pki_core::cfssl::Error>(())
    /// ```
    ///
    /// # Errors
    /// What [`Request::sign`] and [`Issuer::sign`] say, and what `keys` says.
    pub fn gencert(
        &self,
        new: &NewRequest<'_>,
        keys: &dyn KeySource,
        now: OffsetDateTime,
        random: &dyn Random,
    ) -> Result<WithNotices<NewCertificate>, Error> {
        let NewRequest { request, profile, names, crl_url } = new.clone();
        let key = keys.generate(request.key)?;
        let WithNotices { value: csr, mut notices } = request.sign(&key)?;
        let verified = csr.trust_own_signature()?;
        let signing = SigningRequest { request: &verified, profile, subject: None, names, crl_url };
        let signed = self.sign(&signing, now, random)?;
        notices.extend(signed.notices);
        let value = NewCertificate { certificate: signed.value, request: verified.into_request(), key };
        Ok(WithNotices { value, notices })
    }

    /// Checks that the profile allows the CA that is asked for, and that this CA allows it by its path length (RFC 5280
    /// section 4.2.1.9). Of the path lengths of a chain the smallest one counts (section 6.1.4), so one in the profile
    /// that is too great does no harm.
    fn check_constraints(
        &self,
        request: &VerifiedRequest,
        profile: &Profile,
    ) -> Result<Option<Notice>, Error> {
        // No CSRWhitelist names basicConstraints.
        let requested = match profile.csr_whitelist {
            Some(_) => None,
            None => request.request().basic_constraints()?.filter(|constraints| constraints.ca),
        };
        let Some(constraint) = profile.ca_constraint else {
            return if requested.is_some() { Err(ErrorKind::CaNotAllowed.into()) } else { Ok(None) };
        };
        self.check_path_len(requested.and_then(|constraints| constraints.path_len))?;
        let limit = self.certificate().basic_constraints().and_then(|own| own.path_len);
        Ok(constraint.path_len.zip(limit).filter(|(path_len, limit)| path_len >= limit).map(
            |(path_len, limit)| {
                Notice::new(NoticeKind::PathLenLimited { path_len, limit: limit.saturating_sub(1) })
            },
        ))
    }
}

impl CsrWhitelist {
    /// All parts of a request: the rule of a profile without `CSRWhitelist`.
    pub const ALL: Self = Self {
        subject: true,
        public_key: true,
        dns_names: true,
        ip_addresses: true,
        email_addresses: true,
        uris: true,
    };

    fn apply(self, names: SubjectAltNames) -> SubjectAltNames {
        let SubjectAltNames { dns, email, ip, uri } = names;
        SubjectAltNames {
            dns: if self.dns_names { dns } else { Vec::new() },
            email: if self.email_addresses { email } else { Vec::new() },
            ip: if self.ip_addresses { ip } else { Vec::new() },
            uri: if self.uris { uri } else { Vec::new() },
        }
    }
}

/// The extensions of the request that are copied into the certificate.
fn copied_extensions(signing: &SigningRequest<'_>) -> Vec<Extension> {
    let SigningRequest { request, profile, names, .. } = signing;
    let extensions = request.request().extensions();
    if !profile.copy_extensions || profile.csr_whitelist.is_some() {
        let delegation = extensions.iter().filter(|extension| extension.oid == oid::DELEGATION_USAGE);
        return delegation.cloned().collect();
    }
    // Whether the certificate is that of a CA, and which key issued it, is not for the request to decide.
    let left_out = |oid: ObjectIdentifier| match oid {
        oid::BASIC_CONSTRAINTS | oid::AUTHORITY_KEY_IDENTIFIER => true,
        oid::SUBJECT_ALT_NAME => names.is_some(),
        _ => false,
    };
    extensions.iter().filter(|extension| !left_out(extension.oid)).cloned().collect()
}

/// A notice for each usage of CAs that came from the request through `copy_extensions`.
fn requested_usages(certificate: &Certificate, profile: &Profile) -> Vec<Notice> {
    let usage = certificate.key_usage().unwrap_or_default();
    [(KeyUsage::KEY_CERT_SIGN, "keyCertSign"), (KeyUsage::CRL_SIGN, "cRLSign")]
        .into_iter()
        .filter(|(bit, _)| usage.contains(*bit) && !profile.key_usage.contains(*bit))
        .map(|(_, usage)| Notice::new(NoticeKind::RequestedUsage { usage }))
        .collect()
}

/// Checks `name_whitelist`. As in cfssl, the common name and all alternative names but IP addresses have to match.
fn check_names(profile: &Profile, subject: &Name, names: &SubjectAltNames) -> Result<(), Error> {
    let Some(whitelist) = &profile.name_whitelist else { return Ok(()) };
    let common_name = subject.common_name().filter(|name| !name.is_empty());
    let all = [&names.dns, &names.email, &names.uri].into_iter().flatten().map(String::as_str);
    for name in common_name.into_iter().chain(all) {
        if !whitelist.is_match(name) {
            return Err(ErrorKind::NotWhitelisted { name: name.to_owned() }.into());
        }
    }
    Ok(())
}

/// The validity by cfssl's `FillTemplate` (`signer/signer.go`): it begins at the nearest minute less `backdate`, unless
/// the profile has fixed moments.
fn validity(profile: &Profile, now: OffsetDateTime) -> Result<Validity, Error> {
    let not_before = match profile.not_before {
        Some(date) => date,
        None => round_to_minute(now) - profile.backdate.unwrap_or(BACKDATE),
    };
    Ok(match profile.not_after {
        Some(not_after) => Validity::new(not_before, not_after)?,
        None => Validity::lasting(not_before, profile.expiry)?,
    })
}

#[cfg(test)]
mod tests;
