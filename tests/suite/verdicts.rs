//! What `cluster verify` says of generated clusters with one or two damages each, compared with what becomes of them when
//! real etcd runs them: which members start, whether the cluster forms, and which losses it survives.
//!
//! The clusters are made by a seed, so that each case is the same on every machine. `ETCDPKI_VERDICTS=60` takes that many
//! for each series, `ETCDPKI_VERDICTS_SEED` another seed, `ETCDPKI_VERDICTS_FROM` is the number of the first one, and
//! `ETCDPKI_VERDICTS_AT_ONCE` says how many run side by side.

mod case;
mod damage;
mod expected;
mod log;
mod material;
mod real;

use std::env;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use libtest_mimic::Trial;

use case::Case;
use expected::Expected;
use real::{Hosts, Run};

use super::programs::{self, Etcd};
use super::trial::{Missing, Outcome, trial_with_servers};

/// The number of clusters for each series, unless `ETCDPKI_VERDICTS` says another.
const USUAL: u64 = 10;

/// How many clusters of a series run side by side, unless `ETCDPKI_VERDICTS_AT_ONCE` says another number. They wait most
/// of the time.
const AT_ONCE: u64 = 3;

pub fn trials() -> Vec<Trial> {
    let on = |series: &str| {
        let found = programs::etcd(series);
        let version = found.as_ref().map_or(series, |etcd| &etcd.version).to_owned();
        trial_with_servers(format!("verdicts::{version}::the_verdict_is_what_becomes_of_it"), move || {
            the_verdict_is_what_becomes_of_it(&found?)
        })
    };
    programs::SERIES.map(on).into()
}

fn number(variable: &str, otherwise: u64) -> u64 {
    env::var(variable).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

fn the_verdict_is_what_becomes_of_it(etcd: &Etcd) -> Outcome {
    let seed = number("ETCDPKI_VERDICTS_SEED", 1);
    let first = number("ETCDPKI_VERDICTS_FROM", 0);
    let (next, end) = (AtomicU64::new(first), first + number("ETCDPKI_VERDICTS", USUAL));
    let (wrong, failing) = (Mutex::new(Vec::new()), AtomicU64::new(0));
    let missing: Mutex<Option<Missing>> = Mutex::new(None);
    let work = || {
        let hosts = match Hosts::new(etcd) {
            Ok(hosts) => hosts,
            Err(error) => {
                *missing.lock().unwrap() = Some(error);
                return;
            }
        };
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= end {
                return;
            }
            let case = Case::new(seed, number, &etcd.version);
            let expected = Expected::of(&case, &etcd.version);
            failing.fetch_add(u64::from(!expected.survives_everything()), Ordering::Relaxed);
            let mut run = Run::start(&hosts, &case);
            if let Err(difference) = run.compare(&expected) {
                let text =
                    format!("seed {seed}, case {number}: {difference}\n{case}{expected}{}", run.logs());
                wrong.lock().unwrap().push(text);
            }
        }
    };
    let workers = number("ETCDPKI_VERDICTS_AT_ONCE", AT_ONCE).min(end - first);
    thread::scope(|scope| (0..workers).for_each(|_| drop(scope.spawn(work))));
    if let Some(missing) = missing.into_inner().unwrap() {
        return Err(missing);
    }
    let (wrong, failing, all) = (wrong.into_inner().unwrap(), failing.into_inner(), end - first);
    assert!(
        wrong.is_empty(),
        "{} of {all} differ on etcd {}:\n\n{}",
        wrong.len(),
        etcd.version,
        wrong.join("\n\n")
    );
    // Neither is rare, or the cases would tell little.
    assert!(all < 10 || (all / 10..=all - all / 10).contains(&failing), "{failing} of {all} do not survive");
    Ok(())
}
