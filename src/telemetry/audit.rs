//! The audit log: one line of JSON for each refusal, grant, change and sign-in, chained by hashes so
//! that a changed, removed or inserted line is found offline. (S7)
//!
//! A line is `{"number":1,"at":MICROSECONDS,"event":"...","fields":{...},"chain":"..."}`. Its chain
//! is the SHA-256, in hexadecimal, of the chain of the line before (64 zeros before the first) and
//! of the line's own text up to `,"chain":`. What the chain cannot show is that whole lines are
//! missing at the end; for that, keep the number and chain that [`verify`] tells somewhere else.
//!
//! A line is in the hands of the operating system when [`Audit::record`] returns, so it survives the
//! process; [`Audit::sync`] makes it survive the machine, and is for a timer to call. No secret may
//! be recorded; whoever records an event answers for its fields.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use aws_lc_rs::digest::{Context, SHA256};
use serde::{Deserialize, Serialize};

use crate::clock::{Clock, Timestamp};

/// The longest value of a field; what callers send is cut to this.
pub const FIELD_CHARACTERS_MAX: usize = 256;
/// The longest line that [`verify`] reads; a recorded one is far shorter.
const LINE_BYTES_MAX: u64 = 64 * 1024;

/// How long to wait for a process that closes the log, and how often to look.
const LOCK_TIME_MAX: Duration = Duration::from_millis(500);
const LOCK_PAUSE: Duration = Duration::from_millis(10);

const CHAIN_OPENS: &str = ",\"chain\":\"";
const CHAIN_CLOSES: &str = "\"}";

/// An open audit log.
pub struct Audit {
    clock: Arc<dyn Clock>,
    log: Mutex<Option<Log>>,
}

struct Log {
    file: File,
    /// Bytes of whole lines.
    length: u64,
    head: Head,
}

/// The end of a chain: what to keep elsewhere, to see later that nothing after it was removed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// The number of the newest line; 0: there is none.
    pub number: u64,
    /// Its chain, 64 hexadecimal digits.
    pub chain: String,
}

/// Why an audit log is not opened, or does not verify.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    /// The file cannot be read or written.
    #[error("{}: {error}", path.display())]
    Unusable {
        /// The file.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// Another process writes it; two would break its chain.
    #[error("{}: another process writes it", path.display())]
    Busy {
        /// The file.
        path: PathBuf,
    },
    /// The file does not end as an audit log does, so nothing is added to it.
    #[error("{}: the last line {fault}; move the file away to begin a new log", path.display())]
    NoLog {
        /// The file.
        path: PathBuf,
        /// What is wrong with its last line.
        fault: Fault,
    },
    /// A line that was there once is not.
    #[error("{}: line {line} is not the one that was there: it was removed or replaced", path.display())]
    Missing {
        /// The file.
        path: PathBuf,
        /// From 1.
        line: u64,
    },
    /// A line is not what was written.
    #[error("{}: line {line} {fault}", path.display())]
    Broken {
        /// The file.
        path: PathBuf,
        /// From 1.
        line: u64,
        /// What is wrong with it.
        fault: Fault,
    },
}

/// What is wrong with a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// It does not end.
    #[error("has no end: it was cut off while it was written")]
    Torn,
    /// It is no line of an audit log.
    #[error("is no line of an audit log")]
    Form,
    /// Its number is not the one after that of the line before.
    #[error("has not the number that comes next: a line is missing or too many")]
    Number,
    /// Its text or the one before it was changed.
    #[error("does not fit its chain: it or the line before was changed")]
    Chain,
}

#[derive(Serialize)]
struct Line<'a> {
    number: u64,
    at: Timestamp,
    event: &'a str,
    fields: BTreeMap<&'a str, String>,
}

#[derive(Deserialize)]
struct Numbered {
    number: u64,
}

