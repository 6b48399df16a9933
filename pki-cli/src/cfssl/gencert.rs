//! `gencert`: a key and a certificate from a CA, and the other jobs that its flags select.

use std::path::Path;

use pki_core::cfssl::{Config, NewCertificate, NewRequest};
use pki_core::x509::{ErrorKind, RacingKeys, SubjectAltNames, SystemRandomness, root};

use super::genkey::check_before_key;
use super::initca;
use super::into::{self, IntoFlags};
use super::invocation::Invocation;
use super::log::Log;
use super::options::{
    CaFiles, Delivery, ProfileChoice, RequestFlags, hosts, refuse_ca_section, refuse_remote,
};
use super::output::{Output, tell_signed};
use super::read::{certificate, private_key};
use crate::terminal::{CommandError, Terminal};

/// cfssl's number for the error of a key that is not that of the certificate to renew.
const KEY_MISMATCH: u32 = 2300;

/// The job that the flags of `gencert` select.
#[derive(Clone, Copy)]
enum Job {
    /// `-renewca`: renew a root certificate with its own key.
    RenewCa,
    /// `-from`: renew a certificate for its own key.
    Renew,
    /// `-initca`: make a self-signed CA.
    NewCa,
    /// `-into`: issue many certificates into a folder.
    IssueMany,
    /// None of these flags: issue one certificate.
    Issue,
}

impl Job {
    fn new(invocation: &Invocation) -> Result<Self, CommandError> {
        let jobs = [("renewca", Self::RenewCa), ("from", Self::Renew), ("initca", Self::NewCa)];
        let first = jobs.into_iter().find(|(flag, _)| invocation.is_job(flag));
        match (first, invocation.given("into")) {
            (Some((flag, _)), Some(_)) => {
                Err(CommandError::new(format!("-{flag} makes one certificate, but -into is for many"))
                    .hint("write its files with -bare NAME"))
            }
            (Some((_, job)), None) => Ok(job),
            (None, Some(_)) => Ok(Self::IssueMany),
            (None, None) => Ok(Self::Issue),
        }
    }
}

/// Runs `gencert`.
pub(crate) fn run(invocation: &Invocation, terminal: &mut Terminal<'_>) -> Result<(), CommandError> {
    refuse_remote(invocation)?;
    match Job::new(invocation)? {
        Job::RenewCa => RenewCa::new(invocation)?.run(terminal),
        Job::Renew => Renew::new(invocation)?.run(terminal),
        Job::NewCa => initca::run(invocation, terminal),
        Job::IssueMany => into::gencert(&IntoFlags::new(invocation)?, terminal),
        Job::Issue => Issue::new(invocation)?.run(terminal),
    }
}

/// The flags of `gencert -renewca`.
struct RenewCa<'a> {
    certificate: &'a str,
    key: &'a str,
    delivery: Delivery<'a>,
    log: Log,
}

impl<'a> RenewCa<'a> {
    fn new(invocation: &'a Invocation) -> Result<Self, CommandError> {
        let CaFiles { certificate: Some(certificate), key: Some(key), .. } = CaFiles::new(invocation) else {
            return Err(CommandError::new("-renewca needs the old certificate and its key")
                .hint("gencert -renewca -ca ca.pem -ca-key ca-key.pem"));
        };
        Ok(Self { certificate, key, delivery: Delivery::new(invocation), log: invocation.log() })
    }

    fn run(&self, terminal: &mut Terminal<'_>) -> Result<(), CommandError> {
        self.log.info(terminal, "re-generate a CA certificate from CA cert and key");
        let old = certificate(self.certificate, terminal)?;
        let key = private_key(self.key, self.log, terminal)?;
        let renewed = root::renew(&old, &key, (terminal.now)(), &SystemRandomness);
        let renewed = renewed.map_err(|error| {
            let number = matches!(error.kind(), ErrorKind::KeyMismatch).then_some(KEY_MISMATCH);
            CommandError::from(error.in_file(Path::new(self.certificate))).numbered(number)
        })?;
        tell_signed(&renewed, self.log, terminal);
        Output::default().certificate(&renewed).deliver(&self.delivery, self.log, terminal)
    }
}

