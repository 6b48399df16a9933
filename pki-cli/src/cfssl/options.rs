//! Groups of flags that several commands have in common.

use std::fs;
use std::path::{Path, PathBuf};

use pki_core::cfssl::{self, Config, ErrorKind, Notice, Profile, Request};
use pki_core::x509::Issuer;

use super::files;
use super::invocation::{CONFIG_UNUSABLE, Invocation};
use super::log::Log;
use super::read::{certificate, key_password_of_environment, private_key, read_or_input};
use crate::terminal::{CommandError, Terminal, print};

/// cfssl's number for the error of a CA's key that cannot be read.
const KEY_UNREADABLE: u32 = 1001;

/// cfssl's number for the error of a CA's key that is not given.
const NO_KEY: u32 = 2000;

/// The files of the CA that signs: `-ca` and `-ca-key`.
pub(crate) struct CaFiles<'a> {
    pub(crate) certificate: Option<&'a str>,
    pub(crate) key: Option<&'a str>,
    has_config: bool,
}

impl<'a> CaFiles<'a> {
    pub(crate) fn new(invocation: &'a Invocation) -> Self {
        let has_config = invocation.config().is_some();
        Self { certificate: invocation.given("ca"), key: invocation.given("ca-key"), has_config }
    }

    /// Reads the CA and its key.
    pub(crate) fn issuer(&self, log: Log, terminal: &mut Terminal<'_>) -> Result<Issuer, CommandError> {
        // With a config, cfssl looks for the key first, and has a number for its absence.
        let number = (self.has_config && self.key.is_none()).then_some(NO_KEY);
        let needed = |file: Option<&'a str>, flag: &str, what: &str| {
            file.ok_or_else(|| {
                CommandError::new(format!("need a CA {what} (provide one with -{flag})"))
                    .hint(format!("give -{flag}, or make a new CA with gencert -initca"))
                    .numbered(number)
            })
        };
        let certificate_name = needed(self.certificate, "ca", "certificate")?;
        let key_name = needed(self.key, "ca-key", "key")?;
        let certificate = certificate(certificate_name, terminal)?;
        let key = private_key(key_name, log, terminal).map_err(|error| error.code(KEY_UNREADABLE))?;
        Ok(Issuer::new(certificate, key).map_err(|error| error.in_file(Path::new(certificate_name)))?)
    }

    /// Refuses to replace the certificate of `-ca` by one that the CA issues.
    pub(crate) fn refuse_to_replace(
        &self,
        targets: impl IntoIterator<Item = PathBuf>,
    ) -> Result<(), CommandError> {
        let Some(name) = self.certificate else { return Ok(()) };
        let name = Path::new(name.strip_prefix("file:").unwrap_or(name));
        let Ok(ca) = fs::canonicalize(name) else { return Ok(()) };
        // Names are compared first, because there may be thousands of targets and resolving a path takes a system call.
        // A symbolic link to the CA's certificate counts as the certificate.
        let names = [name.file_name(), ca.file_name()];
        let is_ca = |target: &PathBuf| {
            names.contains(&target.file_name()) && fs::canonicalize(target).is_ok_and(|path| path == ca)
        };
        match targets.into_iter().find(is_ca) {
            Some(target) => {
                let message = format!(
                    "{} is the CA's certificate, and would be replaced by a certificate that the CA issues",
                    target.display()
                );
                Err(CommandError::new(message).hint("choose another name, or another folder"))
            }
            None => Ok(()),
        }
    }
}

/// Refuses `-remote` and `-db-config`: etcdpki signs with local keys, and has no database.
pub(crate) fn refuse_remote(invocation: &Invocation) -> Result<(), CommandError> {
    if invocation.given("remote").is_some() {
        return Err(CommandError::new("-remote is not provided: etcdpki signs with local keys")
            .hint("give the CA's files: -ca ca.pem -ca-key ca-key.pem"));
    }
    if invocation.given("db-config").is_some() {
        return Err(CommandError::new("-db-config is not provided: there is no certificate database")
            .hint("leave it out, and keep the certificates: `gencrl` revokes them by their files"));
    }
    Ok(())
}

/// The profile to sign with: `-config` and `-profile`.
pub(crate) struct ProfileChoice<'a> {
    pub(crate) config: Option<&'a Config>,
    file: &'a Path,
    name: Option<&'a str>,
}

impl<'a> ProfileChoice<'a> {
    pub(crate) fn new(invocation: &'a Invocation) -> Self {
        Self {
            config: invocation.config(),
            file: Path::new(invocation.given("config").unwrap_or_default()),
            name: invocation.given("profile"),
        }
    }

    /// The profile of the config, or of `built_in` if none is given. The notices about the choice are logged.
    pub(crate) fn profile(
        &self,
        built_in: Config,
        log: Log,
        terminal: &mut Terminal<'_>,
    ) -> Result<Profile, CommandError> {
        let profile = self.config.unwrap_or(&built_in).profile(self.name);
        let profile = profile.map_err(|error| {
            let is_unknown = matches!(error.kind(), ErrorKind::UnknownProfile { .. });
            let error = CommandError::from(error.in_file(self.file));
            if is_unknown { error } else { error.numbered(Some(CONFIG_UNUSABLE)) }
        })?;
        log.warnings(terminal, &profile.notices);
        Ok(profile.value.clone())
    }

