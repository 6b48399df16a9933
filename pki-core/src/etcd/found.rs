//! Reads the files of clusters that exist already: units, environment and configuration files, certificates and keys,
//! and the requests and ca-configs of cfssl.
//!
//! [`Found::read`] reads files and folders and sorts them by host. A path may be the root folder of a host, a folder
//! below `nodes` in an output folder, or a single file. What a unit or an option names is looked up within its own
//! host. If a file may be elsewhere, or is too large to be read, nothing is concluded from it.

mod assemble;
mod binds;
mod command;
mod compose;
mod document;
mod embedded;
mod engine;
mod environment;
mod error;
mod etcdctl;
mod files;
mod foreign;
mod host;
mod init;
mod instances;
mod kind;
mod kubernetes;
mod list;
mod mounts;
mod needed;
mod not_understood;
mod omission;
mod parent;
mod pem_file;
mod process;
mod recorded;
mod related;
mod script;
mod sections;
mod settings;
mod shell;
mod shell_state;
mod started;
mod template;
mod text;
mod tree;
mod unit;
mod usual;
mod words;
mod wrapper;
mod written;
mod yaml;

use std::collections::btree_map::Entry as MapEntry;
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::path::{Path, PathBuf};

pub(crate) use crate::etcd::option::FoundUrl;
pub(crate) use document::{Node, NodeValue};
pub(crate) use environment::EnvironmentFile;
pub use error::ReadError;
pub(crate) use etcdctl::ClientCertificate;
pub use files::{Files, SystemFiles};
pub(crate) use files::{NotRead, Unread, entry, is_folder, names};
pub(crate) use host::{FILE_OPTIONS, FileLookup};
pub use host::{Host, Member};
pub(crate) use needed::PREFIXES;
pub use omission::Omission;
pub(crate) use parent::{Parent, Role};
pub use pem_file::PemFile;
pub(crate) use pem_file::{Form, FoundKey};
pub(crate) use process::{Process, is_etcd};
pub(crate) use recorded::Records;
pub use recorded::described_version;
pub(crate) use recorded::record as record_of;
pub(crate) use settings::{Setting, Settings, Source};
pub(crate) use unit::{SyntaxFaultKind, Unit, UnitFile, UnitSetting};
pub use usual::UsualPlaces;
pub(crate) use words::systemd as systemd_words;
pub use yaml::{ConfigFile, ConfigValue};

use crate::etcd::cluster::path::ETCDCTL;
use crate::etcd::option::port::PEER;
use crate::etcd::option::version::EtcdVersion;
use not_understood::{NotUnderstood, NotUnderstoodKind};
use tree::{Overlay, Sorted, Tree};

/// The files of etcd that were found, by host.
#[derive(Debug, Clone, Default)]
pub struct Found {
    /// The hosts, in the order of their folders.
    pub hosts: Vec<Host>,
    /// What was left out, because it is of members and clients that the record of its output folder no longer has.
    pub left_out: BTreeSet<PathBuf>,
    /// The files that were named, or speak of etcd, and were not understood.
    pub(crate) not_understood: Vec<NotUnderstood>,
    /// Whether nothing but certificates, keys and what they are made from was there.
    pub(crate) is_only_certificates: bool,
    /// The paths that were named.
    pub(crate) paths: Vec<PathBuf>,
    /// The certificates that clients are told to show.
    pub(crate) of_clients: Vec<ClientCertificate>,
}

/// Whether something of etcd's has to be at each path that is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum EachPath {
    HasSomething,
    MayHaveNothing,
}

