//! Journals that were cut or changed, and indexes that cannot be read.

use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::{copy, folder, open, options};
use crate::store::embedded::disk::RealDisk;
use crate::store::embedded::journal::segment_name;
use crate::store::embedded::segment::{Flaw, HEADER_BYTES};
use crate::store::embedded::walk::{Until, walk};
use crate::store::embedded::{EmbeddedStore, OpenError, rebuild, verify};
use crate::store::tests::{commit, put};
use crate::store::{Key, Read, WriteSet};

/// So many that the last segment holds more than five of them.
const COMMITS: u64 = 14;
/// Where in a segment its format is.
const FORMAT_OFFSET: usize = 8;

/// A journal of a few small commits over several segments, with the length of the last one after
/// each commit.
fn journal() -> (TempDir, Vec<(PathBuf, u64)>) {
    journal_of(COMMITS)
}

fn journal_of(commits: u64) -> (TempDir, Vec<(PathBuf, u64)>) {
    let dir = folder();
    let store = open(dir.path()).unwrap();
    let mut ends = Vec::new();
    for number in 0..commits {
        commit(&*store, put(Key::of("r").number(number), &[7; 180])).unwrap();
        let (path, length) = whole_of_last(dir.path());
        ends.push((path.strip_prefix(dir.path()).unwrap().to_owned(), length));
    }
    store.close();
    fs::remove_dir_all(dir.path().join("index")).unwrap();
    (dir, ends)
}

/// The last segment and how far it holds records; behind that is reserved room.
fn whole_of_last(dir: &Path) -> (PathBuf, u64) {
    let mut last = None;
    walk(&RealDisk, dir, Until::End, &mut |segment, _| {
        last = Some((dir.join("journal").join(segment_name(segment.first)), segment.bytes.len() as u64));
        Ok(())
    })
    .unwrap();
    last.unwrap()
}

