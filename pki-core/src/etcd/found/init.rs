//! Files of other init systems than systemd that start etcd, and files that only have its flags.

use std::path::Path;

use crate::base::place::Place;
use crate::etcd::found::environment::Variable;
use crate::etcd::found::process::{
    Argument, ListFile, ListForm, Process, ShellExpansion, base_name, is_etcd, is_name,
};
use crate::etcd::found::script::{LineCounter, assignments};
use crate::etcd::found::shell;
use crate::etcd::found::started::{MOST_STARTED, Started};
use crate::etcd::option::EtcdOption;

/// A shell's variables by their last values.
struct Assignments {
    exported: Vec<Variable>,
    own: Vec<Variable>,
}

impl Assignments {
    fn read(text: &str, path: &Path) -> Self {
        let (exported, own) = assignments(text, path, false);
        Self { exported, own }
    }

    fn get(&self, name: &str) -> Option<&Variable> {
        self.own.iter().chain(&self.exported).rfind(|variable| variable.name == name)
    }

    /// The words of a variable's value, at the place of the variable.
    fn words(&self, name: &str) -> Vec<Argument> {
        self.get(name).map(words_of).unwrap_or_default()
    }
}

fn words_of(variable: &Variable) -> Vec<Argument> {
    let text = variable.value.as_deref().unwrap_or_default();
    let commands = shell::commands(text);
    let words = commands.into_iter().flat_map(|command| command.words);
    words.map(|word| Argument::plain(word.word.text, variable.place.clone())).collect()
}

/// OpenRC's service: `command` is the program, and `conf.d` has variables of the shell that runs the script.
pub(crate) fn openrc(text: &str, path: &Path) -> Vec<Started> {
    let all = Assignments::read(text, path);
    let Some(command) = all.get("command").filter(|command| command.value.as_deref().is_some_and(is_etcd))
    else {
        return Vec::new();
    };
    let mut words = words_of(command);
    for name in ["command_args", "command_args_foreground", "command_args_background"] {
        // What it is made of may be in `conf.d`.
        let unknown =
            lone(text, name).filter(|_| all.get(name).is_some_and(|variable| variable.value.is_none()));
        match (unknown, all.get(name)) {
            (Some(written), Some(variable)) => {
                let parts = written.split_whitespace();
                words.extend(parts.map(|part| Argument {
                    text: None,
                    written: part.to_owned(),
                    place: variable.place.clone(),
                    expansion: Some(ShellExpansion::Split),
                }));
            }
            _ => words.extend(all.words(name)),
        }
    }
    let service = path.file_name().unwrap_or_default().to_string_lossy();
    let list = ListFile::new(format!("/etc/conf.d/{service}"), ListForm::Shell, Place::file(path));
    let process = Process {
        environment_is_known: true,
        variables: all.exported,
        shell_variables: all.own,
        lists: vec![list],
        ..Process::default()
    };
    Started::of_command(process, words).into_iter().collect()
}

/// The text between the quotes of an assignment that begins a line.
fn lone<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='))?;
    Some(line.trim().trim_matches(['"', '\'']))
}

/// A file that a shell reads for a service: OpenRC's `conf.d/etcd`, `/etc/default/etcd` with `export`. What it exports
/// is in etcd's environment, and a variable of flags is a part of etcd's command line.
pub(crate) fn shell_variables(text: &str, path: &Path) -> Vec<Started> {
    let all = Assignments::read(text, path);
    let is_flags = |variable: &&Variable| {
        let value = variable.value.as_deref().unwrap_or_default().trim_start();
        value.starts_with('-') && has_flag(value)
    };
    let mut words = vec![Argument::plain("etcd", Place::file(path))];
    words.extend(all.own.iter().filter(is_flags).flat_map(words_of));
    let has_variable = all.exported.iter().any(|variable| EtcdOption::of_variable(&variable.name).is_some());
    if words.len() == 1 && !has_variable {
        return Vec::new();
    }
    let process = Process { environment_is_known: true, variables: all.exported, ..Process::default() };
    Started::of_command(process, words)
        .into_iter()
        .map(|started| Started { place: Place::file(path), ..started })
        .collect()
}

