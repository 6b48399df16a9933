//! Tells by which name the program was called, `etcdpki` or that of one of cfssl's programs, and runs the command.

use std::ffi::{OsStr, OsString};
use std::io::Write;
use std::path::Path;

use pki_core::base::shown_lines;
use serde::Serialize;

use crate::cfssl::{self, TOOLS};
use crate::commands::{self, EtcdCommand, GoCommand};
use crate::completions;
use crate::etcd;
use crate::exit_status::ExitStatus;
use crate::terminal::{CommandError, ErrorReport, Terminal, print};

/// The program that a name on the command line stands for.
#[derive(Clone, Copy)]
pub(crate) enum Program {
    Etcdpki,
    Cfssl,
    /// One of the programs that cfssl installs beside `cfssl`.
    Tool(&'static cfssl::Tool),
}

impl Program {
    /// The program whose name is the last part of `path`.
    pub(crate) fn named(path: &OsStr) -> Self {
        let name = Path::new(path).file_name().and_then(OsStr::to_str).unwrap_or_default();
        let tools = TOOLS.iter().chain(&cfssl::PROGRAMS);
        let is_called = |tool: &&cfssl::Tool| tool.programs.iter().any(|program| is_name_of(program, name));
        match tools.copied().find(is_called) {
            Some(tool) => Self::Tool(tool),
            None if is_name_of("cfssl", name) => Self::Cfssl,
            None => Self::Etcdpki,
        }
    }

    /// Runs it with `args` and returns the exit status.
    pub(crate) fn run(self, args: Vec<OsString>, terminal: &mut Terminal<'_>) -> u8 {
        match self {
            Self::Etcdpki if args.first().is_some_and(|arg| arg == completions::QUESTION) => {
                let words = args.get(1..).unwrap_or_default();
                status_of_etcdpki(completions::answer(words, terminal), terminal)
            }
            Self::Etcdpki => etcdpki(args, terminal),
            Self::Cfssl => status_of_cfssl(cfssl::run(args, terminal), terminal),
            Self::Tool(tool) => status_of_cfssl(tool.run(args, terminal), terminal),
        }
    }
}

/// Whether a file with this name is the program: its name alone, or followed by a version, a system and a processor, as
/// in the names of cfssl's downloads, `cfssl_linux-amd64` and `cfssljson_1.6.5_linux_amd64`.
fn is_name_of(program: &str, name: &str) -> bool {
    const PLATFORMS: [&str; 20] = [
        "linux", "darwin", "freebsd", "windows", "amd64", "x86", "64", "386", "i386", "i686", "arm", "arm64",
        "armv6", "armv7", "aarch64", "ppc64le", "s390x", "musl", "gnu", "exe",
    ];
    // `cfssl_json` is `cfssl-json`.
    let name = name.replace('_', "-");
    let Some(rest) = name.strip_prefix(program) else { return false };
    let is_version = |word: &str| {
        let digits = word.strip_prefix('v').unwrap_or(word);
        digits.starts_with(|c: char| c.is_ascii_digit())
    };
    rest.is_empty()
        || rest.starts_with(['-', '.'])
            && rest.split(['-', '.']).skip(1).all(|word| is_version(word) || PLATFORMS.contains(&word))
}

/// `etcdpki COMMAND ...`, or `etcdpki help COMMAND`
fn etcdpki(args: Vec<OsString>, terminal: &mut Terminal<'_>) -> u8 {
    let word = |place: usize| args.get(place).and_then(|arg| arg.to_str());
    let wants_help = word(0) == Some("help");
    let name = if wants_help { word(1) } else { word(0) }.filter(|name| !name.starts_with('-'));
    let Some(name) = name else { return with_clap(args, terminal) };
    if let Some(command) = GoCommand::find(name) {
        let args = if wants_help { vec!["-h".into()] } else { args.into_iter().skip(1).collect() };
        return status_of_cfssl(command.run(args, terminal), terminal);
    }
    if !commands::is_read_by_clap(name) {
        commands::unknown(name).report(terminal);
        return ExitStatus::Failed.number();
    }
    with_clap(args, terminal)
}

fn with_clap(args: Vec<OsString>, terminal: &mut Terminal<'_>) -> u8 {
    // Operands that look so stand behind `--`.
    let wants_json = args.iter().take_while(|arg| *arg != "--").any(|arg| arg == "--json");
    match commands::parse(args.clone()) {
        Ok(line) => {
            let mut output = Watched { stream: &mut *terminal.output, is_used: false };
            let mut watched = Terminal {
                input: &mut *terminal.input,
                output: &mut output,
                errors: &mut *terminal.errors,
                colour: line.color,
                verbosity: line.verbosity(),
                ..*terminal
            };
            let result = run(line.command, &mut watched);
            terminal.colour = line.color;
            let is_used = output.is_used;
            if let Err(error) = &result
                && wants_json
                && !is_used
                && !error.is_closed_output()
            {
                print_errors(error.reports(), terminal);
            }
            status_of_etcdpki(result, terminal)
        }
        Err(error) if is_help(error.kind()) => {
            let help = commands::help(args, terminal.columns(), error);
            show_clap_error(&help, terminal).number()
        }
        Err(error) => {
            if wants_json && error.use_stderr() {
                let text = error.render().to_string();
                let message = text.split("\n\n").next().unwrap_or_default().trim_start_matches("error: ");
                let hint = Some("`--help` describes the command".to_owned());
                print_errors(vec![ErrorReport { message: message.to_owned(), hint }], terminal);
            }
            show_clap_error(&error, terminal).number()
        }
    }
}

/// Prints the JSON of a command that failed before it printed anything.
fn print_errors(errors: Vec<ErrorReport>, terminal: &mut Terminal<'_>) {
    #[derive(Serialize)]
    struct Failure {
        errors: Vec<ErrorReport>,
    }
    // If the stream is closed, nobody reads the message.
    let _ = print::json(terminal, &Failure { errors });
}

/// The standard output, and whether anything was written to it.
struct Watched<'a> {
    stream: &'a mut dyn Write,
    is_used: bool,
}

