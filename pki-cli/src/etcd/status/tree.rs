//! The certificates of a folder that is no output folder.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use pki_core::base::shown;
use pki_core::etcd::check::Severity;
use pki_core::etcd::status::{State, TreeCertificate, TreeStatus};

use crate::terminal::table::{self, day};
use crate::terminal::{CommandError, Style, Terminal, Tone, finding, print};

/// Prints a line for each certificate, what is wrong, and what ends first.
pub(super) fn show(status: &TreeStatus, wide: bool, terminal: &mut Terminal<'_>) -> Result<(), CommandError> {
    let style = Style::of_output(terminal);
    let mut header = vec!["FILE", "SUBJECT", "FOR", "ENDS", "DAYS", "CA"];
    header.extend(wide.then_some(["SUBJECT IN FULL", "SERIAL", "CA'S KEY"]).into_iter().flatten());
    let mut table = table::new(&header, style);
    let errors = status.findings.iter().filter(|finding| finding.severity == Severity::Error);
    let wrong: BTreeSet<&Path> = errors.filter_map(|finding| finding.place.path()).collect();
    for one in &status.certificates {
        let tone = tone(one, &wrong);
        let mut cells = vec![
            table::cell(place(status, one, wide)),
            table::cell(&one.name),
            table::cell(&one.usage),
            table::cell(day(one.ends)),
            style.cell(tone, one.days_left),
            table::cell(ca(one)),
        ];
        if wide {
            let key = if one.issuer_has_key { "here" } else { "not here" };
            cells.extend([table::cell(&one.subject), table::cell(&one.serial), table::cell(key)]);
        }
        table.add_row(cells);
    }
    if !terminal.is_quiet() {
        table::show(&table, terminal)?;
    }
    finding::omissions(&status.not_judged, style, &mut *terminal.output)?;
    finding::print(&finding::told(&status.findings, terminal), style, &mut *terminal.output)?;
    let count = finding::count(status.certificates.len(), "certificate");
    let first = status.certificates.first().map(|first| {
        let ends = if first.days_left < 0 { "ended" } else { "ends" };
        format!("; {} {ends} first, on {}", first.name, day(first.ends))
    });
    let totals = finding::totals(&status.findings).map(|totals| format!("; {totals}"));
    let (first, totals) = (first.unwrap_or_default(), totals.unwrap_or_default());
    let line = format!("{}: {count}{first}{totals}.", status.folder.display());
    print::line(terminal, shown(&line))
}

/// The file as it is seen from the folder that was named, and the place in it.
fn place(status: &TreeStatus, one: &TreeCertificate, wide: bool) -> String {
    let around = status.folder.parent().unwrap_or(Path::new("/"));
    let path = match (one.file.strip_prefix(&status.folder), one.file.strip_prefix(around)) {
        (Ok(inside), _) if !inside.as_os_str().is_empty() => inside.to_owned(),
        (Ok(_), Ok(name)) => name.to_owned(),
        (Err(_), Ok(beside)) => Path::new("..").join(beside),
        _ => PathBuf::from(&one.file),
    };
    // The last keys of a kubeconfig are always the same.
    let ends = if wide {
        [].as_slice()
    } else {
        &[".user.client-certificate-data", ".cluster.certificate-authority-data"]
    };
    let inside = one
        .inside
        .as_deref()
        .map(|inside| ends.iter().fold(inside, |inside, end| inside.trim_end_matches(end)));
    match inside {
        Some(inside) => format!("{}: {inside}", path.display()),
        None => path.display().to_string(),
    }
}

/// The CA by its name, unless it is the certificate itself, and what is missing of it.
fn ca(one: &TreeCertificate) -> String {
    match &one.issuer_file {
        _ if one.subject == one.issuer => "itself".to_owned(),
        Some(_) => one.issuer_name.clone(),
        None => format!("{} (not here)", one.issuer_name),
    }
}

fn tone(one: &TreeCertificate, wrong: &BTreeSet<&Path>) -> Tone {
    match one.state {
        State::NotYetValid | State::Ended => Tone::Error,
        _ if wrong.contains(&*one.file) => Tone::Error,
        State::RenewalDue => Tone::Warning,
        _ => Tone::Good,
    }
}
