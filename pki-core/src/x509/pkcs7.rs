//! The certificates in a SignedData of PKCS #7 (RFC 2315 section 9.1), as which some CAs hand out chains.

use der::asn1::{Any, AnyRef, ObjectIdentifier};
use der::{Decode, Encode, Tag, TagNumber, Tagged};

use crate::x509::der as encode;
use crate::x509::error::{Error, ErrorKind};
use crate::x509::pem::Block;

const SIGNED_DATA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.7.2");

const CERTIFICATES: Tag = Tag::ContextSpecific { constructed: true, number: TagNumber(0) };

/// Whether the label of a PEM block is one of PKCS #7 (RFC 7468 section 8).
pub(crate) fn has_label(block: &Block) -> bool {
    matches!(block.label.as_str(), "PKCS7" | "PKCS #7 SIGNED DATA" | "CMS")
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
