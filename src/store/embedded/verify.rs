//! Checking the whole journal, from its first record, against its checksums and its chain, and
//! against a copy of it that was kept elsewhere. It reads only, takes no lock, and may run beside a
//! node that is serving.

use std::path::{Path, PathBuf};

use super::Progress;
use super::disk::RealDisk;
use super::journal::journal_dir;
use super::open::OpenError;
use super::segment::{Flaw, Position};
use super::walk::{Until, beginning, in_hex, walk};
use crate::clock::Timestamp;

/// What a check saw.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Verified {
    /// Segments of the journal.
    pub segments: u64,
    /// Records in them.
    pub records: u64,
    /// Bytes of what is whole.
    pub bytes: u64,
    /// Sequence number of the first record; 0 without records.
    pub first: u64,
    /// Sequence number of the last record; 0 without records.
    pub last: u64,
    /// When the last record was committed, if it says so; as a number, microseconds since the epoch.
    pub time: Option<Timestamp>,
    /// The hash of the whole chain, in hexadecimal: two copies of a journal with one hash are equal.
    pub hash: String,
    /// What is behind the last whole record: a write that was cut short, or is under way.
    pub torn: Option<TornTail>,
}

/// An end that is not whole.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct TornTail {
    /// The segment.
    pub file: PathBuf,
    /// Where in it the last whole record ends.
    pub offset: u64,
    /// What is wrong there.
    #[serde(serialize_with = "in_words")]
    pub flaw: Flaw,
}

fn in_words<S: serde::Serializer>(flaw: &Flaw, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(flaw)
}

/// Checks the journal of the store in a directory.
pub fn verify(dir: &Path) -> Result<Verified, OpenError> {
    verify_with(dir, &mut |_| {})
}

/// Checks the journal of the store in a directory and tells how far it is.
pub fn verify_with(dir: &Path, progress: &mut dyn FnMut(Progress)) -> Result<Verified, OpenError> {
    walk(&RealDisk, dir, Until::End, &mut |_, done| {
        progress(done);
        Ok(())
    })
}

/// How a store stands to a backup of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It holds all that the backup holds, and this many records more.
    Ahead(u64),
    /// It is an older copy that was put back: it lacks this many records of the backup.
    Behind(u64),
    /// It is another store, or went its own way before the end of the backup.
    Parted,
}

/// Compares the store in a directory with a backup, record by record, by the hash of their chains:
/// an older copy that was put back is whole in itself, and only somebody who knows better can tell.
pub fn compare(dir: &Path, backup: &Path) -> Result<Standing, OpenError> {
    let known = verify(backup)?;
    if let Some(beginning) = beginning(&RealDisk, dir)?.filter(|place| place.sequence >= known.last.max(1)) {
        return compare_beginning(dir, &beginning, &known);
    }
    let ours = walk(&RealDisk, dir, Until::Record(known.last), &mut |_, _| Ok(()))?;
    if ours.last == known.last {
        let all = verify(dir)?;
        let ahead = all.last.saturating_sub(known.last);
        return Ok(if ours.hash == known.hash { Standing::Ahead(ahead) } else { Standing::Parted });
    }
    let theirs = walk(&RealDisk, backup, Until::Record(ours.last), &mut |_, _| Ok(()))?;
    let behind = known.last.saturating_sub(ours.last);
    Ok(if ours.hash == theirs.hash { Standing::Behind(behind) } else { Standing::Parted })
}

/// The same for a store whose older files were moved away, so that nothing is left of what the backup
/// holds: only the joint between the two can be compared.
fn compare_beginning(dir: &Path, beginning: &Position, known: &Verified) -> Result<Standing, OpenError> {
    if beginning.sequence > known.last {
        return Err(OpenError::Missing { dir: journal_dir(dir), first: known.last.saturating_add(1) });
    }
    if in_hex(&beginning.hash) != known.hash {
        return Ok(Standing::Parted);
    }
    Ok(Standing::Ahead(verify(dir)?.last.saturating_sub(known.last)))
}
