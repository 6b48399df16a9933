//! Which program was called: `etcdpki`, or one of cfssl's through a link of its name.

use std::ffi::{OsStr, OsString};
use std::path::Path;

use clap::{CommandFactory, Parser, Subcommand};

use crate::cfssl::{self, COMMANDS};
use crate::cluster;
use crate::doctor;
use crate::explain;
use crate::failure::Failure;
use crate::io::Io;

/// The program that a name on the command line stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Program {
    Cfssl,
    CfsslCertinfo,
    CfsslNewkey,
    Cfssljson,
    Etcdpki,
    Mkbundle,
}

const ABOUT: &str = "PKI for etcd: one description in, everything its hosts need out; and cfssl's job with \
                     cfssl's files and flags";

const EXAMPLES: &str = "\
Examples:
  etcdpki cluster new --name prod --member etcd1=10.0.0.11 >cluster.yaml
  etcdpki cluster apply -f cluster.yaml -o out
  etcdpki doctor out
  etcdpki gencert -initca ca-csr.json | etcdpki json -bare ca

cfssl's commands, with its flags (each has -h):
";

/// PKI for etcd
#[derive(Parser)]
#[command(name = "etcdpki", version, about = ABOUT, arg_required_else_help = true)]
struct Etcdpki {
    #[command(subcommand)]
    command: EtcdpkiCommand,
}

#[derive(Subcommand)]
enum EtcdpkiCommand {
    /// Describe, plan and apply whole etcd clusters
    #[command(subcommand)]
    Cluster(cluster::Command),
    /// Tell what is wrong with members of etcd before they start
    #[command(after_help = doctor::EXAMPLE)]
    Doctor(doctor::Doctor),
    /// Tell what a line of a log means, or a rule of `doctor` and the other checks
    #[command(after_help = explain::EXAMPLE)]
    Explain(explain::Explain),
}

impl Program {
    /// The program by the last part of its path.
    pub(crate) fn named(path: &OsStr) -> Self {
        match Path::new(path).file_name().and_then(OsStr::to_str) {
            Some("cfssl") => Self::Cfssl,
            Some("cfssl-certinfo") => Self::CfsslCertinfo,
            Some("cfssl-newkey") => Self::CfsslNewkey,
            Some("cfssljson") => Self::Cfssljson,
            Some("cfssl-mkbundle" | "mkbundle") => Self::Mkbundle,
            _ => Self::Etcdpki,
        }
    }

    /// Runs it with `args` and tells the exit status.
    pub(crate) fn run(self, args: Vec<OsString>, io: &mut Io<'_>) -> u8 {
        match self {
            Self::Cfssl => status_as_cfssl(cfssl::run(args, io), io),
            Self::CfsslCertinfo => status_as_cfssl(cfssl::run_certinfo(args, io), io),
            Self::CfsslNewkey => status_as_cfssl(cfssl::run_newkey(args, io), io),
            Self::Cfssljson => status_as_cfssl(json(args, io), io),
            Self::Etcdpki => etcdpki(args, io),
            Self::Mkbundle => status_as_cfssl(cfssl::mkbundle::run(args, io), io),
        }
    }
}

fn etcdpki(args: Vec<OsString>, io: &mut Io<'_>) -> u8 {
    let first = args.first().and_then(|arg| arg.to_str());
    match first {
        Some("json") => return status_as_cfssl(json(args.into_iter().skip(1).collect(), io), io),
        Some("link") => {
            return status_as_cfssl(cfssl::link::run(args.into_iter().skip(1).collect(), io), io);
        }
        Some("mkbundle") => {
            return status_as_cfssl(cfssl::mkbundle::run(args.into_iter().skip(1).collect(), io), io);
        }
        Some("help") if args.get(1).is_some_and(|arg| arg.to_str().is_some_and(cfssl::is_command)) => {
            let args = args.into_iter().skip(1).take(1).chain(["-h".into()]).collect();
            return status_as_cfssl(cfssl::run(args, io), io);
        }
        Some(name) if cfssl::is_command(name) => return status_as_cfssl(cfssl::run(args, io), io),
        Some(name) if !name.starts_with('-') && !OWN_COMMANDS.contains(&name) => {
            let failure = unknown_command(name);
            failure.report(io);
            return failure.status();
        }
        _ => {}
    }
    let slip = if matches!(first, Some("doctor" | "explain")) { 2 } else { 1 };
    let mut names = String::new();
    for (name, about) in [
        ("json", "cfssljson: write the JSON of the commands below to files"),
        ("link", "put links with the names of cfssl's programs into a folder"),
        ("mkbundle", "put the certificates of files and folders into one file"),
    ] {
        names.push_str(&format!("  {name:<15} {about}\n"));
    }
    for command in COMMANDS.iter().filter(|command| command.is_provided()) {
        names.push_str(&format!("  {:<15} {}\n", command.name, command.about));
    }
    let parser = Etcdpki::command().after_help(format!("{EXAMPLES}{names}"));
    let matches = parser.try_get_matches_from(std::iter::once(OsString::from("etcdpki")).chain(args));
    let parsed = matches.and_then(|matches| <Etcdpki as clap::FromArgMatches>::from_arg_matches(&matches));
    match parsed {
        Ok(Etcdpki { command }) => {
            let result = match command {
                EtcdpkiCommand::Cluster(command) => cluster::run(command, io),
                EtcdpkiCommand::Doctor(doctor) => doctor.run(io),
                EtcdpkiCommand::Explain(explain) => explain.run(io),
            };
            result.unwrap_or_else(|failure| {
                failure.report(io);
                failure.status()
            })
        }
        Err(error) => {
            let rendered = error.render();
            let wants_output = !error.use_stderr();
            let colours = if wants_output { io.colours_output() } else { io.colours_errors() };
            let text = if colours { rendered.ansi().to_string() } else { rendered.to_string() };
            let stream = if wants_output { &mut *io.output } else { &mut *io.errors };
            let _ = stream.write_all(text.as_bytes());
            // 2 is what `cluster plan` says when there are changes, and 1 what `doctor` says when it finds
            // something; a script must not take a slip for either.
            if error.use_stderr() { slip } else { 0 }
        }
    }
}

const OWN_COMMANDS: [&str; 5] = ["cluster", "doctor", "explain", "help", "json"];

fn unknown_command(name: &str) -> Failure {
    let known = COMMANDS.iter().map(|command| command.name).chain(OWN_COMMANDS);
    let hint = match pki_core::base::near(name, known) {
        Some(near) => format!("did you mean {near}?"),
        None => "etcdpki --help lists the commands".to_owned(),
    };
    Failure::user(format!("there is no command {name:?}")).hint(hint)
}

fn json(args: Vec<OsString>, io: &mut Io<'_>) -> Result<(), Failure> {
    cfssl::json::run(args, io)
}

fn status_as_cfssl(result: Result<(), Failure>, io: &mut Io<'_>) -> u8 {
    match result {
        Ok(()) => 0,
        Err(failure) => {
            failure.report_as_cfssl(io);
            failure.status()
        }
    }
}
