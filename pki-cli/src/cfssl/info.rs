//! `info`: a CA's certificate, and the usages and the expiry of a profile.

use pki_core::cfssl::Config;
use serde::Serialize;

use super::invocation::Invocation;
use super::options::{CaFiles, ProfileChoice, refuse_remote};
use crate::terminal::{CommandError, Terminal, print};

/// The JSON that `info` prints. The names are cfssl's.
#[derive(Serialize)]
struct Info {
    certificate: String,
    usages: Option<Vec<String>>,
    expiry: String,
}

/// Runs `info`.
pub(crate) fn run(invocation: &Invocation, terminal: &mut Terminal<'_>) -> Result<(), CommandError> {
    refuse_remote(invocation)?;
    let (ca, profile) = (CaFiles::new(invocation), ProfileChoice::new(invocation));
    let usage = "write info -config FILE -ca CERT -ca-key KEY [-profile NAME]";
    if let Some(operand) = invocation.operands().first() {
        let message = format!("info takes no operands, but {operand:?} is given");
        return Err(CommandError::new(message).hint(usage));
    }
    if profile.config.is_none() {
        return Err(CommandError::new("info needs -config, the file that holds the profile").hint(usage));
    }
    let log = invocation.log();
    log.warnings(terminal, invocation.config_notices());
    let profile = profile.profile(Config::default(), log, terminal)?;
    let issuer = ca.issuer(log, terminal)?;
    let info = Info {
        certificate: issuer.certificate().to_pem().trim_end().to_owned(),
        usages: Some(profile.usage_names.clone()).filter(|usages| !usages.is_empty()),
        expiry: profile.expiry_text.clone(),
    };
    print::text(terminal, &print::go_json_text(&info)?)
}
