//! What the tables of the last checkpoints may hold, in memory: a commit that expects a new key to be
//! absent asks every one of them, and each answers with one look at one line of the processor's cache.
//! A wrong yes costs a look into the table, and a wrong no cannot be.

/// The keys of one checkpoint, known by their hashes.
#[derive(Debug)]
pub(super) struct Filter {
    /// Each key has its bits in one line of these.
    lines: Vec<[u64; LINE_WORDS]>,
}

const LINE_WORDS: usize = 8;
/// 512 bits for so many keys: about one absent key in two hundred is taken for one that is there.
const KEYS_OF_A_LINE: usize = 40;
/// Bits of a key in its line; each takes nine bits of its hash.
const BITS_OF_A_KEY: u32 = 6;

impl Filter {
    /// Of the keys with these hashes.
    pub(super) fn of(hashes: &[u64]) -> Self {
        let count = hashes.len().div_ceil(KEYS_OF_A_LINE).max(1);
        let mut filter = Self { lines: vec![[0; LINE_WORDS]; count] };
        for &hash in hashes {
            let sought = Sought::of(hash);
            let place = filter.place(&sought);
            if let Some(line) = filter.lines.get_mut(place) {
                for (word, bits) in line.iter_mut().zip(sought.bits) {
                    *word |= bits;
                }
            }
        }
        filter
    }

    /// Whether a key may be among them.
    pub(super) fn may_hold(&self, sought: &Sought) -> bool {
        let missing = |line: &[u64; LINE_WORDS]| {
            line.iter().zip(&sought.bits).fold(0, |missing, (word, bits)| missing | (bits & !word))
        };
        self.lines.get(self.place(sought)).is_none_or(|line| missing(line) == 0)
    }

    /// The line of a key, by the upper half of its hash.
    fn place(&self, sought: &Sought) -> usize {
        let scaled = (sought.hash >> 32).wrapping_mul(self.lines.len() as u64) >> 32;
        scaled as usize
    }
}

/// What a key is known by in each filter, which are asked one after the other.
pub(super) struct Sought {
    hash: u64,
    /// Its bits in its line, by a number that its whole hash goes into.
    bits: [u64; LINE_WORDS],
}

impl Sought {
    /// The key with this hash.
    pub(super) fn of(hash: u64) -> Self {
        Self { hash, bits: bits_of(hash) }
    }
}

fn bits_of(hash: u64) -> [u64; LINE_WORDS] {
    let mixed = hash.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let mut bits = [0; LINE_WORDS];
    for nth in 0..BITS_OF_A_KEY {
        let nine = mixed.wrapping_shr(nth.wrapping_mul(9)) as u32 & 0x1FF;
        if let Some(word) = bits.get_mut(nine as usize >> 6) {
            *word |= 1_u64.wrapping_shl(nine);
        }
    }
    bits
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entropy::{Entropy, SeededEntropy};

    #[test]
    fn what_is_there_is_never_denied_and_little_else_is_let_through() {
        for count in [0, 1, 39, 41, 100_000] {
            let entropy = SeededEntropy::new(count as u64);
            let hashes: Vec<u64> = (0..count).map(|_| entropy.u64()).collect();
            let filter = Filter::of(&hashes);
            assert!(hashes.iter().all(|&hash| filter.may_hold(&Sought::of(hash))), "{count} keys");
            let wrong = (0..100_000).filter(|_| filter.may_hold(&Sought::of(entropy.u64()))).count();
            assert!(wrong < 1_500, "{wrong} of 100,000 absent keys beside {count}");
        }
    }
}
