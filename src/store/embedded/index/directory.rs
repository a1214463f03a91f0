//! The directory: who there is, what they are called and where their callbacks go, in sled. The only
//! file that knows sled.
//!
//! What sled 0.34 does not do itself is done here: its flush is followed by a real sync of its files,
//! and a digest over all records tells at each opening whether some were lost or changed behind a
//! stamp that is whole, which sled itself does not always notice. What it lost is made anew from the
//! journal.

use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use super::guard::guarded;
use super::{IndexError, STAMP, Write, decode_stamp};
use crate::store::embedded::disk::Disk;
use crate::store::embedded::segment::Position;
use crate::store::embedded::stamp::Stamp;
use crate::store::locks::lock;
use crate::store::{Key, KeyRange};

/// The records of the directory.
pub(super) struct Directory {
    db: sled::Db,
    records: sled::Tree,
    dir: PathBuf,
    disk: Arc<dyn Disk>,
    /// Files of sled's for large values, each written once, that are durable.
    synced_blobs: Mutex<BTreeSet<String>>,
}

/// What sled keeps everything in but large values, and what it must know to read it. It syncs neither.
const FILES: [&str; 2] = ["conf", "db"];
/// Memory for pages that were read.
const CACHE_BYTES: u64 = 16 << 20;
/// What sled says when its file is locked; it has no error of its own for that.
const SLED_IS_LOCKED: &str = "could not acquire lock";
/// How long sled's threads may take to end.
const SLED_UNLOCK_TIME_MAX: Duration = Duration::from_secs(10);
const SLED_UNLOCK_POLL: Duration = Duration::from_millis(5);

impl Directory {
    /// Opens or makes the directory. Threads of sled's may keep its own lock for a moment after it
    /// was dropped. Other processes are kept out by the store's lock, so whoever has sled's is about
    /// to give it up.
    pub(super) fn open(disk: Arc<dyn Disk>, dir: &Path) -> Result<Self, IndexError> {
        let begin = Instant::now();
        loop {
            match Self::try_open(&disk, dir) {
                Err(IndexError::Unavailable(reason))
                    if reason.contains(SLED_IS_LOCKED) && begin.elapsed() < SLED_UNLOCK_TIME_MAX =>
                {
                    thread::sleep(SLED_UNLOCK_POLL);
                }
                opened => return opened,
            }
        }
    }

    fn try_open(disk: &Arc<dyn Disk>, dir: &Path) -> Result<Self, IndexError> {
        let config = sled::Config::new().path(dir).cache_capacity(CACHE_BYTES).flush_every_ms(None);
        let (db, records) = guarded(|| {
            let db = config.open()?;
            let records = db.open_tree("records")?;
            Ok::<_, sled::Error>((db, records))
        })?;
        let (dir, disk) = (dir.to_owned(), disk.clone());
        let directory = Self { db, records, dir, disk, synced_blobs: Mutex::default() };
        directory.check_digest()?;
        Ok(directory)
    }

    /// What it says about itself, once it has taken something in.
    pub(super) fn stamp(&self) -> Result<Option<Stamp>, IndexError> {
        guarded(|| self.records.get(STAMP))?.map(|bytes| decode_stamp(&bytes)).transpose()
    }

    /// The bytes of the record under `key`.
    pub(super) fn look_up(&self, key: &Key) -> Result<Option<sled::IVec>, IndexError> {
        guarded(|| self.records.get(key.as_bytes()))
    }

    /// At most `limit` records of a range, in order, as bytes.
    pub(super) fn range(&self, range: &KeyRange, limit: usize) -> Result<Vec<(Key, Vec<u8>)>, IndexError> {
        guarded(|| {
            let pairs = self.records.range(range.from.as_bytes()..range.to.as_bytes());
            let pairs = pairs.map(|pair| pair.map(|(key, bytes)| (Key::from_bytes(&*key), bytes.to_vec())));
            pairs.take(limit).collect::<sled::Result<Vec<_>>>()
        })
    }

    /// Takes in all these records and the stamp, or nothing. Without records it stays as it is.
    pub(super) fn absorb<'a>(
        &self,
        identity: [u8; 16],
        position: Position,
        writes: impl Iterator<Item = Write<'a>>,
    ) -> Result<(), IndexError> {
        let mut writes = writes.peekable();
        if writes.peek().is_none() {
            return Ok(());
        }
        let (mut batch, mut value) = (sled::Batch::default(), Vec::new());
        let mut digest = self.stamp()?.map_or(0, |stamp| stamp.beside);
        for (key, record) in writes {
            if let Some(before) = self.look_up(key)? {
                digest = digest.wrapping_sub(digest_of(key.as_bytes(), &before));
            }
            match record {
                Some(record) => {
                    record.encode(&mut value);
                    digest = digest.wrapping_add(digest_of(key.as_bytes(), &value));
                    batch.insert(key.as_bytes(), value.as_slice());
                }
                None => batch.remove(key.as_bytes()),
            }
        }
        batch.insert(STAMP, Stamp { identity, position, beside: digest }.encode());
        guarded(|| self.records.apply_batch(batch))?;
        self.sync()
    }

    /// Adds up what is there and compares it with what the stamp says was.
    fn check_digest(&self) -> Result<(), IndexError> {
        let expected = self.stamp()?.map_or(0, |stamp| stamp.beside);
        let found = guarded(|| {
            let mut found = 0_u64;
            for pair in &self.records {
                let (key, value) = pair?;
                if *key != *STAMP {
                    found = found.wrapping_add(digest_of(&key, &value));
                }
            }
            Ok::<_, sled::Error>(found)
        })?;
        if found != expected {
            return Err(IndexError::Damaged("records of the directory were lost or changed".into()));
        }
        Ok(())
    }

    /// Makes everything written durable: sled's flush hands it to the kernel and no further.
    fn sync(&self) -> Result<(), IndexError> {
        guarded(|| self.db.flush())?;
        self.sync_blobs()?;
        for name in FILES {
            self.disk.sync_file(&self.dir.join(name))?;
        }
        Ok(self.disk.sync_dir(&self.dir)?)
    }

    fn sync_blobs(&self) -> std::io::Result<()> {
        let dir = self.dir.join("blobs");
        let names: BTreeSet<String> = self.disk.list(&dir)?.into_iter().collect();
        let mut synced = lock(&self.synced_blobs);
        for name in names.difference(&synced) {
            match self.disk.sync_file(&dir.join(name)) {
                // sled removes the file of a value that was overwritten.
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                done => done?,
            }
        }
        if names != *synced {
            self.disk.sync_dir(&dir)?;
            *synced = names;
        }
        Ok(())
    }
}

/// What a record adds to the digest: 64 bits, from two checksums over differently ordered bytes.
fn digest_of(key: &[u8], value: &[u8]) -> u64 {
    let checksum = |parts: [&[u8]; 3]| {
        let mut hasher = crc32fast::Hasher::new();
        parts.iter().for_each(|part| hasher.update(part));
        u64::from(hasher.finalize())
    };
    let length = (key.len() as u64).to_le_bytes();
    checksum([&length, key, value]) << 32 | checksum([value, &length, key])
}
