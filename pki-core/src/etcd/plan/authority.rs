//! The CAs of a cluster: its own, which plans make, and those that exist already.

use std::path::Path;

use time::OffsetDateTime;
use zeroize::Zeroizing;

use crate::etcd::cluster::GivenAuthority;
use crate::etcd::cluster::layout::Role;
use crate::etcd::error::{Error, ErrorKind};
use crate::etcd::folder::tree::Tree;
use crate::x509::certificate::Certificate;
use crate::x509::error::ErrorKind as X509ErrorKind;
use crate::x509::key::PrivateKey;

/// A CA, as far as it is there.
#[derive(Debug)]
pub(crate) struct Authority {
    pub(crate) role: Role,
    pub(crate) source: Source,
}

/// Where a CA comes from.
#[derive(Debug)]
pub(crate) enum Source {
    /// It exists. Without a key it stays offline, and requests are made for it to sign.
    Given(Box<Given>),
    /// It is the cluster's own: a certificate of the plan, by its place there.
    Own(usize),
}

/// A CA that exists.
#[derive(Debug)]
pub(crate) struct Given {
    pub(crate) certificate: Certificate,
    /// The CAs above it, each the issuer of the one before
    pub(crate) above: Vec<Certificate>,
    pub(crate) key: Option<PrivateKey>,
}

impl Authority {
    /// Reads a CA that exists.
    pub(crate) fn given(
        role: Role,
        given: &GivenAuthority,
        tree: &dyn Tree,
        now: OffsetDateTime,
    ) -> Result<Self, Error> {
        let read = |path: &Path| -> Result<Zeroizing<Vec<u8>>, Error> {
            tree.outside(path)?.ok_or_else(|| ErrorKind::MissingFile { path: path.to_owned() }.into())
        };
        let file = &given.certificate;
        let mut certificates =
            Certificate::read_all(&read(file)?).map_err(|error| error.in_file(file))?.into_iter();
        let refuse = |error: Error| Err(error.in_file(file));
        let Some(certificate) = certificates.next() else {
            return refuse(X509ErrorKind::NoCertificate.into());
        };
        let above: Vec<Certificate> = certificates.collect();
        for ca in [&certificate].into_iter().chain(&above) {
            ca.check_ca().map_err(|error| error.in_file(file))?;
            if !ca.is_valid_at(now) {
                let (not_before, not_after) = (ca.not_before(), ca.not_after());
                return refuse(X509ErrorKind::CaNotValid { not_before, not_after }.into());
            }
        }
        let mut below = &certificate;
        for next in &above {
            if let Err(error) = below.verify_issued_by(next) {
                let (subject, reason) = (below.subject(), error.kind());
                return refuse(ErrorKind::CaChain { reason: format!("{subject}: {reason}") }.into());
            }
            below = next;
        }
        let key = match &given.private_key {
            None => None,
            Some(path) => {
                let key = PrivateKey::read(&read(path)?, None).map_err(|error| match error.kind() {
                    X509ErrorKind::KeyEncrypted => Error::from(ErrorKind::CaKeyEncrypted).in_file(path),
                    _ => Error::from(error).in_file(path),
                })?;
                if !certificate.is_for(key.public_key()) {
                    return Err(Error::from(X509ErrorKind::KeyMismatch).in_file(path));
                }
                Some(key)
            }
        };
        Ok(Self { role, source: Source::Given(Box::new(Given { certificate, above, key })) })
    }

    /// When what it signs ends at the latest, if it exists: with the first of the CAs up to the root.
    pub(crate) fn ends(&self) -> Option<OffsetDateTime> {
        match &self.source {
            Source::Own(_) => None,
            Source::Given(given) => {
                [&given.certificate].into_iter().chain(&given.above).map(Certificate::not_after).min()
            }
        }
    }

    /// Its place in the plan, if it is the cluster's own.
    pub(crate) fn place(&self) -> Option<usize> {
        match self.source {
            Source::Own(place) => Some(place),
            Source::Given(_) => None,
        }
    }

    /// Whether its certificates have to be asked for.
    pub(crate) fn is_offline(&self) -> bool {
        matches!(&self.source, Source::Given(given) if given.key.is_none())
    }

    /// What stands behind a leaf in its file, for those who trust only the root: the CAs that are no roots.
    pub(crate) fn chain(&self) -> String {
        match &self.source {
            Source::Own(_) => String::new(),
            Source::Given(given) => {
                let chain = [&given.certificate].into_iter().chain(&given.above);
                chain.filter(|ca| ca.issuer() != ca.subject()).map(Certificate::to_pem).collect()
            }
        }
    }
}
