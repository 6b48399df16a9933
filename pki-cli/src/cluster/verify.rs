//! `etcdpki cluster verify`: what would become of a cluster.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use anstyle::{AnsiColor, Style};
use clap::Args;
use comfy_table::{Cell, Color};
use pki_core::etcd::EtcdVersion;
use pki_core::etcd::found::{ReadError, SystemFiles};
use pki_core::etcd::verify::{Conditions, Connection, Failure, Link, Mesh, Stranger, Verification, Visit};
use pki_core::tls::Leniency;
use pki_core::x509::{SystemKeys, SystemRandomness};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use time::macros::format_description;

use super::{bar, show};
use crate::failure::Failure as CommandFailure;
use crate::io::Io;

pub(super) const EXAMPLE: &str = "\
Every member dials every other one, every client every member, with real TLS handshakes in memory, by the rules of \
etcd and of Go's TLS. Certificates are also tried where they were not made for. Nothing is started, and nothing is \
asked that is not in DIR: what depends on name servers is said to.

Exit status: 0 if the cluster forms, survives the loss of any one member, and everything that should connect does; \
1 otherwise.

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
    /// The etcd whose rules count, such as 3.5 or 3.4.23
    #[arg(long, value_name = "VERSION", default_value = "3.5", value_parser = version)]
    etcd: EtcdVersion,
    /// The moment to look at, such as 2027-12-24T00:00:00Z, instead of now
    #[arg(long, value_name = "TIME", value_parser = moment)]
    at: Option<OffsetDateTime>,
    /// Print JSON for machines
    #[arg(long)]
    json: bool,
}

fn version(text: &str) -> Result<EtcdVersion, String> {
    EtcdVersion::parse(text).map_err(|error| error.to_string())
}

fn moment(text: &str) -> Result<OffsetDateTime, String> {
    OffsetDateTime::parse(text, &Rfc3339).map_err(|error| format!("{error}; write 2027-12-24T00:00:00Z"))
}

impl Verify {
    pub(super) fn run(&self, io: &mut Io<'_>) -> Result<u8, CommandFailure> {
        let now = self.at.unwrap_or_else(|| (io.now)());
        let folder = std::path::absolute(&self.folder)?;
        let stranger = Stranger::new(&SystemKeys, &SystemRandomness, now)?;
        let spinner = bar("{spinner} trying connections {elapsed}", io);
        spinner.enable_steady_tick(Duration::from_millis(100));
        let mesh = Mesh::read(&folder, self.etcd, Leniency::default(), &stranger, &SystemFiles);
        let verified = mesh.map(|mesh| mesh.verify(Conditions { now, lookup: None }));
        spinner.finish_and_clear();
        let verified = verified.map_err(failure)?;
        if self.json {
            serde_json::to_writer_pretty(&mut *io.output, &verified).map_err(std::io::Error::from)?;
            writeln!(io.output)?;
        } else {
            show::lines(verified.warnings.iter().cloned(), io);
            Paper::new(io).verification(&verified, io)?;
        }
        Ok(u8::from(!verified.is_good()))
    }
}

fn failure(error: ReadError) -> CommandFailure {
    CommandFailure::user(error.to_string()).known_hint(error.hint())
}

/// What is written on.
struct Paper {
    colours: bool,
    good: Style,
    bad: Style,
    doubtful: Style,
    hint: Style,
}

impl Paper {
    fn new(io: &Io<'_>) -> Self {
        let colours = io.colours_output();
        let style = |colour: AnsiColor| if colours { colour.on_default() } else { Style::new() };
        let bold = |colour| if colours { style(colour).bold() } else { Style::new() };
        Self {
            colours,
            good: bold(AnsiColor::Green),
            bad: bold(AnsiColor::Red),
            doubtful: bold(AnsiColor::Yellow),
            hint: style(AnsiColor::Cyan),
        }
    }

