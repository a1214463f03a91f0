//! Backups, archives, restores and rebuilds that are stopped anywhere, done again, and lose the power anywhere:
//! whatever is left, every record is in the store or in the backup, nothing is taken for whole that is not, and it
//! can all be done again.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use super::damage::files_below;
use super::dark::{STORE, WRITERS, assert_whole, run_until_dark};
use super::power::{Fault, PowerDisk};
use super::{copy as copy_files, folder, open, open_on, options};
use crate::entropy::{Entropy, SeededEntropy, SystemEntropy};
use crate::store::embedded::archive::archive_on;
use crate::store::embedded::backup::{back_up_on, copy_on};
use crate::store::embedded::disk::RealDisk;
use crate::store::embedded::journal::{journal_dir, segments};
use crate::store::embedded::rebuild::rebuild_on;
use crate::store::embedded::segment::{HEADER_BYTES, Header};
use crate::store::embedded::{OpenError, Standing, Until, archive, back_up, compare, copy, rebuild, released, verify};
use crate::store::tests::{commit, put};
use crate::store::{Key, Read, Store};

const RECORDS: u64 = 30;
/// The backup that there is already ends here.
const BACKED_UP: u64 = 10;
/// Ways in which the same cut may leave the disk.
const WAYS: u64 = 2;
const ROUNDS: u64 = 12;
/// Changes after the one that stopped it, before the power is cut.
const LATER_MAX: u64 = 40;

/// A store with a backup that it is ahead of; the index needs no journal.
fn add(dir: &Path, numbers: std::ops::RangeInclusive<u64>) {
    let store = open(dir).unwrap();
    for number in numbers {
        // Some large, and in both parts of the index.
        let kind = if number % 2 == 0 { "r" } else { "h" };
        commit(&*store, put(Key::of(kind).number(number), &vec![number as u8; 100 * (number as usize % 6)])).unwrap();
    }
    store.close();
}

fn assert_holds(dir: &Path, last: u64) {
    let store = open(dir).unwrap();
    for number in 1..=last {
        let kind = if number % 2 == 0 { "r" } else { "h" };
        let record = store.record(&Key::of(kind).number(number)).unwrap().unwrap();
        assert_eq!((record.version, record.value.to_vec()), (number, vec![number as u8; 100 * (number as usize % 6)]));
    }
    assert_eq!(store.shared.memtable.look(|layers| layers.active.position().sequence), last);
    store.close();
}

fn restored(backup: &Path, last: u64) {
    let to = folder();
    assert_eq!(copy(backup, to.path(), Until::End, &mut |_| {}).unwrap().last, last);
    assert_holds(to.path(), last);
}

/// Does `run` in a copy of `from` on a disk whose power is cut at each of its changes in turn; then stops it at each
/// of them, lets it be done again, and cuts the power at the end, or some time before. Gives what this may leave of
/// the disk to `check`.
fn with_each_cut(from: &Path, run: impl Fn(&Arc<PowerDisk>, &Path, Again) -> bool, check: impl Fn(&Path, Done)) {
    let entropy = seeded();
    for nth in 0.. {
        let later = nth + 1 + entropy.u64() % LATER_MAX;
        let mut is_over = true;
        for (stops, cut) in [(u64::MAX, nth), (nth, u64::MAX), (nth, later)] {
            let root = folder();
            copy_files(from, root.path());
            let disk = PowerDisk::new(root.path(), cut, &[]);
            disk.fault_after(stops, Fault::Stops);
            let mut done = run(&disk, root.path(), Again(false));
            if disk.was_stopped() {
                is_over = false;
                done = run(&disk, root.path(), Again(true));
            }
            assert!(done, "nothing but what stopped it may be in its way");
            let before_end = disk.is_dark();
            is_over &= cut == u64::MAX || !before_end;
            check(disk.dark().lit(&entropy).path(), Done(!before_end));
        }
        if is_over {
            assert!(nth > 5, "too few changes for this test: {nth}");
            return;
        }
    }
}

/// Whether the power was there to the end, so that what was done is there for good.
struct Done(bool);

/// Whether it is done once more, since it was stopped.
struct Again(bool);

