//! Reading a whole journal from its first record, checking every checksum and the chain. It takes no
//! lock and changes nothing, so it may run beside a node that is serving: what that is writing at
//! the moment is the end that is not whole.

use std::path::{Path, PathBuf};

use super::Progress;
use super::disk::Disk;
use super::entry;
use super::frames::{Frames, Unread, header_of};
use super::journal::{journal_dir, read_segment, segments};
use super::open::{OpenError, at, unread};
use super::segment::{Flaw, HEADER_BYTES, Header, Position};
use super::verify::{TornTail, Verified};
use crate::clock::Timestamp;

/// How far a journal is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Until {
    /// To its end.
    End,
    /// Up to and with the record of this sequence number.
    Record(u64),
    /// Up to the first record that was committed after this moment. Records of format 1, which do
    /// not say when, are before every moment.
    Time(Timestamp),
}

impl Until {
    /// The last sequence number that may be read.
    fn record(self) -> u64 {
        match self {
            Self::Record(record) => record,
            Self::End | Self::Time(_) => u64::MAX,
        }
    }
}

/// A segment that is whole as far as it was read.
#[derive(Debug)]
pub(super) struct Segment<'a> {
    /// The sequence number of its first record.
    pub first: u64,
    /// The place at the end of what was read of it.
    pub end: Position,
    /// Header and whole frames, without what is behind them or was not asked for.
    pub bytes: &'a [u8],
}

