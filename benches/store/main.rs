//! How many payment-shaped write sets the embedded store commits in a second, and what CPU each
//! costs, at 1, 16 and 256 writers, or at as many as are asked for, and then also at no more than so
//! many a second. `cargo bench --bench store -- [SECONDS [WRITERS [COMMITS A SECOND]]]`; the
//! checkpoints that fall into the time count in, and the longest that one held commits up is shown: while
//! it locked the state, in pauses to let it catch up, and while both generations in memory were full. A
//! run of a minute or more also shows the memory of this process as it goes on. Beside sled and SQLite:
//! `benches/engines`.
//!
//! `cargo bench --bench store -- upkeep PAYMENTS`: reading statements while there are more and more tables of
//! checkpoints, and the backup and the archive of a store with so many payments.

#[path = "../engines/src/settings.rs"]
mod settings;
mod upkeep;
#[path = "../engines/src/write_set.rs"]
mod write_set;

use std::error::Error;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use lango::store::Store;
use lango::store::embedded::disk::RealDisk;
use lango::store::embedded::{EmbeddedStore, OpenError};

/// As in the binary.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> Result<(), Box<dyn Error>> {
    if std::env::args().any(|argument| argument == "upkeep") {
        let payments = std::env::args().filter_map(|argument| argument.parse().ok()).next();
        return upkeep::measure(payments.unwrap_or(300_000));
    }
    let mut numbers = std::env::args().filter_map(|argument| argument.parse().ok());
    let (seconds, writers, rate) = (numbers.next().unwrap_or(3), numbers.next(), numbers.next());
    println!(
        "{:>8} {:>12} {:>14} {:>14} {:>12} {:>12} {:>8} {:>8} {:>8}",
        "writers",
        "commits/s",
        "cpu us/commit",
        "journal/commit",
        "written",
        "checkpoints",
        "swap ms",
        "pause ms",
        "room ms"
    );
    for writers in writers.map_or_else(|| vec![1, 16, 256], |writers| vec![writers]) {
        measure(writers, Duration::from_secs(seconds), rate)?;
    }
    Ok(())
}

fn measure(writers: u64, time: Duration, rate: Option<u64>) -> Result<(), Box<dyn Error>> {
    let dir = tempfile::tempdir()?;
    let store = open(dir.path())?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let numbers = Arc::new(AtomicU64::new(0));
    let (begin, cpu_before, written_before) = (Instant::now(), cpu_microseconds()?, written_bytes()?);
    let tasks: Vec<_> = (0..writers)
        .map(|_| {
            let (store, numbers) = (store.clone(), numbers.clone());
            runtime.spawn(async move {
                while begin.elapsed() < time {
                    let number = numbers.fetch_add(1, Ordering::Relaxed);
                    if let Some(rate) = rate {
                        tokio::time::sleep_until((begin + Duration::from_secs(number) / rate as u32).into()).await;
                    }
                    store.commit(write_set::payment(number)).await?;
                }
                Ok::<(), lango::store::CommitError>(())
            })
        })
        .collect();
    if time >= REPORT_EVERY * 2 {
        while begin.elapsed() + REPORT_EVERY <= time {
            std::thread::sleep(REPORT_EVERY);
            let health = store.health();
            println!(
                "{:>8} s: {} commits, {} in the index, {} MiB in the memtable, {} MiB resident, {} at most",
                begin.elapsed().as_secs(),
                health.sequence,
                health.checkpoint,
                health.memory_bytes >> 20,
                memory_mib("VmRSS:")?,
                memory_mib("VmHWM:")?,
            );
        }
    }
    for task in tasks {
        runtime.block_on(task)??;
    }
    let elapsed = begin.elapsed().as_secs_f64();
    let (health, stalls) = (store.health(), store.stalls());
    store.close();
    let cpu = cpu_microseconds()?.saturating_sub(cpu_before) as f64;
    let written = written_bytes()?.saturating_sub(written_before);
    let commits = health.sequence as f64;
    let bytes = fs::read_dir(dir.path().join("journal"))?
        .map(|entry| Ok(entry?.metadata()?.len()))
        .sum::<std::io::Result<u64>>()?;
    println!(
        "{writers:>8} {:>12.0} {:>14.1} {:>14.0} {:>12.0} {:>12} {:>8.3} {:>8.1} {:>8.1}",
        commits / elapsed,
        cpu / commits,
        bytes as f64 / commits,
        written as f64 / commits,
        if health.checkpoint > 0 { "yes" } else { "at the end" },
        stalls.swap.as_secs_f64() * 1000.0,
        stalls.pause.as_secs_f64() * 1000.0,
        stalls.room.as_secs_f64() * 1000.0,
    );
    Ok(())
}

fn open(dir: &Path) -> Result<Arc<EmbeddedStore>, OpenError> {
    EmbeddedStore::open(settings::options(dir), Arc::new(RealDisk))
}

const REPORT_EVERY: Duration = Duration::from_secs(30);

/// What the kernel says of this process's memory.
fn memory_mib(field: &str) -> Result<u64, Box<dyn Error>> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix(field)).ok_or("the kernel does not say")?;
    Ok(line.trim_end_matches("kB").trim().parse::<u64>()? / 1024)
}

/// Bytes that this process handed to the disk, in all files.
fn written_bytes() -> Result<u64, Box<dyn Error>> {
    let io = fs::read_to_string("/proc/self/io")?;
    let line = io.lines().find_map(|line| line.strip_prefix("write_bytes:")).ok_or("the kernel does not say")?;
    Ok(line.trim().parse()?)
}

/// CPU time of this process, all threads, user and system.
fn cpu_microseconds() -> Result<u64, Box<dyn Error>> {
    // Fields 14 and 15 behind the name, which ends with the last parenthesis, in hundredths.
    let stat = fs::read_to_string("/proc/self/stat")?;
    let behind = stat.rsplit(')').next().unwrap_or_default();
    let ticks = behind.split_whitespace().skip(11).take(2).map(str::parse::<u64>).sum::<Result<u64, _>>()?;
    Ok(ticks.saturating_mul(10_000))
}
