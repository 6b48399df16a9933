//! The program `etcdpki`, run with the streams, the environment and the clock of its process.

use std::alloc::System;
use std::process::ExitCode;

use zeroizing_alloc::ZeroAlloc;

/// Wipes all memory that is freed. Private keys pass through buffers of libraries, such as those of base64 and of JSON,
/// which nobody else wipes.
#[global_allocator]
static ALLOCATOR: ZeroAlloc<System> = ZeroAlloc(System);

fn main() -> ExitCode {
    pki_cli::Terminal::with_system(|terminal| pki_cli::run(std::env::args_os(), terminal)).into()
}