fn seeded() -> SeededEntropy {
    let seed = std::env::var("LANGO_TEST_SEED").ok().and_then(|seed| seed.parse().ok());
    let seed = seed.unwrap_or_else(|| SystemEntropy.u64());
    println!("LANGO_TEST_SEED={seed}");
    SeededEntropy::new(seed)
}

/// A store and a backup that it is ahead of; the index needs nothing of the journal.
fn kept() -> tempfile::TempDir {
    let root = folder();
    let (store, backup) = (root.path().join("store"), root.path().join("kept/backup"));
    add(&store, 1..=BACKED_UP);
    back_up(&store, &backup, &mut |_| {}).unwrap();
    add(&store, BACKED_UP + 1..=RECORDS);
    assert_eq!(released(&options(&store)).unwrap(), Some(RECORDS));
    root
}

#[test]
fn a_backup_that_loses_the_power_anywhere_goes_on() {
    let backups = ["fresh/backup", "kept/backup"];
    let run = |disk: &Arc<PowerDisk>, root: &Path, _: Again| {
        let mut to = backups.iter().map(|backup| root.join(backup));
        to.all(|to| back_up_on(&**disk, &root.join("store"), &to, &mut |_| {}).is_ok())
    };
    with_each_cut(kept().path(), run, |root, Done(done)| {
        for backup in backups {
            let (store, backup) = (root.join("store"), root.join(backup));
            assert!(!done || verify(&backup).unwrap().last == RECORDS);
            if backup.join("journal").exists() {
                let held = verify(&backup).unwrap();
                assert!(held.torn.is_none());
                assert!(matches!(compare(&store, &backup).unwrap(), Standing::Ahead(_)));
                if held.last > 0 {
                    restored(&backup, held.last);
                }
            }
            back_up(&store, &backup, &mut |_| {}).unwrap();
            restored(&backup, RECORDS);
            assert_holds(&store, RECORDS);
        }
        let held = root.join("kept/backup");
        assert!(verify(&held).unwrap().last >= BACKED_UP);
    });
}

/// A backup that died at its very end is done as far as anybody can see, and is not done again.
#[test]
fn an_archive_that_loses_the_power_anywhere_loses_nothing() {
    let from = kept();
    let [store, earlier] = ["store", "earlier"].map(|name| from.path().join(name));
    let newest = segments(&RealDisk, &journal_dir(&store)).unwrap().pop().unwrap().0;
    copy(&store, &earlier, Until::Record(newest - 1), &mut |_| {}).unwrap();
    // Compressing makes all names in the backup durable by the way, so it is left out where that may be missing.
    let run = |disk: &Arc<PowerDisk>, root: &Path, Again(again): Again| {
        let (store, earlier, backup) = (root.join("store"), root.join("earlier"), root.join("kept/backup"));
        let is_done = verify(&backup).unwrap().last == newest - 1;
        (is_done || back_up_on(&**disk, &earlier, &backup, &mut |_| {}).is_ok())
            && archive_on(&**disk, &store, &backup, RECORDS, !again, &mut |_| {}).is_ok()
    };
    with_each_cut(from.path(), run, |root, _| {
        let (store, backup) = (root.join("store"), root.join("kept/backup"));
        let (held, rest) = (verify(&backup).unwrap(), verify(&store).unwrap());
        assert_eq!((held.first, held.torn, rest.last), (1, None, RECORDS));
        assert!(held.last >= BACKED_UP && held.last + 1 >= rest.first, "records {}..{}", held.last, rest.first);
        restored(&backup, held.last);
        back_up(&store, &backup, &mut |_| {}).unwrap();
        archive(&store, &backup, RECORDS, true, &mut |_| {}).unwrap();
        restored(&backup, RECORDS);
        assert_holds(&store, RECORDS);
    });
}