impl Found {
    /// Reads files and folders, named by their absolute paths, as etcd of `version` would read them.
    ///
    /// ```
    /// use pki_core::etcd::EtcdVersion;
    /// use pki_core::etcd::found::{Found, SystemFiles};
    ///
    /// let folder = tempfile::tempdir()?;
    /// std::fs::write(folder.path().join("etcd.env"), "ETCD_NAME=etcd1\nETCD_DATA_DIR=/var/lib/etcd\n")?;
    /// let found = Found::read(&[folder.path().to_owned()], EtcdVersion::V3_5, &SystemFiles)?;
    /// assert_eq!(found.members().count(), 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// If a path does not exist, cannot be read, has too many files, has nothing that belongs to etcd, or is the
    /// description of a cluster.
    pub fn read(paths: &[PathBuf], version: EtcdVersion, files: &dyn Files) -> Result<Self, ReadError> {
        Self::read_each(paths, version, files, EachPath::HasSomething)
    }

    /// Reads the files of etcd at the places of a host where they usually are. `root` is the root folder of the host, by
    /// its absolute path: `/`, or where its file system is mounted.
    ///
    /// # Errors
    /// If a place cannot be read, or has too many files.
    pub fn of_host(
        root: &Path,
        version: EtcdVersion,
        files: &dyn Files,
    ) -> Result<(Self, UsualPlaces), ReadError> {
        let places = UsualPlaces::of_host(root, files)?;
        let found = Self::read_each(&places.present, version, files, EachPath::MayHaveNothing)?;
        Ok((Self { paths: vec![root.to_owned()], ..found }, places))
    }

    fn read_each(
        paths: &[PathBuf],
        version: EtcdVersion,
        files: &dyn Files,
        each: EachPath,
    ) -> Result<Self, ReadError> {
        let (mut tree, mut left_out) = (Tree::default(), BTreeSet::new());
        for path in paths {
            let left = recorded::left_behind(path, files)?;
            tree.read(path, each == EachPath::HasSomething, &left, files)?;
            left_out.extend(left);
        }
        tree.open_embedded();
        let overlay = Overlay { files, embedded: tree.embedded() };
        let client_files =
            tree.files.keys().filter(|path| path.file_name().is_some_and(|name| name == ETCDCTL));
        let client_folders: BTreeSet<PathBuf> =
            client_files.filter_map(|path| path.parent().map(Path::to_owned)).collect();
        let Sorted { mut hosts, known, mut not_understood, is_only_certificates, of_clients } =
            tree.sorted(files)?;
        let is_there = |path: &PathBuf| {
            known
                .iter()
                .chain(not_understood.iter().map(|file| &file.path))
                .any(|file| file.starts_with(path))
        };
        if each == EachPath::HasSomething
            && let Some(path) = paths.iter().find(|path| !is_there(path))
        {
            return Err(ReadError::Nothing { path: path.clone() });
        }
        for host in &mut hosts {
            // A client's folder may have the files for a host of the control plane in a folder of their own.
            let around = host.root.as_deref().and_then(Path::parent);
            let folders = [Some(host.folder.as_path()), around];
            host.is_client = folders.into_iter().flatten().any(|folder| client_folders.contains(folder));
            host.assemble(version, &overlay)?;
            not_understood.append(&mut host.not_understood);
        }
        // What a unit or an option names was read as what it is named for, and may be empty, as the environment files
        // of distributions are.
        let named: HashSet<&Path> = hosts.iter().flat_map(Host::named_paths).collect();
        not_understood.retain(|file| {
            !matches!(file.what, NotUnderstoodKind::Foreign(_)) || !named.contains(file.path.as_path())
        });
        hosts.retain(|host| !host.is_empty());
        let named = not_understood.iter().find(|file| paths.contains(&file.path));
        if let Some(file) = named.filter(|_| hosts.is_empty() && each == EachPath::HasSomething) {
            let (path, reason, remedy) = (file.path.clone(), file.reason(), file.remedy());
            return Err(ReadError::NotUnderstood { path, reason, remedy });
        }
        Ok(Self { hosts, left_out, not_understood, is_only_certificates, paths: paths.to_vec(), of_clients })
    }

