//! The suite itself: nothing that was written is left out.

use std::fs;
use std::path::{Path, PathBuf};

use libtest_mimic::Trial;

use super::programs::workspace;
use super::trial::{Outcome, trials};

pub fn trials() -> Vec<Trial> {
    trials![none_is_forgotten]
}

/// Every file in `suite/` is a module, and every list of trials in it is run.
fn none_is_forgotten() -> Outcome {
    let folder = workspace().join("tests/suite");
    let (modules, submodules): (Vec<_>, Vec<_>) =
        sources(&folder).into_iter().partition(|file| file.parent() == Some(&folder));
    let is_line = |text: &str, wanted: &str| text.lines().any(|line| line.trim() == wanted);
    let main = fs::read_to_string(folder.with_extension("rs")).unwrap();
    for file in modules {
        let name = file.file_stem().unwrap().to_str().unwrap();
        assert!(is_line(&main, &format!("pub mod {name};")), "suite.rs does not name {name}");
        for line in fs::read_to_string(&file).unwrap().lines() {
            let list = line.strip_prefix("pub fn ").and_then(|l| l.strip_suffix("() -> Vec<Trial> {"));
            if let Some(list) = list {
                let call = format!("suite::{name}::{list}(),");
                assert!(is_line(&main, &call), "suite.rs does not have `{call}`");
            }
        }
    }
    for file in submodules {
        let name = file.file_stem().unwrap().to_str().unwrap();
        let parent = file.parent().unwrap().with_extension("rs");
        let text = fs::read_to_string(&parent).unwrap_or_else(|e| panic!("{}: {e}", parent.display()));
        assert!(is_line(&text, &format!("mod {name};")), "{} does not name {name}", parent.display());
    }
    Ok(())
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for item in fs::read_dir(folder).unwrap() {
        let path = item.unwrap().path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found
}
