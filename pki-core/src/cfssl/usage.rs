//! cfssl's names for the usages of keyUsage and extKeyUsage (`config/config.go`).

use der::asn1::ObjectIdentifier;

use crate::x509::der::object_identifier;
use crate::x509::oid;
use crate::x509::usage::KeyUsage;

/// The meaning of a usage name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Usage {
    Key(KeyUsage),
    Extended(ObjectIdentifier),
}

const USAGES: [(&str, Usage); 23] = [
    ("signing", Usage::Key(KeyUsage::DIGITAL_SIGNATURE)),
    ("digital signature", Usage::Key(KeyUsage::DIGITAL_SIGNATURE)),
    ("content commitment", Usage::Key(KeyUsage::CONTENT_COMMITMENT)),
    ("key encipherment", Usage::Key(KeyUsage::KEY_ENCIPHERMENT)),
    ("data encipherment", Usage::Key(KeyUsage::DATA_ENCIPHERMENT)),
    ("key agreement", Usage::Key(KeyUsage::KEY_AGREEMENT)),
    ("cert sign", Usage::Key(KeyUsage::KEY_CERT_SIGN)),
    ("crl sign", Usage::Key(KeyUsage::CRL_SIGN)),
    ("encipher only", Usage::Key(KeyUsage::ENCIPHER_ONLY)),
    ("decipher only", Usage::Key(KeyUsage::DECIPHER_ONLY)),
    ("any", Usage::Extended(oid::ANY_EXTENDED_KEY_USAGE)),
    ("server auth", Usage::Extended(oid::SERVER_AUTH)),
    ("client auth", Usage::Extended(oid::CLIENT_AUTH)),
    ("code signing", Usage::Extended(oid::CODE_SIGNING)),
    ("email protection", Usage::Extended(oid::EMAIL_PROTECTION)),
    ("s/mime", Usage::Extended(oid::EMAIL_PROTECTION)),
    ("ipsec end system", Usage::Extended(oid::IPSEC_END_SYSTEM)),
    ("ipsec tunnel", Usage::Extended(oid::IPSEC_TUNNEL)),
    ("ipsec user", Usage::Extended(oid::IPSEC_USER)),
    ("timestamping", Usage::Extended(oid::TIME_STAMPING)),
    ("ocsp signing", Usage::Extended(oid::OCSP_SIGNING)),
    ("microsoft sgc", Usage::Extended(oid::MICROSOFT_SGC)),
    ("netscape sgc", Usage::Extended(oid::NETSCAPE_SGC)),
];

/// The meaning of `name`: one of cfssl's names, or, which cfssl does not know, the identifier of a usage of extKeyUsage
/// as numbers with dots between them.
pub(crate) fn find(name: &str) -> Option<Usage> {
    let known = USAGES.iter().find(|(known, _)| *known == name).map(|(_, usage)| *usage);
    known.or_else(|| object_identifier(name).ok().map(Usage::Extended))
}

/// cfssl's name of a usage of extKeyUsage, if there is one.
pub(crate) fn extended_name(oid: ObjectIdentifier) -> Option<&'static str> {
    USAGES.iter().find(|(_, usage)| *usage == Usage::Extended(oid)).map(|(name, _)| *name)
}

/// cfssl's names of the usages of keyUsage. For digitalSignature it is "digital signature", and not the synonym
/// "signing".
pub(crate) fn key_usage_names(usages: KeyUsage) -> impl Iterator<Item = &'static str> {
    USAGES.iter().filter(|(name, _)| *name != "signing").filter_map(move |(name, usage)| match usage {
        Usage::Key(bit) if usages.contains(*bit) => Some(*name),
        _ => None,
    })
}

/// All names of usages that cfssl knows.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    USAGES.iter().map(|(name, _)| *name)
}
