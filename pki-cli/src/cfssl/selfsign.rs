//! `selfsign`: a key and a certificate that is signed by this key, for tests.

use pki_core::cfssl::ca;
use pki_core::x509::SystemRandomness;

use super::genkey::new_request;
use super::invocation::Invocation;
use super::log::Log;
use super::options::{Delivery, ProfileChoice, read_request, refuse_ca_section};
use super::output::Output;
use crate::terminal::{CommandError, Terminal};

/// The flags and operands of `selfsign`.
struct Selfsign<'a> {
    /// The names of the certificate, separated by commas.
    host: &'a str,
    csr_json: &'a str,
    profile: ProfileChoice<'a>,
    delivery: Delivery<'a>,
    log: Log,
}

impl<'a> Selfsign<'a> {
    fn new(invocation: &'a Invocation) -> Result<Self, CommandError> {
        let operands = invocation.operands().iter().map(String::as_str);
        let operands: Vec<&str> = invocation.given("hostname").into_iter().chain(operands).collect();
        let refuse = |message| {
            Err(CommandError::new(message)
                .hint("write selfsign HOSTNAME CSRJSON, as in selfsign localhost csr.json"))
        };
        let (host, csr_json) = match *operands.as_slice() {
            [host, csr_json] => (host, csr_json),
            [] | [_] => return refuse("not enough arguments are supplied --- please refer to the usage"),
            _ => return refuse("too many arguments are provided, please check with usage"),
        };
        Ok(Self {
            host,
            csr_json,
            profile: ProfileChoice::new(invocation),
            delivery: Delivery::new(invocation),
            log: invocation.log(),
        })
    }
}

/// Runs `selfsign`.
pub(crate) fn run(invocation: &Invocation, terminal: &mut Terminal<'_>) -> Result<(), CommandError> {
    let Selfsign { host, csr_json, profile, delivery, log } = Selfsign::new(invocation)?;
    let mut request = read_request(csr_json, invocation.config_notices(), log, terminal)?;
    refuse_ca_section(&request)?;
    if request.hosts.is_empty() {
        // As in cfssl, "." and "" stand for no name.
        request.hosts =
            host.split(',').filter(|host| !matches!(*host, "" | ".")).map(str::to_owned).collect();
    } else if host.split(',').any(|host| !request.hosts.iter().any(|known| known == host)) {
        log.warning(
            terminal,
            format_args!("{host} is ignored: the certificate is for the hosts of {csr_json}"),
        );
    }
    let profile = profile.signing_profile(ca::self_sign_profile().into(), log, terminal)?;
    let (key, csr) = new_request(&request, &delivery, log, terminal)?;
    let now = (terminal.now)();
    let certificate = ca::self_sign(&csr.clone().verify()?, &key, &profile, now, &SystemRandomness)?;
    log.warning(
        terminal,
        "nobody trusts a self-signed certificate: use it for tests only, and issue others with a CA",
    );
    log.warnings(terminal, &certificate.notices);
    let output = Output::default().certificate(&certificate.value).request(&csr);
    output.key(&key, &delivery, terminal)?.deliver(&delivery, log, terminal)
}
