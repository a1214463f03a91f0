//! Operators' passwords: the rules for a new one, and the only form in which one is kept.

use std::fmt;

use argon2::{Algorithm, Argon2, Block, Params, Version};
use aws_lc_rs::constant_time::verify_slices_are_equal;
use serde::{Deserialize, Serialize};

use crate::entropy::Entropy;

/// Characters of a password, at least.
pub const PASSWORD_CHARACTERS_MIN: usize = 8;
/// Characters of a password, at most: well inside what PKCS#1 v1.5 can carry.
pub const PASSWORD_CHARACTERS_MAX: usize = 64;

/// The special characters of which a password needs one.
const SPECIAL: &str = "#&%$";
const BRACKETS: &str = "()[]{}<>";

/// A rule that a new password breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PasswordRule {
    /// It is too short or too long.
    #[error("a password has {PASSWORD_CHARACTERS_MIN} to {PASSWORD_CHARACTERS_MAX} characters")]
    Length,
    /// It has a character that not every keyboard and program can send.
    #[error("a password has only printable ASCII characters, and no spaces or brackets")]
    Character,
    /// It has no upper-case letter.
    #[error("a password needs an upper-case letter")]
    Upper,
    /// It has no lower-case letter.
    #[error("a password needs a lower-case letter")]
    Lower,
    /// It has no digit.
    #[error("a password needs a digit")]
    Digit,
    /// It has no special character.
    #[error("a password needs one of # & % $")]
    Special,
}

/// Whether `password` may be set.
pub fn check_password(password: &str) -> Result<(), PasswordRule> {
    let has = |test: fn(char) -> bool| password.chars().any(test);
    if !(PASSWORD_CHARACTERS_MIN..=PASSWORD_CHARACTERS_MAX).contains(&password.chars().count()) {
        Err(PasswordRule::Length)
    } else if has(|letter| !letter.is_ascii_graphic() || BRACKETS.contains(letter)) {
        Err(PasswordRule::Character)
    } else if !has(|letter| letter.is_ascii_uppercase()) {
        Err(PasswordRule::Upper)
    } else if !has(|letter| letter.is_ascii_lowercase()) {
        Err(PasswordRule::Lower)
    } else if !has(|letter| letter.is_ascii_digit()) {
        Err(PasswordRule::Digit)
    } else if !has(|letter| SPECIAL.contains(letter)) {
        Err(PasswordRule::Special)
    } else {
        Ok(())
    }
}

/// What one hash costs. The default takes about 20 ms of one processor and 19 MiB.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HashCost {
    /// Memory, in KiB.
    pub memory_kib: u32,
    /// Passes over it.
    pub passes: u32,
}

impl Default for HashCost {
    fn default() -> Self {
        Self { memory_kib: 19 * 1024, passes: 2 }
    }
}

/// Where hashes are computed, kept from one to the next: 19 MiB that are taken from the system and given back
/// for each hash cost a tenth of it, and allocators keep some of them for each thread that ever hashed.
#[derive(Default)]
pub(super) struct HashMemory(Vec<Block>);

/// The hash could not be computed: its cost is out of bounds, or there is no memory for it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a password could not be hashed: {0}")]
pub struct HashError(String);

/// The argon2id hash of a password, with what is needed to compute it again.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PasswordHash {
    cost: HashCost,
    salt: [u8; 16],
    hash: [u8; 32],
}

impl PasswordHash {
    /// Hashes a password with a fresh salt.
    pub fn new(password: &[u8], cost: HashCost, entropy: &dyn Entropy) -> Result<Self, HashError> {
        let mut salt = [0; 16];
        entropy.fill(&mut salt);
        Ok(Self { cost, salt, hash: hash(password, &salt, cost, &mut HashMemory::default())? })
    }

    /// Whether this is the hash of `password`; takes as long whether it is or not.
    pub(super) fn is_of(&self, password: &[u8], memory: &mut HashMemory) -> Result<bool, HashError> {
        let hash = hash(password, &self.salt, self.cost, memory)?;
        Ok(verify_slices_are_equal(&hash, &self.hash).is_ok())
    }
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordHash(..)")
    }
}

