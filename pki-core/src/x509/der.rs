//! Small helpers over the `der` crate, for structures made of parts that are DER already.

use der::asn1::{AnyRef, ObjectIdentifier};
use der::{Decode, Encode, Reader, SliceReader, Tag};

use crate::x509::error::{Error, ErrorKind};

/// One element with `tag` around `contents`.
pub(crate) fn element(tag: Tag, contents: &[u8]) -> Result<Vec<u8>, Error> {
    Ok(AnyRef::new(tag, contents)?.to_der()?)
}

/// A SEQUENCE of parts that are DER already.
pub(crate) fn sequence<P: AsRef<[u8]>>(parts: &[P]) -> Result<Vec<u8>, Error> {
    let contents: Vec<u8> = parts.iter().flat_map(AsRef::as_ref).copied().collect();
    element(Tag::Sequence, &contents)
}

/// Every element of `contents`, one after the other.
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

/// The object identifier that `text` writes with dots.
pub(crate) fn object_identifier(text: &str) -> Result<ObjectIdentifier, ErrorKind> {
    ObjectIdentifier::new(text).map_err(|_| ErrorKind::InvalidObjectIdentifier { text: text.to_owned() })
}