    /// The files that were read: the units of members, settings, certificates and keys, requests and profiles.
    pub fn files(&self) -> BTreeSet<&Path> {
        let mut all = BTreeSet::new();
        for (host, member) in self.members() {
            let files = host.unit(member).into_iter().flat_map(|unit| &unit.files);
            all.extend(files.map(|file| file.path.as_path()));
        }
        for host in &self.hosts {
            let texts = host.environments.keys().chain(host.configs.keys()).chain(host.pems.keys());
            all.extend(texts.chain(host.requests.keys()).chain(host.ca_configs.keys()).map(PathBuf::as_path));
        }
        all
    }

    /// What could not be judged. Only where this is empty, no finding means that nothing is wrong.
    pub fn omissions(&self) -> Vec<Omission> {
        let mut all = omission::of(&self.not_understood, self.members());
        if self.members().next().is_none() && !self.is_only_certificates && all.is_empty() {
            all.extend(self.paths.iter().map(|path| omission::no_member(path)));
        }
        all.sort();
        all.dedup();
        all
    }

    /// The files and folders that may not be read.
    pub(crate) fn unread(&self) -> impl Iterator<Item = &NotUnderstood> {
        self.not_understood.iter().filter(|file| matches!(file.what, NotUnderstoodKind::Unread(_)))
    }

    /// Every member, with its host.
    pub fn members(&self) -> impl Iterator<Item = (&Host, &Member)> {
        self.hosts.iter().flat_map(|host| host.members.iter().map(move |member| (host, member)))
    }

    /// Every member once, with its host. Units and scripts that give etcd the same name and the same peer URLs are about
    /// one member, and the unit stands for it.
    pub fn distinct_members(&self) -> Vec<(&Host, &Member)> {
        let mut all: Vec<(&Host, &Member)> = Vec::new();
        let mut known: BTreeMap<(&str, Vec<String>), usize> = BTreeMap::new();
        for (host, member) in self.members() {
            let urls =
                member.settings.urls(PEER.advertise).into_iter().map(|url| url.text).collect::<Vec<_>>();
            let name = member.settings.value("name").filter(|_| !urls.is_empty());
            match name.map(|name| known.entry((name, urls))) {
                Some(MapEntry::Occupied(at)) => {
                    if let Some(other) = all.get_mut(*at.get())
                        && other.1.unit.is_none()
                        && member.unit.is_some()
                    {
                        *other = (host, member);
                    }
                    continue;
                }
                Some(MapEntry::Vacant(at)) => drop(at.insert(all.len())),
                None => {}
            }
            all.push((host, member));
        }
        all
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use zeroize::Zeroizing;

    use super::*;
    use crate::etcd::folder::snapshot::{Entry, FileKind};

    /// Files in memory, readable by everybody, from paths and texts.
    pub(crate) fn files<'a>(all: impl IntoIterator<Item = (&'a str, &'a str)>) -> BTreeMap<PathBuf, Entry> {
        let entry = |text: &str| Entry {
            kind: FileKind::File,
            mode: 0o644,
            ids: (0, 0),
            bytes: Zeroizing::new(text.as_bytes().to_vec()),
        };
        all.into_iter().map(|(path, text)| (PathBuf::from(path), entry(text))).collect()
    }

    fn read(all: &[(&str, &str)], paths: &[&str]) -> Found {
        let paths: Vec<PathBuf> = paths.iter().map(PathBuf::from).collect();
        Found::read(&paths, EtcdVersion::V3_5, &files(all.iter().copied())).unwrap()
    }

    const UNIT: &str =
        "[Service]\nEnvironmentFile=/etc/etcd/etcd.env\nExecStart=/usr/bin/etcd --data-dir=/d\n";

    #[test]
    fn each_folder_of_a_node_is_a_host() {
        let all = [
            ("/out/nodes/a/etc/etcd/etcd.env", "ETCD_NAME=a\n"),
            ("/out/nodes/a/etc/systemd/system/etcd.service", UNIT),
            ("/out/nodes/b/etc/etcd/etcd.env", "ETCD_NAME=b\n"),
            ("/out/nodes/b/etc/systemd/system/etcd.service", UNIT),
            ("/out/README", "nothing"),
        ];
        for paths in [&["/out"][..], &["/out/nodes/a", "/out/nodes/b/etc/systemd/system/etcd.service"]] {
            let found = read(&all, paths);
            let names: Vec<_> = found.members().map(|(_, member)| member.settings.value("name")).collect();
            assert_eq!(names, [Some("a"), Some("b")]);
            assert!(found.members().all(|(_, member)| member.settings.is_complete));
        }
    }

