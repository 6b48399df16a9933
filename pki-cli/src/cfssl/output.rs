//! Results on standard output, in Go's JSON.

use pki_core::{Certificate, CertificateRequest, PrivateKey};
use serde::Serialize;
use zeroize::Zeroizing;

use super::command::Call;
use crate::failure::Failure;
use crate::io::Io;

/// What gencert, genkey and the like print.
#[derive(Serialize)]
pub(crate) struct Issued {
    #[serde(skip_serializing_if = "Option::is_none")]
    cert: Option<String>,
    csr: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<Zeroizing<String>>,
}

impl Issued {
    pub(crate) fn new(
        certificate: Option<&Certificate>,
        request: &CertificateRequest,
        key: Option<&PrivateKey>,
    ) -> Self {
        Self {
            cert: certificate.map(Certificate::to_pem),
            csr: request.to_pem(),
            key: key.map(PrivateKey::to_pem),
        }
    }
}

/// Writes `bytes` to standard output.
pub(crate) fn print(io: &mut Io<'_>, bytes: &[u8]) -> Result<(), Failure> {
    io.output.write_all(bytes)?;
    Ok(io.output.flush()?)
}

/// One line of JSON.
pub(crate) fn print_line(io: &mut Io<'_>, value: &impl Serialize) -> Result<(), Failure> {
    let text = Zeroizing::new(serde_json::to_string(value).map_err(std::io::Error::from)?);
    print_json(io, &text)
}

/// JSON indented by two spaces.
pub(crate) fn print_indented(io: &mut Io<'_>, value: &impl Serialize) -> Result<(), Failure> {
    let text = Zeroizing::new(serde_json::to_string_pretty(value).map_err(std::io::Error::from)?);
    print_json(io, &text)
}

/// Go escapes these in strings so that HTML can hold them; outside of strings JSON has none of them.
fn print_json(io: &mut Io<'_>, text: &str) -> Result<(), Failure> {
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
    escaped.push('\n');
    print(io, escaped.as_bytes())
}

/// `version`
pub(crate) fn version(_: &Call, io: &mut Io<'_>) -> Result<(), Failure> {
    print(io, format!("Version: {}\nRuntime: rust\n", env!("CARGO_PKG_VERSION")).as_bytes())
}
