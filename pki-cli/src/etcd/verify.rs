//! `etcdpki cluster verify`: whether the members and clients of a cluster could connect, by their files.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::PathBuf;

use clap::Args;
use pki_core::base::shown;
use pki_core::etcd::Folder;
use pki_core::etcd::found::SystemFiles;
use pki_core::etcd::verify::{Conditions, Connections, Link, UntrustedCa, Verification};
use pki_core::tls::Leniency;
use pki_core::x509::{SystemKeys, SystemRandomness};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use time::macros::format_description;

use super::EtcdArgs;
use crate::exit_status::ExitStatus;
use crate::terminal::table::Cell;
use crate::terminal::{CommandError, Style, Terminal, Tone, absolute, finding, print, progress, table};

pub(super) const EXAMPLE: &str = "\
Every member connects to every other member, and every client to every member, with real TLS handshakes in memory, \
by the rules of etcd and of Go's TLS. Certificates are also tried where they must not be accepted. Nothing is started, \
and only the files in DIR are read. What they do not tell is taken for granted, and the verdict says so: \"if ...\".

Members that do not name each other in initial-cluster are several clusters, each with its verdict.

Exit status:
  0  the cluster forms, it survives the loss of any one member, and all connections are as intended
  1  something is wrong, or the folder cannot be read
  2  nothing was found wrong, but something depends on what the files do not tell

Examples:
  etcdpki cluster verify out
  etcdpki cluster verify out --at 2027-12-24T00:00:00Z --json";

/// The most members that the table of connections has columns for. A wider table cannot be read.
const MOST_COLUMNS: usize = 16;

/// The most names that a line lists. Of more names it gives the number.
const MOST_NAMES: usize = 8;

/// The arguments of `verify`.
#[derive(Args)]
pub(crate) struct Verify {
    /// The output folder of `apply`, or any other folder with the files of members
    #[arg(value_name = "DIR", default_value = "out")]
    folder: PathBuf,
    #[command(flatten)]
    version: EtcdArgs,
    /// Try the connections as at this moment, such as 2027-12-24T00:00:00Z, instead of now
    #[arg(long, value_name = "TIME", value_parser = moment)]
    at: Option<OffsetDateTime>,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

fn moment(text: &str) -> Result<OffsetDateTime, String> {
    OffsetDateTime::parse(text, &Rfc3339).map_err(|_| {
        "it is not a date and time in the form of RFC 3339; write it as in 2027-12-24T00:00:00Z".to_owned()
    })
}

impl Verify {
    pub(super) fn run(&self, terminal: &mut Terminal<'_>) -> Result<ExitStatus, CommandError> {
        let now = self.at.unwrap_or_else(|| (terminal.now)());
        let folder = absolute(&self.folder)?;
        let untrusted = UntrustedCa::new(&SystemKeys, &SystemRandomness, now)?;
        let version = self.version.of(std::slice::from_ref(&folder))?;
        let spinner = progress::spinner("{spinner} trying connections {elapsed}", terminal);
        let lock = Folder::lock_around(&folder)?;
        let read = Connections::read(&folder, version, Leniency::default(), &untrusted, &SystemFiles);
        drop(lock);
        let verify = |cluster: &Connections| cluster.verify(Conditions { now, lookup: None });
        let verified: Result<Vec<Verification>, _> =
            read.map(|clusters| clusters.iter().map(verify).collect());
        spinner.finish_and_clear();
        let verified = verified?;
        match verified.as_slice() {
            all if self.json => print::json_one_or_many(terminal, all, all.len())?,
            all => {
                let printer = Printer { style: Style::of_output(terminal) };
                for (number, cluster) in all.iter().enumerate() {
                    if all.len() > 1 {
                        let before = if number == 0 { "" } else { "\n" };
                        let members = shown(&cluster.cluster);
                        print::line(
                            terminal,
                            format_args!("{before}Cluster {} of {}: {members}", number + 1, all.len()),
                        )?;
                    }
                    printer.verification(cluster, terminal)?;
                }
            }
        }
        let is_healthy = verified.iter().all(Verification::is_healthy);
        let is_certain = verified.iter().all(Verification::is_certain);
        Ok(match (is_healthy, is_certain) {
            (true, true) => ExitStatus::Done,
            (true, false) => ExitStatus::NotFinished,
            (false, _) => ExitStatus::Failed,
        })
    }
}

/// Prints a verification for a person.
struct Printer {
    style: Style,
}

impl Printer {
    /// What stands between the findings and the verdict.
    fn details(&self, verified: &Verification, terminal: &mut Terminal<'_>) -> Result<(), CommandError> {
        for connection in &verified.also_opens {
            let text = connection.in_words(verified.members.len());
            let text = shown(&text);
            print::line(
                terminal,
                format_args!("{}: {text}", self.style.paint(Tone::Warning, "allowed by the layout")),
            )?;
        }
        finding::left_out(&verified.left_out, &mut *terminal.output)?;
        sources(verified, terminal)?;
        let tried = verified.tried;
        print::line(
            terminal,
            format_args!(
                "Connections tried: {} between members, {} from clients, {} from gRPC gateways, {} that must fail.",
                tried.peers, tried.clients, tried.gateways, tried.forbidden
            ),
        )?;
        if let Some(end) = &verified.first_end {
            print::line(
                terminal,
                format_args!(
                    "First certificates to end, on {}: {}.",
                    minute(end.at),
                    shown(&ending(&end.certificates))
                ),
            )?;
        }
        Ok(())
    }

    fn verification(&self, verified: &Verification, terminal: &mut Terminal<'_>) -> Result<(), CommandError> {
        if !terminal.is_quiet() {
            self.mesh(verified, terminal)?;
        }
        finding::print(&finding::told(&verified.findings, terminal), self.style, &mut *terminal.output)?;
        if !terminal.is_quiet() {
            self.details(verified, terminal)?;
        }
        let verdict = &verified.verdict;
        let tone = if verdict.forms && verdict.survives_any_one { Tone::Good } else { Tone::Error };
        let title = self.style.paint(tone, "Verdict");
        print::line(terminal, format_args!("{title} (etcd {}): {}.", verified.etcd, shown(&verified.summary)))
    }

    fn mesh(&self, verified: &Verification, terminal: &mut Terminal<'_>) -> Result<(), CommandError> {
        let names: Vec<&str> = verified.members.iter().map(|member| member.name.as_str()).collect();
        if names.len() < 2 || names.len() > MOST_COLUMNS {
            return Ok(());
        }
        let header: Vec<&str> = std::iter::once("FROM \\ TO").chain(names.iter().copied()).collect();
        let mut table = table::new(&header, self.style);
        for (name, row) in names.iter().zip(&verified.mesh) {
            table.add_row(std::iter::once(table::cell(name)).chain(row.iter().map(|link| self.cell(*link))));
        }
        table::show(&table, terminal)
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
}

/// Prints the addresses that members are assumed to dial from. The files do not tell them for certain.
fn sources(verified: &Verification, terminal: &mut Terminal<'_>) -> Result<(), CommandError> {
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
    print::line(terminal, format_args!("Assumed source addresses: {}.", shown(&joined(&sources, "; "))))
}

/// Names separated by commas: the first few, and how many more there are.
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

/// The files of certificates with their users, as in `peer.pem of etcd1, etcd2; client.pem of client root`.
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
