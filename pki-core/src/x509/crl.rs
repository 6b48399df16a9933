//! Revocation lists (RFC 5280 section 5): making, reading and extending them.

use std::collections::HashSet;
use std::fmt;
use std::str::FromStr;

use der::asn1::{ObjectIdentifier, Uint};
use der::{Encode, Tag};
use time::OffsetDateTime;
use x509_parser::num_bigint::BigUint;
use x509_parser::prelude::{CertificateRevocationList, FromDer};

use crate::base::suggest;
use crate::x509::certificate::{Certificate, object_identifier};
use crate::x509::der as encode;
use crate::x509::error::{Error, ErrorKind};
use crate::x509::extension::Extension;
use crate::x509::issuer::Issuer;
use crate::x509::name::Name;
use crate::x509::oid;
use crate::x509::pem;
use crate::x509::sign::{algorithm_identifier, sign_structure};
use crate::x509::usage::KeyUsage;
use crate::x509::validity::{Validity, time_der};

/// A revocation list: its DER, and the fields that were read from it. Its signature was not checked;
/// [`Crl::verify_issued_by`] does that.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Crl {
    der: Vec<u8>,
    to_be_signed: Vec<u8>,
    signature_algorithm: ObjectIdentifier,
    signature: Vec<u8>,
    issuer: Name,
    this_update: OffsetDateTime,
    next_update: Option<OffsetDateTime>,
    number: Option<u64>,
    revocations: Vec<Revocation>,
}

/// One entry of a revocation list (RFC 5280 section 5.1.2.6).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revocation {
    /// The serial number of the revoked certificate.
    pub serial: RevokedSerial,
    /// The moment of the revocation.
    pub date: OffsetDateTime,
    /// The reason code, if the entry has one.
    pub reason: Option<RevocationReason>,
}

/// The serial number of a revoked certificate: a positive number.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RevokedSerial(BigUint);

/// Why a certificate was revoked (RFC 5280 section 5.3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum RevocationReason {
    /// The private key of the certificate is known or suspected to be in other hands.
    KeyCompromise,
    /// The private key of the CA is known or suspected to be in other hands.
    CaCompromise,
    /// The name of the subject, or something else about it, has changed.
    AffiliationChanged,
    /// Another certificate has replaced it.
    Superseded,
    /// It is not needed any more.
    CessationOfOperation,
    /// It is suspended, and may become valid again.
    CertificateHold,
    /// A privilege that it grants was withdrawn.
    PrivilegeWithdrawn,
    /// The private key of the attribute authority is known or suspected to be in other hands.
    AaCompromise,
}

/// The contents of a new revocation list that do not come from the CA.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CrlTemplate<'a> {
    /// cRLNumber, which must be greater than those of all earlier lists of this CA.
    pub number: u64,
    /// thisUpdate: the moment at which the list is issued.
    pub this_update: OffsetDateTime,
    /// nextUpdate: the next list will be issued by then, and this one should not be used any more.
    pub next_update: OffsetDateTime,
    /// The entries; there may be none.
    pub revocations: &'a [Revocation],
}

const REASONS: [(RevocationReason, &str, u8); 8] = [
    (RevocationReason::KeyCompromise, "keyCompromise", 1),
    (RevocationReason::CaCompromise, "cACompromise", 2),
    (RevocationReason::AffiliationChanged, "affiliationChanged", 3),
    (RevocationReason::Superseded, "superseded", 4),
    (RevocationReason::CessationOfOperation, "cessationOfOperation", 5),
    (RevocationReason::CertificateHold, "certificateHold", 6),
    (RevocationReason::PrivilegeWithdrawn, "privilegeWithdrawn", 9),
    (RevocationReason::AaCompromise, "aACompromise", 10),
];

