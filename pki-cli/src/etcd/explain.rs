//! `etcdpki explain`: what a line of a log means, or what the number of a finding or of an explanation names.

use std::borrow::Cow;
use std::io::{self, BufRead, BufReader, Read, Write};

use clap::Args;
use pki_core::base::shown;
use pki_core::etcd::EtcdVersion;
use pki_core::etcd::check::{Rule, RuleReport, rule};
use pki_core::etcd::explain::{Explanation, explain, explanation};
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
  etcdpki explain L514
  journalctl -f -u etcd -o cat | etcdpki explain -";

/// The arguments of `explain`.
#[derive(Args)]
pub(crate) struct Explain {
    /// A line that etcd, a client of etcd or systemd logged, or the numbers of findings and explanations, such as E501
    /// and L514; `-` reads lines from the standard input, and explains each kind when it comes for the first time
    #[arg(value_name = "LINE", required = true, allow_hyphen_values = true)]
    lines: Vec<String>,
    /// Print the explanations as JSON, when all lines were read
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
            return self.explain_numbers(terminal);
        }
        let mut reports = Reports::default();
        let is_log = self.lines.iter().any(|line| line == "-");
        if is_log {
            reports.add_all(terminal, !self.json)?;
        } else if let Some(report) = reports.add(&self.lines.join(" "))
            && !self.json
        {
            show(report, Style::of_output(terminal), &mut *terminal.output)?;
        }
        let Reports(reports) = reports;
        if self.json {
            print::json_list(terminal, &reports)?;
        } else if reports.is_empty() {
            let text = "no explanation is known for this: `etcdpki doctor PATH` finds what is wrong with the files themselves";
            writeln!(terminal.errors, "{}", Style::of_errors(terminal).wrap(text))?;
        } else if is_log {
            count(&reports, Style::of_output(terminal), &mut *terminal.output)?;
        }
        Ok(if reports.is_empty() { ExitStatus::Failed } else { ExitStatus::Done })
    }

    /// Prints the rules and explanations with the numbers on the command line.
    fn explain_numbers(&self, terminal: &mut Terminal<'_>) -> Result<ExitStatus, CommandError> {
        let version = EtcdVersion::default();
        let numbers = || self.lines.iter().map(|line| line.trim());
        let known: Vec<Known> = numbers().filter_map(Known::of).collect();
        if self.json {
            let reports: Vec<KnownReport> = known.iter().map(|known| known.report(version)).collect();
            print::json_list(terminal, &reports)?;
        } else {
            let style = Style::of_output(terminal);
            for known in &known {
                match known {
                    Known::Rule(rule) => finding::print_rule(rule, version, style, &mut *terminal.output)?,
                    Known::Line(line) => show_signs(line, style, &mut *terminal.output)?,
                }
            }
        }
        for number in numbers().filter(|number| Known::of(number).is_none()) {
            let text =
                format!("there is no rule {}: `etcdpki doctor --rules` lists all rules", shown(number));
            writeln!(terminal.errors, "{}", Style::of_errors(terminal).wrap(&text))?;
        }
        let is_known = known.len() == self.lines.len();
        Ok(if is_known { ExitStatus::Done } else { ExitStatus::Failed })
    }
}

/// What a number names.
enum Known {
    Rule(&'static Rule),
    Line(&'static Explanation),
}

/// An item of the JSON of `--json` about numbers.
#[derive(Serialize)]
#[serde(untagged)]
enum KnownReport {
    Rule(RuleReport),
    Line(&'static Explanation),
}

impl Known {
    fn of(number: &str) -> Option<Self> {
        rule(number).map(Self::Rule).or_else(|| explanation(number).map(Self::Line))
    }

    fn report(&self, version: EtcdVersion) -> KnownReport {
        match self {
            Self::Rule(rule) => KnownReport::Rule(rule.report(version)),
            Self::Line(line) => KnownReport::Line(line),
        }
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
    /// Counts a line, and returns its explanation if it is the first of its kind.
    fn add(&mut self, line: &str) -> Option<&Report<'static>> {
        let explanation = explain(line)?;
        if let Some(report) = self.0.iter_mut().find(|report| report.explanation.id == explanation.id) {
            report.lines += 1;
            return None;
        }
        self.0.push(Report { line: line.to_owned().into(), lines: 1, explanation });
        self.0.last()
    }

    /// Reads lines from the standard input to its end. If `show_each`, each explanation is printed as soon as the first
    /// line of its kind is there, so that a log can be followed.
    fn add_all(&mut self, terminal: &mut Terminal<'_>, show_each: bool) -> Result<(), CommandError> {
        let style = Style::of_output(terminal);
        let failed = |reason: &dyn std::fmt::Display| {
            CommandError::new(format!("cannot read the standard input: {reason}"))
        };
        let mut log = BufReader::with_capacity(64 * 1024, (&mut *terminal.input).take(LARGEST_LOG));
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
            let first = self.add(String::from_utf8_lossy(&line).trim_end_matches(['\n', '\r']));
            if let Some(report) = first.filter(|_| show_each) {
                show(report, style, &mut *terminal.output)?;
                terminal.output.flush()?;
            }
        }
    }
}

/// Whether a text has the form of a number such as `E501` or `L514`, whether it is there or not.
fn is_number(text: &str) -> bool {
    let digits = text.strip_prefix(['E', 'e', 'L', 'l']).unwrap_or_default();
    matches!(digits.len(), 3 | 4) && digits.bytes().all(|byte| byte.is_ascii_digit())
}

/// Prints a line and its explanation.
fn show(report: &Report<'_>, style: Style, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "{}", style.paint(Tone::Title, shown(report.line.trim())))?;
    show_explanation(report.explanation, style, out)
}

/// Prints an explanation, and how lines of its kind are recognised.
fn show_signs(explanation: &Explanation, style: Style, out: &mut dyn Write) -> io::Result<()> {
    writeln!(
        out,
        "{}",
        style.paint(Tone::Title, format!("{}: a line with one of these texts", explanation.id))
    )?;
    for sign in explanation.signs {
        writeln!(out, "  {sign}")?;
    }
    show_explanation(explanation, style, out)
}

fn show_explanation(explanation: &Explanation, style: Style, out: &mut dyn Write) -> io::Result<()> {
    finding::line("cause", explanation.cause, style, out)?;
    finding::line("remedy", explanation.remedy, style, out)?;
    finding::line("number", explanation.id, style, out)?;
    for id in explanation.rules {
        if let Some(rule) = rule(id) {
            finding::line("rule", &format!("{id}, {}", rule.title), style, out)?;
        }
    }
    finding::line("read more", &explanation.sources.join(", "), style, out)?;
    writeln!(out)
}

/// Prints how often each kind of line came, if any came more than once.
fn count(reports: &[Report<'_>], style: Style, out: &mut dyn Write) -> io::Result<()> {
    if reports.iter().all(|report| report.lines == 1) {
        return Ok(());
    }
    writeln!(out, "{}", style.paint(Tone::Title, "How many lines have each explanation"))?;
    for Report { line, lines, explanation } in reports {
        writeln!(out, "  {lines:>7}  {}  {}", explanation.id, shown(line.trim()))?;
    }
    Ok(())
}