    #[test]
    fn a_file_that_may_be_elsewhere_is_not_absent() {
        let found = read(&[("/x/etcd.service", UNIT)], &["/x/etcd.service"]);
        let (host, member) = found.members().next().unwrap();
        assert!(!member.settings.is_complete);
        assert_eq!(host.lookup("/etc/etcd/etcd.env"), &FileLookup::Unknown);
        let found = read(&[("/n/etc/systemd/system/etcd.service", UNIT), ("/n/etc/etcd/x", "")], &["/n"]);
        let absent = FileLookup::Absent(PathBuf::from("/n/etc/etcd/etcd.env"));
        assert_eq!(found.hosts[0].lookup("/etc/etcd/etcd.env"), &absent);
    }

    #[test]
    fn what_was_not_seen_is_told() {
        let unit = |lines: &str| format!("[Service]\n{lines}\n");
        let told = |name: &str, text: &str| -> Vec<String> {
            let found = read(&[(name, text)], &[name]);
            found.omissions().iter().map(ToString::to_string).collect()
        };
        for (lines, expected) in [
            ("ExecStart=/usr/bin/etcd --name a", &[][..]),
            (
                "EnvironmentFile=-/etc/default/etcd\nExecStart=/usr/bin/etcd",
                &["the environment file /etc/default/etcd was not seen"][..],
            ),
            ("ExecStart=/usr/bin/etcd --name=%H", &["the value of `--name=%H`"]),
            ("PassEnvironment=HTTP_PROXY\nExecStart=/usr/bin/etcd", &[]),
            ("PassEnvironment=ETCD_NAME\nExecStart=/usr/bin/etcd", &["the value of `ETCD_NAME`"]),
            ("ExecStart=/usr/bin/podman run -e ETCD_NAME quay.io/coreos/etcd:v3.5.9 etcd", &[]),
            (
                "EnvironmentFile=/e\nExecStart=/usr/bin/podman run -e ETCD_NAME -e OTHER quay.io/coreos/etcd:v3.5.9 etcd",
                &["the value of `ETCD_NAME`"],
            ),
            ("ExecStart=chpst -e /env /usr/bin/etcd", &["the folder of variables that chpst reads"]),
            ("ExecStart=/bin/sh -c 'exec etcd $ETCD_OPTS --name a'", &["the value of `$ETCD_OPTS`"]),
        ] {
            let told = told("/x/etcd.service", &unit(lines));
            assert_eq!(told.len(), expected.len(), "{lines}: {told:?}");
            assert!(told.iter().zip(expected).all(|(told, expected)| told.contains(expected)), "{told:?}");
        }
        let pod = "apiVersion: v1\nkind: Pod\nspec:\n  containers:\n  - image: quay.io/coreos/etcd:v3.5.9\n    \
                   envFrom: [{secretRef: {name: x}}]\n";
        assert!(told("/x/pod.yaml", pod)[0].contains("the Secret `x` was not seen"));
        let compose = "services:\n  e:\n    image: quay.io/coreos/etcd:v3.5.9\n    env_file: [x.env]\n";
        assert!(told("/x/compose.yaml", compose)[0].contains("the file of variables x.env was not seen"));
        let script =
            "#!/bin/sh\nexec docker run --env-file /e quay.io/coreos/etcd:v3.5.9 etcd --name=\"$N\"\n";
        let told = told("/x/run.sh", script);
        assert!(told[0].contains("the file of variables /e was not seen") && told[1].contains("`--name=$N`"));
    }

