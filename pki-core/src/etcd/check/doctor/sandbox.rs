//! Data, keys and programs at places that a unit's sandbox hides, makes read-only or empties (systemd.exec(5),
//! "Sandboxing"; systemd, src/core/namespace.c).

use std::path::Path;

use crate::etcd::check::doctor::case::{Case, Check, Symptom, place};
use crate::etcd::check::doctor::systemd::whole_units;
use crate::etcd::check::finding::{Rule, Severity};
use crate::etcd::found::{FILE_OPTIONS, Member, PREFIXES, Unit, systemd_words};

pub(crate) const CHECKS: &[Check] = &[
    Check {
        rule: Rule {
            id: "E119",
            severity: Severity::Error,
            title: "the sandbox of a unit keeps etcd from its program, its data or its keys",
            consequence: "{etcd} does not start: `permission denied`, `read-only file system` or `no such file or directory`",
            remedy: "name the data's folder in `StateDirectory=` or `ReadWritePaths=`, and move programs and keys to where the unit sees them, such as /usr/bin and /etc/etcd",
            sources: &["systemd.exec(5)"],
        },
        find: hidden_paths,
    },
    Check {
        rule: Rule {
            id: "E120",
            severity: Severity::Error,
            title: "the data goes with the service",
            consequence: "systemd makes the folder anew and empty: the member has lost its data after each restart of the service",
            remedy: "put the data where it stays, such as /var/lib/etcd",
            sources: &["systemd.exec(5), PrivateTmp=, TemporaryFileSystem= and RuntimeDirectoryPreserve="],
        },
        find: fleeting_data,
    },
];

/// The options that name folders or files in which etcd writes.
const WRITTEN: [&str; 3] = ["data-dir", "wal-dir", "log-outputs"];

/// What a setting makes of a path, in the order of their priority for one path (systemd, src/core/namespace.c,
/// `MountMode`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    /// Nothing can be seen there, nor below it, whatever else is said about that.
    Inaccessible,
    /// A folder of the host, whatever is around it.
    Bind,
    /// An empty folder, for as long as the service runs.
    PrivateTmp,
    ReadOnly,
    ReadWrite,
    Empty,
    /// What `ProtectSystem=strict` leaves as it is.
    Unchanged,
}

/// A setting of the sandbox, and what it makes of a path.
#[derive(Debug, Clone)]
struct Mount {
    path: String,
    kind: Kind,
    is_read_only: bool,
    /// Whether what is written there goes with the service.
    is_fleeting: bool,
    /// The setting, as it is written.
    written: String,
}

/// What a unit sees at a path.
#[derive(Debug, Clone, PartialEq, Eq)]
struct View {
    /// What was there before the service started can be seen.
    is_seen: bool,
    is_writable: bool,
    is_fleeting: bool,
    /// The setting that decides it.
    written: String,
}

/// The mounts of a unit, in the order in which systemd makes them, with one for each path.
struct Sandbox {
    mounts: Vec<Mount>,
    /// The paths of `NoExecPaths=` (false) and `ExecPaths=` (true).
    programs: Vec<(String, bool)>,
}

/// The folders of `ProtectHome=`.
const HOMES: [&str; 3] = ["/home", "/root", "/run/user"];

impl Sandbox {
    fn of(unit: &Unit) -> Self {
        let mut sandbox = Self { mounts: Vec::new(), programs: Vec::new() };
        sandbox.add_system(unit);
        sandbox.add_homes(unit);
        sandbox.add_tmp(unit);
        for (key, kind) in [
            ("InaccessiblePaths", Kind::Inaccessible),
            ("TemporaryFileSystem", Kind::Empty),
            ("ReadOnlyPaths", Kind::ReadOnly),
            ("ReadWritePaths", Kind::ReadWrite),
        ] {
            for (text, written) in list(unit, key) {
                let (path, options) = text.split_once(':').unwrap_or((&text, ""));
                let path = path.trim_start_matches('-').trim_start_matches('+');
                let mut mount = Mount::new(path, kind, &written);
                mount.is_read_only |= kind == Kind::Empty && options.split(',').any(|option| option == "ro");
                sandbox.mounts.push(mount);
            }
        }
        for bind in unit.binds() {
            let mut mount = Mount::new(&bind.inside, Kind::Bind, &bind.written);
            mount.is_read_only = bind.is_read_only;
            sandbox.mounts.push(mount);
        }
        for made in unit.made_folders() {
            let mut mount = Mount::new(&made, Kind::Bind, "");
            let preserve = unit.last("Service", "RuntimeDirectoryPreserve");
            let is_kept = preserve.is_some_and(|kept| kept.value.text == "restart")
                || unit.is_true("RuntimeDirectoryPreserve");
            mount.is_fleeting = made.starts_with("/run/") && !is_kept;
            mount.written = if mount.is_fleeting { "RuntimeDirectory=".to_owned() } else { String::new() };
            sandbox.mounts.push(mount);
        }
        for (key, may) in [("NoExecPaths", false), ("ExecPaths", true)] {
            let paths = list(unit, key).into_iter();
            let paths = paths.map(|(path, _)| path.trim_start_matches(['-', '+']).to_owned());
            sandbox.programs.extend(paths.map(|path| (path, may)));
        }
        sandbox.mounts.retain(|mount| mount.path.starts_with('/') || mount.path.is_empty());
        sandbox.merge();
        sandbox
    }

