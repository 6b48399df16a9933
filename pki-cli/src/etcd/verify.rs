//! `etcdpki cluster verify`: what would become of a cluster.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::PathBuf;

use clap::Args;
use comfy_table::Cell;
use pki_core::etcd::found::SystemFiles;
use pki_core::etcd::verify::{Conditions, Connection, Failure, Link, Mesh, Stranger, Verification, Visit};
use pki_core::tls::Leniency;
use pki_core::x509::{SystemKeys, SystemRandomness};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use time::macros::format_description;

use super::EtcdArgs;
use crate::exit_status::ExitStatus;
use crate::terminal::table;
use crate::terminal::{CommandError, Style, Terminal, Tone, absolute, print, progress};

pub(super) const EXAMPLE: &str = "\
Every member connects to every other member, and every client to every member: with real TLS handshakes in memory, \
by the rules of etcd and of Go's TLS. Certificates are also tried where they must not be accepted. Nothing is started, \
and only the files in DIR are read: what depends on name servers is reported as unknown.

Exit status: 0 if the cluster forms, survives the loss of any one member, and everything that should connect does; \
2 if that depends on something that the files do not tell; 1 otherwise.

Examples:
  etcdpki cluster verify out
  etcdpki cluster verify out --at 2027-12-24T00:00:00Z --json";

/// A table with more members is for nobody's eyes.
const MOST_COLUMNS: usize = 16;

/// So many names are told one by one.
const MOST_NAMES: usize = 8;

/// `verify`
#[derive(Args)]
pub(crate) struct Verify {
    /// The folder that `apply` made, or any other with the files of members
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    #[command(flatten)]
    version: EtcdArgs,
    /// The moment to look at, such as 2027-12-24T00:00:00Z, instead of now
    #[arg(long, value_name = "TIME", value_parser = moment)]
    at: Option<OffsetDateTime>,
    /// Print JSON for machines
    #[arg(long)]
    json: bool,
}

fn moment(text: &str) -> Result<OffsetDateTime, String> {
    OffsetDateTime::parse(text, &Rfc3339).map_err(|error| format!("{error}; write 2027-12-24T00:00:00Z"))
}

impl Verify {
    pub(super) fn run(&self, io: &mut Terminal<'_>) -> Result<ExitStatus, CommandError> {
        let now = self.at.unwrap_or_else(|| (io.now)());
        let folder = absolute(&self.folder)?;
        let stranger = Stranger::new(&SystemKeys, &SystemRandomness, now)?;
        let spinner = progress::spinner("{spinner} trying connections {elapsed}", io);
        let mesh = Mesh::read(&folder, self.version.etcd, Leniency::default(), &stranger, &SystemFiles);
        let verified = mesh.map(|mesh| mesh.verify(Conditions { now, lookup: None }));
        spinner.finish_and_clear();
        let verified = verified?;
        if self.json {
            print::json(io, &verified)?;
        } else {
            print::warnings(io, &verified.warnings);
            Printer { style: Style::of_output(io) }.verification(&verified, io)?;
        }
        Ok(match (verified.is_good(), verified.unknown.is_empty()) {
            (true, true) => ExitStatus::Done,
            (true, false) => ExitStatus::NotFinished,
            (false, _) => ExitStatus::Failed,
        })
    }
}

/// Prints a report for a person.
struct Printer {
    style: Style,
}

impl Printer {
    fn verification(&self, verified: &Verification, io: &mut Terminal<'_>) -> Result<(), CommandError> {
        self.members(verified, io)?;
        self.mesh(verified, io)?;
        for failure in &verified.failures {
            self.failure("fails", Tone::Error, failure, io)?;
        }
        for failure in &verified.unknown {
            self.failure("unknown", Tone::Warning, failure, io)?;
        }
        self.visits(verified, io)?;
        sources(verified, io)?;
        let tried = verified.tried;
        writeln!(
            io.output,
            "Tried: {} between members, {} of clients, {} of gRPC gateways, {} that must fail.",
            tried.peers, tried.clients, tried.gateways, tried.forbidden
        )?;
        if let Some(end) = &verified.first_end {
            writeln!(
                io.output,
                "What works now works until {}; then end: {}.",
                minute(end.at),
                ending(&end.certificates)
            )?;
        }
        self.verdict(verified, io)
    }

    fn members(&self, verified: &Verification, io: &mut Terminal<'_>) -> Result<(), CommandError> {
        let bad = || self.style.paint(Tone::Error, "does not start");
        let hint = || self.style.paint(Tone::Hint, "hint");
        for member in verified.members.iter().filter(|member| !member.starts) {
            for fault in &member.faults {
                writeln!(io.output, "{}: {}: {}", bad(), member.name, fault.reason)?;
                writeln!(io.output, "  {}: {}", hint(), fault.hint)?;
            }
        }
        Ok(())
    }

    fn mesh(&self, verified: &Verification, io: &mut Terminal<'_>) -> Result<(), CommandError> {
        let names: Vec<&str> = verified.members.iter().map(|member| member.name.as_str()).collect();
        if names.len() < 2 || names.len() > MOST_COLUMNS {
            return Ok(());
        }
        let header: Vec<&str> = std::iter::once("FROM \\ TO").chain(names.iter().copied()).collect();
        let mut table = table::new(&header, self.style);
        for (name, row) in names.iter().zip(&verified.mesh) {
            table.add_row(std::iter::once(Cell::new(name)).chain(row.iter().map(|link| self.cell(*link))));
        }
        table::show(&table, io)
    }

