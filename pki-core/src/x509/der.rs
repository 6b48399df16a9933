//! DER structures made of parts that are encoded already.

use der::asn1::{AnyRef, ObjectIdentifier};
use der::{Decode, Encode, Reader, SliceReader, Tag};

use crate::x509::error::{Error, ErrorKind};

/// Encodes one element with a tag and contents.
pub(crate) fn element(tag: Tag, contents: &[u8]) -> Result<Vec<u8>, Error> {
    Ok(AnyRef::new(tag, contents)?.to_der()?)
}

/// Encodes a SEQUENCE of parts that are encoded already.
pub(crate) fn sequence<P: AsRef<[u8]>>(parts: &[P]) -> Result<Vec<u8>, Error> {
    let contents: Vec<u8> = parts.iter().flat_map(AsRef::as_ref).copied().collect();
    element(Tag::Sequence, &contents)
}

/// Decodes all elements that stand one after the other in `contents`.
pub(crate) fn elements<'a, T: Decode<'a>>(contents: &'a [u8]) -> Result<Vec<T>, T::Error>
where
    T::Error: From<der::Error>,
{
    let mut reader = SliceReader::new(contents)?;
    let mut all = Vec::new();
    while !reader.is_finished() {
        all.push(T::decode(&mut reader)?);
    }
    Ok(all)
}

/// Reads an object identifier that is written with dots, as in `2.5.4.3`.
pub(crate) fn object_identifier(text: &str) -> Result<ObjectIdentifier, ErrorKind> {
    ObjectIdentifier::new(text).map_err(|_| ErrorKind::InvalidObjectIdentifier { text: text.to_owned() })
}
