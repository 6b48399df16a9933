//! The process that a unit or a script starts: its command line and its environment.

use std::collections::{HashMap, HashSet};

use crate::base::place::Place;
use crate::etcd::found::environment::{EnvironmentFile, INHERITED, Variable};
use crate::etcd::found::mounts::{self, Mount};
use crate::etcd::found::parent::Parent;
use crate::etcd::found::unit::{Unit, UnitSetting};
use crate::etcd::found::words::{self, UNKNOWN};

/// A process as it would be started.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Process {
    /// The program and its arguments; empty if no command line was found.
    pub(crate) arguments: Vec<Argument>,
    /// The environment.
    pub(crate) variables: Vec<Variable>,
    /// Whether everything that sets variables was found.
    pub(crate) environment_is_known: bool,
    /// What may set options of etcd and was not seen, where that can be named.
    pub(crate) unseen: Vec<Unseen>,
    /// The names of the variables that the command line uses and nothing sets, each with its place.
    pub(crate) unset: Vec<(String, Place)>,
    /// The container that the process runs in; `None` if it runs on the host itself.
    pub(crate) container: Option<ContainerRun>,
    /// What of the host the process sees, and where; `None` if it sees the files of the host as they are.
    pub(crate) mounts: Option<Vec<Mount>>,
    /// The files of variables that the command line or a script names, which are not read yet. A variable that is set
    /// otherwise stays as it is.
    pub(crate) lists: Vec<ListFile>,
    /// The variables of a shell that it does not export.
    pub(crate) shell_variables: Vec<Variable>,
    /// The program that is the service's main process in the place of etcd.
    pub(crate) parent: Option<Parent>,
    /// The program that takes systemd's variables away, so that etcd cannot tell that it is ready.
    pub(crate) clears_environment: Option<String>,
    /// How much was done to find the etcd of the command line, so that no file makes it take long.
    pub(crate) steps: usize,
    /// The length of the values that were set one by one.
    pub(crate) length: usize,
    /// What starts in the place of etcd, as far as is known: nothing about etcd's options can be told.
    pub(crate) opaque: Option<Opaque>,
}

/// A program that may start etcd, in a way that the files do not tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Opaque {
    /// The program, as it is written.
    pub(crate) program: String,
    pub(crate) place: Place,
}

/// Something that may set options of etcd and was not seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Unseen {
    /// What it is, as the beginning of a sentence.
    pub(crate) what: String,
    /// Where it is named.
    pub(crate) place: Place,
}

/// A file of variables that a command line or a script names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ListFile {
    /// The path on the host, or relative to the file that names it.
    pub(crate) path: String,
    pub(crate) form: ListForm,
    pub(crate) place: Place,
}

/// How a file of variables is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ListForm {
    /// A container engine's: every character behind `=` is a part of the value.
    Plain,
    /// That of compose: quotes are taken away.
    Quoted,
    /// A shell's: what is exported is in the environment.
    Shell,
    /// A shell's, with everything exported (`set -a`).
    ShellExported,
}

impl ListFile {
    pub(crate) fn new(path: impl Into<String>, form: ListForm, place: Place) -> Self {
        Self { path: path.into(), form, place }
    }
}

/// The `run` of a container engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ContainerRun {
    /// The name of the engine, such as `docker`.
    pub(crate) engine: String,
    /// The name of the image, with its tag.
    pub(crate) image: String,
}

/// A word of a command line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Argument {
    /// The text that the program gets; `None` if it depends on a value that is not known.
    pub(crate) text: Option<String>,
    /// The text in the file, without quotes and with nothing replaced.
    pub(crate) written: String,
    pub(crate) place: Place,
    /// How a shell makes the text from what is written; `None` if no shell does.
    pub(crate) expansion: Option<ShellExpansion>,
}

/// How a shell expands a word (POSIX, Shell Command Language, 2.6 "Word Expansions").
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ShellExpansion {
    /// The values stay in this word, because it is in quotes.
    Quoted,
    /// If the word is only a variable, it becomes as many words as the value has.
    Split,
}

impl Argument {
    /// A word that is as it is written.
    pub(crate) fn plain(text: impl Into<String>, place: Place) -> Self {
        let text = text.into();
        Self::new(Some(text.clone()), text, place)
    }