fn hash(password: &[u8], salt: &[u8; 16], cost: HashCost, memory: &mut HashMemory) -> Result<[u8; 32], HashError> {
    let failed = |error: argon2::Error| HashError(error.to_string());
    let params = Params::new(cost.memory_kib, cost.passes, 1, Some(32)).map_err(failed)?;
    let blocks = memory.of(params.block_count())?;
    let mut hash = [0; 32];
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_into_with_memory(password, salt, &mut hash, blocks)
        .map_err(failed)?;
    Ok(hash)
}

impl HashMemory {
    /// So many blocks, with whatever is left in them: a hash writes each one before it reads it.
    fn of(&mut self, count: usize) -> Result<&mut [Block], HashError> {
        let more = count.saturating_sub(self.0.len());
        self.0.try_reserve_exact(more).map_err(|error| HashError(error.to_string()))?;
        self.0.resize(self.0.len().max(count), Block::new());
        self.0.get_mut(..count).ok_or_else(|| HashError("no memory".into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entropy::SeededEntropy;

    const CHEAP: HashCost = HashCost { memory_kib: 8, passes: 1 };

    #[test]
    fn a_password_has_a_letter_of_each_case_a_digit_and_a_special_character() {
        for good in ["Sesame#1", "aB3$aB3$", "Safari@Com%7", &format!("aB3&{}", "x".repeat(60))] {
            assert_eq!(check_password(good), Ok(()), "{good}");
        }
        for (bad, rule) in [
            ("", PasswordRule::Length),
            ("aB3$aB3", PasswordRule::Length),
            (&format!("aB3&{}", "x".repeat(61)), PasswordRule::Length),
            ("aB3$aB3$(", PasswordRule::Character),
            ("aB3$aB3]", PasswordRule::Character),
            ("aB3$ aB3", PasswordRule::Character),
            ("aB3$aB3é", PasswordRule::Character),
            ("sesame#1", PasswordRule::Upper),
            ("SESAME#1", PasswordRule::Lower),
            ("Sesame#!", PasswordRule::Digit),
            ("Sesame@1", PasswordRule::Special),
        ] {
            assert_eq!(check_password(bad), Err(rule), "{bad}");
        }
    }

    #[test]
    fn a_hash_is_of_its_password_only_and_salted() {
        let entropy = SeededEntropy::new(1);
        let hash = PasswordHash::new(b"Sesame#1", CHEAP, &entropy).unwrap();
        let memory = &mut HashMemory::default();
        assert_eq!(hash.is_of(b"Sesame#1", memory), Ok(true));
        assert_eq!(hash.is_of(b"Sesame#2", memory), Ok(false));
        assert_eq!(hash.is_of(b"", memory), Ok(false));
        assert_ne!(hash, PasswordHash::new(b"Sesame#1", CHEAP, &entropy).unwrap());
    }

    #[test]
    fn what_is_left_in_the_memory_of_other_hashes_changes_nothing() {
        let entropy = SeededEntropy::new(1);
        let costs = [HashCost { memory_kib: 64, passes: 2 }, CHEAP, HashCost { memory_kib: 16, passes: 3 }];
        let hashes = costs.map(|cost| PasswordHash::new(b"Sesame#1", cost, &entropy).unwrap());
        let memory = &mut HashMemory::default();
        for hash in hashes.iter().chain(hashes.iter().rev()) {
            assert_eq!(hash.is_of(b"Sesame#2", memory), Ok(false));
            assert_eq!(hash.is_of(b"Sesame#1", memory), Ok(true));
        }
    }

    #[test]
    fn a_cost_out_of_bounds_is_an_error() {
        let none = HashCost { memory_kib: 0, passes: 0 };
        assert!(PasswordHash::new(b"Sesame#1", none, &SeededEntropy::new(1)).is_err());
    }

    #[test]
    fn s5_a_hash_does_not_show_itself() {
        let hash = PasswordHash::new(b"Sesame#1", CHEAP, &SeededEntropy::new(1)).unwrap();
        assert_eq!(format!("{hash:?}"), "PasswordHash(..)");
    }
}
