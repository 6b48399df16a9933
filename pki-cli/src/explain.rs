//! `etcdpki explain`: what a line of a log means, or a rule that has a number.

use anstyle::{AnsiColor, Style};
use clap::Args;
use pki_core::etcd::EtcdVersion;
use pki_core::etcd::check::{Rule, RuleReport, rule};
use pki_core::etcd::explain::{Explanation, explain};
use serde::Serialize;

use crate::failure::Failure;
use crate::io::Io;
use crate::terminal::finding::{self, FindingStyle};

/// Exit status when no line is known.
const UNKNOWN: u8 = 1;

pub(crate) const EXAMPLE: &str = "\
Exit status: 0 if a line or a number is known, 1 if none is, 2 if they cannot be read.

Examples:
  etcdpki explain 'remote error: tls: bad certificate'
  etcdpki explain E501
  journalctl -u etcd -o cat | etcdpki explain -";

/// `explain`
#[derive(Args)]
pub(crate) struct Explain {
    /// A line of etcd's, etcdctl's or systemd's log, or the number of a rule such as E501; - reads lines from the
    /// standard input
    #[arg(value_name = "LINE", required = true, allow_hyphen_values = true)]
    lines: Vec<String>,
    /// Print JSON for machines
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Report<'a> {
    /// The first such line
    line: &'a str,
    /// How many lines are explained by this
    lines: usize,
    #[serde(flatten)]
    explanation: &'a Explanation,
}

impl Explain {
    /// Runs the command and tells the exit status.
    pub(crate) fn run(&self, io: &mut Io<'_>) -> Result<u8, Failure> {
        let numbered: Option<Vec<&Rule>> = self.lines.iter().map(|line| rule(line.trim())).collect();
        if let Some(rules) = numbered {
            return self.tell_rules(&rules, io);
        }
        let mut text = String::new();
        let lines: Vec<&str> = if self.lines.iter().any(|line| line == "-") {
            let mut bytes = Vec::new();
            let read = io.input.read_to_end(&mut bytes);
            read.map_err(|error| Failure::usage(format!("cannot read the standard input: {error}")))?;
            text.push_str(&String::from_utf8_lossy(&bytes));
            text.lines().collect()
        } else {
            text.push_str(&self.lines.join(" "));
            vec![text.as_str()]
        };
        let mut reports: Vec<Report<'_>> = Vec::new();
        for line in lines {
            let Some(explanation) = explain(line) else { continue };
            match reports.iter_mut().find(|report| report.explanation == explanation) {
                Some(report) => report.lines += 1,
                None => reports.push(Report { line, lines: 1, explanation }),
            }
        }
        if self.json {
            serde_json::to_writer_pretty(&mut *io.output, &reports).map_err(std::io::Error::from)?;
            writeln!(io.output)?;
        } else {
            show(&reports, io)?;
        }
        Ok(if reports.is_empty() { UNKNOWN } else { 0 })
    }

    fn tell_rules(&self, rules: &[&Rule], io: &mut Io<'_>) -> Result<u8, Failure> {
        let version = EtcdVersion::default();
        if self.json {
            let reports: Vec<RuleReport> = rules.iter().map(|rule| rule.report(version)).collect();
            serde_json::to_writer_pretty(&mut *io.output, &reports).map_err(std::io::Error::from)?;
            writeln!(io.output)?;
        } else {
            let colours = io.colours_output();
            for rule in rules {
                finding::print_rule(rule, version, colours, &mut *io.output)?;
            }
        }
        Ok(0)
    }
}

fn show(reports: &[Report<'_>], io: &mut Io<'_>) -> Result<(), Failure> {
    let colours = io.colours_output();
    let bold = if colours { AnsiColor::Cyan.on_default().bold() } else { Style::new() };
    let styles = FindingStyle::new(colours);
    for Report { line, lines, explanation } in reports {
        let more = if *lines > 1 { format!(" ({} such lines)", lines) } else { String::new() };
        writeln!(io.output, "{bold}{}{bold:#}{more}", line.trim())?;
        styles.line("cause", explanation.cause, &mut *io.output)?;
        styles.line("remedy", explanation.remedy, &mut *io.output)?;
        for id in explanation.rules {
            if let Some(rule) = rule(id) {
                styles.line("rule", &format!("{id}, {}", rule.title), &mut *io.output)?;
            }
        }
        styles.line("read more", &explanation.sources.join(", "), &mut *io.output)?;
        writeln!(io.output)?;
    }
    if reports.is_empty() {
        writeln!(
            io.errors,
            "nothing is known about that: `etcdpki doctor` finds what is wrong with the files themselves"
        )?;
    }
    Ok(())
}
