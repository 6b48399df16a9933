//! Files of other programs: whether they speak of etcd, and what they seem to be.

use std::path::Path;

use crate::etcd::found::engine::is_etcd_image;
use crate::etcd::option::EtcdOption;

/// Options that no other program than etcd has.
const DISTINCTIVE: [&str; 9] = [
    "advertise-client-urls",
    "initial-advertise-peer-urls",
    "initial-cluster",
    "initial-cluster-state",
    "initial-cluster-token",
    "listen-client-urls",
    "listen-peer-urls",
    "peer-cert-file",
    "peer-trusted-ca-file",
];

/// Names of such options and of lists of options in other programs' files: k3s and rke2, NixOS, operators of Kubernetes.
const OF_OTHERS: [&str; 9] = [
    "etcd-arg",
    "etcd-extra-arg",
    "listenClientUrls",
    "listenPeerUrls",
    "advertiseClientUrls",
    "initialAdvertisePeerUrls",
    "initialCluster",
    "initialClusterState",
    "EtcdCluster",
];

/// The number of words that may be names of variables and are compared with all options.
const MOST_NAMES: usize = 200;

/// Whether a text speaks of a member of etcd: an option of its own, a variable of an option, the program, or an image.
pub(crate) fn speaks_of_etcd(text: &str) -> bool {
    has_setting(text) || may_speak(text) && words(text).any(is_image)
}

/// Whether a text speaks of etcd only as of a cluster that its clients ask, with an image that has them.
pub(crate) fn only_asks(text: &str) -> bool {
    (text.contains("etcdctl") || text.contains("etcdutl")) && !has_setting(text)
}

fn may_speak(text: &str) -> bool {
    ["etcd", "ETCD_", "initial_cluster", "_urls"].iter().any(|part| text.contains(part))
        || DISTINCTIVE.iter().chain(&OF_OTHERS).any(|name| text.contains(name))
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || "_-./:@".contains(c)));
    words.map(|word| word.trim_end_matches([':', '.', '-']))
}

/// Whether a word is the name of such an option, also as variables of Ansible are written: `etcd_initial_cluster`.
fn is_distinctive(word: &str) -> bool {
    let name = word.trim_start_matches('-');
    let dashed = || name.replace('_', "-");
    DISTINCTIVE.contains(&name)
        || OF_OTHERS.contains(&name.rsplit('.').next().unwrap_or_default())
        || name.contains('_') && DISTINCTIVE.contains(&dashed().trim_start_matches("etcd-"))
}

/// Whether a text has an option of etcd's own, a variable of an option, or the program.
pub(crate) fn has_setting(text: &str) -> bool {
    let mut names = 0;
    may_speak(text)
        && words(text).any(|word| {
            if is_distinctive(word) {
                return true;
            }
            if word.starts_with("ETCD_") && names < MOST_NAMES {
                names += 1;
                return EtcdOption::of_variable(word).is_some();
            }
            word.ends_with("bin/etcd")
        })
}

fn is_image(word: &str) -> bool {
    let known = ["coreos/etcd", "bitnami/etcd", "k8s.io/etcd", "gcr.io/etcd", "etcd-development/etcd"];
    let has_tag = word.rsplit('/').next().is_some_and(|name| name.contains(':'));
    word.contains("etcd")
        && (has_tag && word.contains('/') && !word.contains("//") && is_etcd_image(word)
            || known.iter().any(|image| word.ends_with(image)))
}

/// Files that only talk about programs, or that hold what programs say.
pub(crate) fn is_prose(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
    let extension = path.extension().unwrap_or_default().to_string_lossy().to_lowercase();
    let extensions = [
        "md", "rst", "adoc", "html", "htm", "pdf", "log", "1", "5", "7", "8", "go", "rs", "c", "h", "te",
        "if", "fc",
    ];
    let names = ["readme", "changelog", "license", "notice", "copying", "news"];
    let folders =
        ["doc", "man", "selinux", "apparmor.d", "bash-completion", "bash_completion.d", "dpkg", "log"];
    let mut parents = path.ancestors().skip(1).filter_map(Path::file_name);
    extensions.contains(&extension.as_str())
        || names.iter().any(|start| name.starts_with(start))
        || parents.any(|folder| folders.iter().any(|name| folder == *name))
}

