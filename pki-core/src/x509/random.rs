//! Sources of random bytes, and serial numbers of certificates that are made of them.

use aws_lc_rs::rand::{SecureRandom, SystemRandom};

use crate::x509::error::{Error, ErrorKind};

/// A source of random bytes for serial numbers, salts and initialisation vectors.
pub trait Random: Sync {
    /// Fills `bytes` with random bytes.
    ///
    /// # Errors
    /// [`ErrorKind::Randomness`] if the source fails.
    fn fill(&self, bytes: &mut [u8]) -> Result<(), Error>;
}

/// Random bytes from aws-lc, whose generator is seeded by the operating system.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemRandomness;

impl Random for SystemRandomness {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), Error> {
        SystemRandom::new().fill(bytes).map_err(|_| ErrorKind::Randomness.into())
    }
}

/// A certificate's serial number: positive, at most 20 bytes (RFC 5280 section 4.1.2.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SerialNumber([u8; 20]);

impl SerialNumber {
    /// Makes a serial number of 159 random bits. So many keep serial numbers unique across all CAs of a cluster, because
    /// etcd looks up revoked certificates by their serial number alone.
    ///
    /// # Errors
    /// [`ErrorKind::Randomness`] if `random` fails.
    pub fn generate(random: &dyn Random) -> Result<Self, Error> {
        let mut bytes = [0; 20];
        while bytes.iter().all(|&byte| byte == 0) {
            random.fill(&mut bytes)?;
            let [first, ..] = &mut bytes;
            *first &= 0x7f;
        }
        Ok(Self(bytes))
    }

    /// Makes a serial number of 63 random bits, as cfssl does for self-signed certificates of servers.
    ///
    /// # Errors
    /// [`ErrorKind::Randomness`] if `random` fails.
    pub(crate) fn generate_short(random: &dyn Random) -> Result<Self, Error> {
        let mut number = 0;
        while number == 0 {
            let mut bytes = [0; 8];
            random.fill(&mut bytes)?;
            number = u64::from_be_bytes(bytes) >> 1;
        }
        let mut bytes = [0; 20];
        let [.., a, b, c, d, e, f, g, h] = &mut bytes;
        for (byte, random) in [a, b, c, d, e, f, g, h].into_iter().zip(number.to_be_bytes()) {
            *byte = random;
        }
        Ok(Self(bytes))
    }

    /// The number in 20 bytes, big-endian.
    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}
