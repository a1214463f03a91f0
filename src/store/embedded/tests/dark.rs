//! The power is cut at random moments, again and again, also while the store is being opened: what
//! was acknowledged is there afterwards, and nothing is half there.
//!
//! `LANGO_TEST_POWER_ROUNDS` makes it long; `LANGO_TEST_SEED` repeats a run.

use std::path::Path;
use std::sync::Arc;
use std::thread;

use super::disk::{Fault as Faulty, FaultyDisk, Operation};
use super::power::{Fault, PowerDisk};
use super::{copy, folder, open, open_on, options};
use crate::entropy::{Entropy, SeededEntropy, SystemEntropy};
use crate::store::embedded::disk::RealDisk;
use crate::store::embedded::frame::push_frame;
use crate::store::embedded::frames::Frames;
use crate::store::embedded::journal::{AppendError, Journal, segment_name};
use crate::store::embedded::segment::{Header, marker};
use crate::store::embedded::{EmbeddedStore, OpenError, Options};
use crate::store::tests::{commit, put, wait};
use crate::store::{CommitError, Key, Read, Store, WriteSet};

const ROUNDS: u64 = 25;
/// The store's folder, which is made with the store.
pub(super) const STORE: &str = "new/store";
/// How often the power of one folder is cut.
const CUTS: u64 = 4;
/// Ways in which the same cut may leave the disk.
const WAYS: u64 = 3;
pub(super) const WRITERS: usize = 3;
/// The power is gone before so many changes of the disk.
const CHANGES_MAX: u64 = 120;
/// What a writer commits at most: more than fits into so many changes.
const COMMITS_MAX: u64 = 60;

fn log_of(writer: usize) -> Key {
    Key::of("log").number(writer as u64)
}

/// A record in the directory, one in the history, a log entry, and money from one account to another.
fn write_set(writer: usize, number: u64) -> WriteSet {
    let mut write_set = WriteSet::new();
    for (kind, bytes) in [("r", 150), ("h", 100 + 37 * (number as usize % 20))] {
        let key = Key::of(kind).number(writer as u64).number(number);
        write_set.expect_absent(key.clone());
        write_set.put(key, vec![number as u8; bytes]);
    }
    write_set.append(log_of(writer), Vec::new(), vec![log_of(writer)]);
    write_set.adjust(Key::of("from"), -(number as i64), i64::MIN, i64::MAX);
    write_set.adjust(Key::of("to"), number as i64, i64::MIN, i64::MAX);
    write_set
}

/// Commits until the power is cut, or the process dies, with checkpoints now and then.
pub(super) fn run_until_dark(store: &Arc<EmbeddedStore>, disk: &Arc<PowerDisk>, seed: u64) {
    let writers: Vec<_> = (0..WRITERS)
        .map(|writer| {
            let (store, disk) = (store.clone(), disk.clone());
            thread::spawn(move || {
                let first = store.counter(&log_of(writer)).unwrap() as u64 + 1;
                // What is found was made durable, whoever committed it.
                disk.acknowledge(writer, first - 1);
                for number in first..first + COMMITS_MAX {
                    match commit(&*store, write_set(writer, number)) {
                        Err(CommitError::Refusing(_)) => break,
                        committed => drop(committed.unwrap()),
                    }
                    if !disk.acknowledge(writer, number) {
                        break;
                    }
                    if (number ^ seed).is_multiple_of(11) && writer == 0 {
                        store.checkpoint();
                    }
                }
            })
        })
        .collect();
    writers.into_iter().for_each(|writer| writer.join().unwrap());
}

/// Opens the store and commits until the power is cut. In one of two cases the process dies before, and another
/// one goes on from what it left.
fn open_until_dark(root: &Path, disk: &Arc<PowerDisk>, entropy: &SeededEntropy) {
    if entropy.u64().is_multiple_of(2) {
        disk.fault_after(entropy.u64() % CHANGES_MAX, Fault::Stops);
    }
    for _ in 0..2 {
        match open_on(&root.join(STORE), disk.clone()) {
            Ok(store) => run_until_dark(&store, disk, entropy.u64()),
            Err(error) => assert!(matches!(error, OpenError::Io { .. } | OpenError::Index { .. }), "{error}"),
        }
        if !disk.was_stopped() {
            break;
        }
    }
}

