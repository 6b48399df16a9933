//! User data that makes a new host a member: for cloud-init, and for Ignition through Butane.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::base::WipedBuffer;
use crate::etcd::cluster::path::{HOST_UNITS, NODES};
use crate::etcd::error::Error;
use crate::etcd::export::yaml::{comment, file, line};
use crate::etcd::folder::record::Record;
use crate::etcd::folder::snapshot::{Entry, FileKind, Snapshot};
use crate::etcd::safe::yaml::quoted;

/// The files and folders of a host.
struct Node<'a> {
    /// The files by their paths on the host.
    files: Vec<(&'a str, &'a Entry)>,
    /// The folders that have another mode than 0755.
    folders: Vec<(&'a str, &'a Entry)>,
    /// The user of the unit, and its home.
    user: Option<(String, String)>,
    /// Whether systemd starts etcd.
    has_unit: bool,
}

impl<'a> Node<'a> {
    fn read(snapshot: &'a Snapshot, member: &str) -> Result<Self, Error> {
        let prefix = format!("{NODES}/{member}/");
        let mut node = Self { files: Vec::new(), folders: Vec::new(), user: None, has_unit: false };
        let paths: Vec<&str> = snapshot.paths().filter(|path| path.starts_with(&prefix)).collect();
        for path in paths {
            let Some(entry) = snapshot.entry(path)? else { continue };
            let on_host = path.get(prefix.len() - 1..).unwrap_or_default();
            match entry.kind {
                FileKind::File => node.files.push((on_host, entry)),
                FileKind::Folder if entry.mode != 0o755 => node.folders.push((on_host, entry)),
                FileKind::Folder => {}
            }
        }
        let unit = format!("{HOST_UNITS}/etcd.service");
        node.has_unit = node.files.iter().any(|(path, _)| path.starts_with(&unit));
        let text = node.files.iter().find(|(path, _)| *path == unit).map(|(_, entry)| text(entry));
        if let Some(Some(text)) = text {
            let value = |key: &str| text.lines().find_map(|line| line.strip_prefix(key)).map(str::to_owned);
            let user = value("User=").filter(|user| user != "root");
            node.user = user.zip(value("WorkingDirectory=").or_else(|| Some("/".to_owned())));
        }
        Ok(node)
    }
}

fn text(entry: &Entry) -> Option<&str> {
    std::str::from_utf8(&entry.bytes).ok()
}

fn introduction(record: &Record, member: &str, out: &mut WipedBuffer) {
    comment(out, &format!("The member {member} of the etcd cluster {}. Made by etcdpki.", record.cluster));
    comment(out, "It has private keys: keep it as secret as they are. The image of the host must have etcd.");
}

/// `#cloud-config`: files, the user, the unit.
pub(crate) fn cloud_init(
    snapshot: &Snapshot,
    record: &Record,
    member: &str,
    out: &mut WipedBuffer,
) -> Result<(), Error> {
    let node = Node::read(snapshot, member)?;
    line(out, "#cloud-config");
    introduction(record, member, out);
    line(out, "write_files:");
    for (path, entry) in &node.files {
        line(
            out,
            &format!(
                "  - path: {}\n    permissions: \"{:04o}\"\n    owner: root:root",
                quoted(path),
                entry.mode
            ),
        );
        match text(entry) {
            Some(text) => file(out, 4, "content", text),
            None => line(out, &format!("    encoding: b64\n    content: {}", STANDARD.encode(&*entry.bytes))),
        }
    }
    let mut commands: Vec<Vec<String>> = Vec::new();
    let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
    for (path, entry) in &node.folders {
        commands.push(words(&["chmod", &format!("{:04o}", entry.mode), path]));
    }
    if let Some((user, home)) = &node.user {
        // useradd fails if the package of etcd has made the user, and what comes next does not depend on it.
        let options = ["--system", "--user-group", "--no-create-home", "--shell", "/usr/sbin/nologin"];
        commands.push([words(&["useradd"]), words(&options), words(&["--home-dir", home, user])].concat());
    }
    if node.has_unit {
        commands.push(words(&["systemctl", "daemon-reload"]));
        commands.push(words(&["systemctl", "enable", "etcd"]));
        // A member waits for a majority, and the other hosts may boot later.
        commands.push(words(&["systemctl", "restart", "--no-block", "etcd"]));
    }
    if !commands.is_empty() {
        line(out, "runcmd:");
    }
    for command in commands {
        let command: Vec<String> = command.iter().map(|word| quoted(word)).collect();
        line(out, &format!("  - [{}]", command.join(", ")));
    }
    Ok(())
}

/// A Butane configuration for Fedora CoreOS.
pub(crate) fn butane(
    snapshot: &Snapshot,
    record: &Record,
    member: &str,
    out: &mut WipedBuffer,
) -> Result<(), Error> {
    let node = Node::read(snapshot, member)?;
    introduction(record, member, out);
    line(out, "variant: fcos\nversion: 1.5.0");
    if let Some((user, home)) = &node.user {
        line(out, &format!("passwd:\n  users:\n    - name: {}\n      system: true", quoted(user)));
        line(out, &format!("      no_create_home: true\n      home_dir: {}", quoted(home)));
        line(out, "      shell: /usr/sbin/nologin");
    }
    let unit = format!("{HOST_UNITS}/etcd.service");
    let is_unit = |path: &str| path == unit || path.starts_with(&format!("{unit}.d/"));
    let (units, files): (Vec<_>, Vec<_>) = node.files.iter().partition(|(path, _)| is_unit(path));
    line(out, "storage:");
    if !node.folders.is_empty() {
        line(out, "  directories:");
    }
    for (path, entry) in &node.folders {
        line(out, &format!("    - path: {}\n      mode: 0{:o}", quoted(path), entry.mode));
    }
    line(out, "  files:");
    for (path, entry) in files {
        line(
            out,
            &format!("    - path: {}\n      mode: 0{:o}\n      overwrite: true", quoted(path), entry.mode),
        );
        line(out, "      contents:");
        match text(entry) {
            Some(text) => file(out, 8, "inline", text),
            None => {
                line(out, &format!("        source: \"data:;base64,{}\"", STANDARD.encode(&*entry.bytes)));
            }
        }
    }
    if node.has_unit {
        line(out, "systemd:\n  units:\n    - name: etcd.service\n      enabled: true");
    }
    let drop_ins: Vec<_> = units.iter().filter(|(path, _)| *path != unit).collect();
    for (path, entry) in &units {
        if *path == unit {
            file(out, 6, "contents", text(entry).unwrap_or_default());
        }
    }
    if !drop_ins.is_empty() {
        line(out, "      dropins:");
    }
    for (path, entry) in drop_ins {
        let name = path.rsplit('/').next().unwrap_or_default();
        line(out, &format!("        - name: {}", quoted(name)));
        file(out, 10, "contents", text(entry).unwrap_or_default());
    }
    Ok(())
}