    /// What is said of the files in the folder `/h`, and the names of the members there.
    fn told_of(all: &[(&str, &str)]) -> (Vec<String>, Vec<String>) {
        let found = read(all, &["/h"]);
        let name = |member: &Member| member.settings.value("name").unwrap_or("?").to_owned();
        let mut names: Vec<String> = found.members().map(|(_, member)| name(member)).collect();
        names.sort();
        (found.omissions().iter().map(ToString::to_string).collect(), names)
    }

    /// A folder with a unit that is understood hides no other file.
    #[test]
    fn each_file_that_speaks_of_etcd_is_understood_or_told() {
        let unit =
            ("/h/etc/systemd/system/etcd.service", "[Service]\nExecStart=/usr/bin/etcd --name=known\n");
        let url = "http://0.0.0.0:2379";
        for (path, text, expected) in [
            ("srv/compose.yaml", format!("services:\n  e: {{build: ., command: [/x], environment: {{ETCD_LISTEN_CLIENT_URLS: '{url}'}}}}\n"), "a compose file"),
            ("etc/x/cm.yaml", format!("apiVersion: v1\nkind: ConfigMap\ndata:\n  etcd.conf.yml: |\n    listen-client-urls: {url}\n"), "an object of Kubernetes"),
            ("etc/kubernetes/manifests/x.yaml", format!("apiVersion: v1\nkind: Pod\nspec:\n  containers:\n  - image: store:1\n    command: [/x]\n    env: [{{name: ETCD_LISTEN_CLIENT_URLS, value: '{url}'}}]\n"), "an object of Kubernetes"),
            ("etc/containers/systemd/etcd.container.d/10.conf", format!("[Container]\nEnvironment=ETCD_LISTEN_CLIENT_URLS={url}\n"), "a Quadlet"),
            ("etc/cloud/u.yaml", "#cloud-config\nwrite_files:\n- {path: /etc/systemd/system/etcd.service, encoding: gz+b64, content: H4sI}\n".to_owned(), "compressed"),
            ("etc/cloud/u.yaml", "#cloud-config\nwrite_files:\n- {path: /x, encoding: gzip, content: !!binary H4sI}\n".to_owned(), "compressed"),
            ("etc/cloud/u.yaml", "#cloud-config\nwrite_files:\n- {path: /etc/etcd/x, content: [\n".to_owned(), "its YAML or JSON"),
            ("etc/kubernetes/manifests/x.yaml", format!("apiVersion: v1\nkind: ConfigMap\n---\napiVersion: v1\nkind: Pod\nspec:\n  containers:\n  - {{image: 'quay.io/coreos/etcd:v3.5.9', args: ['--listen-client-urls={url}'\n"), "an object of Kubernetes"),
            ("etc/cloud/u.yaml", format!("#cloud-config\nbootcmd:\n- [x, --listen-client-urls={url}]\n"), "a script"),
            ("etc/systemd/system/k3s.service", format!("[Service]\nExecStart=/usr/local/bin/k3s server --etcd-arg=listen-client-urls={url}\n"), "a program that is not known here"),
            ("etc/rancher/k3s/config.yaml", "etcd-arg:\n- heartbeat-interval=1\n".to_owned(), "k3s or rke2"),
            ("opt/x.sh", format!("cat <<EOF | nc n2 99\nETCD_LISTEN_CLIENT_URLS={url}\nEOF\n"), "a part of it is not understood"),
            ("etc/etcd/x.sh", "cat >/etc/etcd/etcd.yaml <<EOF\nlisten-client-urls: https://$IP:2379\nEOF\n".to_owned(), "a here-document of a shell"),
            ("etc/etcd/x.yaml", "name: ${NAME}\nlisten-client-urls: https://${IP}:2379\n".to_owned(), "envsubst"),
            ("etc/etcd/x.service", "[Service]\nUser=${USER}\nExecStart=/usr/bin/etcd\n".to_owned(), "envsubst"),
            ("etc/kubernetes/manifests/x.yaml", "apiVersion: v1\nkind: Pod\nspec:\n  containers:\n  - image: quay.io/coreos/etcd:v3.5.9\n    command:\n    - etcd\n    - --name=${NAME}\n".to_owned(), "envsubst"),
        ] {
            let path = format!("/h/{path}");
            let (told, names) = told_of(&[unit, (&path, &text)]);
            assert_eq!(names, ["known"], "{path}: {text}");
            assert_eq!(told.len(), 1, "{text}: {told:?}");
            assert!(told[0].starts_with(&path) && told[0].contains(expected), "{text}: {told:?}");
        }
        // An image of another name whose own command must be etcd.
        let compose = "services:\n  e: {build: ., environment: {ETCD_NAME: a, ETCD_LISTEN_CLIENT_URLS: 'http://0.0.0.0:2379'}}\n";
        let (told, names) = told_of(&[("/h/compose.yaml", compose)]);
        assert_eq!(names, ["a"]);
        assert!(told.len() == 1 && told[0].contains("which options it gives etcd is not known"), "{told:?}");
        // A document that cannot be read behind one that can.
        let pod = "apiVersion: v1\nkind: Pod\nspec:\n  containers:\n  - {image: 'quay.io/coreos/etcd:v3.5.9', args: [--name=a]}\n";
        let (told, names) = told_of(&[unit, ("/h/etc/x.yaml", &format!("{pod}---\n{pod}---\n{{{pod}"))]);
        assert_eq!(names, ["a", "a", "known"]);
        assert!(told.len() == 1 && told[0].contains("the rest of the file"), "{told:?}");
        for (path, text) in [
            (
                "etc/kubernetes/backup.yaml",
                "apiVersion: batch/v1\nkind: CronJob\nspec:\n  jobTemplate: {spec: {template: {spec: {containers: [{image: 'quay.io/coreos/etcd:v3.5.9', command: [etcdctl, snapshot, save]}]}}}}\n",
            ),
            ("etc/cloud/u.yaml", "#cloud-config\nruncmd: [ls]\nwrite_files:\n- {path: /x, content: y}\n"),
            ("opt/x.sh", "#!/bin/sh\ncat >/etc/nginx.conf <<EOF\nserver { listen $PORT; }\nEOF\n"),
        ] {
            let path = format!("/h/{path}");
            assert_eq!(told_of(&[unit, (&path, text)]).0, [""; 0], "{text}");
        }
    }