impl Issuer {
    /// Issues a revocation list of version 2, with its number and the reason codes.
    ///
    /// ```
    /// use pki_core::x509::{CrlTemplate, Issuer, KeyAlgorithm, KeySource, Revocation, RevocationReason, RevokedSerial, SystemKeys, SystemRandomness};
    /// use pki_core::cfssl::{Request, ca};
    /// use time::{Duration, OffsetDateTime};
    ///
    /// let now = OffsetDateTime::now_utc();
    /// let request = Request { common_name: "etcd CA".into(), ..Request::default() };
    /// let key = SystemKeys.generate(KeyAlgorithm::EcdsaP256)?;
    /// let root = ca::create(&request, &key, now, &SystemRandomness)?.value.certificate;
    /// let issuer = Issuer::new(root, key)?;
    /// let serial = RevokedSerial::parse("4711")?;
    /// let reason = Some(RevocationReason::KeyCompromise);
    /// let template = CrlTemplate {
    ///     number: 1,
    ///     this_update: now,
    ///     next_update: now + Duration::days(7),
    ///     revocations: &[Revocation { serial: serial.clone(), date: now, reason }],
    /// };
    /// let crl = issuer.sign_crl(&template)?;
    /// assert!(crl.revocation(&serial).is_some());
    /// assert!(crl.to_pem().starts_with("-----BEGIN X509 CRL-----"));
    /// # Ok::<(), pki_core::cfssl::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::NotACa`] if the CA's keyUsage lacks cRLSign, [`ErrorKind::Validity`] if `next_update` is not after
    /// `this_update`, and what the CA's key says.
    pub fn sign_crl(&self, template: &CrlTemplate<'_>) -> Result<Crl, Error> {
        let certificate = self.certificate();
        if certificate.key_usage().is_some_and(|usage| !usage.contains(KeyUsage::CRL_SIGN)) {
            let subject = certificate.subject().to_string();
            return Err(ErrorKind::NotACa { subject, reason: "keyUsage lacks cRLSign" }.into());
        }
        let validity = Validity::new(template.this_update, template.next_update)?;
        let mut revoked = Vec::new();
        for revocation in template.revocations {
            revoked.push(revocation.to_der()?);
        }
        let mut extensions = Vec::new();
        if let Some(identifier) = certificate.subject_key_identifier() {
            extensions.push(Extension::authority_key_identifier(identifier)?.to_der()?);
        }
        extensions.push(Extension::new(oid::CRL_NUMBER, false, template.number.to_der()?)?.to_der()?);
        let key = self.key();
        let mut parts = vec![
            1u8.to_der()?,
            algorithm_identifier(key)?,
            certificate.subject().der().to_vec(),
            time_der(validity.not_before())?,
            time_der(validity.not_after())?,
        ];
        // RFC 5280 section 5.1.2.6: without entries, revokedCertificates must be absent.
        if !revoked.is_empty() {
            parts.push(encode::sequence(&revoked)?);
        }
        let context = Tag::ContextSpecific { constructed: true, number: der::TagNumber(0) };
        parts.push(encode::element(context, &encode::sequence(&extensions)?)?);
        Crl::from_der(&sign_structure(&encode::sequence(&parts)?, key)?)
    }
}

impl Crl {
    /// Reads the first PEM block of a file, with any label, or bare DER.
    ///
    /// # Errors
    /// [`ErrorKind::NoCrl`] if there is neither, [`ErrorKind::Crl`] if it is not a revocation list.
    pub fn read(bytes: &[u8]) -> Result<Self, Error> {
        match pem::blocks(bytes).first() {
            Some(block) => Self::from_der(&block.der),
            None if bytes.first() == Some(&0x30) => Self::from_der(bytes),
            None => Err(ErrorKind::NoCrl.into()),
        }
    }

