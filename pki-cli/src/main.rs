//! `etcdpki`

use std::process::ExitCode;

fn main() -> ExitCode {
    pki_cli::Io::with_system(|io| pki_cli::run(std::env::args_os(), io)).into()
}
