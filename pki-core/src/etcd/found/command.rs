//! Finds the etcd in a command line that begins with other programs: `env`, `nice`, a shell, a container engine.

use crate::base::place::Place;
use crate::etcd::found::engine::is_engine;
use crate::etcd::found::environment::Variable;
use crate::etcd::found::mounts::Mount;
use crate::etcd::found::parent::{Parent, Role, role, role_of_shell};
use crate::etcd::found::process::{
    Argument, LONGEST_WORD, ListFile, ListForm, Opaque, Process, ShellExpansion, base_name, is_etcd, is_name,
    is_name_part,
};
use crate::etcd::found::shell::{self, CommandEnd, ShellCommand, ShellWord};
use crate::etcd::found::wrapper::{Wrapper, options};

/// The number of programs that may be before etcd. More are no accident.
const MOST_WRAPPERS: usize = 16;

/// The number of commands that are looked at, those of the scripts in scripts too. More are no accident.
const MOST_STEPS: usize = 5000;

/// The number of variables that are copied in one step, for a command that has its own.
const VARIABLES_OF_A_STEP: usize = 20;

const SHELLS: [&str; 8] = ["sh", "bash", "dash", "ash", "zsh", "ksh", "mksh", "busybox-sh"];

/// Programs before etcd that [`Process::unwrap_all`] reads in ways of their own.
const SPECIAL: [&str; 6] = ["env", "su", "runuser", "start-stop-daemon", "ip", "chroot"];

impl Process {
    /// Takes away the programs before etcd. If no etcd is found, the command line stays as it is, and nothing is known
    /// about etcd's options.
    pub(crate) fn unwrap_command(&mut self) {
        let original = self.clone();
        if self.unwrap_all(MOST_WRAPPERS) {
            return;
        }
        *self = Self { steps: self.steps, ..original };
        if let Some(program) = self.arguments.first() {
            let (program, place) = (program.shown().to_owned(), program.place.clone());
            self.opaque = Some(Opaque { program, place });
        }
    }

    /// Takes away the programs before etcd, `most` at most. Whether an etcd was found.
    pub(crate) fn unwrap_all(&mut self, most: usize) -> bool {
        for _ in 0..most {
            let Some(program) = self.arguments.first() else { return false };
            let (name, place) = (base_name(program.shown()).to_owned(), program.place.clone());
            if name == "etcd-wrapper" {
                // It starts a container, with volumes of its own.
                self.mounts.get_or_insert_default();
            }
            if is_etcd(&name) {
                return true;
            }
            self.note_parent(&name);
            let is_unwrapped = match name.as_str() {
                "env" => self.unwrap_env(),
                "su" | "runuser" => self.unwrap_su(most),
                "start-stop-daemon" => self.unwrap_daemon(),
                "ip" => self.unwrap_netns(),
                "chroot" => self.unwrap_chroot(),
                name if SHELLS.contains(&name) => return self.unwrap_shell(most - 1),
                name => match Wrapper::find(name) {
                    Some(wrapper) => {
                        let reads_environment = name.ends_with("envdir")
                            || name == "chpst" && self.arguments.iter().any(|word| word.shown() == "-e");
                        if reads_environment {
                            let place = place.clone();
                            self.not_seen(format!("the folder of variables that {name} reads"), place);
                        }
                        let options = wrapper.options(self.arguments.iter().map(Argument::shown));
                        self.skip(options + wrapper.operands);
                        self.take_assignments();
                        true
                    }
                    None => self.unwrap_engine(),
                },
            };
            if !is_unwrapped {
                return false;
            }
        }
        false
    }