    /// A word that no shell expands.
    pub(crate) fn new(text: Option<String>, written: String, place: Place) -> Self {
        Self { text, written: written.replace(UNKNOWN, "${"), place, expansion: None }
    }

    /// The text that the program gets, or else what is written.
    pub(crate) fn shown(&self) -> &str {
        self.text.as_deref().unwrap_or(&self.written)
    }
}

/// A file that `EnvironmentFile=` names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct EnvironmentFileName {
    /// The path, without the dash.
    pub(crate) path: String,
    /// Whether a dash before the path allows the file to be missing.
    pub(crate) may_be_missing: bool,
    /// Whether it is known which file it is. A path may depend on the host or on the unit's instance, or be a pattern.
    pub(crate) is_known: bool,
    pub(crate) place: Place,
}

/// What is known about an environment file.
pub(crate) enum EnvironmentLookup<'a> {
    Present(&'a EnvironmentFile),
    Absent,
    Unknown,
}

/// The longest command line in bytes, and the longest environment, that the kernel starts under the usual limits (execve(2), "Limits on size of
/// arguments and environment"). Without a limit, a short unit that uses a long variable many times would fill the
/// memory.
const LONGEST_COMMAND: usize = 2 << 20;

/// The longest word of a command line, in bytes (execve(2), `MAX_ARG_STRLEN`).
pub(crate) const LONGEST_WORD: usize = 128 << 10;

impl Unit {
    /// The files that `EnvironmentFile=` names.
    pub(crate) fn environment_files(&self) -> Vec<EnvironmentFileName> {
        let all = self.all("Service", "EnvironmentFile");
        all.into_iter()
            .map(|setting| {
                let expanded = self.expand(&setting.value.text);
                let is_known = expanded.is_some();
                let text = expanded.unwrap_or_else(|| setting.value.text.clone());
                let path = text.strip_prefix('-');
                EnvironmentFileName {
                    may_be_missing: path.is_some(),
                    path: path.unwrap_or(&text).to_owned(),
                    is_known: is_known && !text.contains(['*', '?', '[']),
                    place: setting.place(0),
                }
            })
            .collect()
    }

    /// The process of the last `ExecStart=`, or, if that does not start etcd, of a command before it that does, as
    /// where `ExecStart=` follows the log of a container. `environment` looks up an environment file by its path on
    /// the host.
    pub(crate) fn process<'a>(&self, environment: impl Fn(&str) -> EnvironmentLookup<'a>) -> Process {
        let mut process = Process { environment_is_known: self.main.is_some(), ..Process::default() };
        let mut variables = Vec::new();
        // The values are those of the manager, which the files do not tell.
        for setting in self.all("Service", "PassEnvironment") {
            for word in words::systemd(&setting.value.text) {
                let place = setting.place(word.offset);
                variables.push(Variable { name: word.text, value: None, place });
            }
        }
        for setting in self.all("Service", "Environment") {
            for word in words::systemd(&setting.value.text) {
                if let Some((name, value)) = word.text.split_once('=') {
                    let place = setting.place(word.offset);
                    variables.push(Variable { name: name.to_owned(), value: self.expand(value), place });
                }
            }
        }
        for file in self.environment_files() {
            match if file.is_known { environment(&file.path) } else { EnvironmentLookup::Unknown } {
                EnvironmentLookup::Present(file) => variables.extend(file.variables.iter().cloned()),
                EnvironmentLookup::Absent => {}
                EnvironmentLookup::Unknown => {
                    process.not_seen(format!("the environment file {}", file.path), file.place);
                }
            }
        }
        let unset = self.all("Service", "UnsetEnvironment");
        let unset: HashSet<String> = unset
            .iter()
            .flat_map(|setting| words::systemd(&setting.value.text))
            .map(|word| word.text)
            .collect();
        process.variables = last_of_each(variables);
        process.variables.retain(|variable| !unset.contains(&variable.name));
        process.mounts = self.mounts();
        let start =
            self.all("Service", "ExecStart").last().map(|setting| process.with_command(setting, self));
        if start.as_ref().is_some_and(|start| start.is_etcd()) {
            return start.unwrap_or(process);
        }
        let before = self.all("Service", "ExecStartPre");
        let mut before = before.into_iter().rev().map(|setting| process.with_command(setting, self));
        before.find(|before| before.is_etcd() && before.container.is_some()).or(start).unwrap_or(process)
    }

    /// Replaces specifiers (systemd.unit(5), "Specifiers"); `None` if one depends on the host, as `%H` does, or if a part
    /// of the text is not known.
    pub(crate) fn expand(&self, text: &str) -> Option<String> {
        if text.contains(UNKNOWN) {
            return None;
        }
        let (prefix, suffix) = self.name.rsplit_once('.').unwrap_or((&self.name, ""));
        let (stem, instance) = prefix.split_once('@').unwrap_or((prefix, ""));
        let is_template = self.is_template();
        let mut expanded = String::new();
        let mut characters = text.chars();
        while let Some(c) = characters.next() {
            if c != '%' {
                expanded.push(c);
                continue;
            }
            match characters.next() {
                None | Some('%') => expanded.push('%'),
                // Of a template, the instance is not known.
                Some('n' | 'N' | 'i' | 'I') if is_template => return None,
                Some('n') => expanded.extend([prefix, ".", suffix]),
                Some('N') => expanded.push_str(prefix),
                Some('p' | 'P') => expanded.push_str(stem),
                Some('j' | 'J') => expanded.push_str(stem.rsplit('-').next().unwrap_or(stem)),
                Some('i' | 'I') => expanded.push_str(instance),
                Some('S') => expanded.push_str("/var/lib"),
                Some('C') => expanded.push_str("/var/cache"),
                Some('L') => expanded.push_str("/var/log"),
                Some('E') => expanded.push_str("/etc"),
                Some('t') => expanded.push_str("/run"),
                Some('T') => expanded.push_str("/tmp"),
                Some('V') => expanded.push_str("/var/tmp"),
                Some(_) => return None,
            }
        }
        Some(expanded)
    }
}

