//! How many payment-shaped write sets the embedded store commits in a second, and what CPU each
//! costs, at 1, 16 and 256 writers. `cargo bench --bench store -- [SECONDS]`; the checkpoints that
//! fall into the time count in.

use std::error::Error;
use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use lango::store::embedded::disk::RealDisk;
use lango::store::embedded::{EmbeddedStore, Options};
use lango::store::{Key, Store, WriteSet};

const PAYERS: u64 = 100_000;
const PAYBILLS: u64 = 100;

fn main() -> Result<(), Box<dyn Error>> {
    let seconds = std::env::args().filter_map(|argument| argument.parse().ok()).next().unwrap_or(3);
    println!(
        "{:>8} {:>12} {:>14} {:>12} {:>12}",
        "writers", "commits/s", "cpu us/commit", "bytes/commit", "checkpoints"
    );
    for writers in [1, 16, 256] {
        measure(writers, Duration::from_secs(seconds))?;
    }
    Ok(())
}

fn measure(writers: u64, time: Duration) -> Result<(), Box<dyn Error>> {
    let dir = tempfile::tempdir()?;
    let options = Options {
        dir: dir.path().to_owned(),
        segment_bytes_max: 64 << 20,
        memory_bytes_max: 64 << 20,
        write_set_bytes_max: 4 << 20,
        waiting_max: 4096,
        directory_kinds: &["url"],
    };
    let store = EmbeddedStore::open(options, Arc::new(RealDisk))?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let numbers = Arc::new(AtomicU64::new(0));
    let (begin, cpu_before) = (Instant::now(), cpu_microseconds()?);
    let tasks: Vec<_> = (0..writers)
        .map(|_| {
            let (store, numbers) = (store.clone(), numbers.clone());
            runtime.spawn(async move {
                while begin.elapsed() < time {
                    let number = numbers.fetch_add(1, Ordering::Relaxed);
                    store.commit(payment(number)).await?;
                }
                Ok::<(), lango::store::CommitError>(())
            })
        })
        .collect();
    for task in tasks {
        runtime.block_on(task)??;
    }
    let elapsed = begin.elapsed().as_secs_f64();
    let health = store.health();
    store.close();
    let cpu = cpu_microseconds()?.saturating_sub(cpu_before) as f64;
    let commits = health.sequence as f64;
    let bytes = fs::read_dir(dir.path().join("journal"))?
        .map(|entry| Ok(entry?.metadata()?.len()))
        .sum::<std::io::Result<u64>>()?;
    println!(
        "{writers:>8} {:>12.0} {:>14.1} {:>12.0} {:>12}",
        commits / elapsed,
        cpu / commits,
        bytes as f64 / commits,
        if health.checkpoint > 0 { "yes" } else { "at the end" },
    );
    Ok(())
}

/// Thirteen keys: request and its index, transaction and its receipt, two balances and a limit, two
/// statement entries with their logs, and the result in the outbox.
fn payment(number: u64) -> WriteSet {
    // Neighbours in time are not neighbours among the payers.
    let payer = number.wrapping_mul(0x9E37_79B9_7F4A_7C15) % PAYERS;
    let paybill = number % PAYBILLS;
    let balance = |kind: &str, account: u64| Key::of("balance").text(kind).number(account);
    let mut write_set = WriteSet::new();
    let request = Key::of("request").number(number);
    let by_originator = Key::of("originator").text("shop").number(number.rotate_left(32));
    write_set.expect_absent(request.clone());
    write_set.expect_absent(by_originator.clone());
    write_set.adjust(balance("payer", payer), -100, i64::MIN, i64::MAX);
    write_set.adjust(balance("paybill", paybill), 100, 0, i64::MAX);
    write_set.adjust(Key::of("limit").number(payer), 100, 0, i64::MAX);
    write_set.put(request, vec![b'r'; 1500]);
    write_set.put(by_originator, vec![b'o'; 60]);
    let captured = vec![balance("payer", payer), balance("paybill", paybill)];
    write_set.put_capturing(Key::of("transaction").number(number), vec![b't'; 500], captured);
    write_set.put(Key::of("receipt").number(number.rotate_left(16)), vec![b'c'; 20]);
    write_set.append(Key::of("statement").text("payer").number(payer), vec![b's'; 80], vec![balance("payer", payer)]);
    let captured = vec![balance("paybill", paybill)];
    write_set.append(Key::of("statement").text("paybill").number(paybill), vec![b's'; 80], captured);
    write_set.put(Key::of("outbox").number(number), vec![b'x'; 900]);
    write_set
}

/// CPU time of this process, all threads, user and system.
fn cpu_microseconds() -> Result<u64, Box<dyn Error>> {
    // Fields 14 and 15 behind the name, which ends with the last parenthesis, in hundredths.
    let stat = fs::read_to_string("/proc/self/stat")?;
    let behind = stat.rsplit(')').next().unwrap_or_default();
    let ticks = behind.split_whitespace().skip(11).take(2).map(str::parse::<u64>).sum::<Result<u64, _>>()?;
    Ok(ticks.saturating_mul(10_000))
}
