//! `sign`: a certificate for a certificate request.

use std::path::Path;

use pki_core::cfssl::{Config, Notice, SigningRequest};
use pki_core::x509::{CertificateRequest, SubjectAltNames, SystemRandomness};

use super::into::{self, IntoFlags};
use super::invocation::Invocation;
use super::log::Log;
use super::options::{CaFiles, Delivery, ProfileChoice, hosts, read_request, refuse_remote};
use super::output::{Output, tell_signed};
use super::read::read_or_input;
use crate::terminal::{CommandError, Terminal};

/// The flags and operands of `sign`.
struct Sign<'a> {
    /// The file of the request.
    csr: &'a str,
    /// The file of a CSR JSON whose subject replaces that of the request.
    subject: Option<&'a str>,
    hosts: Option<Vec<String>>,
    profile: ProfileChoice<'a>,
    config_notices: &'a [Notice],
    ca: CaFiles<'a>,
    crl_url: Option<&'a str>,
    delivery: Delivery<'a>,
    log: Log,
}

/// Runs `sign`.
pub(crate) fn run(invocation: &Invocation, terminal: &mut Terminal<'_>) -> Result<(), CommandError> {
    refuse_remote(invocation)?;
    match invocation.given("into") {
        Some(_) => into::sign(&IntoFlags::new(invocation)?, terminal),
        None => Sign::new(invocation)?.run(terminal),
    }
}

impl<'a> Sign<'a> {
    fn new(invocation: &'a Invocation) -> Result<Self, CommandError> {
        let operands = invocation.operands().iter().map(String::as_str);
        let operands: Vec<&str> = invocation.given("csr").into_iter().chain(operands).collect();
        let (csr, subject) = match *operands.as_slice() {
            [] => {
                return Err(CommandError::new(
                    "not enough arguments are supplied --- please refer to the usage",
                )
                .hint("name the file of the request, such as server.csr, or - for the standard input"));
            }
            [csr] => (csr, None),
            [csr, subject] => (csr, Some(subject)),
            _ => {
                return Err(CommandError::new("too many arguments are provided, please check with usage")
                    .hint("write sign -ca CERT -ca-key KEY CSR [SUBJECT]"));
            }
        };
        Ok(Self {
            csr,
            subject,
            hosts: hosts(invocation),
            profile: ProfileChoice::new(invocation),
            config_notices: invocation.config_notices(),
            ca: CaFiles::new(invocation),
            crl_url: invocation.given("crl"),
            delivery: Delivery::new(invocation),
            log: invocation.log(),
        })
    }

    fn run(&self, terminal: &mut Terminal<'_>) -> Result<(), CommandError> {
        let (log, csr) = (self.log, Path::new(self.csr));
        let csr_text = read_or_input(self.csr, terminal)?;
        let subject = match self.subject {
            Some(name) => {
                let given = read_request(name, self.config_notices, log, terminal)?;
                if !given.hosts.is_empty() {
                    log.warning(
                        terminal,
                        format_args!("{name}: `hosts` is ignored: give hosts with -hostname"),
                    );
                }
                Some(given.attributes())
            }
            None => {
                log.warnings(terminal, self.config_notices);
                None
            }
        };
        let names = self.hosts.as_deref().map(SubjectAltNames::from_hosts).transpose()?;
        let (names, notices) = names.map(|names| (names.value, names.notices)).unzip();
        let profile = self.profile.signing_profile(Config::default(), log, terminal)?;
        let issuer = self.ca.issuer(log, terminal)?;
        self.ca.refuse_to_replace(self.delivery.certificate_file())?;
        let request = CertificateRequest::read(&csr_text).and_then(CertificateRequest::verify);
        let request = request.map_err(|error| error.in_file(csr))?;
        let crl_url = self.crl_url;
        let signing = SigningRequest { request: &request, profile: &profile, subject, names, crl_url };
        let certificate = issuer.sign(&signing, (terminal.now)(), &SystemRandomness);
        let certificate = certificate.map_err(|error| error.in_file(csr))?;
        tell_signed(&certificate.value, log, terminal);
        log.warnings(terminal, &notices.unwrap_or_default());
        log.warnings(terminal, &certificate.notices);
        // cfssl prints the request as it was read, if it was PEM.
        let csr_text = match std::str::from_utf8(&csr_text) {
            Ok(text) if text.contains("-----BEGIN") => text.to_owned(),
            _ => request.request().to_pem(),
        };
        let output = Output::default().certificate(&certificate.value).request_text(csr_text);
        output.deliver(&self.delivery, log, terminal)
    }
}
