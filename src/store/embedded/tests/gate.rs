//! A checkpoint that is held in the middle of its writing, and what goes on meanwhile.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use tempfile::TempDir;

use super::barrier::Barrier;
use super::open_on;
use crate::store::embedded::disk::{Disk, DiskFile, Lock, RealDisk};
use crate::store::embedded::pause_of;
use crate::store::tests::{commit, put};
use crate::store::{Key, Read, Store, WriteSet};

/// Holds whoever syncs a file of the index, while its barrier is shut. The journal's syncs pass.
#[derive(Debug, Default)]
struct GatedDisk(Barrier);

impl Disk for GatedDisk {
    fn create_dir(&self, dir: &Path) -> io::Result<()> {
        RealDisk.create_dir(dir)
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        RealDisk.list(dir)
    }

    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        RealDisk.read(path)
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        RealDisk.create(path)
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        RealDisk.open(path)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        RealDisk.remove(path)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        RealDisk.rename(from, to)
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        RealDisk.sync_dir(dir)
    }

    fn sync_file(&self, path: &Path) -> io::Result<()> {
        self.0.pass();
        RealDisk.sync_file(path)
    }

    fn lock(&self, path: &Path) -> io::Result<Option<Box<dyn Lock>>> {
        RealDisk.lock(path)
    }

    fn identity(&self) -> [u8; 16] {
        RealDisk.identity()
    }
}

const BEFORE: u64 = 20;
/// Less than what makes commits be paced.
const MEANWHILE: u64 = 80;

/// One record for each part of the index, and money.
fn write_set(number: u64) -> WriteSet {
    let mut write_set = put(Key::of("r").number(number), b"directory");
    write_set.expect_absent(Key::of("r").number(number));
    write_set.put(Key::of("h").number(number), b"history".to_vec());
    write_set.expect_absent(Key::of("h").number(number));
    write_set.adjust(Key::of("balance"), 1, 0, i64::MAX);
    write_set.append(Key::of("log"), Vec::new(), vec![Key::of("balance")]);
    write_set
}

fn assert_holds(store: &dyn Store, count: u64) {
    for kind in ["r", "h", "log"] {
        assert_eq!(store.range(&Key::of(kind).subtree(), usize::MAX).unwrap().len() as u64, count);
    }
    assert_eq!(store.counter(&Key::of("balance")), Ok(count as i64));
}

#[test]
fn commits_and_reads_go_on_while_a_checkpoint_is_in_the_middle_of_its_writing() {
    let (dir, disk) = (TempDir::new().unwrap(), Arc::new(GatedDisk::default()));
    let store = open_on(dir.path(), disk.clone()).unwrap();
    (0..BEFORE).for_each(|number| drop(commit(&*store, write_set(number)).unwrap()));
    disk.0.shut();
    let checkpoint = thread::spawn({
        let store = store.clone();
        move || store.checkpoint()
    });
    disk.0.wait_for_somebody();
    for number in BEFORE..BEFORE + MEANWHILE {
        commit(&*store, write_set(number)).unwrap();
        // What is being moved is changed, and seen as changed.
        let moved = Key::of("r").number(number % BEFORE);
        commit(&*store, put(moved.clone(), &number.to_be_bytes())).unwrap();
        assert_eq!(store.record(&moved).unwrap().unwrap().value.as_ref(), number.to_be_bytes());
    }
    assert_holds(&*store, BEFORE + MEANWHILE);
    assert!(!checkpoint.is_finished());
    assert_eq!((store.health().checkpoint, store.health().sequence), (0, BEFORE + 2 * MEANWHILE));
    let stalls = store.stalls();
    assert_eq!((stalls.pause, stalls.room), (Duration::ZERO, Duration::ZERO), "nobody waited for the checkpoint");
    disk.0.open();
    checkpoint.join().unwrap();
    assert_eq!(store.health().checkpoint, BEFORE);
    assert_holds(&*store, BEFORE + MEANWHILE);
    store.checkpoint();
    assert_holds(&*store, BEFORE + MEANWHILE);
}

/// Those that come faster than the checkpoint are held up a little each, and none until its end.
#[test]
fn commits_that_are_paced_go_on_while_a_checkpoint_is_in_the_middle_of_its_writing() {
    const PACED: u64 = 100;
    let (dir, disk) = (TempDir::new().unwrap(), Arc::new(GatedDisk::default()));
    let store = open_on(dir.path(), disk.clone()).unwrap();
    commit(&*store, write_set(0)).unwrap();
    disk.0.shut();
    let checkpoint = thread::spawn({
        let store = store.clone();
        move || store.checkpoint()
    });
    disk.0.wait_for_somebody();
    let mut paced = 0;
    for number in 0.. {
        commit(&*store, put(Key::of("h").number(number), &[1; 380])).unwrap();
        paced += u64::from(store.stalls().pause > Duration::ZERO);
        if paced == PACED {
            break;
        }
    }
    assert!(!checkpoint.is_finished());
    assert_eq!((store.health().checkpoint, store.stalls().room), (0, Duration::ZERO));
    disk.0.open();
    checkpoint.join().unwrap();
}

#[test]
fn no_batch_is_paced_for_more_than_ten_milliseconds() {
    for bytes in [0, 1, 1 << 20, 64 << 20, u64::MAX] {
        assert!(pause_of(bytes) <= Duration::from_millis(10));
    }
}
