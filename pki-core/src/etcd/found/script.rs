//! Scripts that start etcd, and files of variables that a shell reads.

use std::path::Path;

use crate::base::place::Place;
use crate::etcd::found::environment::Variable;
use crate::etcd::found::process::{Argument, Process};
use crate::etcd::found::shell;

/// The number of programs that may be before etcd in a command.
const MOST_WRAPPERS: usize = 16;

impl Process {
    /// The process of a script that starts etcd; `None` if it does not.
    pub(crate) fn of_script(script: &str, path: &Path) -> Option<Self> {
        let process = Self { environment_is_known: true, ..Self::default() };
        process.in_script(script, path)
    }

    /// The etcd that a script starts, which this process runs; `None` if it starts none.
    pub(crate) fn in_script(mut self, script: &str, path: &Path) -> Option<Self> {
        let commands = shell::commands(script);
        let mut lines = LineCounter::new(script);
        if !self.run_commands(&commands, MOST_WRAPPERS, &mut |offset| lines.place(offset, path)) {
            return None;
        }
        self.opaque = None;
        if let Some(parent) = self.parent.as_mut().filter(|parent| parent.name.is_empty()) {
            parent.name = "the shell".to_owned();
        }
        let has_flags = self.arguments.iter().skip(1).any(|word| word.shown().starts_with(['-', '$']));
        let has_settings = has_flags || self.has_etcd_variables() || !self.lists.is_empty();
        (has_settings && !self.asks_only()).then_some(self)
    }

    /// Whether the command only prints something: `etcd --version` starts no member.
    pub(crate) fn asks_only(&self) -> bool {
        let mut rest = self.arguments.iter().skip(1).map(Argument::shown);
        rest.any(|word| matches!(word, "--version" | "-version" | "--help" | "-help" | "-h"))
    }
}

/// Whether a text is a script: by its first line or its name, or because it begins with a command that writes a file, as
/// what was copied from a guide does.
pub(crate) fn is_script(text: &str, path: &Path) -> bool {
    let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
    let first = text.lines().map(str::trim).find(|line| !line.is_empty() && !line.starts_with('#'));
    let writes = |line: &str| {
        let line = line.strip_prefix("sudo ").unwrap_or(line).trim_start();
        let begins =
            ["cat ", "cat<", "cat>", "tee ", "bash ", "sh "].iter().any(|start| line.starts_with(start));
        begins && line.contains("<<")
    };
    text.starts_with("#!") || matches!(extension, "sh" | "bash") || first.is_some_and(writes)
}

/// The variables that a file of assignments gives a shell: those that it exports, and the others.
pub(crate) fn assignments(text: &str, path: &Path, exports_all: bool) -> (Vec<Variable>, Vec<Variable>) {
    let mut process = Process { environment_is_known: true, ..Process::default() };
    let mut lines = LineCounter::new(text);
    let commands = shell::commands(text);
    process.run_commands(&commands, 0, &mut |offset| lines.place(offset, path));
    if exports_all {
        process.variables.append(&mut process.shell_variables);
    }
    (process.variables, process.shell_variables)
}

/// Finds the places of words, which must be asked for in the order of the text.
pub(crate) struct LineCounter<'a> {
    text: &'a str,
    offset: usize,
    line: usize,
    column: usize,
}

impl<'a> LineCounter<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        Self { text, offset: 0, line: 1, column: 1 }
    }

    pub(crate) fn place(&mut self, offset: usize, path: &Path) -> Place {
        for c in self.text.get(self.offset..offset).unwrap_or_default().chars() {
            if c == '\n' {
                (self.line, self.column) = (self.line + 1, 1);
            } else {
                self.column += 1;
            }
        }
        self.offset = offset.max(self.offset);
        Place::file(path).at(self.line, self.column)
    }
}
