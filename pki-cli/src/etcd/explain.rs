//! `etcdpki explain`: what a line of a log means, or the rule that a finding's number names.

use clap::Args;
use pki_core::etcd::EtcdVersion;
use pki_core::etcd::check::{Rule, RuleReport, rule};
use pki_core::etcd::explain::{Explanation, explain};
use serde::Serialize;

use crate::exit_status::ExitStatus;
use crate::terminal::{CommandError, Style, Terminal, Tone, finding, print};

pub(crate) const EXAMPLE: &str = "\
Exit status:
  0  at least one of the lines, or every number, is known
  1  none of the lines, or not every number, is known; or the lines cannot be read

Examples:
  etcdpki explain 'remote error: tls: bad certificate'
  etcdpki explain E501
  journalctl -u etcd -o cat | etcdpki explain -";

/// The arguments of `explain`.
#[derive(Args)]
pub(crate) struct Explain {
    /// A line that etcd, etcdctl or systemd logged, or the numbers of findings, such as E501; `-` reads lines from
    /// the standard input
    #[arg(value_name = "LINE", required = true, allow_hyphen_values = true)]
    lines: Vec<String>,
    /// Print the explanations as JSON
    #[arg(long)]
    json: bool,
}

/// An item of the JSON of `--json`.
#[derive(Serialize)]
struct Report<'a> {
    /// The first line that this explains.
    line: &'a str,
    /// The number of lines that this explains.
    lines: usize,
    #[serde(flatten)]
    explanation: &'a Explanation,
}

impl Explain {
    /// Runs the command and returns its exit status.
    pub(crate) fn run(&self, terminal: &mut Terminal<'_>) -> Result<ExitStatus, CommandError> {
        if self.lines.iter().all(|line| is_number(line.trim())) {
            return self.explain_rules(terminal);
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
        Ok(if reports.is_empty() { ExitStatus::Failed } else { ExitStatus::Done })
    }

    /// Prints the rules with the numbers on the command line.
    fn explain_rules(&self, terminal: &mut Terminal<'_>) -> Result<ExitStatus, CommandError> {
        let version = EtcdVersion::default();
        let rules: Vec<&Rule> = self.lines.iter().filter_map(|line| rule(line.trim())).collect();
        if self.json {
            let reports: Vec<RuleReport> = rules.iter().map(|rule| rule.report(version)).collect();
            print::json(terminal, &reports)?;
        } else {
            let style = Style::of_output(terminal);
            for rule in &rules {
                finding::print_rule(rule, version, style, &mut *terminal.output)?;
            }
        }
        for line in self.lines.iter().filter(|line| rule(line.trim()).is_none()) {
            writeln!(
                terminal.errors,
                "there is no rule {}: `etcdpki doctor --rules` lists all rules",
                line.trim()
            )?;
        }
        let is_known = rules.len() == self.lines.len();
        Ok(if is_known { ExitStatus::Done } else { ExitStatus::Failed })
    }
}

/// Whether a text has the form of a rule's number, such as `E501`, be there such a rule or not.
fn is_number(text: &str) -> bool {
    let digits = text.strip_prefix(['E', 'e']).unwrap_or_default();
    matches!(digits.len(), 3 | 4) && digits.bytes().all(|byte| byte.is_ascii_digit())
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
            "no explanation is known for this: `etcdpki doctor PATH` finds what is wrong with the files themselves"
        )?;
    }
    Ok(())
}
