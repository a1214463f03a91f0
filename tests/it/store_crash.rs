//! What is acknowledged survives SIGKILL: a child process commits and reports each acknowledged
//! write set through a pipe, and dies at a random moment; then the folder is opened and every write
//! set must be whole or not there at all, and none that was acknowledged may be missing.
//!
//! `LANGO_TEST_CRASH_ROUNDS=300` makes it long; `LANGO_TEST_SEED` repeats a run.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use lango::entropy::{Entropy, SeededEntropy, SystemEntropy};
use lango::store::embedded::disk::RealDisk;
use lango::store::embedded::{EmbeddedStore, Options, verify};
use lango::store::{Key, Read, Store, WriteSet};

use crate::house::{PATIENCE, small_store};

const ROUNDS: u64 = 30;
/// After so many rounds the child begins in a new folder, so that checking stays cheap.
const ROUNDS_OF_A_FOLDER: u64 = 10;
const WRITERS: u64 = 4;
const ACCOUNTS: u64 = 8;
const PARTS: u64 = 4;
const FOLDER: &str = "LANGO_TEST_CRASH_FOLDER";

fn open(dir: &Path) -> Arc<EmbeddedStore> {
    // Small, so that segments end and checkpoints are under way when the process dies.
    let options = Options { directory_kinds: &["window"], ..small_store(dir) };
    EmbeddedStore::open(options, Arc::new(RealDisk)).unwrap()
}

fn log_of(writer: u64) -> Key {
    Key::of("done").number(writer)
}

fn part(writer: u64, number: u64, part: u64) -> (Key, Vec<u8>) {
    let bytes = 40 + (number * 37 + part * 211) % 1400;
    (Key::of("part").number(writer).number(number).number(part), vec![(writer ^ number ^ part) as u8; bytes as usize])
}

fn window(writer: u64, number: u64) -> Key {
    Key::of("window").number(writer).number(number)
}

/// What the `number`th write set of a writer moves: from, to, amount.
fn transfer(writer: u64, number: u64) -> (u64, u64, i64) {
    let from = (number * 7 + writer) % ACCOUNTS;
    let to = (from + 1 + number % (ACCOUNTS - 1)) % ACCOUNTS;
    (from, to, (number % 97) as i64 + 1)
}

/// Several records, a log entry, money from one account to another, and a record that replaces the
/// one before it.
fn write_set(writer: u64, number: u64) -> WriteSet {
    let mut write_set = WriteSet::new();
    for nth in 0..PARTS {
        let (key, value) = part(writer, number, nth);
        write_set.expect_absent(key.clone());
        write_set.put(key, value);
    }
    let (from, to, amount) = transfer(writer, number);
    write_set.adjust(Key::of("account").number(from), -amount, i64::MIN, i64::MAX);
    write_set.adjust(Key::of("account").number(to), amount, i64::MIN, i64::MAX);
    write_set.append(log_of(writer), Vec::new(), vec![log_of(writer)]);
    write_set.put(window(writer, number), Vec::new());
    write_set.delete(window(writer, number - 1));
    write_set
}

/// What the child runs until it is killed; among the tests only so that this binary can be it.
#[test]
#[ignore = "not a test but the process that nothing_acknowledged_dies_with_the_process kills"]
fn the_child_that_is_killed() {
    let Some(dir) = std::env::var_os(FOLDER) else { return };
    let store = open(Path::new(&dir));
    let writers: Vec<_> = (0..WRITERS)
        .map(|writer| {
            let store = store.clone();
            thread::spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
                for number in store.counter(&log_of(writer)).unwrap() as u64 + 1.. {
                    runtime.block_on(store.commit(write_set(writer, number))).unwrap();
                    let mut out = std::io::stdout().lock();
                    writeln!(out, "acknowledged {writer} {number}").and_then(|()| out.flush()).unwrap();
                }
            })
        })
        .collect();
    writers.into_iter().for_each(|writer| writer.join().unwrap());
}

fn spawned(dir: &Path) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "--nocapture", "store_crash::the_child_that_is_killed"])
        .env(FOLDER, dir)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Lets a child commit and kills it, and adds what it reported to what was acknowledged before.
