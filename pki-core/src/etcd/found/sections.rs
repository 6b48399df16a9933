//! Files in sections that start etcd: Quadlets of podman (`*.container`), and supervisor's programs.

use std::path::Path;

use crate::base::place::Place;
use crate::etcd::found::environment::Variable;
use crate::etcd::found::mounts::Mount;
use crate::etcd::found::process::{Argument, ListFile, ListForm, Process, last_of_each};
use crate::etcd::found::started::{MOST_STARTED, Started, within_container};
use crate::etcd::found::unit::{Unit, UnitFile, UnitSetting};
use crate::etcd::found::words;

/// The etcd in a Quadlet (podman-systemd.unit(5)).
pub(crate) fn quadlet(text: &str, path: &Path) -> Vec<Started> {
    let name = path.file_stem().unwrap_or_default().to_string_lossy();
    let unit = Unit::new(format!("{name}.service"), Some(UnitFile::parse(text, path)), Vec::new());
    let all = |key: &str| unit.all("Container", key);
    let mut process = Process { environment_is_known: true, ..Process::default() };
    let mut variables = Vec::new();
    for setting in all("Environment") {
        for word in words::systemd(&setting.value.text) {
            if let Some((name, value)) = word.text.split_once('=') {
                let place = setting.place(word.offset);
                variables.push(Variable { name: name.to_owned(), value: unit.expand(value), place });
            }
        }
    }
    process.variables = last_of_each(variables);
    let lists = all("EnvironmentFile").into_iter().map(|setting| {
        let path = setting.value.text.trim_start_matches('-');
        ListFile::new(path, ListForm::Plain, setting.place(0))
    });
    process.lists = lists.collect();
    let expanded = |setting: &UnitSetting| unit.expand(&setting.value.text).unwrap_or_default();
    let mut mounts: Vec<Mount> =
        all("Volume").iter().map(|setting| Mount::of_volume(&expanded(setting))).collect();
    mounts.extend(all("Mount").iter().filter_map(|setting| Mount::of_list(&expanded(setting))));
    process.mounts = Some(mounts);
    let line = |key: &str| -> Vec<Argument> {
        let Some(setting) = unit.last("Container", key) else { return Vec::new() };
        let words = words::systemd(&setting.value.text).into_iter();
        let word = |word: words::Word| {
            let place = setting.place(word.offset);
            Argument::new(unit.expand(&word.text), word.text, place)
        };
        words.map(word).collect()
    };
    let entrypoint = line("Entrypoint").into_iter().next();
    // A drop-in alone does not tell which container it is about.
    let Some(image) = line("Image").into_iter().next() else { return Vec::new() };
    within_container(process, Some("podman"), &image, entrypoint, line("Exec")).into_iter().collect()
}

/// The processes of etcd among supervisor's programs.
pub(crate) fn supervisor(text: &str, path: &Path) -> Vec<Started> {
    let mut all = Vec::new();
    let mut lines = text.lines().enumerate().peekable();
    let (mut is_program, mut program) = (false, Program::default());
    while let Some((index, line)) = lines.next() {
        if let Some(section) = line.trim().strip_prefix('[') {
            all.extend(std::mem::take(&mut program).start(path));
            if all.len() > MOST_STARTED {
                return all;
            }
            is_program = section.starts_with("program:");
            continue;
        }
        let Some((key, value)) = line.split_once('=').filter(|_| is_program && !line.starts_with([';', '#']))
        else {
            continue;
        };
        let mut value = value.trim().to_owned();
        // A line that begins with white space goes on with the value.
        while let Some((_, more)) =
            lines.next_if(|(_, next)| next.starts_with([' ', '\t']) && !next.trim().is_empty())
        {
            value.push(' ');
            value.push_str(more.trim());
        }
        let value = value.split(" ;").next().unwrap_or_default().trim_end().to_owned();
        match key.trim() {
            "command" => program.command = (value, index + 1),
            "environment" => program.environment = (value, index + 1),
            _ => {}
        }
    }
    all.extend(program.start(path));
    all
}

/// What supervisor is told about one program, each with its line.
#[derive(Default)]
struct Program {
    command: (String, usize),
    environment: (String, usize),
}

