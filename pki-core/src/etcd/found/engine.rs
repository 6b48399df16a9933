//! The command lines of container engines: `docker run`, `podman run`, `nerdctl run`, `rkt run`, `ctr run`.

use crate::etcd::found::environment::Variable;
use crate::etcd::found::mounts::Mount;
use crate::etcd::found::process::{Argument, ContainerRun, ListFile, ListForm, Process, base_name, is_etcd};
use crate::etcd::option::EtcdOption;

/// Container engines that have a command `run` like Docker's.
const ENGINES: [&str; 3] = ["docker", "nerdctl", "podman"];

/// Whether a program is a container engine whose command lines are read.
pub(crate) fn is_engine(name: &str) -> bool {
    ENGINES.contains(&name) || ["ctr", "rkt"].contains(&name)
}

/// The long options of `run` and of the engines that have no value.
const SWITCHES: [&str; 33] = [
    "detach",
    "disable-content-trust",
    "env-host",
    "help",
    "http-proxy",
    "init",
    "interactive",
    "no-healthcheck",
    "no-hostname",
    "no-hosts",
    "oom-kill-disable",
    "passwd",
    "privileged",
    "publish-all",
    "quiet",
    "read-only",
    "read-only-tmpfs",
    "replace",
    "rm",
    "rmi",
    "rootfs",
    "sig-proxy",
    "tls",
    "tls-verify",
    "tlsverify",
    "tty",
    "unsetenv-all",
    "debug",
    "remote",
    "insecure-registry",
    "net-host",
    "no-pivot",
    "null-io",
];

/// The letters of the options that have a value: of `docker run`, and `-H` and others of the engine itself.
const LETTERS: &str = "acehlmnpuvwH";

/// What is before and behind the image of a `run`.
#[derive(Default)]
struct Run {
    variables: Vec<Variable>,
    lists: Vec<ListFile>,
    mounts: Vec<Mount>,
    entrypoint: Option<Argument>,
    keeps_environment: bool,
}

impl Process {
    /// Replaces the command line of a container engine with that of the container; whether it was one.
    pub(crate) fn unwrap_engine(&mut self) -> bool {
        let Some(program) = self.arguments.first() else { return false };
        let engine = base_name(program.shown()).to_owned();
        let original = self.arguments.clone();
        let is_run = match engine.as_str() {
            "rkt" => self.unwrap_rkt(),
            "ctr" => self.unwrap_docker(&engine, 1),
            engine if ENGINES.contains(&engine) => self.unwrap_docker(engine, 0),
            _ => false,
        };
        if !is_run {
            self.arguments = original;
        }
        is_run
    }

    /// `ENGINE [OPTIONS] [container] run [OPTIONS] IMAGE [COMMAND...]`. `names` is the number of words that stand
    /// between the image and the command.
    fn unwrap_docker(&mut self, engine: &str, names: usize) -> bool {
        let mut rest = std::mem::take(&mut self.arguments).into_iter().skip(1).peekable();
        let mut run = Run::default();
        loop {
            read_options(&mut rest, &mut run, self);
            match rest.next().as_ref().map(Argument::shown) {
                Some("container" | "containers" | "c" | "service") => {}
                Some("run" | "create") => break,
                _ => return false,
            }
        }
        read_options(&mut rest, &mut run, self);
        let Some(mut image) = rest.next() else { return false };
        // `docker run $OPTS IMAGE`: what is not known may be options, and the image be behind them.
        while image.text.is_none() && rest.peek().is_some_and(goes_on) {
            self.not_seen(format!("the value of `{}`", image.written), image.place);
            read_options(&mut rest, &mut run, self);
            let Some(next) = rest.next() else { return false };
            image = next;
        }
        let command = rest.skip(names).collect();
        self.enter(engine, &image, run, command);
        true
    }