    /// `ProtectSystem=`, which leaves the folders of `ProtectHome=` as they are.
    fn add_system(&mut self, unit: &Unit) {
        let is_dynamic = unit.is_true("DynamicUser");
        let (value, written) = if is_dynamic {
            ("strict", "DynamicUser=yes, which implies ProtectSystem=strict,".to_owned())
        } else {
            let Some(setting) = unit.last("Service", "ProtectSystem") else { return };
            (setting.value.text.as_str(), format!("ProtectSystem={}", setting.value.text))
        };
        let paths: &[&str] = match value {
            "strict" => &["/"],
            "full" => &["/usr", "/boot", "/efi", "/etc"],
            _ if unit.is_true("ProtectSystem") => &["/usr", "/boot", "/efi"],
            _ => &[],
        };
        self.mounts.extend(paths.iter().map(|path| Mount::new(path, Kind::ReadOnly, &written)));
        if value == "strict" {
            let left = ["/dev", "/proc", "/sys"].into_iter().chain(HOMES);
            self.mounts.extend(left.map(|path| Mount::new(path, Kind::Unchanged, &written)));
        }
    }

    fn add_homes(&mut self, unit: &Unit) {
        let is_dynamic = unit.is_true("DynamicUser");
        let setting = unit.last("Service", "ProtectHome");
        let value = setting.map(|setting| setting.value.text.as_str()).unwrap_or_default();
        let written = format!("ProtectHome={value}");
        let (kind, is_read_only, written) = match value {
            "read-only" => (Kind::ReadOnly, true, written),
            "tmpfs" => (Kind::Empty, true, written),
            _ if unit.is_true("ProtectHome") => (Kind::Inaccessible, true, written),
            _ if is_dynamic => {
                (Kind::ReadOnly, true, "DynamicUser=yes, which implies ProtectHome=read-only,".to_owned())
            }
            _ => return,
        };
        for path in HOMES {
            self.mounts.push(Mount { is_read_only, ..Mount::new(path, kind, &written) });
        }
    }

    fn add_tmp(&mut self, unit: &Unit) {
        let setting = unit.last("Service", "PrivateTmp");
        let value = setting.map(|setting| setting.value.text.as_str()).unwrap_or_default();
        let written = match value {
            value if value == "disconnected" || unit.is_true("PrivateTmp") => format!("PrivateTmp={value}"),
            _ if unit.is_true("DynamicUser") => "DynamicUser=yes, which implies PrivateTmp=yes,".to_owned(),
            _ => return,
        };
        self.mounts.extend(["/tmp", "/var/tmp"].map(|path| Mount::new(path, Kind::PrivateTmp, &written)));
    }

    /// Sorts the mounts, and makes one of those for one path: the first kind, read-only if any of them is. Nothing stays
    /// below what is inaccessible.
    fn merge(&mut self) {
        self.mounts.sort_by(|a, b| (Path::new(&a.path), a.kind).cmp(&(Path::new(&b.path), b.kind)));
        let mut merged: Vec<Mount> = Vec::new();
        for mount in self.mounts.drain(..) {
            match merged.last_mut().filter(|last| last.path == mount.path) {
                Some(last) if mount.kind == Kind::ReadOnly && !last.is_read_only => {
                    last.is_read_only = true;
                    last.written = mount.written;
                }
                Some(_) => {}
                None => merged.push(mount),
            }
        }
        self.mounts = merged;
    }

    /// What the unit sees at a path; `None` if the sandbox changes nothing there.
    fn view(&self, path: &str) -> Option<View> {
        let mut view = None;
        for mount in self.mounts.iter().filter(|mount| mount.is_above(path)) {
            let before = view.take().unwrap_or_else(View::of_host);
            let written = mount.written.clone();
            let is_new =
                View { is_seen: false, is_writable: !mount.is_read_only, is_fleeting: true, written };
            view = Some(match mount.kind {
                Kind::Inaccessible => {
                    return Some(View { is_writable: false, is_fleeting: false, ..is_new });
                }
                Kind::Bind => View { is_seen: true, is_fleeting: mount.is_fleeting, ..is_new },
                Kind::PrivateTmp | Kind::Empty => is_new,
                // In what is empty there is nothing to which they could apply.
                Kind::ReadOnly | Kind::ReadWrite | Kind::Unchanged if !before.is_seen => before,
                Kind::ReadOnly => View { is_writable: false, written: is_new.written, ..before },
                Kind::ReadWrite | Kind::Unchanged => {
                    View { is_writable: true, written: is_new.written, ..before }
                }
            });
        }
        view
    }

