//! Signing under a profile: a CA, a request and a policy make a certificate.

mod renew;

use der::asn1::ObjectIdentifier;
use time::{Duration, OffsetDateTime};

use crate::cfssl::ca::end;
use crate::cfssl::csr_json::{BACKDATE, Request};
use crate::cfssl::profile::{CsrWhitelist, Profile};
use crate::error::{Error, ErrorKind};
use crate::notice::{Notice, NoticeKind, Noticed};
use crate::x509::alt_names::SubjectAltNames;
use crate::x509::certificate::{Certificate, ToBeSigned, Validity};
use crate::x509::csr::{CertificateRequest, VerifiedRequest};
use crate::x509::extension::{BasicConstraints, Extension};
use crate::x509::key::{KeySource, PrivateKey, PublicKey};
use crate::x509::name::{Name, Subject};
use crate::x509::oid;
use crate::x509::random::{Random, SerialNumber};
use crate::x509::usage::KeyUsage;

/// A CA that can sign: a certificate that may, and the key that fits.
#[derive(Debug)]
pub struct Issuer {
    certificate: Certificate,
    key: PrivateKey,
}

/// What is to be signed, beyond what the profile says.
#[derive(Debug)]
pub struct SigningRequest<'a> {
    /// The request.
    pub request: &'a VerifiedRequest,
    /// The profile to sign under.
    pub profile: &'a Profile,
    /// Attributes that replace those of the request, type by type.
    pub subject: Option<Subject>,
    /// Names that replace those of the request.
    pub names: Option<SubjectAltNames>,
    /// A CRL distribution point that goes before the profile's.
    pub crl_url: Option<&'a str>,
}

/// What a certificate will say, beyond what the profile and the CA say.
#[derive(Debug, Clone, Copy)]
pub struct Template<'a> {
    /// Whom it is for.
    pub subject: &'a Name,
    /// The key that it is for.
    pub public_key: &'a PublicKey,
    /// The names that it is valid for.
    pub names: &'a SubjectAltNames,
    /// The profile to issue under.
    pub profile: &'a Profile,
    /// A CRL distribution point that goes before the profile's.
    pub crl_url: Option<&'a str>,
    /// Extensions that go in as they are, each in place of the profile's own.
    pub extensions: &'a [Extension],
}

/// A certificate with its new key, and the request in between.
#[derive(Debug)]
pub struct NewCertificate {
    /// The certificate.
    pub certificate: Certificate,
    /// The request that it was made from.
    pub request: CertificateRequest,
    /// The key.
    pub key: PrivateKey,
}

impl Issuer {
    /// Joins a CA's certificate and key.
    ///
    /// # Errors
    /// [`ErrorKind::KeyMismatch`] if they do not belong together, [`ErrorKind::NotACa`] if the certificate may
    /// not sign others.
    pub fn new(certificate: Certificate, key: PrivateKey) -> Result<Self, Error> {
        if !certificate.is_for(&key) {
            return Err(ErrorKind::KeyMismatch.into());
        }
        certificate.check_ca()?;
        Ok(Self { certificate, key })
    }

    /// The CA's certificate.
    pub fn certificate(&self) -> &Certificate {
        &self.certificate
    }

    pub(crate) fn key(&self) -> &PrivateKey {
        &self.key
    }

    /// Signs a request under a profile.
    ///
    /// A request from elsewhere, names and subject given by whoever signs:
    ///
    /// ```
    /// use pki_core::{CertificateRequest, Config, SigningRequest, Subject, SubjectAltNames, SystemRandomness};
    /// # use pki_core::{Issuer, KeySource, Request, SystemKeys, ca};
    ///
    /// # let now = time::OffsetDateTime::now_utc();
    /// # let ca = Request { common_name: "etcd CA".into(), ..Request::default() };
    /// # let key = SystemKeys.generate(ca.key)?;
    /// # let issuer = Issuer::new(ca::create(&ca, &key, now, &SystemRandomness)?.value.certificate, key)?;
    /// # let theirs = Request { common_name: "whoever".into(), ..Request::default() };
    /// # let file = theirs.sign(&SystemKeys.generate(theirs.key)?, &mut Vec::new())?.to_pem();
    /// let json = r#"{"signing": {"profiles": {"server": {"expiry": "90d", "usages": ["signing", "server auth"]}}}}"#;
    /// let config = Config::from_json(json, None)?.value;
    /// let request = CertificateRequest::read(file.as_bytes())?.verify()?;
    /// let signing = SigningRequest {
    ///     request: &request,
    ///     profile: config.profile(Some("server"))?,
    ///     subject: Some(Subject::common_name("etcd1")),
    ///     names: Some(SubjectAltNames::from_hosts(&["10.0.0.1".to_owned()], &mut Vec::new())?),
    ///     crl_url: None,
    /// };
    /// let signed = issuer.sign(&signing, now, &SystemRandomness)?;
    /// assert_eq!(signed.value.subject().to_string(), "CN=etcd1");
    /// # Ok::<(), pki_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// If the CA is not valid at `now`, the profile forbids what is asked for, or the result could never be
    /// used.
    pub fn sign(
        &self,
        signing: &SigningRequest<'_>,
        now: OffsetDateTime,
        random: &dyn Random,
    ) -> Result<Noticed<Certificate>, Error> {
        let SigningRequest { request, profile, .. } = signing;
        profile.check_usable()?;
        if let Some(server) = &profile.remote {
            return Err(ErrorKind::Remote { name: server.clone() }.into());
        }
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
        if profile.ca_constraint.is_some() {
            names = SubjectAltNames { ip: names.ip, ..SubjectAltNames::default() };
        }
        self.check_constraints(request, profile)?;
        let copied = copied_extensions(signing);
        let template = Template {
            subject: &subject,
            public_key: request.public_key(),
            names: &names,
            profile,
            crl_url: signing.crl_url,
            extensions: &copied,
        };
        let mut signed = self.issue(&template, now, random)?;
        signed.notices.extend(requested_usages(&signed.value, profile));
        Ok(signed)
    }