    /// `rkt [OPTIONS] run [OPTIONS] IMAGE [--exec=PROGRAM] [-- ARGUMENTS]`
    fn unwrap_rkt(&mut self) -> bool {
        let mut words = std::mem::take(&mut self.arguments).into_iter().skip(1);
        let (mut run, mut image, mut volumes) = (Run::default(), None, Vec::new());
        let mut is_run = false;
        while let Some(word) = words.next() {
            let text = word.shown().to_owned();
            if text == "--" {
                break;
            }
            let Some(option) = text.strip_prefix("--") else {
                match text.as_str() {
                    "run" | "run-prepared" | "prepare" => is_run = true,
                    _ => drop(image.get_or_insert(word)),
                }
                continue;
            };
            let (name, value) = match option.split_once('=') {
                Some((name, value)) => (name.to_owned(), Some(value.to_owned())),
                None if [
                    "volume",
                    "mount",
                    "exec",
                    "set-env",
                    "set-env-file",
                    "dns",
                    "net",
                    "uuid-file-save",
                    "port",
                ]
                .contains(&option) =>
                {
                    (option.to_owned(), words.next().map(|word| word.shown().to_owned()))
                }
                None => (option.to_owned(), None),
            };
            let value = value.unwrap_or_default();
            match name.as_str() {
                "exec" => {
                    run.entrypoint = Some(Argument::plain(value, word.place));
                }
                "set-env" => run.add_variable(&value, &word, self),
                "inherit-env" => run.keeps_environment = true,
                "set-env-file" => run.lists.push(ListFile::new(value, ListForm::Plain, word.place)),
                "volume" => volumes.push(value),
                "mount" => run.mounts.extend(rkt_mount(&value, &volumes)),
                _ => {}
            }
        }
        let Some(image) = image.filter(|_| is_run) else { return false };
        self.enter("rkt", &image, run, words.collect());
        true
    }

    /// Goes on with what runs in the container.
    fn enter(&mut self, engine: &str, image: &Argument, run: Run, command: Vec<Argument>) {
        if !run.keeps_environment {
            self.variables.clear();
            self.environment_is_known = true;
            self.unseen.clear();
        }
        self.run_in(engine, image, run.entrypoint, command);
        for variable in run.variables {
            self.set(variable);
        }
        self.lists.extend(run.lists);
        self.mounts = Some(run.mounts);
    }

    /// Sets the command of a container: the entry point that is given or else that of the image, and the words behind
    /// it. An image of etcd starts etcd.
    pub(crate) fn run_in(
        &mut self,
        engine: &str,
        image: &Argument,
        entrypoint: Option<Argument>,
        mut command: Vec<Argument>,
    ) {
        let is_flag = command.first().is_none_or(|word| word.shown().starts_with('-'));
        if let Some(entrypoint) = entrypoint.filter(|entrypoint| !entrypoint.shown().is_empty()) {
            command.insert(0, entrypoint);
        } else if is_flag && is_etcd_image(image.shown()) {
            command.insert(0, Argument::plain("etcd", image.place.clone()));
        }
        if image.shown().contains("bitnami") {
            self.not_seen("what this image sets in etcd's environment", image.place.clone());
        }
        self.container = Some(ContainerRun { engine: engine.to_owned(), image: image.shown().to_owned() });
        self.arguments = command;
    }
}

impl Run {
    /// Adds `NAME=VALUE`, or `NAME` alone, whose value is that of the process that starts the container.
    fn add_variable(&mut self, text: &str, word: &Argument, process: &Process) {
        let is_known = word.text.is_some();
        let (name, value) = match text.split_once('=') {
            Some((name, value)) => (name, Some(value.to_owned()).filter(|_| is_known)),
            None => {
                let outer = process.variables.iter().find(|variable| variable.name == text);
                // What was not seen may set it.
                if outer.is_none() && process.environment_is_known {
                    return;
                }
                (text, outer.and_then(|outer| outer.value.clone()))
            }
        };
        let variable = Variable { name: name.to_owned(), value, place: word.place.clone() };
        self.variables.push(variable);
    }

