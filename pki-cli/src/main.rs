//! The program `etcdpki`, run with the streams, the environment and the clock of its process.

use std::process::ExitCode;

fn main() -> ExitCode {
    pki_cli::Terminal::with_system(|terminal| pki_cli::run(std::env::args_os(), terminal)).into()
}
