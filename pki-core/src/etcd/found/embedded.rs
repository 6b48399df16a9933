//! Files that are written in another file: cloud-init, Butane, Ignition, and the here-documents of scripts.
//!
//! Each has its own path on the host that is described. It is read as if it lay below the file that has it.

use std::path::{Path, PathBuf};

use base64::Engine;

use crate::etcd::found::document::Node;
use crate::etcd::found::shell;

/// The number of files in one file that are read.
const MOST_FILES: usize = 1000;

/// What a file with other files in it is, for messages.
pub(crate) type Kind = &'static str;

/// A file within another one: its path on the host, and its text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Embedded {
    pub(crate) path: String,
    pub(crate) text: String,
}

/// The files in a file, and what it is; `None` if it is no file that has others.
pub(crate) fn read(text: &str, path: &Path) -> Option<(Kind, Vec<Embedded>)> {
    let (kind, mut files) = if text.starts_with("#cloud-config") {
        ("a cloud-config", documents(text, cloud_config))
    } else if text.contains("\"ignition\"") && text.trim_start().starts_with('{') {
        ("a configuration of Ignition", documents(text, ignition))
    } else if is_butane(text) {
        ("a configuration of Butane", documents(text, ignition))
    } else if text.starts_with("#!") || path.extension().is_some_and(|name| name == "sh" || name == "bash") {
        ("a script", here_documents(text))
    } else {
        return None;
    };
    files.retain(|file| {
        file.path.starts_with('/') && !file.path.contains("/../") && !file.path.contains('\0')
    });
    files.truncate(MOST_FILES);
    if kind == "a script" && files.is_empty() {
        return None;
    }
    Some((kind, files))
}

/// Whether a text is a Butane config, or one of its predecessor's, the Container Linux Config.
fn is_butane(text: &str) -> bool {
    let has = |key: &str| text.lines().any(|line| line.starts_with(key));
    has("variant:") && has("version:") || has("storage:") && (has("systemd:") || text.contains("inline:"))
}

fn documents(text: &str, read: fn(&Node) -> Vec<Embedded>) -> Vec<Embedded> {
    Node::documents(text).iter().flat_map(read).collect()
}

/// cloud-init's `write_files`, and the units of the cloud-config of CoreOS.
fn cloud_config(document: &Node) -> Vec<Embedded> {
    let mut all = Vec::new();
    for file in document.get("write_files").map(Node::items).unwrap_or_default() {
        let (Some(path), Some(content)) = (file.text_at("path"), file.text_at("content")) else { continue };
        let text = match file.text_at("encoding").unwrap_or_default() {
            "" | "text/plain" => content.to_owned(),
            "b64" | "base64" => base64_text(content).unwrap_or_default(),
            _ => continue,
        };
        all.push(Embedded { path: path.to_owned(), text });
    }
    for unit in document.at(&["coreos", "units"]).map(Node::items).unwrap_or_default() {
        all.extend(unit_files(unit, &["content"], &["drop-ins", "drop_ins"]));
    }
    // Options of etcd2 are variables in a drop-in there.
    for section in ["etcd", "etcd2"] {
        let options = document.at(&["coreos", section]).map(Node::entries).unwrap_or_default();
        let lines = options.iter().filter_map(|(name, value)| {
            Some(format!("ETCD_{}={}\n", name.to_uppercase().replace('-', "_"), value.text()?))
        });
        let text: String = lines.collect();
        if !text.is_empty() {
            all.push(Embedded { path: "/etc/etcd/etcd.env".to_owned(), text });
        }
    }
    all
}

/// `storage.files` and `systemd.units` of Ignition, and of Butane, which is YAML for the same.
fn ignition(document: &Node) -> Vec<Embedded> {
    let mut all = Vec::new();
    for file in document.at(&["storage", "files"]).map(Node::items).unwrap_or_default() {
        let (Some(path), Some(contents)) = (file.text_at("path"), file.get("contents")) else { continue };
        let inline = contents.text_at("inline").map(str::to_owned);
        let source = || contents.text_at("source").and_then(data_url);
        if let Some(text) = inline.or_else(source) {
            all.push(Embedded { path: path.to_owned(), text });
        }
    }
    for unit in document.at(&["systemd", "units"]).map(Node::items).unwrap_or_default() {
        all.extend(unit_files(unit, &["contents"], &["dropins"]));
    }
    all
}

/// A unit and its drop-ins, at the places where systemd reads them.
fn unit_files(unit: &Node, contents: &[&str], drop_ins: &[&str]) -> Vec<Embedded> {
    let Some(name) = unit.text_at("name").filter(|name| !name.contains('/')) else { return Vec::new() };
    let text = |node: &Node| {
        contents.iter().chain(&["content", "contents"]).find_map(|key| node.text_at(key).map(str::to_owned))
    };
    let mut all = Vec::new();
    if let Some(text) = text(unit) {
        all.push(Embedded { path: format!("/etc/systemd/system/{name}"), text });
    }
    for drop_in in drop_ins.iter().filter_map(|key| unit.get(key)).flat_map(Node::items) {
        if let (Some(own), Some(text)) =
            (drop_in.text_at("name").filter(|own| !own.contains('/')), text(drop_in))
        {
            all.push(Embedded { path: format!("/etc/systemd/system/{name}.d/{own}"), text });
        }
    }
    all
}