impl Program {
    fn start(self, path: &Path) -> Option<Started> {
        let mut process = Process { environment_is_known: true, ..Process::default() };
        let place = Place::file(path).at(self.environment.1.max(1), 1);
        let variables = pairs(&self.environment.0).into_iter().map(|(name, value)| {
            let value = Some(value).filter(|value| !value.contains("%("));
            Variable { name, value, place: place.clone() }
        });
        process.variables = last_of_each(variables.collect());
        let place = Place::file(path).at(self.command.1.max(1), 1);
        let word = |word: words::Word| {
            let text = Some(word.text.clone()).filter(|text| !text.contains("%("));
            Argument::new(text, word.text, place.clone())
        };
        let words = words::systemd(&self.command.0).into_iter().map(word).collect();
        Started::of_command(process, words)
    }
}

/// The variables in `A="1",B='2',C=3`.
fn pairs(text: &str) -> Vec<(String, String)> {
    let mut pairs = Vec::new();
    let mut rest = text;
    while let Some((name, after)) = rest.split_once('=') {
        let after = after.trim_start();
        let quoted = after.chars().next().filter(|c| matches!(c, '"' | '\''));
        let (value, left) = match quoted.and_then(|quote| after.get(1..)?.split_once(quote)) {
            Some(parts) => parts,
            None => after.split_once(',').unwrap_or((after, "")),
        };
        pairs.push((name.trim().trim_start_matches(',').trim().to_owned(), value.trim().to_owned()));
        rest = left.trim_start().trim_start_matches(',');
    }
    pairs
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words_of(started: &Started) -> Vec<&str> {
        started.process.arguments.iter().map(Argument::shown).collect()
    }

    #[test]
    fn a_quadlet_is_a_container() {
        let text = "[Unit]\nAfter=x\n[Container]\nImage=quay.io/coreos/etcd:v3.5.9\nExec=etcd --name=a \\\n  --data-dir=/d\nVolume=/srv/pki:/pki:ro,z\nEnvironment=ETCD_A=1 \"ETCD_B=2 3\"\nEnvironmentFile=/etc/etcd.env\n";
        let all = quadlet(text, Path::new("etcd.container"));
        let [etcd] = all.as_slice() else { panic!("{all:?}") };
        assert_eq!(words_of(etcd), ["etcd", "--name=a", "--data-dir=/d"]);
        assert_eq!(etcd.process.arguments[2].place.to_string(), "etcd.container:6:3");
        assert_eq!(etcd.process.variables[1].value.as_deref(), Some("2 3"));
        assert_eq!(etcd.process.lists[0].path, "/etc/etcd.env");
        assert_eq!(etcd.process.on_host("/pki/a").as_deref(), Some("/srv/pki/a"));
        let image = "quay.io/coreos/etcd:v3.5.9".to_owned();
        let container = crate::etcd::found::process::ContainerRun { engine: "podman".to_owned(), image };
        assert_eq!(etcd.process.container, Some(container));
        let bare = quadlet("[Container]\nImage=etcd\nExec=--name=a\n", Path::new("e.container"));
        assert_eq!(words_of(&bare[0]), ["etcd", "--name=a"]);
        assert!(quadlet("[Container]\nImage=nginx\n", Path::new("n.container")).is_empty());
    }

    #[test]
    fn supervisor_has_programs() {
        let text = "[supervisord]\nnodaemon=true\n[program:x]\ncommand=/bin/x\n[program:etcd]\ncommand=/usr/bin/etcd --name a\n  --data-dir=\"/d e\" ; comment\nenvironment=ETCD_A=\"1,2\",ETCD_B='3', ETCD_C=4\n";
        let all = supervisor(text, Path::new("s.conf"));
        let [etcd] = all.as_slice() else { panic!("{all:?}") };
        assert_eq!(words_of(etcd), ["/usr/bin/etcd", "--name", "a", "--data-dir=/d e"]);
        let variables: Vec<_> =
            etcd.process.variables.iter().map(|v| (v.name.as_str(), v.value.as_deref().unwrap())).collect();
        assert_eq!(variables, [("ETCD_A", "1,2"), ("ETCD_B", "3"), ("ETCD_C", "4")]);
        assert_eq!(etcd.place.to_string(), "s.conf:6:1");
    }
}
