//! Statuses in Prometheus' text format, for the node exporter's textfile collector.

use std::fmt::Write;

use time::OffsetDateTime;

use crate::etcd::check::status::registry;
use crate::etcd::cluster::path::REGISTRY;
use crate::etcd::status::{Status, TreeCertificate, TreeStatus};

/// The statuses as metrics (prometheus.io, exposition formats, text format 0.0.4).
///
/// Every value is a moment or a count, and none depends on when it was written: a file stays true until the next
/// `apply`, and an alert compares it with `time()`.
pub fn prometheus(statuses: &[Status]) -> String {
    let mut text = PrometheusText::default();
    text.metric(
        "etcdpki_certificate_expiry_timestamp_seconds",
        "When the certificate really ends: the earliest end in its chain.",
    );
    text.certificates(statuses, |certificate| certificate.ends);
    text.metric(
        "etcdpki_certificate_not_before_timestamp_seconds",
        "When the certificate begins to be valid.",
    );
    text.certificates(statuses, |certificate| certificate.not_before);
    text.metric("etcdpki_certificate_renewal_timestamp_seconds", "When the certificate is due for renewal.");
    text.certificates(statuses, |certificate| certificate.renewal);
    text.metric(
        "etcdpki_former_certificate_expiry_timestamp_seconds",
        "When a certificate that was replaced ends.",
    );
    for status in statuses {
        for former in &status.former {
            let labels = [
                ("cluster", status.cluster.as_str()),
                ("certificate", &former.certificate),
                ("serial", &former.serial),
            ];
            text.sample(&labels, former.not_after.unix_timestamp());
        }
    }
    text.metric("etcdpki_crl_next_update_timestamp_seconds", "When the next revocation list is due.");
    for status in statuses {
        for list in &status.revocation_lists {
            if let (Some(issuer), Some(next)) = (&list.issuer, list.next_update) {
                let labels = [("cluster", status.cluster.as_str()), ("path", &list.path), ("issuer", issuer)];
                text.sample(&labels, next.unix_timestamp());
            }
        }
    }
    text.metric(
        "etcdpki_file_problem",
        "Whether a certificate or revocation list is missing, unreadable, not as recorded, or without its CA.",
    );
    for status in statuses {
        let certificates = status.certificates.iter().map(|one| (&one.path, !one.file.is_healthy()));
        let lists = status.revocation_lists.iter().map(|one| (&one.path, !one.file.is_healthy()));
        let others = status.other_files.iter().map(|path| (path, true));
        // A file of several CAs is one file.
        let mut files: Vec<(&String, bool)> = Vec::new();
        for (path, is_wrong) in certificates.chain(lists).chain(others) {
            match files.iter_mut().find(|(known, _)| *known == path) {
                Some((_, known)) => *known |= is_wrong,
                None => files.push((path, is_wrong)),
            }
        }
        for (path, is_wrong) in files {
            text.sample(&[("cluster", status.cluster.as_str()), ("path", path)], i64::from(is_wrong));
        }
    }
    text.metric(
        "etcdpki_registry_problem",
        "Whether the registry is missing, was changed, or lacks a certificate of the record.",
    );
    for status in statuses {
        let is_wrong = status.findings.iter().any(|finding| registry::RULES.contains(&finding.rule));
        text.sample(&[("cluster", status.cluster.as_str()), ("path", REGISTRY)], i64::from(is_wrong));
    }
    text.into_lines()
}

/// The certificates of folders that are no output folders as metrics.
pub fn prometheus_of_trees(trees: &[TreeStatus]) -> String {
    type Moment = fn(&TreeCertificate) -> OffsetDateTime;
    let moments: [(&str, &str, Moment); 2] = [
        (
            "etcdpki_file_certificate_expiry_timestamp_seconds",
            "When the certificate in a file really ends: the earliest end in its chain, as far as that was found.",
            |one| one.ends,
        ),
        (
            "etcdpki_file_certificate_not_before_timestamp_seconds",
            "When the certificate in a file begins to be valid.",
            |one| one.not_before,
        ),
    ];
    let mut text = PrometheusText::default();
    for (name, help, moment) in moments {
        text.metric(name, help);
        for tree in trees {
            for one in &tree.certificates {
                let (folder, file) = (tree.folder.to_string_lossy(), one.file.to_string_lossy());
                let labels = [
                    ("folder", &*folder),
                    ("file", &file),
                    ("inside", one.inside.as_deref().unwrap_or_default()),
                    ("subject", &one.subject),
                    ("serial", &one.serial),
                ];
                text.sample(&labels, moment(one).unix_timestamp());
            }
        }
    }
    text.metric("etcdpki_folder_not_judged", "How many files and folders could not be read.");
    for tree in trees {
        let count = i64::try_from(tree.not_judged.len()).unwrap_or(i64::MAX);
        text.sample(&[("folder", &tree.folder.to_string_lossy())], count);
    }
    text.into_lines()
}

/// Samples, each metric's below its name.
#[derive(Default)]
pub(crate) struct PrometheusText {
    lines: String,
    name: &'static str,
}

impl PrometheusText {
    pub(crate) fn metric(&mut self, name: &'static str, help: &str) {
        self.name = name;
        // Writing to a String does not fail.
        let _ = writeln!(self.lines, "# HELP {name} {help}\n# TYPE {name} gauge");
    }

    fn certificates(
        &mut self,
        statuses: &[Status],
        moment: impl Fn(&crate::etcd::status::CertificateStatus) -> OffsetDateTime,
    ) {
        for status in statuses {
            // Of a file that cannot be read nothing is known.
            for certificate in status.certificates.iter().filter(|one| one.is_read()) {
                let labels = [
                    ("cluster", status.cluster.as_str()),
                    ("certificate", &certificate.certificate),
                    ("serial", &certificate.serial),
                ];
                self.sample(&labels, moment(certificate).unix_timestamp());
            }
        }
    }

    /// The text.
    pub(crate) fn into_lines(self) -> String {
        self.lines
    }

    pub(crate) fn sample(&mut self, labels: &[(&str, &str)], value: i64) {
        let labels: Vec<_> =
            labels.iter().map(|(name, value)| format!("{name}=\"{}\"", escaped(value))).collect();
        let _ = writeln!(self.lines, "{}{{{}}} {value}", self.name, labels.join(","));
    }
}

/// A label's value: backslash, double quote and line feed are escaped.
fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_escaped() {
        let mut text = PrometheusText { name: "metric", ..PrometheusText::default() };
        text.sample(&[("issuer", "CN=\"a\\b\"\nO=c")], 1);
        assert_eq!(text.lines, "metric{issuer=\"CN=\\\"a\\\\b\\\"\\nO=c\"} 1\n");
    }
}
