//! What `plan` and `apply` tell: tables for people, JSON for machines.

use std::path::Path;

use anstyle::{AnsiColor, Style};

use comfy_table::{Cell, Color, ContentArrangement, Table};
use pki_core::Notice;
use pki_core::etcd::{CertificateReport, Cluster, Member, Report, UnitKind};
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

/// What a description's reader and its plan warn of.
pub(super) fn warnings(described: &[Notice], report: &Report, io: &mut Io<'_>) {
    notices(described, io);
    lines(report.notices.iter().cloned(), io);
}

/// The reports, each with the notices of its description before its own: one as an object, several as a list.
pub(super) fn json<'a>(
    reports: impl Iterator<Item = (&'a Report, &'a [Notice])>,
    io: &mut Io<'_>,
) -> Result<(), Failure> {
    let reports: Vec<Report> = reports
        .map(|(report, notices)| {
            let mut report = report.clone();
            report.notices.splice(0..0, notices.iter().map(Notice::to_string));
            report
        })
        .collect();
    one_or_many(&reports, io)
}

/// JSON: one as an object, several as a list.
pub(super) fn one_or_many<T: serde::Serialize>(values: &[T], io: &mut Io<'_>) -> Result<(), Failure> {
    match values {
        [one] => serde_json::to_writer_pretty(&mut *io.output, one),
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
        "{}: {} certificates to make, {} to change, {} to keep; nothing was written.",
        report.cluster,
        count("new"),
        count("changed"),
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

/// One line for one of many clusters.
pub(super) fn applied_briefly(report: &Report, output: &Path, io: &mut Io<'_>) -> Result<(), Failure> {
    let made = report.certificates.iter().filter(|certificate| certificate.change != "kept").count();
    let ends = report.certificates.iter().filter_map(|certificate| certificate.ends).min();
    let ends = ends.map(|end| format!(", the first ends on {}", day(end))).unwrap_or_default();
    Ok(writeln!(io.output, "{}: {made} certificates made in {}{ends}.", report.cluster, output.display())?)
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
    next_steps(cluster, report, output, io)
}

fn next_steps(cluster: &Cluster, report: &Report, output: &Path, io: &mut Io<'_>) -> Result<(), Failure> {
    if !report.to_sign.is_empty() {
        return requests(report, output, io);
    }
    let steps = Steps::of(cluster, report, output);
    writeln!(io.output, "Next:")?;
    for (number, (title, commands)) in (1..).zip(steps.0) {
        writeln!(io.output, "{number}. {title}")?;
        for command in commands {
            writeln!(io.output, "     {command}")?;
        }
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

/// What to do next, each with its commands.
struct Steps(Vec<(String, Vec<String>)>);

impl Steps {
    /// A member that leaves goes before one comes, or the one that comes would not find the members that it was
    /// told of.
    fn of(cluster: &Cluster, report: &Report, output: &Path) -> Self {
        let mut steps = Self(Vec::new());
        let has_unit = cluster.unit() != UnitKind::None;
        let folder = |rest: &str| shell_word(&output.join(rest).to_string_lossy());
        let etcdctl = |command: &str| format!(". {} && {command}", folder("clients/root/etcdctl.env"));
        let health = etcdctl("etcdctl endpoint health --cluster");
        let copy = |member: &Member| {
            let source = folder(&format!("nodes/{}/", member.name()));
            format!("rsync -a --chown=root:root {source} {}:/", rsync_host(member))
        };
        let is_joining = |name: &str| report.joining.iter().any(|joining| joining.member == name);
        let members = || cluster.members().iter().zip(&report.members);
        let needs = format!("which needs etcd and a user `{}`:", cluster.user());

        for leaving in &report.leaving {
            let name = &leaving.member;
            steps.add(
                format!("Take {name} out of the cluster, if it still is a member:"),
                etcdctl(&leaving.command),
            );
            if has_unit {
                steps.add(
                    format!("On the host of {name}, where etcd has ended:"),
                    "systemctl disable --now etcd",
                );
            }
            steps.add(GO_ON, health.clone());
        }
        if members().any(|(_, reported)| reported.change == "new" && !is_joining(&reported.member)) {
            let all =
                members().filter(|(_, reported)| reported.change != "kept" && !is_joining(&reported.member));
            let copies = all.map(|(member, _)| copy(member)).collect();
            steps.0.push((format!("Copy each member's files to its host, {needs}"), copies));
            if has_unit {
                steps.add("On every host, all at once, for a member waits until most are there:", START);
            }
        } else {
            for moving in &report.moving {
                let title = format!("Tell the cluster where {} will be:", moving.member);
                steps.add(title, etcdctl(&moving.command));
            }
            let is_moving = |name: &str| report.moving.iter().any(|moving| moving.member == name);
            let mut changed: Vec<_> =
                members().filter(|(_, reported)| reported.change == "changed").collect();
            // Whoever has moved is lost to the others until it starts where they look for it.
            changed.sort_by_key(|(_, reported)| !is_moving(&reported.member));
            let copies: Vec<_> = changed.iter().map(|(member, _)| copy(member)).collect();
            if !copies.is_empty() {
                steps.0.push(("Copy what has changed to its host:".to_owned(), copies));
            }
            let restarting = changed.iter().filter(|(_, reported)| reported.restart);
            let names: Vec<_> = restarting.map(|(_, reported)| reported.member.as_str()).collect();
            if has_unit && !names.is_empty() {
                let names = names.join(", ");
                let title =
                    format!("On one host after the other, each when the one before is healthy ({names}):");
                steps.add(title, "systemctl daemon-reload && systemctl restart etcd");
            }
        }
        for joining in &report.joining {
            let name = &joining.member;
            // A cluster counts a new member at once, so it should be able to start at once.
            for (member, _) in members().filter(|(member, _)| member.name().as_str() == name) {
                steps.add(format!("Copy the files of {name} to its host, {needs}"), copy(member));
            }
            let title = format!(
                "Tell the cluster of {name} (if it never ran, say `state: new` in the description and apply again):"
            );
            steps.add(title, etcdctl(&joining.command));
            if has_unit {
                steps.add(format!("On the host of {name}:"), START);
            }
            steps.add(GO_ON, health.clone());
        }
        if steps.0.last().is_none_or(|(title, _)| title != GO_ON) {
            steps.add("See whether the cluster is healthy:", health);
        }
        steps
    }

    fn add(&mut self, title: impl Into<String>, command: impl Into<String>) {
        self.0.push((title.into(), vec![command.into()]));
    }
}

/// Before that etcd refuses changes of its members (etcd, server/etcdserver/server.go, `HealthInterval`).
const GO_ON: &str = "Go on when all members have been healthy for 5 seconds:";

/// Without waiting: a member waits for others.
const START: &str = "systemctl daemon-reload && systemctl enable etcd && systemctl restart --no-block etcd";

/// What an offline CA has to do.
fn requests(report: &Report, output: &Path, io: &mut Io<'_>) -> Result<(), Failure> {
    let requests = shell_word(&output.join("requests").to_string_lossy());
    writeln!(io.output, "Next:")?;
    writeln!(io.output, "1. Take {requests} to where the CA is, and sign there:")?;
    for command in &report.to_sign {
        writeln!(io.output, "     {command}")?;
    }
    writeln!(io.output, "2. Bring {requests} back with the certificates in it, NAME.pem beside NAME.csr.")?;
    writeln!(io.output, "3. Apply again: what was signed is checked and put in its place.")?;
    Ok(())
}

fn rsync_host(member: &Member) -> String {
    // An IPv6 address of rsync stands in brackets.
    match member.ssh().as_str().split_once('@') {
        Some((user, host)) if host.contains(':') => format!("{user}@[{host}]"),
        _ => member.ssh().to_string(),
    }
}

/// A word that a shell takes as it is.
fn shell_word(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=,@+%".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', "'\\''"))
    }
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
    if colours {
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
