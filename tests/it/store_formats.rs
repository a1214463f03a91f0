//! A data folder of each format that was released is kept under `tests/data` and must open, with its
//! index and without. In format 1 all of the index was in sled, so it is made anew from the journal, and
//! the journal did not say when a record was committed. Up to format 2 the index held large values itself.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use lango::clock::SystemClock;
use lango::store::embedded::disk::RealDisk;
use lango::store::embedded::{EmbeddedStore, Options, verify};
use lango::store::{Key, Read, Store, WriteSet};

const COMMITS: u64 = 20;
/// What the index of the kept folder holds; the rest is in the journal only.
const CHECKPOINT: u64 = 12;

/// The format that this program writes.
const NEWEST: u32 = 3;

fn kept(format: u32) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/data/store-format-{format}"))
}

fn open(dir: &Path) -> Arc<EmbeddedStore> {
    let options = Options {
        dir: dir.to_owned(),
        segment_bytes_max: 2048,
        memory_bytes_max: 1 << 20,
        write_set_bytes_max: 1 << 20,
        waiting_max: 8,
        clock: Arc::new(SystemClock),
        directory_kinds: &["newest"],
    };
    EmbeddedStore::open(options, Arc::new(RealDisk)).unwrap()
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

async fn commit(store: &EmbeddedStore, number: u64) {
    let mut write_set = WriteSet::new();
    write_set.put(Key::of("record").text("Amina").number(number), vec![number as u8; 200]);
    write_set.adjust(Key::of("balance"), number as i64, 0, i64::MAX);
    write_set.append(Key::of("log"), b"line".to_vec(), vec![Key::of("balance")]);
    write_set.put(Key::of("newest").number(number), Vec::new());
    write_set.delete(Key::of("newest").number(number - 1));
    write_set.put(Key::of("document").number(number), document(number));
    store.commit(write_set).await.unwrap();
}

/// Large, as no record of the folders up to format 2 is.
fn document(number: u64) -> Vec<u8> {
    vec![number as u8; 1000]
}

/// Writes the folder that is kept. Only for a new format: the folders of the old ones stay as they are.
#[tokio::test]
#[ignore = "writes the data folder of a new format, which is then kept"]
async fn the_data_folder_is_written() {
    if kept(NEWEST).exists() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    for number in 1..=CHECKPOINT {
        commit(&store, number).await;
    }
    store.checkpoint();
    for number in CHECKPOINT + 1..=COMMITS {
        commit(&store, number).await;
    }
    // As a node that was killed would leave it: closing would make another checkpoint.
    copy(dir.path(), &kept(NEWEST));
    fs::remove_file(kept(NEWEST).join("lock")).unwrap();
}

fn assert_holds_all(store: &dyn Read, format: u32) {
    let records = store.range(&Key::of("record").subtree(), usize::MAX).unwrap();
    assert_eq!(records.len() as u64, COMMITS);
    for ((key, record), number) in records.into_iter().zip(1..) {
        assert_eq!(key, Key::of("record").text("Amina").number(number));
        assert_eq!((record.version, record.value.to_vec()), (number, vec![number as u8; 200]));
    }
    let log = store.range(&Key::of("log").subtree(), usize::MAX).unwrap();
    let balances: Vec<i64> = log.into_iter().flat_map(|(_, record)| record.captured).collect();
    assert_eq!(balances, (1..=COMMITS as i64).map(|number| number * (number + 1) / 2).collect::<Vec<_>>());
    assert_eq!(store.counter(&Key::of("balance")), Ok(balances[COMMITS as usize - 1]));
    let documents = store.range(&Key::of("document").subtree(), usize::MAX).unwrap();
    let expected = if format < 3 { 0 } else { COMMITS };
    assert!(documents.into_iter().map(|(_, record)| record.value.to_vec()).eq((1..=expected).map(document)));
    let newest = store.range(&Key::of("newest").subtree(), usize::MAX).unwrap();
    assert_eq!(newest.into_iter().map(|(key, _)| key).collect::<Vec<_>>(), vec![Key::of("newest").number(COMMITS)]);
}

#[tokio::test]
async fn a_data_folder_of_each_format_opens_and_goes_on() {
    for (format, with_index) in (1..=NEWEST).flat_map(|format| [(format, true), (format, false)]) {
        let dir = tempfile::tempdir().unwrap();
        copy(&kept(format), dir.path());
        if !with_index {
            fs::remove_dir_all(dir.path().join("index")).unwrap();
        }
        let verified = verify(dir.path()).unwrap();
        assert_eq!((verified.records, verified.torn), (COMMITS, None));
        assert!(verified.segments > 1);
        let store = open(dir.path());
        let understood = with_index && format > 1;
        assert_eq!(store.health().checkpoint, if understood { CHECKPOINT } else { 0 });
        assert_holds_all(&*store, format);
        commit(&store, COMMITS + 1).await;
        store.close();
        assert_eq!(verified.time.is_some(), format > 1);
        let verified = verify(dir.path()).unwrap();
        assert_eq!((verified.records, verified.time.is_some()), (COMMITS + 1, true));
        assert!(!dir.path().join("index.damaged.1").exists(), "the index was not understood");
        assert_eq!(dir.path().join("index.format-1.1").exists(), with_index && format == 1);
    }
}