    fn verification(&self, verified: &Verification, io: &mut Io<'_>) -> Result<(), CommandFailure> {
        self.members(verified, io)?;
        self.mesh(verified, io)?;
        for failure in &verified.failures {
            self.failure("fails", self.bad, failure, io)?;
        }
        for failure in &verified.unknown {
            self.failure("unknown", self.doubtful, failure, io)?;
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

    fn members(&self, verified: &Verification, io: &mut Io<'_>) -> Result<(), CommandFailure> {
        let (bad, hint) = (self.bad, self.hint);
        for member in verified.members.iter().filter(|member| !member.starts) {
            for fault in &member.faults {
                writeln!(io.output, "{bad}does not start{bad:#}: {}: {}", member.name, fault.reason)?;
                writeln!(io.output, "  {hint}hint{hint:#}: {}", fault.hint)?;
            }
        }
        Ok(())
    }

    fn mesh(&self, verified: &Verification, io: &mut Io<'_>) -> Result<(), CommandFailure> {
        let names: Vec<&str> = verified.members.iter().map(|member| member.name.as_str()).collect();
        if names.len() < 2 || names.len() > MOST_COLUMNS {
            return Ok(());
        }
        let header: Vec<&str> = std::iter::once("FROM \\ TO").chain(names.iter().copied()).collect();
        let mut table = show::table(&header, self.colours);
        for (name, row) in names.iter().zip(&verified.mesh) {
            table.add_row(std::iter::once(Cell::new(name)).chain(row.iter().map(|link| self.cell(*link))));
        }
        Ok(writeln!(io.output, "{}\n", table.trim_fmt())?)
    }

    fn cell(&self, link: Link) -> Cell {
        let (text, colour) = match link {
            Link::Connects => ("yes", Color::Green),
            Link::Depends => ("perhaps", Color::Yellow),
            Link::Fails => ("no", Color::Red),
            _ => ("-", Color::DarkGrey),
        };
        if self.colours { Cell::new(text).fg(colour) } else { Cell::new(text) }
    }

    fn failure(
        &self,
        word: &str,
        style: Style,
        failure: &Failure,
        io: &mut Io<'_>,
    ) -> Result<(), CommandFailure> {
        let (from, to) = (some(&failure.from), some(&failure.to));
        let who = match failure.connection {
            Connection::Peer => format!("{from} to {to}"),
            Connection::Gateway => format!("the gRPC gateway of {to}"),
            _ => format!("client {from} to {to}"),
        };
        writeln!(io.output, "{style}{word}{style:#}: {who}: {}", failure.reason)?;
        if !failure.log.is_empty() {
            writeln!(io.output, "  in the log: {}", failure.log)?;
        }
        let style = self.hint;
        if let Some(hint) = &failure.hint {
            writeln!(io.output, "  {style}hint{style:#}: {hint}")?;
        }
        Ok(())
    }

    fn visits(&self, verified: &Verification, io: &mut Io<'_>) -> Result<(), CommandFailure> {
        let (bad, doubtful) = (self.bad, self.doubtful);
        let size = verified.members.len();
        for visit in &verified.breaches {
            writeln!(io.output, "{bad}breach{bad:#}: {}", words(visit, size))?;
        }
        for visit in &verified.opens_also {
            writeln!(io.output, "{doubtful}opens also{doubtful:#}: {}", words(visit, size))?;
        }
        Ok(())
    }

    fn verdict(&self, verified: &Verification, io: &mut Io<'_>) -> Result<(), CommandFailure> {
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
        let style = if verdict.forms && verdict.survives_any_one { self.good } else { self.bad };
        Ok(writeln!(io.output, "{style}Verdict{style:#} (etcd {}): {}.", verified.etcd, verified.summary)?)
    }
}

/// Where members were taken to come from, which the files do not tell for certain.
fn sources(verified: &Verification, io: &mut Io<'_>) -> Result<(), CommandFailure> {
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