/// FreeBSD's `rc.conf`, and OpenBSD's `rc.conf.local`: `etcd_flags`, `etcd_env`.
pub(crate) fn rc_conf(text: &str, path: &Path) -> Vec<Started> {
    let all = Assignments::read(text, path);
    let named = |suffixes: &[&str]| {
        let mut variables = all.own.iter().chain(&all.exported);
        variables.find(|variable| {
            let name = variable.name.strip_prefix("etcd");
            name.is_some_and(|rest| suffixes.iter().any(|suffix| rest.ends_with(suffix)))
        })
    };
    let flags = named(&["_flags", "_args", "_options", "_opts"]);
    let environment = named(&["_env", "_environment"]);
    let Some(any) = flags.or(environment) else { return Vec::new() };
    let mut words = vec![Argument::plain("env", any.place.clone())];
    words.extend(
        environment
            .map(words_of)
            .unwrap_or_default()
            .into_iter()
            .filter(|word| word.shown().split_once('=').is_some_and(|(name, _)| is_name(name))),
    );
    words.push(Argument::plain("etcd", any.place.clone()));
    words.extend(flags.map(words_of).unwrap_or_default());
    let process = Process { environment_is_known: true, ..Process::default() };
    Started::of_command(process, words).into_iter().collect()
}

/// A file with one flag on each line, as snap packages keep them; empty if it is none.
pub(crate) fn flags(text: &str, path: &Path) -> Vec<Started> {
    let lines = text.lines().enumerate();
    let lines = lines.map(|(index, line)| (index + 1, line.trim()));
    let lines: Vec<_> = lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#')).collect();
    if !lines.iter().all(|(_, line)| line.starts_with('-')) || !lines.iter().any(|(_, line)| has_flag(line)) {
        return Vec::new();
    }
    let mut words = vec![Argument::plain("etcd", Place::file(path))];
    for (number, line) in lines {
        let place = Place::file(path).at(number, 1);
        let commands = shell::commands(line);
        for word in commands.into_iter().flat_map(|command| command.words) {
            let text = (!word.is_expanded).then(|| word.word.text.clone());
            words.push(Argument::new(text, word.word.text, place.clone()));
        }
    }
    let process = Process { environment_is_known: true, ..Process::default() };
    Started::of_command(process, words)
        .into_iter()
        .map(|started| Started { place: Place::file(path), ..started })
        .collect()
}

/// Whether a text begins with a flag of etcd's.
fn has_flag(text: &str) -> bool {
    let name = text.trim_start_matches('-');
    let name = name.split(['=', ' ', '\t']).next().unwrap_or_default();
    text.starts_with('-') && EtcdOption::find(name).is_some()
}

/// The lines `NAME: COMMAND` of a Procfile.
pub(crate) fn procfile(text: &str, path: &Path) -> Vec<Started> {
    let mut all = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let Some((_, command)) = line.split_once(':').filter(|_| !line.starts_with('#')) else { continue };
        let place = Place::file(path).at(index + 1, 1);
        let commands = shell::commands(command);
        let mut process = Process { environment_is_known: true, ..Process::default() };
        if process.run_commands(&commands, 8, &mut |_| place.clone()) && !process.asks_only() {
            all.push(Started { process, place });
        }
        if all.len() > MOST_STARTED {
            break;
        }
    }
    all
}

/// Upstart's job: `env NAME=VALUE`, and `exec COMMAND` or a `script`.
pub(crate) fn upstart(text: &str, path: &Path) -> Vec<Started> {
    let mut lines = LineCounter::new(text);
    let has = |word: &str| text.lines().any(|line| line.trim_start().starts_with(word));
    if !has("start on ") && !has("respawn") || !(has("exec ") || has("script")) {
        return Vec::new();
    }
    // What stands before and behind the script is no command of a shell's, and does no harm there.
    let mut commands = shell::commands(text);
    for command in &mut commands {
        let is_env = command.words.first().is_some_and(|word| word.word.text == "env");
        if is_env && let Some(word) = command.words.first_mut() {
            word.word.text = "export".to_owned();
        }
    }
    let mut process = Process { environment_is_known: true, ..Process::default() };
    let is_etcd = process.run_commands(&commands, 8, &mut |offset| lines.place(offset, path));
    let place = process.arguments.first().map_or_else(|| Place::file(path), |word| word.place.clone());
    (is_etcd && !process.asks_only()).then_some(Started { process, place }).into_iter().collect()
}

