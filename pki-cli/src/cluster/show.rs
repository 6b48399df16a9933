//! What `plan` and `apply` tell: tables for people, JSON for machines.

use std::path::Path;

use anstyle::{AnsiColor, Style};

use comfy_table::{Cell, Color, ContentArrangement, Table};
use pki_core::etcd::Notice;
use pki_core::etcd::{CertificateReport, Cluster, Report, next_steps, shell_word};
use time::OffsetDateTime;
use time::macros::format_description;

use crate::failure::Failure;
use crate::io::Io;

/// Warnings, on standard error.
pub(super) fn notices(notices: &[Notice], io: &mut Io<'_>) {
    lines(notices.iter().map(Notice::to_string), io);
}

/// The same for warnings that are texts.
pub(super) fn lines(notices: impl Iterator<Item = String>, io: &mut Io<'_>) {
    let style = if io.colours_errors() { AnsiColor::Yellow.on_default().bold() } else { Style::new() };
    for notice in notices {
        let _ = writeln!(io.errors, "{style}warning{style:#}: {notice}");
    }
}

/// What a description's reader and its plan warn of; the cluster is named where there are several.
pub(super) fn warnings(name: Option<&str>, described: &[Notice], report: &Report, io: &mut Io<'_>) {
    let texts = described.iter().map(Notice::to_string).chain(report.notices.iter().cloned());
    let of = name.map(|name| format!("{name}: ")).unwrap_or_default();
    lines(texts.map(|text| format!("{of}{text}")), io);
}

/// The reports, each with the notices of its description before its own: if one was asked for, as an object.
pub(super) fn json<'a>(
    reports: impl Iterator<Item = (&'a Report, &'a [Notice])>,
    asked: usize,
    io: &mut Io<'_>,
) -> Result<(), Failure> {
    let reports: Vec<Report> = reports
        .map(|(report, notices)| {
            let mut report = report.clone();
            report.notices.splice(0..0, notices.iter().map(Notice::to_string));
            report
        })
        .collect();
    one_or_many(&reports, asked, io)
}

/// JSON: if one was asked for, an object, and else a list.
pub(super) fn one_or_many<T: serde::Serialize>(
    values: &[T],
    asked: usize,
    io: &mut Io<'_>,
) -> Result<(), Failure> {
    match values {
        [one] if asked == 1 => serde_json::to_writer_pretty(&mut *io.output, one),
        many => serde_json::to_writer_pretty(&mut *io.output, many),
    }
    .map_err(std::io::Error::from)?;
    Ok(writeln!(io.output)?)
}

/// What would change.
pub(super) fn plan(report: &Report, io: &mut Io<'_>) -> Result<(), Failure> {
    if !report.changed {
        return nothing_to_do(report, io);
    }
    let colours = io.colours_output();
    let mut certificates = table(&["CERTIFICATE", "CHANGE", "WHY"], colours);
    for certificate in report.certificates.iter().filter(|certificate| certificate.change != "kept") {
        let why = if certificate.change == "new" {
            format!("{} for {}", certificate.key, named(certificate))
        } else {
            certificate.reasons.join("; ")
        };
        certificates.add_row([
            Cell::new(&certificate.certificate),
            change(&certificate.change, colours),
            Cell::new(why),
        ]);
    }
    if certificates.row_count() > 0 {
        writeln!(io.output, "{}\n", certificates.trim_fmt())?;
    }
    let mut files = table(&["FILE", "CHANGE", "MODE", "WHY"], colours);
    for file in report.files.iter().filter(|file| file.change != "kept") {
        let slash = if file.kind == "folder" { "/" } else { "" };
        files.add_row([
            Cell::new(format!("{}{slash}", file.path)),
            change(&file.change, colours),
            Cell::new(&file.mode),
            Cell::new(file.reasons.join("; ")),
        ]);
    }
    writeln!(io.output, "{}\n", files.trim_fmt())?;
    let count = |what| report.certificates.iter().filter(|certificate| certificate.change == what).count();
    writeln!(
        io.output,
        "{}: {} certificates to make, {} to change, {}{} to keep; nothing was written.",
        report.cluster,
        count("new"),
        count("changed"),
        match count("requested") {
            0 => String::new(),
            requested => format!("{requested} to have signed by the CA that is offline, "),
        },
        count("kept")
    )?;
    Ok(())
}