/// What a file seems to be, for messages; `None` if nothing tells.
pub(crate) fn seems(text: &str, path: &Path) -> Option<&'static str> {
    let has_line = |start: &str| text.lines().any(|line| line.starts_with(start));
    let extension = path.extension().unwrap_or_default().to_string_lossy();
    let is_json = text.trim_start().starts_with('{');
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    Some(if has_line("apiVersion:") && has_line("kind:") || text.contains("\"apiVersion\"") {
        match () {
            () if text.contains("kubeadm.k8s.io") => "kubeadm's configuration",
            () if text.contains("k0s.k0sproject.io") => "k0s' configuration",
            () => "an object of Kubernetes",
        }
    } else if has_line("services:") && (has_line("nodes:") || text.contains("extra_args:")) {
        "a configuration of RKE"
    } else if has_line("machine:") && has_line("cluster:") {
        "a configuration of Talos"
    } else if has_line("etcd-arg:") || has_line("etcd-extra-arg:") {
        "a configuration of k3s or rke2"
    } else if has_line("FROM ") && !is_json {
        "a Dockerfile"
    } else if name.starts_with("Makefile") {
        "a Makefile"
    } else if text.contains("<plist") {
        "a property list of launchd"
    } else if has_line("services:") {
        "a compose file"
    } else if has_line("#cloud-config") {
        "a cloud-config"
    } else if has_line("- hosts:") || has_line("- name:") || has_line("- include") {
        "a playbook or tasks of Ansible"
    } else if has_line("[Container]") || has_line("[Pod]") {
        "a Quadlet of podman"
    } else if has_line("[Service]") || has_line("[Unit]") || has_line("[Install]") {
        "a unit or a drop-in of systemd"
    } else if has_line("[program:") {
        "a configuration file of supervisor"
    } else if has_line("resource \"") || has_line("variable \"") || has_line("module \"") || extension == "tf"
    {
        "a configuration of Terraform"
    } else if has_line("job \"") || matches!(&*extension, "nomad" | "hcl") {
        "a job of Nomad"
    } else if has_line("<?xml") {
        "an XML file"
    } else if extension == "nix" {
        "a configuration of NixOS"
    } else if text.starts_with("#!") || matches!(&*extension, "sh" | "bash" | "py" | "rb" | "pl") {
        "a script"
    } else if extension == "service" {
        "a unit of systemd"
    } else if has_line("[") {
        "a configuration file in sections"
    } else if is_json {
        "JSON of another program"
    } else if matches!(&*extension, "yaml" | "yml") {
        "YAML of another program"
    } else if extension == "csv" || is_table(text) {
        "a table"
    } else if text.lines().any(|line| line.split_once('=').is_some_and(|(name, _)| !name.trim().is_empty())) {
        "settings of another program"
    } else if text.trim().is_empty() {
        "an empty file"
    } else {
        return None;
    })
}

/// Whether each line has the same number of commas, and at least one.
fn is_table(text: &str) -> bool {
    let mut counts = text.lines().filter(|line| !line.is_empty()).map(|line| line.matches(',').count());
    let first = counts.next().unwrap_or_default();
    first > 0 && counts.all(|count| count == first)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_speaks_of_etcd_by_what_only_etcd_has() {
        for text in [
            "ETCD_NAME=a",
            "  - ETCD_LISTEN_PEER_URLS: x",
            "args: [\"--initial-cluster=a\"]",
            "listen-client-urls: https://x",
            "\"initial-cluster-state\": \"new\"",
            "command=/usr/local/bin/etcd",
            "image: quay.io/coreos/etcd:v3.5.9",
            "image: 'registry.k8s.io/etcd:3.5.15-0'",
            "FROM gcr.io/etcd-development/etcd",
            "etcd_initial_cluster: x",
            "initial_cluster_token=x",
            "services.etcd.listenClientUrls = [];",
            "etcd-arg:\n- heartbeat-interval=1",
            "kind: EtcdCluster",
        ] {
            assert!(speaks_of_etcd(text), "{text}");
        }
        for text in [
            "etcd:x:998:998::/var/lib/etcd:/sbin/nologin",
            "etcd-client 2379/tcp # etcd",
            "--etcd-servers=https://127.0.0.1:2379 --etcd-cafile=/etc/kubernetes/pki/etcd/ca.crt",
            "ETCD_VER=v3.5.9",
            "/var/log/etcd/*.log { weekly }",
            "path: /etc/kubernetes/pki/etcd",
            "https://github.com/etcd-io/etcd: a store",
            "nothing",
        ] {
            assert!(!speaks_of_etcd(text), "{text}");
        }
    }

    #[test]
    fn it_is_said_what_a_file_seems_to_be() {
        let seems = |text: &str, name: &str| seems(text, Path::new(name)).unwrap_or("nothing");
        assert_eq!(seems("services:\n  a: {}\n", "x.yml"), "a compose file");
        assert_eq!(seems("a: 1\n", "x.yml"), "YAML of another program");
        assert_eq!(seems("nodes: []\nservices:\n  etcd: {}\n", "cluster.yml"), "a configuration of RKE");
        assert_eq!(seems("machine: {}\ncluster:\n  etcd: {}\n", "x.yaml"), "a configuration of Talos");
        assert_eq!(seems("FROM quay.io/coreos/etcd\n", "Dockerfile"), "a Dockerfile");
        assert_eq!(seems("<?xml?>\n<plist version=\"1.0\">", "x.plist"), "a property list of launchd");
        assert_eq!(seems("n1,10.0.0.1\nn2,10.0.0.2\n", "etcd.conf"), "a table");
        assert_eq!(seems("hello\nworld\n", "x"), "nothing");
        assert_eq!(seems("hello\na=b\n", "x"), "settings of another program");
        assert!(is_prose(Path::new("/x/README.md")) && is_prose(Path::new("/usr/share/doc/etcd/x")));
        assert!(!is_prose(Path::new("/etc/etcd/etcd.conf")));
    }
}
