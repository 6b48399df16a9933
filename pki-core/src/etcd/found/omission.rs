//! What could not be judged, because it was not understood or not seen.

use std::fmt;
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::base::place::Place;
use crate::etcd::found::files::Unread;
use crate::etcd::found::host::{FileLookup, Host, Member};
use crate::etcd::found::not_understood::NotUnderstood;

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

/// What could not be judged of the files and members that were found.
pub(crate) fn of<'a>(
    not_understood: &[NotUnderstood],
    members: impl Iterator<Item = (&'a Host, &'a Member)>,
) -> Vec<Omission> {
    let files = not_understood
        .iter()
        .map(|file| Omission::new(&Place::file(&file.path), &file.path, file.reason(), file.remedy()));
    let mut all: Vec<Omission> = files.collect();
    for (host, member) in members {
        all.extend(of_member(host, member));
        let denied = host.unread().filter(|(_, why)| *why == Unread::Denied);
        all.extend(denied.map(|(path, why)| {
            Omission::new(&Place::file(path), path, format!("it was {why}"), why.remedy())
        }));
    }
    all
}

/// That no member was found at a path.
pub(crate) fn no_member(path: &Path) -> Omission {
    let remedy = "name what starts etcd: a unit, a manifest, a script, or a configuration file";
    Omission::new(&Place::file(path), path, "no member of etcd was found here", remedy)
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