/// Gives how many commits of each writer there are: those acknowledged, and at most the one that was
/// under way.
pub(super) fn assert_whole(dir: &Path, acknowledged: &[u64]) -> Vec<u64> {
    let store = open(dir).unwrap();
    let mut moved = 0;
    let found = (0..WRITERS).zip(acknowledged).map(|(writer, &acknowledged)| {
        let done = store.counter(&log_of(writer)).unwrap() as u64;
        assert!((acknowledged..=acknowledged + 1).contains(&done), "{acknowledged} acknowledged, {done} there");
        for kind in ["r", "h"] {
            let records = store.range(&Key::of(kind).number(writer as u64).subtree(), usize::MAX).unwrap();
            assert!(
                records.iter().zip(1..).all(|((_, record), number)| record.value.iter().all(|&byte| byte == number))
            );
            assert_eq!(records.len() as u64, done, "{kind}: a write set is half there");
        }
        let log = store.range(&log_of(writer).subtree(), usize::MAX).unwrap();
        assert_eq!(log.len() as u64, done, "the log has gaps");
        moved += (1..=done as i64).sum::<i64>();
        done
    });
    let found = found.collect();
    assert_eq!((store.counter(&Key::of("from")), store.counter(&Key::of("to"))), (Ok(-moved), Ok(moved)), "l1");
    found
}

#[test]
fn nothing_acknowledged_is_lost_with_the_power() {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let rounds = number("LANGO_TEST_POWER_ROUNDS").unwrap_or(ROUNDS);
    let seed = number("LANGO_TEST_SEED").unwrap_or_else(|| SystemEntropy.u64());
    println!("LANGO_TEST_SEED={seed}");
    let (entropy, mut total) = (SeededEntropy::new(seed), 0);
    for _ in 0..rounds {
        let (mut dir, mut acknowledged) = (folder(), vec![0; WRITERS]);
        for _ in 0..CUTS {
            let disk = PowerDisk::new(dir.path(), entropy.u64() % CHANGES_MAX, &acknowledged);
            open_until_dark(dir.path(), &disk, &entropy);
            let dark = disk.dark();
            for _ in 1..WAYS {
                assert_whole(&dark.lit(&entropy).path().join(STORE), &dark.acknowledged);
            }
            dir = dark.lit(&entropy);
            // Opened and closed, so the next cut has the last one behind it.
            acknowledged = assert_whole(&dir.path().join(STORE), &dark.acknowledged);
        }
        total += acknowledged.iter().sum::<u64>();
    }
    println!("{rounds} rounds, {total} commits");
    assert!(total > rounds, "hardly anything was committed");
}

/// Who was told that there is no room was told that nothing has happened.
#[test]
fn what_found_no_room_is_not_there_when_the_power_is_back() {
    let root = folder();
    let disk = PowerDisk::new(root.path(), u64::MAX, &[]);
    let mut journal = Journal::begin(disk.clone(), root.path(), 1 << 20).unwrap();
    let (mut batch, mut position, marker) = (Vec::new(), journal.position(), marker(&journal.identity()));
    for place in 0..4 {
        position = push_frame(&mut batch, marker, &position, place, |out| out.extend([7; 600])).unwrap();
    }
    // The zeros behind it find their room, and of the batch itself half.
    disk.fault_after(1, Fault::Full);
    assert!(matches!(journal.append(&batch, position), Err(AppendError::Full)));
    let dark = disk.dark();
    for seed in 0..20 {
        let lit = dark.lit(&SeededEntropy::new(seed));
        let bytes = std::fs::read(lit.path().join(segment_name(1))).unwrap();
        let mut frames = Frames::new(&Header::decode(&bytes).unwrap(), &bytes, true).unwrap();
        assert!(!matches!(frames.next(), Ok(Some(_))), "seed {seed}");
    }
}

