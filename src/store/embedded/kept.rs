//! What memory and the history keep of a record: all of it, or for a large value where in the journal it is.
//! So a large value is written to the disk once, in the journal; it takes no memory behind its commit, and
//! neither checkpoints nor merges move it.
//!
//! What is read by its place is checked as the journal is: by the frame's checksum, which the place has as
//! well, so that another frame in the same place is noticed. Before files of the journal are moved away, the
//! history takes over what it has there (`History::take_over`).

use std::fmt::Display;
use std::io::{self, ErrorKind};
use std::path::PathBuf;
use std::sync::{Arc, RwLock};

use super::disk::{Disk, ReadFile, is_full};
use super::entry;
use super::frame::payload_of;
use super::index::IndexError;
use super::journal::find_segment;
use super::place::{PLACE_BYTES, Place};
use crate::store::locks::{read, write};
use crate::store::{Key, Record};

/// A record as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Kept {
    /// All of it.
    Whole(Record),
    /// The value, and what was captured beside it, is in the journal.
    Apart {
        /// The record's version.
        version: u64,
        /// Where its commit is.
        place: Place,
    },
}

/// Values from this size on stay in the journal. Reading one takes one more read of a file, so records that
/// are looked up again and again, which are small, are kept whole.
const APART_BYTES_MIN: usize = 384;
/// Marks the version of a record that is kept apart. No journal gets so long.
const APART: u64 = 1 << 63;

impl Kept {
    /// What is kept of a record, given where its commit is, if that is known.
    pub(super) fn of(record: Record, place: Option<Place>) -> Self {
        match place {
            Some(place) if record.value.len() >= APART_BYTES_MIN => Self::Apart { version: record.version, place },
            _ => Self::Whole(record),
        }
    }

    /// The record's version.
    pub(super) fn version(&self) -> u64 {
        match self {
            Self::Whole(record) => record.version,
            Self::Apart { version, .. } => *version,
        }
    }

    /// About how many bytes are kept.
    pub(super) fn bytes(&self) -> usize {
        match self {
            Self::Whole(record) => record.value.len().saturating_add(record.captured.len().saturating_mul(8)),
            Self::Apart { .. } => 0,
        }
    }

    /// Puts its bytes into `out`, in the place of what is there.
    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        out.clear();
        match self {
            Self::Whole(record) => {
                out.extend_from_slice(&record.version.to_le_bytes());
                entry::put_content(out, record);
            }
            Self::Apart { version, place } => {
                out.extend_from_slice(&(version | APART).to_le_bytes());
                place.encode(out);
            }
        }
    }

    /// What [`Kept::encode`] gave; nothing when the bytes are no record.
    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let (version, content) = bytes.split_first_chunk()?;
        let version = u64::from_le_bytes(*version);
        if version & APART == 0 {
            return entry::content(content, version).map(Self::Whole);
        }
        let place: &[u8; PLACE_BYTES] = content.try_into().ok()?;
        Some(Self::Apart { version: version & !APART, place: Place::decode(place)? })
    }

    /// The version alone, likewise.
    pub(super) fn version_in(bytes: &[u8]) -> Option<u64> {
        bytes.first_chunk().map(|version| u64::from_le_bytes(*version) & !APART)
    }
}

/// The journal, for reading what is kept there.
pub(super) struct Values {
    disk: Arc<dyn Disk>,
    journal: PathBuf,
    /// The segment that was opened last: most of what is read was written a moment ago.
    opened: RwLock<Option<(u64, Arc<dyn ReadFile>)>>,
}

impl Values {
    /// Those in the journal in this directory.
    pub(super) fn new(disk: Arc<dyn Disk>, journal: PathBuf) -> Self {
        Self { disk, journal, opened: RwLock::default() }
    }

    /// All of the record under the key.
    pub(super) fn whole(&self, key: &Key, kept: Kept) -> Result<Record, IndexError> {
        match kept {
            Kept::Whole(record) => Ok(record),
            Kept::Apart { version, place } => {
                self.read(version, &place, |payload| entry::record_of(payload, key, version))
            }
        }
    }

    /// All large values in the commit of this version, in the order in which it wrote them.
    pub(super) fn large(&self, version: u64, place: &Place) -> Result<Vec<(Key, Record)>, IndexError> {
        let entry = self.read(version, place, |payload| entry::decode(payload, version))?;
        let written = entry.records.into_iter().filter_map(|(key, record)| Some((key, record?)));
        Ok(written.filter(|(_, record)| record.value.len() >= APART_BYTES_MIN).collect())
    }

    /// What there is in the payload of a commit.
    fn read<T>(&self, version: u64, place: &Place, find: impl FnOnce(&[u8]) -> Option<T>) -> Result<T, IndexError> {
        // The index itself is not damaged by what is wrong here.
        let failed = |reason: &dyn Display| {
            let Place { segment, offset, .. } = place;
            format!("journal segment {segment}, record at offset {offset}: {reason}")
        };
        let frame = self.frame(place).map_err(|error| match error.kind() {
            ErrorKind::NotFound => IndexError::Moved(failed(&error)),
            _ if is_full(&error) => IndexError::Full,
            _ => IndexError::Unavailable(failed(&error)),
        })?;
        let found = payload_of(&frame, version, place.checksum).and_then(find);
        found.ok_or_else(|| IndexError::Unavailable(failed(&"it is not what was written there")))
    }

    fn frame(&self, place: &Place) -> io::Result<Vec<u8>> {
        let Place { segment, offset, bytes, .. } = *place;
        let mut frame = vec![0; bytes as usize];
        let opened = read(&self.opened).as_ref().filter(|(which, _)| *which == segment).map(|(_, file)| file.clone());
        // What cannot be read from it may be there by now.
        if opened.is_some_and(|file| file.read_at(offset, &mut frame).is_ok()) {
            return Ok(frame);
        }
        let file = find_segment(&*self.disk, &self.journal, segment)?;
        file.read_at(offset, &mut frame)?;
        *write(&self.opened) = Some((segment, file));
        Ok(frame)
    }
}
