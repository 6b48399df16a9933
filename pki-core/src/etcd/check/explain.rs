//! What lines of logs mean: of etcd, of its clients, of systemd and of the kernel.

use std::sync::LazyLock;

mod explanation;
mod known;
mod line;
mod program;

pub use explanation::{Explanation, SaidBy};
use line::Line;

/// What a line of a log means; `None` if no explanation is known.
///
/// A line may be text or JSON, with its keys in any order, and may have before it what journald, syslog, Docker,
/// Kubernetes and others write before lines. A line of another program than etcd is only explained if it speaks of etcd.
///
/// ```
/// use pki_core::etcd::explain::explain;
///
/// let line = r#"{"level":"warn","msg":"rejected connection on peer endpoint","remote-addr":"10.0.0.3:35672",
///     "error":"tls: \"10.0.0.3\" does not match any of DNSNames [\"etcd3\"]"}"#;
/// assert_eq!(explain(line).unwrap().rules, ["E521", "E501"]);
/// assert!(explain("etcd is healthy").is_none());
/// assert!(explain("n1 sshd[99]: open /root/.ssh/authorized_keys: permission denied").is_none());
/// ```
pub fn explain(line: &str) -> Option<&'static Explanation> {
    let line = Line::parse(line);
    let has_sign = |signs: &[Vec<String>]| signs.iter().any(|parts| line.has(parts));
    if HARMLESS.iter().any(|parts| line.has(parts)) {
        return None;
    }
    let mut known = known().zip(SIGNS.iter());
    known.find(|(known, signs)| line.may_be_of(known.said_by) && has_sign(signs)).map(|(known, _)| known)
}

/// The signs of each explanation.
static SIGNS: LazyLock<Vec<Vec<Vec<String>>>> =
    LazyLock::new(|| known().map(|known| known.signs.iter().map(parts).collect()).collect());

static HARMLESS: LazyLock<Vec<Vec<String>>> = LazyLock::new(|| known::HARMLESS.iter().map(parts).collect());

/// A sign in its parts, in small letters.
fn parts(sign: &&str) -> Vec<String> {
    sign.to_lowercase().split('…').map(str::to_owned).collect()
}

/// Every explanation, the most particular first.
pub fn known() -> impl Iterator<Item = &'static Explanation> {
    known::TABLES.into_iter().flatten()
}

/// The explanation with a number, in capital or small letters.
pub fn explanation(id: &str) -> Option<&'static Explanation> {
    known().find(|known| known.id.eq_ignore_ascii_case(id))
}

#[cfg(test)]
mod tests;
