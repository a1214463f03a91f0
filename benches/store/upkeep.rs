//! What an operator and a statement wait for in a store that has grown.

use std::error::Error;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use lango::store::embedded::{EmbeddedStore, archive, back_up};
use lango::store::{Key, Read, Store};
use tokio::runtime::Runtime;

use super::{open, write_set};

/// Payments of one checkpoint while tables gather.
const CHECKPOINT_PAYMENTS: u64 = 500;
/// More than the tree merges at once.
const CHECKPOINTS: u64 = 20;
const RANGES: u64 = 2_000;
const LINES: usize = 20;

type Outcome<T> = Result<T, Box<dyn Error>>;

pub fn measure(payments: u64) -> Outcome<()> {
    let (dir, backup) = (tempfile::tempdir()?, tempfile::tempdir()?);
    let (store, runtime) = (open(dir.path())?, Runtime::new()?);
    let begin = Instant::now();
    commit(&runtime, &store, 0..payments)?;
    store.checkpoint();
    println!("{payments} payments committed in {:.1} s", begin.elapsed().as_secs_f64());
    println!("{LINES} lines of a paybill's statement, with so many checkpoints since:");
    for checkpoint in 0..=CHECKPOINTS {
        if checkpoint.is_multiple_of(5) {
            println!("{checkpoint:>8} {:>10.1} us", statement(&*store, payments)?);
        }
        let first = payments + checkpoint * CHECKPOINT_PAYMENTS;
        commit(&runtime, &store, first..first + CHECKPOINT_PAYMENTS)?;
        store.checkpoint();
    }
    beside_commits(&runtime, &store, || put_away(&store, dir.path(), backup.path()))?;
    store.close();
    Ok(())
}

fn commit(runtime: &Runtime, store: &Arc<EmbeddedStore>, numbers: std::ops::Range<u64>) -> Outcome<()> {
    let numbers: Vec<u64> = numbers.collect();
    for some in numbers.chunks(256) {
        let commits = some.iter().map(|&number| store.commit(write_set::payment(number)));
        for outcome in runtime.block_on(join_all(commits)) {
            outcome?;
        }
    }
    Ok(())
}

/// How long one takes on average, of one paybill after the other and from anywhere in it.
fn statement(store: &dyn Read, payments: u64) -> Outcome<f64> {
    let begin = Instant::now();
    for nth in 0..RANGES {
        let all = Key::of("statement").text("paybill").number(nth % 100);
        let lines = (payments / 100).saturating_sub(LINES as u64).max(1);
        let from = all.clone().number(nth.wrapping_mul(0x9E37_79B9_7F4A_7C15) % lines);
        let found = store.range(&all.subtree().after(&from), LINES)?;
        assert_eq!(found.len(), LINES);
    }
    Ok(begin.elapsed().as_secs_f64() * 1e6 / RANGES as f64)
}

fn put_away(store: &EmbeddedStore, dir: &Path, backup: &Path) -> Outcome<()> {
    let begin = Instant::now();
    let copied = back_up(dir, backup, &mut |_| {})?;
    println!("backup: {:.1} s, {copied:?}", begin.elapsed().as_secs_f64());
    let begin = Instant::now();
    let released = store.release_journal()?;
    println!("large values taken over up to record {released}: {:.1} s", begin.elapsed().as_secs_f64());
    let begin = Instant::now();
    let archived = archive(dir, backup, released, false, &mut |_| {})?;
    println!("archive: {:.1} s, {archived:?}", begin.elapsed().as_secs_f64());
    Ok(())
}

/// Does something while one payment after the other is committed, and shows how long those took.
fn beside_commits(runtime: &Runtime, store: &Arc<EmbeddedStore>, run: impl FnOnce() -> Outcome<()>) -> Outcome<()> {
    let ended = AtomicBool::new(false);
    let mut took = thread::scope(|scope| {
        let writer = scope.spawn(|| {
            let mut took = Vec::new();
            for number in u64::MAX / 2.. {
                if ended.load(Ordering::Relaxed) {
                    break;
                }
                let begin = Instant::now();
                runtime.block_on(store.commit(write_set::payment(number))).map_err(|error| error.to_string())?;
                took.push(begin.elapsed());
            }
            Ok::<Vec<Duration>, String>(took)
        });
        let outcome = run();
        ended.store(true, Ordering::Relaxed);
        let took = writer.join().map_err(|_| "the writer stopped")?;
        outcome?;
        Ok::<_, Box<dyn Error>>(took?)
    })?;
    took.sort_unstable();
    let at = |part: f64| took.get((took.len() as f64 * part) as usize).or(took.last()).copied().unwrap_or_default();
    println!(
        "{} commits meanwhile: half in {:?}, 99 % in {:?}, the longest {:?}",
        took.len(),
        at(0.5),
        at(0.99),
        at(1.0)
    );
    Ok(())
}
