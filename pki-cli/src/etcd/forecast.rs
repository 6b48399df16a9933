//! `etcdpki cluster forecast`: what a restart of each member would bring.

use std::path::PathBuf;

use clap::Args;
use pki_core::base::shown;
use pki_core::etcd::forecast::{Forecast, Link, Prospect};
use pki_core::etcd::observe::Situation;

use super::EtcdArgs;
use super::observe::{LookArgs, status};
use crate::exit_status::ExitStatus;
use crate::terminal::{CommandError, Style, Terminal, Tone, finding, print, progress, table};

pub(super) const EXAMPLE: &str = "\
Each member is taken as if it restarted now, alone, with its files in DIR, among the others as they run. Whether the \
others accept its certificate is asked of them: each is shown the certificate, with its key, on its peer port. So a \
member is found that is healthy now, and would be isolated by its next restart. Nothing is changed, and no member is \
restarted.

A member logs each such look once, because the certificate does not come from the address that it is for.

Exit status:
  0  each member comes back after a restart
  1  the folder cannot be read
  2  it is not known, because a member does not answer
  3  a member would not start, would be isolated, or would refuse clients; what to do first is said

Examples:
  etcdpki cluster forecast out
  etcdpki cluster forecast out --json";

/// The arguments of `forecast`.
#[derive(Args)]
pub(crate) struct Command {
    /// The output folder of `apply`, or another folder with the files and keys of members
    #[arg(value_name = "DIR", default_value = "out")]
    folder: PathBuf,
    #[command(flatten)]
    version: EtcdArgs,
    #[command(flatten)]
    look: LookArgs,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

impl Command {
    pub(super) fn run(&self, terminal: &mut Terminal<'_>) -> Result<ExitStatus, CommandError> {
        let running = self.look.read(&self.folder, &self.version)?;
        let spinner = progress::spinner("{spinner} asking members {elapsed}", terminal);
        let forecast = running.forecast((terminal.now)(), self.look.timeout);
        spinner.finish_and_clear();
        if self.json {
            print::json(terminal, &forecast)?;
        } else {
            show(&forecast, terminal)?;
        }
        Ok(status(forecast.situation))
    }
}

fn show(forecast: &Forecast, terminal: &mut Terminal<'_>) -> Result<(), CommandError> {
    let style = Style::of_output(terminal);
    let mut table = table::new(&["IF THIS RESTARTS", "IT", "CONNECTED WITH", "NOT WITH"], style);
    for member in &forecast.members {
        let with = |wanted: &[Link]| {
            let names = member.links.iter().filter(|(_, link)| wanted.contains(link));
            names.map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(", ")
        };
        let tone = match member.prospect {
            Prospect::Fine => Tone::Good,
            Prospect::Unknown => Tone::Warning,
            _ => Tone::Error,
        };
        table.add_row([
            table::cell(&member.name),
            style.cell(tone, member.prospect.words()),
            table::cell(with(&[Link::Works])),
            table::cell(with(&[Link::Refused, Link::Unknown])),
        ]);
    }
    table::show(&table, terminal)?;
    finding::print(&forecast.findings, style, &mut *terminal.output)?;
    let (tone, text) = match forecast.situation {
        Situation::AsRecorded => (Tone::Good, "each member comes back after a restart"),
        Situation::Waits => (Tone::Warning, "what a restart would bring is not known"),
        _ => (Tone::Error, "not every member may restart now"),
    };
    let name = forecast.cluster.as_deref().unwrap_or("The cluster");
    print::line(terminal, format_args!("{}: {}.", shown(name), style.paint(tone, text)))
}