    /// The profile, or that of `built_in`, if it can sign.
    pub(crate) fn signing_profile(
        &self,
        built_in: Config,
        log: Log,
        terminal: &mut Terminal<'_>,
    ) -> Result<Profile, CommandError> {
        let profile = self.profile(built_in, log, terminal)?;
        profile.check_usable().map_err(|error| error.in_file(self.file))?;
        Ok(profile)
    }
}

/// How keys, certificates and requests are delivered: `-bare`, `-force` and `-encrypt`.
pub(crate) struct Delivery<'a> {
    /// The beginning of the files' names; `None` if JSON is printed on the standard output.
    pub(crate) base_name: Option<&'a str>,
    /// Whether a private key that exists may be replaced.
    pub(crate) force: bool,
    /// Whether a new key is encrypted with the password in the environment.
    pub(crate) encrypt: bool,
    /// Whether a new key is written as PKCS#8, in place of the form of its kind.
    pub(crate) pkcs8: bool,
}

impl<'a> Delivery<'a> {
    pub(crate) fn new(invocation: &'a Invocation) -> Self {
        Self {
            base_name: invocation.given("bare"),
            force: invocation.switch("force"),
            encrypt: invocation.switch("encrypt"),
            pkcs8: invocation.switch("pkcs8"),
        }
    }

    /// The file that a certificate would be written to; `None` without `-bare`.
    pub(crate) fn certificate_file(&self) -> Option<PathBuf> {
        self.base_name.map(|name| format!("{name}.pem").into())
    }

    /// Fails if the result would be printed, and the standard output is closed.
    pub(crate) fn check_output(&self, terminal: &Terminal<'_>) -> Result<(), CommandError> {
        match self.base_name {
            Some(_) => Ok(()),
            None => print::refuse_closed_output(terminal),
        }
    }

    /// Fails if a new key could not be delivered. Making a key takes long, so this is asked first.
    pub(crate) fn check_new_key(&self, terminal: &Terminal<'_>) -> Result<(), CommandError> {
        if self.encrypt {
            key_password_of_environment(terminal)?;
        }
        self.check_output(terminal)?;
        match self.base_name {
            Some(name) if !self.force => files::check_key_is_free(name),
            _ => Ok(()),
        }
    }
}

/// The hosts of `-hostname`, which are separated by commas; `None` if the flag is not given.
pub(crate) fn hosts(invocation: &Invocation) -> Option<Vec<String>> {
    invocation.given("hostname").map(|hosts| hosts.split(',').map(str::to_owned).collect())
}

/// A CSR JSON, and the values of `-cn` and `-hostname` that replace its own.
pub(crate) struct RequestFlags<'a> {
    file: &'a str,
    common_name: Option<&'a str>,
    hosts: Option<Vec<String>>,
    config_notices: &'a [Notice],
    /// Whether a certificate is made, and not only a request, which has no dates.
    has_dates: bool,
}

impl<'a> RequestFlags<'a> {
    /// The CSR JSON that the operand names, without `-cn` and `-hostname`.
    pub(crate) fn of_file(invocation: &'a Invocation) -> Result<Self, CommandError> {
        let config_notices = invocation.config_notices();
        let file = invocation.operand()?;
        Ok(Self { file, common_name: None, hosts: None, config_notices, has_dates: true })
    }

    /// The same for a command that makes a certificate request only.
    pub(crate) fn without_dates(self) -> Self {
        Self { has_dates: false, ..self }
    }

    /// The CSR JSON that the operand names, with `-cn` and `-hostname`.
    pub(crate) fn new(invocation: &'a Invocation) -> Result<Self, CommandError> {
        let request = Self::of_file(invocation)?;
        // With -initca, -hostname has no effect, and this is told.
        let hosts = hosts(invocation).filter(|_| !invocation.switch("initca"));
        Ok(Self { common_name: invocation.given("cn"), hosts, ..request })
    }

    /// Reads the CSR JSON, and logs the notices about the config and about it.
    pub(crate) fn read(self, log: Log, terminal: &mut Terminal<'_>) -> Result<Request, CommandError> {
        let (bytes, file) = (read_or_input(self.file, terminal)?, Some(Path::new(self.file)));
        let text = cfssl::text(&bytes, file)?;
        let request = match self.has_dates {
            true => Request::from_json(text, file)?,
            false => Request::from_json_without_dates(text, file)?,
        };
        log.warnings(terminal, self.config_notices);
        log.warnings(terminal, &request.notices);
        let mut request = request.value;
        if let Some(common_name) = self.common_name {
            common_name.clone_into(&mut request.common_name);
        }
        if let Some(hosts) = self.hosts {
            request.hosts = hosts;
        }
        Ok(request)
    }
}

/// Reads a CSR JSON from a file, or from the standard input for `-`. The notices about the config are logged first.
pub(crate) fn read_request(
    name: &str,
    config_notices: &[Notice],
    log: Log,
    terminal: &mut Terminal<'_>,
) -> Result<Request, CommandError> {
    let request =
        RequestFlags { file: name, common_name: None, hosts: None, config_notices, has_dates: true };
    request.read(log, terminal)
}

/// Refuses a CSR JSON with a `ca` section, which only that of a self-signed CA may have.
pub(crate) fn refuse_ca_section(request: &Request) -> Result<(), CommandError> {
    match request.ca {
        Some(_) => Err(CommandError::new("ca section only permitted in initca")
            .hint("remove `ca` from the CSR JSON, or make a CA with -initca")),
        None => Ok(()),
    }
}