impl Process {
    /// The process of a command line, without the name of the program, and of an environment.
    pub(crate) fn of_command(arguments: &[String], environment: &[(String, String)]) -> Self {
        let place = Place::default;
        let argument = |text: &str| Argument::plain(text, place());
        let variable = |(name, value): &(String, String)| Variable {
            name: name.clone(),
            value: Some(value.clone()),
            place: place(),
        };
        let words = std::iter::once("etcd").chain(arguments.iter().map(String::as_str));
        Self {
            arguments: words.map(argument).collect(),
            variables: environment.iter().map(variable).collect(),
            environment_is_known: true,
            ..Self::default()
        }
    }

    /// Notes that something may set variables or options, and was not seen.
    pub(crate) fn not_seen(&mut self, what: impl Into<String>, place: Place) {
        self.environment_is_known = false;
        self.unseen.push(Unseen { what: what.into(), place });
    }

    /// Sets a variable, in place of an earlier one with its name.
    pub(crate) fn set(&mut self, variable: Variable) {
        let variable = self.bounded(variable);
        self.variables.retain(|earlier| earlier.name != variable.name);
        self.variables.push(variable);
    }

    /// The variable, without its value if the values of all together are longer than the system lets them be.
    pub(crate) fn bounded(&mut self, variable: Variable) -> Variable {
        self.length += variable.value.as_ref().map_or(0, String::len);
        if self.length > LONGEST_COMMAND { Variable { value: None, ..variable } } else { variable }
    }

    /// Adds the variables of a file. What is set already stays, since container engines and compose put it above the
    /// file.
    pub(crate) fn add_list(&mut self, variables: Vec<Variable>, of_shell: Vec<Variable>) {
        let known: HashSet<String> = self.variables.iter().map(|variable| variable.name.clone()).collect();
        let new = last_of_each(variables).into_iter().filter(|variable| !known.contains(&variable.name));
        self.variables.extend(new);
        self.shell_variables.extend(of_shell);
    }

    /// A copy whose command line is that of a setting.
    fn with_command(&self, setting: &UnitSetting, unit: &Unit) -> Self {
        let mut process = self.clone();
        process.set_command(setting, unit);
        process.unwrap_command();
        process
    }

