//! `etcdpki doctor`: what is wrong with units, settings and certificates.

use std::path::PathBuf;

use anstyle::{AnsiColor, Style};
use clap::Args;
use pki_core::etcd::EtcdVersion;
use pki_core::etcd::check::{Finding, RuleReport, Severity, rules};
use pki_core::etcd::doctor::examine;
use pki_core::etcd::found::{Found, SystemFiles};
use serde::Serialize;

use crate::failure::Failure;
use crate::io::Io;
use crate::terminal::finding;

/// Exit status when something is wrong with what was looked at.
const FINDINGS: u8 = 1;

pub(crate) const EXAMPLE: &str = "\
Exit status: 0 if nothing is wrong, 1 if something is, 2 if something cannot be read.

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
    /// The version of etcd that will run it
    #[arg(long, value_name = "VERSION", default_value = "3.5")]
    etcd: String,
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

/// What cannot be looked at is told apart from what is wrong by its exit status.
fn usage(message: String, hint: Option<String>) -> Failure {
    Failure::usage(message).known_hint(hint)
}

impl Doctor {
    /// Runs the command and tells the exit status.
    pub(crate) fn run(&self, io: &mut Io<'_>) -> Result<u8, Failure> {
        let version = EtcdVersion::parse(&self.etcd)
            .map_err(|error| usage(error.to_string(), Some(error.hint().to_owned())))?;
        if self.rules {
            return self.list(version, io);
        }
        let absolute = |path: &PathBuf| {
            std::path::absolute(path)
                .map_err(|error| Failure::usage(format!("cannot find {}: {error}", path.display())))
        };
        let paths: Vec<PathBuf> = self.paths.iter().map(absolute).collect::<Result<_, _>>()?;
        let found = Found::read(&paths, version, &SystemFiles)
            .map_err(|error| usage(error.to_string(), error.hint()))?;
        let findings = examine(&found, version, (io.now)());
        if self.json {
            json(&report(&found, version, &findings), io)?;
        } else {
            show(&found, version, &findings, io)?;
        }
        Ok(if findings.is_empty() { 0 } else { FINDINGS })
    }

    fn list(&self, version: EtcdVersion, io: &mut Io<'_>) -> Result<u8, Failure> {
        if self.json {
            let all: Vec<RuleReport> = rules().map(|rule| rule.report(version)).collect();
            json(&all, io)?;
            return Ok(0);
        }
        let colours = io.colours_output();
        for rule in rules() {
            finding::print_rule(rule, version, colours, &mut *io.output)?;
        }
        Ok(0)
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

fn json(value: &impl Serialize, io: &mut Io<'_>) -> Result<(), Failure> {
    serde_json::to_writer_pretty(&mut *io.output, value).map_err(std::io::Error::from)?;
    Ok(writeln!(io.output)?)
}

fn show(found: &Found, version: EtcdVersion, findings: &[Finding], io: &mut Io<'_>) -> Result<(), Failure> {
    let colours = io.colours_output();
    finding::print(findings, colours, &mut *io.output)?;
    let (members, certificates) = (found.members().count(), certificates(found));
    let looked_at =
        format!("{} and {} for etcd {version}", count(members, "member"), count(certificates, "certificate"));
    let bold = |colour: AnsiColor| if colours { colour.on_default().bold() } else { Style::new() };
    let (good, error) = (bold(AnsiColor::Green), bold(AnsiColor::Red));
    let errors = findings.iter().filter(|finding| finding.severity == Severity::Error).count();
    if findings.is_empty() {
        writeln!(io.output, "{good}nothing is wrong{good:#}: looked at {looked_at}.")?;
    } else {
        let warnings = count(findings.len() - errors, "warning");
        writeln!(
            io.output,
            "{error}{}, {warnings}{error:#}: looked at {looked_at}.",
            count(errors, "error")
        )?;
    }
    Ok(())
}

fn count(number: usize, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}
