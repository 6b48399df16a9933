//! The certificates that clients of etcd are told to show: by variables and flags of etcdctl, in whatever file they are.

use std::path::{Path, PathBuf};

/// A certificate that a client shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ClientCertificate {
    /// The file that says so.
    pub(crate) named_in: PathBuf,
    /// The root folder of its host; `None` for a loose file.
    pub(crate) root: Option<PathBuf>,
    /// The path of the certificate on the host, as it is written.
    pub(crate) path: String,
}

impl ClientCertificate {
    /// Whether a file is this certificate's.
    pub(crate) fn is_in(&self, file: &Path) -> bool {
        match (&self.root, self.path.strip_prefix('/')) {
            (Some(root), Some(below)) => file == root.join(below),
            // Loose files were collected into one folder, or lie where a relative path says.
            _ => {
                file.parent() == self.named_in.parent()
                    && file.file_name() == Path::new(&self.path).file_name()
            }
        }
    }
}

/// Variables with the certificate (etcd, etcdctl/README.md; the second is that of etcdctl's old API).
const VARIABLES: [&str; 2] = ["ETCDCTL_CERT", "ETCDCTL_CERT_FILE"];

/// Flags of etcdctl with the certificate, and how many words behind the program they are looked for.
const FLAGS: [&str; 2] = ["--cert", "--cert-file"];
const MOST_WORDS: usize = 40;

/// The flag of Kubernetes' API server with the certificate that it shows to etcd.
const OF_API_SERVER: &str = "--etcd-certfile";

/// The paths of the certificates in a script, an environment file, a unit, a manifest or the like. A path that depends on
/// a variable is left out.
pub(crate) fn certificates(text: &str) -> Vec<String> {
    if !["ETCDCTL_CERT", "etcdctl", OF_API_SERVER].iter().any(|word| text.contains(word)) {
        return Vec::new();
    }
    let text = text.replace("\\\n", " ");
    let lines = text.lines().map(str::trim_start).filter(|line| !line.starts_with(['#', ';']));
    let bare = |word: &'static str| move |c: char| word.contains(c);
    let words: Vec<&str> = lines
        .flat_map(|line| line.split(|c: char| c.is_whitespace() || c == ','))
        // A setting of a unit.
        .map(|word| word.strip_prefix("Environment=").unwrap_or(word).trim_matches(bare("\"'[]{}()")))
        .filter(|word| !word.is_empty() && *word != "-")
        .collect();
    let mut found: Vec<String> = Vec::new();
    let mut left = 0;
    for (at, word) in words.iter().enumerate() {
        if word.rsplit('/').next() == Some("etcdctl") {
            left = MOST_WORDS;
        }
        left = usize::saturating_sub(left, 1);
        let (name, joined) = match word.split_once('=') {
            Some((name, value)) => (name.rsplit(['"', '\'']).next().unwrap_or(name), Some(value)),
            None => (word.trim_end_matches([':', '"', '\'']), None),
        };
        let is_named =
            VARIABLES.contains(&name) || FLAGS.contains(&name) && left > 0 || name == OF_API_SERVER;
        if !is_named {
            continue;
        }
        // A variable of a container has its value under a key of its own.
        let following = words.iter().skip(at + 1).find(|word| **word != "value:").copied();
        let value = joined.or(following).unwrap_or_default().trim_matches(bare("\"';"));
        let is_path = !value.is_empty() && !value.starts_with('-') && !value.contains(['$', '`', '%']);
        if is_path && !found.iter().any(|known| known == value) {
            found.push(value.to_owned());
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn certificates_of_clients_are_found_in_every_kind_of_file() {
        for text in [
            "ETCDCTL_CACERT=/ca\nETCDCTL_CERT=/a.crt\nETCDCTL_KEY=/a.key\n",
            "export ETCDCTL_CERT=\"/a.crt\"\n",
            "Environment=\"ETCDCTL_CERT=/a.crt\" ETCDCTL_API=3\n",
            "alias e='ETCDCTL_API=3 etcdctl --cacert=/ca --cert=/a.crt --key=/a.key'\n",
            "etcdctl --cert /a.crt \\\n  --key /a.key get x; echo\n",
            "etcdctl \\\n  --cert \\\n  /a.crt get x\n",
            "  - name: ETCDCTL_CERT\n    value: /a.crt\n",
            "environment:\n  ETCDCTL_CERT: /a.crt\n",
            "{\"ETCDCTL_CERT\": \"/a.crt\", \"x\": 1}",
            "command: [/usr/bin/etcdctl, \"--cert=/a.crt\", endpoint, health]\n",
            "  - kube-apiserver\n  - --etcd-certfile=/a.crt\n",
            "ETCDCTL_CERT_FILE=/a.crt\n",
        ] {
            assert_eq!(certificates(text), ["/a.crt"], "{text}");
        }
        for text in [
            "# ETCDCTL_CERT=/a.crt\n",
            "ETCDCTL_CERT=$DIR/a.crt\n",
            "curl --cert /a.crt https://x\n",
            "etcdctl get --cert\n",
            "ETCDCTL_CERT=\n",
        ] {
            assert!(certificates(text).is_empty(), "{text}");
        }
    }

    #[test]
    fn paths_are_those_of_the_host() {
        let of = |root: Option<&str>, path: &str| ClientCertificate {
            named_in: "/out/n1/etc/etcd.env".into(),
            root: root.map(PathBuf::from),
            path: path.to_owned(),
        };
        assert!(of(Some("/out/n1"), "/etc/pki/a.crt").is_in(Path::new("/out/n1/etc/pki/a.crt")));
        assert!(!of(Some("/out/n1"), "/etc/pki/a.crt").is_in(Path::new("/out/n2/etc/pki/a.crt")));
        assert!(of(None, "/etc/pki/a.crt").is_in(Path::new("/out/n1/etc/a.crt")));
        assert!(!of(None, "/etc/pki/a.crt").is_in(Path::new("/out/n1/a.crt")));
    }
}
