//! What a shell knows while it runs a script: its variables, and what takes the place of words that use them.

use crate::base::place::Place;
use crate::etcd::found::environment::Variable;
use crate::etcd::found::process::{
    Argument, LONGEST_WORD, ListFile, ListForm, Process, ShellExpansion, is_name, is_name_part,
};
use crate::etcd::found::shell::{self, ShellWord};

impl Process {
    /// Replaces `$NAME` and `${NAME}`, as a shell does; `None` if a variable is not set, or is more than a name.
    pub(crate) fn substitute_as_shell(&self, written: &str) -> Option<String> {
        let mut result = String::new();
        let mut rest = written;
        if rest.contains('`') {
            return None;
        }
        while let Some((before, after)) = rest.split_once('$') {
            result.push_str(before);
            let (name, after) = match after.strip_prefix('{') {
                Some(after) => after.split_once('}')?,
                None => {
                    let end = after.find(|c: char| !is_name_part(c)).unwrap_or(after.len());
                    after.split_at(end)
                }
            };
            result.push_str(self.shell_value(name)?);
            rest = after;
            if result.len() > LONGEST_WORD {
                return None;
            }
        }
        result.push_str(rest);
        Some(result)
    }

    /// The value of a variable that a shell knows. `${NAME:-VALUE}` has a value if the variable has none.
    pub(crate) fn shell_value<'a>(&'a self, name: &'a str) -> Option<&'a str> {
        let (name, usual) = shell::parameter(name)?;
        let mut all = self.shell_variables.iter().rev().chain(self.variables.iter().rev());
        let variable = all.find(|variable| variable.name == name);
        match variable {
            Some(variable) => match variable.value.as_deref() {
                Some("") if usual.is_some() => usual,
                value => value,
            },
            None => usual,
        }
    }

    /// Puts the values of variables into words that could not be told before the files of variables were read. A word
    /// that is only a variable becomes as many words as its value has.
    pub(crate) fn fill(&mut self) {
        let words = std::mem::take(&mut self.arguments);
        for word in words {
            let may_be_filled = word.text.is_none() && word.expansion.is_some();
            match may_be_filled.then(|| self.substitute_as_shell(&word.written)).flatten() {
                None => self.arguments.push(word),
                Some(text)
                    if word.expansion == Some(ShellExpansion::Split) && is_lone_variable(&word.written) =>
                {
                    let parts = text.split_whitespace();
                    let place = &word.place;
                    self.arguments.extend(parts.map(|part| Argument::plain(part, place.clone())));
                }
                Some(text) => self.arguments.push(Argument { text: Some(text), ..word }),
            }
        }
    }
}

/// Words of the shell's grammar that a command may follow (POSIX, Shell Command Language, 2.4).
pub(crate) const KEYWORDS: [&str; 9] = ["if", "then", "else", "elif", "do", "while", "until", "{", "!"];

/// The number of assignments in one command that are looked at. More are no accident.
const MOST_ASSIGNMENTS: usize = 1000;

/// What the commands before have told the shell.
#[derive(Default)]
pub(crate) struct ShellState {
    /// Whether variables are exported by themselves (`set -a`).
    exports_all: bool,
}

impl ShellState {
    /// Adds the words that take the place of one word.
    pub(crate) fn expand(
        &self,
        word: &ShellWord,
        place: Place,
        process: &Process,
        into: &mut Vec<(Argument, bool)>,
    ) {
        let written = word.word.text.clone();
        let text =
            if word.is_expanded { process.substitute_as_shell(&written) } else { Some(written.clone()) };
        // The words of a list stay words in quotes.
        let is_split = !word.is_quoted || written.ends_with("[@]}");
        match &text {
            Some(text) if word.is_expanded && is_split && is_lone_variable(&written) => {
                let parts = text.split_whitespace();
                into.extend(parts.map(|part| (Argument::plain(part, place.clone()), true)));
            }
            _ => {
                let quoted = if !is_split { ShellExpansion::Quoted } else { ShellExpansion::Split };
                let expansion = word.is_expanded.then_some(quoted);
                into.push((Argument { text, written, place, expansion }, word.is_expanded));
            }
        }
    }

