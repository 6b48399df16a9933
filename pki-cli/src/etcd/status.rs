//! `etcdpki cluster status`: when certificates and revocation lists end, of output folders and of any other folder.

mod fleet;
mod tree;

use std::path::{Path, PathBuf};

use clap::Args;
use pki_core::base::{parallel, shown};
use pki_core::disk::{self, Existing, Mode};
use pki_core::etcd::Folder;
use pki_core::etcd::check::Finding;
use pki_core::etcd::found::SystemFiles;
use pki_core::etcd::status::{
    CertificateStatus, FileState, RevocationListStatus, State, Status, TreeStatus, output_folders_below,
    prometheus, prometheus_of_trees,
};
use pki_core::go::duration;
use serde::Serialize;
use time::{Duration, OffsetDateTime};

use crate::exit_status::ExitStatus;
use crate::terminal::table::{self, Cell, day};
use crate::terminal::{CommandError, Style, Terminal, Tone, absolute, finding, print};

pub(super) const EXAMPLE: &str = "\
Only public files are read, so a copy of the folder without the CAs' keys is enough.

DIR may also be a folder with the output folders of many clusters: the cluster whose certificates end first comes first. \
Of any other folder, such as /etc/kubernetes/pki, every certificate is shown, whoever made it, also those in kubeconfigs, \
manifests and Secrets. Of a folder `pki` the kubeconfigs beside it are read too.

The metrics of --prometheus are points in time, such as etcdpki_certificate_expiry_timestamp_seconds, so the file \
stays correct until the next `apply`. Those of another folder begin with etcdpki_file_certificate. The node exporter reads files whose names end with .prom. An alert rule:
  etcdpki_certificate_expiry_timestamp_seconds - time() < 30 * 86400

Exit status:
  0  everything in use is valid, and is as `apply` recorded it
  1  something has ended, is not valid yet, ends within the time of --fail-within, is missing or
     damaged, or was changed; or the folder cannot be read

Examples:
  etcdpki cluster status
  etcdpki cluster status out --fail-within 30d --prometheus /var/lib/node_exporter/etcdpki.prom
  etcdpki cluster status /etc/kubernetes/pki";

/// The arguments of `status`.
#[derive(Args)]
pub(crate) struct Command {
    /// The output folder of `apply`, or a copy of it; a folder that has output folders; or any folder or file with
    /// certificates. Name several for several clusters
    #[arg(value_name = "DIR", default_value = "out")]
    folders: Vec<PathBuf>,
    /// Show subjects, serial numbers and the registry too
    #[arg(long)]
    wide: bool,
    /// Take certificates that were replaced and have ended out of cluster.lock.json
    #[arg(long)]
    forget_ended: bool,
    /// Print the status as JSON
    #[arg(long)]
    json: bool,
    /// Write metrics for the textfile collector of Prometheus' node exporter to this file
    #[arg(long, value_name = "FILE")]
    prometheus: Option<PathBuf>,
    /// End with status 1 if something in use ends within this time, such as 30d or 720h
    #[arg(long, value_name = "DURATION", default_value = "0s", hide_default_value = true, value_parser = time_left)]
    fail_within: Duration,
}

fn time_left(text: &str) -> Result<Duration, String> {
    match duration::parse(text) {
        Ok(time) if time.is_negative() => Err("it is negative; write a time such as 30d".to_owned()),
        Ok(time) => Ok(time),
        Err(error) => Err(format!("{error}; {}, as in 30d", error.hint())),
    }
}

const NAME_A_FOLDER: &str =
    "name the folder that `etcdpki cluster apply` made, such as out, or a folder with certificates";

/// What a folder has: the files of a cluster, or any certificates.
#[derive(Serialize)]
#[serde(untagged)]
enum Seen {
    Cluster(Box<Status>),
    Tree(TreeStatus),
}