/// The flags of `gencert -from`, which renews a certificate for its own key.
struct Renew<'a> {
    old: &'a str,
    /// The file of the certificate's key. It is compared with the certificate, and not needed otherwise.
    key: Option<&'a str>,
    ca: CaFiles<'a>,
    delivery: Delivery<'a>,
    log: Log,
}

impl<'a> Renew<'a> {
    fn new(invocation: &'a Invocation) -> Result<Self, CommandError> {
        for flag in ["cn", "crl", "hostname", "profile"] {
            if invocation.given(flag).is_some() {
                return Err(CommandError::new(format!(
                    "-{flag} cannot be combined with -from, which takes everything from the old certificate"
                ))
                .hint(
                    "leave out one of the two, or make a changed certificate for the old key with `gencsr -key KEY \
                     -cert OLD` and `sign`",
                ));
            }
        }
        if let Some(operand) = invocation.operands().first() {
            return Err(CommandError::new(format!(
                "{operand} cannot be combined with -from, which takes everything from the old certificate"
            ))
            .hint("leave out the CSR JSON: gencert -from old.pem -ca ca.pem -ca-key ca-key.pem"));
        }
        Ok(Self {
            old: invocation.given("from").unwrap_or_default(),
            key: invocation.given("key"),
            ca: CaFiles::new(invocation),
            delivery: Delivery::new(invocation),
            log: invocation.log(),
        })
    }

    fn run(&self, terminal: &mut Terminal<'_>) -> Result<(), CommandError> {
        let name = self.old;
        let old = certificate(name, terminal)?;
        if let Some(key) = self.key
            && !old.is_for(private_key(key, self.log, terminal)?.public_key())
        {
            return Err(CommandError::new(format!("the key in {key} is not that of {name}"))
                .hint("name the key of the old certificate, or leave out -key"));
        }
        let issuer = self.ca.issuer(self.log, terminal)?;
        let renewed = issuer.renew(&old, (terminal.now)(), &SystemRandomness);
        let renewed = renewed.map_err(|error| error.in_file(Path::new(name)))?;
        tell_signed(&renewed.value, self.log, terminal);
        self.log.warnings(terminal, &renewed.notices);
        Output::default().certificate(&renewed.value).deliver(&self.delivery, self.log, terminal)
    }
}

/// The flags of `gencert` for one certificate from a CA.
struct Issue<'a> {
    request: RequestFlags<'a>,
    /// The hosts of `-hostname`, which also a CSRWhitelist does not take away.
    hosts: Option<Vec<String>>,
    profile: ProfileChoice<'a>,
    ca: CaFiles<'a>,
    crl_url: Option<&'a str>,
    delivery: Delivery<'a>,
    log: Log,
}

impl<'a> Issue<'a> {
    fn new(invocation: &'a Invocation) -> Result<Self, CommandError> {
        Ok(Self {
            request: RequestFlags::new(invocation)?,
            hosts: hosts(invocation),
            profile: ProfileChoice::new(invocation),
            ca: CaFiles::new(invocation),
            crl_url: invocation.given("crl"),
            delivery: Delivery::new(invocation),
            log: invocation.log(),
        })
    }

    /// Checks everything before the key is made, because making an RSA key takes long.
    fn run(self, terminal: &mut Terminal<'_>) -> Result<(), CommandError> {
        let Self { delivery, log, .. } = self;
        let request = self.request.read(log, terminal)?;
        refuse_ca_section(&request)?;
        let profile = self.profile.signing_profile(Config::default(), log, terminal)?;
        let issuer = self.ca.issuer(log, terminal)?;
        self.ca.refuse_to_replace(delivery.certificate_file())?;
        check_before_key(&request, &delivery, log, terminal)?;
        let now = (terminal.now)();
        let names = self.hosts.as_deref().map(SubjectAltNames::from_hosts).transpose()?;
        let names = names.map(|names| names.value);
        let new = NewRequest { names, crl_url: self.crl_url, ..NewRequest::new(&request, &profile) };
        let made = issuer.gencert(&new, &RacingKeys, now, &SystemRandomness)?;
        let NewCertificate { certificate, request, key } = made.value;
        log.info(terminal, "encoded CSR");
        tell_signed(&certificate, log, terminal);
        log.warnings(terminal, &made.notices);
        let output = Output::default().certificate(&certificate).request(&request);
        output.key(&key, &delivery, terminal)?.deliver(&delivery, log, terminal)
    }
}
