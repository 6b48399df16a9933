//! Object identifiers, most of them of RFC 5280, 5480, 8017 and 8410, and Go's names of signature algorithms.

use der::asn1::ObjectIdentifier;

macro_rules! oids {
    ($($(#[$doc:meta])* $name:ident = $text:literal;)*) => {
        $($(#[$doc])* pub(crate) const $name: ObjectIdentifier = ObjectIdentifier::new_unwrap($text);)*
    };
}

oids! {
    RSA_ENCRYPTION = "1.2.840.113549.1.1.1";
    EC_PUBLIC_KEY = "1.2.840.10045.2.1";
    SECP224R1 = "1.3.132.0.33";
    SECP256R1 = "1.2.840.10045.3.1.7";
    SECP384R1 = "1.3.132.0.34";
    SECP521R1 = "1.3.132.0.35";
    ED25519 = "1.3.101.112";

    MD5_WITH_RSA = "1.2.840.113549.1.1.4";
    SHA1_WITH_RSA = "1.2.840.113549.1.1.5";
    SHA256_WITH_RSA = "1.2.840.113549.1.1.11";
    SHA384_WITH_RSA = "1.2.840.113549.1.1.12";
    SHA512_WITH_RSA = "1.2.840.113549.1.1.13";
    RSASSA_PSS = "1.2.840.113549.1.1.10";
    DSA_WITH_SHA1 = "1.2.840.10040.4.3";
    DSA_WITH_SHA256 = "2.16.840.1.101.3.4.3.2";
    ECDSA_WITH_SHA1 = "1.2.840.10045.4.1";
    ECDSA_WITH_SHA256 = "1.2.840.10045.4.3.2";
    ECDSA_WITH_SHA384 = "1.2.840.10045.4.3.3";
    ECDSA_WITH_SHA512 = "1.2.840.10045.4.3.4";

    SHA256 = "2.16.840.1.101.3.4.2.1";
    SHA384 = "2.16.840.1.101.3.4.2.2";
    SHA512 = "2.16.840.1.101.3.4.2.3";

    COMMON_NAME = "2.5.4.3";
    SERIAL_NUMBER = "2.5.4.5";
    COUNTRY_NAME = "2.5.4.6";
    LOCALITY_NAME = "2.5.4.7";
    STATE_OR_PROVINCE_NAME = "2.5.4.8";
    STREET_ADDRESS = "2.5.4.9";
    ORGANIZATION_NAME = "2.5.4.10";
    ORGANIZATIONAL_UNIT_NAME = "2.5.4.11";
    POSTAL_CODE = "2.5.4.17";
    TITLE = "2.5.4.12";
    ORGANIZATION_IDENTIFIER = "2.5.4.97";
    DOMAIN_COMPONENT = "0.9.2342.19200300.100.1.25";
    USER_ID = "0.9.2342.19200300.100.1.1";
    EMAIL_ADDRESS = "1.2.840.113549.1.9.1";

    SUBJECT_KEY_IDENTIFIER = "2.5.29.14";
    KEY_USAGE = "2.5.29.15";
    SUBJECT_ALT_NAME = "2.5.29.17";
    BASIC_CONSTRAINTS = "2.5.29.19";
    CRL_NUMBER = "2.5.29.20";
    REASON_CODE = "2.5.29.21";
    CRL_DISTRIBUTION_POINTS = "2.5.29.31";
    CERTIFICATE_POLICIES = "2.5.29.32";
    NAME_CONSTRAINTS = "2.5.29.30";
    POLICY_MAPPINGS = "2.5.29.33";
    AUTHORITY_KEY_IDENTIFIER = "2.5.29.35";
    POLICY_CONSTRAINTS = "2.5.29.36";
    EXTENDED_KEY_USAGE = "2.5.29.37";
    INHIBIT_ANY_POLICY = "2.5.29.54";
    AUTHORITY_INFO_ACCESS = "1.3.6.1.5.5.7.1.1";
    OCSP_NO_CHECK = "1.3.6.1.5.5.7.48.1.5";
    /// id-pe-delegationUsage (RFC 9345 section 4.2), which cfssl writes if `delegation_enabled` is true.
    DELEGATION_USAGE = "1.3.6.1.4.1.44363.44";

    ACCESS_OCSP = "1.3.6.1.5.5.7.48.1";
    ACCESS_CA_ISSUERS = "1.3.6.1.5.5.7.48.2";
    QUALIFIER_CPS = "1.3.6.1.5.5.7.2.1";
    QUALIFIER_USER_NOTICE = "1.3.6.1.5.5.7.2.2";
    EXTENSION_REQUEST = "1.2.840.113549.1.9.14";

    ANY_EXTENDED_KEY_USAGE = "2.5.29.37.0";
    SERVER_AUTH = "1.3.6.1.5.5.7.3.1";
    CLIENT_AUTH = "1.3.6.1.5.5.7.3.2";
    CODE_SIGNING = "1.3.6.1.5.5.7.3.3";
    EMAIL_PROTECTION = "1.3.6.1.5.5.7.3.4";
    IPSEC_END_SYSTEM = "1.3.6.1.5.5.7.3.5";
    IPSEC_TUNNEL = "1.3.6.1.5.5.7.3.6";
    IPSEC_USER = "1.3.6.1.5.5.7.3.7";
    TIME_STAMPING = "1.3.6.1.5.5.7.3.8";
    OCSP_SIGNING = "1.3.6.1.5.5.7.3.9";
    MICROSOFT_SGC = "1.3.6.1.4.1.311.10.3.3";
    NETSCAPE_SGC = "2.16.840.1.113730.4.1";
}

/// The name of a signature algorithm as Go and cfssl print it, or `Unknown Signature`, and Go's number for it
/// (`crypto/x509`, `SignatureAlgorithm`).
fn signature(algorithm: ObjectIdentifier) -> (&'static str, u8) {
    match algorithm {
        MD5_WITH_RSA => ("MD5WithRSA", 2),
        SHA1_WITH_RSA => ("SHA1WithRSA", 3),
        SHA256_WITH_RSA => ("SHA256WithRSA", 4),
        SHA384_WITH_RSA => ("SHA384WithRSA", 5),
        SHA512_WITH_RSA => ("SHA512WithRSA", 6),
        DSA_WITH_SHA1 => ("DSAWithSHA1", 7),
        DSA_WITH_SHA256 => ("DSAWithSHA256", 8),
        ECDSA_WITH_SHA1 => ("ECDSAWithSHA1", 9),
        ECDSA_WITH_SHA256 => ("ECDSAWithSHA256", 10),
        ECDSA_WITH_SHA384 => ("ECDSAWithSHA384", 11),
        ECDSA_WITH_SHA512 => ("ECDSAWithSHA512", 12),
        ED25519 => ("Ed25519", 16),
        _ => ("Unknown Signature", 0),
    }
}

/// The name of a signature algorithm as Go prints it, as in `ECDSAWithSHA256`; `Unknown Signature` for others.
pub(crate) fn signature_name(algorithm: ObjectIdentifier) -> &'static str {
    signature(algorithm).0
}

/// Go's number for a signature algorithm; 0 for others.
pub(crate) fn signature_number(algorithm: ObjectIdentifier) -> u8 {
    signature(algorithm).1
}
