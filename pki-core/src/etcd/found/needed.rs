//! The programs and folders that a unit needs on its host before etcd starts.

use std::path::Path;

use crate::base::place::Place;
use crate::etcd::found::error::ReadError;
use crate::etcd::found::files::{Files, entry, names};
use crate::etcd::found::process::Process;
use crate::etcd::found::unit::{Unit, UnitSetting};
use crate::etcd::found::words;

/// Something that has to be on the host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Needed {
    /// The path on the host.
    pub(crate) path: String,
    /// What the file calls it.
    pub(crate) written: String,
    pub(crate) place: Place,
    /// Whether the unit allows it to be missing.
    pub(crate) may_be_missing: bool,
}

/// The characters before a program that say how it is started (systemd.service(5), the table of prefixes).
pub(crate) const PREFIXES: [char; 6] = ['@', '-', ':', '+', '!', '|'];

/// Settings that bring files from elsewhere, so that nobody knows what the unit sees.
const IMAGES: [&str; 4] = ["RootImage", "ExtensionImages", "ExtensionDirectories", "MountImages"];

impl Unit {
    /// Whether it sees files of images, which are not the host's.
    pub(crate) fn has_images(&self) -> bool {
        IMAGES.iter().any(|key| !self.all("Service", key).is_empty())
    }

    /// The path on the host of a path that the unit sees; `None` if that is not known.
    fn on_host(&self, path: &str) -> Option<String> {
        let is_plain = path.starts_with('/') && !self.has_images();
        let root = self.last("Service", "RootDirectory").map(|root| self.expand(&root.value.text));
        match root {
            _ if !is_plain => None,
            Some(root) => Some(format!("{}{path}", root?.trim_end_matches('/'))),
            None => Some(path.to_owned()),
        }
    }

    /// The programs that systemd itself starts, those of `ExecStartPre=` and of `ExecStart=`, and the one that these
    /// start in the end. Of several `ExecStart=` only `Type=oneshot` may have more than one; else the last counts here.
    pub(crate) fn programs(&self, of_etcd: Option<Needed>) -> Vec<Needed> {
        let before = self.all("Service", "ExecStartPre");
        let mut starts = self.all("Service", "ExecStart");
        if self.last("Service", "Type").is_none_or(|kind| kind.value.text != "oneshot") {
            starts.drain(..starts.len().saturating_sub(1));
        }
        // What an earlier command speaks of may be made by it.
        let is_made = |number: usize, path: &str| {
            let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
            before.iter().take(number).any(|command| {
                let text = &command.value.text;
                text.contains(path) || folder.len() > 1 && names_folder(text, folder)
            })
        };
        let mut all: Vec<Needed> = Vec::new();
        for (number, setting) in before.iter().chain(&starts).enumerate() {
            let found = self.commands(setting).into_iter();
            all.extend(found.filter(|needed| !is_made(number, &needed.written)));
        }
        let is_new = |needed: &Needed| !all.iter().any(|other| other.path == needed.path);
        let of_etcd = of_etcd
            .filter(|needed| is_new(needed) && !self.has_images() && !is_made(before.len(), &needed.written));
        all.extend(of_etcd);
        all
    }

    /// The program of the last `ExecStart=`.
    pub(crate) fn program(&self) -> Option<Needed> {
        self.commands(self.all("Service", "ExecStart").last()?).pop()
    }

    /// The programs of one `ExecStart=` or the like. A semicolon alone begins another command.
    fn commands(&self, setting: &UnitSetting) -> Vec<Needed> {
        let mut all = Vec::new();
        let mut begins = true;
        for word in words::systemd(&setting.value.text) {
            if word.text == ";" {
                begins = true;
            } else if std::mem::take(&mut begins) {
                let program = word.text.trim_start_matches(PREFIXES);
                let prefixes = word.text.strip_suffix(program).unwrap_or_default();
                let Some(written) = self.expand(program) else { continue };
                let Some(path) = self.on_host(&written) else { continue };
                let (place, may_be_missing) = (setting.place(word.offset), prefixes.contains('-'));
                all.push(Needed { path, written, place, may_be_missing });
            }
        }
        all
    }

