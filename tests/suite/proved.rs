//! What was proved on which etcd: the table in `docs/cluster.md`, made of the trials that name a version.
//!
//! What has passed is kept in `suite-proved.txt` in cargo's target folder, so that a run of a part of the trials can
//! follow another. With `ETCDPKI_UPDATE=1` the table is written anew after a run.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use libtest_mimic::Trial;

use super::programs::{SERIES, workspace};
use super::trial::{Outcome, trial};

const BEGIN: &str = "<!-- made by the suite -->\n";
const END: &str = "<!-- end of what the suite made -->\n";

/// What a cell has in place of every variant.
const YES: &str = "yes";

/// Whether each trial that ran in this run has passed.
static RAN: Mutex<BTreeMap<String, bool>> = Mutex::new(BTreeMap::new());

/// Says that a trial has begun, or that it has passed.
pub fn note(name: &str, has_passed: bool) {
    RAN.lock().unwrap().insert(name.to_owned(), has_passed);
}

/// The trial that compares the table with the trials that there are.
pub fn trials(all: &[Trial]) -> Vec<Trial> {
    let names: Vec<String> = all.iter().map(|trial| trial.name().to_owned()).collect();
    vec![trial("proved::the_table_is_of_the_trials_that_there_are", move || is_of(&names))]
}

/// Notes what has passed in this run, and writes the table if that is wanted.
pub fn update(target: &Path, names: &[String]) {
    let file = target.join("suite-proved.txt");
    let text = fs::read_to_string(&file).unwrap_or_default();
    let mut passed: BTreeSet<String> = text.lines().map(str::to_owned).collect();
    for (name, has_passed) in RAN.lock().unwrap().iter() {
        if *has_passed {
            passed.insert(name.clone())
        } else {
            passed.remove(name)
        };
    }
    passed.retain(|name| Proof::parse(name).is_some() && names.contains(name));
    let lines: String = passed.iter().map(|name| format!("{name}\n")).collect();
    // The next run begins without it, at worst.
    let _ = fs::write(&file, lines);
    if std::env::var_os("ETCDPKI_UPDATE").is_some_and(|value| value == "1") {
        let (before, _, after) = parts();
        let table = Table::of(&passed).to_text();
        fs::write(document(), format!("{before}{BEGIN}{table}{END}{after}")).unwrap();
    }
}

fn document() -> PathBuf {
    workspace().join("docs/cluster.md")
}

/// What comes before the table, the table, and what comes after it.
fn parts() -> (String, String, String) {
    let text = fs::read_to_string(document()).unwrap();
    let (before, rest) = text.split_once(BEGIN).expect("the begin of the table");
    let (table, after) = rest.split_once(END).expect("the end of the table");
    (before.to_owned(), table.to_owned(), after.to_owned())
}

/// A row for each trial that there is, and no other; and nothing is proved on a version that no trial is for.
fn is_of(names: &[String]) -> Outcome {
    let written = Table::parse(&parts().1);
    let planned = Table::of(names);
    let update = "run all trials of versions with ETCDPKI_UPDATE=1";
    for (series, version) in SERIES.iter().zip(&written.versions) {
        let patch = version.strip_prefix(series).and_then(|rest| rest.strip_prefix('.'));
        let is_real = patch.is_some_and(|patch| patch.parse::<u16>().is_ok());
        assert!(is_real, "{version} is no release of {series}: {update}");
    }
    let rows = |table: &Table| table.rows.keys().cloned().collect::<BTreeSet<_>>();
    let (written_rows, planned_rows) = (rows(&written), rows(&planned));
    let missing: Vec<_> = planned_rows.difference(&written_rows).collect();
    let gone: Vec<_> = written_rows.difference(&planned_rows).collect();
    assert!(missing.is_empty() && gone.is_empty(), "missing: {missing:?}, gone: {gone:?}; {update}");
    for (what, cells) in &written.rows {
        for ((series, written), planned) in SERIES.iter().zip(cells).zip(&planned.rows[what]) {
            let is_right = match written.contains(YES) {
                true => !planned.is_empty(),
                false => written.is_subset(planned),
            };
            assert!(is_right, "{what} on {series}: {written:?}, not {planned:?}; {update}");
        }
    }
    Ok(())
}

