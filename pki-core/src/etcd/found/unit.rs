//! systemd's unit files and their drop-ins (systemd.syntax(7)).

use std::path::{Path, PathBuf};

use crate::base::place::Place;
use crate::etcd::found::text::{Positions, SourceText};

/// The settings of one unit file or drop-in, before units are merged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct UnitFile {
    pub(crate) path: PathBuf,
    pub(crate) settings: Vec<UnitSetting>,
    /// The lines that systemd ignores or reads otherwise than they are meant.
    pub(crate) faults: Vec<SyntaxFault>,
}

/// One `Key=value` of a unit file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct UnitSetting {
    /// The name of the section: `Unit`, `Service` or `Install`.
    pub(crate) section: String,
    pub(crate) key: String,
    /// The value, without white space at its ends.
    pub(crate) value: SourceText,
    /// The unit file or drop-in that has the setting.
    pub(crate) path: PathBuf,
    /// The number of the line with the key.
    pub(crate) line: usize,
}

/// A line that systemd ignores or reads otherwise than it is meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SyntaxFault {
    pub(crate) line: usize,
    pub(crate) kind: SyntaxFaultKind,
}

/// What is wrong with a line of a unit file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum SyntaxFaultKind {
    /// White space follows the backslash at the end of the line, so that the next line does not continue it.
    BlankAfterBackslash,
    /// The line is neither a section, nor a setting, nor a comment.
    NotASetting(String),
    /// The setting is before the first section.
    OutsideOfSections(String),
}

impl UnitFile {
    /// Parses a unit file. This cannot fail, since systemd ignores what it does not understand: such lines are in
    /// `faults`.
    pub(crate) fn parse(text: &str, path: &Path) -> Self {
        let mut file = Self { path: path.to_owned(), settings: Vec::new(), faults: Vec::new() };
        let mut section = None;
        let mut lines = text.lines().enumerate();
        while let Some((index, raw)) = lines.next() {
            let first = index + 1;
            if is_blank_or_comment(raw) {
                continue;
            }
            let mut logical = SourceText::default();
            let (mut line, mut number) = (raw, first);
            loop {
                let indent = line.len() - line.trim_start().len();
                let content = line.trim_start();
                if content.ends_with(char::is_whitespace) && content.trim_end().ends_with('\\') {
                    file.add_fault(number, SyntaxFaultKind::BlankAfterBackslash);
                }
                let Some(continued) = content.strip_suffix('\\').filter(|rest| !is_escaped_end(rest)) else {
                    logical.push(content, number, indent + 1);
                    break;
                };
                // systemd replaces the backslash and the end of the line with a space.
                logical.push(&format!("{continued} "), number, indent + 1);
                // systemd skips comments between continued lines.
                let Some((next, text)) = lines.by_ref().find(|(_, text)| !is_comment(text)) else { break };
                (line, number) = (text, next + 1);
            }
            file.add_line(&logical, first, &mut section);
        }
        file
    }

    /// Adds a line with its continuation lines. The line may begin another `section`.
    fn add_line(&mut self, logical: &SourceText, line: usize, section: &mut Option<String>) {
        let text = logical.text.trim_end();
        if let Some(name) = text.strip_prefix('[') {
            match name.strip_suffix(']') {
                Some(name) => *section = Some(name.to_owned()),
                None => self.add_fault(line, SyntaxFaultKind::NotASetting(text.to_owned())),
            }
            return;
        }
        let Some((key, _)) = text.split_once('=') else {
            return self.add_fault(line, SyntaxFaultKind::NotASetting(text.to_owned()));
        };
        let Some(section) = section else {
            return self.add_fault(line, SyntaxFaultKind::OutsideOfSections(text.to_owned()));
        };
        let value = logical.after(key.len() + 1).trimmed();
        let (section, key) = (section.clone(), key.trim().to_owned());
        self.settings.push(UnitSetting { section, key, value, path: self.path.clone(), line });
    }

    fn add_fault(&mut self, line: usize, kind: SyntaxFaultKind) {
        self.faults.push(SyntaxFault { line, kind });
    }
}

impl UnitSetting {
    /// The place of the part of the value that begins at `offset`.
    pub(crate) fn place(&self, offset: usize) -> Place {
        let (line, column) = self.value.position(offset);
        Place::file(&self.path).at(line, column)
    }

    /// The places of parts of the value, which are asked for in the order of the value.
    pub(crate) fn places(&self) -> Places<'_> {
        Places { path: &self.path, positions: self.value.positions() }
    }

    fn is(&self, section: &str, key: &str) -> bool {
        self.section == section && self.key == key
    }
}

/// Finds the places of parts of a value in their order.
pub(crate) struct Places<'a> {
    path: &'a Path,
    positions: Positions<'a>,
}

