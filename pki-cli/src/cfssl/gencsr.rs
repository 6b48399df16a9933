//! `gencsr`: a certificate request for a key that exists.

use pki_core::cfssl::{Notice, WithNotices};
use pki_core::x509::{CertificateRequest, Changes, SubjectAltNames};
use zeroize::Zeroizing;

use super::invocation::Invocation;
use super::log::Log;
use super::options::{Delivery, RequestFlags, hosts};
use super::output::Output;
use super::read::{certificate, private_key_and_text};
use crate::terminal::{CommandError, Terminal};

/// The flags and operands of `gencsr`.
struct Gencsr<'a> {
    /// The file of the private key.
    key: &'a str,
    contents: Contents<'a>,
    config_notices: &'a [Notice],
    delivery: Delivery<'a>,
    log: Log,
}

/// The source of the subject and the names in the request.
enum Contents<'a> {
    /// The file of a certificate that exists, and what `-cn` and `-hostname` change.
    Certificate { file: &'a str, common_name: Option<&'a str>, hosts: Option<Vec<String>> },
    /// A CSR JSON, with what the flags change in it.
    Json(RequestFlags<'a>),
}

impl<'a> Gencsr<'a> {
    fn new(invocation: &'a Invocation) -> Result<Self, CommandError> {
        let Some(key) = invocation.given("key") else {
            return Err(CommandError::new(
                "private key file is required through '-key', please check with usage",
            )
            .hint("write gencsr -key server-key.pem csr.json, or make a new key with genkey"));
        };
        let contents = match invocation.given("cert") {
            Some(_) if !invocation.operands().is_empty() => {
                return Err(CommandError::new(
                    "no argument is accepted with '-cert', please check with usage",
                )
                .hint("leave out -cert, or leave out the CSR JSON"));
            }
            Some(file) => {
                Contents::Certificate { file, common_name: invocation.given("cn"), hosts: hosts(invocation) }
            }
            None => Contents::Json(RequestFlags::new(invocation)?.without_dates()),
        };
        Ok(Self {
            key,
            contents,
            config_notices: invocation.config_notices(),
            delivery: Delivery::new(invocation),
            log: invocation.log(),
        })
    }
}

/// Runs `gencsr`.
pub(crate) fn run(invocation: &Invocation, terminal: &mut Terminal<'_>) -> Result<(), CommandError> {
    let Gencsr { key: key_name, contents, config_notices, delivery, log } = Gencsr::new(invocation)?;
    let (csr, text) = match contents {
        Contents::Certificate { file, common_name, hosts } => {
            log.warnings(terminal, config_notices);
            let old = certificate(file, terminal)?;
            let names = hosts.as_deref().map(SubjectAltNames::from_hosts).transpose()?;
            let (names, notices) = names.map(|names| (names.value, names.notices)).unzip();
            let subject = common_name.map(|name| old.subject().with_common_name(name)).transpose()?;
            let (key, text) = private_key_and_text(key_name, log, terminal)?;
            let value = CertificateRequest::for_certificate(&old, &Changes { subject, names }, &key)?;
            (WithNotices { value, notices: notices.unwrap_or_default() }, text)
        }
        Contents::Json(request) => {
            // cfssl has numbers for mistakes in a CSR JSON only where a certificate is made.
            let request = request.read(log, terminal).map_err(|error| error.numbered(None))?;
            let (key, text) = private_key_and_text(key_name, log, terminal)?;
            (request.sign(&key)?, text)
        }
    };
    log.info(terminal, "encoded CSR");
    log.warnings(terminal, &csr.notices);
    let output = Output::default().request(&csr.value);
    let output = match delivery.base_name {
        // The key is in a file already, so it is not written again.
        Some(_) => output,
        None => output.key_text(Zeroizing::new(String::from_utf8_lossy(&text).into_owned())),
    };
    output.deliver(&delivery, log, terminal)
}
