//! What systemd makes of units, and above all what `systemd-analyze verify` does not tell.

use crate::base::place::Place;
use crate::base::suggest;
use crate::etcd::check::doctor::case::{Case, Check, Symptom};
use crate::etcd::check::finding::{Rule, Severity};
use crate::etcd::found::{FileLookup, Found, Host, Member, SyntaxFaultKind, Unit};
use crate::go::duration;

pub(crate) const CHECKS: &[Check] = &[
    Check {
        rule: Rule {
            id: "E101",
            severity: Severity::Error,
            title: "`ExecStart=` names no program that systemd can start",
            consequence: "systemd refuses the unit: a path must be absolute, and no shell expands `~` or variables",
            remedy: "write the absolute path of etcd",
            sources: &["systemd.service(5)"],
        },
        find: exec_start,
    },
    Check {
        rule: Rule {
            id: "E102",
            severity: Severity::Warning,
            title: "a unit is to be started with or after one that does not exist",
            consequence: "systemd passes over units that do not exist, and `systemd-analyze verify` does not tell: the order is not what was meant",
            remedy: "correct the name of the unit",
            sources: &["systemd.unit(5)"],
        },
        find: unknown_units,
    },
    Check {
        rule: Rule {
            id: "E103",
            severity: Severity::Error,
            title: "an environment file is missing",
            consequence: "systemd does not start the service: `Failed to load environment files`; `systemd-analyze verify` does not tell",
            remedy: "put the file there, or correct `EnvironmentFile=`",
            sources: &["systemd.exec(5)"],
        },
        find: |case| environment_files(case, false),
    },
    Check {
        rule: Rule {
            id: "E104",
            severity: Severity::Warning,
            title: "an environment file is missing, and a dash hides it",
            consequence: "etcd starts without the settings of the file: with its defaults, as a member of its own",
            remedy: "put the file there, correct `EnvironmentFile=`, and remove the dash",
            sources: &["systemd.exec(5)"],
        },
        find: |case| environment_files(case, true),
    },
    Check {
        rule: Rule {
            id: "E105",
            severity: Severity::Error,
            title: "a file with etcd's settings is read by no unit",
            consequence: "{etcd} starts without these settings: with its defaults, as a member of its own",
            remedy: "name this file in `EnvironmentFile=` of the unit",
            sources: &["systemd.exec(5)"],
        },
        find: unread_environment,
    },
    Check {
        rule: Rule {
            id: "E106",
            severity: Severity::Error,
            title: "a variable in `ExecStart=` is not set",
            consequence: "systemd puts nothing in its place, and `systemd-analyze verify` does not tell",
            remedy: "set the variable with `Environment=` or in an environment file",
            sources: &["systemd.service(5)"],
        },
        find: unset_variables,
    },
    Check {
        rule: Rule {
            id: "E107",
            severity: Severity::Error,
            title: "white space follows a backslash at the end of a line",
            consequence: "the command ends there: systemd takes the lines that follow for settings that it does not know",
            remedy: "remove the white space behind the backslash",
            sources: &["systemd.syntax(7)"],
        },
        find: |case| faults(case, |kind| matches!(kind, SyntaxFaultKind::BlankAfterBackslash)),
    },
    Check {
        rule: Rule {
            id: "E108",
            severity: Severity::Warning,
            title: "a line of a unit means nothing",
            consequence: "systemd passes over it",
            remedy: "write `Key=value` in a section, or begin a comment with `#`",
            sources: &["systemd.syntax(7)"],
        },
        find: |case| faults(case, |kind| !matches!(kind, SyntaxFaultKind::BlankAfterBackslash)),
    },
    Check {
        rule: Rule {
            id: "E109",
            severity: Severity::Warning,
            title: "a service that never gives up starting",
            consequence: "a member that cannot join, because a name is wrong or the others are down, keeps `systemctl start` waiting for ever",
            remedy: "set `TimeoutStartSec=15min`, and start the members at the same time",
            sources: &["puppetlabs-kubernetes#138"],
        },
        find: endless_start,
    },
    Check {
        rule: Rule {
            id: "E110",
            severity: Severity::Warning,
            title: "a service that gives up before its cluster is there",
            consequence: "etcd tells that it is ready only when there is a quorum: if the other members come later, systemd ends it and does not try again",
            remedy: "set `Restart=always` and `TimeoutStartSec=15min`, and start the members at the same time",
            sources: &["kubespray#373", "etcd#13526"],
        },
        find: short_start,
    },
    Check {
        rule: Rule {
            id: "E111",
            severity: Severity::Warning,
            title: "etcd runs as root",
            consequence: "anyone who takes over etcd has the host",
            remedy: "make a user for etcd, set `User=etcd`, and give it its data and its keys",
            sources: &["etcd, contrib/systemd/etcd.service"],
        },
        find: root_user,
    },
    Check {
        rule: Rule {
            id: "E112",
            severity: Severity::Warning,
            title: "no sandbox",
            consequence: "anyone who takes over etcd can read and write everything that its user can: `systemd-analyze security` gives such a unit more than 9 of 10 points",
            remedy: "set `NoNewPrivileges=yes`, `ProtectSystem=strict`, `ProtectHome=yes` and the like, as `cluster apply` does",
            sources: &["systemd.exec(5)"],
        },
        find: no_sandbox,
    },
    Check {
        rule: Rule {
            id: "E113",
            severity: Severity::Error,
            title: "several `ExecStart=`",
            consequence: "systemd refuses the unit: only `Type=oneshot` may have more than one",
            remedy: "empty the list first, with `ExecStart=`, where a drop-in brings its own command",
            sources: &["systemd.service(5)"],
        },
        find: several_commands,
    },
];