    /// The folder of `WorkingDirectory=`.
    pub(crate) fn working_folder(&self) -> Option<Needed> {
        let setting = self.last("Service", "WorkingDirectory")?;
        let text = self.expand(&setting.value.text)?;
        let written = text.trim_start_matches('-');
        let path = self.on_host(written)?;
        let may_be_missing = text.starts_with('-');
        Some(Needed { path, written: written.to_owned(), place: setting.place(0), may_be_missing })
    }
}

/// Whether a command names a folder itself, and not only a program in it.
fn names_folder(command: &str, folder: &str) -> bool {
    command.match_indices(folder).any(|(at, _)| {
        let rest = command.get(at + folder.len()..).unwrap_or_default().trim_start_matches('/');
        !rest.starts_with(|c: char| c.is_alphanumeric() || "._-".contains(c))
    })
}

/// The folders of systemd-tmpfiles (tmpfiles.d(5)).
const TMPFILES: [&str; 4] = ["etc/tmpfiles.d", "run/tmpfiles.d", "usr/lib/tmpfiles.d", "lib/tmpfiles.d"];

/// Whether the host makes a path at its start, or mounts something there or above it.
pub(crate) fn is_made_at_start(root: &Path, path: &str, files: &dyn Files) -> Result<bool, ReadError> {
    let is_above = |other: &str| Path::new(path).starts_with(other.trim_end_matches('/')) && other.len() > 1;
    let text = |path: &Path| -> Result<String, ReadError> {
        let bytes = entry(path, files)?.ok().flatten().map(|entry| entry.bytes.to_vec());
        Ok(String::from_utf8_lossy(&bytes.unwrap_or_default()).into_owned())
    };
    let fields = |line: &str, number: usize| line.split_whitespace().nth(number).map(str::to_owned);
    let fstab = text(&root.join("etc/fstab"))?;
    if fstab.lines().filter_map(|line| fields(line, 1)).any(|point| is_above(&point)) {
        return Ok(true);
    }
    for above in Path::new(path).ancestors() {
        // The name of a mount's unit is its path (systemd-escape(1)).
        let name = above.to_string_lossy().trim_matches('/').replace('-', "\\x2d").replace('/', "-");
        let unit = format!("{name}.mount");
        for folder in
            ["etc/systemd/system", "run/systemd/system", "usr/lib/systemd/system", "lib/systemd/system"]
        {
            if !name.is_empty() && matches!(entry(&root.join(folder).join(&unit), files)?, Ok(Some(_))) {
                return Ok(true);
            }
        }
    }
    for folder in TMPFILES.map(|folder| root.join(folder)) {
        if !matches!(entry(&folder, files)?, Ok(Some(_))) {
            continue;
        }
        for name in names(&folder, files)?.unwrap_or_default() {
            let lines = text(&folder.join(name))?;
            let makes = |line: &str| line.starts_with(['d', 'D', 'v', 'q', 'Q', 'C', 'L']);
            let made = lines.lines().filter(|line| makes(line)).filter_map(|line| fields(line, 1));
            // A folder that is made has those above it.
            if made.into_iter().any(|made| Path::new(&made).starts_with(path)) {
                return Ok(true);
            }
        }
    }
    Ok(false)
}

impl Process {
    /// The program of etcd, if it is on the host.
    pub(crate) fn program(&self) -> Option<Needed> {
        let program = self.arguments.first().filter(|_| self.container.is_none())?;
        let written = program.text.clone().filter(|text| text.starts_with('/'))?;
        let path = self.on_host(&written)?;
        Some(Needed { path, written, place: program.place.clone(), may_be_missing: false })
    }
}
