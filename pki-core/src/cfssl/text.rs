//! The text of cfssl's JSON files: UTF-8 (RFC 8259 section 8.1).

use std::path::Path;

use crate::base::place::Place;
use crate::cfssl::error::{Error, ErrorKind};

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
/// [`ErrorKind::Utf16`], or [`ErrorKind::NotUtf8`] with the place of the first byte that is not UTF-8. cfssl puts U+FFFD in
/// its place, also into the names of certificates.
pub fn text<'a>(bytes: &'a [u8], file: Option<&Path>) -> Result<&'a str, Error> {
    let in_file = |error: Error| match file {
        Some(file) => error.in_file(file),
        None => error,
    };
    // JSON begins with an ASCII character, of which one byte is zero in UTF-16.
    if let [0xff, 0xfe, ..] | [0xfe, 0xff, ..] | [0, _, ..] | [_, 0, ..] = bytes {
        return Err(in_file(ErrorKind::Utf16.into()));
    }
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    std::str::from_utf8(bytes).map_err(|error| {
        let before = bytes.get(..error.valid_up_to()).unwrap_or_default();
        let line = before.split(|byte| *byte == b'\n');
        let (lines, column) = line.fold((0_usize, 0_usize), |(lines, _), line| (lines + 1, line.len() + 1));
        in_file(ErrorKind::NotUtf8.at(Place::default().at(lines, column)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_encodings_are_named() {
        let utf16: Vec<u8> = "{}".encode_utf16().flat_map(u16::to_le_bytes).collect();
        for bytes in [utf16.as_slice(), &[&[0xff, 0xfe], utf16.as_slice()].concat(), &[0, b'{', 0, b'}']] {
            assert!(matches!(text(bytes, None).unwrap_err().kind(), ErrorKind::Utf16), "{bytes:?}");
        }
        let error = text(b"{\n \"O\": \"\xfc\"}", Some(Path::new("csr.json"))).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::NotUtf8));
        assert_eq!(error.place().to_string(), "csr.json:2:8");
    }
}
