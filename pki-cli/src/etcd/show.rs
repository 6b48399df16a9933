//! Prints the reports of `plan` and `apply`: tables for people, JSON for scripts.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use pki_core::base::{shown, shown_lines};
use pki_core::etcd::{
    CertificateReport, Cluster, DifferentLine, FileReport, Notice, NoticeGroup, Report, Step, in_groups,
    next_steps, shell_word,
};
use serde::Serialize;
use time::format_description::well_known::Rfc3339;

use super::descriptions::ClusterJob;
use crate::terminal::table::{self, Cell, day};
use crate::terminal::{CommandError, ErrorReport, Style, Terminal, Tone, print};

/// What of a report is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shown {
    /// What comes of it, in a line
    Result,
    /// What changes
    Changes,
    /// Also what is kept, and every line that changes
    Everything,
}

/// The most lines of one file that are shown. `--all` shows all.
const MOST_LINES: usize = 24;

/// The most files with the same lines that are named.
const MOST_FILES: usize = 4;

/// Prints the notices of a description and of its plan. `name` is the cluster's name if there are several clusters.
pub(super) fn warnings(
    name: Option<&str>,
    described: &[Notice],
    report: &Report,
    shown: Shown,
    terminal: &mut Terminal<'_>,
) {
    let all: Vec<Notice> = described.iter().chain(report.each_notice()).cloned().collect();
    let texts: Vec<String> = if shown == Shown::Everything {
        let mut told = BTreeSet::new();
        all.iter().map(Notice::to_string).filter(|text| told.insert(text.clone())).collect()
    } else {
        let more = |group: NoticeGroup| match group.is_shortened {
            true => format!("{}; `--all` names each with its file", group.text),
            false => group.text,
        };
        in_groups(&all).into_iter().map(more).collect()
    };
    let of = name.map(|name| format!("{name}: ")).unwrap_or_default();
    print::warnings(terminal, texts.iter().map(|text| format!("{of}{text}")));
}

/// The JSON of `plan` and `apply` about one cluster.
#[derive(Serialize)]
struct ClusterReport {
    #[serde(flatten)]
    report: Report,
    /// What is left to do when everything is written.
    next_steps: Vec<Step>,
}

/// A cluster in the JSON of `apply`.
#[derive(Serialize)]
#[serde(untagged)]
enum Item<'a> {
    Made(Box<ClusterReport>),
    /// One of several clusters, for which the work could not be done.
    Failed {
        cluster: &'a str,
        errors: Vec<ErrorReport>,
    },
}

/// Prints the reports as JSON, each with the notices of its description before its own, and then what failed.
pub(super) fn json<'a>(
    reports: impl Iterator<Item = (&'a ClusterJob, &'a Report)>,
    failed: &[(&str, &CommandError)],
    named: usize,
    terminal: &mut Terminal<'_>,
) -> Result<(), CommandError> {
    let made = reports.map(|(job, report)| {
        let mut report = report.clone();
        let is_done = !report.changed && report.to_sign.is_empty();
        let next_steps = if is_done { Vec::new() } else { next_steps(&job.cluster, &report, &job.output) };
        report.notices.splice(0..0, job.notices.iter().map(Notice::to_string));
        Item::Made(Box::new(ClusterReport { report, next_steps }))
    });
    let failed = failed.iter().map(|(cluster, error)| Item::Failed { cluster, errors: error.reports() });
    let items: Vec<Item<'_>> = made.chain(failed).collect();
    print::json_one_or_many(terminal, &items, named)
}

