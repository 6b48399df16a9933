//! Groups of flags that several commands have, as structs that say what the flags mean.

use std::fs;
use std::path::{Path, PathBuf};

use pki_core::cfssl::{Config, Notice, Profile, Request};
use pki_core::x509::Issuer;

use super::files;
use super::invocation::Invocation;
use super::log::Log;
use super::read::{certificate, key_password_of_environment, private_key, read_or_input};
use crate::terminal::{CommandError, Terminal};

/// cfssl's number for a CA key's file that cannot be read.
const KEY_UNREADABLE: u32 = 1001;

/// `-ca` and `-ca-key`: the CA that signs.
pub(crate) struct CaFiles<'a> {
    pub(crate) certificate: Option<&'a str>,
    pub(crate) key: Option<&'a str>,
}

impl<'a> CaFiles<'a> {
    pub(crate) fn new(invocation: &'a Invocation) -> Self {
        Self { certificate: invocation.given("ca"), key: invocation.given("ca-key") }
    }

    /// The CA, with its key.
    pub(crate) fn issuer(&self, log: Log, terminal: &mut Terminal<'_>) -> Result<Issuer, CommandError> {
        let needed = |file: Option<&'a str>, flag: &str, what: &str| {
            file.ok_or_else(|| {
                CommandError::new(format!("need a CA {what} (provide one with -{flag})"))
                    .hint("or make a new CA with gencert -initca")
            })
        };
        let certificate_name = needed(self.certificate, "ca", "certificate")?;
        let key_name = needed(self.key, "ca-key", "key")?;
        let certificate = certificate(certificate_name, terminal)?;
        let key = private_key(key_name, log, terminal).map_err(|error| error.code(KEY_UNREADABLE))?;
        Ok(Issuer::new(certificate, key).map_err(|error| error.in_file(Path::new(certificate_name)))?)
    }

    /// The certificate of `-ca` is never replaced by one that the CA issues.
    pub(crate) fn refuse_to_replace(
        &self,
        targets: impl IntoIterator<Item = PathBuf>,
    ) -> Result<(), CommandError> {
        let Some(name) = self.certificate else { return Ok(()) };
        let name = Path::new(name.strip_prefix("file:").unwrap_or(name));
        let Ok(ca) = fs::canonicalize(name) else { return Ok(()) };
        // By their names first, for there may be thousands. A link to the certificate counts as the certificate.
        let names = [name.file_name(), ca.file_name()];
        let is_ca = |target: &PathBuf| {
            names.contains(&target.file_name()) && fs::canonicalize(target).is_ok_and(|path| path == ca)
        };
        match targets.into_iter().find(is_ca) {
            Some(target) => {
                let message = format!(
                    "{} is the CA's certificate, and would be replaced by one that it issues",
                    target.display()
                );
                Err(CommandError::new(message).hint("choose another name, or another folder"))
            }
            None => Ok(()),
        }
    }
}

/// Signing elsewhere, and noting what was signed in a database, are not done here.
pub(crate) fn refuse_remote(invocation: &Invocation) -> Result<(), CommandError> {
    if invocation.given("remote").is_some() {
        return Err(CommandError::new("-remote is not provided: etcdpki signs with local keys")
            .hint("give -ca and -ca-key"));
    }
    if invocation.given("db-config").is_some() {
        return Err(CommandError::new("-db-config is not provided: there is no certificate database")
            .hint("leave it out, and keep the certificates: gencrl takes their serial numbers"));
    }
    Ok(())
}

/// `-config` and `-profile`: the profile to sign under.
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

    /// The profile, or `built_in` without a config.
    pub(crate) fn profile<'b>(&self, built_in: &'b Profile) -> Result<&'b Profile, CommandError>
    where
        'a: 'b,
    {
        match (self.config, self.name) {
            (Some(config), name) => Ok(config.profile(name).map_err(|error| error.in_file(self.file))?),
            (None, None) => Ok(built_in),
            (None, Some(name)) => {
                Err(CommandError::new(format!("-profile {name} needs -config, the file that holds it"))
                    .hint("add -config=ca-config.json"))
            }
        }
    }

    /// The profile, checked to be of use for signing.
    pub(crate) fn signing_profile(&self) -> Result<Profile, CommandError> {
        let built_in = Config::default();
        let profile = self.profile(built_in.profile(None)?)?;
        profile.check_usable().map_err(|error| error.in_file(self.file))?;
        Ok(profile.clone())
    }
}

