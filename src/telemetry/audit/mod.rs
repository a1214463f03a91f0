//! The audit log: one line of JSON for each refusal, grant, change and sign-in, chained by hashes so
//! that a changed, removed or inserted line is found offline. (S7)
//!
//! A line is `{"number":1,"at":MICROSECONDS,"event":"...","fields":{...},"chain":"..."}`. Its chain
//! is the SHA-256, in hexadecimal, of the chain of the line before (64 zeros before the first) and
//! of the line's own text up to `,"chain":`. What the chain cannot show is that whole lines are
//! missing at the end; for that, keep the number and chain that [`verify`] tells somewhere else.
//!
//! A file that is full is put aside as `audit.log.000001` and so on, and the chain goes on in the
//! next. What a stranger can cause again and again is recorded with [`Audit::record_often`], which
//! writes it once a minute and says how often it happened.
//!
//! A line is in the hands of the operating system when [`Audit::record`] returns, so it survives the
//! process; [`Audit::sync`] makes it survive the machine, and is for a timer to call. No secret may
//! be recorded; whoever records an event answers for its fields.

mod chain;
mod files;
mod repeats;
#[cfg(test)]
mod tests;
mod verify;

pub use chain::{FIELD_CHARACTERS_MAX, Fault, Head};
pub use verify::{verify, verify_file, verify_since};

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::clock::{Clock, Timestamp};
use files::Log;
use repeats::{Kind, Repeats};

/// Bytes of a file before it is put aside. Full files are never deleted: that is for people, who
/// have archived them.
pub const FILE_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// An open audit log.
pub struct Audit {
    clock: Arc<dyn Clock>,
    file_bytes_max: u64,
    open: Mutex<Option<Open>>,
}

struct Open {
    log: Log,
    repeats: Repeats,
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
    /// A file of the log is not there.
    #[error(
        "{} is missing, although {} is there; put it back, or verify each file that is left with --file",
        path.display(), other.display()
    )]
    FileMissing {
        /// The file that must have been there.
        path: PathBuf,
        /// The one that proves it.
        other: PathBuf,
    },
    /// A line that was there once is not.
    #[error("{}: line {line} of the log is not the one that was there: it was removed or replaced", path.display())]
    Missing {
        /// The file.
        path: PathBuf,
        /// Its number in the log, from 1.
        line: u64,
    },
    /// A line is not what was written.
    #[error("{}: line {line} {fault}", path.display())]
    Broken {
        /// The file.
        path: PathBuf,
        /// In the file, from 1.
        line: u64,
        /// What is wrong with it.
        fault: Fault,
    },
}

impl Audit {
    /// Opens the log at `path` to add to it, or begins one. A last line that was cut off by a crash
    /// is removed, and that is recorded. The lines before are not verified here. As long as it is
    /// open no other process opens it. A file with more than [`FILE_BYTES_MAX`] is put aside at the
    /// next [`Audit::sync`].
    pub fn open(path: &Path, clock: Arc<dyn Clock>) -> Result<Self, AuditError> {
        Self::with_file_bytes_max(path, FILE_BYTES_MAX, clock)
    }

    fn with_file_bytes_max(path: &Path, file_bytes_max: u64, clock: Arc<dyn Clock>) -> Result<Self, AuditError> {
        let (log, torn_bytes) = Log::open(path)?;
        let open = Mutex::new(Some(Open { log, repeats: Repeats::default() }));
        let audit = Self { clock, file_bytes_max, open };
        if torn_bytes > 0 {
            audit.record("audit-tail-cut", &[("bytes", &torn_bytes.to_string())]);
        }
        Ok(audit)
    }

    /// An audit that keeps nothing: for tests and benchmarks.
    pub fn off(clock: Arc<dyn Clock>) -> Self {
        Self { clock, file_bytes_max: u64::MAX, open: Mutex::new(None) }
    }

    /// Adds a line. A line that cannot be written is logged and missing; no caller waits for a disk
    /// that is full.
    pub fn record(&self, event: &str, fields: &[(&str, &str)]) {
        if let Some(open) = self.lock().as_mut() {
            open.append(self.clock.now(), event, fields);
        }
    }

    /// Adds a line for something that a caller can cause as often as it likes. What is the same by
    /// event and the fields of `same` is written once, then counted for a minute, and then written
    /// with its count; `first` are fields of the first line only.
    pub fn record_often(&self, event: &str, same: &[(&str, &str)], first: &[(&str, &str)]) {
        let now = self.clock.now();
        if let Some(open) = self.lock().as_mut() {
            open.tell_repeated(now, false);
            if let Some(kind) = open.repeats.note(Kind::new(event, same), now) {
                let fields = kind.fields.iter().map(|(name, value)| (name.as_str(), value.as_str()));
                let fields: Vec<_> = fields.chain(first.iter().copied()).collect();
                open.append(now, &kind.event, &fields);
            }
        }
    }

    /// Waits until everything recorded so far is on the disk, and what was counted long enough is
    /// told. Puts a full file aside.
    pub fn sync(&self) -> io::Result<()> {
        let now = self.clock.now();
        // Synced through a handle of its own, so that nobody who records waits for the disk.
        let file = match self.lock().as_mut() {
            Some(open) => {
                open.tell_repeated(now, false);
                open.log.file.try_clone()?
            }
            None => return Ok(()),
        };
        file.sync_data()?;
        match self.lock().as_mut() {
            Some(open) if open.log.length > self.file_bytes_max => open.log.rotate(now),
            _ => Ok(()),
        }
    }

    /// The newest line's number and chain; none if nothing is kept.
    pub fn head(&self) -> Option<Head> {
        self.lock().as_ref().map(|open| open.log.head.clone())
    }

    fn lock(&self) -> MutexGuard<'_, Option<Open>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Open {
    fn append(&mut self, at: Timestamp, event: &str, fields: &[(&str, &str)]) {
        if let Err(error) = self.log.append(at, event, fields) {
            tracing::error!(event, %error, "the audit log could not be written");
        }
    }

    /// Writes what was counted in windows that are over, or in all.
    fn tell_repeated(&mut self, now: Timestamp, all: bool) {
        for repeated in self.repeats.end(now, all) {
            let (times, seconds) = (repeated.times.to_string(), now.since(repeated.since).as_secs().to_string());
            let fields = repeated.kind.fields.iter().map(|(name, value)| (name.as_str(), value.as_str()));
            let counts = [("repeated", times.as_str()), ("seconds", seconds.as_str())];
            let fields: Vec<_> = fields.chain(counts).collect();
            self.append(now, &repeated.kind.event, &fields);
        }
    }
}

impl Drop for Audit {
    fn drop(&mut self) {
        let now = self.clock.now();
        if let Some(open) = self.lock().as_mut() {
            open.tell_repeated(now, true);
        }
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
