//! The history: everything that grows with each payment, and the counters, in a log-structured merge
//! tree. The only file that knows its crate.
//!
//! A checkpoint comes in by the tree's way for bulk: sorted once, written once into a table of its
//! own, synced, and then registered with its stamp in one step. The tree's own write-ahead log is
//! left out, since the journal is the truth. Each block has a checksum, so what was changed on the
//! disk is an error when it is read and never a wrong answer.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, ErrorKind, Write as _};
use std::path::Path;
use std::sync::Arc;

use lsm_tree::checksum::ChecksummedWriter;
use lsm_tree::{AbstractTree, AnyIngestion, AnyTree, Cache, Config, Guard, SequenceNumberCounter};

use super::compactor::Compactor;
use super::guard::guarded;
use super::tables::{NEWEST, Tables, hash_of, unmerged_of};
use super::{IndexError, STAMP, Write, decode_record, decode_stamp, unreadable};
use crate::store::embedded::kept::{Kept, Values};
use crate::store::embedded::stamp::Stamp;
use crate::store::{Key, KeyRange};

/// Records that are not of the directory, and counters.
pub(super) struct History {
    tree: AnyTree,
    tables: Arc<Tables>,
    compactor: Compactor,
}

/// Memory for blocks that were read.
const CACHE_BYTES: u64 = 64 << 20;
/// What a counter's key begins with: behind the stamp and before all records.
const COUNTERS: u8 = 0x01;
/// Tables of checkpoints that wait to be merged. A range read looks into each, and the keys of each take
/// memory, so checkpoints wait when merging falls behind.
const UNMERGED_MAX: usize = 40;

impl History {
    /// Opens or makes the history.
    pub(super) fn open(dir: &Path) -> Result<Self, IndexError> {
        check_list(dir)?;
        let numbers = SequenceNumberCounter::default();
        let tree = guarded(|| {
            let config = Config::new(dir, numbers.clone(), SequenceNumberCounter::default());
            config.use_cache(Arc::new(Cache::with_capacity_bytes(CACHE_BYTES))).open()
        })?;
        // The tree numbers its tables by when they came in and leaves it to us to go on counting.
        numbers.set(tree.get_highest_seqno().map_or(0, |newest| newest.saturating_add(1)));
        let tables = Arc::new(Tables::of(&tree));
        let compactor = Compactor::start(tree.clone(), numbers, tables.clone())?;
        Ok(Self { tree, tables, compactor })
    }

    /// What it says about itself, once it has taken something in.
    pub(super) fn stamp(&self) -> Result<Option<Stamp>, IndexError> {
        guarded(|| self.tables.look_up(STAMP))?.map(|bytes| decode_stamp(&bytes)).transpose()
    }

    /// The bytes of the record under `key`.
    pub(super) fn look_up(&self, key: &Key) -> Result<Option<lsm_tree::Slice>, IndexError> {
        guarded(|| self.tables.look_up(key.as_bytes()))
    }

    /// The counter, if it was ever moved.
    pub(super) fn counter(&self, key: &Key) -> Result<Option<i64>, IndexError> {
        let mut place = Vec::with_capacity(key.as_bytes().len().saturating_add(1));
        put_counter_key(&mut place, key);
        let Some(bytes) = guarded(|| self.tables.look_up(&place))? else { return Ok(None) };
        let digits = <[u8; 8]>::try_from(&*bytes).map_err(|_| unreadable("a counter"))?;
        Ok(Some(i64::from_le_bytes(digits)))
    }

    /// At most `limit` records of a range, in order, as bytes.
    pub(super) fn range(&self, range: &KeyRange, limit: usize) -> Result<Vec<(Key, Vec<u8>)>, IndexError> {
        guarded(|| {
            let pairs = self.tree.range(range.from.as_bytes()..range.to.as_bytes(), NEWEST, None);
            let pairs = pairs.map(|pair| pair.into_inner());
            let pairs = pairs.map(|pair| pair.map(|(key, bytes)| (Key::from_bytes(&*key), bytes.to_vec())));
            pairs.take(limit).collect::<lsm_tree::Result<Vec<_>>>()
        })
    }

