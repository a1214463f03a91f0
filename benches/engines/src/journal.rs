//! The least that a store with a journal takes for a commit: the write set as bytes, chained by a hash and with a
//! checksum, written and synced together with all that wait, and answered. Nothing is checked, nothing is kept in
//! memory, nothing can be read; what a store takes beyond this is for that.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, mpsc};
use std::thread::{self, JoinHandle};

use anyhow::{Context, Result, bail};
use aws_lc_rs::digest::{self, SHA256};
use lango::store::{Change, Key, WriteSet};
use rustix::fs::{FallocateFlags, fallocate};
use tokio::sync::oneshot;

use crate::engine::{Done, Engine};

/// As in Lango's store.
const SEGMENT_BYTES: u64 = 64 << 20;

type Answer = oneshot::Sender<Result<()>>;

/// The thread that writes, and how it is asked.
pub struct Journal {
    asks: Mutex<Option<mpsc::Sender<(WriteSet, Answer)>>>,
    thread: Mutex<Option<JoinHandle<Result<()>>>>,
}

impl Journal {
    /// Begins one in this folder.
    pub fn begin(dir: &Path) -> Result<Self> {
        std::fs::create_dir_all(dir)?;
        let (asks, asked) = mpsc::channel();
        let mut segments = Segments { dir: dir.to_owned(), count: 0, file: None, offset: SEGMENT_BYTES };
        let thread = Mutex::new(Some(thread::spawn(move || run(&asked, &mut segments))));
        Ok(Self { asks: Mutex::new(Some(asks)), thread })
    }
}

impl Engine for Journal {
    fn commit(&self, write_set: WriteSet) -> Done {
        let (answer, answered) = oneshot::channel();
        let asks = self.asks.lock().ok().and_then(|asks| asks.clone());
        let asked = asks.and_then(|asks| asks.send((write_set, answer)).ok());
        Box::pin(async move {
            asked.context("the journal is closed")?;
            answered.await?
        })
    }

    fn holds(&self, _: &Key) -> Result<bool> {
        bail!("nothing can be read from a journal alone")
    }

    fn close(&self) {
        drop(self.asks.lock().ok().and_then(|mut asks| asks.take()));
        drop(self.thread.lock().ok().and_then(|mut thread| thread.take()).map(JoinHandle::join));
    }
}

fn run(asked: &mpsc::Receiver<(WriteSet, Answer)>, segments: &mut Segments) -> Result<()> {
    let (mut batch, mut answers, mut hash) = (Vec::new(), Vec::new(), [0; 32]);
    while let Ok(first) = asked.recv() {
        for (write_set, answer) in std::iter::once(first).chain(asked.try_iter()) {
            hash = push(&mut batch, &hash, write_set)?;
            answers.push(answer);
        }
        segments.append(&batch)?;
        batch.clear();
        for answer in answers.drain(..) {
            let _ = answer.send(Ok(()));
        }
    }
    Ok(())
}

/// Adds a write set with what is written of it: its records, and the counters with their values. Gives its hash.
fn push(batch: &mut Vec<u8>, before: &[u8; 32], write_set: WriteSet) -> Result<[u8; 32]> {
    let begin = batch.len();
    batch.extend_from_slice(before);
    for adjust in &write_set.adjusts {
        put(batch, adjust.counter.as_bytes());
        batch.extend_from_slice(&adjust.delta.to_le_bytes());
    }
    for change in write_set.changes {
        let (key, value, captured) = match change {
            Change::Put { key, value, capture } => (key, value, capture.len()),
            Change::Append { log, value, capture } => (log.number(1), value, capture.len()),
            Change::Delete { .. } => bail!("nothing is deleted here"),
        };
        put(batch, key.as_bytes());
        put(batch, &value);
        batch.resize(batch.len() + captured * 8, 0);
    }
    let hash = digest::digest(&SHA256, &batch[begin..]).as_ref().try_into()?;
    let checksum = crc32fast::hash(&batch[begin..]);
    batch.extend_from_slice(&checksum.to_le_bytes());
    Ok(hash)
}

fn put(batch: &mut Vec<u8>, bytes: &[u8]) {
    batch.extend_from_slice(&(bytes.len() as u32).to_le_bytes());
    batch.extend_from_slice(bytes);
}

struct Segments {
    dir: PathBuf,
    count: u64,
    file: Option<File>,
    offset: u64,
}

impl Segments {
    fn append(&mut self, batch: &[u8]) -> Result<()> {
        if self.offset >= SEGMENT_BYTES {
            self.count += 1;
            let path = self.dir.join(format!("{}.journal", self.count));
            let file = OpenOptions::new().write(true).create_new(true).open(path)?;
            fallocate(&file, FallocateFlags::empty(), 0, SEGMENT_BYTES)?;
            File::open(&self.dir)?.sync_all()?;
            (self.file, self.offset) = (Some(file), 0);
        }
        let file = self.file.as_ref().context("no segment was begun")?;
        file.write_all_at(batch, self.offset)?;
        file.sync_data()?;
        self.offset += batch.len() as u64;
        Ok(())
    }
}