    #[test]
    fn what_a_script_writes_is_read_as_it_will_be() {
        let unit = "ExecStart=/usr/bin/etcd --name=${NAME} --data-dir=/d --listen-peer-urls=https://$IP:2380 \\$OPTS";
        let script = |head: &str| {
            format!(
                "#!/bin/bash\n{head}\ncat <<EOF | sudo tee /etc/systemd/system/etcd.service\n[Service]\n{unit}\nEOF\n"
            )
        };
        let (told, names) = told_of(&[("/h/x.sh", &script("NAME=n1 IP=10.0.0.1"))]);
        assert_eq!((told, names), (vec![], vec!["n1".to_owned()]));
        // What the script's user sets is not known, and the flags beside it are.
        let all = [("/h/x.sh", &*script("NAME=$(hostname -s)"))];
        let (told, names) = told_of(&all);
        assert_eq!(names, ["?"]);
        assert!(told.len() == 2 && told.iter().any(|told| told.contains("`--name=${NAME}`")), "{told:?}");
        let found = read(&all, &["/h"]);
        assert_eq!(found.members().next().unwrap().1.settings.value("data-dir"), Some("/d"));
        // Variables of an environment file stay what they are, each by itself.
        let file = "sudo mkdir -p /etc/etcd\nNAME=n1\nsudo tee /etc/etcd/etcd.env <<EOF\nETCD_NAME=$NAME\nETCD_DATA_DIR=$(x)\nEOF\ncat > etcd.service <<'EOF'\n[Service]\nEnvironmentFile=/etc/etcd/etcd.env\nExecStart=/usr/bin/etcd --listen-peer-urls=https://${IP}:2380\nEOF\nsudo mv etcd.service /etc/systemd/system/\n";
        let (told, names) = told_of(&[("/h/x.sh", file)]);
        assert_eq!(names, ["n1"]);
        assert!(told.len() == 1 && told[0].contains("ETCD_DATA_DIR"), "{told:?}");
        // Several hosts stay apart.
        let hosts = "#!/bin/sh\nssh n1 'cat >/etc/etcd/e.env' <<EOF\nETCD_NAME=n1\nEOF\nssh n2 'cat >/etc/etcd/e.env' <<EOF\nETCD_NAME=n2\nEOF\n";
        assert_eq!(told_of(&[("/h/x.sh", hosts)]).1, ["n1", "n2"]);
        // A script that a cloud-config has.
        let nested = "#cloud-config\nruncmd:\n- |\n  cat >/etc/etcd/e.env <<EOF\n  ETCD_NAME=n1\n  EOF\n- docker run -d quay.io/coreos/etcd:v3.5.9 etcd --name=n2\n";
        assert_eq!(told_of(&[("/h/etc/cloud/u.yaml", nested)]).1, ["n1", "n2"]);
    }

