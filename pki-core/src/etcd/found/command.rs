//! Finds the etcd in a command line that begins with other programs: `env`, `nice`, a shell, a container engine.

use crate::base::place::Place;
use crate::etcd::found::engine::is_engine;
use crate::etcd::found::environment::Variable;
use crate::etcd::found::mounts::Mount;
use crate::etcd::found::parent::{Parent, Role, role, role_of_shell};
use crate::etcd::found::process::{
    Argument, ListFile, ListForm, Opaque, Process, base_name, is_etcd, is_name,
};
use crate::etcd::found::shell::{self, CommandEnd, ShellCommand};
use crate::etcd::found::shell_state::{KEYWORDS, ShellState, assignment};
use crate::etcd::found::wrapper::{Wrapper, options};

/// The number of programs that may be before etcd. More are no accident.
const MOST_WRAPPERS: usize = 16;

/// The number of commands that are looked at, those of the scripts in scripts too. More are no accident.
const MOST_STEPS: usize = 5000;

/// The number of variables that are copied in one step, for a command that has its own.
const VARIABLES_OF_A_STEP: usize = 20;

pub(crate) const SHELLS: [&str; 8] = ["sh", "bash", "dash", "ash", "zsh", "ksh", "mksh", "busybox-sh"];

/// Programs before etcd that [`Process::unwrap_all`] reads in ways of their own.
const SPECIAL: [&str; 9] =
    ["env", "su", "runuser", "start-stop-daemon", "ip", "chroot", "eval", "systemd-run", "tmux"];

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
                "systemd-run" => self.unwrap_systemd_run(),
                "eval" => return self.unwrap_eval(most - 1),
                "tmux" => return self.unwrap_tmux(most - 1),
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

    /// `systemd-run [OPTIONS] COMMAND`: the service manager gives the environment, unless it is a scope.
    fn unwrap_systemd_run(&mut self) -> bool {
        let Some(wrapper) = Wrapper::find("systemd-run") else { return false };
        let number = wrapper.options(self.arguments.iter().map(Argument::shown));
        let own: Vec<Argument> = self.arguments.drain(..number.min(self.arguments.len())).collect();
        if !own.iter().any(|word| word.shown() == "--scope") {
            self.variables.clear();
        }
        let mut words = own.into_iter().skip(1);
        while let Some(word) = words.next() {
            let text = word.shown().to_owned();
            let (name, value) = match text.split_once('=') {
                Some((name, value)) if name.starts_with("--") => (name, Some(value.to_owned())),
                _ if text.starts_with("--") || text.len() == 2 => (text.as_str(), None),
                _ => text
                    .split_at_checked(2)
                    .map_or((text.as_str(), None), |(name, value)| (name, Some(value.to_owned()))),
            };
            if !["--setenv", "-E", "--property", "-p"].contains(&name) {
                continue;
            }
            let Some(value) = value.or_else(|| words.next().map(|word| word.shown().to_owned())) else {
                break;
            };
            let is_property = matches!(name, "--property" | "-p");
            match if is_property { value.strip_prefix("Environment=") } else { Some(value.as_str()) } {
                Some(assignment) => {
                    let (name, value) = match assignment.split_once('=') {
                        Some((name, value)) => (name, Some(value.to_owned()).filter(|_| word.text.is_some())),
                        None => (assignment, None),
                    };
                    self.set(Variable { name: name.to_owned(), value, place: word.place });
                }
                None => {
                    if let Some(path) = value.strip_prefix("EnvironmentFile=") {
                        let path = path.trim_start_matches('-');
                        self.lists.push(ListFile::new(path, ListForm::Quoted, word.place));
                    }
                }
            }
        }
        true
    }

    /// `eval WORD...`: the words together are commands.
    fn unwrap_eval(&mut self, most: usize) -> bool {
        let Some(place) = self.arguments.first().map(|word| word.place.clone()) else { return false };
        let words: Vec<&str> = self.arguments.iter().skip(1).map(Argument::shown).collect();
        self.arguments = vec![Argument::plain(words.join(" "), place)];
        self.unwrap_script(most)
    }

    /// `tmux new-session [OPTIONS] [COMMAND...]`
    fn unwrap_tmux(&mut self, most: usize) -> bool {
        let is_new = |word: &Argument| ["new", "new-session", "neww", "new-window"].contains(&word.shown());
        let Some(at) = self.arguments.iter().position(is_new) else { return false };
        let words = self.arguments.iter().skip(at).map(Argument::shown);
        self.skip(at + options(words, "cFfnstexy", &[]));
        self.parent.get_or_insert_with(|| Parent { name: "tmux".to_owned(), role: Role::Leaves });
        match self.arguments.len() {
            1 => self.unwrap_script(most),
            _ => self.unwrap_all(most),
        }
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
            let mut words: Vec<Argument> = arguments.drain(first..).map(|(word, _)| word).collect();
            // `function NAME { COMMAND`
            if words.first().is_some_and(|word| word.shown() == "function") {
                words.drain(..words.len().min(3));
            }
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

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    /// The command line and the variables of the etcd that a script starts.
    fn started(script: &str) -> String {
        let Some(mut process) = Process::of_script(script, Path::new("run.sh")) else {
            return "none".to_owned();
        };
        process.fill();
        let variables = process.variables.iter();
        let variables = variables.map(|v| format!("{}={}", v.name, v.value.as_deref().unwrap_or("?")));
        let words = process.arguments.iter().map(|word| match &word.text {
            Some(text) => text.clone(),
            None => format!("?{}", word.written),
        });
        variables.chain(words).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn an_etcd_is_found_however_a_script_starts_it() {
        for (script, expected) in [
            ("exec etcd --name=a\n", "etcd --name=a"),
            ("nohup /usr/bin/etcd --name a >/l 2>&1 &\n", "/usr/bin/etcd --name a"),
            ("E=1 F=2 etcd --name=a\n", "E=1 F=2 etcd --name=a"),
            ("sh -c 'exec etcd --name=a'\n", "etcd --name=a"),
            (
                "start() {\n  exec etcd --name=a \\\n    --data-dir=/d\n}\nstart\n",
                "etcd --name=a --data-dir=/d",
            ),
            ("function start { etcd --name=a; }\n", "etcd --name=a"),
            ("case $1 in\nstart) setsid etcd --name=a & ;;\nesac\n", "etcd --name=a"),
            (
                "A=(--name a\n  --data-dir /d # x\n)\nA+=(--debug)\nexec etcd \"${A[@]}\" --x\n",
                "etcd --name a --data-dir /d --debug --x",
            ),
            ("A='--name=a'\nA+=' --x'\nA=\"$A --y\"\netcd $A\n", "etcd --name=a --x --y"),
            ("B=/opt/etcd\n\"$B/etcd\" --name=a\n", "/opt/etcd/etcd --name=a"),
            ("\"$B/etcd\" --name=$N $EXTRA --x\n", "?$B/etcd ?--name=$N ?$EXTRA --x"),
            ("C='etcd --name=a'\neval \"exec $C --x\"\n", "etcd --name=a --x"),
            ("screen -dmS etcd etcd --name=a\n", "etcd --name=a"),
            ("tmux new-session -d -s e 'etcd --name=a'\n", "etcd --name=a"),
            ("daemon --user etcd /usr/bin/etcd --name=a\n", "/usr/bin/etcd --name=a"),
            (
                "export Z=1\nsystemd-run --unit etcd -p Type=notify -p Environment=X=1 --setenv=Y=2 -E W=3 /usr/bin/etcd --name=a\n",
                "X=1 Y=2 W=3 /usr/bin/etcd --name=a",
            ),
            ("export Z=1\nsystemd-run --scope etcd --name=a\n", "Z=1 etcd --name=a"),
            ("docker run $OPTS quay.io/coreos/etcd:v3 etcd --name=a\n", "etcd --name=a"),
            ("docker run ${OPTS} --name x -e A=1 quay.io/coreos/etcd:v3 --name=a\n", "A=1 etcd --name=a"),
            ("docker run -d $OPTS $IMAGE etcd --name=a\n", "etcd --name=a"),
            ("docker run -d $IMAGE /usr/local/bin/etcd --name=a\n", "/usr/local/bin/etcd --name=a"),
            (
                "docker service create --name e --replicas 1 quay.io/coreos/etcd:v3 etcd --name=a\n",
                "etcd --name=a",
            ),
        ] {
            assert_eq!(started(script), expected, "{script}");
        }
    }

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
