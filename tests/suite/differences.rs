//! What a guide leaves on a host and what its description gives for it, compared in everything: files, the unit, etcd's
//! options. `fixtures/guides/*/differences.md` has each difference with its reason.

use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::fs;
use std::path::Path;
use std::process::Command;

use libtest_mimic::Trial;
use tempfile::TempDir;

use super::command::run;
use super::guides::{copy, follow, links, listing};
use super::product::Tree;
use super::programs::{find, fixture};
use super::systemd::{CommandLine, Unit, environment_file};
use super::trial::{Missing, Outcome, trial};

/// A guide's hosts that are compared with one of ours.
struct Compared {
    number: u8,
    /// The hosts of `found/`, which are laid over each other: guide 1 shows its unit and its certificates apart.
    hosts: &'static [&'static str],
    member: &'static str,
}

const COMPARED: [Compared; 5] = [
    Compared { number: 0, hosts: &["etcd-node1"], member: "etcd-node1" },
    Compared { number: 1, hosts: &["single", "radon"], member: "radon" },
    Compared { number: 2, hosts: &["192.168.1.1"], member: "etcd-192.168.1.1" },
    Compared { number: 3, hosts: &["etcd1"], member: "etcd1" },
    Compared { number: 4, hosts: &["kubernetes-master1"], member: "kubernetes-master1" },
];

/// Something of a host, and what it is.
type Facts = BTreeMap<String, String>;

/// A difference: what it is in the guide, and what it is here.
type Differences = BTreeMap<String, (String, String)>;

/// What stands in the table for something that is not there.
const NOTHING: &str = "-";

pub fn trials() -> Vec<Trial> {
    let trials = COMPARED.iter().map(|compared| {
        trial(format!("guides::{}::each_difference_is_listed", compared.number), || each_is_listed(compared))
    });
    trials.collect()
}

fn each_is_listed(compared: &Compared) -> Outcome {
    let home = made(compared.number)?;
    let guides = home.path().join("guide");
    fs::create_dir(&guides).unwrap();
    for host in compared.hosts {
        lay_over(&home.path().join("hosts").join(host), &guides);
    }
    let tree = Tree::in_folder(follow(compared.number, links().path())?).applied();
    let (guides, ours) = (facts(&guides), facts(&tree.path("nodes").join(compared.member)));
    let what: BTreeSet<&String> = guides.keys().chain(ours.keys()).collect();
    let value = |facts: &Facts, what: &str| facts.get(what).cloned().unwrap_or(NOTHING.into());
    let found: Differences = what
        .into_iter()
        .map(|what| (what.clone(), (value(&guides, what), value(&ours, what))))
        .filter(|(_, (guide, ours))| guide != ours)
        .collect();

    let path = fixture("guides").join(compared.number.to_string()).join("differences.md");
    let listed = table(&fs::read_to_string(&path).unwrap_or_default());
    if env::var_os("ETCDPKI_UPDATE").is_some() {
        fs::write(&path, written(compared, &found, &listed)).unwrap();
    }
    let listed_values: Differences =
        listed.iter().map(|(what, (guide, ours, _))| (what.clone(), (guide.clone(), ours.clone()))).collect();
    let wrong: Vec<_> = found
        .iter()
        .filter(|(what, values)| listed_values.get(*what) != Some(values))
        .map(|(what, (guide, ours))| format!("not listed: {what}: {guide} in the guide, {ours} here"))
        .chain(
            listed_values
                .keys()
                .filter(|what| !found.contains_key(*what))
                .map(|what| format!("no difference: {what}")),
        )
        .chain(
            listed
                .iter()
                .filter(|(_, (.., why))| why.is_empty())
                .map(|(what, _)| format!("no reason: {what}")),
        )
        .collect();
    assert!(
        wrong.is_empty(),
        "{}; ETCDPKI_UPDATE=1 writes the table, but for the reasons:\n{}",
        path.display(),
        wrong.join("\n")
    );
    Ok(())
}

/// The guide's folder, with its hosts.
fn made(number: u8) -> Result<TempDir, Missing> {
    let bash = find("bash")?;
    find("openssl")?;
    let folder = tempfile::tempdir().unwrap();
    copy(&fixture("guides").join(number.to_string()), folder.path());
    let links = links();
    let mut path = links.path().as_os_str().to_owned();
    path.push(":");
    path.push(env::var_os("PATH").unwrap_or_default());
    let mut script = Command::new(bash);
    script.args(["-c", "umask 022; exec bash found/hosts.sh"]).current_dir(folder.path()).env("PATH", path);
    run(&mut script).ok();
    Ok(folder)
}