fn units(found: &Found) -> impl Iterator<Item = (&Host, &Unit)> {
    found.hosts.iter().flat_map(|host| host.units.iter().map(move |unit| (host, unit)))
}

fn exec_start(case: &Case<'_>) -> Vec<Symptom> {
    let mut symptoms = Vec::new();
    for (_, unit) in units(case.found) {
        for setting in unit.all("Service", "ExecStart") {
            let text = setting.value.text.trim_start_matches(['@', '-', ':', '+', '!', '|']);
            let program = text.split_whitespace().next().unwrap_or_default();
            // Without any slash systemd looks in its own list of folders.
            if !program.starts_with(['/', '"', '\''])
                && (program.contains('/') || program.starts_with(['~', '$']))
            {
                symptoms.push(Symptom::new(setting.place(0), format!("`{program}` is no absolute path")));
            }
        }
    }
    symptoms
}

/// Units that come with systemd or that its documentation knows (systemd.special(7)), and those that unit files of
/// etcd name.
const KNOWN_UNITS: &[&str] = &[
    "basic.target",
    "blockdev@.target",
    "boot-complete.target",
    "cryptsetup.target",
    "cryptsetup-pre.target",
    "default.target",
    "emergency.target",
    "final.target",
    "first-boot-complete.target",
    "getty.target",
    "graphical.target",
    "initrd.target",
    "integritysetup.target",
    "local-fs.target",
    "local-fs-pre.target",
    "machines.target",
    "multi-user.target",
    "network.target",
    "network-online.target",
    "network-pre.target",
    "nss-lookup.target",
    "nss-user-lookup.target",
    "paths.target",
    "reboot.target",
    "remote-cryptsetup.target",
    "remote-fs.target",
    "remote-fs-pre.target",
    "rescue.target",
    "rpcbind.target",
    "shutdown.target",
    "slices.target",
    "sockets.target",
    "sound.target",
    "ssh-access.target",
    "swap.target",
    "sysinit.target",
    "system-update.target",
    "time-set.target",
    "time-sync.target",
    "timers.target",
    "tpm2.target",
    "umount.target",
    "veritysetup.target",
    "NetworkManager.service",
    "NetworkManager-wait-online.service",
    "chrony.service",
    "chrony-wait.service",
    "chronyd.service",
    "containerd.service",
    "dbus.service",
    "docker.service",
    "etcd.service",
    "firewalld.service",
    "kube-apiserver.service",
    "kubelet.service",
    "ntp.service",
    "ntpd.service",
    "ntpdate.service",
    "ntpsec.service",
    "rsyslog.service",
    "sshd.service",
    "syslog.socket",
    "systemd-journald.socket",
    "systemd-networkd.service",
    "systemd-networkd-wait-online.service",
    "systemd-resolved.service",
    "systemd-time-wait-sync.service",
    "systemd-timesyncd.service",
    "systemd-tmpfiles-setup.service",
];

const DEPENDENCIES: [&str; 8] =
    ["After", "Before", "Wants", "Requires", "Requisite", "BindsTo", "PartOf", "Upholds"];

fn unknown_units(case: &Case<'_>) -> Vec<Symptom> {
    let mut symptoms = Vec::new();
    for (host, unit) in units(case.found) {
        for key in DEPENDENCIES {
            for setting in unit.all("Unit", key) {
                for name in setting.value.text.split_whitespace() {
                    if let Some(problem) = unknown(name, host) {
                        symptoms.push(Symptom::new(setting.place(0), format!("{key}={name}: {problem}")));
                    }
                }
            }
        }
    }
    symptoms
}

