//! What a unit starts, where, and what systemd then waits for.

use std::collections::BTreeSet;
use std::path::Path;

use crate::base::place::Place;
use crate::etcd::check::doctor::case::{Case, Check, Symptom};
use crate::etcd::check::doctor::systemd::{notifies, whole_units};
use crate::etcd::check::finding::{Rule, Severity};
use crate::etcd::found::{FileLookup, Parent, Role, Unit, is_etcd};

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

/// What follows those of the sandbox: numbers are in the order in which rules came.
pub(crate) const LATER_CHECKS: &[Check] = &[Check {
    rule: Rule {
        id: "E121",
        severity: Severity::Error,
        title: "systemd ends etcd with what has started it",
        consequence: "the service has ended when its main process ends, and systemd then ends whatever it left behind: etcd runs for a moment",
        remedy: "start etcd in the foreground, without `&`, and with `exec` if a shell starts it",
        sources: &["systemd.service(5), Type=", "systemd.kill(5), KillMode="],
    },
    find: left_behind,
}];

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
        // What starts etcd may go into the background, and leave etcd behind.
        let leaves = process.parent.as_ref().is_some_and(|parent| parent.role == Role::Leaves);
        let waits = process.is_etcd() && process.container.is_none() && !leaves;
        let kind = setting.value.text.as_str();
        if waits && matches!(kind, "forking" | "oneshot" | "dbus") {
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
        let kind_is = format!("Type={}", kind.value.text);
        let access = unit.last("Service", "NotifyAccess").map(|setting| setting.value.text.as_str());
        let hears = format!("NotifyAccess= is {}", access.unwrap_or("not set, so that it is main"));
        let symptom = |problem: String| Symptom::new(kind.place(0), problem);
        let process = &member.process;
        // podman hands the message on; the others do not.
        if let Some(container) = process.container.as_ref() {
            if container.engine != "podman" {
                let engine = &container.engine;
                symptoms.push(symptom(format!(
                    "{kind_is}, and etcd runs in a container of {engine}, which hands nothing on to systemd, whatever NotifyAccess= is"
                )));
            }
            continue;
        }
        if let Some(name) = &process.clears_environment {
            let consequence = "etcd does not learn where systemd listens: the start of the service times out, and systemd ends etcd, whatever NotifyAccess= is";
            let problem = format!("{kind_is}, and {name} takes the variable NOTIFY_SOCKET away");
            symptoms.push(symptom(problem).overriding(Severity::Error, consequence));
            continue;
        }
        let Some(parent) = &process.parent else { continue };
        let name = &parent.name;
        match parent.role {
            Role::Leaves => {
                let problem = format!("{kind_is}, and {name} puts etcd into the background and ends");
                let consequence = "the main process has ended before anybody told that it is ready: the start fails, and systemd ends etcd";
                symptoms.push(symptom(problem).overriding(Severity::Error, consequence));
            }
            _ if access == Some("all") => {}
            Role::Stays => {
                symptoms
                    .push(symptom(format!("{kind_is}, and {name} is the main process, not etcd: {hears}")));
            }
            Role::MayStay => {
                let problem = format!("{kind_is}, and {name} starts etcd without `exec`: {hears}");
                let consequence = "where sh is dash, as on Debian and Ubuntu, the shell stays the main process, and the start of the service times out; bash becomes etcd";
                symptoms.push(symptom(problem).overriding(Severity::Warning, consequence));
            }
        }
    }
    symptoms
}

/// With the types that do not wait, the service lasts as long as its main process.
fn left_behind(case: &Case<'_>) -> Vec<Symptom> {
    let mut symptoms = Vec::new();
    for (_, member, unit) in whole_units(case) {
        let kind = unit.last("Service", "Type").map_or("simple", |setting| setting.value.text.as_str());
        let kill = unit.last("Service", "KillMode").map(|setting| setting.value.text.as_str());
        let is_kept = unit.is_true("RemainAfterExit") || matches!(kill, Some("process" | "none"));
        // systemd-run makes a service of its own.
        let leaves = |parent: &&Parent| parent.role == Role::Leaves && parent.name != "systemd-run";
        let Some(parent) = member.process.parent.as_ref().filter(leaves) else {
            continue;
        };
        if matches!(kind, "simple" | "exec" | "idle") && !is_kept && member.process.is_etcd() {
            let problem = format!("Type={kind}, and {} puts etcd into the background and ends", parent.name);
            let start = unit.all("Service", "ExecStart").pop().map(|setting| setting.place(0));
            symptoms.push(Symptom::new(start.unwrap_or_default(), problem));
        }
    }
    symptoms
}
