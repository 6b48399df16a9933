//! `initca`, which is `gencert -initca`: a CA that signs its own certificate.

use super::genkey::new_ca;
use super::invocation::Invocation;
use super::log::Log;
use super::options::{CaFiles, Delivery, RequestFlags};
use super::read::private_key;
use crate::terminal::{CommandError, Terminal};

/// The flags and operands of `initca`.
struct Initca<'a> {
    request: RequestFlags<'a>,
    /// The file of the CA's key, if it exists already: `-ca-key`.
    old_key: Option<&'a str>,
    delivery: Delivery<'a>,
    log: Log,
}

/// Runs `initca`, or `gencert -initca`.
pub(crate) fn run(invocation: &Invocation, terminal: &mut Terminal<'_>) -> Result<(), CommandError> {
    let flags = Initca {
        request: RequestFlags::new(invocation)?,
        old_key: CaFiles::new(invocation).key,
        delivery: Delivery::new(invocation),
        log: invocation.log(),
    };
    let log = flags.log;
    let request = flags.request.read(log, terminal)?;
    let old_key = flags.old_key.map(|name| private_key(name, log, terminal)).transpose()?;
    let what = match old_key {
        Some(_) => "re-generate a CA certificate from CSR and CA key",
        None => "generating a new CA key and certificate from CSR",
    };
    log.info(terminal, what);
    new_ca(&request, old_key, &flags.delivery, log, terminal)
}
