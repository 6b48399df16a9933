//! `etcdpki man`: the manual pages, made from what the help is made from.

mod page;

use std::fs;
use std::path::{Path, PathBuf};

use clap::Args;
use pki_core::disk::{Batch, Existing, Mode, Staged};

use self::page::Page;
use crate::cfssl::{self, PROGRAMS, TOOLS};
use crate::commands::{self, GoCommand};
use crate::exit_status::ExitStatus;
use crate::terminal::{CommandError, Terminal, print};

pub(crate) const EXAMPLE: &str = "\
Exit status:
  0  the page was printed, or the pages were written
  1  a page cannot be written

Examples:
  etcdpki man | man -l -
  etcdpki man /usr/local/share/man/man1";

/// The arguments of `man`.
#[derive(Args)]
pub(crate) struct Man {
    /// The folder to write the pages of all commands into, each as one file such as etcdpki-doctor.1; if it is absent,
    /// the page of etcdpki is printed
    #[arg(value_name = "DIR")]
    folder: Option<PathBuf>,
}

impl Man {
    /// Runs the command and returns its exit status.
    pub(crate) fn run(&self, terminal: &mut Terminal<'_>) -> Result<ExitStatus, CommandError> {
        match &self.folder {
            Some(folder) => write(folder, &pages(), terminal)?,
            None => print::text(terminal, &overview().to_roff())?,
        }
        Ok(ExitStatus::Done)
    }
}

fn write(folder: &Path, pages: &[Page], terminal: &mut Terminal<'_>) -> Result<(), CommandError> {
    fs::create_dir_all(folder)
        .map_err(|error| CommandError::new(format!("cannot make {}: {error}", folder.display())))?;
    let mut batch = Batch::default();
    let mut paths = Vec::new();
    for page in pages {
        let path = folder.join(format!("{}.1", page.name));
        let staged = Staged::new(&path, page.to_roff().as_bytes(), Mode::Masked(0o644), Existing::Replace);
        batch.add(staged.map_err(|error| CommandError::write(&path, &error))?);
        paths.push(path);
    }
    batch.commit().map_err(|error| CommandError::write(&error.path, &error.source))?;
    for path in paths {
        writeln!(terminal.output, "{}", path.display())?;
    }
    Ok(())
}

/// The page of `etcdpki`, which lists all commands.
fn overview() -> Page {
    let parser = commands::described(None);
    let mut page = Page::of_clap("etcdpki", &parser);
    page.section("COMMANDS OF CFSSL");
    page.paragraph("These commands have cfssl's flags. They are described in pages of their own, too.");
    for command in GoCommand::all().filter(|command| command.is_provided()) {
        page.entry(command.name(), command.about());
    }
    page.see_also(&names_below("etcdpki", &parser));
    page
}

/// The pages of all commands, and of the programs whose place etcdpki takes.
fn pages() -> Vec<Page> {
    let parser = commands::described(None);
    let mut pages = vec![overview()];
    add_below("etcdpki", &parser, &mut pages);
    for command in GoCommand::all().filter(|command| command.is_provided()) {
        pages.push(Page::of_go_command(&format!("etcdpki-{}", command.name()), command));
    }
    let mut program = Page::new("cfssl", "make and sign certificates");
    program.synopsis(&["cfssl COMMAND [flags] [arguments]".to_owned()]);
    program.section("COMMANDS");
    for command in GoCommand::all_of_cfssl().filter(|command| command.is_provided()) {
        program.entry(command.name(), command.about());
    }
    program.help_text(cfssl::STATUSES);
    program.see_also(&["etcdpki".to_owned(), "cfssljson".to_owned()]);
    pages.push(program);
    for tool in TOOLS.iter().chain(&PROGRAMS) {
        if let Some(name) = tool.programs.first() {
            pages.push(Page::of_go_command(name, GoCommand::Tool(tool)));
        }
    }
    pages
}

fn add_below(name: &str, command: &clap::Command, pages: &mut Vec<Page>) {
    for below in command.get_subcommands().filter(|below| below.get_name() != "help") {
        let name = format!("{name}-{}", below.get_name());
        let mut page = Page::of_clap(&name, below);
        page.see_also(&names_below(&name, below));
        pages.push(page);
        add_below(&name, below, pages);
    }
}

/// The pages of the commands below one.
fn names_below(name: &str, command: &clap::Command) -> Vec<String> {
    let below = command.get_subcommands().filter(|below| below.get_name() != "help");
    let names = below.map(|below| format!("{name}-{}", below.get_name()));
    let above = name.rsplit_once('-').map(|(above, _)| above.to_owned());
    above.into_iter().chain(names).collect()
}
