//! The parsers under mutations of messages that they know: about a minute of it, the same inputs each
//! time. The targets are those of `fuzz/`, and so are most seeds.
//!
//! By hand: `LANGO_FUZZ_SECONDS` (of all targets together) goes on with other inputs for as long; it prints
//! the seed of its random numbers, and `LANGO_FUZZ_SEED` repeats it.

#[path = "../../fuzz/targets.rs"]
mod targets;

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::time::{Duration, Instant};

use lango::entropy::{Entropy, SeededEntropy, SystemEntropy};

/// Longer inputs only repeat what shorter ones do.
const BYTES_MAX: usize = 32 * 1024;
/// What a target may hold at a time: so much, and so much for each byte of its input.
const HELD_MAX: u64 = 4 << 20;
const HELD_PER_BYTE_MAX: u64 = 256;
/// Texts that parsers have something to do with.
const WORDS: [&str; 24] = [
    "<",
    ">",
    "</",
    "/>",
    "<!--",
    "-->",
    "<![CDATA[",
    "]]>",
    "<?xml version=\"1.0\" encoding=\"UTF-16\"?>",
    "&#x0;",
    "&#13;",
    "&amp;",
    "&lt;",
    "xmlns=''",
    " xmlns:a='b'",
    ":",
    "\u{FEFF}",
    "\r\n",
    "maxOccurs=\"99999\"",
    "{0,999}",
    "[^",
    "\\p{L}",
    "xsi:nil='true'",
    "mustUnderstand='1'",
];

/// The seed of the inputs that are the same each time.
const SEED: u64 = 20_261_124;

/// A target, where its search begins, and how many inputs it gets if nobody says how long.
fn fuzz(name: &str, target: fn(&[u8]), folders: &[&str], inputs_max: usize) {
    let seeds: Vec<Vec<u8>> = folders.iter().flat_map(|folder| files(folder)).collect();
    let number = |name: &str| std::env::var(name).ok().map(|number| number.parse::<u64>().unwrap());
    let time = number("LANGO_FUZZ_SECONDS").map(|seconds| Duration::from_secs(seconds) / 5);
    let seed = number("LANGO_FUZZ_SEED").unwrap_or_else(|| if time.is_some() { SystemEntropy.u64() } else { SEED });
    println!("fuzz {name}: LANGO_FUZZ_SEED={seed}");
    let dice = Dice(SeededEntropy::new(seed));
    // What is made once is not held for an input.
    target(b"");
    let begun = Instant::now();
    seeds.iter().for_each(|input| throw(name, target, input));
    let mut inputs = seeds.len();
    while time.map_or(inputs < inputs_max, |time| begun.elapsed() < time) {
        throw(name, target, &dice.mutation(&seeds));
        inputs += 1;
    }
    println!("fuzz {name}: {inputs} inputs");
}

fn files(folder: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let mut paths: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths.iter().map(|path| fs::read(path).unwrap()).collect()
}

/// One input. What fails is kept, to be tried again and to become a seed.
fn throw(name: &str, target: fn(&[u8]), input: &[u8]) {
    let mut outcome = Ok(());
    let counted = allocation_counter::measure(|| outcome = catch_unwind(AssertUnwindSafe(|| target(input))));
    let held_max = HELD_MAX + HELD_PER_BYTE_MAX * input.len() as u64;
    if outcome.is_err() || counted.bytes_max > held_max {
        let kept = std::env::temp_dir().join(format!("lango-fuzz-{name}-{}", std::process::id()));
        fs::write(&kept, input).unwrap();
        panic!("{name} fails on {} ({} bytes held, at most {held_max})", kept.display(), counted.bytes_max);
    }
}

struct Dice(SeededEntropy);

impl Dice {
    fn below(&self, bound: usize) -> usize {
        usize::try_from(self.0.u64() % bound.max(1) as u64).unwrap()
    }

    fn pick<'a, T>(&self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }

    /// Some changes to some seed.
    fn mutation(&self, seeds: &[Vec<u8>]) -> Vec<u8> {
        let mut input = self.pick(seeds).clone();
        for _ in 0..=self.below(4) {
            self.change(&mut input, seeds);
        }
        input.truncate(BYTES_MAX);
        input
    }

    fn change(&self, input: &mut Vec<u8>, seeds: &[Vec<u8>]) {
        let at = self.below(input.len() + 1);
        let end = (at + self.below(64)).min(input.len());
        match self.below(7) {
            0 if at < input.len() => input[at] ^= 1 << self.below(8),
            1 => drop(input.drain(at..end)),
            2 => drop(input.splice(at..at, self.pick(&WORDS).bytes())),
            3 => drop(input.splice(at..end, self.pick(&WORDS).bytes())),
            4 => {
                let repeated = input[at..end].repeat(1 + self.below(200));
                input.splice(at..at, repeated);
            }
            5 => {
                let other = self.pick(seeds);
                let from = self.below(other.len() + 1);
                let to = (from + self.below(512)).min(other.len());
                input.splice(at..end, other[from..to].iter().copied());
            }
            _ => input.truncate(at),
        }
    }
}

#[test]
fn no_envelope_makes_the_gateway_stumble() {
    fuzz("envelope", targets::envelope, &["src/mminterface/samples"], 20_000);
}

#[test]
fn no_document_makes_the_gateway_stumble() {
    fuzz("document", targets::document, &["fuzz/seeds/document"], 30_000);
}

#[test]
fn no_acknowledgement_makes_the_gateway_stumble() {
    fuzz("acknowledgement", targets::acknowledgement, &["fuzz/seeds/acknowledgement"], 10_000);
}

#[test]
fn no_schema_makes_the_compiler_stumble() {
    fuzz("schema", targets::schema, &["fuzz/seeds/schema", "wsdl"], 20_000);
}

#[test]
fn no_pattern_makes_the_automaton_stumble() {
    fuzz("pattern", targets::pattern, &["fuzz/seeds/pattern"], 100_000);
}
