//! The power is cut at random moments, again and again, also while the store is being opened: what
//! was acknowledged is there afterwards, and nothing is half there.
//!
//! `LANGO_TEST_POWER_ROUNDS` makes it long; `LANGO_TEST_SEED` repeats a run.

use std::path::Path;
use std::sync::Arc;
use std::thread;

use super::power::PowerDisk;
use super::{folder, open, open_on};
use crate::entropy::{Entropy, SeededEntropy, SystemEntropy};
use crate::store::embedded::EmbeddedStore;
use crate::store::tests::commit;
use crate::store::{Key, Read, WriteSet};

const ROUNDS: u64 = 25;
/// How often the power of one folder is cut.
const CUTS: u64 = 4;
/// Ways in which the same cut may leave the disk.
const WAYS: u64 = 3;
const WRITERS: usize = 3;
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

/// Commits until the power is cut, with checkpoints now and then.
fn run_until_dark(store: &Arc<EmbeddedStore>, disk: &Arc<PowerDisk>, seed: u64) {
    let writers: Vec<_> = (0..WRITERS)
        .map(|writer| {
            let (store, disk) = (store.clone(), disk.clone());
            thread::spawn(move || {
                let first = store.counter(&log_of(writer)).unwrap() as u64 + 1;
                for number in first..first + COMMITS_MAX {
                    commit(&*store, write_set(writer, number)).unwrap();
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

/// Gives how many commits of each writer there are: those acknowledged, and at most the one that was
/// under way.
fn assert_whole(dir: &Path, acknowledged: &[u64]) -> Vec<u64> {
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
            let store = open_on(dir.path(), disk.clone()).unwrap();
            run_until_dark(&store, &disk, entropy.u64());
            drop(store);
            let dark = disk.dark();
            for _ in 1..WAYS {
                assert_whole(dark.lit(&entropy).path(), &dark.acknowledged);
            }
            dir = dark.lit(&entropy);
            // Opened and closed, so the next cut has the last one behind it.
            acknowledged = assert_whole(dir.path(), &dark.acknowledged);
        }
        total += acknowledged.iter().sum::<u64>();
    }
    println!("{rounds} rounds, {total} commits");
    assert!(total > rounds, "hardly anything was committed");
}
