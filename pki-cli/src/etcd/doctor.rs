//! `etcdpki doctor`: what is wrong with the units, settings and certificates of etcd's members.

use std::path::{Path, PathBuf};

use clap::Args;
use pki_core::etcd::check::{Finding, RuleReport, rules};
use pki_core::etcd::doctor::examine;
use pki_core::etcd::found::{Found, Omission, SystemFiles};
use pki_core::etcd::{EtcdVersion, Folder};
use serde::Serialize;

use super::EtcdArgs;
use crate::exit_status::ExitStatus;
use crate::terminal::{CommandError, Style, Terminal, Tone, absolute, finding, print};

pub(crate) const EXAMPLE: &str = "\
Exit status:
  0  everything was understood, and nothing is wrong; notices about the release of etcd may be told
  1  something is wrong, be it a warning only, or a path cannot be read
  2  nothing was found wrong, but something could not be judged: it was not understood, or not seen

Examples:
  etcdpki doctor
  etcdpki doctor out
  etcdpki doctor --etcd 3.6 /etc/systemd/system/etcd.service /etc/etcd
  etcdpki doctor --rules";

/// The arguments of `doctor`.
#[derive(Args)]
pub(crate) struct Doctor {
    /// Folders and files: what `cluster apply` made, a copy of a host's file system, units, environment and
    /// configuration files, certificates, keys. If none is named, this host is examined: the places where etcd's files
    /// usually are
    #[arg(value_name = "PATH", value_hint = clap::ValueHint::AnyPath)]
    paths: Vec<PathBuf>,
    /// Examine the usual places of the host whose root folder is mounted here, instead of this host
    #[arg(long, value_name = "DIR", conflicts_with = "paths", value_hint = clap::ValueHint::DirPath)]
    root: Option<PathBuf>,
    #[command(flatten)]
    version: EtcdArgs,
    /// Print the findings as JSON
    #[arg(long)]
    json: bool,
    /// List all rules, also those of `cluster verify`, `cluster status` and `cluster import`, and examine nothing
    #[arg(long)]
    rules: bool,
}

/// The JSON of `--json`.
#[derive(Serialize)]
struct Report<'a> {
    etcd: String,
    members: usize,
    certificates: usize,
    findings: &'a [Finding],
    /// What could not be judged, and why.
    not_judged: &'a [Omission],
}

impl Doctor {
    /// Runs the command and returns its exit status.
    pub(crate) fn run(&self, terminal: &mut Terminal<'_>) -> Result<ExitStatus, CommandError> {
        let paths: Vec<PathBuf> = self.paths.iter().map(|path| absolute(path)).collect::<Result<_, _>>()?;
        let version = self.version.of(&paths)?;
        if self.rules {
            return self.list(version, terminal);
        }
        let found = if paths.is_empty() {
            let root = self.root.as_deref().unwrap_or(Path::new("/"));
            read_host(&absolute(root)?, version, terminal)?
        } else {
            read_paths(&paths, version)?
        };
        for file in found.files() {
            print::detail(terminal, "read", &file.display().to_string());
        }
        let findings = examine(&found, version, (terminal.now)());
        let omissions = found.omissions();
        if self.json {
            print::json(terminal, &report(&found, version, &findings, &omissions))?;
        } else {
            show(&found, version, &findings, &omissions, terminal)?;
        }
        Ok(match (findings.iter().any(Finding::is_wrong), omissions.is_empty()) {
            (true, _) => ExitStatus::Failed,
            (false, false) => ExitStatus::NotFinished,
            (false, true) => ExitStatus::Done,
        })
    }

    fn list(&self, version: EtcdVersion, terminal: &mut Terminal<'_>) -> Result<ExitStatus, CommandError> {
        if self.json {
            let all: Vec<RuleReport> = rules().map(|rule| rule.report(version)).collect();
            print::json_list(terminal, &all)?;
            return Ok(ExitStatus::Done);
        }
        let style = Style::of_output(terminal);
        for rule in rules() {
            finding::print_rule(rule, version, style, &mut *terminal.output)?;
        }
        Ok(ExitStatus::Done)
    }
}

/// Reads files and folders while nobody writes to the output folders that they are in.
pub(super) fn read_paths(paths: &[PathBuf], version: EtcdVersion) -> Result<Found, CommandError> {
    let locks: Vec<_> = paths.iter().map(|path| Folder::lock_around(path)).collect::<Result<_, _>>()?;
    let found = Found::read(paths, version, &SystemFiles)?;
    drop(locks);
    Ok(found)
}

/// Reads what is at the usual places of a host.
fn read_host(root: &Path, version: EtcdVersion, terminal: &mut Terminal<'_>) -> Result<Found, CommandError> {
    let (found, places) = Found::of_host(root, version, &SystemFiles)?;
    for place in &places.absent {
        print::detail(terminal, "not there", &place.display().to_string());
    }
    if found.members().next().is_some() || certificates(&found) > 0 {
        let present = list(&places.present);
        print::notes(terminal, [format!("no path was named, so this host was examined: {present}")]);
        return Ok(found);
    }
    let looked: Vec<String> =
        places.present.iter().chain(&places.absent).map(|path| path.display().to_string()).collect();
    Err(CommandError::not_judged(
        "no member and no certificate of etcd was found at the usual places of this host",
    )
    .more(looked)
    .hint("name the unit, the manifest, the settings or the folder, such as /srv/etcd"))
}

fn list(paths: &[PathBuf]) -> String {
    paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ")
}

fn report<'a>(
    found: &Found,
    version: EtcdVersion,
    findings: &'a [Finding],
    not_judged: &'a [Omission],
) -> Report<'a> {
    Report {
        etcd: version.to_string(),
        members: found.distinct_members().len(),
        certificates: certificates(found),
        findings,
        not_judged,
    }
}

fn certificates(found: &Found) -> usize {
    let files = found.hosts.iter().flat_map(|host| host.pems.values());
    files.map(|file| file.valid_certificates().count()).sum()
}

fn show(
    found: &Found,
    version: EtcdVersion,
    findings: &[Finding],
    omissions: &[Omission],
    terminal: &mut Terminal<'_>,
) -> Result<(), CommandError> {
    let style = Style::of_output(terminal);
    finding::print(&finding::told(findings, terminal), style, &mut *terminal.output)?;
    finding::omissions(omissions, style, &mut *terminal.output)?;
    finding::left_out(&found.left_out, &mut *terminal.output)?;
    let (members, certificates) = (found.distinct_members().len(), certificates(found));
    let examined = format!(
        "Examined {} and {} by the rules of etcd {version}.",
        finding::count(members, "member"),
        finding::count(certificates, "certificate")
    );
    let not_judged = match omissions.len() {
        0 => String::new(),
        number => format!(", and {} that could not be judged", finding::count(number, "thing")),
    };
    let is_wrong = findings.iter().any(Finding::is_wrong);
    let result = match finding::totals(findings) {
        Some(totals) if is_wrong => style.paint(Tone::Error, format!("Found {totals}{not_judged}")),
        totals if omissions.is_empty() => {
            let notices = totals.map(|totals| format!("; {totals}")).unwrap_or_default();
            style.paint(Tone::Good, format!("Nothing is wrong{notices}"))
        }
        totals => {
            let notices = totals.map(|totals| format!(", {totals}")).unwrap_or_default();
            style.paint(Tone::Warning, format!("Found no error{notices}{not_judged}"))
        }
    };
    print::line(terminal, format_args!("{result}. {examined}"))
}
