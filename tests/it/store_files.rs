//! A process that may have no more files open, as when connections took them all: the store refuses what it can't
//! write down, loses nothing, and goes on by itself when there are files again. The limit is that of a child.

use std::fs::File;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Instant;

use lango::store::embedded::EmbeddedStore;
use lango::store::embedded::disk::RealDisk;
use lango::store::{CommitError, Key, Read, Store, WriteSet};
use tokio::runtime::{Builder, Runtime};

use crate::house::{PATIENCE, small_store};

const FOLDER: &str = "LANGO_TEST_FEW_FILES";
const FILES: &str = "ulimit -n 96 && exec \"$0\" \"$@\"";
const VALUE_BYTES: usize = 3_000;
/// Enough for several segments of the journal and generations of the memory.
const RECORDS: u64 = 400;

#[test]
fn a_process_without_files_refuses_commits_until_it_has_some_again() {
    if let Some(dir) = std::env::var_os(FOLDER) {
        return with_few_files(Path::new(&dir));
    }
    let dir = tempfile::tempdir().unwrap();
    let child = Command::new("sh")
        .args(["-c", FILES])
        .arg(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "store_files::a_process_without_files_refuses_commits_until_it_has_some_again",
            "--nocapture",
        ])
        .env(FOLDER, dir.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&child.stdout);
    assert!(child.status.success() && said.contains("1 passed"), "{said}{}", String::from_utf8_lossy(&child.stderr));
}

fn with_few_files(dir: &Path) {
    let options = small_store(dir);
    let store = EmbeddedStore::open(options.clone(), Arc::new(RealDisk)).unwrap();
    let runtime = Builder::new_current_thread().build().unwrap();
    let mut acknowledged: Vec<u64> = (0..RECORDS).collect();
    acknowledged.iter().for_each(|&number| put(&store, &runtime, number).unwrap());

    let took_all = without_files(|| {
        for number in RECORDS..2 * RECORDS {
            match put(&store, &runtime, number) {
                Ok(()) => acknowledged.push(number),
                Err(error) => assert_eq!(error, CommitError::Full, "after {}", acknowledged.len()),
            }
        }
        store.checkpoint();
        // What can't be read is an error, and nothing else comes of it.
        let _ = (0..RECORDS).map(|number| store.record(&key(number))).filter(Result::is_err).count();
        assert_eq!(store.health().refusing, None);
    });
    assert!(took_all, "there were files all the time");
    assert!(acknowledged.len() < 2 * RECORDS as usize, "nothing was refused");

    let begun = Instant::now();
    while let Err(error) = put(&store, &runtime, 2 * RECORDS) {
        assert_eq!(error, CommitError::Full);
        assert!(begun.elapsed() < PATIENCE, "it does not go on");
        thread::yield_now();
    }
    acknowledged.push(2 * RECORDS);
    assert_holds(&store, &acknowledged);
    store.close();
    drop(store);
    assert_holds(&EmbeddedStore::open(options, Arc::new(RealDisk)).unwrap(), &acknowledged);
}

/// Does something while another thread opens whatever file can be opened, also what was closed meanwhile. Gives
/// whether there was a moment without any.
fn without_files(run: impl FnOnce()) -> bool {
    let (taken, done) = (AtomicBool::new(false), AtomicBool::new(false));
    thread::scope(|threads| {
        threads.spawn(|| {
            let mut files = Vec::new();
            while !done.load(Ordering::Relaxed) {
                match File::open("/dev/null") {
                    Ok(file) => files.push(file),
                    Err(_) => taken.store(true, Ordering::Relaxed),
                }
                thread::yield_now();
            }
        });
        // Also when something in there panics.
        let _end = End(&done);
        let begun = Instant::now();
        while !taken.load(Ordering::Relaxed) && begun.elapsed() < PATIENCE {
            thread::yield_now();
        }
        run();
    });
    taken.into_inner()
}

struct End<'a>(&'a AtomicBool);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn key(number: u64) -> Key {
    Key::of("document").number(number)
}

fn put(store: &EmbeddedStore, runtime: &Runtime, number: u64) -> Result<(), CommitError> {
    let mut write_set = WriteSet::new();
    write_set.expect_absent(key(number));
    write_set.put(key(number), vec![number as u8; VALUE_BYTES]);
    write_set.put(Key::of("url").number(number), vec![number as u8; 10]);
    write_set.adjust(Key::of("paid"), 1, 0, i64::MAX);
    runtime.block_on(store.commit(write_set)).map(drop)
}

fn assert_holds(store: &EmbeddedStore, acknowledged: &[u64]) {
    for &number in acknowledged {
        let record = store.record(&key(number)).unwrap().unwrap();
        assert_eq!(record.value.to_vec(), vec![number as u8; VALUE_BYTES]);
    }
    assert_eq!(store.counter(&Key::of("paid")), Ok(acknowledged.len() as i64));
    let all = store.range(&Key::of("document").subtree(), usize::MAX).unwrap();
    assert_eq!(all.len(), acknowledged.len());
}
