//! The certificates in a SignedData of PKCS #7 (RFC 2315 section 9.1), as which some CAs hand out chains.

use der::asn1::{Any, AnyRef, ObjectIdentifier};
use der::{Decode, Encode, Tag, TagNumber, Tagged};

use crate::x509::der as encode;
use crate::x509::error::{Error, ErrorKind};
use crate::x509::pem::Block;

const DATA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.7.1");
const SIGNED_DATA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.7.2");

const CERTIFICATES: Tag = Tag::ContextSpecific { constructed: true, number: TagNumber(0) };

/// Whether the label of a PEM block is one of PKCS #7 (RFC 7468 section 8).
pub(crate) fn has_label(block: &Block) -> bool {
    matches!(block.label.as_str(), "PKCS7" | "PKCS #7 SIGNED DATA" | "CMS")
}

/// Whether a file is PKCS #12 (RFC 7292 section 4): version 3, and then contents of one of the types of PKCS #7.
pub(crate) fn is_pkcs12(der: &[u8]) -> bool {
    let read = || -> Result<bool, Error> {
        let fields = encode::elements::<AnyRef<'_>>(AnyRef::from_der(der)?.value())?;
        let [version, contents, ..] = fields.as_slice() else { return Ok(false) };
        let kind = encode::elements::<AnyRef<'_>>(contents.value())?;
        let kind = kind.first().map(|kind| kind.decode_as::<ObjectIdentifier>()).transpose()?;
        Ok(version.decode_as::<u8>()? == 3 && kind.is_some_and(|kind| [DATA, SIGNED_DATA].contains(&kind)))
    };
    read().unwrap_or(false)
}

/// The certificates in DER. The signatures of the SignedData are not looked at.
pub(crate) fn certificates(der: &[u8]) -> Result<Vec<Vec<u8>>, Error> {
    let malformed =
        |what: &str| Error::from(ErrorKind::Certificate { reason: format!("a PKCS #7 structure {what}") });
    let content_info = AnyRef::from_der(der).map_err(|_| malformed("that is malformed"))?;
    let fields = encode::elements::<AnyRef<'_>>(content_info.value())?;
    let [kind, content] = fields.as_slice() else { return Err(malformed("that is malformed")) };
    if kind.decode_as::<ObjectIdentifier>()? != SIGNED_DATA {
        return Err(malformed("without certificates"));
    }
    let signed_data = AnyRef::from_der(content.value())?;
    let fields = encode::elements::<AnyRef<'_>>(signed_data.value())?;
    let Some(certificates) = fields.iter().find(|field| field.tag() == CERTIFICATES) else {
        return Err(malformed("without certificates"));
    };
    let certificates = encode::elements::<Any>(certificates.value())?;
    Ok(certificates.iter().map(Encode::to_der).collect::<Result<_, _>>()?)
}
