//! The whole product against the programs that it has to live with: etcd, openssl, cfssl, systemd.
//!
//! A test whose program is absent is reported as ignored, with the reason, and never as passed.
//! `tests/run` installs what is missing and then runs everything.

use libtest_mimic::{Arguments, Trial};

/// The modules, in `suite/`.
mod suite {
    pub mod apply;
    pub mod authorities;
    pub mod authority_renewal;
    pub mod beside_cfssl;
    pub mod certificates;
    pub mod command;
    pub mod crashes;
    pub mod deploy;
    pub mod described;
    pub mod descriptions;
    pub mod differences;
    pub mod dns;
    pub mod doctor;
    pub mod etcd;
    pub mod findings;
    pub mod folders;
    pub mod forecast;
    pub mod growth;
    pub mod guides;
    pub mod handshakes;
    pub mod host;
    pub mod hostile;
    pub mod hosts;
    pub mod import;
    pub mod interrupted_apply;
    pub mod interrupted_operations;
    pub mod layouts;
    pub mod live;
    pub mod logs;
    pub mod membership;
    pub mod modules;
    pub mod network;
    pub mod observe;
    pub mod openssl;
    pub mod options;
    pub mod packages;
    pub mod privileges;
    pub mod product;
    pub mod programs;
    pub mod proved;
    pub mod random;
    pub mod record;
    pub mod recorded;
    pub mod rendering;
    pub mod renew;
    pub mod report;
    pub mod restart;
    pub mod schedule;
    pub mod schema;
    pub mod shells;
    pub mod starts;
    pub mod steps;
    pub mod strace;
    pub mod systemd;
    pub mod trial;
    pub mod unit;
    pub mod verdicts;
    pub mod verify;
    pub mod writers;
    pub mod zlint;
}

fn main() {
    let mut arguments = Arguments::from_args();
    suite::network::let_everybody_enter();
    if !arguments.list {
        suite::product::build();
    }
    let trials = [
        suite::modules::trials(),
        suite::unit::trials(),
        suite::guides::trials(),
        suite::folders::trials(),
        suite::record::trials(),
        suite::recorded::trials(),
        suite::beside_cfssl::trials(),
        suite::zlint::trials(),
        suite::apply::trials(),
        suite::authorities::trials(),
        suite::authority_renewal::trials(),
        suite::described::trials(),
        suite::descriptions::trials(),
        suite::differences::trials(),
        suite::schema::trials(),
        suite::shells::trials(),
        suite::interrupted_apply::trials(),
        suite::interrupted_operations::trials(),
        suite::crashes::trials(),
        suite::deploy::trials(),
        suite::steps::trials(),
        suite::hostile::trials(),
        suite::import::trials(),
        suite::certificates::trials(),
        suite::systemd::trials(),
        suite::handshakes::trials(),
        suite::options::trials(),
        suite::starts::trials(),
        suite::rendering::trials(),
        suite::report::trials(),
        suite::doctor::trials(),
        suite::findings::trials(),
        suite::etcd::trials(),
        suite::logs::trials(),
        suite::packages::trials(),
        suite::privileges::trials(),
        suite::growth::trials(),
        suite::membership::trials(),
        suite::observe::trials(),
        suite::forecast::trials(),
        suite::restart::trials(),
        suite::renew::trials(),
        suite::hosts::trials(),
        suite::verify::trials(),
        suite::verdicts::trials(),
    ];
    let mut trials: Vec<Trial> = trials.into_iter().flatten().collect();
    trials.extend(suite::proved::trials(&trials));
    let names: Vec<String> = trials.iter().map(|trial| trial.name().to_owned()).collect();
    let times = suite::schedule::Times::in_folder(&suite::product::target());
    let trials = times.order(trials);
    arguments.test_threads.get_or_insert_with(suite::schedule::threads);
    let conclusion = libtest_mimic::run(&arguments, trials);
    if !arguments.list {
        suite::proved::update(&suite::product::target(), &names);
    }
    conclusion.exit()
}
