//! Whether an audit log is as it was written (S7). Reads files only, so it works on copies, and
//! while a node writes.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use super::chain::Head;
use super::files::{LINE_BYTES_MAX, full_files, full_path};
use super::{AuditError, Fault};

/// Reads the whole log at `path`, the full files before it included, and checks every line; tells
/// where it ends.
pub fn verify(path: &Path) -> Result<Head, AuditError> {
    verify_since(path, None)
}

/// As [`verify`], and the line that was the newest at an earlier time must still be there.
pub fn verify_since(path: &Path, earlier: Option<&Head>) -> Result<Head, AuditError> {
    let unusable = |error| AuditError::Unusable { path: path.to_owned(), error };
    let full = full_files(path).map_err(unusable)?;
    for (number, found) in (1..).zip(&full) {
        let expected = full_path(path, number);
        if *found != expected {
            return Err(AuditError::FileMissing { path: expected, other: found.clone() });
        }
    }
    let mut reading = Reading { head: Head::beginning(), earlier };
    for file in &full {
        reading.file(file)?;
    }
    if let Some(last) = full.last().filter(|_| !path.exists()) {
        return Err(AuditError::FileMissing { path: path.to_owned(), other: last.clone() });
    }
    // Where all full files were taken away, the first line says that there were some.
    if full.is_empty() && first_line(path)?.is_some_and(|head| head.number > 0) {
        return Err(AuditError::FileMissing { path: full_path(path, 1), other: path.to_owned() });
    }
    reading.file(path)?;
    reading.end(path)
}

/// Checks every line of one file on its own, such as a copy of a full one. Where a file begins that
/// is not the first, its own first line says after what; that the file before ended there, only
/// [`verify`] can tell.
pub fn verify_file(path: &Path, earlier: Option<&Head>) -> Result<Head, AuditError> {
    let head = first_line(path)?.unwrap_or_else(Head::beginning);
    let mut reading = Reading { head, earlier };
    reading.file(path)?;
    reading.end(path)
}

/// After what the file begins, if its first line says so.
fn first_line(path: &Path) -> Result<Option<Head>, AuditError> {
    let unusable = |error| AuditError::Unusable { path: path.to_owned(), error };
    let mut line = Vec::new();
    let mut reader = BufReader::new(File::open(path).map_err(unusable)?);
    if reader.by_ref().take(LINE_BYTES_MAX).read_until(b'\n', &mut line).map_err(unusable)? == 0 {
        return Ok(None);
    }
    Head::before_file(&line).map_err(|fault| AuditError::Broken { path: path.to_owned(), line: 1, fault })
}

/// The chain, as far as it was read.
struct Reading<'a> {
    head: Head,
    earlier: Option<&'a Head>,
}

impl Reading<'_> {
    fn file(&mut self, path: &Path) -> Result<(), AuditError> {
        let unusable = |error| AuditError::Unusable { path: path.to_owned(), error };
        let mut reader = BufReader::new(File::open(path).map_err(unusable)?);
        let mut line = Vec::new();
        for number in 1.. {
            line.clear();
            if reader.by_ref().take(LINE_BYTES_MAX).read_until(b'\n', &mut line).map_err(unusable)? == 0 {
                break;
            }
            let broken = |fault: Fault| AuditError::Broken { path: path.to_owned(), line: number, fault };
            self.head = self.head.over(&line).map_err(broken)?;
            let replaced = |earlier: &&Head| earlier.number == self.head.number && earlier.chain != self.head.chain;
            if self.earlier.filter(replaced).is_some() {
                return Err(AuditError::Missing { path: path.to_owned(), line: self.head.number });
            }
        }
        Ok(())
    }

    fn end(self, path: &Path) -> Result<Head, AuditError> {
        match self.earlier {
            Some(earlier) if self.head.number < earlier.number => {
                Err(AuditError::Missing { path: path.to_owned(), line: earlier.number })
            }
            _ => Ok(self.head),
        }
    }
}
