//! The keyUsage extension (RFC 5280 section 4.2.1.3).

/// The bits of the keyUsage extension. Bit 0 of the BIT STRING is the most significant bit here.
///
/// ```
/// use pki_core::x509::KeyUsage;
///
/// let usage = KeyUsage::KEY_CERT_SIGN.and(KeyUsage::CRL_SIGN);
/// assert!(usage.contains(KeyUsage::CRL_SIGN));
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct KeyUsage(u16);

impl KeyUsage {
    /// `digitalSignature`: signatures other than those on certificates and revocation lists, as in TLS handshakes.
    pub const DIGITAL_SIGNATURE: Self = Self(1 << 15);
    /// `contentCommitment`, formerly `nonRepudiation`.
    pub const CONTENT_COMMITMENT: Self = Self(1 << 14);
    /// `keyEncipherment`: transport of keys with RSA, as in TLS 1.2 without ECDHE.
    pub const KEY_ENCIPHERMENT: Self = Self(1 << 13);
    /// `dataEncipherment`
    pub const DATA_ENCIPHERMENT: Self = Self(1 << 12);
    /// `keyAgreement`
    pub const KEY_AGREEMENT: Self = Self(1 << 11);
    /// `keyCertSign`: signatures on certificates.
    pub const KEY_CERT_SIGN: Self = Self(1 << 10);
    /// `cRLSign`: signatures on revocation lists.
    pub const CRL_SIGN: Self = Self(1 << 9);
    /// `encipherOnly`
    pub const ENCIPHER_ONLY: Self = Self(1 << 8);
    /// `decipherOnly`
    pub const DECIPHER_ONLY: Self = Self(1 << 7);

    /// All usages of `self` and `other`.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether it allows every usage of `other`.
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Whether it allows no usage.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The contents of the BIT STRING: the number of unused bits, then the bits without trailing zeros (X.690 section
    /// 11.2.2).
    pub(crate) fn to_bits(self) -> Vec<u8> {
        let [first, second] = self.0.to_be_bytes();
        let (unused, bytes) = if second == 0 {
            (first.trailing_zeros(), vec![first])
        } else {
            (second.trailing_zeros(), vec![first, second])
        };
        let mut bits = vec![u8::try_from(unused.min(7)).unwrap_or_default()];
        bits.extend(bytes);
        bits
    }

    /// Reads the bytes of a BIT STRING.
    pub(crate) fn from_bits(bytes: &[u8]) -> Self {
        let mut bytes = bytes.iter().copied();
        Self(u16::from_be_bytes([bytes.next().unwrap_or_default(), bytes.next().unwrap_or_default()]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_are_trimmed_as_der_wants() {
        assert_eq!(KeyUsage::DIGITAL_SIGNATURE.and(KeyUsage::KEY_ENCIPHERMENT).to_bits(), [5, 0xa0]);
        assert_eq!(KeyUsage::KEY_CERT_SIGN.and(KeyUsage::CRL_SIGN).to_bits(), [1, 0x06]);
        assert_eq!(KeyUsage::DECIPHER_ONLY.to_bits(), [7, 0x00, 0x80]);
        assert_eq!(KeyUsage::from_bits(&[0x00, 0x80]), KeyUsage::DECIPHER_ONLY);
    }
}
