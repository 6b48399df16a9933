//! `etcdpki cluster observe`: what the members of a cluster that run show and tell.

use std::path::{Path, PathBuf};
use std::time::Duration as StdDuration;

use clap::Args;
use pki_core::base::shown;
use pki_core::disk::{self, Existing, Mode};
use pki_core::etcd::Folder;
use pki_core::etcd::found::SystemFiles;
use pki_core::etcd::observe::{
    MemberObservation, Observation, PortObservation, Running, Situation, prometheus,
};
use pki_core::go::duration;
use time::macros::format_description;
use time::{Duration, OffsetDateTime};

use super::EtcdArgs;
use crate::exit_status::ExitStatus;
use crate::terminal::table::{self, Cell, day};
use crate::terminal::{CommandError, Style, Terminal, Tone, absolute, finding, print, progress};

pub(super) const EXAMPLE: &str = "\
Both ports of every member are dialled with TLS, and the member is asked for /version, /metrics and /health as the \
client root, whose certificate and key are in DIR. Nothing is changed. What is seen is compared with the files in DIR: \
the certificate that is shown, the names of the CAs that are accepted, byte for byte, and what changed after the process \
began. That a host has the files of DIR is not looked at.

A member without a certificate of the client's CA on its peer port logs each look at it once, as a client that did not \
provide a certificate.

The metrics of --prometheus are what was true at the moment of looking. The node exporter reads files whose names end \
with .prom.

Exit status:
  0  every member runs, is healthy and connected with all others, and shows what its files say
  1  the folder cannot be read
  2  something waits: a restart, a copy of files, a learner, or a member that does not tell enough
  3  it is not safe to stop a member: one is down, not connected, or not as its files say

Examples:
  etcdpki cluster observe out
  etcdpki cluster observe out --json --timeout 10s
  etcdpki cluster observe out --prometheus /var/lib/node_exporter/etcdpki-live.prom";

/// The arguments of `observe`.
#[derive(Args)]
pub(crate) struct Observe {
    /// The output folder of `apply`, or another folder with the files of members
    #[arg(value_name = "DIR", default_value = "out")]
    folder: PathBuf,
    #[command(flatten)]
    pub(super) version: EtcdArgs,
    #[command(flatten)]
    look: LookArgs,
    /// Write metrics for the textfile collector of Prometheus' node exporter to this file
    #[arg(long, value_name = "FILE")]
    prometheus: Option<PathBuf>,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

/// How running members are looked at.
#[derive(Args)]
pub(super) struct LookArgs {
    /// How long to wait for the answers of a member, such as 3s
    #[arg(long, value_name = "DURATION", default_value = "3s", value_parser = limit)]
    pub(super) timeout: StdDuration,
    /// The client in DIR as which members are asked
    #[arg(long, value_name = "NAME", default_value = "root")]
    pub(super) client: String,
}

pub(super) fn limit(text: &str) -> Result<StdDuration, String> {
    let longest = Duration::hours(1);
    match duration::parse(text) {
        Ok(time) if !time.is_positive() || time > longest => {
            Err("it is not between 1ns and 1h; write a time such as 3s".to_owned())
        }
        Ok(time) => Ok(time.unsigned_abs()),
        Err(error) => Err(format!("{error}; {}, as in 3s", error.hint())),
    }
}

impl LookArgs {
    /// Refuses what is no name of a client's folder.
    pub(super) fn check(&self) -> Result<(), CommandError> {
        if self.client.is_empty() || self.client.contains('/') || self.client.starts_with('.') {
            return Err(CommandError::new(format!("{:?} is not the name of a client", self.client))
                .hint("give the name of a folder in `clients`, such as root"));
        }
        Ok(())
    }

