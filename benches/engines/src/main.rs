//! The store beside other engines, and engines in the role of the index below its journal.
//!
//! * `store [SECONDS]` measures commits of Lango's store, sled, SQLite, and SQLite with checkpoints as
//!   large as Lango's (sqlite64), one after the other, and of a journal alone, which is the least that any
//!   could take.
//! * `reopen [PAYMENTS]` measures how soon each opens again after so many payments and a kill.
//! * `index ENGINE [PAYMENTS]` measures sled, fjall, fjall-kv (large values apart) or redb as the
//!   index; `headings` names its columns.

mod commits;
mod engine;
mod index;
mod journal;
mod measure;
mod payment;
mod reopen;
mod settings;
mod write_set;

use anyhow::{Result, bail};

/// As in Lango's binary; what is Rust of the others has it as well.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words[..] {
        ["store"] => commits::all(5),
        ["store", seconds] => commits::all(seconds.parse()?),
        ["commits", engine, writers, seconds] => commits::measure(engine, writers.parse()?, seconds.parse()?),
        ["reopen"] => reopen::all(1_000_000),
        ["reopen", payments] => reopen::all(payments.parse()?),
        ["fill", engine, dir, payments] => reopen::fill(engine, dir.as_ref(), payments.parse()?),
        ["open", engine, dir] => reopen::open(engine, dir.as_ref()),
        ["index", engine] => index::measure(engine, 1_000_000),
        ["index", engine, payments] => index::measure(engine, payments.parse()?),
        ["headings"] => Ok(index::headings()),
        _ => bail!("say: store [SECONDS], reopen [PAYMENTS], headings, or index ENGINE [PAYMENTS]"),
    }
}
