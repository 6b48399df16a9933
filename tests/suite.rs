//! The whole product against the programs that it has to live with: etcd, openssl, cfssl, systemd.
//!
//! A test whose program is absent is reported as ignored, with the reason, and never as passed.
//! `tests/run` installs what is missing and then runs everything.

use libtest_mimic::{Arguments, Trial};

/// The modules, in `suite/`.
mod suite {
    pub mod apply;
    pub mod authorities;
    pub mod certificates;
    pub mod command;
    pub mod crash;
    pub mod deploy;
    pub mod described;
    pub mod descriptions;
    pub mod dns;
    pub mod doctor;
    pub mod etcd;
    pub mod findings;
    pub mod folders;
    pub mod growth;
    pub mod guides;
    pub mod handshakes;
    pub mod host;
    pub mod hostile;
    pub mod hosts;
    pub mod import;
    pub mod layouts;
    pub mod live;
    pub mod modules;
    pub mod network;
    pub mod openssl;
    pub mod options;
    pub mod privileges;
    pub mod product;
    pub mod programs;
    pub mod recorded;
    pub mod rendering;
    pub mod schema;
    pub mod systemd;
    pub mod trial;
    pub mod unit;
    pub mod verify;
    pub mod zlint;
}

fn main() {
    let arguments = Arguments::from_args();
    if !arguments.list {
        suite::product::build();
    }
    let others = [
        suite::modules::trials(),
        suite::unit::trials(),
        suite::guides::trials(),
        suite::folders::trials(),
        suite::recorded::trials(),
        suite::zlint::trials(),
        suite::apply::trials(),
        suite::authorities::trials(),
        suite::described::trials(),
        suite::descriptions::trials(),
        suite::schema::trials(),
        suite::crash::trials(),
        suite::deploy::trials(),
        suite::hostile::trials(),
        suite::import::trials(),
        suite::certificates::trials(),
        suite::systemd::trials(),
        suite::handshakes::trials(),
        suite::options::trials(),
        suite::rendering::trials(),
        suite::doctor::trials(),
        suite::findings::trials(),
        suite::verify::trials_without_etcd(),
    ];
    let live = [
        suite::etcd::trials(),
        suite::privileges::trials(),
        suite::growth::trials(),
        suite::hosts::trials(),
        suite::described::etcd_trials(),
        suite::authorities::etcd_trials(),
        suite::verify::trials(),
    ];
    let trials = spread(live.into_iter().flatten().collect(), others.into_iter().flatten().collect());
    libtest_mimic::run(&arguments, trials).exit()
}

/// The tests with real etcd wait for each other, so they are spread among the rest: in a row they would keep
/// every thread waiting.
fn spread(few: Vec<Trial>, many: Vec<Trial>) -> Vec<Trial> {
    let distance = many.len() / few.len() + 1;
    let mut few = few.into_iter();
    let mut all = Vec::new();
    for (place, trial) in many.into_iter().enumerate() {
        if place % distance == 0 {
            all.extend(few.next());
        }
        all.push(trial);
    }
    all.extend(few);
    all
}