#[test]
fn an_archive_that_is_done_again_leaves_no_gap_when_it_loses_the_power() {
    let from = kept();
    back_up(&from.path().join("store"), &from.path().join("kept/backup"), &mut |_| {}).unwrap();
    for (stops, later) in (0..16).flat_map(|stops| (1..6).map(move |later| (stops, later))) {
        let root = folder();
        copy_files(from.path(), root.path());
        let (store, backup) = (root.path().join("store"), root.path().join("kept/backup"));
        let disk = PowerDisk::new(root.path(), stops + later, &[]);
        disk.fault_after(stops, Fault::Stops);
        let archived = || archive_on(&*disk, &store, &backup, RECORDS, false, &mut |_| {});
        if archived().is_err() {
            assert!(disk.was_stopped());
            archived().unwrap();
        }
        let dark = disk.dark();
        for seed in 0..4 {
            let rest = verify(&dark.lit(&SeededEntropy::new(seed)).path().join("store")).unwrap();
            assert_eq!(rest.last, RECORDS, "stopped at {stops}, and the power cut {later} later");
        }
    }
}

#[test]
fn a_backup_that_another_program_copied_is_durable_before_anything_that_it_holds_is_removed() {
    let from = kept();
    let (store, backup) = (from.path().join("store"), from.path().join("kept/backup"));
    back_up(&store, &backup, &mut |_| {}).unwrap();
    let disk = PowerDisk::new(from.path(), u64::MAX, &[]);
    for file in files_below(&backup.join("journal")) {
        disk.unsync(&file, 0);
    }
    assert!(archive_on(&*disk, &store, &backup, RECORDS, false, &mut |_| {}).unwrap().removed > 2);
    let (dark, newest) = (disk.dark(), verify(&store).unwrap().first);
    for seed in 0..3 {
        let lit = dark.lit(&SeededEntropy::new(seed));
        let held =
            copy(&lit.path().join("kept/backup"), folder().path(), Until::Record(newest - 1), &mut |_| {}).unwrap();
        assert_eq!(held.last, newest - 1, "seed {seed}");
    }
}

/// As a process leaves it that died while it committed, or one does that is committing.
#[test]
fn a_backup_holds_nothing_that_the_power_may_take_from_its_store() {
    let from = kept();
    let (store, backup) = (from.path().join("store"), from.path().join("kept/backup"));
    let (_, newest) = segments(&RealDisk, &journal_dir(&store)).unwrap().pop().unwrap();
    let disk = PowerDisk::new(from.path(), u64::MAX, &[]);
    disk.unsync(&newest, HEADER_BYTES);
    back_up_on(&*disk, &store, &backup, &mut |_| {}).unwrap();
    back_up_on(&*disk, &store, &from.path().join("fresh"), &mut |_| {}).unwrap();
    let dark = disk.dark();
    for seed in 0..4 {
        let lit = dark.lit(&SeededEntropy::new(seed));
        for backup in ["kept/backup", "fresh"] {
            let standing = compare(&lit.path().join("store"), &lit.path().join(backup)).unwrap();
            assert_eq!(standing, Standing::Ahead(0), "seed {seed}");
        }
    }
}

#[test]
fn a_restore_into_a_folder_that_was_just_emptied_brings_nothing_back() {
    let from = kept();
    // After the names of the folder and of what was in it.
    for changes in 2.. {
        let root = folder();
        copy_files(from.path(), root.path());
        let (store, backup) = (root.path().join("store"), root.path().join("kept/backup"));
        let disk = PowerDisk::new(root.path(), changes, &[]);
        for left in std::fs::read_dir(&store).unwrap().map(|left| left.unwrap().path()) {
            if left.is_dir() {
                std::fs::remove_dir_all(left).unwrap()
            } else {
                std::fs::remove_file(left).unwrap()
            };
        }
        copy_on(&*disk, &backup, &store, Until::End, &mut |_| {}).unwrap();
        let was_dark = disk.is_dark();
        let dark = disk.dark();
        for seed in 0..4 {
            let lit = dark.lit(&SeededEntropy::new(seed));
            let store = lit.path().join("store");
            match open(&store) {
                Ok(opened) if opened.shared.identity == identity_of(&backup) => {
                    opened.close();
                    assert_holds(&store, BACKED_UP);
                }
                Ok(opened) => assert_eq!(opened.health().sequence, 0, "nothing was there yet, and it is a new one"),
                Err(error) => assert!(matches!(&error, OpenError::Unfinished { .. }), "{error}"),
            }
        }
        if !was_dark {
            return;
        }
    }
}

fn identity_of(dir: &Path) -> [u8; 16] {
    let (_, newest) = segments(&RealDisk, &journal_dir(dir)).unwrap().pop().unwrap();
    Header::decode(&std::fs::read(newest).unwrap()).unwrap().identity
}