/// Whether a path is one at which a file of the kind lies.
pub(crate) fn is_in(path: &Path, folder: &str) -> bool {
    path.parent().and_then(Path::file_name).is_some_and(|name| name == folder)
}

/// Whether a file is `rc.conf` or a part of it.
pub(crate) fn is_rc_conf(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    base_name(&name).starts_with("rc.conf") || is_in(path, "rc.conf.d")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(all: &[Started]) -> Vec<String> {
        let words = |started: &Started| {
            let variables = started
                .process
                .variables
                .iter()
                .map(|v| format!("{}={}", v.name, v.value.as_deref().unwrap_or("?")));
            let words = started.process.arguments.iter().map(|word| word.shown().to_owned());
            variables.chain(words).collect::<Vec<_>>().join(" ")
        };
        all.iter().map(words).collect()
    }

    #[test]
    fn openrc_has_a_script_and_variables() {
        let script = "#!/sbin/openrc-run\ncommand=\"/usr/bin/etcd\"\ncommand_args=\"--name a $ETCD_ARGS\"\nexport ETCD_A=1\n";
        let mut all = openrc(script, Path::new("/h/etc/init.d/etcd"));
        assert_eq!(all[0].process.lists[0].path, "/etc/conf.d/etcd");
        let (variables, own) =
            ListForm::Shell.read("ETCD_ARGS=\"--x --y\"\nexport ETCD_B=2\n", Path::new("c"));
        all[0].process.add_list(variables, own);
        all[0].process.fill();
        assert_eq!(shown(&all), ["ETCD_A=1 ETCD_B=2 /usr/bin/etcd --name a --x --y"]);
        assert!(openrc("#!/sbin/openrc-run\ncommand=/usr/bin/nginx\n", Path::new("x")).is_empty());
        let all = shell_variables(
            "export ETCD_NAME='a b'\nETCD_OPTS=\"--data-dir=/d --name 'a'\"\nOTHER=1\n",
            Path::new("c"),
        );
        assert_eq!(shown(&all), ["ETCD_NAME=a b etcd --data-dir=/d --name a"]);
        assert!(shell_variables("ETCD_OPTS=\"\"\nFOO=bar\n", Path::new("c")).is_empty());
    }

    #[test]
    fn flags_are_found_in_other_files() {
        let text =
            "hostname=\"n1\"\netcd_enable=\"YES\"\netcd_flags=\"--name a --x\"\netcd_env=\"ETCD_A=1\"\n";
        assert_eq!(shown(&rc_conf(text, Path::new("rc.conf"))), ["ETCD_A=1 etcd --name a --x"]);
        assert!(rc_conf("etcd_enable=YES\n", Path::new("rc.conf")).is_empty());
        let text = "# c\n--name=a\n--data-dir=${SNAP_DATA}/x\n\n--bogus 'q r'\n";
        let all = flags(text, Path::new("args"));
        assert_eq!(shown(&all), ["etcd --name=a --data-dir=${SNAP_DATA}/x --bogus q r"]);
        assert_eq!(all[0].process.arguments[2].text, None);
        assert_eq!(all[0].process.arguments[3].place.to_string(), "args:5:1");
        assert!(flags("--secure-port=1\n", Path::new("args")).is_empty());
        assert!(flags("--name=a\nother\n", Path::new("args")).is_empty());
    }

    #[test]
    fn other_init_systems_have_command_lines() {
        let text = "# c\netcd1: bin/etcd --name a\nproxy: bin/etcd grpc-proxy start\nweb: nginx\n";
        assert_eq!(shown(&procfile(text, Path::new("Procfile")))[0], "bin/etcd --name a");
        let text = "description \"etcd\"\nstart on runlevel [2345]\nenv ETCD_A=1\nscript\n  . /etc/default/etcd\n  exec /usr/bin/etcd --name a >>/var/log/etcd.log 2>&1\nend script\n";
        let all = upstart(text, Path::new("etcd.conf"));
        assert_eq!(shown(&all), ["ETCD_A=1 /usr/bin/etcd --name a"]);
        assert_eq!(all[0].process.lists[0].path, "/etc/default/etcd");
    }
}
