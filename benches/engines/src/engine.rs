//! Lango's store, and plain engines given the same write sets: one thread takes all that wait, does
//! on the engine what each says, makes all of it durable at once, and answers. So they gain from
//! commits that come together as much as Lango's store does.

use std::collections::BTreeMap;
use std::fs::File;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::{Arc, mpsc};
use std::thread::{self, JoinHandle};

use anyhow::{Context, Result, bail, ensure};
use lango::store::embedded::EmbeddedStore;
use lango::store::embedded::disk::RealDisk;
use lango::store::{Change, Expect, Key, Read, Store, WriteSet};
use rusqlite::{Connection, OptionalExtension};
use tokio::sync::oneshot;

use crate::journal::Journal;
use crate::settings::options;

/// The engines that are compared.
pub const NAMES: [&str; 4] = ["lango", "sled", "sqlite", "sqlite64"];
/// What is not one, and takes what each of them takes at least.
pub const JOURNAL: &str = "journal";

/// A commit under way.
pub type Done = Pin<Box<dyn Future<Output = Result<()>> + Send>>;

/// What commits write sets durably, and is asked for one record.
pub trait Engine: Send + Sync {
    /// Commits; the answer comes when it is durable.
    fn commit(&self, write_set: WriteSet) -> Done;
    /// Whether there is a record.
    fn holds(&self, key: &Key) -> Result<bool>;
    /// Ends its threads with everything written.
    fn close(&self);
}

/// Opens or makes the engine of this name.
pub fn open(name: &str, dir: &Path) -> Result<Arc<dyn Engine>> {
    Ok(match name {
        "lango" => Arc::new(Lango(EmbeddedStore::open(options(dir), Arc::new(RealDisk))?)),
        JOURNAL => Arc::new(Journal::begin(dir)?),
        "sled" => Arc::new(Committer::start(Sled::open(dir)?)),
        "sqlite" => Arc::new(Committer::start(Sqlite::open(dir, None)?)),
        "sqlite64" => Arc::new(Committer::start(Sqlite::open(dir, Some(PAGES_OF_64_MIB))?)),
        other => bail!("no engine {other}"),
    })
}

struct Lango(Arc<EmbeddedStore>);

impl Engine for Lango {
    fn commit(&self, write_set: WriteSet) -> Done {
        let pending = self.0.commit(write_set);
        Box::pin(async move { Ok(pending.await.map(drop)?) })
    }

    fn holds(&self, key: &Key) -> Result<bool> {
        Ok(self.0.record(key)?.is_some())
    }

    fn close(&self) {
        self.0.close();
    }
}

/// What a plain engine does.
trait Plain: Send + 'static {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>>;
    /// Writes all of these, durably, or none.
    fn put_all(&mut self, batch: &Batch) -> Result<()>;
}

type Batch = BTreeMap<Vec<u8>, Vec<u8>>;

enum Asked {
    Commit(WriteSet, oneshot::Sender<Result<()>>),
    Holds(Key, mpsc::Sender<Result<bool>>),
    Close,
}

/// The thread that has a plain engine.
struct Committer {
    asks: mpsc::Sender<Asked>,
    thread: std::sync::Mutex<Option<JoinHandle<()>>>,
}

impl Committer {
    fn start(mut engine: impl Plain) -> Self {
        let (asks, asked) = mpsc::channel();
        let run = move || {
            while let Ok(first) = asked.recv() {
                let (mut batch, mut answers) = (Batch::new(), Vec::new());
                let mut next = Some(first);
                while let Some(ask) = next {
                    match ask {
                        Asked::Commit(write_set, answer) => {
                            let taken = take(&engine, &mut batch, write_set);
                            answers.push((taken, answer));
                        }
                        Asked::Holds(key, answer) => {
                            let _ = answer.send(engine.get(&record_key(&key)).map(|found| found.is_some()));
                        }
                        Asked::Close => return,
                    }
                    next = asked.try_recv().ok();
                }
                let written = engine.put_all(&batch).map_err(|error| error.to_string());
                for (taken, answer) in answers {
                    let written = written.clone().map_err(anyhow::Error::msg);
                    let _ = answer.send(taken.and(written));
                }
            }
        };
        Self { asks, thread: std::sync::Mutex::new(Some(thread::spawn(run))) }
    }
}

impl Engine for Committer {
    fn commit(&self, write_set: WriteSet) -> Done {
        let (answer, answered) = oneshot::channel();
        let asked = self.asks.send(Asked::Commit(write_set, answer));
        Box::pin(async move {
            asked.ok().context("the committer is gone")?;
            answered.await?
        })
    }

    fn holds(&self, key: &Key) -> Result<bool> {
        let (answer, answered) = mpsc::channel();
        self.asks.send(Asked::Holds(key.clone(), answer)).ok().context("the committer is gone")?;
        answered.recv()?
    }

