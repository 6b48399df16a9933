//! PEM (RFC 7468) text: blocks out of it, DER into it.

use pem::{EncodeConfig, LineEnding, Pem};
use zeroize::Zeroizing;

/// One block of a PEM text. Its contents may be a secret.
pub(crate) struct Block {
    pub(crate) label: String,
    /// `Proc-Type` and the like (RFC 1421), as OpenSSL's old encrypted keys carry them.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) der: Zeroizing<Vec<u8>>,
}

impl Block {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

/// The well-formed blocks of `text`, in order. A text without any block gives an empty list.
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

/// The same as Go's encoding/pem finds them: a malformed block is passed over like any other text, and those around it
/// are taken.
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

/// Whether anything but white space follows the first block.
pub(crate) fn has_more_after_first(text: &[u8]) -> bool {
    let end = b"-----END ";
    let after_end = text.windows(end.len()).position(|window| window == end).and_then(|at| text.get(at..));
    after_end
        .and_then(|rest| {
            rest.iter().position(|&byte| byte == b'\n').and_then(|line_end| rest.get(line_end..))
        })
        .is_some_and(|rest| !rest.trim_ascii().is_empty())
}

/// `der` as a PEM block: 64 columns, `\n` line ends, a newline at the end.
pub(crate) fn encode(label: &str, der: &[u8]) -> String {
    pem::encode_config(&Pem::new(label, der), EncodeConfig::new().set_line_ending(LineEnding::LF))
}

/// The same for a secret, wiped after use.
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