    /// Sets the command line, with specifiers and variables replaced (systemd.service(5), "Command lines").
    fn set_command(&mut self, setting: &UnitSetting, unit: &Unit) {
        let text = &setting.value.text;
        let line = text.trim_start_matches(['@', '-', ':', '+', '!', '|']);
        let offset = text.len() - line.len();
        let prefixes = text.get(..offset).unwrap_or_default();
        let mut line_words = words::systemd(line).into_iter();
        let program = line_words.next();
        if prefixes.contains('@') {
            // The second word is the program's `argv[0]`.
            line_words.next();
        }
        let mut places = setting.places();
        let values: HashMap<String, Option<String>> =
            self.variables.iter().map(|variable| (variable.name.clone(), variable.value.clone())).collect();
        let mut length = 0;
        for (index, word) in program.into_iter().chain(line_words).enumerate() {
            if length > LONGEST_COMMAND {
                self.environment_is_known = false;
                break;
            }
            let before = self.arguments.len();
            // A semicolon alone ends the command and begins another.
            if word.text == ";" {
                break;
            }
            let place = places.place(offset + word.offset);
            let expanded = unit.expand(&word.text);
            if index == 0 || prefixes.contains(':') {
                self.arguments.push(Argument::new(expanded, word.text, place));
                continue;
            }
            match word.text.strip_prefix('$').filter(|name| is_name(name)) {
                Some(name) => self.add_words_of(values.get(name), &word.text, &place),
                None => {
                    let text = expanded.and_then(|text| self.substitute(&text, &place, &values));
                    self.arguments.push(Argument::new(text, word.text, place));
                }
            }
            let new = self.arguments.iter().skip(before);
            length +=
                new.map(|new| new.text.as_ref().map_or(0, String::len) + size_of::<usize>()).sum::<usize>();
        }
    }

    /// Adds the words of a variable's value, which replace `$NAME` where that is a word alone. A variable that is not
    /// set is no word: it is there for options that a host may add.
    fn add_words_of(&mut self, value: Option<&Option<String>>, written: &str, place: &Place) {
        let argument = |text| Argument::new(text, written.to_owned(), place.clone());
        match value {
            Some(Some(value)) => {
                let split = words::systemd(value).into_iter().map(|word| argument(Some(word.text)));
                self.arguments.extend(split);
            }
            // Options may be in it.
            Some(None) => self.not_seen(format!("the value of `{written}`"), place.clone()),
            None => {}
        }
    }

    /// Replaces `${NAME}` and `$$`, as systemd does within a word; `None` if a value is not known.
    fn substitute(
        &mut self,
        text: &str,
        place: &Place,
        values: &HashMap<String, Option<String>>,
    ) -> Option<String> {
        let mut result = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('$') {
            result.push_str(before);
            if let Some(after) = after.strip_prefix('$') {
                result.push('$');
                rest = after;
            } else if let Some((name, after)) = after.strip_prefix('{').and_then(|r| r.split_once('}')) {
                result.push_str(&self.value(name, place, values)?);
                rest = after;
                if result.len() > LONGEST_WORD {
                    return None;
                }
            } else {
                result.push('$');
                rest = after;
            }
        }
        result.push_str(rest);
        Some(result)
    }

    /// The value of a variable; `None` if it is not known. A variable that is not set is empty, and is added to
    /// `unset`.
    fn value(
        &mut self,
        name: &str,
        place: &Place,
        values: &HashMap<String, Option<String>>,
    ) -> Option<String> {
        match values.get(name) {
            Some(value) => value.clone(),
            None if !self.environment_is_known || INHERITED.contains(&name) => None,
            None => {
                self.unset.push((name.to_owned(), place.clone()));
                Some(String::new())
            }
        }
    }

    /// The path on the host of a path that the process sees; `None` if it is not on the host, or not known.
    pub(crate) fn on_host(&self, path: &str) -> Option<String> {
        match &self.mounts {
            Some(mounts) => mounts::on_host(mounts, path),
            None => Some(path.to_owned()),
        }
    }

    /// Whether the process sees the files of the host as they are, but for what is bound elsewhere.
    pub(crate) fn sees_host(&self) -> bool {
        let is_host = |mount: &Mount| mount.inside == "/" && mount.source.as_deref() == Some("/");
        self.mounts.as_ref().is_none_or(|mounts| mounts.first().is_some_and(is_host))
    }

