//! What could not be judged, because it was not understood or not seen.

use std::fmt;
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::base::place::Place;
use crate::etcd::found::{FileLookup, Found, Host, Member};

/// Something that no check could judge, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[non_exhaustive]
pub struct Omission {
    /// The file that it is about, or the file and the place in it.
    pub file: PathBuf,
    /// The line, counted from 1; `None` if it is about the whole file.
    pub line: Option<usize>,
    /// Why it could not be judged.
    pub reason: String,
    /// What to do about it.
    pub remedy: String,
}

/// A file that was not understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NotUnderstood {
    pub(crate) path: PathBuf,
    pub(crate) what: NotUnderstoodKind,
}

/// What is known about a file that was not understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NotUnderstoodKind {
    /// A template, by its language.
    Template(&'static str),
    /// A file of some other kind; `None` if nothing tells which.
    Foreign(Option<&'static str>),
}

impl NotUnderstood {
    /// What the file seems to be, as the end of a sentence.
    pub(crate) fn reason(&self) -> String {
        match self.what {
            NotUnderstoodKind::Template(language) => {
                format!("it is a template ({language}), and what will stand in it is not known")
            }
            NotUnderstoodKind::Foreign(Some(seems)) => {
                format!(
                    "it is not understood: it seems to be {seems}, and no setting of etcd's was found in it"
                )
            }
            NotUnderstoodKind::Foreign(None) => {
                "it is not understood: no setting of etcd's was found in it".to_owned()
            }
        }
    }

    pub(crate) fn remedy(&self) -> &'static str {
        match self.what {
            NotUnderstoodKind::Template(_) => "render the template first, and name what it makes",
            NotUnderstoodKind::Foreign(_) => {
                "name the unit, the environment or configuration file, the manifest or the script that gives etcd its \
                 options"
            }
        }
    }
}

impl Omission {
    fn new(place: &Place, around: &Path, reason: impl Into<String>, remedy: &str) -> Self {
        let file = place.path().unwrap_or(around).to_owned();
        let line = place.position().map(|(line, _)| line);
        Self { file, line, reason: reason.into(), remedy: remedy.to_owned() }
    }
}

/// The file and the line, then the reason.
impl fmt::Display for Omission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file.display())?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        write!(f, ": {}", self.reason)
    }
}

impl Found {
    /// What could not be judged. Only where this is empty, no finding means that nothing is wrong.
    pub fn omissions(&self) -> Vec<Omission> {
        let files = self
            .not_understood
            .iter()
            .map(|file| Omission::new(&Place::file(&file.path), &file.path, file.reason(), file.remedy()));
        let mut all: Vec<Omission> = files.collect();
        for (host, member) in self.members() {
            all.extend(of_member(host, member));
        }
        if self.members().next().is_none() && !self.is_only_certificates && all.is_empty() {
            all.extend(self.paths.iter().map(|path| {
                Omission::new(
                    &Place::file(path),
                    path,
                    "no member of etcd was found here",
                    "name what starts etcd: a unit, a manifest, a script, or a configuration file",
                )
            }));
        }
        all.sort();
        all.dedup();
        all
    }
}

/// What is not known about a member.
fn of_member(host: &Host, member: &Member) -> Vec<Omission> {
    let mut all = Vec::new();
    if let Some(opaque) = &member.process.opaque {
        let reason = format!("`{}` is started, and which options it gives etcd is not known", opaque.program);
        let remedy = "name the program's own files too, or check the files that it writes";
        all.push(Omission::new(&opaque.place, &host.folder, reason, remedy));
    }
    let Some(unit) = host.unit(member) else { return all };
    if unit.is_template() {
        let reason = "it is a template unit, and no instance of it was found";
        let remedy = "check a folder that has the links to its instances or their drop-ins";
        all.push(Omission::new(&unit.place(), &host.folder, reason, remedy));
        return all;
    }
    if unit.main.is_some() {
        for file in unit.environment_files().into_iter().filter(|file| !file.may_be_missing) {
            if !file.is_known || *host.lookup(&file.path) == FileLookup::Unknown {
                let reason = format!("the environment file {} was not seen", file.path);
                all.push(Omission::new(&file.place, &host.folder, reason, "name that file too"));
            }
        }
    }
    if let Some(setting) = member.settings.setting("config-file")
        && let Some(value) = &setting.value
        && *host.lookup_of(member, value) == FileLookup::Unknown
    {
        let reason = format!("the configuration file {value} was not seen");
        all.push(Omission::new(&setting.place, &host.folder, reason, "name that file too"));
    }
    all
}
