//! The status of many clusters: a line for each, first what ends first.

use pki_core::base::shown;
use pki_core::etcd::check::{Finding, Severity};

use super::Seen;
use crate::terminal::table::{self, day};
use crate::terminal::{CommandError, Style, Terminal, Tone, finding, print};

/// Prints a table of all clusters, the errors that were found in them, and what ends first of all.
pub(super) fn show(seen: &[Seen], terminal: &mut Terminal<'_>) -> Result<(), CommandError> {
    let style = Style::of_output(terminal);
    let mut table = table::new(&["CLUSTER", "ENDS", "DAYS", "FIRST TO END", "IN USE", "FOUND"], style);
    for one in seen {
        let (name, first, days, count) = match one {
            Seen::Cluster(status) => {
                let first = status.first_end().map(|(name, _)| name.to_owned());
                let days =
                    status.first_end().map(|(_, end)| (end - status.now).whole_seconds().div_euclid(86_400));
                (status.cluster.clone(), first, days, status.certificates.len())
            }
            Seen::Tree(status) => {
                let first = status.certificates.first();
                let name = first.map(|first| first.name.clone());
                let days = first.map(|first| first.days_left);
                (status.folder.display().to_string(), name, days, status.certificates.len())
            }
        };
        let found = finding::totals(one.findings());
        let tone = match (one.is_healthy(), &found) {
            (false, _) => Tone::Error,
            (true, Some(_)) => Tone::Warning,
            (true, None) => Tone::Good,
        };
        table.add_row([
            table::cell(name),
            table::cell(one.first_end().map(day).unwrap_or_default()),
            style.cell(tone, days.map(|days| days.to_string()).unwrap_or_default()),
            table::cell(first.unwrap_or_default()),
            table::cell(count),
            style.cell(tone, found.unwrap_or_else(|| "nothing wrong".to_owned())),
        ]);
    }
    if !terminal.is_quiet() {
        table::show(&table, terminal)?;
    }
    let is_told = |finding: &&Finding| terminal.is_verbose() || finding.severity == Severity::Error;
    let findings: Vec<Finding> = seen.iter().flat_map(Seen::findings).filter(is_told).cloned().collect();
    finding::print(&findings, style, &mut *terminal.output)?;
    let wrong = seen.iter().filter(|one| !one.is_healthy()).count();
    let count = finding::count(seen.len(), "cluster");
    let first = seen.iter().filter_map(Seen::first_end).min();
    let first = first.map(|end| format!("; the first certificate ends on {}", day(end))).unwrap_or_default();
    let line = format!("{count}, {wrong} with errors{first}.");
    print::line(terminal, shown(&line))
}
