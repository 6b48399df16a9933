//! The recorded cases of cfssl 1.6, run against this product.

use std::process::Command;

use libtest_mimic::Trial;

use super::command::run;
use super::guides::links;
use super::programs::{python_with_certificates, shared};
use super::trial::{Missing, Outcome, trial};

/// Cases whose names contain one of these are promised; the runner itself picks those of class `contract`.
const GROUPS: [&str; 6] = ["a-initca", "c-gencert", "f-certinfo", "g-print-defaults", "h-cfssljson", "i-"];

pub fn trials() -> Vec<Trial> {
    let trials = GROUPS.map(|group| {
        let name = format!("cfssl_cases::{}", group.trim_end_matches('-'));
        trial(name, move || cases(group))
    });
    trials.into()
}

fn cases(group: &str) -> Outcome {
    let runner = shared()?.join("cfssl/run_cases.py");
    if !runner.is_file() {
        return Err(Missing("no recorded cases in ../shared/cfssl".into()));
    }
    let links = links();
    let mut command = Command::new(python_with_certificates()?);
    command.arg(runner).args(["--class", "contract", "--only", group]);
    command.arg("--cfssl").arg(links.path().join("cfssl"));
    command.arg("--cfssljson").arg(links.path().join("cfssljson"));
    let ran = run(&mut command).ok();

    let passed =
        ran.stdout.lines().last().and_then(|l| l.split_once(" passed, 0 failed")).map(|(n, _)| n.parse());
    assert!(matches!(passed, Some(Ok(1_u32..))), "no case was run: {ran}");
    Ok(())
}
