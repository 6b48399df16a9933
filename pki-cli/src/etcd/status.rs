//! `etcdpki cluster status`: when what was issued ends.

use std::path::PathBuf;

use clap::Args;
use comfy_table::Cell;
use pki_core::disk::{self, Existing, Mode};
use pki_core::etcd::Folder;
use pki_core::etcd::check::Severity;
use pki_core::etcd::status::{CertificateStatus, FileState, RevocationListStatus, State, Status, prometheus};
use pki_core::go::duration;
use time::{Duration, OffsetDateTime};

use crate::exit_status::ExitStatus;
use crate::terminal::table::{self, day};
use crate::terminal::{CommandError, Style, Terminal, Tone, finding, print};

pub(super) const EXAMPLE: &str = "\
Only public files are read, so a copy of the folder without the CA's key is enough.

The metrics of --prometheus are moments, such as etcdpki_certificate_expiry_timestamp_seconds, so the file stays \
correct until the next `apply`. The node exporter reads files whose names end with .prom. An alert for it:
  etcdpki_certificate_expiry_timestamp_seconds - time() < 30 * 86400

Exit status: 0 if everything in use is valid and as recorded; 1 if something has ended, ends within the time of \
--fail-within, is not valid yet, is missing, damaged or changed, or if the folder cannot be read.

Example:
  etcdpki cluster status out --fail-within 30d --prometheus /var/lib/node_exporter/etcdpki.prom";

/// `status`
#[derive(Args)]
pub(crate) struct Command {
    /// The folder that `apply` made. Several may be given
    #[arg(value_name = "DIR", required = true)]
    folders: Vec<PathBuf>,
    /// Print JSON for machines
    #[arg(long)]
    json: bool,
    /// Write metrics for the node exporter's textfile collector, whole or not at all
    #[arg(long, value_name = "FILE")]
    prometheus: Option<PathBuf>,
    /// Fail if something in use ends within this time, such as 30d or 720h
    #[arg(long, value_name = "DURATION", default_value = "0s", hide_default_value = true, value_parser = time_left)]
    fail_within: Duration,
}

fn time_left(text: &str) -> Result<Duration, String> {
    match duration::parse(text) {
        Ok(time) if time.is_negative() => Err("it is below zero".to_owned()),
        Ok(time) => Ok(time),
        Err(error) => Err(format!("{error}: {}", error.hint())),
    }
}

impl Command {
    pub(super) fn run(&self, terminal: &mut Terminal<'_>) -> Result<ExitStatus, CommandError> {
        let now = (terminal.now)();
        let mut statuses: Vec<Status> = Vec::new();
        for folder in &self.folders {
            let status =
                Status::new(&Folder::open(folder)?.public_snapshot()?, now)?.must_last(self.fail_within);
            if statuses.iter().any(|other| other.cluster == status.cluster) {
                let message = format!("{}: there are two folders of {}", folder.display(), status.cluster);
                return Err(CommandError::new(message)
                    .hint("clusters that are looked at together have different names"));
            }
            statuses.push(status);
        }
        if let Some(file) = &self.prometheus {
            disk::write(file, prometheus(&statuses).as_bytes(), Mode::Exactly(0o644), Existing::Replace)
                .map_err(|error| CommandError::write(file, &error))?;
        }
        if self.json {
            print::json_one_or_many(terminal, &statuses, statuses.len())?;
        } else {
            for status in &statuses {
                self.show(status, terminal)?;
            }
        }
        let is_healthy = statuses.iter().all(Status::is_healthy);
        Ok(if is_healthy { ExitStatus::Done } else { ExitStatus::Failed })
    }

    fn show(&self, status: &Status, terminal: &mut Terminal<'_>) -> Result<(), CommandError> {
        let style = Style::of_output(terminal);
        let mut table =
            table::new(&["CERTIFICATE", "ENDS", "DAYS", "RENEW", "STATE", "SUBJECT", "SERIAL"], style);
        for certificate in &status.certificates {
            let tone = self.tone(status, certificate);
            table.add_row([
                Cell::new(&certificate.certificate),
                Cell::new(day(certificate.ends)),
                style.cell(tone, certificate.days_left),
                Cell::new(day(certificate.renewal)),
                style.cell(tone, state(certificate)),
                Cell::new(&certificate.subject),
                Cell::new(&certificate.serial),
            ]);
        }
        table::show(&table, terminal)?;
        let mut table = table::new(&["REVOCATION LIST", "NEXT UPDATE", "DAYS", "STATE", "ISSUER"], style);
        for list in &status.revocation_lists {
            let is_wrong = !list.file.is_healthy() || self.ends_too_soon(status, list.next_update);
            let tone = if is_wrong { Tone::Error } else { Tone::Good };
            table.add_row([
                Cell::new(&list.path),
                Cell::new(list.next_update.map(day).unwrap_or_default()),
                style.cell(tone, list.days_left.map(|days| days.to_string()).unwrap_or_default()),
                style.cell(tone, list_state(status, list)),
                Cell::new(list.issuer.as_deref().unwrap_or_default()),
            ]);
        }
        table::show(&table, terminal)?;
        let mut table = table::new(&["FORMER CERTIFICATE", "ENDS", "DAYS", "SUBJECT", "SERIAL"], style);
        for former in &status.former {
            table.add_row([
                former.certificate.clone(),
                day(former.not_after),
                former.days_left.to_string(),
                former.subject.clone(),
                former.serial.clone(),
            ]);
        }
        table::show(&table, terminal)?;
        finding::print(&status.findings, style, &mut *terminal.output)?;
        summary(status, terminal)
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

fn state(certificate: &CertificateStatus) -> String {
    let state = certificate.state.name().replace('-', " ");
    match (file_state(certificate.file), &certificate.ends_with) {
        (Some(problem), _) => problem.to_owned(),
        (None, Some(ca)) => format!("{state}; ends with {ca}"),
        (None, None) => state,
    }
}

/// What is wrong with a file, in short, for a table; `None` if nothing is. The findings say more.
fn file_state(state: FileState) -> Option<&'static str> {
    match state {
        FileState::AsRecorded => None,
        FileState::Changed => Some("not as recorded"),
        FileState::Missing => Some("missing"),
        FileState::NoIssuer => Some("of no CA in the folder"),
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
    let errors = status.findings.iter().filter(|finding| finding.severity == Severity::Error).count();
    let count = status.certificates.len();
    let first = status.certificates.iter().min_by_key(|certificate| certificate.ends);
    let first = first.map(|first| {
        let ends = if first.days_left < 0 { "ended" } else { "ends" };
        format!("; the first, {}, {ends} on {}", first.certificate, day(first.ends))
    });
    let errors = match errors {
        0 => String::new(),
        1 => "; 1 error".to_owned(),
        count => format!("; {count} errors"),
    };
    let first = first.unwrap_or_default();
    Ok(writeln!(terminal.output, "{}: {count} certificates in use{first}{errors}.", status.cluster)?)
}