impl Audit {
    /// Opens the log at `path` to add to it, or begins one. A last line that was cut off by a crash
    /// is removed, and that is recorded. The lines before are not verified here. As long as it is
    /// open no other process opens it.
    pub fn open(path: &Path, clock: Arc<dyn Clock>) -> Result<Self, AuditError> {
        let unusable = |error| AuditError::Unusable { path: path.to_owned(), error };
        let mut file = OpenOptions::new().read(true).append(true).create(true).open(path).map_err(unusable)?;
        lock(&file, path)?;
        let tail = read_tail(&mut file).map_err(unusable)?;
        let head = match &tail.last_line {
            Some(line) => read_head(line).map_err(|fault| AuditError::NoLog { path: path.to_owned(), fault })?,
            None => Head::beginning(),
        };
        if tail.torn_bytes > 0 {
            file.set_len(tail.whole_bytes).map_err(unusable)?;
        }
        let log = Log { file, length: tail.whole_bytes, head };
        let audit = Self { clock, log: Mutex::new(Some(log)) };
        if tail.torn_bytes > 0 {
            audit.record("audit-tail-cut", &[("bytes", &tail.torn_bytes.to_string())]);
        }
        Ok(audit)
    }

    /// An audit that keeps nothing: for tests and benchmarks.
    pub fn off(clock: Arc<dyn Clock>) -> Self {
        Self { clock, log: Mutex::new(None) }
    }

    /// Adds a line. A line that cannot be written is logged and missing; no caller waits for a disk
    /// that is full.
    pub fn record(&self, event: &str, fields: &[(&str, &str)]) {
        let mut log = self.lock();
        let Some(log) = log.as_mut() else { return };
        if let Err(error) = log.append(self.clock.now(), event, fields) {
            tracing::error!(event, %error, "the audit log could not be written");
        }
    }

    /// Waits until everything recorded so far is on the disk.
    pub fn sync(&self) -> io::Result<()> {
        // Synced through a handle of its own, so that nobody who records waits for the disk.
        let file = match self.lock().as_ref() {
            Some(log) => log.file.try_clone()?,
            None => return Ok(()),
        };
        file.sync_data()
    }

    /// The newest line's number and chain; none if nothing is kept.
    pub fn head(&self) -> Option<Head> {
        self.lock().as_ref().map(|log| log.head.clone())
    }

    fn lock(&self) -> MutexGuard<'_, Option<Log>> {
        self.log.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

impl Drop for Audit {
    fn drop(&mut self) {
        if let Err(error) = self.sync() {
            tracing::error!(%error, "the audit log could not be synced");
        }
    }
}

impl fmt::Debug for Audit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Audit").field("head", &self.head()).finish_non_exhaustive()
    }
}

impl Head {
    fn beginning() -> Self {
        Self { number: 0, chain: "0".repeat(64) }
    }

    /// The head after a line with this text before its chain.
    fn after(&self, text: &str) -> Self {
        let mut context = Context::new(&SHA256);
        context.update(self.chain.as_bytes());
        context.update(text.as_bytes());
        let chain = context.finish().as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
        Self { number: self.number.saturating_add(1), chain }
    }
}

impl Log {
    fn append(&mut self, at: Timestamp, event: &str, fields: &[(&str, &str)]) -> io::Result<()> {
        let fields = fields.iter().map(|(name, value)| (*name, value.chars().take(FIELD_CHARACTERS_MAX).collect()));
        let line = Line { number: self.head.number.saturating_add(1), at, event, fields: fields.collect() };
        let mut text = serde_json::to_string(&line)?;
        // The line goes on with its chain.
        text.pop();
        let head = self.head.after(&text);
        let whole = [&text, CHAIN_OPENS, &head.chain, CHAIN_CLOSES, "\n"].concat();
        if let Err(error) = self.file.write_all(whole.as_bytes()) {
            // Half a line must not stand before the next one.
            self.file.set_len(self.length)?;
            return Err(error);
        }
        self.length = self.length.saturating_add(whole.len() as u64);
        self.head = head;
        Ok(())
    }
}

