//! The process that a unit or a script starts: its command line and its environment.

use std::path::Path;

use crate::base::place::Place;
use crate::etcd::found::environment::{EnvironmentFile, Variable};
use crate::etcd::found::unit::{Unit, UnitSetting};
use crate::etcd::found::words;
use crate::etcd::found::words::Word;

/// A process as it would be started.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Process {
    /// The program and its arguments; empty if no command line was found.
    pub(crate) arguments: Vec<Argument>,
    /// The environment.
    pub(crate) variables: Vec<Variable>,
    /// Whether everything that sets variables was found.
    pub(crate) environment_is_known: bool,
    /// The names of the variables that the command line uses and nothing sets, each with its place.
    pub(crate) unset: Vec<(String, Place)>,
    /// The container that the process runs in; `None` if it runs on the host itself.
    pub(crate) container: Option<ContainerRun>,
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
}

/// A file that `EnvironmentFile=` names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct EnvironmentFileName {
    /// The path, without the dash.
    pub(crate) path: String,
    /// Whether a dash before the path allows the file to be missing.
    pub(crate) may_be_missing: bool,
    pub(crate) place: Place,
}

/// What is known about an environment file.
pub(crate) enum EnvironmentLookup<'a> {
    Present(&'a EnvironmentFile),
    Absent,
    Unknown,
}

/// The longest command line in bytes that the kernel starts under the usual limits (execve(2), "Limits on size of
/// arguments and environment"). Without a limit, a short unit that uses a long variable many times would fill the
/// memory.
const LONGEST_COMMAND: usize = 2 << 20;

/// The longest word of a command line, in bytes (execve(2), `MAX_ARG_STRLEN`).
const LONGEST_WORD: usize = 128 << 10;

impl Unit {
    /// The files that `EnvironmentFile=` names.
    pub(crate) fn environment_files(&self) -> Vec<EnvironmentFileName> {
        let all = self.all("Service", "EnvironmentFile");
        all.into_iter()
            .map(|setting| {
                let text = self.expand(&setting.value.text).unwrap_or_else(|| setting.value.text.clone());
                let path = text.strip_prefix('-');
                EnvironmentFileName {
                    may_be_missing: path.is_some(),
                    path: path.unwrap_or(&text).to_owned(),
                    place: setting.place(0),
                }
            })
            .collect()
    }

