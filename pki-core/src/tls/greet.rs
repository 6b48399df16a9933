//! A handshake with a server that runs, over a connection that the caller has opened: what the server shows, and what it
//! makes of the certificate that it is shown.
//!
//! Nothing is judged here. The certificate is not checked against any CA, so that what is wrong with it can be told.

use std::fmt;
use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, Mutex, PoisonError};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{ClientConnection, ResolvesClientCert, Resumption};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::sign::CertifiedKey;
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, DigitallySignedStruct, Error, SignatureScheme, StreamOwned};

use crate::tls::Version;
use crate::tls::identity::Identity;
use crate::tls::signature;
use crate::tls::signature::SCHEMES;
use crate::x509::certificate::Certificate;

/// What a running server has shown in a handshake.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Greeting {
    /// The certificates that it showed, its own first, in DER. Empty if the handshake ended before that.
    pub chain: Vec<Vec<u8>>,
    /// The names of the CAs whose certificates it accepts, in DER, if it asks for a certificate. It names none if it takes
    /// those of its operating system.
    pub accepted: Option<Vec<Vec<u8>>>,
    /// Whether it has proved that it has the key of its certificate. A kind of key that aws-lc does not have proves nothing.
    pub has_proved_its_key: bool,
    /// The version of TLS.
    pub version: Option<Version>,
}

/// Which certificate is shown to the server if it asks for one.
#[derive(Debug, Clone, Copy)]
pub enum Show<'a> {
    /// No certificate.
    Nothing,
    /// This certificate, as etcd and its clients do it.
    Always(&'a Identity),
    /// This certificate if the server names its CA.
    IfNamed(&'a Identity),
}

/// Why there is no session.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NoSession {
    /// The server ended the handshake with an alert (RFC 8446 section 6.2).
    #[error("the server refuses with the TLS alert {alert}")]
    Alert {
        /// The alert, as in `unknown certificate authority`.
        alert: String,
    },
    /// What came is not TLS.
    #[error("what answers does not speak TLS")]
    NotTls,
    /// The handshake failed in another way.
    #[error("the TLS handshake failed: {message}")]
    Failed {
        /// The message of the TLS library.
        message: String,
    },
    /// The connection failed.
    #[error("{0}")]
    Io(#[from] io::Error),
}

/// A connection with TLS over a stream. Reading tells an alert of the server as an error of the kind `InvalidData`.
#[derive(Debug)]
pub struct Session<S: Read + Write>(StreamOwned<ClientConnection, S>);

impl<S: Read + Write> Read for Session<S> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}

impl<S: Read + Write> Write for Session<S> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

impl<S: Read + Write> Session<S> {
    /// The alert that the server has sent before it hung up, where writing has failed already. It is read to the end of
    /// what the stream has.
    pub fn last_alert(&mut self) -> Option<String> {
        last_alert(&mut self.0.conn, &mut self.0.sock)
    }
}

/// The alert of the server in an error of reading or writing; `None` if the error has another reason.
pub fn alert_in(error: &io::Error) -> Option<String> {
    match error.get_ref()?.downcast_ref::<Error>()? {
        Error::AlertReceived(alert) => Some(alert_name(*alert)),
        _ => None,
    }
}

/// Makes a handshake over `stream` with the server `host`, and returns what the server showed, also if it fails. With the
/// version `None` the server chooses.
///
/// In TLS 1.2 the handshake tells whether the server accepts the certificate that it is shown. In TLS 1.3 it has ended
/// before the server says so (RFC 8446 section 4.4.2.4), and the next read tells: [`alert_in`].
pub fn greet<S: Read + Write>(
    stream: S,
    host: &str,
    show: Show<'_>,
    version: Option<Version>,
) -> (Greeting, Result<Session<S>, NoSession>) {
    let seen = Arc::new(Mutex::new(Greeting::default()));
    let session = handshake(stream, host, show, version, &seen);
    let greeting = seen.lock().unwrap_or_else(PoisonError::into_inner).clone();
    (greeting, session)
}

fn handshake<S: Read + Write>(
    mut stream: S,
    host: &str,
    show: Show<'_>,
    version: Option<Version>,
    seen: &Arc<Mutex<Greeting>>,
) -> Result<Session<S>, NoSession> {
    let name = ServerName::try_from(host.to_owned());
    // rustls only sends this name, and nothing is compared with it.
    let name = name.unwrap_or_else(|_| ServerName::from(IpAddr::from(Ipv4Addr::LOCALHOST)));
    let mut connection = config(show, version, seen)
        .and_then(|config| ClientConnection::new(Arc::new(config), name))
        .map_err(|error| NoSession::of(&error))?;
    while connection.is_handshaking() {
        let Err(error) = connection.complete_io(&mut stream) else { continue };
        return Err(match error.get_ref().and_then(|inner| inner.downcast_ref::<Error>()) {
            Some(inner) => NoSession::of(inner),
            // The server may have hung up while more was written to it, and what it said is still there.
            None => match last_alert(&mut connection, &mut stream) {
                Some(alert) => NoSession::Alert { alert },
                None => NoSession::Io(error),
            },
        });
    }
    seen.lock().unwrap_or_else(PoisonError::into_inner).version =
        connection.protocol_version().map(|version| match version {
            rustls::ProtocolVersion::TLSv1_3 => Version::Tls13,
            _ => Version::Tls12,
        });
    Ok(Session(StreamOwned::new(connection, stream)))
}

