//! Engines in the role of the index: sorted batches of a checkpoint's size are moved in, each made
//! durable once at its end, since the journal is the truth; then keys are looked up.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;
use std::time::Instant;

use anyhow::{Result, bail};

use crate::measure::{cpu_microseconds, folder_bytes, peak_memory_mib, written_bytes};
use crate::payment;

/// Payments of one checkpoint: about half of the 64 MiB that may wait in memory.
const PAYMENTS_OF_A_BATCH: u64 = 9_000;
const LOOKUPS: u64 = 100_000;
/// Values as large are kept apart from the sorted keys, where an engine can.
const SEPARATED_BYTES: u32 = 256;

type Batch = BTreeMap<Vec<u8>, Vec<u8>>;

trait Index {
    fn absorb(&mut self, batch: &Batch) -> Result<()>;
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>>;
    fn first_of(&self, from: &[u8], count: usize) -> Result<usize>;
}

/// Moves `payments` into the engine of this name and prints what it cost.
pub fn measure(engine: &str, payments: u64) -> Result<()> {
    let dir = tempfile::tempdir_in(".")?;
    let mut index: Box<dyn Index> = match engine {
        "sled" => Box::new(Sled::open(dir.path())?),
        "fjall" => Box::new(Fjall::open(dir.path(), None)?),
        "fjall-kv" => Box::new(Fjall::open(dir.path(), Some(SEPARATED_BYTES))?),
        "redb" => Box::new(Redb::open(dir.path())?),
        other => bail!("no engine {other}"),
    };
    let (begin, mut cpu, mut longest) = (Instant::now(), 0, 0.0_f64);
    let mut number = 0;
    while number < payments {
        let mut batch = Batch::new();
        for number in number..payments.min(number + PAYMENTS_OF_A_BATCH) {
            payment::writes(number, &mut |key, value| drop(batch.insert(key, value)));
        }
        number += PAYMENTS_OF_A_BATCH;
        let (before, moment) = (cpu_microseconds()?, Instant::now());
        index.absorb(&batch)?;
        cpu += cpu_microseconds()? - before;
        longest = longest.max(moment.elapsed().as_secs_f64());
    }
    let (elapsed, written) = (begin.elapsed().as_secs_f64(), written_bytes()?);
    let lookup = |key: &dyn Fn(u64) -> Vec<u8>, expected: bool| -> Result<f64> {
        let before = cpu_microseconds()?;
        for nth in 0..LOOKUPS {
            let found = index.get(&key(nth.wrapping_mul(0x9E37_79B9_7F4A_7C15) % payments))?;
            if found.is_some() != expected {
                bail!("{engine}: a key is wrongly found or missing");
            }
        }
        Ok((cpu_microseconds()? - before) as f64 / LOOKUPS as f64)
    };
    let present = lookup(&payment::request_key, true)?;
    let absent = lookup(&|number| payment::request_key(number + payments), false)?;
    let before = cpu_microseconds()?;
    for nth in 0..LOOKUPS / 100 {
        index.first_of(&payment::statement_of(nth % 100), 20)?;
    }
    let ranges = (cpu_microseconds()? - before) as f64 / (LOOKUPS / 100) as f64;
    println!(
        "{engine:>8} {payments:>9} {elapsed:>8.1} {:>10.1} {longest:>9.2} {:>7} {:>10.0} {:>10.0} {present:>8.1} {absent:>8.1} {ranges:>8.1}",
        cpu as f64 / payments as f64,
        peak_memory_mib()?,
        written as f64 / payments as f64,
        folder_bytes(dir.path())? as f64 / payments as f64,
    );
    Ok(())
}

/// The names of the columns of [`measure`].
pub fn headings() {
    println!(
        "{:>8} {:>9} {:>8} {:>10} {:>9} {:>7} {:>10} {:>10} {:>8} {:>8} {:>8}",
        "engine",
        "payments",
        "seconds",
        "cpu us/pay",
        "longest s",
        "RSS MiB",
        "written/p",
        "on disk/p",
        "get us",
        "absent",
        "range us"
    );
}

struct Sled {
    db: sled::Db,
    file: std::path::PathBuf,
}

impl Sled {
    fn open(dir: &Path) -> Result<Self> {
        let db = sled::Config::new().path(dir).cache_capacity(64 << 20).flush_every_ms(None).open()?;
        Ok(Self { db, file: dir.join("db") })
    }
}

impl Index for Sled {
    fn absorb(&mut self, batch: &Batch) -> Result<()> {
        let mut unflushed = 0;
        for (key, value) in batch {
            self.db.insert(key, value.as_slice())?;
            unflushed += key.len() + value.len();
            if unflushed > 4 << 20 {
                self.db.flush()?;
                unflushed = 0;
            }
        }
        self.db.flush()?;
        Ok(File::open(&self.file)?.sync_data()?)
    }

    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>> {
        Ok(self.db.get(key)?.map(|value| value.to_vec()))
    }

    fn first_of(&self, from: &[u8], count: usize) -> Result<usize> {
        Ok(self.db.range(from..).take(count).filter(Result::is_ok).count())
    }
}

struct Fjall {
    db: fjall::Database,
    keys: fjall::Keyspace,
}

impl Fjall {
    /// With values of at least `separated` bytes in files of their own, if any are.
    fn open(dir: &Path, separated: Option<u32>) -> Result<Self> {
        let db = fjall::Database::builder(dir).cache_size(64 << 20).open()?;
        let separation = separated.map(|bytes| fjall::KvSeparationOptions::default().separation_threshold(bytes));
        let keys = db.keyspace("records", || fjall::KeyspaceCreateOptions::default().with_kv_separation(separation))?;
        Ok(Self { db, keys })
    }
}

impl Index for Fjall {
    /// By its bulk way in, which writes tables without its own journal.
    fn absorb(&mut self, batch: &Batch) -> Result<()> {
        let mut ingestion = self.keys.start_ingestion()?;
        for (key, value) in batch {
            ingestion.write(key.as_slice(), value.as_slice())?;
        }
        ingestion.finish()?;
        Ok(self.db.persist(fjall::PersistMode::SyncAll)?)
    }

    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>> {
        Ok(self.keys.get(key)?.map(|value| value.to_vec()))
    }

    fn first_of(&self, from: &[u8], count: usize) -> Result<usize> {
        Ok(self.keys.range(from.to_vec()..).take(count).map(fjall::Guard::into_inner).filter(Result::is_ok).count())
    }
}

struct Redb {
    db: redb::Database,
}

const TABLE: redb::TableDefinition<'_, &[u8], &[u8]> = redb::TableDefinition::new("records");

impl Redb {
    fn open(dir: &Path) -> Result<Self> {
        Ok(Self { db: redb::Database::builder().set_cache_size(64 << 20).create(dir.join("redb"))? })
    }
}

impl Index for Redb {
    fn absorb(&mut self, batch: &Batch) -> Result<()> {
        let write = self.db.begin_write()?;
        {
            let mut table = write.open_table(TABLE)?;
            for (key, value) in batch {
                table.insert(key.as_slice(), value.as_slice())?;
            }
        }
        Ok(write.commit()?)
    }

    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>> {
        use redb::ReadableDatabase;
        let table = self.db.begin_read()?.open_table(TABLE)?;
        Ok(table.get(key)?.map(|value| value.value().to_vec()))
    }

    fn first_of(&self, from: &[u8], count: usize) -> Result<usize> {
        use redb::ReadableDatabase;
        let table = self.db.begin_read()?.open_table(TABLE)?;
        Ok(table.range(from..)?.take(count).filter(Result::is_ok).count())
    }
}
