//! Prints findings, in one form for `doctor`, `verify`, `status` and `import`.

use std::io::{self, Write};
use std::path::PathBuf;

use pki_core::base::shown;
use pki_core::etcd::EtcdVersion;
use pki_core::etcd::check::{Finding, Rule, Severity, groups};
use pki_core::etcd::found::Omission;

use super::{Style, Terminal, Tone};

/// Prints findings in groups, and an empty line after each group: the title of the rule, a line for each finding, and
/// then once the consequence, the remedy and the sources, which the findings of a group have in common.
///
/// A terminal gets the text of a pipe, in lines that fit it, and with colours.
pub(crate) fn print(findings: &[Finding], style: Style, out: &mut dyn Write) -> io::Result<()> {
    let here = std::env::current_dir().unwrap_or_default();
    for group in groups(findings) {
        let Some(first) = group.first() else { continue };
        heading(first.severity, first.rule, first.title, style, out)?;
        for finding in &group {
            let text = finding.to_string();
            let text = text.strip_prefix(&format!("{}/", here.display())).unwrap_or(&text);
            writeln!(out, "{}", style.wrap(&format!("  {}", shown(text))))?;
            if let Some(connection) =
                finding.connection.as_ref().filter(|connection| !connection.log.is_empty())
            {
                writeln!(out, "{}", style.wrap(&format!("    etcd logs: {}", shown(connection.log))))?;
            }
        }
        about(&first.consequence, &first.remedy, first.sources, style, out)?;
    }
    Ok(())
}

/// The findings that are told: with `-q` only errors.
pub(crate) fn told(findings: &[Finding], terminal: &Terminal<'_>) -> Vec<Finding> {
    let is_told = |finding: &&Finding| !terminal.is_quiet() || finding.severity == Severity::Error;
    findings.iter().filter(is_told).cloned().collect()
}

/// Prints what could not be judged, and an empty line: a line for each, and once what to do about those of one kind.
pub(crate) fn omissions(omissions: &[Omission], style: Style, out: &mut dyn Write) -> io::Result<()> {
    let here = std::env::current_dir().unwrap_or_default();
    let mut rest: Vec<&Omission> = omissions.iter().collect();
    while let Some(first) = rest.first().copied() {
        writeln!(out, "{}", style.paint(Tone::Warning, "could not be judged:".to_owned()))?;
        let (same, others): (Vec<_>, Vec<_>) =
            rest.into_iter().partition(|other| other.remedy == first.remedy);
        for omission in same {
            let text = omission.to_string();
            let text = text.strip_prefix(&format!("{}/", here.display())).unwrap_or(&text);
            writeln!(out, "{}", style.wrap(&format!("  {}", shown(text))))?;
        }
        line("remedy", &first.remedy, style, out)?;
        writeln!(out)?;
        rest = others;
    }
    Ok(())
}

/// Prints which files and folders were not looked at, because they are of members and clients that have left.
pub(crate) fn left_out<'a>(
    paths: impl IntoIterator<Item = &'a PathBuf>,
    out: &mut dyn Write,
) -> io::Result<()> {
    let here = std::env::current_dir().unwrap_or_default();
    for path in paths {
        let path = path.strip_prefix(&here).unwrap_or(path).display();
        writeln!(out, "Left out: {path}, which cluster.lock.json no longer has.")?;
    }
    Ok(())
}

/// Prints a rule, with its consequence for a version of etcd.
pub(crate) fn print_rule(
    rule: &Rule,
    version: EtcdVersion,
    style: Style,
    out: &mut dyn Write,
) -> io::Result<()> {
    heading(rule.severity, rule.id, rule.title, style, out)?;
    about(&rule.consequence(version), rule.remedy, rule.sources, style, out)
}

/// A line with a label, as in `  remedy: set its mode to 0600`.
pub(crate) fn line(label: &str, text: &str, style: Style, out: &mut dyn Write) -> io::Result<()> {
    let line = format!("  {} {}", style.paint(Tone::Faint, format!("{label}:")), shown(text));
    writeln!(out, "{}", style.wrap(&line))
}

/// The numbers of errors, warnings and notices, as in `1 error, 2 warnings`; `None` if there are no findings.
pub(crate) fn totals(findings: &[Finding]) -> Option<String> {
    let kinds = [Severity::Error, Severity::Warning, Severity::Notice];
    let number = |kind| findings.iter().filter(|finding| finding.severity == kind).count();
    let totals = kinds.map(|kind| (number(kind), kind.to_string()));
    let totals: Vec<String> =
        totals.iter().filter(|(number, _)| *number > 0).map(|(number, what)| count(*number, what)).collect();
    Some(totals.join(", ")).filter(|text| !text.is_empty())
}

/// A number of things, as in `1 member` or `3 members`.
pub(crate) fn count(number: usize, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}

fn heading(severity: Severity, id: &str, title: &str, style: Style, out: &mut dyn Write) -> io::Result<()> {
    let tone = match severity {
        Severity::Error => Tone::Error,
        Severity::Warning | Severity::Notice => Tone::Warning,
    };
    let line = format!("{}: {title}", style.paint(tone, format!("{severity} {id}")));
    writeln!(out, "{}", style.wrap(&line))
}

fn about(
    consequence: &str,
    remedy: &str,
    sources: &[&str],
    style: Style,
    out: &mut dyn Write,
) -> io::Result<()> {
    line("consequence", consequence, style, out)?;
    line("remedy", remedy, style, out)?;
    if !sources.is_empty() {
        line("read more", &sources.join(", "), style, out)?;
    }
    writeln!(out)
}
