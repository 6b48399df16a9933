//! Data and keys at places that a unit's sandbox hides or makes read-only (systemd.exec(5), "Sandboxing").

use crate::etcd::check::doctor::case::{Case, Check, Symptom, place};
use crate::etcd::check::doctor::systemd::whole_units;
use crate::etcd::check::finding::{Rule, Severity};
use crate::etcd::found::{FILE_OPTIONS, Member, Unit};

pub(crate) const CHECKS: &[Check] = &[
    Check {
        rule: Rule {
            id: "E119",
            severity: Severity::Error,
            title: "the sandbox of a unit keeps etcd from its data or its keys",
            consequence: "{etcd} does not start: `permission denied`, `read-only file system` or `no such file or directory`",
            remedy: "name the data's folder in `StateDirectory=` or `ReadWritePaths=`, and move keys to where the unit sees them, such as /etc/etcd",
            sources: &["systemd.exec(5)"],
        },
        find: hidden_paths,
    },
    Check {
        rule: Rule {
            id: "E120",
            severity: Severity::Error,
            title: "the data goes with the service",
            consequence: "systemd removes a private /tmp when the service stops: the member has lost its data after each restart of the service",
            remedy: "put the data where it stays, such as /var/lib/etcd",
            sources: &["systemd.exec(5), PrivateTmp="],
        },
        find: fleeting_data,
    },
];

/// The options that name folders in which etcd writes.
const DATA: [&str; 2] = ["data-dir", "wal-dir"];

/// What a unit makes of the files below a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum View {
    Writable,
    ReadOnly,
    Hidden,
}

/// A setting of the sandbox, as it is written, with what it makes of the files below a path.
struct Restriction {
    path: String,
    view: View,
    written: String,
    /// Whether what is bound below it is seen all the same.
    gives_way: bool,
}

/// The restrictions of a unit, and what it binds into its view.
struct Sandbox {
    restrictions: Vec<Restriction>,
    bound: Vec<String>,
}

impl Sandbox {
    fn of(unit: &Unit) -> Self {
        let mut sandbox = Self { restrictions: Vec::new(), bound: Vec::new() };
        let is_dynamic = unit.is_true("DynamicUser");
        let word =
            |key: &str| unit.last("Service", key).map(|setting| setting.value.text.to_ascii_lowercase());
        let implied = |usual: &str| (usual.to_owned(), format!("DynamicUser=yes, which implies {usual},"));
        let of = |key: &str, usual: &str| match word(key) {
            Some(value) if !is_dynamic || usual.is_empty() => Some((value.clone(), format!("{key}={value}"))),
            _ if is_dynamic && !usual.is_empty() => {
                let (_, text) = implied(&format!("{key}={usual}"));
                Some((usual.to_owned(), text))
            }
            _ => None,
        };
        if let Some((value, written)) = of("ProtectSystem", "strict") {
            let paths: &[&str] = match value.as_str() {
                "strict" => &["/"],
                "full" => &["/usr", "/boot", "/efi", "/etc"],
                "1" | "yes" | "y" | "true" | "t" | "on" => &["/usr", "/boot", "/efi"],
                _ => &[],
            };
            sandbox.add(paths, View::ReadOnly, &written);
            if value == "strict" {
                sandbox.add(&["/dev", "/proc", "/sys"], View::Writable, &written);
            }
        }
        if let Some((value, written)) =
            of("ProtectHome", if word("ProtectHome").is_some() { "" } else { "read-only" })
        {
            let view = match value.as_str() {
                "read-only" => Some(View::ReadOnly),
                "1" | "yes" | "y" | "true" | "t" | "on" | "tmpfs" => Some(View::Hidden),
                _ => None,
            };
            if let Some(view) = view {
                sandbox.add(&["/home", "/root", "/run/user"], view, &written);
            }
        }
        for (key, view) in [
            ("InaccessiblePaths", View::Hidden),
            ("TemporaryFileSystem", View::Hidden),
            ("ReadOnlyPaths", View::ReadOnly),
            ("ReadWritePaths", View::Writable),
        ] {
            for (path, written) in list(unit, key) {
                let path = path.split(':').next().unwrap_or_default();
                sandbox.add(&[path], view, &written);
            }
        }
        for key in ["BindPaths", "BindReadOnlyPaths"] {
            for (path, written) in list(unit, key) {
                let mut parts = path.split(':');
                let source = parts.next().unwrap_or_default();
                let path = parts.next().filter(|path| !path.is_empty()).unwrap_or(source);
                sandbox.bound.push(path.trim_end_matches('/').to_owned());
                let view = if key == "BindPaths" { View::Writable } else { View::ReadOnly };
                sandbox.add(&[path], view, &written);
            }
        }
        for made in unit.made_folders() {
            sandbox.add(&[&made], View::Writable, "");
        }
        sandbox
    }

