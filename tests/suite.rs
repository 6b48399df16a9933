//! The whole product against the programs that it has to live with: etcd, openssl, cfssl, systemd.
//!
//! A test whose program is absent is reported as ignored, with the reason, and never as passed.
//! `tests/run` installs what is missing and then runs everything.

use libtest_mimic::Arguments;

/// The modules, in `suite/`.
mod suite {
    pub mod apply;
    pub mod certificates;
    pub mod cfssl_cases;
    pub mod command;
    pub mod crash;
    pub mod descriptions;
    pub mod etcd;
    pub mod guides;
    pub mod host;
    pub mod hostile;
    pub mod openssl;
    pub mod product;
    pub mod programs;
    pub mod systemd;
    pub mod trial;
    pub mod unit;
}

fn main() {
    use suite::{
        apply, certificates, cfssl_cases, crash, descriptions, etcd, guides, hostile, systemd, unit,
    };

    let arguments = Arguments::from_args();
    if !arguments.list {
        suite::product::build();
    }
    let trials = [
        etcd::trials(),
        unit::trials(),
        guides::trials(),
        cfssl_cases::trials(),
        apply::trials(),
        descriptions::trials(),
        crash::trials(),
        hostile::trials(),
        certificates::trials(),
        systemd::trials(),
    ];
    libtest_mimic::run(&arguments, trials.into_iter().flatten().collect()).exit()
}
