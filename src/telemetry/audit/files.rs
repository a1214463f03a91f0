//! The files of an audit log: `audit.log`, which grows, and those that were full before it,
//! `audit.log.000001` and so on. Each goes on with the chain of the one before.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::AuditError;
use super::chain::{CHAIN_BEFORE, CONTINUED, Head};
use crate::clock::Timestamp;

/// The longest line that is read; a recorded one is far shorter.
pub(super) const LINE_BYTES_MAX: u64 = 64 * 1024;
/// How long to wait for a process that closes the log, and how often to look.
const LOCK_TIME_MAX: Duration = Duration::from_millis(500);
const LOCK_PAUSE: Duration = Duration::from_millis(10);
/// Digits of a full file's number.
const NUMBER_DIGITS: usize = 6;

/// The file that grows, open and locked.
pub(super) struct Log {
    path: PathBuf,
    pub file: File,
    /// Bytes of whole lines.
    pub length: u64,
    pub head: Head,
}

impl Log {
    /// Opens the log at `path` for this process alone, or begins one. The second value is how many
    /// bytes of a line that was cut off by a crash were removed.
    pub fn open(path: &Path) -> Result<(Self, u64), AuditError> {
        let unusable = |error| AuditError::Unusable { path: path.to_owned(), error };
        finish_rotation(path).map_err(unusable)?;
        if !path.exists()
            && let Some(full) = full_files(path).map_err(unusable)?.pop()
        {
            return Err(AuditError::FileMissing { path: path.to_owned(), other: full });
        }
        let mut file = open_locked(path)?;
        let tail = read_tail(&mut file).map_err(unusable)?;
        let head = match &tail.last_line {
            Some(line) => Head::said_by(line).map_err(|fault| AuditError::NoLog { path: path.to_owned(), fault })?,
            None => Head::beginning(),
        };
        if tail.torn_bytes > 0 {
            file.set_len(tail.whole_bytes).map_err(unusable)?;
        }
        Ok((Self { path: path.to_owned(), file, length: tail.whole_bytes, head }, tail.torn_bytes))
    }

    pub fn append(&mut self, at: Timestamp, event: &str, fields: &[(&str, &str)]) -> io::Result<()> {
        let (line, head) = self.head.next(at, event, fields)?;
        if let Err(error) = self.file.write_all(line.as_bytes()) {
            // Half a line must not stand before the next one.
            self.file.set_len(self.length)?;
            return Err(error);
        }
        self.length = self.length.saturating_add(line.len() as u64);
        self.head = head;
        Ok(())
    }

    /// Puts the file aside under the next number and goes on in a new one. Whenever a crash comes,
    /// the next start finds either the old file or the new one complete.
    pub fn rotate(&mut self, at: Timestamp) -> io::Result<()> {
        let full = full_files(&self.path)?.len();
        let (next_path, full_path) = (next_path(&self.path), full_path(&self.path, full.saturating_add(1)));
        let file = OpenOptions::new().read(true).append(true).create_new(true).open(&next_path)?;
        file.try_lock()?;
        let mut next = Self { path: self.path.clone(), file, length: 0, head: self.head.clone() };
        let number = full.saturating_add(2).to_string();
        next.append(at, CONTINUED, &[(CHAIN_BEFORE, &self.head.chain), ("file", &number)])?;
        next.file.sync_all()?;
        self.file.sync_all()?;
        fs::rename(&self.path, &full_path)?;
        if let Err(error) = fs::rename(&next_path, &self.path) {
            fs::rename(&full_path, &self.path)?;
            return Err(error);
        }
        sync_folder(&self.path)?;
        *self = next;
        Ok(())
    }
}

/// The full files of a log, oldest first.
pub(super) fn full_files(path: &Path) -> io::Result<Vec<PathBuf>> {
    let mut numbers: Vec<usize> = Vec::new();
    let name = path.file_name().unwrap_or_default();
    for entry in fs::read_dir(folder(path))? {
        let other = entry?.file_name();
        let number = other.to_str().zip(name.to_str()).and_then(|(other, name)| number_of(other, name));
        numbers.extend(number);
    }
    numbers.sort_unstable();
    Ok(numbers.into_iter().map(|number| full_path(path, number)).collect())
}

/// Where the full file of this number is, from 1.
pub(super) fn full_path(path: &Path, number: usize) -> PathBuf {
    with_suffix(path, &format!(".{number:0NUMBER_DIGITS$}"))
}

fn number_of(other: &str, name: &str) -> Option<usize> {
    let digits = other.strip_prefix(name)?.strip_prefix('.')?;
    let well_formed = digits.len() >= NUMBER_DIGITS && digits.bytes().all(|byte| byte.is_ascii_digit());
    if well_formed { digits.parse().ok() } else { None }
}

/// A rotation that a crash interrupted: ended if the full file was put aside already, forgotten
/// otherwise.
fn finish_rotation(path: &Path) -> io::Result<()> {
    let next = next_path(path);
    if !next.exists() {
        return Ok(());
    }
    if path.exists() { fs::remove_file(next) } else { fs::rename(next, path) }
}

fn next_path(path: &Path) -> PathBuf {
    with_suffix(path, ".next")
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name: OsString = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

fn folder(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

fn sync_folder(path: &Path) -> io::Result<()> {
    File::open(folder(path))?.sync_all()
}

/// Takes the file for this process, waiting a moment for one that is just closing it. A file that
/// was put aside meanwhile is not the log any more.
fn open_locked(path: &Path) -> Result<File, AuditError> {
    let unusable = |error| AuditError::Unusable { path: path.to_owned(), error };
    let begun = Instant::now();
    loop {
        let file = OpenOptions::new().read(true).append(true).create(true).open(path).map_err(unusable)?;
        match file.try_lock() {
            Ok(()) if is_at(&file, path) => return Ok(file),
            Ok(()) => {}
            Err(TryLockError::WouldBlock) if begun.elapsed() < LOCK_TIME_MAX => std::thread::sleep(LOCK_PAUSE),
            Err(TryLockError::WouldBlock) => return Err(AuditError::Busy { path: path.to_owned() }),
            Err(TryLockError::Error(error)) => return Err(unusable(error)),
        }
    }
}

fn is_at(file: &File, path: &Path) -> bool {
    let identity = |metadata: fs::Metadata| (metadata.dev(), metadata.ino());
    matches!((file.metadata().map(identity), fs::metadata(path).map(identity)), (Ok(one), Ok(other)) if one == other)
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
