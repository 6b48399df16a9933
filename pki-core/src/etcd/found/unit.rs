//! systemd's unit files and their drop-ins (systemd.syntax(7)).

use std::path::{Path, PathBuf};

use crate::base::place::Place;
use crate::etcd::found::text::Located;

/// One unit file or drop-in, as it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnitFile {
    /// Where it is.
    pub path: PathBuf,
    /// Its settings, in order.
    pub settings: Vec<UnitSetting>,
    /// What systemd does not understand of it.
    pub faults: Vec<SyntaxFault>,
}

/// `Key=value` in a section.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnitSetting {
    /// `Unit`, `Service`, `Install`
    pub section: String,
    /// The key.
    pub key: String,
    /// The value, without white space at its ends.
    pub value: Located,
    /// The file that has it.
    pub path: PathBuf,
    /// Where the key stands.
    pub line: usize,
}

/// A line that systemd does not take for what was meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SyntaxFault {
    /// Its number.
    pub line: usize,
    /// What is wrong.
    pub kind: SyntaxFaultKind,
}

/// What is wrong with a line of a unit file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SyntaxFaultKind {
    /// White space follows the backslash at its end, so that it does not go on with the next line.
    BlankAfterBackslash,
    /// It is neither a section, nor a setting, nor a comment.
    NotASetting(String),
    /// A setting before the first section.
    OutsideOfSections(String),
}

impl UnitFile {
    /// Reads a unit file. There is no text that cannot be read: what systemd would pass over is among the
    /// faults.
    pub fn parse(text: &str, path: &Path) -> Self {
        let mut file = Self { path: path.to_owned(), settings: Vec::new(), faults: Vec::new() };
        let mut section = None;
        let mut lines = text.lines().enumerate();
        while let Some((index, raw)) = lines.next() {
            let first = index + 1;
            if is_blank_or_comment(raw) {
                continue;
            }
            let mut logical = Located::default();
            let (mut line, mut number) = (raw, first);
            loop {
                let indent = line.len() - line.trim_start().len();
                let content = line.trim_start();
                if content.ends_with(char::is_whitespace) && content.trim_end().ends_with('\\') {
                    file.faults
                        .push(SyntaxFault { line: number, kind: SyntaxFaultKind::BlankAfterBackslash });
                }
                let Some(continued) = content.strip_suffix('\\').filter(|rest| !is_escaped_end(rest)) else {
                    logical.push(content, number, indent + 1);
                    break;
                };
                // systemd puts a space in the place of the backslash.
                logical.push(&format!("{continued} "), number, indent + 1);
                // Comments between continued lines are passed over.
                let Some((next, text)) = lines.by_ref().find(|(_, text)| !is_comment(text)) else { break };
                (line, number) = (text, next + 1);
            }
            file.take(&logical, first, &mut section);
        }
        file
    }

    fn take(&mut self, logical: &Located, line: usize, section: &mut Option<String>) {
        let text = logical.text.trim_end();
        if let Some(name) = text.strip_prefix('[') {
            match name.strip_suffix(']') {
                Some(name) => *section = Some(name.to_owned()),
                None => self.fault(line, SyntaxFaultKind::NotASetting(text.to_owned())),
            }
            return;
        }
        let Some((key, _)) = text.split_once('=') else {
            return self.fault(line, SyntaxFaultKind::NotASetting(text.to_owned()));
        };
        let Some(section) = section else {
            return self.fault(line, SyntaxFaultKind::OutsideOfSections(text.to_owned()));
        };
        let value = logical.after(key.len() + 1).trimmed();
        let (section, key) = (section.clone(), key.trim().to_owned());
        self.settings.push(UnitSetting { section, key, value, path: self.path.clone(), line });
    }

    fn fault(&mut self, line: usize, kind: SyntaxFaultKind) {
        self.faults.push(SyntaxFault { line, kind });
    }
}

impl UnitSetting {
    /// Where the part of the value at `offset` stands.
    pub fn place(&self, offset: usize) -> Place {
        let (line, column) = self.value.position(offset);
        Place::file(&self.path).at(line, column)
    }
}

fn is_comment(line: &str) -> bool {
    line.trim_start().starts_with(['#', ';'])
}

fn is_blank_or_comment(line: &str) -> bool {
    line.trim().is_empty() || is_comment(line)
}

/// Whether the text ends with an odd number of backslashes, so that one more would be escaped.
fn is_escaped_end(text: &str) -> bool {
    text.chars().rev().take_while(|c| *c == '\\').count() % 2 == 1
}

