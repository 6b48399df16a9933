//! What real etcd does with generated settings, compared with what the model of `pki_core::etcd::start` says: whether it
//! starts, and where it listens.
//!
//! The settings are made from the table of options and from a table of damages, by a seed, so that each case is the same
//! on every machine. `ETCDPKI_STARTS=2000` takes that many for each series, and `ETCDPKI_STARTS_SEED` another seed;
//! `ETCDPKI_STARTS_FROM` is the number of the first one.

mod case;
mod damage;
mod real;

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use libtest_mimic::Trial;
use pki_core::etcd::EtcdVersion;
use pki_core::etcd::found::ConfigFile;
use pki_core::etcd::start::{Service, Start};

use case::{Case, Files};
use real::{Outcome as Seen, Socket};

use super::network;
use super::programs::{self, Etcd};
use super::trial::{Missing, Outcome, trial_with_servers};

/// The number of cases for each series, unless `ETCDPKI_STARTS` says another.
const USUAL: u64 = 100;

/// How many etcd run at once in a trial.
const AT_ONCE: usize = 4;

pub fn trials() -> Vec<Trial> {
    let on = |series: &str| {
        let found = programs::etcd(series);
        let version = found.as_ref().map_or(series, |etcd| &etcd.version).to_owned();
        trial_with_servers(format!("starts::{version}::the_model_says_what_etcd_does"), move || {
            the_model_says_what_etcd_does(&found?)
        })
    };
    programs::SERIES.map(on).into()
}

fn number(variable: &str, otherwise: u64) -> u64 {
    std::env::var(variable).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

fn the_model_says_what_etcd_does(etcd: &Etcd) -> Outcome {
    let version = EtcdVersion::parse(&etcd.version).unwrap();
    let seed = number("ETCDPKI_STARTS_SEED", 1);
    let first = number("ETCDPKI_STARTS_FROM", 0);
    let (next, end) = (AtomicU64::new(first), first + number("ETCDPKI_STARTS", USUAL));
    let files = Files::new();
    let (wrong, refused) = (Mutex::new(Vec::new()), AtomicU64::new(0));
    let missing: Mutex<Option<Missing>> = Mutex::new(None);
    let work = || {
        // Each has a network of its own, where its ports are free.
        if let Err(error) = network::enter() {
            *missing.lock().unwrap() = Some(error);
            return;
        }
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= end {
                return;
            }
            let case = Case::new(seed, number, version, &files);
            let (start, seen) = (case.model(version), real::run(etcd, &case));
            refused.fetch_add(u64::from(!start.is_accepted()), Ordering::Relaxed);
            if let Some(difference) = difference(&start, &seen) {
                let text = format!("seed {seed}, case {number}: {difference}\n{case}{}\n", seen.log);
                wrong.lock().unwrap().push(text);
            }
        }
    };
    thread::scope(|scope| (0..AT_ONCE).for_each(|_| drop(scope.spawn(work))));
    if let Some(missing) = missing.into_inner().unwrap() {
        return Err(missing);
    }
    let (wrong, refused, all) = (wrong.into_inner().unwrap(), refused.into_inner(), end - first);
    assert!(wrong.is_empty(), "{} of {all} differ on etcd {version}:\n\n{}", wrong.len(), wrong.join("\n"));
    // Neither is rare, or the cases would tell little.
    assert!(all < 20 || (all / 10..=all - all / 10).contains(&refused), "{refused} of {all} are refused");
    Ok(())
}

impl Case {
    /// What the model says.
    fn model(&self, version: EtcdVersion) -> Start {
        let config = self.config.as_ref().map(|text| ConfigFile::parse(text, "etcd.yaml".as_ref()));
        Start::of_command(&self.arguments, &self.environment, config.as_ref(), version)
    }
}

fn difference(start: &Start, seen: &real::Run) -> Option<String> {
    match (&seen.outcome, start.is_accepted()) {
        (Seen::Refused, false) => None,
        (Seen::Refused, true) => Some("etcd refuses it, and the model does not".to_owned()),
        (Seen::Started(_), false) => {
            let refusals: Vec<String> = start.refusals.iter().map(ToString::to_string).collect();
            Some(format!("etcd starts, and the model refuses it: {}", refusals.join("; ")))
        }
        (Seen::Neither, _) => Some("etcd neither starts nor ends".to_owned()),
        (Seen::Started(sockets), true) => {
            let urls = start.listeners.iter().map(|listener| (listener.service, &listener.url));
            let mut expected: Vec<Socket> = urls
                .filter(|(_, url)| url.scheme.starts_with("http"))
                .filter_map(|(_, url)| Socket::of(url))
                .collect();
            expected.sort();
            expected.dedup();
            // etcd takes any port for one that is missing.
            let any =
                start.listeners.iter().filter(|listener| matches!(listener.url.port, None | Some(0))).count();
            let known = expected.iter().filter(|socket| sockets.contains(socket)).count();
            let is_same = known == expected.len() && sockets.len() == expected.len() + any;
            (!is_same).then(|| format!("etcd listens on {sockets:?}, and the model says {expected:?}"))
        }
    }
}

/// The services at which etcd answers once it is ready.
const ANSWERING: [Service; 2] = [Service::Clients, Service::HttpClients];