    /// Whether a program may be run.
    fn may_run(&self, path: &str) -> bool {
        let over = self.programs.iter().filter(|(above, _)| Path::new(path).starts_with(above));
        // Of two for one path, `NoExecPaths=` counts.
        let deepest = over.max_by_key(|(above, may)| (above.trim_end_matches('/').len(), !may));
        deepest.is_none_or(|(_, may)| *may)
    }
}

impl Mount {
    fn new(path: &str, kind: Kind, written: &str) -> Self {
        let (path, written) = (path.trim_end_matches('/').to_owned(), written.to_owned());
        Self { path, kind, is_read_only: kind == Kind::ReadOnly, is_fleeting: false, written }
    }

    fn is_above(&self, path: &str) -> bool {
        path.strip_prefix(&self.path).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }
}

impl View {
    fn of_host() -> Self {
        Self { is_seen: true, is_writable: true, is_fleeting: false, written: String::new() }
    }
}

/// The words of a list, each with the setting as it is written.
fn list(unit: &Unit, key: &str) -> Vec<(String, String)> {
    let settings = unit.all("Service", key);
    let words = settings.into_iter().flat_map(|setting| systemd_words(&setting.value.text));
    let words = words.filter_map(|word| Some((unit.expand(&word.text)?, format!("{key}={}", word.text))));
    words.collect()
}

/// The members that a unit starts on the host, with a sandbox. A `+` before the program leaves it out.
fn confined<'a>(case: &Case<'a>) -> impl Iterator<Item = (&'a Member, &'a Unit)> {
    let all = whole_units(case).map(|(_, member, unit)| (member, unit));
    all.filter(|(member, unit)| {
        let start = unit.all("Service", "ExecStart").pop();
        let is_privileged = start.is_some_and(|start| {
            start.value.text.chars().take_while(|c| PREFIXES.contains(c)).any(|c| c == '+')
        });
        member.process.container.is_none()
            && member.process.sees_host()
            && !unit.has_images()
            && !is_privileged
    })
}

/// The paths that an option names, as the process sees them.
fn paths(member: &Member, unit: &Unit, option: &str) -> Vec<String> {
    let Some(value) = member.settings.value(option) else { return Vec::new() };
    let folder = unit.last("Service", "WorkingDirectory").map_or(Some("/".to_owned()), |setting| {
        unit.expand(setting.value.text.trim_start_matches('-')).filter(|folder| folder.starts_with('/'))
    });
    let values: Vec<&str> = match option {
        "log-outputs" => value.split(',').map(str::trim).filter(|one| one.starts_with('/')).collect(),
        _ => vec![value],
    };
    let absolute = values.into_iter().filter(|path| !path.is_empty()).filter_map(|path| {
        let path =
            if path.starts_with('/') { path.to_owned() } else { format!("{}/{path}", folder.as_deref()?) };
        Some(path.trim_end_matches('/').to_owned())
    });
    absolute.collect()
}

fn hidden_paths(case: &Case<'_>) -> Vec<Symptom> {
    let mut symptoms = Vec::new();
    for (member, unit) in confined(case) {
        let sandbox = Sandbox::of(unit);
        for option in WRITTEN.into_iter().chain(FILE_OPTIONS) {
            let writes = WRITTEN.contains(&option);
            for path in paths(member, unit, option) {
                let Some(view) = sandbox.view(&path) else { continue };
                let what = match (view.is_seen || writes && view.is_writable, writes && !view.is_writable) {
                    (false, _) => "hides it",
                    (true, true) => "makes it read-only",
                    (true, false) => continue,
                };
                let problem = format!("{option} is {path}, and {} {what}", view.written);
                symptoms.push(Symptom::new(place(member, option), problem));
            }
        }
        let (of_unit, of_etcd) = (unit.program(), member.process.program());
        let of_etcd =
            of_etcd.filter(|etcd| of_unit.as_ref().is_none_or(|program| program.written != etcd.written));
        for program in of_unit.into_iter().chain(of_etcd) {
            let view = sandbox.view(&program.written).filter(|view| !view.is_seen);
            let what = match view {
                Some(view) => format!("{} hides it", view.written),
                None if !sandbox.may_run(&program.written) => "NoExecPaths= lets nobody run it".to_owned(),
                None => continue,
            };
            let problem = format!("the program is {}, and {what}", program.written);
            let consequence = "systemd does not start the service: `status=203/EXEC`";
            symptoms.push(Symptom::new(program.place, problem).overriding(Severity::Error, consequence));
        }
    }
    symptoms
}

fn fleeting_data(case: &Case<'_>) -> Vec<Symptom> {
    let mut symptoms = Vec::new();
    for (member, unit) in confined(case) {
        let sandbox = Sandbox::of(unit);
        for option in ["data-dir", "wal-dir"] {
            for path in paths(member, unit, option) {
                let Some(view) = sandbox.view(&path) else { continue };
                if view.is_fleeting && view.is_writable {
                    let problem = format!("{option} is {path}, and {} does not keep it", view.written);
                    symptoms.push(Symptom::new(place(member, option), problem));
                }
            }
        }
    }
    symptoms
}

#[cfg(test)]
mod tests;
