//! Files that are written in another file: cloud-init, Butane, Ignition, and what scripts write.
//!
//! Each has its own path on the host that is described. It is read as if it lay below the file that has it.

use std::path::{Path, PathBuf};

use base64::Engine;

use crate::etcd::found::document::Node;
use crate::etcd::found::foreign;
use crate::etcd::found::script::is_script;
use crate::etcd::found::template;
use crate::etcd::found::written;

/// The number of files in one file that are read.
const MOST_FILES: usize = 1000;

/// A file within another one: its path on the host, and its text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Embedded {
    /// What tells hosts apart, if the file is about several; else empty.
    pub(crate) host: String,
    pub(crate) path: String,
    pub(crate) content: EmbeddedContent,
}

/// What is known about the text of a file within another one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum EmbeddedContent {
    Text(String),
    /// It was not read, and this is why.
    Unread(&'static str),
}

/// What is in a file that has other files.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Opened {
    pub(crate) files: Vec<Embedded>,
    /// Why something in it that may be about etcd was not understood; `None` if all was.
    pub(crate) more: Option<&'static str>,
}

const CHANGED: &str = "the script changes it after it has written it";
const COMPRESSED: &str = "it is compressed, and was not unpacked";
const ELSEWHERE: &str = "its contents are at another place, and were not read";
const STRANGE: &str = "its contents are encoded in a way that is not known here";

const PIPED: &str =
    "it is too long, or gives a text that speaks of etcd to a program of which nothing is known here";

/// The files in a file; `None` if it is no file that has others.
pub(crate) fn read(text: &str, path: &Path) -> Option<Opened> {
    let is_script = is_script(text, path);
    if !is_script && template::language(text).is_some() {
        return None;
    }
    let mut opened = if text.starts_with("#cloud-config") {
        of_documents(text, cloud_config)
    } else if text.contains("\"ignition\"") && text.trim_start().starts_with('{') || is_butane(text) {
        of_documents(text, ignition)
    } else if text.contains("kind: MachineConfig") {
        of_documents(text, machine_config)
    } else if is_script {
        let written = written::files(text);
        let files = written.files.into_iter().map(|file| Embedded {
            host: file.host,
            path: file.path,
            content: match file.is_changed && foreign::speaks_of_etcd(&file.text) {
                true => EmbeddedContent::Unread(CHANGED),
                false => EmbeddedContent::Text(file.text),
            },
        });
        let opened = Opened { files: files.collect(), more: written.has_more.then_some(PIPED) };
        if opened == Opened::default() {
            return None;
        }
        opened
    } else {
        return None;
    };
    opened.files.retain(|file| {
        file.path.starts_with('/') && !file.path.contains("/../") && !file.path.contains('\0')
    });
    if opened.files.len() > MOST_FILES {
        opened.more = Some("it has too many files");
    }
    opened.files.truncate(MOST_FILES);
    Some(opened)
}

/// Whether a text is a Butane config, or one of its predecessor's, the Container Linux Config.
fn is_butane(text: &str) -> bool {
    let has = |key: &str| text.lines().any(|line| line.starts_with(key));
    has("variant:") && has("version:") || has("storage:") && (has("systemd:") || text.contains("inline:"))
}

fn of_documents(text: &str, read: fn(&Node) -> Vec<Embedded>) -> Opened {
    // The tag of bytes says that they are in base64, as `encoding` does.
    let (documents, is_whole) = Node::each_document(&text.replace("!!binary ", ""));
    let is_told = !is_whole && text.contains("etcd");
    let more = is_told.then_some("its YAML or JSON cannot be read to its end");
    Opened { files: documents.iter().flat_map(read).collect(), more }
}

impl Embedded {
    fn new(path: impl Into<String>, content: EmbeddedContent) -> Self {
        Self { host: String::new(), path: path.into(), content }
    }

    fn text(path: impl Into<String>, text: impl Into<String>) -> Self {
        Self::new(path, EmbeddedContent::Text(text.into()))
    }

    /// Whether the file may be one of etcd's, by its path.
    fn is_of_etcd(&self) -> bool {
        self.path.contains("etcd")
    }
}

