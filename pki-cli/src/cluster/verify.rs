//! `etcdpki cluster verify`: what would become of a cluster.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use anstyle::{AnsiColor, Style as AnsiStyle};
use clap::Args;
use comfy_table::{Cell, Color};
use pki_core::etcd::EtcdVersion;
use pki_core::etcd::found::{ReadError, SystemFiles};
use pki_core::etcd::verify::{Conditions, Connections, Link, UntrustedCa, Verification};
use pki_core::tls::Leniency;
use pki_core::x509::{SystemKeys, SystemRandomness};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use time::macros::format_description;

use super::{bar, show};
use crate::failure::Failure;
use crate::io::Io;
use crate::terminal::finding;

pub(super) const EXAMPLE: &str = "\
Every member dials every other one, every client every member, with real TLS handshakes in memory, by the rules of \
etcd and of Go's TLS. Certificates are also tried where they were not made for. Nothing is started, and nothing is \
asked that is not in DIR: what depends on name servers is said to.

Exit status: 0 if the cluster forms, survives the loss of any one member, and everything that should connect does; \
1 otherwise.

Examples:
  etcdpki cluster verify out
  etcdpki cluster verify out --at 2027-12-24T00:00:00Z --json";

/// A table of more members is too wide to be read.
const MOST_COLUMNS: usize = 16;

/// The number of names that are written one by one.
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
    pub(super) fn run(&self, io: &mut Io<'_>) -> Result<u8, Failure> {
        let now = self.at.unwrap_or_else(|| (io.now)());
        let folder = std::path::absolute(&self.folder)?;
        let untrusted = UntrustedCa::new(&SystemKeys, &SystemRandomness, now)?;
        let spinner = bar("{spinner} trying connections {elapsed}", io);
        spinner.enable_steady_tick(Duration::from_millis(100));
        let read = Connections::read(&folder, self.etcd, Leniency::default(), &untrusted, &SystemFiles);
        let verified = read.map(|connections| connections.verify(Conditions { now, lookup: None }));
        spinner.finish_and_clear();
        let verified = verified.map_err(failure)?;
        if self.json {
            serde_json::to_writer_pretty(&mut *io.output, &verified).map_err(std::io::Error::from)?;
            writeln!(io.output)?;
        } else {
            Style::new(io).verification(&verified, io)?;
        }
        Ok(u8::from(!verified.is_healthy()))
    }
}

fn failure(error: ReadError) -> Failure {
    Failure::user(error.to_string()).known_hint(error.hint())
}

/// The colours of a verification.
struct Style {
    colours: bool,
    good: AnsiStyle,
    bad: AnsiStyle,
    doubtful: AnsiStyle,
}

impl Style {
    fn new(io: &Io<'_>) -> Self {
        let colours = io.colours_output();
        let bold = |colour: AnsiColor| if colours { colour.on_default().bold() } else { AnsiStyle::new() };
        Self {
            colours,
            good: bold(AnsiColor::Green),
            bad: bold(AnsiColor::Red),
            doubtful: bold(AnsiColor::Yellow),
        }
    }

    fn verification(&self, verified: &Verification, io: &mut Io<'_>) -> Result<(), Failure> {
        self.mesh(verified, io)?;
        finding::print(&verified.findings, self.colours, &mut *io.output)?;
        let doubtful = self.doubtful;
        for connection in &verified.also_opens {
            let text = connection.in_words(verified.members.len());
            writeln!(io.output, "{doubtful}allowed by the layout{doubtful:#}: {text}")?;
        }
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
        let verdict = &verified.verdict;
        let style = if verdict.forms && verdict.survives_any_one { self.good } else { self.bad };
        Ok(writeln!(io.output, "{style}Verdict{style:#} (etcd {}): {}.", verified.etcd, verified.summary)?)
    }

    fn mesh(&self, verified: &Verification, io: &mut Io<'_>) -> Result<(), Failure> {
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
}

/// The addresses that members are assumed to dial from, which the files do not tell for certain.
fn sources(verified: &Verification, io: &mut Io<'_>) -> Result<(), Failure> {
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
    Ok(writeln!(io.output, "Assumed to dial: {}.", joined(&sources, "; "))?)
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