    fn take(&mut self, name: &str, value: &str, word: &Argument, process: &Process) {
        match name {
            "e" | "env" => self.add_variable(value, word, process),
            "env-file" => {
                self.lists.push(ListFile::new(value.to_owned(), ListForm::Plain, word.place.clone()));
            }
            "v" | "volume" => self.mounts.push(Mount::of_volume(value)),
            "mount" => self.mounts.extend(Mount::of_list(value)),
            "entrypoint" => {
                // Docker takes one word; podman also a list in JSON.
                let list: Option<Vec<String>> = serde_json::from_str(value).ok();
                let first = list.and_then(|list| list.into_iter().next()).unwrap_or_else(|| value.to_owned());
                self.entrypoint = Some(Argument::plain(first, word.place.clone()));
            }
            _ => {}
        }
    }
}

/// Whether a word behind one that is not known may be an option of the engine's, or the image.
fn goes_on(next: &Argument) -> bool {
    let text = next.shown();
    let name = text.trim_start_matches('-').split('=').next().unwrap_or_default();
    match text.starts_with('-') {
        true => {
            EtcdOption::find(name).is_none() || ["name", "cert-file"].contains(&name) && !text.contains('=')
        }
        false => next.text.is_none() || !text.starts_with('/') && (text.contains('/') || text.contains(':')),
    }
}

/// Reads the options of an engine up to the first word that is none.
fn read_options(
    words: &mut std::iter::Peekable<impl Iterator<Item = Argument>>,
    run: &mut Run,
    process: &Process,
) {
    while let Some(word) = words.next_if(|word| word.shown().starts_with('-') && word.shown() != "-") {
        let text = word.shown().to_owned();
        if text == "--" {
            return;
        }
        let (name, own, takes_value) = match text.strip_prefix("--") {
            Some(long) => match long.split_once('=') {
                Some((name, value)) => (name.to_owned(), Some(value.to_owned()), true),
                None => (long.to_owned(), None, !SWITCHES.contains(&long)),
            },
            None => match text.char_indices().skip(1).find(|(_, letter)| LETTERS.contains(*letter)) {
                Some((at, letter)) => {
                    let value = text.get(at + 1..).filter(|value| !value.is_empty());
                    let value = value.map(|value| value.strip_prefix('=').unwrap_or(value).to_owned());
                    (letter.to_string(), value, true)
                }
                None => (String::new(), None, false),
            },
        };
        run.keeps_environment |= name == "env-host";
        if !takes_value {
            continue;
        }
        match own {
            Some(value) => run.take(&name, &value, &word, process),
            None => {
                if let Some(value) = words.next() {
                    run.take(&name, value.shown(), &value, process);
                }
            }
        }
    }
}

/// rkt names a volume, and then where it is mounted: `data,kind=host,source=/srv` and `volume=data,target=/srv`.
fn rkt_mount(mount: &str, volumes: &[String]) -> Option<Mount> {
    let value = |text: &str, wanted: &str| {
        let mut pairs = text.split(',').filter_map(|pair| pair.split_once('='));
        pairs.find(|(name, _)| *name == wanted).map(|(_, value)| value.to_owned())
    };
    let name = value(mount, "volume")?;
    let volume = volumes.iter().find(|volume| volume.split(',').next() == Some(&name));
    Some(Mount { inside: value(mount, "target")?, source: volume.and_then(|volume| value(volume, "source")) })
}

/// Whether an image is one of etcd, by the last part of its name: `quay.io/coreos/etcd:v3.5.9`.
pub(crate) fn is_etcd_image(image: &str) -> bool {
    let name = image.rsplit('/').next().unwrap_or_default();
    let name = name.split([':', '@']).next().unwrap_or_default();
    is_etcd(name) || ["etcd-amd64", "etcd-arm64", "etcd-arm", "etcd-ppc64le", "etcd-s390x"].contains(&name)
}
