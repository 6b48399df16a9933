//! New keys, one or many.

use std::sync::mpsc;
use std::thread;

use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{self as algorithms, EcdsaKeyPair, Ed25519KeyPair, RsaKeyPair};

use super::private::Signer;
use super::{KeyAlgorithm, PrivateKey};
use crate::error::{Error, ErrorKind};
use crate::parallel;

/// Where new keys come from.
pub trait KeySource: Sync {
    /// A new key.
    ///
    /// # Errors
    /// If the source fails.
    fn generate(&self, algorithm: KeyAlgorithm) -> Result<PrivateKey, Error>;
}

/// Keys from aws-lc, seeded by the operating system.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemKeys;

impl KeySource for SystemKeys {
    fn generate(&self, algorithm: KeyAlgorithm) -> Result<PrivateKey, Error> {
        let failed = |_| ErrorKind::KeyGeneration { algorithm };
        let ecdsa = |curve| EcdsaKeyPair::generate(curve).map(Signer::Ecdsa).map_err(failed);
        let rsa = |size| RsaKeyPair::generate(size).map(Signer::Rsa).map_err(failed);
        PrivateKey::new(match algorithm {
            KeyAlgorithm::EcdsaP256 => ecdsa(&algorithms::ECDSA_P256_SHA256_ASN1_SIGNING)?,
            KeyAlgorithm::EcdsaP384 => ecdsa(&algorithms::ECDSA_P384_SHA384_ASN1_SIGNING)?,
            KeyAlgorithm::EcdsaP521 => ecdsa(&algorithms::ECDSA_P521_SHA512_ASN1_SIGNING)?,
            KeyAlgorithm::Ed25519 => Ed25519KeyPair::generate().map(Signer::Ed25519).map_err(failed)?,
            KeyAlgorithm::Rsa2048 => rsa(KeySize::Rsa2048)?,
            KeyAlgorithm::Rsa3072 => rsa(KeySize::Rsa3072)?,
            KeyAlgorithm::Rsa4096 => rsa(KeySize::Rsa4096)?,
            KeyAlgorithm::Rsa8192 => rsa(KeySize::Rsa8192)?,
        })
    }
}

/// The same keys, each RSA key from whichever core finds its primes first: for a process that waits for one
/// key and then ends.
///
/// The search for primes is a lottery, so the earliest of two tickets comes in sooner. A search cannot be
/// called off: the other cores are busy for a while after the key is there, or until the process ends. Where
/// several keys are needed, [`SystemKeys`] makes better use of the cores.
#[derive(Debug, Clone, Copy, Default)]
pub struct RacingKeys;

impl KeySource for RacingKeys {
    fn generate(&self, algorithm: KeyAlgorithm) -> Result<PrivateKey, Error> {
        // How many cores there are is not even asked for a key that takes microseconds.
        let cores =
            if algorithm.is_slow() { thread::available_parallelism().map_or(1, usize::from) } else { 1 };
        if cores == 1 {
            return SystemKeys.generate(algorithm);
        }
        let (finish, first) = mpsc::channel();
        for _ in 0..cores {
            let finish = finish.clone();
            thread::spawn(move || {
                // Whoever comes second finds nobody waiting.
                let _ = finish.send(SystemKeys.generate(algorithm));
            });
        }
        first.recv().unwrap_or_else(|_| Err(ErrorKind::KeyGeneration { algorithm }.into()))
    }
}

/// One key for each of `algorithms`, in their order, made on all cores.
///
/// `done` is called after each key, from any thread.
pub(crate) fn generate_all(
    source: &dyn KeySource,
    algorithms: &[KeyAlgorithm],
    done: &(dyn Fn() + Sync),
) -> Result<Vec<PrivateKey>, Error> {
    let make = |algorithm: &KeyAlgorithm| {
        let key = source.generate(*algorithm);
        done();
        key
    };
    // Threads cost more than a handful of elliptic-curve keys, and a single key is the source's own business.
    if algorithms.len() <= 1
        || algorithms.len() < MANY && !algorithms.iter().any(|algorithm| algorithm.is_slow())
    {
        return algorithms.iter().map(make).collect();
    }
    parallel::map(algorithms, make).into_iter().collect()
}

/// From so many keys on, threads are worth it for every kind.
const MANY: usize = 32;

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[test]
    fn many_keys_come_in_the_order_asked_for() {
        let wanted = [KeyAlgorithm::Rsa2048, KeyAlgorithm::Ed25519, KeyAlgorithm::EcdsaP384];
        let count = AtomicUsize::new(0);
        let keys = generate_all(&SystemKeys, &wanted, &|| {
            count.fetch_add(1, Ordering::Relaxed);
        })
        .unwrap();
        let kinds: Vec<_> = keys.iter().map(|key| key.public_key().kind()).collect();
        assert_eq!(kinds, wanted.map(Into::into));
        assert_eq!(count.into_inner(), 3);
    }
}