    /// Reads a revocation list in DER.
    ///
    /// # Errors
    /// [`ErrorKind::Crl`] if it is malformed.
    pub fn from_der(der: &[u8]) -> Result<Self, Error> {
        let failed = |reason: String| Error::from(ErrorKind::Crl { reason });
        let (rest, parsed) =
            CertificateRevocationList::from_der(der).map_err(|error| failed(error.to_string()))?;
        if !rest.is_empty() {
            return Err(failed("there are more bytes after its end".to_owned()));
        }
        let revocations = parsed.iter_revoked_certificates().map(|entry| Revocation {
            serial: RevokedSerial(entry.user_certificate.clone()),
            date: entry.revocation_date.to_datetime(),
            reason: entry.reason_code().and_then(|(_, code)| RevocationReason::from_number(code.0)),
        });
        let number = parsed.crl_number().and_then(|number| u64::try_from(number).ok());
        Ok(Self {
            der: der.to_vec(),
            to_be_signed: parsed.tbs_cert_list.as_ref().to_vec(),
            signature_algorithm: object_identifier(&parsed.signature_algorithm.algorithm)?,
            signature: parsed.signature_value.data.to_vec(),
            issuer: Name::from_der(parsed.issuer().as_raw())?,
            this_update: parsed.last_update().to_datetime(),
            next_update: parsed.next_update().map(|moment| moment.to_datetime()),
            number,
            revocations: revocations.collect(),
        })
    }

    /// The list in DER.
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// The list in PEM, with the label `X509 CRL`.
    pub fn to_pem(&self) -> String {
        pem::encode("X509 CRL", &self.der)
    }

    /// The name of the CA that issued it.
    pub fn issuer(&self) -> &Name {
        &self.issuer
    }

    /// thisUpdate: the moment at which it was issued.
    pub fn this_update(&self) -> OffsetDateTime {
        self.this_update
    }

    /// nextUpdate, if present: the moment by which the next list is issued.
    pub fn next_update(&self) -> Option<OffsetDateTime> {
        self.next_update
    }

    /// cRLNumber, if present and of 64 bits or less.
    pub fn number(&self) -> Option<u64> {
        self.number
    }

    /// The entries, in order.
    pub fn revocations(&self) -> &[Revocation] {
        &self.revocations
    }

    /// The entry with a serial number, if there is one.
    pub fn revocation(&self, serial: &RevokedSerial) -> Option<&Revocation> {
        self.revocations.iter().find(|revocation| revocation.serial == *serial)
    }

    /// The entries for the next list: those of this list, then those of `new` with other serial numbers. So a
    /// certificate that is revoked already keeps its date and its reason.
    pub fn revocations_and(&self, new: impl IntoIterator<Item = Revocation>) -> Vec<Revocation> {
        let known: HashSet<&RevokedSerial> = self.revocations.iter().map(|entry| &entry.serial).collect();
        let new = new.into_iter().filter(|entry| !known.contains(&entry.serial));
        self.revocations.iter().cloned().chain(new).collect()
    }

    /// The number for the list after `previous` (RFC 5280 section 5.2.3): `wanted`, or without it the seconds from 1970
    /// to `now`, but at least one more than the number of `previous`.
    ///
    /// ```
    /// use pki_core::x509::Crl;
    /// use time::OffsetDateTime;
    ///
    /// assert_eq!(Crl::next_number(None, None, OffsetDateTime::UNIX_EPOCH)?, 0);
    /// assert_eq!(Crl::next_number(None, Some(7), OffsetDateTime::UNIX_EPOCH)?, 7);
    /// # Ok::<(), pki_core::x509::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::CrlNumber`] if `wanted` is not greater than the number of `previous`, or that is the greatest number
    /// of 64 bits.
    pub fn next_number(
        previous: Option<&Self>,
        wanted: Option<u64>,
        now: OffsetDateTime,
    ) -> Result<u64, Error> {
        let usual = u64::try_from(now.unix_timestamp()).unwrap_or_default();
        let Some(previous) = previous.and_then(Self::number) else { return Ok(wanted.unwrap_or(usual)) };
        let least = previous.checked_add(1);
        match (wanted, least) {
            (Some(wanted), Some(least)) if wanted >= least => Ok(wanted),
            (None, Some(least)) => Ok(usual.max(least)),
            _ => Err(ErrorKind::CrlNumber { number: wanted.unwrap_or(usual), previous }.into()),
        }
    }