fn killed_at_random(dir: &Path, entropy: &SeededEntropy, acknowledged: &mut [u64]) {
    let mut child = spawned(dir);
    let lines = BufReader::new(child.stdout.take().unwrap());
    let (report, reports) = mpsc::channel();
    let reader = thread::spawn(move || {
        // A line that the kill cut off is no report.
        for line in lines.lines().map_while(Result::ok) {
            let mut words = line.split(' ');
            if words.next() == Some("acknowledged")
                && let [writer, number] = words.filter_map(|word| word.parse().ok()).collect::<Vec<u64>>()[..]
            {
                let _ = report.send((writer as usize, number));
            }
        }
    });
    let mut note = |(writer, number): (usize, u64)| acknowledged[writer] = acknowledged[writer].max(number);
    // One in four dies while it opens what the one before it left, the others while they commit.
    if entropy.u64().is_multiple_of(4) {
        thread::sleep(Duration::from_millis(entropy.u64() % 60));
    } else {
        for _ in 0..entropy.u64() % 400 {
            note(reports.recv_timeout(PATIENCE).unwrap());
        }
        thread::sleep(Duration::from_micros(entropy.u64() % 5000));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    reader.join().unwrap();
    reports.try_iter().for_each(note);
}

/// Every write set is whole or absent, those acknowledged are there, and nothing else is. What has
/// been seen whole counts as acknowledged from then on: the next child may die before it reports.
fn assert_whole(dir: &Path, acknowledged: &mut [u64]) {
    verify(dir).unwrap();
    let store = open(dir);
    let mut accounts = [0_i64; ACCOUNTS as usize];
    for (writer, acknowledged) in (0..).zip(acknowledged) {
        let done = store.counter(&log_of(writer)).unwrap() as u64;
        assert!(
            (*acknowledged..=*acknowledged + 1).contains(&done),
            "writer {writer}: {acknowledged} acknowledged, {done} there, at most one was under way"
        );
        *acknowledged = done;
        let log = store.range(&log_of(writer).subtree(), usize::MAX).unwrap();
        let numbers: Vec<i64> = log.iter().flat_map(|(_, record)| record.captured.clone()).collect();
        assert_eq!(numbers, (1..=done as i64).collect::<Vec<_>>());
        let parts = store.range(&Key::of("part").number(writer).subtree(), usize::MAX).unwrap();
        let found: Vec<_> = parts.into_iter().map(|(key, record)| (key, record.value.to_vec())).collect();
        let expected = (1..=done).flat_map(|number| (0..PARTS).map(move |nth| part(writer, number, nth)));
        assert!(found == expected.collect::<Vec<_>>(), "writer {writer}: a write set is half there");
        let windows = store.range(&Key::of("window").number(writer).subtree(), usize::MAX).unwrap();
        let newest: Vec<Key> = (done > 0).then(|| window(writer, done)).into_iter().collect();
        assert_eq!(windows.into_iter().map(|(key, _)| key).collect::<Vec<_>>(), newest);
        for (from, to, amount) in (1..=done).map(|number| transfer(writer, number)) {
            accounts[from as usize] -= amount;
            accounts[to as usize] += amount;
        }
    }
    for (account, expected) in (0..).zip(accounts) {
        assert_eq!(store.counter(&Key::of("account").number(account)), Ok(expected), "l1: account {account}");
    }
    store.close();
}

#[test]
fn nothing_acknowledged_dies_with_the_process() {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let rounds = number("LANGO_TEST_CRASH_ROUNDS").unwrap_or(ROUNDS);
    let seed = number("LANGO_TEST_SEED").unwrap_or_else(|| SystemEntropy.u64());
    println!("LANGO_TEST_SEED={seed}");
    let entropy = SeededEntropy::new(seed);
    let (mut folder, mut acknowledged, mut total) = (tempfile::tempdir().unwrap(), [0; WRITERS as usize], 0);
    for round in 0..rounds {
        if round > 0 && round % ROUNDS_OF_A_FOLDER == 0 {
            total += acknowledged.iter().sum::<u64>();
            (folder, acknowledged) = (tempfile::tempdir().unwrap(), [0; WRITERS as usize]);
        }
        killed_at_random(folder.path(), &entropy, &mut acknowledged);
        if round % ROUNDS_OF_A_FOLDER == ROUNDS_OF_A_FOLDER / 2 && folder.path().join("index").exists() {
            // The journal alone must do as well.
            fs::remove_dir_all(folder.path().join("index")).unwrap();
        }
        // A child that died before its folder was there left nothing to check.
        if folder.path().join("journal").exists() {
            assert_whole(folder.path(), &mut acknowledged);
        }
    }
    total += acknowledged.iter().sum::<u64>();
    println!("{rounds} rounds, {total} acknowledged write sets");
    assert!(total > rounds, "the children hardly committed anything");
}