/// Takes the file for this process, waiting a moment for one that is just closing it.
fn lock(file: &File, path: &Path) -> Result<(), AuditError> {
    let begun = Instant::now();
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(()),
            Err(TryLockError::WouldBlock) if begun.elapsed() < LOCK_TIME_MAX => std::thread::sleep(LOCK_PAUSE),
            Err(TryLockError::WouldBlock) => return Err(AuditError::Busy { path: path.to_owned() }),
            Err(TryLockError::Error(error)) => {
                return Err(AuditError::Unusable { path: path.to_owned(), error });
            }
        }
    }
}

/// Reads the whole log at `path` and checks every line; tells where it ends.
pub fn verify(path: &Path) -> Result<Head, AuditError> {
    verify_since(path, None)
}

/// As [`verify`], and the line that was the newest at an earlier time must still be there.
pub fn verify_since(path: &Path, earlier: Option<&Head>) -> Result<Head, AuditError> {
    let missing = |line| Err(AuditError::Missing { path: path.to_owned(), line });
    let unusable = |error| AuditError::Unusable { path: path.to_owned(), error };
    let mut reader = BufReader::new(File::open(path).map_err(unusable)?);
    let mut head = Head::beginning();
    loop {
        let mut line = Vec::new();
        if reader.by_ref().take(LINE_BYTES_MAX).read_until(b'\n', &mut line).map_err(unusable)? == 0 {
            return match earlier {
                Some(earlier) if head.number < earlier.number => missing(earlier.number),
                _ => Ok(head),
            };
        }
        head = next_head(&head, &line).map_err(|fault| AuditError::Broken {
            path: path.to_owned(),
            line: head.number.saturating_add(1),
            fault,
        })?;
        if earlier.is_some_and(|earlier| earlier.number == head.number && earlier.chain != head.chain) {
            return missing(head.number);
        }
    }
}

fn next_head(head: &Head, line: &[u8]) -> Result<Head, Fault> {
    let line = line.strip_suffix(b"\n").ok_or(Fault::Torn)?;
    let line = std::str::from_utf8(line).map_err(|_| Fault::Form)?;
    let (text, said) = split(line).ok_or(Fault::Form)?;
    let next = head.after(text);
    if said != next.chain {
        return Err(Fault::Chain);
    }
    if number(line)? != next.number {
        return Err(Fault::Number);
    }
    Ok(next)
}

/// The head that a line itself says.
fn read_head(line: &str) -> Result<Head, Fault> {
    let (_, chain) = split(line).ok_or(Fault::Form)?;
    Ok(Head { number: number(line)?, chain: chain.to_owned() })
}

fn number(line: &str) -> Result<u64, Fault> {
    serde_json::from_str::<Numbered>(line).map(|line| line.number).map_err(|_| Fault::Form)
}

/// The text before the chain, and the chain.
fn split(line: &str) -> Option<(&str, &str)> {
    let (text, chain) = line.strip_suffix(CHAIN_CLOSES)?.rsplit_once(CHAIN_OPENS)?;
    (chain.len() == 64).then_some((text, chain))
}

struct Tail {
    /// The last whole line, without its end.
    last_line: Option<String>,
    whole_bytes: u64,
    torn_bytes: u64,
}

/// The end of the file, from a window that holds at least one whole line.
fn read_tail(file: &mut File) -> io::Result<Tail> {
    let length = file.seek(SeekFrom::End(0))?;
    let from = length.saturating_sub(LINE_BYTES_MAX.saturating_mul(2));
    file.seek(SeekFrom::Start(from))?;
    let mut window = Vec::new();
    file.read_to_end(&mut window)?;
    let whole = window.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at.saturating_add(1));
    let torn_bytes = window.len().saturating_sub(whole) as u64;
    let lines = window.get(..whole).unwrap_or_default();
    let last = lines.strip_suffix(b"\n").and_then(|lines| lines.rsplit(|byte| *byte == b'\n').next());
    let last_line = last.map(|line| String::from_utf8_lossy(line).into_owned());
    Ok(Tail { last_line, whole_bytes: length.saturating_sub(torn_bytes), torn_bytes })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use tempfile::TempDir;

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
}