    fn close(&self) {
        let _ = self.asks.send(Asked::Close);
        let thread = self.thread.lock().ok().and_then(|mut thread| thread.take());
        drop(thread.map(JoinHandle::join));
    }
}

/// Records and counters beside each other, as in Lango's own index.
fn record_key(key: &Key) -> Vec<u8> {
    key.as_bytes().to_vec()
}

fn counter_key(key: &Key) -> Vec<u8> {
    [&[1], key.as_bytes()].concat()
}

/// Adds what a write set does to the batch, when it may be done.
fn take(engine: &impl Plain, batch: &mut Batch, write_set: WriteSet) -> Result<()> {
    let get = |batch: &Batch, key: &[u8]| match batch.get(key) {
        Some(value) => Ok(Some(value.clone())),
        None => engine.get(key),
    };
    let counter = |batch: &Batch, key: &Key| -> Result<i64> {
        let found = get(batch, &counter_key(key))?;
        Ok(found.map_or(Ok(0), |bytes| <[u8; 8]>::try_from(bytes.as_slice()).map(i64::from_le_bytes))?)
    };
    for (key, expect) in &write_set.expects {
        ensure!(*expect == Expect::Absent, "only what is absent is expected here");
        ensure!(get(batch, &record_key(key))?.is_none(), "{key:?} is there");
    }
    for adjust in &write_set.adjusts {
        let after = counter(batch, &adjust.counter)? + adjust.delta;
        ensure!((adjust.floor..=adjust.ceiling).contains(&after), "{:?} is out of bounds", adjust.counter);
        batch.insert(counter_key(&adjust.counter), after.to_le_bytes().to_vec());
    }
    for change in write_set.changes {
        let (key, mut value, capture) = match change {
            Change::Put { key, value, capture } => (key, value, capture),
            Change::Append { log, value, capture } => {
                let next = counter(batch, &log)? + 1;
                batch.insert(counter_key(&log), next.to_le_bytes().to_vec());
                (log.number(next as u64), value, capture)
            }
            Change::Delete { .. } => bail!("nothing is deleted here"),
        };
        for captured in &capture {
            value.extend_from_slice(&counter(batch, captured)?.to_le_bytes());
        }
        batch.insert(record_key(&key), value);
    }
    Ok(())
}

/// sled, made durable by a flush and a real sync of its file.
struct Sled {
    db: sled::Db,
    file: PathBuf,
}

impl Sled {
    fn open(dir: &Path) -> Result<Self> {
        let db = sled::Config::new().path(dir).cache_capacity(64 << 20).flush_every_ms(None).open()?;
        Ok(Self { db, file: dir.join("db") })
    }
}

impl Plain for Sled {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>> {
        Ok(self.db.get(key)?.map(|value| value.to_vec()))
    }

    fn put_all(&mut self, batch: &Batch) -> Result<()> {
        let mut writes = sled::Batch::default();
        for (key, value) in batch {
            writes.insert(key.as_slice(), value.as_slice());
        }
        self.db.apply_batch(writes)?;
        self.db.flush()?;
        Ok(File::open(&self.file)?.sync_data()?)
    }
}

/// SQLite with a write-ahead log that is synced at each commit.
struct Sqlite(Connection);

/// As much as Lango's store keeps back until a checkpoint, in SQLite's pages of 4 KiB; by itself it makes
/// a checkpoint after 1,000 pages.
const PAGES_OF_64_MIB: u32 = 16_384;

impl Sqlite {
    fn open(dir: &Path, pages_of_checkpoint: Option<u32>) -> Result<Self> {
        std::fs::create_dir_all(dir)?;
        let db = Connection::open(dir.join("sqlite"))?;
        db.pragma_update(None, "journal_mode", "WAL")?;
        db.pragma_update(None, "synchronous", "FULL")?;
        db.pragma_update(None, "cache_size", -(64 << 10))?;
        if let Some(pages) = pages_of_checkpoint {
            db.pragma_update(None, "wal_autocheckpoint", pages)?;
        }
        db.execute_batch(
            "create table if not exists records (key blob primary key, value blob not null) without rowid",
        )?;
        Ok(Self(db))
    }
}

impl Plain for Sqlite {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>> {
        let mut statement = self.0.prepare_cached("select value from records where key = ?1")?;
        Ok(statement.query_row([key], |row| row.get(0)).optional()?)
    }

    fn put_all(&mut self, batch: &Batch) -> Result<()> {
        let transaction = self.0.transaction()?;
        {
            let mut statement = transaction.prepare_cached("insert or replace into records values (?1, ?2)")?;
            for (key, value) in batch {
                statement.execute([key.as_slice(), value.as_slice()])?;
            }
        }
        Ok(transaction.commit()?)
    }
}