/// Prints a plan as one JSON object whose values are all texts.
pub(super) fn flat(
    job: &ClusterJob,
    report: &Report,
    terminal: &mut Terminal<'_>,
) -> Result<(), CommandError> {
    let count = |what| report.certificates.iter().filter(|one| one.change == what).count().to_string();
    let names = |names: Vec<&str>| names.join(",");
    let files = report.files.iter().filter(|file| file.change != KEPT && file.kind == "file").count();
    let first_end = report.certificates.iter().filter_map(|one| one.ends).min();
    let pairs = [
        ("format", print::FORMAT.to_string()),
        ("cluster", report.cluster.clone()),
        ("output", job.output.display().to_string()),
        ("changed", report.changed.to_string()),
        ("members", names(report.members.iter().map(|member| member.member.as_str()).collect())),
        ("members_joining", names(report.joining.iter().map(|one| one.member.as_str()).collect())),
        ("members_moving", names(report.moving.iter().map(|one| one.member.as_str()).collect())),
        ("members_leaving", names(report.leaving.iter().map(|one| one.member.as_str()).collect())),
        ("certificates_new", count("new")),
        ("certificates_changed", count("changed")),
        ("certificates_requested", count("requested")),
        ("certificates_kept", count(KEPT)),
        ("files_to_write", files.to_string()),
        (
            "first_end",
            first_end.map(|end| end.format(&Rfc3339)).transpose().unwrap_or_default().unwrap_or_default(),
        ),
    ];
    let object: BTreeMap<&str, String> = pairs.into_iter().collect();
    print::flat(terminal, &object)
}

/// Prints what `apply` would change.
pub(super) fn plan(report: &Report, shown: Shown, terminal: &mut Terminal<'_>) -> Result<(), CommandError> {
    if !report.changed {
        return nothing_to_do(report, shown, terminal);
    }
    let style = Style::of_output(terminal);
    if shown != Shown::Result {
        members(report, style, terminal)?;
        changes(report, shown, style, terminal)?;
    }
    let count = |what| report.certificates.iter().filter(|certificate| certificate.change == what).count();
    let files = report.files.iter().filter(|file| file.change != KEPT && file.kind == "file").count();
    print::line(
        terminal,
        format_args!(
            "{}: {} certificates to make, {} to change, {}{} to keep; files to write: {files}. Nothing was written.",
            report.cluster,
            count("new"),
            count("changed"),
            match count("requested") {
                0 => String::new(),
                requested => format!("{requested} for the offline CA to sign, "),
            },
            count(KEPT)
        ),
    )?;
    Ok(())
}

/// Prints the certificates and files that change, and then the lines that do.
fn changes(
    report: &Report,
    shown: Shown,
    style: Style,
    terminal: &mut Terminal<'_>,
) -> Result<(), CommandError> {
    let is_shown = |change: &str| change != KEPT || shown == Shown::Everything;
    let mut certificates = table::new(&["CERTIFICATE", "CHANGE", "WHY"], style);
    for certificate in report.certificates.iter().filter(|certificate| is_shown(&certificate.change)) {
        let why = if certificate.change == "new" {
            format!("{} for {}", certificate.key, named(certificate))
        } else {
            certificate.reasons.join("; ")
        };
        certificates.add_row([
            table::cell(&certificate.certificate),
            change(&certificate.change, style),
            table::cell(why),
        ]);
    }
    table::show(&certificates, terminal)?;
    let mut files = table::new(&["FILE", "CHANGE", "MODE", "WHY"], style);
    for file in report.files.iter().filter(|file| is_shown(&file.change)) {
        let slash = if file.kind == "folder" { "/" } else { "" };
        files.add_row([
            table::cell(format!("{}{slash}", file.path)),
            change(&file.change, style),
            table::cell(&file.mode),
            table::cell(why(file, report)),
        ]);
    }
    table::show(&files, terminal)?;
    different_lines(&report.files, shown, style, terminal)
}

/// Why a file changes. The reasons of a certificate stand in the table of certificates.
fn why(file: &FileReport, report: &Report) -> String {
    let of = report.certificates.iter().find(|certificate| certificate.path == file.path);
    match of.filter(|certificate| certificate.reasons == file.reasons && !file.reasons.is_empty()) {
        Some(certificate) => format!("as {}", certificate.certificate),
        None => file.reasons.join("; "),
    }
}