fn segments(dir: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<_> = fs::read_dir(dir.join("journal")).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

/// Opens what the change left and gives how many commits there are; they must be the first ones.
fn reopened(from: &Path, change: impl FnOnce(&Path)) -> Result<u64, OpenError> {
    let dir = folder();
    copy(from, dir.path());
    change(dir.path());
    let verified = verify(dir.path());
    let store = open(dir.path());
    let store = match store {
        Ok(store) => store,
        Err(error) => {
            assert!(verified.is_err(), "the check found nothing, and opening said {error}");
            return Err(error);
        }
    };
    let found = store.range(&Key::of("r").subtree(), usize::MAX).unwrap();
    assert_eq!(verified.unwrap().records, found.len() as u64);
    assert!(found.iter().zip(0..).all(|((key, _), number)| *key == Key::of("r").number(number)));
    commit(&*store, put(Key::of("after"), b"")).unwrap();
    // Nothing is left of what was cut off, also if the process dies now.
    assert_eq!(verify(dir.path()).unwrap().torn, None);
    store.close();
    let verified = verify(dir.path()).unwrap();
    assert_eq!((verified.records, verified.torn), (found.len() as u64 + 1, None));
    Ok(found.len() as u64)
}

#[test]
fn a_journal_cut_at_any_byte_of_its_end_gives_the_whole_records_before_it() {
    let (dir, ends) = journal();
    let (last, length) = ends.last().unwrap().clone();
    let in_last = ends.iter().filter(|(path, _)| *path == last).count() as u64;
    assert!((5..COMMITS).contains(&in_last), "the journal has several segments and records in the last");
    for cut in 0..length {
        let whole = ends.iter().filter(|(path, end)| *path != last || *end <= cut).count() as u64;
        let found = reopened(dir.path(), |dir| {
            fs::OpenOptions::new().write(true).open(dir.join(&last)).unwrap().set_len(cut).unwrap();
        });
        assert_eq!(found.unwrap(), whole, "cut at {cut}");
    }
}

#[test]
fn a_journal_torn_at_any_byte_within_its_reserved_room_gives_the_whole_records_before_it() {
    let (dir, ends) = journal();
    let (last, length) = ends.last().unwrap().clone();
    let bytes = fs::read(dir.path().join(&last)).unwrap();
    let is_zero = |from: u64, to: u64| bytes[from as usize..to as usize].iter().all(|&byte| byte == 0);
    // No record is written before the header is durable.
    for torn in HEADER_BYTES as u64..length {
        // A record whose end is zeros anyway is whole a little earlier.
        let is_whole = |(path, end): &&(PathBuf, u64)| *path != last || *end <= torn || is_zero(torn, *end);
        let found = reopened(dir.path(), |dir| {
            let mut bytes = bytes.clone();
            bytes[torn as usize..].fill(0);
            bytes.resize(2048, 0);
            fs::write(dir.join(&last), bytes).unwrap();
        });
        assert_eq!(found.unwrap(), ends.iter().filter(is_whole).count() as u64, "torn at {torn}");
    }
}

#[test]
fn s7_a_flipped_byte_is_refused_with_its_position_or_costs_the_last_record() {
    let (dir, ends) = journal();
    let (last, length) = ends.last().unwrap().clone();
    let last_begins = ends[ends.len() - 2].1;
    for path in segments(dir.path()) {
        let path = path.strip_prefix(dir.path()).unwrap().to_owned();
        let bytes = fs::read(dir.path().join(&path)).unwrap();
        for at in 0..bytes.len() {
            let found = reopened(dir.path(), |dir| {
                let mut flipped = bytes.clone();
                flipped[at] ^= 1 << (at % 8);
                fs::write(dir.join(&path), flipped).unwrap();
            });
            let in_last_record = path == last && (at as u64) >= last_begins && (at as u64) < length;
            match found {
                Ok(found) => assert!(in_last_record && found == COMMITS - 1, "{} at {at}", path.display()),
                Err(OpenError::Damaged { file, offset, .. }) => {
                    assert!(!in_last_record && file.ends_with(&path) && offset <= at as u64);
                }
                Err(error) => panic!("{} at {at}: {error}", path.display()),
            }
        }
    }
}

#[test]
fn a_missing_segment_is_named() {
    let (dir, _) = journal_of(3 * COMMITS);
    let count = segments(dir.path()).len();
    assert!(count > 3, "the first, and some in the middle");
    for gone in 0..count - 1 {
        let copied = folder();
        copy(dir.path(), copied.path());
        fs::remove_file(&segments(copied.path())[gone]).unwrap();
        assert!(matches!(open(copied.path()), Err(OpenError::Missing { .. })));
        let seen = verify(copied.path());
        // What came before the first segment may have been moved away with a backup.
        assert!(if gone == 0 { seen.unwrap().first > 1 } else { matches!(seen, Err(OpenError::Missing { .. })) });
    }
}

#[test]
fn a_journal_of_a_later_format_is_refused_and_stays_as_it_is() {
    let (dir, _) = journal();
    for path in segments(dir.path()) {
        let copied = folder();
        copy(dir.path(), copied.path());
        let path = copied.path().join(path.strip_prefix(dir.path()).unwrap());
        let mut bytes = fs::read(&path).unwrap();
        let format = u32::from_le_bytes(bytes[FORMAT_OFFSET..FORMAT_OFFSET + 4].try_into().unwrap()) + 1;
        bytes[FORMAT_OFFSET..FORMAT_OFFSET + 4].copy_from_slice(&format.to_le_bytes());
        let checksum = crc32fast::hash(&bytes[..HEADER_BYTES - 4]);
        bytes[HEADER_BYTES - 4..HEADER_BYTES].copy_from_slice(&checksum.to_le_bytes());
        fs::write(&path, &bytes).unwrap();
        for refused in [open(copied.path()).unwrap_err(), verify(copied.path()).unwrap_err()] {
            assert!(
                matches!(&refused, OpenError::Damaged { file, flaw: Flaw::Newer(newer), .. } if *file == path && *newer == format)
            );
        }
        assert_eq!(fs::read(&path).unwrap(), bytes);
    }
}

/// Before it was begun, all of the one before was synced.
#[test]
fn a_segment_that_was_only_being_begun_hides_nothing_that_is_missing_before_it() {
    let (dir, ends) = journal_of(COMMITS);
    let begun = dir.path().join("journal").join(segment_name(COMMITS + 1));
    fs::write(&begun, [0; 5]).unwrap();
    let whole = reopened(dir.path(), |_| {});
    assert_eq!(whole.unwrap(), COMMITS);
    let (last, length) = ends.last().unwrap().clone();
    let cut = reopened(dir.path(), |dir| {
        fs::OpenOptions::new().write(true).open(dir.join(&last)).unwrap().set_len(length - 1).unwrap();
    });
    assert!(matches!(cut, Err(OpenError::Missing { first: COMMITS, .. })), "{cut:?}");
    let missing = reopened(dir.path(), |dir| fs::remove_file(dir.join(&last)).unwrap());
    assert!(matches!(missing, Err(OpenError::Missing { .. })), "{missing:?}");
}

#[test]
fn an_index_that_knows_more_than_the_journal_stops_the_opening() {
    let dir = folder();
    let store = open(dir.path()).unwrap();
    commit(&*store, put(Key::of("r").number(0), b"old")).unwrap();
    let copied = folder();
    copy(&dir.path().join("journal"), copied.path());
    commit(&*store, put(Key::of("r").number(1), b"new")).unwrap();
    store.close();
    fs::remove_dir_all(dir.path().join("journal")).unwrap();
    copy(copied.path(), &dir.path().join("journal"));
    let error = open(dir.path()).unwrap_err();
    assert!(matches!(error, OpenError::Behind { journal: 1, index: 2, .. }), "{error}");
}

/// A copy of a store with one byte of a file changed.
fn flipped(dir: &Path, file: &Path, at: usize) -> TempDir {
    let copied = folder();
    copy(dir, copied.path());
    let mut bytes = fs::read(dir.join(file)).unwrap();
    bytes[at] ^= 0x40;
    fs::write(copied.path().join(file), bytes).unwrap();
    copied
}

#[test]
fn a_flipped_byte_in_the_index_never_shows_in_what_is_read() {
    const RECORDS: u64 = 2000;
    let dir = folder();
    let store = open(dir.path()).unwrap();
    for lot in 0..10 {
        let mut write_set = WriteSet::new();
        for number in (0..RECORDS).filter(|number| number % 10 == lot) {
            write_set.put(Key::of("r").number(number), vec![number as u8; 600]);
        }
        commit(&*store, write_set).unwrap();
        store.checkpoint();
    }
    store.close();
    let file = "index/directory/db";
    let length = fs::read(dir.path().join(file)).unwrap().len();
    let mut moved_aside = 0;
    for at in (0..length).step_by(length / 12) {
        let copied = flipped(dir.path(), Path::new(file), at);
        let store = open(copied.path()).unwrap();
        let found = store.range(&Key::of("r").subtree(), usize::MAX).unwrap();
        assert!(found.iter().zip(0..).all(|((_, record), number)| record.value == vec![number as u8; 600]));
        assert_eq!(found.len() as u64, RECORDS, "flipped at {at}");
        moved_aside += u64::from(copied.path().join("index.damaged.1").exists());
    }
    assert!(moved_aside > 0);
}

/// Records that fill more than one block of the history, in two tables of which the newer one hides half
/// of the older one.
fn history() -> TempDir {
    let dir = folder();
    let store = open(dir.path()).unwrap();
    for (from, value) in [(0, 1), (HISTORY / 2, 2)] {
        let mut write_set = WriteSet::new();
        (from..HISTORY).for_each(|number| write_set.put(Key::of("h").number(number), vec![value; 600]));
        write_set.adjust(Key::of("count"), 1, 0, 2);
        commit(&*store, write_set).unwrap();
        store.checkpoint();
    }
    store.close();
    dir
}

const HISTORY: u64 = 60;

/// How many reads are refused; those that are not must tell the truth.
fn refused_reads(store: &EmbeddedStore, what: &str) -> u64 {
    let expected = |number: u64| vec![if number < HISTORY / 2 { 1 } else { 2 }; 600];
    let mut refused = 0;
    for number in 0..HISTORY {
        match store.record(&Key::of("h").number(number)) {
            Ok(found) => assert!(found.unwrap().value == expected(number), "{what}"),
            Err(_) => refused += 1,
        }
    }
    match store.range(&Key::of("h").subtree(), usize::MAX) {
        Ok(found) => {
            let all = (0..HISTORY).map(|number| (Key::of("h").number(number), expected(number)));
            let found = found.into_iter().map(|(key, record)| (key, record.value.to_vec()));
            let (all, found): (Vec<_>, Vec<_>) = (all.collect(), found.collect());
            let shown =
                |found: &[(Key, Vec<u8>)]| found.iter().map(|(key, value)| (key.clone(), value[0])).collect::<Vec<_>>();
            assert!(found == all, "{what}: a range is {:?}", shown(&found));
        }
        Err(_) => refused += 1,
    }
    match store.counter(&Key::of("count")) {
        Ok(count) => assert_eq!(count, 2),
        Err(_) => refused += 1,
    }
    refused
}

#[test]
fn a_flipped_byte_in_the_history_is_an_error_or_harmless_and_a_rebuild_mends_it() {
    let dir = history();
    let history = Path::new("index/history");
    let mut files = files_below(&dir.path().join(history));
    files.sort();
    assert!(files.len() > 3, "two tables and the lists of them: {files:?}");
    let mut refused = 0;
    for file in files {
        let file = file.strip_prefix(dir.path()).unwrap();
        let length = fs::read(dir.path().join(file)).unwrap().len();
        // Close together in the small files, which are the lists of tables.
        let step = if length < 1000 { 6 } else { length.div_ceil(25) };
        for at in (0..length).step_by(step) {
            let copied = flipped(dir.path(), file, at);
            let store = open(copied.path()).unwrap();
            let what = format!("{} of {length} bytes, flipped at {at}", file.display());
            let here = refused_reads(&store, &what);
            store.close();
            drop(store);
            if here > 0 {
                rebuild(options(copied.path()), &mut |_| {}).unwrap();
                assert_eq!(refused_reads(&open(copied.path()).unwrap(), &what), 0, "{what}");
            }
            refused += here;
        }
    }
    assert!(refused > 0);
}

pub(super) fn files_below(dir: &Path) -> Vec<PathBuf> {
    let below = |entry: fs::DirEntry| match entry.file_type().unwrap().is_dir() {
        true => files_below(&entry.path()),
        false => vec![entry.path()],
    };
    fs::read_dir(dir).unwrap().flat_map(|entry| below(entry.unwrap())).collect()
}