#[test]
fn a_restore_that_loses_the_power_is_whole_or_no_store() {
    let run = |disk: &Arc<PowerDisk>, root: &Path, _: Again| {
        let (store, to) = (root.join("store"), root.join("new/restored"));
        // Whoever was stopped before.
        for left in std::fs::read_dir(&to).into_iter().flatten() {
            std::fs::remove_dir_all(left.unwrap().path()).unwrap();
        }
        copy_on(&**disk, &store, &to, Until::End, &mut |_| {}).is_ok()
    };
    with_each_cut(kept().path(), run, |root, Done(done)| {
        let to = root.join("new/restored");
        let is_empty = std::fs::read_dir(&to).map_or(true, |mut names| names.next().is_none());
        assert!(!done || to.join("journal").exists());
        if !is_empty {
            match open(&to) {
                Ok(store) => {
                    store.close();
                    assert_holds(&to, RECORDS);
                }
                Err(error) => assert!(matches!(&error, OpenError::Unfinished { .. }), "{error}"),
            }
        }
    });
}

#[test]
fn an_index_that_is_made_anew_when_the_power_is_lost_is_made_anew() {
    let run = |disk: &Arc<PowerDisk>, root: &Path, _: Again| {
        rebuild_on(disk.clone(), options(&root.join("store")), &mut |_| {}).is_ok()
    };
    with_each_cut(kept().path(), run, |root, _| {
        let store = root.join("store");
        assert_holds(&store, RECORDS);
        assert_eq!(rebuild(options(&store), &mut |_| {}).unwrap(), RECORDS);
        assert_holds(&store, RECORDS);
    });
}

/// A damaged index is put aside.
#[test]
fn a_damaged_index_that_is_moved_aside_when_the_power_is_lost_is_made_anew() {
    let from = kept();
    let current = from.path().join("store/index/history/current");
    std::fs::write(current, b"damaged").unwrap();
    let run = |disk: &Arc<PowerDisk>, root: &Path, _: Again| open_on(&root.join("store"), disk.clone()).is_ok();
    with_each_cut(from.path(), run, |root, _| assert_holds(&root.join("store"), RECORDS));
}

/// A store that commits on one disk with its backup, which goes on all the time, and moves its files away.
#[test]
fn a_store_that_is_archived_while_it_commits_loses_nothing_with_the_power() {
    let (entropy, mut moved_away) = (seeded(), 0);
    for _ in 0..ROUNDS {
        let root = folder();
        let (dir, backup) = (root.path().join(STORE), root.path().join("kept/backup"));
        let disk = PowerDisk::new(root.path(), entropy.u64() % 400, &[0; WRITERS]);
        let store = open_on(&dir, disk.clone()).unwrap();
        let ended = AtomicBool::new(false);
        thread::scope(|scope| {
            scope.spawn(|| {
                while !ended.load(Ordering::SeqCst) {
                    let released = store.release_journal().unwrap();
                    back_up_on(&*disk, &dir, &backup, &mut |_| {}).unwrap();
                    archive_on(&*disk, &dir, &backup, released, released.is_multiple_of(2), &mut |_| {}).unwrap();
                }
            });
            let _end = End(&ended);
            run_until_dark(&store, &disk, entropy.u64());
        });
        let dark = disk.dark();
        for _ in 0..WAYS {
            let lit = dark.lit(&entropy);
            let (dir, backup) = (lit.path().join(STORE), lit.path().join("kept/backup"));
            assert_whole(&dir, &dark.acknowledged);
            if backup.join("journal").exists() {
                let held = verify(&backup).unwrap();
                assert!(matches!(compare(&dir, &backup).unwrap(), Standing::Ahead(_)), "{held:?}");
                moved_away += verify(&dir).unwrap().first.saturating_sub(1);
            }
            back_up(&dir, &backup, &mut |_| {}).unwrap();
            let to = folder();
            copy(&backup, to.path(), Until::End, &mut |_| {}).unwrap();
            assert_whole(to.path(), &dark.acknowledged);
        }
    }
    assert!(moved_away > 0, "nothing was ever moved away");
}

/// Also when a test fails, or its threads would never end.
struct End<'a>(&'a AtomicBool);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}