    /// Checks that `ca` issued the list: the names are equal byte for byte, and the signature is made with its key.
    ///
    /// # Errors
    /// [`ErrorKind::NotIssuedBy`] if the names differ, else what [`PublicKey::verify`](crate::x509::PublicKey::verify)
    /// says.
    pub fn verify_issued_by(&self, ca: &Certificate) -> Result<(), Error> {
        if self.issuer.der() != ca.subject().der() {
            let (issuer, ca) = (self.issuer.to_string(), ca.subject().to_string());
            return Err(ErrorKind::NotIssuedBy { issuer, ca }.into());
        }
        ca.public_key()?.verify(self.signature_algorithm, &self.to_be_signed, &self.signature)
    }
}

impl Revocation {
    fn to_der(&self) -> Result<Vec<u8>, Error> {
        let mut parts = vec![self.serial.to_der()?, time_der(self.date)?];
        if let Some(reason) = self.reason {
            let code = encode::element(Tag::Enumerated, &[reason.number()])?;
            let extension = Extension::new(oid::REASON_CODE, false, code)?;
            parts.push(encode::sequence(&[extension.to_der()?])?);
        }
        encode::sequence(&parts)
    }
}

/// The most digits that are read. The 20 bytes of RFC 5280 section 4.1.2.2 have at most 49, and the time to read a number
/// grows with the square of its length.
const LONGEST_SERIAL: usize = 1000;

impl RevokedSerial {
    /// Reads a serial number of up to 1,000 digits: decimal, or hexadecimal after `0x`.
    ///
    /// # Errors
    /// [`ErrorKind::NotASerial`] if the text is not a positive number.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let (digits, radix) = match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
            Some(digits) => (digits, 16),
            None => (text, 10),
        };
        let is_number =
            (1..=LONGEST_SERIAL).contains(&digits.len()) && digits.chars().all(|c| c.is_digit(radix));
        is_number
            .then(|| BigUint::parse_bytes(digits.as_bytes(), radix))
            .flatten()
            .filter(|number| number.bits() > 0)
            .map(Self)
            .ok_or_else(|| ErrorKind::NotASerial { text: text.to_owned() }.into())
    }

    fn to_der(&self) -> Result<Vec<u8>, Error> {
        Ok(Uint::new(&self.0.to_bytes_be())?.to_der()?)
    }
}

/// The serial number of a certificate.
impl From<&Certificate> for RevokedSerial {
    fn from(certificate: &Certificate) -> Self {
        Self(BigUint::from_bytes_be(certificate.serial()))
    }
}

/// Writes the number in decimal.
impl fmt::Display for RevokedSerial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl RevocationReason {
    /// Its name in RFC 5280, as in `keyCompromise`.
    pub fn name(self) -> &'static str {
        REASONS.iter().find(|(reason, ..)| *reason == self).map_or("unspecified", |(_, name, _)| name)
    }

    fn number(self) -> u8 {
        REASONS.iter().find(|(reason, ..)| *reason == self).map_or(0, |(.., number)| *number)
    }

    fn from_number(number: u8) -> Option<Self> {
        REASONS.iter().find(|(.., known)| *known == number).map(|(reason, ..)| *reason)
    }
}

/// Reads the name of a reason, without regard to case, or its number.
impl FromStr for RevocationReason {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        REASONS
            .iter()
            .find(|(_, name, number)| name.eq_ignore_ascii_case(text) || number.to_string() == text)
            .map(|(reason, ..)| *reason)
            .ok_or_else(|| {
                let near = suggest::near(text, REASONS.iter().map(|(_, name, _)| *name)).map(str::to_owned);
                ErrorKind::UnknownReason { text: text.to_owned(), near }.into()
            })
    }
}

