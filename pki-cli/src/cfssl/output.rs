//! Results: on standard output in Go's JSON, or with `-bare` in files.

use pki_core::x509::{Certificate, CertificateRequest, PrivateKey, SystemRandomness};
use serde::Serialize;
use zeroize::Zeroizing;

use super::command::Call;
use super::input;
use super::json;
use super::log::Log;
use crate::failure::Failure;
use crate::io::Io;

/// The password for the keys that `-encrypt` writes.
const KEY_PASSWORD: &str = "ETCDPKI_KEY_PASSWORD";

/// What gencert, genkey and the like make.
#[derive(Default, Serialize)]
pub(crate) struct Issued {
    #[serde(skip_serializing_if = "Option::is_none")]
    cert: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    csr: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<Zeroizing<String>>,
}

impl Issued {
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

    /// Finds what would keep a new key from being delivered before the time for it is spent.
    pub(crate) fn check_new_key(call: &Call, io: &Io<'_>) -> Result<(), Failure> {
        if call.flags.switch("encrypt") {
            key_password(io)?;
        }
        match call.given("bare") {
            Some(name) if !call.flags.switch("force") => json::check_key_is_free(name),
            _ => Ok(()),
        }
    }

    /// A new key, encrypted if `-encrypt` says so.
    pub(crate) fn key(self, key: &PrivateKey, call: &Call, io: &Io<'_>) -> Result<Self, Failure> {
        if !call.flags.switch("encrypt") {
            return Ok(self.key_text(key.to_pem()));
        }
        let password = key_password(io)?;
        Ok(self.key_text(key.to_encrypted_pem(&password, &SystemRandomness)?))
    }

    pub(crate) fn key_text(mut self, text: Zeroizing<String>) -> Self {
        self.key = Some(text);
        self
    }

    /// To standard output, or with `-bare` into files.
    pub(crate) fn deliver(&self, call: &Call, io: &mut Io<'_>) -> Result<(), Failure> {
        let Some(name) = call.given("bare") else { return print_line(io, self) };
        let text = Zeroizing::new(serde_json::to_string(self).map_err(std::io::Error::from)?);
        let log = Log::new(call.flags.integer("loglevel"));
        for path in json::write_bare(text.as_bytes(), name, call.flags.switch("force"))? {
            log.info(io, format_args!("wrote {}", path.display()));
        }
        Ok(())
    }
}

fn key_password(io: &Io<'_>) -> Result<Zeroizing<String>, Failure> {
    input::secret(KEY_PASSWORD, io).ok_or_else(|| {
        Failure::user("-encrypt needs a password").hint(format!("put it into the variable {KEY_PASSWORD}"))
    })
}

/// Writes `bytes` to standard output.
pub(crate) fn print(io: &mut Io<'_>, bytes: &[u8]) -> Result<(), Failure> {
    io.output.write_all(bytes)?;
    Ok(io.output.flush()?)
}

/// One line of JSON.
pub(crate) fn print_line(io: &mut Io<'_>, value: &impl Serialize) -> Result<(), Failure> {
    let mut text = to_json(value)?;
    text.push('\n');
    print(io, text.as_bytes())
}

/// JSON indented by two spaces.
pub(crate) fn print_indented(io: &mut Io<'_>, value: &impl Serialize) -> Result<(), Failure> {
    let text = Zeroizing::new(serde_json::to_string_pretty(value).map_err(std::io::Error::from)?);
    let mut text = escape(&text);
    text.push('\n');
    print(io, text.as_bytes())
}

/// JSON in one line, without a line end.
pub(crate) fn to_json(value: &impl Serialize) -> Result<Zeroizing<String>, Failure> {
    let text = Zeroizing::new(serde_json::to_string(value).map_err(std::io::Error::from)?);
    Ok(escape(&text))
}

/// Go escapes these in strings so that HTML can hold them; outside of strings JSON has none of them.
fn escape(text: &str) -> Zeroizing<String> {
    let mut escaped = Zeroizing::new(String::with_capacity(text.len() + 64));
    for c in text.chars() {
        match c {
            '<' => escaped.push_str("\\u003c"),
            '>' => escaped.push_str("\\u003e"),
            '&' => escaped.push_str("\\u0026"),
            '\u{2028}' => escaped.push_str("\\u2028"),
            '\u{2029}' => escaped.push_str("\\u2029"),
            other => escaped.push(other),
        }
    }
    escaped
}

/// `version`
pub(crate) fn version(_: &Call, io: &mut Io<'_>) -> Result<(), Failure> {
    print(io, format!("Version: {}\nRuntime: rust\n", env!("CARGO_PKG_VERSION")).as_bytes())
}
