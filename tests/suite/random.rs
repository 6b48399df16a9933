//! Numbers that a seed determines, so that generated cases are the same on every machine.

/// The numbers of a seed (Steele, Lea and Flood, SplitMix64).
pub struct Random(u64);

impl Random {
    /// The numbers of one case among those of a seed, and of one series of etcd.
    pub fn new(seed: u64, case: u64, series: u64) -> Self {
        let mut random = Self(seed.wrapping_mul(1_000_003) ^ (case << 8) ^ series);
        random.next();
        random
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(end.max(1)).unwrap()).unwrap()
    }

    pub fn pick<T: Clone>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())].clone()
    }

    pub fn percent(&mut self, chance: usize) -> bool {
        self.below(100) < chance
    }
}