fn lay_over(from: &Path, to: &Path) {
    for (path, _) in listing(from) {
        let place = to.join(&path);
        fs::create_dir_all(place.parent().unwrap()).unwrap();
        fs::copy(from.join(&path), place).unwrap();
    }
}

/// Which files a host has, what its unit says, and which options etcd gets.
fn facts(host: &Path) -> Facts {
    let mut facts = Facts::new();
    let files: Vec<String> =
        listing(host).into_iter().map(|(path, _)| path.into_os_string().into_string().unwrap()).collect();
    for file in &files {
        facts.insert(format!("file `/{file}`"), "there".into());
    }
    let unit = files.iter().find(|file| file.ends_with("/etcd.service")).expect("a unit");
    let text = fs::read_to_string(host.join(unit)).unwrap();
    let unit = Unit::parse(&text);
    let mut keys = BTreeSet::new();
    let mut section = "";
    for line in text.replace("\\\n", " ").lines().map(str::trim) {
        if line.starts_with('[') {
            section = if line == "[Unit]" {
                "Unit"
            } else if line == "[Service]" {
                "Service"
            } else {
                "Install"
            };
        } else if let Some((key, _)) = line.split_once('=').filter(|_| !line.starts_with('#')) {
            keys.insert((section, key.trim().to_owned()));
        }
    }
    for (section, key) in &keys {
        if key != "ExecStart" {
            facts.insert(format!("`[{section}]` `{key}`"), unit.all(section, key).join("; "));
        }
    }
    let command = CommandLine::parse(unit.one("Service", "ExecStart"));
    facts.insert("program".into(), command.words[0].clone());
    let mut words = command.words[1..].to_vec();
    if let Ok(script) = fs::read_to_string(host.join("etcd.sh")) {
        words.extend(script.replace("\\\n", " ").split_whitespace().skip(1).map(str::to_owned));
    }
    let mut options = words.into_iter().peekable();
    while let Some(option) = options.next() {
        let (name, value) = match option.split_once('=') {
            Some((name, value)) => (name.to_owned(), value.to_owned()),
            None => {
                let value = options.next_if(|next| !next.starts_with("--"));
                (option, value.unwrap_or("true".into()))
            }
        };
        facts.insert(format!("`{name}`"), value);
    }
    let environments = files.iter().filter(|file| file.ends_with(".env") || file.ends_with("etcd.conf"));
    for file in environments {
        for (name, value) in environment_file(&fs::read_to_string(host.join(file)).unwrap()) {
            let option = name.strip_prefix("ETCD_").unwrap().to_lowercase().replace('_', "-");
            facts.entry(format!("`--{option}`")).or_insert(value);
        }
    }
    facts
}

/// The rows of a table: what, the guide's, ours, why.
fn table(text: &str) -> BTreeMap<String, (String, String, String)> {
    let rows = text.lines().filter(|line| line.starts_with("| ")).skip(1);
    let cells = |row: &str| -> Vec<String> {
        row.trim_matches('|').split(" | ").map(|cell| cell.trim().trim_matches('`').to_owned()).collect()
    };
    rows.map(|row| {
        let what = row.trim_matches('|').split(" | ").next().unwrap().trim().to_owned();
        let [_, guide, ours, why] =
            cells(row).try_into().unwrap_or_else(|row| panic!("not four cells: {row:?}"));
        (what, (guide, ours, why))
    })
    .collect()
}

fn written(
    compared: &Compared,
    found: &Differences,
    listed: &BTreeMap<String, (String, String, String)>,
) -> String {
    let mut text = format!(
        "# Guide {}: what is different\n\nWhat the guide leaves on the host of `{}`, and what its description gives for \
         it: every difference in files, unit and options.\n\n| what | guide | here | why |\n|---|---|---|---|\n",
        compared.number, compared.member
    );
    let cell = |value: &str| {
        if [NOTHING, "there"].contains(&value) { value.to_owned() } else { format!("`{value}`") }
    };
    for (what, (guide, ours)) in found {
        let why = listed.get(what).map(|(.., why)| why.as_str()).unwrap_or_default();
        text += &format!("| {what} | {} | {} | {why} |\n", cell(guide), cell(ours));
    }
    text
}