impl Command {
    pub(super) fn run(&self, terminal: &mut Terminal<'_>) -> Result<ExitStatus, CommandError> {
        let now = (terminal.now)();
        let (mut seen, mut is_fleet): (Vec<Seen>, bool) = (Vec::new(), false);
        for folder in &self.folders {
            let path = absolute(folder)?;
            let clusters = output_folders_below(&path, &SystemFiles)?;
            is_fleet |= clusters.len() > 1 || clusters.first().is_some_and(|cluster| *cluster != path);
            if self.forget_ended {
                self.forget(&clusters, folder, now, terminal)?;
            }
            for status in parallel::map(&clusters, |cluster| self.read(cluster, now)) {
                let status = status?;
                if seen.iter().any(|other| other.cluster() == Some(status.cluster.as_str())) {
                    let message =
                        format!("{}: there are two folders of {}", folder.display(), status.cluster);
                    return Err(CommandError::new(message).hint("name the folder of each cluster once"));
                }
                seen.push(Seen::Cluster(Box::new(status)));
            }
            if clusters.is_empty() {
                seen.push(Seen::Tree(self.read_tree(&path, folder, now)?));
            }
        }
        if is_fleet {
            seen.sort_by_key(Seen::first_end);
        }
        self.write_metrics(&seen)?;
        if self.json {
            print::json_one_or_many(terminal, &seen, if is_fleet { usize::MAX } else { seen.len() })?;
        } else if is_fleet {
            fleet::show(&seen, terminal)?;
        } else {
            for one in &seen {
                match one {
                    Seen::Cluster(status) => self.show(status, terminal)?,
                    Seen::Tree(status) => tree::show(status, self.wide, terminal)?,
                }
            }
        }
        Ok(if seen.iter().all(Seen::is_healthy) { ExitStatus::Done } else { ExitStatus::Failed })
    }

    fn read(&self, folder: &Path, now: OffsetDateTime) -> Result<Status, CommandError> {
        let open = Folder::open(folder)?;
        let lock = open.lock_for_reading()?;
        let snapshot = open.public_snapshot();
        drop(lock);
        Ok(Status::new(&snapshot, now)?.must_last(self.fail_within))
    }

    /// The certificates of a folder that has no cluster.
    fn read_tree(&self, path: &Path, named: &Path, now: OffsetDateTime) -> Result<TreeStatus, CommandError> {
        if !path.exists() {
            let message =
                format!("{}: there is no such file or folder, and so no cluster.lock.json", named.display());
            return Err(CommandError::new(message).hint(NAME_A_FOLDER));
        }
        let status = TreeStatus::read(path, &SystemFiles, now)?.must_last(self.fail_within);
        if status.certificates.is_empty() && status.not_judged.is_empty() {
            let message = format!("{}: there is no cluster.lock.json and no certificate", named.display());
            return Err(CommandError::new(message).hint(NAME_A_FOLDER));
        }
        Ok(status)
    }

    fn forget(
        &self,
        clusters: &[PathBuf],
        named: &Path,
        now: OffsetDateTime,
        terminal: &mut Terminal<'_>,
    ) -> Result<(), CommandError> {
        if clusters.is_empty() {
            let message =
                format!("{}: there is no cluster.lock.json, so nothing is remembered", named.display());
            return Err(CommandError::new(message).hint("leave out --forget-ended"));
        }
        for cluster in clusters {
            let forgotten = Folder::lock(cluster)?.forget_ended(now)?;
            let count = finding::count(forgotten.len(), "former certificate");
            print::notes(terminal, [format!("{}: {count} that ended forgotten", cluster.display())]);
        }
        Ok(())
    }

    fn write_metrics(&self, seen: &[Seen]) -> Result<(), CommandError> {
        let Some(file) = &self.prometheus else { return Ok(()) };
        let clusters = seen.iter().filter_map(|seen| match seen {
            Seen::Cluster(status) => Some(status.as_ref()),
            Seen::Tree(_) => None,
        });
        let clusters: Vec<Status> = clusters.cloned().collect();
        let trees = seen.iter().filter_map(|seen| match seen {
            Seen::Cluster(_) => None,
            Seen::Tree(status) => Some(status.clone()),
        });
        let trees: Vec<TreeStatus> = trees.collect();
        let mut text = prometheus(&clusters);
        if !trees.is_empty() {
            text += &prometheus_of_trees(&trees);
        }
        disk::write(file, text.as_bytes(), Mode::Exactly(0o644), Existing::Replace)
            .map_err(|error| CommandError::write(file, &error))
    }

