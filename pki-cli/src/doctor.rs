//! `etcdpki doctor`: what is wrong with units, settings and certificates.

use std::path::PathBuf;

use anstyle::{AnsiColor, Style};
use clap::Args;
use pki_core::etcd::EtcdVersion;
use pki_core::etcd::doctor::{Finding, Rule, Severity, examine, groups, rule, rules};
use pki_core::etcd::found::{Found, SystemFiles};
use serde::Serialize;

use crate::failure::Failure;
use crate::io::Io;

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
    /// List the rules, and look at nothing
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

#[derive(Serialize)]
struct RuleReport<'a> {
    id: &'a str,
    severity: Severity,
    title: &'a str,
    consequence: String,
    remedy: &'a str,
    sources: &'a [&'a str],
}

/// Colours, or none.
struct Styles {
    error: Style,
    warning: Style,
    good: Style,
    faint: Style,
}

impl Styles {
    fn of(io: &Io<'_>) -> Self {
        let none = Style::new();
        if !io.colours_output() {
            return Self { error: none, warning: none, good: none, faint: none };
        }
        Self {
            error: AnsiColor::Red.on_default().bold(),
            warning: AnsiColor::Yellow.on_default().bold(),
            good: AnsiColor::Green.on_default().bold(),
            faint: none.dimmed(),
        }
    }

    fn severity(&self, severity: Severity) -> Style {
        match severity {
            Severity::Error => self.error,
            Severity::Warning => self.warning,
        }
    }
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
        let all: Vec<&Rule> = rules().collect();
        if self.json {
            let all: Vec<RuleReport<'_>> = all.iter().map(|rule| rule_report(rule, version)).collect();
            json(&all, io)?;
            return Ok(0);
        }
        let styles = Styles::of(io);
        for rule in all {
            let style = styles.severity(rule.severity);
            writeln!(io.output, "{style}{}{style:#} {}: {}", rule.id, rule.severity, rule.title)?;
            about(rule.consequence(version).as_str(), rule, &styles, io)?;
        }
        Ok(0)
    }
}

fn rule_report(rule: &Rule, version: EtcdVersion) -> RuleReport<'_> {
    RuleReport {
        id: rule.id,
        severity: rule.severity,
        title: rule.title,
        consequence: rule.consequence(version),
        remedy: rule.remedy,
        sources: rule.sources,
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
    let styles = Styles::of(io);
    let here = std::env::current_dir().unwrap_or_default();
    for group in groups(findings) {
        let Some((first, rule)) = group.first().and_then(|first| Some((first, rule(first.rule)?))) else {
            continue;
        };
        let style = styles.severity(first.severity);
        writeln!(io.output, "{style}{}{style:#} {}: {}", first.severity, first.rule, rule.title)?;
        for finding in &group {
            let place = finding.place.to_string();
            let place = place.strip_prefix(&format!("{}/", here.display())).unwrap_or(&place);
            writeln!(io.output, "  {place}: {}", finding.problem)?;
        }
        about(&first.consequence, rule, &styles, io)?;
    }
    let (members, certificates) = (found.members().count(), certificates(found));
    let looked_at =
        format!("{} and {} for etcd {version}", count(members, "member"), count(certificates, "certificate"));
    let (good, error) = (styles.good, styles.error);
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

fn about(consequence: &str, rule: &Rule, styles: &Styles, io: &mut Io<'_>) -> Result<(), Failure> {
    let faint = styles.faint;
    writeln!(io.output, "  {faint}then:{faint:#} {consequence}")?;
    writeln!(io.output, "  {faint}mend:{faint:#} {}", rule.remedy)?;
    writeln!(io.output, "  {faint}see:{faint:#}  {}\n", rule.sources.join(", "))?;
    Ok(())
}

fn count(number: usize, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}
