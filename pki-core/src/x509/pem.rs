//! Reading and writing PEM (RFC 7468).

use pem::{EncodeConfig, LineEnding, Pem};
use zeroize::Zeroizing;

use crate::x509::error::{Error, ErrorKind};

/// One block of a PEM text. Its contents may be a private key, so they are wiped when it is dropped.
pub(crate) struct Block {
    pub(crate) label: String,
    /// The headers of RFC 1421, such as `Proc-Type`, which OpenSSL's old encrypted keys have.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) der: Zeroizing<Vec<u8>>,
}

impl Block {
    /// The error for a block where something else is `wanted`.
    pub(crate) fn is_no(&self, wanted: &'static str) -> Error {
        ErrorKind::OtherBlock { label: self.label.clone(), wanted }.into()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

/// All blocks of `text`, in order. If one block is malformed, the list is empty.
pub(crate) fn blocks(text: &[u8]) -> Vec<Block> {
    pem::parse_many(text)
        .unwrap_or_default()
        .into_iter()
        .map(|block: Pem| Block {
            label: block.tag().to_owned(),
            headers: block.headers().iter().map(|(k, v)| (k.to_owned(), v.to_owned())).collect(),
            der: Zeroizing::new(block.into_contents()),
        })
        .collect()
}

/// All blocks of `text` that Go's `encoding/pem` finds: a malformed block is skipped like any text between blocks.
pub(crate) fn blocks_one_by_one(text: &[u8]) -> Vec<Block> {
    let begin = b"-----BEGIN ";
    let begins =
        text.windows(begin.len()).enumerate().filter(|(_, window)| window == begin).map(|(at, _)| at);
    let begins: Vec<usize> = begins.chain([text.len()]).collect();
    let pieces = begins.windows(2).filter_map(|pair| match pair {
        [from, to] => text.get(*from..*to),
        _ => None,
    });
    pieces.flat_map(blocks).collect()
}

/// Whether there is more than white space after the first block.
pub(crate) fn has_more_after_first(text: &[u8]) -> bool {
    let end = b"-----END ";
    let after_end = text.windows(end.len()).position(|window| window == end).and_then(|at| text.get(at..));
    after_end
        .and_then(|rest| {
            rest.iter().position(|&byte| byte == b'\n').and_then(|line_end| rest.get(line_end..))
        })
        .is_some_and(|rest| !rest.trim_ascii().is_empty())
}

/// Writes `der` as a PEM block with 64 columns and a newline at the end.
pub(crate) fn encode(label: &str, der: &[u8]) -> String {
    pem::encode_config(&Pem::new(label, der), EncodeConfig::new().set_line_ending(LineEnding::LF))
}

/// Writes a private key as a PEM block, in memory that is wiped after use.
pub(crate) fn encode_secret(label: &str, der: &[u8]) -> Zeroizing<String> {
    let block = Pem::new(label, der);
    let text =
        Zeroizing::new(pem::encode_config(&block, EncodeConfig::new().set_line_ending(LineEnding::LF)));
    drop(Zeroizing::new(block.into_contents()));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "x\n-----BEGIN A-----\nAQID\n-----END A-----\n";

    #[test]
    fn tells_what_follows_the_first_block() {
        assert!(!has_more_after_first(TEXT.as_bytes()));
        assert!(!has_more_after_first(format!("{TEXT} \r\n\n").as_bytes()));
        assert!(has_more_after_first(format!("{TEXT}junk").as_bytes()));
    }

    #[test]
    fn a_malformed_block_does_not_hide_the_others() {
        let text = format!("{TEXT}-----BEGIN B-----\n!\n-----END B-----\n-----BEGIN C-----\n{TEXT}");
        assert!(blocks(text.as_bytes()).is_empty());
        let labels: Vec<_> =
            blocks_one_by_one(text.as_bytes()).into_iter().map(|block| block.label).collect();
        assert_eq!(labels, ["A", "A"]);
    }

    #[test]
    fn truncated_text_has_no_block() {
        assert!(blocks(b"-----BEGIN A-----\nAQID\n").is_empty());
        assert_eq!(blocks(TEXT.as_bytes())[0].der.as_slice(), [1, 2, 3]);
    }
}