fn last_alert(connection: &mut ClientConnection, stream: &mut impl Read) -> Option<String> {
    loop {
        match connection.read_tls(stream) {
            Ok(0) | Err(_) => return None,
            Ok(_) => match connection.process_new_packets() {
                Err(Error::AlertReceived(alert)) => return Some(alert_name(alert)),
                Err(_) => return None,
                Ok(_) => {}
            },
        }
    }
}

fn config(
    show: Show<'_>,
    version: Option<Version>,
    seen: &Arc<Mutex<Greeting>>,
) -> Result<ClientConfig, Error> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let versions: &[_] = match version {
        None => &[&TLS13, &TLS12],
        Some(Version::Tls12) => &[&TLS12],
        Some(Version::Tls13) => &[&TLS13],
    };
    let builder = ClientConfig::builder_with_provider(provider).with_protocol_versions(versions)?;
    let (own, only_if_named) = match show {
        Show::Nothing => (None, false),
        Show::Always(own) => (Some(own), false),
        Show::IfNamed(own) => (Some(own), true),
    };
    let resolver = Resolver {
        seen: Arc::clone(seen),
        own: own.map(Identity::certified_key),
        needed: own.filter(|_| only_if_named).map(Identity::issuer_der),
    };
    let mut config = builder
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Watcher { seen: Arc::clone(seen) }))
        .with_client_cert_resolver(Arc::new(resolver));
    config.resumption = Resumption::disabled();
    // etcd serves HTTP/1.1 and HTTP/2 on its ports, and this is what is spoken here.
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

impl NoSession {
    fn of(error: &Error) -> Self {
        match error {
            Error::AlertReceived(alert) => Self::Alert { alert: alert_name(*alert) },
            Error::InvalidMessage(_) => Self::NotTls,
            other => Self::Failed { message: other.to_string() },
        }
    }
}

/// The name of an alert in words: `UnknownCA` becomes `unknown CA`.
fn alert_name(alert: rustls::AlertDescription) -> String {
    let mut words = String::new();
    let name = format!("{alert:?}");
    let mut before_is_lower = false;
    for c in name.chars() {
        if c.is_uppercase() && before_is_lower {
            words.push(' ');
        }
        before_is_lower = c.is_lowercase();
        words.push(c);
    }
    let mut words: Vec<String> = words.split(' ').map(str::to_owned).collect();
    for word in &mut words {
        if word.chars().skip(1).any(char::is_lowercase) {
            *word = word.to_lowercase();
        }
    }
    words.join(" ")
}

/// Notes what the server asks for, and shows a certificate.
struct Resolver {
    seen: Arc<Mutex<Greeting>>,
    own: Option<Arc<CertifiedKey>>,
    /// The name of the CA that the server must name.
    needed: Option<Vec<u8>>,
}

impl fmt::Debug for Resolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Resolver").finish_non_exhaustive()
    }
}

impl ResolvesClientCert for Resolver {
    fn resolve(&self, named: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.accepted = Some(named.iter().map(|name| name.to_vec()).collect());
        let is_wanted = self.needed.as_ref().is_none_or(|needed| named.contains(&needed.as_slice()));
        self.own.clone().filter(|_| is_wanted)
    }

    fn has_certs(&self) -> bool {
        true
    }
}

/// Notes the certificates of the server, and accepts them all.
#[derive(Debug)]
struct Watcher {
    seen: Arc<Mutex<Greeting>>,
}

impl Watcher {
    fn check_proof(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> HandshakeSignatureValid {
        let key =
            Certificate::from_der(certificate).ok().and_then(|certificate| certificate.public_key().ok());
        let is_proved =
            key.is_some_and(|key| signature::is_signed_by(&key, signed.scheme, message, signed.signature()));
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).has_proved_its_key = is_proved;
        HandshakeSignatureValid::assertion()
    }
}

impl ServerCertVerifier for Watcher {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        rest: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let chain = std::iter::once(leaf).chain(rest).map(|der| der.to_vec()).collect();
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).chain = chain;
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(self.check_proof(message, certificate, signed))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(self.check_proof(message, certificate, signed))
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        SCHEMES.to_vec()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn alerts_have_words() {
        use rustls::AlertDescription as Alert;
        for (alert, words) in [
            (Alert::UnknownCA, "unknown CA"),
            (Alert::BadCertificate, "bad certificate"),
            (Alert::CertificateRequired, "certificate required"),
        ] {
            assert_eq!(alert_name(alert), words);
        }
    }
}