/// cloud-init's `write_files`, the commands that it runs, and the units of the cloud-config of CoreOS.
fn cloud_config(document: &Node) -> Vec<Embedded> {
    let mut all: Vec<Embedded> = Vec::new();
    for file in document.get("write_files").map(Node::items).unwrap_or_default().iter().take(MOST_FILES + 1) {
        let Some(path) = file.text_at("path") else { continue };
        let Some(content) = file.text_at("content") else {
            if file.get("source").is_some() {
                let file = Embedded::new(path, EmbeddedContent::Unread(ELSEWHERE));
                all.extend(Some(file).filter(Embedded::is_of_etcd));
            }
            continue;
        };
        // cloud-init takes an encoding that it does not know for none (cc_write_files.py, `canonicalize_extraction`).
        let content = match file.text_at("encoding").unwrap_or_default().trim().to_lowercase().as_str() {
            "b64" | "base64" => base64_content(content),
            "gz" | "gzip" | "gz+b64" | "gz+base64" | "gzip+b64" | "gzip+base64" => {
                EmbeddedContent::Unread(COMPRESSED)
            }
            _ => EmbeddedContent::Text(content.to_owned()),
        };
        let is_appended = file.text_at("append").is_some_and(|text| text.eq_ignore_ascii_case("true"));
        let before = all.iter_mut().rfind(|before| is_appended && before.path == path);
        match (before.map(|before| &mut before.content), content) {
            (Some(EmbeddedContent::Text(before)), EmbeddedContent::Text(more)) => before.push_str(&more),
            (_, content) => all.push(Embedded::new(path, content)),
        }
    }
    for key in ["bootcmd", "runcmd"] {
        let commands = document.get(key).map(Node::items).unwrap_or_default();
        if !commands.is_empty() {
            let lines: String = commands.iter().map(command_line).collect();
            all.push(Embedded::text(format!("/{key}.sh"), format!("#!/bin/sh\n{lines}")));
        }
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
            all.push(Embedded::text("/etc/etcd/etcd.env", text));
        }
    }
    all
}

/// A command of `runcmd`: a line for a shell, or the words of a command.
fn command_line(command: &Node) -> String {
    let quoted = |word: &Node| Some(format!("'{}'", word.text()?.replace('\'', "'\\''")));
    match command.text() {
        Some(line) => format!("{line}\n"),
        None => format!("{}\n", command.items().iter().filter_map(quoted).collect::<Vec<_>>().join(" ")),
    }
}

/// `storage.files` and `systemd.units` of Ignition, and of Butane, which is YAML for the same.
fn ignition(document: &Node) -> Vec<Embedded> {
    let mut all = Vec::new();
    for file in document.at(&["storage", "files"]).map(Node::items).unwrap_or_default() {
        let Some(path) = file.text_at("path") else { continue };
        let appended = file.get("append").map(Node::items).unwrap_or_default();
        let parts = file.get("contents").into_iter().chain(appended).filter_map(ignition_content);
        let whole = parts.reduce(|whole, part| match (whole, part) {
            (EmbeddedContent::Text(whole), EmbeddedContent::Text(part)) => {
                EmbeddedContent::Text(whole + &part)
            }
            (EmbeddedContent::Text(_), unread) => unread,
            (unread, _) => unread,
        });
        let file = whole.map(|content| Embedded::new(path, content));
        let is_told = |file: &Embedded| {
            file.content != EmbeddedContent::Unread(ELSEWHERE)
                && file.content != EmbeddedContent::Unread(STRANGE)
                || file.is_of_etcd()
        };
        all.extend(file.filter(is_told));
    }
    for unit in document.at(&["systemd", "units"]).map(Node::items).unwrap_or_default() {
        all.extend(unit_files(unit, &["contents"], &["dropins"]));
        if unit.get("contents_local").is_some() {
            let path = format!("/etc/systemd/system/{}", unit.text_at("name").unwrap_or_default());
            let file = Embedded::new(path, EmbeddedContent::Unread(ELSEWHERE));
            all.extend(Some(file).filter(Embedded::is_of_etcd));
        }
    }
    all
}

/// The text of one of Ignition's resources; `None` if there is none.
fn ignition_content(contents: &Node) -> Option<EmbeddedContent> {
    let is_compressed = contents.text_at("compression").is_some_and(|text| !text.is_empty());
    if let Some(text) = contents.text_at("inline") {
        return Some(EmbeddedContent::Text(text.to_owned()));
    }
    let source = contents.text_at("source").or_else(|| contents.text_at("local"))?;
    Some(match data_url(source) {
        _ if is_compressed => EmbeddedContent::Unread(COMPRESSED),
        Some(text) => EmbeddedContent::Text(text),
        None if source.starts_with("data:") => EmbeddedContent::Unread(STRANGE),
        None => EmbeddedContent::Unread(ELSEWHERE),
    })
}

/// OpenShift's MachineConfig, which has a configuration of Ignition.
fn machine_config(document: &Node) -> Vec<Embedded> {
    document.at(&["spec", "config"]).map(ignition).unwrap_or_default()
}