impl Places<'_> {
    /// The place of the part that begins at `offset`.
    pub(crate) fn place(&mut self, offset: usize) -> Place {
        let (line, column) = self.positions.at(offset);
        Place::file(self.path).at(line, column)
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
pub(crate) struct Unit {
    /// The name with its type, such as `etcd.service`.
    pub(crate) name: String,
    /// The path of the unit file; `None` if only drop-ins were found, as for a distribution's unit.
    pub(crate) main: Option<PathBuf>,
    /// The unit file, if it was found, and then the drop-ins in the order of their names.
    pub(crate) files: Vec<UnitFile>,
}

impl Unit {
    /// Whether the unit is a template, such as `etcd@.service`, and no instance of one.
    pub(crate) fn is_template(&self) -> bool {
        self.name.rsplit_once('.').is_some_and(|(prefix, _)| prefix.ends_with('@'))
    }

    /// Merges a unit file and drop-ins, in the order of the drop-ins' names (systemd.unit(5)).
    pub(crate) fn new(name: impl Into<String>, main: Option<UnitFile>, mut drop_ins: Vec<UnitFile>) -> Self {
        drop_ins.sort_by(|a, b| a.path.file_name().cmp(&b.path.file_name()));
        let path = main.as_ref().map(|file| file.path.clone());
        Self { name: name.into(), main: path, files: main.into_iter().chain(drop_ins).collect() }
    }

    /// The instance of this template with a name. `own` has the instance's drop-ins, which replace those of the template
    /// that have their names.
    pub(crate) fn instance(&self, name: String, own: Option<Self>) -> Self {
        let (main, mut drop_ins) = self.clone().split_off();
        let (_, own) = own.map(Self::split_off).unwrap_or_default();
        drop_ins
            .retain(|drop_in| !own.iter().any(|other| other.path.file_name() == drop_in.path.file_name()));
        drop_ins.extend(own);
        Self::new(name, main, drop_ins)
    }

    fn split_off(mut self) -> (Option<UnitFile>, Vec<UnitFile>) {
        self.split()
    }

    /// Sets the unit file, in place of one that was set before.
    pub(crate) fn set_main(&mut self, main: UnitFile) {
        let (_, drop_ins) = self.split();
        *self = Self::new(std::mem::take(&mut self.name), Some(main), drop_ins);
    }

    /// Adds a drop-in.
    pub(crate) fn add_drop_in(&mut self, drop_in: UnitFile) {
        let (main, mut drop_ins) = self.split();
        drop_ins.push(drop_in);
        *self = Self::new(std::mem::take(&mut self.name), main, drop_ins);
    }

    /// Takes the unit file and the drop-ins out of the unit.
    fn split(&mut self) -> (Option<UnitFile>, Vec<UnitFile>) {
        let mut files = std::mem::take(&mut self.files);
        let main = self.main.take().map(|_| files.remove(0));
        (main, files)
    }

    /// Every setting, in systemd's order.
    pub(crate) fn settings(&self) -> impl DoubleEndedIterator<Item = &UnitSetting> {
        self.files.iter().flat_map(|file| &file.settings)
    }

    /// Every setting of a key that is a list. An empty value empties the list.
    pub(crate) fn all(&self, section: &str, key: &str) -> Vec<&UnitSetting> {
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

    /// The last setting of a key, which is the one that systemd uses if the key is not a list. `None` if the key is
    /// not set, or its last value is empty.
    pub(crate) fn last(&self, section: &str, key: &str) -> Option<&UnitSetting> {
        let last = self.settings().rfind(|setting| setting.is(section, key));
        last.filter(|setting| !setting.value.text.is_empty())
    }

    /// Whether a setting of `[Service]` is true (systemd, src/basic/parse-util.c, `parse_boolean`).
    pub(crate) fn is_true(&self, key: &str) -> bool {
        let value = self.last("Service", key).map(|setting| setting.value.text.to_ascii_lowercase());
        value.is_some_and(|value| matches!(value.as_str(), "1" | "yes" | "y" | "true" | "t" | "on"))
    }

    /// The folders that systemd makes for the service, and lets it write to: `StateDirectory=` and the like.
    pub(crate) fn made_folders(&self) -> Vec<String> {
        let kinds = [
            ("StateDirectory", "/var/lib"),
            ("CacheDirectory", "/var/cache"),
            ("LogsDirectory", "/var/log"),
            ("RuntimeDirectory", "/run"),
            ("ConfigurationDirectory", "/etc"),
        ];
        let mut all = Vec::new();
        for (key, parent) in kinds {
            for setting in self.all("Service", key) {
                // A colon names a link to the folder.
                let names = setting.value.text.split_whitespace().flat_map(|name| name.split(':').take(2));
                let names = names.filter(|name| !name.is_empty()).filter_map(|name| self.expand(name));
                all.extend(names.map(|name| format!("{parent}/{}", name.trim_matches('/'))));
            }
        }
        all
    }

    /// The place of the unit as a whole, for a setting that it lacks.
    pub(crate) fn place(&self) -> Place {
        self.files.first().map(|file| Place::file(&file.path)).unwrap_or_default()
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
    fn lines_that_systemd_ignores_are_faults() {
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