    /// Whether the program is called etcd.
    pub(crate) fn is_etcd(&self) -> bool {
        self.arguments.first().is_some_and(|program| is_etcd(program.shown()))
    }

    /// What etcd runs in the place of a member, because its first argument says so (etcd, server/etcdmain/main.go).
    pub(crate) fn proxy(&self) -> Option<&'static str> {
        let command = self.arguments.get(1).filter(|_| self.is_etcd())?;
        ["gateway", "grpc-proxy"].into_iter().find(|name| command.shown() == *name)
    }

    /// Whether a variable of etcd is set.
    pub(crate) fn has_etcd_variables(&self) -> bool {
        self.variables.iter().any(|variable| variable.name.starts_with("ETCD_"))
    }
}

/// The last variable of each name, in their order.
pub(crate) fn last_of_each(variables: Vec<Variable>) -> Vec<Variable> {
    let last: HashMap<String, usize> =
        variables.iter().enumerate().map(|(index, variable)| (variable.name.clone(), index)).collect();
    let is_last = |(index, variable): &(usize, Variable)| last.get(&variable.name) == Some(index);
    variables.into_iter().enumerate().filter(is_last).map(|(_, variable)| variable).collect()
}

pub(crate) fn is_name_part(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

/// Whether a text can be the name of a variable.
pub(crate) fn is_name(text: &str) -> bool {
    !text.is_empty() && text.chars().all(is_name_part) && !text.starts_with(|c: char| c.is_ascii_digit())
}

/// The name of a program without its folders.
pub(crate) fn base_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or_default()
}