/// A unit and its drop-ins, at the places where systemd reads them.
fn unit_files(unit: &Node, contents: &[&str], drop_ins: &[&str]) -> Vec<Embedded> {
    let Some(name) = unit.text_at("name").filter(|name| !name.contains('/')) else { return Vec::new() };
    let text = |node: &Node| {
        contents.iter().chain(&["content", "contents"]).find_map(|key| node.text_at(key).map(str::to_owned))
    };
    let mut all = Vec::new();
    if let Some(text) = text(unit) {
        all.push(Embedded::text(format!("/etc/systemd/system/{name}"), text));
    }
    for drop_in in drop_ins.iter().filter_map(|key| unit.get(key)).flat_map(Node::items) {
        if let (Some(own), Some(text)) =
            (drop_in.text_at("name").filter(|own| !own.contains('/')), text(drop_in))
        {
            all.push(Embedded::text(format!("/etc/systemd/system/{name}.d/{own}"), text));
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

/// What is encoded in a text. Bytes that are no text are compressed, or a program.
fn base64_content(text: &str) -> EmbeddedContent {
    let text: String = text.split_whitespace().collect();
    match base64::engine::general_purpose::STANDARD.decode(text) {
        Ok(bytes) if bytes.starts_with(&[0x1f, 0x8b]) => EmbeddedContent::Unread(COMPRESSED),
        Ok(bytes) => String::from_utf8(bytes).map_or(EmbeddedContent::Unread(STRANGE), EmbeddedContent::Text),
        Err(_) => EmbeddedContent::Unread(STRANGE),
    }
}

/// The folder below which an embedded file is read. `around` is that of the file that has it.
pub(crate) fn root(around: &Path, file: &Embedded) -> PathBuf {
    if file.host.is_empty() { around.to_owned() } else { around.join(&file.host) }
}

/// The path at which an embedded file is read.
pub(crate) fn place(root: &Path, file: &Embedded) -> PathBuf {
    root.join(file.path.trim_start_matches('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(text: &str) -> Vec<(String, String)> {
        let text_of = |file: Embedded| match file.content {
            EmbeddedContent::Text(text) => (file.path, text),
            EmbeddedContent::Unread(why) => (file.path, why.to_owned()),
        };
        read(text, Path::new("f")).unwrap().files.into_iter().map(text_of).collect()
    }

    fn pair(path: &str, text: &str) -> (String, String) {
        (path.to_owned(), text.to_owned())
    }

    #[test]
    fn cloud_configs_have_files_and_units() {
        let text = "#cloud-config\nwrite_files:\n- path: /etc/etcd/etcd.env\n  content: |\n    ETCD_NAME=a\n- {path: /b, encoding: b64, content: QT0xCg==}\n- {path: /c, encoding: gz+b64, content: QT0xCg==}\n- {path: ../d, content: x}\n- {path: /b, content: B=2, append: true}\n- {path: /etc/etcd/x, source: {uri: 'http://x'}}\nruncmd:\n- a b\n- [c, \"d e\"]\ncoreos:\n  etcd2: {name: b, data-dir: /d}\n  units:\n  - {name: etcd2.service, content: \"[Service]\", drop-ins: [{name: 10.conf, content: \"[Unit]\"}]}\n";
        assert_eq!(
            files(text),
            [
                pair("/etc/etcd/etcd.env", "ETCD_NAME=a\n"),
                pair("/b", "A=1\nB=2"),
                pair("/c", COMPRESSED),
                pair("/etc/etcd/x", ELSEWHERE),
                pair("/runcmd.sh", "#!/bin/sh\na b\n'c' 'd e'\n"),
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
    fn what_cannot_be_read_of_ignition_is_told() {
        let file = |path: &str, contents: &str| {
            files(&format!(
                "variant: fcos\nversion: 1.5.0\nstorage:\n  files:\n  - {{path: {path}, contents: {contents}}}\n"
            ))
        };
        assert_eq!(file("/etc/etcd/e", "{local: e}"), [pair("/etc/etcd/e", ELSEWHERE)]);
        assert_eq!(file("/x", "{source: 'http://x'}"), []);
        assert_eq!(file("/x", "{compression: gzip, source: 'data:;base64,H4sI'}"), [pair("/x", COMPRESSED)]);
        let config = "apiVersion: x\nkind: MachineConfig\nspec:\n  config:\n    storage:\n      files:\n      - {path: /a, contents: {source: 'data:,b'}}\n";
        assert_eq!(files(config), [pair("/a", "b")]);
    }

    #[test]
    fn scripts_write_files() {
        let text = "#!/bin/sh\ncat >/etc/e <<EOF\nA=\\$x\nEOF\nsudo tee /etc/f >/dev/null <<'EOF'\nB=$y\nEOF\ncat <<X\nno file\nX\n";
        assert_eq!(files(text), [pair("/etc/e", "A=$x\n"), pair("/etc/f", "B=$y\n")]);
        assert_eq!(files("# how to\nsudo tee /e <<EOF\na\nEOF\n"), [pair("/e", "a\n")]);
        assert_eq!(read("#!/bin/sh\necho\n", Path::new("x")), None);
        assert_eq!(read("name: a\n", Path::new("x")), None);
    }
}