/// A process that dies leaves names that are not durable, and ends of files that are not; the next one finds them,
/// and goes on.
#[test]
fn what_a_process_that_died_left_is_made_durable_before_anything_rests_on_it() {
    let entropy = SeededEntropy::new(SystemEntropy.u64());
    for nth in 0.. {
        let root = folder();
        let disk = PowerDisk::new(root.path(), u64::MAX, &[0]);
        disk.fault_after(nth, Fault::Stops);
        let mut acknowledged = 0;
        let mut add = |commits: u64| {
            let store = open_on(&root.path().join(STORE), disk.clone()).ok()?;
            for _ in 0..commits {
                let number = store.health().sequence + 1;
                commit(&*store, put(Key::of("h").number(number), &[1; 900])).ok()?;
                acknowledged = number;
            }
            Some(())
        };
        add(8);
        let was_stopped = disk.was_stopped();
        disk.fault_after(u64::MAX, Fault::Stops);
        add(1).unwrap();
        let dark = disk.dark();
        for _ in 0..WAYS {
            let lit = dark.lit(&entropy);
            let store = open(&lit.path().join(STORE)).unwrap();
            assert_eq!(store.health().sequence, acknowledged, "stopped at {nth}");
        }
        if !was_stopped {
            assert!(nth > 30, "too few changes for this test: {nth}");
            return;
        }
    }
}

/// The index is never ahead of the journal, whose end may have been written and not synced by a process that died.
#[test]
fn opening_moves_nothing_into_the_index_that_the_power_may_take_from_the_journal() {
    const RECORDS: u64 = 60;
    let (from, disk) = (folder(), Arc::new(FaultyDisk::default()));
    let options =
        |dir: &Path, memory_bytes_max| Options { memory_bytes_max, segment_bytes_max: 1 << 20, ..options(dir) };
    let store = EmbeddedStore::open(options(from.path(), 1 << 20), disk.clone()).unwrap();
    let record = |number: u64| put(Key::of("h").number(number), &[1; 300]);
    disk.hold_next(Operation::Write, Faulty::None);
    let first = store.commit(record(0));
    disk.wait_until_held();
    // All in one batch.
    let others: Vec<_> = (1..RECORDS).map(|number| store.commit(record(number))).collect();
    disk.let_go();
    std::iter::once(first).chain(others).for_each(|answer| drop(wait(answer).unwrap()));
    store.close();
    drop(store);
    std::fs::remove_dir_all(from.path().join("index")).unwrap();
    let segment = Path::new("journal").join(segment_name(1));
    let bytes = std::fs::read(from.path().join(&segment)).unwrap();
    let mut frames = Frames::new(&Header::decode(&bytes).unwrap(), &bytes, true).unwrap();
    assert!(frames.next().unwrap().is_some());
    for changes in 0.. {
        let root = folder();
        copy(from.path(), root.path());
        let disk = PowerDisk::new(root.path(), changes, &[]);
        disk.unsync(&root.path().join(&segment), frames.offset() as usize);
        let store = EmbeddedStore::open(options(root.path(), 8_000), disk.clone()).unwrap();
        store.close();
        let was_dark = disk.is_dark();
        let dark = disk.dark();
        for seed in 0..3 {
            let lit = dark.lit(&SeededEntropy::new(seed));
            let store = EmbeddedStore::open(options(lit.path(), 8_000), Arc::new(RealDisk)).unwrap();
            let found = store.range(&Key::of("h").subtree(), usize::MAX).unwrap();
            assert!(found.iter().zip(0..).all(|((key, _), number)| *key == Key::of("h").number(number)));
            assert!(!found.is_empty(), "what was synced is there");
        }
        if !was_dark {
            return;
        }
    }
}