    /// Takes in all of this, in the order of the keys, and the stamp, or nothing.
    pub(super) fn absorb(
        &self,
        stamp: &Stamp,
        counters: &[(&Key, i64)],
        writes: &[Write<'_>],
    ) -> Result<(), IndexError> {
        self.add_table(|table| {
            table.put(STAMP, &stamp.encode())?;
            let (mut place, mut value) = (Vec::new(), Vec::new());
            for (counter, value) in counters {
                put_counter_key(&mut place, counter);
                table.put(&place, &value.to_le_bytes())?;
            }
            for (key, record) in writes {
                match record {
                    Some(record) => {
                        record.encode(&mut value);
                        table.put(key.as_bytes(), &value)?;
                    }
                    None => table.delete(key.as_bytes())?,
                }
            }
            Ok(())
        })
    }

    /// Takes over values that are kept in the journal, of records of this version at most and from this key
    /// on: as many as one turn may take. Gives the key from which to go on, and nothing at the end. Meanwhile
    /// nothing else may be taken in.
    pub(super) fn take_over(&self, from: &[u8], version: u64, values: &Values) -> Result<Option<Vec<u8>>, IndexError> {
        let (mut taken, mut bytes, mut next) = (BTreeMap::new(), 0_usize, None);
        let mut pairs = guarded(|| Ok::<_, lsm_tree::Error>(self.tree.range(from.to_vec().., NEWEST, None)))?;
        for nth in 0_usize.. {
            let Some((key, kept)) = guarded(|| pairs.next().map(Guard::into_inner).transpose())? else { break };
            if nth >= TURN_KEYS || bytes >= TURN_BYTES {
                next = Some(key.to_vec());
                break;
            }
            let is_record = key.first().is_some_and(|&first| first > COUNTERS);
            if !is_record || taken.contains_key(&*key) {
                continue;
            }
            let kept = decode_record(&kept)?;
            if let Kept::Apart { version: of, place } = kept
                && of <= version
            {
                // Its commit is read once, for all that is kept there.
                for (key, record) in values.large(of, &place)? {
                    let same =
                        self.look_up(&key)?.map(|bytes| decode_record(&bytes)).transpose()?.as_ref() == Some(&kept);
                    if same {
                        let mut whole = Vec::new();
                        Kept::Whole(record).encode(&mut whole);
                        bytes = bytes.saturating_add(whole.len());
                        taken.insert(key.as_bytes().to_vec(), whole);
                    }
                }
                if !taken.contains_key(&*key) {
                    return Err(IndexError::Unavailable(format!("the commit {of} lacks a value that it wrote")));
                }
            }
        }
        if !taken.is_empty() {
            self.add_table(|table| taken.iter().try_for_each(|(key, whole)| table.put(key, whole)))?;
        }
        Ok(next)
    }

    /// Adds a table with what `fill` puts into it, in the order of the keys, or nothing when that fails.
    fn add_table(&self, fill: impl FnOnce(&mut NewTable<'_>) -> lsm_tree::Result<()>) -> Result<(), IndexError> {
        self.compactor.wait_for_fewer_than(UNMERGED_MAX);
        let known = unmerged_of(&self.tree);
        let hashes = guarded(|| {
            let mut table = NewTable { ingestion: self.tree.ingestion()?, hashes: Vec::new() };
            fill(&mut table)?;
            table.ingestion.finish()?;
            Ok::<_, lsm_tree::Error>(table.hashes)
        })?;
        self.tables.refresh_with(&self.tree, &known, &hashes);
        self.compactor.ask();
        Ok(())
    }
}

/// What is looked at while nothing else may be taken in, at most: it takes a fraction of a second.
const TURN_KEYS: usize = if cfg!(test) { 50 } else { 100_000 };
const TURN_BYTES: usize = if cfg!(test) { 4 << 10 } else { 16 << 20 };

/// A table that is being written.
struct NewTable<'a> {
    ingestion: AnyIngestion<'a>,
    /// Of its keys.
    hashes: Vec<u64>,
}

impl NewTable<'_> {
    fn put(&mut self, key: &[u8], value: &[u8]) -> lsm_tree::Result<()> {
        self.hashes.push(hash_of(key));
        self.ingestion.write(key, value)
    }

    fn delete(&mut self, key: &[u8]) -> lsm_tree::Result<()> {
        self.hashes.push(hash_of(key));
        self.ingestion.write_tombstone(key)
    }
}

/// The list of tables is as it was written. The tree keeps a checksum of it beside its number, and does
/// not look at it when it reads the list; a byte changed there could let old values hide new ones.
fn check_list(dir: &Path) -> Result<(), IndexError> {
    let changed = || IndexError::Damaged("the list of its tables was changed".into());
    let newest = match fs::read(dir.join(NEWEST_LIST)) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        newest => newest?,
    };
    let (number, rest) = newest.split_first_chunk::<8>().ok_or_else(changed)?;
    let checksum = rest.first_chunk::<16>().ok_or_else(changed)?;
    let mut list = ChecksummedWriter::new(io::sink());
    list.write_all(&fs::read(dir.join(format!("v{}", u64::from_le_bytes(*number))))?)?;
    let whole = list.checksum().into_u128() == u128::from_le_bytes(*checksum);
    if whole { Ok(()) } else { Err(changed()) }
}

/// Where the number and the checksum of the newest list are.
const NEWEST_LIST: &str = "current";

/// Puts what a counter has its value under into `out`, in the place of what is there.
fn put_counter_key(out: &mut Vec<u8>, counter: &Key) {
    out.clear();
    out.push(COUNTERS);
    out.extend_from_slice(counter.as_bytes());
}
