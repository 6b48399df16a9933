//! New keys, one or many.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;

use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{self as algorithms, EcdsaKeyPair, Ed25519KeyPair, RsaKeyPair};

use super::private::Signer;
use super::{KeyAlgorithm, PrivateKey};
use crate::error::{Error, ErrorKind};

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
        let cores = thread::available_parallelism().map_or(1, usize::from);
        if !algorithm.is_slow() || cores == 1 {
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
    let next = AtomicUsize::new(0);
    let keys = Mutex::new(Vec::with_capacity(algorithms.len()));
    let work = || {
        while let index = next.fetch_add(1, Ordering::Relaxed)
            && let Some(&algorithm) = algorithms.get(index)
        {
            let key = source.generate(algorithm);
            if let Ok(mut keys) = keys.lock() {
                keys.push((index, key));
            }
            done();
        }
    };
    // Threads cost more than a handful of elliptic-curve keys.
    let helpers = if algorithms.iter().any(|algorithm| algorithm.is_slow()) {
        thread::available_parallelism().map_or(1, usize::from).min(algorithms.len()).saturating_sub(1)
    } else {
        0
    };
    thread::scope(|scope| {
        for _ in 0..helpers {
            scope.spawn(work);
        }
        work();
    });
    let mut keys = keys.into_inner().unwrap_or_default();
    keys.sort_by_key(|(index, _)| *index);
    keys.into_iter().map(|(_, key)| key).collect()
}

#[cfg(test)]
mod tests {
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