    #[test]
    fn an_unknown_word_may_be_any_flag() {
        for line in [
            "etcd $OPTS --name a",
            "etcd \"$@\" --name a",
            "etcd \"${OPTS}\" --name a",
            "etcd --log-$KIND=x --name a",
        ] {
            let script = format!("#!/bin/sh\nexec {line}\n");
            let found = read(&[("/x/run.sh", &script)], &["/x/run.sh"]);
            let (_, member) = found.members().next().unwrap();
            assert_eq!(member.settings.value("name"), Some("a"), "{line}");
            assert!(!member.settings.is_complete && member.settings.operands.is_empty(), "{line}");
        }
    }

    #[test]
    fn loose_files_are_looked_up_in_their_folder() {
        let found = read(&[("/x/etcd.service", UNIT), ("/x/etcd.env", "ETCD_NAME=a\n")], &["/x"]);
        let names: Vec<_> = found.members().map(|(_, member)| member.settings.value("name")).collect();
        assert_eq!(names, [Some("a")]);
    }

    #[test]
    fn the_json_of_cfssl_is_found() {
        let request = r#"{"CN": "etcd", "hosts": ["10.0.0.1"], "key": {"algo": "rsa", "size": 2048}}"#;
        let config = r#"{"signing": {"default": {"expiry": "8760h"}, "profiles": {}}}"#;
        let other = r#"{"name": "a", "data-dir": "/d"}"#;
        let found =
            read(&[("/x/etcd.json", request), ("/x/ca-config.json", config), ("/x/a.json", other)], &["/x"]);
        let host = &found.hosts[0];
        assert_eq!(host.requests[Path::new("/x/etcd.json")].common_name, "etcd");
        assert!(host.ca_configs[Path::new("/x/ca-config.json")].names().next().is_none());
        assert_eq!(host.members[0].settings.value("name"), Some("a"));
    }

    #[test]
    fn the_settings_of_a_drop_in_without_its_unit_are_incomplete() {
        let drop_in = "[Service]\nEnvironmentFile=\nEnvironmentFile=/etc/etcd/etcd.env\n";
        let found = read(
            &[
                ("/n/etc/systemd/system/etcd.service.d/10-etcdpki.conf", drop_in),
                ("/n/etc/etcd/etcd.env", "ETCD_NAME=a\n"),
            ],
            &["/n"],
        );
        let (_, member) = found.members().next().unwrap();
        assert_eq!(member.settings.value("name"), Some("a"));
        assert!(!member.settings.is_complete);
    }

