//! Generating keys, one or many.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;

use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{self as algorithms, EcdsaKeyPair, Ed25519KeyPair, RsaKeyPair};

use crate::base::parallel;
use crate::x509::error::{Error, ErrorKind};
use crate::x509::key::private::Signer;
use crate::x509::key::{KeyAlgorithm, PrivateKey};

/// A source of new private keys.
pub trait KeySource: Sync {
    /// Generates a key.
    ///
    /// # Errors
    /// [`ErrorKind::KeyGeneration`] if the source fails.
    fn generate(&self, algorithm: KeyAlgorithm) -> Result<PrivateKey, Error>;

    /// Generates one key for each of `algorithms`, in their order, on all cores. `done` is called after each key, from
    /// any thread.
    ///
    /// # Errors
    /// [`ErrorKind::KeyGeneration`] if the source fails.
    fn generate_all(
        &self,
        algorithms: &[KeyAlgorithm],
        done: &(dyn Fn() + Sync),
    ) -> Result<Vec<PrivateKey>, Error> {
        let make = |algorithm: &KeyAlgorithm| {
            let key = self.generate(*algorithm);
            done();
            key
        };
        if are_quick(algorithms) {
            return algorithms.iter().map(make).collect();
        }
        parallel::map(algorithms, make).into_iter().collect()
    }
}

/// Whether starting threads would take longer than generating the keys.
fn are_quick(algorithms: &[KeyAlgorithm]) -> bool {
    algorithms.len() < MANY && !algorithms.iter().any(|algorithm| algorithm.is_slow())
}

/// From this number of keys on, threads save time for every kind of key.
const MANY: usize = 32;

/// Generates keys with aws-lc, whose randomness is seeded by the operating system.
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

/// Generates keys as [`SystemKeys`] does, sooner but with more work: for a process that waits for them and then ends.
///
/// The time to find the primes of an RSA key is random, so the first of several searches ends sooner than a single one.
/// A core that has no key left to begin searches for one that another core has not found yet. A search cannot be
/// stopped: the other cores stay busy for a while after the last key was found, or until the process ends.
#[derive(Debug, Clone, Copy, Default)]
pub struct RacingKeys;

impl KeySource for RacingKeys {
    fn generate(&self, algorithm: KeyAlgorithm) -> Result<PrivateKey, Error> {
        let keys = self.generate_all(&[algorithm], &|| {})?;
        keys.into_iter().next().ok_or_else(|| ErrorKind::KeyGeneration { algorithm }.into())
    }

    fn generate_all(
        &self,
        algorithms: &[KeyAlgorithm],
        done: &(dyn Fn() + Sync),
    ) -> Result<Vec<PrivateKey>, Error> {
        // Asking for the number of cores would take longer than these keys.
        if are_quick(algorithms) {
            return SystemKeys.generate_all(algorithms, done);
        }
        let race = Arc::new(Race::new(algorithms));
        let (finish, finished) = mpsc::channel();
        for _ in 0..thread::available_parallelism().map_or(1, usize::from) {
            let (race, finish) = (Arc::clone(&race), finish.clone());
            thread::spawn(move || race.run(&finish));
        }
        drop(finish);
        let mut keys = Vec::with_capacity(algorithms.len());
        for (index, key) in finished.into_iter().take(algorithms.len()) {
            keys.push((index, key?));
            done();
        }
        keys.sort_unstable_by_key(|(index, _)| *index);
        Ok(keys.into_iter().map(|(_, key)| key).collect())
    }
}

/// Keys that several threads search for at once.
struct Race {
    algorithms: Vec<KeyAlgorithm>,
    /// The number of searches that were begun.
    begun: AtomicUsize,
    /// Whether each key was found.
    made: Vec<AtomicBool>,
}

impl Race {
    fn new(algorithms: &[KeyAlgorithm]) -> Self {
        let made = algorithms.iter().map(|_| AtomicBool::new(false)).collect();
        Self { algorithms: algorithms.to_vec(), begun: AtomicUsize::new(0), made }
    }

    /// Generates keys until all were found, or the receiver is gone.
    fn run(&self, finish: &mpsc::Sender<(usize, Result<PrivateKey, Error>)>) {
        while let Some((index, algorithm, made)) = self.next() {
            let key = SystemKeys.generate(algorithm);
            let is_first = !made.swap(true, Ordering::Relaxed);
            if is_first && finish.send((index, key)).is_err() {
                return;
            }
        }
    }

    /// The next key to search for: one that no thread has begun, or else one that no thread has found.
    fn next(&self) -> Option<(usize, KeyAlgorithm, &AtomicBool)> {
        let begun = self.begun.fetch_add(1, Ordering::Relaxed);
        let keys = || self.algorithms.iter().zip(&self.made).enumerate();
        let missing = || keys().filter(|(_, (_, made))| !made.load(Ordering::Relaxed));
        let not_begun = keys().nth(begun);
        let next = not_begun.or_else(|| missing().nth(begun.checked_rem(missing().count())?));
        next.map(|(index, (algorithm, made))| (index, *algorithm, made))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_keys_come_in_the_order_asked_for() {
        let wanted = [KeyAlgorithm::Rsa2048, KeyAlgorithm::Ed25519, KeyAlgorithm::EcdsaP384];
        let sources: [&dyn KeySource; 2] = [&SystemKeys, &RacingKeys];
        for source in sources {
            let count = AtomicUsize::new(0);
            let done = || {
                count.fetch_add(1, Ordering::Relaxed);
            };
            let keys = source.generate_all(&wanted, &done).unwrap();
            let kinds: Vec<_> = keys.iter().map(|key| key.public_key().kind()).collect();
            assert_eq!(kinds, wanted.map(Into::into));
            assert_eq!(count.into_inner(), 3);
            assert!(source.generate_all(&[], &|| {}).unwrap().is_empty());
        }
    }

    #[test]
    fn whoever_is_free_takes_what_is_missing() {
        let race = Race::new(&[KeyAlgorithm::Rsa2048; 3]);
        let next = || race.next().map(|(index, ..)| index);
        assert_eq!([next(), next(), next()], [Some(0), Some(1), Some(2)]);
        race.made[1].store(true, Ordering::Relaxed);
        let mut others = [next(), next()];
        others.sort();
        assert_eq!(others, [Some(0), Some(2)]);
        race.made[0].store(true, Ordering::Relaxed);
        race.made[2].store(true, Ordering::Relaxed);
        assert_eq!(next(), None);
    }
}
