//! `etcdpki explain`: what a line of a log means, or a rule that has a number.

use clap::Args;
use pki_core::etcd::EtcdVersion;
use pki_core::etcd::check::{Rule, RuleReport, rule};
use pki_core::etcd::explain::{Explanation, explain};
use serde::Serialize;

use crate::exit_status::ExitStatus;
use crate::terminal::{CommandError, Style, Terminal, Tone, finding, print};

pub(crate) const EXAMPLE: &str = "\
Exit status: 0 if one of the lines, or every number, is known; 2 if none is; 1 if they cannot be read.

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
    pub(crate) fn run(&self, terminal: &mut Terminal<'_>) -> Result<ExitStatus, CommandError> {
        let numbered: Option<Vec<&Rule>> = self.lines.iter().map(|line| rule(line.trim())).collect();
        if let Some(rules) = numbered {
            return self.print_rules(&rules, terminal);
        }
        let mut text = String::new();
        let lines: Vec<&str> = if self.lines.iter().any(|line| line == "-") {
            text.push_str(&String::from_utf8_lossy(&terminal.read_input()?));
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
            print::json(terminal, &reports)?;
        } else {
            show(&reports, terminal)?;
        }
        Ok(if reports.is_empty() { ExitStatus::NotFinished } else { ExitStatus::Done })
    }

    fn print_rules(&self, rules: &[&Rule], terminal: &mut Terminal<'_>) -> Result<ExitStatus, CommandError> {
        let version = EtcdVersion::default();
        if self.json {
            let reports: Vec<RuleReport> = rules.iter().map(|rule| rule.report(version)).collect();
            print::json(terminal, &reports)?;
        } else {
            let style = Style::of_output(terminal);
            for rule in rules {
                finding::print_rule(rule, version, style, &mut *terminal.output)?;
            }
        }
        Ok(ExitStatus::Done)
    }
}

fn show(reports: &[Report<'_>], terminal: &mut Terminal<'_>) -> Result<(), CommandError> {
    let style = Style::of_output(terminal);
    for Report { line, lines, explanation } in reports {
        let more = if *lines > 1 { format!(" ({} such lines)", lines) } else { String::new() };
        writeln!(terminal.output, "{}{more}", style.paint(Tone::Title, line.trim()))?;
        finding::line("cause", explanation.cause, style, &mut *terminal.output)?;
        finding::line("remedy", explanation.remedy, style, &mut *terminal.output)?;
        for id in explanation.rules {
            if let Some(rule) = rule(id) {
                finding::line("rule", &format!("{id}, {}", rule.title), style, &mut *terminal.output)?;
            }
        }
        finding::line("read more", &explanation.sources.join(", "), style, &mut *terminal.output)?;
        writeln!(terminal.output)?;
    }
    if reports.is_empty() {
        writeln!(
            terminal.errors,
            "nothing is known about that: `etcdpki doctor` finds what is wrong with the files themselves"
        )?;
    }
    Ok(())
}
