//! The text of cfssl's JSON files: UTF-8 (RFC 8259 section 8.1).

use std::path::Path;

use crate::base::place::Place;
use crate::cfssl::error::{Error, ErrorKind};
use crate::x509::error::ErrorKind as X509ErrorKind;

/// The text of a JSON file from its bytes. A byte order mark at the beginning, as some editors write it, is left out.
///
/// ```
/// use pki_core::cfssl::text;
///
/// assert_eq!(text(b"\xef\xbb\xbf{}", None)?, "{}");
/// assert!(text(b"{\"CN\": \"M\xfcller\"}", None).unwrap_err().to_string().starts_with("1:10: "));
/// # Ok::<(), pki_core::cfssl::Error>(())
/// ```
///
/// # Errors
/// [`x509::ErrorKind::OtherBlock`](X509ErrorKind::OtherBlock) if it is PEM, [`ErrorKind::Utf16`], [`ErrorKind::Utf32`], or
/// [`ErrorKind::NotUtf8`] with the place of the first byte that is not UTF-8. cfssl puts U+FFFD in its place, also into the
/// names of certificates.
pub fn text<'a>(bytes: &'a [u8], file: Option<&Path>) -> Result<&'a str, Error> {
    let in_file = |error: Error| match file {
        Some(file) => error.in_file(file),
        None => error,
    };
    // JSON begins with an ASCII character, of which one byte is zero in UTF-16, and three are in UTF-32.
    if let [0xff, 0xfe, 0, 0, ..] | [0, 0, _, _, ..] | [_, 0, 0, 0, ..] = bytes {
        return Err(in_file(ErrorKind::Utf32.into()));
    }
    if let [0xff, 0xfe, ..] | [0xfe, 0xff, ..] | [0, _, ..] | [_, 0, ..] = bytes {
        return Err(in_file(ErrorKind::Utf16.into()));
    }
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    if let Some(label) = pem_label(bytes) {
        return Err(in_file(X509ErrorKind::OtherBlock { label, wanted: "JSON file" }.into()));
    }
    std::str::from_utf8(bytes).map_err(|error| {
        let before = bytes.get(..error.valid_up_to()).unwrap_or_default();
        let line = before.split(|byte| *byte == b'\n');
        let (lines, column) = line.fold((0_usize, 0_usize), |(lines, _), line| (lines + 1, line.len() + 1));
        in_file(ErrorKind::NotUtf8.at(Place::default().at(lines, column)))
    })
}

/// The label of the PEM block that the file begins with, which no JSON does.
fn pem_label(bytes: &[u8]) -> Option<String> {
    let label = bytes.trim_ascii_start().strip_prefix(b"-----BEGIN ")?;
    let label = label.split(|byte| matches!(byte, b'-' | b'\n')).next()?;
    Some(String::from_utf8_lossy(label).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pem_in_the_place_of_json_is_named() {
        for (label, is) in
            [("CERTIFICATE REQUEST", "a certificate request"), ("EC PRIVATE KEY", "a private key")]
        {
            let pem = format!("\n-----BEGIN {label}-----\nMAA=\n-----END {label}-----\n");
            let error = text(pem.as_bytes(), Some(Path::new("leaf.csr"))).unwrap_err();
            assert_eq!(error.to_string(), format!("leaf.csr: this is {is}, not a JSON file"));
            assert_eq!(crate::cfssl::number(error.kind()), None);
        }
    }

    #[test]
    fn other_encodings_are_named() {
        let utf16: Vec<u8> = "{}".encode_utf16().flat_map(u16::to_le_bytes).collect();
        for bytes in [utf16.as_slice(), &[&[0xff, 0xfe], utf16.as_slice()].concat(), &[0, b'{', 0, b'}']] {
            assert!(matches!(text(bytes, None).unwrap_err().kind(), ErrorKind::Utf16), "{bytes:?}");
        }
        for (bytes, name) in [(b"\xff\xfe\0\0{\0\0\0", "little"), (b"\0\0\xfe\xff\0\0\0{", "big")] {
            assert!(matches!(text(bytes, None).unwrap_err().kind(), ErrorKind::Utf32), "{name}");
        }
        let error = text(b"{\n \"O\": \"\xfc\"}", Some(Path::new("csr.json"))).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::NotUtf8));
        assert_eq!(error.place().to_string(), "csr.json:2:8");
    }
}