/// What is wrong with the name of a unit. systemd has all targets of its own, so that one more is likely a slip;
/// services may be anybody's.
fn unknown(name: &str, host: &Host) -> Option<String> {
    let is_plain = !name.contains(['@', '%']);
    let known = |known: &str| known == name || host.unit_names.contains(name);
    if !is_plain || KNOWN_UNITS.iter().any(|unit| known(unit)) {
        return None;
    }
    let (stem, suffix) = name.rsplit_once('.')?;
    let of_kind =
        KNOWN_UNITS.iter().filter_map(|unit| unit.rsplit_once('.')).filter(|(_, kind)| *kind == suffix);
    let near = suggest::near(stem, of_kind.map(|(stem, _)| stem));
    match near {
        Some(near) if suffix == "target" || is_slip(stem, near) => {
            Some(format!("there is no such unit: did you mean {near}.{suffix}?"))
        }
        _ if suffix == "target" => Some("systemd has no such target".to_owned()),
        _ => None,
    }
}

/// Whether a name is another one with one letter more, less, or changed.
fn is_slip(name: &str, other: &str) -> bool {
    let (name, other): (Vec<char>, Vec<char>) = (name.chars().collect(), other.chars().collect());
    let same_before = name.iter().zip(&other).take_while(|(a, b)| a == b).count();
    let same_after = name.iter().rev().zip(other.iter().rev()).take_while(|(a, b)| a == b).count();
    name.len().abs_diff(other.len()) <= 1 && same_before + same_after + 1 >= name.len().max(other.len())
}

fn environment_files(case: &Case<'_>, may_be_missing: bool) -> Vec<Symptom> {
    let mut symptoms = Vec::new();
    for (host, unit) in units(case.found) {
        for file in unit.environment_files().into_iter().filter(|f| f.may_be_missing == may_be_missing) {
            if let FileLookup::Absent(_) = host.lookup(&file.path) {
                symptoms.push(Symptom::new(file.place, format!("{} is not there", file.path)));
            }
        }
    }
    symptoms
}

fn unread_environment(case: &Case<'_>) -> Vec<Symptom> {
    let mut symptoms = Vec::new();
    for host in case.found.hosts.iter().filter(|host| host.units.iter().any(|unit| unit.main.is_some())) {
        let named: Vec<_> = host.units.iter().flat_map(Unit::environment_files).collect();
        // Which file a pattern means cannot be told, nor whether a program that is not known reads the file itself. If
        // the unit has a file for it, this one is not meant to be read by the program.
        let is_unknown = named.iter().any(|name| !name.is_known)
            || named.is_empty() && host.members.iter().any(|member| member.process.opaque.is_some());
        if is_unknown {
            continue;
        }
        for (path, file) in host.environments.iter().filter(|(path, _)| !host.is_named(path)) {
            if !file.variables.iter().any(|variable| variable.name.starts_with("ETCD_")) {
                continue;
            }
            let instead = named.iter().map(|name| name.path.as_str()).collect::<Vec<_>>();
            let problem = match instead.as_slice() {
                [] => "no unit has an `EnvironmentFile=` for it".to_owned(),
                instead => format!("the unit reads {} instead", instead.join(", ")),
            };
            symptoms.push(Symptom::new(Place::file(path), problem));
        }
    }
    symptoms
}

fn unset_variables(case: &Case<'_>) -> Vec<Symptom> {
    let unset = case.members().flat_map(|(_, member)| &member.process.unset);
    unset.map(|(name, place)| Symptom::new(place.clone(), format!("${{{name}}} is not set"))).collect()
}

fn faults(case: &Case<'_>, wanted: fn(&SyntaxFaultKind) -> bool) -> Vec<Symptom> {
    let mut symptoms = Vec::new();
    for file in units(case.found).flat_map(|(_, unit)| &unit.files) {
        for fault in file.faults.iter().filter(|fault| wanted(&fault.kind)) {
            let problem = match &fault.kind {
                SyntaxFaultKind::BlankAfterBackslash => "white space follows the backslash".to_owned(),
                SyntaxFaultKind::NotASetting(text) => format!("{text:?} is no setting"),
                SyntaxFaultKind::OutsideOfSections(text) => {
                    format!("{text:?} stands before the first section")
                }
            };
            symptoms.push(Symptom::new(Place::file(&file.path).at(fault.line, 1), problem));
        }
        // What is left of a command that was cut off.
        if wanted(&SyntaxFaultKind::NotASetting(String::new())) {
            for setting in file.settings.iter().filter(|setting| setting.key.starts_with('-')) {
                let place = Place::file(&file.path).at(setting.line, 1);
                symptoms.push(Symptom::new(place, format!("{} is no setting of systemd's", setting.key)));
            }
        }
    }
    symptoms
}

pub(crate) fn notifies(unit: &Unit) -> bool {
    let kind = unit.last("Service", "Type").map(|setting| setting.value.text.as_str());
    matches!(kind, Some("notify" | "notify-reload"))
}

