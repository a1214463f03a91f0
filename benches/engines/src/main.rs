//! Engines in the role of the index below the journal.
//!
//! `index ENGINE [PAYMENTS]` measures sled, fjall, fjall-kv (large values apart) or redb.

mod index;
mod measure;
mod payment;

use anyhow::{Result, bail};

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words[..] {
        ["index", engine] => index::measure(engine, 1_000_000),
        ["index", engine, payments] => index::measure(engine, payments.parse()?),
        ["headings"] => Ok(index::headings()),
        _ => bail!("say: headings, or index ENGINE [PAYMENTS]"),
    }
}