    fn add(&mut self, paths: &[&str], view: View, written: &str) {
        let all = paths.iter().filter(|path| path.starts_with('/')).map(|path| Restriction {
            path: path.trim_end_matches('/').to_owned(),
            view,
            written: written.to_owned(),
            gives_way: view == View::Hidden,
        });
        self.restrictions.extend(all);
    }

    /// What the unit sees at a path, and the setting that decides it.
    fn view(&self, path: &str) -> Option<&Restriction> {
        let is_below = |path: &str, folder: &str| {
            path.strip_prefix(folder).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        let over = || self.restrictions.iter().filter(|restriction| is_below(path, &restriction.path));
        // What is hidden stays hidden, unless a part of it is bound.
        let hidden =
            over().filter(|restriction| restriction.gives_way).max_by_key(|hidden| hidden.path.len());
        if let Some(hidden) = hidden {
            let is_bound =
                self.bound.iter().any(|bound| is_below(path, bound) && bound.len() >= hidden.path.len());
            let is_made =
                over().any(|other| other.written.is_empty() && other.path.len() > hidden.path.len());
            if !is_bound && !is_made {
                return Some(hidden);
            }
        }
        over().filter(|restriction| !restriction.gives_way).max_by_key(|restriction| restriction.path.len())
    }
}

/// The paths of a list, each with the setting as it is written.
fn list(unit: &Unit, key: &str) -> Vec<(String, String)> {
    let settings = unit.all("Service", key);
    let words = settings.into_iter().flat_map(|setting| setting.value.text.split_whitespace());
    let expanded =
        words.filter_map(|word| unit.expand(word.trim_matches('"').trim_start_matches(['-', '+'])));
    expanded.map(|path| (path.clone(), format!("{key}={path}"))).collect()
}

/// The members that a unit starts on the host, with a sandbox. A `+` before the program leaves it out.
fn confined<'a>(case: &Case<'a>) -> impl Iterator<Item = (&'a Member, &'a Unit)> {
    let all = whole_units(case).map(|(_, member, unit)| (member, unit));
    all.filter(|(member, unit)| {
        let start = unit.all("Service", "ExecStart").pop();
        let is_privileged = start.is_some_and(|start| {
            start.value.text.chars().take_while(|c| "@-:+!|".contains(*c)).any(|c| c == '+')
        });
        member.process.mounts.is_none() && !is_privileged
    })
}

fn hidden_paths(case: &Case<'_>) -> Vec<Symptom> {
    let mut symptoms = Vec::new();
    for (member, unit) in confined(case) {
        let sandbox = Sandbox::of(unit);
        for option in DATA.into_iter().chain(FILE_OPTIONS) {
            let Some(path) = member.settings.value(option).filter(|path| path.starts_with('/')) else {
                continue;
            };
            let writes = DATA.contains(&option);
            let Some(restriction) = sandbox.view(path.trim_end_matches('/')) else { continue };
            let what = match restriction.view {
                View::Hidden => "hides it",
                View::ReadOnly if writes => "makes it read-only",
                _ => continue,
            };
            let problem = format!("{option} is {path}, and {} {what}", restriction.written);
            symptoms.push(Symptom::new(place(member, option), problem));
        }
    }
    symptoms
}

fn fleeting_data(case: &Case<'_>) -> Vec<Symptom> {
    let mut symptoms = Vec::new();
    for (member, unit) in confined(case) {
        let is_private =
            unit.last("Service", "PrivateTmp").is_some_and(|setting| setting.value.text == "disconnected")
                || unit.is_true("PrivateTmp")
                || unit.is_true("DynamicUser");
        let bound: Vec<String> = list(unit, "BindPaths").into_iter().map(|(path, _)| path).collect();
        for option in DATA.into_iter().filter(|_| is_private) {
            let Some(path) = member.settings.value(option) else { continue };
            let is_bound = bound
                .iter()
                .any(|bound| bound.split(':').next_back().is_some_and(|bound| path.starts_with(bound)));
            if ["/tmp/", "/var/tmp/"].iter().any(|folder| path.starts_with(folder)) && !is_bound {
                let problem = format!("{option} is {path}, and PrivateTmp= is on");
                symptoms.push(Symptom::new(place(member, option), problem));
            }
        }
    }
    symptoms
}
