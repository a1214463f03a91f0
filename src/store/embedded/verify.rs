//! Checking the whole journal, from its first record, against its checksums and its chain. It reads
//! only, takes no lock, and may run beside a node that is serving.

use std::path::{Path, PathBuf};

use super::disk::{Disk, RealDisk};
use super::entry;
use super::journal::segments;
use super::open::{OpenError, at, journal_dir};
use super::segment::{Flaw, Frames, HEADER_BYTES, Header, Position};

/// What a check saw.
#[derive(Clone, Debug, PartialEq, Eq)]
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
    /// The hash of the whole chain, in hexadecimal: two copies of a journal with one hash are equal.
    pub hash: String,
    /// What is behind the last whole record: a write that was cut short, or is under way.
    pub torn: Option<TornTail>,
}

/// An end that is not whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TornTail {
    /// The segment.
    pub file: PathBuf,
    /// Where in it the last whole record ends.
    pub offset: u64,
    /// What is wrong there.
    pub flaw: Flaw,
}

/// Checks the journal of the store in a directory.
pub fn verify(dir: &Path) -> Result<Verified, OpenError> {
    verify_on(&RealDisk, dir)
}

fn verify_on(disk: &dyn Disk, dir: &Path) -> Result<Verified, OpenError> {
    let dir = journal_dir(dir);
    let found = segments(disk, &dir).map_err(at(&dir))?;
    let mut verified =
        Verified { segments: 0, records: 0, bytes: 0, first: 0, last: 0, hash: String::new(), torn: None };
    let mut before: Option<(Position, [u8; 16])> = None;
    for (nth, (first, path)) in found.iter().enumerate() {
        let last = nth.saturating_add(1) == found.len();
        let bytes = disk.read(path).map_err(at(path))?;
        let damaged =
            |offset: usize, flaw: Flaw| OpenError::Damaged { file: path.clone(), offset: offset as u64, flaw };
        verified.segments = verified.segments.saturating_add(1);
        let header = match Header::decode(&bytes) {
            Ok(header) => header,
            Err(flaw) if last && bytes.len() <= HEADER_BYTES => {
                verified.torn = Some(TornTail { file: path.clone(), offset: 0, flaw });
                break;
            }
            Err(flaw) => return Err(damaged(0, flaw)),
        };
        let follows = before.is_none_or(|before| before == (header.after, header.identity));
        if let Some((position, _)) = before
            && position.sequence < header.after.sequence
        {
            return Err(OpenError::Missing { dir, first: position.sequence.saturating_add(1) });
        }
        if !follows || header.after.sequence.checked_add(1) != Some(*first) {
            return Err(OpenError::Foreign { file: path.clone() });
        }
        let mut frames = Frames::new(&header, &bytes);
        while let Some(next) = frames.next() {
            match next {
                Ok(frame) if entry::decode(frame.payload, frame.position.sequence).is_none() => {
                    return Err(damaged(frame.offset, Flaw::Content));
                }
                Ok(frame) => {
                    verified.records = verified.records.saturating_add(1);
                    verified.last = frame.position.sequence;
                    if verified.first == 0 {
                        verified.first = frame.position.sequence;
                    }
                }
                Err(flaw) if last && frames.synced_behind().is_none() => {
                    verified.torn = Some(TornTail { file: path.clone(), offset: frames.offset() as u64, flaw });
                    break;
                }
                Err(flaw) => return Err(damaged(frames.offset(), flaw)),
            }
        }
        verified.bytes = verified.bytes.saturating_add(frames.offset() as u64);
        before = Some((frames.position(), header.identity));
    }
    let hash = before.map(|(position, _)| position.hash).unwrap_or_default();
    verified.hash = hash.iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(verified)
}