/// Prints the lines that change in text files, once for files in which the same lines change.
fn different_lines(
    files: &[FileReport],
    shown_of: Shown,
    style: Style,
    terminal: &mut Terminal<'_>,
) -> Result<(), CommandError> {
    let mut groups: Vec<(&[DifferentLine], Vec<&str>)> = Vec::new();
    for file in files.iter().filter(|file| !file.lines.is_empty()) {
        match groups.iter_mut().find(|(lines, _)| *lines == file.lines) {
            Some((_, paths)) => paths.push(&file.path),
            None => groups.push((&file.lines, vec![&file.path])),
        }
    }
    for (lines, paths) in groups {
        let most = if shown_of == Shown::Everything { usize::MAX } else { MOST_FILES };
        let named = paths.iter().take(most).copied().collect::<Vec<_>>().join(", ");
        let more = match paths.len().saturating_sub(most) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        print::line(terminal, style.paint(Tone::Title, shown(&format!("{named}{more}:"))))?;
        let most = if shown_of == Shown::Everything { usize::MAX } else { MOST_LINES };
        for line in lines.iter().take(most) {
            let tone = if line.sign == '+' { Tone::Good } else { Tone::Error };
            let text = format!("{} {}", line.sign, line.text);
            writeln!(terminal.output, "  {}", style.paint(tone, shown(text.trim_end())))?;
        }
        if let more @ 1.. = lines.len().saturating_sub(most) {
            writeln!(terminal.output, "  and {more} more lines; `--all` shows them")?;
        }
        writeln!(terminal.output)?;
    }
    Ok(())
}

/// Prints which members join, move and leave.
fn members(report: &Report, style: Style, terminal: &mut Terminal<'_>) -> Result<(), CommandError> {
    let joining = report.joining.iter().map(|joining| {
        let urls = joining.peer_urls.join(", ");
        (Tone::Good, "+", format!("{} joins the running cluster at {urls}", joining.member))
    });
    let moving = report.moving.iter().map(|moving| {
        let urls = moving.peer_urls.join(", ");
        (Tone::Warning, "~", format!("{} moves to {urls}", moving.member))
    });
    let leaving = report
        .leaving
        .iter()
        .map(|leaving| (Tone::Error, "-", format!("{} leaves the cluster", leaving.member)));
    let lines: Vec<_> = joining.chain(moving).chain(leaving).collect();
    for (tone, sign, text) in &lines {
        print::line(terminal, format_args!("{} {}", style.paint(*tone, sign), shown(text)))?;
    }
    if !lines.is_empty() {
        writeln!(terminal.output)?;
    }
    Ok(())
}

/// Prints that there is nothing to do, or what the CA that is offline still has to sign.
pub(super) fn nothing_to_do(
    report: &Report,
    shown: Shown,
    terminal: &mut Terminal<'_>,
) -> Result<(), CommandError> {
    if shown == Shown::Everything {
        let style = Style::of_output(terminal);
        changes(report, shown, style, terminal)?;
    }
    if !report.to_sign.is_empty() {
        let waiting = report.certificates.iter().filter(|certificate| certificate.change == "requested");
        let count = waiting.count();
        return print::line(
            terminal,
            format_args!("{}: certificates that the offline CA still has to sign: {count}.", report.cluster),
        );
    }
    let ends = report.certificates.iter().filter_map(|certificate| certificate.ends).min();
    let ends = ends.map(|end| format!("; the first certificate ends on {}", day(end))).unwrap_or_default();
    print::line(
        terminal,
        format_args!("{}: nothing to do, everything is as described{ends}.", report.cluster),
    )
}