    /// The process of the last `ExecStart=`. `environment` looks up an environment file by its path on the host.
    pub(crate) fn process<'a>(&self, environment: impl Fn(&str) -> EnvironmentLookup<'a>) -> Process {
        let mut process = Process { environment_is_known: self.main.is_some(), ..Process::default() };
        for setting in self.all("Service", "Environment") {
            for word in words::systemd(&setting.value.text) {
                if let Some((name, value)) = word.text.split_once('=') {
                    let place = setting.place(word.offset);
                    process.set(Variable { name: name.to_owned(), value: self.expand(value), place });
                }
            }
        }
        for file in self.environment_files() {
            match environment(&file.path) {
                EnvironmentLookup::Present(file) => {
                    file.variables.iter().cloned().for_each(|variable| process.set(variable));
                }
                EnvironmentLookup::Absent => {}
                EnvironmentLookup::Unknown => process.environment_is_known = false,
            }
        }
        for setting in self.all("Service", "UnsetEnvironment") {
            for word in words::systemd(&setting.value.text) {
                process.variables.retain(|variable| variable.name != word.text);
            }
        }
        if let Some(setting) = self.all("Service", "ExecStart").last() {
            process.set_command(setting, self);
        }
        process
    }

    /// Replaces specifiers (systemd.unit(5), "Specifiers"); `None` if one depends on the host, as `%H` does.
    pub(crate) fn expand(&self, text: &str) -> Option<String> {
        let (prefix, suffix) = self.name.rsplit_once('.').unwrap_or((&self.name, ""));
        let (stem, instance) = prefix.split_once('@').unwrap_or((prefix, ""));
        let mut expanded = String::new();
        let mut characters = text.chars();
        while let Some(c) = characters.next() {
            if c != '%' {
                expanded.push(c);
                continue;
            }
            match characters.next() {
                None | Some('%') => expanded.push('%'),
                Some('n') => expanded.extend([prefix, ".", suffix]),
                Some('N') => expanded.push_str(prefix),
                Some('p' | 'P') => expanded.push_str(stem),
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
        let argument =
            |text: &str| Argument { text: Some(text.to_owned()), written: text.to_owned(), place: place() };
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

    /// Sets a variable, in place of an earlier one with its name.
    fn set(&mut self, variable: Variable) {
        self.variables.retain(|earlier| earlier.name != variable.name);
        self.variables.push(variable);
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
            let place = setting.place(offset + word.offset);
            let expanded = unit.expand(&word.text);
            if index == 0 || prefixes.contains(':') {
                self.arguments.push(Argument { text: expanded, written: word.text, place });
                continue;
            }
            match word.text.strip_prefix('$').filter(|name| is_name(name)) {
                Some(name) => self.add_words_of(name, &word.text, &place),
                None => {
                    let text = expanded.and_then(|text| self.substitute(&text, &place));
                    self.arguments.push(Argument { text, written: word.text, place });
                }
            }
            let new = self.arguments.iter().skip(before);
            length +=
                new.map(|new| new.text.as_ref().map_or(0, String::len) + size_of::<usize>()).sum::<usize>();
        }
        self.unwrap_shell();
    }

    /// Adds the words of a variable's value, which replace `$NAME` where that is a word alone.
    fn add_words_of(&mut self, name: &str, written: &str, place: &Place) {
        let argument = |text| Argument { text, written: written.to_owned(), place: place.clone() };
        match self.value(name, place) {
            Some(value) => {
                let split = words::systemd(&value).into_iter().map(|word| argument(Some(word.text)));
                self.arguments.extend(split);
            }
            None => self.arguments.push(argument(None)),
        }
    }

    /// Replaces `${NAME}` and `$$`, as systemd does within a word; `None` if a value is not known.
    fn substitute(&mut self, text: &str, place: &Place) -> Option<String> {
        let mut result = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('$') {
            result.push_str(before);
            if let Some(after) = after.strip_prefix('$') {
                result.push('$');
                rest = after;
            } else if let Some((name, after)) = after.strip_prefix('{').and_then(|r| r.split_once('}')) {
                result.push_str(&self.value(name, place)?);
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
    fn value(&mut self, name: &str, place: &Place) -> Option<String> {
        match self.variables.iter().find(|variable| variable.name == name) {
            Some(variable) => variable.value.clone(),
            None if !self.environment_is_known || INHERITED.contains(&name) => None,
            None => {
                self.unset.push((name.to_owned(), place.clone()));
                Some(String::new())
            }
        }
    }

    /// Replaces a command line such as `sh -c "... etcd ..."` with that of the etcd in it.
    fn unwrap_shell(&mut self) {
        let base = |argument: &Argument| {
            let text = argument.text.as_deref().unwrap_or(&argument.written);
            text.rsplit('/').next().unwrap_or_default().to_owned()
        };
        let [shell, flag, script, ..] = self.arguments.as_slice() else { return };
        if !["sh", "bash", "dash"].contains(&base(shell).as_str()) || !flag.written.ends_with('c') {
            return;
        }
        let script = script.clone();
        let line = Self::of_shell(script.text.as_deref().unwrap_or(&script.written), &script.place);
        if let Some(line) = line {
            let arguments = line.into_iter().map(|argument| {
                let text = match argument.text {
                    Some(text) => Some(text),
                    None => self.substitute_as_shell(&argument.written),
                };
                Argument { text, ..argument }
            });
            self.arguments = arguments.collect();
        }
    }

    /// Replaces `$NAME` and `${NAME}`, as a shell does; `None` if a variable is not set, or is more than a name.
    fn substitute_as_shell(&self, written: &str) -> Option<String> {
        let mut result = String::new();
        let mut rest = written;
        while let Some((before, after)) = rest.split_once('$') {
            result.push_str(before);
            let (name, after) = match after.strip_prefix('{') {
                Some(after) => after.split_once('}')?,
                None => {
                    let end = after.find(|c: char| !is_name_part(c)).unwrap_or(after.len());
                    after.split_at(end)
                }
            };
            let variable = self.variables.iter().find(|variable| variable.name == name)?;
            result.push_str(variable.value.as_deref()?);
            rest = after;
            if result.len() > LONGEST_WORD {
                return None;
            }
        }
        result.push_str(rest);
        Some(result)
    }

    /// The command line of the first etcd in a script; `None` if there is no etcd in it.
    fn of_shell(script: &str, place: &Place) -> Option<Vec<Argument>> {
        let commands = words::shell(script);
        let etcd = commands.iter().find_map(|command| etcd_command(command))?;
        Some(etcd.words.into_iter().map(|word| argument(word, place.clone())).collect())
    }

    /// The process of a script that starts etcd; `None` if it does not.
    pub(crate) fn of_script(script: &str, path: &Path) -> Option<Self> {
        let mut variables = Vec::new();
        let mut lines = LineCounter::new(script);
        for command in words::shell(script) {
            for word in &command {
                let assignment = word.text.split_once('=').filter(|(name, _)| is_name(name));
                if let Some((name, value)) = assignment {
                    let value = (!value.contains(['$', '`'])).then(|| value.to_owned());
                    let place = lines.place(word.offset, path);
                    variables.push(Variable { name: name.to_owned(), value, place });
                }
            }
            if let Some(EtcdCommand { words, container }) = etcd_command(&command) {
                let mut lines = LineCounter::new(script);
                let words = words.into_iter().map(|word| argument(word, lines.place(word.offset, path)));
                let arguments: Vec<Argument> = words.collect();
                let has_flags = arguments.iter().skip(1).any(|argument| argument.written.starts_with('-'));
                let process =
                    Self { arguments, variables, environment_is_known: true, container, ..Self::default() };
                return has_flags.then_some(process);
            }
        }
        None
    }

    /// Whether the program is called etcd.
    pub(crate) fn is_etcd(&self) -> bool {
        self.arguments.first().is_some_and(|program| is_etcd(&program.written))
    }

    /// Whether a variable of etcd is set.
    pub(crate) fn has_etcd_variables(&self) -> bool {
        self.variables.iter().any(|variable| variable.name.starts_with("ETCD_"))
    }
}

/// A word of a script, whose text is known if the shell replaces nothing in it.
fn argument(word: &Word, place: Place) -> Argument {
    let text = (!word.text.contains(['$', '`'])).then(|| word.text.clone());
    Argument { text, written: word.text.clone(), place }
}

/// The etcd that a shell's command starts.
struct EtcdCommand<'a> {
    /// The program and its arguments.
    words: Vec<&'a Word>,
    container: Option<ContainerRun>,
}

/// Container engines that have a command `run` like Docker's.
const CONTAINER_ENGINES: [&str; 3] = ["docker", "nerdctl", "podman"];

/// The etcd that a command starts: directly, through a program such as `sudo`, or in a container.
fn etcd_command(command: &[Word]) -> Option<EtcdCommand<'_>> {
    let is_before = |word: &Word| {
        let is_assignment = word.text.split_once('=').is_some_and(|(name, _)| is_name(name));
        is_assignment || ["env", "exec", "nohup", "sudo", "time"].contains(&word.text.as_str())
    };
    let first = command.iter().position(|word| !is_before(word))?;
    let command = command.get(first..)?;
    let program = command.first()?;
    if is_etcd(&program.text) {
        return Some(EtcdCommand { words: command.iter().collect(), container: None });
    }
    let engine = program.text.rsplit('/').next().unwrap_or_default();
    if !CONTAINER_ENGINES.contains(&engine) {
        return None;
    }
    let is_flag = |word: &Word| word.text.starts_with('-');
    // `--entrypoint etcd IMAGE ...`, or `IMAGE etcd ...`
    let entry = command.windows(2).position(
        |pair| matches!(pair, [option, etcd] if option.text == "--entrypoint" && is_etcd(&etcd.text)),
    );
    let (etcd, image, arguments) = match entry {
        Some(entry) => {
            let image =
                (entry + 2..command.len()).find(|at| command.get(*at).is_some_and(|w| !is_flag(w)))?;
            (entry + 1, image, image + 1)
        }
        None => {
            let image = command.windows(3).position(|words| {
                matches!(words, [image, etcd, flag] if !is_flag(image) && is_etcd(&etcd.text) && is_flag(flag))
            })?;
            (image + 1, image, image + 2)
        }
    };
    let words = std::iter::once(command.get(etcd)?).chain(command.get(arguments..)?).collect();
    let container = ContainerRun { engine: engine.to_owned(), image: command.get(image)?.text.clone() };
    Some(EtcdCommand { words, container: Some(container) })
}

/// Finds the places of words, which must be asked for in the order of the text.
struct LineCounter<'a> {
    text: &'a str,
    offset: usize,
    line: usize,
    column: usize,
}

impl<'a> LineCounter<'a> {
    fn new(text: &'a str) -> Self {
        Self { text, offset: 0, line: 1, column: 1 }
    }

    fn place(&mut self, offset: usize, path: &Path) -> Place {
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

/// Variables that systemd sets itself (systemd.exec(5), "Environment Variables Set or Propagated by the Service
/// Manager").
const INHERITED: &[&str] = &[
    "PATH",
    "LANG",
    "USER",
    "LOGNAME",
    "HOME",
    "SHELL",
    "INVOCATION_ID",
    "RUNTIME_DIRECTORY",
    "STATE_DIRECTORY",
    "CACHE_DIRECTORY",
    "LOGS_DIRECTORY",
    "CONFIGURATION_DIRECTORY",
    "CREDENTIALS_DIRECTORY",
    "MAINPID",
    "NOTIFY_SOCKET",
    "JOURNAL_STREAM",
    "SYSTEMD_EXEC_PID",
];

fn is_name_part(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.chars().all(is_name_part) && !text.starts_with(|c: char| c.is_ascii_digit())
}

fn is_etcd(path: &str) -> bool {
    path.rsplit('/').next().is_some_and(|name| name == "etcd" || name == "etcd.exe")
}

#[cfg(test)]
mod tests {
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