    fn show(&self, status: &Status, terminal: &mut Terminal<'_>) -> Result<(), CommandError> {
        let style = Style::of_output(terminal);
        if !terminal.is_quiet() {
            self.show_certificates(status, style, terminal)?;
            self.show_lists(status, style, terminal)?;
            self.show_former(status, style, terminal)?;
            if let Some(registry) = status.registry.as_ref().filter(|_| self.wide) {
                let lines = finding::count(registry.lines, "line");
                let head = registry.head.as_deref().unwrap_or("none");
                let state = if registry.broken_at.is_some() { "; it is broken" } else { "" };
                let text = format!("{}: {lines}, the digest of the last is {head}{state}", registry.path);
                print::line(terminal, format_args!("{}\n", shown(&text)))?;
            }
        }
        waiting(status, style, terminal)?;
        finding::print(&finding::told(&status.findings, terminal), style, &mut *terminal.output)?;
        summary(status, terminal)
    }

    fn show_certificates(
        &self,
        status: &Status,
        style: Style,
        terminal: &mut Terminal<'_>,
    ) -> Result<(), CommandError> {
        let mut table = table::new(&self.columns(&["CERTIFICATE", "ENDS", "DAYS", "RENEW", "STATE"]), style);
        for certificate in &status.certificates {
            let tone = self.tone(status, certificate);
            let cells = vec![
                table::cell(&certificate.certificate),
                table::cell(day(certificate.ends)),
                style.cell(tone, certificate.days_left),
                table::cell(day(certificate.renewal)),
                style.cell(tone, state(certificate)),
            ];
            table.add_row(self.with_subject(cells, &certificate.subject, &certificate.serial));
        }
        table::show(&table, terminal)
    }

    fn show_lists(
        &self,
        status: &Status,
        style: Style,
        terminal: &mut Terminal<'_>,
    ) -> Result<(), CommandError> {
        let mut header = vec!["REVOCATION LIST", "NEXT UPDATE", "DAYS", "STATE"];
        header.extend(self.wide.then_some("ISSUER"));
        let mut table = table::new(&header, style);
        for list in &status.revocation_lists {
            let is_wrong = !list.file.is_healthy() || self.ends_too_soon(status, list.next_update);
            let tone = if is_wrong { Tone::Error } else { Tone::Good };
            let mut cells = vec![
                table::cell(&list.path),
                table::cell(list.next_update.map(day).unwrap_or_default()),
                style.cell(tone, list.days_left.map(|days| days.to_string()).unwrap_or_default()),
                style.cell(tone, list_state(status, list)),
            ];
            cells.extend(self.wide.then(|| table::cell(list.issuer.as_deref().unwrap_or_default())));
            table.add_row(cells);
        }
        table::show(&table, terminal)
    }

    fn show_former(
        &self,
        status: &Status,
        style: Style,
        terminal: &mut Terminal<'_>,
    ) -> Result<(), CommandError> {
        let mut table = table::new(&self.columns(&["FORMER CERTIFICATE", "ENDS", "DAYS"]), style);
        for former in &status.former {
            let cells = vec![
                table::cell(&former.certificate),
                table::cell(day(former.not_after)),
                table::cell(former.days_left),
            ];
            table.add_row(self.with_subject(cells, &former.subject, &former.serial));
        }
        table::show(&table, terminal)
    }