/// Prints what was made in one line.
pub(super) fn applied_in_a_line(
    report: &Report,
    output: &Path,
    terminal: &mut Terminal<'_>,
) -> Result<(), CommandError> {
    let made = report.certificates.iter().filter(|certificate| certificate.change != KEPT).count();
    let ends = report.certificates.iter().filter_map(|certificate| certificate.ends).min();
    let ends = ends.map(|end| format!(", the first ends on {}", day(end))).unwrap_or_default();
    let line = format!("{}: {made} certificates made in {}{ends}.", report.cluster, output.display());
    print::line(terminal, shown(&line))
}

/// Prints one line for one of several clusters, and the next steps if the cluster exists already.
pub(super) fn applied_briefly(
    cluster: &Cluster,
    report: &Report,
    output: &Path,
    terminal: &mut Terminal<'_>,
) -> Result<(), CommandError> {
    applied_in_a_line(report, output, terminal)?;
    let is_new = report.members.iter().all(|member| member.change == "new");
    // The steps of a new cluster are those of its deploy.sh, so they are not repeated for each cluster.
    if is_new && report.joining.is_empty() && report.to_sign.is_empty() {
        return Ok(());
    }
    show_steps(cluster, report, output, terminal)
}

/// Prints what was issued, when it ends, and what to do next.
pub(super) fn applied(
    cluster: &Cluster,
    report: &Report,
    output: &Path,
    shown: Shown,
    terminal: &mut Terminal<'_>,
) -> Result<(), CommandError> {
    let style = Style::of_output(terminal);
    let mut table = table::new(&["CERTIFICATE", "CHANGE", "KEY", "VALID FOR", "ENDS"], style);
    let is_shown = |change: &str| change != KEPT || shown == Shown::Everything;
    for certificate in report.certificates.iter().filter(|certificate| is_shown(&certificate.change)) {
        table.add_row([
            table::cell(&certificate.certificate),
            change(&certificate.change, style),
            table::cell(&certificate.key),
            table::cell(&certificate.names),
            table::cell(certificate.ends.map(day).unwrap_or_default()),
        ]);
    }
    table::show(&table, terminal)?;
    let kept = report.certificates.iter().filter(|certificate| certificate.change == KEPT).count();
    if kept > 0 && shown != Shown::Everything {
        print::line(terminal, format_args!("Certificates that are kept: {kept}.\n"))?;
    }
    show_steps(cluster, report, output, terminal)
}

fn show_steps(
    cluster: &Cluster,
    report: &Report,
    output: &Path,
    terminal: &mut Terminal<'_>,
) -> Result<(), CommandError> {
    print::line(terminal, format_args!("Next:"))?;
    for (number, step) in (1..).zip(next_steps(cluster, report, output)) {
        print::line(terminal, format_args!("{number}. {}", shown_lines(&step.title)))?;
        for command in step.commands {
            writeln!(terminal.output, "     {}", shown_lines(&command))?;
        }
    }
    if !report.to_sign.is_empty() {
        return Ok(());
    }
    if report.members.iter().any(|member| member.change != "kept") {
        let script = shell_word(&output.join("deploy.sh").to_string_lossy());
        print::line(
            terminal,
            format_args!(
                "{script} does these steps for you, except restarts: it copies files, adds members and starts them."
            ),
        )?;
    }
    if report.files.iter().any(|file| file.path.starts_with("ca/")) {
        let ca = shell_word(&output.join("ca").to_string_lossy());
        print::line(
            terminal,
            format_args!(
                "Keep {ca} where nobody else can read it: its keys issue certificates for this cluster."
            ),
        )?;
    }
    Ok(())
}

fn named(certificate: &CertificateReport) -> &str {
    if certificate.names.is_empty() { &certificate.subject } else { &certificate.names }
}

/// The change of what stays as it is.
const KEPT: &str = "kept";

fn change(change: &str, style: Style) -> Cell {
    let (tone, sign) = match change {
        "new" => (Tone::Good, '+'),
        "requested" => (Tone::Hint, '?'),
        "changed" => (Tone::Warning, '~'),
        _ => (Tone::Faint, ' '),
    };
    style.cell(tone, format!("{sign} {change}"))
}
