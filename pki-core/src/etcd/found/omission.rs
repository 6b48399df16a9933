//! What could not be judged, because it was not understood or not seen.

use std::fmt;
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::base::place::Place;
use crate::base::secret::without_secrets;
use crate::etcd::found::files::Unread;
use crate::etcd::found::host::{FileLookup, Host, Member};
use crate::etcd::found::not_understood::NotUnderstood;
use crate::etcd::found::process::{Process, Unseen};
use crate::etcd::option::EtcdOption;

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
    let unit = host.unit(member);
    if let Some(unit) = unit.filter(|unit| unit.is_template()) {
        let reason = "it is a template unit, and no instance of it was found";
        let remedy = "check a folder that has the links to its instances or their drop-ins";
        all.push(Omission::new(&unit.place(), &host.folder, reason, remedy));
        return all;
    }
    if let Some(setting) = member.settings.setting("config-file")
        && let Some(value) = &setting.value
        && *host.lookup_of(member, value) == FileLookup::Unknown
    {
        let reason = format!("the configuration file {value} was not seen");
        all.push(Omission::new(&setting.place, &host.folder, reason, "name that file too"));
    }
    // A drop-in without its unit is a part, and says so in its finding.
    if unit.is_none_or(|unit| unit.main.is_some()) && member.process.opaque.is_none() {
        all.extend(of_process(host, &member.process));
    }
    all
}

/// What may set options of a process and was not seen, and which values are not known.
fn of_process(host: &Host, process: &Process) -> Vec<Omission> {
    let of = |place: &Place, reason: String, remedy| Omission::new(place, &host.folder, reason, remedy);
    let mut all: Vec<Omission> = Vec::new();
    for Unseen { what, place } in &process.unseen {
        let reason = format!("{what} was not seen, and may set options of etcd");
        all.push(of(place, reason, "name a file that has it too, or check it on the host"));
    }
    let words = process.arguments.iter().filter(|word| word.text.is_none());
    let words = words.map(|word| (without_secrets(&word.written), &word.place));
    let variables = process
        .variables
        .iter()
        .filter(|variable| variable.value.is_none() && EtcdOption::of_variable(&variable.name).is_some());
    let variables = variables.map(|variable| (variable.name.clone(), &variable.place));
    for (what, place) in words.chain(variables) {
        let reason = format!("the value of `{what}` is not in the files that were read");
        all.push(of(place, reason, "name a file that sets it too, or check it on the host"));
    }
    if !process.environment_is_known && all.is_empty() && !process.arguments.is_empty() {
        let place = process.arguments.first().map(|word| word.place.clone()).unwrap_or_default();
        let reason = "what it starts is too long to be looked at as a whole".to_owned();
        all.push(of(&place, reason, "name the unit or the script that starts etcd alone"));
    }
    all.sort();
    all.dedup();
    all
}