/// That everything is as described.
pub(super) fn nothing_to_do(report: &Report, io: &mut Io<'_>) -> Result<(), Failure> {
    if !report.to_sign.is_empty() {
        let waiting = report.certificates.iter().filter(|certificate| certificate.change == "requested");
        let count = waiting.count();
        return Ok(writeln!(
            io.output,
            "{}: certificates still to be signed by the CA that is offline: {count}.",
            report.cluster
        )?);
    }
    let ends = report.certificates.iter().filter_map(|certificate| certificate.ends).min();
    let ends = ends.map(|end| format!("; the first certificate ends on {}", day(end))).unwrap_or_default();
    Ok(writeln!(io.output, "{}: nothing to do, everything is as described{ends}.", report.cluster)?)
}

/// One line for one of many clusters, and of one that runs already how to go on.
pub(super) fn applied_briefly(
    cluster: &Cluster,
    report: &Report,
    output: &Path,
    io: &mut Io<'_>,
) -> Result<(), Failure> {
    let made = report.certificates.iter().filter(|certificate| certificate.change != "kept").count();
    let ends = report.certificates.iter().filter_map(|certificate| certificate.ends).min();
    let ends = ends.map(|end| format!(", the first ends on {}", day(end))).unwrap_or_default();
    writeln!(io.output, "{}: {made} certificates made in {}{ends}.", report.cluster, output.display())?;
    let is_new = report.members.iter().all(|member| member.change == "new");
    // A new cluster's steps are those of its deploy.sh.
    if is_new && report.joining.is_empty() && report.to_sign.is_empty() {
        return Ok(());
    }
    show_steps(cluster, report, output, io)
}

/// What was issued, when it ends, and what to do next.
pub(super) fn applied(
    cluster: &Cluster,
    report: &Report,
    output: &Path,
    io: &mut Io<'_>,
) -> Result<(), Failure> {
    let colours = io.colours_output();
    let mut table = table(&["CERTIFICATE", "CHANGE", "KEY", "VALID FOR", "ENDS"], colours);
    for certificate in &report.certificates {
        table.add_row([
            Cell::new(&certificate.certificate),
            change(&certificate.change, colours),
            Cell::new(&certificate.key),
            Cell::new(&certificate.names),
            Cell::new(certificate.ends.map(day).unwrap_or_default()),
        ]);
    }
    writeln!(io.output, "{}\n", table.trim_fmt())?;
    show_steps(cluster, report, output, io)
}

fn show_steps(cluster: &Cluster, report: &Report, output: &Path, io: &mut Io<'_>) -> Result<(), Failure> {
    writeln!(io.output, "Next:")?;
    for (number, step) in (1..).zip(next_steps(cluster, report, output)) {
        writeln!(io.output, "{number}. {}", step.title)?;
        for command in step.commands {
            writeln!(io.output, "     {command}")?;
        }
    }
    if !report.to_sign.is_empty() {
        return Ok(());
    }
    if report.members.iter().any(|member| member.change != "kept") {
        let script = shell_word(&output.join("deploy.sh").to_string_lossy());
        writeln!(io.output, "{script} does what of this is copying, adding and starting members.")?;
    }
    if report.files.iter().any(|file| file.path.starts_with("ca/")) {
        let ca = shell_word(&output.join("ca").to_string_lossy());
        writeln!(
            io.output,
            "Keep {ca} where nobody else reads it: whoever has it can sign for this cluster."
        )?;
    }
    Ok(())
}

fn named(certificate: &CertificateReport) -> &str {
    if certificate.names.is_empty() { &certificate.subject } else { &certificate.names }
}

pub(super) fn day(moment: OffsetDateTime) -> String {
    moment.format(format_description!("[year]-[month]-[day]")).unwrap_or_default()
}

/// Columns, with colours or without.
pub(super) fn table(header: &[&str], colours: bool) -> Table {
    let mut table = Table::new();
    table.load_style(comfy_table::TableStyle::new()).set_header(header.iter().copied());
    // A terminal that does not know its width has none.
    if colours && table.width() != Some(0) {
        table.set_content_arrangement(ContentArrangement::Dynamic).enforce_styling();
    } else {
        table.set_content_arrangement(ContentArrangement::Disabled).force_no_tty();
    }
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    table
}

fn change(change: &str, colours: bool) -> Cell {
    let cell = Cell::new(change);
    match change {
        _ if !colours => cell,
        "new" => cell.fg(Color::Green),
        "requested" => cell.fg(Color::Cyan),
        "changed" => cell.fg(Color::Yellow),
        _ => cell.fg(Color::DarkGrey),
    }
}