/// Whether a program is etcd. `etcd-wrapper` of Flatcar and CoreOS starts it in a container, with its own arguments.
pub(crate) fn is_etcd(path: &str) -> bool {
    matches!(base_name(path), "etcd" | "etcd.exe" | "etcd-wrapper")
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::etcd::found::unit::UnitFile;

    fn unit(text: &str) -> Unit {
        Unit::new("etcd.service", Some(UnitFile::parse(text, Path::new("etcd.service"))), Vec::new())
    }

    fn texts(process: &Process) -> Vec<Option<&str>> {
        process.arguments.iter().map(|argument| argument.text.as_deref()).collect()
    }

    #[test]
    fn variables_and_specifiers_are_replaced_as_systemd_does() {
        let unit = unit(
            "[Service]\nEnvironment=A=1 \"B=x y\" H=%H\nEnvironmentFile=/etc/etcd.env\n\
             ExecStart=-/usr/bin/etcd --a=${A}${C} $B --p=%n --q=%% --d=$$x --h=${H} --none=${NONE}\n",
        );
        let file = EnvironmentFile::parse("A=2\nC=3\n", Path::new("etcd.env"));
        let process = unit.process(|_| EnvironmentLookup::Present(&file));
        let expected =
            ["/usr/bin/etcd", "--a=23", "x", "y", "--p=etcd.service", "--q=%", "--d=$x", "", "--none="];
        let expected: Vec<_> =
            expected.into_iter().map(|text| Some(text).filter(|t| !t.is_empty())).collect();
        assert_eq!(texts(&process), expected);
        assert_eq!(process.unset.len(), 1);
        assert_eq!(process.unset[0].0, "NONE");
        let process = unit.process(|_| EnvironmentLookup::Unknown);
        assert_eq!(texts(&process)[1], None);
        assert!(process.unset.is_empty(), "what may be elsewhere is not missing");
    }

    #[test]
    fn a_command_that_is_too_long_to_start_is_not_built() {
        let words = vec!["x".repeat(1000); 100].join(" ");
        let unit =
            |command: String| unit(&format!("[Service]\nEnvironment=\"A={words}\"\nExecStart={command}\n"));
        let process = unit(format!("etcd{}", " $A".repeat(1000))).process(|_| EnvironmentLookup::Absent);
        assert!(process.arguments.len() < 2500, "{}", process.arguments.len());
        assert!(!process.environment_is_known, "the rest of the command is not known");
        for command in [
            format!("etcd --a={}", "${A}".repeat(1000)),
            format!("/bin/sh -c 'etcd --a={}'", "$A".repeat(1000)),
        ] {
            let process = unit(command).process(|_| EnvironmentLookup::Absent);
            assert_eq!(process.arguments.last().unwrap().text, None);
        }
        let process = unit("etcd $A --a=${A}".to_owned()).process(|_| EnvironmentLookup::Absent);
        assert_eq!((process.arguments.len(), process.environment_is_known), (102, true));
        assert!(process.arguments.iter().all(|argument| argument.text.is_some()));
    }

    #[test]
    fn the_etcd_in_a_shell_command_is_the_process() {
        let unit = unit(
            "[Service]\nEnvironment=ETCD_NAME=a\n\
             ExecStart=/bin/bash -c \"GOMAXPROCS=$(nproc) /usr/bin/etcd --name=\\\"${ETCD_NAME}\\\" --x\"\n",
        );
        let process = unit.process(|_| EnvironmentLookup::Absent);
        assert_eq!(texts(&process), [Some("/usr/bin/etcd"), Some("--name=a"), Some("--x")]);
        assert!(process.is_etcd());
    }

    #[test]
    fn a_script_that_starts_etcd_is_a_process() {
        let script =
            "#!/bin/sh\nexport ETCDCTL_API=3\nETCD_DEBUG=1 etcd --name radon \\\n  --data-dir=/x &\n";
        let process = Process::of_script(script, Path::new("radon.sh")).unwrap();
        assert_eq!(texts(&process), [Some("etcd"), Some("--name"), Some("radon"), Some("--data-dir=/x")]);
        assert_eq!(process.arguments[3].place.to_string(), "radon.sh:4:3");
        assert_eq!(process.variables.last().unwrap().name, "ETCD_DEBUG");
        let script = "install -d '/var/lib/etcd'\nexec docker run -v /etcd:/etcd \\\n --entrypoint etcd --rm \\\n  \
                      'quay.io/coreos/etcd:v3.5.30' '--name=radon'\n";
        let process = Process::of_script(script, Path::new("radon.sh")).unwrap();
        assert_eq!(texts(&process), [Some("etcd"), Some("--name=radon")]);
        for other in
            ["systemctl status etcd\n", "install -d /var/lib/etcd\nls -l\n", "podman rm --force etcd -x\n"]
        {
            assert!(Process::of_script(other, Path::new("x")).is_none(), "{other}");
        }
    }

    #[test]
    fn a_proxy_is_no_member() {
        let proxy = |script: &str| Process::of_script(script, Path::new("x")).unwrap().proxy();
        assert_eq!(proxy("exec etcd grpc-proxy start --endpoints=10.0.0.1:2379\n"), Some("grpc-proxy"));
        assert_eq!(proxy("docker run e/etcd:v3.5 etcd gateway start --endpoints=a:1\n"), Some("gateway"));
        assert_eq!(proxy("etcd --name gateway\n"), None);
    }

    #[test]
    fn a_container_has_an_image() {
        for script in [
            "install -d /var/lib/etcd\nexec docker run --volume /var/lib/etcd --name etcd-a --entrypoint etcd example/etcd:v3.5 --name=a\n",
            "install -d /var/lib/etcd\nexec podman run --name etcd --user 1 --entrypoint etcd e:v3 '--name=a'\n",
            "exec docker run --name etcd-a --entrypoint etcd example/etcd:v3.5 --name=a\n",
            "docker run --rm --name etcd -p 1:2 example/etcd:v3.5 /usr/local/bin/etcd --name=a\n",
            "docker run --name etcd quay.io/coreos/etcd /usr/local/bin/etcd --name=a\n",
        ] {
            let process = Process::of_script(script, Path::new("x")).unwrap();
            assert_eq!(process.arguments.last().unwrap().text.as_deref(), Some("--name=a"), "{script}");
            assert_eq!(process.arguments.len(), 2, "{script}");
        }
        let process = Process::of_script("docker run quay.io/coreos/etcd etcd --name=a", Path::new("x"));
        let container = ContainerRun { engine: "docker".to_owned(), image: "quay.io/coreos/etcd".to_owned() };
        assert_eq!(process.unwrap().container, Some(container));
    }
}
