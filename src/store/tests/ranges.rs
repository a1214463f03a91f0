//! Range reads beside commits, checkpoints and merges: each sees the state as it was at one moment, after everything
//! that was acknowledged before it began.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use super::{Disturbance, Engine, commit};
use crate::store::embedded::tests::Embedded;
use crate::store::{Key, KeyRange, Record, Store, WriteSet};

const WRITERS: usize = 4;
const COMMITS: u64 = 300;
const READERS: usize = 2;
/// Places between which the record of a writer moves.
const PLACES: u64 = 9;
/// Of two kinds, which the embedded store keeps in different parts of its index.
const KINDS: [&str; 2] = ["r", "s"];

/// What a read saw of a writer: how often its record was moved, and the version of that.
type Seen = (u64, u64);

/// Moves the record of a writer on, in both kinds at once.
fn moved(writer: usize, number: u64) -> WriteSet {
    let mut write_set = WriteSet::new();
    for kind in KINDS {
        let place = |number: u64| Key::of(kind).number(number * 7 % PLACES).number(writer as u64);
        // Small and large ones are kept in different ways.
        let rest = vec![writer as u8; 1 + 500 * (number as usize % 2)];
        write_set.put(place(number), [number.to_le_bytes().to_vec(), rest].concat());
        if number > 1 {
            write_set.delete(place(number - 1));
        }
    }
    write_set
}

/// What a range read sees of each writer, whose record must be there once in each kind, or not yet at all.
fn seen(found: Vec<(Key, Record)>) -> [Seen; WRITERS] {
    assert!(found.is_sorted_by(|(one, _), (other, _)| one < other), "a key twice, or out of order");
    let mut seen = [const { Vec::new() }; WRITERS];
    for (_, record) in found {
        let number = u64::from_le_bytes(record.value[..8].try_into().unwrap());
        seen[usize::from(record.value[8])].push((number, record.version));
    }
    seen.map(|of_writer| match of_writer[..] {
        [] => (0, 0),
        [one, other] if one == other => one,
        _ => panic!("a record is seen half moved, twice, or in one kind only: {of_writer:?}"),
    })
}

#[test]
fn a_range_read_sees_one_moment_whatever_goes_on_beside_it() {
    let mut engine = Embedded::new();
    let store: Arc<dyn Store> = engine.store();
    let acknowledged = [const { AtomicU64::new(0) }; WRITERS];
    let ended = AtomicBool::new(false);
    let all = KeyRange { from: Key::of(KINDS[0]), to: Key::of(KINDS[1]).subtree().to };
    let (commits, reads) = thread::scope(|scope| {
        let writers: Vec<_> = (0..WRITERS)
            .map(|writer| {
                let (store, acknowledged) = (store.clone(), &acknowledged[writer]);
                scope.spawn(move || {
                    let committed = (1..=COMMITS).map(|number| {
                        let sequence = commit(&*store, moved(writer, number)).unwrap().sequence;
                        acknowledged.store(number, Ordering::SeqCst);
                        sequence
                    });
                    committed.collect::<Vec<_>>()
                })
            })
            .collect();
        let readers: Vec<_> = (0..READERS)
            .map(|_| {
                scope.spawn(|| {
                    let mut reads = Vec::new();
                    while !ended.load(Ordering::SeqCst) {
                        let before = acknowledged.each_ref().map(|number| number.load(Ordering::SeqCst));
                        let seen = seen(store.range(&all, usize::MAX).unwrap());
                        assert!(before.iter().zip(&seen).all(|(before, (number, _))| number >= before));
                        reads.push(seen);
                    }
                    reads
                })
            })
            .collect();
        while !writers.iter().all(|writer| writer.is_finished()) {
            engine.disturb(Disturbance::Checkpoint);
        }
        ended.store(true, Ordering::SeqCst);
        let commits: Vec<Vec<u64>> = writers.into_iter().map(|writer| writer.join().unwrap()).collect();
        (commits, readers.into_iter().flat_map(|reader| reader.join().unwrap()).collect::<Vec<_>>())
    });
    assert!(reads.len() > 20, "hardly anything was read: {}", reads.len());
    for seen in reads {
        let moment = seen.iter().map(|(_, version)| *version).max().unwrap_or_default();
        for (of_writer, (number, version)) in commits.iter().zip(seen) {
            let sequence = |number: u64| of_writer.get(number as usize - 1).copied();
            assert!(number == 0 || sequence(number) == Some(version));
            // Whatever was committed before the newest that it saw, it saw.
            assert!(sequence(number + 1).is_none_or(|next| next > moment), "{seen:?}");
        }
    }
}
