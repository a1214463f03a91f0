//! The audit log as a file, whole, bent and continued.

use std::fs;

use tempfile::TempDir;

use super::files::full_path;
use super::repeats::WINDOW;
use super::*;
use crate::clock::ManualClock;

fn clock() -> Arc<dyn Clock> {
    Arc::new(ManualClock::at(Timestamp::from_seconds(1_800_000_000)))
}

fn path(folder: &TempDir) -> PathBuf {
    folder.path().join("audit.log")
}

fn written(folder: &TempDir) -> Vec<u8> {
    let audit = Audit::open(&path(folder), clock()).unwrap();
    audit.record("refused", &[("third_party", "duka"), ("reason", "password-wrong")]);
    audit.record("refused", &[("sp_id", "\"},\"chain\":\"\n{}é")]);
    audit.record("started", &[]);
    drop(audit);
    fs::read(path(folder)).unwrap()
}

fn fault_of(result: Result<Head, AuditError>) -> (u64, Fault) {
    match result {
        Err(AuditError::Broken { line, fault, .. }) => (line, fault),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_log_verifies_and_is_continued_where_it_ended() {
    let folder = TempDir::new().unwrap();
    let before = written(&folder);
    let audit = Audit::open(&path(&folder), clock()).unwrap();
    assert_eq!(audit.head().unwrap().number, 3);
    audit.record("stopped", &[]);
    let head = verify(&path(&folder)).unwrap();
    assert_eq!((Some(&head), head.number), (audit.head().as_ref(), 4));
    assert!(fs::read(path(&folder)).unwrap().starts_with(&before));
}

#[test]
fn every_line_is_json_with_number_time_event_and_fields() {
    let folder = TempDir::new().unwrap();
    let text = String::from_utf8(written(&folder)).unwrap();
    let lines: Vec<serde_json::Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines[0]["number"], 1);
    assert_eq!(lines[0]["at"], 1_800_000_000_000_000u64);
    assert_eq!(lines[0]["event"], "refused");
    assert_eq!(lines[0]["fields"]["reason"], "password-wrong");
    assert_eq!(lines[1]["fields"]["sp_id"], "\"},\"chain\":\"\n{}é");
    assert_eq!(lines[2]["fields"], serde_json::json!({}));
}

#[test]
fn s7_every_flipped_bit_is_found() {
    let folder = TempDir::new().unwrap();
    let good = written(&folder);
    for at in 0..good.len() * 8 {
        let mut bent = good.clone();
        bent[at / 8] ^= 1 << (at % 8);
        fs::write(path(&folder), &bent).unwrap();
        assert!(verify(&path(&folder)).is_err(), "bit {at}");
    }
}

#[test]
fn s7_a_line_removed_doubled_or_moved_is_found() {
    let folder = TempDir::new().unwrap();
    let text = String::from_utf8(written(&folder)).unwrap();
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    for order in [vec![1, 2], vec![0, 2], vec![0, 0, 1, 2], vec![0, 2, 1], vec![0, 1, 1, 2]] {
        let changed: String = order.iter().map(|&at| lines[at]).collect();
        fs::write(path(&folder), changed).unwrap();
        assert_eq!(fault_of(verify(&path(&folder))).1, Fault::Chain, "{order:?}");
    }
}

#[test]
fn s7_lines_missing_at_the_end_are_found_by_a_head_kept_elsewhere() {
    let folder = TempDir::new().unwrap();
    let text = String::from_utf8(written(&folder)).unwrap();
    let kept = verify(&path(&folder)).unwrap();
    assert!(verify_since(&path(&folder), Some(&kept)).is_ok());
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    fs::write(path(&folder), lines[..2].concat()).unwrap();
    assert!(verify(&path(&folder)).is_ok());
    let missing = |result| matches!(result, Err(AuditError::Missing { line: 3, .. }));
    assert!(missing(verify_since(&path(&folder), Some(&kept))));
    Audit::open(&path(&folder), clock()).unwrap().record("another", &[]);
    assert!(missing(verify_since(&path(&folder), Some(&kept))));
}

#[test]
fn a_line_cut_off_by_a_crash_is_removed_and_that_is_recorded() {
    let folder = TempDir::new().unwrap();
    let good = written(&folder);
    fs::write(path(&folder), &good[..good.len() - 10]).unwrap();
    assert_eq!(fault_of(verify(&path(&folder))), (3, Fault::Torn));
    drop(Audit::open(&path(&folder), clock()).unwrap());
    assert_eq!(verify(&path(&folder)).unwrap().number, 3);
    assert!(fs::read_to_string(path(&folder)).unwrap().contains("audit-tail-cut"));
}

#[test]
fn an_empty_log_and_one_that_is_off_hold_nothing() {
    let folder = TempDir::new().unwrap();
    drop(Audit::open(&path(&folder), clock()).unwrap());
    assert_eq!(verify(&path(&folder)).unwrap(), Head::beginning());
    let off = Audit::off(clock());
    off.record("refused", &[]);
    assert_eq!(off.head(), None);
}

#[test]
fn s7_nobody_else_writes_while_it_is_open() {
    let folder = TempDir::new().unwrap();
    let audit = Audit::open(&path(&folder), clock()).unwrap();
    assert!(matches!(Audit::open(&path(&folder), clock()), Err(AuditError::Busy { .. })));
    drop(audit);
    assert!(Audit::open(&path(&folder), clock()).is_ok());
}

#[test]
fn a_file_that_is_no_audit_log_is_not_added_to() {
    let folder = TempDir::new().unwrap();
    fs::write(path(&folder), "something else\n").unwrap();
    assert!(matches!(Audit::open(&path(&folder), clock()), Err(AuditError::NoLog { .. })));
}

#[test]
fn d6_what_a_caller_sends_is_cut() {
    let folder = TempDir::new().unwrap();
    let audit = Audit::open(&path(&folder), clock()).unwrap();
    audit.record("refused", &[("sp_id", &"x".repeat(1_000_000))]);
    assert!(fs::metadata(path(&folder)).unwrap().len() < 1_000);
}

/// A log whose files hold about ten lines each, with `lines` lines in it.
fn rotated(folder: &TempDir, lines: usize) -> Vec<PathBuf> {
    let audit = Audit::with_file_bytes_max(&path(folder), 2_000, clock()).unwrap();
    for line in 0..lines {
        audit.record("started", &[("line", &line.to_string())]);
        audit.sync().unwrap();
    }
    drop(audit);
    let mut files = files::full_files(&path(folder)).unwrap();
    files.push(path(folder));
    files
}

#[test]
fn s7_a_full_file_is_put_aside_and_the_chain_goes_on() {
    let folder = TempDir::new().unwrap();
    let files = rotated(&folder, 60);
    assert!(files.len() >= 5, "{files:?}");
    assert_eq!(files[0], full_path(&path(&folder), 1));
    let head = verify(&path(&folder)).unwrap();
    assert_eq!(head.number, 60 + files.len() as u64 - 1, "a line for each file that goes on");
    for file in &files {
        assert!(fs::metadata(file).unwrap().len() < 2_500);
        verify_file(file, None).unwrap();
    }
    let audit = Audit::with_file_bytes_max(&path(&folder), 2_000, clock()).unwrap();
    assert_eq!(audit.head(), Some(head.clone()));
    audit.record("again", &[]);
    drop(audit);
    assert!(verify_since(&path(&folder), Some(&head)).is_ok());
}

#[test]
fn s7_one_flipped_byte_in_any_file_is_found() {
    let folder = TempDir::new().unwrap();
    for file in rotated(&folder, 40) {
        let good = fs::read(&file).unwrap();
        for at in (0..good.len()).step_by(37) {
            let mut bent = good.clone();
            bent[at] ^= 1;
            fs::write(&file, &bent).unwrap();
            assert!(verify(&path(&folder)).is_err(), "byte {at} of {}", file.display());
        }
        fs::write(&file, &good).unwrap();
    }
    assert!(verify(&path(&folder)).is_ok());
}

#[test]
fn s7_a_file_removed_is_found() {
    let folder = TempDir::new().unwrap();
    let files = rotated(&folder, 40);
    for file in &files {
        let aside = folder.path().join("aside");
        fs::rename(file, &aside).unwrap();
        match verify(&path(&folder)) {
            Err(AuditError::FileMissing { path, .. }) => assert_eq!(path, *file),
            // Without the last of the full files, it is the next line that does not fit.
            Err(AuditError::Broken { fault: Fault::Chain, line: 1, .. }) => {}
            other => panic!("{}: {other:?}", file.display()),
        }
        fs::rename(&aside, file).unwrap();
    }
    let (last, full) = files.split_last().unwrap();
    full.iter().for_each(|file| fs::remove_file(file).unwrap());
    assert!(matches!(verify(last), Err(AuditError::FileMissing { .. })), "all full files were taken away");
}

#[test]
fn s7_a_log_whose_newest_file_was_removed_is_not_begun_anew() {
    let folder = TempDir::new().unwrap();
    rotated(&folder, 20);
    fs::remove_file(path(&folder)).unwrap();
    let refused = Audit::with_file_bytes_max(&path(&folder), 2_000, clock());
    assert!(matches!(refused, Err(AuditError::FileMissing { .. })), "{refused:?}");
}

#[test]
fn s7_a_rotation_that_a_crash_interrupted_is_ended_or_forgotten() {
    for put_aside in [false, true] {
        let folder = TempDir::new().unwrap();
        let audit = Audit::open(&path(&folder), clock()).unwrap();
        audit.record("started", &[]);
        drop(audit);
        // What stands on the disk before and after the first of the two renames.
        let (line, _) = verify(&path(&folder))
            .unwrap()
            .next(
                Timestamp::from_seconds(1),
                chain::CONTINUED,
                &[(chain::CHAIN_BEFORE, &verify(&path(&folder)).unwrap().chain)],
            )
            .unwrap();
        fs::write(folder.path().join("audit.log.next"), line).unwrap();
        if put_aside {
            fs::rename(path(&folder), full_path(&path(&folder), 1)).unwrap();
        }
        let audit = Audit::open(&path(&folder), clock()).unwrap();
        audit.record("started again", &[]);
        drop(audit);
        assert_eq!(verify(&path(&folder)).unwrap().number, if put_aside { 3 } else { 2 });
        assert!(!folder.path().join("audit.log.next").exists());
    }
}

#[test]
fn d6_what_repeats_is_written_once_a_minute_with_its_count() {
    let folder = TempDir::new().unwrap();
    let clock = Arc::new(ManualClock::at(Timestamp::from_seconds(1_800_000_000)));
    let audit = Audit::open(&path(&folder), clock.clone()).unwrap();
    let knock = |address: &str, sp_id: &str| {
        audit.record_often("refused", &[("address", address)], &[("sp_id", sp_id)]);
    };
    for at in 0..10_000 {
        knock("10.0.0.1", &at.to_string());
    }
    knock("10.0.0.2", "x");
    assert_eq!(audit.head().unwrap().number, 2);
    clock.advance(WINDOW);
    audit.sync().unwrap();
    assert_eq!(audit.head().unwrap().number, 3, "who knocked once has no second line");
    knock("10.0.0.1", "later");
    knock("10.0.0.1", "later");
    drop(audit);
    let text = fs::read_to_string(path(&folder)).unwrap();
    let lines: Vec<serde_json::Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let field = |line: usize, name: &str| lines[line]["fields"][name].as_str().unwrap_or("-").to_owned();
    assert_eq!((field(0, "address"), field(0, "sp_id")), ("10.0.0.1".into(), "0".into()));
    assert_eq!((field(2, "address"), field(2, "repeated")), ("10.0.0.1".into(), "9999".into()));
    assert_eq!((field(2, "seconds"), field(2, "sp_id")), ("60".into(), "-".into()));
    assert_eq!((field(3, "sp_id"), field(4, "repeated")), ("later".into(), "1".into()));
    assert_eq!(verify(&path(&folder)).unwrap().number, 5, "what was counted is told at the end");
}

#[test]
fn d6_a_stranger_with_many_faces_gets_few_lines() {
    let folder = TempDir::new().unwrap();
    let audit = Audit::open(&path(&folder), clock()).unwrap();
    for face in 0..100_000 {
        audit.record_often("refused", &[("address", &face.to_string())], &[]);
    }
    assert_eq!(audit.head().unwrap().number, 257);
    audit.record_often("another", &[("address", "1")], &[]);
    audit.record_often("another", &[("address", "2")], &[]);
    assert_eq!(audit.head().unwrap().number, 258, "the rest of each event is one kind");
    drop(audit);
    let text = fs::read_to_string(path(&folder)).unwrap();
    assert!(text.contains("of more kinds than are told apart") && text.contains("\"repeated\":\"99743\""));
}
