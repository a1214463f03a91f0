//! Commits a second, and what each costs, at 1, 16 and 256 writers.

use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use crate::engine::{self, Engine, JOURNAL, NAMES};
use crate::measure::{cpu_microseconds, folder_bytes, peak_memory_mib, written_bytes};
use crate::write_set::payment;

/// Measures a journal alone and all engines, each time in a process of its own.
pub fn all(seconds: u64) -> Result<()> {
    println!(
        "{:>8} {:>8} {:>10} {:>10} {:>10} {:>10} {:>10} {:>8}",
        "writers", "engine", "payments", "commits/s", "cpu us", "written/p", "on disk/p", "RSS MiB"
    );
    for writers in [1, 16, 256] {
        for name in [JOURNAL].into_iter().chain(NAMES) {
            let arguments = ["commits", name, &writers.to_string(), &seconds.to_string()];
            let status = Command::new(std::env::current_exe()?).args(arguments).status()?;
            ensure!(status.success(), "{name} with {writers} writers failed");
        }
    }
    Ok(())
}

/// Lets so many writers commit for so many seconds and prints what it cost. What the engine writes
/// later, at the latest when it is closed, counts in; only the commits per second are without that.
pub fn measure(name: &str, writers: u64, seconds: u64) -> Result<()> {
    let dir = tempfile::tempdir_in(".")?;
    let engine = engine::open(name, dir.path())?;
    let begin = Instant::now();
    let payments = run(&engine, writers, &move |_| begin.elapsed() < Duration::from_secs(seconds))?;
    let elapsed = begin.elapsed().as_secs_f64();
    engine.close();
    println!(
        "{writers:>8} {name:>8} {payments:>10} {:>10.0} {:>10.1} {:>10.0} {:>10.0} {:>8}",
        payments as f64 / elapsed,
        cpu_microseconds()? as f64 / payments as f64,
        written_bytes()? as f64 / payments as f64,
        folder_bytes(dir.path())? as f64 / payments as f64,
        peak_memory_mib()?,
    );
    Ok(())
}

/// Lets so many writers commit payments as long as `go_on` says so of the next one's number; gives
/// how many there were.
pub fn run(
    engine: &Arc<dyn Engine>,
    writers: u64,
    go_on: &(impl Fn(u64) -> bool + Clone + Send + Sync + 'static),
) -> Result<u64> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let (numbers, done) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let tasks: Vec<_> = (0..writers)
        .map(|_| {
            let (engine, numbers, done, go_on) = (engine.clone(), numbers.clone(), done.clone(), go_on.clone());
            runtime.spawn(async move {
                loop {
                    let number = numbers.fetch_add(1, Ordering::Relaxed);
                    if !go_on(number) {
                        return Ok::<(), anyhow::Error>(());
                    }
                    engine.commit(payment(number)).await?;
                    done.fetch_add(1, Ordering::Relaxed);
                }
            })
        })
        .collect();
    for task in tasks {
        runtime.block_on(task)??;
    }
    Ok(done.load(Ordering::Relaxed))
}
