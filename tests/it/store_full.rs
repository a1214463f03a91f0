//! A disk without room while the index takes over for an archive what it keeps in the journal only.
//!
//! The disk is a small file system in memory, in name spaces of its own that a child of the test is in. Where the
//! system lets nobody make one, there is nothing to be seen here.

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use lango::store::embedded::disk::RealDisk;
use lango::store::embedded::{EmbeddedStore, Options};
use lango::store::{Key, Read, Store, WriteSet};

use crate::house::small_store;

const FOLDER: &str = "LANGO_TEST_SMALL_DISK";
/// Mounts the small disk and goes on as the rest of the arguments say.
const MOUNT: &str = "mount -t tmpfs -o size=24m tmpfs \"$0\" || exit 77; exec \"$@\"";
/// What a test program ends with when a test failed.
const FAILED: i32 = 101;
const RECORDS: u64 = 2_000;
const VALUE_BYTES: usize = 3_000;
/// Room that is left on the full disk: none, and some, but not enough.
const LEFT: [u64; 2] = [0, 1 << 20];

#[test]
fn an_archive_that_finds_no_room_changes_nothing_and_is_done_when_there_is_some() {
    if let Some(dir) = std::env::var_os(FOLDER) {
        return on_small_disk(Path::new(&dir));
    }
    let dir = tempfile::tempdir().unwrap();
    let name = "store_full::an_archive_that_finds_no_room_changes_nothing_and_is_done_when_there_is_some";
    let child = Command::new("unshare")
        .args(["--user", "--map-root-user", "--mount", "sh", "-c", MOUNT])
        .arg(dir.path())
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", name, "--nocapture"])
        .env(FOLDER, dir.path())
        .status();
    match child.map(|status| status.code()) {
        Ok(Some(0)) => {}
        Ok(Some(FAILED) | None) => panic!("it failed on the small disk"),
        none => println!("no small disk can be made here: {none:?}"),
    }
}

fn key(number: u64) -> Key {
    Key::of("document").number(number)
}

fn value(number: u64) -> Vec<u8> {
    vec![number as u8; VALUE_BYTES]
}

fn put(store: &EmbeddedStore, number: u64) {
    let mut write_set = WriteSet::new();
    write_set.put(key(number), value(number));
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(store.commit(write_set)).unwrap();
}

fn assert_holds(store: &EmbeddedStore) {
    for number in 0..RECORDS {
        assert_eq!(store.record(&key(number)).unwrap().unwrap().value.to_vec(), value(number));
    }
}

fn on_small_disk(disk: &Path) {
    let options =
        Options { segment_bytes_max: 512 << 10, memory_bytes_max: 1 << 20, ..small_store(&disk.join("store")) };
    let store = EmbeddedStore::open(options.clone(), Arc::new(RealDisk)).unwrap();
    (0..RECORDS).for_each(|number| put(&store, number));
    store.checkpoint();
    for left in LEFT {
        let ballast = fill(disk, left);
        let error = store.release_journal().unwrap_err();
        assert!(error.to_string().contains("full"), "{error}");
        assert_eq!(store.health().refusing, None);
        assert_holds(&store);
        fs::remove_file(ballast).unwrap();
        put(&store, RECORDS);
        store.checkpoint();
        assert_eq!(store.health().checkpoint, store.health().sequence);
    }
    assert_eq!(store.release_journal(), Ok(store.health().sequence));
    // Now nothing needs the older files.
    let mut segments: Vec<_> =
        fs::read_dir(disk.join("store/journal")).unwrap().map(|file| file.unwrap().path()).collect();
    segments.sort();
    segments.pop();
    segments.into_iter().for_each(|segment| fs::remove_file(segment).unwrap());
    assert_holds(&store);
    store.close();
    assert_holds(&EmbeddedStore::open(options, Arc::new(RealDisk)).unwrap());
}

/// Fills the disk but for so many bytes.
fn fill(disk: &Path, left: u64) -> std::path::PathBuf {
    let path = disk.join("ballast");
    let mut ballast = File::create(&path).unwrap();
    while ballast.write(&[1; 4096]).is_ok_and(|written| written > 0) {}
    let length = ballast.metadata().unwrap().len();
    ballast.set_len(length.saturating_sub(left)).unwrap();
    path
}
