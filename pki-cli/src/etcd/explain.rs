//! `etcdpki explain`: what a line of a log means, or the rule that a finding's number names.

use std::borrow::Cow;
use std::io::{BufRead, BufReader, Read};

use clap::Args;
use pki_core::base::shown;
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
    line: Cow<'a, str>,
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
        let mut reports = Reports::default();
        if self.lines.iter().any(|line| line == "-") {
            reports.add_all(&mut *terminal.input)?;
        } else {
            reports.add(&self.lines.join(" "));
        }
        let Reports(reports) = reports;
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
                shown(line.trim())
            )?;
        }
        let is_known = rules.len() == self.lines.len();
        Ok(if is_known { ExitStatus::Done } else { ExitStatus::Failed })
    }
}

/// The explanations of the lines so far.
#[derive(Default)]
struct Reports(Vec<Report<'static>>);

/// The most bytes of a line. journald's lines are shorter (`LineMax=` in journald.conf(5)).
const LONGEST_LINE: u64 = 1 << 20;

/// The most bytes of a log.
const LARGEST_LOG: u64 = 1 << 30;

impl Reports {
    fn add(&mut self, line: &str) {
        let Some(explanation) = explain(line) else { return };
        match self.0.iter_mut().find(|report| report.explanation == explanation) {
            Some(report) => report.lines += 1,
            None => self.0.push(Report { line: line.to_owned().into(), lines: 1, explanation }),
        }
    }

    /// Adds all lines of a log, one by one: a log may be larger than the memory.
    fn add_all(&mut self, log: &mut dyn Read) -> Result<(), CommandError> {
        let failed = |reason: &dyn std::fmt::Display| {
            CommandError::new(format!("cannot read the standard input: {reason}"))
        };
        let mut log = BufReader::with_capacity(64 * 1024, log.take(LARGEST_LOG));
        let (mut line, mut total) = (Vec::new(), 0);
        loop {
            line.clear();
            let read = log.by_ref().take(LONGEST_LINE).read_until(b'\n', &mut line);
            let read = u64::try_from(read.map_err(|error| failed(&error))?).unwrap_or(u64::MAX);
            total += read;
            if read == LONGEST_LINE && line.last() != Some(&b'\n') {
                return Err(failed(&format!("a line has more than {} MiB", LONGEST_LINE >> 20))
                    .hint("give the lines of a log, as `journalctl -u etcd -o cat` prints them"));
            }
            if total == LARGEST_LOG {
                return Err(failed(&format!("it has more than {} MiB", LARGEST_LOG >> 20))
                    .hint("give a part of the log: journalctl -u etcd -o cat --since yesterday"));
            }
            if read == 0 {
                return Ok(());
            }
            self.add(String::from_utf8_lossy(&line).trim_end_matches(['\n', '\r']));
        }
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
        writeln!(terminal.output, "{}{more}", style.paint(Tone::Title, shown(line.trim())))?;
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
