//! A handshake between a client and a server of rustls without a socket. [`PeerVerifier`] decides about certificates.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{ClientConnection, ResolvesClientCert, Resumption};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{ClientHello, ResolvesServerCert, ServerConnection};
use rustls::sign::CertifiedKey;
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, DistinguishedName, Error, OtherError,
    ServerConfig, SignatureScheme, SupportedProtocolVersion,
};

use crate::tls::peer::PeerVerifier;
use crate::tls::refusal::{Reason, Refusal, Side};
use crate::tls::signature;
use crate::tls::signature::SCHEMES;

/// The client's side of a connection.
pub(super) struct ClientHalf {
    pub(super) certificate: Option<Arc<CertifiedKey>>,
    pub(super) host: String,
    /// The check of the server's certificate.
    pub(super) verifier: PeerVerifier,
}

/// The server's side of a connection.
pub(super) struct ServerHalf {
    pub(super) certificate: Arc<CertifiedKey>,
    /// The check of client certificates. `None` if the server does not ask for them.
    pub(super) verifier: Option<PeerVerifier>,
}

/// Makes a handshake: lets the two sides exchange messages until both have finished.
pub(super) fn shake_hands(
    client: ClientHalf,
    server: ServerHalf,
    version: &'static SupportedProtocolVersion,
) -> Result<(), Refusal> {
    let failed = |by| move |error: Error| Refusal { by, reason: reason_of(&error) };
    let name = ServerName::try_from(client.host.clone());
    // rustls only sends this name. The verifier has the host that is to be checked.
    let name = name.unwrap_or_else(|_| ServerName::from(IpAddr::from(Ipv4Addr::LOCALHOST)));
    let client = client_config(client, version).and_then(|config| ClientConnection::new(config.into(), name));
    let server = server_config(server, version).and_then(|config| ServerConnection::new(config.into()));
    let (mut client, mut server) =
        (client.map_err(failed(Side::Client))?, server.map_err(failed(Side::Server))?);
    while client.is_handshaking() || server.is_handshaking() || client.wants_write() || server.wants_write() {
        let sent = transfer(&mut client, &mut server).map_err(refusal(Side::Server))?;
        let answered = transfer(&mut server, &mut client).map_err(refusal(Side::Client))?;
        if sent + answered == 0 {
            let message = "the handshake stopped before its end".to_owned();
            return Err(Refusal { by: Side::Server, reason: Reason::Tls { message } });
        }
    }
    Ok(())
}

fn client_config(
    half: ClientHalf,
    version: &'static SupportedProtocolVersion,
) -> Result<ClientConfig, Error> {
    let builder = ClientConfig::builder_with_provider(provider()).with_protocol_versions(&[version])?;
    let builder = builder.dangerous().with_custom_certificate_verifier(Arc::new(half.verifier));
    let mut config = match half.certificate {
        Some(key) => builder.with_client_cert_resolver(Arc::new(Always(key))),
        None => builder.with_no_client_auth(),
    };
    config.resumption = Resumption::disabled();
    Ok(config)
}

fn server_config(
    half: ServerHalf,
    version: &'static SupportedProtocolVersion,
) -> Result<ServerConfig, Error> {
    let builder = ServerConfig::builder_with_provider(provider()).with_protocol_versions(&[version])?;
    let builder = match half.verifier {
        Some(verifier) => builder.with_client_cert_verifier(Arc::new(verifier)),
        None => builder.with_no_client_auth(),
    };
    let mut config = builder.with_cert_resolver(Arc::new(Always(half.certificate)));
    config.send_tls13_tickets = 0;
    Ok(config)
}

fn provider() -> Arc<rustls::crypto::CryptoProvider> {
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}

/// Hands all pending messages of one side to the other, and returns the number of bytes.
fn transfer<A, B>(
    from: &mut rustls::ConnectionCommon<A>,
    to: &mut rustls::ConnectionCommon<B>,
) -> Result<usize, Error> {
    let failed = |error: std::io::Error| Error::General(error.to_string());
    let mut wire = Vec::new();
    while from.wants_write() {
        from.write_tls(&mut wire).map_err(failed)?;
    }
    let mut unread = wire.as_slice();
    while !unread.is_empty() {
        to.read_tls(&mut unread).map_err(failed)?;
        to.process_new_packets()?;
    }
    Ok(wire.len())
}

fn refusal(by: Side) -> impl Fn(Error) -> Refusal {
    move |error| {
        match &error {
            Error::InvalidCertificate(CertificateError::Other(OtherError(other))) => {
                other.downcast_ref::<Refusal>().cloned()
            }
            _ => None,
        }
        .unwrap_or_else(|| Refusal { by, reason: reason_of(&error) })
    }
}

fn reason_of(error: &Error) -> Reason {
    match error {
        Error::NoCertificatesPresented => Reason::NoCertificate,
        other => Reason::Tls { message: other.to_string() },
    }
}

/// Shows one certificate without regard to what the other side asks for, as etcd does.
struct Always(Arc<CertifiedKey>);

impl fmt::Debug for Always {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Always").finish_non_exhaustive()
    }
}

impl ResolvesClientCert for Always {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0))
    }

    fn has_certs(&self) -> bool {
        true
    }
}

impl ResolvesServerCert for Always {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0))
    }
}

impl PeerVerifier {
    fn decide(&self, leaf: &CertificateDer<'_>, rest: &[CertificateDer<'_>]) -> Result<(), Error> {
        let shown: Vec<&[u8]> = std::iter::once(leaf).chain(rest).map(AsRef::as_ref).collect();
        self.verify(&shown).map_err(|refusal| CertificateError::Other(OtherError(Arc::new(refusal))).into())
    }

    fn check_proof(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let key = self.proving_key(certificate).ok_or(CertificateError::BadEncoding)?;
        if signature::is_signed_by(&key, signed.scheme, message, signed.signature()) {
            Ok(HandshakeSignatureValid::assertion())
        } else {
            Err(CertificateError::BadSignature.into())
        }
    }
}

impl ServerCertVerifier for PeerVerifier {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        rest: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        self.decide(leaf, rest).map(|()| ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.check_proof(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.check_proof(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        SCHEMES.to_vec()
    }
}

impl ClientCertVerifier for PeerVerifier {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        leaf: &CertificateDer<'_>,
        rest: &[CertificateDer<'_>],
        _: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        self.decide(leaf, rest).map(|()| ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.check_proof(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.check_proof(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        SCHEMES.to_vec()
    }
}