    fn cell(&self, link: Link) -> Cell {
        let (text, tone) = match link {
            Link::Connects => ("yes", Tone::Good),
            Link::Depends => ("perhaps", Tone::Warning),
            Link::Fails => ("no", Tone::Error),
            _ => ("-", Tone::Faint),
        };
        self.style.cell(tone, text)
    }

    fn failure(
        &self,
        word: &str,
        tone: Tone,
        failure: &Failure,
        io: &mut Terminal<'_>,
    ) -> Result<(), CommandError> {
        let (from, to) = (some(&failure.from), some(&failure.to));
        let who = match failure.connection {
            Connection::Peer => format!("{from} to {to}"),
            Connection::Gateway => format!("the gRPC gateway of {to}"),
            _ => format!("client {from} to {to}"),
        };
        writeln!(io.output, "{}: {who}: {}", self.style.paint(tone, word), failure.reason)?;
        if !failure.log.is_empty() {
            writeln!(io.output, "  in the log: {}", failure.log)?;
        }
        if let Some(hint) = &failure.hint {
            writeln!(io.output, "  {}: {hint}", self.style.paint(Tone::Hint, "hint"))?;
        }
        Ok(())
    }

    fn visits(&self, verified: &Verification, io: &mut Terminal<'_>) -> Result<(), CommandError> {
        let style = self.style;
        let size = verified.members.len();
        for visit in &verified.breaches {
            writeln!(io.output, "{}: {}", style.paint(Tone::Error, "breach"), words(visit, size))?;
        }
        for visit in &verified.opens_also {
            writeln!(io.output, "{}: {}", style.paint(Tone::Warning, "opens also"), words(visit, size))?;
        }
        Ok(())
    }

    fn verdict(&self, verified: &Verification, io: &mut Terminal<'_>) -> Result<(), CommandError> {
        let verdict = &verified.verdict;
        for loss in verdict.fatal_losses.iter().filter(|loss| !loss.silent.is_empty()) {
            let pairs: Vec<String> = loss.silent.iter().map(|(a, b)| format!("{a} and {b}")).collect();
            writeln!(
                io.output,
                "Without {}, these cannot talk in either direction: {}.",
                loss.member,
                some(&pairs)
            )?;
        }
        if !verdict.stranded.is_empty() && verdict.forms {
            writeln!(io.output, "Hears of no leader: {}.", some(&verdict.stranded))?;
        }
        let tone = if verdict.forms && verdict.survives_any_one { Tone::Good } else { Tone::Error };
        let title = self.style.paint(tone, "Verdict");
        Ok(writeln!(io.output, "{title} (etcd {}): {}.", verified.etcd, verified.summary)?)
    }
}

/// Where members were taken to come from, which the files do not tell for certain.
fn sources(verified: &Verification, io: &mut Terminal<'_>) -> Result<(), CommandError> {
    let mut sources: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for member in verified.members.iter().filter(|member| !member.comes_from.is_empty()) {
        let from = member.comes_from.iter().map(IpAddr::to_string).collect::<Vec<_>>().join(" or ");
        sources.entry(from).or_default().push(member.name.clone());
    }
    if sources.is_empty() {
        return Ok(());
    }
    let sources: Vec<String> = match sources.len() {
        many if many == verified.members.len() && many > MOST_NAMES => {
            vec!["each member from its own address".to_owned()]
        }
        _ => sources.iter().map(|(from, members)| format!("{} from {from}", some(members))).collect(),
    };
    Ok(writeln!(io.output, "Taken to come: {}.", joined(&sources, "; "))?)
}

fn words(visit: &Visit, size: usize) -> String {
    let visitor = match (visit.visitor, visit.of.as_slice()) {
        ("nobody", _) => "whoever comes, without a certificate,".to_owned(),
        ("stranger", _) => "a certificate of a CA that nobody knows".to_owned(),
        (kind, [one]) => format!("the {kind} certificate of {one}"),
        (kind, all) => format!("the {kind} certificates of {}", some(all)),
    };
    let members = match visit.members.len() {
        all if all == size && all > 1 => "every member".to_owned(),
        _ => some(&visit.members),
    };
    format!("{visitor} at the {} port of {members}", visit.port)
}

/// The first of many names, and how many more there are.
fn some(names: &[String]) -> String {
    joined(names, ", ")
}

fn joined(names: &[String], separator: &str) -> String {
    let shown: Vec<&str> = names.iter().take(MOST_NAMES).map(String::as_str).collect();
    match names.len().saturating_sub(MOST_NAMES) {
        0 => shown.join(separator),
        more => format!("{}{separator}and {more} more", shown.join(separator)),
    }
}

/// `FILE of OWNER, OWNER; FILE of OWNER`
fn ending(certificates: &BTreeMap<String, Vec<String>>) -> String {
    let files: Vec<String> =
        certificates.iter().map(|(file, of)| format!("{file} of {}", some(of))).collect();
    joined(&files, "; ")
}

fn minute(moment: OffsetDateTime) -> String {
    let utc = moment.to_offset(time::UtcOffset::UTC);
    let format = format_description!("[year]-[month]-[day] [hour]:[minute]:[second] UTC");
    utc.format(format).unwrap_or_default()
}
