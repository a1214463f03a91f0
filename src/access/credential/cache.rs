//! Credentials that were verified before. Clients send the same SecurityCredential again and again,
//! and a hash takes milliseconds, so what was verified is remembered: as a MAC over the text, the
//! operator and the version of its record. A change of the record is a new version, and so forgets
//! whatever was verified against the old one. No password and no credential is kept.

use std::collections::HashSet;
use std::fmt;
use std::sync::Mutex;

use aws_lc_rs::hmac::{Context, HMAC_SHA256, Key};

use crate::entropy::Entropy;

/// The cache: two generations, each at most half of it. When the younger one is full, the older one
/// is forgotten; what is still in use is taken over from it.
pub(super) struct VerifiedCache {
    key: Key,
    generation_entries_max: usize,
    generations: Mutex<Generations>,
}

#[derive(Default)]
struct Generations {
    younger: HashSet<Tag>,
    older: HashSet<Tag>,
}

/// The name of one verified credential.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Tag([u8; 32]);

impl VerifiedCache {
    /// An empty cache with a key of its own.
    pub fn new(entries_max: usize, entropy: &dyn Entropy) -> Self {
        let mut key = zeroize::Zeroizing::new([0; 32]);
        entropy.fill(&mut *key);
        Self {
            key: Key::new(HMAC_SHA256, &*key),
            generation_entries_max: entries_max / 2,
            generations: Mutex::default(),
        }
    }

    /// The name of this text as the credential of this operator's record of this version.
    pub fn tag(&self, operator: u64, version: u64, security_credential: &str) -> Tag {
        let mut context = Context::with_key(&self.key);
        context.update(&operator.to_be_bytes());
        context.update(&version.to_be_bytes());
        context.update(security_credential.as_bytes());
        let mut tag = [0; 32];
        for (to, from) in tag.iter_mut().zip(context.sign().as_ref()) {
            *to = *from;
        }
        Tag(tag)
    }

    /// Whether it was verified.
    pub fn contains(&self, tag: &Tag) -> bool {
        let mut generations = self.lock();
        if generations.younger.contains(tag) {
            return true;
        }
        let known = generations.older.contains(tag);
        if known {
            self.add(&mut generations, *tag);
        }
        known
    }

    /// Remembers that it was verified.
    pub fn insert(&self, tag: Tag) {
        self.add(&mut self.lock(), tag);
    }

    fn add(&self, generations: &mut Generations, tag: Tag) {
        if self.generation_entries_max == 0 {
            return;
        }
        if generations.younger.len() >= self.generation_entries_max {
            generations.older = std::mem::take(&mut generations.younger);
        }
        generations.younger.insert(tag);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Generations> {
        self.generations.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

impl fmt::Debug for VerifiedCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("VerifiedCache(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entropy::SeededEntropy;

    fn cache(entries_max: usize) -> VerifiedCache {
        VerifiedCache::new(entries_max, &SeededEntropy::new(1))
    }

    #[test]
    fn only_the_very_text_operator_and_version_are_known() {
        let cache = cache(10);
        cache.insert(cache.tag(1, 7, "abc"));
        assert!(cache.contains(&cache.tag(1, 7, "abc")));
        for tag in [cache.tag(2, 7, "abc"), cache.tag(1, 8, "abc"), cache.tag(1, 7, "abd"), cache.tag(1, 7, "")] {
            assert!(!cache.contains(&tag));
        }
    }

    #[test]
    fn d6_the_cache_is_bounded_and_keeps_what_is_in_use() {
        let cache = cache(10);
        let used = cache.tag(0, 0, "in use");
        cache.insert(used);
        for operator in 1..1_000 {
            cache.insert(cache.tag(operator, 1, "once"));
            assert!(cache.contains(&used), "after {operator}");
            let generations = cache.lock();
            assert!(generations.younger.len() + generations.older.len() <= 10);
        }
        assert!(!cache.contains(&cache.tag(1, 1, "once")));
    }

    #[test]
    fn a_cache_of_no_entries_knows_nothing() {
        let cache = cache(0);
        cache.insert(cache.tag(1, 7, "abc"));
        assert!(!cache.contains(&cache.tag(1, 7, "abc")));
    }
}
