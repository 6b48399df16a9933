//! `etcdpki cluster status`: when the certificates and revocation lists of an output folder end.

use std::path::PathBuf;

use clap::Args;
use pki_core::base::shown;
use pki_core::disk::{self, Existing, Mode};
use pki_core::etcd::Folder;
use pki_core::etcd::status::{CertificateStatus, FileState, RevocationListStatus, State, Status, prometheus};
use pki_core::go::duration;
use time::{Duration, OffsetDateTime};

use crate::exit_status::ExitStatus;
use crate::terminal::table::{self, day};
use crate::terminal::{CommandError, Style, Terminal, Tone, finding, print};

pub(super) const EXAMPLE: &str = "\
Only public files are read, so a copy of the folder without the CAs' keys is enough.

The metrics of --prometheus are points in time, such as etcdpki_certificate_expiry_timestamp_seconds, so the file \
stays correct until the next `apply`. The node exporter reads files whose names end with .prom. An alert rule:
  etcdpki_certificate_expiry_timestamp_seconds - time() < 30 * 86400

Exit status:
  0  everything in use is valid, and is as `apply` recorded it
  1  something has ended, is not valid yet, ends within the time of --fail-within, is missing or
     damaged, or was changed; or the folder cannot be read

Example:
  etcdpki cluster status out --fail-within 30d --prometheus /var/lib/node_exporter/etcdpki.prom";

/// The arguments of `status`.
#[derive(Args)]
pub(crate) struct Command {
    /// The output folder of `apply`, or a copy of it. Name several for several clusters
    #[arg(value_name = "DIR", default_value = "out")]
    folders: Vec<PathBuf>,
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

impl Command {
    pub(super) fn run(&self, terminal: &mut Terminal<'_>) -> Result<ExitStatus, CommandError> {
        let now = (terminal.now)();
        let mut statuses: Vec<Status> = Vec::new();
        for folder in &self.folders {
            let open = Folder::open(folder)?;
            let lock = open.lock_for_reading()?;
            let snapshot = open.public_snapshot();
            drop(lock);
            let status = Status::new(&snapshot, now)?.must_last(self.fail_within);
            if statuses.iter().any(|other| other.cluster == status.cluster) {
                let message = format!("{}: there are two folders of {}", folder.display(), status.cluster);
                return Err(CommandError::new(message).hint("name the folder of each cluster once"));
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
                table::cell(&certificate.certificate),
                table::cell(day(certificate.ends)),
                style.cell(tone, certificate.days_left),
                table::cell(day(certificate.renewal)),
                style.cell(tone, state(certificate)),
                table::cell(&certificate.subject),
                table::cell(&certificate.serial),
            ]);
        }
        table::show(&table, terminal)?;
        let mut table = table::new(&["REVOCATION LIST", "NEXT UPDATE", "DAYS", "STATE", "ISSUER"], style);
        for list in &status.revocation_lists {
            let is_wrong = !list.file.is_healthy() || self.ends_too_soon(status, list.next_update);
            let tone = if is_wrong { Tone::Error } else { Tone::Good };
            table.add_row([
                table::cell(&list.path),
                table::cell(list.next_update.map(day).unwrap_or_default()),
                style.cell(tone, list.days_left.map(|days| days.to_string()).unwrap_or_default()),
                style.cell(tone, list_state(status, list)),
                table::cell(list.issuer.as_deref().unwrap_or_default()),
            ]);
        }
        table::show(&table, terminal)?;
        let mut table = table::new(&["FORMER CERTIFICATE", "ENDS", "DAYS", "SUBJECT", "SERIAL"], style);
        for former in &status.former {
            table.add_row([
                table::cell(&former.certificate),
                table::cell(day(former.not_after)),
                table::cell(former.days_left),
                table::cell(&former.subject),
                table::cell(&former.serial),
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

/// What is wrong with a file, in a few words for a table; `None` if nothing is wrong. The findings say more.
fn file_state(state: FileState) -> Option<&'static str> {
    match state {
        FileState::AsRecorded => None,
        FileState::Changed => Some("not as recorded"),
        FileState::Missing => Some("missing"),
        FileState::NoIssuer => Some("not issued by a CA of the folder"),
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
        format!("; the first, {}, {ends} on {}", first.certificate, day(first.ends))
    });
    let totals = finding::totals(&status.findings).map(|totals| format!("; {totals}"));
    let (first, totals) = (first.unwrap_or_default(), totals.unwrap_or_default());
    let line = format!("{}: {count} in use{first}{totals}.", status.cluster);
    Ok(writeln!(terminal.output, "{}", shown(&line))?)
}