/// The seconds of `TimeoutStartSec=`; `None` if it is endless.
fn start_timeout(text: &str) -> Option<f64> {
    if matches!(text, "0" | "infinity") {
        return None;
    }
    let spaceless: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    let go = spaceless.replace("minutes", "m").replace("minute", "m").replace("min", "m").replace("sec", "s");
    spaceless
        .parse()
        .ok()
        .or_else(|| duration::parse(&go).ok().map(|d| d.as_seconds_f64()))
        .or(Some(f64::MAX))
}

fn endless_start(case: &Case<'_>) -> Vec<Symptom> {
    let mut symptoms = Vec::new();
    for (_, unit) in units(case.found).filter(|(_, unit)| notifies(unit)) {
        for key in ["TimeoutStartSec", "TimeoutSec"] {
            if let Some(setting) = unit.last("Service", key)
                && start_timeout(&setting.value.text).is_none()
            {
                let problem = format!("{key}={} with Type=notify", setting.value.text);
                symptoms.push(Symptom::new(setting.place(0), problem));
            }
        }
    }
    symptoms
}

/// systemd's default, and what is too short for people who start members one after the other.
const SHORT: f64 = 120.0;

fn short_start(case: &Case<'_>) -> Vec<Symptom> {
    let mut symptoms = Vec::new();
    for (host, member) in case.members() {
        let Some(unit) = host.unit(member).filter(|unit| notifies(unit) && unit.main.is_some()) else {
            continue;
        };
        let restart = unit.last("Service", "Restart");
        // A start that took too long counts as a failure (systemd.service(5), the table of `Restart=`).
        let tries_again =
            restart.is_some_and(|s| matches!(s.value.text.as_str(), "always" | "on-failure" | "on-abnormal"));
        let timeout = ["TimeoutStartSec", "TimeoutSec"].iter().find_map(|key| unit.last("Service", key));
        let is_short =
            timeout.is_none_or(|s| start_timeout(&s.value.text).is_some_and(|seconds| seconds < SHORT));
        if !tries_again && is_short && case.named(member).urls.len() > 1 {
            let place = timeout.or(restart).map_or_else(|| unit.place(), |setting| setting.place(0));
            let seconds = timeout.map_or("systemd's 90 s".to_owned(), |s| s.value.text.clone());
            let problem = format!("Type=notify, {seconds} to start, and no Restart= that tries again");
            symptoms.push(Symptom::new(place, problem));
        }
    }
    symptoms
}

pub(crate) fn whole_units<'a>(case: &Case<'a>) -> impl Iterator<Item = (&'a Host, &'a Member, &'a Unit)> {
    let with_unit = case.members().filter_map(|(host, member)| Some((host, member, host.unit(member)?)));
    with_unit.filter(|(_, _, unit)| unit.main.is_some())
}

fn root_user(case: &Case<'_>) -> Vec<Symptom> {
    let mut symptoms = Vec::new();
    // The user in a container is the container's.
    for (_, _, unit) in whole_units(case).filter(|(_, member, _)| member.process.container.is_none()) {
        match unit.last("Service", "User") {
            None if !unit.is_true("DynamicUser") => {
                symptoms.push(Symptom::new(unit.place(), "there is no `User=`, so that it is root"));
            }
            Some(setting) if matches!(setting.value.text.as_str(), "root" | "0") => {
                symptoms.push(Symptom::new(setting.place(0), format!("User={}", setting.value.text)));
            }
            _ => {}
        }
    }
    symptoms
}

const SANDBOX: [&str; 8] = [
    "CapabilityBoundingSet",
    "NoNewPrivileges",
    "PrivateDevices",
    "PrivateTmp",
    "ProtectHome",
    "ProtectSystem",
    "RestrictAddressFamilies",
    "SystemCallFilter",
];

fn no_sandbox(case: &Case<'_>) -> Vec<Symptom> {
    let on_host = whole_units(case).filter(|(_, member, _)| member.process.container.is_none());
    let bare = on_host.filter(|(_, _, unit)| {
        let sets = |key: &str| unit.files.iter().flat_map(|f| &f.settings).any(|s| s.key == key);
        // A dynamic user has a sandbox (systemd.exec(5), `DynamicUser=`).
        !SANDBOX.iter().any(|key| sets(key)) && !unit.is_true("DynamicUser")
    });
    bare.map(|(_, _, unit)| {
        Symptom::new(unit.place(), "none of systemd's means to confine a service is used")
    })
    .collect()
}

fn several_commands(case: &Case<'_>) -> Vec<Symptom> {
    let mut symptoms = Vec::new();
    for (_, unit) in units(case.found) {
        let is_oneshot = unit.last("Service", "Type").is_some_and(|s| s.value.text == "oneshot");
        if let [first, .., last] = unit.all("Service", "ExecStart").as_slice()
            && !is_oneshot
        {
            symptoms.push(Symptom::new(last.place(0), format!("the first is at {}", first.place(0))));
        }
    }
    symptoms
}

#[cfg(test)]
mod tests;