    /// Notes what the program at the beginning does once it has started another. The outermost one counts.
    fn note_parent(&mut self, name: &str) {
        let words: Vec<&str> = self.arguments.iter().map(Argument::shown).collect();
        let end = match Wrapper::find(name) {
            Some(wrapper) => wrapper.options(words.iter().copied()),
            None => words.iter().position(|word| *word == "--").unwrap_or(words.len()),
        };
        let own: Vec<&str> = words.into_iter().take(end).skip(1).collect();
        let is = |names: &[&str]| own.iter().any(|word| names.contains(word));
        let clears = match name {
            "env" => is(&["-i", "-", "--ignore-environment"]),
            "su" | "runuser" => is(&["-", "-l", "--login"]),
            "sudo" => !own.iter().any(|word| {
                word.starts_with("--preserve-env")
                    || word.starts_with('-') && !word.starts_with("--") && word.contains('E')
            }),
            _ => false,
        };
        let role = role(name, &own);
        if clears {
            self.clears_environment.get_or_insert_with(|| name.to_owned());
        }
        if let Some(role) = role {
            self.parent.get_or_insert_with(|| Parent { name: name.to_owned(), role });
        }
    }

    /// Takes away the first words.
    fn skip(&mut self, number: usize) {
        self.arguments.drain(..number.min(self.arguments.len()));
    }

    /// Sets the variables whose assignments begin the command line, and takes these words away.
    fn take_assignments(&mut self) {
        let is_assignment =
            |word: &Argument| word.shown().split_once('=').is_some_and(|(name, _)| is_name(name));
        let number = self.arguments.iter().take_while(|word| is_assignment(word)).count();
        let assignments: Vec<Argument> = self.arguments.drain(..number).collect();
        for word in assignments {
            let value =
                word.text.as_deref().and_then(|text| text.split_once('=')).map(|(_, value)| value.to_owned());
            let name = word.shown().split('=').next().unwrap_or_default().to_owned();
            self.set(Variable { name, value, place: word.place });
        }
    }

    /// `env [OPTIONS] [NAME=VALUE]... COMMAND`
    fn unwrap_env(&mut self) -> bool {
        let mut number =
            options(self.arguments.iter().map(Argument::shown), "uCS", &["unset", "chdir", "split-string"]);
        let own: Vec<String> =
            self.arguments.iter().take(number).skip(1).map(|word| word.shown().to_owned()).collect();
        if self.arguments.get(number).is_some_and(|word| word.shown() == "-") {
            number += 1;
            self.variables.clear();
        }
        for (index, option) in own.iter().enumerate() {
            let next = || own.get(index + 1).cloned().unwrap_or_default();
            let removed = match option.as_str() {
                "-i" | "--ignore-environment" => {
                    self.variables.clear();
                    self.environment_is_known = true;
                    self.unseen.clear();
                    continue;
                }
                "-u" | "--unset" => next(),
                option => match option.strip_prefix("--unset=").or_else(|| option.strip_prefix("-u")) {
                    Some(name) => name.to_owned(),
                    None => continue,
                },
            };
            self.variables.retain(|variable| variable.name != removed);
        }
        let split =
            own.iter().position(|option| option.starts_with("-S") || option.starts_with("--split-string"));
        let place = self.arguments.first().map(|word| word.place.clone()).unwrap_or_default();
        self.skip(number);
        if let Some(at) = split {
            let option = own.get(at).map(String::as_str).unwrap_or_default();
            let text = option.strip_prefix("--split-string=").or_else(|| option.strip_prefix("-S"));
            let text = text.filter(|text| !text.is_empty()).or_else(|| own.get(at + 1).map(String::as_str));
            let words = text.unwrap_or_default().split_whitespace();
            let words: Vec<Argument> = words.map(|word| Argument::plain(word, place.clone())).collect();
            self.arguments.splice(0..0, words);
        }
        self.take_assignments();
        true
    }