    /// Reads what is expected of the members in `folder`.
    pub(super) fn read(&self, folder: &Path, version: &EtcdArgs) -> Result<Running, CommandError> {
        let folder = absolute(folder)?;
        self.check()?;
        let version = version.of(std::slice::from_ref(&folder))?;
        let lock = Folder::lock_around(&folder)?;
        let running = Running::read(&folder, version, &self.client, &SystemFiles);
        drop(lock);
        Ok(running?)
    }
}

impl Observe {
    pub(super) fn run(&self, terminal: &mut Terminal<'_>) -> Result<ExitStatus, CommandError> {
        let running = self.look.read(&self.folder, &self.version)?;
        let spinner = progress::spinner("{spinner} looking at members {elapsed}", terminal);
        let observation = running.observe((terminal.now)(), self.look.timeout);
        spinner.finish_and_clear();
        if let Some(file) = &self.prometheus {
            disk::write(file, prometheus(&observation).as_bytes(), Mode::Exactly(0o644), Existing::Replace)
                .map_err(|error| CommandError::write(file, &error))?;
        }
        if self.json {
            print::json(terminal, &observation)?;
        } else {
            show(&observation, terminal)?;
        }
        Ok(status(observation.situation))
    }
}

/// The exit status of a situation.
pub(super) fn status(situation: Situation) -> ExitStatus {
    match situation {
        Situation::AsRecorded => ExitStatus::Done,
        Situation::Waits => ExitStatus::NotFinished,
        _ => ExitStatus::NotSafeNow,
    }
}

/// Prints an observation for a person.
pub(super) fn show(observation: &Observation, terminal: &mut Terminal<'_>) -> Result<(), CommandError> {
    let style = Style::of_output(terminal);
    let header = [
        "MEMBER",
        "ROLE",
        "ETCD",
        "SINCE",
        "CLIENT PORT SHOWS",
        "PEER PORT SHOWS",
        "CONNECTED",
        "CLOCK",
        "HEALTH",
    ];
    let mut table = table::new(&header, style);
    let others = observation.members.len() - 1;
    for member in &observation.members {
        let unknown = || "?".to_owned();
        let connected = member.connected.values().filter(|is| **is).count();
        let (connected, tone) = match member.started {
            Some(_) if connected == others => (format!("{connected} of {others}"), Tone::Good),
            Some(_) => (format!("{connected} of {others}"), Tone::Error),
            None => (unknown(), Tone::Faint),
        };
        table.add_row([
            table::cell(&member.name),
            table::cell(member.role.map_or_else(unknown, str::to_owned)),
            table::cell(member.version.clone().unwrap_or_else(unknown)),
            since(member, style),
            port(&member.client, style),
            port(&member.peer, style),
            style.cell(tone, connected),
            table::cell(member.clock_difference.map_or_else(unknown, |seconds| format!("{seconds:+} s"))),
            match member.healthy {
                Some(true) => style.cell(Tone::Good, "healthy"),
                Some(false) => style.cell(Tone::Error, "not healthy"),
                None => style.cell(Tone::Faint, "?"),
            },
        ]);
    }
    table::show(&table, terminal)?;
    accepted(observation, terminal)?;
    finding::print(&observation.findings, style, &mut *terminal.output)?;
    let (tone, text) = match observation.situation {
        Situation::AsRecorded => (Tone::Good, "all members run, and show what their files say"),
        Situation::Waits => (Tone::Hint, "something waits; nothing is in danger"),
        _ => (Tone::Error, "it is not safe to stop a member now"),
    };
    let name = observation.cluster.as_deref().unwrap_or("The cluster");
    print::line(terminal, format_args!("{}: {}.", shown(name), style.paint(tone, text)))
}

/// Prints the CAs that the ports accept, those of several members together.
fn accepted(observation: &Observation, terminal: &mut Terminal<'_>) -> Result<(), CommandError> {
    let client: fn(&MemberObservation) -> &PortObservation = |member| &member.client;
    for (what, of) in [("client ports", client), ("peer ports", |member| &member.peer)] {
        let mut groups: Vec<(&[String], Vec<&str>)> = Vec::new();
        for member in &observation.members {
            let Some(accepts) = &of(member).accepts else { continue };
            match groups.iter_mut().find(|(known, _)| *known == accepts.as_slice()) {
                Some((_, members)) => members.push(&member.name),
                None => groups.push((accepts, vec![&member.name])),
            }
        }
        for (accepts, members) in groups {
            let names =
                if accepts.is_empty() { "those of its system".to_owned() } else { accepts.join("; ") };
            let line = format!("CAs that {what} accept ({}): {names}.", members.join(", "));
            print::line(terminal, shown(&line))?;
        }
    }
    Ok(writeln!(terminal.output)?)
}

fn since(member: &MemberObservation, style: Style) -> Cell {
    let Some(started) = member.started else { return style.cell(Tone::Faint, "?") };
    let text = second(started);
    if member.waits_for_restart {
        style.cell(Tone::Warning, format!("{text}; waits for a restart"))
    } else {
        table::cell(text)
    }
}

fn port(port: &PortObservation, style: Style) -> Cell {
    if port.no_answer.is_some() || port.url.is_none() {
        return style.cell(Tone::Error, "no answer");
    }
    if port.plaintext {
        return style.cell(Tone::Error, "no TLS");
    }
    let serial = port.serial.as_deref().unwrap_or("?");
    let short: String = serial.chars().take(8).collect();
    let end = port.not_after.map(day).unwrap_or_default();
    let (tone, which) = match (port.serves_its_file, port.accepts_its_file) {
        (Some(false), _) => (Tone::Error, ", not its file's"),
        (_, Some(false)) => (Tone::Error, ", other CAs"),
        _ => (Tone::Good, ""),
    };
    style.cell(tone, format!("{short}… to {end}{which}"))
}

fn second(moment: OffsetDateTime) -> String {
    let format = format_description!("[year]-[month]-[day] [hour]:[minute]:[second]");
    moment.to_offset(time::UtcOffset::UTC).format(format).unwrap_or_default()
}