/// `-bare`, `-force` and `-encrypt`: how what is made is handed over.
pub(crate) struct Delivery<'a> {
    /// The beginning of the files' names; `None` if JSON goes to the standard output.
    pub(crate) base_name: Option<&'a str>,
    /// Whether a private key that is there may be replaced.
    pub(crate) force: bool,
    /// Whether a new key is encrypted.
    pub(crate) encrypt: bool,
}

impl<'a> Delivery<'a> {
    pub(crate) fn new(invocation: &'a Invocation) -> Self {
        Self {
            base_name: invocation.given("bare"),
            force: invocation.switch("force"),
            encrypt: invocation.switch("encrypt"),
        }
    }

    /// The file that a certificate would be written to.
    pub(crate) fn certificate_file(&self) -> Option<PathBuf> {
        self.base_name.map(|name| format!("{name}.pem").into())
    }

    /// Finds what would keep a new key from being delivered before the time for it is spent.
    pub(crate) fn check_new_key(&self, terminal: &Terminal<'_>) -> Result<(), CommandError> {
        if self.encrypt {
            key_password_of_environment(terminal)?;
        }
        match self.base_name {
            Some(name) if !self.force => files::check_key_is_free(name),
            _ => Ok(()),
        }
    }
}

/// The hosts of `-hostname`.
pub(crate) fn hosts(invocation: &Invocation) -> Option<Vec<String>> {
    invocation.given("hostname").map(|hosts| hosts.split(',').map(str::to_owned).collect())
}

/// A CSR JSON, and what `-cn` and `-hostname` say instead of it.
pub(crate) struct RequestFlags<'a> {
    file: &'a str,
    common_name: Option<&'a str>,
    hosts: Option<Vec<String>>,
    config_notices: &'a [Notice],
}

impl<'a> RequestFlags<'a> {
    /// The request of the single operand, as it is in the file.
    pub(crate) fn of_file(invocation: &'a Invocation) -> Result<Self, CommandError> {
        let config_notices = invocation.config_notices();
        Ok(Self { file: invocation.operand()?, common_name: None, hosts: None, config_notices })
    }

    /// The request of the single operand, with `-cn` and `-hostname`.
    pub(crate) fn new(invocation: &'a Invocation) -> Result<Self, CommandError> {
        let request = Self::of_file(invocation)?;
        // As in cfssl: with -initca, -hostname means nothing.
        let hosts = hosts(invocation).filter(|_| !invocation.switch("initca"));
        Ok(Self { common_name: invocation.given("cn"), hosts, ..request })
    }

    /// Reads the request, and tells what its reader and that of the config noticed.
    pub(crate) fn read(self, log: Log, terminal: &mut Terminal<'_>) -> Result<Request, CommandError> {
        let mut request = read_request(self.file, self.config_notices, log, terminal)?;
        if let Some(common_name) = self.common_name {
            common_name.clone_into(&mut request.common_name);
        }
        if let Some(hosts) = self.hosts {
            request.hosts = hosts;
        }
        Ok(request)
    }
}

/// The request in a file or on standard input. The notices of the config are told before its own.
pub(crate) fn read_request(
    name: &str,
    config_notices: &[Notice],
    log: Log,
    terminal: &mut Terminal<'_>,
) -> Result<Request, CommandError> {
    let bytes = read_or_input(name, terminal)?;
    let request = Request::from_json(&String::from_utf8_lossy(&bytes), Some(Path::new(name)))?;
    log.warnings(terminal, config_notices);
    log.warnings(terminal, &request.notices);
    Ok(request.value)
}

/// A request for anything but a CA's own certificate has no `ca` section.
pub(crate) fn refuse_ca_section(request: &Request) -> Result<(), CommandError> {
    match request.ca {
        Some(_) => Err(CommandError::new("ca section only permitted in initca")
            .hint("remove \"ca\" from the CSR JSON, or give -initca")),
        None => Ok(()),
    }
}
