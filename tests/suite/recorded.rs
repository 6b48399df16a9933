//! What cfssl 1.6 makes of each case in `fixtures/cfssl`, as it was recorded, against what this product makes.
//!
//! With ETCDPKI_RECORD set, cfssl's outcomes are recorded instead; `fixtures/cfssl/record` does that.

use std::collections::HashMap;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, LazyLock, Mutex, OnceLock};

use libtest_mimic::Trial;

use super::command::run;
use super::guides::{copy, links, listing};
use super::programs::{self, find, fixture};
use super::trial::{Missing, Outcome, trial};
use describe::{Describer, Description};

mod describe;

/// Files that many cases take; each finds them as `../given/`.
const GIVEN: &str = "given";

pub fn trials() -> Vec<Trial> {
    if env::var_os("ETCDPKI_RECORD").is_some() {
        return cases()
            .into_iter()
            .map(|case| trial(format!("recorded::recording::{case}"), move || record(&case)))
            .collect();
    }
    let cfssl = programs::cfssl();
    let version = cfssl.as_ref().map_or("1.6", |c| &c.version).to_owned();
    let mut trials = Vec::new();
    for case in cases() {
        let again = case.clone();
        trials.push(trial(format!("recorded::{case}"), move || as_recorded(&case)));
        let cfssl = cfssl.clone();
        trials.push(trial(format!("recorded::with_cfssl::{version}::{again}"), move || {
            as_by(&cfssl?.folder, &again)
        }));
    }
    trials
}

/// The names of the cases.
fn cases() -> Vec<String> {
    let folders = fs::read_dir(fixture("cfssl")).unwrap().map(|item| item.unwrap().path());
    let mut cases: Vec<_> = folders
        .filter(|f| f.join("cmd").is_file())
        .map(|f| f.file_name().unwrap().to_str().unwrap().to_owned())
        .collect();
    cases.sort();
    cases
}

fn as_recorded(case: &str) -> Outcome {
    compare(case, "recorded", &recorded(case), &made(case)?);
    Ok(())
}

fn as_by(cfssl: &Path, case: &str) -> Outcome {
    compare(case, "made by cfssl", &describe(cfssl, case)?, &made(case)?);
    Ok(())
}

/// What this product makes of a case: once, for whoever compares it.
fn made(case: &str) -> Result<Description, Missing> {
    type Made = OnceLock<Result<Description, Missing>>;
    static MADE: LazyLock<Mutex<HashMap<String, Arc<Made>>>> = LazyLock::new(Mutex::default);
    let made = Arc::clone(MADE.lock().unwrap().entry(case.to_owned()).or_default());
    made.get_or_init(|| describe(links().path(), case)).clone()
}

/// Panics rather than to be ignored: whoever records wants to know what is missing.
fn record(case: &str) -> Outcome {
    let cfssl = programs::cfssl().unwrap_or_else(|missing| panic!("{}", missing.0));
    let made = describe(&cfssl.folder, case).unwrap_or_else(|missing| panic!("{}", missing.0));
    let folder = expected(case);
    if folder.is_dir() {
        fs::remove_dir_all(&folder).unwrap();
    }
    fs::create_dir(&folder).unwrap();
    for (name, text) in made {
        fs::write(folder.join(name), text).unwrap();
    }
    Ok(())
}

fn expected(case: &str) -> PathBuf {
    fixture("cfssl").join(case).join("expected")
}

fn recorded(case: &str) -> Description {
    let files = fs::read_dir(expected(case)).unwrap_or_else(|e| panic!("nothing is recorded of {case}: {e}"));
    let read = |path: PathBuf| {
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        (name, fs::read_to_string(path).unwrap())
    };
    files.map(|item| read(item.unwrap().path())).collect()
}

/// Runs a case with the `cfssl` and `cfssljson` of a folder.
fn describe(programs: &Path, case: &str) -> Result<Description, Missing> {
    let (bash, openssl) = (find("bash")?, find("openssl")?);
    let home = tempfile::tempdir().unwrap();
    let here = home.path().join(case);
    for folder in [case, GIVEN] {
        fs::create_dir(home.path().join(folder)).unwrap();
        copy(&fixture("cfssl").join(folder), &home.path().join(folder));
    }
    if here.join("expected").is_dir() {
        fs::remove_dir_all(here.join("expected")).unwrap();
    }
    let named = |folder: &str, prefix: &str| -> Vec<(String, PathBuf)> {
        let path = home.path().join(folder);
        let files = listing(&path).into_iter();
        files.map(|(file, _)| (format!("{prefix}{}", file.display()), path.join(file))).collect()
    };
    let given = named(case, "");
    let inputs = [given.clone(), named(GIVEN, "../given/")].concat();

    let mut command = Command::new(bash);
    command.args(["-c", "umask 022; exec bash -uo pipefail ./cmd"]).current_dir(&here);
    command.env("CFSSL", programs.join("cfssl")).env("CFSSLJSON", programs.join("cfssljson"));
    command.env("LC_ALL", "C").env("TZ", "UTC").env_remove("CFSSL_CA_PK_PASSWORD");
    let ran = run(&mut command);

    let mut files = named(case, "");
    files.retain(|file| !given.contains(file));
    Ok(Describer::new(openssl, &inputs).describe(&ran, &files))
}

/// Panics with the lines that differ, if any.
#[track_caller]
fn compare(case: &str, by: &str, wanted: &Description, made: &Description) {
    let mut names: Vec<_> = wanted.keys().chain(made.keys()).collect();
    names.sort();
    names.dedup();
    let mut differences = String::new();
    for name in names {
        if wanted.get(name) != made.get(name) {
            differences.push_str(&format!("--- {name}, {by}\n+++ {name}, made by this product\n"));
            differences.push_str(&difference(wanted.get(name), made.get(name)));
        }
    }
    assert!(differences.is_empty(), "fixtures/cfssl/{case}:\n{differences}");
}

/// The lines that only one of them has, each with its number.
fn difference(wanted: Option<&String>, made: Option<&String>) -> String {
    let [wanted, made] = [wanted, made].map(|t| t.map_or(Vec::new(), |t| t.lines().collect::<Vec<_>>()));
    // How many lines are the same from here to both ends.
    let mut same = vec![vec![0; made.len() + 1]; wanted.len() + 1];
    for w in (0..wanted.len()).rev() {
        for m in (0..made.len()).rev() {
            same[w][m] = match wanted[w] == made[m] {
                true => same[w + 1][m + 1] + 1,
                false => same[w + 1][m].max(same[w][m + 1]),
            };
        }
    }
    let (mut w, mut m, mut text) = (0, 0, String::new());
    while w < wanted.len() || m < made.len() {
        if w < wanted.len() && m < made.len() && wanted[w] == made[m] {
            (w, m) = (w + 1, m + 1);
        } else if w < wanted.len() && (m == made.len() || same[w + 1][m] >= same[w][m + 1]) {
            w += 1;
            text.push_str(&format!("-{w}: {}\n", wanted[w - 1]));
        } else {
            m += 1;
            text.push_str(&format!("+{m}: {}\n", made[m - 1]));
        }
    }
    text
}
