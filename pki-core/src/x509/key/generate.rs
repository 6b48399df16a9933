//! New keys, one or many.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;

use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{self as algorithms, EcdsaKeyPair, Ed25519KeyPair, RsaKeyPair};

use crate::base::parallel;
use crate::x509::error::{Error, ErrorKind};
use crate::x509::key::private::Signer;
use crate::x509::key::{KeyAlgorithm, PrivateKey};

/// Where new keys come from.
pub trait KeySource: Sync {
    /// A new key.
    ///
    /// # Errors
    /// If the source fails.
    fn generate(&self, algorithm: KeyAlgorithm) -> Result<PrivateKey, Error>;

    /// One key for each of `algorithms`, in their order, made on all cores. `done` is called after each key, from
    /// any thread.
    ///
    /// # Errors
    /// If the source fails.
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

/// Whether threads would cost more than the keys.
fn are_quick(algorithms: &[KeyAlgorithm]) -> bool {
    algorithms.len() < MANY && !algorithms.iter().any(|algorithm| algorithm.is_slow())
}

/// From so many keys on, threads are worth it for every kind.
const MANY: usize = 32;

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

/// The same keys, with no core idle before the last is there: for a process that waits for them and then ends.
///
/// The search for the primes of an RSA key is a lottery, so the earliest of two tickets comes in sooner: a core that
/// finds no key to begin searches for one that others have not found yet. A search cannot be called off: the other
/// cores are busy for a while after the last key is there, or until the process ends.
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
        // How many cores there are is not even asked for keys that take microseconds.
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

/// Keys that several threads are after.
struct Race {
    algorithms: Vec<KeyAlgorithm>,
    /// How many searches were begun
    begun: AtomicUsize,
    /// Which keys are there
    made: Vec<AtomicBool>,
}

impl Race {
    fn new(algorithms: &[KeyAlgorithm]) -> Self {
        let made = algorithms.iter().map(|_| AtomicBool::new(false)).collect();
        Self { algorithms: algorithms.to_vec(), begun: AtomicUsize::new(0), made }
    }

    /// Makes keys until all are there, or nobody waits for them any more.
    fn run(&self, finish: &mpsc::Sender<(usize, Result<PrivateKey, Error>)>) {
        while let Some((index, algorithm, made)) = self.next() {
            let key = SystemKeys.generate(algorithm);
            let is_first = !made.swap(true, Ordering::Relaxed);
            if is_first && finish.send((index, key)).is_err() {
                return;
            }
        }
    }

    /// The key to be made next: one that nobody has begun, or else one that nobody has finished.
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
