//! The result of gencert, genkey and other commands: cfssl's JSON on the standard output, or files with `-bare`.

use pki_core::x509::{Certificate, CertificateRequest, PrivateKey, SystemRandomness};
use serde::Serialize;
use zeroize::Zeroizing;

use super::files::{self, Artifact};
use super::log::Log;
use super::options::Delivery;
use super::read::key_password_of_environment;
use crate::terminal::{CommandError, Terminal, print};

/// What a command made, under cfssl's names.
#[derive(Default, Serialize)]
pub(crate) struct Output {
    #[serde(skip_serializing_if = "Option::is_none")]
    cert: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    csr: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<Zeroizing<String>>,
}

impl Output {
    pub(crate) fn certificate(mut self, certificate: &Certificate) -> Self {
        self.cert = Some(certificate.to_pem());
        self
    }

    pub(crate) fn request(self, request: &CertificateRequest) -> Self {
        self.request_text(request.to_pem())
    }

    pub(crate) fn request_text(mut self, text: String) -> Self {
        self.csr = Some(text);
        self
    }

    /// Adds a new key, encrypted if `-encrypt` is given.
    pub(crate) fn key(
        self,
        key: &PrivateKey,
        delivery: &Delivery<'_>,
        terminal: &Terminal<'_>,
    ) -> Result<Self, CommandError> {
        if !delivery.encrypt {
            return Ok(self.key_text(if delivery.pkcs8 { key.to_pkcs8_pem()? } else { key.to_pem() }));
        }
        let password = key_password_of_environment(terminal)?;
        Ok(self.key_text(key.to_encrypted_pem(&password, &SystemRandomness)?))
    }

    pub(crate) fn key_text(mut self, text: Zeroizing<String>) -> Self {
        self.key = Some(text);
        self
    }

    /// Prints the JSON, or writes the files if `-bare` is given.
    pub(crate) fn deliver(
        &self,
        delivery: &Delivery<'_>,
        log: Log,
        terminal: &mut Terminal<'_>,
    ) -> Result<(), CommandError> {
        delivery.check_output(terminal)?;
        let Some(name) = delivery.base_name else { return print::go_json_line(terminal, self) };
        for path in files::write(&self.artifacts(), name, delivery.force)? {
            log.info(terminal, format_args!("wrote {}", path.display()));
        }
        Ok(())
    }

    /// The files, in the order in which cfssljson writes them.
    fn artifacts(&self) -> Vec<Artifact> {
        let bytes = |text: &str| Zeroizing::new(text.as_bytes().to_vec());
        let certificate = self.cert.as_deref().map(|text| Artifact::public(".pem", bytes(text)));
        let key = self.key.as_ref().map(|text| Artifact::secret("-key.pem", bytes(text)));
        let request = self.csr.as_deref().map(|text| Artifact::public(".csr", bytes(text)));
        [certificate, key, request].into_iter().flatten().collect()
    }
}

/// Logs that a certificate was signed, in cfssl's words.
pub(crate) fn tell_signed(certificate: &Certificate, log: Log, terminal: &mut Terminal<'_>) {
    let serial = certificate.serial_decimal();
    log.info(terminal, format_args!("signed certificate with serial number {serial}"));
}