/// A unit as systemd merges it from its file and its drop-ins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unit {
    /// Its name, such as `etcd.service`.
    pub name: String,
    /// The unit file itself, if it was found: a distribution's may be elsewhere.
    pub main: Option<PathBuf>,
    /// The file and its drop-ins, in systemd's order.
    pub files: Vec<UnitFile>,
}

impl Unit {
    /// A unit from its file, if it was found, and its drop-ins. These are merged in the order of their names
    /// (systemd.unit(5)).
    pub fn new(name: impl Into<String>, main: Option<UnitFile>, mut drop_ins: Vec<UnitFile>) -> Self {
        drop_ins.sort_by(|a, b| a.path.file_name().cmp(&b.path.file_name()));
        let path = main.as_ref().map(|file| file.path.clone());
        Self { name: name.into(), main: path, files: main.into_iter().chain(drop_ins).collect() }
    }

    /// Every setting, in systemd's order.
    pub fn settings(&self) -> impl DoubleEndedIterator<Item = &UnitSetting> {
        self.files.iter().flat_map(|file| &file.settings)
    }

    /// Every setting of a key that is a list, as far as no empty one after it has emptied the list.
    pub fn all(&self, section: &str, key: &str) -> Vec<&UnitSetting> {
        let mut all = Vec::new();
        for setting in self.settings().filter(|setting| setting.is(section, key)) {
            if setting.value.text.is_empty() {
                all.clear();
            } else {
                all.push(setting);
            }
        }
        all
    }

    /// The setting that counts of a key that has one value; none if it is not set, or set to nothing.
    pub fn last(&self, section: &str, key: &str) -> Option<&UnitSetting> {
        let last = self.settings().rfind(|setting| setting.is(section, key));
        last.filter(|setting| !setting.value.text.is_empty())
    }

    /// Where the unit itself is, for what is missing in it.
    pub fn place(&self) -> Place {
        self.files.first().map(|file| Place::file(&file.path)).unwrap_or_default()
    }
}

impl UnitSetting {
    fn is(&self, section: &str, key: &str) -> bool {
        self.section == section && self.key == key
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> UnitFile {
        UnitFile::parse(text, Path::new("etcd.service"))
    }

    #[test]
    fn settings_keep_their_places_over_continued_lines() {
        let file = parse(
            "[Service]\n# a comment\nExecStart = /usr/bin/etcd \\\n; another\n  --name=a \\\n\t--x=y\nUser=etcd\n",
        );
        let [exec, user] = file.settings.as_slice() else { panic!("{file:?}") };
        assert_eq!(exec.value.text, "/usr/bin/etcd  --name=a  --x=y");
        assert_eq!(exec.place(0).to_string(), "etcd.service:3:13");
        let at = |text| exec.place(exec.value.text.find(text).unwrap()).to_string();
        assert_eq!(at("--name"), "etcd.service:5:3");
        assert_eq!(at("--x"), "etcd.service:6:2");
        assert_eq!((user.section.as_str(), user.value.text.as_str(), user.line), ("Service", "etcd", 7));
        assert!(file.faults.is_empty());
    }

    #[test]
    fn what_systemd_passes_over_is_told() {
        let file = parse("User=a\n[Service]\nExecStart=/usr/bin/etcd \\ \n  --name=a\njunk\n[Unit\n");
        let faults: Vec<_> = file.faults.iter().map(|fault| (fault.line, &fault.kind)).collect();
        assert_eq!(
            faults,
            [
                (1, &SyntaxFaultKind::OutsideOfSections("User=a".to_owned())),
                (3, &SyntaxFaultKind::BlankAfterBackslash),
                (5, &SyntaxFaultKind::NotASetting("junk".to_owned())),
                (6, &SyntaxFaultKind::NotASetting("[Unit".to_owned())),
            ]
        );
        assert_eq!(file.settings.last().unwrap().key, "--name");
    }

    #[test]
    fn drop_ins_come_after_and_may_empty_lists() {
        let main = parse("[Service]\nEnvironment=A=1\nExecStart=/a\nUser=root\n");
        let second = UnitFile::parse("[Service]\nExecStart=\nExecStart=/b\n", Path::new("d/20.conf"));
        let first = UnitFile::parse("[Service]\nEnvironment=B=2\nUser=etcd\n", Path::new("d/10.conf"));
        let unit = Unit::new("etcd.service", Some(main), vec![second, first]);
        let texts = |key| unit.all("Service", key).iter().map(|s| s.value.text.clone()).collect::<Vec<_>>();
        assert_eq!(texts("Environment"), ["A=1", "B=2"]);
        assert_eq!(texts("ExecStart"), ["/b"]);
        assert_eq!(unit.last("Service", "User").unwrap().value.text, "etcd");
        assert!(unit.last("Service", "Group").is_none());
    }
}
