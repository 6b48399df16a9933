//! `gencert`: certificates under a CA, and the commands that its flags stand for.

use std::path::Path;

use pki_core::cfssl::NewCertificate;
use pki_core::x509::{RacingKeys, SystemRandomness, root};

use super::genkey::check_before_key;
use super::initca;
use super::into::{self, Many};
use super::invocation::Invocation;
use super::issued::{Issued, tell_signed};
use super::log::Log;
use super::options::{CaFiles, Delivery, ProfileChoice, RequestFlags, refuse_ca_section, refuse_remote};
use super::read::{certificate, private_key};
use crate::terminal::{CommandError, Terminal};

/// Which of its jobs `gencert` was given.
#[derive(Clone, Copy)]
enum Job {
    /// `-renewca`
    RenewCa,
    /// `-from`
    Renew,
    /// `-initca`
    NewCa,
    /// `-into`
    Many,
    /// None of these: one certificate under a CA.
    One,
}

impl Job {
    fn new(invocation: &Invocation) -> Result<Self, CommandError> {
        let jobs = [
            ("renewca", invocation.switch("renewca"), Self::RenewCa),
            ("from", invocation.given("from").is_some(), Self::Renew),
            ("initca", invocation.switch("initca"), Self::NewCa),
        ];
        let first = jobs.into_iter().find(|(_, is_given, _)| *is_given);
        match (first, invocation.given("into")) {
            (Some((flag, ..)), Some(_)) => {
                Err(CommandError::new(format!("-{flag} makes one certificate, and -into is for many"))
                    .hint("name its files: -bare NAME"))
            }
            (Some((.., job)), None) => Ok(job),
            (None, Some(_)) => Ok(Self::Many),
            (None, None) => Ok(Self::One),
        }
    }
}

/// `gencert`
pub(crate) fn run(invocation: &Invocation, terminal: &mut Terminal<'_>) -> Result<(), CommandError> {
    refuse_remote(invocation)?;
    match Job::new(invocation)? {
        Job::RenewCa => RenewCa::new(invocation)?.run(terminal),
        Job::Renew => Renew::new(invocation)?.run(terminal),
        Job::NewCa => initca::run(invocation, terminal),
        Job::Many => into::gencert(&Many::new(invocation)?, terminal),
        Job::One => One::new(invocation)?.run(terminal),
    }
}

/// `gencert -renewca`
struct RenewCa<'a> {
    certificate: &'a str,
    key: &'a str,
    delivery: Delivery<'a>,
    log: Log,
}

impl<'a> RenewCa<'a> {
    fn new(invocation: &'a Invocation) -> Result<Self, CommandError> {
        let CaFiles { certificate: Some(certificate), key: Some(key) } = CaFiles::new(invocation) else {
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
        let renewed = renewed.map_err(|error| error.in_file(Path::new(self.certificate)))?;
        tell_signed(&renewed, self.log, terminal);
        Issued::default().certificate(&renewed).deliver(&self.delivery, self.log, terminal)
    }
}

/// `gencert -from`: an old certificate anew, for the same key.
struct Renew<'a> {
    old: &'a str,
    /// The certificate's key; only compared, for it is not needed.
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
                    "-from takes everything from the old certificate, and -{flag} is given"
                ))
                .hint("leave one of the two out; gencsr -key KEY -cert OLD and sign make a changed certificate for the same key"));
            }
        }
        if let Some(operand) = invocation.operands().first() {
            return Err(CommandError::new(format!(
                "-from takes everything from the old certificate, and {operand} is given"
            ))
            .hint("leave the CSR JSON out"));
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
                .hint("the new certificate is for the old key: leave -key out, or name the old key"));
        }
        let issuer = self.ca.issuer(self.log, terminal)?;
        let renewed = issuer.renew(&old, (terminal.now)(), &SystemRandomness);
        let renewed = renewed.map_err(|error| error.in_file(Path::new(name)))?;
        tell_signed(&renewed.value, self.log, terminal);
        self.log.warnings(terminal, &renewed.notices);
        Issued::default().certificate(&renewed.value).deliver(&self.delivery, self.log, terminal)
    }
}

/// `gencert` under a CA
struct One<'a> {
    request: RequestFlags<'a>,
    profile: ProfileChoice<'a>,
    ca: CaFiles<'a>,
    crl_url: Option<&'a str>,
    delivery: Delivery<'a>,
    log: Log,
}

impl<'a> One<'a> {
    fn new(invocation: &'a Invocation) -> Result<Self, CommandError> {
        Ok(Self {
            request: RequestFlags::new(invocation)?,
            profile: ProfileChoice::new(invocation),
            ca: CaFiles::new(invocation),
            crl_url: invocation.given("crl"),
            delivery: Delivery::new(invocation),
            log: invocation.log(),
        })
    }

    /// All that can be wrong is found before a key is made.
    fn run(self, terminal: &mut Terminal<'_>) -> Result<(), CommandError> {
        let Self { delivery, log, .. } = self;
        let request = self.request.read(log, terminal)?;
        refuse_ca_section(&request)?;
        let profile = self.profile.signing_profile()?;
        let issuer = self.ca.issuer(log, terminal)?;
        self.ca.refuse_to_replace(delivery.certificate_file())?;
        check_before_key(&request, &delivery, log, terminal)?;
        let now = (terminal.now)();
        let made = issuer.gencert(&request, &profile, self.crl_url, &RacingKeys, now, &SystemRandomness)?;
        let NewCertificate { certificate, request, key } = made.value;
        log.info(terminal, "encoded CSR");
        tell_signed(&certificate, log, terminal);
        log.warnings(terminal, &made.notices);
        let issued = Issued::default().certificate(&certificate).request(&request);
        issued.key(&key, &delivery, terminal)?.deliver(&delivery, log, terminal)
    }
}
