//! Prints findings, in one form for all commands that have some.

use std::io::{self, Write};

use pki_core::etcd::EtcdVersion;
use pki_core::etcd::check::{Finding, Rule, Severity, groups};

use super::{Style, Tone};

/// Prints findings in groups: what is wrong in general, where it is wrong, and once for all of a group what follows
/// from it and what to do.
pub(crate) fn print(findings: &[Finding], style: Style, out: &mut dyn Write) -> io::Result<()> {
    let here = std::env::current_dir().unwrap_or_default();
    for group in groups(findings) {
        let Some(first) = group.first() else { continue };
        heading(first.severity, first.rule, first.title, style, out)?;
        for finding in &group {
            let text = finding.to_string();
            writeln!(out, "  {}", text.strip_prefix(&format!("{}/", here.display())).unwrap_or(&text))?;
            if let Some(connection) =
                finding.connection.as_ref().filter(|connection| !connection.log.is_empty())
            {
                writeln!(out, "    in the log of etcd: {}", connection.log)?;
            }
        }
        about(&first.consequence, &first.remedy, first.sources, style, out)?;
    }
    Ok(())
}

/// Prints a rule, as it is with a version of etcd.
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
    writeln!(out, "  {} {text}", style.paint(Tone::Faint, format!("{label}:")))
}

fn heading(severity: Severity, id: &str, title: &str, style: Style, out: &mut dyn Write) -> io::Result<()> {
    let tone = match severity {
        Severity::Error => Tone::Error,
        Severity::Warning => Tone::Warning,
    };
    writeln!(out, "{}: {title}", style.paint(tone, format!("{severity} {id}")))
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
    line("read more", &sources.join(", "), style, out)?;
    writeln!(out)
}