    #[test]
    fn files_without_units_are_members() {
        let found = read(
            &[("/x/a.yaml", "name: a\ndata-dir: /d\n"), ("/x/cluster.yaml", "name: p\nmembers: []\n")],
            &["/x"],
        );
        assert_eq!(found.members().count(), 1);
        let found = read(&[("/x/start.sh", "etcd --name radon --data-dir /d\n")], &["/x"]);
        assert_eq!(found.members().next().unwrap().1.settings.value("name"), Some("radon"));
        let error =
            Found::read(&["/x".into()], EtcdVersion::V3_5, &files([("/x/README", "hello")])).unwrap_err();
        assert!(matches!(error, ReadError::Nothing { .. }));
    }

    #[test]
    fn a_description_is_not_taken_for_a_configuration() {
        let text = "name: prod\nmembers:\n  - {name: a, address: 10.0.0.1}\n";
        let files = files([("/x/cluster.yaml", text)]);
        let error = Found::read(&["/x/cluster.yaml".into()], EtcdVersion::V3_5, &files).unwrap_err();
        assert!(matches!(error, ReadError::Description { .. }), "{error}");
    }

    /// Each line or word of these units is a finding. The time must not grow with the square of their number.
    #[test]
    fn time_grows_with_the_length_of_a_file() {
        const KNOWN: &str = "--name=a --initial-cluster=a=https://10.0.0.1:2380";
        let file =
            |line: &str, more: &str| format!("[Service]\nExecStart=/usr/bin/etcd {KNOWN}{line}\n{more}");
        let times = |text: &str, most: usize| {
            (0..most).map(|number| text.replace('#', &number.to_string())).collect::<String>()
        };
        let units: [&dyn Fn(usize) -> String; 3] =
            [&|most| file("", &times("x\n", most)), &|most| file(&times(" --name=#", most), ""), &|most| {
                file(&times(" a#", most), "")
            }];
        let judge = |unit: &str| {
            let files = files([("/x/etcd.service", unit)]);
            let (began, now) = (std::time::Instant::now(), time::OffsetDateTime::UNIX_EPOCH);
            let found = Found::read(&["/x".into()], EtcdVersion::V3_5, &files).unwrap();
            crate::etcd::doctor::examine(&found, EtcdVersion::V3_5, now);
            let _ = crate::etcd::import(&found, EtcdVersion::V3_5, crate::etcd::AuthorityChoice::Keep, now);
            began.elapsed()
        };
        for unit in units {
            let quickest = |most| (0..3).map(|_| judge(&unit(most))).min().unwrap();
            // Four times as long takes 4 times the time, or 16 times if each line were compared with each. Other work
            // on the machine can spoil a measurement, but not all of them.
            let is_linear = || quickest(8_000) < 10 * quickest(2_000);
            assert!((0..5).any(|_| is_linear()), "{}", unit(3));
        }
    }

    proptest::proptest! {
        #![proptest_config(proptest::prelude::ProptestConfig::with_cases(64))]
        /// No text in a file makes reading or examining it panic.
        #[test]
        fn any_text_can_be_read(
            text in "[\\[\\]=\\\\ \n\t#;\"'${}%@:,/.a-zA-Z0-9<>|()`?*-]{0,200}",
            name in proptest::sample::select(vec![
                "etcd.service", "etcd.service.d/1.conf", "etcd.env", "etcd.yaml", "etcd.sh", "etcd.pem", "etcd",
                "Procfile", "rc.conf", "etcd.container", "etcd.json",
            ]),
        ) {
            for prefix in ["", "cat <<EOF | sudo tee /etc/etcd.env\nETCD_NAME=", "#cloud-config\nruncmd:\n- etcd ", "A=(--name ", "[Service]\nExecStart=/usr/bin/etcd ", "ETCD_NAME=a\n", "name: a\ndata-dir: ", "etcd --name=a "] {
                let path = format!("/x/{name}");
                let files = files([(path.as_str(), format!("{prefix}{text}").as_str())]);
                for path in ["/x", path.as_str()] {
                    if let Ok(found) = Found::read(&[path.into()], EtcdVersion::V3_5, &files) {
                        crate::etcd::doctor::examine(&found, EtcdVersion::V3_5, time::OffsetDateTime::UNIX_EPOCH);
                    }
                }
            }
        }
    }
}