/// What one trial proves.
struct Proof<'a> {
    /// The place of its series in `SERIES`.
    series: usize,
    version: &'a str,
    /// The module and the function.
    what: String,
    /// With which layout or guide; empty if there is only one way.
    variant: String,
}

impl<'a> Proof<'a> {
    /// Of a trial `MODULE::VERSION::VARIANT::FUNCTION`.
    fn parse(name: &'a str) -> Option<Self> {
        let mut parts = name.split("::");
        let (module, version) = (parts.next()?, parts.next()?);
        // What is tried on booted hosts is about systemd and ssh: any etcd does for that.
        if module == "hosts" {
            return None;
        }
        let is_of = |series: &str| {
            let rest = version.strip_prefix(series);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        let series = SERIES.iter().position(|series| is_of(series))?;
        let mut rest: Vec<_> = parts.collect();
        let what = format!("`{module}`: {}", rest.pop()?.replace('_', " "));
        Some(Self { series, version, what, variant: rest.join(" ").replace("guides", "guide") })
    }
}

/// What was proved, by row: for each series, the variants.
struct Table {
    versions: [String; SERIES.len()],
    rows: BTreeMap<String, [BTreeSet<String>; SERIES.len()]>,
}

impl Table {
    fn of<'a>(names: impl IntoIterator<Item = &'a String>) -> Self {
        let mut table = Self { versions: SERIES.map(str::to_owned), rows: BTreeMap::new() };
        for Proof { series, version, what, variant } in
            names.into_iter().filter_map(|name| Proof::parse(name))
        {
            table.versions[series] = version.to_owned();
            table.rows.entry(what).or_default()[series].insert(variant);
        }
        table
    }

    /// Every variant of a row, on whatever version.
    fn all(cells: &[BTreeSet<String>]) -> BTreeSet<String> {
        cells.iter().flatten().cloned().collect()
    }

    fn to_text(&self) -> String {
        let mut text =
            format!("| what | {} |\n|---|{}\n", self.versions.join(" | "), "---|".repeat(SERIES.len()));
        for (what, cells) in &self.rows {
            let all = Self::all(cells);
            let in_words = |cell: &BTreeSet<String>| match cell {
                none if none.is_empty() => "-".to_owned(),
                every if *every == all => YES.to_owned(),
                some => some.iter().cloned().collect::<Vec<_>>().join(", "),
            };
            let cells: Vec<_> = cells.iter().map(in_words).collect();
            text += &format!("| {what} | {} |\n", cells.join(" | "));
        }
        text
    }

    /// Reads what `to_text` wrote. A cell with every variant has `YES` here: which there are the trials know.
    fn parse(text: &str) -> Self {
        let mut lines = text.lines().map(|line| {
            let cells = line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned());
            cells.collect::<Vec<_>>()
        });
        let versions = lines.next().unwrap_or_default().into_iter().skip(1).collect::<Vec<_>>();
        let versions =
            versions.try_into().unwrap_or_else(|found| panic!("not a version for each series: {found:?}"));
        let rows = lines.skip(1).map(|cells| {
            let variants = |cell: &String| match cell.as_str() {
                "-" => BTreeSet::new(),
                some => some.split(", ").map(str::to_owned).collect(),
            };
            let variants: Vec<_> = cells[1..].iter().map(variants).collect();
            (
                cells[0].clone(),
                variants.try_into().unwrap_or_else(|found| panic!("not a cell for each: {found:?}")),
            )
        });
        Self { versions, rows: rows.collect() }
    }
}
