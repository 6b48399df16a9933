//! One manual page.

use roff::{Roff, bold, italic, roman};

use crate::cfssl::{Flag, Kind, STATUSES};
use crate::commands::GoCommand;

/// A manual page, as far as it is written.
pub(super) struct Page {
    /// The name, such as `etcdpki-doctor`.
    pub(super) name: String,
    text: Roff,
}

impl Page {
    pub(super) fn new(name: &str, about: &str) -> Self {
        let mut text = Roff::new();
        let version = concat!("etcdpki ", env!("CARGO_PKG_VERSION"));
        text.control("TH", [name.to_uppercase().as_str(), "1", "", version, "etcdpki"]);
        text.control("SH", ["NAME"]);
        text.text([roman(format!("{name} - {about}"))]);
        Self { name: name.to_owned(), text }
    }

    /// The page of a command that clap reads.
    pub(super) fn of_clap(name: &str, command: &clap::Command) -> Self {
        let about = command.get_about().map(ToString::to_string).unwrap_or_default();
        let mut page = Self::new(name, about.lines().next().unwrap_or_default());
        let mut command = command.clone();
        let usage = command.render_usage().to_string();
        page.synopsis(&[usage.trim_start_matches("Usage: ").to_owned()]);
        let below: Vec<_> = command.get_subcommands().collect();
        if !below.is_empty() {
            page.section("COMMANDS");
            for below in below {
                let about = below.get_about().map(ToString::to_string).unwrap_or_default();
                page.entry(below.get_name(), &about);
            }
        }
        page.section("OPTIONS");
        for arg in command.get_arguments().filter(|arg| !arg.is_hide_set()) {
            page.option(arg);
        }
        // The lists of cfssl's commands have a section of their own.
        let after = command.get_after_help().map(ToString::to_string).unwrap_or_default();
        let blocks = after.split("\n\n").filter(|block| !block.starts_with("Commands of cfssl"));
        page.help_text(&blocks.collect::<Vec<_>>().join("\n\n"));
        page
    }

    /// The page of a command with flags in Go's syntax.
    pub(super) fn of_go_command(name: &str, command: GoCommand) -> Self {
        let mut page = Self::new(name, command.about());
        let (lines, more) = command.usage().split_once("\n\n").unwrap_or((command.usage(), ""));
        // The usage of one of cfssl's commands begins with the command's own name.
        let program =
            if lines.starts_with(command.name()) && name.starts_with("etcdpki-") { "etcdpki " } else { "" };
        page.synopsis(&lines.lines().map(|line| format!("{program}{}", line.trim())).collect::<Vec<_>>());
        if !more.is_empty() {
            page.section("DESCRIPTION");
            page.paragraph(more);
        }
        page.section("OPTIONS");
        for flag in command.flags() {
            page.flag(&flag);
        }
        page.help_text(STATUSES);
        page.help_text(&format!("Example:\n  {}", command.example()));
        page.see_also(&["etcdpki".to_owned()]);
        page
    }

    pub(super) fn section(&mut self, title: &str) {
        self.text.control("SH", [title]);
    }

    pub(super) fn paragraph(&mut self, text: &str) {
        self.text.control("PP", []);
        for line in text.lines() {
            self.text.text([roman(line)]);
        }
    }

    pub(super) fn synopsis(&mut self, lines: &[String]) {
        self.section("SYNOPSIS");
        self.preformatted(lines.iter().map(String::as_str));
    }

    /// A word and what it is for.
    pub(super) fn entry(&mut self, word: &str, about: &str) {
        self.text.control("TP", []);
        self.text.text([bold(word)]);
        self.text.text([roman(about)]);
    }

    pub(super) fn see_also(&mut self, names: &[String]) {
        if names.is_empty() {
            return;
        }
        self.section("SEE ALSO");
        for (at, name) in names.iter().enumerate() {
            let end = if at + 1 == names.len() { "(1)" } else { "(1)," };
            self.text.text([bold(name.as_str()), roman(end)]);
        }
    }

    /// The text below the options of a help: blocks with an empty line between them, some of which have a title.
    pub(super) fn help_text(&mut self, text: &str) {
        for block in text.split("\n\n").map(|block| block.trim_end()).filter(|block| !block.is_empty()) {
            let (first, rest) = block.split_once('\n').unwrap_or((block, ""));
            let title = first.strip_suffix(':').filter(|_| rest.starts_with("  "));
            match title {
                Some(title) if title.len() < 40 => {
                    self.section(&title.to_uppercase());
                    self.preformatted(rest.lines());
                }
                _ => {
                    if !self.has_notes() {
                        self.section("NOTES");
                    }
                    self.block(block);
                }
            }
        }
    }

    fn has_notes(&self) -> bool {
        self.text.to_roff().contains(".SH NOTES")
    }

    /// Sentences, and below them lines that begin with spaces and stay as they are.
    fn block(&mut self, block: &str) {
        let is_indented = |line: &&str| line.starts_with("  ");
        let sentences: Vec<&str> = block.lines().take_while(|line| !is_indented(line)).collect();
        self.paragraph(&sentences.join("\n"));
        let lines: Vec<&str> = block.lines().skip(sentences.len()).collect();
        if !lines.is_empty() {
            self.preformatted(lines.into_iter());
        }
    }

    fn preformatted<'a>(&mut self, lines: impl Iterator<Item = &'a str>) {
        self.text.control("PP", []);
        self.text.control("nf", []);
        for line in lines {
            self.text.text([roman(line)]);
        }
        self.text.control("fi", []);
    }

    fn option(&mut self, arg: &clap::Arg) {
        self.text.control("TP", []);
        let value = arg.get_value_names().unwrap_or_default().first().map(ToString::to_string);
        let value = value.filter(|_| arg.is_positional() || arg.get_action().takes_values());
        let mut names: Vec<String> = Vec::new();
        names.extend(arg.get_short().map(|short| format!("-{short}")));
        names.extend(arg.get_long().map(|long| format!("--{long}")));
        let mut line = vec![bold(names.join(", "))];
        if let Some(value) = value {
            line.extend([roman(if names.is_empty() { "" } else { " " }), italic(value)]);
        }
        self.text.text(line);
        let mut about = arg.get_help().map(ToString::to_string).unwrap_or_default();
        let values: Vec<String> =
            arg.get_possible_values().iter().map(|value| value.get_name().to_owned()).collect();
        if !values.is_empty() && arg.get_action().takes_values() {
            about.push_str(&format!(". One of: {}", values.join(", ")));
        }
        self.text.text([roman(about)]);
    }

    fn flag(&mut self, flag: &Flag) {
        self.text.control("TP", []);
        let mut line = vec![bold(format!("-{}", flag.name))];
        let value = match flag.kind {
            Kind::Switch => None,
            Kind::Text => Some("TEXT"),
            Kind::Integer => Some("NUMBER"),
            Kind::Duration => Some("DURATION"),
        };
        if let Some(value) = value {
            line.extend([roman(" "), italic(value)]);
        }
        self.text.text(line);
        let default = match flag.kind {
            Kind::Switch => String::new(),
            _ if flag.default.is_empty() => String::new(),
            _ => format!(" (default: {})", flag.default),
        };
        self.text.text([roman(format!("{}{default}", flag.about))]);
    }

    /// The page in the language of man(7).
    pub(super) fn to_roff(&self) -> String {
        self.text.to_roff()
    }
}