impl Write for Watched<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.is_used = true;
        self.stream.write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.stream.flush()
    }
}

fn is_help(kind: clap::error::ErrorKind) -> bool {
    use clap::error::ErrorKind::{DisplayHelp, DisplayHelpOnMissingArgumentOrSubcommand};
    [DisplayHelp, DisplayHelpOnMissingArgumentOrSubcommand].contains(&kind)
}

fn run(command: EtcdCommand, terminal: &mut Terminal<'_>) -> Result<ExitStatus, CommandError> {
    match command {
        EtcdCommand::Cluster(command) => etcd::run(command, terminal),
        EtcdCommand::Doctor(doctor) => doctor.run(terminal),
        EtcdCommand::Explain(explain) => explain.run(terminal),
        EtcdCommand::Completions(completions) => completions.run(terminal),
        EtcdCommand::Man(man) => man.run(terminal),
    }
}

fn status_of_etcdpki(result: Result<ExitStatus, CommandError>, terminal: &mut Terminal<'_>) -> u8 {
    let status = result.unwrap_or_else(|error| {
        error.report(terminal);
        error.status()
    });
    status.number()
}

/// Prints what clap calls an error, which may also be the help or the version that the user asked for.
fn show_clap_error(error: &clap::Error, terminal: &mut Terminal<'_>) -> ExitStatus {
    let text = error.render();
    let is_error = error.use_stderr();
    let colours = if is_error { terminal.colours_errors() } else { terminal.colours_output() };
    let plain = text.to_string();
    let shown = shown_lines(&plain);
    // An argument that a terminal would act on takes the colours away, which are such characters too.
    let text = if colours && shown == plain { text.ansi().to_string() } else { shown.into_owned() };
    let stream = if is_error { &mut *terminal.errors } else { &mut *terminal.output };
    // If the stream for errors is closed, nobody reads the message. Help that was asked for and is lost is a failure.
    match stream.write_all(text.as_bytes()).and_then(|()| stream.flush()) {
        _ if is_error => ExitStatus::Failed,
        Ok(()) => ExitStatus::Done,
        Err(error) => {
            let error = CommandError::from(error);
            error.report(terminal);
            error.status()
        }
    }
}

fn status_of_cfssl(result: Result<(), CommandError>, terminal: &mut Terminal<'_>) -> u8 {
    match result {
        Ok(()) => 0,
        Err(error) => {
            error.report_as_cfssl(terminal);
            error.status_of_cfssl()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_names_of_downloads_are_those_of_the_programs() {
        let called = |name: &str| match Program::named(OsStr::new(name)) {
            Program::Etcdpki => "etcdpki",
            Program::Cfssl => "cfssl",
            Program::Tool(tool) => tool.name,
        };
        for (name, program) in [
            ("/usr/bin/cfssl", "cfssl"),
            ("./cfssl_linux-amd64", "cfssl"),
            ("cfssl_1.6.5_linux_amd64", "cfssl"),
            ("cfssl-v1.6.5", "cfssl"),
            ("cfssljson", "json"),
            ("cfssl-json", "json"),
            ("cfssl_json", "json"),
            ("cfssl-json_linux_amd64", "json"),
            ("cfssl_certinfo", "cfssl-certinfo"),
            ("cfssljson_1.6.5_linux_amd64", "json"),
            ("cfssl-certinfo_linux-amd64", "cfssl-certinfo"),
            ("cfssl-newkey_linux-amd64", "cfssl-newkey"),
            ("mkbundle_linux-amd64", "mkbundle"),
            ("cfssl-scan", "etcdpki"),
            ("cfssl2", "etcdpki"),
            ("cfssl_", "etcdpki"),
            ("etcdpki_linux-amd64", "etcdpki"),
        ] {
            assert_eq!(called(name), program, "{name}");
        }
    }
}