impl fmt::Display for RevocationReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn revoked(serials: &[u8]) -> Vec<Revocation> {
        let revoked = |serial: &u8| Revocation {
            serial: RevokedSerial::parse(&serial.to_string()).unwrap(),
            date: OffsetDateTime::UNIX_EPOCH,
            reason: None,
        };
        serials.iter().map(revoked).collect()
    }

    /// A revocation list that was read, without its signature, which these tests do not need.
    fn numbered(number: Option<u64>, serials: &[u8]) -> Crl {
        Crl {
            der: Vec::new(),
            to_be_signed: Vec::new(),
            signature_algorithm: oid::CRL_NUMBER,
            signature: Vec::new(),
            issuer: Name::from_der(&[0x30, 0]).unwrap(),
            this_update: OffsetDateTime::UNIX_EPOCH,
            next_update: None,
            number,
            revocations: revoked(serials),
        }
    }

    #[test]
    fn the_next_list_keeps_every_entry_and_its_date() {
        let old = numbered(Some(1), &[1, 2]);
        let mut new = revoked(&[2, 3]);
        for entry in &mut new {
            entry.date += time::Duration::days(1);
        }
        let all = old.revocations_and(new.clone());
        let serials: Vec<String> = all.iter().map(|entry| entry.serial.to_string()).collect();
        assert_eq!(serials, ["1", "2", "3"]);
        assert_eq!(all[1].date, OffsetDateTime::UNIX_EPOCH);
        assert_eq!(all[2], new[1]);
    }

    #[test]
    fn numbers_grow() {
        let now = OffsetDateTime::from_unix_timestamp(100).unwrap();
        let next = |previous: Option<u64>, wanted| {
            let previous = previous.map(|number| numbered(Some(number), &[]));
            Crl::next_number(previous.as_ref(), wanted, now).ok()
        };
        assert_eq!(next(None, None), Some(100));
        assert_eq!(next(None, Some(0)), Some(0));
        assert_eq!(next(Some(5), None), Some(100));
        assert_eq!(next(Some(500), None), Some(501));
        assert_eq!(next(Some(5), Some(6)), Some(6));
        assert_eq!(next(Some(5), Some(5)), None);
        assert_eq!(next(Some(u64::MAX), None), None, "no greater number fits");
        assert_eq!(next(Some(u64::MAX), Some(u64::MAX)), None);
        assert_eq!(Crl::next_number(Some(&numbered(None, &[])), Some(1), now).unwrap(), 1);
    }

    #[test]
    fn a_list_says_what_its_template_says() {
        use crate::x509::tests::{Contents, NOW, SECOND};
        let issuer = Contents::ca("A").issuer();
        let date = NOW - time::Duration::DAY;
        let entries: Vec<Revocation> = (1..)
            .zip([None].into_iter().chain(REASONS.map(|(reason, ..)| Some(reason))))
            .map(|(serial, reason): (u8, _)| Revocation { date, reason, ..revoked(&[serial]).remove(0) })
            .collect();
        let template = |revocations, next_update| CrlTemplate {
            number: 1 << 40,
            this_update: NOW,
            next_update,
            revocations,
        };
        let crl = issuer.sign_crl(&template(&entries, NOW + SECOND)).unwrap();
        crl.verify_issued_by(issuer.certificate()).unwrap();
        assert_eq!((crl.this_update(), crl.next_update()), (NOW, Some(NOW + SECOND)));
        assert_eq!((crl.number(), crl.revocations()), (Some(1 << 40), entries.as_slice()));
        assert_eq!(crl.issuer().der(), issuer.certificate().subject().der());
        assert_eq!(crl.revocation(&RevokedSerial::parse("2").unwrap()), Some(&entries[1]));
        assert_eq!(crl.revocation(&RevokedSerial::parse("77").unwrap()), None);
        let (pem, der) = (crl.to_pem(), crl.der());
        for bytes in [pem.as_bytes(), der] {
            assert_eq!(Crl::read(bytes).unwrap(), crl);
        }
        // RFC 5280 section 5.1.2.6: without entries the field is absent.
        let empty = issuer.sign_crl(&template(&[], NOW + SECOND)).unwrap();
        assert_eq!(empty.revocations(), []);
        let (_, parsed) = CertificateRevocationList::from_der(empty.der()).unwrap();
        assert_eq!(parsed.iter_revoked_certificates().count(), 0);
        let identifier = issuer.certificate().subject_key_identifier().unwrap();
        assert!(empty.der().windows(identifier.len()).any(|window| window == identifier));
        let error = issuer.sign_crl(&template(&[], NOW)).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::Validity { .. }), "{error}");

        let other = Contents::ca("B").issuer();
        let error = crl.verify_issued_by(other.certificate()).unwrap_err();
        assert_eq!(error.to_string(), "it was issued by CN=A, not by CN=B");
        let same_name = Contents::ca("A").issuer();
        let error = crl.verify_issued_by(same_name.certificate()).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::SignatureInvalid), "{error}");
        for (bytes, message) in [
            (&b""[..], "there is no revocation list in it"),
            (b"junk", "there is no revocation list in it"),
            (&[der, b"\x00"].concat(), "this is not a revocation list: there are more bytes after its end"),
        ] {
            assert_eq!(Crl::read(bytes).unwrap_err().to_string(), message);
        }
    }

    #[test]
    fn only_a_ca_with_the_usage_signs_lists() {
        use crate::x509::tests::{Contents, NOW, SECOND};
        let template =
            CrlTemplate { number: 1, this_update: NOW, next_update: NOW + SECOND, revocations: &[] };
        for (key_usage, is_allowed) in [
            (KeyUsage::default(), true),
            (KeyUsage::KEY_CERT_SIGN.and(KeyUsage::CRL_SIGN), true),
            (KeyUsage::KEY_CERT_SIGN, false),
        ] {
            let signed = Contents { key_usage, ..Contents::ca("A") }.issuer().sign_crl(&template);
            let message = "CN=A is not a CA: keyUsage lacks cRLSign".to_owned();
            let expected = if is_allowed { Ok(()) } else { Err(message) };
            assert_eq!(signed.map(|_| ()).map_err(|error| error.to_string()), expected);
        }
    }

    #[test]
    fn serial_numbers_are_decimal_or_hexadecimal() {
        let read = |text: &str| RevokedSerial::parse(text).map(|serial| serial.to_string()).ok();
        for (text, number) in [("4711", "4711"), ("0x1267", "4711"), ("0XfF", "255"), ("007", "7")] {
            assert_eq!(read(text).as_deref(), Some(number), "{text}");
        }
        let longest = "9".repeat(LONGEST_SERIAL);
        assert_eq!(read(&longest), Some(longest.clone()));
        for text in ["", "0", "0x", "0x0", "-1", "+1", "1 2", "x", "0xg", "1f", &format!("1{longest}")] {
            assert_eq!(read(text), None, "{text}");
        }
    }

    #[test]
    fn reasons_have_names_and_numbers() {
        for (reason, name, number) in REASONS {
            assert_eq!((reason.name(), reason.to_string().as_str(), reason.number()), (name, name, number));
            assert_eq!(RevocationReason::from_number(number), Some(reason));
            for text in [name.to_owned(), name.to_lowercase(), number.to_string()] {
                assert_eq!(text.parse::<RevocationReason>().unwrap(), reason);
            }
        }
        assert_eq!(RevocationReason::from_number(7), None);
        for text in ["", "7", "0", "unspecified", "keyCompromised"] {
            assert!(text.parse::<RevocationReason>().is_err(), "{text}");
        }
    }
}
