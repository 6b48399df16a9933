//! The lines of a text file that a plan changes, without what may be a secret.

use serde::Serialize;
use similar::{ChangeTag, TextDiff};

use crate::base::secret::without_secrets;

/// A line that only the old or only the new text of a file has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct DifferentLine {
    /// `-` for a line of the file that is there, `+` for one of the file that is to come.
    pub sign: char,
    /// The number of the line in its file, counted from 1.
    pub line: usize,
    /// The line without its end. A value that may be a secret is left out.
    pub text: String,
}

/// The number of lines of a file above which lines are not compared. No file that a person reads has more.
const MOST_LINES: usize = 5_000;

/// The lines in which two texts differ. Empty for a file that is no text, or that is a key, a certificate or a request.
pub(crate) fn difference(path: &str, old: &[u8], new: &[u8]) -> Vec<DifferentLine> {
    let is_for_programs = [".pem", ".csr", ".crl", ".lock.json"].iter().any(|end| path.ends_with(end));
    let (Ok(old), Ok(new)) = (std::str::from_utf8(old), std::str::from_utf8(new)) else { return Vec::new() };
    if is_for_programs || old.lines().count().max(new.lines().count()) > MOST_LINES {
        return Vec::new();
    }
    let diff = TextDiff::from_lines(old, new);
    let lines = diff.iter_all_changes().filter_map(|change| {
        let (sign, index) = match change.tag() {
            ChangeTag::Delete => ('-', change.old_index()),
            ChangeTag::Insert => ('+', change.new_index()),
            ChangeTag::Equal => return None,
        };
        let text = without_secrets(change.value().trim_end_matches(['\n', '\r']));
        Some(DifferentLine { sign, line: index.map_or(0, |index| index + 1), text })
    });
    lines.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(old: &str, new: &str) -> Vec<String> {
        let lines = difference("etcd.env", old.as_bytes(), new.as_bytes());
        lines.iter().map(|line| format!("{}{} {}", line.sign, line.line, line.text)).collect()
    }

    #[test]
    fn only_lines_that_differ_are_told() {
        let old = "A=1\nB=2\nC=3\n";
        assert_eq!(lines(old, "A=1\nB=4\nC=3\nD=5\n"), ["-2 B=2", "+2 B=4", "+4 D=5"]);
        assert!(lines(old, old).is_empty());
        for (path, text) in [("a/server.pem", "x"), ("cluster.lock.json", "{}")] {
            assert!(difference(path, b"y", text.as_bytes()).is_empty(), "{path}");
        }
        assert!(difference("etcd.env", b"\xff", b"x").is_empty());
    }

    #[test]
    fn what_may_be_a_secret_is_not_told() {
        for (line, told) in [
            ("ETCD_INITIAL_CLUSTER_TOKEN=s3cret", "ETCD_INITIAL_CLUSTER_TOKEN=(not shown)"),
            ("discovery-password: s3cret", "discovery-password:(not shown)"),
            (
                "ExecStart=/usr/bin/etcd --name=a --discovery=https://d.example/s3cret",
                "ExecStart=/usr/bin/etcd --name=a --discovery=(not shown)",
            ),
            ("  --auth-token jwt,s3cret \\", "  --auth-token (not shown)"),
            ("MY_SECRET=\"s3cret\"", "MY_SECRET=(not shown)"),
            ("HTTPS_PROXY=http://me:s3cret@proxy:3128", "(not shown)"),
            ("-----BEGIN PRIVATE KEY-----", "(not shown)"),
            ("MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg", "(not shown)"),
            ("ETCD_DISCOVERY_SRV=example.com", "ETCD_DISCOVERY_SRV=example.com"),
            (
                "ETCD_DATA_DIR=/var/lib/etcd/data/of/the/cluster/prod/member",
                "ETCD_DATA_DIR=/var/lib/etcd/data/of/the/cluster/prod/member",
            ),
            ("ETCD_LISTEN_PEER_URLS=https://10.0.0.1:2380", "ETCD_LISTEN_PEER_URLS=https://10.0.0.1:2380"),
        ] {
            assert_eq!(lines("", line), [format!("+1 {told}")]);
        }
    }
}