    /// Makes a key, a request and a certificate from what cfssl's CSR JSON says: `gencert`.
    ///
    /// # Errors
    /// If the request's hosts are none, the profile forbids what is asked for, or nothing could be made of it.
    pub fn gencert(
        &self,
        request: &Request,
        profile: &Profile,
        crl_url: Option<&str>,
        keys: &dyn KeySource,
        now: OffsetDateTime,
        random: &dyn Random,
    ) -> Result<Noticed<NewCertificate>, Error> {
        let key = keys.generate(request.key)?;
        let mut notices = Vec::new();
        let verified = request.sign(&key, &mut notices)?.signed_here()?;
        let signing = SigningRequest { request: &verified, profile, subject: None, names: None, crl_url };
        let signed = self.sign(&signing, now, random)?;
        notices.extend(signed.notices);
        let value = NewCertificate { certificate: signed.value, request: verified.into_request(), key };
        Ok(Noticed { value, notices })
    }

    /// Issues a certificate for a key that is known to be the subject's own, without a request.
    ///
    /// # Errors
    /// If the CA is not valid at `now`, or the result could never be used.
    pub fn issue(
        &self,
        template: &Template<'_>,
        now: OffsetDateTime,
        random: &dyn Random,
    ) -> Result<Noticed<Certificate>, Error> {
        template.profile.check_usable()?;
        self.check_valid(now)?;
        let certificate = ToBeSigned {
            serial: SerialNumber::generate(random)?,
            issuer: self.certificate.subject(),
            validity: validity(template.profile, now)?,
            subject: template.subject,
            public_key: template.public_key,
            extensions: &self.extensions(template)?,
        }
        .sign(&self.key)?;
        let notices = self.notices(&certificate);
        Ok(Noticed { value: certificate, notices })
    }

    fn check_valid(&self, now: OffsetDateTime) -> Result<(), Error> {
        if self.certificate.is_valid_at(now) {
            return Ok(());
        }
        let (not_before, not_after) = (self.certificate.not_before(), self.certificate.not_after());
        Err(ErrorKind::CaNotValid { not_before, not_after }.into())
    }

    /// RFC 5280 section 4.2.1.9: whether a CA may be made at all, and below this one.
    fn check_constraints(&self, request: &VerifiedRequest, profile: &Profile) -> Result<(), Error> {
        let requested = request.request().basic_constraints()?.filter(|constraints| constraints.ca);
        let Some(constraint) = profile.ca_constraint else {
            return if requested.is_some() { Err(ErrorKind::CaNotAllowed.into()) } else { Ok(()) };
        };
        self.check_path_len(requested.and_then(|constraints| constraints.path_len).or(constraint.path_len))
    }

    /// Whether a CA may be below this one, with `asked` more below it.
    fn check_path_len(&self, asked: Option<u8>) -> Result<(), Error> {
        match self.certificate.basic_constraints().and_then(|own| own.path_len) {
            Some(limit) if limit == 0 || asked.is_some_and(|asked| asked >= limit) => {
                Err(ErrorKind::PathLenExceeded { limit }.into())
            }
            _ => Ok(()),
        }
    }