/// Reads the journal of the store in `dir` as far as `until` says, and gives each segment to
/// `each` as soon as it is checked.
pub(super) fn walk(
    disk: &dyn Disk,
    dir: &Path,
    until: Until,
    each: &mut dyn FnMut(&Segment<'_>, Progress) -> Result<(), OpenError>,
) -> Result<Verified, OpenError> {
    walk_from(disk, dir, None, until, each)
}

/// The same from the segment on that holds the record after `joint`, a place that the journal must go
/// through: if it does not, it is another journal, or went another way before that place.
pub(super) fn walk_from(
    disk: &dyn Disk,
    dir: &Path,
    joint: Option<Position>,
    until: Until,
    each: &mut dyn FnMut(&Segment<'_>, Progress) -> Result<(), OpenError>,
) -> Result<Verified, OpenError> {
    let journal = journal_dir(dir);
    let found = segments(disk, &journal).map_err(at(&journal))?;
    let begin = joint.map_or(0, |joint| found.partition_point(|(first, _)| *first <= joint.sequence.saturating_add(1)));
    let wanted = found.partition_point(|(first, _)| *first <= until.record().max(1));
    let found = found.get(begin.saturating_sub(1)..wanted).unwrap_or_default();
    let mut walk = Walk { dir: journal, joint, before: None, verified: Verified::default(), until, ended: false };
    let mut progress = Progress { done: 0, total: found.len() as u64 };
    for (nth, (first, path)) in found.iter().enumerate() {
        if walk.ended {
            break;
        }
        let bytes = read_segment(disk, path).map_err(at(path))?;
        let last = nth.saturating_add(1) == found.len();
        let whole = walk.segment(*first, path, last, &bytes)?;
        progress.done = progress.done.saturating_add(1);
        if let Some(bytes) = bytes.get(..whole).filter(|bytes| !bytes.is_empty())
            && let Some((end, _)) = walk.before
        {
            each(&Segment { first: *first, end, bytes }, progress)?;
        }
    }
    let hash = walk.before.map(|(position, _)| position.hash).unwrap_or_default();
    walk.verified.hash = in_hex(&hash);
    Ok(walk.verified)
}

/// The place behind which the journal of the store in `dir` begins: behind nothing, unless older files
/// were moved away. None without files.
pub(super) fn beginning(disk: &dyn Disk, dir: &Path) -> Result<Option<Position>, OpenError> {
    let journal = journal_dir(dir);
    let found = segments(disk, &journal).map_err(at(&journal))?;
    let Some((_, path)) = found.first() else { return Ok(None) };
    let bytes = read_segment(disk, path).map_err(at(path))?;
    match Header::decode(&bytes) {
        Ok(header) => Ok(Some(header.after)),
        // The first file of a new store, whose header is being written.
        Err(_) if found.len() == 1 && bytes.len() <= HEADER_BYTES => Ok(None),
        Err(flaw) => Err(unread(path)(Unread::Flaw(0, flaw))),
    }
}

/// The first record of the newest segment of the store in `dir`, and the place at which that ends. None
/// without files.
pub(super) fn ending(disk: &dyn Disk, dir: &Path) -> Result<Option<(u64, Position)>, OpenError> {
    let journal = journal_dir(dir);
    let mut found = segments(disk, &journal).map_err(at(&journal))?;
    let Some((first, path)) = found.pop() else { return Ok(None) };
    let bytes = read_segment(disk, &path).map_err(at(&path))?;
    let header = header_of(&bytes).map_err(unread(&path))?;
    let mut frames = Frames::new(&header, &bytes, false).map_err(at(&path))?;
    while frames.next().map_err(unread(&path))?.is_some() {}
    Ok(Some((first, frames.position())))
}

/// A hash of the chain as it is shown.
pub(super) fn in_hex(hash: &[u8]) -> String {
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}

struct Walk {
    dir: PathBuf,
    /// A place that the journal must go through, until it was met.
    joint: Option<Position>,
    /// The place after the segment before, and the journal's name.
    before: Option<(Position, [u8; 16])>,
    verified: Verified,
    until: Until,
    /// A record was met that is later than asked for.
    ended: bool,
}

impl Walk {
    /// Checks one segment and gives the end of what is whole and asked for.
    fn segment(&mut self, first: u64, path: &Path, last: bool, bytes: &[u8]) -> Result<usize, OpenError> {
        self.verified.segments = self.verified.segments.saturating_add(1);
        let torn = |offset: u64, flaw: Flaw| TornTail { file: path.to_owned(), offset, flaw };
        let header = match Header::decode(bytes) {
            Ok(header) => header,
            Err(flaw) if last && bytes.len() <= HEADER_BYTES => {
                self.check_begun(first)?;
                self.verified.torn = Some(torn(0, flaw));
                return Ok(0);
            }
            Err(flaw) => return Err(unread(path)(Unread::Flaw(0, flaw))),
        };
        self.check_header(first, path, &header)?;
        self.check_joint(path, header.after)?;
        let mut frames = Frames::new(&header, &bytes, last).map_err(at(path))?;
        let mut whole = (frames.offset(), frames.position());
        while whole.1.sequence < self.until.record()
            && let Some(frame) = frames.next().map_err(unread(path))?
        {
            let sequence = frame.position.sequence;
            let content = || unread(path)(Unread::Flaw(frame.offset, Flaw::Content));
            let time = entry::decode(frame.payload(), sequence).ok_or_else(content)?.time;
            if matches!((self.until, time), (Until::Time(until), Some(time)) if time > until) {
                self.ended = true;
                break;
            }
            self.check_joint(path, frame.position)?;
            self.count(sequence, time);
            whole = (frames.offset(), frames.position());
        }
        self.verified.torn = frames.torn().map(|flaw| torn(frames.offset(), flaw));
        let (offset, position) = whole;
        self.verified.bytes = self.verified.bytes.saturating_add(offset);
        self.before = Some((position, header.identity));
        Ok(usize::try_from(offset).unwrap_or(usize::MAX))
    }

    fn check_header(&self, first: u64, path: &Path, header: &Header) -> Result<(), OpenError> {
        if let Some((position, _)) = self.before
            && position.sequence < header.after.sequence
        {
            let first = position.sequence.saturating_add(1);
            return Err(OpenError::Missing { dir: self.dir.clone(), first });
        }
        let follows = self.before.is_none_or(|before| before == (header.after, header.identity));
        if !follows || header.after.sequence.checked_add(1) != Some(first) {
            return Err(OpenError::Foreign { file: path.to_owned() });
        }
        Ok(())
    }

    /// Before a segment is begun, all of the one before it is synced.
    fn check_begun(&self, first: u64) -> Result<(), OpenError> {
        let next = self.before.map_or(first, |(position, _)| position.sequence.saturating_add(1));
        if next == first { Ok(()) } else { Err(OpenError::Missing { dir: self.dir.clone(), first: next }) }
    }

    fn check_joint(&mut self, path: &Path, position: Position) -> Result<(), OpenError> {
        match self.joint {
            Some(joint) if joint.sequence < position.sequence => {
                Err(OpenError::Missing { dir: self.dir.clone(), first: joint.sequence.saturating_add(1) })
            }
            Some(joint) if joint.sequence == position.sequence => {
                self.joint = None;
                if joint == position { Ok(()) } else { Err(OpenError::Foreign { file: path.to_owned() }) }
            }
            _ => Ok(()),
        }
    }

    fn count(&mut self, sequence: u64, time: Option<Timestamp>) {
        self.verified.time = time;
        self.verified.records = self.verified.records.saturating_add(1);
        self.verified.last = sequence;
        if self.verified.first == 0 {
            self.verified.first = sequence;
        }
    }
}
