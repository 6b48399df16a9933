//! What a unit starts, where, and what systemd then waits for.

use std::collections::BTreeSet;
use std::path::Path;

use crate::base::place::Place;
use crate::etcd::check::doctor::case::{Case, Check, Symptom};
use crate::etcd::check::doctor::systemd::{notifies, whole_units};
use crate::etcd::check::finding::{Rule, Severity};
use crate::etcd::found::{FileLookup, Unit, is_etcd};

pub(crate) const CHECKS: &[Check] = &[
    Check {
        rule: Rule {
            id: "E114",
            severity: Severity::Error,
            title: "a line of an environment file sets nothing",
            consequence: "systemd passes over the line, and etcd starts without the setting: `Ignoring invalid environment assignment`",
            remedy: "write `NAME=value`, without `export`",
            sources: &["systemd.exec(5)", "systemd, src/basic/env-file.c"],
        },
        find: environment_faults,
    },
    Check {
        rule: Rule {
            id: "E115",
            severity: Severity::Error,
            title: "the program of a unit is not there",
            consequence: "systemd does not start the service: `status=203/EXEC`",
            remedy: "install etcd there, or correct `ExecStart=`",
            sources: &["systemd.exec(5), the table of exit statuses"],
        },
        find: missing_programs,
    },
    Check {
        rule: Rule {
            id: "E116",
            severity: Severity::Error,
            title: "the working folder of a unit is not there",
            consequence: "systemd does not start the service: `status=200/CHDIR`",
            remedy: "make the folder, name it in `StateDirectory=`, or correct `WorkingDirectory=`",
            sources: &["systemd.exec(5), the table of exit statuses"],
        },
        find: missing_folders,
    },
    Check {
        rule: Rule {
            id: "E117",
            severity: Severity::Error,
            title: "systemd waits for what etcd never does",
            consequence: "the start of the service does not end: etcd stays in the foreground and has no name on the bus. After a while systemd ends etcd, or waits for ever",
            remedy: "set `Type=notify`: etcd tells systemd when it is ready",
            sources: &["systemd.service(5)", "etcd, contrib/systemd/etcd.service"],
        },
        find: waiting_types,
    },
    Check {
        rule: Rule {
            id: "E118",
            severity: Severity::Error,
            title: "systemd does not hear that etcd is ready",
            consequence: "with Type=notify the start of the service times out, and systemd ends etcd: it listens to the service's main process only",
            remedy: "set `NotifyAccess=all`, or start etcd itself, or with `exec`, as the main process",
            sources: &["systemd.service(5), NotifyAccess="],
        },
        find: unheard,
    },
];

/// Lines of an environment file that systemd passes over.
fn environment_faults(case: &Case<'_>) -> Vec<Symptom> {
    let mut symptoms = Vec::new();
    for host in &case.found.hosts {
        let named = host.units.iter().flat_map(Unit::environment_files);
        let read: BTreeSet<&Path> = named
            .filter_map(|name| match host.lookup(&name.path) {
                FileLookup::Present(path) => Some(path.as_path()),
                _ => None,
            })
            .collect();
        for (path, file) in host.environments.iter().filter(|(path, _)| read.contains(path.as_path())) {
            for (line, text) in &file.faults {
                let place = Place::file(path).at(*line, 1);
                let symptom =
                    Symptom::new(place, format!("`{text}` is no name of a variable, or has no `=`"));
                symptoms.push(if text.contains("ETCD_") {
                    symptom
                } else {
                    symptom.overriding(Severity::Warning, "systemd passes over the line")
                });
            }
        }
    }
    symptoms
}

fn missing_programs(case: &Case<'_>) -> Vec<Symptom> {
    let mut symptoms = Vec::new();
    for (host, member, unit) in whole_units(case) {
        for needed in unit.programs(member.process.program()) {
            if host.is_there(&needed.path) != Some(false) {
                continue;
            }
            let symptom = Symptom::new(needed.place.clone(), format!("{} is not there", needed.written));
            symptoms.push(match (needed.may_be_missing, is_etcd(&needed.written)) {
                (false, _) => symptom,
                (true, true) => symptom.overriding(
                    Severity::Error,
                    "the dash before the program lets systemd take the failure for a success: the service ends at once, nothing says that it failed, and etcd does not run",
                ),
                // The unit allows that a command beside etcd fails.
                (true, false) => continue,
            });
        }
    }
    symptoms
}

fn missing_folders(case: &Case<'_>) -> Vec<Symptom> {
    let mut symptoms = Vec::new();
    for (host, _, unit) in whole_units(case) {
        let Some(needed) = unit.working_folder().filter(|needed| !needed.may_be_missing) else { continue };
        // A folder that systemd makes has those above it.
        let is_made = unit.made_folders().iter().any(|made| Path::new(made).starts_with(&needed.written));
        if host.is_there(&needed.path) == Some(false) && !is_made {
            let problem = format!("WorkingDirectory={} is not there", needed.written);
            symptoms.push(Symptom::new(needed.place, problem));
        }
    }
    symptoms
}

fn waiting_types(case: &Case<'_>) -> Vec<Symptom> {
    let mut symptoms = Vec::new();
    for (_, member, unit) in whole_units(case) {
        let process = &member.process;
        let Some(setting) = unit.last("Service", "Type") else { continue };
        // What starts etcd may go into the background, or end, and leave etcd behind.
        let text =
            unit.all("Service", "ExecStart").pop().map(|start| start.value.text.as_str()).unwrap_or_default();
        let leaves = ["start-stop-daemon", "daemonize", "setsid", "systemd-run"]
            .iter()
            .any(|name| text.contains(name));
        let is_direct =
            process.is_etcd() && process.container.is_none() && process.parent.is_none() && !leaves;
        let kind = setting.value.text.as_str();
        if is_direct && matches!(kind, "forking" | "oneshot" | "dbus") {
            let problem = match kind {
                "forking" => "Type=forking waits until the program has put itself into the background",
                "oneshot" => "Type=oneshot waits until the program has ended",
                _ => "Type=dbus waits until the program has a name on the bus",
            };
            symptoms.push(Symptom::new(setting.place(0), problem));
        }
    }
    symptoms
}

fn unheard(case: &Case<'_>) -> Vec<Symptom> {
    let mut symptoms = Vec::new();
    for (_, member, unit) in whole_units(case).filter(|(_, _, unit)| notifies(unit)) {
        let Some(kind) = unit.last("Service", "Type") else { continue };
        let access = unit.last("Service", "NotifyAccess").map(|setting| setting.value.text.as_str());
        let place = kind.place(0);
        match (&member.process.container, &member.process.parent) {
            // podman hands the message on; the others do not.
            (Some(container), _) if container.engine != "podman" => {
                let problem = format!(
                    "Type={}, and etcd runs in a container of {}, which hands nothing on to systemd, whatever NotifyAccess= is",
                    kind.value.text, container.engine
                );
                symptoms.push(Symptom::new(place, problem));
            }
            (None, Some(parent)) if access != Some("all") => {
                let problem = format!(
                    "Type={}, and {parent} is the main process, not etcd: NotifyAccess= is {}",
                    kind.value.text,
                    access.unwrap_or("not set, so that it is main")
                );
                symptoms.push(Symptom::new(place, problem));
            }
            _ => {}
        }
    }
    symptoms
}
