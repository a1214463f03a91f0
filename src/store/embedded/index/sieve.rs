//! What the tables of the last checkpoints may hold, in memory: a commit that expects a new key to be
//! absent asks all of them, and many answer together with one look at one line of the processor's cache.
//! A wrong yes costs a look into the table, and a wrong no cannot be.

use std::sync::atomic::{AtomicU16, Ordering};

/// The keys of up to sixteen checkpoints, known by their hashes.
#[derive(Debug)]
pub(super) struct Sieve {
    /// Each key has a few words in one line of these, and in them the bit of its checkpoint.
    lines: Vec<[AtomicU16; LINE_WORDS]>,
}

/// The checkpoints of a sieve, a bit each.
pub(super) const CHECKPOINTS: u32 = u16::BITS;
/// A line of the cache has so many.
const LINE_WORDS: usize = 32;
/// Keys of one checkpoint for each line: about one absent key in a hundred and fifty is taken for one that is there.
const KEYS_OF_A_LINE: usize = 2;
/// Words of a key in its line; each takes five bits of its hash.
const WORDS_OF_A_KEY: u32 = 4;

impl Sieve {
    /// For checkpoints of about so many keys each.
    pub(super) fn with_room_for(keys: usize) -> Self {
        let count = keys.div_ceil(KEYS_OF_A_LINE).max(1);
        Self { lines: (0..count).map(|_| [const { AtomicU16::new(0) }; LINE_WORDS]).collect() }
    }

    /// Whether a checkpoint of so many keys fits: one much larger would fill the lines, and all would be let through.
    pub(super) fn has_room_for(&self, keys: usize) -> bool {
        keys <= self.lines.len().saturating_mul(KEYS_OF_A_LINE)
    }

    /// Adds the keys with these hashes, of the nth checkpoint. Only one thread may add at a time.
    pub(super) fn add(&self, nth: u32, hashes: &[u64]) {
        let bit = bit(nth);
        for &hash in hashes {
            for word in self.words(hash) {
                word.store(word.load(Ordering::Relaxed) | bit, Ordering::Relaxed);
            }
        }
    }

    /// The checkpoints of which a key may be, a bit each. All that were added before whoever asks learned of
    /// their tables.
    pub(super) fn may_hold(&self, hash: u64) -> u16 {
        self.words(hash).fold(u16::MAX, |all, word| all & word.load(Ordering::Relaxed))
    }

    fn words(&self, hash: u64) -> impl Iterator<Item = &AtomicU16> {
        // The line by the upper half of the hash.
        let scaled = (hash >> 32).wrapping_mul(self.lines.len() as u64) >> 32;
        let line = self.lines.get(scaled as usize);
        let mixed = hash.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let words = (0..WORDS_OF_A_KEY).map(move |nth| mixed.wrapping_shr(nth.wrapping_mul(5)) as usize % LINE_WORDS);
        words.filter_map(move |word| line?.get(word))
    }
}

/// The bit of the nth checkpoint.
pub(super) fn bit(nth: u32) -> u16 {
    1_u16.wrapping_shl(nth)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entropy::{Entropy, SeededEntropy};

    #[test]
    fn what_is_there_is_never_denied_and_little_else_is_let_through() {
        for count in [0, 1, 39, 41, 100_000] {
            let entropy = SeededEntropy::new(count as u64);
            let sieve = Sieve::with_room_for(count);
            let checkpoints: Vec<Vec<u64>> =
                (0..CHECKPOINTS).map(|_| (0..count).map(|_| entropy.u64()).collect()).collect();
            for (nth, hashes) in (0..).zip(&checkpoints) {
                sieve.add(nth, hashes);
            }
            for (nth, hashes) in (0..).zip(&checkpoints) {
                assert!(hashes.iter().all(|&hash| sieve.may_hold(hash) & bit(nth) != 0), "{count} keys");
            }
            let mut wrong = [0; CHECKPOINTS as usize];
            for _ in 0..100_000 {
                let taken = sieve.may_hold(entropy.u64());
                (0..).zip(&mut wrong).for_each(|(nth, wrong)| *wrong += i32::from(taken & bit(nth) != 0));
            }
            assert!(wrong.iter().all(|&wrong| wrong < 1_500), "{wrong:?} of 100,000 absent keys beside {count}");
        }
    }
}
