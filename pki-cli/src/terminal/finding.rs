//! Prints findings, in one form for all commands that have some.

use std::io::{self, Write};

use anstyle::{AnsiColor, Style};
use pki_core::etcd::EtcdVersion;
use pki_core::etcd::check::{Finding, Rule, Severity, groups};

/// The colours of findings; none if the output is not for a person.
#[derive(Clone, Copy)]
pub(crate) struct FindingStyle {
    error: Style,
    warning: Style,
    label: Style,
}

impl FindingStyle {
    pub(crate) fn new(colours: bool) -> Self {
        let none = Style::new();
        if !colours {
            return Self { error: none, warning: none, label: none };
        }
        Self {
            error: AnsiColor::Red.on_default().bold(),
            warning: AnsiColor::Yellow.on_default().bold(),
            label: none.dimmed(),
        }
    }

    fn severity(&self, severity: Severity) -> Style {
        match severity {
            Severity::Error => self.error,
            Severity::Warning => self.warning,
        }
    }

    /// A line with a label, as in `  remedy: set its mode to 0600`.
    pub(crate) fn line(&self, label: &str, text: &str, out: &mut dyn Write) -> io::Result<()> {
        let style = self.label;
        writeln!(out, "  {style}{label}:{style:#} {text}")
    }
}

/// Prints findings in groups: what is wrong in general, where it is wrong, and once for all of a group what follows
/// from it and what to do.
pub(crate) fn print(findings: &[Finding], colours: bool, out: &mut dyn Write) -> io::Result<()> {
    let styles = FindingStyle::new(colours);
    let here = std::env::current_dir().unwrap_or_default();
    for group in groups(findings) {
        let Some(first) = group.first() else { continue };
        let style = styles.severity(first.severity);
        writeln!(out, "{style}{} {}{style:#}: {}", first.severity, first.rule, first.title)?;
        for finding in &group {
            let text = finding.to_string();
            writeln!(out, "  {}", text.strip_prefix(&format!("{}/", here.display())).unwrap_or(&text))?;
            if let Some(connection) =
                finding.connection.as_ref().filter(|connection| !connection.log.is_empty())
            {
                writeln!(out, "    in the log of etcd: {}", connection.log)?;
            }
        }
        about(&first.consequence, &first.remedy, first.sources, &styles, out)?;
    }
    Ok(())
}

/// Prints a rule, as it is with a version of etcd.
pub(crate) fn print_rule(
    rule: &Rule,
    version: EtcdVersion,
    colours: bool,
    out: &mut dyn Write,
) -> io::Result<()> {
    let styles = FindingStyle::new(colours);
    let style = styles.severity(rule.severity);
    writeln!(out, "{style}{} {}{style:#}: {}", rule.severity, rule.id, rule.title)?;
    about(&rule.consequence(version), rule.remedy, rule.sources, &styles, out)
}

fn about(
    consequence: &str,
    remedy: &str,
    sources: &[&str],
    styles: &FindingStyle,
    out: &mut dyn Write,
) -> io::Result<()> {
    styles.line("consequence", consequence, out)?;
    styles.line("remedy", remedy, out)?;
    styles.line("read more", &sources.join(", "), out)?;
    writeln!(out)
}