    /// The extensions in cfssl's order. What is copied from the request takes the place of our own.
    fn extensions(&self, template: &Template<'_>) -> Result<Vec<Extension>, Error> {
        let Template { subject, public_key, names, profile, crl_url, extensions: copied } = *template;
        let mut extensions = Vec::new();
        if !profile.key_usage.is_empty() {
            extensions.push(Extension::key_usage(profile.key_usage)?);
        }
        if !profile.extended_key_usage.is_empty() {
            extensions.push(Extension::extended_key_usage(&profile.extended_key_usage)?);
        }
        extensions.push(Extension::basic_constraints(match profile.ca_constraint {
            Some(constraint) => BasicConstraints { ca: true, path_len: constraint.path_len },
            None => BasicConstraints::default(),
        })?);
        extensions.push(Extension::subject_key_identifier(&public_key.identifier())?);
        // A certificate named like its CA counts as self-issued, and those have none in cfssl.
        if let Some(identifier) = self.certificate.subject_key_identifier()
            && subject != self.certificate.subject()
        {
            extensions.push(Extension::authority_key_identifier(identifier)?);
        }
        if profile.ocsp_url.is_some() || !profile.issuer_urls.is_empty() {
            let ocsp = profile.ocsp_url.as_deref();
            extensions.push(Extension::authority_info_access(ocsp, &profile.issuer_urls)?);
        }
        if !names.is_empty() {
            extensions.push(Extension::subject_alt_name(names, subject.is_empty())?);
        }
        if let Some(url) = crl_url.or(profile.crl_url.as_deref()) {
            extensions.push(Extension::crl_distribution_points(url)?);
        }
        extensions.retain(|extension| !copied.iter().any(|copy| copy.oid == extension.oid));
        extensions.extend(copied.iter().cloned());
        if !profile.policies.is_empty() {
            extensions.push(Extension::certificate_policies(&profile.policies)?);
        }
        if profile.ocsp_no_check {
            extensions.push(Extension::ocsp_no_check()?);
        }
        Ok(extensions)
    }

    fn notices(&self, certificate: &Certificate) -> Vec<Notice> {
        let mut notices = Vec::new();
        let (not_after, issuer_not_after) = (certificate.not_after(), self.certificate.not_after());
        if not_after > issuer_not_after {
            notices.push(Notice::new(NoticeKind::OutlivesIssuer { not_after, issuer_not_after }));
        }
        if certificate.subject() == self.certificate.subject() {
            notices
                .push(Notice::new(NoticeKind::NamedLikeIssuer { name: certificate.subject().to_string() }));
        }
        let serves =
            certificate.extended_key_usage().is_some_and(|usages| usages.contains(&oid::SERVER_AUTH));
        if serves && certificate.subject_alt_names().is_empty() {
            notices.push(Notice::new(NoticeKind::NoHosts));
        }
        notices
    }
}

impl CsrWhitelist {
    /// What a profile without the section believes: everything.
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

/// What goes from the request into the certificate as it is.
fn copied_extensions(signing: &SigningRequest<'_>) -> Vec<Extension> {
    let SigningRequest { request, profile, names, .. } = signing;
    let extensions = request.request().extensions();
    if !profile.copy_extensions || profile.csr_whitelist.is_some() {
        let delegation = extensions.iter().filter(|extension| extension.oid == oid::DELEGATION_USAGE);
        return delegation.cloned().collect();
    }
    // The issuer decides whether there is a CA and who issued it, and names that were given replace all others.
    let left_out = |oid: ObjectIdentifier| match oid {
        oid::BASIC_CONSTRAINTS | oid::AUTHORITY_KEY_IDENTIFIER => true,
        oid::SUBJECT_ALT_NAME => names.is_some(),
        _ => false,
    };
    extensions.iter().filter(|extension| !left_out(extension.oid)).cloned().collect()
}

/// The usages of a CA that a requester took through `copy_extensions`.
fn requested_usages(certificate: &Certificate, profile: &Profile) -> Vec<Notice> {
    let usage = certificate.key_usage().unwrap_or_default();
    [(KeyUsage::KEY_CERT_SIGN, "keyCertSign"), (KeyUsage::CRL_SIGN, "cRLSign")]
        .into_iter()
        .filter(|(bit, _)| usage.contains(*bit) && !profile.key_usage.contains(*bit))
        .map(|(_, usage)| Notice::new(NoticeKind::RequestedUsage { usage }))
        .collect()
}

/// `name_whitelist` holds for the common name and for every alternative name but addresses, which cfssl never
/// looks at.
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

/// cfssl's signer.go, `FillTemplate`: from the nearest minute, five minutes back.
fn validity(profile: &Profile, now: OffsetDateTime) -> Result<Validity, Error> {
    let not_before = match profile.not_before {
        Some(date) => date,
        None => round_to_minute(now) - profile.backdate.unwrap_or(BACKDATE),
    };
    let not_after = match profile.not_after {
        Some(date) => date,
        None => end(not_before, profile.expiry)?,
    };
    Validity::new(not_before, not_after)
}

/// The nearest whole minute, half a minute going up.
pub(crate) fn round_to_minute(moment: OffsetDateTime) -> OffsetDateTime {
    let half = moment + Duration::seconds(30);
    half.replace_second(0).unwrap_or(half).truncate_to_second()
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    #[test]
    fn minutes_are_rounded_half_up() {
        assert_eq!(round_to_minute(datetime!(2026-11-21 01:47:29.9 UTC)), datetime!(2026-11-21 01:47 UTC));
        assert_eq!(round_to_minute(datetime!(2026-11-21 01:47:30 UTC)), datetime!(2026-11-21 01:48 UTC));
    }
}
