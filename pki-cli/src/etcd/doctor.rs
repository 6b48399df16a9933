//! `etcdpki doctor`: what is wrong with units, settings and certificates.

use std::path::PathBuf;

use clap::Args;
use pki_core::etcd::EtcdVersion;
use pki_core::etcd::check::{Finding, RuleReport, Severity, rules};
use pki_core::etcd::doctor::examine;
use pki_core::etcd::found::{Found, SystemFiles};
use serde::Serialize;

use super::EtcdArgs;
use crate::exit_status::ExitStatus;
use crate::terminal::{CommandError, Style, Terminal, Tone, absolute, finding, print};

pub(crate) const EXAMPLE: &str = "\
Exit status: 0 if nothing is wrong, 1 if something is wrong or cannot be read.

Examples:
  etcdpki doctor out
  etcdpki doctor --etcd 3.6 /etc/systemd/system/etcd.service /etc/etcd
  etcdpki doctor --rules";

/// `doctor`
#[derive(Args)]
pub(crate) struct Doctor {
    /// Folders and files: what `cluster apply` made, the tree of a host, units, environment and
    /// configuration files, certificates, keys
    #[arg(value_name = "PATH", required_unless_present = "rules")]
    paths: Vec<PathBuf>,
    #[command(flatten)]
    version: EtcdArgs,
    /// Print JSON for machines
    #[arg(long)]
    json: bool,
    /// List the rules, also those of `cluster verify`, `cluster status` and `cluster import`, and look at nothing
    #[arg(long)]
    rules: bool,
}

#[derive(Serialize)]
struct Report<'a> {
    etcd: String,
    members: usize,
    certificates: usize,
    findings: &'a [Finding],
}

impl Doctor {
    /// Runs the command and tells the exit status.
    pub(crate) fn run(&self, terminal: &mut Terminal<'_>) -> Result<ExitStatus, CommandError> {
        let version = self.version.etcd;
        if self.rules {
            return self.list(version, terminal);
        }
        let paths: Vec<PathBuf> = self.paths.iter().map(|path| absolute(path)).collect::<Result<_, _>>()?;
        let found = Found::read(&paths, version, &SystemFiles)?;
        let findings = examine(&found, version, (terminal.now)());
        if self.json {
            print::json(terminal, &report(&found, version, &findings))?;
        } else {
            show(&found, version, &findings, terminal)?;
        }
        Ok(if findings.is_empty() { ExitStatus::Done } else { ExitStatus::Failed })
    }

    fn list(&self, version: EtcdVersion, terminal: &mut Terminal<'_>) -> Result<ExitStatus, CommandError> {
        if self.json {
            let all: Vec<RuleReport> = rules().map(|rule| rule.report(version)).collect();
            print::json(terminal, &all)?;
            return Ok(ExitStatus::Done);
        }
        let style = Style::of_output(terminal);
        for rule in rules() {
            finding::print_rule(rule, version, style, &mut *terminal.output)?;
        }
        Ok(ExitStatus::Done)
    }
}

fn report<'a>(found: &Found, version: EtcdVersion, findings: &'a [Finding]) -> Report<'a> {
    Report {
        etcd: version.to_string(),
        members: found.members().count(),
        certificates: certificates(found),
        findings,
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
    terminal: &mut Terminal<'_>,
) -> Result<(), CommandError> {
    let style = Style::of_output(terminal);
    finding::print(findings, style, &mut *terminal.output)?;
    let (members, certificates) = (found.members().count(), certificates(found));
    let looked_at =
        format!("{} and {} for etcd {version}", count(members, "member"), count(certificates, "certificate"));
    let errors = findings.iter().filter(|finding| finding.severity == Severity::Error).count();
    if findings.is_empty() {
        let good = style.paint(Tone::Good, "nothing is wrong");
        writeln!(terminal.output, "{good}: looked at {looked_at}.")?;
    } else {
        let warnings = count(findings.len() - errors, "warning");
        let counts = style.paint(Tone::Error, format!("{}, {warnings}", count(errors, "error")));
        writeln!(terminal.output, "{counts}: looked at {looked_at}.")?;
    }
    Ok(())
}

fn count(number: usize, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}