/// The text of a URL with its data (RFC 2397).
fn data_url(url: &str) -> Option<String> {
    let (head, data) = url.strip_prefix("data:")?.split_once(',')?;
    if head.ends_with(";base64") {
        return base64_text(data);
    }
    let mut bytes = Vec::new();
    let mut rest = data.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let digits = [rest.next()?, rest.next()?];
            bytes.push(u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?);
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).ok()
}

fn base64_text(text: &str) -> Option<String> {
    let text: String = text.split_whitespace().collect();
    String::from_utf8(base64::engine::general_purpose::STANDARD.decode(text).ok()?).ok()
}

/// The files that a script writes with `cat >FILE <<END` or `tee FILE <<END`.
fn here_documents(script: &str) -> Vec<Embedded> {
    if !script.contains("<<") {
        return Vec::new();
    }
    let mut all = Vec::new();
    for command in shell::commands(script) {
        let tee = command.words.iter().any(|word| word.word.text == "tee");
        let operand = command.words.iter().rev().map(|word| &word.word.text).find(|_| tee);
        let Some(path) = command.output.as_ref().filter(|path| *path != "/dev/null").or(operand) else {
            continue;
        };
        let Some(document) = command.here_document else { continue };
        all.push(Embedded { path: path.clone(), text: document.text });
    }
    all
}

/// The path at which an embedded file is read: below the file that has it.
pub(crate) fn place(around: &Path, file: &Embedded) -> PathBuf {
    around.join(file.path.trim_start_matches('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(text: &str) -> Vec<(String, String)> {
        let (_, files) = read(text, Path::new("f")).unwrap();
        files.into_iter().map(|file| (file.path, file.text)).collect()
    }

    fn pair(path: &str, text: &str) -> (String, String) {
        (path.to_owned(), text.to_owned())
    }

    #[test]
    fn cloud_configs_have_files_and_units() {
        let text = "#cloud-config\nwrite_files:\n- path: /etc/etcd/etcd.env\n  content: |\n    ETCD_NAME=a\n- {path: /b, encoding: b64, content: QT0xCg==}\n- {path: /c, encoding: gz+b64, content: QT0xCg==}\n- {path: ../d, content: x}\ncoreos:\n  etcd2: {name: b, data-dir: /d}\n  units:\n  - {name: etcd2.service, content: \"[Service]\", drop-ins: [{name: 10.conf, content: \"[Unit]\"}]}\n";
        assert_eq!(
            files(text),
            [
                pair("/etc/etcd/etcd.env", "ETCD_NAME=a\n"),
                pair("/b", "A=1\n"),
                pair("/etc/systemd/system/etcd2.service", "[Service]"),
                pair("/etc/systemd/system/etcd2.service.d/10.conf", "[Unit]"),
                pair("/etc/etcd/etcd.env", "ETCD_NAME=b\nETCD_DATA_DIR=/d\n"),
            ]
        );
    }

    #[test]
    fn ignition_and_butane_have_files_and_units() {
        let text = "{\"ignition\": {\"version\": \"3.4.0\"}, \"storage\": {\"files\": [{\"path\": \"/etc/e\", \"contents\": {\"source\": \"data:,ETCD_NAME%3Da%0A\"}}, {\"path\": \"/f\", \"contents\": {\"source\": \"data:text/plain;base64,QT0x\"}}]}, \"systemd\": {\"units\": [{\"name\": \"etcd.service\", \"contents\": \"[Service]\"}]}}";
        let expected = [
            pair("/etc/e", "ETCD_NAME=a\n"),
            pair("/f", "A=1"),
            pair("/etc/systemd/system/etcd.service", "[Service]"),
        ];
        assert_eq!(files(text), expected);
        let text = "variant: flatcar\nversion: 1.0.0\nstorage:\n  files:\n  - path: /etc/e\n    contents:\n      inline: |\n        ETCD_NAME=a\n";
        assert_eq!(files(text), [pair("/etc/e", "ETCD_NAME=a\n")]);
        assert_eq!(data_url("data:,a%2"), None);
    }

    #[test]
    fn scripts_write_files() {
        let text = "#!/bin/sh\ncat >/etc/e <<EOF\nA=\\$x\nEOF\nsudo tee /etc/f >/dev/null <<'EOF'\nB=$y\nEOF\ncat <<X\nno file\nX\n";
        assert_eq!(files(text), [pair("/etc/e", "A=$x\n"), pair("/etc/f", "B=$y\n")]);
        assert_eq!(read("#!/bin/sh\necho\n", Path::new("x")), None);
        assert_eq!(read("name: a\n", Path::new("x")), None);
    }
}