    /// The titles of columns, with those of `--wide`.
    fn columns<'a>(&self, columns: &[&'a str]) -> Vec<&'a str> {
        let wide: &[&str] = if self.wide { &["SUBJECT", "SERIAL"] } else { &[] };
        columns.iter().chain(wide).copied().collect()
    }

    fn with_subject(&self, mut cells: Vec<Cell>, subject: &str, serial: &str) -> Vec<Cell> {
        if self.wide {
            cells.extend([table::cell(subject), table::cell(serial)]);
        }
        cells
    }

    fn ends_too_soon(&self, status: &Status, end: Option<OffsetDateTime>) -> bool {
        end.is_some_and(|end| status.ends_within(end, self.fail_within))
    }

    fn tone(&self, status: &Status, certificate: &CertificateStatus) -> Tone {
        match certificate.state {
            _ if !certificate.file.is_healthy() || self.ends_too_soon(status, Some(certificate.ends)) => {
                Tone::Error
            }
            State::NotYetValid | State::Ended => Tone::Error,
            State::RenewalDue => Tone::Warning,
            _ => Tone::Good,
        }
    }
}

impl Seen {
    fn cluster(&self) -> Option<&str> {
        match self {
            Self::Cluster(status) => Some(&status.cluster),
            Self::Tree(_) => None,
        }
    }

    fn first_end(&self) -> Option<OffsetDateTime> {
        match self {
            Self::Cluster(status) => status.first_end().map(|(_, end)| end),
            Self::Tree(status) => status.certificates.first().map(|first| first.ends),
        }
    }

    fn findings(&self) -> &[Finding] {
        match self {
            Self::Cluster(status) => &status.findings,
            Self::Tree(status) => &status.findings,
        }
    }

    fn is_healthy(&self) -> bool {
        match self {
            Self::Cluster(status) => status.is_healthy(),
            Self::Tree(status) => status.is_healthy(),
        }
    }
}

fn state(certificate: &CertificateStatus) -> String {
    let state = certificate.state.name().replace('-', " ");
    match (file_state(certificate.file), &certificate.ends_with) {
        (Some(problem), _) => problem.to_owned(),
        (None, Some(_)) => format!("{state}; ends with its CA"),
        (None, None) => state,
    }
}

/// Prints what waits for a CA that is offline.
fn waiting(status: &Status, style: Style, terminal: &mut Terminal<'_>) -> Result<(), CommandError> {
    if status.waiting.is_empty() {
        return Ok(());
    }
    let title = style.paint(Tone::Hint, "Waiting for the CA that is offline:");
    print::line(terminal, format_args!("{title}"))?;
    for request in &status.waiting {
        let next = match request.is_signed {
            true => format!("{} is signed: run `etcdpki cluster apply`", request.answer),
            false => format!("{} is to be signed; {} is expected", request.request, request.answer),
        };
        writeln!(terminal.output, "  {}", shown(&next))?;
    }
    Ok(writeln!(terminal.output)?)
}

/// What is wrong with a file, in a few words for a table; `None` if nothing is wrong. The findings say more.
fn file_state(state: FileState) -> Option<&'static str> {
    match state {
        FileState::AsRecorded => None,
        FileState::Changed => Some("not as recorded"),
        FileState::Missing => Some("missing"),
        FileState::NoIssuer => Some("its CA is not here"),
        _ => Some("cannot be read"),
    }
}

fn list_state(status: &Status, list: &RevocationListStatus) -> String {
    let has_ended = list.next_update.is_some_and(|end| status.ends_within(end, Duration::ZERO));
    match file_state(list.file) {
        Some(problem) => problem.to_owned(),
        None if has_ended => "ended".to_owned(),
        None => format!("{} revoked", list.revoked),
    }
}

fn summary(status: &Status, terminal: &mut Terminal<'_>) -> Result<(), CommandError> {
    let count = finding::count(status.certificates.len(), "certificate");
    let first = status.certificates.iter().min_by_key(|certificate| certificate.ends);
    let first = first.map(|first| {
        let ends = if first.days_left < 0 { "ended" } else { "ends" };
        format!("; {} {ends} first, on {}", first.certificate, day(first.ends))
    });
    let totals = finding::totals(&status.findings).map(|totals| format!("; {totals}"));
    let (first, totals) = (first.unwrap_or_default(), totals.unwrap_or_default());
    let line = format!("{}: {count} in use{first}{totals}.", status.cluster);
    print::line(terminal, shown(&line))
}