    /// `su [OPTIONS] USER -c COMMAND`, `runuser -u USER -- COMMAND`
    fn unwrap_su(&mut self, most: usize) -> bool {
        let words: Vec<&str> = self.arguments.iter().map(Argument::shown).collect();
        // What stands behind `--` are no options of this program.
        let end = words.iter().position(|word| *word == "--").unwrap_or(words.len());
        let own = words.get(..end).unwrap_or_default();
        let is_command = |word: &&str| {
            *word == "--command" || (word.starts_with('-') && !word.starts_with("--") && word.ends_with('c'))
        };
        if let Some(at) = own.iter().position(is_command) {
            self.skip(at + 1);
            return self.unwrap_script(most.saturating_sub(1));
        }
        if let Some(at) = own.iter().position(|word| word.starts_with("--command=")) {
            self.skip(at);
            if let Some(word) = self.arguments.first_mut() {
                let text = word.text.as_deref().and_then(|text| text.strip_prefix("--command="));
                word.text = text.map(str::to_owned);
            }
            return self.unwrap_script(most.saturating_sub(1));
        }
        let number = options(
            words.iter().copied(),
            "sgGuwT",
            &["shell", "group", "supp-group", "user", "whitelist-environment"],
        );
        let has_user =
            words.iter().take(number).any(|word| word.starts_with("-u") || word.starts_with("--user"));
        self.skip(number);
        has_user
    }

    /// `start-stop-daemon --start --exec PROGRAM -- ARGUMENTS`
    fn unwrap_daemon(&mut self) -> bool {
        let words: Vec<&str> = self.arguments.iter().map(Argument::shown).collect();
        let option = |names: [&str; 2]| {
            let at = words.iter().position(|word| names.contains(word));
            at.and_then(|at| self.arguments.get(at + 1).cloned())
        };
        let joined = |prefixes: [&str; 2]| {
            self.arguments.iter().find_map(|word| {
                let text = prefixes.iter().find_map(|prefix| word.shown().strip_prefix(prefix))?;
                Some(Argument::plain(text, word.place.clone()))
            })
        };
        let program = option(["--startas", "-a"])
            .or_else(|| joined(["--startas=", "-a="]))
            .or_else(|| option(["--exec", "-x"]))
            .or_else(|| joined(["--exec=", "-x="]));
        let Some(program) = program else { return false };
        match words.iter().position(|word| *word == "--") {
            Some(end) => self.skip(end + 1),
            None => self.arguments.clear(),
        }
        self.arguments.insert(0, program);
        true
    }

    /// `ip netns exec NAME COMMAND`
    fn unwrap_netns(&mut self) -> bool {
        let is = |at: usize, text: &str| self.arguments.get(at).is_some_and(|word| word.shown() == text);
        let is_exec = is(1, "netns") && is(2, "exec");
        if is_exec {
            self.skip(4);
        }
        is_exec
    }

    /// `chroot [OPTIONS] FOLDER COMMAND`: etcd sees that folder as the root.
    fn unwrap_chroot(&mut self) -> bool {
        let Some(wrapper) = Wrapper::find("chroot") else { return false };
        let number = wrapper.options(self.arguments.iter().map(Argument::shown));
        let root = self.arguments.get(number).and_then(|root| root.text.clone());
        self.mounts = Some(vec![Mount { inside: "/".to_owned(), source: root }]);
        self.skip(number + 1);
        true
    }

    /// `sh -c COMMANDS`
    fn unwrap_shell(&mut self, most: usize) -> bool {
        let words: Vec<&str> = self.arguments.iter().map(Argument::shown).collect();
        // Only an option of the shell: what stands behind its operands is the script's.
        let end = options(words.iter().copied(), "oO", &["rcfile", "init-file"]);
        let is_command = |word: &&str| {
            word.starts_with('-')
                && !word.starts_with("--")
                && word.chars().skip(1).any(|letter| letter == 'c')
        };
        let Some(at) = words.iter().take(end).position(is_command) else { return false };
        // Options may follow it.
        let at = words.iter().take(end).rposition(|word| word.starts_with(['-', '+'])).unwrap_or(at);
        let shell = self.arguments.first().map(|word| base_name(word.shown()).to_owned());
        self.skip(at + 1);
        let outer = self.parent.take();
        let found = self.unwrap_script(most);
        // The shell, if it stays, and not what it starts.
        self.parent = outer.or(self.parent.take().and_then(|parent| match parent.role {
            _ if !parent.name.is_empty() => Some(parent),
            role => {
                let name = shell.unwrap_or_default();
                let role = if role == Role::MayStay { role_of_shell(&name) } else { Some(role) };
                role.map(|role| Parent { name, role })
            }
        }));
        found
    }