    /// Carries out a command that sets variables. Whether it was one.
    pub(crate) fn take(&mut self, words: &[Argument], process: &mut Process) -> bool {
        let Some(first) = words.first() else { return true };
        let rest = words.get(1..).unwrap_or_default();
        match first.shown() {
            "export" | "declare" | "typeset" | "readonly" | "local" => {
                let is_exported = first.shown() == "export" || rest.iter().any(|word| word.shown() == "-x");
                let words = rest.iter().take(MOST_ASSIGNMENTS);
                for word in words.filter(|word| !word.shown().starts_with('-')) {
                    self.assign(word, is_exported, process);
                }
                true
            }
            "unset" => {
                for word in rest {
                    process.variables.retain(|variable| variable.name != word.shown());
                    process.shell_variables.retain(|variable| variable.name != word.shown());
                }
                true
            }
            "set" => {
                let has = |sign: char| {
                    let mut words = rest.iter().map(Argument::shown).filter(|word| word.starts_with(sign));
                    words.any(|word| {
                        word.get(1..).is_some_and(|letters| letters.contains('a')) || word == "allexport"
                    })
                };
                let names_it = rest.iter().any(|word| word.shown() == "allexport");
                let is_on = rest.first().is_some_and(|word| word.shown() == "-o") && names_it;
                self.exports_all = (self.exports_all || has('-') || is_on) && !has('+');
                true
            }
            "for" | "select" | "read" => {
                let names = rest.iter().filter(|word| !word.shown().starts_with('-'));
                let number = if first.shown() == "read" { usize::MAX } else { 1 };
                names.take(number).for_each(|name| forget(process, name.shown()));
                true
            }
            "." | "source" => {
                let form = if self.exports_all { ListForm::ShellExported } else { ListForm::Shell };
                match rest.first() {
                    Some(Argument { text: Some(path), place, .. }) => {
                        let list = ListFile::new(path, form, place.clone());
                        process.lists.push(list);
                    }
                    Some(word) => {
                        process.not_seen(format!("the file `{}`", word.written), word.place.clone());
                    }
                    None => {}
                }
                true
            }
            _ => {
                let are_assignments = words.iter().all(|word| assignment(word).is_some());
                if are_assignments {
                    let words = words.iter().take(MOST_ASSIGNMENTS);
                    words.for_each(|word| self.assign(word, self.exports_all, process));
                }
                are_assignments
            }
        }
    }

    /// The whole value of a variable to which a word adds something.
    fn added<'a>(
        &self,
        name: &'a str,
        value: Option<String>,
        word: &Argument,
        process: &Process,
    ) -> (&'a str, Option<String>) {
        if !word.shown().get(name.len()..).is_some_and(|rest| rest.starts_with('+')) {
            return (name, value);
        }
        let is_set = process.shell_variables.iter().chain(&process.variables).any(|known| known.name == name);
        let before = if is_set { process.shell_value(name) } else { Some("") };
        // A list has its words apart; of a text, the blank that was added twice does no harm.
        let joined = before.zip(value).map(|(before, value)| match before.is_empty() {
            true => value,
            false if value.starts_with(['-', '$']) => format!("{before} {value}"),
            false => format!("{before}{value}"),
        });
        (name, joined)
    }

    /// Sets or exports a variable.
    fn assign(&self, word: &Argument, is_exported: bool, process: &mut Process) {
        let Some((name, value)) =
            assignment(word).map(|(name, value)| self.added(name, value, word, process))
        else {
            // `export NAME` exports what the shell has.
            let own = process.shell_variables.iter().rposition(|variable| variable.name == word.shown());
            if let Some(own) = own.filter(|_| is_exported) {
                let variable = process.shell_variables.remove(own);
                process.set(variable);
            }
            return;
        };
        let variable = Variable { name: name.to_owned(), value, place: word.place.clone() };
        let is_exported = is_exported || process.variables.iter().any(|known| known.name == name);
        if is_exported || self.exports_all {
            process.set(variable);
        } else {
            process.shell_variables.retain(|known| known.name != variable.name);
            let variable = process.bounded(variable);
            process.shell_variables.push(variable);
        }
    }
}

/// The name and the value that a word gives a variable; no value if it is not known. `NAME+=VALUE` of bash's gives what
/// is added.
pub(crate) fn assignment(word: &Argument) -> Option<(&str, Option<String>)> {
    let (name, _) = word.shown().split_once('=')?;
    let name = name.strip_suffix('+').unwrap_or(name);
    if !is_name(name) {
        return None;
    }
    let value = word.text.as_deref().and_then(|text| text.split_once('=')).map(|(_, value)| value.to_owned());
    Some((name, value))
}

/// Whether a word is a variable and nothing else, without quotes.
fn is_lone_variable(written: &str) -> bool {
    let Some(name) = written.strip_prefix('$') else { return false };
    let name = name.strip_prefix('{').and_then(|name| name.strip_suffix('}')).unwrap_or(name);
    shell::parameter(name).is_some()
}

/// Notes that a shell sets a variable, and that its value is not known.
fn forget(process: &mut Process, name: &str) {
    process.shell_variables.retain(|known| known.name != name);
    let variable = Variable { name: name.to_owned(), value: None, place: Place::default() };
    process.shell_variables.push(variable);
}
