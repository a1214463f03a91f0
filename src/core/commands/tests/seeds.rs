//! Random sequences by their seed, for the tests against models.

use proptest::prelude::*;
use proptest::test_runner::{RngSeed, TestRunner};

/// Plays so many sequences of a seed, or as many as somebody asks for by hand; what fails is named with
/// the seed. How many they were.
pub fn play_seed_of<S: Strategy>(seed: u64, sequences: u32, steps: S, play: impl Fn(S::Value)) -> u32 {
    let asked = |name: &str| std::env::var(name).ok().and_then(|value| value.parse::<u64>().ok());
    let seed = asked("LANGO_MODEL_SEED").unwrap_or(seed);
    let cases = asked("LANGO_MODEL_SEQUENCES").and_then(|cases| u32::try_from(cases).ok()).unwrap_or(sequences);
    let config = ProptestConfig {
        cases,
        rng_seed: RngSeed::Fixed(seed),
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    let played = TestRunner::new(config).run(&steps, |steps| {
        play(steps);
        Ok(())
    });
    if let Err(failure) = played {
        panic!("LANGO_MODEL_SEED={seed}: {failure}");
    }
    cases
}