    /// Takes the etcd out of the shell's commands in the first word.
    fn unwrap_script(&mut self, most: usize) -> bool {
        let Some(script) = self.arguments.first().cloned() else { return false };
        let commands = shell::commands(script.shown());
        self.run_commands(&commands, most, &mut |_| script.place.clone())
    }

    /// Goes through the commands of a shell to the first that starts etcd, which becomes the command line. Whether
    /// there is one. The name of a shell that stays etcd's parent is empty.
    pub(crate) fn run_commands(
        &mut self,
        commands: &[ShellCommand],
        most: usize,
        place: &mut dyn FnMut(usize) -> Place,
    ) -> bool {
        let mut shell = ShellState::default();
        for (index, command) in commands.iter().enumerate() {
            self.steps += 1;
            if self.steps > MOST_STEPS {
                self.environment_is_known = false;
                return false;
            }
            let mut arguments: Vec<(Argument, bool)> = Vec::new();
            for word in &command.words {
                let place = place(word.word.offset);
                shell.expand(word, place, self, &mut arguments);
            }
            let is_keyword = |(word, _): &(Argument, bool)| KEYWORDS.contains(&word.shown());
            let first = arguments.iter().position(|word| !is_keyword(word)).unwrap_or(arguments.len());
            let words: Vec<Argument> = arguments.drain(first..).map(|(word, _)| word).collect();
            if shell.take(&words, self) {
                continue;
            }
            if most == 0 || !words.iter().any(|word| word.shown().contains("etcd")) || !may_start(&words) {
                continue;
            }
            self.steps += (self.variables.len() + self.shell_variables.len()) / VARIABLES_OF_A_STEP;
            let mut process = Self { arguments: words, ..self.clone() };
            process.take_assignments();
            let is_exec = process.arguments.first().is_some_and(|word| word.shown() == "exec");
            if process.unwrap_all(most) {
                let later = commands.get(index + 1..).unwrap_or_default();
                // A word of the grammar before the command keeps the shell.
                let is_alone = first == 0 && later.is_empty() && !command.is_redirected;
                let role = match command.end {
                    CommandEnd::Background if later.iter().any(waits) => Some(Role::Stays),
                    CommandEnd::Background => Some(Role::Leaves),
                    CommandEnd::Pipe => Some(Role::Stays),
                    _ if is_exec => None,
                    _ if is_alone => Some(Role::MayStay),
                    _ => Some(Role::Stays),
                };
                let parent = role.map(|role| Parent { name: String::new(), role });
                let parent = match (parent, process.parent.take()) {
                    // A shell may become the other program.
                    (Some(Parent { role: Role::MayStay, .. }) | None, Some(other)) => Some(other),
                    (parent, _) => parent,
                };
                *self = Self { parent, ..process };
                return true;
            }
            self.steps = process.steps;
        }
        false
    }

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
    fn shell_value<'a>(&'a self, name: &'a str) -> Option<&'a str> {
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

/// Whether the shell waits in a command, or in what may be any program: only what is known to be short is not waited for.
fn waits(command: &ShellCommand) -> bool {
    const SHORT: [&str; 12] =
        ["echo", "printf", "exit", "true", ":", "disown", "cd", "export", "touch", "mkdir", "chmod", "chown"];
    command.words.first().is_some_and(|word| !SHORT.contains(&word.word.text.as_str()))
}

/// Whether a command may be etcd, or a program that starts it.
fn may_start(words: &[Argument]) -> bool {
    let program = words.iter().find(|word| assignment(word).is_none());
    program.is_some_and(|word| {
        let name = base_name(word.shown());
        is_etcd(name)
            || SHELLS.contains(&name)
            || SPECIAL.contains(&name)
            || Wrapper::find(name).is_some()
            || is_engine(name)
    })
}

/// Words of the shell's grammar that a command may follow (POSIX, Shell Command Language, 2.4).
const KEYWORDS: [&str; 9] = ["if", "then", "else", "elif", "do", "while", "until", "{", "!"];

/// What the commands before have told the shell.
#[derive(Default)]
struct ShellState {
    /// Whether variables are exported by themselves (`set -a`).
    exports_all: bool,
}

impl ShellState {
    /// Adds the words that take the place of one word.
    fn expand(&self, word: &ShellWord, place: Place, process: &Process, into: &mut Vec<(Argument, bool)>) {
        let written = word.word.text.clone();
        let text =
            if word.is_expanded { process.substitute_as_shell(&written) } else { Some(written.clone()) };
        match &text {
            Some(text) if word.is_expanded && !word.is_quoted && is_lone_variable(&written) => {
                let parts = text.split_whitespace();
                into.extend(parts.map(|part| (Argument::plain(part, place.clone()), true)));
            }
            _ => {
                let quoted = if word.is_quoted { ShellExpansion::Quoted } else { ShellExpansion::Split };
                let expansion = word.is_expanded.then_some(quoted);
                into.push((Argument { text, written, place, expansion }, word.is_expanded));
            }
        }
    }

    /// Carries out a command that sets variables. Whether it was one.
    fn take(&mut self, words: &[Argument], process: &mut Process) -> bool {
        let Some(first) = words.first() else { return true };
        let rest = words.get(1..).unwrap_or_default();
        match first.shown() {
            "export" | "declare" | "typeset" | "readonly" | "local" => {
                let is_exported = first.shown() == "export" || rest.iter().any(|word| word.shown() == "-x");
                for word in rest.iter().filter(|word| !word.shown().starts_with('-')) {
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
                    words.iter().for_each(|word| self.assign(word, self.exports_all, process));
                }
                are_assignments
            }
        }
    }

    /// Sets or exports a variable.
    fn assign(&self, word: &Argument, is_exported: bool, process: &mut Process) {
        let Some((name, value)) = assignment(word) else {
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

/// The name and the value that a word gives a variable; no value if it is not known.
fn assignment(word: &Argument) -> Option<(&str, Option<String>)> {
    let (name, _) = word.shown().split_once('=').filter(|(name, _)| is_name(name))?;
    let value = word.text.as_deref().and_then(|text| text.split_once('=')).map(|(_, value)| value.to_owned());
    Some((name, value))
}

/// Whether a word is a variable and nothing else, without quotes.
fn is_lone_variable(written: &str) -> bool {
    let Some(name) = written.strip_prefix('$') else { return false };
    let name = name.strip_prefix('{').and_then(|name| name.strip_suffix('}')).unwrap_or(name);
    shell::parameter(name).is_some()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    /// Each shell starts three others with the same commands.
    #[test]
    fn scripts_in_scripts_are_looked_at_to_an_end() {
        let script = "X='sh -c \"$X etcd\"; sh -c \"$X etcd\"; sh -c \"$X etcd\"'\nsh -c \"$X\"\n";
        assert!(Process::of_script(script, Path::new("run.sh")).is_none());
    }

    /// What is no program before etcd is not looked into, and takes no copy of the variables.
    #[test]
    fn commands_of_other_programs_cost_little() {
        let mut process = Process::default();
        let variables: String = (0..10_000).map(|number| format!("V{number}=x\n")).collect();
        let commands = shell::commands("echo etcd\n/opt/etcd-backup etcd\n");
        process.run_commands(&shell::commands(&variables), 16, &mut |_| Place::default());
        let before = process.steps;
        assert!(!process.run_commands(&commands, 16, &mut |_| Place::default()));
        // The variables alone are more than the limit.
        assert!(process.steps - before <= 2, "{}", process.steps - before);
        assert!(before > MOST_STEPS && !process.environment_is_known);
    }
}
